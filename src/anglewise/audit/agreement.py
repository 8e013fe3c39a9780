"""How much the choice matters: the same question under every measure in every equal gauge."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from anglewise.audit.names import Named
from anglewise.audit.subject import GAUGES, Subject
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Direction
from anglewise.metrics.breadth import agreements, overlap

Table: TypeAlias = dict[str, dict[str, float]]

SHOWN = 10
"""How many of those that move most are kept as examples."""


@dataclass(frozen=True)
class Moved:
    """One who asked, and how its list changes from cosine to an equally good cosine."""

    asked: Named
    overlap: float
    before: tuple[Named, ...]
    after: tuple[Named, ...]


@dataclass(frozen=True)
class Agreement:
    """Lists of one direction, compared two by two.

    Attributes
    ----------
    direction, queries, k
        Who asked whom, how many, and how long the lists are.
    overlap, rank_biased
        From measure to measure the mean over queries.
    against
        The equally good geometry whose cosine lists differ most from those of the given one; for
        spaces without a gauge, the centred one.
    moved
        Those whose lists move most between the two.
    """

    direction: Direction
    queries: int
    k: int
    overlap: Mapping[str, Mapping[str, float]]
    rank_biased: Mapping[str, Mapping[str, float]]
    against: str
    moved: tuple[Moved, ...]

    @property
    def gauges(self) -> dict[str, float]:
        """How much of the cosine lists is left in each equally good geometry."""
        frames = (*GAUGES[self.direction], "centred")
        row = self.overlap["cosine"]
        return {name: row[name] for name in (f"cosine@{frame}" for frame in frames) if name in row}

    @property
    def least(self) -> float:
        """The smallest of them."""
        return self.overlap["cosine"][self.against]


def agree(subject: Subject, way: Direction, found: Mapping[str, Neighbours]) -> Agreement:
    """Compare the lists that were found, which are those of ``subject.rows(way)``."""
    means, biased = _means(found, subject.k)
    rivals = [name for name in found if name.startswith("cosine@")]
    against = min(rivals, key=lambda name: means["cosine"][name])
    shared = overlap(found["cosine"], found[against], subject.k)
    order = np.argsort(shared, kind="stable")[:SHOWN]
    asking, ranked = subject.names(way)
    rows, depth = subject.rows(way), slice(0, subject.k)
    moved = tuple(
        Moved(
            asked=asking.of(int(rows[place])),
            overlap=float(shared[place]),
            before=ranked.all(found["cosine"].indices[place, depth]),
            after=ranked.all(found[against].indices[place, depth]),
        )
        for place in order
    )
    return Agreement(
        direction=way,
        queries=len(rows),
        k=subject.k,
        overlap=means,
        rank_biased=biased,
        against=against,
        moved=moved,
    )


def _means(found: Mapping[str, Neighbours], k: int) -> tuple[Table, Table]:
    """Overlap and rank-biased overlap: both halves of a symmetric table, without its diagonal."""
    names = list(found)
    tables: tuple[Table, Table] = ({name: {} for name in names}, {name: {} for name in names})
    for one, other in combinations(names, 2):
        for table, values in zip(tables, agreements(found[one], found[other], k), strict=True):
            table[one][other] = table[other][one] = float(values.mean())
    first, second = (
        {one: {name: row[name] for name in names if name in row} for one, row in table.items()}
        for table in tables
    )
    return first, second
