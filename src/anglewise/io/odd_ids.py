"""Ids of users and items that may be another one spelled otherwise, or none: told, and kept."""

import re
from collections.abc import Callable, Iterable, Sequence
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
        several = _lists(names)
        if several is not None:
            say(
                f"{path.name}: {what} such as {several!r} may be lists, and count as one each; if "
                "they are, write a line for each, or a line for each list (--format baskets, "
                "--format adjacency)"
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


SEVERAL = ",;|"
FEWEST_LISTS = 10


def _lists(names: Sequence[str]) -> str | None:
    """The first name that may be a list, where half of them are cut by one sign into few parts.

    >>> _lists([f"{i % 4},{i % 5}" for i in range(20)]), _lists([f"Film {i}, A" for i in range(20)])
    ('0,0', None)
    """
    for sign in SEVERAL:
        lists = [name for name in names if sign in name]
        if len(lists) < FEWEST_LISTS or 2 * len(lists) < len(names):
            continue
        parts = [part.strip() for name in lists for part in name.split(sign)]
        if 2 * len(set(parts)) <= len(parts):
            return lists[0]
    return None


def _alike(names: Iterable[str], form: Callable[[str], str]) -> tuple[str, str] | None:
    """The first two names of one form."""
    first_of: dict[str, str] = {}
    for name in names:
        first = first_of.setdefault(form(name), name)
        if first != name:
            return first, name
    return None
