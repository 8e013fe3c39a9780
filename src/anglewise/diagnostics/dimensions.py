"""Dimensions: columns that carry nothing or everything, and whether unit norms fix the gauge."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Float64
from anglewise.diagnostics.isotropy import EPSILON, blocks, column_means, unit

FEWEST_ROWS = 3
"""With fewer rows than this a column is constant by chance."""

DOMINATES = 10
"""A column dominates when its mean square is so many times that of the others."""


@dataclass(frozen=True)
class Dimensions:
    """What single columns do; columns are counted from 0.

    Attributes
    ----------
    dimension
        How many columns there are.
    zero
        Columns that are 0 in every row.
    constant
        Columns that hold one other number in every row, as a bias does; none where there are
        fewer than three rows.
    faint
        Columns that vary, but no more than float32 rounds: by less than ``2^-23`` of their own
        mean or of the largest deviation of any column.
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

    >>> found = dimensions(Embeddings([[1.0, 0.0, 7.0], [2.0, 0.0, 7.0], [3.0, 0.0, 7.0]]))
    >>> found.zero, found.constant, [(j, round(share, 3)) for j, share in found.dominating]
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


def _columns(which: Array) -> tuple[int, ...]:
    return tuple(int(j) for j in np.flatnonzero(which))


LARGEST = 5_000
"""Products of coordinates that are checked: up to d = 99. More would take minutes."""


@dataclass(frozen=True)
class RankCondition:
    """Whether the products of item coordinates span all symmetric matrices.

    Attributes
    ----------
    satisfied
        True: proved beyond the rounding of float32. False: they do not, or no further than that
        rounding reaches. None: not known.
    rank, due
        Dimensions spanned, as far as looked (None: not looked), and ``d (d + 1) / 2``.
    rows
        Rows looked at.
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
    model whose loss held its items at length one while it was trained is determined up to
    rotations; to rows that were brought to length one afterwards this does not apply.

    Zero rows are left out and lengths do not matter. Rank is counted after the rows were made
    round by a linear map, which does not change it. From more rows than are needed twice a sample
    is drawn by ``rng``.

    >>> rank_condition(Embeddings(np.eye(2)), np.random.default_rng(0)).satisfied
    False
    >>> found = rank_condition(Embeddings([[1.0, 0], [0, 1], [1, 1]]), np.random.default_rng(0))
    >>> found.satisfied, found.rank, found.due
    (True, 3, 3)
    """
    d = embeddings.dimension
    due = d * (d + 1) // 2
    there = np.flatnonzero(embeddings.norms)
    held = _span(embeddings)
    most = held * (held + 1) // 2
    if held < d:
        why = f"the rows span {held} of {d} dimensions, so at most {most:,} of {due:,} products"
        return RankCondition(False, None, due, len(there), why)
    if len(there) < due:
        why = f"{len(there):,} rows that are not zero cannot span {due:,} products of coordinates"
        return RankCondition(False, None, due, len(there), why)
    if due > LARGEST:
        why = f"not checked: {due:,} products of {d} coordinates are more than {LARGEST:,}"
        return RankCondition(None, None, due, 0, why)
    taken = len(there) > 2 * due
    rows = np.sort(rng.choice(there, size=2 * due, replace=False)) if taken else there
    rank = _rank(unit(embeddings.vectors[rows].astype(np.float64)))
    return _verdict(rank, due, len(rows), len(there))


def _verdict(rank: int, due: int, rows: int, there: int) -> RankCondition:
    if rank == due:
        why = f"{rows:,} rows span all {due:,} products of coordinates"
        return RankCondition(True, rank, due, rows, why)
    why = f"{rows:,} rows span {rank:,} of {due:,} products of coordinates"
    if rows == there:
        return RankCondition(False, rank, due, rows, f"{why}, beyond the rounding of float32")
    return RankCondition(None, rank, due, rows, f"{why}; the other {there - rows:,} may add to it")


def _span(embeddings: Embeddings) -> int:
    """How many directions the unit rows have that float32 rounding cannot have made."""
    gram, n = np.zeros((embeddings.dimension, embeddings.dimension)), 0
    for block in blocks(embeddings.vectors):
        directions = unit(block)
        gram += directions.T @ directions
        n += len(directions)
    return int((np.linalg.eigvalsh(gram) > _noise(n, len(gram))).sum())


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
    squares, turn = np.linalg.eigh(rows.T @ rows)
    if squares[0] <= _noise(n, d):
        return 0
    s = np.sqrt(squares)
    w = np.sqrt(n) * (rows @ turn) / s
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
        part = w[start : start + 1024]
        products = part[:, above] * part[:, below] * weight
        total += products.T @ products
    return total
