"""What ``anglewise tune`` finds of faiss and LanceDB on made vectors, for docs/how-to/stores.md.

    python benchmarks/tune.py [--items 20000] [--dimension 64] [--stores faiss,lancedb]

Vectors have lognormal lengths and are ranked by their inner product. Each table is one collection
as it is, without building anew. Times are those of the machine and of the moment.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import anglewise as aw
from anglewise.stores.tune import in_words
from anglewise.stores.vector_store import open_store

QUERIES = 200


def main() -> None:
    """Print a table for each store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--stores", default="faiss,lancedb")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(options.items, options.dimension))
    x *= rng.lognormal(0, 0.3, (options.items, 1))
    q = rng.normal(size=(QUERIES, options.dimension))
    space = aw.Space(queries=aw.Embeddings(q), items=aw.Embeddings(x), trained_for="dot")
    folder = Path(tempfile.mkdtemp())
    places = {"faiss": f"faiss://{folder}/films.index", "lancedb": f"lancedb://{folder}/films"}
    for kind in options.stores.split(","):
        aw.export(space, "dot", places[kind], min_recall=0.5)
        print_table(places[kind], space)


def print_table(address: str, space: aw.Space) -> None:
    """The settings of one collection."""
    result = aw.tune(address, space)
    with open_store(address) as store:
        name = store.described().store
    print(f"\n{name}, {result.index}\n")
    print("| effort | recall@10 | at least | ms, median | ms, 95% | MB | |")
    print("|---|---|---|---|---|---|---|")
    for one in result.settings:
        marks = "*" if one.on_front else ""
        marks += " take this" if one == result.chosen else ""
        size = "-" if one.stored_bytes is None else f"{one.stored_bytes / 1e6:.1f}"
        print(
            f"| {in_words(one.effort, one.oversample)} | {one.recall:.3f} | {one.recall_low:.3f} | "
            f"{one.milliseconds:.2f} | {one.slow:.2f} | {size} | {marks.strip()} |"
        )
    print(f"\nAn exact scan by anglewise: {result.scan_milliseconds:.2f} ms.")


if __name__ == "__main__":
    main()
