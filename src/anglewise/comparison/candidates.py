"""Candidates: a measure, or a measure in one of several spaces and its cheaper variants.

And what they take: bytes to keep, seconds to search.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from anglewise.comparison.rankers import read_ranker
from anglewise.comparison.variants import AS_IT_IS, Variant, variant
from anglewise.data_types.embeddings import Space
from anglewise.data_types.numbers import as_list, check_kind
from anglewise.data_types.text import check_number, listed, parted
from anglewise.errors import SpellingError, TooFewError
from anglewise.nearest_neighbours.represented import check_rank, measures_of
from anglewise.similarity_measures.measure import MeasureSpec, measures_and_families

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
class SpaceCandidate:
    """A measure in a space.

    >>> from anglewise.similarity_measures.measure import measure
    >>> str(SpaceCandidate(Source("new"), measure("cosine")))
    'new: cosine'
    """

    source: Source
    measure: MeasureSpec

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

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 2.0]]))
    >>> [str(one) for one in sources({"old": space, "new": space}, "int8,new[:1]")]
    ['old', 'old·int8', 'new', 'new·int8', 'new[:1]']
    """
    if not spaces:
        raise TooFewError("no space to compare: name one at least")
    for name in spaces:
        check_space_name(name)
    due = "a list of spellings such as [:128] or int8 is due"
    words = parted(variants) if isinstance(variants, str) else as_list(variants, "variants", due)
    check_number(len(words), "variant")
    wanted = [_wanted(word, spaces) for word in words]
    return tuple(
        dict.fromkeys(
            Source(name, place, made)
            for place, name in enumerate(spaces)
            for made in (AS_IT_IS, *(made for of, made in wanted if of in {None, name}))
        )
    )


def space_candidates(
    models: Sequence[Source], spaces: Mapping[str, Space], measures: Sequence[MeasureSpec]
) -> list[SpaceCandidate]:
    """Every measure in every space that holds what it ranks: the first space's, then the next's.

    Raises ``SpellingError`` for a measure that ranks none of the spaces, and for a space that none
    of the measures ranks.
    """
    items = {name: space.items for name, space in spaces.items()}
    fits = {name: measures_of(side, measures) for name, side in items.items()}
    for measure in measures:
        if not any(measure in own for own in fits.values()):
            check_rank(next(iter(items.values())), [measure])
    for name, own in fits.items():
        if not own:
            check_rank(items[name], measures)
    return [SpaceCandidate(model, measure) for model in models for measure in fits[model.space]]


def candidate_number(
    spelling: str, among: Sequence[SpaceCandidate], runs: Sequence[str] = ()
) -> int:
    """The number of the one that a spelling names; blanks and how a number is written may differ.

    Runs stand behind the others. Raises ``SpellingError`` with what there is.
    """
    name = canonical(spelling, runs)
    names = [*map(str, among), *runs]
    if name not in names:
        raise SpellingError(f"{name} is not among what is compared: {listed(names)}")
    return names.index(name)


def canonical(spelling: str, runs: Collection[str] = ()) -> str:
    """A candidate as the table writes it: ``cosine``, ``new: cosine``, or the name of a run.

    As in a variant, ``+`` may be typed for the dot. Raises ``SpellingError`` for a measure that is
    not known.

    >>> canonical("Dot"), canonical("New[:8] + int8 :norm(0, .50)")
    ('dot', 'New[:8]·int8: norm(0,0.5)')
    """
    check_kind(spelling, str, "a candidate", "a spelling such as cosine or new: cosine")
    if spelling.strip() in runs:
        return spelling.strip()
    ranker = read_ranker(spelling, runs)
    if ranker is not None:
        return str(ranker)
    space, colon, measure = spelling.rpartition(":")
    read = measures_and_families(["".join(measure.lower().split())])[0]
    return f"{_DOT.sub('·', space.strip())}: {read}" if colon else str(read)


def check_space_name(name: str) -> None:
    """Raise ``SpellingError`` for what cannot name a space in a table.

    >>> check_space_name("new")
    """
    wrong = [c for c in name if c in FORBIDDEN or not c.isprintable()]
    if wrong or not name.strip() or name != name.strip():
        raise SpellingError(
            f"a space may not be called {name!r}: {FORBIDDEN} part names from measures, and there "
            "must be one; call it otherwise, as in new=FOLDER"
        )


def _wanted(word: str | Variant, spaces: Mapping[str, Space]) -> tuple[str | None, Variant]:
    if isinstance(word, Variant):
        return None, word
    check_kind(word, str, "a variant", "a spelling such as [:128] or int8")
    word = word.strip()
    for name in sorted(spaces, key=len, reverse=True):
        rest = word.removeprefix(name)
        if rest != word and rest[:1] in {"[", "·", "+", ":"}:
            return name, variant(rest)
    return None, variant(word)


@dataclass(frozen=True)
class SpaceFacts:
    """One of the spaces of a comparison, or what was made of it.

    ``made_of`` is the space behind a variant, ``dimension`` its columns, ``bytes_a_vector`` what a
    store needs for each vector.
    """

    space: str
    made_of: str | None
    dimension: int
    queries: int
    items: int
    bytes_a_vector: int


@dataclass(frozen=True)
class SearchCost:
    """What it took to search for one candidate.

    Attributes
    ----------
    bytes_a_vector
        What a store needs for one vector as it was given, or as the variant keeps it.
    queries
        How many were searched for.
    together
        How many measures were searched in the same pass, settings that were tried included. The
        pass was timed, and no share of it is that of one measure.
    seconds
        On the clock of the machine that ran it: ``pass``, all passes in which it was searched, and
        ``a_query``, that over the queries. The search is exact, over float32 vectors.
    """

    bytes_a_vector: int
    queries: int
    together: int
    seconds: Mapping[str, float] = field(compare=False)


@dataclass(frozen=True)
class RerankingCost:
    """What a reranker was asked for one candidate.

    Attributes
    ----------
    reranker, identity
        Its spelling, and what identifies its weights and settings; empty where that is not known.
    queries
        How many were asked; where the number of places was chosen, those that chose it too.
    pairs, calls
        How many different texts were scored for them, and in how many calls.
    seconds
        On the clock, in the reranker alone, when pairs were scored, be it in an earlier run:
        ``reranker``, all of them, ``a_query`` and ``a_pair``.
    """

    reranker: str
    identity: str
    queries: int
    pairs: int
    calls: int
    seconds: Mapping[str, float] = field(compare=False)


def space_facts(space: Space, model: Source) -> SpaceFacts:
    """What is said of the vectors that a source makes of a space."""
    return SpaceFacts(
        space=str(model),
        made_of=model.space if model.variant.steps else None,
        dimension=model.variant.columns(space.items.dimension),
        queries=len(space.queries),
        items=len(space.items),
        bytes_a_vector=model.variant.bytes_of(space.items),
    )
