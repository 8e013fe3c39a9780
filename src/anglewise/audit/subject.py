"""What is audited: a space, who asks in each direction, and whether a gauge can be free in it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.audit.names import Names
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import COUNT, SEED
from anglewise.core.typing import DIRECTIONS, Array, Direction, Float64, Int64, Progress
from anglewise.diagnostics.norms import popularity
from anglewise.engine.search import search
from anglewise.errors import TooFewError
from anglewise.gauges.gauge import bias_columns
from anglewise.measures.frames import fit_frames
from anglewise.measures.measure import measure

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


@dataclass(frozen=True, eq=False)
class Subject:
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
        ways = ("items-items",) if self.space.one_sided else DIRECTIONS
        return tuple(way for way in ways if len(self.space.sides(way)[1]) >= FEWEST)

    @cached_property
    def biases(self) -> tuple[int, ...]:
        """Columns that hold biases, which no gauge mixes."""
        return bias_columns(self.space)

    @cached_property
    def _names(self) -> tuple[Names, Names]:
        items = Names(self.space.items)
        return (items if self.space.one_sided else Names(self.space.queries)), items

    def names(self, way: Direction) -> tuple[Names, Names]:
        """What those who ask and those who are ranked are called."""
        queries, items = self._names
        return (items if way == "items-items" else queries), (
            queries if way == "queries-queries" else items
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

    def rows(self, way: Direction, most: int | None = None) -> Int64[Array, " asked"]:
        """Who asks: a sample of those whose vectors are not zero, the same at every call."""
        asking = self.space.sides(way)[0]
        awake = np.flatnonzero(asking.norms > 0)
        rng = np.random.default_rng([self.seed, DIRECTIONS.index(way)])
        return np.sort(rng.permutation(awake)[: most or self.sample]).astype(np.int64)

    def measures(self, way: Direction) -> list[str]:
        """All that is compared in a direction.

        A product of query and item is the same in every gauge, so ``dot`` stands once there.
        """
        frames = GAUGES[way] if self.gauged else ("centred",)
        return list(FORMULAS) + [
            f"{formula}@{frame}"
            for frame in frames
            for formula in FORMULAS
            if not (self.gauged and formula == "dot" and way == "queries-items")
        ]

    def nearest(
        self,
        way: Direction,
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
            direction=way,
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


def subject(space: Space, k: int, sample: int, seed: int, threads: int | None) -> Subject:
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
    made = Subject(space, k, sample, seed, threads)
    shortest = min(len(space.sides(way)[1]) for way in made.directions) - 2
    if k > shortest:
        raise TooFewError(
            f"{k} neighbours asked, but the smaller side has only {shortest + 2} rows: ask for at "
            f"most {shortest}"
        )
    return made
