"""How vectors are prepared so that a metric of a store ranks as a measure does.

Each way is exact in exact arithmetic; what a graph index makes of it has to be measured, and
differs widely. The order is that in which they are tried: the nearest to the metric itself first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.typing import Array, Direction, Float32, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.similarity_measures.affine import Maps
from anglewise.similarity_measures.formulas import (
    Cosine,
    Dot,
    Euclidean,
    Manhattan,
    Measure,
    maps_in,
    unit,
)
from anglewise.similarity_measures.measure import Prepared, prepare
from anglewise.stores.query_transform import QueryTransform
from anglewise.stores.vector_store import Metric

BLOCK = 4_096
"""Rows that are looked at at once."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """One way to prepare both sides for a metric of a store.

    Attributes
    ----------
    name
        In words: ``unit vectors, dot``.
    metric
        Under which the store has to rank.
    rows
        The prepared vectors of some rows of the ranked side, float64.
    queries
        What is done to a query.
    scan_only
        Whether graph indexes are known to lose nearly everything under it.
    unmoved
        The vectors of the ranked side, where preparing them changes nothing.
    """

    name: str
    metric: Metric
    rows: Callable[[Int64[Array, " rows"]], Float64[Array, "rows _"]]
    queries: QueryTransform
    scan_only: bool = False
    unmoved: Float32[Array, "items d"] | None = None

    def items(self, rows: Int64[Array, " rows"]) -> Float32[Array, "rows _"]:
        """Prepared vectors as a store keeps them; rows that follow each other are not copied."""
        if self.unmoved is None:
            return self.rows(rows).astype(np.float32)
        if len(rows) and (np.diff(rows) == 1).all():
            return self.unmoved[int(rows[0]) : int(rows[-1]) + 1]
        return self.unmoved[rows]

    def word(self, supported: Mapping[Metric, str]) -> Metric | None:
        """The metric among those of a store that ranks so: a distance and its square do alike."""
        alike: dict[Metric, Metric] = {"euclidean": "squared-euclidean"}
        for metric in (self.metric, alike.get(self.metric)):
            if metric is not None and metric in supported:
                return metric
        return None


def reductions(measure: Measure, space: Space, direction: Direction) -> list[Reduction]:
    """The ways of a measure on a space.

    Raises ``SpellingError`` for a measure that no metric of any store ranks as.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.similarity_measures.measure import measure
    >>> space = Space(items=Embeddings([[3.0, 4.0], [1.0, 0.0]]))
    >>> [way.name for way in reductions(measure("cosine"), space, "items-items")]
    ['cosine', 'unit vectors, dot', 'unit vectors, euclidean']
    """
    ranked = space.sides(direction)[1]
    maps = maps_in(measure, space, direction) or Maps.still(ranked.dimension)

    def moved(rows: Int64[Array, " rows"]) -> Float64[Array, "rows _"]:
        return maps.ranked(ranked.vectors[rows])

    plain = QueryTransform.of(maps.asking)
    unmoved = ranked.vectors if maps.ranked.is_still else None
    if isinstance(measure.formula, Manhattan):
        return [Reduction("manhattan", "manhattan", moved, plain, unmoved=unmoved)]
    if isinstance(measure.formula, Cosine):
        return [
            Reduction("cosine", "cosine", moved, plain, unmoved=unmoved),
            Reduction("unit vectors, dot", "dot", lambda rows: unit(moved(rows)), plain),
            _unit_by_distance(moved, maps, len(ranked)),
        ]
    if isinstance(measure.formula, Euclidean):
        prepared = prepare(measure, space, direction)
        with_one = QueryTransform.of(maps.asking, appended=(1.0,))
        name = "one coordinate more, dot"
        return [
            Reduction("euclidean", "euclidean", moved, plain, unmoved=unmoved),
            Reduction(name, "dot", prepared.at, with_one, scan_only=True),
        ]
    return _by_dot(measure, prepare(measure, space, direction), len(ranked))


def _unit_by_distance(
    moved: Callable[[Int64[Array, " rows"]], Float64[Array, "rows _"]], maps: Maps, items: int
) -> Reduction:
    """Cosines as distances of unit vectors.

    A zero vector is at distance 1 from every unit query, as near as a cosine of .5, where its
    cosine is 0: so where there is one, a coordinate more puts it at distance √2.
    """
    blocks = (np.arange(start, min(start + BLOCK, items)) for start in range(0, items, BLOCK))
    if all(moved(rows).any(axis=1).all() for rows in blocks):
        asking = QueryTransform.of(maps.asking, to_unit=True)
        name = "unit vectors, euclidean"
        return Reduction(name, "euclidean", lambda rows: unit(moved(rows)), asking)

    def raised(rows: Int64[Array, " rows"]) -> Float64[Array, "rows _"]:
        x = moved(rows)
        height = np.where(x.any(axis=1), 0.0, 1.0)
        return np.concatenate([unit(x), height[:, None]], axis=1)

    asking = QueryTransform.of(maps.asking, to_unit=True, appended=(0.0,))
    name = "unit vectors, one coordinate more, euclidean"
    return Reduction(name, "euclidean", raised, asking)


def _by_dot(measure: Measure, prepared: Prepared, items: int) -> list[Reduction]:
    """An inner product of prepared vectors: as it is, centred, or as a distance."""
    asking, to_unit = prepared.maps.asking, prepared.formula.unit_queries
    ends = (1.0,) if prepared.bias else ()
    plain = QueryTransform.of(asking, to_unit=to_unit, appended=ends)
    name = "dot" if isinstance(measure.formula, Dot) else "prepared vectors, dot"
    unmoved = None
    if isinstance(measure.formula, Dot) and prepared.maps.ranked.is_still:
        unmoved = prepared.space.sides(prepared.direction)[1].vectors

    @cache
    def sizes() -> tuple[Float64[Array, " _"], float, float]:
        return _sizes(prepared, items)

    def centred(rows: Int64[Array, " rows"]) -> Float64[Array, "rows _"]:
        return prepared.at(rows) - sizes()[0]

    def raised(
        vectors: Callable[[Array], Array], longest: Callable[[], float]
    ) -> Callable[[Int64[Array, " rows"]], Float64[Array, "rows _"]]:
        def rows_of(rows: Int64[Array, " rows"]) -> Float64[Array, "rows _"]:
            x = vectors(rows)
            height = np.sqrt(np.maximum(longest() ** 2 - np.square(x).sum(axis=1), 0.0))
            return np.concatenate([x, height[:, None]], axis=1)

        return rows_of

    flat = QueryTransform.of(asking, to_unit=to_unit, appended=(*ends, 0.0))
    return [
        Reduction(name, "dot", prepared.at, plain, unmoved=unmoved),
        Reduction("centred, dot", "dot", centred, plain),
        Reduction(
            "centred, one coordinate more, euclidean",
            "euclidean",
            raised(centred, lambda: sizes()[2]),
            flat,
        ),
        Reduction(
            "one coordinate more, euclidean",
            "euclidean",
            raised(prepared.at, lambda: sizes()[1]),
            flat,
        ),
    ]


def _sizes(prepared: Prepared, items: int) -> tuple[Float64[Array, " _"], float, float]:
    """The mean prepared vector, the greatest length, and that about the mean."""
    total = sum(block.sum(axis=0) for block in prepared.items())
    mean = np.asarray(total, dtype=np.float64) / items
    longest = centred = 0.0
    for block in prepared.items():
        longest = max(longest, float(np.square(block).sum(axis=1).max()))
        centred = max(centred, float(np.square(block - mean).sum(axis=1).max()))
    return mean, float(np.sqrt(longest)), float(np.sqrt(centred))


def way_named(name: str, ways: list[Reduction]) -> Reduction:
    """The one of a name, as a manifest holds it; ``SpellingError`` if there is none."""
    for way in ways:
        if way.name == name:
            return way
    raise SpellingError(
        f"the measure is not prepared by {name!r}; ways are {[w.name for w in ways]}"
    )
