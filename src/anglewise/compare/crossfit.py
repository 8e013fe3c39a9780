"""Tuned on one half of the queries, reported on the other, both ways: never on the same."""

from collections.abc import Callable

import numpy as np

from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.errors import TooFewError

STREAM = 2
"""Resamples and signs draw from streams 0 and 1 of the same seed."""


def first_half(columns: int, seed: int, fewest: int = 2) -> Bool[Array, " q"]:
    """Draw a half of the columns, rounded down.

    Raises ``TooFewError`` below ``fewest`` columns.

    >>> int(first_half(11, seed=0).sum())
    5
    """
    if columns < fewest:
        raise TooFewError(
            f"{columns} judged, to tune on one half and report on the other: at least {fewest} "
            "are due; or say the exponents, as in norm(0,0.5)"
        )
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
    half = np.zeros(columns, dtype=bool)
    half[rng.permutation(columns)[: columns // 2]] = True
    return half


def folds(columns: int, parts: int, seed: int) -> list[Int64[Array, " part"]]:
    """Draw the columns into parts of nearly one size; each column is in one of them.

    >>> sorted(len(part) for part in folds(11, 3, seed=0))
    [3, 4, 4]
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
    return [np.sort(part) for part in np.array_split(rng.permutation(columns), parts)]


def choices(
    quality: Callable[[Bool[Array, " q"]], Float64[Array, " settings"]], half: Bool[Array, " q"]
) -> tuple[int, int]:
    """Which setting to use inside the half, and which outside: each the best of the other part.

    ``quality`` gives each setting's metric on some columns. Of settings that do equally well the
    first is taken: the one that divides out the least of the length.

    >>> half = np.array([True, True, False, False])
    >>> values = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    >>> choices(lambda on: values[:, on].mean(axis=1), half)
    (1, 0)
    """
    return int(quality(~half).argmax()), int(quality(half).argmax())


def tuned(values: Float64[Array, "settings q"], half: Bool[Array, " q"]) -> tuple[int, int]:
    """Make the choices by the mean of the values over columns."""
    return choices(lambda on: values[:, on].mean(axis=1), half)


def joined(
    name: str, inside: Neighbours, outside: Neighbours, half: Bool[Array, " q"]
) -> Neighbours:
    """Lists of one measure inside the half, of another outside."""
    wide = half[:, None]
    return Neighbours(
        name,
        np.where(wide, inside.indices, outside.indices),
        np.where(wide, inside.scores, outside.scores),
        np.where(half, inside.tied_at_cut, outside.tied_at_cut),
    )
