"""Dimensions: columns that carry nothing or everything, and whether unit norms fix the gauge."""

from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.typing import Array, Float64
from anglewise.geometry.isotropy import EPSILON, blocks, column_means, unit

FEWEST_ROWS = 3
"""With fewer rows than this a column may be constant by chance."""

DOMINATES = 10
"""A column dominates when its mean square is at least so many times that of the others."""


@dataclass(frozen=True)
class Dimensions:
    """Columns that carry nothing, or nearly everything; counted from 0.

    Attributes
    ----------
    dimension
        How many columns there are.
    zero
        Columns that are 0 in every row.
    constant
        Columns that hold the same number, not 0, in every row, as a bias does; none where there
        are fewer than three rows.
    faint
        Columns that vary by no more than the rounding of float32: ``2^-23`` times their own mean
        or the largest deviation of any column.
    dominating
        Columns with a mean square at least ten times the mean of all others, the largest first,
        each with its share of the total squared length.
    largest, largest_share
        The column with the largest share, and that share; None if all is 0.
    """

    dimension: int
    zero: tuple[int, ...]
    constant: tuple[int, ...]
    faint: tuple[int, ...]
    dominating: tuple[tuple[int, float], ...]
    largest: int | None
    largest_share: float | None


def dimensions(embeddings: Embeddings) -> Dimensions:
    """Dead, constant, faint and dominating columns of one side.

    Shares are ``sum_i x_ij^2 / sum_ij x_ij^2``.

    >>> columns = dimensions(Embeddings([[1.0, 0.0, 7.0], [2.0, 0.0, 7.0], [3.0, 0.0, 7.0]]))
    >>> columns.zero, columns.constant, [(j, round(share, 3)) for j, share in columns.dominating]
    ((1,), (2,), [(2, 0.913)])
    """
    x = embeddings.vectors
    mean = column_means(x)
    squares, deviations, same = _sums(x, mean)
    zero = squares == 0
    constant = same & ~zero & (len(x) >= FEWEST_ROWS)
    faint = ~same & (deviations <= _rounding(mean, deviations))
    total = squares.sum()
    shares = squares / total if total else squares
    others = (total - squares) / max(len(squares) - 1, 1)
    strong = np.flatnonzero((squares >= DOMINATES * others) & (squares > 0) & (len(squares) > 1))
    largest = int(shares.argmax())
    return Dimensions(
        dimension=len(squares),
        zero=_columns(zero),
        constant=_columns(constant),
        faint=_columns(faint),
        dominating=tuple((int(j), float(shares[j])) for j in strong[np.argsort(-shares[strong])]),
        largest=largest if total else None,
        largest_share=float(shares[largest]) if total else None,
    )


def _sums(x: Array, mean: Array) -> tuple[Array, Array, Array]:
    """Of each column: sum of squares, standard deviation, whether it holds one number."""
    squares, about_mean = np.zeros(len(mean)), np.zeros(len(mean))
    same = np.ones(len(mean), dtype=bool)
    for block in blocks(x):
        same &= (block == x[0]).all(axis=0)
        squares += np.einsum("ij,ij->j", block, block)
        moved = block - mean
        about_mean += np.einsum("ij,ij->j", moved, moved)
    return squares, np.sqrt(about_mean / len(x)), same


def _rounding(mean: Array, deviations: Array) -> Array:
    return np.finfo(np.float32).eps * np.maximum(np.abs(mean), deviations.max())


def _columns(mask: Array) -> tuple[int, ...]:
    return tuple(int(j) for j in np.flatnonzero(mask))


LARGEST = 5_000
"""Products of coordinates that are checked at most (d = 99): more would take minutes."""


@dataclass(frozen=True)
class RankCondition:
    """Whether the products of item coordinates span all symmetric matrices.

    Attributes
    ----------
    satisfied
        True: they do, beyond the rounding of float32. False: they do not, or only within that
        rounding. None: not known.
    rank, due
        Dimensions that the products of these rows span (None: not computed), and the
        ``d (d + 1) / 2`` that are needed.
    rows
        Rows that were used.
    reason
        Why, in a sentence.
    """

    satisfied: bool | None
    rank: int | None
    due: int
    rows: int
    reason: str


def rank_condition(embeddings: Embeddings, rng: np.random.Generator) -> RankCondition:
    """Whether only rotations keep every row at length one.

    A map ``A`` keeps all ``|A b_i| = 1`` if and only if ``b_i' (A'A - I) b_i = 0``. If the
    ``b_i b_i'`` span the symmetric matrices, that is rank ``d (d + 1) / 2``, then ``A'A = I``. So a
    model that was trained on items of length one is determined up to rotations. Nothing follows
    for rows that were brought to length one afterwards.

    Zero rows are left out and lengths do not matter. The rows are whitened first, which does not
    change the rank. Where there are more than twice as many rows as are needed, ``rng`` draws a
    sample of them.

    >>> rank_condition(Embeddings(np.eye(2)), np.random.default_rng(0)).satisfied
    False
    >>> condition = rank_condition(Embeddings([[1.0, 0], [0, 1], [1, 1]]), np.random.default_rng(0))
    >>> condition.satisfied, condition.rank, condition.due
    (True, 3, 3)
    """
    d = embeddings.dimension
    needed = d * (d + 1) // 2
    rows = np.flatnonzero(embeddings.norms)
    span = _span(embeddings)
    reachable = span * (span + 1) // 2
    if span < d:
        reason = (
            f"the rows span {span} of {d} dimensions, so at most {reachable:,} of {needed:,} "
            "products"
        )
        return RankCondition(False, None, needed, len(rows), reason)
    if len(rows) < needed:
        reason = (
            f"{len(rows):,} rows that are not zero cannot span {needed:,} products of coordinates"
        )
        return RankCondition(False, None, needed, len(rows), reason)
    if needed > LARGEST:
        reason = f"not checked: {needed:,} products of {d} coordinates are more than {LARGEST:,}"
        return RankCondition(None, None, needed, 0, reason)
    sampled = len(rows) > 2 * needed
    chosen = np.sort(rng.choice(rows, size=2 * needed, replace=False)) if sampled else rows
    rank = _rank(unit(embeddings.vectors[chosen].astype(np.float64)))
    return _verdict(rank, needed, len(chosen), len(rows))


def _verdict(rank: int, needed: int, rows: int, available: int) -> RankCondition:
    """What the rank of some rows says, of so many as are available."""
    if rank == needed:
        reason = f"{rows:,} rows span all {needed:,} products of coordinates"
        return RankCondition(True, rank, needed, rows, reason)
    reason = f"{rows:,} rows span {rank:,} of {needed:,} products of coordinates"
    if rows == available:
        return RankCondition(False, rank, needed, rows, f"{reason}, beyond the rounding of float32")
    reason = f"{reason}; the other {available - rows:,} may add to it"
    return RankCondition(None, rank, needed, rows, reason)


def _span(embeddings: Embeddings) -> int:
    """How many directions the unit rows have that float32 rounding cannot have made."""
    dimension = embeddings.dimension
    if len(embeddings) < dimension:
        directions = unit(embeddings.vectors.astype(np.float64))
        gram, n = directions @ directions.T, len(directions)
    else:
        gram, n = np.zeros((dimension, dimension)), 0
        for block in blocks(embeddings.vectors):
            directions = unit(block)
            gram += directions.T @ directions
            n += len(directions)
    return int((np.linalg.eigvalsh(gram) > _noise(n, dimension)).sum())


def _noise(n: int, d: int) -> float:
    """The largest square of a singular value that rounding makes in ``n`` unit rows."""
    return n * (EPSILON / 2) ** 2 + n * d * float(np.finfo(np.float64).eps)


def _rank(rows: Float64[Array, "rows d"]) -> int:
    """The rank of ``b b'`` over unit rows ``b``: eigenvalues that no rounding can have made.

    With the singular values ``s`` of the rows, ``w = sqrt(n) b V / s`` has ``W'W = n I``. Rounding
    moved ``b`` by at most ``e = 2^-24``, hence ``w`` by ``v = sqrt(n) e / s_min`` and ``w w'`` by
    ``2 v |w| + v^2``; by Weyl no singular value of the table of ``w w'`` moved by more than the
    root of the sum of their squares.
    """
    n, d = rows.shape
    squares, eigenvectors = np.linalg.eigh(rows.T @ rows)
    if squares[0] <= _noise(n, d):
        return 0
    s = np.sqrt(squares)
    w = np.sqrt(n) * (rows @ eigenvectors) / s
    lengths = np.sqrt(np.einsum("ij,ij->i", w, w))
    v = np.sqrt(n) * EPSILON / 2 / s[0]
    moved = float(np.square(2 * v * lengths + v**2).sum())
    gram = _gram_of_products(w)
    floor = moved + d * (d + 1) / 2 * np.finfo(np.float64).eps * float(np.trace(gram))
    try:  # far cheaper than eigenvalues, and a proof: it exists for positive matrices alone
        np.linalg.cholesky(gram - floor * np.eye(len(gram)))
    except np.linalg.LinAlgError:
        return int((np.linalg.eigvalsh(gram) > floor).sum())
    return len(gram)


def _gram_of_products(w: Float64[Array, "rows d"]) -> Float64[Array, "m m"]:
    """``sum_i vech(w_i w_i') vech(w_i w_i')'``, off-diagonal entries times root 2."""
    above, below = np.triu_indices(w.shape[1])
    weight = np.where(above == below, 1.0, np.sqrt(2))
    total = np.zeros((len(above), len(above)))
    for start in range(0, len(w), 1024):
        block = w[start : start + 1024]
        products = block[:, above] * block[:, below] * weight
        total += products.T @ products
    return total
