"""A linear adapter learnt from judgements, and measures in its coordinates: ``cosine@adapted``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.numbers import COUNT
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float64
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.measures.adapter_training import (
    Contrast,
    Diagonal,
    Full,
    KnownPairs,
    Lesson,
    LowRank,
    Shape,
    lesson,
)
from anglewise.measures.formulas import Formula, Measure
from anglewise.measures.frames import Frame, Maps, Sides


@dataclass(frozen=True)
class Adapted:
    """A formula after some frames and a map that is yet to be learnt.

    ``adapted`` learns every entry of the map, ``adapted(32)`` a correction of rank 32 to the
    identity, ``adapted-diagonal`` a weight for each column.

    >>> from anglewise.measures.formulas import Cosine
    >>> str(Adapted(Cosine(), rank=32)), str(Adapted(Cosine(), diagonal=True))
    ('cosine@adapted(32)', 'cosine@adapted-diagonal')
    """

    formula: Formula
    frames: tuple[Frame, ...] = ()
    rank: int | None = None
    diagonal: bool = False

    @property
    def word(self) -> str:
        """How the learnt frame is written."""
        if self.diagonal:
            return "adapted-diagonal"
        return "adapted" if self.rank is None else f"adapted({self.rank})"

    def __str__(self) -> str:
        return "@".join([str(self.formula), *map(str, self.frames), self.word])

    @property
    def simplicity(self) -> tuple[int, int, str]:
        """Sorts behind the measures that learn nothing."""
        rank, frames, _ = Measure(self.formula, self.frames).simplicity
        return rank + 2, frames + 1, str(self)

    def learnt(self, maps: Maps) -> Measure:
        """The measure, once the maps are known."""
        return Measure(self.formula, (*self.frames, Learnt(self.word, maps)))


@dataclass(frozen=True, eq=False)
class Learnt(Frame):
    """Maps that were learnt elsewhere: every space is moved by the same."""

    name: str
    maps: Maps

    def __str__(self) -> str:
        return self.name

    def fit(self, sides: Sides) -> Maps:
        """Nothing is left to learn."""
        del sides
        return self.maps


def _ranked(*numbers: float) -> tuple[int | None, bool]:
    if not numbers:
        return None, False
    (rank,) = numbers
    return int(COUNT.check("the rank of adapted(32)", rank, SpellingError)), False


def _diagonal() -> tuple[int | None, bool]:
    return None, True


ADAPTED: dict[str, Callable[..., tuple[int | None, bool]]] = {
    "adapted": _ranked,
    "adapted-diagonal": _diagonal,
}
"""How the learnt frame is written: its rank, and whether it is diagonal."""


FEWEST = 1_000
"""Judgements below which nothing is learnt."""
RIDGES = (10.0, 1.0, 0.1, 0.01, 0.001)
"""Tried from strong to weak, for as long as held-out queries gain."""
HELD_OUT = 0.2
"""The share of the queries that choose the ridge."""
STEPS = 25
"""Steps of L-BFGS at each ridge; each starts from the one before."""


@dataclass(frozen=True, eq=False)
class Adapter:
    """Two maps, ``q -> q W`` and ``x -> x V``, for cosines.

    Attributes
    ----------
    queries, items
        ``W`` and ``V``, ``d x d``; the same where one side asks about itself.
    about
        Plain words and numbers: the shape, the ridge chosen (None: nothing helped, the maps are
        identities), judgements learnt from, loss on held-out queries before and after.
    """

    queries: Float64[Array, "d d"]
    items: Float64[Array, "d d"]
    about: Mapping[str, Any]

    def apply(self, space: Space) -> Space:
        """The space moved, every row of length one (zero rows stay), to be compared by cosine.

        What was learnt is kept in ``about["adapter"]``, which is saved with the space. Raises
        ``ShapeError`` for vectors of another dimension.
        """
        if space.items.dimension != len(self.items):
            raise ShapeError(
                f"the space has {space.items.dimension} columns, the adapter {len(self.items)}: "
                "take the vectors that it learnt from"
            )
        return Space(
            items=_moved(space.items, self.items),
            queries=None if space.one_sided else _moved(space.queries, self.queries),
            trained_for="cosine",
            seen=space.seen,
            about={**space.about, "adapter": dict(self.about)},
        )


def adapter(
    space: Space,
    judgements: Judgements,
    *,
    rank: int | None = None,
    diagonal: bool = False,
    seed: int = 0,
) -> Adapter:
    """Learn linear maps of queries and items from judgements, by contrast.

    Each query should choose what was found relevant to it, by a softmax over cosines among a pool
    of items (all that are relevant to some query, and others drawn at random), with a learnt
    temperature; what was not judged counts as not relevant. A ridge keeps the maps near the
    identity; how strong is chosen on a fifth of the queries, and where no ridge helps these, the
    maps are identities. L-BFGS over the whole pool: the same seed gives the same maps on
    one machine. Where one side asks about itself, both sides share a map.

    On the queries that it learnt from a map looks better than it is. Let ``compare`` grade it
    (``cosine@adapted``), which asks every query through maps that never saw it.

    Parameters
    ----------
    rank
        ``W`` is the identity and a correction of this rank; by default every entry is free.
    diagonal
        Only a weight for each column is learnt.
    seed
        Draws the pool and the queries that choose the ridge.

    Raises
    ------
    TooFewError
        Fewer than 1,000 judgements, or none of anything relevant.
    ShapeError
        Judgements of another space, or a rank that the vectors do not have.
    SpellingError
        Both a rank and a diagonal.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 8))
    >>> noise = rng.standard_normal((300, 8)) * [3, 3, 3, 3, 0.1, 0.1, 0.1, 0.1]
    >>> space = Space(queries=Embeddings(x + noise), items=Embeddings(x))
    >>> rows, places = np.repeat(np.arange(300), 4), np.tile(np.arange(4), 300)
    >>> pairs = SparseRows.from_pairs(
    ...     rows, (rows + places) % 300, np.where(places, 0.0, 1.0), shape=(300, 300)
    ... )
    >>> learnt = adapter(space, Judgements(pairs), diagonal=True)
    >>> weights = np.diag(learnt.queries * learnt.items)
    >>> bool(weights[:4].max() < weights[4:].min())
    True
    """
    asking, ranked = space.sides(judgements.direction)
    due = (len(asking), len(ranked))
    if judgements.gains.shape != due:
        raise ShapeError(f"judgements are {judgements.gains.shape}, the space {due}")
    hidden = [judgements.seen, space.seen if judgements.direction == "queries-items" else None]
    known = KnownPairs(
        asking.vectors.astype(np.float64),
        ranked.vectors.astype(np.float64),
        judgements.gains,
        tuple(table for table in hidden if table is not None),
        asking is ranked,
    )
    every = np.ones(due[0], dtype=bool)
    return learnt(known, every, shape_of(ranked.dimension, rank, diagonal=diagonal), seed)


def shape_of(dimension: int, rank: int | None, *, diagonal: bool) -> Shape:
    """The shape that is asked for.

    >>> shape_of(8, 2, diagonal=False)
    LowRank(dimension=8, rank=2)
    """
    if diagonal and rank is not None:
        raise SpellingError("a diagonal map has no rank to choose: ask for one of the two")
    if rank is not None and not 1 <= rank <= dimension:
        raise ShapeError(f"a correction of rank {rank} of {dimension} columns: take 1 to these")
    if diagonal:
        return Diagonal(dimension)
    return Full(dimension) if rank is None else LowRank(dimension, rank)


def learnt(known: KnownPairs, learners: Bool[Array, " n"], shape: Shape, seed: int) -> Adapter:
    """An adapter from the judgements of some of those who ask.

    Where one side asks about itself, judgements *of* the others are not used either, so that the
    maps never saw them.
    """
    ranked = learners if known.itself else np.ones(known.gains.shape[1], dtype=bool)
    judged = known.of(learners, ranked)
    if len(judged.values) < FEWEST:
        raise TooFewError(
            f"{len(judged.values):,} judgements to learn from: an adapter needs at least "
            f"{FEWEST:,}; compare measures that learn nothing, such as cosine@centred"
        )
    rng = np.random.default_rng(seed)
    teach, examine = _parted(judged, learners, rng)
    first = lesson(known, teach, teach if known.itself else ranked, rng)
    exam = lesson(known, examine, ranked, rng)
    whole = lesson(known, learners, ranked, rng)
    if first is None or exam is None or whole is None:
        raise TooFewError("too few queries have anything relevant: an adapter learns from it")
    ridge, free, before, after = _best_ridge(first, exam, shape, known.itself)
    about = {
        "shape": type(shape).__name__,
        "rank": shape.rank if isinstance(shape, LowRank) else None,
        "ridge": ridge,
        "judgements": len(judged.values),
        "held_out_loss": [before, after],
        "seed": seed,
    }
    if ridge is None:
        still = np.eye(known.ranked.shape[1])
        return Adapter(still, still, about)
    contrast = Contrast(whole, shape, known.itself, ridge)
    free = _descended(contrast, free, STEPS)
    of_queries, of_items = (shape.matrix(part) for part in contrast.parts(free))
    return Adapter(of_queries, of_items, about)


def _parted(
    judged: SparseRows, learners: Bool[Array, " n"], rng: np.random.Generator
) -> tuple[Bool[Array, " n"], Bool[Array, " n"]]:
    """Who teaches, and who chooses the ridge; those who judged nothing teach nothing."""
    rows = np.flatnonzero((judged.counts > 0) & learners)
    some = rng.permutation(rows)[: max(1, round(HELD_OUT * len(rows)))]
    examine = np.zeros(len(learners), dtype=bool)
    examine[some] = True
    return learners & ~examine, examine


def _best_ridge(
    first: Lesson, exam: Lesson, shape: Shape, shared: bool
) -> tuple[float | None, Float64[Array, " free"], float, float]:
    """The ridge at which held-out queries do best, the maps, and the loss without and with it."""
    start = Contrast(first, shape, shared).start()
    free = _sharpened(Contrast(first, shape, shared), start)
    before = best = Contrast(exam, shape, shared)(free)[0]
    chosen, best_free = None, free
    for ridge in RIDGES:
        free = _descended(Contrast(first, shape, shared, ridge), free, STEPS)
        loss = Contrast(exam, shape, shared)(free)[0]
        if loss < best:
            best, chosen, best_free = loss, ridge, free
        elif chosen is not None:
            break
    return chosen, best_free, before, best


def _sharpened(contrast: Contrast, free: Float64[Array, " free"]) -> Float64[Array, " free"]:
    """The identity, with the temperature that suits it."""
    from scipy import optimize

    def loss(log_b: float) -> float:
        return contrast(np.concatenate([[log_b], free[1:]]))[0]

    found = cast("Any", optimize).minimize_scalar(loss, bounds=(-2.0, 8.0), method="bounded")
    return np.concatenate([[float(found.x)], free[1:]])


def _descended(
    contrast: Contrast, free: Float64[Array, " free"], steps: int
) -> Float64[Array, " free"]:
    from scipy import optimize

    found = cast("Any", optimize).minimize(
        contrast, free, jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxcor": 8}
    )
    return np.asarray(found.x, dtype=np.float64)


def _moved(side: Embeddings, matrix: Float64[Array, "d d"]) -> Embeddings:
    x = side.vectors @ matrix
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return side.with_vectors(x / np.where(length > 0, length, 1.0))
