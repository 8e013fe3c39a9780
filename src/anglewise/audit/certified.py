"""What no map of a given condition can change, and beside it what random maps do change."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anglewise.audit.subject import SMALL_SAMPLE, Subject
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Direction, Float64, Progress
from anglewise.gauges.certificates import certified_share, half_lost, top_k_certificates
from anglewise.gauges.gauge import row_cosines
from anglewise.metrics.breadth import overlap

CONDITIONS = (1.1, 1.5, 2.0, 4.0)
CURVE = tuple(round(float(s), 4) for s in 1 + np.geomspace(0.001, 3, 25))
"""Finer, from where nearly all lists are certified; a certificate costs nothing."""

DRAWS = 5
"""Random maps of each condition; they differ far less than the lists that they move."""


@dataclass(frozen=True)
class Certificates:
    """Lists of one direction under all maps of a condition, at worst and at random.

    Attributes
    ----------
    conditions
        Ratios ``s`` of the largest to the smallest singular value.
    top_k_certified
        The share of lists that no map of condition ``s`` can change: the worst case, which is
        loose in many dimensions.
    curve
        The certified share at each condition of ``CURVE``.
    half_lost
        The ``s`` at which half of the lists have lost their certificate.
    monte_carlo_overlap
        How much of the lists random maps of condition ``s`` leave, on average.
    monte_carlo_low, monte_carlo_high
        The least and the most that a single map left.
    queries, asked_again
        How many lists are certified, and how many were searched again after each map.
    """

    direction: Direction
    conditions: tuple[float, ...]
    top_k_certified: tuple[float, ...]
    curve: tuple[float, ...]
    half_lost: float | None
    monte_carlo_overlap: tuple[float, ...]
    monte_carlo_low: tuple[float, ...]
    monte_carlo_high: tuple[float, ...]
    queries: int
    asked_again: int


def certify(
    subject: Subject, way: Direction, cosine: Neighbours, progress: Progress | None = None
) -> Certificates:
    """Certify the cosine lists of ``subject.rows(way)``, and try random maps on some of them."""
    limits = limits_of(subject, way, cosine)
    kept = _random(subject, way, progress)
    half = half_lost(limits)
    return Certificates(
        direction=way,
        conditions=CONDITIONS,
        top_k_certified=tuple(certified_share(limits, s) for s in CONDITIONS),
        curve=tuple(certified_share(limits, s) for s in CURVE),
        half_lost=half if np.isfinite(half) else None,
        monte_carlo_overlap=tuple(float(row.mean()) for row in kept),
        monte_carlo_low=tuple(float(row.min()) for row in kept),
        monte_carlo_high=tuple(float(row.max()) for row in kept),
        queries=len(limits),
        asked_again=len(subject.rows(way, SMALL_SAMPLE)),
    )


def limits_of(subject: Subject, way: Direction, cosine: Neighbours) -> Float64[Array, " q"]:
    """For each list the condition below which its members stay, from cosines in float64."""
    inside, outside = (
        _cosines(subject, way, cosine, place) for place in (subject.k - 1, subject.k)
    )
    return top_k_certificates(inside, np.minimum(outside, inside))


def _cosines(
    subject: Subject, way: Direction, cosine: Neighbours, place: int
) -> Float64[Array, " q"]:
    asking, ranked = subject.space.sides(way)
    return row_cosines(asking.vectors[subject.rows(way)], ranked.vectors[cosine.indices[:, place]])


def _random(
    subject: Subject, way: Direction, progress: Progress | None
) -> Float64[Array, "s draws"]:
    """The mean overlap with the given lists after each of some random maps."""
    rows = subject.rows(way, SMALL_SAMPLE)
    names = {
        (i, j): f"cosine@random({s:g},{subject.seed * DRAWS + j})"
        for i, s in enumerate(CONDITIONS)
        for j in range(DRAWS)
    }
    found: Mapping[str, Neighbours] = subject.nearest(
        way, ["cosine", *names.values()], rows, progress
    )
    kept = np.empty((len(CONDITIONS), DRAWS))
    for place, name in names.items():
        kept[place] = float(overlap(found["cosine"], found[name], subject.k).mean())
    return kept
