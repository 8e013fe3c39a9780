"""Write one file of every format that anglewise writes: ``python tests/write_formats.py FOLDER``.

It runs under any version from 0.1 on, and leaves out what a version cannot write, so that what
earlier versions wrote stays in ``tests/formats`` for good: later code has to read it. Those of 0.1
were written by its last commit (the parent of "Decide by a rule that holds")::

    git archive e69a88fc | tar -x -C /tmp/0.1
    PYTHONPATH=/tmp/0.1/src python tests/write_formats.py tests/formats/0.1

Files of a version that was released are never written again.
"""

import csv
import inspect
import json
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

import anglewise as aw
from anglewise.cli import main
from anglewise.cli.program import program

USERS, FILMS = 60, 30


def make(folder: Path) -> None:
    """The inputs: who used what, vectors of two models, judgements of three people."""
    rng = np.random.default_rng(3)
    with (folder / "ratings.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["user_id", "item_id", "rating", "timestamp"])
        for user in range(USERS):
            films = rng.permutation(FILMS)[: rng.integers(6, 12)].tolist()
            rows.writerows(
                (f"u{user}", f"i{film}", rng.integers(1, 6), 1000 + film) for film in films
            )
    titles = "".join(f"i{film},Film number {film}\n" for film in range(FILMS))
    (folder / "films.csv").write_text("item_id,title\n" + titles)
    items = np.round(rng.normal(size=(40, 4)) * 16) / 16
    np.save(folder / "items.npy", items.astype(np.float32))
    np.save(folder / "queries.npy", (np.round((items + rng.normal(size=(40, 4))) * 16) / 16))
    for side, letter in (("items", "d"), ("queries", "q")):
        (folder / f"{side}.txt").write_text("".join(f"{letter}{row}\n" for row in range(40)))
    lines = [
        f"q{query} 0 d{item} {int(item == query) * 2 + int(rng.random() < 0.1)}\n"
        for query in range(40)
        for item in {query, *rng.choice(40, 12, replace=False).tolist()}
    ]
    (folder / "qrels.txt").write_text("".join(lines))
    judged = [
        f"q{query},d{query},{int(rng.integers(0, 3))},{judge}\n"
        for query in range(12)
        for judge in ("ann", "bob")
    ]
    (folder / "judges.csv").write_text("query_id,item_id,gain,judge\n" + "".join(judged))
    sides = {
        side: aw.Embeddings(
            np.load(folder / f"{side}.npy"), ids=(folder / f"{side}.txt").read_text().split()
        )
        for side in ("queries", "items")
    }
    aw.write_space(aw.Space(**sides, trained_for="dot"), folder / "vectors")


VECTORS = [
    *("--queries", "queries.npy", "--query-ids", "queries.txt"),
    *("--items", "items.npy", "--item-ids", "items.txt"),
]
JOBS = [
    "fit ratings.csv -o space --components 4 --penalty 5 --item-table films.csv",
    "judge from-interactions space ratings.csv --direction queries-items",
    "compare VECTORS --qrels qrels.txt --history history.parquet --label first --at 2026-01-31",
    "compare VECTORS --qrels qrels.txt --history history.parquet --label second",
    "compare VECTORS --qrels qrels.txt --measures dot --run-out dot.run",
    "compare VECTORS --qrels qrels.txt --json compare.json",
    "compare VECTORS --qrels qrels.txt --per-query per-query.parquet",
    "compare space --direction queries-items --json compare-space.json",
    "audit space --json audit.json -k 5",
    "remedy space --no-keep --candidates cosine@centred --json remedy.json",
    "calibrate VECTORS --qrels qrels.txt --measure dot -o relevance.json",
    "calibrate VECTORS --qrels qrels.txt --measure dot --json calibrate.json",
    "judge sample vectors -o pairs.csv --json sample.json",
    "judge import vectors judges.csv --json import.json",
    "judge agreement judges.csv --json agreement.json",
    "judge lint vectors --qrels qrels.txt --json lint.json",
    "judge power vectors --qrels qrels.txt --json power.json",
    "judge next vectors --qrels qrels.txt --json next.json",
    "judge export vectors judged.csv --json export.json",
    "search space --query i3 --direction items-items --json search.json",
    "recommend space --user u3 --explain --json recommend.json",
    "replay ratings.csv --components 4 --penalty 5 --json replay.json",
    "study --on ratings.csv --components 4 --penalty 5 -o study",
    "holdout ratings.csv -o holdout --tables csv --json holdout-report.json",
    "export VECTORS --to opensearch://HERE/index --measure cosine --transform transform.json",
]
"""What is typed; what a version lacks is left out."""


def write(folder: Path) -> None:
    """Run each job; what a version lacks is said and left out."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    make(Path())
    for job in JOBS:
        words = job.replace("VECTORS", " ".join(VECTORS)).replace("HERE", str(Path.cwd())).split()
        with redirect_stdout(StringIO()):
            code = main([*words, "--quiet"])
        if code not in {0, 1}:
            sys.stderr.write(f"left out ({code}): anglewise {job}\n")
    _from_python()
    for file in Path().rglob("*.sqlite-*"):  # what SQLite keeps while a store is open
        file.unlink()
    kept = {"version": aw.__version__, "files": sorted(map(str, _files()))}
    Path("face.json").write_text(json.dumps(face(), indent=1) + "\n")
    Path("written.json").write_text(json.dumps(kept, indent=1) + "\n")


def face() -> dict[str, Any]:
    """What can be called: names of the package with their parts, commands with their options."""
    names = {
        name: {
            "parameters": _parameters(getattr(aw, name)),
            "attributes": [word for word in dir(getattr(aw, name)) if not word.startswith("_")],
        }
        for name in sorted(aw.__all__)
        if name != "__version__"
    }
    return {"names": names, "options": dict(_options(program(), ()))}


def _parameters(called: Any) -> list[str]:
    try:
        return [*inspect.signature(called).parameters]
    except (TypeError, ValueError):
        return []


def _options(app: Any, words: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    commands = [name for name in app if not name.startswith("-")]
    for name in commands:
        yield from _options(app[name], (*words, name))
    if not commands:
        arguments = app.assemble_argument_collection()
        names = {name for argument in arguments for name in argument.names}
        yield " ".join(words), sorted(name for name in names if name.startswith("-"))


def _files() -> list[Path]:
    return [file.relative_to(".") for file in Path().rglob("*") if file.is_file()]


def _from_python() -> None:
    """What only Python writes: a space without queries, a store of judgements of all kinds."""
    rng = np.random.default_rng(5)
    items = aw.Embeddings(
        np.round(rng.normal(size=(12, 3)) * 16) / 16,
        metadata={"title": [f"t{i}" for i in range(12)]},
    )
    aw.write_space(aw.Space(items=items, trained_for="cosine"), "one-sided")
    with aw.JudgementStore.open("store.sqlite") as store:
        for row, source in enumerate(("human", "interaction", "label", "generated")):
            store.add(
                aw.Judged(
                    *(f"q{row}", f"d{row}", row / 2, f"judge {row}"),
                    source=source,
                    uuid=f"00000000-0000-4000-8000-00000000000{row}",
                    time=1_769_817_600.0 + row,
                    context={"rank": row},
                    probability=0.5,
                    note="a note, in Übersee",
                )
            )
        changed = aw.Judged("q0", "d0", 3, "judge 0", uuid="00000000-0000-4000-8000-0000000000aa")
        store.add(changed)
    with suppress(AttributeError, TypeError):  # these came after 0.1
        tokens = aw.TokenVectors([rng.normal(size=(2, 3)), rng.normal(size=(1, 3))], ids=["a", "b"])
        aw.write_space(aw.Space(items=tokens), "tokens")


if __name__ == "__main__":
    write(Path(sys.argv[1]).absolute())
