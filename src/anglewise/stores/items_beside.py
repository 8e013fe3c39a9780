"""The file beside an index that knows its rows by number alone: their ids and what is known.

A line has the rows of one call, so that a million take a second; earlier versions wrote a line for
each row. The file bears the digest of its index in its name: so an index and the names of another
one are never taken together, whenever a write is killed.
"""

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from anglewise.errors import StoreError
from anglewise.io.files import opened, reading
from anglewise.io.outputs import new_file
from anglewise.io.ownership import check_inside
from anglewise.stores.address import Address
from anglewise.stores.known_rows import as_json
from anglewise.stores.vector_store import rows_of_metadata

Bytes: TypeAlias = bytes | bytearray | memoryview
BESIDE = ".items.jsonl"
"""What the name of the file beside an index ends in."""


@dataclass(eq=False)
class ItemsBeside:
    """What an index does not keep itself.

    Attributes
    ----------
    names
        The id of each row, by its number; None where nobody named them, and numbers are ids.
    lines
        The lines of the file, each with the number of its first row: what is known of the rows
        stays written, so that it takes no more memory than the file.
    manifest
        The text that travels with the index, if there is one.
    settings
        What the file of the index does not say of itself, such as its metric.

    Examples
    --------
    >>> items = ItemsBeside([])
    >>> items.append(["a", "b"])
    >>> items.name(1), items.name(7), ItemsBeside().name(1)
    ('b', '7', '1')
    """

    names: list[str] | None = None
    lines: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    manifest: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    _read: tuple[int, list[dict[str, Any]]] = field(default=(-1, []), repr=False)

    @classmethod
    def read(cls, address: Address, rows: int | None = None) -> "ItemsBeside":
        """What stands beside an index; nothing of one that another program wrote.

        Raises ``StoreError`` where it stands beside, and is that of another index, or does not name
        each of so many ``rows`` once; ``FileError`` where it is damaged, or a link out of there.
        """
        path = address.folder
        if not (beside := _beside(path)):
            return cls()
        with opened(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        own = _path(path, digest)
        if own not in beside:
            raise StoreError(
                f"{address}: the names beside it ({beside[0].name}) are those of another "
                "index: write it anew, or move them away and read it by its numbers"
            )
        check_inside(own, path.parent)
        with reading(own, "names of rows"):
            with opened(own) as file:
                first, *lines = file.read().splitlines()
            head, names = json.loads(first), list[str]()
            starts: list[tuple[int, bytes]] = []
            for line in lines:
                starts.append((len(names), line))
                names += _named(line)[0]
            manifest, settings = head["manifest"], head.get("settings", {})
            if not isinstance(manifest, str | None) or not isinstance(settings, dict):
                raise TypeError("what stands in the first line is no manifest and settings")
        if rows is not None and len(names) != rows:
            raise StoreError(
                f"{address}: {own.name} names {len(names):,} of its {rows:,} rows, so that it was "
                "changed: write the index anew"
            )
        return cls(names, starts, manifest, cast("dict[str, Any]", settings))

    def write(self, path: Path, index: Bytes | Callable[[Callable[[Bytes], int]], None]) -> None:
        """Write the names, then the index under its name, then remove what was there before.

        The index that was there answers until the new one has its place. ``index`` is its content,
        or what is given a function and writes the content by it, a part after the other.
        """
        before, digest = _beside(path), hashlib.sha256()
        head = {"manifest": self.manifest, **({"settings": self.settings} if self.settings else {})}
        with new_file(path) as file:

            def write(part: Bytes) -> int:
                digest.update(part)
                return file.write(part)

            if callable(index):
                index(write)
            else:
                write(index)
            names = _path(path, digest.hexdigest())
            with new_file(names) as beside:
                beside.write(json.dumps(head).encode() + b"\n")
                for _, line in self.lines:
                    beside.write(line + b"\n")
        for old in before:
            if old != names:
                old.unlink(missing_ok=True)

    @staticmethod
    def remove(path: Path) -> None:
        """Remove an index and what stands beside it."""
        for file in (*_beside(path), path):
            file.unlink(missing_ok=True)

    def append(
        self, ids: Sequence[str], metadata: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        """Name the rows that come next."""
        names = [] if self.names is None else self.names
        about = ", ".join(as_json(rows_of_metadata(metadata, len(ids))).to_pylist())
        line = f'{{"ids": {json.dumps(list(ids))}, "about": [{about}]}}'
        self.lines.append((len(names), line.encode()))
        names += ids
        self.names = names

    def name(self, number: int) -> str:
        """The id of a row, which is its number where nobody named it."""
        if self.names is None or not 0 <= number < len(self.names):
            return str(number)
        return self.names[number]

    def about(self, number: int) -> dict[str, Any]:
        """What is known of a row."""
        place = bisect_right(self.lines, number, key=lambda line: line[0]) - 1
        if place < 0 or number < 0:
            return {}
        if self._read[0] != place:  # rows are asked for in their order
            self._read = place, _named(self.lines[place][1])[1]
        row, rows = number - self.lines[place][0], self._read[1]
        return rows[row] if row < len(rows) else {}

    def numbers(self) -> dict[str, int]:
        """The number of each named row."""
        return {name: i for i, name in enumerate(self.names or [])}

    def check_ours(self, address: Address) -> None:
        """Raise ``StoreError`` where rows are not named, so that none can be added by name."""
        if self.names is None:
            raise StoreError(f"{address}: rows are added to what export wrote, not to others")


def _path(path: Path, digest: str) -> Path:
    return path.with_name(f"{path.name}.{digest[:16]}{BESIDE}")


def _beside(path: Path) -> list[Path]:
    """The files with names of rows that stand beside an index; not those of another index."""
    own = re.compile(re.escape(f"{path.name}.") + "[0-9a-f]{16}" + re.escape(BESIDE))
    return sorted(file for file in path.parent.iterdir() if own.fullmatch(file.name))


def _named(line: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    """The ids of the rows of a line, and what is known of them; ``TypeError`` for what is none."""
    row = json.loads(line)
    names, about = (row["ids"], row["about"]) if "ids" in row else ([row["id"]], [row["about"]])
    if not isinstance(names, list) or not isinstance(about, list):
        raise TypeError("a line without lists of ids and of what is known")
    ids, known = cast("list[Any]", names), cast("list[Any]", about)
    if len(ids) != len(known) or not all(isinstance(name, str) for name in ids):
        raise TypeError("a row without an id")
    if not all(isinstance(one, dict) for one in known):
        raise TypeError("a row with what is no object")
    return ids, known
