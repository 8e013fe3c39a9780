"""The manifest that travels with an exported collection: what it holds, and what was measured."""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

import numpy as np

from anglewise.errors import StoreError
from anglewise.stores.vector_store import StoredRows, VectorStore, content_of

FORMAT, LARGEST = 1, 1 << 40
MOST_EFFORT, MOST_OVERSAMPLED = 1 << 16, 1 << 10
"""What a manifest may ask of a search: an export asks for a thousand and for five times as much."""
_WIDE = 1 << 128
NOISE = 1e-6
"""What the last digits of float32 add up to, in parts of the root of all squares, from above."""


@dataclass(frozen=True)
class Manifest:
    """What an export left with its collection.

    Attributes
    ----------
    measure, direction
        What the collection ranks by, and who asks whom.
    way, metric
        How vectors are prepared, and the store's metric under which they rank.
    dimension, count
        Of what was written.
    transform
        Names the numbers of the query transform.
    ids, sum, slack
        The :class:`Fingerprint` of what the store gave back when it was measured.
    effort, oversample
        The parameters of a search; of so many times ``k`` items the exactly nearest are taken.
    recall, recall_low, k, queries
        What was measured then: the mean, the lower end of its 95% interval, on how many queries.
    version
        Of anglewise.
    """

    measure: str
    direction: str
    way: str
    metric: str
    dimension: int
    count: int
    transform: str
    ids: str
    sum: Sequence[float]
    slack: float
    effort: Mapping[str, int] = field(default_factory=dict[str, int])
    oversample: int = 1
    recall: float = 0.0
    recall_low: float = 0.0
    k: int = 10
    queries: int = 0
    version: str = ""
    format: int = FORMAT

    @property
    def fingerprint(self) -> "Fingerprint":
        """Of what was written."""
        return Fingerprint(self.ids, self.count, tuple(self.sum), self.slack)

    def to_text(self) -> str:
        """As JSON, the same bytes for the same content."""
        return json.dumps(asdict(self), sort_keys=True)


def manifest_of(store: VectorStore) -> Manifest | None:
    """The manifest of a collection; None where there is none.

    It comes with the collection, so from anybody: nothing in it is run, and each part is checked.

    Raises ``StoreError`` for one that cannot be read.
    """
    values = content_of(store.manifest())
    if values is None or "way" not in values:
        return None
    if not _is_one(values, store):
        raise StoreError(
            f"{store.address}: its manifest is of another version of anglewise, or was changed: "
            "export the collection anew"
        )
    return Manifest(**values)


def _is_one(values: dict[str, Any], store: VectorStore) -> bool:
    """Whether every part of a manifest is there and of its kind."""
    due = {entry.name for entry in fields(Manifest)}
    if values.get("format") != FORMAT or set(values) != due:
        return False
    words = ("measure", "direction", "way", "metric", "transform", "ids", "version")
    counts = ("dimension", "count", "k", "queries")
    numbers = ("slack", "recall", "recall_low")
    return (
        all(isinstance(values[name], str) for name in words)
        and all(_is_count(values[name]) for name in counts)
        and _is_count(values["oversample"], MOST_OVERSAMPLED)
        and all(_is_number(values[name]) and values[name] >= 0 for name in numbers)
        and isinstance(values["sum"], list)
        and all(map(_is_number, cast("list[Any]", values["sum"])))
        and isinstance(values["effort"], dict)
        and all(
            name in store.effort_names and _is_count(value, MOST_EFFORT)
            for name, value in cast("dict[str, Any]", values["effort"]).items()
        )
    )


def _is_count(value: object, most: int = LARGEST) -> bool:
    return type(value) is int and 0 < value <= most


def _is_number(value: object) -> bool:
    """Whether a value is a finite number that float64 holds."""
    return type(value) in {int, float} and abs(cast("float", value)) <= sys.float_info.max


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What tells whether a collection is still the one that was written, in whatever order.

    ``ids`` is a digest of the ids alone. ``sum`` adds up all vectors, each times a number between 1
    and 2 that its id gives: so a vector that changes, or two that change places, move it. Stores
    that normalise give other last digits after a restart; ``slack`` is how far those may move it.
    """

    ids: str
    count: int
    sum: tuple[float, ...]
    slack: float

    @classmethod
    def of(cls, parts: Iterable[StoredRows]) -> "Fingerprint":
        """Of all rows of a collection."""
        total = count = 0
        moved, squares = np.zeros(0), 0.0
        for rows in parts:
            numbers = [_number(name) for name in rows.ids]
            total = (total + sum(numbers)) % _WIDE
            count += len(numbers)
            vectors = rows.vectors.astype(np.float64)
            weights = 1 + np.array([number / _WIDE for number in numbers])
            moved = weights @ vectors if not len(moved) else moved + weights @ vectors
            squares += float(np.vdot(vectors, vectors))
        return cls(f"{total:032x}", count, tuple(moved.tolist()), NOISE * float(np.sqrt(squares)))

    def same(self, other: "Fingerprint") -> bool:
        """Whether ids and vectors are alike, but for last digits.

        Of both slacks the smaller one counts: one may have been written by anybody.
        """
        if (self.ids, self.count, len(self.sum)) != (other.ids, other.count, len(other.sum)):
            return False
        moved = np.abs(np.array(self.sum) - np.array(other.sum))
        return bool((moved <= min(self.slack, other.slack)).all())


def _number(name: str) -> int:
    checksum = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16)
    return int.from_bytes(checksum.digest(), "big")
