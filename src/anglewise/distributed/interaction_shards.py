"""Who used what as a folder of parquet files, each user in one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import Say, as_path, order_of_ids, quiet
from anglewise.data_types.typing import Array, Float64, Int64, Shaped
from anglewise.distributed.shards import Shard, counts_in, files_in, schema_of
from anglewise.errors import FileError, IdsError, TooFewError
from anglewise.io.files import PathLike
from anglewise.io.interactions import read_interactions


@dataclass(frozen=True)
class InteractionFolder:
    """Parquet files of interactions, in the order of their names.

    Attributes
    ----------
    shards
        Those that hold rows.
    columns
        Names of columns and the least weight, as ``read_interactions`` takes them.
    """

    shards: tuple[Shard, ...]
    columns: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, folder: PathLike, say: Say = quiet, **columns: Any) -> "InteractionFolder":
        """Look at the columns and the number of rows of every file.

        Raises ``FileError`` where there is no parquet file, or their columns differ,
        ``TooFewError`` where none has a row.
        """
        files = files_in(as_path(folder), "who used what")
        first = schema_of(files[0])
        for file in files[1:]:
            other = schema_of(file)
            if not other.equals(first):
                raise FileError(
                    f"{files[0]} has the columns {_columns(first)}, and {file} has "
                    f"{_columns(other)}: write all files alike"
                )
        shards = counts_in(as_path(folder), files, say)
        given = tuple((name, value) for name, value in columns.items() if value is not None)
        read_interactions(shards[0].path, **dict(given), say=say)  # says what is taken for what
        return cls(shards, given)

    def read(self, shard: Shard) -> Interactions:
        """The interactions of one file, dislikes among them."""
        shard.check_same()
        found = read_interactions(shard.path, **dict(self.columns))
        shard.check_same()
        return found


def _columns(schema: Any) -> str:
    pairs = zip(schema.names, schema.types, strict=True)
    return ", ".join(f"{name} ({kind})" for name, kind in pairs)


@dataclass(frozen=True, eq=False)
class UsesSeen:
    """What one file tells: its items and how many used each, digests of its users."""

    item_ids: Shaped[Array, " items"]
    popularity: Int64[Array, " items"]
    users: Shaped[Array, " users"]
    likes: int


@dataclass(frozen=True)
class LookAtUses:
    """Reads the users and items of a file."""

    folder: InteractionFolder

    def __call__(self, shard: Shard) -> UsesSeen:
        """What is known of one file."""
        table = self.folder.read(shard)
        items = np.bincount(table.items[table.liked], minlength=len(table.item_ids))
        digests = b"".join(
            blake2b(str(name).encode(), digest_size=15).digest() + b"." for name in table.user_ids
        )
        users = np.frombuffer(digests, "S16")
        return UsesSeen(table.item_ids, items, users, int(table.liked.sum()))


@dataclass(frozen=True, eq=False)
class ItemColumns:
    """All items, in the order of their ids; finds the columns of those of one file."""

    ids: Shaped[Array, " items"]
    popularity: Int64[Array, " items"]
    by_text: Shaped[Array, " items"]
    column_of: Int64[Array, " items"]

    @classmethod
    def of(cls, seen: Sequence[UsesSeen]) -> "ItemColumns":
        """The items of all files.

        Raises ``IdsError`` where a user stands in two files, ``TooFewError`` without a like.
        """
        users = np.concatenate([own.users for own in seen])
        if len(np.unique(users)) < len(users):
            raise IdsError(
                "a user stands in two files, and each is to stand in one: write them anew, such as "
                'by table.repartition("user_id") of Spark'
            )
        if not sum(own.likes for own in seen):
            raise TooFewError("nothing weighs more than 0: there is nothing to learn from")
        by_text, at = np.unique(np.concatenate([own.item_ids for own in seen]), return_inverse=True)
        counts = np.concatenate([own.popularity for own in seen])
        order = np.array(order_of_ids(by_text.tolist()), dtype=np.int64)
        column_of = np.empty_like(order)
        column_of[order] = np.arange(len(order))
        popularity = np.bincount(at, counts, minlength=len(by_text)).astype(np.int64)
        return cls(by_text[order], popularity[order], by_text, column_of)

    def table(self, used: Interactions) -> Any:
        """Users of one file x all items, 1 for each like; SciPy's CSR of float64."""
        from scipy.sparse import csr_array

        place = np.searchsorted(self.by_text, used.item_ids)
        place = np.minimum(place, len(self.by_text) - 1)
        if (self.by_text[place] != used.item_ids).any():
            name = used.item_ids[self.by_text[place] != used.item_ids][0]
            raise IdsError(f"item {shown(str(name))!r} came meanwhile: begin again")
        liked = used.liked
        columns = self.column_of[place][used.items[liked]]
        cells = (np.ones(len(columns)), (used.users[liked], columns))
        return csr_array(cells, shape=(len(used.user_ids), len(self.ids)))


@dataclass(frozen=True, eq=False)
class MultiplyByGram:
    """``X'(X V)`` over the users of one file: what is summed over all files.

    Attributes
    ----------
    folder, items
        Where ``X`` stands, and its columns.
    vectors
        ``V``, items x b.
    """

    folder: InteractionFolder
    items: ItemColumns
    vectors: Float64[Array, "p b"]

    def __call__(self, shard: Shard) -> tuple[int, Float64[Array, "p b"]]:
        """The place of the file, and its part of the product."""
        table = self.items.table(self.folder.read(shard))
        return shard.first, np.asarray(table.T @ (table @ self.vectors))


@dataclass(frozen=True, eq=False)
class FoldInUsers:
    """``X A`` over the users of one file."""

    folder: InteractionFolder
    items: ItemColumns
    encoder: Float64[Array, "p k"]

    def __call__(self, shard: Shard) -> tuple[Shaped[Array, " users"], Float64[Array, "users k"]]:
        """Ids of users, and their vectors."""
        used = self.folder.read(shard)
        return used.user_ids, np.asarray(self.items.table(used) @ self.encoder)
