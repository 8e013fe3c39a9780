"""Exact MaxSim: a float32 pass over all items, then float64 for those that may be in the list.

The pass scores every item for every query in float32 and bounds what rounding may have done to the
score: the error of an inner product of ``d`` coordinates is at most ``d`` roundings of
``|q_i| |x_j|``, that of the sum over the query's tokens one more for each. Every item whose score
may reach the ``k``-th then is scored in float64: for each token of the query the products with
those tokens of the item whose float32 product is as near the largest as the error allows, in the
sums of :mod:`~anglewise.nearest_neighbours.ranking`. The maxima are added up from the smallest to
the largest, so that neither the order of tokens nor the number of threads moves a bit.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.memory import room
from anglewise.data_types.neighbours import rounded
from anglewise.data_types.token_vectors import TokenVectors
from anglewise.data_types.typing import Array, Bool, Float32, Float64, Int64
from anglewise.errors import ValuesError
from anglewise.nearest_neighbours import ranking
from anglewise.nearest_neighbours.ranking import Exclusions
from anglewise.nearest_neighbours.scanners import Workers
from anglewise.similarity_measures.formulas import Measure, in_lanes, summed

Candidates: TypeAlias = tuple[Float64[Array, " some"], Int64[Array, " some"]]
"""Exact scores of some items, and their rows."""
UNIT = 2.0**-24
"""The largest relative error of one float32 rounding."""
SMALLEST = 2.0**-149
"""What a product below float32's range may be off by."""
LARGEST = 1e37
"""Float32 scores stay below this."""
SCORE_BYTES = 1 << 27
"""What the float32 scores of the queries that are answered together may weigh."""
TABLE = 1 << 21
"""Products that NumPy forms at once, so that they stay in a cache."""
TILE = 4096
"""Item tokens that NumPy looks at together, at most."""
QUERY_TOKENS = 8192
"""Tokens of queries that are answered together, at most, unless one query has more."""
ROUNDING = 1e-11
"""More than rounding to twelve digits can move a score, as a share of it."""


@dataclass(frozen=True, eq=False)
class TokenItems:
    """Items ready for the pass.

    Attributes
    ----------
    longest
        Of each item the length of its longest token; 1 where each counts by its direction alone.
    weights
        What the products with each token are multiplied by, None for 1.
    heaviest
        The largest of the weights of each item.
    """

    side: TokenVectors
    longest: Float64[Array, " n"]
    weights: Float32[Array, " tokens"] | None
    heaviest: Float64[Array, " n"]

    @classmethod
    def of(cls, side: TokenVectors, *, unit: bool) -> "TokenItems":
        """Items as given, or with tokens of length one."""
        starts = side.offsets[:-1]
        if not unit:
            longest = np.maximum.reduceat(side.token_norms, starts)
            return cls(side, longest, None, np.ones(len(side)))
        weights = inverse(side.token_norms).astype(np.float32)
        heaviest = np.maximum.reduceat(weights.astype(np.float64), starts)
        return cls(side, np.ones(len(side)), weights, heaviest)


@dataclass(frozen=True, eq=False)
class TokenQueries:
    """Queries ready for the pass: their tokens one after the other, in float32 and exactly.

    Attributes
    ----------
    flat
        What is multiplied in the pass: the tokens, or these brought to length one.
    exact
        The tokens in float64.
    inverse
        One over the length of each, where it counts by its direction alone; else None.
    lengths
        What each token may add to a score: its length, or 1.
    ends
        Where the tokens of each query begin, and where the last ones end.
    """

    flat: Float32[Array, "tokens d"]
    exact: Float64[Array, "tokens d"]
    inverse: Float64[Array, " tokens"] | None
    lengths: Float64[Array, " tokens"]
    ends: Int64[Array, " q_and_one"]

    @classmethod
    def of(cls, side: TokenVectors, rows: Int64[Array, " q"], *, unit: bool) -> "TokenQueries":
        """Some rows of those who ask."""
        tokens, ends = side.listed(rows)
        flat, norms = side.tokens[tokens], side.token_norms[tokens]
        exact = flat.astype(np.float64)
        if not unit:
            return cls(flat, exact, None, norms, ends)
        own = inverse(norms)
        flat = (exact * own[:, None]).astype(np.float32)
        return cls(flat, exact, own, (norms > 0).astype(np.float64), ends)

    def of_query(self, query: int) -> slice:
        """The tokens of one query."""
        return slice(int(self.ends[query]), int(self.ends[query + 1]))


def inverse(norms: Float64[Array, " tokens"]) -> Float64[Array, " tokens"]:
    """One over each length; 0 of a zero vector."""
    return np.where(norms > 0, 1 / np.where(norms > 0, norms, 1.0), 0.0)


def nearest_tokens(
    ranked: TokenVectors,
    asking: TokenVectors,
    measure: Measure,
    *,
    rows: Int64[Array, " q"],
    exclusions: Exclusions,
    k: int,
    pool: Workers,
    put: Callable[[int, Candidates], None],
) -> None:
    """Hand over, for each query, the scores of items among which its ``k`` best and their ties are.

    Raises ``ValuesError`` for vectors so long that float32 cannot hold their scores.
    """
    unit = str(measure) != "maxsim"
    items = TokenItems.of(ranked, unit=unit)
    budget = min(SCORE_BYTES, max(1, room() // 8))
    for span in _query_blocks(asking.counts[rows], max(1, budget // (4 * len(ranked)))):
        queries = TokenQueries.of(asking, rows[span.start : span.stop], unit=unit)
        _check_range(items, queries)
        scores = _float32_scores(items, queries, pool)
        hidden = exclusions.block(span)

        def answered(
            query: int, queries: Any = queries, scores: Any = scores, hidden: Any = hidden
        ) -> Candidates:
            own = hidden.indices[hidden.indptr[query] : hidden.indptr[query + 1]]
            scores[query, own] = -np.inf
            chosen = _may_be_best(items, queries, query, scores[query], k)
            return rounded(_summed(_maxima(items, queries, query, chosen))), chosen

        for query, candidates in enumerate(pool.map_(answered, range(len(span)))):
            put(span.start + query, candidates)


def _query_blocks(counts: Int64[Array, " q"], most: int) -> Iterator[range]:
    """Neighbouring queries, no more than ``most`` and of no more than ``QUERY_TOKENS`` together.

    >>> list(_query_blocks(np.array([8000, 100, 300, 9000]), 2))
    [range(0, 2), range(2, 3), range(3, 4)]
    """
    ends, start = np.concatenate([[0], np.cumsum(counts)]), 0
    while start < len(counts):
        last = int(ends[start]) + QUERY_TOKENS
        stop = int(np.searchsorted(ends, last, side="right")) - 1
        stop = min(max(stop, start + 1), start + most)
        yield range(start, stop)
        start = stop


def pair_scores(
    ranked: TokenVectors,
    asking: TokenVectors,
    measure: Measure,
    queries: Int64[Array, " pairs"],
    rows: Int64[Array, " pairs"],
) -> Float64[Array, " pairs"]:
    """The exact score of pairs of a query and an item; pairs of one query stand together.

    >>> from anglewise.similarity_measures.measure import measure
    >>> side = TokenVectors([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 1.0]]])
    >>> pair_scores(side, side, measure("maxsim"), np.array([0, 0]), np.array([0, 1])).tolist()
    [5.0, 5.0]
    """
    unit = str(measure) != "maxsim"
    items, scores = TokenItems.of(ranked, unit=unit), np.empty(len(rows))
    edges = np.flatnonzero(np.diff(queries, prepend=-1, append=-1))
    for start, stop in pairwise(edges.tolist()):
        query = TokenQueries.of(asking, queries[start : start + 1], unit=unit)
        _check_range(items, query)
        scores[start:stop] = _summed(_maxima(items, query, 0, rows[start:stop]))
    return scores


def _summed(maxima: Float64[Array, "some tokens"]) -> Float64[Array, " some"]:
    """The sums from the smallest to the largest, one after the other."""
    return np.cumsum(np.sort(maxima, axis=1), axis=1)[:, -1]


def _check_range(items: TokenItems, queries: TokenQueries) -> None:
    """Refuse lengths whose scores may go beyond what float32 holds."""
    largest = float(items.longest.max()) * float(queries.lengths.sum())
    if largest > LARGEST:
        raise ValuesError(
            f"scores may reach {largest:.2g}, beyond what float32 holds: divide all token vectors "
            "by one number, or take maxsim-cosine"
        )


def _float32_scores(
    items: TokenItems, queries: TokenQueries, pool: Workers
) -> Float32[Array, "q n"]:
    """The score of every query with every item, each up to what ``_reach`` says."""
    count = len(items.side)
    scores = np.empty((len(queries.ends) - 1, count), dtype=np.float32)
    edges = np.searchsorted(
        items.side.offsets, np.linspace(0, len(items.side.tokens), pool.threads + 1)
    )
    edges[0], edges[-1] = 0, count
    parts = [range(int(a), int(b)) for a, b in pairwise(edges) if b > a]
    if ranking.kernel is None:
        list(pool.map_(lambda part: _score_numpy(items, queries, part, scores), parts))
        return scores
    packed = _packed(queries.flat, ranking.kernel.TOKENS)
    list(pool.map_(lambda part: _score_compiled(items, queries.ends, packed, part, scores), parts))
    return scores


def _packed(flat: Float32[Array, "tokens d"], together: int) -> Float32[Array, "blocks d lanes"]:
    """Query tokens side by side, coordinate after coordinate, padded with zeros."""
    tokens, d = flat.shape
    out = np.zeros((-(-tokens // together), together, d), dtype=np.float32)
    out.reshape(-1, d)[:tokens] = flat
    return np.ascontiguousarray(out.transpose(0, 2, 1))


def _score_compiled(
    items: TokenItems,
    query_ends: Int64[Array, " q_and_one"],
    packed: Float32[Array, "blocks d lanes"],
    part: range,
    scores: Float32[Array, "q n"],
) -> None:
    kernel: Any = ranking.kernel
    offsets = items.side.offsets[part.start : part.stop + 1]
    at = slice(int(offsets[0]), int(offsets[-1]))
    kernel.maxsim(
        items.side.dimension,
        scores.shape[1],
        packed,
        items.side.tokens[at],
        offsets - offsets[0],
        b"" if items.weights is None else items.weights[at],
        query_ends,
        scores.reshape(-1)[part.start :],
    )


def _score_numpy(
    items: TokenItems, queries: TokenQueries, part: range, scores: Float32[Array, "q n"]
) -> None:
    for start, stop in _tiles(items.side.offsets, part, TABLE // len(queries.flat)):
        ends = items.side.offsets[start : stop + 1]
        table = items.side.tokens[ends[0] : ends[-1]] @ queries.flat.T
        if items.weights is not None:
            table *= items.weights[ends[0] : ends[-1], None]
        edges = pairwise((ends - ends[0]).tolist())  # item by item: reduceat takes twice as long
        most = np.stack([table[a:b].max(axis=0) for a, b in edges])
        scores[:, start:stop] = np.add.reduceat(most, queries.ends[:-1], axis=1).T


def _tiles(
    offsets: Int64[Array, " n_and_one"], part: range, tokens: int
) -> Iterator[tuple[int, int]]:
    """Items that stand side by side and have so many tokens together, or one that has more.

    >>> list(_tiles(np.array([0, 400, 450, 900]), range(3), 500))
    [(0, 2), (2, 3)]
    """
    start = part.start
    while start < part.stop:
        most = int(offsets[start]) + min(TILE, tokens)
        stop = int(np.searchsorted(offsets, most, side="right")) - 1
        stop = min(max(stop, start + 1), part.stop)
        yield start, stop
        start = stop


def _share(d: int, tokens: int) -> float:
    """The error of a float32 score as a share of the lengths; with room for what came before."""
    return 1.05 * UNIT * (d + tokens + 16)


def _least(items: TokenItems, d: int, tokens: int) -> Float64[Array, " n"]:
    """What products below float32's range add to the error, for each item."""
    return 2 * SMALLEST * (d + 1) * tokens * (1 + items.heaviest) * (1 + items.longest)


def _may_be_best(
    items: TokenItems,
    queries: TokenQueries,
    query: int,
    scores: Float32[Array, " n"],
    k: int,
) -> Int64[Array, " some"]:
    """The items of which some may be among the ``k`` best, and all that tie with the last."""
    lengths = queries.lengths[queries.of_query(query)]
    d, tokens = items.side.dimension, len(lengths)
    reach = _share(d, tokens) * lengths.sum() * items.longest + _least(items, d, tokens)
    least: Float64[Array, " n"] = scores - reach
    at = len(least) - k
    cut: float = np.partition(least, at)[at].item()
    cut -= ROUNDING * abs(cut) if math.isfinite(cut) else 0.0
    may: Bool[Array, " n"] = (scores + reach >= cut) & (scores > -np.inf)
    return np.flatnonzero(may).astype(np.int64)


def _maxima(
    items: TokenItems, queries: TokenQueries, query: int, chosen: Int64[Array, " some"]
) -> Float64[Array, "some tokens"]:
    """For each chosen item the largest exact value of each token of a query."""
    at, d = queries.of_query(query), items.side.dimension
    lengths = queries.lengths[at]
    reach = _share(d, 1) * lengths
    longest, least = items.longest[chosen], _least(items, d, 1)[chosen]
    maxima = np.empty((len(chosen), len(lengths)))
    if ranking.kernel is not None and len(chosen):
        ranking.kernel.largest_exact(
            d,
            _packed(queries.flat[at], ranking.kernel.TOKENS),
            items.side.tokens,
            items.side.offsets,
            b"" if items.weights is None else items.weights,
            chosen,
            queries.exact[at],
            b"" if queries.inverse is None else queries.inverse[at],
            reach,
            longest,
            least,
            maxima,
        )
        return maxima
    tokens, ends = items.side.listed(chosen)
    for start, stop in _tiles(ends, range(len(chosen)), TABLE // len(lengths)):
        own = tokens[ends[start] : ends[stop]]
        starts = ends[start:stop] - ends[start]
        table = items.side.tokens[own] @ queries.flat[at].T
        if items.weights is not None:
            table *= items.weights[own, None]
        margin = 2 * (longest[start:stop, None] * reach + least[start:stop, None])
        limit = np.maximum.reduceat(table, starts, axis=0) - margin
        item_of = np.repeat(np.arange(stop - start), np.diff(ends[start : stop + 1]))
        near = np.nonzero(table >= limit[item_of])
        most = np.full((stop - start, len(lengths)), -np.inf)
        exact = _exact(items, queries, own[near[0]], at.start + near[1])
        np.maximum.at(most, (item_of[near[0]], near[1]), exact)
        maxima[start:stop] = most
    return maxima


def _exact(
    items: TokenItems,
    queries: TokenQueries,
    tokens: Int64[Array, " pairs"],
    asking: Int64[Array, " pairs"],
) -> Float64[Array, " pairs"]:
    """The exact value of pairs of an item's token and a query's, in the fixed order of sums."""
    values = np.empty(len(tokens))
    for start in range(0, len(tokens), ranking.TOGETHER):
        some = slice(start, start + ranking.TOGETHER)
        x, q = in_lanes(items.side.tokens[tokens[some]]), in_lanes(queries.exact[asking[some]])
        values[some] = summed(q * x)
        if queries.inverse is not None:
            values[some] *= queries.inverse[asking[some]] * inverse(np.sqrt(summed(x * x)))
    return values
