"""Where vectors crowd: k-means on a sample, every row assigned."""

import numpy as np

from anglewise.core.typing import Array, Float32, Float64, Int64
from anglewise.errors import TooFewError

SAMPLE = 20_000
ROUNDS = 25
BLOCK = 8_192


def clusters(vectors: Float32[Array, "n d"], count: int, *, seed: int = 0) -> Int64[Array, " n"]:
    """Give each row the number of its cluster, of directions: lengths are left aside.

    Lloyd's k-means on unit rows, started by k-means++ (Arthur and Vassilvitskii 2007), on at most
    20,000 rows drawn by the seed; then every row goes to the nearest centre. Clusters are numbered
    by size, the largest first. Raises ``TooFewError`` if there are fewer rows than clusters.

    >>> rng = np.random.default_rng(0)
    >>> x = np.repeat(np.eye(3, 8), [30, 20, 10], axis=0) + 0.05 * rng.normal(size=(60, 8))
    >>> np.bincount(clusters(x.astype(np.float32), 3)).tolist()
    [30, 20, 10]
    """
    if not 1 <= count <= len(vectors):
        raise TooFewError(f"{count} clusters of {len(vectors)} rows: ask for 1 to {len(vectors)}")
    rng = np.random.default_rng(seed)
    some = np.sort(rng.permutation(len(vectors))[: max(SAMPLE, count)])
    centres = _centres(_unit(vectors[some]), count, rng)
    of = np.concatenate(
        [
            np.argmin(_distances(_unit(vectors[i : i + BLOCK]), centres), axis=1)
            for i in range(0, len(vectors), BLOCK)
        ]
    )
    by_size = np.argsort(-np.bincount(of, minlength=count), kind="stable")
    number = np.empty(count, dtype=np.int64)
    number[by_size] = np.arange(count)
    return number[of]


def _centres(
    x: Float64[Array, "n d"], count: int, rng: np.random.Generator
) -> Float64[Array, "count d"]:
    centres = _spread_out(x, count, rng)
    for _ in range(ROUNDS):
        of = np.argmin(_distances(x, centres), axis=1)
        held = np.bincount(of, minlength=count)
        sums = np.zeros_like(centres)
        np.add.at(sums, of, x)
        moved = np.where(held[:, None] > 0, sums / np.maximum(held, 1)[:, None], centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _spread_out(
    x: Float64[Array, "n d"], count: int, rng: np.random.Generator
) -> Float64[Array, "count d"]:
    """Starts far from each other: each drawn by its squared distance to those before."""
    chosen = [int(rng.integers(len(x)))]
    away = _distances(x, x[chosen])[:, 0]
    while len(chosen) < count:
        total = away.sum()
        at = rng.choice(len(x), p=away / total) if total > 0 else rng.integers(len(x))
        chosen.append(int(at))
        away = np.minimum(away, _distances(x, x[[at]])[:, 0])
    return x[chosen]


def _distances(
    x: Float64[Array, "n d"], centres: Float64[Array, "count d"]
) -> Float64[Array, "n count"]:
    squares = np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", centres, centres)
    return np.maximum(squares - 2 * (x @ centres.T), 0)


def _unit(vectors: Float32[Array, "n d"]) -> Float64[Array, "n d"]:
    x = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", x, x))[:, None]
    return np.divide(x, lengths, out=x, where=lengths > 0)
