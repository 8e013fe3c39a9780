"""The geometry of the vectors: lengths, directions, hubs, and the cosines among some items."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.auditing.certified import WitnessReport
from anglewise.auditing.gauge_overlap import PairReport, explore
from anglewise.auditing.subject import AuditSubject, NamedRow
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.equivalent_factorisations.maps import root_of
from anglewise.geometry.crowding import (
    ExactDuplicates,
    Hubness,
    NearDuplicates,
    exact_duplicates,
    hubness,
    near_duplicates,
)
from anglewise.geometry.dimensions import Dimensions, RankCondition, dimensions, rank_condition
from anglewise.geometry.isotropy import Conditioning, Isotropy, conditioning, isotropy
from anglewise.geometry.norms import Norms, norms, popularity, spearman

SideName: TypeAlias = Literal["queries", "items"]

POINTS = 1500
"""The number of items in a picture of lengths."""


@dataclass(frozen=True)
class SideGeometry:
    """The geometry of one side.

    Attributes
    ----------
    norms, isotropy, dimensions, conditioning, exact_duplicates
        The results of the functions of these names in ``anglewise.geometry``.
    popularity
        The source of the popularity of rows, in words; None if there is none.
    popularity_spearman
        The rank correlation of lengths with it.
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
    """The geometry of both sides, and of their cosine lists.

    Attributes
    ----------
    sides
        ``items``, and ``queries`` unless they are the same.
    hubness
        Of the cosine lists, by direction.
    near_duplicates
        By direction within one side.
    rank_condition
        For unit items, or items trained for cosine: whether rotations are the only maps that keep
        them unit.
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
        """Whether the rank condition holds; None where it was not checked or is not known."""
        return None if self.rank_condition is None else self.rank_condition.satisfied

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, as ``audit --json`` writes them."""
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
                direction: asdict(result) for direction, result in self.near_duplicates.items()
            },
            "hubness": {direction: asdict(result) for direction, result in self.hubness.items()},
            "rank_condition": None if self.rank_condition is None else asdict(self.rank_condition),
        }


def describe(subject: AuditSubject, cosine: Mapping[Direction, Neighbours]) -> Geometry:
    """Describe both sides, and the cosine lists of ``subject.rows`` in each direction."""
    space, rng = subject.space, np.random.default_rng(subject.seed)
    sides: dict[SideName, Embeddings] = {"items": space.items}
    if not space.one_sided:
        sides = {"queries": space.queries, **sides}
    checked = space.trained_for == "cosine" or space.items.is_unit()
    return Geometry(
        sides={name: _side(subject, name, side, rng) for name, side in sides.items()},
        hubness={
            direction: _hubs(subject, direction, neighbours)
            for direction, neighbours in cosine.items()
        },
        near_duplicates={
            direction: near_duplicates(neighbours, subject.rows(direction))
            for direction, neighbours in cosine.items()
            if direction != "queries-items"
        },
        rank_condition=rank_condition(space.items, rng) if checked else None,
        points=_points(subject, rng),
    )


def _side(
    subject: AuditSubject, name: SideName, side: Embeddings, rng: np.random.Generator
) -> SideGeometry:
    use = popularity(subject.space, name)
    return SideGeometry(
        norms=norms(side),
        popularity=None if use is None else use.what,
        popularity_spearman=None if use is None else spearman(side.norms, use.values),
        isotropy=isotropy(side, rng),
        dimensions=dimensions(side),
        conditioning=conditioning(root_of(side).matrix),
        exact_duplicates=exact_duplicates(side),
    )


def _hubs(subject: AuditSubject, direction: Direction, neighbours: Neighbours) -> Hubness:
    asking, ranked = subject.space.sides(direction)
    nonzero = len(asking) - len(asking.zero_rows)
    return hubness(neighbours, len(ranked), subject.k, queries=nonzero)


def _points(
    subject: AuditSubject, rng: np.random.Generator
) -> tuple[Float64[Array, " some"], Float64[Array, " some"]] | None:
    use = popularity(subject.space, "items")
    if use is None:
        return None
    sample = np.sort(rng.permutation(len(use.values))[:POINTS])
    with_popularity = sample[np.isfinite(use.values[sample])]
    return subject.space.items.norms[with_popularity], use.values[with_popularity]


SHOWN = 120
"""The number of items on each side of a panel."""
BESIDE_WITNESS = 3
"""The number of lost and of new neighbours that the witness's item is paired with."""
DIGITS = 9
"""The number of decimals of a cosine that are drawn and ranked."""
ORDER = ("item-orthonormal", "balanced", "data-space")


@dataclass(frozen=True, eq=False)
class Panel:
    """The cosines of the same items, in the same order, in one geometry.

    Attributes
    ----------
    name
        ``cosine`` for the given vectors, or ``cosine@balanced`` and the like.
    cosines
        Of every item with every item.
    mean, low, high
        The mean and the 5th and 95th percentile of the cosines of two different items.
    spearman
        The rank correlation of these with those of the panel that sets the order; None where it is
        not defined.
    """

    name: str
    cosines: Float64[Array, "some some"]
    mean: float
    low: float
    high: float
    spearman: float | None


@dataclass(frozen=True, eq=False)
class Panels:
    """The panels and their items.

    Attributes
    ----------
    items
        In an order that puts items side by side that are similar in the last panel.
    chosen
        How they were chosen: the ``most used`` or the ``longest``.
    panels
        That of the given vectors first.
    """

    items: tuple[NamedRow, ...]
    chosen: str
    panels: tuple[Panel, ...]


def draw_panels(subject: AuditSubject) -> Panels:
    """Choose the items, order them, and compute their cosines in each geometry."""
    rows, chosen = _choose(subject)
    names = ["cosine", *(f"cosine@{frame}" for frame in (ORDER if subject.gauged else ["centred"]))]
    cosines = {name: _cosines(subject, name, rows) for name in names}
    order = _alike_together(cosines[names[-1]])
    ordered = {name: values[np.ix_(order, order)] for name, values in cosines.items()}
    return Panels(
        items=subject.names("items-items")[1].all(rows[order]),
        chosen=chosen,
        panels=tuple(
            _panel(name, panel_cosines, ordered[names[-1]])
            for name, panel_cosines in ordered.items()
        ),
    )


def near_witness(subject: AuditSubject, report: WitnessReport | None) -> tuple[PairReport, ...]:
    """Reports on the witness's item, paired with neighbours that it lost and that it gained."""
    if report is None:
        return ()
    lost = _only(report.before, report.after)[:BESIDE_WITNESS]
    won = _only(report.after, report.before)[:BESIDE_WITNESS]
    return explore(subject, [(report.item.id, neighbour.id) for neighbour in (*lost, *won)])


def _only(rows: Sequence[NamedRow], excluded: Sequence[NamedRow]) -> list[NamedRow]:
    excluded_ids = {row.id for row in excluded}
    return [row for row in rows if row.id not in excluded_ids]


def _choose(subject: AuditSubject) -> tuple[Int64[Array, " some"], str]:
    """Rows of items without zero vectors, the most used (or longest) first; which of the two."""
    values, by_use = subject.item_popularity
    count = int(np.isfinite(values).sum())
    order = np.argsort(-values, kind="stable")[: min(SHOWN, count)]
    return order.astype(np.int64), "most used" if by_use else "longest"


def _cosines(
    subject: AuditSubject, name: str, rows: Int64[Array, " some"]
) -> Float64[Array, "some some"]:
    vectors = subject.items_at(name, rows)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    # right angles become exactly 0, lest a rank correlation order them by rounding
    return np.clip(np.round(unit @ unit.T, DIGITS), -1.0, 1.0) + 0.0


def _alike_together(cosines: Float64[Array, "some some"]) -> Int64[Array, " some"]:
    """The order of the second eigenvector of the graph Laplacian (Fiedler 1975).

    It minimises the squared distance of items in the order, weighted by their similarity: cosines
    less their mean, negative ones as 0.
    """
    weights = np.clip(cosines - cosines.mean(), 0.0, None)
    np.fill_diagonal(weights, 0.0)
    weights += 1e-6  # one component, so that there is one second eigenvector
    roots = 1 / np.sqrt(weights.sum(axis=1))
    eigenvector = np.linalg.eigh(weights * roots * roots[:, None])[1][:, -2] * roots
    largest = eigenvector[np.argmax(np.abs(eigenvector))]
    return np.argsort(eigenvector * np.sign(largest), kind="stable").astype(np.int64)


def _panel(
    name: str, cosines: Float64[Array, "some some"], order: Float64[Array, "some some"]
) -> Panel:
    upper = np.triu_indices(len(cosines), 1)
    pairs = cosines[upper]
    low, high = np.percentile(pairs, [5, 95])
    return Panel(
        name=name,
        cosines=cosines,
        mean=float(pairs.mean()),
        low=float(low),
        high=float(high),
        spearman=spearman(pairs, order[upper]),
    )
