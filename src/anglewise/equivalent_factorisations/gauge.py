"""Gauges, which choose among equally good factorisations; bias columns; random gauges.

A model that scores ``p . q + b_u + c_i`` is one inner product of ``[p, 1, b_u]`` and
``[q, c_i, 1]``. These bias columns belong to the score of a user and an item. In the similarity of
two items, or in an angle, they have no meaning.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.embeddings import BIAS_COLUMNS, Embeddings, Space
from anglewise.data_types.memory import check_square
from anglewise.data_types.numbers import CONDITION, SEED, written
from anglewise.data_types.typing import Array, Float, Float64
from anglewise.equivalent_factorisations.maps import MapPair, Root, root_of
from anglewise.errors import ShapeError, SpellingError, ValuesError


class Gauge(ABC):
    """A choice of one of the equally good factorisations. An interface: gauges are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling."""

    @abstractmethod
    def pair(self, queries: Root, items: Root) -> MapPair:
        """The maps from the given factors to this gauge."""

    def apply(self, space: Space, keep: tuple[int, ...] | None = None) -> Space:
        """The space in this gauge, with the same predictions: ``P -> P G``, ``Q -> Q G^-T``.

        Ids, metadata and ``seen`` stay; the dimension falls if some directions carry no prediction.

        Parameters
        ----------
        space
            Two-sided, and not trained for cosine or euclidean.
        keep
            Bias columns, which stay as they are and move to the end while the others change gauge;
            if not given, those that ``space.about`` names. ``()`` says that there are none.

        Raises
        ------
        ShapeError
            A one-sided space.
        ValuesError
            A column holds one number for a whole side and ``keep`` is not given; the loss read
            lengths or angles; all predictions are 0; the result does not fit float32.

        Examples
        --------
        >>> from anglewise.data_types.embeddings import Embeddings
        >>> from anglewise.equivalent_factorisations.canonical import BALANCED
        >>> space = Space(queries=Embeddings([[4.0], [0.0]]), items=Embeddings([[1.0]]))
        >>> BALANCED.apply(space).items.vectors.tolist()
        [[2.0]]
        """
        queries, items = two_roots(space)
        if space.trained_for in {"cosine", "euclidean"}:
            raise ValuesError(
                f"this space is declared as trained for {space.trained_for}, which only rotations "
                "leave alone: a gauge is for vectors trained for their dot products"
            )
        if keep is None and space.about.get(BIAS_COLUMNS):
            keep = tuple(int(column) for column in space.about[BIAS_COLUMNS])
        pair = self.pair_keeping(queries, items, keep or ())
        if keep is None:
            _refuse_mixing(pair, constant_columns(queries, items))
        return pair.apply(space, {"gauge": str(self)})

    def pair_keeping(self, queries: Root, items: Root, keep: tuple[int, ...]) -> MapPair:
        """The maps that leave some columns alone and bring the others to this gauge."""
        dimension = queries.dimension
        wrong = [column for column in keep if not 0 <= column < dimension]
        if wrong:
            raise ShapeError(f"keep names column {wrong[0]} of {dimension}: count from 0")
        if not keep:
            return self.pair(queries, items)
        free = columns_left(keep, dimension)
        inner = self.pair(queries.columns(free), items.columns(free))
        return inner.extended(tuple(sorted(set(keep))), dimension)


def two_roots(space: Space) -> tuple[Root, Root]:
    """The roots of queries and items; ``ShapeError`` for a one-sided space."""
    if space.one_sided:
        raise ShapeError(
            "this space has one side: a gauge needs two factors whose products are the "
            "predictions (users and items), so that what one side gains the other can lose"
        )
    return root_of(space.queries), root_of(space.items)


def columns_left(biases: tuple[int, ...], dimension: int) -> list[int]:
    """The columns that are no biases; ``ValuesError`` if there are none.

    >>> columns_left((1,), 3)
    [0, 2]
    """
    free = [column for column in range(dimension) if column not in biases]
    if biases and not free:
        raise ValuesError(
            f"all {dimension} columns count as biases, as each is named one or holds one number "
            "for a whole side: no column is left for a gauge to mix"
        )
    return free


def constant_columns(queries: Root, items: Root) -> tuple[int, ...]:
    """Columns that are constant on one side: biases, not directions.

    BPR in the library implicit writes 1 into the last column of users and a bias into that of
    items; its logistic factorisation has one such column on each side.
    """
    return tuple(sorted({*queries.constant, *items.constant}))


def _refuse_mixing(pair: MapPair, constant: tuple[int, ...]) -> None:
    mixed = [column for column in constant if pair.mixes(column)]
    if mixed:
        raise ValuesError(
            f"column {mixed[0]} holds one number for a whole side, as a bias does: say "
            f"keep={tuple(mixed)} to leave it out of the gauge, or keep=() to mix it with the rest"
        )


def bias_columns(space: Space) -> tuple[int, ...]:
    """The bias columns of a space: those that it names, else those that are constant on one side.

    >>> users = Embeddings([[2.0, 1.0], [3.0, 1.0], [5.0, 1.0]])
    >>> bias_columns(Space(queries=users, items=Embeddings([[1.0, 0.5], [4.0, 0.0]])))
    (1,)
    """
    if space.about.get(BIAS_COLUMNS) is not None:
        return space.named_biases
    return () if space.one_sided else constant_columns(*two_roots(space))


def without_biases(space: Space) -> Space:
    """The space without its bias columns, for angles and for similarities within one side.

    Raises ``ShapeError`` if no column is left.

    >>> users = Embeddings([[2.0, 1.0], [3.0, 1.0], [5.0, 1.0]])
    >>> space = Space(queries=users, items=Embeddings([[1.0, 0.5], [4.0, 0.0]]))
    >>> without_biases(space).items.vectors.tolist()
    [[1.0], [4.0]]
    """
    biases = bias_columns(space)
    if not biases:
        return space
    columns = [column for column in range(space.items.dimension) if column not in biases]
    if not columns:
        raise ShapeError(
            f"all {len(biases)} columns of this space are biases: without them there is nothing "
            "to compare; take the whole score, dot"
        )

    def cut(side: Embeddings) -> Embeddings:
        return side.with_vectors(np.ascontiguousarray(side.vectors[:, columns]))

    return Space(
        items=cut(space.items),
        queries=None if space.one_sided else cut(space.queries),
        trained_for=space.trained_for,
        seen=space.seen,
        about={**space.about, BIAS_COLUMNS: []},
    )


@dataclass(frozen=True)
class RandomMap(Gauge):
    """A random map of exactly this condition: two Haar rotations and a log-uniform spectrum.

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
        """The map of this seed, which does not depend on the factors."""
        del items
        return random_pair(queries.dimension, self.condition, np.random.default_rng(self.seed))

    def pair_by_span(
        self,
        basis: Float64[Array, "f r"],
        keep: tuple[int, ...],
        dimension: int,
        *,
        new_vectors: bool,
    ) -> MapPair:
        """The map of this seed by the span of few rows, in the columns that are not to be kept.

        With ``new_vectors`` it moves rows outside the span too, and those inside alike.
        """
        draw = random_pair_beyond_span if new_vectors else random_pair_in_span
        pair = draw(basis, self.condition, np.random.default_rng(self.seed))
        return pair.extended(tuple(sorted(set(keep))), dimension)


def random_pair(dimension: int, condition: float, rng: np.random.Generator) -> MapPair:
    """A random invertible map and its inverse transpose, ``U diag(s) V'`` and ``U diag(1/s) V'``.

    >>> pair = random_pair(5, 30.0, np.random.default_rng(0))
    >>> round(pair.condition, 9)
    30.0
    """
    check_square(dimension)
    left, right = haar(dimension, rng), haar(dimension, rng)
    spectrum = log_uniform_spectrum(dimension, condition, rng)
    return MapPair(left * spectrum @ right.T, left / spectrum @ right.T)


STRETCHING, MILD = 2.0, 100.0
"""Maps of a condition between square what they do without loss: beyond, digits go; below, both maps
are nearly the same rotation, and the product of their rows has no Cholesky root."""


def random_pair_in_span(
    basis: Float64[Array, "d r"], condition: float, rng: np.random.Generator
) -> MapPair:
    """What :func:`random_pair` does to the span of few rows, up to a rotation of the results.

    A rotation uniform in ``d`` dimensions takes the orthonormal ``basis`` to a uniform frame, so
    that the other directions need not be drawn. Rows of the span have the products, lengths and
    distances after these maps that they have after a whole map; other rows do not.

    >>> x = np.eye(2, 9)
    >>> pair = random_pair_in_span(x.T, 30.0, np.random.default_rng(0))
    >>> np.round((x @ pair.queries) @ (x @ pair.items).T, 9).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    dimension, rank = basis.shape
    frame = haar_frame(rank, dimension, rng)
    spectrum = log_uniform_spectrum(dimension, condition, rng)
    both = np.concatenate([frame * spectrum, frame / spectrum])
    if STRETCHING <= condition <= MILD and WELL_CONDITIONED * rank <= dimension:
        coordinates = np.linalg.cholesky(both @ both.T)
    else:
        coordinates = np.asarray(np.linalg.qr(both.T, mode="r")).T
    return MapPair(basis @ coordinates[:rank], basis @ coordinates[rank:])


def random_pair_beyond_span(
    basis: Float64[Array, "d r"], condition: float, rng: np.random.Generator
) -> MapPair:
    """The map of :func:`random_pair_in_span`, whole: the other directions are drawn after it.

    >>> x, rng = np.eye(2, 5), np.random.default_rng
    >>> within = random_pair_in_span(x.T, 30.0, rng(0)).items
    >>> whole = random_pair_beyond_span(x.T, 30.0, rng(0)).items
    >>> bool(np.allclose((x @ within) @ (x @ within).T, (x @ whole) @ (x @ whole).T))
    True
    """
    dimension, rank = basis.shape
    check_square(dimension)
    frame = haar_frame(rank, dimension, rng)
    spectrum = log_uniform_spectrum(dimension, condition, rng)
    others = haar(dimension - rank, rng) @ _beyond(frame.T).T
    left = np.concatenate([basis, _beyond(basis)], axis=1) @ np.concatenate([frame, others])
    right = haar(dimension, rng).T
    return MapPair(left * spectrum @ right, left / spectrum @ right)


def _beyond(basis: Float64[Array, "d r"]) -> Float64[Array, "d _"]:
    """An orthonormal basis of the directions that another one leaves."""
    return np.linalg.qr(basis, mode="complete")[0][:, basis.shape[1] :]


def haar(dimension: int, rng: np.random.Generator) -> Float64[Array, "d d"]:
    """A rotation or reflection drawn uniformly (Mezzadri, Notices of the AMS 54, 2007).

    >>> u = haar(3, np.random.default_rng(0))
    >>> bool(np.allclose(u @ u.T, np.eye(3)))
    True
    """
    return haar_frame(dimension, dimension, rng).T


WELL_CONDITIONED = 4
"""Gaussian columns so many times as long as they are many have a condition below 4: their Gram
matrix gives the triangle of their QR at a fraction of the time."""


def haar_frame(rows: int, dimension: int, rng: np.random.Generator) -> Float64[Array, "rows d"]:
    """Some orthonormal rows drawn uniformly: the first rows of a rotation, without the others.

    >>> u = haar_frame(2, 5, np.random.default_rng(0))
    >>> bool(np.allclose(u @ u.T, np.eye(2)))
    True
    """
    drawn = rng.standard_normal((dimension, rows))
    if WELL_CONDITIONED * rows <= dimension:
        triangle = np.linalg.cholesky(drawn.T @ drawn)
        return np.linalg.inv(triangle) @ drawn.T
    q, r = np.linalg.qr(drawn)
    return (q * np.where(np.diag(r) < 0, -1.0, 1.0)).T


def log_uniform_spectrum(
    dimension: int, condition: float, rng: np.random.Generator
) -> Float64[Array, " d"]:
    """Singular values, descending: the ends have the ratio ``condition`` and geometric mean 1.

    The logarithms of those between are uniform.

    >>> log_uniform_spectrum(2, 4.0, np.random.default_rng(0)).tolist()
    [2.0, 0.5]
    """
    if dimension < 2 and condition > 1:
        raise ValuesError(
            "a map of one dimension has condition 1, there is nothing to draw: a random map needs "
            "two columns that are no biases"
        )
    exponents = np.sort(rng.uniform(-0.5, 0.5, size=dimension))[::-1]
    exponents[0], exponents[-1] = (0.5, -0.5) if dimension > 1 else (0.0, 0.0)
    return condition**exponents


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

    The typical change, to be shown beside the certified worst case. With ``opposite`` the right
    side is mapped by the inverse transpose, as for a user and an item.

    >>> x, y = np.eye(3)[:1], np.array([[1.0, 1.0, 0.0]])
    >>> moved_cosines(x, y, 1.0, np.random.default_rng(0), draws=2).round(3).tolist()
    [[0.707], [0.707]]
    """
    dimension = left.shape[1]
    left_rows, right_rows = in_their_span(left.astype(np.float64), right.astype(np.float64))
    out = np.empty((draws, len(left)))
    for draw in range(draws):
        turn = haar_frame(left_rows.shape[1], dimension, rng)
        spectrum = log_uniform_spectrum(dimension, condition, rng)
        opposed = 1 / spectrum if opposite else spectrum
        out[draw] = row_cosines(left_rows @ turn * spectrum, right_rows @ turn * opposed)
    return out


def in_their_span(
    left: Float64[Array, "a d"], right: Float64[Array, "b d"]
) -> tuple[Float64[Array, "a r"], Float64[Array, "b r"]]:
    """Coordinates of few rows in their common span, outside which a rotation has no effect.

    Where there are as many rows as columns they are returned as they are.

    >>> x, y = in_their_span(np.array([[3.0, 0.0, 4.0]]), np.array([[0.0, 2.0, 0.0]]))
    >>> np.round(np.abs(x), 12).tolist(), np.round(np.abs(y), 12).tolist()
    ([[5.0, 0.0]], [[0.0, 2.0]])
    """
    if len(left) + len(right) >= left.shape[1]:
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
