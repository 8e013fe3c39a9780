"""Whether all rows of a side lie in the axes of one model, and both sides in the same ones."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.typing import Array, Bool, Float64
from anglewise.geometry.isotropy import unit
from anglewise.geometry.norms import spearman

SAMPLE = 1_000
"""Rows that are drawn of a side: enough for a graph whose parts are many rows each."""
FEWEST = 200
"""Of fewer rows nothing is said."""
NEIGHBOURS, AXES, SMALLEST = 10, 8, 0.05
"""Neighbours in the graph, directions along which it is cut, the least share of a part."""
FLAT = 1e-3
"""Of a spectrum flatter than this share of its trace the axes are nobody's."""
LEANING = 3.5
"""So many standard errors of unrelated axes apart from 0, parts lean to the same side."""
AVOIDING = -0.15
"""Parts whose axes avoid each other by more than this correlation, and by more standard errors of
unrelated axes than ``LEANING``, are placed by one model."""
SHUFFLES, SELDOM = 999, 0.01
"""Orders of the columns in which the use of columns is tried, and a share of them that is few."""


@dataclass(frozen=True)
class Halves:
    """The two parts of a side that have least to do with each other.

    Attributes
    ----------
    share
        The share of the rows in the smaller part.
    across
        Pairs of near neighbours across the parts, over those that chance would put there: 0 where
        no row of one part has a neighbour in the other, 1 where the parts are none.
    axes
        How far the parts vary along the same axes: the correlation of their covariances without
        the part that is alike in all directions; 1 for the same axes, about 0 for unrelated ones,
        below 0 for axes that avoid each other, as topics of sparse or spectral factors do.
    mirrored
        The share of rows of the whole side that are nearer to the opposite of another row than to
        any row, as half of them are where half of the signs were lost.
    dimension
        The number of columns.
    leaning
        How far the means of both parts lean to the same side: their rank correlation over the
        columns, in standard errors of what unrelated axes give. Topics of one model lean to one
        side together, as an encoder's columns have means of their own; a rotation loses them.
    own_columns
        Whether no number is negative and the parts use different columns, more than columns in
        any other order do: as topics of sparse factors do by design, and two trainings do not.
    """

    share: float
    across: float
    axes: float
    mirrored: float
    leaning: float
    own_columns: bool
    dimension: int

    @property
    def related(self) -> bool:
        """Whether something shows that the columns mean the same in both parts."""
        if self.dimension < 2:
            return False
        by_chance = (2 / ((self.dimension - 1) * (self.dimension + 2))) ** 0.5
        avoid = self.axes < min(AVOIDING, -LEANING * by_chance)
        return self.leaning > LEANING or self.own_columns or avoid


def halves(side: Embeddings, rng: np.random.Generator) -> Halves | None:
    """Part a side along its graph of near neighbours, where the parts share least.

    Rows of two models, or of one of which a part was rotated, are neighbours of their own kind
    alone and vary along other axes; topics and languages of one model are neighbours of their own
    kind too, but vary along axes of the same model, or lean to the same side. The graph of the 10
    nearest by cosine of a sample is cut along its leading eigenvectors (Shi and Malik, IEEE PAMI
    22, 2000); of the cuts, those whose parts nothing relates come first. None where there are fewer
    than 200 rows with a vector.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(600, 16)) * np.linspace(3, 0.2, 16)
    >>> turned = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    >>> mixed = np.concatenate([x[:300], x[300:] @ turned])
    >>> found, whole = (halves(Embeddings(v), np.random.default_rng(0)) for v in (mixed, x))
    >>> found.axes < whole.axes
    True
    """
    rows = np.flatnonzero(side.norms > 0)
    if len(rows) < FEWEST:
        return None
    x = unit(side.vectors[np.sort(rng.permutation(rows)[:SAMPLE])].astype(np.float64))
    cosines = x @ x.T
    np.fill_diagonal(cosines, 0)
    mirrored = float((-cosines.min(axis=1) > cosines.max(axis=1)).mean())
    cuts = _cuts(x, cosines, mirrored, rng.spawn(1)[0])
    return min(cuts, key=strangeness)


def strangeness(part: Halves) -> tuple[bool, float]:
    """Orders parts: first those that nothing relates, then by what they share."""
    return part.related, max(part.across, 0.0) + max(part.axes, 0.0)


def _cuts(
    x: Float64[Array, "n d"],
    cosines: Float64[Array, "n n"],
    mirrored: float,
    rng: np.random.Generator,
) -> Iterator[Halves]:
    positive = bool((x >= 0).all())
    graph = _graph(cosines)
    degrees = graph.sum(axis=1)
    roots = 1 / np.sqrt(degrees)
    vectors = np.linalg.eigh(graph * roots * roots[:, None])[1][:, -AXES:-1] * roots[:, None]
    for values in vectors.T:
        part = _cut(values)
        share = float(part.mean())
        across = graph[part][:, ~part].sum() / degrees.sum() / (share * (1 - share))
        yield Halves(
            share=min(share, 1 - share),
            across=float(across),
            axes=same_axes(x[part], x[~part]),
            mirrored=mirrored,
            leaning=leaning(x[part], x[~part]),
            own_columns=positive and _own_columns(x[part], x[~part], rng),
            dimension=x.shape[1],
        )


def leaning(x: Float64[Array, "n d"], y: Float64[Array, "m d"]) -> float:
    """The rank correlation of two means over the columns, in its standard errors by chance.

    Under a random rotation of one, or any order of its columns, this is about normal; about 0
    where there are too few columns to tell, or where means are all alike.

    >>> x = np.random.default_rng(0).normal(size=(300, 64)) + np.linspace(-1, 1, 64)
    >>> turned = np.linalg.qr(np.random.default_rng(1).normal(size=(64, 64)))[0]
    >>> leaning(x[:150], x[150:]) > LEANING > leaning(x[:150], x[150:] @ turned)
    True
    """
    correlation = spearman(x.mean(axis=0), y.mean(axis=0))
    return 0.0 if correlation is None else float(correlation * (x.shape[1] - 1) ** 0.5)


def _own_columns(
    x: Float64[Array, "n d"], y: Float64[Array, "m d"], rng: np.random.Generator
) -> bool:
    """Whether rows without negative numbers share columns less than in nearly every other order."""
    one, other = (np.sqrt(side.mean(axis=0)) for side in (x, y))
    shared = float(one @ other)
    orders = rng.permuted(np.tile(other, (SHUFFLES, 1)), axis=1) @ one
    return bool((1 + (orders <= shared + 1e-12).sum()) / (1 + SHUFFLES) <= SELDOM)


def _graph(cosines: Float64[Array, "n n"]) -> Float64[Array, "n n"]:
    """Which rows are near neighbours of which, either way."""
    cosines = cosines.copy()
    np.fill_diagonal(cosines, -2)
    nearest = np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    graph = np.zeros_like(cosines)
    np.put_along_axis(graph, nearest, 1.0, axis=1)
    return np.maximum(graph, graph.T)


def _cut(values: Float64[Array, " n"]) -> Bool[Array, " n"]:
    """The two groups of numbers that lie farthest apart for their spread (2-means, exactly)."""
    order = np.argsort(values, kind="stable")
    sums, sizes = np.cumsum(values[order])[:-1], np.arange(1, len(values))
    total, others = values.sum(), len(values) - sizes
    between = (sums / sizes - (total - sums) / others) ** 2 * sizes * others
    least = max(int(SMALLEST * len(values)), 2)
    best = least + int(between[least - 1 : len(values) - least].argmax())
    part = np.zeros(len(values), dtype=bool)
    part[order[:best]] = True
    return part


def same_axes(x: Float64[Array, "n d"], y: Float64[Array, "m d"]) -> float:
    """The correlation of two covariances without their traces; 0 where one is flat.

    Both are without the part that is alike in all directions, so that a random rotation of one
    leaves 0 in the mean; the squared size of each is corrected for the sample.
    """
    (one, size_one), (other, size_other) = map(_shape, (x, y))
    size = float(np.sqrt(size_one * size_other))
    return float((one * other).sum() / size) if size else 0.0


def _shape(x: Float64[Array, "n d"]) -> tuple[Float64[Array, "d d"], float]:
    about_mean = x - x.mean(axis=0)
    covariance = about_mean.T @ about_mean / len(x)
    trace = float(np.trace(covariance))
    shape = covariance - np.eye(len(covariance)) * trace / len(covariance)
    squares = np.square(np.einsum("ij,ij->i", about_mean, about_mean)).mean()
    noise = (squares - np.square(covariance).sum()) / len(x)
    size = float(np.square(shape).sum() - noise)
    return shape, size if size > (FLAT * trace) ** 2 else 0.0


def both_sides(
    queries: Embeddings, items: Embeddings, rng: np.random.Generator
) -> tuple[float, float] | None:
    """How far both sides vary along the same axes, and how far they lean to the same side.

    As ``same_axes`` and ``leaning`` have it; None below 100 rows.

    >>> x = np.random.default_rng(0).normal(size=(300, 8)) * np.linspace(3, 0.2, 8)
    >>> rng = np.random.default_rng(0)
    >>> both_sides(Embeddings(x[:150]), Embeddings(x[150:]), rng)[0] > 0.9
    True
    """
    samples: list[Float64[Array, "n d"]] = []
    for side in (queries, items):
        rows = np.flatnonzero(side.norms > 0)
        if len(rows) < FEWEST // 2:
            return None
        chosen = np.sort(rng.permutation(rows)[: 2 * SAMPLE])
        samples.append(unit(side.vectors[chosen].astype(np.float64)))
    one, other = samples
    return same_axes(one, other), leaning(one, other)
