"""From what was asked to the settings of an evaluation; from inference to verdict and result."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.metadata import version

import numpy as np

from anglewise.comparison.candidates import SpaceFacts
from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.evidence import Evidence
from anglewise.comparison.inference import Inference
from anglewise.comparison.lists import EvaluationSettings
from anglewise.comparison.ranked_runs import RankedRuns, RunCandidate
from anglewise.comparison.rankers import Ranker, canonical_ranker
from anglewise.comparison.split import QUERIES
from anglewise.comparison.verdict import verdict_of
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import PART
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.text import check_number, counted, listed
from anglewise.data_types.typing import Progress
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import read_metrics
from anglewise.evaluation_metrics.interface import Metric, PairMetric
from anglewise.similarity_measures.measure import MeasureSpec, measures_and_families
from anglewise.statistics.decision import RULE, Tolerance

MOST_FIGURES = 1000
"""Candidates times metrics; each takes 80 kB of resamples, several times over."""


def read_settings(
    kind: type[Judgements | Pairs | Triplets],
    metric: str | Metric | None,
    metrics: Iterable[str | Metric] | str = (),
    *,
    tolerance: str | float | None = None,
    largest_difference: float = 1.0,
    candidates: int = 1,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> EvaluationSettings:
    """Read how so many candidates are to be evaluated, by judgements of a kind.

    The first metric decides; each kind has one by default. Raises ``SpellingError`` for a metric
    that is not known, for more figures than fit in memory, and for a tolerance or a largest
    difference that the metric cannot have.
    """
    by_default = {Judgements: "nDCG@10", Pairs: "spearman", Triplets: "triplet-accuracy"}
    first = by_default[kind] if metric is None else metric
    wanted = read_metrics([first, *read_metrics(metrics)])
    check_number(candidates, "candidate")
    if candidates * len(wanted) > MOST_FIGURES:
        raise SpellingError(
            f"{counted(candidates, 'candidate')} under {counted(len(wanted), 'metric')} are "
            f"{candidates * len(wanted):,} figures with intervals, {MOST_FIGURES:,} at most are "
            "worked through at once: name fewer, or part them into several runs"
        )
    PART.check("largest_difference", largest_difference)
    if largest_difference != 1 and not wanted[0].bounded:
        raise SpellingError(
            f"a largest difference of {largest_difference:g} is for means of values from 0 to 1, "
            f"and {wanted[0]} is none: leave it out"
        )
    return EvaluationSettings(
        wanted,
        read_tolerance(tolerance, wanted[0]),
        largest_difference,
        seed=seed,
        threads=threads,
        progress=progress,
    )


def read_tolerance(given: str | float | None, metric: Metric) -> Tolerance:
    """Read which leads do not matter, for a metric; ``SpellingError`` where it cannot be a share.

    >>> str(read_tolerance(None, read_metrics("nDCG@10")[0]))
    '2%'
    >>> str(read_tolerance(None, read_metrics("spearman")[0]))
    '0.01'
    """
    if given is None:
        return Tolerance(0.0, 0.01) if isinstance(metric, PairMetric) else Tolerance()
    tolerance = Tolerance.read(given)
    if tolerance.relative and isinstance(metric, PairMetric):
        raise SpellingError(
            f"the tolerance {tolerance} is a share, and {metric} can be negative: give a number, "
            "such as 0.01"
        )
    if tolerance.floor >= 1 and (metric.bounded or isinstance(metric, PairMetric)):
        raise SpellingError(
            f"the tolerance {tolerance} is no lead in {metric}: 0.01 is a hundredth of it, 2% two "
            "hundredths of the mean"
        )
    return tolerance


def conclude(
    inference: Inference,
    space: Space,
    judgements: Judgements | Pairs | Triplets,
    settings: EvaluationSettings,
    *,
    baseline: int | None = None,
    keep: int | None = None,
    notes: Sequence[str] = (),
    spaces: tuple[SpaceFacts, ...] = (),
    runs: RankedRuns | None = None,
) -> Comparison:
    """The result: the table, the verdict, and what they came from.

    The verdict is against ``keep``, the baseline if that is not given, else the simplest measure.
    ``space`` holds those who ask and what was ranked and judged, as reports show them, and
    ``runs`` what they list beside it.
    """
    scores = inference.scores
    direction = judgements.direction if isinstance(judgements, Judgements) else None
    verdict = verdict_of(
        inference,
        settings.tolerance,
        baseline=baseline if keep is None else keep,
        role="the baseline" if keep is None else "as it is",
        largest=settings.largest_difference,
    )
    kept_mean = float(np.nan_to_num(inference.means[scores.names.index(verdict.keep)]))
    return Comparison(
        direction=direction,
        metric=scores.metric,
        k=settings.metrics[0].depth,
        queries=len(scores.rows),
        items=len(space.sides(direction or "queries-items")[1]),
        judged=scores.judged,
        seed=settings.seed,
        measures=inference.rows(baseline),
        verdict=verdict,
        signature=_signature(inference, direction or f"{scores.noun}s", judgements, settings),
        tolerance=settings.tolerance.over(kept_mean),
        tolerance_given=str(settings.tolerance),
        baseline=None if baseline is None else scores.names[baseline],
        notes=tuple(notes),
        evidence=Evidence(
            space if runs is None else runs.names,
            judgements if runs is None else runs.judgements,
            scores.rows,
            scores.found,
            scores.values,
            scores.names,
            scores.split.clusters,
            scores.weights,
            scores.largest_group,
            scores.trainings,
            scores.outside_pool,
            scores.by_machine,
            scores.supposed,
            scores.split.reported_order,
        ),
        spaces=spaces,
        split=scores.split.split,
        runs=tuple(str(c) for c in scores.measures if isinstance(c, RunCandidate)),
        where=_where(judgements),
        trainings=() if scores.trainings is None else scores.trainings.names,
    )


def _where(judgements: Judgements | Pairs | Triplets) -> str:
    """The filter under which lists were judged, in words; empty where all items were ranked."""
    allowed = judgements.allowed if isinstance(judgements, Judgements) else None
    return "" if allowed is None else str(allowed.where)


def _signature(
    inference: Inference,
    direction: str,
    judgements: Judgements | Pairs | Triplets,
    settings: EvaluationSettings,
) -> str:
    """Every setting that the numbers depend on, in one line, as sacrebleu does it."""
    scores, flips, split = inference.scores, inference.flips, inference.scores.split
    groups = "" if split.clusters is None else f".{len(split.clusters)}"
    largest = settings.largest_difference
    identities = [cost.identity or cost.reranker for cost in scores.reranking.values()]
    rules: dict[str, str] = {}
    if isinstance(judgements, Judgements):
        if judgements.missing is not None:
            rules["missing"] = f"{len(judgements.missing.indices)}"
        if judgements.relevant_from is not None:
            rules["relevant-from"] = f"{judgements.relevant_from:g}"
        if judgements.not_itself:
            rules["not-itself"] = "yes"
        if judgements.allowed is not None:
            rules["where"] = sha256(
                str(judgements.allowed.where).encode("utf-8", "replace")
            ).hexdigest()[:8]
    parts = {
        "metric": scores.metric,
        "direction": direction,
        "measures": f"{len(scores.names)}.{_digest(','.join(scores.names))}",
        "queries": len(scores.rows),
        **rules,
        **({} if split.split == QUERIES else {"split": f"{split.split}{groups}"}),
        **({} if scores.trainings is None else {"trainings": len(scores.trainings)}),
        "rule": RULE,
        "intervals": f"{'weighted' if inference.bounded[0] else 'bca'}.{scores.resamples}",
        "tests": f"sign-flip.{'exact' if flips.exact else flips.patterns}"
        f"{'' if scores.trainings is None else '.welch-t'}.holm",
        "tolerance": str(settings.tolerance),
        **({} if largest == 1 else {"largest": f"{largest:g}"}),
        **({} if scores.largest_group is None else {"largest-group": scores.largest_group}),
        **({} if scores.weights is None else {"weights": "traffic"}),
        **({"reranker": _digest(identities[0])} if identities else {}),
        "seed": settings.seed,
        "version": version("anglewise"),
    }
    return "|".join(f"{name}:{value}" for name, value in parts.items())


def _digest(words: str) -> str:
    return sha256(words.encode()).hexdigest()[:8]


def baseline_among(
    read: Sequence[MeasureSpec],
    baseline: str | MeasureSpec | None,
    rankers: Sequence[Ranker] = (),
    runs: Sequence[str] = (),
) -> int | None:
    """Which candidate is the baseline; ``SpellingError`` where it is none of them.

    Rankers stand behind the measures, and runs behind these.
    """
    if baseline is None:
        return None
    if isinstance(baseline, str):
        name = canonical_ranker(baseline, runs)
        others = [*map(str, rankers), *runs]
        if name in others:
            return len(read) + others.index(name)
    (named,) = measures_and_families([baseline])
    if named not in read:
        among = [("measures", [*map(str, read), *map(str, rankers)]), ("runs", [*runs])]
        kinds = " or the ".join(f"{noun} {listed(names)}" for noun, names in among if names)
        raise SpellingError(f"the baseline {named} is not among the {kinds}: add it")
    return list(read).index(named)
