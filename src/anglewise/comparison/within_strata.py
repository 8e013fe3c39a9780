"""Lists within strata of similar use: each query ranks the items of one stratum at a time.

Items that many used are used together with much, and long vectors stand for them: over all items
a list of the most used ones comes near the best measure. Within a stratum use tells nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from anglewise.comparison.lists import EvaluationSettings, SearchedSpace, among_all
from anglewise.data_types.allowed import Allowed
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.evaluation_metrics.breadth import relevant_entries
from anglewise.evaluation_metrics.evaluate import evaluate, ranking_metrics
from anglewise.evaluation_metrics.interface import Metric
from anglewise.judgements.co_use import strata_of_use
from anglewise.similarity_measures.formulas import Measure

MOST_PLACES = 1 << 22
"""Places of lists that are held at once, of all measures together."""


@dataclass(frozen=True, eq=False)
class QueryStrata:
    """Queries, each in one stratum at a time, wherever it has a relevant item.

    Attributes
    ----------
    rows
        The row of the query, ascending.
    stratum
        The stratum whose items are ranked.
    stratum_of
        The stratum of every item.
    uses
        How often each item was used, by which the strata are.
    """

    rows: Int64[Array, " pairs"]
    stratum: Int64[Array, " pairs"]
    stratum_of: Int64[Array, " items"]
    uses: Float64[Array, " items"]

    @classmethod
    def by(
        cls, judgements: Judgements, uses: Float64[Array, " items"], metric: Metric
    ) -> "QueryStrata":
        """Every query of the judgements in every stratum that holds a relevant item of it."""
        stratum_of = strata_of_use(uses)
        gains = judgements.gains
        relevant = relevant_entries(judgements, metric)
        strata = int(stratum_of.max(initial=0)) + 1
        keys = np.unique(gains.rows[relevant] * strata + stratum_of[gains.indices[relevant]])
        return cls(keys // strata, keys % strata, stratum_of, uses)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def items_of(self) -> list[Int64[Array, " some"]]:
        """The items of each stratum, ascending."""
        order = np.argsort(self.stratum_of, kind="stable")
        most = int(self.stratum.max(initial=0)) + 1
        counts = np.bincount(self.stratum_of, minlength=most)
        return np.split(order, np.cumsum(counts)[:-1])

    def of_space(self, rows: Int64[Array, " pairs"], places: Int64[Array, " own"]) -> "QueryStrata":
        """The same as one of several spaces has it: by its rows, and with its items alone.

        ``places`` says where its items stand among all. Rows then stand in any order.
        """
        of_own, uses = self.stratum_of[places], self.uses[places]
        return replace(self, rows=rows, stratum_of=of_own, uses=uses)

    def some(self, positions: Int64[Array, " some"]) -> "QueryStrata":
        """Some of them, by their positions."""
        return replace(self, rows=self.rows[positions], stratum=self.stratum[positions])

    def parts(self, places: int) -> Iterator["QueryStrata"]:
        """The same in parts of whole queries, whose lists have about so many places."""
        size = max(1, places)
        starts = np.flatnonzero(np.append(True, np.diff(self.rows) > 0))
        ends = np.append(starts[1:], len(self.rows))
        first = 0
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end - first > size and start > first:
                yield self._some(first, start)
                first = start
        if first < len(self.rows):
            yield self._some(first, len(self.rows))

    def _some(self, start: int, stop: int) -> "QueryStrata":
        return replace(self, rows=self.rows[start:stop], stratum=self.stratum[start:stop])

    def judged(self, gains: SparseRows) -> tuple[SparseRows, Int64[Array, " entries"]]:
        """Gains with a row for each of these, which holds what lies in its stratum.

        And which entry of the gains each of them is.
        """
        strata = len(self.items_of)
        first, last = gains.indptr[self.rows[0]], gains.indptr[self.rows[-1] + 1]
        keys = self.rows * strata + self.stratum
        columns = gains.indices[first:last]
        sought = gains.rows[first:last] * strata + self.stratum_of[columns]
        place = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
        inside = np.flatnonzero(keys[place] == sought)
        order = inside[np.argsort(place[inside], kind="stable")]  # columns ascend already
        ends = np.searchsorted(place[order], np.arange(len(keys) + 1))
        entries = first + order
        return SparseRows(
            ends.astype(np.int64),
            gains.indices[entries],
            gains.values[entries],
            (len(keys), gains.shape[1]),
        ), entries


@dataclass(frozen=True, eq=False)
class AllowedInStrata:
    """Which items each asked one is shown: those of its stratum that pass the filter, if any."""

    asked: QueryStrata
    filter: Allowed | None = None

    def groups(
        self, rows: Int64[Array, " pairs"]
    ) -> Iterator[tuple[Int64[Array, " some"], Int64[Array, " items"]]]:
        """Positions among the asked ones, and what these are shown."""
        group_of = self.asked.stratum * 0 if self.filter is None else self.filter.group_of[rows]
        order = np.lexsort((group_of, self.asked.stratum))
        ends = np.diff(self.asked.stratum[order]) | np.diff(group_of[order])
        for positions in np.split(order, np.flatnonzero(ends) + 1):
            if not len(positions):
                continue
            items = self.asked.items_of[int(self.asked.stratum[positions[0]])]
            if self.filter is not None:
                shown = self.filter.items(int(group_of[positions[0]]))
                items = items[np.isin(items, shown)]
            if len(items):
                yield positions, items


def nearest_in_strata(
    searched: SearchedSpace,
    measures: Sequence[Measure],
    asked: QueryStrata,
    k: int,
    settings: EvaluationSettings,
    *,
    judged_rows: Int64[Array, " q"],
) -> dict[str, Neighbours]:
    """The nearest items of each stratum, exactly: every item of it is scored.

    Of one of several spaces they stand by their places among the items of all, and ``judged_rows``
    are the rows among those of all for which the space has its ``queries``.
    """
    rows = searched.queries[np.searchsorted(judged_rows, asked.rows)]
    own = asked if searched.order is None else asked.of_space(rows, searched.order)
    shown = AllowedInStrata(own, searched.judgements.allowed)
    depth = min(k, len(searched.ranked))
    lists = searched.nearest(measures, depth, settings, rows, shown=shown)
    if searched.order is None:
        return lists
    return {name: among_all(its, searched.order, k) for name, its in lists.items()}


def values_in_strata(
    asked: QueryStrata,
    judgements: Judgements,
    lists_of: Callable[[QueryStrata], Mapping[str, Neighbours]],
    metrics: Sequence[Metric],
    *,
    lists: int,
    among: Sequence[Bool[Array, " entries"] | None] = (None,),
) -> list[tuple[dict[str, Float64[Array, "m items"]], Bool[Array, " items"]]]:
    """The metrics, averaged over the strata in which a query has a relevant item.

    ``lists_of`` gives the lists of some of the asked, ``lists`` how many measures it gives them
    for; ``among`` which entries of the gains count, for each of the results. A result is the
    metrics, ``measures x rows that ask``, 0 where no stratum has a relevant item, and which rows
    have such a stratum.
    """
    width = judgements.gains.shape[0]
    depth = max(metric.depth for metric in ranking_metrics(metrics))
    sums = [{str(metric): np.zeros((lists, width)) for metric in metrics} for _ in among]
    counts = [np.zeros(width) for _ in among]
    for part in asked.parts(MOST_PLACES // max(1, depth * lists)):
        found = lists_of(part)
        gains, entries = part.judged(judgements.gains)
        for total, count, counting in zip(sums, counts, among, strict=True):
            own = gains if counting is None else gains.where(counting[entries])
            table = Judgements(own, relevant_from=judgements.relevant_from)
            has = np.zeros(len(part), dtype=bool)
            has[own.rows[relevant_entries(table, metrics[0])]] = True
            rows = np.flatnonzero(has)
            if not len(rows):
                continue
            np.add.at(count, part.rows[rows], 1.0)
            some = {name: its.take(rows) for name, its in found.items()}
            for name, values in evaluate(some, table, rows, metrics).items():
                for number, its_values in enumerate(values):
                    total[name][number] += np.bincount(part.rows[rows], its_values, width)
    return [
        ({name: table / np.maximum(count, 1) for name, table in total.items()}, count > 0)
        for total, count in zip(sums, counts, strict=True)
    ]


def lists_in_order(
    name: str,
    order: Int64[Array, " items"],
    asked: QueryStrata,
    k: int,
    hidden: Callable[[int], Array],
) -> Neighbours:
    """For each of the asked the first items of its stratum in one order, without what is hidden.

    ``hidden`` gives the items that a row must not be shown.
    """
    own: list[Any] = [order[asked.stratum_of[order] == s] for s in range(len(asked.items_of))]
    indices = np.full((len(asked), k), -1, dtype=np.int64)
    for place, (row, stratum) in enumerate(
        zip(asked.rows.tolist(), asked.stratum.tolist(), strict=True)
    ):
        out = hidden(row)
        first = own[stratum][: k + len(out)]
        some = first[~np.isin(first, out)][:k]
        indices[place, : len(some)] = some
    ranks = np.arange(k, dtype=np.float32)
    scores = np.where(indices >= 0, -ranks, np.float32(-np.inf))
    return Neighbours(name, indices, scores, np.zeros(len(indices), dtype=np.int64))
