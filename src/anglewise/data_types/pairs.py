"""Graded pairs and triplets, and whether what was judged, of any kind, fits a space."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from anglewise.data_types.complaints import Complaints, check_source
from anglewise.data_types.conversion import check_array, check_direction
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import check_kind, described
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.errors import ShapeError, SpellingError, ValuesError, WrongTypeError


def _check_rows(named_rows: Mapping[str, object]) -> None:
    """Refuse what are no columns of row numbers, all of one length."""
    length: int | None = None
    for name, rows in named_rows.items():
        check_array(rows, name, (length,), kinds="iu")
        numbers = cast("Array", rows)
        length = len(numbers)
        if length and numbers.min() < 0:
            raise ShapeError(f"{name} holds {numbers.min()}: rows are numbered from 0")


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two rows and how alike people found them: ``rows_a[i]``, ``rows_b[i]``, ``scores[i]``.

    ``rows_a`` are rows of the queries, ``rows_b`` of the items; both of the one side there is when
    the space is one-sided.
    """

    rows_a: Int64[Array, " pairs"]
    rows_b: Int64[Array, " pairs"]
    scores: Float64[Array, " pairs"]
    source: str = ""
    complaints: Complaints = field(default_factory=Complaints)

    def __post_init__(self) -> None:
        check_source(self.source, self.complaints)
        _check_rows({"rows_a": self.rows_a, "rows_b": self.rows_b})
        check_array(self.scores, "scores", self.rows_a.shape)
        if not np.isfinite(self.scores).all():
            raise ValuesError("scores hold NaN or infinity: finite numbers are due")


@dataclass(frozen=True, eq=False)
class Triplets:
    """For each anchor row, a row that is near and one that is further."""

    anchors: Int64[Array, " triplets"]
    near: Int64[Array, " triplets"]
    far: Int64[Array, " triplets"]
    source: str = ""
    complaints: Complaints = field(default_factory=Complaints)

    def __post_init__(self) -> None:
        check_source(self.source, self.complaints)
        _check_rows({"anchors": self.anchors, "near": self.near, "far": self.far})


def check_judgements(value: object) -> None:
    """Raise ``WrongTypeError`` for what is neither judgements nor pairs nor triplets."""
    if not isinstance(value, Judgements | Pairs | Triplets):
        raise WrongTypeError(
            f"judgements are {described(value)}: Judgements.from_dict(..., space), .from_pairs and "
            ".from_frame make them, read_judgements reads them"
        )


def check_by_direction(
    judgements: Mapping[Direction, Judgements] | None, space: Space
) -> Mapping[Direction, Judgements]:
    """The judgements of a space by direction, none if None came; refuse what is no such dict."""
    if judgements is None:
        return {}
    check_kind(judgements, Mapping, "judgements", "a dict from directions to Judgements")
    for direction, labels in judgements.items():
        check_direction(direction)
        check_kind(labels, Judgements, f"what is judged in {direction}", "Judgements")
        if labels.direction != direction:
            raise SpellingError(
                f"the judgements for {direction} are of {labels.direction}: name them by their "
                "direction"
            )
        check_of_space(labels, space)
    return judgements


def check_of_space(
    judgements: Judgements | Pairs | Triplets, space: Space, name: str = "the judgements"
) -> None:
    """Refuse judgements of another space; ``name`` is the plural noun for the message.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> rows = np.array([0, 2])
    >>> check_of_space(Pairs(rows, rows, np.ones(2)), Space(items=Embeddings([[1.0], [2.0]])))
    Traceback (most recent call last):
    ...
    anglewise.errors.ShapeError: the judgements name row 2 of the queries, the space has 2: ...
    """
    if isinstance(judgements, Judgements):
        asking, ranked = space.sides(judgements.direction)
        due = (len(asking), len(ranked if judgements.parts is None else judgements.parts))
        same_items = judgements.parts is None or len(judgements.parts.of) == len(ranked)
        if judgements.gains.shape != due or not same_items:
            raise ShapeError(
                f"{name} are {judgements.gains.shape} for {judgements.direction}, the space {due}: "
                "read them with that space"
            )
        return
    if isinstance(judgements, Pairs):
        rows_of = {"queries": [judgements.rows_a], "items": [judgements.rows_b]}
    else:
        rows_of = {"queries": [judgements.anchors], "items": [judgements.near, judgements.far]}
    for side, columns in rows_of.items():
        count = len(space.queries if side == "queries" else space.items)
        highest = max(int(rows.max(initial=-1)) for rows in columns)
        if highest >= count:
            raise ShapeError(
                f"{name} name row {highest} of the {side}, the space has {count}: read them with "
                "that space"
            )
