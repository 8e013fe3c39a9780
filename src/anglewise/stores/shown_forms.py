"""What a store shows beside an item: each metric, and how it is put into a number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.typing import Array, Float64
from anglewise.stores.vector_store import Metric

NAMES: Mapping[Metric, str] = {
    "dot": "the inner product",
    "cosine": "the cosine",
    "euclidean": "the euclidean distance",
    "squared-euclidean": "the squared euclidean distance",
    "manhattan": "the sum of absolute differences",
}
"""What the number of each metric is called."""


@dataclass(frozen=True, eq=False)
class PairFigures:
    """What can be computed of some pairs of a query and an item, in float64."""

    dot: Float64[Array, " pairs"]
    query_norms: Float64[Array, " pairs"]
    item_norms: Float64[Array, " pairs"]
    manhattan: Float64[Array, " pairs"]

    @classmethod
    def of(
        cls, queries: Float64[Array, "pairs d"], items: Float64[Array, "pairs d"]
    ) -> "PairFigures":
        """Of queries and items that stand beside each other."""
        return cls(
            (queries * items).sum(axis=1),
            np.sqrt(np.square(queries).sum(axis=1)),
            np.sqrt(np.square(items).sum(axis=1)),
            np.abs(queries - items).sum(axis=1),
        )

    @property
    def squared(self) -> Float64[Array, " pairs"]:
        """The squared euclidean distances."""
        return np.maximum(self.query_norms**2 + self.item_norms**2 - 2 * self.dot, 0.0)

    def value(self, metric: Metric) -> Float64[Array, " pairs"]:
        """The plain value of a metric; a cosine with a zero vector is 0."""
        if metric == "dot":
            return self.dot
        if metric == "cosine":
            lengths = self.query_norms * self.item_norms
            return np.divide(self.dot, lengths, out=np.zeros_like(self.dot), where=lengths > 0)
        if metric == "manhattan":
            return self.manhattan
        return self.squared if metric == "squared-euclidean" else np.sqrt(self.squared)


@dataclass(frozen=True)
class Form:
    """A metric put into a number, and in words.

    ``back`` turns the number into the plain value again. ``larger`` says whether a larger number is
    nearer.
    """

    metric: Metric
    words: str
    larger: bool
    forth: Callable[[Array], Array]
    back: Callable[[Array], Array]


def _lucene(value: Array) -> Array:
    return np.where(value < 0, 1 / (1 - value), value + 1)


def _from_lucene(number: Array) -> Array:
    return np.where(number < 1, 1 - 1 / number, number - 1)


FORMS = (
    Form("dot", "the inner product", True, lambda v: v, lambda n: n),
    Form("dot", "the inner product, negated", False, lambda v: -v, lambda n: -n),
    Form("dot", "1 - the inner product", False, lambda v: 1 - v, lambda n: 1 - n),
    Form("dot", "(1 + the inner product) / 2", True, lambda v: (1 + v) / 2, lambda n: 2 * n - 1),
    Form("dot", "Lucene's score of an inner product", True, _lucene, _from_lucene),
    Form("cosine", "the cosine", True, lambda v: v, lambda n: n),
    Form("cosine", "the cosine, negated", False, lambda v: -v, lambda n: -n),
    Form("cosine", "1 - the cosine", False, lambda v: 1 - v, lambda n: 1 - n),
    Form("cosine", "(1 + the cosine) / 2", True, lambda v: (1 + v) / 2, lambda n: 2 * n - 1),
    Form("cosine", "2 - 2 times the cosine", False, lambda v: 2 - 2 * v, lambda n: 1 - n / 2),
    Form("euclidean", "the distance", False, lambda v: v, lambda n: n),
    Form("euclidean", "the distance, negated", True, lambda v: -v, lambda n: -n),
    Form("euclidean", "1 / (1 + the distance)", True, lambda v: 1 / (1 + v), lambda n: 1 / n - 1),
    Form(
        "euclidean",
        "1 - the distance / √2",
        True,
        lambda v: 1 - v / np.sqrt(2),
        lambda n: (1 - n) * np.sqrt(2),
    ),
    Form("squared-euclidean", "the squared distance", False, lambda v: v, lambda n: n),
    Form("squared-euclidean", "the squared distance, negated", True, lambda v: -v, lambda n: -n),
    Form(
        "squared-euclidean",
        "1 / (1 + the squared distance)",
        True,
        lambda v: 1 / (1 + v),
        lambda n: 1 / n - 1,
    ),
    Form(
        "squared-euclidean",
        "1 - the squared distance / √2",
        True,
        lambda v: 1 - v / np.sqrt(2),
        lambda n: (1 - n) * np.sqrt(2),
    ),
    Form("manhattan", "the sum of absolute differences", False, lambda v: v, lambda n: n),
    Form("manhattan", "the sum of absolute differences, negated", True, lambda v: -v, lambda n: -n),
    Form(
        "manhattan",
        "1 / (1 + the sum of absolute differences)",
        True,
        lambda v: 1 / (1 + v),
        lambda n: 1 / n - 1,
    ),
)
"""The forms that stores and wrappers use (their documentation; measured for those adapted here)."""
