"""The interface of all models, and ``RawTable``, the baseline that learns nothing."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space, TrainedFor
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Float32, Float64
from anglewise.errors import ShapeError, SpellingError
from anglewise.recommender_models.normalisation import Normalisation, check_columns, normalisation
from anglewise.recommender_models.svd import ShiftedTable, as_rows, inverse, scaled


class Model(ABC):
    """A model learned from a table of users and items. An interface: models are finished.

    Attributes
    ----------
    about
        How it was made, for the space.
    """

    about: Mapping[str, Any]

    @property
    @abstractmethod
    def trained_for(self) -> TrainedFor:
        """The measure that compares its users with its items."""

    @property
    @abstractmethod
    def item_vectors(self) -> Array:
        """One row an item, in the order of the training table."""

    @abstractmethod
    def fold_in(self, X: Any) -> Array:
        """The vectors of users, known or new, from what they used (users x items)."""

    def space(
        self,
        users: Array,
        *,
        user_ids: Iterable[Any] | None = None,
        item_ids: Iterable[Any] | None = None,
        user_metadata: Mapping[str, Any] | None = None,
        item_metadata: Mapping[str, Any] | None = None,
        seen: SparseRows | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Space:
        """A space of users, as ``fold_in`` gives them, and all items.

        Ids default to row numbers. Cells of ``seen`` (users x items) are left out of
        recommendations. ``about`` is added to the model's own provenance.
        """
        return Space(
            queries=Embeddings(users, ids=user_ids, metadata=user_metadata),
            items=Embeddings(self.item_vectors, ids=item_ids, metadata=item_metadata),
            trained_for=self.trained_for,
            seen=seen,
            about={**self.about, **(about or {})},
        )


MOST_NUMBERS = 1 << 28
"""The most items times training users: that many float32 numbers take 1.1 GB."""

BLOCK = 1024


@dataclass(frozen=True, eq=False)
class RawTable(Model):
    """The baseline without a model: items as columns of the training table.

    Columns are divided by their lengths. Its space has one dimension for each training user.
    Between two items, dot and cosine are the raw cosine; between a user and an item the dot product
    is the sum of the item's cosines with the items that the user used.

    Attributes
    ----------
    columns
        Training users x items, every column of length one (or zero): sparse, or a
        ``ShiftedTable`` where the columns were standardised.
    about
        How it was made, for the space.
    """

    columns: Any
    about: Mapping[str, Any]

    @property
    def trained_for(self) -> TrainedFor:
        """Items are unit vectors."""
        return "cosine"

    @property
    def item_vectors(self) -> Float32[Array, "items training_users"]:
        """The columns as rows, dense."""
        users, items = self.columns.shape
        vectors = np.empty((items, users), dtype=np.float32)
        for i in range(0, users, BLOCK):
            vectors[:, i : i + BLOCK] = self.columns[i : i + BLOCK].toarray().T
        return vectors

    def fold_in(self, X: Any) -> Float32[Array, "users training_users"]:
        """Users as the sums of the vectors of the items that they used.

        Raises ``ShapeError`` when the columns of ``X`` are not the items of the training table.
        """
        users, items = self.columns.shape
        check_columns(X, items, f"the training table had {items} items")
        used = as_rows(X)
        vectors = np.empty((used.shape[0], users), dtype=np.float32)
        for i in range(0, users, BLOCK):
            vectors[:, i : i + BLOCK] = used @ self.columns[i : i + BLOCK].toarray().T
        return vectors


def raw_table(X: Any, *, normalise: str | Normalisation = "none") -> RawTable:
    """The raw data as a space: ``x_i / |x_i|`` for the columns ``x_i`` of the training table.

    ``X`` is users x items, sparse or dense; ``normalise`` as in ``fit_linear``: the cosine of
    standardised columns is their correlation. Columns of zeros stay zero.

    Raises
    ------
    ShapeError
        More than 2^28 numbers (1.1 GB) would be needed.
    SpellingError
        ``exponents`` that divide predictions, of which there are none here.

    Examples
    --------
    >>> raw = raw_table(np.array([[1.0, 1], [1, 0], [0, 0], [0, 0]]))
    >>> raw.fold_in(np.array([[1.0, 0]])).round(3).tolist()
    [[0.707..., 0.707..., 0.0, 0.0]]
    """
    users, items = X.shape
    if users * items > MOST_NUMBERS:
        raise ShapeError(
            f"{users:,} training users and {items:,} items need {4 * users * items / 1e9:.1f} GB "
            f"of raw vectors, the most is {4 * MOST_NUMBERS / 1e9:.1f}: take fewer users or items, "
            "or a model"
        )
    rule = normalisation(normalise)
    learned = rule.learn(X)
    if learned.balances:
        raise SpellingError(
            f"{rule} divides predictions by popularity, and raw data predict nothing: take "
            "exponents(0,b)"
        )
    about = {
        "model": "raw data",
        "objective": "raw-data",
        "normalise": str(rule),
        "anglewise": version("anglewise"),
    }
    return RawTable(_unit_columns(learned.apply(X)), about)


def _unit_columns(table: Any) -> Any:
    scale = inverse(np.sqrt(_squares(table)))
    if isinstance(table, ShiftedTable):
        stored = scaled(table.table, columns=scale)
        return ShiftedTable(stored, table.left, table.right * scale)
    return scaled(table, columns=scale)


def _squares(table: Any) -> Float64[Array, " items"]:
    """The squared length of every column, without a dense table."""
    if not isinstance(table, ShiftedTable):
        return np.bincount(table.indices, table.data**2, minlength=table.shape[1]).astype(float)
    stored, u, v = table.table, table.left, table.right
    squares = np.bincount(stored.indices, stored.data**2, minlength=len(v))
    return np.maximum(squares - 2 * v * (stored.T @ u) + (u @ u) * v**2, 0)
