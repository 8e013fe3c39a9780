"""From candidates to the answer, and the proof that nobody was missed.

The exact scores of the candidates are computed. If the bound on all others lies below the k-th of
them, the list and its ties are complete. Where it does not (many equal scores, hardly different
vectors), the items are gone through again, and every one that may reach the k-th score is scored
exactly.
"""

import numpy as np

from anglewise.core.typing import Array, Float32, Int64
from anglewise.search.asked import Asked
from anglewise.search.bound import Bound, Reach, bounds
from anglewise.search.candidates import Candidates
from anglewise.search.numpy_scanner import NumpyScanner, items_by_queries
from anglewise.search.ranking import Standing, best, scores_of
from anglewise.search.tiles import spans, tile

AGAIN_QUERIES = 128
AGAIN_BYTES = 1 << 21


def settled(asked: Asked, found: Candidates, reach: Reach) -> list[Standing]:
    """The exact answer for each measure of the pass."""
    allowed = len(asked.ranked) - asked.left_out.counts
    shared = asked.shared
    plain = shared.ranked is None and shared.shift is None
    known = bounds(reach, shared.formulas, asked.reduced_norms, asked.exact.shape[1], plain)
    out: list[Standing] = []
    key = asked.keys(found.rows)
    for j in range(len(known)):
        standing = Standing(*best(key[:, j], asked.k))
        complete = found.counts[:, j] >= allowed
        proven = complete | known[j].below(found.cut[:, j], standing.last)
        unproven = np.flatnonzero(~proven)
        for start in range(0, len(unproven), AGAIN_QUERIES):
            some = unproven[start : start + AGAIN_QUERIES]
            bound, cut = known[j].take(some), found.cut[some, j]
            sure = _again(asked.take(some), j, bound, cut, standing.last[some])
            standing.key[some], standing.tied[some] = sure.key, sure.tied
        out.append(standing)
    return out


def _again(
    asked: Asked, j: int, bound: Bound, near: Float32[Array, " q"], score: Float32[Array, " q"]
) -> Standing:
    """Score exactly whatever may reach a score known to be reached by ``k`` items.

    The score, and with it the cut, rises with what is found.
    """
    standing = Standing.empty(len(asked), asked.k)
    length = max(256, AGAIN_BYTES // (4 * asked.exact.shape[1]))
    cut = bound.cut(near, score)
    for span in spans(len(asked.ranked), length):
        who, rows = _may_reach(asked, j, span, cut)
        key = asked.pair_keys(j, who, rows)
        reaches = scores_of(key) >= score[who]
        standing.take_in(who[reaches], key[reaches])
        higher = np.flatnonzero(standing.last > score)
        if len(higher):
            score[higher] = standing.last[higher]
            cut[higher] = bound.take(higher).cut(near[higher], score[higher])
    return standing


def _may_reach(
    asked: Asked, j: int, span: range, cut: Float32[Array, " q"]
) -> tuple[Int64[Array, " pairs"], Int64[Array, " pairs"]]:
    """The queries and the items of a tile whose float32 value exceeds the cut, if there is one."""
    these = tile(asked.shared, asked.ranked, span, NumpyScanner())
    product = items_by_queries(asked.shared, these, asked.reduced)
    with np.errstate(invalid="ignore", over="ignore"):
        value = product * these.weights[j][:, None] + these.biases[j][:, None]
        may = ~(value <= cut) | np.isneginf(cut)
    column, who = np.nonzero(may & (these.rows >= 0)[:, None])
    rows = these.rows[column].astype(np.int64)
    good = asked.left_out.allows(who, rows)
    return who[good], rows[good]
