"""Files of hnswlib and usearch, which may come from a stranger: whether their graphs hold together.

Both libraries read a file by its own numbers and follow its links without a look: one that leads
behind the last row ends the process, or reads what it should not. Their heads are those of
``hnswlib/hnswalg.h`` (``saveIndex``) and ``usearch/index.hpp``, ``index_dense.hpp`` (``save``).
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anglewise.data_types.memory import check_room
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import FileError
from anglewise.io.files import opened

HNSWLIB = np.dtype(
    [
        *((name, "<u8") for name in ("zero", "room", "rows", "size", "label", "data")),
        *(("top", "<i4"), ("entry", "<u4"), ("most", "<u8"), ("most_below", "<u8")),
        *(("m", "<u8"), ("times", "<f8"), ("ef", "<u8")),
    ]
)
USEARCH = np.dtype(
    [(name, "<u8") for name in ("rows", "most", "most_below", "top", "entry")],
)
DENSE_HEAD = 64
"""Bytes of usearch's first head, which names the metric and the kinds of numbers."""
KEY_AND_LEVEL = 10
PLACES_FOR_ROW = 128
"""Bytes that hnswlib makes room for beside each row: a lock, a level and its kin."""
AT_ONCE = 1 << 16


@dataclass(frozen=True)
class _Graph:
    """Where the lists of links of a graph stand in a file.

    ``starts`` are those of the lists of each row at the bottom, ``uppers`` those of its first list
    above; ``levels`` says how many there are above. A list is a count, of which the bits of
    ``counted`` count, and room for ``most`` links.
    """

    path: Path
    data: Array
    starts: Int64[Array, " rows"]
    uppers: Int64[Array, " rows"]
    levels: Int64[Array, " rows"]
    most_below: int
    most: int
    counted: int = 0xFFFFFFFF

    def check(self, entry: int, top: int) -> None:
        """Raise ``FileError`` where a link leads to no row, or to one that is not on its level."""
        rows = len(self.levels)
        if not rows:
            return
        if entry >= rows or self.levels[entry] < top or self.levels.max() > top:
            raise _damaged(self.path, "its search begins nowhere")
        self._check_lists(np.arange(rows), self.starts, 0, self.most_below)
        for level in range(1, top + 1):
            owners = np.flatnonzero(self.levels >= level)
            starts = self.uppers[owners] + (level - 1) * 4 * (self.most + 1)
            self._check_lists(owners, starts, level, self.most)

    def _check_lists(
        self, owners: Int64[Array, " n"], starts: Int64[Array, " n"], level: int, most: int
    ) -> None:
        for first in range(0, len(owners), AT_ONCE):
            part = starts[first : first + AT_ONCE]
            lists = self.data[part[:, None] + np.arange(4 * (most + 1))]
            numbers = lists.view("<u4")
            counts = numbers[:, 0] & self.counted
            if (counts > most).any():
                raise _damaged(self.path, "a row has more links than there is room for")
            links = numbers[:, 1:][np.arange(most) < counts[:, None]]
            if (links >= len(self.levels)).any() or (self.levels[links] < level).any():
                raise _damaged(self.path, "a link leads to no row")


def check_hnswlib(path: Path) -> int:
    """How many numbers a vector of an index of hnswlib has, once its graph is known to be whole.

    Raises ``FileError`` for a file that is none (as that of a BFIndex), or is damaged.
    """
    with opened(path) as file:
        first = file.read(HNSWLIB.itemsize)
        file_size = os.fstat(file.fileno()).st_size
    other = FileError(f"{path} is no index of hnswlib (that of a BFIndex is not read)")
    if len(first) < HNSWLIB.itemsize:
        raise other
    head = _named(first, HNSWLIB)
    rows, size, most, below = (head[name] for name in ("rows", "size", "most", "most_below"))
    fits = (
        head["zero"] == 0
        and rows <= head["room"]
        and rows * size <= file_size
        and 0 < most <= below < 1 << 16
        and head["data"] == 4 * (below + 1)
        and head["data"] < head["label"] == size - 8
        and not (head["label"] - head["data"]) % 4
    )
    if not fits:
        raise other
    check_room(
        f"the room for {head['room']:,} rows that {path} asks for",
        head["room"] * (size + PLACES_FOR_ROW),
        "write it anew with room for its rows (max_elements)",
    )
    if rows:
        _hnswlib_graph(path, head).check(head["entry"], head["top"])
    return (head["label"] - head["data"]) // 4


def _hnswlib_graph(path: Path, head: dict[str, int]) -> _Graph:
    data = np.memmap(path, np.uint8, "r")
    rows, step = head["rows"], 4 * (head["most"] + 1)
    place = HNSWLIB.itemsize + rows * head["size"]
    uppers, levels = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for row in range(rows):
        length = int.from_bytes(bytes(data[place : place + 4]), "little")
        uppers[row], levels[row] = place + 4, length // step
        place += 4 + length
        if length % step or place > len(data):
            raise _damaged(path, "what it says of its upper levels goes beyond its end")
    starts = HNSWLIB.itemsize + head["size"] * np.arange(rows, dtype=np.int64)
    return _Graph(path, data, starts, uppers, levels, head["most_below"], head["most"], 0xFFFF)


def check_usearch(path: Path) -> None:
    """Raise ``FileError`` for an index of usearch whose graph does not hold together."""
    if not path.stat().st_size:
        raise _damaged(path, "it is empty")
    data = np.memmap(path, np.uint8, "r")
    vectors, width = (int(n) for n in data[:8].view("<u4")) if len(data) >= 8 else (0, 0)
    is_empty = bytes(data[:7]) == b"usearch"  # whose vectors are not even counted
    place = DENSE_HEAD if is_empty else 8 + vectors * width + DENSE_HEAD
    if place + USEARCH.itemsize > len(data):
        raise _damaged(path, "it ends before its graph")
    head = _named(bytes(data[place : place + USEARCH.itemsize]), USEARCH)
    rows, most, below = head["rows"], head["most"], head["most_below"]
    place += USEARCH.itemsize
    if (
        rows != (0 if is_empty else vectors)
        or 2 * rows > len(data) - place
        or not 0 < most <= below < 1 << 16
    ):
        raise _damaged(path, "its graph is not that of its vectors")
    levels = data[place : place + 2 * rows].view("<i2").astype(np.int64)
    first = place + 2 * rows
    sizes = KEY_AND_LEVEL + 4 * (below + 1) + levels * 4 * (most + 1)
    if (levels < 0).any() or first + sizes.sum() > len(data):
        raise _damaged(path, "its graph goes beyond its end")
    nodes = first + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)[:rows]
    starts = nodes + KEY_AND_LEVEL
    own = data[(nodes + 8)[:, None] + np.arange(2)].view("<i2")[:, 0] if rows else levels
    if (own != levels).any():
        raise _damaged(path, "a row says twice how high it stands, and not the same")
    uppers = starts + 4 * (below + 1)
    _Graph(path, data, starts, uppers, levels, below, most).check(head["entry"], head["top"])


def _named(data: bytes, kind: "np.dtype[np.void]") -> dict[str, int]:
    """The numbers of a head by their names."""
    return dict(zip(kind.names or (), np.frombuffer(data, kind)[0].item(), strict=True))


def _damaged(path: Path, why: str) -> FileError:
    return FileError(f"{path} is damaged, or made to harm ({why}): write the index anew")
