"""Which measures can share a pass over the items, and in which coordinates each pass works."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.typing import Array, Direction, Float64
from anglewise.errors import SpellingError
from anglewise.measures.formulas import BlockFormula, Formula, Measure, fitted
from anglewise.measures.frames import Maps, fit_frames
from anglewise.search.move import Move, moved, triangular

FAR = 16.0
"""A common offset this many times the squared spread costs float32 its digits."""
SAMPLE = 2048


@dataclass(frozen=True, eq=False)
class Pass:
    """Measures that read the same sum over coordinates in the same frame.

    ``shift`` is taken off both sides before float32 is used: distances do not feel it, and
    large numbers do not cancel. It has no part in the exact scores.
    """

    measures: tuple[Measure, ...]
    maps: Maps | None
    shift: Float64[Array, " r"] | None = None

    @cached_property
    def formulas(self) -> tuple[Formula, ...]:
        """The formulas of the measures."""
        return tuple(measure.formula for measure in self.measures)

    @property
    def inner(self) -> bool:
        """Whether inner products rank as these measures do."""
        return self.formulas[0].inner

    @property
    def unit_queries(self) -> bool:
        """Whether these measures ask with vectors of length one."""
        return self.formulas[0].unit_queries

    @cached_property
    def ranked(self) -> Move | None:
        """What the frame does to those who are ranked."""
        return None if self.maps is None else Move(self.maps.ranked)

    @cached_property
    def asking(self) -> Move | None:
        """What the frame does to those who ask."""
        return None if self.maps is None else Move(self.maps.asking)


def passes(measures: list[Measure], space: Space, direction: Direction) -> list[Pass]:
    """As few passes as the measures allow; frames and formulas are fitted here."""
    measures = [fitted(measure, space, direction) for measure in measures]
    ranked = space.sides(direction)[1]
    found: list[Pass] = []
    for frames in dict.fromkeys(measure.frames for measure in measures):
        maps = fit_frames(frames, space, direction)
        alike = [measure for measure in measures if measure.frames == frames]
        found += _in_one_frame(alike, maps, ranked)
    return found


def _in_one_frame(measures: list[Measure], maps: Maps | None, ranked: Embeddings) -> Iterator[Pass]:
    inner = [m for m in measures if m.formula.inner and not m.formula.unit_queries]
    by_direction = [m for m in measures if m.formula.inner and m.formula.unit_queries]
    shift, turned = None, None if maps is None else triangular(maps)
    if any(m.formula.product == "squared-distance" for m in inner):
        shift = _far_away(ranked, turned)
    if shift is not None:
        distances = tuple(m for m in inner if m.formula.product == "squared-distance")
        inner = [m for m in inner if m.formula.product != "squared-distance"]
        yield Pass(distances, turned, shift)
    if inner:
        yield Pass(tuple(inner), turned)
    if by_direction:
        yield Pass(tuple(by_direction), turned)
    for measure in measures:
        if measure.formula.inner:
            continue
        if measure.formula.product != "manhattan" and not isinstance(measure.formula, BlockFormula):
            raise SpellingError(
                f"{measure} neither ranks as an inner product nor scores a block: "
                "give its formula terms, or make it a BlockFormula"
            )
        yield Pass((measure,), maps)


def _far_away(ranked: Embeddings, maps: Maps | None) -> Float64[Array, " r"] | None:
    """The middle of the ranked side, if it lies much further from zero than the rows from it."""
    step = max(1, len(ranked) // SAMPLE)
    move = None if maps is None else Move(maps.ranked)
    rows = moved(np.ascontiguousarray(ranked.vectors[::step][:SAMPLE]), move)
    middle = rows.mean(axis=0)
    spread = np.square(rows - middle).sum(axis=1).mean()
    return middle if middle @ middle > FAR * spread else None
