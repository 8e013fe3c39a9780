"""The lists by which candidates are judged: nearest items, or documents by their best passage.

What is tuned or learnt is searched for queries whose judgements did not choose it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from anglewise.comparison.best_passages import NOBODY, rolled_up
from anglewise.comparison.linked_queries import linked_groups
from anglewise.comparison.rescoring import rescored
from anglewise.comparison.split import (
    ALONE,
    QuerySplit,
    check_largest_group,
    joined,
    query_split,
    tuned,
)
from anglewise.data_types.drawn import means_over_queries
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import PART, SEED, check_threads
from anglewise.data_types.parts import Parts, documents_of
from anglewise.data_types.typing import Array, Int64, Progress
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation_metrics.evaluate import check_relevant, evaluate, ranking_metrics
from anglewise.evaluation_metrics.interface import Metric
from anglewise.nearest_neighbours.search import by_frames, exclusions_of
from anglewise.similarity_measures.adapter import Adapted, adapter_shape, learn_adapter
from anglewise.similarity_measures.adapter_training import TrainingPairs
from anglewise.similarity_measures.formulas import Measure, maps_in
from anglewise.similarity_measures.frames import Affine, Maps, View
from anglewise.similarity_measures.measure import Family, MeasureSpec
from anglewise.statistics.decision import Tolerance

if TYPE_CHECKING:
    from anglewise.data_types.allowed import ShownItems

FOLDS = 5
"""What is learnt is learnt on four fifths of the queries and graded on the fifth."""
PLACES = 1 << 23
"""Deep lists are searched for as many queries at once as have this many places together."""


@dataclass(frozen=True, eq=False)
class EvaluationSettings:
    """How candidates are evaluated, whatever they are.

    Attributes
    ----------
    metrics
        The metric that decides, then those reported beside it.
    tolerance
        Which leads do not matter.
    largest_difference
        The largest lead that a query of a kind not seen may have; 1 assumes nothing.
    largest_group
        How many queries a group that was not seen may have; None for as many as the largest seen.
    split
        Which queries may teach which, and which belong together.
    seed
        For whatever is drawn.
    threads
        How many work at once; None for one for each core.
    progress
        Called with what is done of the search and how much there is to do.
    """

    metrics: Sequence[Metric]
    tolerance: Tolerance = field(default_factory=Tolerance)
    largest_difference: float = 1.0
    largest_group: int | None = None
    split: QuerySplit = ALONE
    seed: int = 0
    threads: int | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        PART.check("largest_difference", self.largest_difference)
        SEED.check("seed", self.seed)
        check_threads(self.threads)

    def by(self, split: QuerySplit, largest_group: int | None) -> "EvaluationSettings":
        """The same by a split, and what was declared of its groups; see ``check_largest_group``."""
        largest = check_largest_group(largest_group, split)
        return replace(self, split=split, largest_group=largest)

    def for_queries(
        self, space: Space, judgements: Judgements, split: str, largest_group: int | None
    ) -> "EvaluationSettings":
        """The same by a split of the judged queries of a space, once these can be evaluated.

        Raises ``TooFewError`` where none is judged, or all lists would get the same value.
        """
        rows = judgements.judged_rows
        if not len(rows):
            raise TooFewError("no query is judged: give judgements of ids that the space holds")
        check_relevant(judgements, self.metrics[0])
        asking = space.sides(judgements.direction)[0]
        parted = query_split(
            split, asking, rows, seed=self.seed, linked=lambda: linked_groups(judgements, rows)
        )
        return self.by(parted, largest_group)


@dataclass(frozen=True, eq=False)
class SearchedSpace:
    """A space to search, and for whom.

    Attributes
    ----------
    judgements
        In the rows of this space; what they hide is left out of its lists.
    queries
        The rows that are searched for, one for each judged query.
    order
        Of several spaces, where each ranked row stands among those of all.
    bytes_a_vector
        What a store needs for one vector of what is ranked; as float32 if not given.
    passes
        The searches so far: for which measures, and how many seconds each took.
    rescored
        The vectors by which the nearest are ranked anew, and how many of them are.
    learnt
        What was learnt so far, by the spelling of the measure.
    """

    space: Space
    judgements: Judgements
    queries: Int64[Array, " q"]
    order: Int64[Array, " rows"] | None = None
    bytes_a_vector: int | None = None
    passes: list[tuple[tuple[str, ...], float]] = field(
        default_factory=list[tuple[tuple[str, ...], float]]
    )
    rescored: tuple[Space, int] | None = None
    learnt: dict[str, list["LearntFold"]] = field(default_factory=dict[str, list["LearntFold"]])

    @property
    def ranked(self) -> Embeddings:
        """What is searched: items, or the passages of the documents that were judged."""
        return self.space.sides(self.judgements.direction)[1]

    def nearest(
        self,
        measures: Sequence[Measure],
        k: int,
        settings: EvaluationSettings,
        queries: Int64[Array, " some"] | None = None,
        *,
        shown: "ShownItems | None" = None,
    ) -> dict[str, Neighbours]:
        """The nearest rows, of some queries if they are given; progress is told of all alone.

        ``shown`` are the items that each is shown, if not those that the judgements allow.
        """
        start = perf_counter()
        space, direction = self.space, self.judgements.direction
        rows = self.queries if queries is None else queries
        depth = k if self.rescored is None else min(self.rescored[1], len(self.ranked))
        neighbours = by_frames(
            space,
            measures,
            direction,
            asking=space.sides(direction)[0],
            rows=rows,
            exclusions=exclusions_of(space, direction, rows, self.judgements.seen),
            k=depth,
            threads=settings.threads,
            progress=settings.progress if queries is None else None,
            allowed=self.judgements.allowed if shown is None else shown,
        )
        if self.rescored is not None:
            neighbours = rescored(neighbours, measures, self.rescored[0], direction, rows=rows, k=k)
        self.passes.append((tuple(neighbours), perf_counter() - start))
        return {name: replace(lists, rows=rows) for name, lists in neighbours.items()}


def candidate_lists(
    searched: SearchedSpace,
    measures: Sequence[MeasureSpec],
    judgements: Judgements,
    settings: EvaluationSettings,
) -> tuple[dict[str, Neighbours], dict[str, tuple[str, ...]]]:
    """Search for every measure in one space, for the queries that are reported.

    ``judgements`` are what lists are judged by: those of the space itself, or of several spaces
    in their common order. Returns the lists of each measure, and what was chosen for the tuned
    and the learnt ones.

    Raises ``SpellingError`` for a metric that reads no lists, ``TooFewError`` with too few
    judgements to tune or to learn.
    """
    split = settings.split
    depth = max(metric.depth for metric in ranking_metrics(settings.metrics))
    deepest = min(depth, judgements.gains.shape[1])
    k = min(deepest, searched.judgements.gains.shape[1])
    fixed = {
        measure: None
        for spec in measures
        if not isinstance(spec, Adapted)
        for measure in (spec.settings(lists=True) if isinstance(spec, Family) else [spec])
    }
    nearest: dict[str, Neighbours] = {}
    parts = searched.judgements.parts
    if fixed and parts is None:
        nearest = searched.nearest(list(fixed), k, settings)
    elif fixed and parts is not None:
        nearest = nearest_documents(searched, parts, list(fixed), k, settings)
    adapted = [measure for measure in measures if isinstance(measure, Adapted)]
    learnt_here = learnt_lists(searched, adapted, k, settings) if adapted else {}
    nearest |= {name: neighbours for name, (neighbours, _) in learnt_here.items()}
    if searched.order is not None:
        nearest = {
            name: among_all(lists, searched.order, deepest) for name, lists in nearest.items()
        }
    lists: dict[str, Neighbours] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    for measure in measures:
        name = str(measure)
        if isinstance(measure, Family):
            tried = {str(fixed): nearest[str(fixed)] for fixed in measure.settings(lists=True)}
            lists[name], chosen[name] = tuned_lists(name, tried, judgements, settings)
        else:
            # what is learnt is searched for the reported queries alone
            learns = isinstance(measure, Adapted)
            lists[name] = nearest[name] if learns else split.of_reported(nearest[name])
    return lists, chosen | {name: words for name, (_, words) in learnt_here.items()}


def tuned_lists(
    name: str,
    tried: Mapping[str, Neighbours],
    judgements: Judgements,
    settings: EvaluationSettings,
) -> tuple[Neighbours, tuple[str, ...]]:
    """Lists of the settings that did best on other queries, and what these settings are.

    Queries that were drawn with unequal chances weigh in the choice as in what is reported.
    """
    rows, split = judgements.judged_rows, settings.split
    metric = settings.metrics[0]
    values = evaluate(tried, judgements, rows, [metric])[str(metric)]
    lists = list(tried.values())
    if split.later is not None:
        earlier = ~split.later
        means = means_over_queries(values[:, earlier], judgements.weights(rows[earlier]))
        best = lists[int(means.argmax())]
        return replace(split.of_reported(best), measure=name), (best.measure,)
    half = split.half(len(rows), settings.seed)
    inside, outside = (lists[i] for i in tuned(values, half, judgements.weights(rows)))
    return joined(name, inside, outside, half), (inside.measure, outside.measure)


def among_all(neighbours: Neighbours, order: Int64[Array, " rows"], k: int) -> Neighbours:
    """Neighbours by their place in the common order, in lists of ``k`` places."""
    indices = np.where(neighbours.indices == NOBODY, NOBODY, order[neighbours.indices])
    return of_places(replace(neighbours, indices=indices), k)


def of_places(neighbours: Neighbours, k: int) -> Neighbours:
    """The same lists with at least ``k`` places, the further ones empty."""
    wider = ((0, 0), (0, max(0, k - neighbours.k)))
    return replace(
        neighbours,
        indices=np.pad(neighbours.indices, wider, constant_values=NOBODY),
        scores=np.pad(neighbours.scores, wider, constant_values=-np.inf),
    )


def cut(lists: Neighbours, depth: int) -> Neighbours:
    """The first places of lists, and how many of the others tie with the last of them."""
    if lists.k <= depth:
        return of_places(lists, depth)
    last = lists.scores[:, depth - 1 : depth]
    there = lists.indices[:, depth:] != NOBODY
    tied = (there & (lists.scores[:, depth:] == last)).sum(axis=1).astype(np.int64)
    all_tie = lists.scores[:, -1] == last[:, 0]
    return replace(
        lists,
        indices=lists.indices[:, :depth],
        scores=lists.scores[:, :depth],
        tied_at_cut=tied + np.where(all_tie, lists.tied_at_cut, 0),
    )


@dataclass(frozen=True, eq=False)
class LearntFold:
    """A measure learnt on the other queries, for those at some positions.

    ``words`` say what was learnt.
    """

    positions: Int64[Array, " fold"]
    measure: Measure
    words: str


def learnt_lists(
    searched: SearchedSpace, measures: Sequence[Adapted], k: int, settings: EvaluationSettings
) -> dict[str, tuple[Neighbours, tuple[str, ...]]]:
    """Search for each learnt measure, by what was learnt on other queries.

    Returns the lists of all folds together, and what was learnt in each. Raises what
    ``learnt_folds`` raises.
    """
    learnt_here: dict[str, tuple[Neighbours, tuple[str, ...]]] = {}
    for adapted in measures:
        folds = learnt_folds(searched, adapted, settings)
        lists = [
            searched.nearest([fold.measure], k, settings, searched.queries[fold.positions])
            for fold in folds
        ]
        in_order = np.argsort(np.concatenate([fold.positions for fold in folds]))
        each = [own[str(adapted)] for own in lists]
        together = Neighbours(
            str(adapted),
            np.concatenate([own.indices for own in each])[in_order],
            np.concatenate([own.scores for own in each])[in_order],
            np.concatenate([own.tied_at_cut for own in each])[in_order],
        )
        learnt_here[str(adapted)] = together, tuple(fold.words for fold in folds)
    return learnt_here


def learnt_folds(
    searched: SearchedSpace, adapted: Adapted, settings: EvaluationSettings
) -> list[LearntFold]:
    """Learn a measure on four fifths of the queries for the fifth, five times, once a space.

    Groups stand on one side; of a split by time the later queries alone are searched for, once.

    Raises ``SpellingError`` where documents are judged, ``TooFewError`` with too few judgements.
    """
    if str(adapted) in searched.learnt:
        return searched.learnt[str(adapted)]
    queries = searched.queries
    if searched.judgements.parts is not None:
        raise SpellingError(
            f"{adapted} learns from judgements of the items, and these are of documents that "
            "the items are passages of: judge passages, or encode whole documents"
        )
    if len(queries) < FOLDS:
        raise TooFewError(
            f"{len(queries)} judged queries: what is learnt on some and graded on others needs "
            f"{FOLDS} at least, and 1,000 judgements"
        )
    pairs = _known_pairs(searched, adapted)
    shape = adapter_shape(pairs.ranked.shape[1], adapted.rank, diagonal=adapted.diagonal)
    folds: list[LearntFold] = []
    for fold in settings.split.folds(len(queries), FOLDS, settings.seed):
        learners = np.zeros(len(pairs.asking), dtype=bool)
        learners[np.delete(queries, fold)] = True
        adapter = learn_adapter(pairs, learners, shape, settings.seed)
        still = np.zeros(len(adapter.queries))
        maps = Maps(Affine(still, adapter.queries), Affine(still, adapter.items))
        ridge = adapter.about["ridge"]
        words = "nothing that helps" if ridge is None else f"ridge {ridge:g}"
        folds.append(LearntFold(fold, adapted.learnt(maps), words))
    searched.learnt[str(adapted)] = folds
    return folds


def _known_pairs(searched: SearchedSpace, adapted: Adapted) -> TrainingPairs:
    """What an adapter learns from, in the coordinates of the frames before it."""
    space, judgements = searched.space, searched.judgements
    direction = judgements.direction
    asking, ranked = space.sides(direction)
    maps = maps_in(adapted, space, direction, new_vectors=False)
    maps = maps or Maps.still(ranked.dimension)
    sides = [
        np.concatenate(list(View(side, through).blocks()))
        for side, through in ((asking, maps.asking), (ranked, maps.ranked))
    ]
    hidden = [judgements.seen, space.seen if direction == "queries-items" else None]
    tables = tuple(table for table in hidden if table is not None)
    return TrainingPairs(sides[0], sides[1], judgements.gains, tables, asking is ranked)


def judged_space(space: Space, parts: Parts | None) -> Space:
    """Who asks and what is ranked and judged, where these are documents without their vectors."""
    if parts is None:
        return space
    asking = space.queries.with_vectors(np.zeros((len(space.queries), 1), np.float32))
    return Space(queries=asking, items=documents_of(space.items, parts))


def nearest_documents(
    searched: SearchedSpace,
    parts: Parts,
    measures: Sequence[Measure],
    k: int,
    settings: EvaluationSettings,
) -> dict[str, Neighbours]:
    """Find the nearest documents, each by the best of its passages.

    Passages are looked at twice as deep for queries whose lists do not settle ``k`` documents. A
    list does when it holds ``k`` and went on to a lower score than the last of them has, or when
    no passage is left: then no deeper list changes it.
    """
    passages, k = len(parts.of), min(k, len(parts))
    deep = min(passages, k * -(-passages // len(parts)))
    first = searched.nearest(measures, deep, settings)
    lists = {name: rolled_up(neighbours, parts, k) for name, neighbours in first.items()}
    answer = {name: documents for name, (documents, _) in lists.items()}
    todo = np.flatnonzero(~np.all([settled for _, settled in lists.values()], axis=0))
    while len(todo) and deep < passages:
        deep = min(2 * deep, passages)
        left = [np.zeros(0, dtype=np.int64)]
        for start in range(0, len(todo), max(1, PLACES // deep)):
            some = todo[start : start + max(1, PLACES // deep)]
            unsettled = np.zeros(len(some), dtype=bool)
            deeper = searched.nearest(measures, deep, settings, searched.queries[some])
            for name, neighbours in deeper.items():
                documents, settled = rolled_up(neighbours, parts, k)
                answer[name].indices[some] = documents.indices
                answer[name].scores[some] = documents.scores
                answer[name].tied_at_cut[some] = documents.tied_at_cut
                unsettled |= ~settled
            left.append(some[unsettled])
        todo = np.concatenate(left)
    return answer
