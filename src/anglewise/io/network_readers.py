"""Networks and decompositions that were trained elsewhere: their two tables, checked as scores."""

import inspect
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from anglewise.data_types.conversion import as_array, offers
from anglewise.data_types.embeddings import TrainedFor
from anglewise.data_types.numbers import check_word, described
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Array
from anglewise.errors import ShapeError, SpellingError, ValuesError
from anglewise.io.arrays import check_no_pickle, load_safetensors
from anglewise.io.files import existing_file, suffix
from anglewise.io.model_readers import Factors, model_array
from anglewise.io.tables import listed, plain

Loss: TypeAlias = Literal[
    "squared", "logistic", "softmax", "sampled-softmax", "bpr", "warp", "warp-kos"
]
"""What training made small; what each leaves free is told in ``docs/how-to/train.md``."""

_WORDS = (
    "",
    "s",
    "embedding",
    "embeddings",
    "embed",
    "emb",
    "factor",
    "factors",
    "table",
    "vectors",
)
USUAL = {
    **{f"{side}s": {side + word for word in _WORDS} for side in ("user", "item")},
    **{
        f"{side}_biases": {side + word for word in ("bias", "biases", "biasembedding")}
        for side in ("user", "item")
    },
}
"""What tables of a state dict are called, in small letters without ``weight``."""
CHECKED = 3
"""Users whose scores by the model are held against the products."""
NEAR = 1e-3
"""Scores and products may differ by this share of the largest score: float32 networks."""


def check_loss(loss: str | None) -> None:
    """Raise ``SpellingError`` for a loss that is none of those that are known.

    >>> check_loss("bpr")
    """
    if loss is not None:
        check_word(loss, get_args(Loss), "loss")


def named_factors(
    model: Any,
    parts: Mapping[str, Any],
    trained_for: TrainedFor,
    say: Say = quiet,
) -> Factors:
    """Factors by what was said to be their parts: arrays, or names of arrays in the model.

    ``parts`` has ``users``, ``items``, ``user_biases`` and ``item_biases``, None for what was not
    said. A model is a module, a state dict or any mapping of arrays, or a file of safetensors;
    names stand in ``state_dict()``, or with dots for attributes.

    >>> state = {"towers.0.weight": np.eye(2), "towers.1.weight": np.ones((3, 2))}
    >>> names = {"users": "towers.0.weight", "items": "towers.1.weight"}
    >>> named_factors(state, names, "dot").items.shape
    (3, 2)
    """
    arrays = _tables(model)
    found = {
        name: _part(model, arrays, name, value)
        for name, value in parts.items()
        if value is not None
    }
    if "items" not in found:
        found = {**_usual(arrays, found, say), **found}
    for name in ("user_biases", "item_biases"):
        if name in found:
            found[name] = found[name].reshape(-1)
    return Factors(
        items=found["items"],
        users=found.get("users"),
        user_biases=found.get("user_biases"),
        item_biases=found.get("item_biases"),
        trained_for=trained_for,
        about={"model": type(model).__name__} if not isinstance(model, str | Path) else {},
    )


def _tables(model: Any) -> Mapping[str, Any]:
    """Arrays by name; none where there is no telling."""
    if isinstance(model, str | Path):
        path = as_path(model, "a model")
        check_no_pickle(path)
        if suffix(path) != ".safetensors":
            raise SpellingError(f"{path} is no .safetensors: read_space reads vectors of files")
        return load_safetensors(existing_file(path))
    state = model.state_dict() if offers(model, "state_dict") else model
    return cast("Mapping[str, Any]", state) if isinstance(state, Mapping) else {}


def is_network(model: Any) -> bool:
    """Whether a model has tables by name: a module, a state dict, a file of safetensors."""
    return offers(model, "state_dict") or isinstance(model, Mapping | str | Path)


def _part(model: Any, arrays: Mapping[str, Any], name: str, value: Any) -> Array:
    if not isinstance(value, str):
        return _numbers(value, name)
    if value in arrays:
        return _numbers(arrays[value], f"{name} ({value})")
    if value + ".weight" in arrays:
        return _numbers(arrays[value + ".weight"], f"{name} ({value})")
    held = model
    for step in value.split("."):
        held = getattr(held, step, None)
    if held is None:
        raise SpellingError(f"{name}={value!r}: the model has no such table; {_choice(arrays)}")
    return _numbers(getattr(held, "weight", held), f"{name} ({value})")


def _numbers(value: Any, name: str) -> Array:
    array = as_array(value, f"the model's {name}")
    if array.dtype.kind not in "fiu":
        raise ValuesError(f"the model's {name} are of kind {array.dtype}: numbers are due")
    return array


def _usual(arrays: Mapping[str, Any], given: Mapping[str, Any], say: Say) -> dict[str, Array]:
    """The tables and biases of a usual name; ``SpellingError`` unless exactly one is each table.

    What else the network holds is said, as its scores may not be products alone.
    """
    found: dict[str, Array] = {}
    used: set[str] = set()
    for side, usual in USUAL.items():
        names = [name for name in arrays if _last(name) in usual and len(arrays[name].shape) <= 2]
        used |= set(names)
        if side in given or (side.endswith("biases") and not names):
            continue
        if len(names) != 1:
            raise SpellingError(
                f"{len(names) or 'no'} tables of the model are called as those of {side} are: say "
                f"{side}='NAME', or give the vectors, such as a tower makes; {_choice(arrays)}"
            )
        found[side] = _numbers(arrays[names[0]], names[0])
    others = [name for name in arrays if name not in used]
    if others:
        say(
            f"not read: {listed(others[:6])}; where the scores are no products of users and items "
            "alone, give what they multiply: users=, items="
        )
    return found


def _last(name: str) -> str:
    return plain(name.removesuffix(".weight").rpartition(".")[2])


def _is_table(value: Any) -> bool:
    return len(getattr(value, "shape", ())) == 2


def _choice(arrays: Mapping[str, Any]) -> str:
    tables = [f"{name} {tuple(arrays[name].shape)}" for name in arrays if _is_table(arrays[name])]
    return f"its tables are {listed(tables[:12])}" if tables else "it holds no tables by name"


def recbole_factors(model: Any, features: Mapping[str, Any]) -> Factors:
    """Users and items of a general recommender of RecBole, without the row of padding.

    Where ``forward`` takes nothing, as that of graph models does, it makes the vectors; else they
    are the tables ``user_embedding`` and ``item_embedding``. What ``full_sort_predict`` gives some
    users must be their products. ``dataset`` brings ids.

    Raises ``ValuesError`` for a model whose scores are no such products.
    """
    users, items = _recbole_tables(model)
    dataset = features.get("dataset")
    if users.ndim != 2 or items.ndim != 2 or users.shape[1] != items.shape[1]:
        raise ShapeError(
            f"the tables of {type(model).__name__} are {users.shape} and {items.shape}: two tables "
            "of one width are due"
        )
    rows = np.arange(1, min(len(users), CHECKED + 1))
    numbers: Any = next(iter(model.parameters())).new_tensor(rows.tolist()).long()
    with _resting(model):
        scores = as_array(model.full_sort_predict({model.USER_ID: numbers}), "scores")
    check_scores(
        scores.reshape(len(rows), -1)[:, 1:], users[rows] @ items[1:].T, type(model).__name__
    )
    return Factors(
        items=items[1:],
        users=users[1:],
        user_ids=_tokens(dataset, "uid_field", len(users)),
        item_ids=_tokens(dataset, "iid_field", len(items)),
        about={"library": "recbole", "model": type(model).__name__},
    )


def _recbole_tables(model: Any) -> tuple[Array, Array]:
    if not inspect.signature(model.forward).parameters:
        with _resting(model):
            users, items = model.forward()[:2]
    else:
        users, items = (
            getattr(getattr(model, name, None), "weight", None)
            for name in ("user_embedding", "item_embedding")
        )
    return model_array(users, "user vectors"), model_array(items, "item vectors")


@contextmanager
def _resting(model: Any) -> Generator[None, None, None]:
    """A module without dropout for a while."""
    was = bool(getattr(model, "training", False))
    model.eval()
    try:
        yield
    finally:
        model.train(was)


def _tokens(dataset: Any, field: str, rows: int) -> list[Any]:
    """RecBole's own names of rows, or their numbers, from 1: row 0 is padding."""
    if dataset is None:
        return list(range(1, rows))
    tokens = list(dataset.field2id_token[getattr(dataset, field)])
    if len(tokens) != rows:
        raise ShapeError(f"the data set names {len(tokens)} rows, the model has {rows}")
    return tokens[1:]


def sklearn_factors(model: Any, features: Mapping[str, Any]) -> Factors:
    """Items of a decomposition of scikit-learn; users where ``table`` is what it is to transform.

    ``inverse_transform`` of TruncatedSVD, PCA (whitened too) and NMF is a product with the items
    and a mean, which becomes a bias of each item: ``items = inverse_transform(I) - mean``.

    Raises ``ValuesError`` where it is no such product.
    """
    width = model_array(model.components_, "components_").shape[0]
    mean = model_array(model.inverse_transform(np.zeros((1, width))), "mean")[0]
    items = model_array(model.inverse_transform(np.eye(width)), "items") - mean
    probe = np.random.default_rng(0).uniform(size=(CHECKED, width))
    name = type(model).__name__
    back = model_array(model.inverse_transform(probe), "scores")
    check_scores(back, probe @ items + mean, name)
    factors = Factors(
        items=items.T,
        trained_for="dot",
        about={"library": "scikit-learn", "model": name, "loss": "squared"},
    )
    if features.get("table") is None:
        return factors
    users = model_array(model.transform(features["table"]), "users")
    return replace(factors, users=users, item_biases=mean if mean.any() else None)


def check_scores(scores: Array, products: Array, name: str) -> None:
    """Raise ``ValuesError`` unless what a model scores is the products of its vectors.

    >>> check_scores(np.ones((1, 2)), np.array([[1.0, 3.0]]), "NeuMF")
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: NeuMF scores otherwise than by products of these vectors ...
    """
    largest = float(np.abs(scores).max(initial=0))
    fits = scores.shape == products.shape
    if not fits or np.abs(scores - products).max(initial=0) > NEAR * largest + 1e-12:
        raise ValuesError(
            f"{name} scores otherwise than by products of these vectors (with an MLP, say), so "
            "that a space of them would not be the model: give the vectors that it multiplies, "
            "from_model(model, users=..., items=...)"
        )


def word_factors(model: Any, features: Mapping[str, Any], say: Say) -> Factors | None:
    """Both tables of gensim's negative sampling, where ``contexts`` is asked for.

    Items are the vectors that ``most_similar`` compares, queries the output vectors ``syn1neg``
    that they were multiplied with in training: a word predicts a context by their product. So the
    audit has both sides of the loss. None where the one table is taken.
    """
    outputs = getattr(model, "syn1neg", None)
    if not features.get("contexts"):
        if outputs is not None:
            say("the output vectors (syn1neg) are left out: contexts=True takes both sides")
        return None
    if outputs is None:
        kind = "hierarchical softmax has" if hasattr(model, "syn1") else "KeyedVectors have"
        raise ValuesError(
            f"contexts=True: {described(model)} came without output vectors of words (syn1neg); "
            f"{kind} none: give the whole model, trained with negative sampling"
        )
    keys = list(model.wv.index_to_key)
    return Factors(
        items=model_array(model.wv.vectors, "vectors"),
        users=model_array(outputs, "syn1neg"),
        item_ids=keys,
        user_ids=keys,
        about={"library": "gensim", "model": type(model).__name__, "loss": "logistic"},
    )
