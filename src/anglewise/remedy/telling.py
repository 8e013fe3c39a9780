"""From what was found to what is told: the statistics of a comparison, costs, breadth, advice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

import numpy as np

from anglewise.comparison.compare import signature
from anglewise.comparison.comparison_result import Comparison, Evidence
from anglewise.comparison.inference import Inference, decide, infer
from anglewise.comparison.notes import notes
from anglewise.core.text import counted
from anglewise.diagnostics.norms import popularity
from anglewise.metrics.breadth import Stratum, by_stratum, coverage
from anglewise.remedy.advice import advise
from anglewise.remedy.apart import judged_by
from anglewise.remedy.bench import Bench, Found
from anglewise.remedy.contender import Contender
from anglewise.remedy.defaults import BASELINES
from anglewise.remedy.family import family
from anglewise.remedy.result import Cost, Kind, Remedied, Remedy
from anglewise.remedy.run import Outcome


def told(bench: Bench, outcome: Outcome, tolerance: float) -> Remedy:
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


def _remedied(one: Contender, found: Found, of: Inference, items: int) -> Remedied:
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


def _strata(bench: Bench, comparison: Comparison) -> tuple[Stratum, ...]:
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
