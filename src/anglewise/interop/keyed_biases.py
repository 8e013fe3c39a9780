"""Bias columns of factor models that were saved as named arrays."""

from collections.abc import Mapping

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array
from anglewise.interop.columns import plain
from anglewise.interop.factors import Factors, space_of_factors
from anglewise.interop.files import naming
from anglewise.interop.implicit_model import bias_columns
from anglewise.interop.keyed import Keyed
from anglewise.interop.say import Say

IMPLICIT = {"user_factors", "item_factors"}
USER, ITEM = ("userbiases", "userbias", "bu"), ("itembiases", "itembias", "bi")
"""What arrays of biases are called, in small letters alone."""


def with_biases(space: Space, file: Keyed, say: Say) -> Space:
    """The space with the bias columns of its file named, or added where they lie apart.

    implicit's files say how many factors were asked for, and columns beyond are biases; LightFM's
    and Surprise's biases are arrays of their own. A file without any changes nothing.
    """
    arrays = file.arrays
    of_users, of_items = _named(arrays, USER), _named(arrays, ITEM)
    users, items = space.queries.vectors, space.items.vectors
    inside: tuple[int, ...] = ()
    if set(arrays) >= IMPLICIT:
        inside = bias_columns(users, items, _number(arrays.get("factors")))
    if of_users is None and of_items is None and not inside:
        return space
    with naming(file.path):
        found = space_of_factors(
            Factors(items, users, of_users, of_items, inside, about=space.about), say=say
        )
        return Space(
            items=space.items.with_vectors(found.items.vectors),
            queries=space.queries.with_vectors(found.queries.vectors),
            trained_for="dot" if space.trained_for == "unknown" else space.trained_for,
            about=found.about,
        )


def _named(arrays: Mapping[str, Array], names: tuple[str, ...]) -> Array | None:
    known = {plain(name): array for name, array in arrays.items()}
    return next((known[name] for name in names if name in known), None)


def _number(array: Array | None) -> int | None:
    """How many factors are told, where that is one whole number."""
    if array is None or array.ndim or array.dtype.kind not in "iu":
        return None
    return int(array)
