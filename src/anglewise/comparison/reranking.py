"""The first places of lists in the order of a reranker, and what that takes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.comparison.candidates import RerankingCost
from anglewise.comparison.lists import NOBODY
from anglewise.data_types.neighbours import Neighbours, rounded
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Bool, Float64, Int64, Progress
from anglewise.encoders.scored_pairs import PairScores, ScoredPairs


@dataclass(frozen=True, eq=False)
class PairTexts:
    """Who asks and what is ranked, as texts, and who scores them.

    Attributes
    ----------
    scored
        The reranker with what it has scored.
    queries, ids
        The text and the id of each judged query.
    items
        The text of each item; those that only runs name are not among them.
    """

    scored: ScoredPairs
    queries: Sequence[str]
    ids: Sequence[str]
    items: Sequence[str]

    def scores(
        self,
        first: Neighbours,
        asked: Int64[Array, " q"],
        depth: int,
        progress: Progress | None = None,
    ) -> "HeadScores":
        """The scores of the first places of lists; ``asked`` numbers the queries of these.

        Items and queries without a text are not asked for. Raises what ``ScoredPairs.of`` raises.
        """
        depth = min(depth, first.k)
        scores = np.full((len(asked), depth), np.nan)
        numbers: list[int] = asked.tolist()
        taken: list[PairScores] = []
        unknown: set[int] = set()
        for row, number in enumerate(numbers):
            query = self.queries[number]
            places: list[int] = first.indices[row, :depth].tolist()
            head = [item for item in places if item != NOBODY]
            texts = [self.items[item] if item < len(self.items) else "" for item in head]
            there = [place for place, text in enumerate(texts) if text.strip()]
            unknown |= {head[place] for place in set(range(len(head))) - set(there)}
            if query.strip() and there:
                done = f"after {row:,} of {counted(len(asked), 'query')}"
                wanted = [texts[place] for place in there]
                taken.append(self.scored.of(self.ids[number], query, wanted, done))
                scores[row, there] = taken[-1].scores
            if progress is not None:
                progress(row + 1, len(asked))
        pairs = sum(each.pairs for each in taken)
        seconds = sum(each.seconds for each in taken)
        cost = RerankingCost(
            self.scored.reranker.spec,
            self.scored.reranker.identity,
            len(asked),
            pairs,
            sum(each.calls for each in taken),
            {
                "reranker": seconds,
                "a_query": seconds / max(1, len(asked)),
                "a_pair": seconds / max(1, pairs),
            },
        )
        silent = sum(not self.queries[number].strip() for number in numbers)
        cut_off = sum(each.cut_off for each in taken)
        return HeadScores(scores, cost, silent, len(unknown), cut_off)


@dataclass(frozen=True, eq=False)
class HeadScores:
    """The scores of the first places of lists, NaN where none was asked for, and their cost.

    ``silent`` queries and ``unknown`` items have no text; ``cut_off`` pairs are longer than the
    reranker reads.
    """

    scores: Float64[Array, "q head"]
    cost: RerankingCost
    silent: int
    unknown: int
    cut_off: int

    def notes(self, name: str, window: int | None) -> list[str]:
        """What a reader should know of it."""
        notes = [
            f"{name} knows no text of {counted(count, noun)}{what}"
            for noun, count, what in (
                ("judged query", self.silent, ": their lists keep their order"),
                ("item", self.unknown, " in the lists: these stand behind what it scores"),
            )
            if count
        ]
        if self.cut_off:
            notes.append(
                f"{self.cut_off:,} of {counted(self.cost.pairs, 'pair')} of {name} are longer than "
                f"the {window:,} tokens that {self.cost.reranker} reads: their ends were not read"
            )
        return notes


def reranked(name: str, first: Neighbours, scores: Float64[Array, "q head"]) -> Neighbours:
    """Lists whose first places follow these scores, the highest first, and the rest as it came.

    Equal scores keep their order, and tie where they tied: else the later one gets the next lower
    number that there is. What has no score, NaN, stands behind what has one, in its
    order, with scores that go down from the lowest.

    >>> first = Neighbours("a", np.array([[5, 3, 8]]), np.array([[3.0, 2.0, 1.0]]), np.array([0]))
    >>> lists = reranked("b", first, np.array([[0.1, 0.9]]))
    >>> lists.indices.tolist(), lists.scores.tolist()
    ([[3, 5, 8]], [[0.9, 0.1, -0.9]])
    """
    head = scores.shape[1]
    own = np.where(np.isnan(scores), -np.inf, rounded(scores))
    order = np.argsort(-own, axis=1, kind="stable")
    indices, before = first.indices.copy(), first.scores.copy()
    new = np.full(indices.shape, -np.inf)
    indices[:, :head] = np.take_along_axis(first.indices[:, :head], order, axis=1)
    before[:, :head] = np.take_along_axis(first.scores[:, :head], order, axis=1)
    new[:, :head] = np.take_along_axis(own, order, axis=1)
    rest = np.isneginf(new) & (indices != NOBODY)
    lower = np.zeros(
        indices.shape, dtype=bool
    )  # what the first list scored lower than the one before
    lower[:, 1:] = before[:, 1:] != before[:, :-1]
    lowest = np.min(new, axis=1, keepdims=True, initial=np.inf, where=np.isfinite(new))
    lowest = np.where(np.isfinite(lowest), lowest, 0.0)
    begins = rest.copy()
    begins[:, 1:] &= ~rest[:, :-1]
    below = lowest - np.maximum(1, np.abs(lowest)) * np.cumsum(rest & (lower | begins), axis=1)
    scored = np.isfinite(new)
    steps = np.where(scored, _steps(new, lower), 0) * np.spacing(np.where(scored, np.abs(new), 0))
    new = np.where(rest, below, new - steps)
    # what ties with the end of the first list ties with that of this one, unless it was scored
    return Neighbours(name, indices, new, np.where(rest[:, -1], first.tied_at_cut, 0))


def _steps(scores: Float64[Array, "q k"], lower: Bool[Array, "q k"]) -> Int64[Array, "q k"]:
    """How often the first list goes down within each row of equal scores."""
    same = np.zeros(scores.shape, dtype=bool)
    same[:, 1:] = scores[:, 1:] == scores[:, :-1]
    down = np.cumsum(lower & same, axis=1)
    start = np.maximum.accumulate(np.where(same, 0, down), axis=1)
    return down - start
