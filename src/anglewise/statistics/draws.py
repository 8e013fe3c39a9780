"""Chance in small units, each with its own seed: the same draws whatever the blocks or threads."""

from collections.abc import Iterator
from functools import lru_cache
from math import exp, factorial, sqrt

import numpy as np

from anglewise.core.typing import Array, Int

UNIT = 16
"""Draws that share one seed. Blocks are whole units, so that their size changes nothing."""
CELLS = 1 << 20
"""Numbers that one block may hold."""

_RESAMPLES, _SIGNS = 0, 1


def blocks(draws: int, queries: int) -> Iterator[range]:
    """The units needed for some draws, in blocks that fit into a few megabytes.

    >>> [len(block) for block in blocks(100_000, 1000)][:3]
    [65, 65, 65]
    """
    units = -(-draws // UNIT)
    at_once = max(1, CELLS // (UNIT * queries))
    return (range(i, min(i + at_once, units)) for i in range(0, units, at_once))


def resample_counts(seed: int, units: range, queries: int) -> Int[Array, "draws q"]:
    """How often each query comes in each resample of as many queries, drawn with replacement.

    Rows are multinomial. Most of a row is made of independent Poisson counts, looked up from 16
    random bits each (so their odds are exact to 1 in 65,536), a little too few of them on
    purpose; the rest is drawn query by query. A Poisson row given its total is multinomial, so
    the two parts make the whole, four times as fast as drawing every query.

    >>> resample_counts(0, range(2), 50).sum(axis=1)[:3]
    array([50, 50, 50])
    """
    return np.concatenate([_unit_counts(_source(seed, _RESAMPLES, u), queries) for u in units])


def random_signs(seed: int, units: range, queries: int) -> Int[Array, "draws q"]:
    """Fair signs, -1 or 1, for each query in each draw.

    >>> sorted(set(random_signs(0, range(1), 50).ravel().tolist()))
    [-1, 1]
    """
    return np.concatenate([_unit_signs(_source(seed, _SIGNS, unit), queries) for unit in units])


def all_signs(queries: int) -> Int[Array, "draws q"]:
    """Every pattern of signs whose first is 1; the others are their negatives.

    >>> all_signs(3).tolist()
    [[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]]
    """
    patterns = np.arange(1 << (queries - 1))[:, None] >> np.arange(queries - 1, -1, -1)
    return (1 - 2 * (patterns & 1)).astype(np.int8)


def _source(seed: int, kind: int, unit: int) -> np.random.Generator:
    # The same as the unit-th child that SeedSequence.spawn would make, without making the others.
    child = np.random.SeedSequence(seed, spawn_key=(kind, unit))
    return np.random.Generator(np.random.SFC64(child))


def _unit_counts(rng: np.random.Generator, queries: int) -> Array:
    counts = _poisson_counts(rng, queries)
    totals = counts.sum(axis=1, dtype=np.int64)
    over = totals > queries
    counts[over] = 0  # about one row in 30,000 came out too full: it is drawn query by query
    short = np.where(over, queries, queries - totals)
    first = np.repeat(np.arange(UNIT) * queries, short)
    np.add.at(counts.reshape(-1), first + rng.integers(queries, size=len(first)), np.int8(1))
    return counts


def _poisson_counts(rng: np.random.Generator, queries: int) -> Array:
    rate = 1 - 4 / sqrt(queries)
    if rate <= 0:
        return np.zeros((UNIT, queries), dtype=np.int8)
    words = rng.bit_generator.random_raw(-(-UNIT * queries // 4))
    cells = words.view(np.uint16)[: UNIT * queries]
    return _poisson_table(rate).take(cells, mode="clip").reshape(UNIT, queries)


@lru_cache(maxsize=1)
def _poisson_table(rate: float) -> Array:
    odds = np.cumsum([exp(-rate) * rate**k / factorial(k) for k in range(16)])
    return np.searchsorted(odds, (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.int8)


def _unit_signs(rng: np.random.Generator, queries: int) -> Array:
    words = rng.bit_generator.random_raw(-(-UNIT * queries // 64))
    bits = np.unpackbits(words.view(np.uint8), count=UNIT * queries).reshape(UNIT, queries)
    return 1 - 2 * bits.view(np.int8)
