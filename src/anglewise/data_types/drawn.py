"""Queries that were drawn for judging with unequal chances, and means weighed by these."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

import numpy as np

from anglewise.data_types.typing import Array, Float64, Int64

DRAWN = "drawn"
"""Where the context of a judgement says how its query was drawn."""


@dataclass(frozen=True, eq=False)
class QueryDraw:
    """How likely each judged query was to be drawn, and how often it is asked.

    Attributes
    ----------
    chances, traffic
        Of each row of the asking side, chances up to a common factor; NaN where nothing is known.
    draws
        How many draws the queries come from. Only those of a single one have known chances: how
        likely a query was to come in another draw is not known of it.
    """

    chances: Float64[Array, " rows"]
    traffic: Float64[Array, " rows"]
    draws: int = 1

    def known(self, rows: Int64[Array, " q"]) -> bool:
        """Whether the chances of all these queries are known."""
        return self.draws == 1 and bool(np.isfinite(self.chances[rows]).all())

    def each_query(self, rows: Int64[Array, " q"]) -> Float64[Array, " q"]:
        """Weights with which means hold for all queries that may be drawn, each once."""
        return 1 / self.chances[rows]

    def as_asked(self, rows: Int64[Array, " q"]) -> Float64[Array, " q"]:
        """Weights with which means hold for questions as they come: each query by its traffic."""
        return self.traffic[rows] / self.chances[rows]


def weighted_means(
    values: Float64[Array, "m q"], weights: Float64[Array, " q"]
) -> Float64[Array, " m"]:
    """Means weighed by the inverse of the chance with which each query was drawn (Hájek 1971).

    ``sum w v / sum w``: Horvitz and Thompson's estimate (1952) of a sum, over that of how many
    there are. Where queries were drawn with unequal chances the plain mean is biased towards those
    that were more likely to be drawn.

    >>> weighted_means(np.array([[1.0, 0.0]]), np.array([1.0, 3.0])).tolist()
    [0.25]
    """
    return values @ weights / weights.sum()


def drawn_context(chance: float, traffic: float, draw: str) -> dict[str, Any]:
    """How a query was drawn, for the context of its judgements; ``draw`` names the draw.

    >>> drawn_context(0.5, 12.0, "asked, seed 0, 40 queries")[DRAWN]["chance"]
    0.5
    """
    return {DRAWN: {"chance": chance, "traffic": traffic, "draw": draw}}


def query_draw(contexts: Iterable[tuple[int, Mapping[str, Any]]], rows: int) -> QueryDraw | None:
    """The draw that the contexts of judgements tell of, each with the row of its query.

    None where none tells of any; what is damaged counts as not known.
    """
    chances, traffic = np.full(rows, np.nan), np.full(rows, np.nan)
    draws: set[str] = set()
    for row, context in contexts:
        told = context.get(DRAWN)
        if not isinstance(told, Mapping):
            continue
        content = cast("Mapping[str, Any]", told)
        draws.add(str(content.get("draw")))
        chance, asked = (_positive(content.get(name)) for name in ("chance", "traffic"))
        if chance <= 1 and isfinite(asked):
            chances[row], traffic[row] = chance, asked
    return QueryDraw(chances, traffic, len(draws)) if draws else None


def _positive(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if number else np.nan
