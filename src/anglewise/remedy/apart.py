"""Queries that screen, set apart from those that decide."""

from dataclasses import dataclass, replace

import numpy as np

from anglewise.comparison.split import ALONE, Parting
from anglewise.core.judgements import Judgements
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Int64
from anglewise.statistics.clusters import Units

STREAM = 5
"""Other draws of the same seed use other streams."""
SHARE = 0.25
MOST = 400
FEWEST = 40
"""With fewer judged queries none is set apart: what is left could decide nothing."""


@dataclass(frozen=True, eq=False)
class Apart:
    """Judged rows of those who ask: some screen, in the order drawn; the others decide."""

    screening: Int64[Array, " s"]
    deciding: Int64[Array, " q"]


def set_apart(judged: Int64[Array, " judged"], seed: int, parting: Parting = ALONE) -> Apart:
    """Draw a quarter of the judged queries, at most 400, for screening.

    Of groups whole ones, as many as that holds, so that none both screens and decides.

    >>> apart = set_apart(np.arange(100), seed=0)
    >>> len(apart.screening), len(apart.deciding), set(apart.screening) & set(apart.deciding)
    (25, 75, set())
    """
    if len(judged) < FEWEST:
        return Apart(judged[:0], judged)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
    units = parting.units or Units.each(len(judged))
    order = rng.permutation(len(units))
    held = order[np.cumsum(units.sizes[order]) <= min(int(SHARE * len(judged)), MOST)]
    place = np.full(len(units), len(judged))
    place[held] = np.arange(len(held))
    by_draw = np.argsort(place[units.of], kind="stable")
    drawn = judged[by_draw[: units.sizes[held].sum()]]
    return Apart(drawn, np.setdiff1d(judged, drawn))


def judged_by(judgements: Judgements, rows: Int64[Array, " some"]) -> Judgements:
    """The judgements of some queries alone."""
    kept: Bool[Array, " rows"] = np.zeros(judgements.gains.shape[0], dtype=bool)
    kept[rows] = True
    return replace(judgements, gains=rows_kept(judgements.gains, kept))


def rows_kept(table: SparseRows, rows: Bool[Array, " rows"]) -> SparseRows:
    """A table whose other rows are empty."""
    kept = rows[table.rows]
    ends = np.concatenate([[0], np.cumsum(np.where(rows, table.counts, 0))]).astype(np.int64)
    return SparseRows(ends, table.indices[kept], table.values[kept], table.shape)
