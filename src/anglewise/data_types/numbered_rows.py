"""Rows whose ids are their numbers, found without a table of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NUMBER = re.compile("0|[1-9][0-9]{0,17}")
"""How the number of a row is written as an id."""


@dataclass(frozen=True)
class NumberedRows(Mapping[str, int]):
    """From id to row where ids are the numbers of so many rows.

    >>> rows = NumberedRows(3)
    >>> rows["2"], rows.get("3"), "02" in rows, list(rows)
    (2, None, False, ['0', '1', '2'])
    """

    count: int

    def __getitem__(self, name: str) -> int:
        row = int(name) if NUMBER.fullmatch(name) else self.count
        if row >= self.count:
            raise KeyError(name)
        return row

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self.count))

    def __len__(self) -> int:
        return self.count
