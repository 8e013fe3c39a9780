"""Items, a tile at a time: moved into the frame, ordered by length, with weights and biases.

Neighbouring columns of a tile have nearly the same length, so their weights and biases are
nearly the same too, and one number can say for a whole block of columns which inner product
would be of interest under any measure: the test that lets five measures cost one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anglewise.embeddings import Embeddings
from anglewise.search.bound import Reach
from anglewise.search.exact import moved
from anglewise.search.plan import Pass
from anglewise.typing import Array, Float32, Float64, Int64

LARGE = np.float32(1e38)
"""Stands for the inverse of a weight of zero."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Some items, ready for a float32 pass; columns beyond the items are padded.

    ``rows`` says which row of the ranked side stands in each column (-1: padding, whose bias is
    minus infinity). A block is ``block`` neighbouring columns; ``bias_of_block`` is its largest
    bias, ``least_step`` and ``most_step`` are one over its largest and least weight.
    """

    block: int
    rows: Int64[Array, " p"]
    vectors: Float32[Array, "p r"]
    weights: Float32[Array, "m p"]
    biases: Float32[Array, "m p"]
    bias_of_block: Float32[Array, "m blocks"]
    least_step: Float32[Array, "m blocks"]
    most_step: Float32[Array, "m blocks"]
    reach: Reach


def prepared(
    shared: Pass, ranked: Embeddings, rows: Int64[Array, " n"] | slice, block: int
) -> Tile:
    """The tile of these rows."""
    given = ranked.vectors[rows]
    x, stray = approximate(shared, given)
    norms = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    order = _by_length(norms)
    padding = -len(order) % block
    order = np.concatenate([order, np.repeat(order[-1:], padding)])
    norms = norms[order]
    weights, biases = _terms(shared, norms)
    if isinstance(rows, slice):
        rows = np.arange(*rows.indices(len(ranked)), dtype=np.int64)
    rows = rows[order]
    least = _blocks(biases, block).min(axis=2)
    bias_of_block = _blocks(biases, block).max(axis=2)
    if padding:
        rows[-padding:] = -1
        biases[:, -padding:] = -np.inf
    most_weight = _blocks(weights, block).max(axis=2)
    longest = norms.reshape(-1, block).max(axis=1)
    return Tile(
        block,
        rows,
        x[order],
        weights,
        biases,
        bias_of_block,
        np.minimum(_inverse(most_weight), LARGE),
        _inverse(_blocks(weights, block).min(axis=2)),
        Reach.of(longest, stray, most_weight, bias_of_block, least),
    )


def approximate(shared: Pass, given: Float32[Array, "n d"]) -> tuple[Float32[Array, "n r"], float]:
    """Rows of the ranked side in the frame, in float32, and how far they may stray.

    Beyond the rounding to float32, that is: BLAS sums in an order of its own.
    """
    by, stray = shared.ranked, 0.0
    if by is None and shared.shift is None:
        return given, stray
    if by is None or by.matrix is None:
        rows = moved(given, by)
    else:
        rows = by(given)
        largest = np.abs(given).max() + np.abs(by.offset).max()
        size = float(largest) * np.sqrt(given.shape[1]) * float(np.linalg.norm(by.matrix))
        stray = size * given.shape[1] * 2.0**-51
    if shared.shift is not None:
        rows -= shared.shift
    with np.errstate(over="ignore"):
        return rows.astype(np.float32), stray


def spans(items: int, length: int) -> Iterator[slice]:
    """The items, tile by tile."""
    return (slice(start, min(start + length, items)) for start in range(0, items, length))


def _by_length(norms: Float64[Array, " n"]) -> Int64[Array, " n"]:
    """From the shortest to the longest, to within one in a hundred."""
    with np.errstate(over="ignore"):
        coarse = (norms.astype(np.float32).view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    return np.argsort(coarse, kind="stable")


def _terms(shared: Pass, norms: Float64[Array, " p"]) -> tuple[Array, Array]:
    weights = np.ones((len(shared.formulas), len(norms)), dtype=np.float32)
    biases = np.zeros((len(shared.formulas), len(norms)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for j, formula in enumerate(shared.formulas):
            terms = formula.terms(norms)
            if terms is not None and terms.weight is not None:
                weights[j] = terms.weight
            if terms is not None and terms.bias is not None:
                biases[j] = terms.bias
    return weights, biases


def _blocks(values: Float32[Array, "m p"], block: int) -> Float32[Array, "m blocks block"]:
    return values.reshape(len(values), -1, block)


def _inverse(weights: Float32[Array, "m blocks"]) -> Float32[Array, "m blocks"]:
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / weights
