"""Where vectors crowd: hubs that turn up in too many lists, clusters, copies of one vector."""

from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Float32, Float64, Int64
from anglewise.errors import ShapeError, TooFewError
from anglewise.geometry.isotropy import ROWS

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
    groups = equal_rows(embeddings)
    return ExactDuplicates(
        rows=int(np.count_nonzero(embeddings.norms)),
        groups=len(groups),
        surplus=sum(len(group) - 1 for group in groups),
        largest=max((len(group) for group in groups), default=0),
        examples=tuple(
            tuple(int(row) for row in group[:EXAMPLES])
            for group in sorted(groups, key=lambda group: (-len(group), group[0]))[:EXAMPLES]
        ),
    )


def equal_rows(embeddings: Embeddings) -> list[Int64[Array, " group"]]:
    """The groups of rows that hold one vector, rows ascending; zero rows are in none.

    >>> [group.tolist() for group in equal_rows(Embeddings([[1.0], [3.0], [1.0], [0.0], [0.0]]))]
    [[0, 2]]
    """
    nonzero_rows = np.flatnonzero(embeddings.norms)
    suspects = nonzero_rows[_repeated(_hashes(embeddings.vectors)[nonzero_rows])]
    return _equal(embeddings.vectors, suspects)


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
