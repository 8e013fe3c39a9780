"""Similar items judged by what is used together: within strata, and in other ways beside it.

Over all items a list of the most used ones is hard to beat, and a floor of support makes it
harder: few items can then be relevant at all, and these are the most used. So lists are taken
within strata of similar use, all pairs are judged, and the verdicts at higher supports and
without strata stand beside it. Where they name different measures, nothing is told.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.floors import LEAST_USED, MOST_USED, RANDOM, with_floors
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.judged_as import JudgedAs, disagreement, undecided
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace
from anglewise.comparison.scoring import list_key
from anglewise.comparison.split import tuned
from anglewise.comparison.verdict import verdict_of
from anglewise.comparison.within_strata import QueryStrata, nearest_in_strata, values_in_strata
from anglewise.comparison.without_vectors import WithoutVectors
from anglewise.data_types.drawn import means_over_queries
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.judgements.co_use import SUPPORTS, support_of
from anglewise.similarity_measures.adapter import Adapted
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import Family, MeasureSpec

FEWEST_QUERIES = 100
"""Fewer are said beside the verdict."""
NEAR = 0.9
"""A list without a model that reaches so much of the best measure is said beside the verdict."""
NO_STRATA = "without strata"


@dataclass(frozen=True, eq=False)
class InStrata:
    """Scores within strata of similar use, and the same measures scored in other ways.

    ``asked`` says which query was asked in which stratum, ``ways`` are names and scores, the first
    of which are those that decide.
    """

    scores: Scores
    asked: QueryStrata
    ways: tuple[tuple[str, Scores], ...]

    @property
    def strata(self) -> int:
        """How many strata there are."""
        return len(self.asked.items_of)


def uses_of(judgements: Judgements, known: Array | None) -> Float64[Array, " items"] | None:
    """By whose use items are parted into strata; None where nobody knows, or nothing was made.

    Those who made the judgements count, else those that the space knows of.
    """
    if judgements.direction != "items-items" or judgements.parts is not None:
        return None
    made_of = judgements.made_of
    if made_of is not None and (made_of.of_users or made_of.use is not None):
        return made_of.uses if made_of.use is None else made_of.use
    return known if judgements.of_users or made_of is not None else None


def strata_or_why(
    searched: SearchedSpace,
    measures: Sequence[MeasureSpec],
    scores: Scores,
    settings: EvaluationSettings,
    *,
    known: Array | None,
    others: Sequence[object],
) -> tuple[InStrata | None, list[str]]:
    """Scores within strata where use made the judgements; or why there are none, if that matters.

    ``known`` is how often the space says that items were used; ``others`` are candidates without
    vectors.
    """
    uses = uses_of(searched.judgements, known)
    reason = _why_over_all(searched.judgements, uses, measures, others)
    if reason:
        return None, [_over_all(*reason)]
    return None if uses is None else in_strata(searched, measures, scores, settings, uses), []


def over_all_notes(judgements: Judgements, reason: str, remedy: str) -> list[str]:
    """That lists are not taken within strata, for a reason, where use made the judgements."""
    made = judgements.of_users or judgements.made_of is not None or _is_old(judgements)
    if judgements.direction != "items-items" or not made:
        return []
    return [_over_all(reason, remedy)]


def _over_all(reason: str, remedy: str) -> str:
    """What it means that lists are over all items."""
    return (
        f"judged over all items, {reason}: how much items are used decides much of such figures, "
        f"so that the verdict may be about use alone{f'; {remedy}' if remedy else ''}"
    )


def _why_over_all(
    judgements: Judgements,
    uses: Array | None,
    measures: Iterable[MeasureSpec],
    others: Sequence[object],
) -> tuple[str, str] | None:
    """Why lists are over all items though use made the judgements, and what to do about it."""
    old, of_use = _is_old(judgements), judgements.of_users or judgements.made_of is not None
    if judgements.direction != "items-items" or not (of_use or old):
        return None
    learnt = [str(measure) for measure in measures if isinstance(measure, Adapted)]
    unlike = judgements.by_lot or judgements.drawn is not None or judgements.missing is not None
    reasons = {
        ("by pairs with a floor of support, as an earlier version made them", "make them again"): (
            old
        ),
        ("as nobody knows how much each was used", ""): uses is None,
        ("as other lists have none for each stratum of use", "compare the measures alone"): bool(
            others
        ),
        ("as an adapted measure is learnt for lists over all", "leave it out"): bool(learnt),
        ("as not every pair of the space could be judged", ""): unlike,
    }
    return next((words for words, holds in reasons.items() if holds), None)


def _is_old(judgements: Judgements) -> bool:
    """Whether an earlier version made them, with a floor of support and grades 3, 2 and 1."""
    return judgements.made_of is None and judgements.source.startswith("items used together by")


def in_strata(
    searched: SearchedSpace,
    measures: Sequence[MeasureSpec],
    scores: Scores,
    settings: EvaluationSettings,
    uses: Float64[Array, " items"],
) -> InStrata:
    """Score measures within strata of similar use: the mean over strata with a relevant item.

    ``scores`` are the same measures' over all items; what is tuned is tuned anew.
    """
    judgements, metrics = searched.judgements, settings.metrics
    asked = QueryStrata.by(judgements, uses, metrics[0])
    tried: dict[str, Measure] = {
        str(fixed): fixed
        for spec in measures
        if not isinstance(spec, Adapted)
        for fixed in (spec.settings(lists=True) if isinstance(spec, Family) else [spec])
    }
    depth = max(getattr(metric, "depth", 1) for metric in metrics)
    k = min(depth, judgements.gains.shape[1])
    supports, among = _supports(judgements)
    digests = {name: sha256() for name in tried}

    def lists_of(part: QueryStrata) -> Mapping[str, Neighbours]:
        found = nearest_in_strata(searched, list(tried.values()), part, k, settings)
        for name, its in found.items():
            digests[name].update(list_key(its))
        return found

    values = values_in_strata(
        asked,
        judgements,
        lists_of,
        metrics,
        lists=len(tried),
        among=among,
    )
    deciding = dict(zip(tried, values[0][0][str(metrics[0])], strict=True))
    chosen = _chosen(measures, deciding, judgements, settings)
    base = replace(
        scores,
        # lists that are alike over all items need not be so within strata
        keys=_keys(measures, chosen, {name: its.digest() for name, its in digests.items()}),
        unjudged=None,
        outside_pool=None,
        settings=dict(scores.settings) | chosen,
    )
    ways: list[tuple[str, Scores]] = []
    for support, (table, has) in zip(supports, values, strict=True):
        by_choice: dict[str, Float64[Array, "m q"]] = {}
        for metric, every in table.items():
            named = dict(zip(tried, every, strict=True))
            by_choice[metric] = _by_choice(measures, named, chosen, searched, settings)
        name = "in strata" if support is None else f"in strata, support {support}"
        base = base if ways else replace(base, values=by_choice)
        ways.append((name, _some(base, by_choice, np.flatnonzero(has[scores.rows]))))
    ways.append((NO_STRATA, scores))
    return InStrata(base, asked, tuple(ways))


def _keys(
    measures: Sequence[MeasureSpec],
    chosen: Mapping[str, tuple[str, ...]],
    digests: Mapping[str, bytes],
) -> tuple[Hashable, ...]:
    """The same for measures that rank alike within every stratum; of tuned ones in both halves."""
    every = [[digests[word] for word in chosen.get(name, (name,))] for name in map(str, measures)]
    return tuple(own[0] if len({*own}) == 1 else tuple(own) for own in every)


def _supports(
    judgements: Judgements,
) -> tuple[list[int | None], list[Bool[Array, " entries"] | None]]:
    """At which supports there is a verdict, and which entries count at each."""
    made_of = judgements.made_of
    if made_of is None or not made_of.of_users:
        return [None], [None]
    support = support_of(judgements, made_of)
    levels = [s for s in SUPPORTS if s > made_of.min_support and (support >= s).any()]
    among = [None, *(support >= level for level in levels)]
    return [made_of.min_support, *levels], among


def _chosen(
    measures: Sequence[MeasureSpec],
    deciding: Mapping[str, Float64[Array, " items"]],
    judgements: Judgements,
    settings: EvaluationSettings,
) -> dict[str, tuple[str, ...]]:
    """The settings of tuned measures that did best within strata on other queries."""
    rows, split = judgements.judged_rows, settings.split
    chosen: dict[str, tuple[str, ...]] = {}
    for measure in measures:
        if isinstance(measure, Family):
            tried = [str(fixed) for fixed in measure.settings(lists=True)]
            values = np.stack([deciding[name][rows] for name in tried])
            if split.later is not None:
                best = int(means_over_queries(values[:, ~split.later], None).argmax())
                chosen[str(measure)] = (tried[best],)
            else:
                half = split.half(len(rows), settings.seed)
                chosen[str(measure)] = tuple(tried[i] for i in tuned(values, half))
    return chosen


def _by_choice(
    measures: Sequence[MeasureSpec],
    values: Mapping[str, Float64[Array, " items"]],
    chosen: Mapping[str, tuple[str, ...]],
    searched: SearchedSpace,
    settings: EvaluationSettings,
) -> Float64[Array, "m q"]:
    """From values of all settings to those of the measures, for the reported queries."""
    rows, split = searched.judgements.judged_rows, settings.split
    half = split.half(len(rows), settings.seed)
    own: list[Array] = []
    for measure in measures:
        words = chosen.get(str(measure), (str(measure),))
        own.append(np.where(half, values[words[0]][rows], values[words[-1]][rows]))
    return np.stack(own)[:, split.reported(len(rows))]


def _some(
    scores: Scores, values: Mapping[str, Float64[Array, "m q"]], columns: Int64[Array, " some"]
) -> Scores:
    """Other values for some of the columns."""
    clusters = scores.split.clusters
    split = scores.split
    if clusters is not None:
        split = replace(split, clusters=clusters.take(columns))
    return replace(
        scores,
        values={name: table[:, columns] for name, table in values.items()},
        rows=scores.rows[columns],
        found={},
        unjudged=None,
        split=split,
    )


def judged_ways(
    within: InStrata, settings: EvaluationSettings, *, baseline: int | None
) -> tuple[JudgedAs, ...]:
    """The verdict of each way of judging, in its order."""
    ways: list[JudgedAs] = []
    for name, scores in within.ways:
        inference = infer(scores, seed=settings.seed, threads=settings.threads)
        verdict = verdict_of(
            inference,
            settings.tolerance,
            baseline=baseline,
            largest=settings.largest_difference,
        )
        means = dict(zip(scores.names, inference.means.tolist(), strict=True))
        ways.append(JudgedAs(name, len(scores.rows), means, verdict))
    return tuple(ways)


def with_ways_and_floors(
    result: Comparison,
    within: InStrata | None,
    context: WithoutVectors,
    *,
    settings: EvaluationSettings,
    scores: Scores,
    baseline: int | None,
) -> Comparison:
    """The result with floors; within strata also with the verdicts of the other ways, and notes.

    Where the ways disagree about who wins, one cannot tell.
    """
    seed = settings.seed
    if within is None:
        return with_floors(result, context, scores, seed=seed)
    result = _with_ways(result, within, settings, baseline=baseline)
    result = with_floors(result, context, scores, seed=seed, asked=within.asked)
    return replace(result, notes=(*strata_notes(result), *result.notes))


def _with_ways(
    result: Comparison, within: InStrata, settings: EvaluationSettings, *, baseline: int | None
) -> Comparison:
    ways = judged_ways(within, settings, baseline=baseline)
    words = disagreement([(way.name, way.verdict) for way in ways])
    verdict = result.verdict
    return replace(
        result,
        verdict=undecided(verdict, "ways of judging disagree about who wins", words)
        if words
        else verdict,
        within=f"{counted(within.strata, 'stratum', 'strata')} of similar use",
        ways=ways,
        signature=f"{result.signature}|strata:{within.strata}",
    )


def strata_notes(result: Comparison) -> Iterator[str]:
    """What weakens a verdict within strata: few queries, and lists that need no model."""
    if result.queries < FEWEST_QUERIES:
        yield (
            f"{counted(result.queries, 'query')} with a relevant item within strata of similar "
            f"use: fewer than {FEWEST_QUERIES} say little about the others"
        )
    if result.within.startswith("1 "):
        yield (
            "all items are one stratum, as there are too few for two: what many used may still be "
            "favoured"
        )
    best = max((row.metrics[result.metric].mean for row in result.measures), default=0.0)
    fixed = [floor for floor in result.floors if floor.name in {RANDOM, MOST_USED, LEAST_USED}]
    near = [floor for floor in fixed if floor.mean >= NEAR * best]
    if near:
        names = listed([f"{floor.name} ({floor.mean:.3f})" for floor in near], "and")
        yield (
            f"{names}, the same list for every query, within a tenth of the best measure "
            f"({best:.3f}): these judgements hardly tell similar items from others"
        )
