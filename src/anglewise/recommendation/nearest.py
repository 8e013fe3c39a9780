"""Search for users: who asks, what they may not be shown, and the popularity exponent."""

import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import COUNT, EXPONENT
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Direction, Int64
from anglewise.engine.search import search_vectors
from anglewise.errors import IdsError, SpellingError, TooFewError
from anglewise.gauges.gauge import without_biases
from anglewise.measures.formulas import Cosine, Dot, Measure, Norm
from anglewise.recommendation.fold_in import FoldIn, learn_fold_in

One: TypeAlias = str | SupportsIndex
Who: TypeAlias = One | Iterable[One]
"""Ids (text) or row numbers (whole numbers), one or several."""

LOOKED_THROUGH = 100_000
"""So many ids are searched for one like the unknown one."""


def rows_of(who: Who, side: Embeddings, kind: str) -> Int64[Array, " some"]:
    """The rows of some ids or row numbers; ``IdsError`` with what comes near for unknown ones.

    >>> films = Embeddings([[1.0], [2.0]], ids=["heat", "dune"])
    >>> rows_of(["dune", 0], films, "item").tolist()
    [1, 0]
    """
    given: Any = who
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu":
        rows = np.asarray(given, dtype=np.int64).reshape(-1)
        _check_rows(rows, side, kind)
        return rows
    several: list[One] = [given]
    if isinstance(who, Iterable) and not isinstance(who, str):
        several = list(who)
    return np.array([_row(one, side, kind) for one in several], dtype=np.int64)


def _row(one: One, side: Embeddings, kind: str) -> int:
    if isinstance(one, str):
        row = side.row_of.get(str(one))
        if row is None:
            raise IdsError(f"no {kind} has the id {one!r}; {_hint(one, side)}")
        return row
    row = operator.index(one)
    _check_rows(np.array([row]), side, kind)
    return row


def _check_rows(rows: Int64[Array, " some"], side: Embeddings, kind: str) -> None:
    wrong = rows[(rows < 0) | (rows >= len(side))]
    if len(wrong):
        raise IdsError(
            f"{kind} row {wrong[0]} is none of 0 to {len(side) - 1}: whole numbers are rows; "
            f"write ids as text, such as {str(side.ids[0])!r}"
        )


def _hint(name: str, side: Embeddings) -> str:
    known: list[Any] = side.ids[:LOOKED_THROUGH].tolist()
    near = get_close_matches(name, [str(i) for i in known], n=3)
    if near:
        return f"did you mean {', '.join(map(repr, near))}?"
    return f"ids are such as {', '.join(repr(str(i)) for i in known[:3])}"


def at_popularity(measure: Measure, exponent: float) -> Measure:
    """The measure with another exponent of the item's length: ``norm(alpha, exponent)``.

    0 leaves lengths as the model learnt them, 1 takes them out as the cosine does, more holds
    long items back. Where length goes with popularity this is a popularity knob; where it does
    not (bias columns, unit rows) it is another thing, or nothing.

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
    """Whether bias columns belong to the score: in the product of a user and an item alone.

    >>> reads_biases(Measure(Dot()), "queries-items"), reads_biases(Measure(Dot()), "items-items")
    (True, False)
    """
    return direction == "queries-items" and isinstance(measure.formula, Dot | Norm)


def _query_exponent(formula: Dot | Cosine | Norm) -> float:
    if isinstance(formula, Norm):
        return formula.query
    return 1 if isinstance(formula, Cosine) else 0


@dataclass(frozen=True, eq=False)
class RecommenderView:
    """A space, and the map that folds users in, learnt when it is first asked for."""

    space: Space

    @cached_property
    def fold_in(self) -> FoldIn:
        """The map from what was used to a vector of this space."""
        return learn_fold_in(self.space)


@dataclass(frozen=True, eq=False)
class Views:
    """A space with its bias columns and without."""

    space: Space

    def through(self, measure: Measure, direction: Direction) -> RecommenderView:
        """With bias columns where they belong to the score, else without."""
        return self.whole if reads_biases(measure, direction) else self._unbiased

    @cached_property
    def whole(self) -> RecommenderView:
        """The space as it came."""
        return RecommenderView(self.space)

    @cached_property
    def _unbiased(self) -> RecommenderView:
        without = without_biases(self.space)
        return self.whole if without is self.space else RecommenderView(without)


HIDDEN_AT_ONCE = 1 << 23
"""Where a frame needs all items, what a filter hides is listed for so many pairs at once."""


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
) -> Neighbours:
    """The ``k`` nearest of those shown for each vector, fewer where fewer are there.

    Raises ``TooFewError`` when nothing may be shown, or ``k`` is below one.

    >>> from anglewise.measures.measure import measure
    >>> space = Space(items=Embeddings([[1.0], [3.0], [2.0]]))
    >>> only = np.array([True, False, True])
    >>> asks = Embeddings([[1.0]])
    >>> nearest(space, measure("dot"), asks, direction="items-items", k=9, shown=only).indices
    array([[2, 0]])
    """
    ranked = space.sides(direction)[1]
    due = len(ranked) if shown is None else int(shown.sum())
    COUNT.check("k", k, TooFewError)
    if due == 0:
        raise TooFewError(f"the filters leave none of {len(ranked):,}: allow more, or forbid less")
    count = min(k, due)
    if shown is None or due == len(ranked):
        return _searched(
            space, measure, asking, direction=direction, k=count, left_out=left_out, threads=threads
        )
    if not measure.frames:
        kept = np.flatnonzero(shown)
        return _among(
            ranked, measure, asking, kept=kept, k=count, left_out=left_out, threads=threads
        )
    # a frame is fitted on all items: the hidden ones stay and are excluded
    parts = [
        _searched(
            space, measure, some, direction=direction, k=count, left_out=hidden, threads=threads
        )
        for some, hidden in _blocks(asking, np.flatnonzero(~shown), left_out, len(ranked))
    ]
    return Neighbours(
        str(measure),
        np.concatenate([one.indices for one in parts]),
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.tied_at_cut for one in parts]),
    )


def _searched(
    space: Space,
    measure: Measure,
    asking: Embeddings,
    *,
    direction: Direction,
    k: int,
    left_out: SparseRows | None,
    threads: int | None,
) -> Neighbours:
    found = search_vectors(
        space, asking, [measure], k=k, direction=direction, exclude=left_out, threads=threads
    )
    return found[str(measure)]


def _among(
    ranked: Embeddings,
    measure: Measure,
    asking: Embeddings,
    *,
    kept: Int64[Array, " kept"],
    k: int,
    left_out: SparseRows | None,
    threads: int | None,
) -> Neighbours:
    """Search the rows that may be shown alone, and give their rows in the whole."""
    place = np.full(len(ranked), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    hidden = None
    if left_out is not None:
        columns = place[left_out.indices]
        there = columns >= 0
        rows, shape = left_out.rows[there], (len(asking), len(kept))
        hidden = SparseRows.from_pairs(rows, columns[there], shape=shape)
    some = Space(items=ranked.take(kept))
    found = _searched(
        some, measure, asking, direction="items-items", k=k, left_out=hidden, threads=threads
    )
    indices = np.where(found.indices < 0, -1, kept[found.indices])
    return Neighbours(found.measure, indices, found.scores, found.tied_at_cut)


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
            own = left_out.take(rows)
            pairs = np.union1d(pairs, own.rows * width + own.indices)
        some = Embeddings(asking.vectors[rows])
        yield some, SparseRows.from_pairs(*np.divmod(pairs, width), shape=(len(rows), width))
