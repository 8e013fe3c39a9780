"""Measures read from their spellings, families to tune, and measures prepared as inner products.

A measure is prepared such that ``prepared query . prepared item`` ranks the items as its score
does. Prepared vectors have one coordinate more where the measure needs one: half the squared
length for ``euclidean``, what ``csls`` takes off each item.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.numbers import as_list, check_kind, shown, written
from anglewise.data_types.text import check_number, named, parted
from anglewise.data_types.typing import Array, Direction, Float, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.similarity_measures.adapter import ADAPTED, Adapted
from anglewise.similarity_measures.affine import BLOCK_BYTES
from anglewise.similarity_measures.biases import WithBiases, WithoutBiases
from anglewise.similarity_measures.formulas import (
    Cosine,
    Dot,
    Euclidean,
    Formula,
    Manhattan,
    Measure,
    Norm,
    fitted,
    maps_in,
    unit,
)
from anglewise.similarity_measures.frames import (
    GAUGE_FRAMES,
    Centred,
    Frame,
    Maps,
    Standardised,
    Whitened,
    WithoutTop,
)
from anglewise.similarity_measures.hubs import Csls, LocalScaling, MutualProximity
from anglewise.similarity_measures.late_interaction import TOKEN_FORMULAS

FORMULAS: dict[str, Callable[..., Formula]] = {
    "dot": Dot,
    "cosine": Cosine,
    "euclidean": Euclidean,
    "manhattan": Manhattan,
    "norm": Norm,
    "csls": Csls,
    "local-scaling": LocalScaling,
    "mutual-proximity": MutualProximity,
}
FRAMES: dict[str, Callable[..., Frame]] = {
    "centred": Centred,
    "standardised": Standardised,
    "whitened": Whitened,
    "without-top": WithoutTop,
    "with-biases": WithBiases,
    "without-biases": WithoutBiases,
    **GAUGE_FRAMES,
}
DEFAULT_MEASURES = ("dot", "cosine", "euclidean")
EXAMPLE = "norm(0,0.5) or without-top(3)"


def measure(spelling: "str | Measure") -> Measure:
    """Read a measure from its spelling; a measure passes through.

    Raises ``SpellingError`` with the nearest known word.

    >>> str(measure("cosine @ without-top(3)"))
    'cosine@without-top(3)'
    >>> measure("cosin")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no measure is called 'cosin': did you mean 'cosine'? ...
    """
    if isinstance(spelling, Measure):
        return spelling
    check_kind(spelling, str, "a measure", "a spelling such as cosine or norm(0,0.5)")
    if learnt_from_judgements(spelling):
        raise SpellingError(
            f"{spelling}: @adapted is learnt from judgements, and stands last; compare it, or move "
            "the space by aw.adapter(space, judgements).apply(space) and take cosine"
        )
    formula, *frames = spelling.split("@")
    return Measure(
        named(formula, {**FORMULAS, **TOKEN_FORMULAS}, kind="measure", example=EXAMPLE),
        tuple(named(frame, FRAMES, kind="frame", example=EXAMPLE) for frame in frames),
    )


def learnt_from_judgements(spelling: str) -> bool:
    """Whether some frame is ``adapted``, which no space can give alone.

    >>> learnt_from_judgements("cosine@Adapted(32)"), learnt_from_judgements("cosine@centred")
    (True, False)
    """
    return any(frame.strip().lower().startswith("adapted") for frame in spelling.split("@")[1:])


def measures(spellings: "Iterable[str | Measure] | str") -> list[Measure]:
    """Several, from a list or from one comma-separated text, each kept once.

    Raises ``SpellingError`` for more spellings than are worked through at once.

    >>> [str(m) for m in measures("dot,norm(0,0.5),dot")]
    ['dot', 'norm(0,0.5)']
    """
    wanted = _several(spellings)
    check_number(sum(isinstance(spec, str) for spec in wanted), "measure")
    return list(dict.fromkeys(measure(spec) for spec in wanted))


def _several(spellings: "Iterable[Any] | str") -> list[Any]:
    if isinstance(spellings, str):
        return parted(spellings)
    return as_list(spellings, "measures", "a list of spellings or measures is due")


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
        exponents = ("*" if e is None else written(e) for e in (self.query, self.item))
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


MeasureSpec: TypeAlias = Measure | Family | Adapted
"""A measure, or one of which judgements must say the rest."""


def measures_and_families(
    spellings: Iterable[str | MeasureSpec] | str,
) -> list[MeasureSpec]:
    """Several, from a list or from one comma-separated text, each kept once.

    Raises ``SpellingError`` for a word that is neither, and for too many.

    >>> [str(m) for m in measures_and_families("dot, norm(0,*)@centred, dot, cosine@adapted")]
    ['dot', 'norm(0,*)@centred', 'cosine@adapted']
    """
    wanted = _several(spellings)
    check_number(len(wanted), "measure")
    return list(dict.fromkeys(_read(spec) for spec in wanted))


def _read(spelling: str | MeasureSpec) -> MeasureSpec:
    if isinstance(spelling, Family | Adapted):
        return spelling
    if isinstance(spelling, str) and learnt_from_judgements(spelling):
        before, _, word = spelling.rpartition("@")
        rank, diagonal = named(word, ADAPTED, kind="frame", example="adapted(32)")
        base = measure(before)
        return Adapted(base.formula, base.frames, rank, diagonal)
    if not isinstance(spelling, str) or "*" not in spelling:
        return measure(spelling)
    packed = "".join(spelling.lower().split())
    exponents = re.fullmatch(r"norm\(([^,*]*|\*),([^,*]*|\*)\)(@[^*]*)?", packed)
    first = None if exponents is None else measure(spelling.replace("*", "0"))
    if exponents is None or first is None or not isinstance(first.formula, Norm):
        raise SpellingError(
            f"{shown(spelling)!r} leaves open what cannot be tuned: write norm(0,*)"
        )
    return Family(
        None if exponents[1] == "*" else first.formula.query,
        None if exponents[2] == "*" else first.formula.item,
        first.frames,
    )


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a measure does to the asking and to the ranked side, as :func:`prepare` fits it.

    Attributes
    ----------
    formula
        As fitted; ``from_ranking(inner product, query norms)`` of it is the score.
    maps
        The frame.
    bias
        Whether a coordinate is added.
    """

    space: Space
    direction: Direction
    formula: Formula
    maps: Maps
    bias: bool

    def queries(self, vectors: Float[Array, "q d"]) -> Float64[Array, "q _"]:
        """Vectors of the asking side, new ones too."""
        q = self.maps.asking(vectors)
        q = unit(q) if self.formula.unit_queries else q
        return np.concatenate([q, np.ones((len(q), 1))], axis=1) if self.bias else q

    def items(self) -> Iterator[Float64[Array, "rows _"]]:
        """The ranked side, a few rows at a time."""
        ranked = self.space.sides(self.direction)[1].vectors
        length = max(64, BLOCK_BYTES // (8 * ranked.shape[1]))
        for start in range(0, len(ranked), length):
            yield self.at(np.arange(start, min(start + length, len(ranked)), dtype=np.int64))

    def at(self, rows: Int64[Array, " rows"]) -> Float64[Array, "rows _"]:
        """Some rows of the ranked side."""
        x = self.maps.ranked(self.space.sides(self.direction)[1].vectors[rows])
        terms = self.formula.terms_at(rows, np.sqrt(np.square(x).sum(axis=1)))
        if terms is not None and terms.weight is not None:
            x *= terms.weight[:, None]
        if terms is not None and terms.bias is not None:
            x = np.concatenate([x, terms.bias[:, None]], axis=1)
        return x


def prepare(
    measure: Measure,
    space: Space,
    direction: Direction = "queries-items",
    *,
    new_vectors: bool = True,
) -> Prepared:
    """Fit a measure on a space, to be used as an inner product.

    Raises ``SpellingError`` where no inner product ranks alike.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[3.0, 4.0]]))
    >>> prepared = prepare(measure("euclidean"), space)
    >>> next(prepared.items()).tolist(), prepared.queries(np.array([[1.0, 2.0]])).tolist()
    ([[3.0, 4.0, -12.5]], [[1.0, 2.0, 1.0]])
    """
    formula = fitted(measure, space, direction, new_vectors=new_vectors).formula
    if not formula.inner:
        raise SpellingError(
            f"no inner product ranks as {measure} does: search with it here, or export another "
            "measure, such as cosine or csls(10)"
        )
    ranked = space.sides(direction)[1]
    maps = maps_in(measure, space, direction, new_vectors=new_vectors)
    maps = maps or Maps.still(ranked.dimension)
    first = formula.terms_at(np.zeros(1, dtype=np.int64), np.ones(1))
    return Prepared(space, direction, formula, maps, first is not None and first.bias is not None)
