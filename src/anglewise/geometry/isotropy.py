"""Isotropy: whether vectors use all directions alike; conditioning of one side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.gram_root import root_of_gram, root_of_rows
from anglewise.data_types.typing import Array, Float, Float64, Shaped

ROWS = 2048
"""Rows of a block: at common widths it stays in the cache."""


def blocks(vectors: Shaped[Array, "rows d"]) -> Iterator[Float64[Array, "_ d"]]:
    """All rows in blocks of ``ROWS``, each a new array of float64.

    >>> [block.tolist() for block in blocks(np.ones((2, 1), dtype=np.float32))]
    [[[1.0], [1.0]]]
    """
    for start in range(0, len(vectors), ROWS):
        yield vectors[start : start + ROWS].astype(np.float64)


def column_means(vectors: Shaped[Array, "rows d"]) -> Float64[Array, " d"]:
    """The mean of each column.

    >>> column_means(np.array([[1.0, 2.0], [3.0, 6.0]])).tolist()
    [2.0, 4.0]
    """
    total = np.zeros(vectors.shape[1])
    for block in blocks(vectors):
        total += block.sum(axis=0)
    return total / len(vectors)


def scatter(vectors: Shaped[Array, "rows d"]) -> Float64[Array, "d d"]:
    """``(X - mean)' (X - mean)``: taken about the mean, so that a large offset costs no digits.

    >>> scatter(np.array([[1.0, 2.0], [3.0, 6.0]])).tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    mean = column_means(vectors)
    total = np.zeros((len(mean), len(mean)))
    for block in blocks(vectors):
        about_mean = block - mean
        total += about_mean.T @ about_mean
    return total


def unit(block: Float64[Array, "rows d"]) -> Float64[Array, "_ d"]:
    """The rows that have a direction, each brought to length one; zero rows are dropped.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8]]
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
    nonzero = lengths > 0
    return block[nonzero] / lengths[nonzero, None]


DRAWS = 99
"""Permutations: with these, the smallest p is 1 in 100."""

MOST_PERMUTED = 1 << 18
"""Numbers permuted in one draw at most: the rows of the sample follow from the dimension."""

NOISE = 1e-12
"""Deviations smaller than this share of the length are rounding of the mean."""


@dataclass(frozen=True)
class Isotropy:
    """How evenly the vectors are spread over directions.

    Attributes
    ----------
    mean_cosine
        Of all pairs of different rows, exactly; zero rows are left out. None for fewer than two.
    chance_cosine
        The standard deviation of the mean cosine if the sign of each row were drawn by a coin;
        its mean would be 0.
    permuted_cosine, permuted_deviation
        Mean and standard deviation of the mean cosine over draws in which each column of a sample
        was permuted by itself. That keeps the values of each column, hence its offset and spread,
        and breaks up which values stand together in a row.
    permuted_p
        How often, one-sided, a draw has a mean cosine as large as that of the sample.
    sampled
        Rows of the sample that was permuted.
    offset_share
        Share of the mean squared length that belongs to the mean vector; None if all are zero.
    effective_rank
        ``exp(-sum p_i ln p_i)``, ``p_i`` the singular values of the centred vectors over their
        sum; between 1 and d. None, as the next two, where nothing varies.
    top_share
        Share of the variance along the first principal axis.
    isoscore
        ``((sum v_i)^2 / sum v_i^2 - 1) / (d - 1)``, ``v_i`` the variances along the principal
        axes: 0 on a line, 1 where all directions vary alike. None for one dimension.
    """

    mean_cosine: float | None
    chance_cosine: float | None
    permuted_cosine: float | None
    permuted_deviation: float | None
    permuted_p: float | None
    sampled: int
    offset_share: float | None
    effective_rank: float | None
    top_share: float | None
    isoscore: float | None


def isotropy(
    embeddings: Embeddings, rng: np.random.Generator, *, sample: int = 10_000, draws: int = DRAWS
) -> Isotropy:
    """How evenly vectors use all directions: mean cosine, effective rank, top share, IsoScore.

    Effective rank: Roy and Vetterli, EUSIPCO 2007, of the centred vectors. IsoScore: Rudman et
    al., arXiv 2108.07344; their steps come down to the formula above. All rows count, but for the
    permutations, which take a sample (``sample`` rows at most, fewer where vectors are wide).

    >>> cross = Embeddings([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> result = isotropy(cross, np.random.default_rng(0))
    >>> round(result.isoscore, 9), round(result.effective_rank, 9), round(result.mean_cosine, 9)
    (1.0, 2.0, -0.333333333)
    """
    x = embeddings.vectors
    size = float(np.square(embeddings.norms).mean())
    mean = column_means(x)
    if len(x) < x.shape[1]:
        root = root_of_rows(x - mean)
    else:
        root = root_of_gram(scatter(x), lambda: (block - mean for block in blocks(x)))
    singular = np.linalg.svd(root, compute_uv=False)
    variances = np.append(singular**2 / len(x), np.zeros(x.shape[1] - len(singular)))
    variances[variances <= NOISE**2 * size] = 0.0
    rows = _sample(embeddings, rng, sample)
    return Isotropy(
        mean_cosine=mean_cosine(x),
        chance_cosine=_chance(rows, len(x) - len(embeddings.zero_rows)),
        **_permuted(rows, rng, draws),
        sampled=len(rows),
        offset_share=float(mean @ mean) / size if size else None,
        **_spectral(variances),
    )


def mean_cosine(vectors: Array) -> float | None:
    """The mean cosine of all pairs of different rows that are not zero.

    ``(|sum u_i|^2 - n) / (n (n - 1))`` for unit vectors ``u_i``, so that no pair is computed. None
    for fewer than two such rows.

    >>> mean_cosine(np.array([[1.0, 0.0], [0.0, 5.0], [0.0, 1.0]])).__round__(12)
    0.333333333333
    """
    total, n = np.zeros(vectors.shape[1]), 0
    for block in blocks(vectors):
        directions = unit(block)
        total += directions.sum(axis=0)
        n += len(directions)
    return float((total @ total - n) / (n * (n - 1))) if n > 1 else None


def isoscore(variances: Float64[Array, " d"]) -> float | None:
    """IsoScore from the variances along the principal axes; None if undefined.

    The published steps scale the variances to length ``sqrt(d)``, take their distance from
    ``(1, ..., 1)`` over the largest possible one, and map it to a share of dimensions. The square
    of what remains is d times the participation ratio ``(sum v)^2 / sum v^2``.

    >>> isoscore(np.array([1.0, 1.0, 0.0])), isoscore(np.array([3.0, 0.0]))
    (0.5, 0.0)
    """
    largest = variances.max()
    if len(variances) < 2 or largest <= 0:
        return None
    v = variances / largest
    return float((v.sum() ** 2 / (v @ v) - 1) / (len(v) - 1))


def effective_rank(singular: Float64[Array, " d"]) -> float | None:
    """``exp`` of the entropy of the singular values over their sum; None if all are 0.

    >>> effective_rank(np.array([2.0, 2.0, 0.0])).__round__(12)
    2.0
    """
    total = singular.sum()
    if total <= 0:
        return None
    p = singular[singular > 0] / total
    return float(np.exp(-(p @ np.log(p))))


def _spectral(variances: Float64[Array, " d"]) -> dict[str, float | None]:
    varies = bool(variances[0] > 0)
    return {
        "effective_rank": effective_rank(np.sqrt(variances)),
        "top_share": float(variances[0] / variances.sum()) if varies else None,
        "isoscore": isoscore(variances),
    }


def _sample(embeddings: Embeddings, rng: np.random.Generator, size: int) -> Array:
    """Some rows that are not zero, in float64."""
    size = min(size, max(2, MOST_PERMUTED // embeddings.dimension))
    rows = np.flatnonzero(embeddings.norms)
    if len(rows) > size:
        rows = np.sort(rng.choice(rows, size=size, replace=False))
    return embeddings.vectors[rows].astype(np.float64)


def _chance(rows: Array, n: int) -> float | None:
    """``sqrt(2 m / (n (n - 1)))``, ``m`` the mean squared cosine of pairs of the sample.

    With independent signs ``s_i`` the mean of ``s_i s_j cos_ij`` over pairs has mean 0, and its
    terms are uncorrelated.
    """
    s = len(rows)
    if s < 2:
        return None
    directions = unit(rows)
    if s < directions.shape[1]:
        directions = directions.T  # the squares have the same sum
    gram = directions.T @ directions
    squared = max(float((gram * gram).sum() - s) / (s * (s - 1)), 0.0)
    return float(np.sqrt(2 * squared / (n * (n - 1))))


def _permuted(rows: Array, rng: np.random.Generator, draws: int) -> dict[str, float | None]:
    """The mean cosine when every column is permuted by itself, and how often it is as large."""
    cosines = (mean_cosine(rng.permuted(rows, axis=0)) for _ in range(draws))
    null = np.array([cosine for cosine in cosines if cosine is not None])
    observed = mean_cosine(rows)
    if observed is None or len(null) < 2:
        return dict.fromkeys(("permuted_cosine", "permuted_deviation", "permuted_p"))
    reached = int((null >= observed - NOISE).sum())
    return {
        "permuted_cosine": float(null.mean()),
        "permuted_deviation": float(null.std(ddof=1)),
        "permuted_p": (1 + reached) / (1 + len(null)),
    }


EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Conditioning:
    """The singular values of one side, about 0 (not centred), computed in float64.

    Attributes
    ----------
    dimension, rank
        Columns, and how many singular values are above the rounding of float64.
    largest, smallest
        The largest singular value, and the smallest of those that count in ``rank``.
    condition
        ``largest / smallest`` where ``rank`` is ``dimension``; None otherwise.
    condition_of_span
        ``largest / smallest`` whatever the rank; None if all vectors are zero.
    below_float32
        How many singular values, zeros included, are at most ``2^-23`` (the rounding of float32)
        times the largest.
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

    Vectors of many rows are best given by ``equivalent_factorisations.maps.root_of(side).matrix``,
    which has ``d`` rows and the same singular values; a Gram matrix itself would square them.

    >>> conditioning(np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])).condition
    3.0
    >>> result = conditioning(np.array([[3.0, 0.0], [1.0, 0.0]]))
    >>> result.condition, result.rank, result.below_float32
    (None, 1, 1)
    """
    dimension = matrix.shape[1]
    singular = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    values = np.concatenate([singular, np.zeros(dimension - len(singular))])
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
