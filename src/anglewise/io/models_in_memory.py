"""A trained model in memory becomes a space; no library is imported."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from anglewise.data_types.embeddings import Seen, Space, TrainedFor, check_trained_for
from anglewise.data_types.text import Say, listed, quiet
from anglewise.errors import SpellingError
from anglewise.io.model_readers import (
    SIDES,
    Factors,
    gensim_factors,
    implicit_factors,
    lenskit_factors,
    lightfm_factors,
    rectools_factors,
    space_of_factors,
    spark_factors,
    surprise_factors,
)
from anglewise.io.network_readers import (
    Loss,
    check_loss,
    is_network,
    named_factors,
    recbole_factors,
    sklearn_factors,
    word_factors,
)

READERS: Mapping[str, tuple[tuple[str, ...], Callable[[Any, Mapping[str, Any]], Factors]]] = {
    "RecTools": (("get_vectors",), rectools_factors),
    "implicit": (("user_factors", "item_factors"), implicit_factors),
    "LightFM": (("get_user_representations", "get_item_representations"), lightfm_factors),
    "LensKit": (("user_embeddings", "item_embeddings", "items"), lenskit_factors),
    "Spark": (SIDES, spark_factors),
    "Surprise": (("pu", "qi"), surprise_factors),
    "RecBole": (("full_sort_predict", "USER_ID", "ITEM_ID"), recbole_factors),
    "scikit-learn": (("components_", "transform", "inverse_transform"), sklearn_factors),
    "gensim": (("index_to_key", "vectors"), gensim_factors),
}
"""Each library by what its models have; the first that fits reads a model."""
FEATURES: Mapping[str, tuple[str, ...]] = {
    "RecTools": ("dataset",),
    "LightFM": ("user_features", "item_features"),
    "RecBole": ("dataset",),
    "scikit-learn": ("table",),
    "gensim": ("contexts",),
}
"""What each takes beside its model."""


def from_model(
    model: Any,
    *,
    users: Any = None,
    items: Any = None,
    user_biases: Any = None,
    item_biases: Any = None,
    trained_for: TrainedFor | None = None,
    loss: Loss | None = None,
    user_ids: Iterable[Any] | None = None,
    item_ids: Iterable[Any] | None = None,
    seen: Seen | None = None,
    say: Say = quiet,
    **features: Any,
) -> Space:
    """Take users and items from a fitted model of implicit, LightFM, RecBole, PyTorch, ...

    A model is known by its attributes, not by its class: implicit's ``user_factors``, LightFM's
    ``get_user_representations``, RecTools' ``get_vectors``, LensKit's ``user_embeddings``, Spark's
    ``userFactors``, Surprise's ``pu``, RecBole's ``full_sort_predict``, scikit-learn's
    ``components_``, gensim's ``index_to_key``, and of networks the tables of ``state_dict()``.
    Saved objects (pickles) are not read, since reading them runs code: load them with the library
    and give the object. Scores of users and items are inner products of the space, up to a global
    mean (``about``). Biases become
    columns named in ``about["bias_columns"]``.

    Parameters
    ----------
    model
        An object as above; a PyTorch module, its state dict or any mapping of arrays; a file of
        safetensors.
    users, items, user_biases, item_biases
        Vectors, such as two towers make of all users and all items, or names of tables in the
        model: ``items="item_tower.table.weight"``. Where ``items`` alone is given, there is one
        side. Without them a network must have one table called as those of users are, and one of
        items.
    trained_for
        What the loss compared the vectors by: ``cosine`` where the network brings them to one
        length and they are given so; otherwise what the library trains for, mostly ``dot``.
    loss
        What training made small. Of a softmax over items, BPR and WARP, which read differences of
        one user's scores, ``audit --trainings`` also takes off a shift of all items.
    user_ids, item_ids
        What the rows are called, where the model does not know it.
    seen
        What users used in training, left out of recommendations: a sparse matrix of SciPy, row for
        row, or interactions or a frame with ``user_id`` and ``item_id``, by ids. Without it what
        the model holds: RecTools' data set, Surprise's ratings.
    say
        Told what became of biases, and where ``seen`` came from.
    features
        What a library needs to make its vectors: ``user_features`` and ``item_features`` of
        LightFM, ``dataset`` of RecTools and RecBole, ``table`` that scikit-learn is to transform,
        and ``contexts=True`` for both tables of gensim's negative sampling.

    Raises
    ------
    SpellingError
        An object of no such library, a table that is not there, or what the library does not take.
    ValuesError, ShapeError, IdsError
        A model that was not fitted, whose scores are no products of its vectors, or parts that do
        not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> als = SimpleNamespace(user_factors=np.eye(2), item_factors=np.ones((3, 2)), factors=2)
    >>> space = from_model(als, item_ids=["a", "b", "c"])
    >>> space.items, space.trained_for, list(space.items.ids)
    (Embeddings(3 x 2), 'dot', ['a', 'b', 'c'])
    """
    check_loss(loss)
    if trained_for is not None:
        check_trained_for(trained_for)
    parts = {"users": users, "items": items, "user_biases": user_biases, "item_biases": item_biases}
    library, factors = _factors(model, parts, trained_for or "dot", features, say)
    about = {**factors.about, **({} if loss is None else {"loss": loss})}
    if loss is not None and factors.about.get("loss") not in {None, loss}:
        say(f"the model says {factors.about['loss']!r} of its loss: {loss!r} is taken, as given")
    factors = replace(
        factors,
        user_ids=factors.user_ids if user_ids is None else user_ids,
        item_ids=factors.item_ids if item_ids is None else item_ids,
        trained_for=factors.trained_for if trained_for is None else trained_for,
        about=about,
    )
    if seen is not None and factors.seen is not None:
        say(f"seen: taken in place of the interactions that {library} holds")
    elif factors.seen is not None:
        say(f"{library} holds what users were trained on: they are not shown it again")
    given = factors.seen if seen is None else seen
    return space_of_factors(replace(factors, seen=given), say=say)


def _factors(
    model: Any,
    parts: Mapping[str, Any],
    trained_for: TrainedFor,
    features: Mapping[str, Any],
    say: Say,
) -> tuple[str, Factors]:
    """The library and what it holds; by names or arrays, where these were given."""
    if any(value is not None for value in parts.values()):
        _check_features(features, "a model whose parts are named")
        return "the model", named_factors(model, parts, trained_for, say)
    for library, (attributes, factors_of) in READERS.items():
        holder = getattr(model, "wv", model) if library == "gensim" else model
        if all(hasattr(holder, name) for name in attributes):
            _check_features(features, library, FEATURES.get(library, ()))
            both = word_factors(model, features, say) if library == "gensim" else None
            return library, both or factors_of(model, features)
    if is_network(model):
        _check_features(features, "a network")
        return "the network", named_factors(model, parts, trained_for, say)
    raise SpellingError(
        f"{type(model).__name__} is no model that is known ({', '.join(READERS)}): give its "
        "vectors, from_model(model, users=..., items=...)"
    )


def _check_features(features: Mapping[str, Any], whose: str, known: tuple[str, ...] = ()) -> None:
    unknown = [name for name in features if name not in known]
    if unknown:
        takes = f"takes {listed(list(known))}" if known else "takes nothing more"
        raise SpellingError(f"{unknown[0]}=: {whose} {takes}: leave it out, or mend its name")
