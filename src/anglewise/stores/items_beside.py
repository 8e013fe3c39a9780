"""The file beside an index that knows its rows by number alone: their ids and what is known.

It bears the digest of its index in its name: so an index and the names of another one are never
taken together, whenever a write is killed.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from anglewise.errors import StoreError
from anglewise.io.files import opened, reading
from anglewise.io.outputs import new_file
from anglewise.io.ownership import check_inside
from anglewise.stores.address import Address
from anglewise.stores.vector_store import rows_of_metadata

BESIDE = ".items.jsonl"
"""What the name of the file beside an index ends in."""


@dataclass(eq=False)
class ItemsBeside:
    """What an index does not keep itself.

    Attributes
    ----------
    names
        The id of each row, by its number; None where nobody named them, and numbers are ids.
    metadata
        What is known of each row.
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
    metadata: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    manifest: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

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
            named = [_named(json.loads(line)) for line in lines]
            head = json.loads(first)
            manifest, settings = head["manifest"], head.get("settings", {})
            if not isinstance(manifest, str | None) or not isinstance(settings, dict):
                raise TypeError("what stands in the first line is no manifest and settings")
        names = [name for name, _ in named]
        if rows is not None and not len(set(names)) == len(names) == rows:
            raise StoreError(
                f"{address}: {own.name} does not name each of its {rows:,} rows once, so that it "
                "was changed: write the index anew"
            )
        found = cast("dict[str, Any]", settings)
        return cls(names, [about for _, about in named], manifest, found)

    def write(self, path: Path, index: bytes | bytearray | memoryview) -> None:
        """Write the names, then the index under its name, then remove what was there before.

        The index that was there answers until the new one has its place.
        """
        before = _beside(path)
        names = _path(path, hashlib.sha256(index).hexdigest())
        head = {"manifest": self.manifest, **({"settings": self.settings} if self.settings else {})}
        with new_file(names) as file:
            file.write(json.dumps(head).encode() + b"\n")
            for name, about in zip(self.names or [], self.metadata, strict=True):
                line = json.dumps({"id": name, "about": about}, default=str)
                file.write(line.encode() + b"\n")
        with new_file(path) as file:
            file.write(index)
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
        names += ids
        self.names = names
        self.metadata += [dict(row) for row in rows_of_metadata(metadata, len(ids))]

    def name(self, number: int) -> str:
        """The id of a row, which is its number where nobody named it."""
        if self.names is None or not 0 <= number < len(self.names):
            return str(number)
        return self.names[number]

    def about(self, number: int) -> dict[str, Any]:
        """What is known of a row."""
        return self.metadata[number] if 0 <= number < len(self.metadata) else {}

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


def _named(row: Any) -> tuple[str, dict[str, Any]]:
    """The id of a row, and what is known of it; ``TypeError`` for what is none."""
    name, about = row["id"], row["about"]
    if not isinstance(name, str) or not isinstance(about, dict):
        raise TypeError("a row without an id, or with what is no object")
    return name, cast("dict[str, Any]", about)
