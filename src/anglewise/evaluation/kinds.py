"""What a metric is: an interface for lists, one for pairs, one for triplets."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from anglewise.core.numbers import COUNT
from anglewise.core.typing import Array, Float64
from anglewise.errors import SpellingError
from anglewise.evaluation.hits import Hits


@dataclass(frozen=True)
class Metric(ABC):
    """A number that says how well a measure agrees with judgements; a value, compared and hashed.

    ``depth`` is how far down a list it reads; None where it reads no list.
    """

    name: ClassVar[str]
    depth: int | None

    def __str__(self) -> str:
        return self.name if self.depth is None else f"{self.name}@{self.depth}"


@dataclass(frozen=True)
class RankingMetric(Metric):
    """Reads ``Neighbours``, one value a query."""

    depth: int

    def __post_init__(self) -> None:
        COUNT.check(f"the depth of {self.name}@10", self.depth, SpellingError)

    @abstractmethod
    def per_query(self, hits: Hits) -> Float64[Array, " q"]:
        """The value of each query's list."""


@dataclass(frozen=True)
class PairMetric(Metric):
    """Reads the scores of graded pairs and correlates them with the grades."""

    depth: None = field(default=None, init=False)

    def of(
        self, scores: Float64[Array, "m pairs"], gold: Float64[Array, " pairs"]
    ) -> Float64[Array, " m"]:
        """The value of each measure."""
        return self.resampled(scores, gold, np.ones((1, len(gold))))[0]

    @abstractmethod
    def resampled(
        self,
        scores: Float64[Array, "m pairs"],
        gold: Float64[Array, " pairs"],
        counts: Float64[Array, "b pairs"],
    ) -> Float64[Array, "b m"]:
        """The value of each measure on samples that hold pair ``i`` ``counts[b, i]`` times."""

    @abstractmethod
    def per_pair(
        self, scores: Float64[Array, "m pairs"], gold: Float64[Array, " pairs"]
    ) -> Float64[Array, "m pairs"]:
        """What each pair contributes: the value plus the pair's influence on it.

        The mean over pairs is the value, the variance over pairs divided by their number is its
        sampling variance to first order (the infinitesimal jackknife: Efron 1982), so that
        what holds for means of queries holds for these.
        """


@dataclass(frozen=True)
class TripletMetric(Metric):
    """Reads the scores of a near and of a far pair, one value a triplet."""

    depth: None = field(default=None, init=False)

    @abstractmethod
    def per_triplet(
        self, near: Float64[Array, "m triplets"], far: Float64[Array, "m triplets"]
    ) -> Float64[Array, "m triplets"]:
        """The value of each triplet under each measure."""
