"""What each vector store makes of each measure: a table a store, as docs/how-to/stores.md has it.

    python benchmarks/stores.py [STORE ...] [-w docs/how-to/stores.md] [--data ../shared/data]

Every cell is an export into the store as it runs here, its lists held against the exact ones:
``exact`` where all are alike, up to ties, at the store's own effort; else the recall@10, never
rounded up. In brackets stand the way, where it is another than the first for its measure, and the
effort that it took; ``no`` where no metric of the store ranks so, with the reason. An error that
is none of those ends the table of its store, so that no cell is guessed. Vectors are made: of
length one; of lognormal lengths; with a common offset that the queries lack; and real ones, of
Cranfield's documents by two encoders: sums of GloVe's vectors, of which one is zero, and a
transformer's. ``-w`` puts each table between the marks of its store, a store that is run again
by itself too, with its version and the day. Each store has a process to itself. `make stores`.
"""

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import anglewise as aw
from anglewise.errors import StoreError
from anglewise.stores.vector_store import open_store

MEASURES = ("dot", "cosine", "euclidean", "manhattan", "norm(0,0.5)", "csls(10)", "cosine@whitened")
MADE = ("unit", "lognormal lengths", "common offset")
REAL = {"Cranfield by GloVe": "glove50-sum", "Cranfield by paraphrase-L3": "paraphrase-L3"}
"""Names of real vectors, and of the folders they lie in."""
ITEMS, DIMENSION, QUERIES, WANTED = 1_000, 32, 200, 0.98
IN_A_FILE = {
    "faiss": "faiss://{folder}/{name}.index",
    "usearch": "usearch://{folder}/{name}.usearch",
    "hnswlib": "hnswlib://{folder}/{name}.bin",
    "sqlite-vec": "sqlite-vec://{folder}/stored.sqlite/{name}",
    "duckdb": "duckdb://{folder}/stored.duckdb/{name}",
}
"""How addresses of stores are written that are a file, or of which several share one."""
STORES = (
    *IN_A_FILE,
    *("chroma", "qdrant", "qdrant-edge", "lancedb", "milvus", "zvec", "postgresql"),
)
FIRST = {"dot", "cosine", "euclidean", "manhattan", "prepared vectors, dot"}
"""The first way of each measure."""
NO_SCAN = ("Chroma has no scan", "hnswlib's scan (BFIndex)")
"""How stores say that they have a graph alone."""
Rows = list[tuple[str, str, list[str]]]
"""Kind of vectors, kind of index, cells."""


def made(kind: str, items: int = ITEMS, dimension: int = DIMENSION) -> aw.Space:
    """A space of one kind of vectors."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(items, dimension))
    q = rng.normal(size=(QUERIES, dimension))
    if kind == "unit":
        x, q = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, q))
    elif kind == "lognormal lengths":
        x = x * rng.lognormal(0, 0.8, (items, 1))
    else:
        x = x + 3 * rng.normal(size=dimension)
    return aw.Space(queries=aw.Embeddings(q), items=aw.Embeddings(x), trained_for="dot")


def spaces(data: Path) -> Iterator[tuple[str, aw.Space]]:
    """All vectors, made and real."""
    for kind in MADE:
        yield kind, made(kind)
    for name, folder in REAL.items():
        yield name, aw.read_space(data / "cranfield" / "vectors" / folder)


@contextmanager
def addresses(kind: str) -> Iterator[Callable[[str], str]]:
    """A function that gives addresses of a kind of store."""
    folder = Path(tempfile.mkdtemp())  # which PostgreSQL's own account may enter
    server = None

    def address(name: str) -> str:
        if kind in IN_A_FILE:
            return IN_A_FILE[kind].format(folder=folder, name=name)
        if kind == "postgresql":
            return f"postgresql://postgres@/postgres/{name}?host={folder}"
        if kind == "milvus":
            return f"milvus://{folder}/stores.db/{name}"
        own = folder / name  # Qdrant's local mode reads a whole folder at each start
        own.mkdir(exist_ok=True)
        return f"{kind}://{own}/{name}"

    try:
        if kind == "postgresql":
            import pgserver

            server = pgserver.get_server(str(folder), cleanup_mode="delete")
        yield address
    finally:
        if server is not None:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def cell(space: aw.Space, measure: str, address: str, index: str) -> str:
    """What one store makes of one measure; raises what is no answer to that."""
    try:
        result = aw.export(space, measure, address, index=index, min_recall=WANTED)  # type: ignore[arg-type]
    except StoreError as error:
        return f"no: {why_not(str(error))}"
    took = [] if result.way in FIRST else [result.way]
    took += [f"{name} {v}" for name, v in result.effort.items()]
    took += ["re-ranked"] if result.oversample > 1 else []
    is_plain = not result.effort and result.oversample == 1
    value = (
        "exact"
        if result.recall == 1 and is_plain
        else f"{math.floor(1_000 * result.recall) / 1_000:.3f}"
    )
    return f"{value} ({'; '.join(took)})" if took else value


def why_not(said: str) -> str:
    """The reason of a refusal in short; ``SystemExit`` for what is none.

    >>> why_not("lancedb ranks by dot, cosine, and manhattan can be had by none of them")
    'no metric'
    """
    if "can be had by none of them" in said:
        return "no metric"
    if any(word in said for word in NO_SCAN):
        return "no scan"
    if found := re.search(r"the best, (.*), is at (\S+);", said):
        return f"{found[1]} reaches {found[2]}"
    if found := re.search(r"pgvector \S+ has no \w+, which came with \S+(?=:)", said):
        return found[0]
    raise SystemExit(f"this is no answer, but an error: {said}")


def rows_of(
    kind: str,
    over: Iterator[tuple[str, aw.Space]],
    measures: Sequence[str] = MEASURES,
) -> tuple[str, Rows]:
    """The store's own word for its version, and what it makes of each space and index."""
    version, out = "", Rows()
    with addresses(kind) as address:
        for vectors, space in over:
            for index in ("scan", "graph"):
                cells: list[str] = []
                for measure in measures:
                    letters = f"{vectors}{measure}{index}".lower()
                    place = address("".join(c for c in letters if c.isalnum()))
                    cells.append(cell(space, measure, place, index))
                    if not version and not cells[-1].startswith("no"):
                        with open_store(place) as opened:
                            version = opened.described().store
                out.append((vectors, index, cells))
    return version, out


def table(version: str, rows: Rows, measures: Sequence[str] = MEASURES) -> str:
    """One store in Markdown; where all cells of an index are alike, vectors share a row."""
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for vectors, index, cells in rows:
        together.setdefault((index, tuple(cells)), []).append(vectors)
    every = len({vectors for vectors, _, _ in rows})
    lines = [f"**{version}**, {datetime.now(UTC):%Y-%m-%d}", ""]
    lines += ["| index | vectors | " + " | ".join(f"`{measure}`" for measure in measures) + " |"]
    lines += ["|---" * (len(measures) + 2) + "|"]
    for (index, cells), names in sorted(together.items(), key=lambda entry: entry[0][0] != "scan"):
        of = "all" if len(names) == every else "; ".join(names)
        lines.append(f"| {index} | {of} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def written(page: str, store: str, found: str) -> str:
    """The page with another table between the marks of a store."""
    mark = re.compile(rf"(<!-- {re.escape(store)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not mark.search(page):
        raise SystemExit(f"the page has no mark <!-- {store} -->")
    return mark.sub(lambda match: f"{match[1]}{found}\n{match[2]}", page)


def main() -> int:
    """Print, or write, one table for each store; exit code 1 where one could not be filled."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stores", nargs="*", help="all unless named")
    parser.add_argument("-w", "--write", type=Path, help="the page that has a mark for each store")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    stores: list[str] = options.stores or [*STORES]
    if unknown := sorted(set(stores) - {*STORES}):
        parser.error(f"no store is called {unknown[0]}: there are {', '.join(STORES)}")
    if options.one:
        version, rows = rows_of(stores[0], spaces(options.data))
        print(json.dumps({"version": version, "rows": rows}))
        return 0
    failed: list[str] = []
    for store in stores:
        found = _run(store, options.data)
        if found is None:
            failed.append(store)
            continue
        made_table = table(found["version"], found["rows"])
        print(f"<!-- {store} -->\n{made_table}\n<!-- end -->\n", flush=True)
        if options.write is not None:
            options.write.write_text(written(options.write.read_text(), store, made_table))
    if failed:
        print(f"not filled: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _run(store: str, data: Path) -> Mapping[str, Any] | None:
    """One store in a process of its own; None where it failed, which is told."""
    words = [sys.executable, "-W", "ignore", __file__, store, "--one", "--data", str(data)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    if ran.returncode:
        print(f"{store}: {ran.stderr or ran.stdout}", file=sys.stderr)
        return None
    return json.loads(ran.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
