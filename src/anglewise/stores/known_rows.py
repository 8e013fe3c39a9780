"""What is known of rows that are written: held by columns, read as rows, put into JSON at once.

A million rows of one number each are a second of work as so many dicts and texts, which is as much
as a store takes to write their vectors.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pyarrow as pa
from pyarrow import compute

from anglewise.data_types.typing import Array, Float32

arrow: Any = pa  # whose types are known in part
by: Any = compute  # whose functions are made when it is imported


@dataclass(frozen=True, eq=False)
class KnownRows(Sequence[dict[str, Any]]):
    """What is known of so many rows, under each name a list or an array of float64.

    >>> rows = KnownRows(2, {"title": ["Alien", "Heat"], "length": np.array([1.5, 2.0])})
    >>> rows[1], len(rows), [row["title"] for row in rows]
    ({'title': 'Heat', 'length': 2.0}, 2, ['Alien', 'Heat'])
    """

    size: int
    columns: Mapping[str, list[Any] | Array]

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(self.size))]
        place = range(self.size)[at]
        return {name: _cells(cells, place) for name, cells in self.columns.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = list(self.columns)
        if not names:
            return (dict[str, Any]() for _ in range(self.size))
        lists: list[list[Any]] = [
            list[Any](cells) if isinstance(cells, list) else cells.tolist()
            for cells in self.columns.values()
        ]
        rows: Iterator[tuple[Any, ...]] = zip(*lists, strict=True)
        return (dict[str, Any](zip(names, cells, strict=True)) for cells in rows)


def _cells(cells: list[Any] | Array, place: int) -> Any:
    return cells[place].item() if isinstance(cells, np.ndarray) else cells[place]


def as_json(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Each row as JSON, its numbers to the last bit; what JSON has no word for as text.

    >>> as_json(KnownRows(2, {"length": np.array([1.5, 2.0])})).to_pylist()
    ['{"length": 1.5}', '{"length": 2.0}']
    """
    if isinstance(rows, KnownRows) and len(rows.columns) == 1:
        ((name, cells),) = rows.columns.items()
        if isinstance(cells, np.ndarray) and np.isfinite(cells).all():
            return _of_numbers(f"{{{json.dumps(name)}: ", cells)
    encode = json.JSONEncoder(default=str).encode
    return arrow.array([encode(dict(row)) for row in rows], arrow.string())


def _of_numbers(start: str, numbers: Array) -> Any:
    """Finite numbers as Python writes them: those that are whole keep their point."""
    text = by.cast(arrow.array(numbers), arrow.string())
    whole = by.invert(by.match_substring_regex(text, "[.e]"))
    return by.binary_join_element_wise(start, text, by.if_else(whole, ".0}", "}"), "")


def rows_table(
    ids: Sequence[str],
    vectors: Float32[Array, "rows d"],
    metadata: Sequence[Mapping[str, Any]],
    names: tuple[str, str, str] = ("id", "vector", "metadata"),
) -> Any:
    """Rows as a table of Arrow: ids, vectors of one length, and what is known as JSON.

    >>> rows_table(["a"], np.ones((1, 2), np.float32), [{"year": 1999}]).to_pylist()
    [{'id': 'a', 'vector': [1.0, 1.0], 'metadata': '{"year": 1999}'}]
    """
    held = arrow.FixedSizeListArray.from_arrays(arrow.array(vectors.ravel()), vectors.shape[1])
    columns: list[Any] = [arrow.array(list(ids), arrow.string()), held, as_json(metadata)]
    return arrow.table(columns, names=list(names))
