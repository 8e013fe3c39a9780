"""How long the vectors are, and whether length goes with popularity."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.data_types.columns import column, is_empty, trained_rows
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.numbers import cell_number, shown
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Direction, Float64, Shaped
from anglewise.errors import ShapeError, ValuesError

Side: TypeAlias = Literal["queries", "items"]


@dataclass(frozen=True)
class Norms:
    """The euclidean lengths of the rows.

    Attributes
    ----------
    rows, zero_rows
        How many there are, and how many of them are zero.
    min, median, max, mean
        Of all rows, zero rows included.
    variation
        Standard deviation over mean; None where all rows are zero.
    spread
        95th over 5th percentile; None where the 5th is 0.
    unit
        Whether every length is 1 within 0.001.
    """

    rows: int
    zero_rows: int
    min: float
    median: float
    max: float
    mean: float
    variation: float | None
    spread: float | None
    unit: bool


def norms(embeddings: Embeddings) -> Norms:
    """The lengths of the rows in a few numbers.

    >>> result = norms(Embeddings([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]]))
    >>> result.max, result.median, result.mean, result.zero_rows
    (5.0, 1.0, 2.0, 1)
    """
    lengths = embeddings.norms
    mean = float(lengths.mean())
    low, median, high = (float(x) for x in np.percentile(lengths, [5, 50, 95]))
    return Norms(
        rows=len(embeddings),
        zero_rows=len(embeddings.zero_rows),
        min=float(lengths.min()),
        median=median,
        max=float(lengths.max()),
        mean=mean,
        variation=float(lengths.std()) / mean if mean else None,
        spread=high / low if low else None,
        unit=embeddings.is_unit(),
    )


@dataclass(frozen=True, eq=False)
class Popularity:
    """How popular each row is, or a number that stands in for it.

    Attributes
    ----------
    what
        ``"seen"`` (entries of ``space.seen`` above 0), ``"popularity"`` (a column of the
        metadata) or ``"text length"`` (characters of the column ``text``).
    values
        One number of at least 0 a row, NaN where it is not known.
    """

    what: Literal["seen", "popularity", "text length"]
    values: Float64[Array, " rows"]


def popularity(space: Space, side: Side) -> Popularity | None:
    """How popular each row of a side is, as far as the space knows; None where it does not.

    The number of its entries in ``space.seen`` that weigh more than 0, since others are no likes;
    without any such entry, the column ``popularity`` of the metadata, and without a number there
    the length of ``text``. A cell of ``popularity`` that is no finite number of at least 0 counts
    as unknown, which ``popularity_note`` says.

    >>> items = Embeddings([[1.0], [2.0]], metadata={"popularity": [10, None]})
    >>> popularity(Space(items=items), "items")
    Popularity(what='popularity', values=array([10., nan]))
    """
    seen_counts = _seen(space, side)
    if seen_counts is not None:
        return Popularity("seen", seen_counts)
    embeddings = space.items if side == "items" else space.queries
    stated_popularity, _ = _stated_popularity(space, side)
    if stated_popularity is not None:
        return Popularity("popularity", stated_popularity)
    texts = _column(embeddings, "text")
    if texts is None:
        return None
    return Popularity("text length", np.array([_length(text) for text in texts]))


def popularity_note(space: Space, side: Side) -> str | None:
    """Which cells of the column ``popularity`` are not used; None where all are, or none is due.

    Empty cells are no fault.

    >>> items = Embeddings([[1.0], [2.0]], metadata={"popularity": [10, "1,000"]})
    >>> popularity_note(Space(items=items), "items").partition(" (")[0]
    'popularity of items: 1 of 2 cells is no finite number of at least 0'
    """
    return None if _seen(space, side) is not None else _stated_popularity(space, side)[1]


def ranked_side(direction: Direction) -> Side:
    """The side that is ranked."""
    return "queries" if direction == "queries-queries" else "items"


def known_likes(space: Space, direction: Direction) -> SparseRows | None:
    """Who used what, as what stands beneath a comparison may know it; None where nobody knows.

    Judgements of similar items are made of all that held-out users used, a part of which was folded
    in and is in ``space.seen`` too. So between items the users of training alone are counted, where
    the column ``split`` tells them: whatever counted the others would know some of the answers.

    >>> users = Embeddings([[1.0], [1.0]], metadata={"split": ["train", "held-out"]})
    >>> used = SparseRows.from_pairs([0, 1], [0, 1], shape=(2, 2))
    >>> space = Space(queries=users, items=Embeddings([[1.0], [2.0]]), seen=used)
    >>> known_likes(space, "items-items").indices.tolist()
    [0]
    """
    if space.seen is None:
        return None
    liked = space.seen.likes()
    trained = None if direction != "items-items" else trained_rows(space.queries)
    return liked if trained is None else liked.where(trained[liked.rows])


def known_uses(space: Space, direction: Direction) -> Float64[Array, " rows"] | None:
    """How often each ranked row was used, unknown as 0; None where nobody knows.

    >>> known_uses(Space(items=Embeddings([[1.0]], metadata={"popularity": [3]})), "items-items")
    array([3.])
    """
    liked = known_likes(space, direction) if direction == "items-items" else None
    if liked is not None and len(liked.indices):
        return np.bincount(liked.indices, minlength=len(space.items)).astype(np.float64)
    used = popularity(space, ranked_side(direction))
    if used is None or used.what == "text length":
        return None
    uses = np.nan_to_num(used.values)
    return uses if uses.any() else None


def counted_uses(space: Space, direction: Direction) -> float:
    """How many uses the column ``popularity`` of what is ranked counts; 0 without one.

    0 also where they add up to more than float64 holds: such numbers count no uses.

    >>> items = Embeddings([[1.0], [2.0]], metadata={"popularity": [3, None]})
    >>> counted_uses(Space(items=items), "queries-items")
    3.0
    """
    counted, _ = _stated_popularity(space, ranked_side(direction))
    if counted is None:
        return 0.0
    with np.errstate(over="ignore"):
        uses = float(np.nansum(counted))
    return uses if np.isfinite(uses) else 0.0


def spearman(x: Shaped[Array, " rows"], y: Shaped[Array, " others"]) -> float | None:
    """The correlation of ranks, equal values sharing their mean rank, in [-1, 1].

    Rows in which either is not finite are left out. None where fewer than two are left, or
    either does not vary. Raises ``ShapeError`` for different lengths.

    >>> spearman(np.array([1.0, 2.0, 9.0]), np.array([5.0, 6.0, 7.0]))
    1.0
    """
    if len(x) != len(y):
        raise ShapeError(f"{len(x)} values against {len(y)}: one each is due")
    both = np.isfinite(x) & np.isfinite(y)
    a, b = _ranks(x[both]), _ranks(y[both])
    scale = np.sqrt((a @ a) * (b @ b))
    return float(np.clip(a @ b / scale, -1, 1)) if scale else None


def _ranks(values: Array) -> Array:
    """Ranks less their mean; equal values share their mean rank."""
    _, value_index, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    return mean_ranks[value_index] - (len(values) + 1) / 2


def _seen(space: Space, side: Side) -> Array | None:
    liked = None if space.seen is None else space.seen.likes()
    if liked is None or not len(liked.indices):
        return None
    if side == "queries":
        return liked.counts.astype(np.float64)
    return np.bincount(liked.indices, minlength=len(space.items)).astype(np.float64)


def _column(embeddings: Embeddings, name: str) -> list[Any] | None:
    """A column of what is known about the rows; None where it is not there or cannot be read."""
    if name not in embeddings.metadata_columns:
        return None
    try:
        return column(embeddings, name)
    except ValuesError:  # dates beyond the calendar are no numbers
        return None


def _stated_popularity(space: Space, side: Side) -> tuple[Array | None, str | None]:
    """The column ``popularity``, None without any number; and which of its cells are not used."""
    embeddings = space.items if side == "items" else space.queries
    if "popularity" not in embeddings.metadata_columns:
        return None, None
    cells = _column(embeddings, "popularity")
    if cells is None:
        return None, f"popularity of {side} cannot be read as numbers: not used"
    values = np.array([_use(cell) for cell in cells], dtype=np.float64)
    unknown = np.flatnonzero(np.isnan(values)).tolist()
    unread = [row for row in unknown if not is_empty(cells[row])]
    used = None if len(unknown) == len(values) else values
    if not unread:
        return used, None
    first = f"{shown(cells[unread[0]])!r} of {shown(embeddings.ids[unread[0]])!r}"
    single = len(unread) == 1
    are = "is no finite number" if single else "are no finite numbers"
    counts = f"and count{'s' * single} as unknown"
    return used, (
        f"popularity of {side}: {len(unread):,} of {len(cells):,} cells {are} of at least 0 "
        f"({first}{'' if single else ', first'}), "
        + ("so that the column is not used" if used is None else counts)
    )


def _use(cell: Any) -> float:
    number = cell_number(cell)
    return np.nan if number is None or number < 0 else number


def _length(text: Any) -> float:
    return np.nan if text is None else float(len(str(text)))
