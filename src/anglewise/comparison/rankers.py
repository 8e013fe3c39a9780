"""How reference rankers are spelt: BM25 over the texts, fusions of lists, and reranked lists.

``fusion(bm25,cosine)`` adds ``1 / (60 + rank)`` over the lists (reciprocal rank fusion: Cormack,
Clarke and Buettcher, SIGIR 2009). ``weighted(bm25,cosine)`` scales the scores of each list to
0 to 1, query by query, and adds them by weights that are chosen on other queries than those that
are reported. ``rerank(cosine,100)`` puts the first 100 places of a list into the order of a
reranker; ``rerank(cosine,*)`` chooses how many, as weights are chosen. The name of a run stands
for its lists in all three.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from anglewise.data_types.numbers import as_list, read_whole, shown
from anglewise.data_types.text import listed, parted
from anglewise.errors import SpellingError
from anglewise.similarity_measures.measure import measure

Kind: TypeAlias = Literal["bm25", "fusion", "weighted", "rerank"]
BM25: Kind = "bm25"
RERANK: Kind = "rerank"
MOST_PARTS = 3
MOST_RERANKED = 1000
DEPTHS = (10, 20, 50, 100)
"""The numbers of places among which ``rerank(cosine,*)`` chooses."""
AFTER_ALL_MEASURES = 1 << 30
_SPELLING = re.compile(r"(fusion|weighted|rerank)\s*\((.*)\)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Ranker:
    """BM25, a fusion of lists, or a list of which the first places are reranked.

    Attributes
    ----------
    kind
        ``bm25``, ``fusion``, ``weighted`` or ``rerank``.
    parts
        What is fused, or the one list that is reranked: measures and runs by their names.
    depth
        How many places are reranked; None where it is chosen, or nothing is reranked.

    Examples
    --------
    >>> str(read_ranker("Fusion( BM25, cosine)")), read_ranker("cosine")
    ('fusion(bm25,cosine)', None)
    >>> str(read_ranker("rerank( fusion(bm25, Mine), 50)", runs=["Mine"]))
    'rerank(fusion(bm25,Mine),50)'
    """

    kind: Kind
    parts: "tuple[str | Ranker, ...]" = ()
    depth: int | None = None

    def __str__(self) -> str:
        words = list(map(str, self.parts))
        if self.kind == RERANK:
            words.append("*" if self.depth is None else str(self.depth))
        return f"{self.kind}({','.join(words)})" if words else self.kind

    @property
    def simplicity(self) -> tuple[int | str, ...]:
        """After all measures; the one with fewer parts first, and those that need a reranker last.

        What is made of runs comes after the runs, which have to be kept running for it.

        >>> least, most = map(read_ranker, ["weighted(bm25,dot,cosine)", "rerank(dot,10)"])
        >>> least.simplicity < most.simplicity
        True
        >>> read_ranker("fusion(a,b)", runs="ab").simplicity > (AFTER_ALL_MEASURES, 1, "b")
        True
        """
        number = len(self.parts) + (MOST_PARTS if self.kind == RERANK else 0)
        of_runs = not all(map(_is_known, self.leaves()))
        return (AFTER_ALL_MEASURES + (1 if of_runs else -1), number, str(self))

    def leaves(self) -> Iterator[str]:
        """The lists that it is made of: BM25, measures and runs, by their names."""
        if self.kind == BM25:
            yield BM25
        for part in self.parts:
            if isinstance(part, Ranker):
                yield from part.leaves()
            else:
                yield part


def read_ranker(spelling: str, runs: Collection[str] = ()) -> Ranker | None:
    """Read ``bm25``, ``fusion(…)``, ``weighted(…)`` or ``rerank(…)``; None for anything else.

    ``runs`` are the names of runs, which may stand for their lists.

    Raises ``SpellingError`` for a fusion of one thing, of too many, of the same twice or of what
    is neither BM25 nor a fixed measure nor a run; and for a number of places that cannot be
    reranked. What may be a measure or a run is the measure.
    """
    text = spelling.strip()
    if text.lower() == BM25:
        return Ranker(BM25)
    match = _SPELLING.fullmatch(text)
    if match is None:
        return None
    words = [word.strip() for word in parted(match[2])]
    if match[1].lower() == RERANK:
        return _reranking(text, words, runs)
    parts = tuple(_part(word, text, runs) for word in words)
    if not 2 <= len(parts) <= MOST_PARTS or len(set(parts)) < len(parts):
        raise SpellingError(
            f"{shown(spelling)!r} fuses {', '.join(map(str, parts))}: two or {MOST_PARTS} "
            "different lists are due, as in fusion(bm25,cosine)"
        )
    return Ranker("fusion" if match[1].lower() == "fusion" else "weighted", parts)


def _reranking(text: str, words: list[str], runs: Collection[str]) -> Ranker:
    depth = read_whole(words[-1])
    is_depth = words[-1] == "*" or (depth is not None and 1 <= depth <= MOST_RERANKED)
    if len(words) != 2 or not is_depth:
        raise SpellingError(
            f"{shown(text)!r}: one list is due, and how many of its first places are reranked, 1 "
            f"to {MOST_RERANKED:,}, or * to choose among {listed(map(str, DEPTHS))}: write "
            "rerank(cosine,100)"
        )
    match = _SPELLING.fullmatch(words[0])
    if match is not None and match[1].lower() == RERANK:
        raise SpellingError(f"{shown(text)!r} reranks what is reranked: name the list before that")
    inner = None if words[0] in runs else read_ranker(words[0], runs)
    if inner is None or inner.kind == BM25:
        return Ranker(RERANK, (_part(words[0], text, runs),), depth)
    if inner.kind == "weighted" and depth is None:
        raise SpellingError(
            f"{shown(text)!r} would choose a number of places on top of weights, by the same "
            f"queries: give the number, as in rerank({inner},100)"
        )
    return Ranker(RERANK, (inner,), depth)


def _part(word: str, text: str, runs: Collection[str]) -> str:
    """BM25, a fixed measure or a run, as it is written."""
    try:
        return _known(word)
    except SpellingError as error:
        if word in runs:
            return word
        also = f"; the runs are called {listed(map(repr, runs))}" if runs else ""
        raise SpellingError(f"{shown(text)!r}: {error}{also}") from None


def _known(word: str) -> str:
    """BM25 or a fixed measure, as it is written; ``SpellingError`` for anything else."""
    return BM25 if word.lower() == BM25 else str(measure(word))


def canonical_ranker(spelling: str, runs: Collection[str] = ()) -> str:
    """A ranker as the table writes it; anything else without blanks around it."""
    ranker = read_ranker(spelling, runs)
    return spelling.strip() if ranker is None else str(ranker)


def split_rankers(spellings: Any, runs: Collection[str] = ()) -> tuple[list[Ranker], list[Any]]:
    """The rankers among some spellings of measures, each once, and the rest.

    Raises ``SpellingError`` as ``read_ranker``, and for a part that may be a run or what anglewise
    ranks by that name.

    >>> rankers, measures = split_rankers("dot, bm25, fusion(bm25, dot)")
    >>> [str(ranker) for ranker in rankers], measures
    (['bm25', 'fusion(bm25,dot)'], ['dot'])
    """
    if isinstance(spellings, str):
        spellings = [word.strip() for word in parted(spellings)]
    words = as_list(spellings, "measures", "a list of spellings or measures is due")
    read = [(word, _as_ranker(word, runs)) for word in words]
    rankers = list(dict.fromkeys(ranker for _, ranker in read if ranker is not None))
    for ranker in rankers:
        _check_one_meaning(ranker, runs)
    return rankers, [word for word, ranker in read if ranker is None]


def _as_ranker(word: Any, runs: Collection[str]) -> Ranker | None:
    if isinstance(word, Ranker):
        return word
    return read_ranker(word, runs) if isinstance(word, str) else None


def _check_one_meaning(ranker: Ranker, runs: Collection[str]) -> None:
    leaves = set(ranker.leaves()) if ranker.parts else set[str]()
    for run in runs:
        if _is_known(run) and _known(run) in leaves:
            raise SpellingError(
                f"{run!r} in {ranker} may be the run of this name or what anglewise ranks by it: "
                f"call the run otherwise, as in other={run}.run (run.called('other'))"
            )


def _is_known(word: str) -> bool:
    try:
        _known(word)
    except SpellingError:
        return False
    return True


def check_no_rankers(measures: Any, why: str, runs: Collection[str] = ()) -> None:
    """Raise ``SpellingError`` where measures are asked for that only one space can have."""
    rankers, _ = split_rankers(measures, runs)
    if rankers:
        raise SpellingError(f"{rankers[0]} {why}: leave it out")
