"""Measures that leave something open, to be had from judgements: ``norm(0,*)``, ``@adapted``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from anglewise.core.numbers import written
from anglewise.core.text import named, parted
from anglewise.errors import SpellingError
from anglewise.measures.adapted import ADAPTED, Adapted
from anglewise.measures.formula import Norm
from anglewise.measures.frame import Frame
from anglewise.measures.measure import Measure
from anglewise.measures.spelling import learnt_from_judgements, measure

GRID = tuple(tenths / 10 for tenths in range(11))
"""The exponents tried: from 0, the dot product, to 1, the cosine."""


@dataclass(frozen=True)
class Family:
    """``norm`` with one exponent or both left open (``None``), taken after some frames.

    >>> str(Family(0, None)), len(Family(None, None).settings())
    ('norm(0,*)', 121)
    """

    query: float | None
    item: float | None
    frames: tuple[Frame, ...] = ()

    def __str__(self) -> str:
        exponents = ("*" if one is None else written(one) for one in (self.query, self.item))
        return "@".join([f"norm({','.join(exponents)})", *map(str, self.frames)])

    @property
    def simplicity(self) -> tuple[int, int, str]:
        """Sorts behind the measures that leave nothing open."""
        rank, frames, _ = Measure(Norm(0, 0), self.frames).simplicity
        return rank + 1, frames, str(self)

    def settings(self, *, lists: bool = False) -> list[Measure]:
        """The measures on the grid; for ``lists`` those alone that can rank a list differently.

        What the query's own length is raised to scales all of its scores and reorders nothing.

        >>> [str(m) for m in Family(None, None).settings(lists=True)][:3]
        ['norm(0,0)', 'norm(0,0.1)', 'norm(0,0.2)']
        """
        queries = GRID if self.query is None else (self.query,)
        items = GRID if self.item is None else (self.item,)
        if lists:
            queries = queries[:1]
        return [Measure(Norm(q, x), self.frames) for q in queries for x in items]


Open: TypeAlias = Measure | Family | Adapted
"""A measure, or one of which judgements must say the rest."""


def measures_and_families(
    spellings: Iterable[str | Open] | str,
) -> list[Open]:
    """Several, from a list or from one comma-separated text, each kept once.

    Raises ``SpellingError`` for a word that is neither.

    >>> [str(m) for m in measures_and_families("dot, norm(0,*)@centred, dot, cosine@adapted")]
    ['dot', 'norm(0,*)@centred', 'cosine@adapted']
    """
    if isinstance(spellings, str):
        spellings = parted(spellings)
    return list(dict.fromkeys(_read(one) for one in spellings))


def _read(one: str | Open) -> Open:
    if isinstance(one, Family | Adapted):
        return one
    if isinstance(one, str) and learnt_from_judgements(one):
        return _adapted(one)
    if not isinstance(one, str) or "*" not in one:
        return measure(one)
    first = measure(one.replace("*", "0"))
    exponents = re.fullmatch(r"norm\(([^,*]*|\*),([^,*]*|\*)\)(@[^*]*)?", "".join(one.split()))
    if not isinstance(first.formula, Norm) or exponents is None:
        raise SpellingError(f"{one!r} leaves open what cannot be tuned: write norm(0,*)")
    return Family(
        None if exponents[1] == "*" else first.formula.query,
        None if exponents[2] == "*" else first.formula.item,
        first.frames,
    )


def _adapted(one: str) -> Adapted:
    before, _, word = one.rpartition("@")
    rank, diagonal = named(word, ADAPTED, kind="frame", example="adapted(32)")
    base = measure(before)
    return Adapted(base.formula, base.frames, rank, diagonal)
