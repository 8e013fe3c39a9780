"""Claims 4 and 5: the gauge decides whether the item-item cosine shows the true clusters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anglewise.core.typing import Array, Float64
from anglewise.study.check import Check
from anglewise.study.geometry import (
    auc,
    cosines,
    cosines_of_gram,
    nearest,
    overlap,
    pairs,
    spearman,
)
from anglewise.study.subject import GAUGES, Subject

RAW, DATA_SPACE, SECOND = "raw data", "data-space", "objective (2)"


@dataclass(frozen=True)
class Similarity:
    """What one item-item cosine says of the true clusters.

    Attributes
    ----------
    name
        The gauge, or what else was compared.
    auc
        The chance that two items of one cluster are more alike than two of different ones.
    within, between
        The mean cosine of two items of one cluster, and of two of different ones.
    overlap
        The share of the ten nearest items that stands in the balanced list too.
    """

    name: str
    auc: float
    within: float
    between: float
    overlap: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "auc": self.auc,
            "within": self.within,
            "between": self.between,
            "overlap@10": self.overlap,
        }


def item_cosines(subject: Subject) -> dict[str, Float64[Array, "p p"]]:
    """The item-item cosine after objective (1) under each gauge, after (2), and of the data."""
    return {
        RAW: cosines_of_gram(subject.gram),
        **{name: cosines(factors.items) for name, factors in subject.named.items()},
        DATA_SPACE: subject.data_space,
        SECOND: cosines(subject.factors.item_factors),
    }


def similarities(
    subject: Subject, each: Mapping[str, Float64[Array, "p p"]]
) -> tuple[Similarity, ...]:
    """How each cosine stands to the clusters, and to the balanced one."""
    same = pairs(subject.clusters[:, None] == subject.clusters)
    balanced = nearest(each["balanced"])

    def one(name: str) -> Similarity:
        values = pairs(each[name])
        return Similarity(
            name=name,
            auc=auc(values, same),
            within=float(values[same].mean()),
            between=float(values[~same].mean()),
            overlap=overlap(nearest(each[name]), balanced),
        )

    return tuple(one(name) for name in each)


def cluster_checks(
    each: Mapping[str, Float64[Array, "p p"]], found: tuple[Similarity, ...]
) -> Iterator[Check]:
    """The bounds on the cluster AUC, on the lists and on the order of all pairs."""
    area = {one.name: one.auc for one in found}
    by = {sign: area[name] for name, sign in GAUGES.items()}
    yield Check(4, "cluster AUC, D = I minus B = V", by["D = I"] - by["B = V"], ">=", 0.05)
    yield Check(4, "cluster AUC, A = V minus D = I", by["A = V"] - by["D = I"], ">", 0.0)
    for name in ("raw-users", "balanced", DATA_SPACE, SECOND):
        yield Check(4, f"cluster AUC, {GAUGES.get(name, name)}", area[name], ">=", 0.97)
    lists = next(one.overlap for one in found if one.name == "item-orthonormal")
    yield Check(5, "overlap@10 of B = V and balanced", lists, "<=", 0.75)
    order = spearman(pairs(each["item-orthonormal"]), pairs(each["balanced"]))
    yield Check(5, "Spearman of all pairs, B = V and balanced", order, "<=", 0.75)
