"""What the vectors look like apart from gauges, side by side and list by list."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.audit.subject import Subject
from anglewise.core.embeddings import Embeddings
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Direction, Float64
from anglewise.diagnostics.dimensions import Dimensions, RankCondition, dimensions, rank_condition
from anglewise.diagnostics.duplicates import (
    ExactDuplicates,
    NearDuplicates,
    exact_duplicates,
    near_duplicates,
)
from anglewise.diagnostics.hubness import Hubness, hubness
from anglewise.diagnostics.isotropy import Conditioning, Isotropy, conditioning, isotropy
from anglewise.diagnostics.norms import Norms, norms, popularity, spearman
from anglewise.gauges.maps import root_of

SideName: TypeAlias = Literal["queries", "items"]

POINTS = 1500
"""How many items are drawn in a picture of lengths."""


@dataclass(frozen=True)
class SideGeometry:
    """One side.

    Attributes
    ----------
    norms, isotropy, dimensions, conditioning, exact_duplicates
        As the room ``diagnostics`` tells them.
    popularity
        What stands for how much a row is used; None if nothing does.
    popularity_spearman
        How the lengths go with it.
    """

    norms: Norms
    popularity: str | None
    popularity_spearman: float | None
    isotropy: Isotropy
    dimensions: Dimensions
    conditioning: Conditioning
    exact_duplicates: ExactDuplicates


@dataclass(frozen=True, eq=False)
class Geometry:
    """Both sides, and what the cosine lists tell.

    Attributes
    ----------
    sides
        ``items``, and ``queries`` unless they are the same.
    hubness
        Of the cosine lists of each direction.
    near_duplicates
        Within each side.
    rank_condition
        Of unit items, or of items trained for cosine: whether rotations alone keep them so.
    points
        Lengths and popularity of some items, for a picture.
    """

    sides: Mapping[SideName, SideGeometry]
    hubness: Mapping[Direction, Hubness]
    near_duplicates: Mapping[Direction, NearDuplicates]
    rank_condition: RankCondition | None
    points: tuple[Float64[Array, " some"], Float64[Array, " some"]] | None

    @property
    def spans(self) -> bool | None:
        """Whether the rank condition holds; None where it was not asked or is not known."""
        return None if self.rank_condition is None else self.rank_condition.satisfied

    def to_dict(self) -> dict[str, Any]:
        """As ``audit --json`` has it."""
        items = self.sides["items"]
        return {
            "norms": {
                **{name: asdict(side.norms) for name, side in self.sides.items()},
                "popularity": items.popularity,
                "popularity_spearman": items.popularity_spearman,
            },
            "isotropy": {name: asdict(side.isotropy) for name, side in self.sides.items()},
            "dimensions": {name: asdict(side.dimensions) for name, side in self.sides.items()},
            "conditioning": {name: asdict(side.conditioning) for name, side in self.sides.items()},
            "duplicates": {
                name: asdict(side.exact_duplicates) for name, side in self.sides.items()
            },
            "near_duplicates": {way: asdict(one) for way, one in self.near_duplicates.items()},
            "hubness": {way: asdict(one) for way, one in self.hubness.items()},
            "rank_condition": None if self.rank_condition is None else asdict(self.rank_condition),
        }


def describe(subject: Subject, cosine: Mapping[Direction, Neighbours]) -> Geometry:
    """Look at both sides, and at the cosine lists of ``subject.rows`` in each direction."""
    space, rng = subject.space, np.random.default_rng(subject.seed)
    sides: dict[SideName, Embeddings] = {"items": space.items}
    if not space.one_sided:
        sides = {"queries": space.queries, **sides}
    checked = space.trained_for == "cosine" or space.items.is_unit()
    return Geometry(
        sides={name: _side(subject, name, side, rng) for name, side in sides.items()},
        hubness={way: _hubs(subject, way, found) for way, found in cosine.items()},
        near_duplicates={
            way: near_duplicates(found, subject.rows(way))
            for way, found in cosine.items()
            if way != "queries-items"
        },
        rank_condition=rank_condition(space.items, rng) if checked else None,
        points=_points(subject, rng),
    )


def _side(
    subject: Subject, name: SideName, side: Embeddings, rng: np.random.Generator
) -> SideGeometry:
    used = popularity(subject.space, name)
    return SideGeometry(
        norms=norms(side),
        popularity=None if used is None else used.what,
        popularity_spearman=None if used is None else spearman(side.norms, used.values),
        isotropy=isotropy(side, rng),
        dimensions=dimensions(side),
        conditioning=conditioning(root_of(side).matrix),
        exact_duplicates=exact_duplicates(side),
    )


def _hubs(subject: Subject, way: Direction, found: Neighbours) -> Hubness:
    asking, ranked = subject.space.sides(way)
    awake = len(asking) - len(asking.zero_rows)
    return hubness(found, len(ranked), subject.k, queries=awake)


def _points(
    subject: Subject, rng: np.random.Generator
) -> tuple[Float64[Array, " some"], Float64[Array, " some"]] | None:
    used = popularity(subject.space, "items")
    if used is None:
        return None
    some = np.sort(rng.permutation(len(used.values))[:POINTS])
    known = some[np.isfinite(used.values[some])]
    return subject.space.items.norms[known], used.values[known]
