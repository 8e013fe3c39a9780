"""Writing into faiss, LanceDB and usearch, beside a bare script that writes the same vectors.

    python benchmarks/stores_speed.py [--items 100000] [--dimension 384] [--runs 3]

The bare script is the least that a person would write: batches of the same rows, then the file.
Ours prepares vectors, takes ids and lengths along, names the content, and gives the collection its
name at once; all of that counts. Told apart is the proof, which the bare script leaves out: exact
lists of 200 queries, the same of the store, and the fingerprint of what it gives back. Each runs in
a process of its own, in turns, from a memory-mapped file; memory is what the process took beyond
the mapped vectors and what the libraries take when they are imported. Medians of the runs.
``--stores usearch`` tries that too, which builds a graph in both and takes long.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

BATCH, QUERIES, MOST = 20_000, 200, 1.5
STORES = ("faiss", "lancedb")


def bare_faiss(vectors: np.ndarray, folder: Path) -> None:
    """The rows into a flat index, the index into a file."""
    import faiss

    index = faiss.IndexFlat(vectors.shape[1], faiss.METRIC_INNER_PRODUCT)
    for start in range(0, len(vectors), BATCH):
        index.add(vectors[start : start + BATCH])
    faiss.write_index(index, str(folder / "bare.index"))


def bare_usearch(vectors: np.ndarray, folder: Path) -> None:
    """The rows into an index with the settings of an export, the index into a file."""
    from usearch.index import Index

    from anglewise.stores.usearch_store import EF_CONSTRUCTION, M

    width = vectors.shape[1]
    index = Index(
        ndim=width, metric="ip", dtype="f32", connectivity=M, expansion_add=EF_CONSTRUCTION
    )
    for start in range(0, len(vectors), BATCH):
        part = vectors[start : start + BATCH]
        index.add(np.arange(start, start + len(part), dtype=np.uint64), np.asarray(part))
    index.save(str(folder / "bare.usearch"))


def bare_lancedb(vectors: np.ndarray, folder: Path) -> None:
    """The rows into a table, with their numbers as ids."""
    import lancedb
    import pyarrow as pa

    width = vectors.shape[1]
    schema = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32(), width))])
    table = lancedb.connect(str(folder)).create_table("bare", schema=schema)
    for start in range(0, len(vectors), BATCH):
        part = vectors[start : start + BATCH]
        ids = pa.array([str(start + i) for i in range(len(part))])
        rows = pa.FixedSizeListArray.from_arrays(pa.array(np.asarray(part).ravel()), width)
        table.add(pa.table({"id": ids, "vector": rows}))


def ours(
    vectors: np.ndarray, queries: np.ndarray, address: str, grown: Callable[[], float]
) -> list[float]:
    """An export; gives the seconds, and those of a processor, that went into the proof.

    The last is the memory before the store was asked for the first time.
    """
    import anglewise as aw
    from anglewise.stores import exact_lists, export, manifest

    spent = [0.0, 0.0, 0.0]
    space = aw.Space(queries=aw.Embeddings(queries), items=aw.Embeddings(vectors))
    for owner, name in (
        (exact_lists.ExactLists, "of"),
        (exact_lists.ExactLists, "asked"),
        (manifest.Fingerprint, "of"),
    ):
        setattr(owner, name, _timed(getattr(owner, name), spent, grown))
    export.export(space, "dot", address, index="scan")
    return spent


def _timed(
    function: Callable[..., Any], spent: list[float], grown: Callable[[], float]
) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        if function.__name__ == "asked":
            spent[2] = spent[2] or grown()
        started = time.perf_counter(), time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[0] += time.perf_counter() - started[0]
            spent[1] += time.process_time() - started[1]

    return timed if not hasattr(function, "__self__") else staticmethod(timed)  # type: ignore[return-value]


@contextmanager
def watched() -> Iterator[Callable[[], float]]:
    """Gives a function that tells by how many MB the memory that is not a file's has grown most."""
    ended, most = threading.Event(), [0]
    before = _own_pages()

    def watch() -> None:
        while not ended.wait(0.005):
            most[0] = max(most[0], _own_pages() - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: most[0] * resource.getpagesize() / 1e6
    finally:
        ended.set()
        thread.join()


def _own_pages() -> int:
    """Pages of memory that this process has and no file does (Linux)."""
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    return int(resident) - int(shared)


def one(store: str, whose: str, data: Path, folder: Path) -> None:
    """One run, told as JSON."""
    vectors = np.load(data / "items.npy", mmap_mode="r")
    queries = np.load(data / "queries.npy")
    address = f"{store}://{folder}/{'t' if store == 'lancedb' else 'x.index'}"
    import anglewise.stores.export  # noqa: F401 what is imported is not what is measured

    __import__(store)
    with watched() as grown:
        started = time.perf_counter(), time.process_time()
        proof = [0.0, 0.0, 0.0]
        if whose == "bare":
            scripts = {"faiss": bare_faiss, "lancedb": bare_lancedb, "usearch": bare_usearch}
            scripts[store](vectors, folder)
        else:
            proof = ours(vectors, queries, address, grown)
        seconds = time.perf_counter() - started[0] - proof[0]
        busy = time.process_time() - started[1] - proof[1]
        memory = grown()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "busy": busy,
                "proof": proof[0],
                "memory": proof[2] or memory,
                "all": memory,
            }
        )
    )


def main() -> int:
    """Print one line for each store; exit code 1 where ours takes more than 1.5 times as long."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stores", default=",".join(STORES))
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        store, whose, data, folder = options.one
        one(store, whose, Path(data), Path(folder))
        return 0
    rng, slow = np.random.default_rng(0), False
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        items = np.lib.format.open_memmap(
            data / "items.npy", "w+", np.float32, (options.items, options.dimension)
        )
        for start in range(0, options.items, BATCH):
            part = items[start : start + BATCH]
            part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        items.flush()
        queries = rng.standard_normal((QUERIES, options.dimension), dtype=np.float32)
        np.save(data / "queries.npy", queries)
        size = items.nbytes / 1e6
        print(f"{options.items:,} x {options.dimension} float32, {size:,.0f} MB\n")
        heads = "store,bare s,ours s,ratio,bare CPU s,ours CPU s,ratio,proof s,"
        heads += "bare MB,ours MB,with proof MB"
        print("| " + " | ".join(heads.split(",")) + " |\n" + "|---" * 11 + "|")
        for store in options.stores.split(","):
            runs: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
            for _ in range(options.runs):
                for whose, out in runs.items():
                    out.append(_run(store, whose, data))
            middle = {
                whose: {key: float(np.median([run[key] for run in out])) for key in out[0]}
                for whose, out in runs.items()
            }
            bare, own = middle["bare"], middle["ours"]
            ratio = own["seconds"] / bare["seconds"]
            slow |= ratio > MOST
            print(
                f"| {store} | {bare['seconds']:.2f} | {own['seconds']:.2f} | {ratio:.2f} | "
                f"{bare['busy']:.2f} | {own['busy']:.2f} | {own['busy'] / bare['busy']:.2f} | "
                f"{own['proof']:.2f} | {bare['memory']:,.0f} | {own['memory']:,.0f} | "
                f"{own['all']:,.0f} |",
                flush=True,
            )
    return int(slow)


def _run(store: str, whose: str, data: Path) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(dir=data))
    words = [
        sys.executable,
        "-W",
        "ignore",
        __file__,
        "--one",
        store,
        whose,
        str(data),
        str(folder),
    ]
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return json.loads(found.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
