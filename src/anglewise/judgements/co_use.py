"""Judgements between items from the sets that hold both: what users used, or what has a label.

Grades and the depth of support are as the measurements in ``benchmarks/similar_items.py`` found
them to order measures as people do.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.data_types.used_together import UsedTogether, digest_of
from anglewise.errors import TooFewError

BLOCK_CELLS = 1 << 22
"""Pairs of items in one block, at most: this bounds the memory beside the result."""
MOST_PAIRS = 12_000_000
"""Of more judged pairs only those of some items, drawn at random, are kept: about 200 MB."""
GRADES = {
    "weighted": "gain the sum of 1/(d-1) over those of d items, divided by the item's own number",
    "jaccard": "gain the share of those with either that have both",
}
ALIKE = 1e-12
"""Gains that differ by less, of the largest, are equal."""
SUPPORTS = (1, 2, 5)
"""At how many users of both a verdict is made, beside each other."""


def co_use(
    made_of: UsedTogether, *, noun: str = "held-out user", most_pairs: int = MOST_PAIRS
) -> Judgements:
    """Grade pairs of items by the sets that hold both.

    Of set ``u`` with ``d_u`` items, item ``i`` in ``c_i`` sets, both ``i`` and ``j`` in ``c_ij``,
    the gain of ``j`` for ``i`` is

    * ``"weighted"``: the sum over sets ``u`` with both of ``1 / (d_u - 1)``, over ``c_j``: the
      chance that from a random set with ``j`` in it one comes to ``i``, drawing another item;
    * ``"jaccard"``: ``c_ij / (c_i + c_j - c_ij)``.

    Both lie in (0, 1]. Pairs with ``c_ij < min_support`` stay unjudged, and no item is judged
    against itself. Where there are more than ``most_pairs`` pairs, items ask in random order until
    there are so many, and the others stay unjudged; the source says so.

    Raises ``TooFewError`` where no two items share ``min_support`` sets, or where all pairs have
    the same gain.

    Examples
    --------
    >>> used = SparseRows.from_pairs([0, 0, 1, 1, 1], [0, 1, 0, 1, 2], shape=(2, 3))
    >>> judged = co_use(UsedTogether(used))
    >>> judged.gains.row(0).tolist(), judged.gains.values[:2].tolist()
    ([1, 2], [0.75, 0.5])
    """
    sets = _table(made_of)
    items, uses = sets.shape[1], made_of.uses
    by_item = sets.real.T.tocsr()
    asking = np.random.default_rng([made_of.seed, 7]).permutation(items)
    length = max(1, BLOCK_CELLS // max(1, items))
    parts, pairs, asked = list[tuple[Array, Array, Array]](), 0, 0
    for start in range(0, items, length):
        if pairs > most_pairs:
            break
        block = asking[start : start + length]
        both = (by_item[block] @ sets).tocoo()
        judged = (both.data.real >= made_of.min_support) & (block[both.row] != both.col)
        rows, columns = block[both.row[judged]], both.col[judged].astype(np.int64)
        shared = both.data.real[judged]
        if made_of.grade == "weighted":
            gains = both.data.imag[judged] / uses[columns]
        else:
            gains = shared / (uses[rows] + uses[columns] - shared)
        parts.append((rows, columns, gains))
        pairs, asked = pairs + len(rows), start + len(block)
    if not pairs:
        raise TooFewError(
            f"no two items are shared by {counted(made_of.min_support, noun)} of "
            f"{made_of.sets.shape[0]:,}: bring more of them, or lower the support"
        )
    rows, columns, gains = (np.concatenate(column) for column in zip(*parts, strict=True))
    if pairs == (uses > 0).sum() * ((uses > 0).sum() - 1) and np.ptp(gains) <= ALIKE * gains.max():
        raise TooFewError(
            f"{made_of.grade} tells too few items apart: all pairs of {(uses > 0).sum():,} items "
            "are used together alike; leave out items that everybody used, or bring more users"
        )
    some = "" if asked == items else f"; {asked:,} of {items:,} items ask, drawn at random"
    table = SparseRows.from_pairs(rows, columns, gains, shape=(items, items))
    return Judgements(
        gains=table,
        direction="items-items",
        source=(
            f"items shared by at least {counted(made_of.min_support, noun)} of "
            f"{made_of.sets.shape[0]:,}, {GRADES[made_of.grade]}{some}"
        ),
        of_users=made_of.of_users,
        made_of=replace(made_of, digest=digest_of(table)),
    )


def support_of(judgements: Judgements, made_of: UsedTogether) -> Int64[Array, " entries"]:
    """How many sets hold both items, for the entries of ``gains``.

    >>> used = SparseRows.from_pairs([0, 0, 1, 1, 1], [0, 1, 0, 1, 2], shape=(2, 3))
    >>> made_of = UsedTogether(used)
    >>> support_of(co_use(made_of), made_of).tolist()
    [2, 1, 2, 1, 1, 1]
    """
    table = _table(made_of)
    by_item = table.real.T.tocsr()
    gains, items = judgements.gains, table.shape[1]
    length = max(1, BLOCK_CELLS // max(1, items))
    support = np.zeros(len(gains.indices), dtype=np.int64)
    for start in range(0, items, length):
        stop = min(start + length, items)
        first, last = gains.indptr[start], gains.indptr[stop]
        both = (by_item[start:stop] @ table).tocoo()
        cells = np.zeros((stop - start, items), dtype=np.int32)
        cells[both.row, both.col] = both.data.real
        rows = gains.rows[first:last] - start
        support[first:last] = cells[rows, gains.indices[first:last]]
    return support


def _table(made_of: UsedTogether) -> Any:
    """Who used which of two items and more: 1, and as imaginary part the weight of the user.

    Then one product counts and weighs.
    """
    sets = made_of.sets.take(np.flatnonzero(made_of.sets.counts > 1))
    table: Any = sets.ones()
    return type(table)(
        (1 + 1j / (sets.counts[sets.rows] - 1), sets.indices, sets.indptr), shape=sets.shape
    )


def strata_of_use(uses: Float64[Array, " items"], at_least: int = 100) -> Int64[Array, " items"]:
    """The stratum of each item: items sorted by use, cut wherever at least so many are together.

    From the most used on; items used equally often stay together, so that a stratum may hold many
    more. What is left at the end and is too few joins the last stratum.

    >>> strata_of_use(np.array([5.0, 1.0, 9.0, 1.0, 1.0, 0.0]), at_least=2).tolist()
    [0, 1, 0, 1, 1, 1]
    """
    levels, level, counts = np.unique(-uses, return_inverse=True, return_counts=True)
    stratum_of = np.zeros(len(levels), dtype=np.int64)
    stratum, held = 0, 0
    for number, count in enumerate(counts.tolist()):
        if held >= at_least:
            stratum, held = stratum + 1, 0
        stratum_of[number] = stratum
        held += count
    if stratum and held < at_least:
        stratum_of[stratum_of == stratum] = stratum - 1
    return stratum_of[level]
