"""Maps of old vectors to new ones, learnt from pairs and chosen on pairs that they never saw."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from anglewise.data_types.drawn import QueryWeights
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.similarity_measures.formulas import unit
from anglewise.stores.exact_lists import mean_recall
from anglewise.stores.vector_map import VectorMap

RIDGES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
"""What is added to squared singular values, in parts of their mean."""
RANKS, RANK_RIDGE = (4, 8, 16, 32, 64, 128, 256), 1e-2
"""Low ranks that are tried, and the ridge with which they are learnt."""
FOLDS, MORE_FOLDS, FEW = 10, 20, 400
"""So many parts the pairs are cut into; more of them where there are few pairs."""


class Linear(NamedTuple):
    """``x -> (x - offset) @ left @ right + shift``; ``left`` is shared by several of them."""

    offset: Float64[Array, " old"]
    left: Float64[Array, "old r"]
    right: Float64[Array, "r new"]
    shift: Float64[Array, " new"]

    def __call__(self, x: Float64[Array, "rows old"]) -> Float64[Array, "rows new"]:
        """Move some rows."""
        return ((x - self.offset) @ self.left) @ self.right + self.shift

    def whole(self, to_unit: bool) -> VectorMap:
        """As one matrix."""
        return VectorMap(self.offset, self.left @ self.right, self.shift, to_unit)


def learnt_maps(x: Float64[Array, "n old"], y: Float64[Array, "n new"]) -> dict[str, Linear]:
    """Every kind of map, from the same pairs.

    ``orthogonal`` is the rotation and scale nearest to the new vectors (Schönemann 1966, with a
    scale); ``affine`` least squares with a ridge; ``rank r`` the best of that rank among the fitted
    values (reduced-rank regression, Izenman 1975).

    >>> x = np.random.default_rng(0).normal(size=(20, 3))
    >>> maps = learnt_maps(x, 2 * x[:, ::-1] + 1)
    >>> bool(np.abs(maps["orthogonal"](x) - (2 * x[:, ::-1] + 1)).max() < 1e-9)
    True
    """
    return dict(_each_map(x, y))


def _each_map(x: Array, y: Array) -> Iterator[tuple[str, Linear]]:
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    a, b = x - mean_x, y - mean_y
    basis, squares = _directions(a)
    inner = a @ basis
    cross = inner.T @ b
    left, strengths, right = np.linalg.svd(basis @ cross, full_matrices=False)
    scale = strengths.sum() / max(float(np.square(a).sum()), 1e-300)
    yield "orthogonal", Linear(mean_x, left * scale, right, mean_y)
    size = squares.mean()
    for ridge in RIDGES:
        weights = cross / (squares + ridge * size)[:, None]
        yield f"affine, ridge {ridge:g}", Linear(mean_x, basis, weights, mean_y)
    weights = cross / (squares + RANK_RIDGE * size)[:, None]
    fitted = np.sqrt(squares)[:, None] * weights
    along = np.linalg.svd(fitted, full_matrices=False)[2]
    for rank in RANKS:
        if rank < min(len(squares), y.shape[1]):
            kept = along[:rank]
            name = f"rank {rank}, ridge {RANK_RIDGE:g}"
            yield name, Linear(mean_x, basis, weights @ kept.T @ kept, mean_y)


def _directions(
    centred: Float64[Array, "n old"],
) -> tuple[Float64[Array, "old r"], Float64[Array, " r"]]:
    """The right singular vectors of some rows, and their squared singular values above rounding."""
    n, d = centred.shape
    wide = n < d
    gram = centred @ centred.T if wide else centred.T @ centred
    squares, vectors = np.linalg.eigh(gram)
    kept = squares > 1e-12 * max(float(squares[-1]), 1e-300)
    squares, vectors = squares[kept], vectors[:, kept]
    if wide:
        vectors = centred.T @ vectors / np.sqrt(squares)
    return vectors, squares


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Some pairs, and a map that was learnt from all others."""

    places: Int64[Array, " some"]
    map: VectorMap


@dataclass(frozen=True, eq=False)
class ChosenMap:
    """The map that foretells best how queries score items that it never saw.

    Attributes
    ----------
    map, name
        Learnt from all pairs.
    correlations
        Of each kind of map: the mean over queries of the rank correlation, over pairs that were
        held out, between the score of the new vector and that of the mapped old one.
    folds
        The maps of this kind that were learnt without some pairs.
    """

    map: VectorMap
    name: str
    correlations: dict[str, float]
    folds: tuple[HeldOut, ...]


def choose_map(
    x: Float64[Array, "pairs old"],
    y: Float64[Array, "pairs new"],
    queries: Float64[Array, "q new"],
    *,
    to_unit: bool,
    rng: np.random.Generator,
) -> ChosenMap:
    """Learn every kind of map in folds, and take the one whose held-out scores correlate best."""
    count = MORE_FOLDS if len(x) <= FEW else FOLDS
    parts = np.array_split(rng.permutation(len(x)), count)
    learnt = [learnt_maps(np.delete(x, out, 0), np.delete(y, out, 0)) for out in parts]
    due, correlations = queries @ y.T, dict[str, float]()
    for name in (name for name in learnt[0] if all(name in fold for fold in learnt)):
        moved = np.empty(y.shape)
        for out, fold in zip(parts, learnt, strict=True):
            moved[out] = _moved(fold[name], x[out], to_unit)
        correlations[name] = correlation(queries @ moved.T, due)
    best = max(correlations, key=lambda name: correlations[name])
    whole = learnt_maps(x, y)[best]
    folds = tuple(
        HeldOut(out, fold[best].whole(to_unit)) for out, fold in zip(parts, learnt, strict=True)
    )
    return ChosenMap(whole.whole(to_unit), best, correlations, folds)


def _moved(linear: Linear, x: Float64[Array, "rows old"], to_unit: bool) -> Float64[Array, "n _"]:
    return unit(linear(x)) if to_unit else linear(x)


def correlation(found: Float64[Array, "q n"], due: Float64[Array, "q n"]) -> float:
    """The mean over rows of Spearman's rank correlation of two tables.

    By ranks, since a few vectors that point elsewhere than all others would decide it else.

    >>> round(correlation(np.array([[1.0, 2, 3]]), np.array([[1.0, 2, 99]])), 9)
    1.0
    """
    a, b = (_ranks(table) for table in (found, due))
    return float((a * b).sum(axis=1).mean())


def _ranks(table: Float64[Array, "q n"]) -> Float64[Array, "q n"]:
    """Ranks within each row, about their mean, with squares that add up to 1."""
    ranks = table.argsort(axis=1, kind="stable").argsort(axis=1).astype(np.float64)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return ranks / np.sqrt(np.square(ranks).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class LearningStep:
    """What maps learnt from so many pairs kept of lists among all pairs, each held out."""

    pairs: int
    recall: float


def learning_curve(
    x: Float64[Array, "pairs old"],
    y: Float64[Array, "pairs new"],
    queries: Float64[Array, "q new"],
    k: int,
    *,
    to_unit: bool,
    rng: np.random.Generator,
    weights: QueryWeights | None = None,
) -> tuple[list[LearningStep], Float64[Array, " q"]]:
    """Recall among the pairs, by how many of them a map was learnt from; the last gain by query.

    Each fifth is mapped by maps of a half, a quarter ... of the others; of all kinds the one counts
    that correlates best. The lists are the ``k`` nearest among the pairs; ``weights`` are what
    queries count in means.
    """
    folds = 5
    fold = rng.permutation(np.arange(len(x)) % folds)
    most = len(x) - -(-len(x) // folds)
    sizes = [size for size in (most // 8, most // 4, most // 2, most) if size >= 8]
    due = queries @ y.T
    kept: list[Array] = []
    for size in sizes:
        held_out: dict[str, Array] = {}
        for part in range(folds):
            out = fold == part
            some = rng.permutation(np.flatnonzero(~out))[:size]
            for name, linear in learnt_maps(x[some], y[some]).items():
                moved = _moved(linear, x[out], to_unit)
                held_out.setdefault(name, np.full(y.shape, np.nan))[out] = moved
        scores = [queries @ moved.T for moved in held_out.values() if not np.isnan(moved).any()]
        best = max(scores, key=lambda found: correlation(found, due))
        kept.append(overlap(nearest(best, k), nearest(due, k)))
    steps = [LearningStep(n, mean_recall(r, weights)) for n, r in zip(sizes, kept, strict=True)]
    return steps, kept[-1] - kept[-2] if len(kept) > 1 else np.zeros(0)


def nearest(scores: Float64[Array, "q n"], k: int) -> Int64[Array, "q k"]:
    """The columns of the ``k`` highest scores, highest first; of equal ones the first column."""
    k = min(k, scores.shape[1])
    some = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1).astype(np.int64)


def overlap(a: Int64[Array, "q k"], b: Int64[Array, "q k"]) -> Float64[Array, " q"]:
    """For each row the share of ``b`` that stands in ``a``.

    >>> overlap(np.array([[1, 2]]), np.array([[2, 3]])).tolist()
    [0.5]
    """
    return (a[:, :, None] == b[:, None, :]).any(axis=1).mean(axis=1)
