"""Lists that hold every item of the last score, and the best score of what they leave out.

So nothing about them depends on how equal scores are ordered: what is listed scores at least as the
``k``-th, and everything else scores at most ``next_score``, which is less.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.typing import Array, Float64, Int64, Shaped


@dataclass(frozen=True, eq=False)
class Found:
    """The nearest items of some queries, by row or by id, as a search lists them."""

    items: Shaped[Array, "q k"]
    scores: Float64[Array, "q k"]
    tied_at_cut: Int64[Array, " q"]


Ask: TypeAlias = Callable[[Sequence[str], Int64[Array, " some"], int], Mapping[str, Found]]
"""A search: spellings of measures, who ask by their number, how many items; by spelling."""


@dataclass(frozen=True, eq=False)
class CompleteLists:
    """For each query every item that scores as its ``k``-th or better, best first.

    Attributes
    ----------
    measure
        The spelling of the measure.
    starts
        Query ``i`` has the entries ``starts[i]`` to ``starts[i + 1]``.
    items
        Rows or ids.
    scores
        Float64, rounded to twelve digits.
    next_score
        For each query the highest score of an item that is not listed; minus infinity where all
        are.
    """

    measure: str
    starts: Int64[Array, " queries_and_one"]
    items: Shaped[Array, " entries"]
    scores: Float64[Array, " entries"]
    next_score: Float64[Array, " q"]

    @property
    def queries(self) -> Int64[Array, " entries"]:
        """Who asked for each entry, by number."""
        return np.repeat(np.arange(len(self.next_score)), np.diff(self.starts))

    @property
    def ranks(self) -> Int64[Array, " entries"]:
        """The place of each entry in its list, from 1 on."""
        return np.arange(len(self.items)) - self.starts[self.queries] + 1


TOGETHER = 1 << 22
"""Entries that are asked for at once where lists are made longer."""


def complete_lists(
    ask: Ask, measures: Sequence[str], *, queries: int, items: int, k: int
) -> list[CompleteLists]:
    """Search for one item more than ``k``; where it ties with the last, for as many as tie.

    >>> scores = np.array([3.0, 2.0, 2.0, 2.0, 1.0])
    >>> def ask(measures, who, k):
    ...     tied = (scores[k:] == scores[k - 1]).sum()
    ...     return {"dot": Found(np.arange(k)[None], scores[None, :k], np.array([tied]))}
    >>> (lists,) = complete_lists(ask, ["dot"], queries=1, items=5, k=2)
    >>> lists.items.tolist(), lists.next_score.tolist()
    ([0, 1, 2, 3], [1.0])
    """
    everybody = np.arange(queries, dtype=np.int64)
    first = ask(measures, everybody, min(k + 1, items))
    return [_completed(ask, measure, first[measure], items, k) for measure in measures]


def _completed(ask: Ask, measure: str, first: Found, items: int, k: int) -> CompleteLists:
    found: list[tuple[Any, Any, float]] = []
    scores = first.scores
    cut = scores[:, k - 1]
    beyond = scores[:, k] if scores.shape[1] > k else np.full(len(scores), -np.inf)
    for row in range(len(scores)):
        some = np.flatnonzero(scores[row, :k] > -np.inf)
        found.append((first.items[row, some], scores[row, some], float(beyond[row])))
    tied = np.flatnonzero((beyond == cut) & (cut > -np.inf))
    due = np.minimum(items, k + 2 + first.tied_at_cut[tied])
    order = np.argsort(due, kind="stable")
    tied, due = tied[order], due[order]
    start = 0
    while start < len(tied):
        stop = start + 1
        while stop < len(tied) and (stop + 1 - start) * due[stop] <= max(TOGETHER, due[start]):
            stop += 1
        rows, many = tied[start:stop], int(due[stop - 1])
        longer = ask([measure], rows, many)[measure]
        for row, names, own in zip(rows, longer.items, longer.scores, strict=True):
            listed = int((own >= cut[row]).sum())
            after = float(own[listed]) if listed < many else -np.inf
            found[row] = (names[:listed], own[:listed], after)
        start = stop
    starts = np.concatenate([[0], np.cumsum([len(names) for names, _, _ in found])])
    return CompleteLists(
        measure,
        starts.astype(np.int64),
        np.concatenate([names for names, _, _ in found]),
        np.concatenate([own for _, own, _ in found]),
        np.array([after for _, _, after in found]),
    )
