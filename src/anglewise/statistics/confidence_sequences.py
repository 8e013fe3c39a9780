"""Statements that stay right however often one looks.

Each is a product that grows by a factor after each query and averages at most 1, whenever one
stops, if the hypothesis that it tests is true. So it ever passes ``1/level`` with a chance of at
most ``level`` (Ville 1939). Such a process is called an e-process.

Which measure is the best is told by an e-process that tests what the sign-flip test tests:
whether differences are symmetric about 0. How far apart means may be is told by confidence
sequences, which assume no symmetry: the wealth won by betting against a mean, the stake spread
over several shares of the wealth (Waudby-Smith and Ramdas 2023, arXiv 2010.09686, section 4), so
that none has to be tuned to a size of effect.
"""

from dataclasses import dataclass

import numpy as np

from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.errors import ValuesError

LEVEL = 0.05
STAKES = 0.95 * 0.5 ** np.arange(9)
"""Shares of the wealth that are staked; each is followed to the end, the mean is what counts."""
HALVINGS = 40

TILTS = 2.0 ** np.arange(-1, 6)
"""What differences are multiplied by: the best one is near the mean over the variance."""
TILT_WEIGHTS = np.array([1, 1, 1, 1, 3, 1, 1]) / 9
"""Chosen once on simulations, see ``benchmarks/sequential.py``."""


def sign_flip_evidence(differences: Float64[Array, "*cases n"]) -> Float64[Array, "*cases n"]:
    """Give the logarithm of the evidence so far that differences are above 0, after each of them.

    ``log sum_j w_j prod_i exp(c_j d_i) / cosh(c_j d_i)`` over the tilts ``c``, on a start of 1.
    If each difference is symmetric about 0 whatever came before, as likely ``d`` as ``-d``, each
    factor averages 1; if it is smaller than that, less. So this is an e-process under the null
    hypothesis of the sign-flip test, and shares its weakness: where rare large differences and
    frequent small ones of the other sign cancel in the mean, it follows the frequent ones.

    Parameters
    ----------
    differences
        In the order in which they came. Any numbers: none is out of bounds.

    Examples
    --------
    >>> flips = np.array([[0.1, 0.3], [0.1, -0.3], [-0.1, 0.3], [-0.1, -0.3]])
    >>> print(np.exp(sign_flip_evidence(flips))[:, -1].mean().round(9))
    1.0
    """
    tilted = differences[..., None, :] * TILTS[:, None]
    # log exp(x) / cosh(x), for which cosh(x) may be too large a number
    steps = tilted - np.abs(tilted) - np.log1p(np.exp(-2 * np.abs(tilted))) + np.log(2)
    products = np.cumsum(steps, axis=-1) + np.log(TILT_WEIGHTS * len(TILTS))[:, None]
    return _mean_log(products, axis=-2)


def wealth(values: Float64[Array, "*cases n"], mean: float) -> Float64[Array, "*cases n"]:
    """Give the logarithm of the wealth won so far by betting that values in [0, 1] average more.

    Against "the mean is at most ``mean``": ``log mean_c prod_i (1 + c (x_i - m) / m)`` over the
    stakes ``c``, after each value, on a start of 1.

    Parameters
    ----------
    values
        In [0, 1], in the order in which they came.
    mean
        What is bet against, above 0.

    Examples
    --------
    >>> good = np.full(60, 0.7)
    >>> bool(wealth(good, 0.5)[-1] > np.log(20)), bool(wealth(good, 0.7).max() <= 0)
    (True, True)
    """
    steps = (values / mean - 1)[..., None, :] * STAKES[:, None]
    runs = np.cumsum(np.log1p(steps), axis=-1)
    return _mean_log(runs, axis=-2)


def confidence_sequence(
    values: Float64[Array, "cases n"],
    *,
    low: float = -1.0,
    high: float = 1.0,
    level: float = LEVEL,
) -> Float64[Array, "cases 2"]:
    """Give an interval for each mean that holds at this and at every earlier look at once.

    The chance that it ever leaves out the mean is at most ``level``, whenever one stops and for
    whatever reason; values must not depend on what was seen before, in the mean. The interval is
    all that no bet has refuted: both sides by half the level, narrowed down by halving.

    Parameters
    ----------
    values
        Between ``low`` and ``high``, in the order in which they came.

    Raises
    ------
    ValuesError
        A value outside of the bounds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> differences = rng.uniform(-0.1, 0.3, (1, 400))
    >>> below, above = confidence_sequence(differences)[0]
    >>> bool(0.04 < below < 0.1 < above < 0.16)
    True
    """
    x = _unit(values, low, high)
    floor = _refuted(x, level / 2)
    ceiling = 1 - _refuted(1 - x, level / 2)
    return low + (high - low) * np.stack([floor, ceiling], axis=1)


@dataclass(frozen=True, eq=False)
class Race:
    """Measures on the same queries, one query after the other: who may still be the best.

    ``out_after[i]`` is how many queries it took to rule measure ``i`` out as the best, 0 for those
    that are still in. A measure is out once the mean evidence for its rivals passes ``2/level``:
    the chance that the best one is ever ruled out is at most half the level, and the chance that
    one is left although another is as good at most the level, for one of these two would have had
    to be ruled out. Both take the differences of equally good measures to be symmetric about 0.
    """

    out_after: Int64[Array, " m"]
    queries: int

    @property
    def may_be_best(self) -> Bool[Array, " m"]:
        """The measures still in."""
        return self.out_after == 0

    @property
    def decided_after(self) -> int | None:
        """After how many queries one measure was left; None while there are several."""
        if np.count_nonzero(self.may_be_best) > 1:
            return None
        return int(self.out_after.max(initial=0))

    @staticmethod
    def of(values: Float64[Array, "m q"], *, level: float = LEVEL) -> "Race":
        """Run it on values in [0, 1], queries in the order in which they were judged.

        Measures with the same value on every query should come as one: neither rules out the
        other.

        >>> rng = np.random.default_rng(0)
        >>> good = rng.random(300)
        >>> Race.of(np.stack([good, 0.8 * good])).may_be_best.tolist()
        [True, False]
        """
        _unit(values, 0.0, 1.0)
        measures, queries = values.shape
        out_after = np.zeros(measures, dtype=np.int64)
        if measures == 1:
            return Race(out_after, queries)
        for i in range(measures):
            refuted = np.flatnonzero(_rivals_evidence(values, i) >= np.log(2 / level))
            out_after[i] = refuted[0] + 1 if len(refuted) else 0
        if out_after.all():  # rare: then the longest in is left
            out_after[out_after == out_after.max()] = 0
        return Race(out_after, queries)


def _rivals_evidence(values: Float64[Array, "m q"], measure: int) -> Float64[Array, " q"]:
    """Log of the mean evidence that a rival is better than this measure."""
    rivals = values[np.arange(len(values)) != measure]
    return _mean_log(np.stack([sign_flip_evidence(rival - values[measure]) for rival in rivals]), 0)


def _mean_log(logs: Float64[Array, "..."], axis: int) -> Float64[Array, "..."]:
    """The logarithm of the mean of what these are logarithms of."""
    top = logs.max(axis=axis, keepdims=True)
    return np.log(np.exp(logs - top).mean(axis=axis)) + top.squeeze(axis)


def _refuted(x: Float64[Array, "cases n"], level: float) -> Float64[Array, " cases"]:
    """The largest mean that some bet has refuted, for each case; 0 if none."""
    return np.array([_refuted_mean(case, -np.log(level)) for case in x])


def _refuted_mean(x: Float64[Array, " n"], wanted: float) -> float:
    low, high = 0.0, 1.0  # the smaller the mean, the more is won against it
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if wealth(x, middle).max(initial=0.0) >= wanted:
            low = middle
        else:
            high = middle
    return low


def _unit(values: Array, low: float, high: float) -> Array:
    if values.size and not (low <= values.min() and values.max() <= high):
        raise ValuesError(
            f"values from {values.min():g} to {values.max():g}, where values between {low:g} and "
            f"{high:g} were expected: take a metric that keeps these bounds"
        )
    return (values - low) / (high - low)
