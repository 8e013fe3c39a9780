"""What a migration found: a map, and figures that were foretold with their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.typing import Array, Float64
from anglewise.stores.map_choice import LearningStep
from anglewise.stores.vector_map import VectorMap

REACH = 3.5
"""Standard deviations of drawn worlds that an interval reaches."""
MISFIT, LOSS_MISFIT = 0.3, 0.8
"""What a share ``p`` may be off beside that, in parts of ``p (1 - p)``; a loss, upwards, of it."""


@dataclass(frozen=True)
class Foretold:
    """A figure that was foretold, with its interval, and measured where the vectors were there.

    How wide it is was set by made and real migrations, in which the truth was known:
    ``benchmarks/migrate.py`` prints how many intervals held it.
    """

    mean: float
    low: float
    high: float
    measured: float | None = None

    @classmethod
    def of_share(
        cls, worlds: Float64[Array, " worlds"], measured: float | None, *, unknown: float = 1.0
    ) -> "Foretold":
        """Of a share of lists: the mean over drawn worlds, and how far it may be off.

        ``unknown`` is the share of items whose new vectors are not known.

        >>> Foretold.of_share(np.ones(24), None)
        Foretold(mean=1.0, low=1.0, high=1.0, measured=None)
        """
        mean = float(worlds.mean())
        reach = float(np.hypot(REACH * worlds.std(ddof=1), MISFIT * unknown * mean * (1 - mean)))
        return cls(mean, max(mean - reach, 0.0), min(mean + reach, 1.0), measured)

    @classmethod
    def of_loss(
        cls, worlds: Float64[Array, " worlds"], measured: float | None, *, misfit: float
    ) -> "Foretold":
        """Of a loss, which is rather larger than drawn worlds have it.

        What the relevant items of one query have in common is not drawn, so that worlds put them
        lower than they come: the more, the less of the lists is kept and of the items is known.
        """
        mean, reach = float(worlds.mean()), REACH * float(worlds.std(ddof=1))
        above = float(np.hypot(reach, LOSS_MISFIT * misfit * max(mean, 0.0)))
        return cls(mean, max(mean - reach, -1.0), min(mean + above, 1.0), measured)

    def above(self, base: float) -> "Foretold":
        """The same of a figure that is higher than a known one by this."""
        measured = None if self.measured is None else base + self.measured
        low, high = max(base + self.low, 0.0), min(base + self.high, 1.0)
        return Foretold(base + self.mean, low, high, measured)


@dataclass(frozen=True)
class MetricLoss:
    """What becomes of the metric that matters.

    Attributes
    ----------
    metric
        Its spelling.
    mapped
        Of the lists of mapped vectors: measured, since it takes no new vector of an item.
    encoded, loss
        Of the lists of items encoded anew, and by how much that is higher.
    old
        Of the old model's own lists, where its queries are there.
    """

    metric: str
    mapped: float
    encoded: Foretold
    loss: Foretold
    old: float | None


@dataclass(frozen=True, eq=False)
class Migration:
    """A map of old vectors to new ones, and what lists of mapped vectors would lose.

    Attributes
    ----------
    items, pairs, queries
        How many old items there are, how many of them were learnt from, and how many queries of the
        new model asked.
    measure, k
        Cosine or inner product, and how long the lists are.
    map_name, correlations
        The kind of map that was chosen, and of each kind the mean correlation of held-out scores.
    recall
        The share of the exact new lists that the lists of mapped vectors hold.
    loss
        What it means for the metric that matters; None without judgements, or where they do not
        tell.
    curve, last_gain
        Recall among the pairs alone by the number learnt from (of the ``curve_k`` nearest of them);
        what the last doubling gained, with its 95% interval over queries.
    notes
        What was left aside and what could not be said.
    map, mapped
        The map, and the space of all old items mapped, with the new queries.
    """

    items: int
    pairs: int
    queries: int
    measure: str
    k: int
    map_name: str
    correlations: Mapping[str, float]
    recall: Foretold
    loss: MetricLoss | None
    curve: tuple[LearningStep, ...]
    curve_k: int
    last_gain: tuple[float, float, float] | None
    seed: int
    notes: tuple[str, ...]
    map: VectorMap = field(repr=False)
    mapped: Space = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        loss = None
        if self.loss is not None:
            loss = {
                **vars(self.loss),
                "encoded": vars(self.loss.encoded),
                "loss": vars(self.loss.loss),
            }
        gain = None
        if self.last_gain is not None:
            gain = dict(zip(("mean", "low", "high"), self.last_gain, strict=True))
        return {
            "items": self.items,
            "pairs": self.pairs,
            "queries": self.queries,
            "measure": self.measure,
            "k": self.k,
            "map": self.map_name,
            "correlations": dict(self.correlations),
            f"recall@{self.k}": vars(self.recall),
            "loss": loss,
            "learning_curve": {
                f"recall@{self.curve_k}": [vars(step) for step in self.curve],
                "last_gain": gain,
            },
            "seed": self.seed,
            "notes": list(self.notes),
            "digest": self.map.digest,
        }
