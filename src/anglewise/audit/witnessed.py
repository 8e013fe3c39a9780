"""A concrete map after which a named item has other neighbours, and the proof of its innocence."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from anglewise.audit.names import Named
from anglewise.audit.subject import Subject
from anglewise.core.embeddings import Space
from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import ValuesError
from anglewise.gauges.gauge import two_roots
from anglewise.gauges.maps import ROWS, MapPair, predictions_moved
from anglewise.gauges.witness import witness

CHECKED = 100
"""Queries whose predictions for every item are compared number by number."""


@dataclass(frozen=True, eq=False)
class WitnessReport:
    """What the map did, and what it left alone.

    Attributes
    ----------
    item
        Whose neighbours were to change.
    condition
        That of the map.
    overlap
        The share of the old neighbours by cosine that are still there.
    predictions_moved
        ``|change| / |predictions|`` (Frobenius) over all queries and items.
    largest_change
        The largest change of a single prediction among ``checked`` of them, over the largest
        prediction.
    space
        The moved space, which can be saved, opened and searched.
    """

    item: Named
    condition: float
    overlap: float
    before: tuple[Named, ...]
    after: tuple[Named, ...]
    predictions_moved: float
    largest_change: float
    checked: int
    space: Space = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; the space itself is saved, not told."""
        return {
            "item": asdict(self.item),
            "condition": self.condition,
            "overlap": self.overlap,
            "before": [asdict(one) for one in self.before],
            "after": [asdict(one) for one in self.after],
            "predictions_moved": self.predictions_moved,
            "largest_change": self.largest_change,
            "checked": self.checked,
        }


def witnessed(subject: Subject, item: str | None, condition: float) -> WitnessReport:
    """Look for a map of at most this condition that changes the neighbours of an item most.

    Without a name it is the best known one. Raises ``IdsError`` for an
    unknown name.
    """
    space, names = subject.space, subject.names("items-items")[1]
    row = int(np.argmax(subject.fame[0])) if item is None else _named_row(subject, item)
    found = witness(space.items.vectors, row, k=subject.k, condition=condition, keep=subject.biases)
    about = {"gauge": f"witness for item {space.items.ids[row]}, condition {condition:g}"}
    change, checked = _largest_change(space, found.pair, subject.rows("queries-items", CHECKED))
    return WitnessReport(
        item=names.of(row),
        condition=_free_condition(found.pair, subject.biases),
        overlap=found.overlap,
        before=names.all(found.before),
        after=names.all(found.after),
        predictions_moved=predictions_moved(*two_roots(space), found.pair),
        largest_change=change,
        checked=checked,
        space=found.pair.apply(space, about),
    )


def _named_row(subject: Subject, item: str) -> int:
    row = subject.names("items-items")[1].row(item)
    if not subject.space.items.norms[row]:
        raise ValuesError(f"item {item!r} is a zero vector: it has no neighbours by cosine")
    return row


def _free_condition(pair: MapPair, biases: tuple[int, ...]) -> float:
    """The condition of what moves: bias columns stand last and stay."""
    free = pair.items.shape[1] - len(biases)
    rest = [row for row in range(len(pair.items)) if row not in biases]
    values = np.linalg.svd(pair.items[rest, :free], compute_uv=False)
    return float(values[0] / values[-1])


def _largest_change(space: Space, pair: MapPair, rows: Int64[Array, " some"]) -> tuple[float, int]:
    """Over the largest prediction, in float64, for some queries and all items."""
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
