"""What the study looks at: simulated interactions and both objectives, solved once."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Float64, Int64
from anglewise.gauges.gauge import random_pair
from anglewise.gauges.maps import MapPair
from anglewise.models.closed_form import LinearModel, find_split, fit_spectrum
from anglewise.models.svd import Spectrum, truncated_svd
from anglewise.simulation.catalogue import Catalogue, simulate
from anglewise.study.geometry import cosines_of_gram

GAUGES = {
    "item-orthonormal": "B = V",
    "tied-weights": "D = I",
    "raw-users": "A = V",
    "balanced": "balanced",
    "user-orthonormal": "P'P = I",
}
"""The named splits of the closed form, with the signs that the paper and the tables use."""

SCRAMBLED_BY = 65.0
"""Condition number of the random map that stands for any other factorisation."""

ROWS = 4096


@dataclass(frozen=True)
class Size:
    """How large the experiment is."""

    users: int
    items: int
    components: int
    product_penalty: float
    factors_penalty: float
    clusters: int = 5


FULL = Size(20_000, 1_000, 50, 10_000.0, 100.0)
"""The paper's."""

SMALL = Size(5_000, 500, 40, 2_500.0, 50.0)
"""For a look in seconds; penalties follow the noise, whose sigma goes as the root of the users."""


@dataclass(frozen=True, eq=False)
class Factors:
    """One factorisation of the predictions: ``A`` takes users in, ``B`` is the items."""

    encoder: Float64[Array, "p k"]
    items: Float64[Array, "p k"]

    @property
    def weights(self) -> Float64[Array, "p p"]:
        """``A B'``, by which ``X`` is multiplied to predict."""
        return self.encoder @ self.items.T

    def through(self, pair: MapPair) -> "Factors":
        """``A -> A G``, ``B -> B G^-T``."""
        return Factors(self.encoder @ pair.queries, self.items @ pair.items)


@dataclass(frozen=True, eq=False)
class Subject:
    """The interactions, the spectrum, and the optima of both objectives.

    Attributes
    ----------
    size, seed
        What was asked for.
    catalogue
        What was simulated, with the true clusters.
    X
        Users x items, ones. Items that nobody took are left out.
    kept
        The items that are left, by their number in the catalogue.
    spectrum
        All singular values of ``X`` and its right singular vectors.
    product, factors
        The optimum of objective (1), in the balanced gauge, and of objective (2).
    """

    size: Size
    seed: int
    catalogue: Catalogue
    X: SparseRows
    kept: Int64[Array, " p"]
    spectrum: Spectrum
    product: LinearModel
    factors: LinearModel

    @cached_property
    def gram(self) -> Float64[Array, "p p"]:
        """``X'X``, counted: whole numbers below 2^24, exact in float32 and thereafter."""
        total = np.zeros((self.X.shape[1], self.X.shape[1]))
        for start in range(0, self.X.shape[0], ROWS):
            block = self.dense(np.arange(start, min(start + ROWS, self.X.shape[0])))
            single = block.astype(np.float32)
            total += single.T @ single
        return total

    @cached_property
    def clusters(self) -> Int64[Array, " p"]:
        """The true cluster of each item."""
        return self.catalogue.clusters[self.kept]

    @cached_property
    def named(self) -> dict[str, Factors]:
        """Objective (1) in each named gauge."""
        return {name: in_gauge(self.product, name) for name in GAUGES}

    @cached_property
    def scramble(self) -> MapPair:
        """A random invertible map of a condition number of 65."""
        return random_pair(len(self.product.kept), SCRAMBLED_BY, self.rng(0))

    @cached_property
    def some_users(self) -> Int64[Array, " some"]:
        """A sample of the users, for what would be too much with all."""
        count = min(500, self.X.shape[0])
        return np.sort(self.rng(1).choice(self.X.shape[0], count, replace=False)).astype(np.int64)

    @cached_property
    def data_space(self) -> Float64[Array, "p p"]:
        """The cosine of every two columns of the predictions of objective (1)."""
        weights = self.named["balanced"].weights
        return cosines_of_gram(weights.T @ self.gram @ weights)

    def dense(self, rows: Int64[Array, " some"]) -> Float64[Array, "some p"]:
        """Some rows of ``X`` as a plain array."""
        taken = self.X.take(rows)
        table = np.zeros(taken.shape)
        table[taken.rows, taken.indices] = 1.0
        return table

    def users(self, factors: Factors) -> Float64[Array, "users k"]:
        """``P = X A``."""
        return np.asarray(self.X.ones() @ factors.encoder)

    def rng(self, stream: int) -> np.random.Generator:
        """Draws of their own for each use, whatever the others draw."""
        return np.random.default_rng([self.seed, stream])


def in_gauge(model: LinearModel, name: str) -> Factors:
    """The factors of a model of objective (1) in a named gauge."""
    share = find_split(name).items(model.singular_values, model.kept)
    moved = replace(model, item_share=share)
    return Factors(moved.encoder, moved.item_factors)


def subject(size: Size, seed: int) -> Subject:
    """Simulate, decompose once, and solve both objectives."""
    catalogue = simulate(size.users, size.items, size.clusters, seed)
    did = catalogue.interactions
    kept = np.unique(did.items)
    X = SparseRows.from_pairs(
        did.users, np.searchsorted(kept, did.items), shape=(size.users, len(kept))
    )
    spectrum = truncated_svd(X.ones(), len(kept))
    first = Spectrum(spectrum.values[: size.components], spectrum.right[:, : size.components])
    return Subject(
        size=size,
        seed=seed,
        catalogue=catalogue,
        X=X,
        kept=kept,
        spectrum=spectrum,
        product=fit_spectrum(first, objective="product", penalty=size.product_penalty),
        factors=fit_spectrum(first, objective="factors", penalty=size.factors_penalty),
    )
