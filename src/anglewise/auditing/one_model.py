"""Whether all rows of a side lie in the axes of one model, and both sides in the same ones."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.typing import Array, Bool, Float64
from anglewise.geometry.isotropy import unit

SAMPLE = 1_000
"""Rows that are drawn of a side: enough for a graph whose parts are many rows each."""
FEWEST = 200
"""Of fewer rows nothing is said."""
NEIGHBOURS, AXES, SMALLEST = 10, 8, 0.05
"""Neighbours in the graph, directions along which it is cut, the least share of a part."""
FLAT = 1e-3
"""Of a spectrum flatter than this share of its trace the axes are nobody's."""


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
        the part that is alike in all directions; 1 for the same axes, about 0 for unrelated ones.
    mirrored
        The share of rows of the whole side that are nearer to the opposite of another row than to
        any row, as half of them are where half of the signs were lost.
    """

    share: float
    across: float
    axes: float
    mirrored: float


def halves(side: Embeddings, rng: np.random.Generator) -> Halves | None:
    """Part a side along its graph of near neighbours, where the parts share least.

    Rows of two models, or of one of which a part was rotated, are neighbours of their own kind
    alone and vary along other axes; topics and languages of one model are neighbours of their own
    kind too, but vary along axes of the same model. The graph of the 10 nearest by cosine of a
    sample is cut along its leading eigenvectors (Shi and Malik, IEEE PAMI 22, 2000). None where
    there are fewer than 200 rows with a vector.

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
    cuts = _cuts(x, cosines, mirrored)
    return min(cuts, key=lambda part: max(part.across, 0.0) + max(part.axes, 0.0))


def _cuts(
    x: Float64[Array, "n d"], cosines: Float64[Array, "n n"], mirrored: float
) -> Iterator[Halves]:
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
        )


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


def both_sides(queries: Embeddings, items: Embeddings, rng: np.random.Generator) -> float | None:
    """How far both sides vary along the same axes, as ``same_axes``; None below 100 rows.

    >>> x = np.random.default_rng(0).normal(size=(300, 8)) * np.linspace(3, 0.2, 8)
    >>> rng = np.random.default_rng(0)
    >>> both_sides(Embeddings(x[:150]), Embeddings(x[150:]), rng) > 0.9
    True
    """
    samples: list[Float64[Array, "n d"]] = []
    for side in (queries, items):
        rows = np.flatnonzero(side.norms > 0)
        if len(rows) < FEWEST // 2:
            return None
        chosen = np.sort(rng.permutation(rows)[: 2 * SAMPLE])
        samples.append(unit(side.vectors[chosen].astype(np.float64)))
    return same_axes(*samples)
