"""How reference rankers are spelt: BM25 over the texts, and fusions of it and of measures.

``fusion(bm25,cosine)`` adds ``1 / (60 + rank)`` over the lists (reciprocal rank fusion: Cormack,
Clarke and Buettcher, SIGIR 2009). ``weighted(bm25,cosine)`` scales the scores of each list to
0 to 1, query by query, and adds them by weights that are chosen on other queries than those that
are reported.
"""

import re
from dataclasses import dataclass
from typing import Any

from anglewise.data_types.numbers import as_list, shown
from anglewise.data_types.text import parted
from anglewise.errors import SpellingError
from anglewise.similarity_measures.measure import measure

BM25 = "bm25"
MOST_PARTS = 3
AFTER_ALL_MEASURES = 1 << 30
_SPELLING = re.compile(r"(fusion|weighted)\s*\((.*)\)", re.DOTALL)


@dataclass(frozen=True)
class Ranker:
    """BM25, or a fusion of measures and BM25.

    Attributes
    ----------
    kind
        ``bm25``, ``fusion`` or ``weighted``.
    parts
        What is fused, as it is spelt.

    Examples
    --------
    >>> str(read_ranker("Fusion( BM25, cosine)")), read_ranker("cosine")
    ('fusion(bm25,cosine)', None)
    """

    kind: str
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}({','.join(self.parts)})" if self.parts else self.kind

    @property
    def simplicity(self) -> tuple[int | str, ...]:
        """After all measures, the one with fewer parts first."""
        return (AFTER_ALL_MEASURES - 1, len(self.parts), str(self))


def read_ranker(spelling: str) -> Ranker | None:
    """Read ``bm25``, ``fusion(…)`` or ``weighted(…)``; None for anything else.

    Raises ``SpellingError`` for a fusion of one thing, of too many, of the same twice or of what
    is neither BM25 nor a fixed measure.
    """
    text = spelling.strip().lower()
    if text == BM25:
        return Ranker(BM25)
    match = _SPELLING.fullmatch(text)
    if match is None:
        return None
    words = [word.strip() for word in parted(match[2])]
    parts = tuple(word if word == BM25 else str(measure(word)) for word in words)
    if not 2 <= len(parts) <= MOST_PARTS or len(set(parts)) < len(parts):
        raise SpellingError(
            f"{shown(spelling)!r} fuses {', '.join(parts)}: two or {MOST_PARTS} different lists "
            "are due, as in fusion(bm25,cosine)"
        )
    return Ranker(match[1], parts)


def canonical_ranker(spelling: str) -> str:
    """A ranker as the table writes it; anything else without blanks around it."""
    ranker = read_ranker(spelling)
    return spelling.strip() if ranker is None else str(ranker)


def split_rankers(spellings: Any) -> tuple[list[Ranker], list[Any]]:
    """The rankers among some spellings of measures, each once, and the rest.

    >>> rankers, measures = split_rankers("dot, bm25, fusion(bm25, dot)")
    >>> [str(ranker) for ranker in rankers], measures
    (['bm25', 'fusion(bm25,dot)'], ['dot'])
    """
    if isinstance(spellings, str):
        spellings = [word.strip() for word in parted(spellings)]
    words = as_list(spellings, "measures", "a list of spellings or measures is due")
    read = [(word, read_ranker(word) if isinstance(word, str) else None) for word in words]
    rankers = list(dict.fromkeys(ranker for _, ranker in read if ranker is not None))
    return rankers, [word for word, ranker in read if ranker is None]


def check_no_rankers(measures: Any, why: str) -> None:
    """Raise ``SpellingError`` where measures are asked for that only one space can have."""
    rankers, _ = split_rankers(measures)
    if rankers:
        raise SpellingError(f"{rankers[0]} {why}: leave it out")
