"""Frames: affine maps into the coordinates in which a measure is taken.

A frame is fitted once on a space and is then a pair of maps, one for the asking side and one for
the ranked side. Unless said otherwise a frame learns from the ranked side and moves both sides
alike, so that a single new query can be moved too.
"""

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, is_dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.memory import check_square, room
from anglewise.data_types.numbers import COUNT, UNIT, shown, written
from anglewise.data_types.typing import Array, Direction, Float64
from anglewise.equivalent_factorisations.canonical import (
    BALANCED,
    ITEM_ORTHONORMAL,
    USER_ORTHONORMAL,
    PowerGauge,
)
from anglewise.equivalent_factorisations.gauge import (
    Gauge,
    RandomMap,
    bias_columns,
    columns_left,
    two_roots,
)
from anglewise.equivalent_factorisations.maps import Root, whole_map
from anglewise.errors import ShapeError, SpellingError, ValuesError
from anglewise.similarity_measures.affine import Affine, Maps, Sides, View, span_of


class Frame(ABC):
    """Coordinates for a measure. An interface: frames are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling, as it stands after ``@``."""

    @abstractmethod
    def fit(self, sides: Sides) -> Maps:
        """The maps for this space and direction."""

    def narrowed(self, space: Space) -> Space | None:
        """The space that the frames after this one are fitted on, where it is another one."""
        del space


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CACHE_BYTES = 1 << 28
"""What the values of one space may weigh together; the least recently used goes first."""
ENTRY_BYTES = 1 << 12
"""What an entry weighs beside its arrays, so that small ones are bounded in number too."""


@dataclass(eq=False)
class SpaceCache(Generic[K, V]):
    """Values fitted on spaces, by space and key, as long as the space lives.

    Safe among threads, of which two may fit the same value, harmlessly. Of each space at most
    ``room`` bytes are cached, or a quarter of the memory that is allowed if that is less; the last
    value is, whatever it weighs.
    """

    room: int = CACHE_BYTES
    spaces: WeakKeyDictionary[Space, OrderedDict[K, tuple[V, int]]] = field(
        default_factory=WeakKeyDictionary[Space, OrderedDict[K, tuple[V, int]]]
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, space: Space, key: K, fit: Callable[[], V]) -> V:
        """The value, fitted now or before."""
        with self.lock:
            cached = self.spaces.setdefault(space, OrderedDict())
            if key in cached:
                cached.move_to_end(key)
                return cached[key][0]
        value = fit()
        with self.lock:
            value, _ = cached.setdefault(key, (value, weight(value)))
            most = min(self.room, room() // 4)
            while len(cached) > 1 and sum(size for _, size in cached.values()) > most:
                cached.popitem(last=False)
        return value


def weight(value: object) -> int:
    """What the arrays of a value weigh in bytes, each counted once.

    >>> weight(Maps.still(4)) - ENTRY_BYTES
    32
    """
    return ENTRY_BYTES + sum({id(array): array.nbytes for array in _arrays(value)}.values())


def _arrays(value: Any) -> Iterator[Array]:
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for part in vars(value).values():
            yield from _arrays(part)


_FITTED: SpaceCache[tuple[tuple[Frame, ...], Direction, bool], Maps] = SpaceCache()


_SPANS: SpaceCache[tuple[int, ...], Array] = SpaceCache()


def fit_frames(
    frames: tuple[Frame, ...], space: Space, direction: Direction, *, new_vectors: bool = True
) -> Maps | None:
    """Fit one frame after the other, the first one first; None when there are none.

    Without ``new_vectors`` the maps may be those of the span of the rows of the space, where these
    are few: no product, length or distance of such rows is another one there, but distances along
    axes (``Formula.axes``) are.
    """
    if not frames:
        return None
    few = len(space.queries) + len(space.items) < space.items.dimension
    if few and not new_vectors and any(map(_is_random, frames)):
        # drawn anew as fast as it is moved by, and wide: kept, many would push others out
        return _fitted(frames, space, direction, new_vectors)
    key = frames, direction, new_vectors
    return _FITTED.get(space, key, lambda: _fitted(frames, space, direction, new_vectors))


def _is_random(frame: Frame) -> bool:
    return isinstance(frame, AtGauge) and isinstance(frame.gauge, RandomMap)


def _fitted(
    frames: tuple[Frame, ...], space: Space, direction: Direction, new_vectors: bool
) -> Maps:
    narrowed = frames[0].narrowed(space) if frames[1:] else None
    if narrowed is not None:
        first = fit_frames(frames[:1], space, direction) or Maps.still(space.items.dimension)
        rest = fit_frames(frames[1:], narrowed, direction, new_vectors=new_vectors) or first
        return Maps(first.asking.then(rest.asking), first.ranked.then(rest.ranked))
    asking, ranked = space.sides(direction)
    maps = Maps.still(ranked.dimension)
    for frame in frames:
        views = View(asking, maps.asking), View(ranked, maps.ranked)
        sides = Sides(space, direction, *views, new_vectors)
        step = frame.fit(sides)
        maps = Maps(maps.asking.then(step.asking), maps.ranked.then(step.ranked))
        if maps.ranked.matrix is not None and not maps.ranked.matrix.shape[1]:
            raise ValuesError(
                f"@{frame} leaves no coordinate: the {len(ranked):,} ranked vectors are all alike "
                "there, and nothing tells them apart; take another frame, or mend the vectors"
            )
    return maps


RANK_TOLERANCE = 1e-10
"""Directions whose variance is below this share of the largest hold rounding noise only."""
CONSTANT_TOLERANCE = 1e-13
"""A column whose variance is below this share of its mean square is constant, but for rounding."""


@dataclass(frozen=True)
class Centred(Frame):
    """The mean of the ranked side is taken off both sides.

    >>> str(Centred())
    'centred'
    """

    def __str__(self) -> str:
        return "centred"

    def fit(self, sides: Sides) -> Maps:
        """One translation for both sides."""
        return Maps.both(Affine(sides.ranked.mean))


@dataclass(frozen=True)
class Standardised(Frame):
    """Centred, then every column divided by its standard deviation on the ranked side.

    Columns that hold one number for the whole ranked side distinguish no items and are 0; so are,
    behind a frame that mixes columns, those whose variance is a rounding error of the largest.

    >>> from anglewise.data_types.embeddings import Embeddings, Space
    >>> space = Space(items=Embeddings([[1.0, 5.0, 10.0], [3.0, 5.0, 30.0]]))
    >>> fit_frames((Standardised(),), space, "items-items").ranked(space.items.vectors).tolist()
    [[-1.0, 0.0, -1.0], [1.0, 0.0, 1.0]]
    """

    def __str__(self) -> str:
        return "standardised"

    def fit(self, sides: Sides) -> Maps:
        """``(x - mean) / deviation``, column by column."""
        mean, variance = sides.ranked.mean, sides.ranked.variance
        varying = variance > CONSTANT_TOLERANCE * (mean**2 + variance)
        if sides.ranked.through.matrix is not None:
            # where columns were mixed, the rounding of the largest is in all of them
            varying &= variance > RANK_TOLERANCE * variance.max()
        if not varying.any():
            return Maps.both(Affine(mean, np.zeros((len(mean), 0))))
        scale = np.divide(1, np.sqrt(variance), out=np.zeros_like(mean), where=varying)
        return Maps.both(Affine(mean, scale=scale, whole=int(varying.sum())))


def principal_directions(
    side: View, basis: Float64[Array, "d r"] | None
) -> tuple[Float64[Array, " r"], Float64[Array, "d r"]]:
    """The variances of a side, ascending, and their directions: within a basis, or all."""
    if basis is not None:
        variance, directions = np.linalg.eigh(side.inside(basis).covariance)
        return variance, basis @ directions
    if len(side.embeddings) < side.columns:
        check_square(side.columns)
    variance, directions = np.linalg.eigh(side.covariance)
    return variance, directions


@dataclass(frozen=True)
class Whitened(Frame):
    """Centred, then every direction of the ranked side scaled to variance one (arXiv 2103.15316).

    Directions without variance are dropped. With a ``shrinkage`` above 0 the covariance ``S`` is
    drawn towards a round one, ``(1 - shrinkage) S + shrinkage trace(S) / d I`` (Ledoit and Wolf,
    2004), so that directions of little but noise are lifted less; with 1 only the mean is taken
    off, up to one scale for all.

    >>> str(Whitened()), str(Whitened(0.1))
    ('whitened', 'whitened(0.1)')
    """

    shrinkage: float = 0

    def __post_init__(self) -> None:
        if not UNIT.holds(self.shrinkage):
            raise SpellingError(
                f"whitened({shown(self.shrinkage)}): the shrinkage goes from 0, none, to 1, which "
                "leaves centring alone; write whitened(0.1)"
            )

    def __str__(self) -> str:
        return f"whitened({written(self.shrinkage)})" if self.shrinkage else "whitened"

    def fit(self, sides: Sides) -> Maps:
        """``W = V diag(variance)^-1/2`` from the covariance of the ranked side."""
        basis = sides.span() if self.shrinkage else span_of(sides.ranked)
        variance, directions = principal_directions(sides.ranked, basis)
        even = variance.sum() / sides.dimension
        variance = (1 - self.shrinkage) * variance + self.shrinkage * even
        varying = variance > RANK_TOLERANCE * max(variance[-1], np.finfo(float).tiny)
        scaled = directions[:, varying] / np.sqrt(variance[varying])
        whole = sides.dimension if self.shrinkage and basis is not None else None
        return Maps.both(Affine(sides.ranked.mean, scaled, whole=whole))


@dataclass(frozen=True)
class WithoutTop(Frame):
    """Centred, then without the strongest directions of the ranked side (arXiv 1702.01417).

    >>> str(WithoutTop(3))
    'without-top(3)'
    """

    directions: int

    def __post_init__(self) -> None:
        COUNT.check("the number of directions in without-top(3)", self.directions, SpellingError)

    def __str__(self) -> str:
        return f"without-top({self.directions})"

    def fit(self, sides: Sides) -> Maps:
        """The projection onto what is left."""
        if self.directions >= sides.dimension:
            raise SpellingError(
                f"{self} leaves nothing of {sides.dimension} dimensions: take fewer directions"
            )
        basis = sides.span()
        _, directions = principal_directions(sides.ranked, basis)
        whole = None if basis is None else sides.dimension - self.directions
        kept = directions[:, : -self.directions]
        return Maps.both(Affine(sides.ranked.mean, kept, whole=whole))


@dataclass(frozen=True)
class AtGauge(Frame):
    """The vectors as they are in another, equally good factorisation.

    Queries and items go through different maps, so the direction decides: for ``items-items``
    both sides are items. Columns that hold one number for a whole side are biases and stay as
    they are; the others change gauge among themselves. It must be the first frame: once
    vectors are centred or cut, their products are no predictions any more.

    >>> str(AtGauge(BALANCED))
    'balanced'
    """

    gauge: Gauge

    def __str__(self) -> str:
        return str(self.gauge)

    def fit(self, sides: Sides) -> Maps:
        """The maps ``G`` of the queries and ``G^-T`` of the items."""
        queries, items = _roots(sides, str(self))
        biases, few = bias_columns(sides.space), len(queries.matrix) + len(items.matrix)
        if isinstance(self.gauge, RandomMap) and few < queries.dimension:
            free = columns_left(biases, queries.dimension)
            rows = np.concatenate([queries.matrix, items.matrix])[:, free]
            basis = _SPANS.get(sides.space, biases, lambda: np.linalg.qr(rows.T)[0])
            pair = self.gauge.pair_by_span(
                basis, biases, queries.dimension, new_vectors=sides.new_vectors
            )
        else:
            pair = self.gauge.pair_keeping(queries, items, biases)
        still = np.zeros(queries.dimension)
        asking, ranked = sides.direction.split("-")
        maps = {
            "queries": Affine(still, whole_map(pair.queries)),
            "items": Affine(still, whole_map(pair.items)),
        }
        return Maps(maps[asking], maps[ranked])


@dataclass(frozen=True)
class DataSpace(Frame):
    """Items as columns of the predictions ``PQ'``, or queries as its rows: leave the embedding.

    Between items ``q_i (P'P) q_j``, so a root ``K`` with ``K'K = P'P`` is the map, and no
    prediction is formed; it is the geometry of the user-orthonormal gauge, and between queries
    that of the item-orthonormal one. Not a gauge: it has no coordinates that queries and items
    share. Biases count, as they do in the predictions.

    >>> str(DataSpace())
    'data-space'
    """

    def __str__(self) -> str:
        return "data-space"

    def fit(self, sides: Sides) -> Maps:
        """``q -> q K'`` with the root of the other side."""
        if sides.direction == "queries-items":
            raise SpellingError(
                "data-space compares columns of the predictions with columns, or rows with rows: "
                "a query and an item have no coordinates in common there; take @balanced, or dot"
            )
        queries, items = _roots(sides, str(self))
        other = queries if sides.direction == "items-items" else items
        return Maps.both(Affine(np.zeros(other.dimension), other.matrix.T))


def at_power(t: float) -> AtGauge:
    """The frame ``power(t)``, from item-orthonormal (0) to user-orthonormal (1).

    >>> str(at_power(0.3)), str(at_power(1))
    ('power(0.3)', 'user-orthonormal')
    """
    return AtGauge(PowerGauge(t))


def at_random(condition: float, seed: int = 0) -> AtGauge:
    """The frame ``random(condition,seed)``: an arbitrary gauge, to see what moves.

    >>> str(at_random(30, 1))
    'random(30,1)'
    """
    return AtGauge(RandomMap(condition, seed))


GAUGE_FRAMES: dict[str, Callable[..., Frame]] = {
    "balanced": partial(AtGauge, BALANCED),
    "item-orthonormal": partial(AtGauge, ITEM_ORTHONORMAL),
    "user-orthonormal": partial(AtGauge, USER_ORTHONORMAL),
    "power": at_power,
    "random": at_random,
    "data-space": DataSpace,
}


def check_first(sides: Sides, name: str, reason: str) -> None:
    """Refuse a frame that stands behind another."""
    through = (sides.asking.through, sides.ranked.through)
    moved = [a.matrix is not None or a.scale is not None or a.offset.any() for a in through]
    if any(moved):
        raise SpellingError(
            f"{name} must be the first frame: {reason}; write cosine@{name}@centred"
        )


def _roots(sides: Sides, name: str) -> tuple[Root, Root]:
    check_first(
        sides,
        name,
        "after another one the products of queries and items are no predictions any more",
    )
    if sides.space.one_sided:
        raise ShapeError(
            f"{name} needs the two factors of a model, users and items: this space has one side"
        )
    return two_roots(sides.space)
