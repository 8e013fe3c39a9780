"""Measures of one's own: every pair is scored, tile by tile, and the best are kept."""

import numpy as np

from anglewise.core.typing import Array, Float32
from anglewise.errors import ShapeError, ValuesError
from anglewise.measures.formulas import BlockFormula
from anglewise.search.asked import Asked
from anglewise.search.exact import scores
from anglewise.search.move import moved
from anglewise.search.ranking import Standing, keys
from anglewise.search.tiles import spans

TILE_BYTES = 1 << 21
QUERIES = 64


def scored(asked: Asked, formula: BlockFormula) -> Standing:
    """The best of each query under a formula that scores whole blocks."""
    total = Standing.empty(len(asked), asked.k)
    length = max(256, TILE_BYTES // (8 * asked.exact.shape[1]))
    for span in spans(len(asked.ranked), length):
        x = moved(asked.ranked.vectors[span.start : span.stop], asked.shared.ranked)
        rows = np.arange(span.start, span.stop, dtype=np.int64)
        places = asked.places.places(rows)
        for start in range(0, len(asked), QUERIES):
            score = _block(formula, asked.exact[start : start + QUERIES], x)
            last = total.last[start : start + QUERIES]
            who, column = np.nonzero(score >= last[:, None])
            good = asked.left_out.allows(start + who, rows[column])
            who, column = who[good], column[good]
            total.take_in(start + who, keys(score[who, column], places[column]))
    return total


def _block(formula: BlockFormula, queries: Array, items: Array) -> Float32[Array, "q n"]:
    score = formula.block(queries, items)
    if score.shape != (len(queries), len(items)):
        raise ShapeError(
            f"{formula} gave scores of shape {score.shape} for {len(queries)} queries and "
            f"{len(items)} items: one for each pair is due"
        )
    if np.isnan(score).any():
        raise ValuesError(f"{formula} scored a pair as NaN: say what such a pair is worth")
    ones = np.ones(score.shape)
    nowhere = np.zeros(score.shape, dtype=np.int64)
    return scores(formula, nowhere, score.astype(np.float64), ones, ones)
