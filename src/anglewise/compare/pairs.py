"""Measures judged by graded pairs: only what these name is scored."""

from collections.abc import Sequence

import numpy as np

from anglewise.compare.correlations import Correlations, Layer, Part
from anglewise.compare.crossfit import choices, first_half
from anglewise.compare.learnt import learning_nothing
from anglewise.compare.scores import Asked, Scores, kinds
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Pairs
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import Family
from anglewise.metrics.evaluate import score_pairs
from anglewise.metrics.interface import Metric, PairMetric
from anglewise.metrics.metrics import Pearson

RESAMPLES = 2_000
"""Fewer than of queries: ranks are taken anew in each."""
FEWEST_TO_TUNE = 40
"""So that no resample misses a whole half."""


def score_graded_pairs(
    space: Space, pairs: Pairs, asked: Sequence[Asked], metrics: Sequence[Metric], *, seed: int
) -> Scores:
    """Correlate the scores of the pairs with the grades that people gave.

    Raises ``TooFewError`` below three pairs, ``SpellingError`` for a metric of another kind.
    """
    count = len(pairs.scores)
    if count < 3:
        raise TooFewError(f"{count} graded pairs: a correlation needs three")
    reading = [_reading_pairs(one) for one in metrics]
    asked = learning_nothing(asked)
    fixed = [row for row, one in enumerate(asked) if isinstance(one, Measure)]
    parts = [_fixed(space, pairs, asked, fixed)] if fixed else []
    settings: dict[str, tuple[str, ...]] = {}
    for row, one in enumerate(asked):
        if isinstance(one, Family):
            layers, settings[str(one)] = _tuned(space, pairs, one, reading[0], seed)
            parts.append(Part(np.array([row]), layers))
    statistic = Correlations(reading, parts, pairs.scores)
    values = {str(one): statistic.per_pair(one) for one in reading}
    # Measures that rank alike correlate alike, but not in Pearson's sense.
    ranks_only = not any(isinstance(one, Pearson) for one in reading)
    return Scores(
        measures=tuple(asked),
        values=values,
        statistic=statistic,
        resamples=RESAMPLES,
        kinds=kinds(
            asked,
            [np.stack(rows).tobytes() for rows in zip(*values.values(), strict=True)],
            ranks_only and space.items.is_unit() and space.queries.is_unit(),
        ),
        noun="pair",
        rows=np.arange(count),
        judged=count,
        settings=settings,
    )


def _fixed(space: Space, pairs: Pairs, asked: Sequence[Asked], rows: Sequence[int]) -> Part:
    measures = [one for one in asked if isinstance(one, Measure)]
    scores = score_pairs(space, measures, pairs.rows_a, pairs.rows_b)
    everywhere = np.ones(len(pairs.scores), dtype=bool)
    return Part(np.array(rows), (Layer(everywhere, scores),))


def _tuned(
    space: Space, pairs: Pairs, family: Family, by: PairMetric, seed: int
) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    half = first_half(len(pairs.scores), seed, FEWEST_TO_TUNE)
    tried = family.settings()
    scores = score_pairs(space, tried, pairs.rows_a, pairs.rows_b)
    chosen = choices(lambda on: by.of(scores[:, on], pairs.scores[on]), half)
    layers = tuple(Layer(on, scores[[row]]) for on, row in zip((half, ~half), chosen, strict=True))
    return layers, tuple(str(tried[row]) for row in chosen)


def _reading_pairs(metric: Metric) -> PairMetric:
    if not isinstance(metric, PairMetric):
        raise SpellingError(f"{metric} does not read graded pairs: ask for spearman or pearson")
    return metric
