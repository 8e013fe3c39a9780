"""Spaces beyond the memory that is allowed beside the same ones held in memory: time and memory.

    python benchmarks/out_of_core.py [1000000x384 10000000x64] [--memory 1GB] [-w PAGE]

Vectors are made in a temporary folder (``TMPDIR``): as .npy, and the first of them as parquet in
one group of rows. Each command runs as a process of its own, in turn with all in memory and with
``--memory``; CPU seconds are medians of three, memory is the most that a run held, files that are
mapped included. The goal is 1.3 times the time in memory, and no more memory than is allowed.
Results must be the same to the byte. ``-w`` puts the table between its marks on a page.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from goals import note
from pages import write_between

from anglewise.data_types.memory import memory_setting, words
from anglewise.nearest_neighbours.search import engine_kind

TIMES, QUERIES, BLOCK = 3, 1_000, 50_000
GOAL = 1.3
MEASURES = "dot,cosine,euclidean"


@dataclass(frozen=True)
class Run:
    """What one process took, and what it wrote."""

    seconds: float
    memory: int
    result: bytes


def main() -> None:
    """Print the table; with -w, write it into a page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shapes", nargs="*", default=["1000000x384", "10000000x64"])
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("-w", "--write", type=Path)
    options = parser.parse_args()
    with_budget = f"with `--memory {options.memory}`"
    lines = [
        f"| {engine_kind()} | command | in memory: CPU s, memory | {with_budget} | ratio |",
        "|---|---|---|---|---|",
    ]
    ratios: list[float] = []
    for shape in options.shapes:
        items, dimension = map(int, shape.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            for case, command, words_of in cases(Path(folder), items, dimension):
                inside, outside = in_turn(words_of, options.memory)
                if inside[0].result != outside[0].result:
                    raise SystemExit(f"{case}, {command}: results differ")
                spent = [
                    statistics.median(run.seconds for run in runs) for runs in (inside, outside)
                ]
                held = [max(run.memory for run in runs) for runs in (inside, outside)]
                ratios.append(spent[1] / spent[0])
                cells = [f"{s:.1f}, {words(m)}" for s, m in zip(spent, held, strict=True)]
                over = "" if held[1] <= memory_setting(options.memory) else " (more than allowed)"
                lines.append(
                    f"| {items:,} x {dimension}, {case} | {command} | {cells[0]} "
                    f"| {cells[1]}{over} | {ratios[-1]:.2f} |"
                )
                print(lines[-1], flush=True)
    table = "\n".join(lines)
    print(f"\n{table}\n\ngoal: a ratio of at most {GOAL}")
    note({"beyond the memory, in times of in memory": max(ratios)})
    if options.write is not None:
        write_between(options.write, "out of core", table)


def cases(
    folder: Path, items: int, dimension: int
) -> Iterator[tuple[str, str, Callable[[Path], list[str]]]]:
    """What the vectors lie in, the command, and its words for a file that it writes."""
    asking, judged = folder / "queries.npy", folder / "qrels.tsv"
    np.save(asking, vectors(QUERIES, dimension, 1))
    stored = folder / "items.npy"
    write_npy(stored, items, dimension)
    write_qrels(judged, items)
    by_all = ["--queries", str(asking), "--measures", MEASURES, "--quiet"]

    def search(file: Path) -> Callable[[Path], list[str]]:
        return lambda out: ["search", "--items", str(file), *by_all, "--all", "-o", str(out)]

    def compare(out: Path) -> list[str]:
        del out  # a result on standard output names no file
        return ["compare", "--items", str(stored), *by_all, "--qrels", str(judged), "--json", "-"]

    yield ".npy", "`search --all`", search(stored)
    yield ".npy", "`compare`", compare
    tabled = folder / "items.parquet"
    write_parquet(stored, tabled)
    yield ".parquet", "`search --all`", search(tabled)


def in_turn(words_of: Callable[[Path], list[str]], memory: str) -> tuple[list[Run], list[Run]]:
    """Runs in memory and with a budget, one after the other."""
    inside, outside = list[Run](), list[Run]()
    for _ in range(TIMES):
        inside.append(run(words_of))
        outside.append(run(words_of, "--memory", memory))
    return inside, outside


def run(words_of: Callable[[Path], list[str]], *more: str) -> Run:
    """One process, with all its memory unless more words say otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.parquet"
        program = [
            sys.executable,
            "-c",
            "import sys; from anglewise.cli.program import main; sys.exit(main())",
        ]
        settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        if not more:
            settings["ANGLEWISE_MEMORY"] = "64GB"
        shown = Path(folder) / "shown"
        with shown.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603
                [*program, *words_of(out), *more], env=settings, stdout=file
            )
            _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{' '.join(words_of(out))} ended with {status}")
        result = (out if out.exists() else shown).read_bytes()
        return Run(used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss, result)


def vectors(rows: int, dimension: int, seed: int) -> Any:
    """In clusters, of uneven lengths, with a falling spectrum, as an encoder's are."""
    rng = np.random.default_rng(seed)
    spectrum = (np.arange(1, dimension + 1) ** -0.5).astype(np.float32)
    centres = np.random.default_rng(0).normal(size=(200, dimension)).astype(np.float32) * spectrum
    x = rng.standard_normal((rows, dimension), dtype=np.float32) * spectrum
    x += centres[rng.integers(200, size=rows)]
    return x * np.exp(0.3 * rng.standard_normal((rows, 1), dtype=np.float32))


def write_npy(file: Path, items: int, dimension: int) -> None:
    """Block by block."""
    out = np.lib.format.open_memmap(file, "w+", np.float32, (items, dimension))
    for start in range(0, items, BLOCK):
        out[start : start + BLOCK] = vectors(min(BLOCK, items - start), dimension, 2 + start)


def write_parquet(source: Path, file: Path) -> None:
    """The same vectors, in groups of a million rows, as most writers have them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    x = np.load(source, mmap_mode="r")
    column = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), x.shape[1])
    pq.write_table(pa.table({"vector": column}), file, row_group_size=1_000_000)


def write_qrels(file: Path, items: int) -> None:
    """Five items a query."""
    rng = np.random.default_rng(3)
    rows = rng.integers(items, size=(QUERIES, 5)).tolist()
    pairs = [f"{query}\t{item}\t1" for query, own in enumerate(rows) for item in set(own)]
    file.write_text("\n".join(["query-id\tcorpus-id\tscore", *pairs]) + "\n")


if __name__ == "__main__":
    main()
