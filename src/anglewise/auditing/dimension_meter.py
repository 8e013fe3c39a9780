"""How many dimensions it takes to rank first what was judged relevant: proven, found or open."""

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.auditing.subject import NamedRow, Names
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import SEED, check_kind
from anglewise.data_types.rows_by_id import judgements_by_ids, space_by_ids
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.geometry.dimension_bounds import DimensionBound, Signs, lower_bound
from anglewise.geometry.dimension_found import FoundEmbedding, built, trained

Holds: TypeAlias = Literal["found", "impossible", "unknown"]

ROWS, CELLS = 4000, 1 << 24
"""Queries and cells of the largest table that is searched for a proof."""
TRAINED_CELLS = 1 << 20
"""Cells of the largest table for which an embedding is searched."""
TRIES = 5
"""Numbers of dimensions that are tried, beside that of the space."""


@dataclass(frozen=True)
class DimensionMeter:
    """How many dimensions it takes to rank what is relevant before all else, query by query.

    Relevant is what binary metrics take for it; grades above that do not count. All else is to
    stand below, judged or not, as metrics have it, but for what no list may hold (used in training,
    the asking item itself). Vectors are free: whether a model makes such vectors of its texts or
    users is another question, which "found" does not answer. Nothing but "impossible" and "found"
    is proven.

    Attributes
    ----------
    direction
        Who asks and what is ranked.
    queries, sets
        Queries with something relevant and something that is not, and how many differ.
    items
        How many items are relevant to any of them.
    impossible, proof, part, ways, allowed, sign_rank
        So many dimensions, and all fewer, hold no such vectors, for dot and cosine; see
        ``geometry.dimension_bounds.DimensionBound``. ``part`` are the first items of the proof.
    proof_queries
        The queries that were searched for a proof: a sample, where there are more.
    found, margin, how
        So many dimensions, and all more, do hold them: the embedding was made and verified, with
        items of length one in float32, and cosines of relevant and others at least ``margin``
        apart. None where none was found.
    found_queries
        The queries for which it was: where it is a sample of ``sets``, "found" is said of these.
    dimension, own
        The dimension of the space, and whether it holds them.
    one_sided
        Whether those who ask are the items: then what is found has other vectors for them than
        the items have, and of the space itself it says nothing.
    """

    direction: Direction
    queries: int
    sets: int
    items: int
    impossible: int
    proof: Literal["counting", "spectral", "none"]
    part: tuple[NamedRow, ...]
    part_size: int
    ways: int | None
    allowed: int | None
    sign_rank: float | None
    proof_queries: int
    found: int | None
    margin: float | None
    how: str | None
    found_queries: int
    dimension: int
    own: Holds
    one_sided: bool

    @property
    def is_of_a_sample(self) -> bool:
        """Whether an embedding was searched for some of the queries only."""
        return self.found_queries < self.sets

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, as ``audit --json`` writes them."""
        return {
            **{name: value for name, value in vars(self).items() if name != "part"},
            "part": [row.id for row in self.part],
        }


PART = 8
"""Items of a proof that are named."""


def dimension_meter(space: Space, judgements: Judgements, *, seed: int = 0) -> DimensionMeter:
    """Say how many dimensions are proven too few for what is relevant, and how many are enough.

    Too few: by counting in how many ways the queries part some items, or by a spectral norm
    (``geometry.dimension_bounds``). Enough: vectors that were built or trained, and verified
    (``geometry.dimension_found``). In between nothing is known. ``seed`` draws samples, where there
    are more than 4,000 different queries or 2^24 cells, and starts the training.

    Raises ``ShapeError`` for judgements of another space, ``SpellingError`` for those of documents
    or under a filter, ``TooFewError`` where no query has something relevant and something else.

    >>> from itertools import combinations
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> pairs = list(combinations("abcdef", 2))
    >>> space = Space(
    ...     queries=Embeddings(np.ones((15, 3)), ids=["".join(pair) for pair in pairs]),
    ...     items=Embeddings(np.eye(6, 3) + 1, ids=list("abcdef")),
    ... )
    >>> likes = [("".join(pair), item) for pair in pairs for item in pair]
    >>> meter = dimension_meter(space, Judgements.from_pairs(likes, space))
    >>> meter.impossible, meter.found, meter.own
    (3, 4, 'impossible')
    """
    check_kind(judgements, Judgements, "judgements", "Judgements")
    SEED.check("seed", seed)
    judgements, space = judgements_by_ids(judgements, space), space_by_ids(space)
    table = _table(space, judgements)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table.rows)).astype(np.int64)
    proof_rows = table.fitting(order[:ROWS], CELLS)
    signs, columns = table.signs(proof_rows)
    bound = lower_bound(signs)
    tried_rows = table.fitting(order, TRAINED_CELLS)
    tried, _ = table.signs(tried_rows)
    dimension = space.items.dimension
    found = _found(tried, bound.impossible, dimension, rng)
    return _assembled(
        space,
        judgements.direction,
        table,
        bound=bound,
        columns=columns,
        proof_queries=len(proof_rows),
        found=found,
        found_queries=len(tried_rows),
    )


@dataclass(frozen=True, eq=False)
class _RelevanceTable:
    """Queries with different sets: what is relevant to each, and what is not compared.

    Behind the ``items`` of the space stand those that were judged and that it lacks.
    """

    relevant: SparseRows
    hidden: SparseRows
    rows: Int64[Array, " sets"]
    queries: int
    items: int

    def fitting(self, rows: Int64[Array, " some"], cells: int) -> Int64[Array, " fewer"]:
        """As many of the first of these sets as make a table of so many cells."""
        low, high = 1, len(rows)
        while low < high:
            middle = (low + high + 1) // 2
            if middle * self._width(rows[:middle]) <= cells:
                low = middle
            else:
                high = middle - 1
        return rows[:low]

    def _width(self, rows: Int64[Array, " some"]) -> int:
        return len(self._columns(rows)) + 1

    def _columns(self, rows: Int64[Array, " some"]) -> Int64[Array, " columns"]:
        at = self.rows[rows]
        indices = [table.take(at).indices for table in (self.relevant, self.hidden)]
        return np.unique(np.concatenate(indices))

    def signs(self, rows: Int64[Array, " some"]) -> tuple[Signs, Int64[Array, " columns"]]:
        """The table of signs of some sets, and the item of each of its columns.

        Items that no row tells apart share a column, since they may share a place; those that are
        nowhere relevant share the last. Whatever holds this table holds that of all items.
        """
        at, columns = self.rows[rows], self._columns(rows)
        width = self.relevant.shape[1]
        rest = np.setdiff1d(np.arange(min(width, len(columns) + 1)), columns)[:1]
        columns = np.concatenate([columns, rest]).astype(np.int64)
        signs = np.full((len(at), len(columns)), -1, dtype=np.int8)
        for table, sign in ((self.relevant, 1), (self.hidden, 0)):
            some = table.take(at)
            signs[some.rows, np.searchsorted(columns[: len(columns) - len(rest)], some.indices)] = (
                sign
            )
        first = np.sort(np.unique(signs, axis=1, return_index=True)[1])
        return signs[:, first], columns[first]


def _table(space: Space, judgements: Judgements) -> _RelevanceTable:
    asking, ranked = space.sides(judgements.direction)
    graded = judgements.graded
    if judgements.parts is not None:
        raise SpellingError(
            "these judgements are of documents, and the items are passages of them: how many "
            "dimensions they take is not known; give judgements of the passages"
        )
    if judgements.allowed is not None:
        raise SpellingError(
            "these judgements are under a filter, where each query ranks other items: take it off"
        )
    if judgements.gains.shape != (len(asking), len(ranked)):
        raise ShapeError(
            f"the judgements are {judgements.gains.shape}, the space has {len(asking):,} that ask "
            f"and {len(ranked):,} that are ranked: read them for this space"
        )
    hidden = _hidden(space, judgements, graded.shape)
    relevant = _without(graded.where(judgements.relevant), hidden)
    compared = graded.shape[1] - hidden.counts
    useful = np.flatnonzero((relevant.counts > 0) & (relevant.counts < compared))
    if not len(useful):
        raise TooFewError(
            f"none of the {len(judgements.judged_rows):,} judged queries has an item that is "
            "relevant and one that is not: there is nothing to rank apart"
        )
    distinct: dict[tuple[bytes, bytes], int] = {}
    for row in useful.tolist():
        distinct.setdefault((relevant.row(row).tobytes(), hidden.row(row).tobytes()), row)
    rows = np.array(list(distinct.values()), dtype=np.int64)
    items = len(np.unique(relevant.take(useful.astype(np.int64)).indices))
    return _RelevanceTable(relevant, hidden, rows, len(useful), items)


def _hidden(space: Space, judgements: Judgements, shape: tuple[int, int]) -> SparseRows:
    """What no list may hold: used in training, hidden by the judgements, the asking item itself."""
    tables = [judgements.seen]
    if judgements.direction == "queries-items":
        tables.append(space.seen)
    keys: list[Int64[Array, " entries"]] = [
        table.rows * shape[1] + table.indices for table in tables if table is not None
    ]
    asking, ranked = space.sides(judgements.direction)
    if asking is ranked:
        keys.append(np.arange(shape[0], dtype=np.int64) * (shape[1] + 1))
    pairs = np.unique(np.concatenate(keys)) if keys else np.empty(0, dtype=np.int64)
    return SparseRows.from_pairs(pairs // shape[1], pairs % shape[1], shape=shape)


def _without(table: SparseRows, hidden: SparseRows) -> SparseRows:
    width = table.shape[1]
    keys = [some.rows * width + some.indices for some in (table, hidden)]
    return table.where(~np.isin(keys[0], keys[1]))


def _found(
    signs: Signs, impossible: int, dimension: int, rng: np.random.Generator
) -> FoundEmbedding | None:
    """The embedding of the fewest dimensions that some tries found."""
    ready = built(signs)
    best = ready[0] if ready else None
    most = min(signs.shape) if best is None else best.dimension
    if impossible < dimension < most:
        best = trained(signs, dimension, rng) or best
    low, tries = impossible, TRIES
    while tries and best is not None and best.dimension - low > 1:
        between = round(sqrt(max(low, 1) * best.dimension))
        middle = min(max(low + 1, between), best.dimension - 1)
        fewer = trained(signs, middle, rng)
        low, best, tries = (middle, best, tries - 1) if fewer is None else (low, fewer, tries - 1)
    return best


def _assembled(
    space: Space,
    direction: Direction,
    table: _RelevanceTable,
    *,
    bound: DimensionBound,
    columns: Int64[Array, " columns"],
    proof_queries: int,
    found: FoundEmbedding | None,
    found_queries: int,
) -> DimensionMeter:
    asking, ranked = space.sides(direction)
    places = columns[np.array(bound.columns, dtype=np.int64)]
    dimension = ranked.dimension
    whole = found_queries == len(table.rows)
    own: Holds = "unknown"
    if dimension <= bound.impossible:
        own = "impossible"
    elif found is not None and whole and asking is not ranked and found.dimension <= dimension:
        own = "found"
    return DimensionMeter(
        direction=direction,
        queries=table.queries,
        sets=len(table.rows),
        items=table.items,
        impossible=bound.impossible,
        proof=bound.proof,
        part=Names(ranked).all(places[places < len(ranked)][:PART]),
        part_size=len(bound.columns),
        ways=bound.ways,
        allowed=bound.allowed,
        sign_rank=bound.sign_rank,
        proof_queries=proof_queries,
        found=None if found is None else found.dimension,
        margin=None if found is None else found.margin,
        how=None if found is None else found.how,
        found_queries=found_queries,
        dimension=dimension,
        own=own,
        one_sided=asking is ranked,
    )
