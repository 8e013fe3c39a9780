"""What is audited: a space, its directions, the names of its rows, and the freedom that is left."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings, Freedom, Space, TrainedFor
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import COUNT, SEED
from anglewise.core.typing import DIRECTIONS, Array, Bool, Direction, Float64, Int64, Progress
from anglewise.diagnostics.norms import popularity
from anglewise.engine.search import search
from anglewise.errors import IdsError, TooFewError
from anglewise.gauges.canonical import gauge
from anglewise.gauges.gap import GaugeGap
from anglewise.gauges.gauge import bias_columns, two_roots
from anglewise.gauges.maps import ROWS
from anglewise.io.texts import titles
from anglewise.measures.frames import fit_frames
from anglewise.measures.measure import measure


@dataclass(frozen=True)
class NamedRow:
    """A row as people know it.

    >>> str(NamedRow("m1", "Alien")), str(NamedRow("m2", None))
    ('Alien', 'm2')
    """

    id: str
    title: str | None

    def __str__(self) -> str:
        return self.title or self.id


@dataclass(frozen=True, eq=False)
class Names:
    """The names of one side; titles are read once, when the first is asked for.

    >>> import numpy as np
    >>> names = Names(Embeddings([[1.0], [2.0]], metadata={"title": ["Alien", "Heat"]}))
    >>> names.of(1), [str(one) for one in names.all(np.array([1, -1, 0]))]
    (NamedRow(id='1', title='Heat'), ['Heat', 'Alien'])
    """

    side: Embeddings

    @cached_property
    def titles(self) -> list[str] | None:
        """One for each row, if there are any."""
        return titles(self.side)

    def row(self, name: str) -> int:
        """The row with this id; ``IdsError`` with known ones if there is none."""
        if name not in self.side.row_of:
            raise IdsError(
                f"no item has the id {name!r}: ids are such as "
                f"{', '.join(repr(str(i)) for i in self.side.ids[:3])}"
            )
        return self.side.row_of[name]

    def of(self, row: int) -> NamedRow:
        """One row."""
        known = self.titles
        return NamedRow(str(self.side.ids[row]), None if known is None else known[row])

    def all(self, rows: Int64[Array, " some"]) -> tuple[NamedRow, ...]:
        """Several, without the places that nobody fills."""
        return tuple(self.of(int(row)) for row in rows if row >= 0)


Basis: TypeAlias = Literal["declared", "geometry", "nothing"]


@dataclass(frozen=True)
class Reading:
    """The freedom that training left, as far as it can be known.

    Attributes
    ----------
    freedom
        ``gauge``: any invertible map; ``rotation``: none that a cosine sees; ``unknown``.
    basis
        ``declared`` by whoever made the space; read off the ``geometry``; or known by
        ``nothing``.
    unit
        Whether every row of both sides has length one: trained for cosine, or normalised
        afterwards.
    balanced
        Whether ``P'P = c Q'Q`` within tolerance; None for spaces of one side.
    chosen
        The gauge that somebody chose by name after training, where the space says so.
    decayed
        Whether the space says that uniform weight decay was part of the loss.
    """

    freedom: Freedom
    basis: Basis
    trained_for: TrainedFor
    unit: bool
    balanced: bool | None
    chosen: str | None
    decayed: bool

    @property
    def pinned(self) -> bool:
        """Whether weight decay chose the gauge, as far as is known.

        It was in the loss; or the factors are balanced, and not because somebody made them so.
        """
        return self.decayed or (bool(self.balanced) and self.chosen is None)


def read_freedom(space: Space, gap: GaugeGap | None) -> Reading:
    """Read what is declared, and where nothing is, the geometry.

    >>> from anglewise.core.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 2.0]]), trained_for="cosine")
    >>> reading = read_freedom(space, None)
    >>> reading.freedom, reading.basis, reading.unit
    ('rotation', 'declared', False)
    """
    unit = space.items.is_unit() and space.queries.is_unit()
    balanced = None if gap is None else gap.pinned
    objective, chosen = space.about.get("objective"), space.about.get("gauge")
    decayed = objective == "factors" and float(space.about.get("penalty") or 0) > 0
    free = space.freedom
    basis: Basis = "declared"
    if free == "unknown":
        basis = "geometry" if balanced or unit else "nothing"
    elif space.one_sided and space.trained_for == "dot":
        free, basis = "unknown", "nothing"  # the other side may just not have been given
    return Reading(
        freedom=free,
        basis=basis,
        trained_for=space.trained_for,
        unit=unit,
        balanced=balanced,
        chosen=None if decayed or chosen is None or chosen == "given" else str(chosen),
        decayed=decayed,
    )


FEWEST = 3
"""Below this many rows on the ranked side every list is the whole side."""

SMALL_SAMPLE = 500
"""How many ask where every list is searched again for each of many maps."""

FORMULAS = ("dot", "cosine", "euclidean")

GAUGES: dict[Direction, tuple[str, ...]] = {
    "queries-items": ("balanced", "item-orthonormal", "user-orthonormal"),
    "items-items": ("balanced", "item-orthonormal", "data-space"),
    "queries-queries": ("balanced", "user-orthonormal", "data-space"),
}
"""The equally good geometries of each direction, none twice: between items the data space has
the geometry of the user-orthonormal gauge, between queries that of the item-orthonormal one."""

OWN_ORTHONORMAL: dict[Direction, str] = {
    "items-items": "item-orthonormal",
    "queries-queries": "user-orthonormal",
}
"""The gauge in which the vectors of one side have orthonormal columns."""

ALONE = 1 - 1e-9
"""A row of orthonormal columns whose squared length reaches this, of 1 at most, stands at right
angles to all others, but for rounding."""

TIED = 1e-6
"""Scores of float32 nearer than this, of rows at right angles, are ordered by rounding."""


@dataclass(frozen=True, eq=False)
class AuditSubject:
    """A space under audit.

    Attributes
    ----------
    k
        The length of the lists.
    sample
        How many rows of a side ask at most.
    """

    space: Space
    k: int
    sample: int
    seed: int
    threads: int | None

    @property
    def gauged(self) -> bool:
        """Whether an invertible map may have been free."""
        return may_have_gauge(self.space)

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        """Those in which there is somebody to ask and something to choose from."""
        directions = ("items-items",) if self.space.one_sided else DIRECTIONS
        return tuple(
            direction for direction in directions if len(self.space.sides(direction)[1]) >= FEWEST
        )

    @cached_property
    def biases(self) -> tuple[int, ...]:
        """Columns that hold biases, which no gauge mixes."""
        return bias_columns(self.space)

    @cached_property
    def _names(self) -> tuple[Names, Names]:
        items = Names(self.space.items)
        return (items if self.space.one_sided else Names(self.space.queries)), items

    def names(self, direction: Direction) -> tuple[Names, Names]:
        """What those who ask and those who are ranked are called."""
        queries, items = self._names
        return (items if direction == "items-items" else queries), (
            queries if direction == "queries-queries" else items
        )

    def items_at(self, measure_name: str, rows: Int64[Array, " some"]) -> Float64[Array, "some _"]:
        """Some items as they stand in the frames of a measure between items."""
        vectors = self.space.items.vectors[rows].astype(np.float64)
        maps = fit_frames(measure(measure_name).frames, self.space, "items-items")
        return vectors if maps is None else maps.ranked(vectors)

    @cached_property
    def fame(self) -> tuple[Float64[Array, " items"], bool]:
        """How well known each item is, minus infinity for zero vectors, and whether that is use.

        The use in training or a stated popularity; where there is neither, the length.
        """
        used = popularity(self.space, "items")
        known = used is not None and used.what != "text length"
        norms = self.space.items.norms
        fame = np.nan_to_num(used.values, nan=-1.0) if used is not None and known else norms
        return np.where(norms > 0, fame, -np.inf), known

    def rows(self, direction: Direction, most: int | None = None) -> Int64[Array, " asked"]:
        """Who asks: a sample of those whose vectors are not zero, the same at every call."""
        asking = self.space.sides(direction)[0]
        awake = np.flatnonzero(asking.norms > 0)
        rng = np.random.default_rng([self.seed, DIRECTIONS.index(direction)])
        return np.sort(rng.permutation(awake)[: most or self.sample]).astype(np.int64)

    def _alone(self, direction: Direction) -> Bool[Array, " rows"]:
        """Rows that stand at right angles to all others in the side's own orthonormal gauge.

        They have a direction that no other row has: where a side has no more rows than
        directions, all of them.
        """
        side = self.space.sides(direction)[1]
        queries, items = two_roots(self.space)
        pair = gauge(OWN_ORTHONORMAL[direction]).pair_keeping(queries, items, self.biases)
        through = pair.items if direction == "items-items" else pair.queries
        free = through[:, : through.shape[1] - len(self.biases)]
        alone = np.zeros(len(side), dtype=bool)
        for start in range(0, len(side), ROWS):
            block = side.vectors[start : start + ROWS].astype(np.float64) @ free
            alone[start : start + ROWS] = np.einsum("ij,ij->i", block, block) >= ALONE
        return alone

    def decided(
        self, direction: Direction, neighbours: Neighbours, rows: Int64[Array, " asking"]
    ) -> Bool[Array, " asking"]:
        """Whose list under a measure has an order that is not one of rounding errors.

        Cosines and products of rows at right angles are 0, or what bias columns add: where such
        scores stand next to each other in a list, nothing but rounding decides between them.
        """
        if neighbours.measure.partition("@")[2] != OWN_ORTHONORMAL.get(direction, "none"):
            return np.ones(len(rows), dtype=bool)
        alone = self.alone[direction]
        at_right_angles = alone[rows, None] | alone[neighbours.indices]
        scores = neighbours.scores.astype(np.float64)
        near = scores[:, 1:] > scores[:, :-1] - TIED  # never where a list has ended, at -inf
        tied = near & at_right_angles[:, 1:] & at_right_angles[:, :-1]
        return np.asarray(~tied.any(axis=1))

    @cached_property
    def alone(self) -> dict[Direction, Bool[Array, " rows"]]:
        """By direction, which rows have a direction that no other row of their side has."""
        return {
            direction: self._alone(direction)
            for direction in self.directions
            if direction in OWN_ORTHONORMAL
        }

    def measures(self, direction: Direction) -> list[str]:
        """All that is compared in a direction.

        A product of query and item is the same in every gauge, so ``dot`` stands once there.
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
        """Lists one longer than ``k``, so that the first outsider is known.

        What users have seen stays in, for the audit is about the geometry; lists that are to be
        ``judged`` leave it out.
        """
        return search(
            self.space,
            measures,
            k=self.k + 1,
            direction=direction,
            rows=rows,
            exclude=None if judged is None else judged.seen,
            use_seen=judged is not None,
            threads=self.threads,
            progress=progress,
        )


def may_have_gauge(space: Space) -> bool:
    """Two sides, and no loss that is known to read lengths or angles.

    >>> from anglewise.core.embeddings import Embeddings
    >>> may_have_gauge(Space(items=Embeddings([[1.0]])))
    False
    """
    return not space.one_sided and space.trained_for in {"dot", "unknown"}


def subject(space: Space, k: int, sample: int, seed: int, threads: int | None) -> AuditSubject:
    """Check that there is something to audit.

    Raises ``TooFewError`` when a side has only zeros, fewer than three items have a vector, or
    ``k`` leaves nobody outside the lists.
    """
    COUNT.check("k", k, TooFewError)
    COUNT.check("sample", sample, TooFewError)
    SEED.check("seed", seed)
    sides = {"items": space.items, "queries": space.queries}
    for name, side in sides.items():
        if not len(side.norms.nonzero()[0]):
            raise TooFewError(f"all {len(side)} {name} are zero vectors: there is nothing to audit")
    known = len(space.items) - len(space.items.zero_rows)
    if known < FEWEST:
        raise TooFewError(
            f"{known} item{'s' * (known != 1)} with a vector that is not zero: neighbours need "
            f"at least {FEWEST}"
        )
    made = AuditSubject(space, k, sample, seed, threads)
    shortest = min(len(space.sides(direction)[1]) for direction in made.directions) - 2
    if k > shortest:
        raise TooFewError(
            f"{k} neighbours asked, but the smaller side has only {shortest + 2} rows: ask for at "
            f"most {shortest}"
        )
    return made
