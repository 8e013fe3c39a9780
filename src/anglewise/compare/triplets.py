"""Measures judged by triplets: is the near one nearer than the far one."""

from collections.abc import Sequence

import numpy as np

from anglewise.compare.crossfit import first_half, tuned
from anglewise.compare.learnt import learning_nothing
from anglewise.compare.scores import Asked, Scores, kinds
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Triplets
from anglewise.core.typing import Array
from anglewise.errors import TooFewError
from anglewise.measures.measure import Family
from anglewise.metrics.evaluate import evaluate_triplets
from anglewise.metrics.interface import Metric
from anglewise.statistics.resampling import Means

RESAMPLES = 10_000


def score_triplets(
    space: Space,
    triplets: Triplets,
    asked: Sequence[Asked],
    metrics: Sequence[Metric],
    *,
    seed: int,
) -> Scores:
    """Say which triplets each measure orders as the person did.

    Raises ``TooFewError`` without triplets, ``SpellingError`` for a metric of another kind.
    """
    count = len(triplets.anchors)
    if not count:
        raise TooFewError("no triplets: at least one is due")
    rows: list[Array] = []
    settings: dict[str, tuple[str, ...]] = {}
    for one in learning_nothing(asked):
        tried = one.settings() if isinstance(one, Family) else [one]
        values = evaluate_triplets(space, tried, triplets, metrics)[str(metrics[0])]
        if isinstance(one, Family):
            half = first_half(count, seed)
            inside, outside = tuned(values, half)
            rows.append(values[inside] * half + values[outside] * ~half)
            settings[str(one)] = (str(tried[inside]), str(tried[outside]))
        else:
            rows.append(values[0])
    table = np.stack(rows)
    return Scores(
        measures=tuple(asked),
        values={str(metrics[0]): table},
        statistic=Means(table),
        resamples=RESAMPLES,
        kinds=kinds(asked, [row.tobytes() for row in rows], space.items.is_unit()),
        noun="triplet",
        rows=np.arange(count),
        judged=count,
        settings=settings,
    )
