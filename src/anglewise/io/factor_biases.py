"""Biases that stand beside or among the factors of a file of arrays."""

from collections.abc import Mapping

from anglewise.data_types.embeddings import Space
from anglewise.data_types.text import Say
from anglewise.data_types.typing import Array
from anglewise.io.arrays import Keyed
from anglewise.io.files import naming
from anglewise.io.model_readers import Factors, bias_columns, space_of_factors
from anglewise.io.tables import plain

IMPLICIT = {"user_factors", "item_factors"}
USER, ITEM = ("userbiases", "userbias", "bu"), ("itembiases", "itembias", "bi")
"""What arrays of biases are called, in small letters alone."""


def with_biases(space: Space, file: Keyed, say: Say) -> Space:
    """The space with the bias columns of its file named, or added where they lie apart.

    implicit's files say how many factors were asked for, and columns beyond are biases; LightFM's
    and Surprise's biases are arrays of their own. A file without any changes nothing.
    """
    arrays = file.arrays
    of_users, of_items = _named_bias(arrays, USER), _named_bias(arrays, ITEM)
    users, items = space.queries.vectors, space.items.vectors
    inside: tuple[int, ...] = ()
    if set(arrays) >= IMPLICIT:
        inside = bias_columns(users, items, _number(arrays.get("factors")))
    if of_users is None and of_items is None and not inside:
        return space
    with naming(file.path):
        biased = space_of_factors(
            Factors(items, users, of_users, of_items, inside, about=space.about), say=say
        )
        return Space(
            items=space.items.with_vectors(biased.items.vectors),
            queries=space.queries.with_vectors(biased.queries.vectors),
            trained_for=space.trained_for,
            about=biased.about,
        )


def bias_names(file: Keyed) -> list[str]:
    """The names of its arrays of biases, which only inner products take in."""
    return [name for name in file.arrays if plain(name) in {*USER, *ITEM}]


def _named_bias(arrays: Mapping[str, Array], names: tuple[str, ...]) -> Array | None:
    by_name = {plain(name): array for name, array in arrays.items()}
    return next((by_name[name] for name in names if name in by_name), None)


def _number(array: Array | None) -> int | None:
    """How many factors are told, where that is one whole number."""
    if array is None or array.ndim or array.dtype.kind not in "iu":
        return None
    return int(array)
