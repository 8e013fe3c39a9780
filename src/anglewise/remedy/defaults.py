"""Which candidates are sensible where nobody names any."""

from importlib.util import find_spec
from math import floor, log10

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Direction
from anglewise.measures.measure import measures_and_families
from anglewise.models.standardising import normalisation
from anglewise.remedy.closed_forms import Factors, Product, weighed
from anglewise.remedy.contender import Contender, contenders
from anglewise.remedy.maker import Maker
from anglewise.remedy.trained import TrainedCosine, TrainedDot, TrainedEuclidean
from anglewise.remedy.training import Training
from anglewise.remedy.wide import Ease, RawData

BASELINES = ("cosine", "dot")
"""What everything must beat: the space as it is."""
REMEASURED = (
    "euclidean",
    "norm(0,*)",
    "cosine@centred",
    "cosine@standardised",
    "cosine@whitened",
    "cosine@whitened(0.1)",
    "cosine@without-top(1)",
    "cosine@without-top(2)",
    "cosine@without-top(3)",
    "dot@centred",
    "csls(10)",
    "local-scaling(10)",
    "mutual-proximity",
)
LEARNT = ("cosine@adapted",)
"""From judgements, of which there must be many."""
BETWEEN_TWINS = ("cosine@data-space", "cosine@balanced", "csls(10)@data-space")
"""Between items, or between users, of two sides trained together."""
AS_THEY_ARE: tuple[Maker, ...] = (
    *(Product(penalty) for penalty in (10, 100, 1000, 10_000)),
    *(Factors(penalty) for penalty in (3, 10, 30)),
    Ease(),
    RawData(),
)
TRAINED: tuple[Maker, ...] = (TrainedCosine(), TrainedDot(), TrainedEuclidean())
"""Where PyTorch is installed."""
WEIGHED_FIRST = ("tf-idf", "bm25", "standardised", "propensity")
PENALTY = 1000.0
"""Of a table of ones; a table of other numbers gets one in proportion to their squares."""
PROBES = 16


def baselines() -> list[Contender]:
    """Raw cosine and raw dot."""
    return [Contender(None, measure) for measure in measures_and_families(BASELINES)]


def sensible(
    space: Space, training: Training | None, direction: Direction, *, enough: bool
) -> list[Contender]:
    """All that can be done with this space in this direction.

    ``enough`` says whether there are judgements to learn a map from.
    """
    words: list[str | Maker] = [*REMEASURED]
    if enough:
        words += LEARNT
    if direction != "queries-items" and not space.one_sided:
        words += BETWEEN_TWINS
    if training is not None:
        words += AS_THEY_ARE
        words += TRAINED if find_spec("torch") else ()
        words += [_weighed_first(word, training) for word in WEIGHED_FIRST]
    return contenders(words, direction)


def _weighed_first(word: str, training: Training) -> Maker:
    """The closed form on a weighed table, its penalty in proportion to the squares there.

    The sum of squares is that of products with random directions, so that a table which is not
    sparse is not formed.
    """
    rule = normalisation(word)
    table = weighed(training, rule)[1]
    probes = np.random.default_rng(training.seed).standard_normal((table.shape[1], PROBES))
    squares = float(np.square(table @ probes).sum()) / PROBES
    return Product(rounded(PENALTY * squares / len(training.learned.indices)), before=rule)


def rounded(penalty: float) -> float:
    """The nearest of 1, 2, 5, 10, ... below, so that it can be typed.

    >>> rounded(3.7), rounded(1234), rounded(0.051)
    (2.0, 1000.0, 0.05)
    """
    decade = 10.0 ** floor(log10(penalty)) if penalty > 0 else 1.0
    return float(f"{max(step * decade for step in (1, 2, 5) if step * decade <= penalty):g}")
