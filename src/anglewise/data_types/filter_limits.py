"""What filters may be made of: they come from programs and from whoever asks these."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from anglewise.data_types.numbers import LARGEST, described
from anglewise.errors import SpellingError, WrongTypeError

MOST_DEPTH = 20
"""Filters that may stand in one another; people write two or three."""


def check_depth(where: Any) -> None:
    """Raise ``SpellingError`` for dicts and lists that stand in one another deeper than is read.

    Of one that holds itself no end would be found.

    >>> check_depth({"or": [{"year": 1995}, {"not": {"year": None}}]})
    """
    level = [where]
    for _ in range(MOST_DEPTH):
        inner = [part for value in level for part in _inside(value)]
        if not inner:
            return
        level = list({id(part): part for part in inner}.values())
    raise SpellingError(
        f"a filter holds filters more than {MOST_DEPTH} deep: write it with fewer in one another"
    )


def _inside(value: Any) -> Iterable[Any]:
    """What a dict, a list or joined filters hold."""
    if isinstance(value, Mapping):
        return cast("Mapping[Any, Any]", value).values()
    if isinstance(value, list | tuple):
        return cast("list[Any]", value)
    return getattr(value, "parts", ())


def check_value(name: str, value: Any) -> None:
    """Raise for what no cell of a column is compared with.

    ``SpellingError`` for a number beyond all that columns are compared by, ``WrongTypeError`` for
    an array.

    >>> check_value("year", 10**400)
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: the filter of 'year' compares with an int (100000...
    """
    if isinstance(value, int) and abs(value) > LARGEST:
        raise SpellingError(
            f"the filter of {name!r} compares with {described(value)}: a number of at most "
            f"{LARGEST:g} is due"
        )
    if hasattr(value, "__array__"):
        raise WrongTypeError(
            f"the filter of {name!r} compares with {described(value)}: one value is due, or a "
            "list (.tolist() makes one)"
        )
