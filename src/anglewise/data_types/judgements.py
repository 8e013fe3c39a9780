"""What people said is relevant: graded judgements, aligned with the rows of a space."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

import numpy as np

from anglewise.data_types.complaints import Complaints, check_source, with_gains
from anglewise.data_types.conversion import (
    check_array,
    check_direction,
    is_frame,
    is_kind,
    named_columns,
)
from anglewise.data_types.drawn import (
    CHANCE,
    CONTEXT,
    Origin,
    QueryDraw,
    QueryWeights,
    check_chances,
    origins_in,
    pair_chances,
    query_draw,
)
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judged_entries import entries_by_ids
from anglewise.data_types.numbers import (
    POSITIVE,
    check_columns,
    check_flag,
    check_kind,
    check_word,
    described,
    whole,
)
from anglewise.data_types.parts import Parts
from anglewise.data_types.sparse import Sparse, SparseRows, as_sparse_rows
from anglewise.data_types.typing import Array, Bool, Direction, Float64, Int64
from anglewise.data_types.used_together import UsedTogether, check_made_of
from anglewise.errors import ShapeError, TooFewError, ValuesError, WrongTypeError

if TYPE_CHECKING:
    from anglewise.data_types.allowed import Allowed

Missing: TypeAlias = Literal["count", "drop"]
"""What judged items that the space lacks do: count as missed where relevant, or nothing."""


@dataclass(frozen=True, eq=False)
class Judgements:
    """Graded relevance, aligned with the rows of a space.

    Judged and not relevant is a stored zero; not judged is not stored. A grade below zero is
    relevant to no metric; bpref and infAP take it for an item of the pool that was not judged, as
    trec_eval does. A query without any entry was not judged and is not evaluated.

    Attributes
    ----------
    gains
        ``queries x items`` of the direction (``items x items`` for ``items-items``): sparse rows,
        or a sparse matrix of SciPy.
    direction
        Who asks and what is ranked.
    source
        In words: the file, or the construction with its settings.
    complaints
        What was wrong with them as they came.
    seen
        For each row the items that an evaluation leaves out of the ranking, beside those that the
        space leaves out (for constructed judgements: the interactions that were folded in).
    judged_items
        Which items were judged for every query, as labels do: not relevant where not stored.
    chances
        The probability with which each judged pair was drawn, in (0, 1], for the entries of
        ``graded``. Metrics that end in ``(sampled)`` weigh by them.
    chances_unknown
        Why these are not known of sampled pairs. Metrics that end in ``(sampled)`` are refused.
    judged_at
        When each query was first judged, in seconds; NaN for those that were not judged.
    drawn
        How the judged queries were drawn, unless with equal chances.
    parts
        The documents, where these were judged and the items are passages of them: the columns of
        ``gains`` then, and the best passage of each counts.
    missing, missing_ids
        Gains of judged items that the space lacks, ``queries x these items``, and their ids. No
        list can hold them; where they are relevant they count as missed.
    dropped_ids
        The ids of judged items that the space lacks and that were left out on request.
    relevant_from
        The lowest grade relevant to binary metrics (R, P, RR, AP, bpref, infAP); else all above 0.
    not_itself
        Whether each query's own document, that of the same id, is no candidate: ``seen`` holds it.
    allowed
        Which items each query may be shown under a filter; None for all.
    of_users
        Whether the file calls those who ask users, or all was made of interactions.
    made_of
        The sets of items that judgements were made of, if any.
    """

    gains: SparseRows | Sparse
    direction: Direction = "queries-items"
    source: str = ""
    complaints: Complaints = field(default_factory=Complaints)
    seen: SparseRows | Sparse | None = None
    judged_items: Bool[Array, " items"] | None = None
    chances: SparseRows | Sparse | None = None
    judged_at: Float64[Array, " rows"] | None = None
    drawn: QueryDraw | None = None
    parts: Parts | None = None
    missing: SparseRows | Sparse | None = None
    missing_ids: tuple[str, ...] = ()
    relevant_from: float | None = None
    not_itself: bool = False
    allowed: "Allowed | None" = None
    of_users: bool = False
    chances_unknown: str = ""
    dropped_ids: tuple[str, ...] = ()
    made_of: UsedTogether | None = None

    def __post_init__(self) -> None:
        check_direction(self.direction)
        for name in ("gains", "seen", "chances", "missing"):
            table = getattr(self, name)
            if table is not None or name == "gains":
                object.__setattr__(self, name, as_sparse_rows(table, name))
        self._check_kinds()
        self._check_shapes()
        if self.chances is not None:
            check_chances(self.chances, self.graded)
            if self.chances_unknown:
                raise ValuesError("chances_unknown says why there are none, and chances came too")
        if self.judged_at is not None and np.isinf(self.judged_at).any():
            raise ValuesError("judged_at holds infinity: seconds are due, NaN where none is known")
        if self.relevant_from is not None:
            POSITIVE.check("relevant_from", self.relevant_from)

    def _check_kinds(self) -> None:
        check_source(self.source, self.complaints)
        for name in ("not_itself", "of_users"):
            check_flag(getattr(self, name), name)
        if self.drawn is not None:
            check_kind(self.drawn, QueryDraw, "drawn", "a QueryDraw")
        if self.parts is not None:
            check_kind(self.parts, Parts, "parts", "Parts, which name the documents of items,")
        check_kind(self.chances_unknown, str, "chances_unknown", "a reason as text")
        for field_name in ("missing_ids", "dropped_ids"):
            check_kind(getattr(self, field_name), tuple, field_name, "a tuple of ids")
            for name in getattr(self, field_name):
                check_kind(name, str, f"one of {field_name}", "an id as text")

    def _check_shapes(self) -> None:
        queries, width = self.gains.shape
        due = (queries, len(self.missing_ids))
        if self.missing is None and self.missing_ids:
            raise ShapeError(f"missing_ids name {due[1]} items, missing is None: {due} is due")
        if self.missing is not None and self.missing.shape != due:
            raise ShapeError(f"missing is {self.missing.shape}: {due} is due, as missing_ids say")
        check_made_of(self.made_of, self.gains.shape, self.direction)
        if self.parts is not None and len(self.parts) != width:
            raise ShapeError(f"gains have {width} columns, parts {len(self.parts)} documents")
        items = width if self.parts is None else len(self.parts.of)
        if self.seen is not None and self.seen.shape != (queries, items):
            raise ShapeError(f"seen is {self.seen.shape}: {(queries, items)} is due")
        if self.allowed is not None:
            check_array(getattr(self.allowed, "group_of", None), "allowed", (queries,), kinds="iu")
        if self.judged_items is not None:
            check_array(self.judged_items, "judged_items", (width,), kinds="b")
        if self.judged_at is not None:
            check_array(self.judged_at, "judged_at", (queries,))
        if self.drawn is not None:
            for name in ("chances", "traffic"):
                check_array(getattr(self.drawn, name), f"{name} of drawn", (queries,))

    @classmethod
    def from_dict(
        cls,
        gains: Mapping[Any, Mapping[Any, float]] | Any,
        space: Space,
        *,
        direction: Direction = "queries-items",
        missing: Missing = "count",
    ) -> "Judgements":
        """Line up ``{query: {item: gain}}`` with a space, by id.

        As with :func:`anglewise.read_judgements`, entries of queries that the space does not hold
        are dropped and counted in ``complaints``; items that it does not hold count as missed
        where they are relevant, unless ``missing`` is ``"drop"``. Where the items are passages (a
        column ``document`` of their metadata), documents may be named.

        Raises ``IdsError`` if not one entry matches, ``ValuesError`` for a gain that is no number.

        >>> from anglewise.data_types.embeddings import Embeddings
        >>> space = Space(queries=Embeddings([[1.0]], ["q"]), items=Embeddings([[1.0], [2.0]]))
        >>> Judgements.from_dict({"q": {"1": 2, "0": 0}}, space).gains.values.tolist()
        [0.0, 2.0]
        """
        expected = "a dict {query: {item: gain}} is due"
        if not isinstance(gains, Mapping):
            raise WrongTypeError(f"gains are {described(gains)}: {expected}")
        entries: list[tuple[Any, Any, Any]] = []
        for query, items in cast("Mapping[Any, Any]", gains).items():
            if not isinstance(items, Mapping):
                raise WrongTypeError(f"the items of {query!r} are {described(items)}: {expected}")
            entries += [(query, *pair) for pair in cast("Mapping[Any, Any]", items).items()]
        columns = [list(part) for part in zip(*entries, strict=True)]
        judged = _by_ids(columns, space, direction, "the dict")
        return taken(judged, missing)

    @classmethod
    def from_pairs(
        cls,
        pairs: Iterable[tuple[Any, ...]],
        space: Space,
        *,
        direction: Direction = "queries-items",
        missing: Missing = "count",
    ) -> "Judgements":
        """Line up pairs ``(query, item)``, each of gain 1, or triples with a gain, by id.

        Of a pair that comes more than once the highest gain is kept; else as :meth:`from_dict`.

        >>> from anglewise.data_types.embeddings import Embeddings
        >>> space = Space(queries=Embeddings([[1.0]], ["q"]), items=Embeddings([[1.0], [2.0]]))
        >>> Judgements.from_pairs([("q", 1), ("q", 1)], space).complaints.duplicates
        1
        """
        try:
            entries = [tuple(pair) for pair in pairs]
        except TypeError as error:
            raise WrongTypeError(
                f"pairs are {described(pairs)}: a list of (query, item) is due, or of (query, "
                "item, gain)"
            ) from error
        widths = {len(entry) for entry in entries}
        if widths not in ({2}, {3}):
            raise ShapeError(
                f"pairs of {' and '.join(map(str, sorted(widths))) or 'no'} parts came: (query, "
                "item) or (query, item, gain) are due, all alike"
            )
        columns: list[Any] = [list(part) for part in zip(*entries, strict=True)]
        judged = _by_ids(columns, space, direction, "the pairs")
        return taken(judged, missing)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        space: Space,
        *,
        query_column: str = "query_id",
        item_column: str = "item_id",
        gain_column: str | None = "gain",
        direction: Direction = "queries-items",
        missing: Missing = "count",
    ) -> "Judgements":
        """Line up the rows of a pandas or Polars frame (or a dict of columns) by id.

        ``gain_column=None`` counts every row as 1. Columns ``probability`` and ``context`` say how
        pairs and queries were drawn, as ``judge sample`` writes them.
        :func:`anglewise.read_judgements` takes frames too, and finds columns by their usual names.
        Else as :meth:`from_pairs`.

        Raises ``ValuesError`` for a column that is not there, or a probability that is none.

        >>> from anglewise.data_types.embeddings import Embeddings
        >>> space = Space(queries=Embeddings([[1.0]], ["q"]), items=Embeddings([[1.0], [2.0]]))
        >>> frame = {"query_id": ["q"], "item_id": [1], "gain": [3]}
        >>> Judgements.from_frame(frame, space).gains.values.tolist()
        [3.0]
        """
        if not is_frame(frame) and not is_kind(frame, Mapping):
            raise WrongTypeError(f"{described(frame)} came where a pandas or Polars frame is due")
        check_kind(query_column, str, "query_column", "the name of a column")
        check_kind(item_column, str, "item_column", "the name of a column")
        check_columns(gain_column=gain_column)
        keys = named_columns(frame)
        names, key_of = [name for name, _ in keys], dict(keys)
        needed = [query_column, item_column] + ([] if gain_column is None else [gain_column])
        lacking = next((name for name in needed if names.count(name) != 1), None)
        if lacking is not None:
            raise ValuesError(
                f"the frame has {names.count(lacking) or 'no'} columns {lacking!r}, but "
                f"{', '.join(map(repr, names[:12]))}: name query_column=, item_column=, and "
                "gain_column= (None counts every row as 1)"
            )
        cells = [
            frame[key_of[name]] if name in {*names} - {*needed} else None
            for name in (CHANCE, CONTEXT)
        ]
        origins = None
        if any(column is not None for column in cells):
            origins = origins_in(cells[0], cells[1], lambda row: f"the frame, row {row}")
        judged = _by_ids(
            [frame[key_of[name]] for name in needed], space, direction, "the frame", origins
        )
        return taken(judged, missing)

    @cached_property
    def graded(self) -> SparseRows:
        """All gains: those of what is ranked, and behind them those of what the space lacks."""
        return self.gains if self.missing is None else self.gains.beside(self.missing)

    @property
    def by_lot(self) -> bool:
        """Whether judged pairs were drawn by lot, with chances that are known or not."""
        return self.chances is not None or bool(self.chances_unknown)

    @property
    def judged_rows(self) -> Int64[Array, " judged"]:
        """The rows of queries that have at least one judgement."""
        return np.flatnonzero(self.graded.counts).astype(np.int64)

    @property
    def relevant(self) -> Bool[Array, " entries"]:
        """Which entries of ``graded`` binary metrics take for relevant."""
        gains = self.graded.values
        return gains > 0 if self.relevant_from is None else gains >= self.relevant_from

    def weights(self, rows: Int64[Array, " q"]) -> QueryWeights | None:
        """What these queries count in means; None where they were not drawn with known chances."""
        return None if self.drawn is None else self.drawn.weights(rows)

    def drawn_as(
        self,
        rows: Int64[Array, " entries"],
        columns: Int64[Array, " entries"],
        origins: Sequence[Origin],
    ) -> "Judgements":
        """The same with what was said, of entries of ``graded``, about how they were drawn."""
        of_pair: dict[tuple[int, int], list[Origin]] = {}
        for row, column, origin in zip(rows.tolist(), columns.tolist(), origins, strict=True):
            of_pair.setdefault((row, column), []).append(origin)
        graded = self.graded
        pairs = zip(graded.rows.tolist(), graded.indices.tolist(), strict=True)
        chances, unknown = pair_chances([of_pair.get(pair, []) for pair in pairs])
        contexts = (
            (row, context) for row, (_, context) in zip(rows.tolist(), origins, strict=True)
        )
        return replace(
            self,
            chances=None if chances is None else replace(graded, values=chances),
            chances_unknown=unknown,
            drawn=query_draw(contexts, graded.shape[0]),
        )

    def where(self, chosen: Bool[Array, " entries"]) -> "Judgements":
        """Some of the entries of ``graded`` alone."""
        graded, width = self.graded.where(chosen), self.gains.shape[1]
        missing = None if self.missing is None else graded.columns(width, graded.shape[1])
        chances = None if self.chances is None else self.chances.where(chosen)
        return replace(self, gains=graded.columns(0, width), missing=missing, chances=chances)

    def without_missing(self) -> "Judgements":
        """The same without judged items that the space lacks; they are counted as dropped."""
        if self.missing is None:
            return self
        left, width = self.where(self.graded.indices < self.gains.shape[1]), self.gains.shape[1]
        chances = None if left.chances is None else left.chances.columns(0, width)
        dropped = (*self.dropped_ids, *self.missing_ids)
        left = replace(left, missing=None, missing_ids=(), chances=chances, dropped_ids=dropped)
        return left.less(len(self.missing.indices))

    def less(self, dropped: int) -> "Judgements":
        """The same, complaining of some more entries that were dropped."""
        whole(0).check("dropped", dropped)
        wrong = replace(self.complaints, dropped=self.complaints.dropped + dropped)
        return replace(self, complaints=with_gains(wrong, self.graded))


def taken(judged: Judgements, missing: Missing) -> Judgements:
    """Judgements with or without the judged items that the space lacks."""
    check_word(missing, get_args(Missing), "missing")
    return judged if missing == "count" else judged.without_missing()


def merged_judgements(
    rows: Int64[Array, " entries"],
    columns: Int64[Array, " entries"],
    gains: Float64[Array, " entries"],
    *,
    shape: tuple[int, int],
    missing_ids: tuple[str, ...],
    same_side: bool,
    direction: Direction,
    source: str,
    complaints: Complaints,
) -> Judgements:
    """Judgements from entries, the highest gain of each pair.

    Columns from ``shape[1]`` on are those of ``missing_ids``. Entries that judge a row against
    itself are dropped and counted. Raises ``TooFewError`` where no other entry is left.
    """
    distinct = np.flatnonzero((rows != columns) | (not same_side))
    if not (columns[distinct] < shape[1]).any():
        raise TooFewError(f"{source} judges each item only against itself: judge others")
    self_judged = len(rows) - len(distinct)
    order = distinct[np.lexsort((-gains[distinct], columns[distinct], rows[distinct]))]
    rows, columns, gains = rows[order], columns[order], gains[order]
    is_first = np.append(True, (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1]))
    width = shape[1] + len(missing_ids)
    graded = SparseRows.from_pairs(
        rows[is_first], columns[is_first], gains[is_first], shape=(shape[0], width)
    )
    complaints = replace(
        complaints,
        dropped=complaints.dropped + self_judged,
        duplicates=int((~is_first).sum()),
    )
    return Judgements(
        graded.columns(0, shape[1]),
        direction,
        source,
        with_gains(complaints, graded),
        missing=graded.columns(shape[1], width) if missing_ids else None,
        missing_ids=missing_ids,
    )


def _by_ids(
    columns: Sequence[Any],
    space: Space,
    direction: Direction,
    source: str,
    origins: Sequence[Origin] | None = None,
) -> Judgements:
    """Judgements from columns of ids and gains; ``origins`` say of each entry how it was drawn."""
    entries = entries_by_ids(columns, space, direction, source)
    asking, ranked = space.sides(direction)
    judged = merged_judgements(
        entries.rows,
        entries.columns,
        entries.gains,
        shape=entries.shape,
        missing_ids=entries.missing_ids,
        same_side=asking is ranked,
        direction=direction,
        source=source,
        complaints=entries.complaints,
    )
    judged = replace(judged, parts=entries.parts)
    if origins is None:
        return judged
    places: list[int] = entries.places.tolist()
    return judged.drawn_as(entries.rows, entries.columns, [origins[place] for place in places])
