"""Who used what as lists of text: baskets, adjacency, libsvm, the blocks of Netflix."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import Say, counted
from anglewise.errors import FileError, ValuesError
from anglewise.io.files import arrow, reading, text_contents
from anglewise.io.moments import times_of
from anglewise.io.tables import Sheet, is_number, listed, numbered


@dataclass(frozen=True, eq=False, slots=True)
class UsedItem:
    """A pair of a user and an item, with its weight and, if known, its time."""

    user: str
    item: str
    weight: float = 1.0
    time: str | None = None


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text that hold anything, and their numbers."""
    with reading(path, "a text"):
        text = bytes(text_contents(path)).decode("utf-8-sig")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


SIGNS = ",;\t|"


def cut(lines: Sequence[str]) -> Callable[[str], list[str]]:
    """How lines are cut into cells: at the sign that the first of them holds most, else at blanks.

    >>> cut(["milk,brown bread"])("tea, milk"), cut(["1 2"])("3  4")
    (['tea', 'milk'], ['3', '4'])
    """
    start = "".join(lines[:20])
    sign = max(SIGNS, key=start.count)
    if not start.count(sign):
        return str.split
    return lambda line: [
        cell.strip() for cell in next(csv.reader([line], delimiter=sign)) if cell.strip()
    ]


def read_baskets(path: Path, say: Say) -> Interactions:
    """Each line a basket, its cells the items; baskets are named by their numbers from 0 on.

    A first cell that counts the others in every line, a line of names aside, is left out.
    """
    lines = [line for _, line in numbered_lines(path)]
    cells_of = cut(lines)
    with reading(path, "baskets"):
        baskets = [cells_of(line) for line in lines]
    if not baskets:
        raise _nothing(path)
    counts, said = _count_their_items(baskets), ""
    if counts:
        header = not is_number(baskets[0][0])
        baskets = [cells[1:] for cells in baskets[header:]]
        said = "; the first cell of each line counts the others, and is left out" + (
            ", as is the first line, which names the columns" if header else ""
        )
    entries = [UsedItem(str(row), item) for row, cells in enumerate(baskets) for item in cells]
    say(
        f"{path.name}: {counted(len(baskets), 'basket')}, one a line and named 0, 1, 2, …, its "
        f"cells the items, of the first {listed(baskets[0])}; every item counts 1{said}"
    )
    return interactions_from(path, entries)


FEWEST_COUNTED = 10
"""In fewer lines chance alone may make one item the number of the others."""


def _count_their_items(baskets: Sequence[Sequence[str]]) -> bool:
    """Whether each line but perhaps the first begins with how many cells follow."""
    counting = [cells[:1] == [str(len(cells) - 1)] for cells in baskets]
    names = bool(baskets) and bool(baskets[0]) and not is_number(baskets[0][0])
    return len(baskets) > FEWEST_COUNTED and all(counting[1:]) and (counting[0] or names)


HEAD = re.compile(r"([^,;|\t ]+)(?::[ \t]*|\t)([^\t]*)")
"""A user set apart from the items, by a colon or by the only tab of the line."""


def read_adjacency(path: Path, say: Say) -> Interactions:
    """Each line a user and the items used; users without any are left out, and counted."""
    lines = [line for _, line in numbered_lines(path)]
    heads = [HEAD.fullmatch(line) for line in lines]
    apart = all(heads)
    cells_of = cut([match[2] for match in heads if match] if apart else lines)
    entries: list[UsedItem] = []
    without, users = 0, set[str]()
    with reading(path, "lines of a user and items"):
        for line, match in zip(lines, heads, strict=True):
            if apart and match is not None:
                user, items = match[1], cells_of(match[2])
            else:
                user, *items = cells_of(line)
            users.add(user)
            without += not items
            entries += (UsedItem(user, item) for item in items)
    if not entries:
        raise _nothing(path)
    left_out = f"; {counted(without, 'line')} without an item left out" if without else ""
    first = [entry.item for entry in entries[:NAMED] if entry.user == entries[0].user]
    say(
        f"{path.name}: {counted(len(users), 'user')}, the first cell of each line, its other cells "
        f"the items, of {shown(entries[0].user)} {listed(first)}; every item counts 1{left_out}"
    )
    return interactions_from(path, entries)


NAMED = 3
"""So many items of the first user are named."""

PAIR = re.compile(r"([0-9]+):([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)")


def is_libsvm(lines: Sequence[str]) -> bool:
    """Whether lines are a number and pairs of index:value, as libsvm has them.

    >>> is_libsvm(["0 1:1 18:0.5", "1"]), is_libsvm(["0 10:51", "7 8"])
    (True, False)
    """
    cells = [line.partition(" #")[0].split() for line in lines]
    return any(len(row) > 1 for row in cells) and all(
        is_number(row[0]) and all(map(PAIR.fullmatch, row[1:])) for row in cells
    )


def read_libsvm(path: Path, say: Say) -> Interactions:
    """Each line a label and ``item:weight``; labels that never repeat name the users."""
    lines = list(numbered_lines(path))
    entries: list[tuple[int, str, float]] = []
    labels: list[str] = []
    for row, (number, line) in enumerate(lines):
        cells = line.partition(" #")[0].split()
        labels.append(cells[0])
        for cell in cells[1:]:
            pair = PAIR.fullmatch(cell)
            if pair is None or not is_number(pair[2]):
                raise ValuesError(
                    f"{path}, line {number}: {cell[:40]!r}, where an item and its weight are due "
                    "as in 18:1"
                )
            entries.append((row, pair[1], float(pair[2])))
    named = len(set(labels)) == len(labels)
    users = labels if named else [str(row) for row in range(len(labels))]
    naming = (
        "named by the first cell, which never repeats"
        if named
        else "named 0, 1, 2, … (the first cell, a label, repeats and is not read)"
    )
    zeros = sum(not weight for *_, weight in entries)
    left_out = f"; {counted(zeros, 'zero')} left out" if zeros else ""
    say(
        f"{path.name}: libsvm: each line a user, {naming}; items and weights from the pairs"
        f"{left_out}"
    )
    kept = (UsedItem(users[row], item, weight) for row, item, weight in entries if weight)
    return interactions_from(path, list(kept))


BLOCK = re.compile(r"\s*(\S+):\s*")


def is_netflix(lines: Sequence[str]) -> bool:
    """Whether lines begin with an item and a colon, and users with their ratings follow.

    >>> is_netflix(["29:", "1000,4,2005-09-06"]), is_netflix(["a:", "b"])
    (True, False)
    """
    if len(lines) < 2 or BLOCK.fullmatch(lines[0]) is None:
        return False
    rest = [line for line in lines[1:] if BLOCK.fullmatch(line) is None]
    return all(len(line.split(",")) in {2, 3} for line in rest) and bool(rest)


def read_netflix(path: Path, say: Say) -> Interactions:
    """Blocks of an item and a colon, then lines of ``user,rating,date``."""
    entries: list[UsedItem] = []
    item: str | None = None
    for number, line in numbered_lines(path):
        block = BLOCK.fullmatch(line)
        if block is not None:
            item = block[1]
            continue
        cells = [cell.strip() for cell in line.split(",")]
        fit = len(cells) in {2, 3} and cells[0] and is_number(cells[1])
        if item is None or not fit or not np.isfinite(float(cells[1])):
            raise ValuesError(
                f"{path}, line {number}: {line[:40]!r}, where a line such as 29: (the item) or "
                "1000,4,2005-09-06 (user, rating, date) is due"
            )
        entries.append(
            UsedItem(cells[0], item, float(cells[1]), cells[2] if len(cells) > 2 else None)
        )
    say(
        f"{path.name}: blocks as Netflix has them: items from the lines that end in a colon, users "
        "from column 1, weights from column 2"
        + (", times from column 3" if entries and entries[0].time is not None else "")
    )
    return interactions_from(path, entries)


def interactions_from(path: Path, entries: Sequence[UsedItem]) -> Interactions:
    """The entries with ids numbered, and their times read, where every one has one."""
    if not entries:
        raise _nothing(path)
    pa = arrow()
    users, user_ids = numbered(pa.array([entry.user for entry in entries], pa.string()))
    items, item_ids = numbered(pa.array([entry.item for entry in entries], pa.string()))
    weights = np.array([entry.weight for entry in entries], dtype=np.float64)
    times = None
    written = [entry.time for entry in entries]
    if any(time is not None for time in written):
        times = _moments(path, written)
    return Interactions(users, items, weights, user_ids, item_ids, times)


def _nothing(path: Path) -> FileError:
    return FileError(f"{path} holds no interactions: was it written to the end?")


def _moments(path: Path, written: Sequence[str | None]) -> np.ndarray:
    pa = arrow()
    if None in written:
        raise FileError(f"{path}: some lines have a date and others none: write one for each")
    column = pa.chunked_array([pa.array(written, pa.string())])
    sheet = Sheet(
        path, None, (pa.string(),) * 3, lambda _: [column] * 3, lambda row: f"rating {row + 1:,}"
    )
    return times_of(sheet, column, 2)
