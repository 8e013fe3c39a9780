"""What stands in a row of the table: a measure, or a measure in one of several spaces."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from anglewise.compare.variant import Variant, variant
from anglewise.core.embeddings import Space
from anglewise.core.text import listed, parted
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.measure import Open, measures_and_families

AS_IT_IS = Variant()
FORBIDDEN = "[]·+:,<>="
"""What stands between the parts of a candidate or of a gate."""
_DOT = re.compile(r"\s*[+·]\s*")


@runtime_checkable
class Candidate(Protocol):
    """What is compared: it has a spelling, and of equal ones the simplest is named."""

    @property
    def simplicity(self) -> tuple[int | str, ...]:
        """Sorts the simplest first."""
        ...


@dataclass(frozen=True)
class Source:
    """One of several spaces, or a variant of it; ``place`` counts the spaces as they came.

    >>> str(Source("new", 1, variant("int8")))
    'new·int8'
    """

    space: str
    place: int = 0
    variant: Variant = AS_IT_IS

    def __str__(self) -> str:
        return f"{self.space}{self.variant}"


@dataclass(frozen=True)
class Entrant:
    """A measure in a space.

    >>> from anglewise.measures.measure import measure
    >>> str(Entrant(Source("new"), measure("cosine")))
    'new: cosine'
    """

    source: Source
    measure: Open

    def __str__(self) -> str:
        return f"{self.source}: {self.measure}"

    @property
    def simplicity(self) -> tuple[int | str, ...]:
        """Sorts by the order of the spaces, what nothing was made of first, then by measure."""
        own = self.source
        return (own.place, len(own.variant.steps), str(own), *self.measure.simplicity)


def sources(
    spaces: Mapping[str, Space], variants: Iterable[str | Variant] | str = ()
) -> tuple[Source, ...]:
    """The spaces, each followed by its variants.

    A variant is made of every space; one that begins with the name of a space, as ``new·int8``,
    of that space alone. Raises ``SpellingError`` for a name or a variant that cannot be read,
    ``TooFewError`` without any space.

    >>> from anglewise.core.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 2.0]]))
    >>> [str(one) for one in sources({"old": space, "new": space}, "int8,new[:1]")]
    ['old', 'old·int8', 'new', 'new·int8', 'new[:1]']
    """
    if not spaces:
        raise TooFewError("no space to compare: name one at least")
    for name in spaces:
        _check_name(name)
    words = parted(variants) if isinstance(variants, str) else variants
    wanted = [_wanted(word, spaces) for word in words]
    return tuple(
        dict.fromkeys(
            Source(name, place, one)
            for place, name in enumerate(spaces)
            for one in (AS_IT_IS, *(made for of, made in wanted if of in {None, name}))
        )
    )


def entrant(spelling: str, among: Sequence[Entrant]) -> int:
    """The place of the one that a spelling names; blanks and the spelling of a number may differ.

    Raises ``SpellingError`` with what there is.
    """
    name = canonical(spelling)
    known = [str(one) for one in among]
    if name not in known:
        raise SpellingError(f"{name} is not among what is compared: {listed(known)}")
    return known.index(name)


def canonical(spelling: str) -> str:
    """A candidate as the table writes it: ``cosine``, or ``new: cosine``.

    As in a variant, ``+`` may be typed for the dot. Raises ``SpellingError`` for a measure that is
    not known.

    >>> canonical("Dot"), canonical("New[:8] + int8 :norm(0, .50)")
    ('dot', 'New[:8]·int8: norm(0,0.5)')
    """
    space, colon, measure = spelling.rpartition(":")
    read = measures_and_families(["".join(measure.lower().split())])[0]
    return f"{_DOT.sub('·', space.strip())}: {read}" if colon else str(read)


def _check_name(name: str) -> None:
    wrong = [c for c in name if c in FORBIDDEN or not c.isprintable()]
    if wrong or not name.strip() or name != name.strip():
        raise SpellingError(
            f"a space may not be called {name!r}: {FORBIDDEN} part names from measures, and there "
            "must be one; call it otherwise, as in new=FOLDER"
        )


def _wanted(word: str | Variant, spaces: Mapping[str, Space]) -> tuple[str | None, Variant]:
    if isinstance(word, Variant):
        return None, word
    word = word.strip()
    for name in sorted(spaces, key=len, reverse=True):
        rest = word.removeprefix(name)
        if rest != word and rest[:1] in {"[", "·", "+", ":"}:
            return name, variant(rest)
    return None, variant(word)
