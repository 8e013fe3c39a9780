"""The truth: what a pair of vectors scores, in float64, summed in a fixed order.

Sums over coordinates run in eight lanes, coordinate ``c`` in lane ``c % 8``, which are then
halved; each product is rounded before it is added. So a pair scores the same to the last bit
whatever stands beside it, however many threads work, and whether the compiled part is there. A
measure's score is then rounded to float32, and that number is ranked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from anglewise.core.typing import Array, Float, Float32, Float64, Int, Int64
from anglewise.measures.formulas import Formula, Product
from anglewise.search.kernel import KERNEL

TOGETHER = 8192
"""Pairs whose coordinates NumPy gathers at once."""
LANES = 8
KINDS: tuple[Product, ...] = ("dot", "squared-distance", "manhattan")

kernel: ModuleType | None = KERNEL
_TERMS: tuple[Callable[[Array, Array], Array], ...] = (
    lambda q, x: q * x,
    lambda q, x: (q - x) * (q - x),
    lambda q, x: np.abs(q - x),
)


def norms(x: Float[Array, "n d"]) -> Float64[Array, " n"]:
    """Euclidean lengths."""
    total = np.zeros(len(x))
    if kernel is not None:
        kernel.squares(x, x.dtype == np.float64, x.shape[1], total)
        return np.sqrt(total)
    for start in range(0, len(x), TOGETHER):
        part = _lanes(x[start : start + TOGETHER])
        total[start : start + TOGETHER] = _halved(part * part)
    return np.sqrt(total)


@dataclass(frozen=True, eq=False)
class Lists:
    """Queries, and for each a list of rows (-1: none) whose products with it are wanted.

    A query may have several lists; ``kinds`` are numbers in ``KINDS``.
    """

    asking: Int64[Array, " lists"]
    kinds: Int[Array, " lists"]
    rows: Int[Array, "lists listed"]


def products(
    wanted: Lists,
    queries: Float64[Array, "q d"],
    items: Float[Array, "n d"],
    product: Float64[Array, "lists listed"],
    squares: Float64[Array, "lists listed"],
) -> None:
    """Write down the product of each pair, and the squared length of its item."""
    asking, kinds, rows = wanted.asking, wanted.kinds, wanted.rows
    if kernel is not None:
        wide, (d, listed) = items.dtype == np.float64, (items.shape[1], rows.shape[1])
        lists = asking, kinds.astype(np.int8), np.ascontiguousarray(rows, dtype=np.int32)
        kernel.products(wide, d, listed, queries, items, *lists, product, squares)
        return
    for kind, terms in enumerate(_TERMS):
        pairs = np.nonzero((rows >= 0) & (kinds == kind)[:, None])
        for start in range(0, len(pairs[0]), TOGETHER):
            at = pairs[0][start : start + TOGETHER], pairs[1][start : start + TOGETHER]
            q, x = _lanes(queries[asking[at[0]]]), _lanes(items[rows[at]])
            product[at] = _halved(terms(q, x))
            squares[at] = _halved(x * x)


def scores(
    formula: Formula,
    rows: Int[Array, "*pairs"],
    product: Float64[Array, "*pairs"],
    query_norms: Float64[Array, "*pairs"],
    item_norms: Float64[Array, "*pairs"],
) -> Float32[Array, "*pairs"]:
    """The score that is ranked: computed in float64, rounded once, without a negative zero."""
    with np.errstate(over="ignore"):
        there = rows.astype(np.int64, copy=False)
        score = formula.score_at(there, product, query_norms, item_norms)
        return score.astype(np.float32) + np.float32(0)


def _lanes(rows: Float[Array, "n d"]) -> Float64[Array, "steps lanes n"]:
    """The coordinates, eight at a time, padded with zeros."""
    n, d = rows.shape
    out = np.zeros((-(-d // LANES) * LANES, n))
    out[:d] = rows.T
    return out.reshape(-1, LANES, n)


def _halved(terms: Float64[Array, "steps lanes n"]) -> Float64[Array, " n"]:
    """The sum over steps, one after the other, then over lanes, half onto half."""
    total = np.zeros(terms.shape[1:])
    for step in terms:
        total += step
    while len(total) > 1:
        half = len(total) // 2
        total = total[:half] + total[half:]
    return total[0]
