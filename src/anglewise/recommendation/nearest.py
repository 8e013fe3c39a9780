"""The nearest items of users, with filters, bias columns and the popularity exponent."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from anglewise.data_types.conversion import as_rows
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import COUNT, EXPONENT
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Direction, Float32, Ids, Int64, Rows
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.nearest_neighbours.search import search_prepared
from anglewise.nearest_neighbours.single_query import single_list
from anglewise.nearest_neighbours.some_items import some_items
from anglewise.nearest_neighbours.tiles import PreparedItems
from anglewise.similarity_measures.biases import WithBiases
from anglewise.similarity_measures.formulas import Cosine, Dot, Measure, Norm


def shown_rows(
    side: Embeddings, kind: str, allowed: Ids | None, forbidden: Ids | None
) -> Bool[Array, " rows"] | None:
    """Whether each row may be recommended: if allowed and not forbidden; ``None`` if all may.

    Raises ``IdsError`` for an unknown id.

    >>> films = Embeddings([[1.0], [2.0], [3.0]], ids=["heat", "dune", "tron"])
    >>> shown_rows(films, "item", ["heat", "tron"], "tron").tolist()
    [True, False, False]
    """
    if allowed is None and forbidden is None:
        return None
    is_shown = np.full(len(side), allowed is None)
    if allowed is not None:
        is_shown[side.rows_of(allowed, kind)] = True
    if forbidden is not None:
        is_shown[side.rows_of(forbidden, kind)] = False
    return is_shown


def rows_named(
    side: Embeddings, kind: str, ids: Ids | None, rows: Rows | None
) -> Int64[Array, " some"]:
    """The rows of ids, or the given rows; ``SpellingError`` unless exactly one of both came."""
    if (ids is None) == (rows is None):
        raise SpellingError(f"name each {kind} either by id or by rows=, one of them")
    return as_rows(rows, len(side), kind) if ids is None else side.rows_of(ids, kind)


def some_rows(
    side: Embeddings, kind: str, ids: Ids | None, rows: Rows | None
) -> Int64[Array, " some"]:
    """The same; ``TooFewError`` where none is named."""
    chosen = rows_named(side, kind, ids, rows)
    if not len(chosen):
        raise TooFewError(f"no {kind} was named: give at least one, by id or by rows=")
    return chosen


def single_row(side: Embeddings, kind: str, name: Ids) -> int:
    """The row of one id; ``ShapeError`` where several came."""
    rows = side.rows_of(name, kind)
    if len(rows) != 1:
        raise ShapeError(f"{len(rows)} {kind}s came where one is due")
    return int(rows[0])


def at_popularity(measure: Measure, exponent: float) -> Measure:
    """The measure with another exponent of the item's length: ``norm(alpha, exponent)``.

    0 keeps lengths as learnt, 1 removes them as the cosine does, more penalises long items. Where
    length grows with popularity, the exponent sets how much popularity counts; elsewhere (bias
    columns, unit rows) it does something else, or nothing.

    Raises ``SpellingError`` for measures that do not divide by lengths, ``ValuesError`` for an
    exponent that is not finite.

    >>> str(at_popularity(Measure(Dot()), 0.5)), str(at_popularity(Measure(Cosine()), 0.5))
    ('norm(0,0.5)', 'norm(1,0.5)')
    """
    EXPONENT.check("popularity", exponent)
    if not isinstance(measure.formula, Dot | Cosine | Norm):
        raise SpellingError(
            f"{measure} does not divide by the lengths of items, so popularity={exponent:g} has "
            "no exponent to set: take dot, cosine or norm(a,b)"
        )
    query = _query_exponent(measure.formula)
    formula = Dot() if query == exponent == 0 else Norm(query, exponent)
    return Measure(formula, measure.frames)


def reads_biases(measure: Measure, direction: Direction) -> bool:
    """Whether bias columns belong to the score: only in the product of a user and an item.

    A measure with the frame ``with-biases`` asks for them everywhere.

    >>> reads_biases(Measure(Dot()), "queries-items"), reads_biases(Measure(Dot()), "items-items")
    (True, False)
    """
    asked = any(isinstance(frame, WithBiases) for frame in measure.frames)
    return asked or (direction == "queries-items" and isinstance(measure.formula, Dot | Norm))


def _query_exponent(formula: Dot | Cosine | Norm) -> float:
    if isinstance(formula, Norm):
        return formula.query
    return 1 if isinstance(formula, Cosine) else 0


HIDDEN_AT_ONCE = 1 << 23
"""The most pairs of a query and a hidden item in one search."""
KEPT = 4
"""So many measures and directions stay prepared: further exponents of popularity push them out."""


@dataclass(eq=False)
class PreparedSides:
    """The sides of spaces that were ranked, prepared for a measure when they were first searched.

    Any number of threads may ask.

    >>> from anglewise.similarity_measures.measure import measure
    >>> sides, space = PreparedSides(), Space(items=Embeddings([[1.0], [3.0], [2.0]]))
    >>> items = sides.prepared(space, measure("dot"), "items-items")
    >>> items is sides.prepared(space, measure("dot"), "items-items")
    True
    """

    kept: dict[tuple[int, Measure, Direction], tuple[Space, PreparedItems]] = field(
        default_factory=dict[tuple[int, Measure, Direction], tuple[Space, PreparedItems]]
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prepared(self, space: Space, measure: Measure, direction: Direction) -> PreparedItems:
        """The ranked side of a direction, with the frames and formulas fitted on the space."""
        key = id(space), measure, direction
        with self.lock:
            if key in self.kept:
                return self.kept[key][1]
        made = PreparedItems.of(space, [measure], direction=direction)
        with self.lock:
            while len(self.kept) >= KEPT:
                del self.kept[next(iter(self.kept))]
            self.kept[key] = space, made  # the space stays, so that no other has its number
        return made


def nearest(
    space: Space,
    measure: Measure,
    asking: Embeddings,
    *,
    direction: Direction,
    k: int,
    left_out: SparseRows | None = None,
    shown: Bool[Array, " ranked"] | None = None,
    threads: int | None = None,
    sides: PreparedSides | None = None,
) -> Neighbours:
    """The ``k`` nearest of the shown rows for each vector, or all where there are fewer.

    What is in ``sides`` is not prepared again. Frames and formulas are those of all rows. Raises
    ``TooFewError`` when nothing may be shown, or ``k`` is below one.

    >>> from anglewise.similarity_measures.measure import measure
    >>> space = Space(items=Embeddings([[1.0], [3.0], [2.0]]))
    >>> only = np.array([True, False, True])
    >>> asks = Embeddings([[1.0]])
    >>> nearest(space, measure("dot"), asks, direction="items-items", k=9, shown=only).indices
    array([[2, 0]])
    """
    ranked = space.sides(direction)[1]
    count = len(ranked) if shown is None else int(shown.sum())
    COUNT.check("k", k, TooFewError)
    if count == 0:
        raise TooFewError(f"the filters leave none of {len(ranked):,}: allow more, or forbid less")
    k = min(k, count)
    items = (sides or PreparedSides()).prepared(space, measure, direction)
    find = partial(search_prepared, k=k, threads=threads)
    name = str(measure)
    if shown is None or count == len(ranked):
        return replace(find(items, asking, exclude=left_out)[name], direction=direction)
    if 2 * count < len(ranked):
        rows = np.flatnonzero(shown)
        still_out = None if left_out is None else left_out.take_columns(rows)
        found = find(some_items(items, rows), asking, exclude=still_out)[name]
        indices = np.where(found.indices < 0, -1, rows[found.indices])
        return replace(found, indices=indices, direction=direction)
    blocks = _blocks(asking, np.flatnonzero(~shown), left_out, len(ranked))
    parts = [find(items, some, exclude=hidden)[name] for some, hidden in blocks]
    return Neighbours(
        name,
        np.concatenate([part.indices for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.tied_at_cut for part in parts]),
        direction,
    )


def nearest_of_one(
    space: Space,
    measure: Measure,
    vector: Float32[Array, " d"],
    *,
    direction: Direction,
    k: int,
    hidden: Int64[Array, " hidden"],
    threads: int | None,
    sides: PreparedSides,
) -> Neighbours | None:
    """The same for one vector, without hidden rows, which ascend; None where it is one of many.

    That is where :func:`anglewise.nearest_neighbours.single_query.single_list` says so.
    """
    items = sides.prepared(space, measure, direction)
    if type(k) is int:
        k = min(k, len(items.ranked))
    found = single_list(items, vector, hidden, k=k, threads=threads)
    if found is None:
        return None
    rows, scores, tied = found
    return Neighbours(items.measures[0], rows[None], scores[None], np.array([tied]), direction)


def _blocks(
    asking: Embeddings,
    hidden: Int64[Array, " hidden"],
    left_out: SparseRows | None,
    width: int,
) -> Iterator[tuple[Embeddings, SparseRows]]:
    length = max(1, HIDDEN_AT_ONCE // len(hidden))
    for start in range(0, len(asking), length):
        rows = np.arange(start, min(start + length, len(asking)), dtype=np.int64)
        pairs = np.repeat(np.arange(len(rows)), len(hidden)) * width + np.tile(hidden, len(rows))
        if left_out is not None:
            left_out_rows = left_out.take(rows)
            pairs = np.union1d(pairs, left_out_rows.rows * width + left_out_rows.indices)
        block = Embeddings(asking.vectors[rows])
        yield block, SparseRows.from_pairs(*np.divmod(pairs, width), shape=(len(rows), width))
