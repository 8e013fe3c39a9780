"""A linear adapter learnt from judgements, and measures in its coordinates: ``cosine@adapted``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from anglewise.data_types.conversion import check_array
from anglewise.data_types.embeddings import BIAS_COLUMNS, Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.memory import check_room
from anglewise.data_types.numbers import COUNT, SEED, check_flag, check_kind
from anglewise.data_types.pairs import check_of_space
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float64
from anglewise.errors import ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.similarity_measures.adapter_training import (
    ContrastiveLoss,
    Diagonal,
    Free,
    Full,
    LowRank,
    Shape,
    TrainingBatch,
    TrainingPairs,
    training_batch,
)
from anglewise.similarity_measures.formulas import Formula, Measure
from anglewise.similarity_measures.frames import Frame, Maps, Sides


@dataclass(frozen=True)
class Adapted:
    """A formula after some frames and a map that judgements have yet to teach.

    ``adapted`` learns every entry of the map, ``adapted(32)`` a correction of rank 32 to the
    identity, ``adapted-diagonal`` a weight for each column.

    >>> from anglewise.similarity_measures.formulas import Cosine
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
        return Measure(self.formula, (*self.frames, LearntFrame(self.word, maps)))


@dataclass(frozen=True, eq=False)
class LearntFrame(Frame):
    """Maps that were learnt before: every space is moved by the same."""

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

    def __post_init__(self) -> None:
        check_array(self.queries, "queries of an adapter", (None, None))
        check_array(self.items, "items of an adapter", (None, None))
        due = (len(self.items), len(self.items))
        for name, matrix in (("queries", self.queries), ("items", self.items)):
            check_array(matrix, f"{name} of an adapter", due)
            if not np.isfinite(matrix).all():
                raise ValuesError(f"{name} of an adapter hold NaN or infinity")
        check_kind(self.about, Mapping, "about", "a dict of what is known about the adapter")

    def apply(self, space: Space) -> Space:
        """The space moved, every row of length one (zero rows stay), to be compared by cosine.

        What was learnt is kept in ``about["adapter"]``, which is saved with the space. Raises
        ``ShapeError`` for vectors of another dimension.
        """
        check_kind(space, Space, "the space", "a Space")
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
            about={**space.about, BIAS_COLUMNS: [], "adapter": dict(self.about)},
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
    ValuesError
        Vectors so wide that learning would fill the memory.

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
    check_kind(space, Space, "the space", "a Space")
    check_kind(judgements, Judgements, "judgements", "Judgements, such as read_judgements gives,")
    SEED.check("seed", seed)
    check_of_space(judgements, space)
    if judgements.parts is not None:
        raise ShapeError(
            "the judgements are of documents that the items are passages of, and a map learns "
            "from items: judge passages, or encode whole documents"
        )
    asking, ranked = space.sides(judgements.direction)
    hidden = [judgements.seen, space.seen if judgements.direction == "queries-items" else None]
    pairs = TrainingPairs(
        asking.vectors.astype(np.float64),
        ranked.vectors.astype(np.float64),
        judgements.gains,
        tuple(table for table in hidden if table is not None),
        asking is ranked,
    )
    every = np.ones(len(asking), dtype=bool)
    shape = adapter_shape(ranked.dimension, rank, diagonal=diagonal)
    return learn_adapter(pairs, every, shape, seed)


def adapter_shape(dimension: int, rank: int | None, *, diagonal: bool) -> Shape:
    """The shape that is asked for.

    >>> adapter_shape(8, 2, diagonal=False)
    LowRank(dimension=8, rank=2)
    """
    check_flag(diagonal, "diagonal")
    if rank is not None:
        COUNT.check("rank", rank, ShapeError)
    if diagonal and rank is not None:
        raise SpellingError("a diagonal map has no rank to choose: ask for one of the two")
    if rank is not None and rank > dimension:
        raise ShapeError(f"a correction of rank {rank} of {dimension} columns: take 1 to these")
    if diagonal:
        return Diagonal(dimension)
    return Full(dimension) if rank is None else LowRank(dimension, rank)


def learn_adapter(
    pairs: TrainingPairs, learners: Bool[Array, " n"], shape: Shape, seed: int
) -> Adapter:
    """An adapter from the judgements of some rows of the asking side, the ``learners``.

    Where one side asks about itself, judgements *of* the other rows are not used either, so that
    the maps never saw them.
    """
    check_room(
        f"learning a map of {pairs.ranked.shape[1]:,} dimensions",
        shape.size(1 if pairs.itself else 2),
        "take vectors of fewer dimensions"
        + (", learn fewer numbers (adapted(16), adapted-diagonal)" * isinstance(shape, Full)),
    )
    ranked = learners if pairs.itself else np.ones(pairs.gains.shape[1], dtype=bool)
    judged = pairs.judged(learners, ranked)
    if len(judged.values) < FEWEST:
        raise TooFewError(
            f"{len(judged.values):,} judgements to learn from: an adapter needs at least "
            f"{FEWEST:,}; compare measures that learn nothing, such as cosine@centred"
        )
    rng = np.random.default_rng(seed)
    training, held_out = _split(judged, learners, rng)
    batch = training_batch(pairs, training, training if pairs.itself else ranked, rng)
    validation = training_batch(pairs, held_out, ranked, rng)
    whole = training_batch(pairs, learners, ranked, rng)
    if batch is None or validation is None or whole is None:
        raise TooFewError("too few queries have anything relevant: an adapter learns from it")
    ridge, free, before, after = _best_ridge(batch, validation, shape, pairs.itself)
    about = {
        "shape": type(shape).__name__,
        "rank": shape.rank if isinstance(shape, LowRank) else None,
        "ridge": ridge,
        "judgements": len(judged.values),
        "held_out_loss": [before, after],
        "seed": seed,
    }
    if ridge is None:
        identity = np.eye(pairs.ranked.shape[1])
        return Adapter(identity, identity, about)
    loss = ContrastiveLoss(whole, shape, pairs.itself, ridge)
    free = _descended(loss, free)
    of_queries, of_items = (shape.matrix(part) for part in loss.parts(free))
    return Adapter(of_queries, of_items, about)


def _split(
    judged: SparseRows, learners: Bool[Array, " n"], rng: np.random.Generator
) -> tuple[Bool[Array, " n"], Bool[Array, " n"]]:
    """The rows to train on, and those held out to choose the ridge, all of which were judged."""
    rows = np.flatnonzero((judged.counts > 0) & learners)
    some = rng.permutation(rows)[: max(1, round(HELD_OUT * len(rows)))]
    held_out = np.zeros(len(learners), dtype=bool)
    held_out[some] = True
    return learners & ~held_out, held_out


def _best_ridge(
    batch: TrainingBatch, validation: TrainingBatch, shape: Shape, shared: bool
) -> tuple[float | None, Free, float, float]:
    """The ridge at which held-out queries do best, the maps, and the loss without and with it."""
    plain, held_out = (ContrastiveLoss(some, shape, shared) for some in (batch, validation))
    free = _sharpened(plain, plain.start())
    before = best = held_out(free)[0]
    chosen, best_free = None, free
    for ridge in RIDGES:
        free = _descended(ContrastiveLoss(batch, shape, shared, ridge), free)
        value = held_out(free)[0]
        if value < best:
            best, chosen, best_free = value, ridge, free
        elif chosen is not None:
            break
    return chosen, best_free, before, best


def _sharpened(loss: ContrastiveLoss, free: Free) -> Free:
    """The identity, with the temperature that suits it."""
    from scipy import optimize

    def at_temperature(log_b: float) -> float:
        return loss(np.concatenate([[log_b], free[1:]]))[0]

    minimum = cast("Any", optimize).minimize_scalar(
        at_temperature, bounds=(-2.0, 8.0), method="bounded"
    )
    return np.concatenate([[float(minimum.x)], free[1:]])


def _descended(loss: ContrastiveLoss, free: Free) -> Free:
    """Some steps down the loss."""
    from scipy import optimize

    minimum = cast("Any", optimize).minimize(
        loss, free, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxcor": 8}
    )
    return np.asarray(minimum.x, dtype=np.float64)


def _moved(side: Embeddings, matrix: Float64[Array, "d d"]) -> Embeddings:
    x = side.vectors @ matrix
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return side.with_vectors(x / np.where(length > 0, length, 1.0))
