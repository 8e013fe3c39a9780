"""Many exponents of one length: a few are searched, the lists of the others follow, proven.

For one query and one item the logarithm of ``q . x / |x|^b`` is a straight line in ``b``. So an
item that is not among the best of two exponents scores, between them, at most the geometric mean
of the two last scores there. If the k-th of what was found somewhere scores more, the list is
complete; where it does not, that query is searched under that exponent like any other.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Bool, Direction, Float32, Int64
from anglewise.engine.blocks import QueryBlock, asked
from anglewise.engine.exclusions import Exclusions, gathered
from anglewise.engine.passes import passes
from anglewise.engine.ranking import (
    KINDS,
    NOBODY,
    Lists,
    Places,
    best,
    keys,
    places_of,
    scores,
    scores_of,
)
from anglewise.engine.tiles import TileCache, spans
from anglewise.measures.formulas import Measure, Norm

MANY = 24
"""From so many exponents on a sweep costs less than a search for each."""
ANCHORS = 5
"""Exponents that are searched; a wide range takes more."""
WIDEST = 0.25
QUERIES = 128
SLACK = 1e-6
"""More than what rounding to float32 can add to a score."""

Find: TypeAlias = Callable[[Sequence[Measure], int, Int64[Array, " rows"]], dict[str, Neighbours]]
"""An exact search: measures, neighbours, rows of the asking side."""


def sweeps(measures: Sequence[Measure]) -> list[list[Measure]]:
    """Groups of measures that differ in the item's exponent alone, if they are many.

    >>> many = [Measure(Norm(0, b / 100)) for b in range(100)]
    >>> [len(group) for group in sweeps([*many, Measure(Norm(1, 1))])]
    [100]
    """
    groups: dict[object, list[Measure]] = {}
    for one in measures:
        if isinstance(one.formula, Norm):
            groups.setdefault((one.formula.query, one.frames), []).append(one)
    return [sorted(g, key=_exponent) for g in groups.values() if len(g) >= MANY]


@dataclass(frozen=True, eq=False)
class Sweep:
    """Measures ordered by the item's exponent, of one frame, for some rows of those who ask."""

    space: Space
    direction: Direction
    measures: Sequence[Measure]
    rows: Int64[Array, " q"]
    k: int

    def run(self, find: Find) -> dict[str, Neighbours]:
        """The exact answer of every measure."""
        items = len(self.space.sides(self.direction)[1])
        anchors = self._anchors()
        deep = min(items, 2 * self.k + 8)
        found = find(anchors, deep, self.rows)
        lists = [found[str(one)] for one in anchors]
        key, tied, proven = self._from_lists([_exponent(one) for one in anchors], lists, deep)
        answers = self._answers(key, tied)
        open_queries = np.flatnonzero(~proven.all(axis=1))
        if len(open_queries):
            short = [self.measures[i] for i in np.flatnonzero(~proven.all(axis=0)).tolist()]
            again = find(short, self.k, self.rows[open_queries])
            for name, one in again.items():
                answers[name].indices[open_queries] = one.indices
                answers[name].scores[open_queries] = one.scores
                answers[name].tied_at_cut[open_queries] = one.tied_at_cut
        return answers

    def _anchors(self) -> list[Measure]:
        """Exponents spread over the range, both ends among them."""
        at = [_exponent(one) for one in self.measures]
        count = max(ANCHORS, math.ceil((at[-1] - at[0]) / WIDEST) + 1)
        wanted = (at[0] + (at[-1] - at[0]) * i / (count - 1) for i in range(count))
        near = {min(range(len(at)), key=lambda i: abs(at[i] - one)) for one in wanted}
        return [self.measures[i] for i in sorted({0, *near, len(at) - 1})]

    def _from_lists(
        self, anchors: Sequence[float], lists: Sequence[Neighbours], deep: int
    ) -> tuple[Array, Int64[Array, "q m"], Bool[Array, "q m"]]:
        """Whatever is in some list, ranked under every exponent; and where that is the answer."""
        q, m = len(self.rows), len(self.measures)
        key = np.full((q, m, self.k), NOBODY)
        tied = np.zeros((q, m), dtype=np.int64)
        last = np.stack([one.scores[:, -1] for one in lists], axis=1).astype(np.float64)
        (shared,) = passes(list(self.measures[:1]), self.space, self.direction)
        asking, ranked = self.space.sides(self.direction)
        places, nobody = Places.of(ranked), gathered([], None, q, len(ranked))
        union = _union(np.concatenate([one.indices for one in lists], axis=1))
        for block in spans(q, QUERIES):
            at = slice(block.start, block.stop)
            some = asked(
                shared,
                ranked,
                places=places,
                left_out=_nobody(nobody, block),
                k=self.k,
                kept=TileCache(0),
                vectors=asking.vectors[self.rows[at]],
            )
            key[at], tied[at] = self._ranked(some, union[at])
        bound = _between(anchors, last, np.array([_exponent(one) for one in self.measures]))
        with np.errstate(invalid="ignore"):
            proven = scores_of(key[:, :, -1]) > bound * (1 + SLACK)
        return key, tied, proven | (deep == len(ranked))

    def _ranked(
        self, some: QueryBlock, union: Int64[Array, "q listed"]
    ) -> tuple[Array, Int64[Array, "q m"]]:
        q = len(union)
        kinds = np.full(q, KINDS.index("dot"))
        product, lengths = some.products(Lists(np.arange(q, dtype=np.int64), kinds, union))
        norms = np.broadcast_to(some.norms[:, None], union.shape)
        places = some.places.places(np.maximum(union, 0))
        key = np.empty((q, len(self.measures), self.k), dtype=np.uint64)
        tied = np.empty((q, len(self.measures)), dtype=np.int64)
        for j, one in enumerate(self.measures):
            score = scores(one.formula, union, product, norms, lengths)
            whole = np.where(union < 0, NOBODY, keys(score, places))
            key[:, j], tied[:, j] = best(whole, self.k)
        return key, tied

    def _answers(self, key: Array, tied: Int64[Array, "q m"]) -> dict[str, Neighbours]:
        places = Places.of(self.space.sides(self.direction)[1])
        return {
            str(one): Neighbours(
                str(one),
                places.rows(places_of(key[:, j])),
                scores_of(key[:, j]).astype(np.float32),
                tied[:, j].copy(),
            )
            for j, one in enumerate(self.measures)
        }


def _exponent(one: Measure) -> float:
    formula = one.formula
    return formula.item if isinstance(formula, Norm) else 0.0


def _union(indices: Int64[Array, "q all"]) -> Int64[Array, "q listed"]:
    """The rows in some list of each query, each once, then -1."""
    ordered = np.sort(indices, axis=1)
    again = np.zeros(ordered.shape, dtype=bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    ordered = -np.sort(-np.where(again, -1, ordered), axis=1)
    return np.ascontiguousarray(ordered[:, : max(1, int((ordered >= 0).sum(axis=1).max()))])


def _nobody(nobody: Exclusions, block: range) -> Exclusions:
    return replace(nobody, indptr=np.zeros(len(block) + 1, dtype=np.int64))


def _between(
    anchors: Sequence[float], last: Array, exponents: Array
) -> Float32[Array, "q m"] | Array:
    """What no item outside of the lists can exceed under each exponent; inf where unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        height = np.where(last > 0, np.log(last), np.inf)
    right = np.clip(np.searchsorted(anchors, exponents), 1, max(1, len(anchors) - 1))
    left = right - 1
    x = np.asarray(anchors)
    if len(x) == 1:
        return np.exp(height[:, [0] * len(exponents)])
    share = (exponents - x[left]) / (x[right] - x[left])
    with np.errstate(invalid="ignore"):
        mixed = height[:, left] * (1 - share) + height[:, right] * share
    return np.exp(np.where(np.isnan(mixed), np.inf, mixed))
