"""The space under audit: its directions, samples, names, searches, and the freedom of training."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from anglewise.data_types.columns import titles, trained_rows
from anglewise.data_types.embeddings import Embeddings, Freedom, Space, TrainedFor
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import COUNT, SEED, check_kind, check_threads
from anglewise.data_types.text import counted, other_form
from anglewise.data_types.typing import DIRECTIONS, Array, Bool, Direction, Float64, Int64, Progress
from anglewise.equivalent_factorisations.canonical import gauge
from anglewise.equivalent_factorisations.gap import PINNED, GaugeGap, gauge_gap
from anglewise.equivalent_factorisations.gauge import (
    bias_columns,
    two_roots,
    without_biases,
)
from anglewise.equivalent_factorisations.maps import ROWS, whole_map
from anglewise.errors import IdsError, TooFewError
from anglewise.geometry.norms import popularity
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.formulas import maps_in
from anglewise.similarity_measures.measure import measure


@dataclass(frozen=True)
class NamedRow:
    """The id and the title of a row.

    >>> str(NamedRow("m1", "Alien")), str(NamedRow("m2", None))
    ('Alien', 'm2')
    """

    id: str
    title: str | None

    def __str__(self) -> str:
        return self.title or self.id


@dataclass(frozen=True, eq=False)
class Names:
    """The ids and titles of one side; titles are read when the first is needed.

    >>> import numpy as np
    >>> names = Names(Embeddings([[1.0], [2.0]], metadata={"title": ["Alien", "Heat"]}))
    >>> names.name(1), [str(row) for row in names.all(np.array([1, -1, 0]))]
    (NamedRow(id='1', title='Heat'), ['Heat', 'Alien'])
    """

    side: Embeddings

    @cached_property
    def titles(self) -> list[str] | None:
        """The titles of all rows; None if there are none."""
        return titles(self.side)

    def row(self, name: str) -> int:
        """The row with this id; ``IdsError`` with examples of ids if there is none."""
        check_kind(name, str, "the id of an item", "a text")
        if name not in self.side.row_of:
            raise IdsError(
                f"no item has the id {name!r}: ids are such as "
                f"{', '.join(repr(str(i)) for i in self.side.ids[:3])}"
                f"{other_form([name], self.side.row_of)}"
            )
        return self.side.row_of[name]

    def name(self, row: int) -> NamedRow:
        """The name of one row."""
        titles_of_rows = self.titles
        return NamedRow(
            str(self.side.ids[row]), None if titles_of_rows is None else titles_of_rows[row]
        )

    def all(self, rows: Int64[Array, " some"]) -> tuple[NamedRow, ...]:
        """The names of several rows; ``-1``, an unfilled position of a list, is left out."""
        return tuple(self.name(int(row)) for row in rows if row >= 0)


Basis: TypeAlias = Literal["declared", "geometry", "nothing"]


@dataclass(frozen=True)
class Reading:
    """The maps that training left free, as far as can be known.

    Attributes
    ----------
    freedom
        ``gauge``: any invertible map; ``rotation``: rotations only, which change no cosine;
        ``unknown``.
    basis
        How that is known: ``declared`` by the space, from its ``geometry``, or by ``nothing``.
    unit
        Whether every row of both sides has length one: trained for cosine, or normalised
        afterwards.
    balanced
        Whether ``P'P = c Q'Q`` within tolerance; None for spaces of one side.
    chosen
        The gauge that was chosen by name after training, if the space records one.
    decayed
        Whether the space declares uniform weight decay in its loss; the vectors may say otherwise.
    trained_gap
        Where it does and tells which queries training saw (a column ``split``), the gauge gap of
        the items and these alone: others were folded in later, and have no part in where weight
        decay ends. Else None.
    few_queries
        Whether fewer queries have a vector than there are dimensions, and miss directions of the
        items for that: as a sample of what can be asked they say nothing of these, and the gauge
        gap is not measured.
    """

    freedom: Freedom
    basis: Basis
    trained_for: TrainedFor
    unit: bool
    balanced: bool | None
    chosen: str | None
    decayed: bool
    trained_gap: float | None = None
    few_queries: bool = False

    @property
    def pinned(self) -> bool:
        """Whether the factors are measured to be balanced, and no gauge was chosen later."""
        trained = self.trained_gap is not None and self.trained_gap <= PINNED
        return (bool(self.balanced) or trained) and self.chosen is None


def read_freedom(space: Space, gap: GaugeGap | None, decays: bool | None = None) -> Reading:
    """Read the freedom from what the space declares, else from its geometry.

    ``decays``, where somebody says so, is whether both sides had weight decay.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 2.0]]), trained_for="cosine")
    >>> reading = read_freedom(space, None)
    >>> reading.freedom, reading.basis, reading.unit
    ('rotation', 'declared', False)
    """
    unit = space.items.is_unit() and space.queries.is_unit()
    balanced = None if gap is None else gap.pinned
    objective, chosen = space.about.get("objective"), space.about.get("gauge")
    declared = objective == "factors" and float(space.about.get("penalty") or 0) > 0
    decayed = declared if decays is None else decays
    freedom = space.freedom
    basis: Basis = "declared"
    if freedom == "unknown":
        basis = "geometry" if balanced or unit else "nothing"
    elif space.one_sided and space.trained_for == "dot":
        freedom, basis = "unknown", "nothing"  # the other side may just not have been given
    return Reading(
        freedom=freedom,
        basis=basis,
        trained_for=space.trained_for,
        unit=unit,
        balanced=balanced,
        chosen=_chosen(chosen, decayed=decayed),
        decayed=decayed,
        trained_gap=_trained_gap(space) if decayed and gap is not None else None,
        few_queries=gap is not None and gap.unseen > 0 and _asking(space) < space.items.dimension,
    )


def _asking(space: Space) -> int:
    """How many queries have a vector that is not zero."""
    return len(space.queries) - len(space.queries.zero_rows)


def _trained_gap(space: Space) -> float | None:
    """The gauge gap without queries that were folded in later; None where none are known to be."""
    trained = trained_rows(space.queries)
    if trained is None or trained.all() or not space.queries.norms[trained].any():
        return None
    rows = np.flatnonzero(trained).astype(np.int64)
    return gauge_gap(replace(space, queries=space.queries.take(rows), seen=None)).gap


def _chosen(recorded: object, *, decayed: bool) -> str | None:
    """The gauge that somebody chose; weight decay ends in the balanced one, where none did."""
    if recorded in {None, "given"} or (decayed and recorded == "balanced"):
        return None
    return str(recorded)


FEWEST = 3
"""With fewer rows on the ranked side every list holds all of them."""

SMALL_SAMPLE = 500
"""The number of queries whose lists are searched again for each of many maps."""

FORMULAS = ("dot", "cosine", "euclidean")

GAUGES: dict[Direction, tuple[str, ...]] = {
    "queries-items": ("balanced", "item-orthonormal", "user-orthonormal"),
    "items-items": ("balanced", "item-orthonormal", "data-space"),
    "queries-queries": ("balanced", "user-orthonormal", "data-space"),
}
"""The equally good geometries by direction, each once: the data space has the geometry of the
user-orthonormal gauge between items, and of the item-orthonormal one between queries."""

OWN_ORTHONORMAL: dict[Direction, str] = {
    "items-items": "item-orthonormal",
    "queries-queries": "user-orthonormal",
}
"""The gauge in which the vectors of one side have orthonormal columns."""

ALONE = 1 - 1e-9
"""In a side with orthonormal columns a row of at least this squared length (1 is the greatest)
stands at right angles to all others, up to rounding."""

TIED = 1e-6
"""Rounding alone orders scores of float32 rows at right angles that are closer than this."""


@dataclass(frozen=True, eq=False)
class AuditSubject:
    """A space under audit.

    Attributes
    ----------
    k
        The length of the lists.
    sample
        The greatest number of queries of a side.
    """

    space: Space
    k: int
    sample: int
    seed: int
    threads: int | None

    @property
    def gauged(self) -> bool:
        """Whether training may have left an invertible map free."""
        return may_have_gauge(self.space)

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        """The directions with enough rows on the ranked side."""
        directions = ("items-items",) if self.space.one_sided else DIRECTIONS
        return tuple(
            direction for direction in directions if len(self.space.sides(direction)[1]) >= FEWEST
        )

    @cached_property
    def biases(self) -> tuple[int, ...]:
        """The bias columns, which no gauge mixes."""
        return bias_columns(self.space)

    @cached_property
    def within(self) -> Space:
        """The space as a cosine within one side reads it: without the bias columns it names."""
        return without_biases(self.space) if self.space.named_biases else self.space

    @cached_property
    def _names(self) -> tuple[Names, Names]:
        items = Names(self.space.items)
        return (items if self.space.one_sided else Names(self.space.queries)), items

    def names(self, direction: Direction) -> tuple[Names, Names]:
        """The names of the asking and of the ranked side."""
        queries, items = self._names
        return (items if direction == "items-items" else queries), (
            queries if direction == "queries-queries" else items
        )

    def items_at(self, measure_name: str, rows: Int64[Array, " some"]) -> Float64[Array, "some _"]:
        """The vectors of some items in the frames of a measure between items."""
        vectors = self.space.items.vectors[rows].astype(np.float64)
        maps = maps_in(measure(measure_name), self.space, "items-items", new_vectors=False)
        return vectors if maps is None else maps.ranked(vectors)

    @cached_property
    def item_popularity(self) -> tuple[Float64[Array, " items"], bool]:
        """The popularity of each item, minus infinity for zero vectors; whether it is one of use.

        The use in training or a stated popularity; where there is neither, the length.
        """
        use = popularity(self.space, "items")
        is_use = use is not None and use.what != "text length"
        norms = self.space.items.norms
        values = np.nan_to_num(use.values, nan=-1.0) if use is not None and is_use else norms
        return np.where(norms > 0, values, -np.inf), is_use

    def rows(self, direction: Direction, limit: int | None = None) -> Int64[Array, " asked"]:
        """The queries: a sample of the rows without zero vectors, the same at every call.

        Users who were trained on all items have no list, and do not ask for items.
        """
        asking, ranked = self.space.sides(direction)
        nonzero = np.flatnonzero(asking.norms > 0)
        if direction == "queries-items" and self.space.seen is not None:
            nonzero = nonzero[self.space.seen.counts[nonzero] < len(ranked)]
        rng = np.random.default_rng([self.seed, DIRECTIONS.index(direction)])
        return np.sort(rng.permutation(nonzero)[: limit or self.sample]).astype(np.int64)

    def _isolated(self, direction: Direction) -> Bool[Array, " rows"]:
        """Rows at right angles to all others in the gauge where their side is orthonormal.

        They have a direction that no other row has; where a side has no more rows than directions,
        all of them do.
        """
        side = self.space.sides(direction)[1]
        queries, items = two_roots(self.space)
        pair = gauge(OWN_ORTHONORMAL[direction]).pair_keeping(queries, items, self.biases)
        map_of_side = whole_map(pair.items if direction == "items-items" else pair.queries)
        free = map_of_side[:, : map_of_side.shape[1] - len(self.biases)]
        isolated = np.zeros(len(side), dtype=bool)
        for start in range(0, len(side), ROWS):
            block = side.vectors[start : start + ROWS].astype(np.float64) @ free
            isolated[start : start + ROWS] = np.einsum("ij,ij->i", block, block) >= ALONE
        return isolated

    def decided(
        self, direction: Direction, neighbours: Neighbours, rows: Int64[Array, " asking"]
    ) -> Bool[Array, " asking"]:
        """Whether the order of each list under a measure is more than rounding.

        Cosines and products of rows at right angles are 0, or the contribution of bias columns.
        Where such scores are next to each other in a list, rounding alone orders them.
        """
        if neighbours.measure.partition("@")[2] != OWN_ORTHONORMAL.get(direction, "none"):
            return np.ones(len(rows), dtype=bool)
        isolated = self.isolated[direction]
        at_right_angles = isolated[rows, None] | isolated[neighbours.indices]
        scores = neighbours.scores.astype(np.float64)
        close = scores[:, 1:] > scores[:, :-1] - TIED  # never where a list has ended, at -inf
        tied = close & at_right_angles[:, 1:] & at_right_angles[:, :-1]
        return np.asarray(~tied.any(axis=1))

    @cached_property
    def isolated(self) -> dict[Direction, Bool[Array, " rows"]]:
        """By direction, whether each row has a direction that no other row of its side has."""
        return {
            direction: self._isolated(direction)
            for direction in self.directions
            if direction in OWN_ORTHONORMAL
        }

    def measures(self, direction: Direction) -> list[str]:
        """The measures that are compared in a direction.

        The product of a query and an item is the same in every gauge, so ``dot`` comes once there.
        """
        frames = GAUGES[direction] if self.gauged else ("centred",)
        return list(FORMULAS) + [
            f"{formula}@{frame}"
            for frame in frames
            for formula in FORMULAS
            if not (self.gauged and formula == "dot" and direction == "queries-items")
        ]

    def nearest(
        self,
        direction: Direction,
        measures: list[str],
        rows: Int64[Array, " asked"],
        progress: Progress | None = None,
        judged: Judgements | None = None,
    ) -> dict[str, Neighbours]:
        """Search lists of ``k + 1``, which include the first neighbour outside a list of ``k``.

        Items that users were trained on are left out, as nobody is shown them; so is what
        ``judged`` hides.
        """
        return search(
            self.space,
            measures,
            k=self.k + 1,
            direction=direction,
            rows=rows,
            exclude=None if judged is None else judged.seen,
            threads=self.threads,
            progress=progress,
        )


def may_have_gauge(space: Space) -> bool:
    """Whether a space has two sides and no loss that is known to read lengths or angles.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> may_have_gauge(Space(items=Embeddings([[1.0]])))
    False
    """
    return not space.one_sided and space.trained_for in {"dot", "unknown"}


def subject(space: Space, k: int, sample: int, seed: int, threads: int | None) -> AuditSubject:
    """A space under audit, checked.

    Raises ``TooFewError`` when a side has only zeros, fewer than three items have a vector, or
    ``k`` leaves no row outside the lists.
    """
    COUNT.check("k", k, TooFewError)
    COUNT.check("sample", sample, TooFewError)
    SEED.check("seed", seed)
    check_threads(threads)
    sides = {"items": space.items, "queries": space.queries}
    for name, side in sides.items():
        if not len(side.norms.nonzero()[0]):
            raise TooFewError(f"all {len(side)} {name} are zero vectors: there is nothing to audit")
    nonzero = len(space.items) - len(space.items.zero_rows)
    if nonzero < FEWEST:
        raise TooFewError(
            f"{nonzero} item{'s' * (nonzero != 1)} with a vector that is not zero: neighbours need "
            f"at least {FEWEST}"
        )
    audited = AuditSubject(space, k, sample, seed, threads)
    for direction in audited.directions:
        if not len(audited.rows(direction, 1)):
            raise TooFewError(
                f"every query with a vector has used all {counted(len(space.items), 'item')}: no "
                "item is left to rank for any of them: take `seen` out of the space, or audit the "
                "items alone"
            )
    shortest = min(len(space.sides(direction)[1]) for direction in audited.directions) - 2
    if k > shortest:
        raise TooFewError(
            f"{k} neighbours asked, but the smaller side has only {shortest + 2} rows: ask for at "
            f"most {shortest}"
        )
    return audited
