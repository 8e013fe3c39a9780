"""Candidates: a measure, or a measure in one of several spaces and its cheaper variants.

And what they take: bytes to keep, seconds to search.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from anglewise.comparison.rankers import read_ranker
from anglewise.data_types.conversion import BLOCK
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.numbers import as_list, check_kind, read_whole, shown
from anglewise.data_types.text import check_number, listed, parted
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.similarity_measures.measure import MeasureSpec, measures_and_families

LEVELS = 127
"""The largest code of eight bits with a sign, the same on both sides of zero."""


@dataclass(frozen=True)
class Cut:
    """The first columns alone, as Matryoshka models allow (Kusupati and others 2022).

    Nothing is brought back to length one: that is what ``cosine`` does.

    >>> Cut(2)(np.array([[3.0, 4.0, 5.0]], np.float32))
    array([[3., 4.]], dtype=float32)
    """

    width: int

    def __str__(self) -> str:
        return f"[:{self.width}]"

    def __call__(self, vectors: Float32[Array, "rows d"]) -> Float32[Array, "rows c"]:
        """Raise ``ShapeError`` where there are not so many columns."""
        if not 1 <= self.width <= vectors.shape[1]:
            raise ShapeError(
                f"{self} of {vectors.shape[1]} columns: 1 to {vectors.shape[1]} can be kept"
            )
        return np.ascontiguousarray(vectors[:, : self.width])

    def stored(self, columns: int, size: float) -> tuple[int, float]:
        """Fewer columns, each as large."""
        return min(columns, self.width), size


@dataclass(frozen=True)
class Int8:
    """Eight bits a number: ``x ~ s round(x / s)`` with ``s = max|x| / 127`` for each vector.

    Symmetric, and every vector has a scale of its own, kept beside it as a float32: nothing is
    fitted, so no sample of vectors is needed, and the angle does not feel the scale. A number is
    off by ``s / 2`` at most. Scores are those of the rounded vectors.

    >>> Int8()(np.array([[127.0, 1.2, -0.4]], np.float32))
    array([[127.,   1.,  -0.]], dtype=float32)
    """

    def __str__(self) -> str:
        return "int8"

    def __call__(self, vectors: Float32[Array, "rows d"]) -> Float32[Array, "rows d"]:
        """The vectors that such a store gives back."""
        rounded = np.empty_like(vectors)
        for start in range(0, len(vectors), BLOCK):
            x = vectors[start : start + BLOCK].astype(np.float64)
            scale = np.abs(x).max(axis=1, keepdims=True) / LEVELS
            rounded[start : start + BLOCK] = np.rint(x / np.where(scale > 0, scale, 1)) * scale
        return rounded

    def stored(self, columns: int, size: float) -> tuple[int, float]:
        """A byte each, and four for the scale."""
        del size
        return columns, 1 + 4 / columns


@dataclass(frozen=True)
class Binary:
    """One bit a number: 1 above zero, else -1.

    The inner product of two such vectors is ``d - 2 h`` with ``h`` the number of bits in which
    they differ (Hamming), so dot, cosine and euclidean all rank by ``h``.

    >>> Binary()(np.array([[0.5, -2.0, 0.0]], np.float32))
    array([[ 1., -1., -1.]], dtype=float32)
    """

    def __str__(self) -> str:
        return "binary"

    def __call__(self, vectors: Float32[Array, "rows d"]) -> Float32[Array, "rows d"]:
        """The signs."""
        return np.where(vectors > 0, np.float32(1), np.float32(-1))

    def stored(self, columns: int, size: float) -> tuple[int, float]:
        """Eight to the byte."""
        del size
        return columns, 1 / 8


Step: TypeAlias = Cut | Int8 | Binary
_STEPS = {"int8": Int8, "binary": Binary}
_CUT = re.compile(r"\[:([^\[\]]+)\]|:([^\[\]]+)")


@dataclass(frozen=True)
class Variant:
    """Steps that make cheaper vectors of both sides of a space, the first one first.

    >>> str(Variant((Cut(128), Int8()))), Variant((Cut(128), Int8())).bytes_a_vector(512)
    ('[:128]·int8', 132)
    """

    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return "".join(str(step) if isinstance(step, Cut) else f"·{step}" for step in self.steps)

    def of(self, space: Space) -> Space:
        """The space of the cheaper vectors; the space itself where there is no step.

        Raises ``ShapeError`` for a cut wider than the vectors.
        """
        if not self.steps:
            return space
        items = self._made(space.items)
        return Space(
            items=items,
            queries=None if space.one_sided else self._made(space.queries),
            trained_for=space.trained_for,
            seen=space.seen,
            about=space.about,
        )

    def bytes_a_vector(self, columns: int) -> int:
        """What a store needs for one vector that has so many columns as float32."""
        size = 4.0
        for step in self.steps:
            columns, size = step.stored(columns, size)
        return int(np.ceil(columns * size))

    def _made(self, side: Embeddings) -> Embeddings:
        return side.with_vectors(reduce(lambda x, step: step(x), self.steps, side.vectors))


def variant(spelling: "str | Variant") -> Variant:
    """Read a variant: ``[:128]``, ``int8``, ``binary``, or several as in ``[:128]·int8``.

    The brackets may be left out and ``+`` stands for the dot, so that it can be typed:
    ``:128+int8``. Raises ``SpellingError`` for anything else.

    >>> str(variant(":128+int8")), variant("[:128]·int8") == variant(":128+int8")
    ('[:128]·int8', True)
    """
    if isinstance(spelling, Variant):
        return spelling
    text = "".join(spelling.split()).replace("·", "+").replace("][", "]+[")
    words = text.replace("+[", "[").replace("[", "+[").strip("+").split("+")
    return Variant(tuple(_step(word, spelling) for word in words))


def _step(word: str, spelling: str) -> Step:
    cut = _CUT.fullmatch(word)
    width = None if cut is None else read_whole(cut[1] or cut[2])
    if width is not None and width >= 0:
        return Cut(width)
    if word.lower() not in _STEPS:
        raise SpellingError(
            f"{shown(spelling)!r} is no variant of a space: write :128 for the first 128 columns, "
            "int8 or binary, or several as in :128+int8"
        )
    return _STEPS[word.lower()]()


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
        _check_name(name)
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
    dimension = space.items.dimension
    made = model.variant.of(Space(items=space.items.take(np.array([0]))))
    return SpaceFacts(
        space=str(model),
        made_of=model.space if model.variant.steps else None,
        dimension=made.items.dimension,
        queries=len(space.queries),
        items=len(space.items),
        bytes_a_vector=model.variant.bytes_a_vector(dimension),
    )
