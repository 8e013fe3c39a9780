"""Neighbours that no map of a bounded condition number can take out of a list; a map that does."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from anglewise.auditing.subject import SMALL_SAMPLE, AuditSubject, NamedRow
from anglewise.data_types.embeddings import Space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Direction, Float64, Int64, Progress
from anglewise.equivalent_factorisations.certificates import (
    certified_share,
    half_lost,
    member_certificates,
    witness,
)
from anglewise.equivalent_factorisations.gauge import row_cosines, two_roots
from anglewise.equivalent_factorisations.maps import (
    ROWS,
    MapPair,
    NearIdentity,
    predictions_moved,
)
from anglewise.errors import ValuesError
from anglewise.evaluation_metrics.breadth import overlap

CONDITIONS = (1.1, 1.5, 2.0, 4.0)
CURVE = tuple(round(float(s), 4) for s in 1 + np.geomspace(0.001, 3, 25))
"""Finer steps, from where nearly all are certified; certificates cost nothing."""

DRAWS = 5
"""Random maps of each condition; their mean overlaps differ little."""


@dataclass(frozen=True)
class Certificates:
    """The lists of one direction under maps of a condition: the worst case and random maps.

    The condition is that of the whole map: where cosine counts bias columns as directions, a map
    of the others alone stretches these by 1.

    Attributes
    ----------
    conditions
        The condition numbers ``s``: ratios of the largest to the smallest singular value.
    members_certified
        The share of the neighbours that no map of condition ``s`` can take out of their lists,
        over all members of all lists: the worst case, which is loose in many dimensions.
    by_rank
        The same for each place in the list, the nearest first: a row for each condition.
    lists_by_members
        How many lists have 0, 1, ..., k such members: a row for each condition.
    top_k_certified
        The share of whole lists that no map of condition ``s`` can change.
    curve
        The certified share of the members at each condition of ``CURVE``.
    members_half_lost, half_lost
        The ``s`` at which half of the members, and half of the whole lists, have lost their
        certificate; None where no map takes them out.
    monte_carlo_overlap
        The mean overlap with the given lists after random maps of condition ``s``.
    monte_carlo_low, monte_carlo_high
        The least and the greatest mean overlap of a single map.
    queries, asked_again
        The number of certified lists, and of lists searched again after each map.
    rows, limits
        The row that asked for each list, and for each of its members, the nearest first, the
        condition below which no map takes it out; not in JSON.
    """

    direction: Direction
    conditions: tuple[float, ...]
    members_certified: tuple[float, ...]
    by_rank: tuple[tuple[float, ...], ...]
    lists_by_members: tuple[tuple[int, ...], ...]
    top_k_certified: tuple[float, ...]
    curve: tuple[float, ...]
    members_half_lost: float | None
    half_lost: float | None
    monte_carlo_overlap: tuple[float, ...]
    monte_carlo_low: tuple[float, ...]
    monte_carlo_high: tuple[float, ...]
    queries: int
    asked_again: int
    rows: Int64[Array, " q"] = field(repr=False, compare=False)
    limits: Float64[Array, "q k"] = field(repr=False, compare=False)

    @property
    def k(self) -> int:
        """The length of the lists."""
        return self.limits.shape[1]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; ``s``, ``top_k_certified`` and ``half_lost`` are the older keys."""
        return {
            "s": list(self.conditions),
            "top_k_certified": list(self.top_k_certified),
            "half_lost": self.half_lost,
            "members": {
                "certified": list(self.members_certified),
                "by_rank": [list(row) for row in self.by_rank],
                "lists_by_members": [list(row) for row in self.lists_by_members],
                "half_lost": self.members_half_lost,
            },
            "monte_carlo_overlap": list(self.monte_carlo_overlap),
            "monte_carlo_low": list(self.monte_carlo_low),
            "monte_carlo_high": list(self.monte_carlo_high),
            "queries": self.queries,
            "asked_again": self.asked_again,
        }


def certify(
    subject: AuditSubject,
    direction: Direction,
    cosine: Neighbours,
    progress: Progress | None = None,
) -> Certificates:
    """Certify the cosine lists of ``subject.rows(direction)``, and try random maps on some."""
    limits = limits_of(subject, direction, cosine)
    lists = limits.min(axis=1)
    overlaps = _random_overlaps(subject, direction, progress)
    sure = [limits > s for s in CONDITIONS]
    return Certificates(
        direction=direction,
        conditions=CONDITIONS,
        members_certified=tuple(certified_share(limits, s) for s in CONDITIONS),
        by_rank=tuple(tuple(members.mean(axis=0).tolist()) for members in sure),
        lists_by_members=tuple(
            tuple(np.bincount(members.sum(axis=1), minlength=subject.k + 1).tolist())
            for members in sure
        ),
        top_k_certified=tuple(certified_share(lists, s) for s in CONDITIONS),
        curve=tuple(certified_share(limits, s) for s in CURVE),
        members_half_lost=finite(half_lost(limits)),
        half_lost=finite(half_lost(lists)),
        monte_carlo_overlap=tuple(float(row.mean()) for row in overlaps),
        monte_carlo_low=tuple(float(row.min()) for row in overlaps),
        monte_carlo_high=tuple(float(row.max()) for row in overlaps),
        queries=len(limits),
        asked_again=len(subject.rows(direction, SMALL_SAMPLE)),
        rows=subject.rows(direction),
        limits=limits,
    )


def finite(value: float | None) -> float | None:
    """The value, or None for infinity, which JSON does not have."""
    return None if value is None or value == float("inf") else value


def random_maps_keep(subject: AuditSubject, direction: Direction) -> dict[float, float]:
    """From condition to the share of the cosine lists that random maps of it keep, on average."""
    overlaps = _random_overlaps(subject, direction, None)
    return dict(zip(CONDITIONS, overlaps.mean(axis=1).tolist(), strict=True))


def limits_of(
    subject: AuditSubject, direction: Direction, cosine: Neighbours
) -> Float64[Array, "q k"]:
    """For each member of each list the condition below which it stays, from float64 cosines."""
    ranks = [_cosines(subject, direction, cosine, rank) for rank in range(subject.k + 1)]
    return member_certificates(np.stack(ranks[:-1], axis=1), ranks[-1])


def _cosines(
    subject: AuditSubject, direction: Direction, cosine: Neighbours, rank: int
) -> Float64[Array, " q"]:
    asking, ranked = subject.within.sides(direction)
    return row_cosines(
        asking.vectors[subject.rows(direction)], ranked.vectors[cosine.indices[:, rank]]
    )


def _random_overlaps(
    subject: AuditSubject, direction: Direction, progress: Progress | None
) -> Float64[Array, "s draws"]:
    """The mean overlap with the given lists after each random map."""
    rows = subject.rows(direction, SMALL_SAMPLE)
    names = {
        (i, j): f"cosine@random({s:g},{subject.seed * DRAWS + j})"
        for i, s in enumerate(CONDITIONS)
        for j in range(DRAWS)
    }
    neighbours: Mapping[str, Neighbours] = subject.nearest(
        direction, ["cosine", *names.values()], rows, progress
    )
    overlaps = np.empty((len(CONDITIONS), DRAWS))
    for cell, name in names.items():
        overlaps[cell] = float(overlap(neighbours["cosine"], neighbours[name], subject.k).mean())
    return overlaps


CHECKED = 100
"""The number of queries whose predictions for every item are compared."""


@dataclass(frozen=True, eq=False)
class WitnessReport:
    """The map of a witness: the neighbours that it changed, and the predictions that it kept.

    Attributes
    ----------
    item
        The item whose neighbours changed.
    condition
        The condition number of the map, of all columns that cosine counts.
    overlap
        The share of the old neighbours by cosine among the new ones.
    limits
        For each of the neighbours ``before`` the condition below which no map takes it out of the
        list; infinite where none does.
    predictions_moved
        ``|change| / |predictions|`` (Frobenius) over all queries and items.
    largest_change
        The largest change of a single prediction among ``checked`` of them, over the largest
        prediction.
    space
        The mapped space, which can be saved, opened and searched.
    """

    item: NamedRow
    condition: float
    overlap: float
    before: tuple[NamedRow, ...]
    after: tuple[NamedRow, ...]
    limits: tuple[float, ...]
    predictions_moved: float
    largest_change: float
    checked: int
    space: Space = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, without the space."""
        return {
            "item": asdict(self.item),
            "condition": self.condition,
            "overlap": self.overlap,
            "before": [asdict(row) for row in self.before],
            "after": [asdict(row) for row in self.after],
            "limits": [finite(limit) for limit in self.limits],
            "predictions_moved": self.predictions_moved,
            "largest_change": self.largest_change,
            "checked": self.checked,
        }


def witnessed(subject: AuditSubject, item: str | None, condition: float) -> WitnessReport:
    """Look for a map of at most this condition that changes the neighbours of an item most.

    Without an id the item is the most used one, else the longest. Raises ``IdsError`` for an
    unknown id, ``ValuesError`` for a zero vector.
    """
    space, names = subject.space, subject.names("items-items")[1]
    row = int(np.argmax(subject.item_popularity[0])) if item is None else _named_row(subject, item)
    left_out = subject.space.named_biases
    moved = witness(
        space.items.vectors,
        row,
        k=subject.k,
        condition=condition,
        keep=() if left_out else subject.biases,
        left_out=left_out,
    )
    provenance = {"gauge": f"witness for item {space.items.ids[row]}, condition {condition:g}"}
    change, checked = _largest_change(space, moved.pair, subject.rows("queries-items", CHECKED))
    return WitnessReport(
        item=names.name(row),
        condition=_free_condition(moved.pair, left_out),
        overlap=moved.overlap,
        before=names.all(moved.before),
        after=names.all(moved.after),
        limits=tuple(moved.limits.tolist()),
        predictions_moved=predictions_moved(*two_roots(space), moved.pair),
        largest_change=change,
        checked=checked,
        space=moved.pair.apply(space, provenance),
    )


def _named_row(subject: AuditSubject, item: str) -> int:
    row = subject.names("items-items")[1].row(item)
    if not subject.space.items.norms[row]:
        raise ValuesError(f"item {item!r} is a zero vector: it has no neighbours by cosine")
    return row


def _free_condition(pair: MapPair, left_out: tuple[int, ...]) -> float:
    """The condition of the map of the columns that cosine counts; those left out come last."""
    biases = left_out
    if not biases or isinstance(pair.items, NearIdentity):
        return pair.condition
    free = pair.items.shape[1] - len(biases)
    free_rows = [row for row in range(len(pair.items)) if row not in biases]
    values = np.linalg.svd(pair.items[free_rows, :free], compute_uv=False)
    return float(values[0] / values[-1])


def _largest_change(space: Space, pair: MapPair, rows: Int64[Array, " some"]) -> tuple[float, int]:
    """The largest change over the largest prediction, in float64, and the number compared."""
    queries = space.queries.vectors[rows].astype(np.float64)
    moved: Float64[Array, "some r"] = queries @ pair.queries
    change = largest = 0.0
    for start in range(0, len(space.items), ROWS):
        items = space.items.vectors[start : start + ROWS].astype(np.float64)
        before = queries @ items.T
        after = moved @ (items @ pair.items).T
        change = max(change, float(np.abs(after - before).max()))
        largest = max(largest, float(np.abs(before).max()))
    return change / largest, len(rows) * len(space.items)
