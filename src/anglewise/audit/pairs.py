"""The pair explorer: what a gauge can make of the cosine of two rows that somebody names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from anglewise.audit.certified import CONDITIONS
from anglewise.audit.names import Named
from anglewise.audit.subject import GAUGES, Subject
from anglewise.core.typing import Array, Float64
from anglewise.gauges.certificates import cosine_interval
from anglewise.gauges.gauge import moved_cosines, row_cosines

DRAWS = 200
BAND = (0.05, 0.95)

Ends: TypeAlias = tuple[Array, Array]
"""Of the intervals of several pairs."""


@dataclass(frozen=True)
class Interval:
    """From the least to the greatest."""

    low: float
    high: float


@dataclass(frozen=True)
class PairReport:
    """Two items, and what can be made of their cosine while every prediction stays.

    Attributes
    ----------
    cosine
        As given.
    gauges
        In each equally good geometry with a name.
    conditions, certified, random
        For each ratio ``s`` the ends that no map passes and some map reaches, and the middle 90%
        of random maps.
    """

    one: Named
    other: Named
    cosine: float
    gauges: Mapping[str, float]
    conditions: tuple[float, ...]
    certified: tuple[Interval, ...]
    random: tuple[Interval, ...]


def explore(subject: Subject, pairs: Iterable[tuple[str, str]]) -> tuple[PairReport, ...]:
    """Look at named pairs of items. Raises ``IdsError`` for a name that is not known.

    Bias columns stay in the vectors, as they do in a cosine that somebody takes of them. The
    random maps are the same for all pairs.
    """
    items, names = subject.space.items, subject.names("items-items")[1]
    rows = np.array([[names.row(name) for name in pair] for pair in pairs], dtype=np.int64)
    if not len(rows):
        return ()
    x, y = (items.vectors[side].astype(np.float64) for side in rows.T)
    cosines = row_cosines(x, y)
    gauges = {
        name: row_cosines(subject.items_at(name, rows[:, 0]), subject.items_at(name, rows[:, 1]))
        for name in (f"cosine@{frame}" for frame in GAUGES["items-items"])
    }
    certified = [cosine_interval(cosines, s) for s in CONDITIONS]
    random = [_band(x, y, s, subject.seed) for s in CONDITIONS]
    return tuple(
        PairReport(
            one=names.of(int(one)),
            other=names.of(int(other)),
            cosine=float(cosines[place]),
            gauges={name: float(values[place]) for name, values in gauges.items()},
            conditions=CONDITIONS,
            certified=_intervals(certified, place),
            random=_intervals(random, place),
        )
        for place, (one, other) in enumerate(rows)
    )


def _intervals(ends: Sequence[Ends], place: int) -> tuple[Interval, ...]:
    return tuple(Interval(float(low[place]), float(high[place])) for low, high in ends)


def _band(x: Float64[Array, "p d"], y: Float64[Array, "p d"], s: float, seed: int) -> Ends:
    drawn = moved_cosines(x, y, s, np.random.default_rng(seed), draws=DRAWS)
    low, high = np.quantile(drawn, BAND, axis=0)
    return low, high
