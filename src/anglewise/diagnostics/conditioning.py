"""How far the longest direction of one side stands out over the shortest."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float

EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Conditioning:
    """The singular values of one side, about 0 (not centred), found in float64.

    Attributes
    ----------
    dimension, rank
        Columns, and how many directions are there at all: singular values above float64 rounding.
    largest, smallest
        Singular values: of the longest direction, and of the shortest among those that are there.
    condition
        Their ratio if no direction is missing (``rank`` is ``dimension``); None otherwise.
    condition_of_span
        Their ratio among the directions that are there; None if all vectors are zero.
    below_float32
        How many directions, missing ones included, are shorter than the rounding of float32,
        ``2^-23``, times the longest.
    """

    dimension: int
    rank: int
    largest: float
    smallest: float | None
    condition: float | None
    condition_of_span: float | None
    below_float32: int


def conditioning(matrix: Float[Array, "r d"]) -> Conditioning:
    """The condition number of vectors, from them or from any matrix with the same Gram matrix.

    Vectors of many rows are best given by ``anglewise.gauges.maps.root_of(side).matrix``, which has
    ``d`` rows and the same singular values; a Gram matrix itself would square them.

    >>> conditioning(np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])).condition
    3.0
    >>> found = conditioning(np.array([[3.0, 0.0], [1.0, 0.0]]))
    >>> found.condition, found.rank, found.below_float32
    (None, 1, 1)
    """
    dimension = matrix.shape[1]
    found = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    values = np.concatenate([found, np.zeros(dimension - len(found))])
    largest = float(values[0])
    rank = int((values > dimension * np.finfo(np.float64).eps * largest).sum())
    smallest = float(values[rank - 1]) if rank else None
    ratio = largest / smallest if smallest else None
    return Conditioning(
        dimension=dimension,
        rank=rank,
        largest=largest,
        smallest=smallest,
        condition=ratio if rank == dimension else None,
        condition_of_span=ratio,
        below_float32=int((values <= EPSILON * largest).sum()),
    )
