"""A trained recommender as a space, whatever library trained it; none is imported."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from anglewise.core.embeddings import Space
from anglewise.core.sparse import SparseRows
from anglewise.errors import SpellingError
from anglewise.interop.factors import Factors, space_of_factors
from anglewise.interop.gensim_model import factors_of as gensim_factors
from anglewise.interop.gensim_model import recognised as is_gensim
from anglewise.interop.implicit_model import factors_of as implicit_factors
from anglewise.interop.implicit_model import recognised as is_implicit
from anglewise.interop.lenskit_model import factors_of as lenskit_factors
from anglewise.interop.lenskit_model import recognised as is_lenskit
from anglewise.interop.lightfm_model import factors_of as lightfm_factors
from anglewise.interop.lightfm_model import recognised as is_lightfm
from anglewise.interop.rectools_model import factors_of as rectools_factors
from anglewise.interop.rectools_model import recognised as is_rectools
from anglewise.interop.say import Say, quiet
from anglewise.interop.spark_model import factors_of as spark_factors
from anglewise.interop.spark_model import recognised as is_spark
from anglewise.interop.surprise_model import factors_of as surprise_factors
from anglewise.interop.surprise_model import recognised as is_surprise

READERS: Mapping[str, tuple[Callable[[Any], bool], Callable[[Any, Mapping[str, Any]], Factors]]] = {
    "RecTools": (is_rectools, rectools_factors),
    "implicit": (is_implicit, implicit_factors),
    "LightFM": (is_lightfm, lightfm_factors),
    "LensKit": (is_lenskit, lenskit_factors),
    "Spark": (is_spark, spark_factors),
    "Surprise": (is_surprise, surprise_factors),
    "gensim": (is_gensim, gensim_factors),
}
"""The first that recognises a model reads it."""


def from_model(
    model: Any,
    *,
    user_ids: Iterable[Any] | None = None,
    item_ids: Iterable[Any] | None = None,
    seen: SparseRows | None = None,
    say: Say = quiet,
    **features: Any,
) -> Space:
    """Take users and items from a fitted model of implicit, LightFM, RecTools, LensKit, ...

    A model is known by its attributes, not by its class: implicit's ``user_factors``, LightFM's
    ``get_user_representations``, RecTools' ``get_vectors``, LensKit's ``user_embeddings``, Spark's
    ``userFactors``, Surprise's ``pu``, gensim's ``index_to_key``. Saved objects (pickles) are not
    read, since reading them runs code: load them with the library and give the object. Scores of
    users and items are inner products of the space, up to a global mean (``about``). Biases become
    columns named in ``about["bias_columns"]``.

    Parameters
    ----------
    user_ids, item_ids
        What the rows are called, where the model does not know it.
    seen
        What users used in training, left out of recommendations.
    say
        Told what became of biases.
    features
        What a library needs to make its vectors: ``user_features`` and ``item_features`` of
        LightFM, ``dataset`` of RecTools.

    Raises
    ------
    SpellingError
        An object of no such library.
    ValuesError, ShapeError, IdsError
        A model that was not fitted, or parts that do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> als = SimpleNamespace(user_factors=np.eye(2), item_factors=np.ones((3, 2)), factors=2)
    >>> space = from_model(als, item_ids=["a", "b", "c"])
    >>> space.items, space.trained_for, list(space.items.ids)
    (Embeddings(3 x 2), 'dot', ['a', 'b', 'c'])
    """
    for recognised, factors_of in READERS.values():
        if recognised(model):
            factors = factors_of(model, features)
            factors = replace(
                factors,
                user_ids=factors.user_ids if user_ids is None else user_ids,
                item_ids=factors.item_ids if item_ids is None else item_ids,
            )
            return space_of_factors(factors, seen=seen, say=say)
    raise SpellingError(
        f"{type(model).__name__} is no model that is known ({', '.join(READERS)}): give its "
        "arrays, Space(queries=Embeddings(users), items=Embeddings(items), trained_for='dot')"
    )
