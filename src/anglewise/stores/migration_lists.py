"""Lists of a migration, and what judgements say of them."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.interface import Metric
from anglewise.similarity_measures.formulas import unit
from anglewise.stores.map_choice import nearest
from anglewise.stores.migration_forecast import DrawnWorlds
from anglewise.stores.migration_result import Foretold, MetricLoss


def side_vectors(vectors: Array, to_unit: bool) -> Float64[Array, "rows d"]:
    """Vectors as the measure compares them by inner products."""
    x = np.asarray(vectors, dtype=np.float64)
    return unit(x) if to_unit else x


def exact_lists(
    new: Array, queries: Float64[Array, "q new"], depth: int, to_unit: bool
) -> Int64[Array, "q depth"]:
    """The lists of items encoded anew."""
    items = side_vectors(new, to_unit)
    return np.concatenate([nearest(row[None] @ items.T, depth) for row in queries])


def old_lists(
    old: Space, new: Space, rows: Int64[Array, " q"], measure: str, depth: int
) -> Int64[Array, "q depth"] | None:
    """The old model's own lists, where it has vectors of the same queries."""
    if old.one_sided or not (old.queries.named and new.queries.named):
        return None
    row_of = {str(name): row for row, name in enumerate(old.queries.ids)}
    names = [str(name) for name in new.queries.ids[rows]]
    if not all(name in row_of for name in names):
        return None
    own = np.array([row_of[name] for name in names], dtype=np.int64)
    to_unit = measure == "cosine"
    asking = side_vectors(old.queries.vectors[own], to_unit)
    return exact_lists(old.items.vectors, asking, depth, to_unit)


def relevant_items(judgements: Judgements, rows: Int64[Array, " q"]) -> SparseRows:
    """The relevant items of some queries."""
    gains = cast("SparseRows", judgements.gains)
    least = judgements.relevant_from or 0.0
    place = np.full(gains.shape[0], -1)
    place[rows] = np.arange(len(rows))
    of = place[np.repeat(np.arange(gains.shape[0]), np.diff(gains.indptr))]
    some = (of >= 0) & (gains.values > 0) & (gains.values >= least)
    return SparseRows.from_pairs(of[some], gains.indices[some], shape=(len(rows), gains.shape[1]))


@dataclass(frozen=True, eq=False)
class JudgedQueries:
    """What queries are judged by."""

    judgements: Judgements
    rows: Int64[Array, " q"]
    metric: Metric

    def mean(self, lists: Int64[Array, "q depth"]) -> float:
        """The mean of the metric over the queries, weighed as they were drawn."""
        made = Neighbours(
            measure="lists",
            direction="queries-items",
            indices=lists,
            scores=np.tile(-np.arange(lists.shape[1], dtype=np.float64), (len(lists), 1)),
            tied_at_cut=np.zeros(len(lists), dtype=np.int64),
        )
        values = evaluate({"lists": made}, self.judgements, self.rows, [self.metric])
        drawn = self.judgements.weights(self.rows)
        weights = None if drawn is None else drawn.values
        return float(np.average(values[str(self.metric)][0], weights=weights))


def metric_loss(
    asked: JudgedQueries,
    worlds: DrawnWorlds,
    exact: Int64[Array, "q depth"] | None,
    old: Int64[Array, "q depth"] | None,
    *,
    unknown: float,
) -> MetricLoss:
    """The metric of mapped lists, of drawn ones, and of the exact ones where these are there.

    ``unknown`` is the share of items whose new vectors are not known.
    """
    mapped = asked.mean(worlds.mapped)
    drawn = np.array([asked.mean(lists) for lists in worlds.lists])
    measured = None if exact is None else asked.mean(exact) - mapped
    unlike = 1 - float(worlds.recall.mean())
    loss = Foretold.of_loss(drawn - mapped, measured, misfit=unknown * unlike)
    return MetricLoss(
        metric=str(asked.metric),
        mapped=mapped,
        encoded=loss.above(mapped),
        loss=loss,
        old=None if old is None else asked.mean(old),
    )
