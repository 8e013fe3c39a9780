"""The one evaluation: whatever is compared is searched, scored and put to the test here."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version

import numpy as np

from anglewise.comparison.candidates import Candidate
from anglewise.comparison.comparison_result import Comparison, Evidence, SpaceFacts
from anglewise.comparison.inference import Inference, Scores, decide
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace, candidate_lists
from anglewise.comparison.split import QUERIES
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements, Pairs, Triplets
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Progress
from anglewise.measures.adapter import Adapted
from anglewise.measures.measure import Family, Open
from anglewise.metrics.evaluate import evaluate, metric, read_metrics
from anglewise.metrics.interface import Metric


def read_metrics_for(
    kind: type[Judgements | Pairs | Triplets],
    deciding: str | Metric | None,
    further: Iterable[str | Metric] | str,
) -> list[Metric]:
    """The metric that decides, which each kind of judgements has by default, then the others."""
    by_default = {Judgements: "nDCG@10", Pairs: "spearman", Triplets: "triplet-accuracy"}
    first = by_default[kind] if deciding is None else deciding
    return read_metrics([first, *read_metrics(further)])


def score_spaces(
    spaces: Iterable[SearchedSpace],
    measures: Sequence[Open],
    candidates: Sequence[Candidate],
    judgements: Judgements,
    settings: EvaluationSettings,
) -> Scores:
    """Search every space for every measure, one space after the other, and evaluate the lists.

    ``candidates`` are the measures in the first space, then those in the next, and so on;
    ``judgements`` are what all lists are judged by, of several spaces in their common order.

    Raises what ``candidate_lists`` raises.
    """
    count = len(candidates) // len(measures)
    names = [str(candidate) for candidate in candidates]
    lists: dict[str, Neighbours] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    keys: list[Hashable] = []
    for number, space in enumerate(spaces):
        progress = _share(settings.progress, number, count)
        found, words = candidate_lists(
            space, measures, judgements, replace(settings, progress=progress)
        )
        own = dict(zip(found, names[number * len(measures) :], strict=False))
        lists |= {own[name]: replace(one, measure=own[name]) for name, one in found.items()}
        chosen |= {own[name]: said for name, said in words.items()}
        same = [neighbours.indices.tobytes() for neighbours in found.values()]
        unit = space.ranked.is_unit()
        keys += [(number, key) for key in rank_keys(measures, same, unit=unit)]
    return score_lists(candidates, lists, judgements, settings, keys=keys, chosen=chosen)


def _share(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Progress of one search among several."""
    if progress is None or count == 1:
        return progress
    return lambda done, total: progress(number * total + done, count * total)


def score_lists(
    candidates: Sequence[Candidate],
    lists: Mapping[str, Neighbours],
    judgements: Judgements,
    settings: EvaluationSettings,
    *,
    keys: Sequence[Hashable],
    chosen: Mapping[str, tuple[str, ...]],
) -> Scores:
    """Evaluate the lists of some candidates on the queries that are reported.

    ``keys`` are the same for candidates that rank alike; ``chosen`` says what was tuned or learnt.
    """
    split, rows = settings.split, judgements.judged_rows
    rows = rows[split.reported(len(rows))]
    share = metric(f"Judged@{settings.metrics[0].depth}")
    values = evaluate(lists, judgements, rows, [*settings.metrics, share])
    return Scores(
        measures=tuple(candidates),
        values={str(one): values[str(one)] for one in settings.metrics},
        keys=tuple(keys),
        rows=rows,
        judged=int(judgements.gains.counts[rows].sum()),
        found=lists,
        settings=chosen,
        unjudged=1 - values[str(share)].mean(axis=1),
        split=split,
    )


def rank_keys(measures: Sequence[Open], keys: Sequence[bytes], *, unit: bool) -> list[bytes]:
    """Keys that are the same for measures which rank alike.

    They do if what they found (all lists, or all values) is the same; and, where all that is
    ranked has length one (``unit``), if they rank as an inner product in the given coordinates.
    Stored lengths are one up to rounding only, so the lists of these may differ where scores all
    but tie.
    """
    if not unit:
        return list(keys)
    plain = {key for key, measure in zip(keys, measures, strict=True) if _inner_product(measure)}
    first = next((key for key in keys if key in plain), b"")
    return [first if key in plain else key for key in keys]


def _inner_product(measure: Open) -> bool:
    if measure.frames or isinstance(measure, Adapted):
        return False
    return isinstance(measure, Family) or measure.formula.terms(np.ones(1)) is not None


def conclude(
    inference: Inference,
    space: Space,
    judgements: Judgements | Pairs | Triplets,
    settings: EvaluationSettings,
    *,
    baseline: int | None = None,
    notes: Sequence[str] = (),
    spaces: tuple[SpaceFacts, ...] = (),
) -> Comparison:
    """The result: the table, the verdict, and what they came from.

    ``space`` holds those who ask and what was ranked and judged, as reports show them.
    """
    scores = inference.scores
    direction = judgements.direction if isinstance(judgements, Judgements) else None
    return Comparison(
        direction=direction,
        metric=scores.metric,
        k=settings.metrics[0].depth,
        queries=len(scores.rows),
        items=len(space.sides(direction or "queries-items")[1]),
        judged=scores.judged,
        seed=settings.seed,
        measures=inference.rows(baseline),
        verdict=decide(inference, settings.tolerance),
        signature=_signature(inference, direction or f"{scores.noun}s", settings),
        tolerance=settings.tolerance,
        baseline=None if baseline is None else scores.names[baseline],
        notes=tuple(notes),
        evidence=Evidence(
            space,
            judgements,
            scores.rows,
            scores.found,
            scores.values,
            scores.names,
            scores.split.clusters,
        ),
        spaces=spaces,
        split=scores.split.split,
    )


def _signature(inference: Inference, direction: str, settings: EvaluationSettings) -> str:
    """Every setting that the numbers depend on, in one line, as sacrebleu does it."""
    scores, flips, split = inference.scores, inference.flips, inference.scores.split
    groups = "" if split.clusters is None else f".{len(split.clusters)}"
    digest = sha256(",".join(scores.names).encode()).hexdigest()[:8]
    parts = {
        "metric": scores.metric,
        "direction": direction,
        "measures": f"{len(scores.names)}.{digest}",
        "queries": len(scores.rows),
        **({} if split.split == QUERIES else {"split": f"{split.split}{groups}"}),
        "intervals": f"bca.{scores.resamples}",
        "tests": f"sign-flip.{'exact' if flips.exact else flips.patterns}.holm",
        "tolerance": f"{settings.tolerance:g}",
        "seed": settings.seed,
        "version": version("anglewise"),
    }
    return "|".join(f"{name}:{value}" for name, value in parts.items())
