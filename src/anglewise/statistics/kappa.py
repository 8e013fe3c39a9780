"""How far judges agree beyond chance: Cohen's and Fleiss' kappa, Krippendorff's alpha."""

from typing import Literal, TypeAlias

import numpy as np

from anglewise.data_types.typing import Array, Float64

Weights: TypeAlias = Literal["none", "linear", "quadratic"]
Level: TypeAlias = Literal["nominal", "ordinal", "interval"]


def cohen_kappa(
    confusion: Float64[Array, "draws v v"], weights: Weights = "none"
) -> Float64[Array, " draws"]:
    """Give the agreement of two judges beyond chance (Cohen 1960, weighted: Cohen 1968).

    ``1 - sum(w o) / sum(w e)``: ``o`` counts how often the one gave grade ``i`` and the other
    ``j``, ``e`` is what independent judges with the same habits would give, ``w`` is 1 off the
    diagonal, ``|i - j|`` or ``(i - j)^2`` in steps between grades that came. 1 is perfect, 0 as
    good as chance; NaN where both always give one grade.

    >>> both = np.array([[[20.0, 5.0], [10.0, 15.0]]])
    >>> cohen_kappa(both).round(3)
    array([0.4])
    """
    total = confusion.sum(axis=(1, 2))
    expected = confusion.sum(axis=2)[:, :, None] * confusion.sum(axis=1)[:, None, :]
    number = np.arange(confusion.shape[1], dtype=np.float64)
    steps = np.abs(number[:, None] - number[None, :])
    weight = {"none": 1.0 * (steps > 0), "linear": steps, "quadratic": steps**2}[weights]
    return _beyond_chance((confusion * weight).sum(axis=(1, 2)) * total, _total(expected, weight))


def fleiss_kappa(
    counts: Float64[Array, "units v"], times: Float64[Array, "draws units"]
) -> Float64[Array, " draws"]:
    """Give the agreement of several judges beyond chance, the same number on each unit.

    ``(P - P_e) / (1 - P_e)`` (Fleiss 1971): ``P`` the share of pairs of judges who agree on a
    unit, ``P_e`` the same for judges who draw grades at random with the shares at hand.

    Parameters
    ----------
    counts
        How many judges gave each grade to each unit; every row sums to the same.
    times
        How often each unit comes in each resample; ones for the data as they are.

    Examples
    --------
    >>> counts = np.array([[3.0, 0.0], [0.0, 3.0], [2.0, 1.0]])
    >>> fleiss_kappa(counts, np.ones((1, 3))).round(3)
    array([0.55])
    """
    judges = counts[0].sum()
    alike = (counts * (counts - 1)).sum(axis=1) / (judges * (judges - 1))
    units = times.sum(axis=1)
    shares = times @ counts / (units * judges)[:, None]
    return _beyond_chance(1 - times @ alike / units, 1 - (shares**2).sum(axis=1))


def krippendorff_alpha(
    coincidences: Float64[Array, "draws v v"], values: Float64[Array, " v"], level: Level
) -> Float64[Array, " draws"]:
    """Give the agreement of any judges on any units beyond chance (Krippendorff 2011).

    ``1 - D_o / D_e`` with ``D = sum(o_cd d(c, d))``, once with the coincidences that came and
    once with ``n_c n_d / (n - 1)``, what the same grades would give if dealt out at random. The
    squared distance ``d`` is 1 for different grades (nominal), ``(c - d)^2`` (interval), or, for
    ordinal, the square of how many grades given lie from ``c`` to ``d``, both ends half.

    Parameters
    ----------
    coincidences
        See ``coincidences``.
    values
        The grades, ascending.

    Examples
    --------
    >>> counts = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    >>> met = coincidences(counts, np.ones((1, 3)))
    >>> krippendorff_alpha(met, np.array([0.0, 1.0]), "nominal").round(3)
    array([0.444])
    """
    held = coincidences.sum(axis=2)
    total = held.sum(axis=1)
    distance = _distance(held, values, level)
    expected = held[:, :, None] * held[:, None, :]  # a grade is at no distance from itself
    observed = (coincidences * distance).sum(axis=(1, 2))
    return _beyond_chance(observed * (total - 1), (expected * distance).sum(axis=(1, 2)))


def coincidences(
    counts: Float64[Array, "units v"], times: Float64[Array, "draws units"]
) -> Float64[Array, "draws v v"]:
    """Count how often each two grades meet on a unit, each unit by ``1 / (its judges - 1)``.

    Units that fewer than two judged tell nothing and are left out.

    >>> coincidences(np.array([[1.0, 1.0], [0.0, 1.0]]), np.ones((1, 2)))[0].tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    judged = counts.sum(axis=1)
    several = judged > 1
    held, v = counts[several], counts.shape[1]
    met = np.einsum("uc,ud->ucd", held, held)
    met[:, np.arange(v), np.arange(v)] -= held
    met /= (judged[several] - 1)[:, None, None]
    return (times[:, several] @ met.reshape(len(held), v * v)).reshape(len(times), v, v)


def _distance(
    held: Float64[Array, "draws v"], values: Float64[Array, " v"], level: Level
) -> Float64[Array, "some v v"]:
    if level == "nominal":
        return 1.0 - np.eye(len(values))[None]
    if level == "interval":
        return ((values[:, None] - values[None, :]) ** 2)[None]
    middle = np.cumsum(held, axis=1) - held / 2
    return (middle[:, :, None] - middle[:, None, :]) ** 2


def _total(expected: Float64[Array, "draws v v"], weight: Float64[Array, "v v"]) -> Array:
    return (expected * weight).sum(axis=(1, 2))


def _beyond_chance(observed: Array, expected: Array) -> Array:
    return 1 - np.divide(observed, expected, out=np.full(len(observed), np.nan), where=expected > 0)
