"""What each vector store makes of each measure: a table in Markdown, for docs/stores.md.

    python benchmarks/stores.py [--items 1000] [--dimension 32] [--stores faiss,qdrant,...]

Every cell is an export into the store as it runs here, its lists held against the exact ones:
``exact`` where all are alike, up to ties, at the store's own effort; else the recall@10, never
rounded up. In brackets stand the way, where it is another than the first for its measure, and the
effort that it took; ``no`` where no metric of the store ranks so. Vectors are made: of length one;
of lognormal lengths; with a common offset that the queries lack. `make stores` runs it.
"""

import argparse
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import anglewise as aw
from anglewise.errors import StoreError
from anglewise.stores.vector_store import open_store

MEASURES = ("dot", "cosine", "euclidean", "manhattan", "norm(0,0.5)", "csls(10)", "cosine@whitened")
VECTORS = ("unit", "lognormal lengths", "common offset")
QUERIES, WANTED = 200, 0.98
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


def made(kind: str, items: int, dimension: int) -> aw.Space:
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


@contextmanager
def addresses(stores: list[str]) -> Iterator[dict[str, Callable[[str], str]]]:
    """For each store a function that gives addresses."""
    folder = Path(tempfile.mkdtemp())
    out: dict[str, Callable[[str], str]] = {}
    server = None
    for kind in stores:
        if kind == "postgresql":
            import pgserver

            place = tempfile.mkdtemp()
            server = pgserver.get_server(place, cleanup_mode="delete")
            out[kind] = lambda name, place=place: (
                f"postgresql://postgres@/postgres/{name}?host={place}"
            )
        elif kind in IN_A_FILE:
            out[kind] = lambda name, kind=kind: IN_A_FILE[kind].format(folder=folder, name=name)
        elif kind == "milvus":
            out[kind] = lambda name: f"milvus://{folder}/stores.db/{name}"
        else:
            # Qdrant's local mode reads a whole folder at each start
            out[kind] = lambda name, kind=kind: f"{kind}://{_new(folder / kind / name)}/{name}"
    try:
        yield out
    finally:
        if server is not None:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cell(space: aw.Space, measure: str, address: str, index: str) -> str:
    """What one store makes of one measure."""
    try:
        result = aw.export(space, measure, address, index=index, min_recall=WANTED)  # type: ignore[arg-type]
    except StoreError as error:
        text = str(error)
        if "can be had by none" in text:
            return "no: no metric"
        if "scan: " in text or "BFIndex" in text:
            return "no: no scan"
        if "the best" in text:
            return "no: " + text.split("the best, ")[1].split(";", maxsplit=1)[0]
        said = text.rsplit(" says: ", maxsplit=1)[-1]
        return "no: " + re.sub(r"^\S+://\S+: ", "", said).split(":", maxsplit=1)[0][:60]
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


def main() -> None:
    """Print one table for each kind of vectors."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--dimension", type=int, default=32)
    parser.add_argument("--stores", default=",".join(STORES))
    options = parser.parse_args()
    stores = options.stores.split(",")
    with addresses(stores) as places:
        for kind in VECTORS:
            space = made(kind, options.items, options.dimension)
            print(f"\n**{kind}**, {options.items:,} x {options.dimension}, {QUERIES} queries\n")
            heads = [f"`{measure}`" for measure in MEASURES]
            print("| | " + " | ".join(heads) + " |\n|" + "---|" * (len(heads) + 1))
            for store in stores:
                for index in ("scan", "graph"):
                    cells: list[str] = []
                    for measure in MEASURES:
                        name = "".join(c for c in f"{kind}{measure}{index}" if c.isalnum())
                        cells.append(cell(space, measure, places[store](name.lower()), index))
                    print(f"| {store}, {index} | " + " | ".join(cells) + " |", flush=True)
        versions: list[str] = []
        for store in stores:
            with open_store(places[store]("unitdotgraph")) as opened:
                versions.append(opened.described().store)
        print("\n" + ", ".join(versions))


if __name__ == "__main__":
    main()
