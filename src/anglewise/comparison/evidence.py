"""What the numbers of a comparison came from, and its rows by measures that rank alike."""

from collections.abc import Mapping
from dataclasses import dataclass

from anglewise.comparison.comparison_result import Comparison, MeasureResult
from anglewise.comparison.split import chance_over, places
from anglewise.data_types.drawn import QueryWeights
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.statistics.resampling import Clusters
from anglewise.statistics.trainings import TrainingMeans


@dataclass(frozen=True, eq=False)
class Evidence:
    """The neighbours, judgements and per-query values behind a comparison.

    ``values[metric]`` is ``measures x judged queries``, the measures in the order of
    ``measures``; ``rows`` are the judged rows of the asking side, in the order of the columns of
    ``values`` and of the rows of ``found``. For graded pairs and triplets the columns are these,
    ``rows`` counts them, and ``found`` is empty. Of several spaces ``space`` holds the ids and
    titles alone. ``clusters`` says which columns are one group, where the split is by groups;
    ``weights`` what each query counts in means, where they were drawn with unequal chances;
    ``largest_group`` how many queries a group that was not seen may have, where that was declared.
    ``trainings`` are the means of each training, where ``values`` are means of several.
    ``outside_pool`` is the share of each measure's first places that nobody judged, None where
    that tells nothing; ``by_machine`` whether a machine alone graded some of what was judged;
    ``supposed`` what is taken for granted against what is seen;
    ``order`` the place of each column in the order of the ids, by which is drawn.
    """

    space: Space
    judgements: Judgements | Pairs | Triplets
    rows: Array
    found: Mapping[str, Neighbours]
    values: Mapping[str, Float64[Array, "m q"]]
    measures: tuple[str, ...] = ()
    clusters: Clusters | None = None
    weights: QueryWeights | None = None
    largest_group: int | None = None
    trainings: TrainingMeans | None = None
    outside_pool: Float64[Array, " m"] | None = None
    by_machine: bool = False
    supposed: tuple[str, ...] = ()
    order: Int64[Array, " q"] | None = None

    @property
    def chance_over(self) -> Clusters:
        """Groups of columns, or each column for itself, and their weights."""
        return chance_over(
            self.clusters, len(self.rows), self.weights, self.largest_group, self.order
        )

    def of_columns(self, columns: Int64[Array, " some"]) -> Clusters:
        """The same of some columns."""
        groups, weights = self.clusters, self.weights
        return chance_over(
            None if groups is None else groups.take(columns),
            len(columns),
            None if weights is None else weights.take(columns),
            self.largest_group,
            None if self.order is None else places(self.order[columns]),
        )


@dataclass(frozen=True, eq=False)
class GroupResults:
    """The measures that stand for their groups, with what was found and judged.

    ``values`` are those of the metric that decides, ``measures x queries``; ``found`` the lists
    of the same queries, ``rows`` their rows, ``clusters`` the groups that chance is over;
    ``leader`` is the number of the measure with the largest mean.
    """

    measures: tuple[MeasureResult, ...]
    values: Float64[Array, "m q"]
    found: Mapping[str, Neighbours]
    rows: Int64[Array, " q"]
    judgements: Judgements
    space: Space
    clusters: Clusters
    leader: int


def group_results(result: Comparison) -> GroupResults:
    """Give what a comparison by graded relevance found; of measures that rank alike the first.

    Raises ``SpellingError`` for a comparison by graded pairs or triplets, which has no queries, and
    for one by several truths.
    """
    if len(result.truths) > 1:
        raise SpellingError(
            "this goes by one truth, and these are "
            f"{listed([name for name, _ in result.truths], 'and')}: compare by one of them"
        )
    evidence = result.evidence
    if evidence is None or not isinstance(evidence.judgements, Judgements):
        raise SpellingError(
            "this goes query by query, and these are pairs or triplets: give judgements of "
            "queries and items"
        )
    by_name = {row.measure: row for row in result.measures}
    alike: set[str] = set()
    first: dict[int, MeasureResult] = {}
    for number, name in enumerate(evidence.measures):
        if name not in alike:
            first[number] = by_name[name]
            alike.update(by_name[name].alike)
    rows = tuple(first.values())
    means = [row.metrics[result.metric].mean for row in rows]
    return GroupResults(
        rows,
        evidence.values[result.metric][list(first)],
        {row.measure: evidence.found[row.measure] for row in rows},
        evidence.rows,
        evidence.judgements,
        evidence.space,
        evidence.chance_over,
        means.index(max(means)),
    )
