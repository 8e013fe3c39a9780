"""Whether an id bears one text in every space, so that a judgement of it is of one thing."""

from collections.abc import Mapping
from typing import Any

from anglewise.data_types.columns import column, is_empty
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import listed
from anglewise.errors import ValuesError

WORDS = ("title", "name", "question", "text", "body", "content", "sentence")
"""Columns that say what a row is, in the order in which their texts are joined."""


def check_same_texts(spaces: Mapping[str, Space]) -> None:
    """Refuse spaces in which an id bears one text here and another there: it names two things.

    Columns of one name are held against each other, blanks aside, where neither cell is empty.

    >>> a, b = (Space(items=Embeddings([[1.0]], ["7"], {"text": [t]})) for t in ("Alien", "Up"))
    >>> check_same_texts({"old": a, "new": b})
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: 1 of 1 items that old and new share bears another text in each...
    """
    sides = {name: (space.items, space.queries) for name, space in spaces.items()}
    first, *others = sides
    for name in others:
        for side, ours, theirs in zip(("items", "queries"), sides[first], sides[name], strict=True):
            _check_side(first, name, side, ours, theirs)
    if len(others) > 1:
        check_same_texts({name: spaces[name] for name in others})


def _check_side(first: str, name: str, side: str, ours: Embeddings, theirs: Embeddings) -> None:
    shared = [one for one in ours.ids.tolist() if one in theirs.row_of]
    for title, their_title in _common_columns(ours, theirs):
        mine, other = column(ours, title), column(theirs, their_title)
        differing = [
            one for one in shared if _differ(mine[ours.row_of[one]], other[theirs.row_of[one]])
        ]
        if differing:
            one = differing[0]
            words = [_start(cells[at.row_of[one]]) for cells, at in ((mine, ours), (other, theirs))]
            raise ValuesError(
                f"{len(differing):,} of {len(shared):,} {side} that {first} and {name} share "
                f"{'bears' if len(differing) == 1 else 'bear'} another {title} in each, such as "
                f"{shown(one)!r}: {words[0]!r} in {first}, {words[1]!r} in {name}; an id has to "
                "name one text, or a judgement of it is of two: encode the same texts under the "
                "same ids for every space"
            )


def _common_columns(ours: Embeddings, theirs: Embeddings) -> list[tuple[str, str]]:
    """The columns of texts that two sides have, by their names on either."""
    mine, other = (
        {name.lower(): name for name in side.metadata_columns} for side in (ours, theirs)
    )
    return [(mine[name], other[name]) for name in WORDS if name in mine and name in other]


def _differ(ours: Any, theirs: Any) -> bool:
    if is_empty(ours) or is_empty(theirs):
        return False
    return ours != theirs and str(ours).split() != str(theirs).split()


def _start(cell: Any) -> str:
    text = " ".join(str(cell).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def texts_untold(spaces: Mapping[str, Space]) -> tuple[str, ...]:
    """That texts could not be held against each other, where that is so."""
    first, *others = spaces
    blind = [
        name for name in others if not _common_columns(spaces[first].items, spaces[name].items)
    ]
    if not blind:
        return ()
    note = (
        f"{first} and {listed(blind)} hold no texts of items under one name: that the same id is "
        "the same item in each is taken as given"
    )
    return (note,)
