"""Columns that carry nothing, one number throughout, or nearly everything."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array
from anglewise.diagnostics.blocks import blocks, column_means

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
