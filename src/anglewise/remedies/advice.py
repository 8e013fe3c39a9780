"""Assemble the result of remedies: statistics, costs, breadth, and what to do."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from shlex import quote

import numpy as np

from anglewise.comparison.compare import signature
from anglewise.comparison.comparison_result import Comparison, Difference, Evidence
from anglewise.comparison.inference import Inference, decide, infer
from anglewise.comparison.notes import notes
from anglewise.core.text import counted, listed, p_words
from anglewise.diagnostics.norms import popularity
from anglewise.metrics.breadth import Stratum, by_stratum, coverage
from anglewise.remedies.candidate_list import BASELINES, RemedyCandidate
from anglewise.remedies.remedy_result import Advice, Cost, Kind, Remedied, Remedy, family
from anglewise.remedies.runner import CandidateLists, CandidateRunner
from anglewise.remedies.screening import Outcome
from anglewise.remedies.training_data import judged_by

LEVEL = 0.05


def advise(
    comparison: Comparison, candidates: Sequence[Remedied], contenders: Sequence[RemedyCandidate]
) -> Advice:
    """Name the simplest candidate that may be the best and beats raw cosine and raw dot.

    Where none beats both at 95%, the better of the two stays.
    """
    may_be_best = {one.measure: one.may_be_best for one in comparison.measures}
    winners = [one for one in candidates if one.kind != "as it is" and _beats_all(one)]
    best = [one for one in winners if may_be_best[one.candidate]] or winners[:1]
    if not best:
        return _stay(comparison, candidates)
    simplicity = {str(one): one.simplicity for one in contenders}
    chosen = min(best, key=lambda one: simplicity[one.candidate])
    sentence = _use(comparison, chosen)
    return Advice(chosen.candidate, True, sentence, ("--candidates", quote(chosen.candidate)))


def cost_words(one: Remedied) -> str:
    """What it costs, in words."""
    cost = one.cost
    made = (
        "nothing is trained"
        if one.kind != "re-made"
        else f"trained in {seconds_words(cost.making_seconds)}"
    )
    serves = (
        "any vector store can serve it by inner product"
        if cost.inner_product
        else "no vector store serves it by inner product"
    )
    return f"{made}, {counted(cost.bytes_a_vector, 'byte')} a vector, {serves}"


def seconds_words(seconds: float) -> str:
    """A time as it stands in a sentence.

    >>> seconds_words(0.04), seconds_words(3.2), seconds_words(150)
    ('under 1 second', '3 seconds', '2.5 minutes')
    """
    if seconds < 1:
        return "under 1 second"
    return counted(round(seconds), "second") if seconds < 100 else f"{seconds / 60:.1f} minutes"


def _beats_all(one: Remedied) -> bool:
    return bool(one.vs) and all(
        apart.difference > 0 and apart.p_adjusted <= LEVEL for apart in one.vs.values()
    )


def _use(comparison: Comparison, one: Remedied) -> str:
    row = next(row for row in comparison.measures if row.measure == one.candidate)
    leads = listed(_apart(apart, f"raw {name}") for name, apart in one.vs.items())
    rivals = [
        other.measure
        for other in comparison.measures
        if other.may_be_best and other.measure not in {one.candidate, *row.alike}
    ]
    said = f"Use {one.candidate}: {_mean(comparison, one)}, {leads}; {cost_words(one)}"
    if not rivals:
        return said
    less = "is less simple" if len(rivals) == 1 else "are less simple"
    return f"{said}; {_some(rivals)} may be better still, but {less}"


def _stay(comparison: Comparison, candidates: Sequence[Remedied]) -> Advice:
    """Nothing wins: the better of raw cosine and raw dot."""
    kept, *other = [one for one in candidates if one.kind == "as it is"]
    rivals = [one for one in candidates if one.kind != "as it is"]
    lead = [_apart(apart, f"raw {name}") for name, apart in kept.vs.items()]
    raw = listed([one.candidate for one in (kept, *other)])
    if rivals:
        ahead = rivals[0].vs.get(kept.candidate)
        nearest = "" if ahead is None else f", {_apart(ahead, f'raw {kept.candidate}')}"
        lead.append(
            f"and of {counted(len(rivals), 'candidate')} none is better than raw {raw} at 95%: "
            f"{rivals[0].candidate} comes nearest{nearest}"
        )
    verdict = comparison.verdict
    if verdict.decision == "cannot-tell" and verdict.needed_queries is not None:
        lead.append(f"about {verdict.needed_queries:,} more judged queries would settle it")
    said = "; ".join(lead)
    name = kept.candidate
    return Advice(name, False, f"Stay with {name}: {_mean(comparison, kept)}, {said}")


def _mean(comparison: Comparison, one: Remedied) -> str:
    row = next(row for row in comparison.measures if row.measure == one.candidate)
    return f"{comparison.metric} {row.metrics[comparison.metric].mean:.3f}"


def _apart(apart: Difference, other: str) -> str:
    """By how much, with the interval: without signs where it lies on one side of nought."""
    ends = (apart.low, apart.high)
    if apart.low > 0 or apart.high < 0:
        low, high = sorted(map(abs, ends))
        interval = f"[{low:.3f}, {high:.3f}]"
    else:
        interval = f"[{apart.low:+.3f}, {apart.high:+.3f}]"
    side = "better" if apart.difference >= 0 else "worse"
    size = f"{abs(apart.difference):.3f}"
    return f"{size} {interval} {side} than {other} ({p_words(apart.p_adjusted)})"


def _some(names: Sequence[str]) -> str:
    shown = [*names[:3], *([f"{len(names) - 3} more"] if len(names) > 3 else [])]
    return listed(shown)


def told(bench: CandidateRunner, outcome: Outcome, tolerance: float) -> Remedy:
    """The result of a run."""
    scores = family(bench, outcome.found, outcome.rows)
    with ThreadPoolExecutor(bench.threads or cpu_count()) as pool:
        of = infer(scores, seed=bench.seed, map_=pool.map)
    judged = judged_by(bench.judgements, outcome.rows)
    direction = bench.judgements.direction
    sides = bench.space.sides(direction)
    comparison = Comparison(
        direction=direction,
        metric=scores.metric,
        k=bench.metrics[0].depth,
        queries=len(outcome.rows),
        items=len(sides[1]),
        judged=scores.judged,
        seed=bench.seed,
        measures=of.rows(None),
        verdict=decide(of, tolerance),
        signature=signature(of, direction, tolerance, bench.seed),
        tolerance=tolerance,
        evidence=Evidence(
            bench.space,
            judged,
            outcome.rows,
            scores.found,
            scores.values,
            scores.names,
            scores.parting.units,
        ),
        split=bench.parting.split,
    )
    by_name = {str(one): (one, found) for one, found in outcome.found.items()}
    candidates = tuple(
        _remedied(*by_name[row.measure], of, len(sides[1])) for row in comparison.measures
    )
    return Remedy(
        comparison=comparison,
        candidates=candidates,
        advice=advise(comparison, candidates, list(outcome.found)),
        strata=_strata(bench, comparison),
        screened=outcome.screened,
        screening_queries=outcome.screening_queries,
        left_out=outcome.left_out,
        budget_seconds=bench.budget.seconds,
        seconds=outcome.seconds,
        stopped=outcome.stopped,
        notes=(*_stopped(outcome), *_from_few(outcome), *notes(sides, judged, scores)),
    )


def _remedied(one: RemedyCandidate, found: CandidateLists, of: Inference, items: int) -> Remedied:
    names = of.scores.names
    place = names.index(str(one))
    kind: Kind = "re-made" if one.maker is not None else "re-measured"
    return Remedied(
        candidate=str(one),
        kind="as it is" if str(one) in BASELINES else kind,
        cost=Cost(
            found.making,
            found.searching,
            found.dimension,
            np.dtype(np.float32).itemsize * found.dimension,
            found.inner_product,
        ),
        vs={
            name: of.difference(place, names.index(name)) for name in BASELINES if name != str(one)
        },
        coverage=coverage(found.lists.indices, items),
        contender=one,
    )


def _strata(bench: CandidateRunner, comparison: Comparison) -> tuple[Stratum, ...]:
    """Head, middle and tail of the ranked side, where it is known how much is used."""
    direction, evidence = bench.judgements.direction, comparison.evidence
    side = "queries" if direction == "queries-queries" else "items"
    used = popularity(bench.space, side)
    if evidence is None or used is None or used.what == "text length":
        return ()
    uses = np.nan_to_num(used.values)
    if not (uses >= 0).all() or not uses.any():
        return ()
    judged = evidence.judgements
    return by_stratum(evidence.found, judged, evidence.rows, bench.metrics[0], uses)  # type: ignore[arg-type]


def _stopped(outcome: Outcome) -> Iterator[str]:
    done = counted(len(outcome.found) - len(BASELINES), "candidate")
    if outcome.stopped == "interrupt":
        yield f"interrupted: {done} had reached the end; the same command goes on from here"
    elif outcome.stopped == "time":
        yield f"time ran out: {done} had reached the end; a larger budget goes on from here"


def _from_few(outcome: Outcome) -> Iterator[str]:
    if outcome.screening_queries:
        yield (
            f"{counted(len(outcome.screened), 'candidate')} screened on "
            f"{counted(outcome.screening_queries, 'query')} set apart; all numbers come from the "
            f"other {len(outcome.rows):,}"
        )
