"""What the vectors look like: lengths, directions, hubs, and the cosines among some items."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.auditing.certified import WitnessReport
from anglewise.auditing.gauge_overlap import PairReport, explore
from anglewise.auditing.subject import AuditSubject, NamedRow
from anglewise.core.embeddings import Embeddings
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Direction, Float64, Int64
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
            "near_duplicates": {
                direction: asdict(one) for direction, one in self.near_duplicates.items()
            },
            "hubness": {direction: asdict(one) for direction, one in self.hubness.items()},
            "rank_condition": None if self.rank_condition is None else asdict(self.rank_condition),
        }


def describe(subject: AuditSubject, cosine: Mapping[Direction, Neighbours]) -> Geometry:
    """Look at both sides, and at the cosine lists of ``subject.rows`` in each direction."""
    space, rng = subject.space, np.random.default_rng(subject.seed)
    sides: dict[SideName, Embeddings] = {"items": space.items}
    if not space.one_sided:
        sides = {"queries": space.queries, **sides}
    checked = space.trained_for == "cosine" or space.items.is_unit()
    return Geometry(
        sides={name: _side(subject, name, side, rng) for name, side in sides.items()},
        hubness={
            direction: _hubs(subject, direction, found) for direction, found in cosine.items()
        },
        near_duplicates={
            direction: near_duplicates(found, subject.rows(direction))
            for direction, found in cosine.items()
            if direction != "queries-items"
        },
        rank_condition=rank_condition(space.items, rng) if checked else None,
        points=_points(subject, rng),
    )


def _side(
    subject: AuditSubject, name: SideName, side: Embeddings, rng: np.random.Generator
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


def _hubs(subject: AuditSubject, direction: Direction, found: Neighbours) -> Hubness:
    asking, ranked = subject.space.sides(direction)
    awake = len(asking) - len(asking.zero_rows)
    return hubness(found, len(ranked), subject.k, queries=awake)


def _points(
    subject: AuditSubject, rng: np.random.Generator
) -> tuple[Float64[Array, " some"], Float64[Array, " some"]] | None:
    used = popularity(subject.space, "items")
    if used is None:
        return None
    some = np.sort(rng.permutation(len(used.values))[:POINTS])
    known = some[np.isfinite(used.values[some])]
    return subject.space.items.norms[known], used.values[known]


SHOWN = 120
"""How many items a panel has on each side."""
BESIDE_WITNESS = 3
"""How many neighbours, old and new, the item of the witness is paired with."""
DIGITS = 9
"""So many decimals of a cosine are drawn and ranked."""
ORDER = ("item-orthonormal", "balanced", "data-space")


@dataclass(frozen=True, eq=False)
class Panel:
    """The cosines of the same items, in the same order, in one geometry.

    Attributes
    ----------
    name
        ``cosine`` as given, or ``cosine@balanced`` and the like.
    cosines
        Of every item with every item.
    mean, low, high
        Of two different ones: the mean, the 5th and the 95th percentile.
    spearman
        Rank correlation of the pairs with those of the panel that sets the order; None where
        there is none.
    """

    name: str
    cosines: Float64[Array, "some some"]
    mean: float
    low: float
    high: float
    spearman: float | None


@dataclass(frozen=True, eq=False)
class Panels:
    """The panels and who stands in them.

    Attributes
    ----------
    items
        In their order, which puts items side by side that are alike in the last panel.
    chosen
        Why these: the ``most used`` or the ``longest``.
    panels
        As given first.
    """

    items: tuple[NamedRow, ...]
    chosen: str
    panels: tuple[Panel, ...]


def draw_panels(subject: AuditSubject) -> Panels:
    """Choose the items, put them in order, and take their cosines in each geometry."""
    rows, chosen = _choose(subject)
    names = ["cosine", *(f"cosine@{frame}" for frame in (ORDER if subject.gauged else ["centred"]))]
    found = {name: _cosines(subject, name, rows) for name in names}
    order = _alike_together(found[names[-1]])
    ordered = {name: values[np.ix_(order, order)] for name, values in found.items()}
    return Panels(
        items=subject.names("items-items")[1].all(rows[order]),
        chosen=chosen,
        panels=tuple(_panel(name, one, ordered[names[-1]]) for name, one in ordered.items()),
    )


def near_witness(subject: AuditSubject, shown: WitnessReport | None) -> tuple[PairReport, ...]:
    """The item of the witness beside neighbours that it lost and that it won."""
    if shown is None:
        return ()
    lost = _only(shown.before, shown.after)[:BESIDE_WITNESS]
    won = _only(shown.after, shown.before)[:BESIDE_WITNESS]
    return explore(subject, [(shown.item.id, other.id) for other in (*lost, *won)])


def _only(these: Sequence[NamedRow], those: Sequence[NamedRow]) -> list[NamedRow]:
    there = {one.id for one in those}
    return [one for one in these if one.id not in there]


def _choose(subject: AuditSubject) -> tuple[Int64[Array, " some"], str]:
    """Rows of items that have a vector, the best known first."""
    fame, by_use = subject.fame
    awake = int(np.isfinite(fame).sum())
    order = np.argsort(-fame, kind="stable")[: min(SHOWN, awake)]
    return order.astype(np.int64), "most used" if by_use else "longest"


def _cosines(
    subject: AuditSubject, name: str, rows: Int64[Array, " some"]
) -> Float64[Array, "some some"]:
    vectors = subject.items_at(name, rows)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    # Right angles are 0 for every order of sums: a rank correlation would see the rounding.
    return np.clip(np.round(unit @ unit.T, DIGITS), -1.0, 1.0) + 0.0


def _alike_together(cosines: Float64[Array, "some some"]) -> Int64[Array, " some"]:
    """The order of the second eigenvector of the graph Laplacian (Fiedler 1975).

    It minimises the squared distance of neighbours in the order, weighted by how alike they are:
    cosines about their mean, none below nothing.
    """
    weights = np.clip(cosines - cosines.mean(), 0.0, None)
    np.fill_diagonal(weights, 0.0)
    weights += 1e-6  # one component, so that there is one second eigenvector
    roots = 1 / np.sqrt(weights.sum(axis=1))
    place = np.linalg.eigh(weights * roots * roots[:, None])[1][:, -2] * roots
    largest = place[np.argmax(np.abs(place))]
    return np.argsort(place * np.sign(largest), kind="stable").astype(np.int64)


def _panel(
    name: str, cosines: Float64[Array, "some some"], order: Float64[Array, "some some"]
) -> Panel:
    apart = np.triu_indices(len(cosines), 1)
    pairs = cosines[apart]
    low, high = np.percentile(pairs, [5, 95])
    return Panel(
        name=name,
        cosines=cosines,
        mean=float(pairs.mean()),
        low=float(low),
        high=float(high),
        spearman=spearman(pairs, order[apart]),
    )
