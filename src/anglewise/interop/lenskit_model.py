"""LensKit's factor models: embeddings, vocabularies of ids, and a bias model where there is one."""

from collections.abc import Mapping
from typing import Any

from anglewise.core.typing import Array
from anglewise.errors import ValuesError
from anglewise.interop.factors import Factors, as_array


def recognised(model: Any) -> bool:
    """Whether an object has LensKit's embeddings and vocabularies."""
    return all(hasattr(model, name) for name in ("user_embeddings", "item_embeddings", "items"))


def factors_of(model: Any, _features: Mapping[str, Any]) -> Factors:
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
        items=as_array(model.item_embeddings, "item_embeddings"),
        users=as_array(model.user_embeddings, "user_embeddings"),
        user_biases=_biases(bias, "user_biases"),
        item_biases=_biases(bias, "item_biases"),
        user_ids=_ids(getattr(model, "users", None)),
        item_ids=_ids(model.items),
        about=about,
    )


def _biases(bias: Any, name: str) -> Array | None:
    values = getattr(bias, name, None)
    return None if values is None else as_array(values, name)


def _ids(vocabulary: Any) -> list[Any] | None:
    return None if vocabulary is None else list(vocabulary.ids())
