"""How much the choice matters: the same question under every measure in every equal gauge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.audit.names import Named
from anglewise.audit.subject import GAUGES, Subject
from anglewise.evaluation.agreement import overlap, rank_biased_overlap
from anglewise.neighbours import Neighbours
from anglewise.typing import Direction

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
    names = list(found)
    mean = {of: _means(found, subject.k, of) for of in (overlap, rank_biased_overlap)}
    rivals = [name for name in names if name.startswith("cosine@")]
    against = min(rivals, key=lambda name: mean[overlap]["cosine"][name])
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
        overlap=mean[overlap],
        rank_biased=mean[rank_biased_overlap],
        against=against,
        moved=moved,
    )


def _means(found: Mapping[str, Neighbours], k: int, of: Any) -> dict[str, dict[str, float]]:
    """Both halves of a symmetric table, without its diagonal."""
    names = list(found)
    table: dict[str, dict[str, float]] = {name: {} for name in names}
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            table[one][other] = table[other][one] = float(of(found[one], found[other], k).mean())
    return {one: _in_order(row, names) for one, row in table.items()}


def _in_order(row: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    return {name: row[name] for name in names if name in row}
