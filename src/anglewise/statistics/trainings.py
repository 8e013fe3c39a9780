"""Several trainings of one model as a second source of chance, beside the queries.

What a training draws (its start, its samples, its order) moves every mean of that training. Of a
few trainings the spread is known poorly, which Student's t allows for: each draw of the weights of
queries is moved by a draw of what trainings add, whose scale is that of their means and whose
tails are those of t with one degree fewer than there are trainings. Both sources are taken to
add up (Behrens and Fisher), which covers the part that they share twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.typing import Array, Float64

STREAM = 11
"""Keeps these draws apart from those of the weights, by the same seed."""


@dataclass(frozen=True)
class TrainingSpread:
    """A figure in every training of one model, in their order, and how far these lie apart."""

    values: tuple[float, ...]
    sd: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class TrainingMeans:
    """Figures of each training, in their order, the deciding metric first.

    Attributes
    ----------
    names
        What the trainings are called.
    means
        ``trainings x metrics x measures``.
    """

    names: tuple[str, ...]
    means: Float64[Array, "t metrics m"]

    def __len__(self) -> int:
        return len(self.names)

    def offsets(self, draws: int, *, seed: int) -> Float64[Array, "draws metrics m"]:
        """What trainings add to each figure in each draw: t with ``trainings - 1`` degrees.

        The same draw moves all figures, as one training does: the difference of two measures is
        moved by the spread of that difference over trainings, and by nothing where it is the same
        in all of them.

        >>> means = TrainingMeans(("a", "b"), np.array([[[0.5, 0.4]], [[0.7, 0.6]]]))
        >>> moved = means.offsets(1000, seed=0)[:, 0]
        >>> bool(np.allclose(moved[:, 0], moved[:, 1])), bool(moved[:, 0].std() > 0.1)
        (True, True)
        """
        count = len(self)
        rng = np.random.default_rng([seed, STREAM])
        normal = rng.standard_normal((draws, count))
        scale = np.sqrt((count - 1) / rng.chisquare(count - 1, draws))
        shares = normal * scale[:, None] / np.sqrt(count * (count - 1))
        around = self.means - self.means.mean(axis=0)
        return np.tensordot(shares, around, axes=1)

    def errors(self, measures: Sequence[int]) -> Float64[Array, "g g"]:
        """The standard error, over trainings, of each pair's mean difference."""
        chosen = self.means[:, 0, list(measures)]
        differences = chosen[:, :, None] - chosen[:, None, :]
        return differences.std(axis=0, ddof=1) / np.sqrt(len(self))

    def p_values(
        self,
        measures: Sequence[int],
        leads: Float64[Array, "g g"],
        errors: Float64[Array, "g g"],
        queries: int,
    ) -> Float64[Array, "g g"]:
        """Two-sided p-values of leads by Welch's t over both sources of chance.

        ``errors`` are the standard errors over so many ``queries``. Degrees of freedom are those of
        Satterthwaite (1946). NaN where nothing varies.

        >>> same = TrainingMeans(("a", "b"), np.array([[[0.5, 0.4]], [[0.5, 0.4]]]))
        >>> leads = np.array([[0.0, 0.1], [-0.1, 0.0]])
        >>> float(same.p_values([0, 1], leads, np.full((2, 2), 0.05), 100)[0, 1].round(3))
        0.048
        """
        from scipy.special import stdtr

        between, degrees = self.errors(measures) ** 2, len(self) - 1
        within = errors**2
        total = between + within
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = total**2 / (between**2 / degrees + within**2 / max(queries - 1, 1))
            return 2 * np.asarray(stdtr(freedom, -np.abs(leads) / np.sqrt(total)))

    def spread(self, metric: int, measure: int) -> Float64[Array, " t"]:
        """One figure in every training."""
        return self.means[:, metric, measure]

    def leads(self, measure: int, other: int) -> Float64[Array, " t"]:
        """By how much one measure is above another in each, by the metric that decides."""
        return self.means[:, 0, measure] - self.means[:, 0, other]
