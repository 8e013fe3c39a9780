"""The pairs on which measures differ, among the first places of their lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.evaluation_metrics.pools import Pool

ACCURACY = 0.8
"""How often a machine's grade is taken to be people's, before people graded anything."""
LEAST_SHARE = 1 / 3
"""No grade is taken for less uncertain than this part of the most uncertain one."""
SAME = 1e-12


@dataclass(frozen=True, eq=False)
class DifferingPairs:
    """The pool of some queries, and which of its pairs the measures rank differently.

    On a pair that all measures rank alike no difference between their discounted gains depends,
    nor one between their precisions, so that nobody need grade it.

    Attributes
    ----------
    pool
        All pairs among the first places.
    query_ids, item_ids
        Of each pair.
    """

    pool: Pool
    query_ids: tuple[str, ...]
    item_ids: tuple[str, ...]

    @staticmethod
    def of(
        neighbours: Mapping[str, Neighbours],
        rows: Int64[Array, " q"],
        depth: int,
        query_ids: Sequence[str],
        item_ids: Sequence[str],
    ) -> "DifferingPairs":
        """Pool the lists of the queries at some rows; ids are those of both sides of a space."""
        check_kind(depth, int, "depth", "a number of places")
        none = SparseRows.from_pairs([], [], shape=(len(query_ids), len(item_ids)))
        pool = Pool.of(neighbours, Judgements(none), rows, depth)
        return DifferingPairs(
            pool,
            tuple(str(query_ids[row]) for row in rows[pool.lists].tolist()),
            tuple(str(item_ids[item]) for item in pool.items.tolist()),
        )

    def __len__(self) -> int:
        return len(self.pool.lists)

    @cached_property
    def spread(self) -> Float64[Array, " pairs"]:
        """How far the discounts of a pair lie apart under the measures."""
        discounts = self.pool.discounts
        spread = discounts.max(axis=1) - discounts.min(axis=1)
        return np.where(spread > SAME, spread, 0.0)

    @cached_property
    def differ(self) -> Bool[Array, " pairs"]:
        """Whether measures rank a pair differently."""
        return self.spread > 0

    @cached_property
    def names(self) -> list[tuple[str, str]]:
        """Query and item of each pair."""
        return list(zip(self.query_ids, self.item_ids, strict=True))

    @cached_property
    def digest(self) -> str:
        """Tells the differing pairs from those of other queries, vectors, measures or depths."""
        ids = sorted(name for name, here in zip(self.names, self.differ, strict=True) if here)
        content = "\0".join(f"{query}\1{item}" for query, item in ids)
        return blake2b(content.encode("utf-8", "replace"), digest_size=6).hexdigest()


def predicted_uncertainty(
    grades: Float64[Array, " pairs"], accuracy: float = ACCURACY
) -> Float64[Array, " pairs"]:
    """How uncertain the grade by people is before anybody gave one, in grades.

    The standard deviation where the machine is right with a chance of ``accuracy`` and else the
    grade is any that it gives, as often as it gives it. So a grade that is rare and high is more
    uncertain than one that most pairs have. NaN, no grade, counts as the most uncertain.

    >>> mostly_zero = np.array([0.0] * 9 + [1.0])
    >>> predicted_uncertainty(mostly_zero)[[0, 9]].round(2).tolist()
    [0.14, 0.38]
    """
    known = np.isfinite(grades)
    if not known.any():
        return np.ones(len(grades))
    first, second = float(grades[known].mean()), float((grades[known] ** 2).mean())
    mean = accuracy * grades + (1 - accuracy) * first
    square = accuracy * grades**2 + (1 - accuracy) * second
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    largest = float(deviation[known].max())
    if largest <= SAME:
        return np.ones(len(grades))
    return np.where(known, np.maximum(deviation, LEAST_SHARE * largest), largest)
