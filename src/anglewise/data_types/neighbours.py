"""The lists of nearest items that every evaluation reads, and the rounding that decides ties."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from anglewise.data_types.conversion import as_rows, check_array, check_direction
from anglewise.data_types.embeddings import Space
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.typing import Array, Bool, Direction, Float, Float64, Int64
from anglewise.errors import MissingExtraError, ShapeError, SpellingError

DIGITS = 12
"""Scores are rounded to so many significant digits before they are ordered."""
NEAR_HALF = 0.5 - 2.0**-10
"""A scaled score this far from a whole number may be rounded either way: its decimals decide."""


def _power_of_ten(exponent: int) -> float:
    return float(f"1e{exponent}") if exponent <= 308 else math.inf


def _scales() -> tuple[Float64[Array, " binades"], Float64[Array, " twice_binades"]]:
    """For each exponent of a float64, where a new decade begins, and the scale on both sides of it.

    The scale makes a score of that size a number of twelve digits before the point. Zeros and what
    is not finite keep their value; scores below 1e-297, whose scale is infinite, are left to the
    decimals.
    """
    decades = [math.floor((binade - 1023) * math.log10(2)) for binade in range(2048)]
    limits = np.array([_power_of_ten(max(decade, -330) + 1) for decade in decades])
    sides = [(decade, decade + 1) for decade in decades]
    scales = np.array([_power_of_ten(DIGITS - 1 - decade) for side in sides for decade in side])
    scales[:2] = scales[-2:] = 1.0
    return limits, scales


LIMITS, SCALES = _scales()


def rounded(scores: Float[Array, "*pairs"]) -> Float64[Array, "*pairs"]:
    """Scores as they are ordered: rounded to twelve significant digits, so that equal ones tie.

    The same on every machine: scores that differ by the order of a sum alone become equal, but for
    those next to a half. A negative zero becomes zero.

    >>> rounded(np.array([0.1 + 0.2, 2e-46, -1.000244140625, np.inf])).tolist()
    [0.3, 2e-46, -1.00024414062, inf]
    """
    exact = np.asarray(scores, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        size = np.abs(exact)
        binade = size.view(np.int64) >> 52
        scale = SCALES.take(2 * binade + (size >= LIMITS.take(binade)))
        scaled = exact * scale
        whole = np.rint(scaled)
        sure = (np.abs(scaled - whole) <= NEAR_HALF) & (np.abs(whole) < 10.0**DIGITS)
        return with_decimals(exact, np.where(sure, whole / scale + 0.0, np.nan))


def rounded_from(score: Float64[Array, "*pairs"]) -> Float64[Array, "*pairs"]:
    """How far from a rounded score every number is surely rounded to it; 0 for 0.

    >>> rounded_from(np.array([1.0, -2.0, 0.0])).round(15).tolist()
    [4.99e-13, 4.99e-12, 0.0]
    """
    size = np.abs(score)
    binade = size.view(np.int64) >> 52
    scale = SCALES.take(2 * binade + (size >= LIMITS.take(binade)))
    least = size * scale <= 10.0 ** (DIGITS - 1)  # below a power of ten the steps are a tenth
    within = NEAR_HALF / np.where(least, 10.0 * scale, scale)
    return np.where(size > 0, within, 0.0)


def with_decimals(
    exact: Float64[Array, "*pairs"], scores: Float64[Array, "*pairs"]
) -> Float64[Array, "*pairs"]:
    """Fill in what is NaN among rounded scores, digit by digit from the exact ones."""
    unsure = np.isnan(scores)
    if unsure.any():
        distinct, at = np.unique(exact[unsure], return_inverse=True)
        scores[unsure] = np.array([_by_decimals(score) for score in distinct.tolist()])[at]
    return scores


def _by_decimals(score: float) -> float:
    if not math.isfinite(score):
        return score
    digits, exponent = f"{score:.{DIGITS - 1}e}".split("e")
    scale = _power_of_ten(DIGITS - 1 - int(exponent))
    whole = float(digits.replace(".", ""))
    return whole / scale if scale < math.inf else float(f"{digits}e{exponent}")


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest items of each query under one measure, nearest first.

    Attributes
    ----------
    measure
        The spelling of the measure, such as ``"cosine@centred"``.
    indices
        Rows of the ranked side, ``queries x k``; ``-1`` where fewer than ``k`` items were allowed.
    scores
        Larger is nearer (a distance is negated), in the measure's own unit: computed in float64
        and rounded to twelve significant digits before ordering; ``-inf`` where ``indices`` is
        ``-1``. Equal scores are ordered by id.
    tied_at_cut
        For each query, how many items outside the list score the same as the last one inside.
    direction
        Which side asked and which is ranked; ``None`` where it was not given.
    rows
        The row of the query of each list; ``None`` for vectors that are not in the space.
    """

    measure: str
    indices: Int64[Array, "q k"]
    scores: Float[Array, "q k"]
    tied_at_cut: Int64[Array, " q"]
    direction: Direction | None = None
    rows: Int64[Array, " q"] | None = None

    def __post_init__(self) -> None:
        check_kind(self.measure, str, "the measure of lists", "a spelling")
        check_array(self.indices, "indices", (None, None), kinds="iu")
        check_array(self.scores, "scores", self.indices.shape)
        queries = self.indices.shape[:1]
        check_array(self.tied_at_cut, "tied_at_cut", queries, kinds="iu")
        if self.rows is not None:
            check_array(self.rows, "rows", queries, kinds="iu")
        if self.direction is not None:
            check_direction(self.direction)

    @property
    def k(self) -> int:
        """The number of neighbours that each list has room for."""
        return self.indices.shape[1]

    @property
    def all_alike(self) -> bool:
        """Whether in each list all items score the same."""
        return bool(((self.scores == self.scores[:, :1]) | (self.indices < 0)).all())

    def take(self, lists: Int64[Array, " some"] | Bool[Array, " q"]) -> "Neighbours":
        """Some of the lists, in the order of their numbers, or where a mask is true.

        Raises ``WrongTypeError`` for what is neither, ``ShapeError`` for a number or a mask that
        does not fit.

        >>> import numpy as np
        >>> scores = np.zeros((2, 1), np.float32)
        >>> found = Neighbours("dot", np.array([[4], [7]]), scores, np.zeros(2, np.int64))
        >>> found.take(np.array([1])).indices.tolist()
        [[7]]
        """
        if getattr(getattr(lists, "dtype", None), "kind", None) == "b":
            check_array(lists, "the mask of lists", self.indices.shape[:1], kinds="b")
        else:
            lists = as_rows(lists, len(self.indices), "list")
        return replace(
            self,
            indices=self.indices[lists],
            scores=self.scores[lists],
            tied_at_cut=self.tied_at_cut[lists],
            rows=None if self.rows is None else self.rows[lists],
        )

    def to_frame(self, space: Space, *, direction: Direction | None = None) -> Any:
        """One row a neighbour as a pandas DataFrame: measure, query, rank from 1, item, score.

        Queries and items appear with their ids in ``space``; vectors that are not in the space with
        their numbers. ``direction`` is needed where the lists do not record it.

        Raises ``MissingExtraError`` without pandas, ``ShapeError`` for lists of another space.
        """
        try:
            import pandas as pd
        except ImportError as missing:
            raise MissingExtraError(
                "to_frame needs pandas: pip install 'anglewise[pandas]', or read indices and scores"
            ) from missing
        check_kind(space, Space, "the space of these lists", "a Space")
        direction = self.direction if direction is None else direction
        if direction is None:
            raise SpellingError("these lists do not say who asked whom: name direction=...")
        asking, ranked = space.sides(direction)
        highest = int(self.indices.max(initial=-1)), -1 if self.rows is None else self.rows.max()
        if highest[0] >= len(ranked) or highest[1] >= len(asking):
            raise ShapeError(
                f"these lists are of another space: they name row {max(highest)}, this one has "
                f"{len(asking)} x {len(ranked)} ({direction})"
            )
        filled = self.indices >= 0
        lists, ranks = np.nonzero(filled)
        queries = lists.astype(str) if self.rows is None else asking.ids[self.rows[lists]]
        return pd.DataFrame(
            {
                "measure": self.measure,
                "query": queries,
                "rank": ranks + 1,
                "item": ranked.ids[self.indices[filled]],
                "score": self.scores[filled],
            }
        )
