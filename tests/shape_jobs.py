"""What of the package each job enters: files, functions, and how deep the calls go.

``python tests/shape_jobs.py JOB FOLDER`` does one job in a fresh process and prints what it
entered as JSON. Rules:

* A function is entered when its code runs: methods, properties, lambdas and closures count, each
  place in the source once. Comprehensions, generator expressions and class bodies are part of the
  function around them, and what ``dataclass`` writes has no file.
* A file is entered when one of its functions is. That its module body ran does not count: such
  files are loaded, and counted apart.
* What runs while a module body of ours runs is importing, and no function of the job.
* The deepest stack counts frames of our functions alone, whoever stands between them.
"""

import csv
import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

OPTIMISED = 0x1  # of code.co_flags: set for functions, not for bodies of modules and classes
PARTS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
USERS, FILMS = 800, 200  # `anglewise demo` has 4,000 and 600, for nearly the same figures


@dataclass
class Probe:
    """Collects what is called under a folder, in every thread."""

    folder: str
    loaded: set[str] = field(default_factory=set)
    functions: set[CodeType] = field(default_factory=set)
    deepest: int = 0
    _here: threading.local = field(default_factory=threading.local)

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event not in {"call", "return"} or not code.co_filename.startswith(self.folder):
            return
        here, step = self._here, 1 if event == "call" else -1
        if code.co_name == "<module>":
            here.importing = getattr(here, "importing", 0) + step
            self.loaded.add(code.co_filename)
        elif (
            code.co_flags & OPTIMISED
            and code.co_name not in PARTS
            and not getattr(here, "importing", 0)
        ):
            here.depth = getattr(here, "depth", 0) + step
            if step > 0:
                self.functions.add(code)
                self.deepest = max(self.deepest, here.depth)

    def watch(self, work: Callable[[], Any]) -> dict[str, int]:
        """Do the work and count."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            work()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        return {
            "files entered": len({code.co_filename for code in self.functions}),
            "functions": len(self.functions),
            "deepest stack": self.deepest,
            "files loaded": len(self.loaded),
        }


def write_ratings(folder: Path) -> None:
    """Who watched what, in the form in which ``anglewise demo`` writes it."""
    import numpy as np

    rng = np.random.default_rng(0)
    genre = np.arange(FILMS) % 5
    popularity = np.log((1.0 + np.arange(FILMS) // 5) ** -0.9)
    rows: list[tuple[object, ...]] = [("user_id", "item_id")]
    for user in range(USERS):
        likes = np.log(rng.dirichlet(np.ones(5)) + 1e-9)[genre] + popularity
        many = int(1 + FILMS // 2 * rng.random() ** 2)  # some watched one film, as others did
        order = np.argsort(-(likes + rng.gumbel(size=FILMS)), kind="stable")[:many]
        rows += [(f"user-{user:04}", f"film-{film:03}") for film in np.sort(order).tolist()]
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    (folder / "ratings.csv.gz").write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    films = (f"film-{film:03},Film {film},genre {film % 5}\n" for film in range(FILMS))
    (folder / "films.csv").write_text("item_id,title,genre\n" + "".join(films))


def _command(*words: str) -> Callable[[Path], Callable[[], Any]]:
    """A command, typed in the folder of the data; importing the program is part of the job."""

    def prepare(folder: Path) -> Callable[[], Any]:
        os.chdir(folder)

        def work() -> None:
            from anglewise.cli import main

            if main(list(words)) != 0:
                raise SystemExit(f"failed: anglewise {' '.join(words)}")

        return work

    return prepare


def _arrays() -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    items = rng.standard_normal((60, 8))
    return items + rng.standard_normal(items.shape), items * rng.uniform(0.2, 5, (60, 1))


def _compare(folder: Path) -> Callable[[], Any]:
    import anglewise as aw

    queries, items = _arrays()
    path = folder / "qrels.txt"
    path.write_text("".join(f"{row} 0 {row} 1\n" for row in range(len(items))))
    space = aw.Space(queries=aw.Embeddings(queries), items=aw.Embeddings(items))
    judgements = aw.read_judgements(path, space)
    return lambda: aw.compare(space, judgements, measures="dot,cosine,euclidean")


def _search(_folder: Path) -> Callable[[], Any]:
    import anglewise as aw

    queries, items = _arrays()
    space = aw.Space(queries=aw.Embeddings(queries), items=aw.Embeddings(items))
    return lambda: aw.search(space, "dot,cosine", k=5)


def _index(_folder: Path) -> Callable[[], Any]:
    import anglewise as aw

    queries, items = _arrays()
    index = aw.Index(aw.Embeddings(items), "cosine")
    return lambda: index.search(queries, 5)


JOBS: dict[str, Callable[[Path], Callable[[], Any]]] = {
    "aw.compare": _compare,
    "aw.search": _search,
    "Index.search": _index,
    "anglewise fit": _command(
        "fit", "ratings.csv.gz", "-o", "films", "--components", "32", "--item-table", "films.csv"
    ),
    "anglewise compare": _command("compare", "films"),
    "anglewise audit": _command("audit", "films"),
    "anglewise search": _command(
        "search", "films", "--query", "film-001", "--direction", "items-items"
    ),
}
"""In this order: the space that ``fit`` writes is what the later commands read."""


def trace(name: str, folder: Path) -> dict[str, int]:
    """Do a job in a process of its own and give what it entered."""
    words = [sys.executable, str(Path(__file__)), name, str(folder)]
    own = {"OPENBLAS_NUM_THREADS": "1", "COLUMNS": "100"}
    run = subprocess.run(words, env=os.environ | own, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{name}: {run.stderr or run.stdout}")
    return json.loads(run.stdout.splitlines()[-1])


def _main(name: str, folder: str) -> None:
    import anglewise

    work = JOBS[name](Path(folder))
    home = str(Path(anglewise.__file__).parent) + os.sep
    sys.stdout.write("\n" + json.dumps(Probe(home).watch(work)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
