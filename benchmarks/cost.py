"""What search and training over many files cost, measured at three sizes and carried on from there.

    python benchmarks/cost.py [-w docs/background/engine.md] [--scale 1]

One process, one thread. Costs are fitted to the two smaller sizes, as so much at all and so much
for each query-item pair, or for each interaction and pass; what that says of the third size is held
against the measured time, and the whole is carried on to a billion. CPU seconds, medians of three.
Bytes are what a worker is sent and gives back, as it is pickled. ``--scale`` multiplies the sizes.
"""

import argparse
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pages import write_between

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.memory import words
from anglewise.distributed.fit_shards import MORE, fit_shards
from anglewise.distributed.interaction_shards import (
    InteractionFolder,
    ItemColumns,
    LookAtUses,
    MultiplyByGram,
)
from anglewise.distributed.lists_check import check_shards
from anglewise.distributed.proved_lists import proved_shards
from anglewise.distributed.search_shards import search_shards
from anglewise.distributed.sharded_lists import ShardSearch
from anglewise.distributed.shards import MOST_CHECKED, ShardFolder
from anglewise.nearest_neighbours.search import engine_kind, search

TIMES = 3
D, QUERIES, K, SHARD = 64, 1_000, 10, 50_000
ITEMS = (100_000, 200_000, 400_000)
USES, CATALOGUE, COMPONENTS, EACH = (500_000, 1_000_000, 2_000_000), 5_000, 32, 145
BILLION = 10**9
ASKING = 10_000
ID_BYTES = 100
"""What an id in memory takes, about: a text of Python and where it stands."""


@dataclass(frozen=True)
class Line:
    """Seconds as so much at all, and so much for each unit."""

    at_all: float
    each: float

    @classmethod
    def through(cls, units: Sequence[float], seconds: Sequence[float]) -> "Line":
        """By the two smaller sizes; no less than nothing at all."""
        each = (seconds[1] - seconds[0]) / (units[1] - units[0])
        return cls(max(0.0, seconds[0] - each * units[0]), each)

    def at(self, units: float) -> float:
        """Seconds for so many units."""
        return self.at_all + self.each * units


def main() -> None:
    """Print both tables, or write them into a page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-w", "--write", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [
            *searching(Path(folder), options.scale),
            "",
            *training(Path(folder), options.scale),
        ]
    text = "\n".join(found)
    print(text)
    if options.write is not None:
        write_between(options.write, "cost", text)


def searching(folder: Path, scale: float) -> list[str]:
    """The table of search, of complete lists and of their check."""
    sizes = [int(scale * items) for items in ITEMS]
    asking = Embeddings(np.random.default_rng(1).standard_normal((QUERIES, D), dtype=np.float32))
    steps: dict[str, list[float]] = {}
    travels = 0.0
    for items in sizes:
        place = folder / f"items-{items}"
        write_items(place, items)
        table = folder / "lists.parquet"
        pq.write_table(proved_shards(place, asking, "dot", k=K, workers=1), table)
        ways: dict[str, Callable[[], Any]] = {
            "`search`, all items in memory": in_memory(place, asking),
            "`search --shards`": lambda at=place: search_shards(at, asking, "dot", k=K, workers=1),
            "`search --shards --proof`": lambda at=place: proved_shards(
                at, asking, "dot", k=K, workers=1
            ),
            "`--check-proof`": lambda at=place, of=table: check_shards(of, at, asking),
        }
        for name, spent in medians(ways).items():
            steps.setdefault(name, []).append(spent)
        travels = bytes_of_search(place, asking)
    pairs = [float(items * QUERIES) for items in sizes]
    lines = [
        (
            f"**Search**, {engine_kind()}, one thread: {QUERIES:,} queries, {D} dimensions, `dot`, "
            f"{K} neighbours, files of {SHARD:,} items; "
            f"{' / '.join(f'{n:,}' for n in sizes)} items."
        ),
        "",
        (
            "| | CPU s | ns a pair | third size: told, measured | machine hours for "
            f"{ASKING:,} queries and a billion items |"
        ),
        "|---|---|---|---|---|",
    ]
    for name, spent in steps.items():
        line = Line.through(pairs, spent)
        cells = " / ".join(f"{s:.2f}" for s in spent)
        off = f"{line.at(pairs[2]):.2f}, {spent[2]:.2f} ({spent[2] / line.at(pairs[2]) - 1:+.0%})"
        far = line.at(ASKING * BILLION) / 3600
        lines.append(f"| {name} | {cells} | {1e9 * line.each:.2f} | {off} | {far:,.1f} |")
    files = BILLION // SHARD
    whole = ASKING / QUERIES * travels * files
    lines += [
        "",
        (
            f"Between machines travel {words(int(travels))} a file for {QUERIES:,} queries, "
            f"{words(int(whole))} for {ASKING:,} queries and {files:,} files; larger files need "
            "less in proportion. The vectors are read where they lie: "
            f"{words(4 * D * BILLION)} once for each search."
        ),
    ]
    lists = ASKING * K * (16 + ID_BYTES)
    lines += [
        "",
        (
            "What breaks first as items grow: that no id stands twice is checked up to "
            f"{MOST_CHECKED:,} items, and said not to be beyond. The program that asks holds the "
            f"lists ({words(lists)} for {ASKING:,} queries, {words(100 * lists)} for a million) "
            "and those of some files; so it is queries times neighbours that end it, not items."
        ),
    ]
    return lines


def in_memory(place: Path, asking: Embeddings) -> Callable[[], Any]:
    """The search over all items at once."""
    files = ShardFolder.of(place)
    sides = [files.read(shard, by_number=True)[0].vectors for shard in files.shards]
    space = Space(queries=asking, items=np.concatenate(sides))
    return lambda: search(space, "dot", k=K, threads=1)


def bytes_of_search(place: Path, asking: Embeddings) -> float:
    """What travels for one file: the queries there, the lists back."""
    files = ShardFolder.of(place)
    work = ShardSearch(files, asking, ("dot",), K, by_number=True)
    return len(pickle.dumps(work)) + len(pickle.dumps(work(files.shards[0])))


def training(folder: Path, scale: float) -> list[str]:
    """The table of training."""
    sizes = [int(scale * uses) for uses in USES]
    spent: list[float] = []
    passes: list[int] = []
    likes: list[int] = []
    travels, in_all = 0, 0
    for uses in sizes:
        place = folder / f"uses-{uses}"
        likes.append(write_uses(place, uses))
        seconds: list[float] = []
        for _ in range(TIMES):
            before = time.process_time()
            fitted = fit_shards(place, components=COMPONENTS, workers=1)
            seconds.append(time.process_time() - before)
        spent.append(statistics.median(seconds))
        passes.append(fitted.passes)
        travels, in_all = bytes_of_training(place), len(fitted.item_ids)
    units = [float(count * each) for count, each in zip(likes, passes, strict=True)]
    line = Line.through(units, spent)
    far = line.at(BILLION * max(passes)) / 3600
    users = BILLION // EACH
    cells = " / ".join(f"{s:.1f}" for s in spent)
    off = f"{line.at(units[2]):.1f}, {spent[2]:.1f} ({spent[2] / line.at(units[2]) - 1:+.0%})"
    held = users * (4 * COMPONENTS + ID_BYTES + 16)
    return [
        (
            f"**Training**, `fit_shards`, one thread: {COMPONENTS} components, {in_all:,} items, "
            f"{' / '.join(f'{n:,}' for n in likes)} interactions, "
            f"{' / '.join(map(str, passes))} passes."
        ),
        "",
        (
            "| | CPU s | ns an interaction and pass | third size: told, measured | machine hours "
            f"for a billion interactions, {max(passes)} passes |"
        ),
        "|---|---|---|---|---|",
        f"| `fit_shards` | {cells} | {1e9 * line.each:.0f} | {off} | {far:,.1f} |",
        "",
        (
            f"Between machines travel {words(travels)} a file and pass (a block of {in_all:,} x "
            f"{COMPONENTS + MORE} numbers there and back), whatever the file holds."
        ),
        "",
        (
            "What breaks first as interactions grow: the program that asks holds all users. A "
            f"billion interactions are some {users:,} users at {EACH} each, which take "
            f"{words(held)} with their ids; and digests of their ids, {words(16 * users)}, once."
        ),
    ]


def bytes_of_training(place: Path) -> int:
    """What travels for one file in one pass."""
    files = InteractionFolder.of(place, lambda _: None)
    items = ItemColumns.of([LookAtUses(files)(shard) for shard in files.shards])
    block = np.zeros((len(items.ids), COMPONENTS + MORE))
    work = MultiplyByGram(files, items, block)
    return len(pickle.dumps(work)) + len(pickle.dumps(work(files.shards[0])))


def medians(ways: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """CPU seconds of each, in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            before = time.process_time()
            way()
            seconds[name].append(time.process_time() - before)
    return {name: statistics.median(values) for name, values in seconds.items()}


def write_items(place: Path, items: int) -> None:
    """Files of vectors without ids."""
    place.mkdir()
    rng = np.random.default_rng(0)
    for number, start in enumerate(range(0, items, SHARD)):
        x = rng.standard_normal((min(SHARD, items - start), D), dtype=np.float32)
        column = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), D)
        pq.write_table(pa.table({"vector": column}), place / f"{number:06d}.parquet")


def write_uses(place: Path, uses: int) -> int:
    """Files of who used what, the items by a falling law; pairs that come twice count once."""
    place.mkdir()
    rng = np.random.default_rng(0)
    chances = (np.arange(CATALOGUE) + 20.0) ** -1.0
    users, count = uses // EACH, 0
    of_file = 1_000
    for number, start in enumerate(range(0, users, of_file)):
        several = min(of_file, users - start)
        who = np.repeat(np.arange(start, start + several), EACH)
        what = rng.choice(CATALOGUE, size=len(who), p=chances / chances.sum())
        pairs = np.unique(who * CATALOGUE + what)
        count += len(pairs)
        table = {"user_id": pairs // CATALOGUE, "item_id": pairs % CATALOGUE}
        pq.write_table(pa.table(table), place / f"{number:06d}.parquet")
    return count


if __name__ == "__main__":
    main()
