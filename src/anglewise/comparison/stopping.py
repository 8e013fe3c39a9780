"""Whether judging may stop: statistics that hold however often one looks."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb
from typing import Any, Literal

import numpy as np

from anglewise.comparison.comparison_result import Comparison, MeasureResult
from anglewise.comparison.dependence import lasting_notes
from anglewise.comparison.evidence import GroupResults, group_results
from anglewise.comparison.inference import FEWEST_RESAMPLED
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import at_most, counted, listed, rounded_up
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import metric
from anglewise.statistics.confidence_sequences import LEVEL, Race, confidence_sequence

FUTURES = 100
HORIZON = 8
"""How many times as many queries as there are the forecast looks at."""
TIE = 1e-12
"""Means this near are equal but for rounding."""


ASSUMES_SYMMETRY = (
    "The sequential sign-flip test, an e-process, leaves one measure while another is as good in "
    "at most 5% of the cases, at all looks together, if the differences of equally good measures "
    "are symmetric about 0: one that wins rarely, but then by much, is easily ruled out although "
    "it is as good"
)
ASSUMES_BOUNDS = (
    "How far those left may differ is told by confidence sequences, which hold at 95% at all "
    "looks together and assume no symmetry"
)
UNORDERED = (
    "When these queries were judged is not known, so they are taken in an order by chance: the "
    "answer holds for one look, not for one after each query"
)
POSITIVE_ALONE = (
    "Nothing is judged as not relevant here, so it is not known which queries are judged whole: "
    "all of them count, and what is not judged counts as not relevant"
)
TUNED = (
    "chosen or learnt anew from what is judged: lists of earlier queries may be others at the next "
    "look, so that the answer holds for one look, and after how many queries it would have come is "
    "not known"
)
WEIGHED = (
    "judging until decided takes every query for as much as any other, and these were drawn by "
    "traffic and weigh unequally: fix the number of queries beforehand, and go by the verdict of "
    "compare, which weighs them"
)


@dataclass(frozen=True)
class Sequential:
    """Whether judging may stop, by statistics that hold however often one looks.

    What they suppose stands in ``notes``.

    Attributes
    ----------
    decision
        ``decided``: one measure is left, or those left are within the tolerance of each other.
        ``keep-judging``: neither.
    measure
        The one to use: of several within the tolerance the one that the comparison keeps, if it
        is among them; while undecided the best so far.
    left
        The measures that may still be the best; measures that rank alike come as one.
    decided_after
        The number of queries after which one was left, if one is; None where what is tuned or
        learnt takes part, as fewer queries would have tuned it otherwise.
    about_left
        How many more queries leave one in half of the futures drawn from those that there are;
        None if more than seven times as many, or where there are fewer than twenty to draw from.
    queries
        How many count: of sets in which somebody judged something as not relevant those of which
        all first places, under all measures, are judged.
    reason
        The same in a sentence.
    notes
        What this assumes, and where it differs from the verdict of the comparison.
    """

    decision: Literal["decided", "keep-judging"]
    measure: str
    left: tuple[str, ...]
    decided_after: int | None
    about_left: int | None
    queries: int
    reason: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.decision.replace('-', ' ')}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        return {**asdict(self), "left": list(self.left), "notes": list(self.notes)}


def sequential(result: Comparison, *, seed: int = 0) -> Sequential:
    """Say whether judging may stop; honest to ask after every judged query.

    Measures are ruled out by a sequential sign-flip test, an e-process. The chance that one is
    left although another is as good is at most 5%, at all looks together. As the sign-flip test
    does, this takes the differences of equally good measures to be symmetric about 0: one that
    wins rarely, but then by much, is easily ruled out although it is as good. That several are
    within the tolerance of each other is told by confidence sequences, which assume no symmetry,
    and is wrong in at most 5% too.

    Queries must be judged in an order that has nothing to do with how the measures do on them, as
    those that ``judge sample`` drew are. A query counts once all of its first places under all
    measures are judged: half judged, it speaks for the measure whose finds were judged first. Of a
    set without any grade of 0 nobody can tell; there all count, and ``notes`` say so. The order is
    that in which a store says they were judged; where nothing is known of it, one by chance, which
    is honest for a single look.

    The verdict of ``compare`` follows the rule for a number of queries fixed beforehand. Where it
    says another thing, ``notes`` say so.

    Parameters
    ----------
    result
        Of ``compare``, by a metric of ranked lists with values from 0 to 1.
    seed
        Puts queries in order where the times of their judgements are not known.

    Raises
    ------
    SpellingError
        A comparison by graded pairs or triplets, of groups of queries, or of queries that weigh
        unequally.
    ValuesError
        A value of the metric outside of 0 to 1.

    Examples
    --------
    >>> from anglewise.comparison.compare import compare
    >>> from anglewise.data_types.embeddings import Embeddings, Space
    >>> from anglewise.data_types.judgements import Judgements
    >>> from anglewise.data_types.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = Embeddings(x * rng.uniform(0.2, 5, (60, 1)))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare(Space(queries=Embeddings(x + 0.3), items=items), Judgements(own))
    >>> now = sequential(result)
    >>> now.decision, now.measure, now.decided_after < 60
    ('decided', 'cosine', True)
    """
    groups = group_results(result)
    if result.groups is not None:
        raise SpellingError(
            f"judging until decided goes query by query, each by itself, and these come in groups "
            f"by {result.split}: judge one query of each group, or leave the split out"
        )
    if result.weights is not None:
        raise SpellingError(WEIGHED)
    depth = metric(result.metric).depth or 0
    whole = _judged_whole(groups, depth)
    half = int(np.count_nonzero(~whole))
    notes = _half_judged(half, len(whole), depth)
    if not len(notes) and _nothing_refused(groups.judgements):
        notes = (POSITIVE_ALONE,)
    order = _judging_order(groups, seed)
    values = groups.values[:, order[whole[order]]]
    names = tuple(row.measure for row in groups.measures)
    reason = _undecidable(result.metric, names, values, half, len(whole))
    if reason:
        best = groups.measures[groups.leader].measure
        notes += lasting_notes(result.notes)
        return Sequential("keep-judging", best, names, None, None, values.shape[1], reason, notes)
    race = Race.of(values)
    left = [row for row, may in zip(groups.measures, race.may_be_best, strict=True) if may]
    means = {row.measure: row.metrics[result.metric].mean for row in groups.measures}
    if half:
        means = dict(zip(means, values.mean(axis=1).tolist(), strict=True))
    best = max(left, key=lambda row: means[row.measure])
    names, queries = tuple(row.measure for row in left), values.shape[1]
    tuned = [row.measure for row in groups.measures if row.settings]
    if len(values) == 1:
        reason = f"keep {best.measure}; {_alike(best) or 'there is no other to compare with'}"
        return Sequential("decided", best.measure, names, 0, 0, queries, reason)
    notes = (*_supposed(groups, tuned, ruled_out=len(left) < len(values)), *notes)
    notes += lasting_notes(result.notes)
    if len(left) == 1:
        after = None if tuned else race.decided_after
        notes += _beside_verdict(result, {"use", "tie"}, left)
        reason = _one_left(best, after, queries)
        return Sequential("decided", best.measure, names, after, 0, queries, reason, notes)
    widest = _widest_difference(values, race.may_be_best)
    if widest <= result.tolerance:
        reason = f"{listed(names)} differ by {_less(widest, result.tolerance)}"
        notes += (ASSUMES_BOUNDS, *_beside_verdict(result, {"tie"}, left))
        keeper = next(
            (row for row in left if result.verdict.keep in (row.measure, *row.alike)), left[0]
        )
        return Sequential("decided", keeper.measure, names, None, 0, queries, reason, notes)
    more = forecast(values) if queries >= FEWEST_RESAMPLED else None
    reason = f"{listed(names, 'or')} may be the best, {_ahead(left, means)}; {_plan(more, queries)}"
    notes += _beside_verdict(result, {"cannot-tell"}, groups.measures)
    return Sequential("keep-judging", best.measure, names, None, more, queries, reason, notes)


def _undecidable(
    metric_name: str, names: tuple[str, ...], values: Float64[Array, "m q"], half: int, judged: int
) -> str:
    """Why nothing can be asked yet: a figure is undefined, or too little is judged whole."""
    undefined = [name for name, row in zip(names, values, strict=True) if np.isnan(row).any()]
    if undefined:
        return f"{metric_name} of {listed(undefined)} is undefined, so that nothing is decided"
    queries = values.shape[1]
    if not half or queries >= 2:
        return ""
    return (
        f"{listed(names, 'or')} may be the best: {counted(queries, 'query')} of "
        f"{judged:,} {'is' if queries == 1 else 'are'} judged whole"
    )


def _supposed(groups: GroupResults, tuned: Sequence[str], *, ruled_out: bool) -> Iterator[str]:
    """What an answer takes for granted, of the test, of what is tuned, and of the order."""
    if ruled_out:
        yield ASSUMES_SYMMETRY
    if tuned:
        yield f"{listed(tuned)} {'is' if len(tuned) == 1 else 'are'} {TUNED}"
    if groups.judgements.judged_at is None:
        yield UNORDERED


def _one_left(best: MeasureResult, after: int | None, queries: int) -> str:
    """That one is left, what ranks like it, and how many queries would have done, if known."""
    parts = [f"use {best.measure} by the sequential sign-flip test", _alike(best)]
    if after is not None:
        parts.append(f"in this order {counted(after, 'query')} of {queries:,} would have done")
    return "; ".join(filter(None, parts))


def _alike(row: MeasureResult) -> str:
    return f"{listed([row.measure, *row.alike])} rank alike here" if row.alike else ""


def _judged_whole(groups: GroupResults, depth: int) -> Bool[Array, " q"]:
    """Of which queries everything in the first places of all lists is judged.

    All of them where nothing is judged as not relevant, where labels judge every item, and where
    pairs were drawn by lot, whose chances the metric weighs by.
    """
    judged = groups.judgements
    queries = len(groups.rows)
    if judged.judged_items is not None or judged.chances is not None or _nothing_refused(judged):
        return np.ones(queries, dtype=bool)
    width = judged.gains.shape[1]
    known = judged.gains.rows * width + judged.gains.indices
    whole = np.ones(queries, dtype=bool)
    for lists in groups.found.values():
        near = lists.indices[:, :depth]
        keys = np.asarray(groups.rows)[:, None] * width + near
        whole &= (np.isin(keys, known) | (near < 0)).all(axis=1)
    return whole


def _nothing_refused(judged: Judgements) -> bool:
    """Whether nobody judged anything as not relevant, so that nobody tells what was looked at."""
    return judged.judged_items is None and not (judged.graded.values <= 0).any()


def _half_judged(half: int, queries: int, depth: int) -> tuple[str, ...]:
    if not half:
        return ()
    note = (
        f"{half:,} of {queries:,} queries are half judged, as something in their first {depth} "
        f"places is not: they do not count here. Judge the rest of them (anglewise judge next), or "
        f"take a metric of fewer places if only those were pooled"
    )
    return (note,)


def _ahead(left: Sequence[MeasureResult], means: Mapping[str, float]) -> str:
    """Which of those left has the highest mean, or that several do."""
    highest = max(means[row.measure] for row in left)
    first = [row.measure for row in left if means[row.measure] >= highest - TIE]
    return f"{listed(first)} are level" if len(first) > 1 else f"{first[0]} is ahead"


def _less(widest: float, tolerance: float) -> str:
    """By how much at most, and what would matter; no bound that rounding up lifts above that.

    >>> _less(0.004, 0.0123)
    'at most 0.004 at 95%, and 0.0123 would matter'
    >>> _less(0.01225, 0.0123)
    'at most 0.0123 at 95%, and more would matter'
    """
    if float(at_most(widest)) > tolerance:
        return f"at most {tolerance:g} at 95%, and more would matter"
    return f"at most {at_most(widest)} at 95%, and {tolerance:g} would matter"


def _plan(more: int | None, queries: int) -> str:
    """How many more queries are likely to leave one, and what that supposes."""
    if queries == 1:
        return "how many more queries leave one is not known from a single one"
    if queries < FEWEST_RESAMPLED:
        return (
            f"how many more queries leave one is not known from {counted(queries, 'query')}: "
            f"{FEWEST_RESAMPLED} are due"
        )
    futures = "of the futures drawn from these queries"
    if more is None:
        return f"in half {futures} more than {(HORIZON - 1) * queries:,} more leave several"
    return f"in half {futures} about {counted(more, 'more query')} leave one"


def _beside_verdict(
    result: Comparison, agrees: Collection[str], left: Sequence[MeasureResult]
) -> tuple[str, ...]:
    """Say where the verdict of the comparison is another; nothing where it is the same.

    That is, one of the decisions that agree, and not on a measure that was ruled out.
    """
    verdict = result.verdict
    names = {name for row in left for name in (row.measure, *row.alike)}
    if verdict.decision in agrees and verdict.measure in names:
        return ()
    note = (
        f'The verdict of the comparison is another, "{verdict.headline}": it asks by how much '
        f"others are better than {verdict.keep}, assumes no symmetry and holds for a number of "
        "queries fixed beforehand; this one asks which is the best"
    )
    if not any(row.settings for row in result.measures):
        note += ", and holds however often one looks"
    return (note,)


def forecast(values: Float64[Array, "m q"], seed: int = 0) -> int | None:
    """How many more queries leave one measure, in the middle one of a hundred futures.

    Each future takes its truth from a resample of the queries and its queries from that, and the
    test goes on where it stands. None if it is further off than the horizon.

    >>> rng = np.random.default_rng(0)
    >>> good = np.clip(rng.random((1, 80)) + rng.normal([[0.03], [0]], 0.2, (2, 80)), 0, 1)
    >>> 10 < forecast(good) < 560
    True
    """
    rng = np.random.default_rng(seed)
    queries = values.shape[1]
    after = np.empty(FUTURES)
    for i in range(FUTURES):
        truth = values[:, rng.integers(queries, size=queries)]
        future = truth[:, rng.integers(queries, size=(HORIZON - 1) * queries)]
        decided = Race.of(np.hstack([values, future])).decided_after
        after[i] = np.inf if decided is None else max(decided - queries, 1)
    middle = float(np.median(after))
    return rounded_up(round(middle)) if np.isfinite(middle) else None


def _judging_order(groups: GroupResults, seed: int) -> Int64[Array, " q"]:
    """Queries by the time of their judgement; of one time by chance, the same at every look."""
    judgements, rows = groups.judgements, groups.rows
    by_chance = np.random.default_rng(seed).permutation(judgements.gains.shape[0])[rows]
    judged_at = judgements.judged_at
    times = np.zeros(len(rows)) if judged_at is None else judged_at[rows]
    return np.lexsort((by_chance, times))


def _widest_difference(values: Float64[Array, "m q"], left: Bool[Array, " m"]) -> float:
    """How far apart the means of two that are left may be, at most.

    All pairs share the level, those too that are not left: which are was found by looking.
    """
    differences = np.stack(
        [values[i] - values[j] for i, j in combinations(np.flatnonzero(left), 2)]
    )
    bounds = confidence_sequence(differences, level=LEVEL / comb(len(values), 2))
    return float(np.abs(bounds).max())
