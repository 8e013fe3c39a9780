"""gensim's ``KeyedVectors`` and the models that hold them: words, one side alone."""

from collections.abc import Mapping
from typing import Any

from anglewise.errors import ShapeError
from anglewise.interop.factors import Factors, as_array


def recognised(model: Any) -> bool:
    """Whether an object is, or holds, vectors by key."""
    return _is_keyed(model) or _is_keyed(getattr(model, "wv", None))


def factors_of(model: Any, _features: Mapping[str, Any]) -> Factors:
    """The vectors by key; how often each came, where that is kept, as the column ``popularity``.

    Nobody says what such vectors should be compared by: they were trained on products with
    output vectors that are not here.
    """
    keyed = model if _is_keyed(model) else model.wv
    vectors, keys = as_array(keyed.vectors, "vectors"), list(keyed.index_to_key)
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


def _is_keyed(thing: Any) -> bool:
    return hasattr(thing, "index_to_key") and hasattr(thing, "vectors")
