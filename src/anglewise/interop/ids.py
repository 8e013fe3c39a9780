"""Ids: numbered, looked up, and read from a file beside the vectors."""

from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Int64, Shaped
from anglewise.errors import FileError, ShapeError
from anglewise.interop.arrow import arrow
from anglewise.interop.columns import ID, find
from anglewise.interop.files import contents, existing_file, reading, suffix
from anglewise.interop.open_sheet import open_sheet
from anglewise.interop.say import PathLike, Say, quiet
from anglewise.interop.sheet import names_of


def numbered(names: Any) -> tuple[Int64[Array, " entries"], Shaped[Array, " kinds"]]:
    """Number a column of ids: ``(number of each entry, the ids in order)``.

    Ids that are all whole numbers are ordered as numbers, others as text, so that the numbering
    does not depend on the order of the rows.

    >>> import pyarrow as pa
    >>> numbered(pa.array(["10", "9", "10"]))
    (array([1, 0, 1]), array(['9', '10'], dtype=object))
    """
    pa = arrow()

    chunks = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    encoded = chunks.dictionary_encode()
    kinds = encoded.dictionary.to_pylist()
    order = np.array(_in_order(kinds), dtype=np.int64)
    place = np.empty(len(kinds), dtype=np.int64)
    place[order] = np.arange(len(kinds))
    return place[np.asarray(encoded.indices)], np.array(kinds, dtype=object)[order]


def rows_of(names: Any, side: Embeddings) -> Int64[Array, " entries"]:
    """The row of each id on a side of a space, ``-1`` where it has none."""
    pa = arrow()

    chunks = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    encoded = chunks.dictionary_encode()
    rows = [side.row_of.get(name, -1) for name in encoded.dictionary.to_pylist()]
    return np.array(rows, dtype=np.int64)[np.asarray(encoded.indices)]


def read_ids(path: PathLike, rows: int, say: Say = quiet) -> list[str]:
    r"""Read one id for each of ``rows`` vectors: a text file of one a line, ``.npy``, or a table.

    Raises ``ShapeError`` when the numbers differ.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "items.txt"
    >>> _ = file.write_text("a\nb\n")
    >>> read_ids(file, 2)
    ['a', 'b']
    """
    path = existing_file(path)
    if suffix(path) == ".npy":
        ids = _npy(path)
    elif suffix(path) in {".txt", ".ids", ""}:
        ids = _lines(path)
    else:
        ids = _table(path, rows, say)
    if len(ids) != rows:
        raise ShapeError(
            f"{path} holds {len(ids):,} ids for {rows:,} vectors: one each is due, in their order"
        )
    return ids


def _in_order(names: list[str]) -> list[int]:
    if all(name.isdecimal() for name in names):
        return sorted(range(len(names)), key=lambda i: (*_size(names[i]), names[i]))
    return sorted(range(len(names)), key=names.__getitem__)


def _size(name: str) -> tuple[int, str]:
    """What orders whole numbers by their size, however many digits they have."""
    digits = name if name.isascii() else "".join(str(int(digit)) for digit in name)
    digits = digits.lstrip("0")
    return len(digits), digits


def _lines(path: Path) -> list[str]:
    with reading(path, "a text of one id a line"):
        lines = bytes(contents(path)).decode("utf-8-sig").splitlines()
    ids = [line.strip() for line in lines]
    while ids and not ids[-1]:
        ids.pop()
    if "" in ids:
        raise FileError(f"{path}, line {ids.index('') + 1} is empty: one id a line is due")
    return ids


def _npy(path: Path) -> list[str]:
    from anglewise.interop.npy import load_npy

    array = load_npy(path)
    if array.ndim != 1 or array.dtype.kind not in "iuUS":
        raise FileError(
            f"{path} holds {array.dtype} of shape {array.shape}: "
            "ids are a one-dimensional array of text or whole numbers"
        )
    return [i.decode() if isinstance(i, bytes) else str(i) for i in array.tolist()]


def _table(path: Path, rows: int, say: Say) -> list[str]:
    sheet = open_sheet(path)
    position = None if sheet.names is None else find(sheet.names, ID, None, path)
    if position is None and sheet.width > 1:
        raise FileError(f"{path} has {sheet.width} columns and none is called id: one is due")
    place = position or 0
    ids: list[str] = names_of(sheet, sheet.columns([place])[0], place).to_pylist()
    if sheet.names is not None and len(ids) + 1 == rows:
        say(f"took the first line of {path.name} as an id: it has no header")
        return [sheet.names[place], *ids]
    return ids
