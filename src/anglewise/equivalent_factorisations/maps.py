"""Pairs of maps that keep every prediction, and square roots of Gram matrices.

Gauges, the gauge gap and changes of predictions are computed from two such roots, which take two
passes over the vectors, in blocks of float64 (``data_types.gram_root``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from anglewise.data_types.embeddings import BIAS_COLUMNS, Embeddings, Space
from anglewise.data_types.gram_root import Blocks, root_of_gram, root_of_rows
from anglewise.data_types.mapped import forget, new_matrix
from anglewise.data_types.memory import check_square
from anglewise.data_types.typing import Array, Float, Float32, Float64
from anglewise.errors import ValuesError

ROWS = 2048
"""Rows of a block: in float64 it stays in the processor's cache at common widths."""

FEWEST_ROWS = 3
"""With fewer rows a column may be constant by chance."""


@dataclass(frozen=True, eq=False)
class Root:
    """One side of a factorisation, up to a rotation of its rows.

    Attributes
    ----------
    matrix
        ``r x d`` with ``matrix.T @ matrix = x.T @ x`` for the vectors ``x`` of rank ``r``.
    probe
        ``sum_i x_i / i``: a row that maps as the vectors do and fixes signs.
    constant
        Columns that hold the same number, not 0, in every row: biases.
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
        return float(np.linalg.norm(self.matrix, 2)) if self.matrix.size else 0.0

    def columns(self, chosen: list[int]) -> "Root":
        """The root of some columns, without their ``constant``."""
        return Root(self.matrix[:, chosen], self.probe[chosen])


def root(x: Float[Array, "rows d"]) -> Root:
    """The root of a plain array of float32 or float64.

    >>> r = root(np.array([[3.0, 1.0], [4.0, 1.0], [0.0, 1.0]]))
    >>> np.round(r.matrix.T @ r.matrix, 12).tolist(), r.constant
    ([[25.0, 7.0], [7.0, 3.0]], (1,))
    """
    return root_of_blocks(lambda: (x[i : i + ROWS] for i in range(0, len(x), ROWS)), x.shape)


def root_of(embeddings: Embeddings) -> Root:
    """The root of embeddings, computed once and cached as long as these live.

    >>> root_of(Embeddings([[3.0], [4.0]])).size
    5.0
    """
    if embeddings not in _roots:
        _roots[embeddings] = root(embeddings.vectors)
    return _roots[embeddings]


_roots: WeakKeyDictionary[Embeddings, Root] = WeakKeyDictionary()


def root_of_blocks(blocks: Blocks, shape: tuple[int, ...]) -> Root:
    """The root of a matrix of this shape that is read twice, block by block."""
    few = shape[0] < shape[1]
    gram, probe, constant = _first_pass(blocks, few=few)
    if few:
        rows = np.concatenate([block.astype(np.float64) for block in blocks()])
        return Root(root_of_rows(rows), probe, constant)
    return Root(root_of_gram(gram, blocks), probe, constant)


def _first_pass(blocks: Blocks, *, few: bool) -> tuple[Array, Array, tuple[int, ...]]:
    """Gram matrix, 0 for ``few`` rows, which need none; probe and constant columns."""
    gram, probe, start = 0.0, 0.0, 0
    first_row, constant_columns = np.empty(0), np.empty(0, dtype=np.int64)
    for block in blocks():
        x = block.astype(np.float64)
        if start == 0:
            first_row, constant_columns = x[0], np.flatnonzero(x[0])
        gram = gram if few else gram + x.T @ x
        probe = probe + (1 / np.arange(start + 1.0, start + len(x) + 1)) @ x
        constant_columns = constant_columns[
            (x[:, constant_columns] == first_row[constant_columns]).all(axis=0)
        ]
        start += len(x)
    biased = constant_columns if start >= FEWEST_ROWS else constant_columns[:0]
    return np.asarray(gram), np.asarray(probe), tuple(int(column) for column in biased)


def side_by_side(left: Float[Array, "rows a"], right: Float[Array, "rows b"]) -> Root:
    """The root of ``[left, right]``, of which only blocks are formed."""

    def blocks() -> Iterator[Array]:
        for i in range(0, len(left), ROWS):
            pair = (left[i : i + ROWS], right[i : i + ROWS])
            yield np.concatenate([x.astype(np.float64) for x in pair], axis=1)

    return root_of_blocks(blocks, (len(left), left.shape[1] + right.shape[1]))


LARGEST, SMALLEST = 3e38, 1e-30
"""If the largest entry of a factor lies between, float32 keeps its digits and those of the rest."""


@dataclass(frozen=True, eq=False)
class NearIdentity:
    """``I + B (C - I) B'``: a map ``C`` of the span of ``B`` that leaves all other directions.

    Rows are multiplied by it as by an array, ``x @ map``, and no square of the dimension is made.

    >>> swap = NearIdentity(np.eye(3, 2), np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> (np.array([[1.0, 2.0, 3.0]]) @ swap).tolist(), swap.shape
    ([[2.0, 1.0, 3.0]], (3, 3))
    """

    basis: Float64[Array, "d m"]
    core: Float64[Array, "m m"]

    __array_ufunc__ = None  # NumPy leaves ``x @ map`` to this class

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole map."""
        return len(self.basis), len(self.basis)

    def __rmatmul__(self, x: Float64[Array, "*rows d"]) -> Float64[Array, "*rows d"]:
        """Rows moved by the map."""
        inside = x @ self.basis
        return x + (inside @ self.core - inside) @ self.basis.T

    @property
    def singular_values(self) -> Float64[Array, " some"]:
        """Those of the span, descending, with one 1 for all other directions."""
        inside = np.linalg.svd(self.core, compute_uv=False)
        return np.sort(np.append(inside, 1.0))[::-1]

    def whole(self) -> Float64[Array, "d d"]:
        """The map as an array; ``ValuesError`` where that would fill the memory."""
        check_square(len(self.basis))
        return np.eye(len(self.basis)) + self.basis @ (self.core - np.eye(len(self.core))) @ (
            self.basis.T
        )


def whole_map(through: "Map") -> Float64[Array, "d r"]:
    """A map as an array."""
    return through.whole() if isinstance(through, NearIdentity) else through


Map: TypeAlias = Float64[Array, "d r"] | NearIdentity
"""What rows are multiplied by."""


@dataclass(frozen=True, eq=False)
class MapPair:
    """Maps of both sides, ``p @ queries`` and ``q @ items``, that keep every ``p . q``.

    ``queries @ items.T`` is the identity; where directions without predictions were dropped
    (``r < d``), the identity on the others.

    Examples
    --------
    >>> pair = MapPair(queries=np.diag([2.0, 1.0]), items=np.diag([0.5, 1.0]))
    >>> pair.condition
    2.0
    """

    queries: Map
    items: Map

    @cached_property
    def condition(self) -> float:
        """The largest over the smallest singular value of the map of the items."""
        if isinstance(self.items, NearIdentity):
            values = self.items.singular_values
        else:
            values = np.linalg.svd(self.items, compute_uv=False)
        return float(values[0] / values[-1])

    def extended(self, fixed: tuple[int, ...], dimension: int) -> "MapPair":
        """The maps applied to all columns but the ``fixed`` ones, which follow unchanged."""
        if not fixed:
            return self
        free = [column for column in range(dimension) if column not in fixed]
        return MapPair(
            *(_block(whole_map(side), free, fixed) for side in (self.queries, self.items))
        )

    def mixes(self, column: int) -> bool:
        """Whether the maps mix a column with others."""
        queries = whole_map(self.queries)
        across = np.flatnonzero(queries[column])
        return len(across) != 1 or bool(np.count_nonzero(queries[:, across[0]]) != 1)

    def apply(self, space: Space, about: Mapping[str, Any] | None = None) -> Space:
        """The mapped space; its predictions are those of ``space`` up to float32 rounding.

        Ids, metadata and ``seen`` stay; ``about`` names the new positions of bias columns that are
        not mixed. Raises ``ValuesError`` where the mapped vectors do not fit float32.

        >>> from anglewise.data_types.embeddings import Embeddings
        >>> space = Space(queries=Embeddings([[1.0, 2.0]]), items=Embeddings([[3.0, 4.0]]))
        >>> pair = MapPair(queries=np.diag([2.0, 1.0]), items=np.diag([0.5, 1.0]))
        >>> moved = pair.apply(space)
        >>> moved.queries.vectors.tolist(), moved.items.vectors.tolist()
        ([[2.0, 2.0]], [[1.5, 4.0]])
        """
        return Space(
            queries=space.queries.with_vectors(moved(space.queries.vectors, self.queries)),
            items=space.items.with_vectors(moved(space.items.vectors, self.items)),
            trained_for=space.trained_for,
            seen=space.seen,
            about={**space.about, **self._biases_of(space), **(about or {})},
        )

    def _biases_of(self, space: Space) -> Mapping[str, Any]:
        """The new positions of named bias columns; empty for a space that names none."""
        if BIAS_COLUMNS not in space.about:
            return {}
        stated: list[int] = list(space.about[BIAS_COLUMNS])
        unmixed = [column for column in stated if not self.mixes(column)]
        return {
            BIAS_COLUMNS: [
                int(np.flatnonzero(whole_map(self.queries)[column])[0]) for column in unmixed
            ]
        }


def identity(dimension: int) -> MapPair:
    """The identity on both sides.

    >>> identity(3).condition
    1.0
    """
    return MapPair(np.eye(dimension), np.eye(dimension))


def predictions_moved(queries: Root, items: Root, pair: MapPair) -> float:
    """The relative change of predictions under maps: ``|(P G)(Q H)' - P Q'| / |P Q'|`` (Frobenius).

    Computed from the two roots; predictions are never formed.

    >>> side = root(np.array([[1.0, 2.0], [3.0, 5.0]]))
    >>> predictions_moved(side, side, identity(2))
    0.0
    """
    p, q = _near_one(queries.matrix), _near_one(items.matrix)
    before = p @ q.T
    after = (p @ pair.queries) @ (q @ pair.items).T
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


def _near_one(matrix: Float64[Array, "r d"]) -> Float64[Array, "r d"]:
    """A matrix by a power of two, so that squares of products of two such fit float64."""
    return np.ldexp(matrix, -np.frexp(np.abs(matrix).max(initial=0.0))[1])


def moved(x: Float[Array, "rows d"], through: Map) -> Float32[Array, "rows r"]:
    """``x @ through`` in float64, block by block, stored as float32."""
    out = new_matrix(len(x), through.shape[1])
    largest = 0.0
    for i in range(0, len(x), ROWS):
        block = x[i : i + ROWS].astype(np.float64) @ through
        largest = max(largest, float(block.max()), -float(block.min()))
        if largest < LARGEST:
            out[i : i + ROWS] = block
        forget(out[i : i + ROWS])
    if not SMALLEST < largest < LARGEST:
        raise ValuesError(
            f"the largest number of the moved vectors would be {largest:.1e}, beyond what float32 "
            "holds with its digits: divide one side of the space by a constant and come again"
        )
    return out


def _block(
    maps: Float64[Array, "rest r"], free: list[int], fixed: tuple[int, ...]
) -> Float64[Array, "d _"]:
    rank = maps.shape[1]
    block = np.zeros((len(free) + len(fixed), rank + len(fixed)))
    block[free, :rank] = maps
    block[list(fixed), range(rank, rank + len(fixed))] = 1.0
    return block
