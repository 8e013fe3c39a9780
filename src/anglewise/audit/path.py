"""The path of gauges: from item-orthonormal through balanced to user-orthonormal."""

from dataclasses import dataclass

import numpy as np

from anglewise.audit.subject import SMALL_SAMPLE, Subject
from anglewise.core.judgements import Judgements
from anglewise.core.typing import Array, Direction, Int64, Progress
from anglewise.metrics.breadth import overlap
from anglewise.metrics.evaluate import evaluate

STEPS = tuple(round(0.1 * step, 1) for step in range(11))


@dataclass(frozen=True)
class GaugePath:
    """Cosine lists along the path of equally good factorisations.

    Attributes
    ----------
    powers
        ``t`` of the gauges ``power(t)``.
    overlap
        What is left of the given lists at each ``t``.
    metric, score
        nDCG@k at each ``t``, where judgements were given; and that of the given lists.
    queries
        How many asked.
    """

    direction: Direction
    powers: tuple[float, ...]
    overlap: tuple[float, ...]
    metric: str
    score: tuple[float, ...] | None
    given_score: float | None
    queries: int


def gauge_path(
    subject: Subject,
    way: Direction,
    judgements: Judgements | None,
    progress: Progress | None = None,
) -> GaugePath:
    """Search again at each step, for judged queries where there are any."""
    rows = subject.rows(way, SMALL_SAMPLE) if judgements is None else _judged(subject, judgements)
    names = [f"cosine@power({t:g})" for t in STEPS]
    found = subject.nearest(way, ["cosine", *names], rows, progress, judgements)
    # power(0), power(0.5) and power(1) have names of their own; the order is the one asked for.
    given, *moved = found.values()
    kept = tuple(float(overlap(given, one, subject.k).mean()) for one in moved)
    scores, metric = None, f"nDCG@{subject.k}"
    if judgements is not None:
        values = evaluate(found, judgements, rows, metric)[metric].mean(axis=1)
        scores = tuple(float(value) for value in values)
    return GaugePath(
        direction=way,
        powers=STEPS,
        overlap=kept,
        metric=metric,
        score=None if scores is None else scores[1:],
        given_score=None if scores is None else scores[0],
        queries=len(rows),
    )


def _judged(subject: Subject, judgements: Judgements) -> Int64[Array, " some"]:
    rows = judgements.judged_rows
    rng = np.random.default_rng(subject.seed)
    return np.sort(rng.permutation(rows)[: 2 * SMALL_SAMPLE])
