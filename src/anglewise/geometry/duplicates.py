"""Rows that are the same vector, or the same but for rounding."""

from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import ShapeError
from anglewise.geometry.isotropy import ROWS

ROUNDING = 1 - 1e-6
"""The cosine of two copies of one vector is at least this, whatever rounded them.

float16 moves each coordinate by a share of at most ``2^-11``, hence a vector by an angle of at
most ``2^-11``; two copies are ``2^-10`` apart at most, where ``1 - cos`` is ``4.8e-7``. Scores are
rounded to float32, which adds ``6e-8``. (Not so for bfloat16 and int8, which are coarser.)
"""

EXAMPLES = 5


@dataclass(frozen=True)
class ExactDuplicates:
    """Rows that are equal in every coordinate; zero rows are not compared.

    Attributes
    ----------
    rows
        Rows that were compared.
    groups
        Vectors that come more than once.
    surplus
        Rows that could go without losing a vector: those in groups less one a group.
    largest
        Rows of the largest group, 0 if there is none.
    examples
        Up to five groups, the largest first, up to five rows of each.
    """

    rows: int
    groups: int
    surplus: int
    largest: int
    examples: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class NearDuplicates:
    """Pairs in lists of nearest neighbours whose cosine reaches a threshold.

    Attributes
    ----------
    asked
        Lists, one for each row that asked.
    threshold
        A pair counts whose cosine is at least this.
    rows
        How many lists hold such a neighbour.
    pairs
        Different pairs found.
    full_lists
        Lists that hold nothing else: there may be more beyond their end.
    examples
        Up to five pairs and their cosine, the highest first.
    """

    asked: int
    threshold: float
    rows: int
    pairs: int
    full_lists: int
    examples: tuple[tuple[int, int, float], ...]


def exact_duplicates(embeddings: Embeddings) -> ExactDuplicates:
    """Find rows that are equal: by hash first, then byte by byte. 0 and -0 are equal.

    >>> exact_duplicates(Embeddings([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [0.0, 0.0]]))
    ExactDuplicates(rows=3, groups=1, surplus=1, largest=2, examples=((0, 2),))
    """
    nonzero_rows = np.flatnonzero(embeddings.norms)
    suspects = nonzero_rows[_repeated(_hashes(embeddings.vectors)[nonzero_rows])]
    groups = _equal(embeddings.vectors, suspects)
    return ExactDuplicates(
        rows=len(nonzero_rows),
        groups=len(groups),
        surplus=sum(len(group) - 1 for group in groups),
        largest=max((len(group) for group in groups), default=0),
        examples=tuple(
            tuple(int(row) for row in group[:EXAMPLES])
            for group in sorted(groups, key=lambda group: (-len(group), group[0]))[:EXAMPLES]
        ),
    )


def near_duplicates(
    neighbours: Neighbours,
    query_rows: Int64[Array, " q"] | None = None,
    threshold: float = ROUNDING,
) -> NearDuplicates:
    """Find pairs at least as near as a threshold in lists by cosine, of a side against itself.

    List ``i`` belongs to row ``query_rows[i]`` (by default ``i``), which is not in it. The default
    threshold finds one vector stored twice, whatever its length; give a lower one for vectors that
    are much alike, where what counts as much depends on the model. Raises ``ShapeError`` unless
    there is one row for each list and the measure is a cosine.

    >>> lists = Neighbours("cosine", np.array([[1], [0], [0]]),
    ...     np.array([[1.0], [1.0], [0.4]], np.float32), np.zeros(3, np.int64))
    >>> near_duplicates(lists).pairs, near_duplicates(lists).examples
    (1, ((0, 1, 1.0),))
    """
    lists = neighbours.indices
    rows = np.arange(len(lists), dtype=np.int64) if query_rows is None else query_rows
    if len(rows) != len(lists) or not neighbours.measure.startswith("cosine"):
        raise ShapeError(
            f"{len(rows)} rows for {len(lists)} lists by {neighbours.measure}: give one row for "
            "each list, and lists by cosine"
        )
    is_near = (lists >= 0) & (neighbours.scores >= np.float64(threshold))
    list_index, column = np.nonzero(is_near)
    left, right = rows[list_index], lists[list_index, column]
    pairs, first_index = np.unique(
        np.stack([np.minimum(left, right), np.maximum(left, right)], axis=1),
        axis=0,
        return_index=True,
    )
    cosines = neighbours.scores[list_index, column][first_index].astype(np.float64)
    closest = np.lexsort((pairs[:, 1], pairs[:, 0], -cosines))[:EXAMPLES]
    return NearDuplicates(
        asked=len(lists),
        threshold=float(threshold),
        rows=int(is_near.any(axis=1).sum()),
        pairs=len(pairs),
        full_lists=int(is_near.all(axis=1).sum()),
        examples=tuple((int(pairs[i, 0]), int(pairs[i, 1]), float(cosines[i])) for i in closest),
    )


def _hashes(vectors: Array) -> Array:
    """One number a row, the same for equal rows: a product with odd numbers modulo 2^64."""
    columns = vectors.shape[1]
    rng = np.random.default_rng(0)
    half_factors = np.asarray(rng.integers(1 << 63, size=columns, dtype=np.uint64), dtype=np.uint64)
    factors = 2 * half_factors + 1
    hashes = np.empty(len(vectors), dtype=np.uint64)
    for start in range(0, len(vectors), ROWS):
        bits = (vectors[start : start + ROWS] + np.float32(0)).view(np.uint32)
        hashes[start : start + ROWS] = bits.astype(np.uint64) @ factors
    return hashes


def _repeated(values: Array) -> Array:
    """Which values come more than once."""
    _, value_index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[value_index] > 1


def _equal(vectors: Array, suspects: Array) -> list[Array]:
    """The groups of equal rows among a few, rows ascending."""
    if not len(suspects):
        return []
    plain = np.ascontiguousarray(vectors[suspects] + np.float32(0))
    row_bytes = plain.view(np.dtype((np.void, plain.shape[1] * plain.itemsize)))[:, 0]
    _, group_of = np.unique(row_bytes, return_inverse=True)
    order = np.argsort(group_of, kind="stable")
    groups = np.split(suspects[order], np.flatnonzero(np.diff(group_of[order])) + 1)
    return [group for group in groups if len(group) > 1]
