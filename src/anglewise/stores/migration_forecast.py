"""What lists of mapped vectors keep of those of re-encoded ones, foretold from some pairs.

Of the new vectors only those of the pairs are known. For each query and pair it is known how far
the score of the new vector stood from that of the mapped old one, by a map that never saw the pair.
Such differences are drawn for all other items, from pairs that stand about as high in the query's
list (a hot deck in strata), and the lists of these drawn worlds are compared with those of the
mapped vectors. The pairs are drawn anew, with replacement, for each world: so that worlds differ by
what few pairs leave open (approximate Bayesian bootstrap, Rubin and Schenker 1986). In one world an
item stands as high among the differences for all queries of a group: an item that is near to many
queries is a few pieces of luck and not many.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from anglewise.data_types.drawn import QueryWeights
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float32, Float64, Int64
from anglewise.stores.exact_lists import mean_recall
from anglewise.stores.map_choice import HeldOut, nearest, overlap

WORLDS = 24
GROUPS = 4
"""So many groups of queries, drawn in each world, meet other luck of the same items."""
LEAST = 60
"""So many differences each stratum holds at least."""
LEAST_RELEVANT = 30
"""So many scores of relevant items the pairs must hold to foretell a metric by judgements."""
WIDER = 1.6
"""How much deeper in the list each stratum ends than the one before."""
RANKED_AMONG = 50_000
"""A pair is ranked among at most so many items that are drawn."""
CELLS = 4_000_000
"""So many scores are held at once."""


@dataclass(frozen=True, eq=False)
class KnownPairs:
    """The items whose new vectors are known, and maps that were learnt without some of them.

    Attributes
    ----------
    old
        The old vectors of all items.
    rows
        Where the pairs stand among them.
    new
        Their new vectors.
    folds
        Each pair is in one of them.
    """

    old: Float32[Array, "n old"]
    rows: Int64[Array, " pairs"]
    new: Float64[Array, "pairs new"]
    folds: Sequence[HeldOut]

    def held_out(
        self, queries: Float64[Array, "q new"], mean: Float64[Array, " q"], rng: np.random.Generator
    ) -> tuple[Float64[Array, "q pairs"], Float64[Array, "q pairs"]]:
        """Scores of mapped pairs, and how many items the same map puts above each.

        Maps of two folds differ, and by what they differ goes against the pairs that they leave
        out: so a pair is ranked among all items under the one map that never saw it, and scores are
        brought to the same mean over items.
        """
        items = len(self.old)
        among = np.arange(items)
        if items > RANKED_AMONG:
            among = np.sort(rng.choice(items, RANKED_AMONG, replace=False))
        scores = np.empty((len(queries), len(self.rows)))
        above = np.empty(scores.shape)
        for fold in self.folds:
            own = queries @ fold.map(self.old[self.rows[fold.places]]).T
            others = fold.map(self.old[among])
            for block in _blocks(len(queries), len(among)):
                everything = scores_of(queries[block], others)
                shift = mean[block] - everything.mean(axis=1)
                scores[block, fold.places] = own[block] + shift[:, None]
                for row, listed in enumerate(np.sort(everything, axis=1), block.start):
                    below = _at_most(listed, own[row])
                    above[row, fold.places] = (len(among) - below) * (items / len(among))
        return scores, above


@dataclass(frozen=True, eq=False)
class DrawnWorlds:
    """Lists of mapped vectors, and how much of drawn worlds' lists they keep.

    Attributes
    ----------
    mapped
        The lists of the mapped vectors.
    recall
        ``worlds``: the mean over queries of the share of the drawn list that the mapped one holds.
    lists
        ``worlds x q x k``: the drawn lists, as deep as was asked for.
    relevant
        Scores of relevant pairs that were known, by which relevant items were drawn.
    """

    mapped: Int64[Array, "q depth"]
    recall: Float64[Array, " worlds"]
    lists: Int64[Array, "worlds q depth"]
    relevant: int


def drawn_worlds(
    mapped: Float32[Array, "n new"],
    queries: Float64[Array, "q new"],
    pairs: KnownPairs,
    k: int,
    rng: np.random.Generator,
    *,
    depth: int | None = None,
    relevant: SparseRows | None = None,
    weights: QueryWeights | None = None,
) -> DrawnWorlds:
    """Draw worlds in which every item has a new score, and list the nearest in each.

    ``relevant`` marks the items that are relevant to each query: their differences are drawn from
    those of relevant pairs alone, since a better model lifts just these. ``weights`` are what
    queries count in the recall.
    """
    depth = max(k, depth or k)
    strata = _Strata.of(mapped, queries, pairs, k=k, relevant=relevant, rng=rng)
    worlds = WORLDS if len(mapped) <= 200_000 else WORLDS // 2
    drawn = [rng.integers(len(pairs.rows), size=len(pairs.rows)) for _ in range(worlds)]
    pools = [strata.pools(some) for some in drawn]
    group = rng.integers(GROUPS, size=(worlds, len(queries)))
    heights = rng.random((worlds, GROUPS, len(mapped)), dtype=np.float32)
    own = np.empty((len(queries), min(depth, len(mapped))), dtype=np.int64)
    lists = np.empty((worlds, *own.shape), dtype=np.int64)
    for block in _blocks(len(queries), len(mapped)):
        scores = scores_of(queries[block], mapped)
        place = strata.places(scores, block)
        own[block] = nearest(scores, depth)
        shift, spread = strata.shift[block, None], strata.spread[block, None]
        rise = strata.rise(scores, place)
        for world, pool in enumerate(pools):
            drawn_scores = (
                scores
                + shift
                + spread * (_drawn(place, pool, heights[world, group[world, block]]) + rise)
            )
            drawn_scores[:, pairs.rows] = strata.new[block]
            lists[world, block] = nearest(drawn_scores, depth)
    kept = [mean_recall(overlap(own[:, :k], world[:, :k]), weights) for world in lists]
    return DrawnWorlds(own, np.array(kept), lists, strata.relevant)


def _at_most(
    ascending: Float64[Array, " n"], values: Float64[Array, "*shape"]
) -> Int64[Array, "*shape"]:
    """How many of some numbers are at most each value."""
    return cast("Any", ascending).searchsorted(values, side="right").astype(np.int64)


def scores_of(
    queries: Float64[Array, "q new"], mapped: Float32[Array, "n new"]
) -> Float64[Array, "q n"]:
    """Inner products, by float32: the mapped vectors are not copied to be wider."""
    return (queries.astype(np.float32) @ mapped.T).astype(np.float64)


def _blocks(queries: int, items: int) -> Iterator[slice]:
    step = max(1, CELLS // items)
    return (slice(start, start + step) for start in range(0, queries, step))


def _drawn(
    place: Int64[Array, "q n"], pools: list[Float64[Array, " _"]], heights: Float32[Array, "q n"]
) -> Float64[Array, "q n"]:
    """For each cell a difference from the sorted pool of its stratum, at the height of the item."""
    sizes = np.array([len(pool) for pool in pools])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    at = (heights * sizes[place]).astype(np.int64)
    return np.concatenate(pools)[starts[place] + np.minimum(at, sizes[place] - 1)]


@dataclass(frozen=True, eq=False)
class _Strata:
    """Differences of known scores, in strata of the rank that the mapped vector has.

    ``shift`` and ``spread`` are each query's mean difference and its standard deviation; ``scaled``
    what is left of each difference; ``ends`` the ranks at which strata end. Relevant items are a
    stratum of their own, whatever their rank: ``slope`` is how much less theirs are for a higher
    score, in standard deviations of the query's scores, and is taken off ``scaled``.
    """

    ends: Float64[Array, " ends"]
    shift: Float64[Array, " q"]
    spread: Float64[Array, " q"]
    scaled: Float64[Array, "q pairs"]
    stratum: Int64[Array, "q pairs"]
    new: Float64[Array, "q pairs"]
    marks: SparseRows | None
    relevant: int
    slope: float

    @classmethod
    def of(
        cls,
        mapped: Float32[Array, "n new"],
        queries: Float64[Array, "q new"],
        pairs: KnownPairs,
        *,
        k: int,
        relevant: SparseRows | None,
        rng: np.random.Generator,
    ) -> "_Strata":
        mean = queries @ mapped.mean(axis=0, dtype=np.float64)
        found, above = pairs.held_out(queries, mean, rng)
        new = queries @ pairs.new.T
        difference = new - found
        shift = difference.mean(axis=1)
        spread = difference.std(axis=1)
        least = np.where(spread > 0, spread, 1.0)
        scaled: Array = (difference - shift[:, None]) / least[:, None]
        ends = _ends(above, k, len(mapped))
        stratum = _at_most(ends, above)
        known, slope = 0, 0.0
        if relevant is not None:
            there = _marked(relevant, slice(0, len(queries)), len(mapped))[:, pairs.rows]
            known = int(there.sum())
            stratum = np.where(there, len(ends) + 1, stratum)
            deep = _standing(found, mean, _spread_of_scores(mapped, queries))
            if known >= LEAST_RELEVANT:
                slope = _slope(deep[there], scaled[there])
            scaled = np.where(there, scaled - slope * deep, scaled)
        return cls(ends, shift, spread, scaled, stratum, new, relevant, known, slope)

    def rise(
        self, scores: Float64[Array, "q n"], place: Int64[Array, "q n"]
    ) -> Float64[Array, "q n"] | float:
        """What the difference of a relevant item owes to its score; 0 of all others."""
        if self.marks is None:
            return 0.0
        means, spreads = scores.mean(axis=1), scores.std(axis=1)
        return np.where(place > len(self.ends), self.slope * _standing(scores, means, spreads), 0.0)

    def pools(self, some: Int64[Array, " pairs"]) -> list[Float64[Array, " _"]]:
        """The differences of each stratum among some pairs; of all pairs where these have none."""
        scaled, stratum = self.scaled[:, some].ravel(), self.stratum[:, some].ravel()
        out = list[Array]()
        for place in range(len(self.ends) + 1 + (self.marks is not None)):
            pool = scaled[stratum == place]
            pool = pool if len(pool) else self.scaled[self.stratum == place]
            out.append(np.sort(pool if len(pool) else self.scaled.ravel()))
        return out

    def places(self, scores: Float64[Array, "q n"], block: slice) -> Int64[Array, "q n"]:
        """The stratum of every item."""
        order = np.argsort(-scores, axis=1)
        by_rank = _at_most(self.ends, np.arange(scores.shape[1], dtype=np.float64))
        place = np.empty(scores.shape, dtype=np.int64)
        np.put_along_axis(place, order, np.broadcast_to(by_rank, scores.shape), axis=1)
        if self.marks is not None:
            place[_marked(self.marks, block, scores.shape[1])] = len(self.ends) + 1
        return place


def _standing(
    scores: Float64[Array, "q n"], means: Float64[Array, " q"], spreads: Float64[Array, " q"]
) -> Float64[Array, "q n"]:
    """How many standard deviations above the query's mean score."""
    return (scores - means[:, None]) / np.where(spreads > 0, spreads, 1.0)[:, None]


def _spread_of_scores(
    mapped: Float32[Array, "n new"], queries: Float64[Array, "q new"]
) -> Float64[Array, " q"]:
    out = np.empty(len(queries))
    for block in _blocks(len(queries), len(mapped)):
        out[block] = scores_of(queries[block], mapped).std(axis=1)
    return out


def _slope(x: Float64[Array, " n"], y: Float64[Array, " n"]) -> float:
    """Of the line of least squares."""
    about: Array = x - x.mean()
    squares = float(np.dot(about, about))
    return float(np.dot(about, y)) / squares if squares > 0 else 0.0


def _marked(relevant: SparseRows, block: slice, items: int) -> Bool[Array, "q n"]:
    """Which items are relevant to some queries."""
    queries = relevant.shape[0]
    rows: Array = np.repeat(np.arange(queries), np.diff(relevant.indptr))
    some = (rows >= block.start) & (rows < block.stop) & (relevant.values > 0)
    out = np.zeros((min(block.stop, queries) - block.start, items), dtype=bool)
    out[rows[some] - block.start, relevant.indices[some]] = True
    return out


def _ends(above: Float64[Array, "q pairs"], k: int, items: int) -> Float64[Array, " ends"]:
    """Ranks that part the list so that enough known differences lie between them."""
    ranks: Array = np.sort(above, axis=None)
    ends, before, end = list[float](), 0, float(k)
    while end < items:
        count = int((ranks < end).sum())
        if count - before >= LEAST:
            ends.append(end)
            before = count
        end *= WIDER
    if ends and len(ranks) - before < LEAST:
        ends.pop()
    return np.array(ends)
