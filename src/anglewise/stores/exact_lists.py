"""What a store lists, held against the exact lists of a measure, up to ties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from anglewise.data_types.drawn import QueryWeights, draw_words, means_over_queries
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Direction, Float32, Float64, Int64
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.affine import Maps
from anglewise.similarity_measures.formulas import (
    Cosine,
    Dot,
    Euclidean,
    Manhattan,
    Measure,
    maps_in,
)
from anglewise.statistics.decision import LEVEL, WeightedMeans
from anglewise.stores.reductions import Reduction
from anglewise.stores.vector_store import Listed, VectorStore

ROUNDING = 2e-6
"""Scores nearer than this, in parts of what float32 rounds, are equal to a store."""
NEAR = 1e-9
"""A mean of shares that is below what is asked for by rounding alone reaches it."""
DRAWN = 200
"""Queries that are drawn where nobody names any."""


@dataclass(frozen=True, eq=False)
class ExactLists:
    """The exact lists of some queries under a measure, and what it takes to ask a store the same.

    Attributes
    ----------
    rows
        Rows of the asking side.
    exact
        Their exact lists, ``k`` long.
    weights
        What each query counts in means, where judgements say that they were drawn by traffic.
    draw_words
        What that makes of figures, in words; empty where queries were not drawn by lot.
    """

    space: Space
    measure: Measure
    direction: Direction
    rows: Int64[Array, " q"]
    exact: Neighbours
    row_of: Mapping[str, int] = field(repr=False)
    weights: QueryWeights | None = None
    draw_words: str = ""

    @classmethod
    def of(
        cls,
        space: Space,
        measure: Measure,
        direction: Direction,
        rows: Int64[Array, " q"],
        k: int,
        *,
        judgements: Judgements | None = None,
    ) -> "ExactLists":
        """Search exactly; nothing that was seen is left out, since a store knows nothing of it.

        ``judgements`` say how the queries were drawn.
        """
        ranked = space.sides(direction)[1]
        k = min(k, len(ranked) - (direction != "queries-items"))
        lists = search(space, [measure], k=k, direction=direction, rows=rows, use_seen=False)
        known = {str(name): row for row, name in enumerate(ranked.ids)}
        drawn = None if judgements is None else judgements.drawn
        weights = None if drawn is None else drawn.weights(rows)
        words = draw_words(drawn, rows)
        return cls(space, measure, direction, rows, lists[str(measure)], known, weights, words)

    @property
    def k(self) -> int:
        """How long the lists are."""
        return self.exact.indices.shape[1]

    @property
    def one_sided(self) -> bool:
        """Whether items ask each other, so that each finds itself first."""
        return self.direction != "queries-items"

    def queries(self, way: Reduction) -> Float32[Array, "q _"]:
        """The queries as the store is asked with them."""
        return way.queries(self.space.sides(self.direction)[0].vectors[self.rows])

    def asked(
        self,
        store: VectorStore,
        way: Reduction,
        effort: Mapping[str, int] | None = None,
        oversample: int = 1,
    ) -> "StoreLists":
        """What the store lists; of ``oversample`` times as many the exactly nearest are taken."""
        k = self.k * oversample + self.one_sided
        return StoreLists.of(self, store.search(self.queries(way), k, effort))

    def scores(
        self, places: Int64[Array, " pairs"], items: Int64[Array, " pairs"]
    ) -> Float64[Array, " pairs"]:
        """Exact scores of pairs of a place among the queries and a row of the ranked side."""
        rows = self.rows[places]
        return score_pairs(self.space, [self.measure], rows, items, self.direction)[0]

    def slack(self) -> Float64[Array, " q"]:
        """How far below the last exact score an item still ties with it, after float32.

        Measured by the last item of each list: a long vector elsewhere widens no tie.
        """
        scores = np.abs(self.exact.scores)
        last, formula = scores[:, -1], self.measure.formula
        if isinstance(formula, Cosine):
            return np.full(len(self.rows), ROUNDING)
        if isinstance(formula, Manhattan):
            return ROUNDING * self._lengths().sum(axis=1)
        if isinstance(formula, Euclidean):  # what squares are off by, seen in their root
            squared = np.square(self._lengths()).sum(axis=1)
            return np.sqrt(np.square(last) + ROUNDING * squared) - last
        if isinstance(formula, Dot):
            return ROUNDING * self._lengths().prod(axis=1)
        return ROUNDING * np.maximum(last, np.median(scores, axis=1))

    def _lengths(self) -> Float64[Array, "q 2"]:
        """Of each query, and of the last item in its list; in the measure's own coordinates."""
        asking, ranked = self.space.sides(self.direction)
        maps = maps_in(self.measure, self.space, self.direction) or Maps.still(ranked.dimension)
        last = np.maximum(self.exact.indices[:, -1], 0)
        sides = maps.asking(asking.vectors[self.rows]), maps.ranked(ranked.vectors[last])
        return np.stack([np.sqrt(np.square(side).sum(axis=1)) for side in sides], axis=1)


@dataclass(frozen=True, eq=False)
class StoreLists:
    """Lists of a store as rows of the ranked side, in its order; -1 where it lists fewer."""

    exact: ExactLists
    indices: Int64[Array, "q k"]
    scores: Float64[Array, "q k"]

    @classmethod
    def of(cls, exact: ExactLists, listed: Listed) -> "StoreLists":
        """Read ids as rows; an item that asks is left out of its own list."""
        wide = max(max(map(len, listed), default=0), exact.k)
        rows = np.full((len(listed), wide), -1, dtype=np.int64)
        for place, (own, one) in enumerate(zip(exact.rows.tolist(), listed, strict=True)):
            found = dict.fromkeys(exact.row_of.get(name) for name, _ in one)  # each counts once
            known = [r for r in found if r is not None and not (exact.one_sided and r == own)]
            rows[place, : len(known)] = known
        there = np.nonzero(rows >= 0)
        scores = np.full(rows.shape, -np.inf)
        scores[there] = exact.scores(there[0], rows[there])
        return cls(exact, rows, scores)

    def first(self, *, by_score: bool) -> "StoreLists":
        """The first ``k``, in the store's order or re-ranked by exact scores."""
        rows, scores = self.indices, self.scores
        if by_score:
            order = np.argsort(-scores, axis=1, kind="stable")
            rows, scores = (np.take_along_axis(a, order, 1) for a in (rows, scores))
        k = self.exact.k
        return StoreLists(self.exact, rows[:, :k], scores[:, :k])

    @property
    def recall(self) -> Float64[Array, " q"]:
        """For each query the share of its exact list that is listed; a tie at the end counts."""
        k, exact = self.exact.k, self.exact.exact
        least = exact.scores[:, -1] - self.exact.slack()
        right = (self.indices[:, :k] >= 0) & (self.scores[:, :k] >= least[:, None])
        return right.sum(axis=1) / k

    @property
    def mean_recall(self) -> float:
        """The mean recall, weighed as the queries were drawn."""
        return mean_recall(self.recall, self.exact.weights)

    def bounds(self, seed: int = 0, attempt: int = 1) -> tuple[float, float]:
        """The mean recall and what it is at least; see :func:`at_least`."""
        return self.mean_recall, at_least(self.recall, seed, attempt, self.exact.weights)

    def never_listed(self) -> Int64[Array, " items"]:
        """Rows of items that are due in some list and stand in none of the store's."""
        due = np.unique(self.exact.exact.indices[self.exact.exact.indices >= 0])
        return np.setdiff1d(due, np.unique(self.indices))

    def neighbours(self) -> Neighbours:
        """As lists that metrics read, in the store's order."""
        k = self.exact.k
        tied = np.zeros(len(self.indices), dtype=np.int64)
        scores = np.where(self.indices[:, :k] >= 0, -np.arange(k, dtype=np.float64), -np.inf)
        return Neighbours(
            measure=str(self.exact.measure),
            direction=self.exact.direction,
            indices=self.indices[:, :k],
            scores=scores,
            tied_at_cut=tied,
        )


def mean_recall(recall: Float64[Array, " q"], weights: QueryWeights | None = None) -> float:
    """The mean of a share over queries, weighed as they were drawn.

    >>> mean_recall(np.array([1.0, 0.0]), QueryWeights(np.array([1.5, 0.5]), 1.5))
    0.75
    """
    return float(means_over_queries(recall[None], weights)[0])


def at_least(
    recall: Float64[Array, " q"],
    seed: int = 0,
    attempt: int = 1,
    weights: QueryWeights | None = None,
) -> float:
    """What the mean of a share is at least, over queries like these, at 95%.

    The bound of attempt ``i`` is wrong in at most ``5% / (i (i + 1))``, which is 2.5% of the first:
    so those of however many attempts hold together, and so does that of one that was taken for its
    recall.

    >>> round(at_least(np.ones(10)), 2), at_least(np.ones(10), attempt=3) < 0.6
    (0.69, True)
    """
    drawn = weighed_draws(recall, weights, seed).means[:, 0]
    low = float(np.quantile(drawn, LEVEL / (attempt * (attempt + 1)), method="lower"))
    return min(low, mean_recall(recall, weights))


def weighed_draws(
    values: Float64[Array, " q"], weights: QueryWeights | None, seed: int
) -> WeightedMeans:
    """Means of values in [0, 1] under random weights, each query counting as it was drawn."""
    if weights is None:
        return WeightedMeans.of(values[None], seed=seed)
    each = weights.values
    return WeightedMeans.of(values[None] * each, each, largest=weights.heaviest, seed=seed)


def reaches(recall: float, least: float) -> bool:
    """Whether a recall is at least so much, up to rounding.

    >>> reaches(0.98 - 1e-12, 0.98), reaches(0.979, 0.98)
    (True, False)
    """
    return recall >= least - NEAR


def queries_to_ask(
    space: Space, direction: Direction, judged: Sequence[int] | None, seed: int
) -> Int64[Array, " q"]:
    """The judged queries, else so many drawn ones."""
    if judged is not None:
        return np.asarray(judged, dtype=np.int64)
    asking = space.sides(direction)[0]
    if len(asking) <= DRAWN:
        return np.arange(len(asking), dtype=np.int64)
    drawn = np.random.default_rng([seed, 23]).choice(len(asking), DRAWN, replace=False)
    return np.sort(drawn).astype(np.int64)
