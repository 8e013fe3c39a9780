"""What several measures rank near, together: the pairs that a judge should see."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Bool, Float64, Int64


@dataclass(frozen=True, eq=False)
class Pool:
    """Every pair of a query and an item among the first places of some measure.

    Pooling to a depth is TREC's way (Spärck Jones and van Rijsbergen 1975).

    Attributes
    ----------
    lists, items
        The query of each pair, as its place among the lists, and the item; in that order.
    discounts
        ``pairs x measures``: ``1 / log2(rank + 1)``, 0 where the measure ranks it further away.
    gains, judged
        What a judge said, where one did; else 0.
    """

    lists: Int64[Array, " pairs"]
    items: Int64[Array, " pairs"]
    discounts: Float64[Array, "pairs m"]
    gains: Float64[Array, " pairs"]
    judged: Bool[Array, " pairs"]
    measures: tuple[str, ...]
    queries: int

    def ranks(self, place: int) -> dict[str, int]:
        """At which rank each measure has a pair; a measure without it is left out."""
        return {
            name: round(2 ** (1 / weight)) - 1
            for name, weight in zip(self.measures, self.discounts[place].tolist(), strict=True)
            if weight > 0
        }

    @staticmethod
    def of(
        found: Mapping[str, Neighbours],
        judgements: Judgements,
        rows: Int64[Array, " q"],
        depth: int = 10,
    ) -> "Pool":
        """Put the first places of all lists together; ``rows`` are those that asked.

        >>> from anglewise.core.sparse import SparseRows
        >>> none = SparseRows.from_pairs([], [], shape=(1, 9))
        >>> scores, ties = np.zeros((1, 2), np.float32), np.array([0])
        >>> found = {
        ...     "dot": Neighbours("dot", np.array([[4, 7]]), scores, ties),
        ...     "cosine": Neighbours("cosine", np.array([[7, 2]]), scores, ties),
        ... }
        >>> pool = Pool.of(found, Judgements(none), np.array([0]), depth=2)
        >>> pool.items.tolist(), pool.discounts.round(2).tolist()
        ([2, 4, 7], [[0.0, 0.63], [1.0, 0.0], [0.63, 1.0]])
        >>> pool.ranks(2)
        {'dot': 2, 'cosine': 1}
        """
        width = judgements.gains.shape[1]
        near = {name: one.indices[:, :depth] for name, one in found.items()}
        keys = {name: np.arange(len(rows))[:, None] * width + at for name, at in near.items()}
        shown = [key[near[name] >= 0] for name, key in keys.items()]
        pairs = np.unique(np.concatenate(shown)).astype(np.int64)
        discounts = np.zeros((len(pairs), len(found)))
        for column, name in enumerate(found):
            ranks = np.nonzero(near[name] >= 0)[1]
            discounts[np.searchsorted(pairs, shown[column]), column] = 1 / np.log2(ranks + 2)
        lists, items = pairs // width, pairs % width
        gains, judged = _said(judgements, rows[lists], items)
        return Pool(lists, items, discounts, gains, judged, tuple(found), len(rows))


def _said(
    judgements: Judgements, rows: Int64[Array, " pairs"], items: Int64[Array, " pairs"]
) -> tuple[Float64[Array, " pairs"], Bool[Array, " pairs"]]:
    stored = judgements.gains
    keys = stored.rows * stored.shape[1] + stored.indices
    sought = rows * stored.shape[1] + items
    at = np.minimum(np.searchsorted(keys, sought), max(len(keys) - 1, 0))
    judged = keys[at] == sought if len(keys) else np.zeros(len(rows), dtype=bool)
    gains = np.zeros(len(rows))
    gains[judged] = stored.values[at[judged]]
    if judgements.judged_items is not None:
        judged = judged | judgements.judged_items[items]
    return gains, judged
