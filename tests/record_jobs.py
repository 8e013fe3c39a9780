"""The jobs whose output is recorded: small made data, and the commands that read them.

The data come from NumPy's generators by plain arithmetic on multiples of 1/16, and nothing here
imports an inner module: the package may be rebuilt, and the same bytes still go in.
"""

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

WIDTH = "100"

FIT = ["fit", "ratings.csv", "--components", "8", "--penalty", "20"]
VECTORS = ["--items", "old/items.npy", "--item-ids", "old/items.txt"]
QRELS = ["--qrels", "qrels.txt"]

JOBS = {
    "fit": [*FIT, "-o", "written", "--item-table", "films.csv"],
    "fit-ease": ["fit", "ratings.csv", "-o", "ease", "--objective", "ease", "--penalty", "50",
                 "--normalise", "bm25", "--split", "time", "--holdout", "0.1"],
    "fit-refused": ["fit", "ratings.csv", "-o", "none", "--objective", "ease"],
    "compare-users": ["compare", "movies", "--direction", "queries-items", "--run-out", "runs",
                      "--metrics", "R@20,RR@10"],
    "compare-items": [
        "compare", "movies", "--direction", "items-items", "--baseline", "dot",
        "--measures", "dot,cosine,euclidean,norm(0,*),cosine@centred,cosine@data-space",
        "--html", "page.html", "--markdown", "page.md",
    ],
    "compare-pairs": ["compare", "pairs.csv", *VECTORS, "--metrics", "pearson"],
    "compare-triplets": ["compare", "triplets.csv", *VECTORS],
    "compare-labels": ["compare", "labels.csv", *VECTORS, "--label-queries", "20"],
    "compare-spaces": ["compare", "--spaces", "old/", "new/", *QRELS, "--variants", ":4,int8"],
    "compare-sequential": ["compare", "old", *QRELS, "--sequential"],
    "compare-unjudged": ["compare", "old", *QRELS, "--unjudged"],
    "compare-split": [
        "compare", "old", *QRELS, "--split", "clusters(5)", "--gate", "cosine>=csls(5)-0.5",
        "--measures", "cosine,csls(5),local-scaling(5),cosine@adapted,cosine@whitened",
    ],
    "audit": ["audit", "movies", "--runs", "other", "--pair", "i1", "i2", "--html", "page.html"],
    "audit-vectors": ["audit", "old", "-k", "5"],
    "remedy": [
        "remedy", "movies", "--no-keep",
        "--candidates", "cosine@centred,norm(0,*),product(3): dot,ease(20)",
        "--html", "page.html", "--markdown", "page.md",
    ],
    "study": ["study", "--small"],
    "study-on": ["study", "--on", "ratings.csv", "--components", "6", "--penalty", "20"],
    "search": ["search", "movies", "--query", "i3", "--direction", "items-items",
               "--measures", "dot,cosine,euclidean,manhattan,norm(0,0.5),mutual-proximity"],
    "recommend": ["recommend", "movies", "--user", "u3", "--explain", "--popularity", "0.5"],
    "recommend-new": ["recommend", "movies", "--used", "i1,i5,i9", "-k", "5"],
    "replay": ["replay", "ratings.csv", "--components", "8", "--penalty", "20"],
    "judge-lint": ["judge", "lint", "old", "--qrels", "doubtful.txt"],
    "judge-power": ["judge", "power", "old", *QRELS],
    "judge-agreement": ["judge", "agreement", "judges.csv"],
    "calibrate": ["calibrate", "old", *QRELS, "--measure", "dot", "-o", "relevance.json"],
}  # fmt: skip
"""From a name to what is typed, in the folder of the data; each job stands for itself."""

BEFORE = [[*FIT, "-o", "movies"], [*FIT, "-o", "other", "--gauge", "item-orthonormal"]]
"""What is typed before any of them: they read these spaces."""


FILES = ["out.json", "page.html", "page.md"]
FOLDERS = ["written", "ease", "runs"]
"""What jobs write beside standard output, and nothing else reads."""


@dataclass(frozen=True)
class Output:
    """What a command gave: its JSON, what a terminal shows, and the files that it wrote."""

    code: int
    terminal: str
    files: dict[str, str]
    folders: tuple[Path, ...]


def run(words: list[str]) -> Output:
    """Run a command in this process, in the folder where this process stands."""
    from anglewise.cli import main

    for name in FILES:
        Path(name).unlink(missing_ok=True)
    for name in FOLDERS:
        shutil.rmtree(name, ignore_errors=True)
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words, "--json", "out.json"])
    files = {name: Path(name).read_text("utf-8") for name in FILES if Path(name).exists()}
    folders = tuple(Path(name).absolute() for name in FOLDERS if Path(name).exists())
    return Output(code, out.getvalue() + err.getvalue(), files, folders)


@contextmanager
def standing_in(folder: Path) -> Iterator[None]:
    """Paths are typed as from this folder, and terminals are as wide everywhere."""
    before, settings = Path.cwd(), {"COLUMNS": WIDTH, "OPENBLAS_NUM_THREADS": "1"}
    kept = {name: os.environ.get(name) for name in settings}
    os.chdir(folder)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.chdir(before)
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def make(folder: Path) -> None:
    """Write the data, and the spaces fitted on them."""
    rng = np.random.default_rng(7)
    _write_ratings(folder, rng)
    items = _sixteenths(rng.standard_normal((80, 8)) * rng.uniform(0.5, 2, (80, 1)) + 0.5)
    items[70] = items[71]  # a copy, and a vector without a direction
    items[72] = 0
    for name, noise in {"old": 1.2, "new": 0.8}.items():
        queries = _sixteenths(items[:60] + noise * rng.standard_normal((60, 8)))
        _write_space(folder / name, queries, items)
    _write_judgements(folder, items, rng)
    with standing_in(folder):
        for words in BEFORE:
            output = run(words)
            if output.code != 0:
                raise RuntimeError(f"anglewise {' '.join(words)}: {output}")


def _sixteenths(x: np.ndarray) -> np.ndarray:
    return (np.round(x * 16) / 16).astype(np.float32)


def _write_ratings(folder: Path, rng: np.random.Generator) -> None:
    """Users who like one of four kinds of films, some films more used than others."""
    kind, fame = np.arange(80) % 4, 1.0 / (1 + np.arange(80) // 4)
    rows: list[tuple[object, ...]] = [("user_id", "item_id", "rating", "timestamp")]
    for user in range(240):
        liking = fame * np.where(kind == user % 4, 6.0, 1.0) * rng.uniform(0.1, 1, 80)
        used = np.argsort(-liking, kind="stable")[: rng.integers(6, 20)]
        rows += [(f"u{user}", f"i{i}", *_rating(rng)) for i in used.tolist()]
    with (folder / "ratings.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    titles = "".join(f"i{i},Film number {i}\n" for i in range(80))
    (folder / "films.csv").write_text("item_id,title\n" + titles)


def _rating(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(1, 6)), int(rng.integers(1000, 2000))


def _write_space(folder: Path, queries: np.ndarray, items: np.ndarray) -> None:
    folder.mkdir()
    for side, letter, vectors in (("queries", "q", queries), ("items", "d", items)):
        np.save(folder / f"{side}.npy", vectors)
        names = "".join(f"{letter}{row}\n" for row in range(len(vectors)))
        (folder / f"{side}.txt").write_text(names)


def _write_judgements(folder: Path, items: np.ndarray, rng: np.random.Generator) -> None:
    """What belongs together: qrels, graded pairs, triplets, labels, and three judges."""
    qrels = []
    for query in range(60):
        others = rng.choice(80, 24, replace=False).tolist()
        gains = {query: 2} | {i: int(rng.integers(0, 6) == 0) for i in others if i != query}
        qrels += [f"q{query} 0 d{item} {gain}\n" for item, gain in gains.items()]
    (folder / "qrels.txt").write_text("".join(qrels))
    doubtful = ["q1 0 d1 0\n", "q900 0 d2 1\n", "q2 0 d900 1\n", "q3 0 d3 2\n", "q4 0 d72 1\n"]
    (folder / "doubtful.txt").write_text("".join(qrels + doubtful))

    def distance(a: int, b: int) -> float:
        return float(np.abs(items[a] - items[b]).sum())

    pairs, triplets = ["id_a,id_b,score\n"], ["anchor,near,far\n"]
    for _ in range(150):
        a, b, c = rng.choice(80, 3, replace=False).tolist()
        score = 40 - round(2 * distance(a, b)) + int(rng.integers(0, 5))
        pairs.append(f"d{a},d{b},{score / 8}\n")
        if distance(a, b) + rng.integers(-6, 7) > distance(a, c):
            b, c = c, b
        triplets.append(f"d{a},d{b},d{c}\n")
    (folder / "pairs.csv").write_text("".join(pairs))
    (folder / "triplets.csv").write_text("".join(triplets))
    labels = [f"d{row},label {row % 7}\n" for row in range(80)]
    (folder / "labels.csv").write_text("id,label\n" + "".join(labels))
    judges = ["query_id,item_id,gain,judge\n"]
    for query in range(30):
        true = int(rng.integers(0, 3))
        for judge in ("ann", "bob", "cem"):
            gain = true if rng.random() < 0.7 else int(rng.integers(0, 3))
            judges.append(f"q{query},d{query},{gain},{judge}\n")
    (folder / "judges.csv").write_text("".join(judges))
