"""Trained recommenders of other libraries, and the spaces they make; no library is imported."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.conversion import as_array
from anglewise.data_types.embeddings import (
    BIAS_COLUMNS,
    Embeddings,
    Seen,
    Space,
    TrainedFor,
    seen_rows,
)
from anglewise.data_types.sparse import SparseRows, distinct_pairs
from anglewise.data_types.text import Say, quiet
from anglewise.data_types.typing import Array, Int64
from anglewise.equivalent_factorisations.maps import FEWEST_ROWS
from anglewise.errors import FileError, ShapeError, SpellingError, ValuesError
from anglewise.io.arrow_files import arrow_sheet, matrix_of
from anglewise.io.files import arrow, existing_folder, naming, reading
from anglewise.io.tables import check_names, listed


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
    seen
        What users were trained on, where the library holds it.
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
    seen: Seen | None = None


def space_of_factors(factors: Factors, *, say: Say = quiet) -> Space:
    """The space whose inner products are the model's scores (without a global mean).

    Biases become two columns: users ``[p, 1, b_u]``, items ``[q, c_i, 1]``. They are named in
    ``about["bias_columns"]``, so that no cosine between items counts them as a direction.

    Raises ``ShapeError`` when the parts do not fit each other.

    >>> biased = Factors(np.eye(2), np.ones((1, 2)), np.array([0.5]), np.array([0.0, 3.0]))
    >>> space = space_of_factors(biased, say=print)
    biases became columns 2 and 3; no cosine between items counts them (@with-biases does)
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
            of_users = _bias_column(factors.user_biases, len(users), "user")
            of_items = _bias_column(factors.item_biases, len(items), "item")
            users = np.column_stack([users, np.ones(len(users)), of_users])
            items = np.column_stack([items, of_items, np.ones(len(items))])
            about[BIAS_COLUMNS] = [*about[BIAS_COLUMNS], d, d + 1]
            columns = f"columns {d} and {d + 1}"
            say(f"biases became {columns}; no cosine between items counts them (@with-biases does)")
        elif factors.bias_columns:
            names = " and ".join(map(str, factors.bias_columns))
            say(f"bias columns: {names}; no cosine between items counts them (@with-biases does)")
    ranked = Embeddings(items, ids=factors.item_ids, metadata=factors.item_metadata)
    asking = None if users is None else Embeddings(users, ids=factors.user_ids)
    seen = factors.seen
    if seen is not None:
        seen = seen_rows(seen, ranked if asking is None else asking, ranked, say=say)
    return Space(
        items=ranked, queries=asking, trained_for=factors.trained_for, seen=seen, about=about
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


def _bias_column(values: Array | None, rows: int, side: str) -> Array:
    if values is None:
        return np.zeros(rows)
    if values.size != rows:
        raise ShapeError(f"{values.size} {side} biases for {rows} {side}s: one each is due")
    if values.dtype.kind not in "fiub":
        raise ValuesError(f"{side} biases are of kind {values.dtype}: real numbers are due")
    return values.reshape(rows)


LOSSES = {"BayesianPersonalizedRanking": "bpr", "LogisticMatrix": "logistic"}
"""What implicit's models make small, by how their class is called."""


def implicit_factors(model: Any, _features: Mapping[str, Any]) -> Factors:
    """Users and items, with the columns named that the training keeps for biases."""
    users = model_array(model.user_factors, "user_factors")
    items = model_array(model.item_factors, "item_factors")
    name = type(model).__name__
    loss = next((LOSSES[word] for word in LOSSES if name.startswith(word)), None)
    return Factors(
        items=items,
        users=users,
        bias_columns=bias_columns(users, items, getattr(model, "factors", None)),
        about={"library": "implicit", "model": name, **({"loss": loss} if loss else {})},
    )


def bias_columns(users: Array, items: Array, factors: Any) -> tuple[int, ...]:
    """The columns beyond the number of factors that was asked for, if one side is constant there.

    BPR adds one column (1 for users, a bias for items), logistic factorisation two (one of each);
    ALS none. Where the number is not known (``None``), constant columns alone tell.
    """
    if users.ndim != 2 or users.shape[1:] != items.shape[1:]:
        return ()
    first = 0 if factors is None else int(factors)
    return tuple(
        column
        for column in range(first, users.shape[1])
        if any(_constant(side[:, column]) for side in (users, items))
    )


def _constant(column: Array) -> bool:
    return bool(len(column) >= FEWEST_ROWS and column[0] != 0 and (column == column[0]).all())


def gensim_factors(model: Any, _features: Mapping[str, Any]) -> Factors:
    """The vectors by key; how often each came, where that is kept, as the column ``popularity``.

    Nobody says what such vectors should be compared by: they were trained on products with
    output vectors that are not here.
    """
    keyed = getattr(model, "wv", model)
    vectors, keys = model_array(keyed.vectors, "vectors"), list(keyed.index_to_key)
    counts = dict(getattr(keyed, "expandos", None) or {}).get("count")
    if counts is not None and len(counts) != len(keys):
        raise ShapeError(f"{len(counts)} counts for {len(keys)} keys: one each is due")
    return Factors(
        items=vectors,
        item_ids=keys,
        item_metadata=None if counts is None else {"popularity": [int(n) for n in counts]},
        trained_for="unknown",
        about={"library": "gensim", "model": type(model).__name__},
    )


def lenskit_factors(model: Any, _features: Mapping[str, Any]) -> Factors:
    """Users and items with ids; biases of a biased model, the global one in ``about``."""
    if model.user_embeddings is None:
        raise ValuesError(
            "this model kept no user embeddings: train it with user_embeddings=True, so that "
            "users and items come from one model"
        )
    bias = getattr(model, "bias", None)
    about: dict[str, Any] = {"library": "lenskit", "model": type(model).__name__}
    if bias is not None:
        about["global_mean"] = float(bias.global_bias)
    return Factors(
        items=model_array(model.item_embeddings, "item_embeddings"),
        users=model_array(model.user_embeddings, "user_embeddings"),
        user_biases=_biases(bias, "user_biases"),
        item_biases=_biases(bias, "item_biases"),
        user_ids=_ids(getattr(model, "users", None)),
        item_ids=_ids(model.items),
        about=about,
    )


def _biases(bias: Any, name: str) -> Array | None:
    values = getattr(bias, name, None)
    return None if values is None else model_array(values, name)


def _ids(vocabulary: Any) -> list[Any] | None:
    return None if vocabulary is None else list(vocabulary.ids())


def lightfm_factors(model: Any, features: Mapping[str, Any]) -> Factors:
    """Users and items with their biases; ``user_features`` and ``item_features`` as in fitting."""
    user_biases, users = model.get_user_representations(features.get("user_features"))
    item_biases, items = model.get_item_representations(features.get("item_features"))
    return Factors(
        items=model_array(items, "item representations"),
        users=model_array(users, "user representations"),
        user_biases=model_array(user_biases, "user biases"),
        item_biases=model_array(item_biases, "item biases"),
        about={"library": "lightfm", "loss": str(getattr(model, "loss", "unknown"))},
    )


def rectools_factors(model: Any, features: Mapping[str, Any]) -> Factors:
    """Users and items; ids where ``dataset=`` brings RecTools' data set.

    Models with features (LightFM's) need the data set to make their vectors.
    """
    dataset = features.get("dataset")
    wants = "dataset" in inspect.signature(model.get_vectors).parameters
    if wants and dataset is None:
        raise SpellingError(
            f"{type(model).__name__} makes its vectors from the data set: from_model(model, "
            "dataset=...)"
        )
    users, items = model.get_vectors(dataset) if wants else model.get_vectors()
    users, items = model_array(users, "user vectors"), model_array(items, "item vectors")
    return Factors(
        items=items,
        users=users,
        bias_columns=bias_columns(users, items, None),
        user_ids=None if dataset is None else dataset.user_id_map.external_ids,
        item_ids=None if dataset is None else dataset.item_id_map.external_ids,
        seen=_interactions_of(dataset, (len(users), len(items))),
        about={"library": "rectools", "model": type(model).__name__},
    )


def _interactions_of(dataset: Any, shape: tuple[int, int]) -> SparseRows | None:
    """The interactions of RecTools' data set, whose numbers are the rows of the vectors."""
    frame = getattr(getattr(dataset, "interactions", None), "df", None)
    if frame is None:
        return None
    return distinct_pairs(np.asarray(frame["user_id"]), np.asarray(frame["item_id"]), shape)


def surprise_factors(model: Any, _features: Mapping[str, Any]) -> Factors:
    """Users and items with the ids of the ratings; biases if the model is biased.

    Raises ``ValuesError`` for SVD++, whose users also depend on what they rated.
    """
    if hasattr(model, "yj"):
        raise ValuesError(
            "SVD++ moves each user by what was rated, so pu alone is not where users stand: add "
            "sum(yj[rated]) / sqrt(len(rated)) to it and give the arrays as .npy"
        )
    biased = bool(getattr(model, "biased", False))
    trainset = getattr(model, "trainset", None)
    about: dict[str, Any] = {"library": "surprise", "model": type(model).__name__}
    users, items = model_array(model.pu, "pu"), model_array(model.qi, "qi")
    user_ids = item_ids = seen = None
    if trainset is not None:
        user_ids = [trainset.to_raw_uid(row) for row in range(len(users))]
        item_ids = [trainset.to_raw_iid(row) for row in range(len(items))]
        ratings: Any = getattr(trainset, "all_ratings", None)
        rated: list[Any] = [] if ratings is None else list(ratings())
        if rated:
            pairs = np.array([rating[:2] for rating in rated], dtype=np.int64)
            seen = distinct_pairs(pairs[:, 0], pairs[:, 1], (len(users), len(items)))
        if biased:
            about["global_mean"] = float(trainset.global_mean)
    return Factors(
        items=items,
        users=users,
        user_biases=model_array(model.bu, "bu") if biased else None,
        item_biases=model_array(model.bi, "bi") if biased else None,
        user_ids=user_ids,
        item_ids=item_ids,
        about=about,
        seen=seen,
    )


SIDES = ("userFactors", "itemFactors")
ABOUT = {"library": "spark", "model": "ALSModel"}


def spark_factors(model: Any, _features: Mapping[str, Any]) -> Factors:
    """Users and items collected from the cluster, in the order of their ids."""
    (user_ids, users), (item_ids, items) = (_collected(getattr(model, name)) for name in SIDES)
    return Factors(items=items, users=users, user_ids=user_ids, item_ids=item_ids, about=ABOUT)


def is_spark_folder(folder: Path) -> bool:
    """Whether Spark saved an ``ALSModel`` here."""
    return any((folder / name).is_dir() for name in SIDES)


def read_spark_model(folder: Path, say: Say = quiet) -> Space:
    """Read ``userFactors`` and ``itemFactors`` (parquet of ``id``, ``features``) of a saved model.

    Rows are ordered by id, since Spark keeps no order. Raises ``FileError``, ``ShapeError``,
    ``ValuesError`` or ``IdsError`` naming the file or folder.
    """
    (user_ids, users), (item_ids, items) = (_side(folder / name) for name in SIDES)
    say(f"{folder.name} is a model of Spark's ALS: taken as trained for dot")
    with naming(folder):
        return space_of_factors(
            Factors(
                items=items,
                users=users,
                user_ids=user_ids,
                item_ids=item_ids,
                about={**ABOUT, "read_from": str(folder)},
            )
        )


def _side(folder: Path) -> tuple[list[int], Array]:
    files = sorted(existing_folder(folder).glob("part-*.parquet"))
    if not files:
        raise FileError(f"{folder} holds no part-*.parquet: copy the whole model again")
    parts = [_part(file) for file in files]
    widths = {vectors.shape[1] for _, vectors in parts}
    if len(widths) > 1:
        raise FileError(f"{folder}: parts of {listed(sorted(map(str, widths)))} features are mixed")
    return _by_id(np.concatenate([i for i, _ in parts]), np.concatenate([v for _, v in parts]))


def _part(file: Path) -> tuple[Int64[Array, " rows"], Array]:
    sheet = arrow_sheet(file)
    names = sheet.names or ()
    if not {"id", "features"} <= set(names):
        raise FileError(f"{file} has the columns {listed(names)}: id and features are due")
    check_names(names, file)
    ids, features = sheet.columns([names.index("id"), names.index("features")])
    with reading(file, "a model whose ids are whole numbers"):  # not as floats: every digit counts
        numbers = arrow("compute").cast(ids, arrow().int64()).to_pylist()
        return np.array(numbers, dtype=np.int64), matrix_of(sheet, features)


def _by_id(ids: Int64[Array, " rows"], vectors: Array) -> tuple[list[int], Array]:
    order = np.argsort(ids, kind="stable")
    return ids[order].tolist(), vectors[order]


def _collected(table: Any) -> tuple[list[int], Array]:
    rows = list(table.select("id", "features").collect())
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    return _by_id(ids, np.array([list(row[1]) for row in rows], dtype=np.float32))
