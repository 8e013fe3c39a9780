"""Items as a folder of parquet files, each of which fits into the memory of one worker."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.text import Say, as_path, counted, order_of_ids, quiet
from anglewise.data_types.typing import Array, Shaped
from anglewise.errors import FileError, IdsError, TooFewError
from anglewise.io.arrow_files import (
    is_list_of_numbers,
    parquet_columns,
    parquet_file,
    table_sheet,
)
from anglewise.io.files import PathLike, existing_folder, reading
from anglewise.io.tables import ID, VECTOR, find, listed, names_of
from anglewise.io.vectors import read_shard

MOST_CHECKED = 1 << 24
"""Ids of which it is checked that each stands in one shard alone: 16 bytes each."""


@dataclass(frozen=True)
class Shard:
    """One file of items.

    Attributes
    ----------
    path
        Where it lies; every worker must see it there.
    first
        How many items stand in the shards before it.
    rows
        How many stand in it.
    look
        Its bytes and the second in which it was written, which all machines see alike; None for
        one that was not looked at.
    """

    path: Path
    first: int
    rows: int
    look: tuple[int, int] | None = None

    def check_same(self) -> None:
        """Raise ``FileError`` where the file is another than the one that was looked at."""
        if self.look is not None and self.look != look_of(self.path):
            raise FileError(f"{self.path} was replaced meanwhile: begin again")


def look_of(path: Path) -> tuple[int, int] | None:
    """The bytes of a file, and the second in which it was written; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, int(status.st_mtime)


@dataclass(frozen=True)
class ShardFolder:
    """The parquet files of a folder, in the order of their names.

    Attributes
    ----------
    shards
        Those that hold rows.
    vector_column, id_column
        The columns of the vectors and of the ids; without ids, items are called 0, 1, 2, ... in the
        order of the shards.
    """

    shards: tuple[Shard, ...]
    vector_column: str
    id_column: str | None

    @property
    def rows(self) -> int:
        """Items in all."""
        return sum(shard.rows for shard in self.shards)

    @classmethod
    def of(
        cls,
        folder: PathLike,
        *,
        vector_column: str | None = None,
        id_column: str | None = None,
        say: Say = quiet,
    ) -> "ShardFolder":
        """Look at the schema of every file, and at no vector.

        Raises ``FileError`` where there is no parquet file, where files have other columns or kinds
        than the first, and where none holds a row.

        >>> import tempfile
        >>> from anglewise.io.side_files import write_side
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_side(folder / "a.parquet", Embeddings([[1.0], [2.0]], ids=["x", "y"]))
        >>> ShardFolder.of(folder).rows, ShardFolder.of(folder).id_column
        (2, 'id')
        """
        folder = as_path(folder)
        files = files_in(folder, "vectors")
        schemas = [schema_of(file) for file in files]
        vector, name = _columns(files[0], schemas[0], vector_column, id_column)
        for file, schema in zip(files, schemas, strict=True):
            _check_alike((vector, name), files[0], schemas[0], file, schema)
        shards = counts_in(folder, files, say)
        if name is None:
            say(f"{folder}: no column of ids, so that items are called 0, 1, 2, … in all shards")
        else:
            say(f"took {name!r} as the ids and {vector!r} as the vectors of {folder}")
        return cls(shards, vector, name)

    def read(self, shard: Shard, *, by_number: bool) -> tuple[Embeddings, Shaped[Array, " rows"]]:
        """Vectors without ids, in the order that ids have among all shards, and their ids."""
        shard.check_same()
        side = read_shard(shard.path, self.vector_column, self.id_column)
        shard.check_same()
        if self.id_column is None:
            ids = np.array([str(shard.first + row) for row in range(shard.rows)], dtype=object)
            return Embeddings(side.vectors), ids
        ids = np.asarray(side.ids, dtype=object)
        order = np.array(ordered(ids.tolist(), by_number=by_number))
        return Embeddings(side.vectors[order]), ids[order]


def ordered(names: Sequence[str], *, by_number: bool) -> list[int]:
    """The positions that sort some ids as all of the shards are sorted.

    >>> ordered(["10", "9"], by_number=True), ordered(["10", "9"], by_number=False)
    ([1, 0], [0, 1])
    """
    if by_number:
        return order_of_ids(names)
    return sorted(range(len(names)), key=names.__getitem__)


@dataclass(frozen=True)
class ShardIds:
    """What is known of the ids of one shard: whether all are whole numbers, and their digests."""

    numbers: bool
    digests: Any


@dataclass(frozen=True)
class LookAtIds:
    """Reads the ids of a shard, each of which may stand in it once; ``IdsError`` otherwise."""

    files: ShardFolder

    def __call__(self, shard: Shard) -> ShardIds:
        """What is known of the ids of a shard."""
        if self.files.id_column is None:
            return ShardIds(numbers=True, digests=np.zeros(0, "S16"))
        shard.check_same()
        sheet = table_sheet(shard.path, parquet_columns(shard.path, [self.files.id_column]))
        names: list[str] = names_of(sheet, sheet.columns([0])[0], 0).to_pylist()
        if len(set(names)) < len(names):
            ((twice, _),) = Counter(names).most_common(1)
            raise IdsError(f"{shard.path}: id {twice!r} stands twice; an id names one item")
        numbers = all(name.isdecimal() for name in names)
        if self.files.rows > MOST_CHECKED:
            return ShardIds(numbers, np.zeros(0, "S16"))
        digests = b"".join(blake2b(name.encode(), digest_size=15).digest() + b"." for name in names)
        return ShardIds(numbers, np.frombuffer(digests, "S16"))


def check_ids(files: ShardFolder, looks: Sequence[ShardIds], say: Say = quiet) -> bool:
    """Whether ids are ordered by number; ``IdsError`` where two shards hold one id."""
    if files.id_column is not None and files.rows > MOST_CHECKED:
        say(
            f"{counted(files.rows, 'item')}: that no id stands in two shards is not checked beyond "
            f"{MOST_CHECKED:,}"
        )
    digests = np.concatenate([look.digests for look in looks])
    if len(np.unique(digests)) < len(digests):
        raise IdsError(
            "an id stands in two shards: an id names one item; write them again, each item once"
        )
    return all(look.numbers for look in looks)


def files_in(folder: Path, content: str) -> list[Path]:
    """The parquet files of a folder by name; ``FileError`` where there is none."""
    folder = existing_folder(folder)
    files = sorted(file for file in folder.glob("*.parquet") if file.is_file())
    if not files:
        raise FileError(
            f"{folder} holds no parquet file: a shard is a file NAME.parquet with {content}"
        )
    return files


def counts_in(folder: Path, files: Sequence[Path], say: Say) -> tuple[Shard, ...]:
    """Files that hold rows; others are named, and ``TooFewError`` is raised where none does."""
    counts = list[int]()
    looks = [look_of(file) for file in files]
    for file in files:
        with reading(file, "parquet"), parquet_file(file) as opened:
            counts.append(int(opened.metadata.num_rows))
    empty = [file.name for file, rows in zip(files, counts, strict=True) if not rows]
    if not any(counts):
        raise TooFewError(f"{folder}: no file holds a row")
    if empty:
        say(f"{folder}: no row in {listed(empty)}")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).tolist()
    return tuple(
        Shard(file.absolute(), start, rows, look)
        for file, start, rows, look in zip(files, starts, counts, looks, strict=True)
        if rows
    )


def schema_of(file: Path) -> Any:
    """The columns of a parquet file and their kinds, from its footer."""
    with reading(file, "parquet"), parquet_file(file) as opened:
        return opened.schema_arrow


def _columns(
    file: Path, schema: Any, vector_column: str | None, id_column: str | None
) -> tuple[str, str | None]:
    """The names of the columns of vectors and of ids."""
    names = list(schema.names)
    lists = [
        name for name, kind in zip(names, schema.types, strict=True) if is_list_of_numbers(kind)
    ]
    position = find([n if n in lists else "" for n in names], VECTOR, vector_column, file)
    if position is None and len(lists) != 1:
        raise FileError(
            f"{file}: {len(lists)} columns hold lists of numbers, among {listed(names)}: name the "
            "vectors (--vector-column)"
        )
    vector = lists[0] if position is None else names[position]
    at = find([name if name != vector else "" for name in names], ID, id_column, file)
    return vector, None if at is None else names[at]


def _check_alike(
    columns: tuple[str, str | None], first: Path, schema: Any, file: Path, other: Any
) -> None:
    """Refuse a shard whose columns of vectors and ids are not those of the first shard."""
    for name in columns:
        if name is None:
            continue
        for path, names in ((first, schema.names), (file, other.names)):
            if names.count(name) > 1:
                raise FileError(
                    f"{path} has {names.count(name)} columns {name!r}, and one is due: write it "
                    "again, each column under its own name"
                )
        own = other.field(name).type if name in other.names else None
        if own != schema.field(name).type:
            has = "lacks it" if own is None else f"has {own} there"
            raise FileError(
                f"{first} holds {schema.field(name).type} in column {name!r}, and {file} {has}: "
                "write all shards alike"
            )
    if columns[1] is None and _columns(file, other, columns[0], None)[1] is not None:
        raise FileError(f"{file} has a column of ids, and {first} has none: write all shards alike")
