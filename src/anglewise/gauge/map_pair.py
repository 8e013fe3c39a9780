"""Two maps that undo each other in every prediction: ``G`` for queries, ``G^-T`` for items."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array, Float, Float32, Float64
from anglewise.errors import ValuesError
from anglewise.gauge.root import ROWS, Root

LARGEST, SMALLEST = 3e38, 1e-30
"""Between these float32 holds the largest entry of a factor and still seven digits of the rest."""


BIAS_COLUMNS = "bias_columns"
"""Where ``Space.about`` names the columns that hold biases."""


@dataclass(frozen=True, eq=False)
class MapPair:
    """Queries become ``p @ queries``, items ``q @ items``; every ``p . q`` stays.

    ``queries @ items.T`` is the identity, or, where some directions carry no prediction and were
    dropped (``r < d``), the identity on all that do.

    Examples
    --------
    >>> pair = MapPair(queries=np.diag([2.0, 1.0]), items=np.diag([0.5, 1.0]))
    >>> pair.condition
    2.0
    """

    queries: Float64[Array, "d r"]
    items: Float64[Array, "d r"]

    @cached_property
    def condition(self) -> float:
        """The largest over the smallest singular value of the map of the items."""
        values = np.linalg.svd(self.items, compute_uv=False)
        return float(values[0] / values[-1])

    def beside(self, kept: tuple[int, ...], dimension: int) -> "MapPair":
        """The same maps of the columns that are not ``kept``; the kept ones follow, untouched."""
        if not kept:
            return self
        rest = [column for column in range(dimension) if column not in kept]
        queries, items = _block(self.queries, rest, kept), _block(self.items, rest, kept)
        return MapPair(queries, items)

    def mixes(self, column: int) -> bool:
        """Whether the maps blend a column with others, so that it is no column any more."""
        across = np.flatnonzero(self.queries[column])
        return len(across) != 1 or bool(np.count_nonzero(self.queries[:, across[0]]) != 1)

    def apply(self, space: Space, about: Mapping[str, Any] | None = None) -> Space:
        """The moved space; its predictions are those of ``space`` up to float32 storage.

        Ids, metadata and what was seen stay; bias columns that ``space.about`` names keep their
        name where they go, if they are not mixed. Raises ``ValuesError`` where the moved vectors do
        not fit float32.

        >>> from anglewise.core.embeddings import Embeddings
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
        """Where the named bias columns go; nothing is said of a space that names none."""
        if BIAS_COLUMNS not in space.about:
            return {}
        named: list[int] = list(space.about[BIAS_COLUMNS])
        alone = [column for column in named if not self.mixes(column)]
        return {BIAS_COLUMNS: [int(np.flatnonzero(self.queries[column])[0]) for column in alone]}


def identity(dimension: int) -> MapPair:
    """The maps that move nothing.

    >>> identity(3).condition
    1.0
    """
    return MapPair(np.eye(dimension), np.eye(dimension))


def predictions_moved(queries: Root, items: Root, pair: MapPair) -> float:
    """How far the maps move predictions: ``|(P G)(Q H)' - P Q'| / |P Q'|`` (Frobenius).

    Computed from the two roots, never from the predictions themselves.

    >>> from anglewise.gauge.root import root
    >>> side = root(np.array([[1.0, 2.0], [3.0, 5.0]]))
    >>> predictions_moved(side, side, identity(2))
    0.0
    """
    before = queries.matrix @ items.matrix.T
    after = (queries.matrix @ pair.queries) @ (items.matrix @ pair.items).T
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


def moved(x: Float[Array, "rows d"], through: Float64[Array, "d r"]) -> Float32[Array, "rows r"]:
    """``x @ through`` in float64, block by block, stored as float32."""
    out = np.empty((len(x), through.shape[1]), dtype=np.float32)
    largest = 0.0
    for i in range(0, len(x), ROWS):
        block = x[i : i + ROWS].astype(np.float64) @ through
        largest = max(largest, float(block.max()), -float(block.min()))
        if largest < LARGEST:
            out[i : i + ROWS] = block
    if not SMALLEST < largest < LARGEST:
        raise ValuesError(
            f"the largest number of the moved vectors would be {largest:.1e}, beyond what float32 "
            "holds with its digits: divide one side of the space by a constant and come again"
        )
    return out


def _block(
    maps: Float64[Array, "rest r"], rest: list[int], kept: tuple[int, ...]
) -> Float64[Array, "d _"]:
    rank = maps.shape[1]
    whole = np.zeros((len(rest) + len(kept), rank + len(kept)))
    whole[rest, :rank] = maps
    whole[list(kept), range(rank, rank + len(kept))] = 1.0
    return whole
