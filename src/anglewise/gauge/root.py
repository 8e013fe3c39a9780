"""What predictions know of a side: a square root of its Gram matrix, a d x d affair.

Every gauge, the gap and every change of predictions is a function of two such roots. They are
found in two passes over the vectors, in blocks of float64. A Gram matrix alone squares the
condition number of its factor, so that directions a hundred-millionth as long as the longest
would drown; the second pass therefore takes the Gram matrix of the vectors after they were
rescaled by the first one, which is then near the identity and loses nothing. This is CholeskyQR2
(Yamamoto et al., ETNA 44, 2015) with eigenvectors in place of triangles, which makes it hold for
any rank and any shape; it runs at the speed of matrix products, three times that of a blocked QR.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.typing import Array, Float, Float64

Blocks: TypeAlias = Callable[[], Iterable[Array]]
"""Starts one more pass over the rows of a matrix, block by block."""

ROWS = 2048
"""Rows taken together: a block of them in float64 stays in the cache at common widths."""

FEWEST_ROWS = 3
"""With fewer rows than this a column is constant by chance."""


@dataclass(frozen=True, eq=False)
class Root:
    """One side of a factorisation, with the rotation of its rows forgotten.

    Attributes
    ----------
    matrix
        ``r x d`` with ``matrix.T @ matrix = x.T @ x`` for the vectors ``x``.
    probe
        ``sum_i x_i / i``: a row that moves as the vectors do and settles signs.
    constant
        Columns that hold one and the same number, not 0, in every row: a bias.
    """

    matrix: Float64[Array, "r d"]
    probe: Float64[Array, " d"]
    constant: tuple[int, ...] = ()

    @property
    def dimension(self) -> int:
        """The number of columns, ``d``."""
        return self.matrix.shape[1]

    @property
    def size(self) -> float:
        """The largest singular value of the vectors."""
        return float(np.linalg.norm(self.matrix, 2)) if self.dimension else 0.0

    def columns(self, chosen: list[int]) -> "Root":
        """Some columns only; which of them are constant is no longer asked."""
        return Root(self.matrix[:, chosen], self.probe[chosen])


def root(x: Float[Array, "rows d"]) -> Root:
    """The root of a plain array of float32 or float64.

    >>> r = root(np.array([[3.0, 1.0], [4.0, 1.0], [0.0, 1.0]]))
    >>> np.round(r.matrix.T @ r.matrix, 12).tolist(), r.constant
    ([[25.0, 7.0], [7.0, 3.0]], (1,))
    """
    return root_of_blocks(lambda: (x[i : i + ROWS] for i in range(0, len(x), ROWS)))


def root_of(embeddings: Embeddings) -> Root:
    """The root of embeddings, computed once and kept as long as they are.

    >>> root_of(Embeddings([[3.0], [4.0]])).size
    5.0
    """
    if embeddings not in _known:
        _known[embeddings] = root(embeddings.vectors)
    return _known[embeddings]


_known: WeakKeyDictionary[Embeddings, Root] = WeakKeyDictionary()


def root_of_blocks(blocks: Blocks) -> Root:
    """The root of a matrix that is read twice, block by block."""
    gram, probe, constant = _first_pass(blocks)
    lengths = np.sqrt(np.diag(gram))
    lengths[lengths == 0] = 1.0
    values, directions = np.linalg.eigh(gram / np.outer(lengths, lengths))
    floor = len(values) * np.finfo(np.float64).eps * max(values[-1], np.finfo(np.float64).tiny)
    scale = np.sqrt(np.maximum(values, floor))
    rescaled = _gram(blocks, directions / scale / lengths[:, None])
    values, turned = np.linalg.eigh(rescaled)
    half = np.sqrt(np.maximum(values, 0.0))[:, None] * turned.T
    return Root(half @ (scale[:, None] * directions.T * lengths), probe, constant)


def _first_pass(blocks: Blocks) -> tuple[Array, Array, tuple[int, ...]]:
    """Gram matrix, probe and constant columns."""
    gram, probe, start = 0.0, 0.0, 0
    first, same = np.empty(0), np.empty(0, dtype=np.int64)
    for block in blocks():
        x = block.astype(np.float64)
        if start == 0:
            first, same = x[0], np.flatnonzero(x[0])
        gram = gram + x.T @ x
        probe = probe + (1 / np.arange(start + 1.0, start + len(x) + 1)) @ x
        same = same[(x[:, same] == first[same]).all(axis=0)]
        start += len(x)
    biased = same if start >= FEWEST_ROWS else same[:0]
    return np.asarray(gram), np.asarray(probe), tuple(int(column) for column in biased)


def _gram(blocks: Blocks, through: Float64[Array, "d d"]) -> Float64[Array, "d d"]:
    total = np.zeros_like(through)
    for block in blocks():
        x = block.astype(np.float64) @ through
        total += x.T @ x
    return total


def side_by_side(left: Float[Array, "rows a"], right: Float[Array, "rows b"]) -> Root:
    """The root of ``[left, right]``, which is never formed whole."""

    def blocks() -> Iterator[Array]:
        for i in range(0, len(left), ROWS):
            pair = (left[i : i + ROWS], right[i : i + ROWS])
            yield np.concatenate([x.astype(np.float64) for x in pair], axis=1)

    return root_of_blocks(blocks)
