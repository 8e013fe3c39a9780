"""Ids of users and items that may be another one spelled otherwise, or none: told, and kept."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from unicodedata import normalize

from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import Say

WHOLE = re.compile(r"0*([0-9]+)(?:\.0*)?")
"""A whole number, with zeros before it or a point behind it."""

NONE_GIVEN = ("NA", "N/A", "nan", "NaN", "None", "null", "NULL", "<NA>", "NaT")
"""What programs write where there is nothing."""


def say_odd_ids(path: Path, interactions: Interactions, say: Say) -> None:
    """Say which ids may be one that is spelled in two ways, or stand for none."""
    for what, ids in (("users", interactions.user_ids), ("items", interactions.item_ids)):
        names: list[str] = ids.tolist()
        others = (name for name in names if not name.isascii())
        pair = _alike(others, lambda name: normalize("NFC", name))
        if pair is not None:
            say(
                f"{path.name}: two {what} look alike, {pair[0]!r}: their ids differ in their "
                "Unicode form (NFC and NFD) alone, and count as two; write both in one, NFC"
            )
        pair = _alike(names, str.strip)
        if pair is not None:
            say(
                f"{path.name}: two {what} look alike, {pair[0]!r} and {pair[1]!r}: their ids "
                "differ in blanks alone, and count as two; write both in one way"
            )
        pair = _alike(names, _number)
        if pair is not None:
            say(
                f"{path.name}: two {what} may be one, {pair[0]!r} and {pair[1]!r}: their ids are "
                "the same number, and count as two; if they are one, write both in one way"
            )
        known = set(names)
        none = next((name for name in NONE_GIVEN if name in known), None)
        if none is not None:
            say(
                f"{path.name}: {none!r} is among the {what}, which programs write where there is "
                "none, and counts as one; if it is none, drop its rows"
            )


def _number(name: str) -> str:
    """A whole number as it is usually written; any other text as it stands.

    >>> [_number(name) for name in ("007", "7.0", "0", "7.5", "a7")]
    ['7', '7', '0', '7.5', 'a7']
    """
    whole = WHOLE.fullmatch(name) if name.isascii() else None
    return name if whole is None else whole[1].lstrip("0") or "0"


def _alike(names: Iterable[str], form: Callable[[str], str]) -> tuple[str, str] | None:
    """The first two names of one form."""
    first_of: dict[str, str] = {}
    for name in names:
        first = first_of.setdefault(form(name), name)
        if first != name:
            return first, name
    return None
