"""The pair explorer: what a gauge can make of the cosine of two rows that somebody names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from anglewise.audit.certified import CONDITIONS
from anglewise.audit.names import Named
from anglewise.audit.subject import GAUGES, Subject
from anglewise.embeddings import Embeddings
from anglewise.errors import IdsError
from anglewise.gauge.certificates import cosine_interval
from anglewise.gauge.random_maps import moved_cosines, row_cosines
from anglewise.measures.frame import fit_frames
from anglewise.measures.spelling import measure
from anglewise.typing import Array, Float64

DRAWS = 200
BAND = (0.05, 0.95)


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

    Bias columns stay in the vectors, as they do in a cosine that somebody takes of them.
    """
    return tuple(_explored(subject, one, other) for one, other in pairs)


def _explored(subject: Subject, one: str, other: str) -> PairReport:
    items, names = subject.space.items, subject.names("items-items")[1]
    rows = [_row(items, name) for name in (one, other)]
    x, y = (items.vectors[row : row + 1].astype(np.float64) for row in rows)
    cosine = row_cosines(x, y)
    return PairReport(
        one=names.of(rows[0]),
        other=names.of(rows[1]),
        cosine=float(cosine[0]),
        gauges={f"cosine@{name}": _at(subject, name, x, y) for name in GAUGES["items-items"]},
        conditions=CONDITIONS,
        certified=tuple(_interval(cosine_interval(cosine, s)) for s in CONDITIONS),
        random=tuple(_band(x, y, s, subject.seed) for s in CONDITIONS),
    )


def _interval(ends: tuple[Float64[Array, "1"], Float64[Array, "1"]]) -> Interval:
    return Interval(float(ends[0][0]), float(ends[1][0]))


def _band(x: Float64[Array, "1 d"], y: Float64[Array, "1 d"], s: float, seed: int) -> Interval:
    drawn = moved_cosines(x, y, s, np.random.default_rng(seed), draws=DRAWS)[:, 0]
    low, high = np.quantile(drawn, BAND)
    return Interval(float(low), float(high))


def _at(subject: Subject, frame: str, x: Float64[Array, "1 d"], y: Float64[Array, "1 d"]) -> float:
    maps = fit_frames(measure(f"cosine@{frame}").frames, subject.space, "items-items")
    if maps is not None:
        x, y = maps.ranked(x), maps.ranked(y)
    return float(row_cosines(x, y)[0])


def _row(items: Embeddings, name: str) -> int:
    if name not in items.row_of:
        raise IdsError(
            f"no item has the id {name!r}: ids are such as "
            f"{', '.join(repr(str(i)) for i in items.ids[:3])}"
        )
    return items.row_of[name]
