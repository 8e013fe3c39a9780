"""Rows that are the same vector, or the same but for rounding."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Int64
from anglewise.diagnostics.isotropy import ROWS
from anglewise.errors import ShapeError

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
        Rows whose lists were looked at.
    threshold
        The cosine from which on a pair counts.
    rows
        How many of those asked have such a neighbour.
    pairs
        Different pairs found.
    full_lists
        Lists in which every place is such a neighbour: there may be more beyond their end.
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
    """Find equal rows among all of them, by hash first and byte by byte then.

    0 and -0 are equal.

    >>> exact_duplicates(Embeddings([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [0.0, 0.0]]))
    ExactDuplicates(rows=3, groups=1, surplus=1, largest=2, examples=((0, 2),))
    """
    there = np.flatnonzero(embeddings.norms)
    suspects = there[_repeated(_hashes(embeddings.vectors)[there])]
    groups = _equal(embeddings.vectors, suspects)
    return ExactDuplicates(
        rows=len(there),
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
    asked: Int64[Array, " q"] | None = None,
    threshold: float = ROUNDING,
) -> NearDuplicates:
    """Find pairs at least as near as a threshold in lists by cosine, of a side against itself.

    List ``i`` belongs to row ``asked[i]`` (by default ``i``), which is not in it. The default
    threshold asks for one vector stored twice, lengths aside; give a lower one for what people
    would call much alike, which depends on the model. Raises ``ShapeError`` unless there is one
    row for each list and the measure is a cosine.

    >>> found = Neighbours("cosine", np.array([[1], [0], [0]]),
    ...     np.array([[1.0], [1.0], [0.4]], np.float32), np.zeros(3, np.int64))
    >>> near_duplicates(found).pairs, near_duplicates(found).examples
    (1, ((0, 1, 1.0),))
    """
    lists = neighbours.indices
    rows = np.arange(len(lists), dtype=np.int64) if asked is None else asked
    if len(rows) != len(lists) or not neighbours.measure.startswith("cosine"):
        raise ShapeError(
            f"{len(rows)} rows for {len(lists)} lists by {neighbours.measure}: one row for each "
            "list by cosine is due"
        )
    near = (lists >= 0) & (neighbours.scores >= np.float64(threshold))
    list_, place = np.nonzero(near)
    left, right = rows[list_], lists[list_, place]
    pairs, first = np.unique(
        np.stack([np.minimum(left, right), np.maximum(left, right)], axis=1),
        axis=0,
        return_index=True,
    )
    cosines = neighbours.scores[list_, place][first].astype(np.float64)
    best = np.lexsort((pairs[:, 1], pairs[:, 0], -cosines))[:EXAMPLES]
    return NearDuplicates(
        asked=len(lists),
        threshold=float(threshold),
        rows=int(near.any(axis=1).sum()),
        pairs=len(pairs),
        full_lists=int(near.all(axis=1).sum()),
        examples=tuple((int(pairs[i, 0]), int(pairs[i, 1]), float(cosines[i])) for i in best),
    )


def _hashes(vectors: Array) -> Array:
    """One number a row, the same for equal rows: a product with odd numbers modulo 2^64."""
    words = vectors.shape[1]
    rng = np.random.default_rng(0)
    drawn = np.asarray(rng.integers(1 << 63, size=words, dtype=np.uint64), dtype=np.uint64)
    factors = 2 * drawn + 1
    out = np.empty(len(vectors), dtype=np.uint64)
    for start in range(0, len(vectors), ROWS):
        bits = (vectors[start : start + ROWS] + np.float32(0)).view(np.uint32)
        out[start : start + ROWS] = bits.astype(np.uint64) @ factors
    return out


def _repeated(values: Array) -> Array:
    """Which values come more than once."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[place] > 1


def _equal(vectors: Array, suspects: Array) -> list[Array]:
    """The groups of equal rows among a few, rows ascending."""
    if not len(suspects):
        return []
    plain = np.ascontiguousarray(vectors[suspects] + np.float32(0))
    whole = plain.view(np.dtype((np.void, plain.shape[1] * plain.itemsize)))[:, 0]
    _, place = np.unique(whole, return_inverse=True)
    order = np.argsort(place, kind="stable")
    groups = np.split(suspects[order], np.flatnonzero(np.diff(place[order])) + 1)
    return [group for group in groups if len(group) > 1]
