"""Maps drawn at random, with a condition number given in advance."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.numbers import CONDITION, SEED, written
from anglewise.core.typing import Array, Float, Float64
from anglewise.errors import SpellingError, ValuesError
from anglewise.gauge.gauge import Gauge
from anglewise.gauge.map_pair import MapPair
from anglewise.gauge.root import Root


@dataclass(frozen=True)
class RandomMap(Gauge):
    """A map between two Haar rotations, its spectrum log-uniform, of exactly this condition.

    >>> str(RandomMap(30, seed=1))
    'random(30,1)'
    """

    condition: float
    seed: int = 0

    def __post_init__(self) -> None:
        CONDITION.check("the condition number of random(30,1)", self.condition, SpellingError)
        SEED.check("the seed of random(30,1)", self.seed, SpellingError)

    def __str__(self) -> str:
        return f"random({written(self.condition)},{self.seed})"

    def pair(self, queries: Root, items: Root) -> MapPair:
        """The map of this seed, whatever the factors."""
        del items
        return random_pair(queries.dimension, self.condition, np.random.default_rng(self.seed))


def random_pair(dimension: int, condition: float, rng: np.random.Generator) -> MapPair:
    """One invertible map and its inverse transposed, ``G = U diag(s) V'`` and ``U diag(1/s) V'``.

    >>> pair = random_pair(5, 30.0, np.random.default_rng(0))
    >>> round(pair.condition, 9)
    30.0
    """
    left, right = haar(dimension, rng), haar(dimension, rng)
    spectrum = log_uniform_spectrum(dimension, condition, rng)
    return MapPair(left * spectrum @ right.T, left / spectrum @ right.T)


def haar(dimension: int, rng: np.random.Generator) -> Float64[Array, "d d"]:
    """A rotation or reflection drawn uniformly (Mezzadri, Notices of the AMS 54, 2007).

    >>> u = haar(3, np.random.default_rng(0))
    >>> bool(np.allclose(u @ u.T, np.eye(3)))
    True
    """
    return haar_frame(dimension, dimension, rng).T


def haar_frame(rows: int, dimension: int, rng: np.random.Generator) -> Float64[Array, "rows d"]:
    """So many orthonormal rows drawn uniformly: the first rows of a rotation, at their price.

    >>> u = haar_frame(2, 5, np.random.default_rng(0))
    >>> bool(np.allclose(u @ u.T, np.eye(2)))
    True
    """
    q, r = np.linalg.qr(rng.standard_normal((dimension, rows)))
    return (q * np.where(np.diag(r) < 0, -1.0, 1.0)).T


def log_uniform_spectrum(
    dimension: int, condition: float, rng: np.random.Generator
) -> Float64[Array, " d"]:
    """Singular values, descending, geometric mean of the ends 1, their ratio ``condition``.

    The ends are set, those between are uniform in their logarithm.

    >>> log_uniform_spectrum(2, 4.0, np.random.default_rng(0)).tolist()
    [2.0, 0.5]
    """
    if dimension < 2 and condition > 1:
        raise ValuesError(
            "a map of one dimension has condition 1, there is nothing to draw: a random map needs "
            "two columns that are no biases"
        )
    places = np.sort(rng.uniform(-0.5, 0.5, size=dimension))[::-1]
    places[0], places[-1] = (0.5, -0.5) if dimension > 1 else (0.0, 0.0)
    return condition**places


def moved_cosines(
    left: Float[Array, "pairs d"],
    right: Float[Array, "pairs d"],
    condition: float,
    rng: np.random.Generator,
    *,
    draws: int,
    opposite: bool = False,
) -> Float64[Array, "draws pairs"]:
    """The cosine of each pair of rows after each of some random maps.

    The typical movement, to be shown beside the certified one, which is the worst. ``opposite``
    moves the right side by the inverse transposed of the map: a user and an item.

    >>> x, y = np.eye(3)[:1], np.array([[1.0, 1.0, 0.0]])
    >>> moved_cosines(x, y, 1.0, np.random.default_rng(0), draws=2).round(3).tolist()
    [[0.707], [0.707]]
    """
    dimension = left.shape[1]
    one, other = _in_their_span(left.astype(np.float64), right.astype(np.float64))
    out = np.empty((draws, len(left)))
    for draw in range(draws):
        turn = haar_frame(one.shape[1], dimension, rng)
        spectrum = log_uniform_spectrum(dimension, condition, rng)
        opposed = 1 / spectrum if opposite else spectrum
        out[draw] = row_cosines(one @ turn * spectrum, other @ turn * opposed)
    return out


def _in_their_span(
    left: Float64[Array, "pairs d"], right: Float64[Array, "pairs d"]
) -> tuple[Float64[Array, "pairs r"], Float64[Array, "pairs r"]]:
    """Coordinates of few rows in the space that they span: a rotation is only seen there."""
    if 2 * len(left) >= left.shape[1]:
        return left, right
    basis = np.linalg.qr(np.concatenate([left, right]).T)[0]
    return left @ basis, right @ basis


def row_cosines(
    left: Float[Array, "pairs d"], right: Float[Array, "pairs d"]
) -> Float64[Array, " pairs"]:
    """The cosine of each row of one array with the same row of the other; 0 with a zero row.

    >>> row_cosines(np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])).tolist()
    [0.96]
    """
    x, y = left.astype(np.float64), right.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    products = np.einsum("ij,ij->i", x, y)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
