"""Whether probabilities mean what they say: of what is called 20% likely, a fifth comes true."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Bool, Float64
from anglewise.statistics.share import Share, share


@dataclass(frozen=True)
class Bin:
    """Alike probabilities: their mean, and how often what they foretell came true."""

    predicted: float
    observed: Share


@dataclass(frozen=True)
class Reliability:
    """The bins from low to high, and how far they are off.

    Attributes
    ----------
    expected_error
        The expected calibration error (Naeini et al. 2015): ``sum n_b / n |observed_b -
        predicted_b|``. Chance alone makes it larger than 0.
    brier
        The mean of ``(probability - outcome)^2``, which also rewards probabilities that differ.
    """

    bins: tuple[Bin, ...]
    expected_error: float
    brier: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)


def reliability(
    probabilities: Float64[Array, " n"], outcomes: Bool[Array, " n"], bins: int = 10
) -> Reliability:
    """Sort probabilities into bins of about equal number; equal ones share a bin.

    Bins of equal width would put nearly all passages into one where most are irrelevant (Nixon
    et al. 2019).

    >>> found = reliability(np.array([0.1, 0.1, 0.9, 0.9]), np.array([0, 0, 1, 1]) > 0, bins=2)
    >>> [(round(b.predicted, 3), b.observed.value) for b in found.bins]
    [(0.1, 0.0), (0.9, 1.0)]
    >>> round(found.expected_error, 3)
    0.1
    """
    inner = np.quantile(probabilities, np.arange(1, bins) / bins, method="higher")
    which = np.searchsorted(np.unique(inner), probabilities, side="right")
    found: list[Bin] = []
    error = 0.0
    for number in np.unique(which):
        here = which == number
        predicted = float(probabilities[here].mean())
        observed = share(int(outcomes[here].sum()), int(here.sum()))
        found.append(Bin(predicted, observed))
        error += here.mean() * abs(predicted - observed.value)
    brier = float(np.mean(np.square(probabilities - outcomes)))
    return Reliability(tuple(found), float(error), brier)
