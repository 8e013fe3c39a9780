"""What a trained recommender knows, whatever library trained it, and the space it makes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from anglewise.core.conversion import Sparse, as_array
from anglewise.core.embeddings import Embeddings, Space, TrainedFor
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array
from anglewise.errors import ShapeError, ValuesError
from anglewise.gauges.maps import BIAS_COLUMNS
from anglewise.io.files import Say, quiet


@dataclass(frozen=True, eq=False)
class Factors:
    """Vectors of users and items (or items alone), with biases apart or among their columns.

    Attributes
    ----------
    users, items
        ``rows x d``; ``users=None`` for one side alone.
    user_biases, item_biases
        What is added to the score of every pair, one a row; none where the model has none.
    bias_columns
        Columns of ``users`` and ``items`` that hold biases already.
    about
        Provenance: the library and the kind of the model, a global mean.
    """

    items: Array
    users: Array | None = None
    user_biases: Array | None = None
    item_biases: Array | None = None
    bias_columns: tuple[int, ...] = ()
    user_ids: Iterable[Any] | None = None
    item_ids: Iterable[Any] | None = None
    item_metadata: Mapping[str, Any] | None = None
    trained_for: TrainedFor = "dot"
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])


def space_of_factors(
    factors: Factors, *, seen: SparseRows | Sparse | None = None, say: Say = quiet
) -> Space:
    """The space whose inner products are the model's scores (without a global mean).

    Biases become two columns: users ``[p, 1, b_u]``, items ``[q, c_i, 1]``. They are named in
    ``about["bias_columns"]``, so that no cosine between items counts them as a direction.

    Raises ``ShapeError`` when the parts do not fit each other.

    >>> biased = Factors(np.eye(2), np.ones((1, 2)), np.array([0.5]), np.array([0.0, 3.0]))
    >>> space = space_of_factors(biased, say=print)
    biases became columns 2 and 3, which no cosine between items counts
    >>> space.queries.vectors.tolist(), space.items.vectors.tolist()
    ([[1.0, 1.0, 1.0, 0.5]], [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 3.0, 1.0]])
    """
    items, users = _matrix(factors.items, "items"), None
    about: dict[str, Any] = {**factors.about, BIAS_COLUMNS: list(factors.bias_columns)}
    if factors.users is None:
        if factors.item_biases is not None:
            raise ShapeError("item biases came without users: users and items are due")
    else:
        users = _matrix(factors.users, "users")
        if factors.user_biases is not None or factors.item_biases is not None:
            d = items.shape[1]
            of_users = _biases(factors.user_biases, len(users), "user")
            of_items = _biases(factors.item_biases, len(items), "item")
            users = np.column_stack([users, np.ones(len(users)), of_users])
            items = np.column_stack([items, of_items, np.ones(len(items))])
            about[BIAS_COLUMNS] = [*about[BIAS_COLUMNS], d, d + 1]
            say(f"biases became columns {d} and {d + 1}, which no cosine between items counts")
        elif factors.bias_columns:
            names = " and ".join(map(str, factors.bias_columns))
            say(f"bias columns: {names}; no cosine between items counts them")
    return Space(
        items=Embeddings(items, ids=factors.item_ids, metadata=factors.item_metadata),
        queries=None if users is None else Embeddings(users, ids=factors.user_ids),
        trained_for=factors.trained_for,
        seen=seen,
        about=about,
    )


def model_array(value: Any, name: str) -> Array:
    """The numbers of an attribute of a model: NumPy, PyTorch, matrices on the graphics card.

    Raises ``ValuesError`` for what is not there (a model that was not fitted).

    >>> model_array([[1, 2]], "item_factors").tolist()
    [[1, 2]]
    """
    if value is None:
        raise ValuesError(f"the model's {name} is None: fit it first")
    array = as_array(value, f"the model's {name}")
    if array.dtype.kind not in "fiub":
        raise ValuesError(f"the model's {name} is of kind {array.dtype}: numbers are due")
    return array


def _matrix(values: Array, side: str) -> Array:
    if values.ndim != 2:
        raise ShapeError(f"the vectors of the {side} have shape {values.shape}: a table is due")
    return values


def _biases(values: Array | None, rows: int, side: str) -> Array:
    if values is None:
        return np.zeros(rows)
    if values.size != rows:
        raise ShapeError(f"{values.size} {side} biases for {rows} {side}s: one each is due")
    if values.dtype.kind not in "fiub":
        raise ValuesError(f"{side} biases are of kind {values.dtype}: real numbers are due")
    return values.reshape(rows)
