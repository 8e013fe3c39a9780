"""Differences between measures from a machine's grades, corrected by those of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from anglewise.comparison.assisted_draw import (
    PairGrades,
    check_drawn_measures,
    listed_words,
    named_measure,
    peoples_draw,
    spelled_in,
)
from anglewise.comparison.assisted_result import AssistedComparison, AssistedDifference, Savings
from anglewise.data_types.embeddings import Space
from anglewise.data_types.typing import Array, Direction, Float64
from anglewise.errors import SpellingError, ValuesError
from anglewise.evaluation_metrics.differing_pairs import DifferingPairs
from anglewise.evaluation_metrics.incomplete import ideal
from anglewise.judgements.machine_judges import check_whole_pools, machine_in, rows_of_queries
from anglewise.judgements.records import Judged
from anglewise.nearest_neighbours.competing import Competing, by_name
from anglewise.statistics.prediction_powered import (
    DoublyGraded,
    MeanInterval,
    corrected,
    draw_variance,
    mean_interval,
    predictions,
    query_variance,
    random_folds,
    too_few,
)


def compare_assisted(
    space: Space | Mapping[str, Space],
    rows: Sequence[Judged],
    measures: Sequence[str] | str | None = None,
    *,
    direction: Direction = "queries-items",
    depth: int | None = None,
    baseline: str | None = None,
    relevant_from: float | None = None,
    seed: int = 0,
) -> AssistedComparison:
    """Compare measures by what a machine graded and people graded a drawn part of.

    Parameters
    ----------
    space
        What is compared; or several spaces by the names that they had in the draw.
    rows
        The judgements of a store: the machine's, of source ``generated``, and those of people,
        with the chances and the context that ``judge sample --double`` gave them.
    measures
        Some of those of the draw, of several spaces as ``new: cosine``; all of them if not given.
    depth
        No deeper than the draw; as deep if not given.
    baseline
        What the others are compared with; the first measure if not given.
    relevant_from
        The lowest grade that precision takes for relevant; above 0 if not given.

    Raises
    ------
    TooFewError
        There is no draw, or some of its pairs have no grade by people yet.
    SpellingError
        A measure or a baseline that is not among those of the draw.
    ValuesError
        Several draws; a draw from other lists than those that the space gives today.
    """
    draw, spaces = peoples_draw(rows), by_name(space)
    named = partial(named_measure, spaces=list(spaces))
    chosen = draw.measures if measures is None else tuple(map(named, listed_words(measures)))
    if baseline is not None:
        baseline = named(baseline)
    check_drawn_measures(chosen, draw, baseline)
    depth = draw.depth if depth is None else depth
    if depth > draw.depth:
        raise SpellingError(
            f"the draw is of the first {draw.depth} places, {depth} were asked for: draw deeper, "
            f"or compare to {draw.depth}"
        )
    machine = machine_in(rows, draw.machine)
    of_machine = [row for row in rows if row.judge == machine and row.source == "generated"]
    check_whole_pools(of_machine)
    competing = Competing.of(spaces, spelled_in(draw, list(spaces)), direction)
    queries = rows_of_queries(of_machine, competing.asking.row_of)
    lists = competing.asked(queries, draw.depth, draw.measures)
    ids = competing.asking.ids.tolist(), competing.item_ids.tolist()
    frame = DifferingPairs.of(lists, queries, draw.depth, *ids)
    if frame.digest != draw.frame:
        raise ValuesError(
            "people's pairs were drawn from other lists than the space gives now, or the machine "
            "has graded other queries since: their chances are not those of these pairs, so draw "
            "again (judge sample --double)"
        )
    grades = PairGrades.of(frame, of_machine, rows, draw, relevant_from)
    subject = _Subject(frame, grades, depth)
    against = chosen[0] if baseline is None else baseline
    others = [name for name in chosen if name != against]
    level = 1 - 0.05 / len(others)
    folds = random_folds(frame.pool.queries, np.random.default_rng(seed))
    differences = [
        subject.difference(metric, name, against, folds, level)
        for metric in (f"DCG(sampled)@{depth}", f"P@{depth}")
        for name in others
    ]
    ndcg, ndcg_queries = subject.ndcg(chosen)
    return AssistedComparison(
        direction=direction,
        measures=chosen,
        baseline=against,
        depth=depth,
        machine=machine,
        queries=frame.pool.queries,
        pool=len(frame),
        differing=int(frame.differ.sum()),
        not_graded=grades.not_graded,
        people=int(grades.drawn.sum()),
        differences=tuple(differences),
        level=level,
        agreement=grades.agreement(),
        ndcg=ndcg,
        ndcg_queries=ndcg_queries,
        unused=grades.unused,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class _Subject:
    """The pairs, their grades, and the depth to which measures are compared."""

    frame: DifferingPairs
    grades: PairGrades
    depth: int

    @cached_property
    def near(self) -> Float64[Array, "pairs m"]:
        """Discounts, 0 beyond the depth."""
        discounts = self.frame.pool.discounts
        return np.where(discounts >= 1 / np.log2(self.depth + 1) - 1e-12, discounts, 0.0)

    def difference(
        self,
        metric: str,
        measure: str,
        baseline: str,
        folds: Array,
        level: float,
    ) -> AssistedDifference:
        """One measure less the baseline."""
        pool, grades = self.frame.pool, self.grades
        first, second = (self.near[:, pool.measures.index(n)] for n in (measure, baseline))
        by_rank = metric.startswith("DCG")
        if by_rank:
            weights, people = first - second, grades.people
        else:
            weights = ((first > 0).astype(np.float64) - (second > 0)) / self.depth
            people = grades.relevant.astype(np.float64)
        weights = np.where(self.frame.differ, weights, 0.0)
        pairs = DoublyGraded(
            pool.lists,
            weights,
            grades.machine,
            people,
            grades.drawn & self.frame.differ,
            grades.chances,
            pool.queries,
        )
        values = corrected(pairs, predictions(pairs, folds))
        machine = grades.machine if by_rank else grades.relevant_to_machine
        alone = pairs.sums(weights * machine)
        bias = alone - values
        missing = too_few(pairs)
        ends = [MeanInterval(float(v.mean()), np.nan, np.nan) for v in (values, bias)]
        if not missing:
            ends = [mean_interval(v, level) for v in (values, bias)]
        return AssistedDifference(
            metric,
            measure,
            baseline,
            ends[0],
            float(alone.mean()),
            ends[1],
            None if missing else _savings(pairs, values, folds, len(self.frame)),
            missing,
        )

    def ndcg(self, measures: Sequence[str]) -> tuple[dict[str, float], int]:
        """The mean nDCG over queries of whose pool people graded every pair; how many these are."""
        pool, every = self.frame.pool, self.grades.every
        lacking = np.bincount(pool.lists[np.isnan(every)], minlength=pool.queries)
        best = ideal(
            pool.lists,
            np.nan_to_num(every),
            np.ones(len(every)),
            depth=self.depth,
            queries=pool.queries,
        )
        whole = (lacking == 0) & (best > 0)
        if not whole.any():
            return {}, 0
        means: dict[str, float] = {}
        for name in measures:
            gains = self.near[:, pool.measures.index(name)] * np.nan_to_num(every)
            reached = np.bincount(pool.lists, gains, minlength=pool.queries)
            means[name] = float((reached[whole] / best[whole]).mean())
        return means, int(whole.sum())


def _savings(
    pairs: DoublyGraded, values: Float64[Array, " q"], folds: Array, pool: int
) -> Savings | None:
    """What an interval as narrow takes by whole queries, and by the same draw without machine."""
    alone = pairs.without_machine()
    spread = query_variance(pairs, values, predictions(pairs, folds))
    if spread <= 0:
        return None
    as_good = [
        len(values) * spread / (spread + draw_variance(one, predictions(one, folds)))
        for one in (pairs, alone)
    ]
    return Savings(as_good[0], pool / len(values), int(pairs.drawn.sum()), as_good[1])
