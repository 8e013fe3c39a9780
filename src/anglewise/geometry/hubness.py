"""Hubness and clusters: where vectors crowd, and items that turn up in too many lists."""

from dataclasses import dataclass

import numpy as np

from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Float32, Float64, Int64
from anglewise.errors import ShapeError, TooFewError

TOP_SHARE = 100
"""``top_share`` is that of one item in so many."""


@dataclass(frozen=True)
class Hubness:
    """How often items occur in lists of k neighbours.

    Attributes
    ----------
    items, asked, k
        Items that can be listed, lists (queries that asked), and places in each.
    skewness
        Of the k-occurrences ``N_i``, how many lists hold item ``i``: ``mean((N - m)^3) / s^3``.
        None where all are equal.
    skewness_of_all
        The same, estimated for lists of all queries; equal to ``skewness`` where all were asked,
        None where the sample is too small to tell.
    skewness_by_chance
        The skewness of lists drawn at random: that of a binomial.
    anti_hubs, anti_hubs_by_chance
        Share of the items that are in no list, and the same for lists drawn at random.
    top_share
        Share of all filled places that hold the most listed 1% of the items (at least one item).
        None where all lists are empty.
    largest, largest_row
        The most lists that one item is in, and its row (the first of equals).
    """

    items: int
    asked: int
    k: int
    skewness: float | None
    skewness_of_all: float | None
    skewness_by_chance: float | None
    anti_hubs: float
    anti_hubs_by_chance: float
    top_share: float | None
    largest: int
    largest_row: int


def hubness(
    neighbours: Neighbours, items: int, k: int | None = None, *, queries: int | None = None
) -> Hubness:
    """The k-occurrences of items in lists of neighbours (Radovanovic et al., JMLR 11, 2010).

    Lists longer than ``k`` are cut. Places with -1 are empty. Give ``queries``, the number of all
    queries, where the lists are those of a random sample: then ``skewness_of_all`` is for all of
    them, from the first three factorial moments, which sampling without replacement only scales.
    Raises ``TooFewError`` if ``k`` is not between 1 and the length of the lists, ``ShapeError``
    for a row beyond ``items`` or more lists than ``queries``.

    >>> lists = np.array([[1, 2], [0, -1], [1, 0]])
    >>> neighbours = Neighbours("dot", lists, np.zeros((3, 2), np.float32), np.zeros(3, np.int64))
    >>> hubness(neighbours, items=4).anti_hubs, hubness(neighbours, items=4, k=1).largest
    (0.25, 2)
    """
    depth = neighbours.k if k is None else k
    lists = len(neighbours.indices)
    _check(neighbours, items, depth, lists if queries is None else queries)
    counts = occurrences(neighbours, items, depth)
    filled = int(counts.sum())
    chance = filled / (lists * items) if lists else 0.0
    top = np.sort(counts)[-max(1, round(items / TOP_SHARE)) :]
    return Hubness(
        items=items,
        asked=lists,
        k=depth,
        skewness=_skewness(_factorial_moments(counts)),
        skewness_of_all=_skewness(_scaled(_factorial_moments(counts), lists, queries or lists)),
        skewness_by_chance=_binomial_skewness(lists, chance),
        anti_hubs=float((counts == 0).mean()),
        anti_hubs_by_chance=float((1 - chance) ** lists),
        top_share=float(top.sum() / filled) if filled else None,
        largest=int(counts.max()),
        largest_row=int(counts.argmax()),
    )


def occurrences(neighbours: Neighbours, items: int, k: int) -> Int64[Array, " items"]:
    """In how many lists, cut at ``k``, each item is.

    >>> lists = np.array([[1, 2], [1, -1]])
    >>> neighbours = Neighbours("dot", lists, np.zeros((2, 2), np.float32), np.zeros(2, np.int64))
    >>> occurrences(neighbours, 3, 2).tolist()
    [0, 2, 1]
    """
    listed = neighbours.indices[:, :k]
    return np.bincount(listed[listed >= 0], minlength=items).astype(np.int64)


def _check(neighbours: Neighbours, items: int, k: int, queries: int) -> None:
    if not 1 <= k <= neighbours.k:
        raise TooFewError(f"k is {k}, the lists hold {neighbours.k}: take 1 to {neighbours.k}")
    if items < 1 or neighbours.indices.max(initial=-1) >= items:
        raise ShapeError(
            f"the lists name row {neighbours.indices.max(initial=-1)} of {items} items: say how "
            "many items were ranked"
        )
    if queries < len(neighbours.indices):
        raise ShapeError(
            f"{len(neighbours.indices)} lists of {queries} queries: say how many queries there "
            "are in all"
        )


def _factorial_moments(counts: Int64[Array, " items"]) -> Float64[Array, "3"]:
    """Means of ``N``, ``N (N - 1)``, ``N (N - 1) (N - 2)``."""
    n = counts.astype(np.float64)
    return np.array([n.mean(), (n * (n - 1)).mean(), (n * (n - 1) * (n - 2)).mean()])


def _scaled(moments: Float64[Array, "3"], sampled: int, queries: int) -> Float64[Array, "3"]:
    """The moments over all queries, estimated from a random sample of ``sampled``.

    Three distinct queries that list an item are all in the sample with chance
    ``sampled (sampled - 1) (sampled - 2) / (queries (queries - 1) (queries - 2))``.
    """
    if sampled == queries:
        return moments
    steps = np.arange(3)
    if sampled < len(steps):
        return np.full(3, np.nan)
    return moments * np.cumprod((queries - steps) / (sampled - steps))


def _skewness(moments: Float64[Array, "3"]) -> float | None:
    """The third standardised moment, from factorial ones."""
    first, second, third = moments
    raw2, raw3 = second + first, third + 3 * second + first
    variance = raw2 - first**2
    if not variance > 1e-12 * max(first**2, 1e-300):
        return None
    return float((raw3 - 3 * first * raw2 + 2 * first**3) / variance**1.5)


def _binomial_skewness(trials: int, chance: float) -> float | None:
    variance = trials * chance * (1 - chance)
    return float((1 - 2 * chance) / np.sqrt(variance)) if variance > 0 else None


SAMPLE = 20_000
ROUNDS = 25
BLOCK = 8_192


def clusters(vectors: Float32[Array, "n d"], count: int, *, seed: int = 0) -> Int64[Array, " n"]:
    """Cluster rows by direction, not length: the number of each row's cluster.

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
    sample_rows = np.sort(rng.permutation(len(vectors))[: max(SAMPLE, count)])
    centres = _centres(_unit(vectors[sample_rows]), count, rng)
    nearest_centre = np.concatenate(
        [
            np.argmin(_distances(_unit(vectors[i : i + BLOCK]), centres), axis=1)
            for i in range(0, len(vectors), BLOCK)
        ]
    )
    by_size = np.argsort(-np.bincount(nearest_centre, minlength=count), kind="stable")
    cluster_number = np.empty(count, dtype=np.int64)
    cluster_number[by_size] = np.arange(count)
    return cluster_number[nearest_centre]


def _centres(
    x: Float64[Array, "n d"], count: int, rng: np.random.Generator
) -> Float64[Array, "count d"]:
    centres = _spread_out(x, count, rng)
    for _ in range(ROUNDS):
        nearest_centre = np.argmin(_distances(x, centres), axis=1)
        sizes = np.bincount(nearest_centre, minlength=count)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest_centre, x)
        moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _spread_out(
    x: Float64[Array, "n d"], count: int, rng: np.random.Generator
) -> Float64[Array, "count d"]:
    """First centres as k-means++ draws them: by squared distance to the nearest one before."""
    chosen = [int(rng.integers(len(x)))]
    nearest_squared = _distances(x, x[chosen])[:, 0]
    while len(chosen) < count:
        total = nearest_squared.sum()
        row = rng.choice(len(x), p=nearest_squared / total) if total > 0 else rng.integers(len(x))
        chosen.append(int(row))
        nearest_squared = np.minimum(nearest_squared, _distances(x, x[[row]])[:, 0])
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
