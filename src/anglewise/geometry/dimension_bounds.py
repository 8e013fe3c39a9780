"""How few dimensions cannot hold given relevance sets: lower bounds, each with its proof.

A table of signs says of each query and item whether the item is relevant (1), is to stand below all
that are (-1), or is not compared (0). ``d`` dimensions hold the table if there are vectors ``q_i``
and ``x_j`` of ``d`` numbers such that ``q_i . x_j > q_i . x_k`` wherever ``S_ij = 1`` and
``S_ik = -1``. Cosine ranks as ``q_i . x_j`` with items of length one, so that what is impossible
here is impossible for it; of distance it is so in one dimension less, as
``-|q - x|^2 = (2q, -1) . (x, |x|^2) - |q|^2``.

Between the last relevant and the first other score there is room for a threshold ``t_i``, so that
``(q_i, -t_i) . (x_j, 1)`` has the signs of ``S``: a sign rank of at most ``d + 1`` (Weller and
others, arXiv 2508.21038, proposition 2). A bound for some queries and items holds for all.
"""

from dataclasses import dataclass
from math import ceil, comb
from typing import Literal, TypeAlias

import numpy as np

from anglewise.data_types.typing import Array, Int64, Shaped

Signs: TypeAlias = Shaped[Array, "rows columns"]
"""1, -1 and 0 as int8."""

CANDIDATES, BEAM, LONGEST = 48, 12, 20
"""Columns that are tried, groups of columns that are kept, and columns of the largest group."""
SIDE = 500
"""Rows and columns of the largest table whose spectral norm is computed."""


@dataclass(frozen=True)
class DimensionBound:
    """A number of dimensions that cannot hold a table, and why.

    Attributes
    ----------
    impossible
        No embedding of so many dimensions, or fewer, holds the table; 0 where nothing is proven.
    proof
        ``counting`` or ``spectral``; ``none`` where nothing is proven.
    columns
        The columns of the table that the proof is about.
    ways, allowed
        By counting: in how many ways the queries part these columns, and in how many
        ``impossible`` dimensions could.
    sign_rank
        By the spectral norm: the bound on the sign rank.
    """

    impossible: int
    proof: Literal["counting", "spectral", "none"]
    columns: tuple[int, ...] = ()
    ways: int | None = None
    allowed: int | None = None
    sign_rank: float | None = None


def lower_bound(signs: Signs) -> DimensionBound:
    """The better of both bounds.

    All pairs of six items, each pair relevant to one query:

    >>> from itertools import combinations
    >>> pairs = np.array(list(combinations(range(6), 2)))
    >>> signs = np.full((15, 6), -1, dtype=np.int8)
    >>> signs[np.arange(15)[:, None], pairs] = 1
    >>> bound = lower_bound(signs)
    >>> bound.impossible, bound.ways, bound.allowed
    (3, 16, 15)
    """
    bounds = [counting_bound(signs), spectral_bound(signs)]
    return max(bounds, key=lambda bound: bound.impossible)


def parts_allowed(points: int, dimension: int) -> int:
    """In how many ways affine hyperplanes can part so many points, two halves being one way.

    At most ``sum_{i <= d} C(n - 1, i)``: each point cuts the space of ``(q, t)``, which has
    ``d + 1`` dimensions, by a hyperplane through the origin, and ``n`` of these leave at most twice
    as many cells (Schlaefli; Cover, IEEE Trans. Electronic Computers 14, 1965, theorem 1). The
    points may stand anywhere.

    >>> parts_allowed(4, 2), parts_allowed(5, 3)
    (7, 15)
    """
    return sum(comb(points - 1, i) for i in range(dimension + 1))


def counting_bound(signs: Signs) -> DimensionBound:
    """Some columns that the rows part in more ways than few dimensions allow.

    Of a group of ``n`` columns every row without a 0 there is a way to part it, and so is the way
    that parts nothing, by a threshold above all. Different ways lie in different cells of
    ``parts_allowed``, a way and its opposite in opposite ones: if there are more ways than
    ``parts_allowed(n, d)``, then ``d`` dimensions cannot hold the rows. For ``n = d + 2`` this is
    Radon's theorem: one way of parting ``d + 2`` points is open to no hyperplane.

    The groups are grown by a beam search from the columns with the most entries on their rarer
    side; another group might prove more, none can prove what is false.

    >>> counting_bound(np.array([[1, -1], [-1, 1]], dtype=np.int8)).impossible
    0
    """
    best = DimensionBound(0, "none")
    if not signs.size:
        return best
    positive, negative = (signs == 1).sum(axis=0), (signs == -1).sum(axis=0)
    order = np.argsort(-np.minimum(positive, negative), kind="stable")[:CANDIDATES]
    known = (signs[:, order] != 0).T
    bits = (signs[:, order] == 1).T.astype(np.int64)
    beam: list[tuple[tuple[int, ...], Int64[Array, " rows"], Shaped[Array, " rows"]]] = [
        ((i,), bits[i], known[i]) for i in range(min(BEAM, len(order)))
    ]
    for length in range(2, min(LONGEST, len(order)) + 1):
        grown = _grown(beam, bits, known, length)
        if not grown:
            break
        ways, group = grown[0]
        impossible = _impossible(ways, length)
        if impossible > best.impossible:
            best = DimensionBound(
                impossible,
                "counting",
                tuple(sorted(int(order[i]) for i in group)),
                ways,
                parts_allowed(length, impossible),
            )
        if len(signs) + 1 <= parts_allowed(length + 1, best.impossible + 1):
            break  # so few rows part no longer group in more ways than are allowed
        beam = [(g, *_coded(g, bits, known)) for _, g in grown[:BEAM]]
    return best


def _grown(
    beam: list[tuple[tuple[int, ...], Int64[Array, " rows"], Shaped[Array, " rows"]]],
    bits: Int64[Array, "columns rows"],
    known: Shaped[Array, "columns rows"],
    length: int,
) -> list[tuple[int, tuple[int, ...]]]:
    """Groups with one more column each, those that are parted in most ways first."""
    ways: dict[tuple[int, ...], int] = {}
    for group, codes, complete in beam:
        for column in range(len(bits)):
            longer = tuple(sorted((*group, column)))
            if column not in group and longer not in ways:
                there = complete & known[column]
                longer_codes = codes[there] * 2 + bits[column][there]
                ways[longer] = _ways(longer_codes, length)
    return sorted(((count, group) for group, count in ways.items()), key=lambda g: (-g[0], g[1]))


def _coded(
    group: tuple[int, ...], bits: Int64[Array, "columns rows"], known: Shaped[Array, "columns rows"]
) -> tuple[Int64[Array, " rows"], Shaped[Array, " rows"]]:
    codes = np.zeros(bits.shape[1], dtype=np.int64)
    complete = np.ones(bits.shape[1], dtype=bool)
    for column in group:
        codes = codes * 2 + bits[column]
        complete &= known[column]
    return codes, complete


def _ways(codes: Int64[Array, " rows"], length: int) -> int:
    """Different codes, one and its opposite being the same, with that of no entry."""
    opposite = 2**length - 1 - codes
    return len(np.unique(np.append(np.minimum(codes, opposite), 0)))


def _impossible(ways: int, length: int) -> int:
    """The most dimensions that part so many points in fewer ways; 0 if even one has enough."""
    dimension = 0
    while ways > parts_allowed(length, dimension + 1):
        dimension += 1
    return dimension


def spectral_bound(signs: Signs) -> DimensionBound:
    """Forster's bound: a table whose spectral norm is small has a large sign rank.

    If the signs of an ``m x n`` table have rank ``r``, there are unit vectors of ``r`` numbers with
    ``S_ij u_i . v_j > 0`` and ``sum_j v_j v_j' = (n / r) I`` (Forster, JCSS 65, 2002). For any
    ``A`` with the signs of ``S`` and ``|A_ij| >= 1``, then ``m n / r = sum_ij (u_i . v_j)^2 <=
    sum_ij A_ij u_i . v_j <= |A| sqrt(m n)``, since ``|u_i . v_j| <= 1``: ``r >= sqrt(m n) / |A|``,
    and ``d >= r - 1``. Taken are ``A = S`` and an ``A`` whose rows sum to 0, of the columns and
    rows that are most even; rows with a 0 stay out. The norm is rounded up by far more than its
    error.

    >>> from scipy.linalg import hadamard
    >>> bound = spectral_bound(hadamard(64).astype(np.int8))
    >>> bound.impossible, round(bound.sign_rank, 3)
    (6, 8.0)
    """
    nothing = DimensionBound(0, "none")
    complete = signs[(signs != 0).all(axis=1)]
    if not complete.size:
        return nothing
    even = np.abs(complete.sum(axis=0, dtype=np.int64))
    columns = np.sort(np.argsort(even, kind="stable")[:SIDE])
    table = np.unique(complete[:, columns], axis=0).astype(np.float64)
    table = table[np.argsort(np.abs(table.sum(axis=1)), kind="stable")[:SIDE]]
    ranks = [
        np.sqrt(weighted.size) / (np.linalg.norm(weighted, 2) * (1 + 1e-9))
        for weighted in (table, _even_rows(table))
    ]
    sign_rank = float(max(ranks))
    impossible = ceil(sign_rank - 1e-6) - 2
    if impossible < 1:
        return nothing
    return DimensionBound(
        impossible, "spectral", tuple(int(j) for j in columns), sign_rank=sign_rank
    )


def _even_rows(table: Array) -> Array:
    """Weights of at least 1 on the rarer sign of every row, so that the row sums to 0."""
    positive = (table > 0).sum(axis=1, keepdims=True)
    negative = table.shape[1] - positive
    rarer = np.minimum(positive, negative)
    weight = np.where(rarer > 0, np.maximum(positive, negative) / np.maximum(rarer, 1), 1.0)
    is_rarer = (table > 0) == (positive <= negative)
    return np.where(is_rarer, table * weight, table)
