"""What the page is about: a space, what is known of it, what was judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import DIRECTIONS, Array, Direction, Float64
from anglewise.diagnostics.norms import popularity
from anglewise.inspect.known import Known
from anglewise.inspect.queue import Queue


@dataclass(frozen=True, eq=False)
class Inspected:
    """A space under the eyes of a person.

    Attributes
    ----------
    judgements
        By direction, where there are any.
    name
        What it is called, such as its folder.
    folder
        Where it lies, if it is one of our folders.
    seed
        Orders what is shown by chance.
    store
        The file into which judgements go; ``None`` where nothing can be judged.
    queue
        Pairs that were chosen for judging; without it the page draws them itself.

    Examples
    --------
    >>> seen = Inspected(Space(items=Embeddings([[1.0], [2.0]], ids=["a", "b"])))
    >>> seen.directions, seen.gauged, seen.ranked("items-items").known.titles([1])
    (('items-items',), False, ['b'])
    """

    space: Space
    judgements: Mapping[Direction, Judgements] = field(default_factory=dict[Direction, Judgements])
    name: str = "space"
    folder: Path | None = None
    seed: int = 0
    store: Path | None = None
    queue: Queue | None = None

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        """Who may ask whom."""
        return ("items-items",) if self.space.one_sided else DIRECTIONS

    @cached_property
    def gauged(self) -> bool:
        """Whether an invertible map may have been free, so that there is a path of gauges."""
        from anglewise.auditing.subject import may_have_gauge

        return may_have_gauge(self.space)

    @cached_property
    def items(self) -> "SideSeen":
        """The items."""
        used = popularity(self.space, "items")
        return SideSeen(self.space.items, None if used is None else used.values, _word(used))

    @cached_property
    def queries(self) -> "SideSeen":
        """Who asks, in a space of two sides."""
        if self.space.one_sided:
            return self.items
        used = popularity(self.space, "queries")
        return SideSeen(self.space.queries, None if used is None else used.values, _word(used))

    def asking(self, direction: Direction) -> "SideSeen":
        """The side that asks."""
        return self.items if direction == "items-items" else self.queries

    def ranked(self, direction: Direction) -> "SideSeen":
        """The side that is ranked."""
        return self.queries if direction == "queries-queries" else self.items

    @property
    def memory(self) -> int:
        """Bytes that vectors, norms and what was read about rows take now."""
        sides = [self.items] if self.space.one_sided else [self.items, self.queries]
        return sum(
            side.embeddings.vectors.nbytes + 8 * len(side.embeddings) + side.known.held_bytes
            for side in sides
        )


@dataclass(frozen=True, eq=False)
class SideSeen:
    """One side: vectors, words, and how much each row is used."""

    embeddings: Embeddings
    use: Float64[Array, " rows"] | None
    use_word: str

    @cached_property
    def known(self) -> Known:
        """What is known about its rows."""
        return Known(self.embeddings)

    @cached_property
    def longest(self) -> float:
        """The largest length of a vector."""
        return float(self.embeddings.norms.max())

    @cached_property
    def fame(self) -> Float64[Array, " rows"]:
        """How well known each row is: its use, else its length; unknown is least."""
        values = self.embeddings.norms if self.use is None else self.use
        return np.nan_to_num(np.asarray(values, dtype=np.float64), nan=-1.0)


def _word(used: object) -> str:
    words = {"seen": "used", "popularity": "popularity", "text length": "characters"}
    return "" if used is None else words[getattr(used, "what", "popularity")]
