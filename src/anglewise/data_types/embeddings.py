"""Vectors with ids, and spaces of queries and items; every number is checked here, once."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from anglewise.data_types.conversion import (
    ABOUT,
    BIAS_COLUMNS,
    BLOCK,
    Vectors,
    about_fault,
    as_array,
    as_rows,
    check_direction,
    check_metadata,
    checked_vectors,
    frame_ids,
    is_frame,
    offers,
)
from anglewise.data_types.mapped import forget
from anglewise.data_types.numbered_rows import NumberedRows
from anglewise.data_types.numbers import NOT_NEGATIVE, check_kind, check_word, described
from anglewise.data_types.pairs_of_frames import frame_pairs
from anglewise.data_types.row_ids import hint_at_id, id_of_number, unique_ids
from anglewise.data_types.sparse import (
    Interactions,
    Sparse,
    SparseRows,
    as_sparse_rows,
)
from anglewise.data_types.text import Say, order_of_ids, other_form, quiet
from anglewise.data_types.typing import Array, Direction, Float32, Ids, Int64, Shaped
from anglewise.errors import IdsError, ShapeError, ValuesError, WrongTypeError

TrainedFor: TypeAlias = Literal["dot", "cosine", "euclidean", "unknown"]
Freedom: TypeAlias = Literal["gauge", "rotation", "unknown"]

Seen: TypeAlias = SparseRows | Sparse | Interactions
"""What users were trained on: row for row, or by ids."""


class Embeddings:
    """A matrix of float32 with one id for each row, and optional metadata about the rows.

    Vectors come as a NumPy array, a pandas or Polars frame (or one column of lists), a PyTorch
    tensor, an Arrow table or lists. Whatever numbers they hold (float16, float64, big-endian,
    strided) become a C-ordered float32 matrix: float64 is rounded to float32, to seven digits, and
    is not kept. A matrix that is float32 and C-ordered already, memory-mapped files and frames
    included, is not copied. A row that float32 cannot hold, since a number is too large or all are
    too small, is refused.

    Parameters
    ----------
    vectors
        ``rows x d``, finite.
    ids
        One for each row, unique; kept as strings. By default the labels of a pandas index, unless
        pandas counted the rows itself; else ``"0"``, ``"1"``, …
    metadata
        Anything that maps a column name to one value a row: a dict of lists, a frame, a pyarrow
        table. A mapping that is no dict may read its columns late: it is not read here.
    say
        Called with one sentence when vectors are copied from a graphics card, and when ids come
        from an index.

    Raises
    ------
    WrongTypeError
        What holds no array: a path, a dict, a sparse matrix.
    ShapeError
        Not two-dimensional, no rows or no columns, or not one id or one value of metadata a row.
    ValuesError
        Not numeric, complex, NaN or infinite, beyond the range of float32 or below it (the message
        names the first such row); a frame that also has columns of text or ids.
    IdsError
        An id that comes twice or is missing; an index of a frame that does not name its rows.

    Examples
    --------
    >>> Embeddings([[3.0, 4.0], [0.0, 0.0]], ids=["a", "b"])
    Embeddings(2 x 2, 1 zero row)
    """

    def __init__(
        self,
        vectors: Vectors,
        ids: Iterable[Any] | Vectors | None = None,
        metadata: Mapping[str, Sequence[Any]] | Any | None = None,
        *,
        say: Say = quiet,
    ) -> None:
        self.vectors: Float32[Array, "rows d"] = checked_vectors(as_array(vectors, "vectors", say))
        ids = frame_ids(vectors, say) if ids is None else ids
        self._given_ids = None if ids is None else unique_ids(ids, len(self.vectors))
        check_metadata(metadata, len(self.vectors))
        self.metadata = metadata

    def __len__(self) -> int:
        return self.vectors.shape[0]

    def __repr__(self) -> str:
        zeros = len(self.zero_rows)
        note = f", {zeros} zero row{'s' * (zeros > 1)}" if zeros else ""
        return f"Embeddings({len(self)} x {self.dimension}{note})"

    @property
    def dimension(self) -> int:
        """The number of columns, ``d``."""
        return self.vectors.shape[1]

    @property
    def nbytes(self) -> int:
        """What the numbers weigh."""
        return self.vectors.nbytes

    @property
    def named(self) -> bool:
        """Whether ids were given; without them, the ids are the row numbers."""
        return self._given_ids is not None

    @cached_property
    def ids(self) -> Shaped[Array, " rows"]:
        """The names of the rows, as strings."""
        if self._given_ids is not None:
            return self._given_ids
        return np.array([str(i) for i in range(len(self))], dtype=object)

    @property
    def metadata_columns(self) -> list[str]:
        """The names of what is known about the rows.

        >>> Embeddings([[1.0]], metadata={"title": ["Alien"]}).metadata_columns
        ['title']
        """
        table: Any = self.metadata
        if table is None:
            return []
        return list(map(str, table.column_names if offers(table, "column_names") else table))

    def ids_at(self, rows: Int64[Array, " some"]) -> list[str]:
        """The names of some rows; where ids are row numbers, no others are written out."""
        if self._given_ids is None and "ids" not in self.__dict__:
            return list(map(str, rows.tolist()))
        return list(map(str, self.ids[rows].tolist()))

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """From id to row."""
        if self._given_ids is None:
            return NumberedRows(len(self))
        return {name: row for row, name in enumerate(self.ids)}

    def rows_of(self, ids: Ids, kind: str = "row") -> Int64[Array, " ids"]:
        """The rows of some ids, one or several, in the order given.

        A whole number names an id, as text does: 2 and ``"2"`` are the same. ``kind`` says in
        messages what the rows are, such as ``"user"``.

        Raises ``IdsError`` for an unknown id, with the ids that resemble it, ``WrongTypeError``
        for what is neither text nor a whole number.

        >>> films = Embeddings([[1.0], [2.0]], ids=["heat", "7"])
        >>> films.rows_of([7, "heat"]).tolist()
        [1, 0]
        """
        if isinstance(ids, AbstractSet | Mapping):
            came = described(cast("Any", ids))
            raise WrongTypeError(f"{kind} ids are {came}, which has no order: give a list of them")
        single = isinstance(ids, str) or not hasattr(ids, "__iter__")
        single = single or (isinstance(ids, np.ndarray) and ids.ndim == 0)
        names: list[Any] = [ids] if single else list(cast("Iterable[Any]", ids))
        return np.array([self._row_of(name, kind) for name in names], dtype=np.int64)

    def _row_of(self, name: Any, kind: str) -> int:
        if isinstance(name, bool) or not isinstance(name, str | Integral):
            raise WrongTypeError(
                f"a {kind} is named by {described(name)}: an id is due, as text or whole number"
            )
        row = self.row_of.get(name if isinstance(name, str) else id_of_number(name, kind))
        if row is None:
            rows = "" if isinstance(name, str) else "; whole numbers name ids, rows=... rows"
            shown = repr(name) if isinstance(name, str) else str(name)
            raise IdsError(
                f"no {kind} has the id {shown}; {hint_at_id(str(name), self.row_of)}{rows}"
            )
        return row

    @cached_property
    def id_order(self) -> Int64[Array, " rows"]:
        """The rows in the order of their ids: the order in which equal scores are ranked.

        Ids that are all whole numbers are ordered as numbers, others as text.
        """
        if self._given_ids is None:
            return np.arange(len(self), dtype=np.int64)
        return np.array(order_of_ids(self.ids.tolist()), dtype=np.int64)

    @cached_property
    def id_position(self) -> Int64[Array, " rows"]:
        """The place of each row in the order of ids."""
        position = np.empty(len(self), dtype=np.int64)
        position[self.id_order] = np.arange(len(self))
        return position

    @cached_property
    def norms(self) -> Array:
        """The euclidean length of every row, float64, ``(rows,)``."""
        lengths: list[Array] = []
        for start in range(0, len(self), BLOCK):
            block = self.vectors[start : start + BLOCK]
            wide = block.astype(np.float64)
            lengths.append(np.sqrt(np.einsum("ij,ij->i", wide, wide)))
            forget(block)
        return np.concatenate(lengths)

    @cached_property
    def zero_rows(self) -> Int64[Array, " zeros"]:
        """Rows without any direction: cosine scores them 0."""
        return np.flatnonzero(self.norms == 0).astype(np.int64)

    def is_unit(self, tolerance: float = 1e-3) -> bool:
        """Whether every row has length one, to within a tolerance.

        The tolerance leaves room for vectors that were stored as float16. Where rows also lie close
        together, dot, cosine and euclidean may still rank otherwise: only their lists can tell.
        """
        NOT_NEGATIVE.check("tolerance", tolerance)
        return bool(np.all(np.abs(self.norms - 1) <= tolerance))

    def take(self, rows: Int64[Array, " some"]) -> "Embeddings":
        """Some rows, in the order given, with their ids and without metadata.

        Raises ``WrongTypeError`` for what is no whole number, ``ShapeError`` for a row that is not
        there.
        """
        rows = as_rows(rows, len(self), "vector")
        return Embeddings(self.vectors[rows], ids=self.ids[rows])

    def with_vectors(self, vectors: Vectors) -> "Embeddings":
        """Other vectors under the same ids, with the same metadata."""
        return Embeddings(vectors, ids=self._given_ids, metadata=self.metadata)


@dataclass(frozen=True, eq=False, init=False)
class Space:
    """Queries and items of one dimension: users and items, questions and documents.

    A one-sided space (a catalogue against itself) is made of items alone.

    Attributes
    ----------
    items, queries
        Both sides, of one dimension: embeddings, or whatever :class:`Embeddings` takes.
        ``queries=None`` makes the items the queries too.
    trained_for
        The measure inside the training loss, as somebody declared it; else ``unknown``.
    seen
        ``queries x items``: the interactions used in training, left out of recommendations. A
        sparse matrix of SciPy or sparse rows, row for row; interactions, or a frame with columns
        ``user_id`` and ``item_id``, by their ids.
    about
        Provenance: model, gauge, penalty, the files it came from.

    Examples
    --------
    >>> users, movies = Embeddings([[1.0, 0.0]]), Embeddings([[2.0, 0.0], [0.0, 1.0]])
    >>> Space(queries=users, items=movies, trained_for="dot").freedom
    'gauge'
    """

    items: Embeddings
    queries: Embeddings
    trained_for: TrainedFor
    seen: SparseRows | None
    about: Mapping[str, Any]

    def __init__(
        self,
        *,
        items: Embeddings | Vectors,
        queries: Embeddings | Vectors | None = None,
        trained_for: TrainedFor = "unknown",
        seen: Seen | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        ranked = as_embeddings(items, "items")
        one_sided = queries is None or queries is items
        asking = ranked if one_sided else as_embeddings(cast("Any", queries), "queries")
        if type(asking) is not type(ranked):
            raise WrongTypeError(
                f"queries are {type(asking).__name__}, items {type(ranked).__name__}: both sides "
                "are to be of one kind, by one model"
            )
        if asking.dimension != ranked.dimension:
            raise ShapeError(
                f"queries have {asking.dimension} columns, items {ranked.dimension}: "
                "take both from one model, or project one of them"
            )
        check_trained_for(trained_for)
        if about is not None:
            check_kind(about, Mapping, "about", "a dict of what is known about the space")
            if (name := about_fault(about)) is not None:
                raise ValuesError(f"about[{name!r}] is {described(about[name])}: {ABOUT[name]}")
        for name, value in {
            "items": ranked,
            "queries": asking,
            "trained_for": trained_for,
            "seen": None if seen is None else seen_rows(seen, asking, ranked),
            "about": about or {},
        }.items():
            object.__setattr__(self, name, value)

    @property
    def one_sided(self) -> bool:
        """Whether queries and items are the same rows."""
        return self.queries is self.items

    @property
    def freedom(self) -> Freedom:
        """Which maps of the vectors leave the training loss unchanged.

        A loss of inner products between two free sides does not change under any invertible map of
        one side and its inverse on the other (``"gauge"``). A loss that reads lengths or angles,
        or that compares one side with itself, stays the same under rotations, and under little else
        (distances under shifts of the origin too). It follows what was declared, and weight decay
        can narrow it further: the audit looks at the vectors for that.
        """
        if self.trained_for == "unknown":
            return "unknown"
        return "gauge" if self.trained_for == "dot" and not self.one_sided else "rotation"

    @property
    def named_biases(self) -> tuple[int, ...]:
        """The bias columns that ``about`` names; those that were cut away since are not there.

        >>> Space(items=Embeddings([[1.0, 2.0]]), about={"bias_columns": [1, 2]}).named_biases
        (1,)
        """
        stated = cast("list[int]", self.about.get(BIAS_COLUMNS) or [])
        return tuple(sorted(int(column) for column in stated if column < self.items.dimension))

    def sides(self, direction: Direction) -> tuple[Embeddings, Embeddings]:
        """The side that asks and the side that is ranked; ``SpellingError`` for no direction.

        >>> x = Embeddings([[1.0]])
        >>> Space(items=x).sides("items-items") == (x, x)
        True
        """
        check_direction(direction)
        if direction == "items-items":
            return self.items, self.items
        if direction == "queries-queries":
            return self.queries, self.queries
        return self.queries, self.items


def check_trained_for(measure: object) -> None:
    """Refuse what is no measure that a model is trained for.

    >>> check_trained_for("Dot")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: trained_for is 'Dot': known are dot, cosine, euclidean, unknown
    """
    check_word(measure, get_args(TrainedFor), "trained_for")


def seen_rows(
    seen: Seen, queries: Embeddings, items: Embeddings, *, name: str = "seen", say: Say = quiet
) -> SparseRows:
    """What each query was trained on, in the rows of a space; ``say`` is told what share of it is.

    Raises ``ShapeError`` for a matrix of another shape than the space, ``IdsError`` for
    interactions of which none is of a user and an item of the space.

    >>> users, films = Embeddings([[1.0]], ids=["ann"]), Embeddings([[1.0]], ids=["heat"])
    >>> used = Interactions(*np.zeros((2, 1), int), np.ones(1), np.array(["ann"]), np.array(["up"]))
    >>> seen_rows(used, users, films)
    Traceback (most recent call last):
    ...
    anglewise.errors.IdsError: seen: not one of 1 pairs names a user and an item of this space: ...
    """
    shape = len(queries), len(items)
    pairs = frame_pairs(seen, name) if is_frame(seen) else seen
    if not isinstance(pairs, Interactions):
        table = as_sparse_rows(pairs, name)
        if table.shape != shape:
            raise ShapeError(f"{name} is {table.shape}, the space {shape}: rows are queries")
        return table
    for ids, side in ((pairs.user_ids, queries), (pairs.item_ids, items)):
        check_counted_from_zero(ids, side, name)
    rows, columns = pairs.rows_in(queries.row_of, items.row_of)
    inside = (rows >= 0) & (columns >= 0)
    if not inside.any():
        raise IdsError(
            f"{name}: not one of {len(rows):,} pairs names a user and an item of this space: users "
            f"are such as {str(pairs.user_ids[0])!r}, in the space {str(queries.ids[0])!r}, items "
            f"such as {str(pairs.item_ids[0])!r}, in the space {str(items.ids[0])!r}; give the "
            "vectors their ids, or take the interactions that belong to them"
            + other_form(map(str, pairs.user_ids), queries.row_of)
            + other_form(map(str, pairs.item_ids), items.row_of)
        )
    say(
        f"{name}: {int(inside.sum()):,} of {len(rows):,} pairs name a user and an item of this "
        "space, and count as used in training"
        + other_form(map(str, pairs.user_ids), queries.row_of)
        + other_form(map(str, pairs.item_ids), items.row_of)
    )
    return SparseRows.from_pairs(rows[inside], columns[inside], pairs.weights[inside], shape=shape)


def check_counted_from_zero(ids: Iterable[Any], side: Embeddings, source: str) -> None:
    """Refuse ids that count from 1 the rows that a space without ids counts from 0."""
    count = len(side)
    if not side.named and str(count) in (names := set(map(str, ids))) and "0" not in names:
        raise IdsError(
            f"{source} holds the id '{count}' and no '0', and the vectors, which have no ids, are "
            f"called 0 to {count - 1} by their rows: counted from 1, every entry would fall on the "
            "wrong row; give the vectors their ids, Embeddings(x, ids=...)"
        )


def as_embeddings(value: Embeddings | Vectors, name: str = "vectors") -> Embeddings:
    """The embeddings themselves, or those of whatever :class:`Embeddings` takes.

    >>> as_embeddings([[1.0, 2.0]])
    Embeddings(1 x 2)
    """
    if isinstance(value, Embeddings):
        return value
    if isinstance(value, Space):
        raise WrongTypeError(f"{name} are a Space: give one of its sides, space.items")
    return Embeddings(value)


def as_space(value: Space | Embeddings | Vectors) -> Space:
    """The space itself, or items alone as a space.

    >>> as_space([[1.0, 2.0]]).one_sided
    True
    """
    return value if isinstance(value, Space) else Space(items=value)
