"""Exact search among sparse vectors, by SciPy's sparse product in blocks.

A score is summed over the columns of the query from the first to the last, in float64, whatever
stands beside it; it is then rounded to twelve significant digits, as all scores are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from anglewise.data_types.memory import check_room, room
from anglewise.data_types.neighbours import rounded
from anglewise.data_types.sparse_vectors import SparseVectors
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.nearest_neighbours.ranking import Exclusions
from anglewise.nearest_neighbours.row_spans import spans
from anglewise.nearest_neighbours.scanners import Workers
from anglewise.similarity_measures.formulas import Measure

BLOCK_BYTES = 1 << 26
"""What the scores of the queries that are answered together may weigh."""
ENTRY_BYTES = 20
"""What a score weighs, sparse and then dense."""
ROUNDING = 1e-11
"""More than rounding to twelve digits can move a score, as a share of it."""


def nearest_sparse(
    ranked: SparseVectors,
    asking: SparseVectors,
    measure: Measure,
    *,
    rows: Int64[Array, " q"],
    exclusions: Exclusions,
    k: int,
    pool: Workers,
    put: Callable[[int, tuple[Float64[Array, " some"], Int64[Array, " some"]]], None],
) -> None:
    """Hand over, for each query, the scores of items among which its ``k`` best and their ties are.

    Raises ``ValuesError`` where the items by columns do not fit into the memory allowed.
    """
    check_room(
        f"{len(ranked):,} sparse vectors by columns", 2 * ranked.nbytes, "take fewer at once"
    )
    items = ranked.by_columns
    weights = _inverse(ranked.norms) if str(measure) == "cosine" else None
    asked = _inverse(asking.norms) if str(measure) == "cosine" else None
    budget = min(BLOCK_BYTES, max(1, room() // (8 * pool.threads)))
    length = max(1, budget // (ENTRY_BYTES * len(ranked)))

    def answered(span: range) -> list[tuple[Float64[Array, " some"], Int64[Array, " some"]]]:
        some = rows[span.start : span.stop]
        table: Any = asking.matrix[some] @ items
        answers: list[tuple[Float64[Array, " some"], Int64[Array, " some"]]] = []
        for at, row in enumerate(some):
            scores = np.zeros(len(ranked))
            part = slice(int(table.indptr[at]), int(table.indptr[at + 1]))
            scores[table.indices[part]] = table.data[part]
            if weights is not None and asked is not None:
                scores *= asked[row] * weights
            number = span.start + at
            hidden = exclusions.indices[exclusions.indptr[number] : exclusions.indptr[number + 1]]
            scores[hidden] = -np.inf
            answers.append(_best(scores, k))
        return answers

    # so that no more blocks are under way than there are threads
    work = list(_pieces(len(rows), length))
    for start in range(0, len(work), pool.threads):
        some = work[start : start + pool.threads]
        for span, answers in zip(some, pool.map_(answered, some), strict=True):
            for number, candidates in zip(span, answers, strict=True):
                put(number, candidates)


def _pieces(queries: int, length: int) -> list[range]:
    return list(spans(queries, length)) if queries else []


def _best(
    scores: Float64[Array, " n"], k: int
) -> tuple[Float64[Array, " some"], Int64[Array, " some"]]:
    """The items that may be among the ``k`` best once scores are rounded, and their scores."""
    cut = np.partition(scores, len(scores) - k)[len(scores) - k]
    least = cut - ROUNDING * abs(cut) if np.isfinite(cut) else cut
    rows = np.flatnonzero((scores >= least) & (scores > -np.inf)).astype(np.int64)
    return rounded(scores[rows]), rows


def _inverse(norms: Float64[Array, " rows"]) -> Float64[Array, " rows"]:
    """One over each length; 0 of a zero vector."""
    return np.where(norms > 0, 1 / np.where(norms > 0, norms, 1.0), 0.0)
