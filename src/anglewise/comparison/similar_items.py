"""Similar items judged by what is used together: within strata, and in other ways beside it.

Over all items a list of the most used ones is hard to beat, and a floor of support makes it
harder: few items can then be relevant at all, and these are the most used. So lists are taken
within strata of similar use, all pairs are judged, and the verdicts at higher supports and
without strata stand beside it. Where they name different measures, nothing is told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.floors import LEAST_USED, MOST_USED, RANDOM, with_floors
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.judged_as import JudgedAs, disagreement, undecided
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace
from anglewise.comparison.split import places
from anglewise.comparison.strata_values import (
    JudgedInStrata,
    StrataValues,
    beside,
    strata_values,
)
from anglewise.comparison.verdict import verdict_of
from anglewise.comparison.within_strata import QueryStrata
from anglewise.comparison.without_vectors import WithoutVectors
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.similarity_measures.measure import MeasureSpec

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
    judgements: Judgements,
    searched: Iterable[tuple[SearchedSpace, Sequence[MeasureSpec]]],
    scores: Scores,
    settings: EvaluationSettings,
    *,
    known: Array | None,
    others: Sequence[object] = (),
) -> tuple[InStrata | None, list[str]]:
    """Scores within strata where use made the judgements; or why there are none, if that matters.

    ``searched`` are the spaces with their measures, of several in the order of the candidates, and
    ``judgements`` those of all; ``known`` is how often a space says that items were used;
    ``others`` are candidates without vectors.
    """
    uses = uses_of(judgements, known)
    reason = why_over_all(judgements, uses, others)
    if reason:
        return None, [reason]
    if uses is None:
        return None, []
    judged = JudgedInStrata.by(judgements, uses, settings.metrics[0])
    each = [strata_values(space, measures, judged, settings) for space, measures in searched]
    return in_strata(beside(each, apart=True), scores, judged), []


def why_over_all(judgements: Judgements, uses: Array | None, others: Sequence[object] = ()) -> str:
    """Why lists are over all items though use made the judgements, and what that means."""
    old, of_use = _is_old(judgements), judgements.of_users or judgements.made_of is not None
    if judgements.direction != "items-items" or not (of_use or old):
        return ""
    unlike = judgements.by_lot or judgements.drawn is not None or judgements.missing is not None
    reasons = {
        ("by pairs with a floor of support, as an earlier version made them", "make them again"): (
            old
        ),
        ("as nobody knows how much each was used", ""): uses is None,
        (
            "as other lists hold the first of all items, and too few of each stratum of use",
            "compare the measures alone",
        ): bool(others),
        ("as not every pair of the space could be judged", ""): unlike,
    }
    reason, remedy = next((words for words, holds in reasons.items() if holds), ("", ""))
    return reason and (
        f"judged over all items, {reason}: how much items are used decides much of such figures, "
        f"so that the verdict may be about use alone{f'; {remedy}' if remedy else ''}"
    )


def _is_old(judgements: Judgements) -> bool:
    """Whether an earlier version made them, with a floor of support and grades 3, 2 and 1."""
    return judgements.made_of is None and judgements.source.startswith("items used together by")


def in_strata(values: StrataValues, scores: Scores, judged: JudgedInStrata) -> InStrata:
    """Scores within strata from the values there; ``scores`` are those over all items."""
    named = zip(scores.names, values.chosen, strict=True)
    # what is undefined over all items is so in each stratum
    undefined = np.array([bool(np.isnan(row).all()) for row in scores.deciding], dtype=bool)
    tables = [
        {name: np.where(undefined[:, None], np.nan, table) for name, table in own.items()}
        for own in values.values
    ]
    base = replace(
        scores,
        # lists that are alike over all items need not be so within strata
        keys=values.keys,
        values=tables[0],
        unjudged=None,
        outside_pool=None,
        settings=dict(scores.settings) | {name: words for name, words in named if words},
    )
    ways = [
        (
            "in strata" if support is None else f"in strata, support {support}",
            _some(base, table, np.flatnonzero(has[scores.rows])),
        )
        for support, table, has in zip(judged.supports, tables, values.has, strict=True)
    ]
    return InStrata(base, judged.asked, (*ways, (NO_STRATA, scores)))


def _some(
    scores: Scores, values: Mapping[str, Float64[Array, "m q"]], columns: Int64[Array, " some"]
) -> Scores:
    """Other values for some of the columns."""
    split = scores.split
    clusters, order = split.clusters, split.reported_order
    split = replace(
        split,
        clusters=None if clusters is None else clusters.take(columns),
        later=None,  # these are reported
        order=None if order is None else places(order[columns]),
    )
    return replace(
        scores,
        values={name: table[:, columns] for name, table in values.items()},
        rows=scores.rows[columns],
        found={},
        unjudged=None,
        split=split,
    )


def judged_ways(
    within: InStrata,
    settings: EvaluationSettings,
    *,
    baseline: int | None,
    keep: int | None = None,
) -> tuple[JudgedAs, ...]:
    """The verdict of each way of judging, in its order, against what the verdict is against."""
    ways: list[JudgedAs] = []
    for name, scores in within.ways:
        inference = infer(scores, seed=settings.seed, threads=settings.threads)
        verdict = verdict_of(
            inference,
            settings.tolerance,
            baseline=baseline if keep is None else keep,
            role="the baseline" if keep is None else "as it is",
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
    keep: int | None = None,
) -> Comparison:
    """The result with floors; within strata also with the verdicts of the other ways, and notes.

    Where the ways disagree about which to use, one cannot tell.
    """
    seed = settings.seed
    if within is None:
        return with_floors(result, context, scores, seed=seed)
    ways = judged_ways(within, settings, baseline=baseline, keep=keep)
    result = _with_ways(result, within, ways)
    result = with_floors(result, context, scores, seed=seed, asked=within.asked)
    return replace(result, notes=(*strata_notes(result), *result.notes))


def _with_ways(result: Comparison, within: InStrata, ways: tuple[JudgedAs, ...]) -> Comparison:
    words = disagreement([(way.name, way.verdict) for way in ways])
    verdict = result.verdict
    return replace(
        result,
        verdict=undecided(verdict, "ways of judging disagree about which to use", words)
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
