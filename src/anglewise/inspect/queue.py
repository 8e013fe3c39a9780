"""Pairs that somebody chose to have judged: ``anglewise inspect --queue``."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from anglewise.core.embeddings import Space
from anglewise.core.typing import DIRECTIONS, Direction
from anglewise.errors import IdsError, ShapeError
from anglewise.io.files import PathLike
from anglewise.io.judgement_export import Queued, read_queue


@dataclass(frozen=True, eq=False)
class Queue:
    """Pairs in the order in which they are judged.

    Attributes
    ----------
    name
        The file that they come from.
    pairs
        By id, each once.
    """

    name: str
    direction: Direction
    pairs: tuple[Queued, ...]

    @cached_property
    def chances(self) -> dict[tuple[str, str], float | None]:
        """How likely each pair was to be drawn."""
        return {(one.query_id, one.item_id): one.probability for one in self.pairs}

    @property
    def chosen(self) -> bool:
        """Whether some pairs were not drawn, but chosen for what they tell."""
        return any(one.probability is None for one in self.pairs)

    @property
    def by_lot(self) -> bool:
        """Whether pairs of a query were drawn, so that plain metrics do not hold for them."""
        return any(one.probability is not None and one.probability < 1 for one in self.pairs)


def queue_of(path: PathLike, space: Space, direction: Direction | None = None) -> Queue:
    """Read a queue for a space; without a direction that of ``judge sample``.

    Raises ``FileError`` and ``ValuesError`` as ``read_queue`` does, ``IdsError`` for ids that the
    space does not hold, ``ShapeError`` for a direction that it does not have.
    """
    if space.one_sided and direction not in {None, "items-items"}:
        raise ShapeError(f"{direction} needs two sides, this space has one: take items-items")
    way = direction or ("items-items" if space.one_sided else DIRECTIONS[0])
    pairs = tuple(read_queue(path))
    asking, ranked = space.sides(way)
    strange = [
        one
        for one in pairs
        if one.query_id not in asking.row_of or one.item_id not in ranked.row_of
    ]
    if strange:
        raise IdsError(_stranger(path, way, strange, space))
    return Queue(str(path), way, pairs)


def _stranger(path: PathLike, way: Direction, strange: Iterable[Queued], space: Space) -> str:
    rows = list(strange)
    first, (asking, _) = rows[0], space.sides(way)
    name = first.item_id if first.query_id in asking.row_of else first.query_id
    return (
        f"{path}, {first.place}: {way} knows no {name[:60]!r} ({len(rows)} such rows); take the "
        "space for which the pairs were chosen, or name their --direction"
    )
