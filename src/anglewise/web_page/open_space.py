"""The open space: its sides, queue and store, answers of judges, and whether its files changed."""

import os
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anglewise.data_types.columns import has_texts
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import shown as quoted
from anglewise.data_types.representation import Representation
from anglewise.data_types.run import Run
from anglewise.data_types.text import other_form
from anglewise.data_types.typing import DIRECTIONS, Array, Direction, Float64
from anglewise.errors import IdsError, ShapeError
from anglewise.geometry.norms import Popularity, popularity
from anglewise.io.files import PathLike, Stamp, stamp
from anglewise.io.pairs_to_judge import Queued, read_queue
from anglewise.io.texts import texts_of
from anglewise.judgements.machine_judges import DOUBLE
from anglewise.web_page.metadata import Held, Metadata, bytes_of

if TYPE_CHECKING:
    from anglewise.evaluation_metrics.random_pairs import RandomPairs
    from anglewise.nearest_neighbours.bm25 import Bm25Index
    from anglewise.nearest_neighbours.competing import Competing
    from anglewise.rag.relevance import Relevance
    from anglewise.similarity_measures.formulas import Measure

CHANGED = (
    "This space has been written anew since the page was opened: "
    "what you see is what was read then."
)
"""The note on every page where the space was replaced on disk."""

EVERY = 1.0
"""Seconds between two checks of the disk."""

TEXT_LENGTH = "characters"
"""The word for the length of texts, which stands in for use where nobody knows that."""

LONGEST_ID = 200
"""Characters of an id in addresses and answers; longer ones are shortened."""


@dataclass
class Freshness:
    """Tells whether files of a space have changed; checks the disk at most once a second.

    ``files`` holds their stamps from when they were read.
    """

    files: Mapping[Path, Stamp]
    every: float = EVERY
    _looked: float = field(init=False, default=0.0)
    _changed: bool = field(init=False, default=False)

    @property
    def changed(self) -> bool:
        """Whether a file has been replaced, changed or removed."""
        if not self._changed and time.monotonic() - self._looked >= self.every:
            self._looked = time.monotonic()
            self._changed = any(stamp(path) != before for path, before in self.files.items())
        return self._changed


@dataclass(frozen=True, eq=False)
class Queue:
    """Pairs of a file, in the order in which they are to be judged.

    Attributes
    ----------
    name
        The path of the file.
    pairs
        Pairs of ids, each once.
    """

    name: str
    direction: Direction
    pairs: tuple[Queued, ...]

    @cached_property
    def chances(self) -> dict[tuple[str, str], float | None]:
        """The probability with which each pair was drawn; None where it was not."""
        return {(pair.query_id, pair.item_id): pair.probability for pair in self.pairs}

    @cached_property
    def contexts(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """What the file says about why each pair is judged."""
        return {(pair.query_id, pair.item_id): pair.context for pair in self.pairs}

    @property
    def chosen(self) -> bool:
        """Whether some pairs were not drawn at random, but chosen as informative."""
        return any(pair.probability is None for pair in self.pairs)

    @property
    def beside_machine(self) -> bool:
        """Whether pairs were drawn from those that a machine graded, for people to grade too."""
        return any(DOUBLE in pair.context for pair in self.pairs)

    @property
    def by_lot(self) -> bool:
        """Whether only some pairs of a query were drawn, so that plain metrics are biased."""
        return any(pair.probability is not None and pair.probability < 1 for pair in self.pairs)


def queue_of(
    path: PathLike,
    space: Space,
    direction: Direction | None = None,
    others: Mapping[str, Space] | None = None,
) -> Queue:
    """Read a queue for a space; by default in the direction that ``judge sample`` takes.

    Items may be those of ``others``, which stand beside it.

    Raises ``FileError`` and ``ValuesError`` as ``read_queue`` does, ``IdsError`` for ids that the
    space does not hold, ``ShapeError`` for a direction that it does not have.
    """
    if space.one_sided and direction not in {None, "items-items"}:
        raise ShapeError(f"{direction} needs two sides, this space has one: take items-items")
    direction = direction or ("items-items" if space.one_sided else DIRECTIONS[0])
    pairs = tuple(read_queue(path))
    asking, ranked = space.sides(direction)
    sides = [ranked, *(one.sides(direction)[1] for one in (others or {}).values())]
    unknown = [
        pair
        for pair in pairs
        if pair.query_id not in asking.row_of
        or not any(pair.item_id in side.row_of for side in sides)
    ]
    if unknown:
        raise IdsError(_name_unknown(path, direction, unknown, space))
    return Queue(str(path), direction, pairs)


def _name_unknown(
    path: PathLike, direction: Direction, unknown: Sequence[Queued], space: Space
) -> str:
    """The message about pairs whose ids are not in the space."""
    first, (asking, ranked) = unknown[0], space.sides(direction)
    name = first.item_id if first.query_id in asking.row_of else first.query_id
    return (
        f"{path}, {first.location}: {direction} knows no {quoted(name)!r} ({len(unknown)} "
        "such rows); take the space for which the pairs were chosen, or name their --direction"
        f"{other_form([name], ranked.row_of if first.query_id in asking.row_of else asking.row_of)}"
    )


@dataclass(frozen=True, eq=False)
class Inspected:
    """A space that is open in the page, with all that is known about it.

    Attributes
    ----------
    judgements
        By direction, where there are any.
    name
        What the page calls the space, such as its folder.
    folder
        The folder of the space, if it was read from one.
    files
        The files that the space was read from, each with its stamp from then.
    runs
        Ranked lists of other systems, by name: each may stand in a column.
    others
        Further spaces of the same items by name, whose lists may stand in columns.
    encoder
        What encodes a typed question, where that is not left to what the space names.
    relevance
        The probability of relevance at a score, where it was learned.
    seed
        For all that is drawn at random.
    store
        The file for judgements; ``None`` where nothing can be judged.
    queue
        Pairs that were chosen for judging; without it the page draws them itself.

    Examples
    --------
    >>> inspected = Inspected(Space(items=Embeddings([[1.0], [2.0]], ids=["a", "b"])))
    >>> inspected.directions, inspected.gauged
    (('items-items',), False)
    >>> inspected.ranked("items-items").metadata.titles([1])
    ['b']
    """

    space: Space
    judgements: Mapping[Direction, Judgements] = field(default_factory=dict[Direction, Judgements])
    name: str = "space"
    folder: Path | None = None
    seed: int = 0
    store: Path | None = None
    queue: Queue | None = None
    files: Mapping[Path, Stamp] = field(default_factory=dict[Path, Stamp])
    runs: Mapping[str, Run] = field(default_factory=dict[str, Run])
    others: Mapping[str, Space] = field(default_factory=dict[str, Space])
    encoder: str | None = None
    relevance: "Relevance | None" = None

    @cached_property
    def mark(self) -> str:
        """A digest of the store, and of the queue, for which answers are given here.

        Answers wait in a browser under an address that the page of another space may have next.
        Those of another queue wait too: the chance of a pair's draw comes from its queue.
        """
        queue = self.queue and [
            self.queue.direction,
            *((p.query_id, p.item_id, p.probability, p.context) for p in self.queue.pairs),
        ]
        store = self.store and os.path.realpath(self.store)
        text = repr((socket.gethostname(), store, queue))
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        """The directions that this space has."""
        return ("items-items",) if self.space.one_sided else DIRECTIONS

    @property
    def spaces(self) -> Mapping[str, Space]:
        """Every space by its name, where there are several: the open one, then the others."""
        return {self.name: self.space, **self.others} if self.others else {}

    @cached_property
    def _competing(self) -> "dict[Direction, Competing]":
        return {}

    def competing(self, direction: Direction) -> "Competing":
        """All spaces in a direction, aligned by their ids."""
        from anglewise.nearest_neighbours.competing import Competing

        if direction not in self._competing:
            self._competing[direction] = Competing(self.spaces, direction, ())
        return self._competing[direction]

    @cached_property
    def _chance(self) -> "dict[tuple[Direction, str], RandomPairs]":
        return {}

    def random_pairs(self, direction: Direction, measure: "Measure") -> "RandomPairs | None":
        """What random pairs score under a measure; None where no two rows can be paired."""
        from anglewise.evaluation_metrics.random_pairs import random_pairs

        asking, ranked = self.space.sides(direction)
        if isinstance(ranked, Representation) or (asking is ranked and len(ranked) == 1):
            return None
        key = (direction, str(measure))
        if key not in self._chance:
            self._chance[key] = random_pairs(self.space, [measure], direction=direction)
        return self._chance[key]

    @cached_property
    def _others_ranked(self) -> "dict[tuple[str, Direction], InspectedSide]":
        return {}

    def holder(self, direction: Direction, number: int) -> "tuple[str, InspectedSide, int]":
        """Which space holds an item that the open one lacks, by its number, and its row there.

        Raises ``IdsError`` where none does.
        """
        name = str(self.competing(direction).item_ids[number])
        for called, space in self.others.items():
            ranked = space.sides(direction)[1]
            if name in ranked.row_of:
                key = (called, direction)
                if key not in self._others_ranked:
                    self._others_ranked[key] = InspectedSide(ranked, None, "", Metadata(ranked, {}))
                return called, self._others_ranked[key], ranked.row_of[name]
        raise IdsError(f"no space here holds {quoted(name)!r}")

    def item_number(self, direction: Direction, name: str) -> int | None:
        """The row of an item by its id, or the number of one that another space alone holds."""
        row = self.ranked(direction).embeddings.row_of.get(name)
        return row if row is not None or not self.others else self._number(direction, name)

    def _number(self, direction: Direction, name: str) -> int | None:
        return self.competing(direction).number_of.get(name)

    def has_number(self, direction: Direction, number: int) -> bool:
        """Whether another space alone holds an item of this number."""
        return bool(self.others) and number < len(self.competing(direction).item_ids)

    def item_at(self, direction: Direction, number: int) -> "tuple[InspectedSide, int]":
        """The side that an item is shown of, by its number, and its row there."""
        ranked = self.ranked(direction)
        if number < len(ranked.embeddings):
            return ranked, number
        _, side, row = self.holder(direction, number)
        return side, row

    def item_id(self, direction: Direction, number: int) -> str:
        """The id of an item by its number."""
        side, row = self.item_at(direction, number)
        return str(side.embeddings.ids[row])

    def pictures_of(self, side: "InspectedSide") -> Path | None:
        """The folder in which pictures of a side lie; None where it is not that of this space."""
        return self.folder if side is self.items or side is self.queries else None

    @property
    def typed(self) -> str:
        """The space as a command names it."""
        return "SPACE" if self.folder is None else shlex.quote(str(self.folder))

    @cached_property
    def gauged(self) -> bool:
        """Whether an invertible map may be free in the model, so that it has a path of gauges."""
        from anglewise.auditing.subject import may_have_gauge

        return may_have_gauge(self.space)

    @cached_property
    def items(self) -> "InspectedSide":
        """The items."""
        use = popularity(self.space, "items")
        return self._side(self.space.items, use)

    @cached_property
    def queries(self) -> "InspectedSide":
        """The queries; the items in a space of one side."""
        if self.space.one_sided:
            return self.items
        use = popularity(self.space, "queries")
        return self._side(self.space.queries, use)

    @cached_property
    def _columns(self) -> Held:
        return {}

    def _side(self, rows: Embeddings, use: Popularity | None) -> "InspectedSide":
        values = None if use is None else use.values
        return InspectedSide(rows, values, _word(use), Metadata(rows, self._columns))

    def asking(self, direction: Direction) -> "InspectedSide":
        """The side that asks."""
        return self.items if direction == "items-items" else self.queries

    def ranked(self, direction: Direction) -> "InspectedSide":
        """The side that is ranked."""
        return self.queries if direction == "queries-queries" else self.items

    @property
    def memory(self) -> int:
        """Bytes that vectors, norms and metadata take now."""
        sides = [self.items] if self.space.one_sided else [self.items, self.queries]
        return sum(
            side.embeddings.vectors.nbytes + 8 * len(side.embeddings) for side in sides
        ) + bytes_of(self._columns.values())


@dataclass(frozen=True, eq=False)
class InspectedSide:
    """One side of the open space: its vectors, metadata, and the popularity of each row."""

    embeddings: Embeddings
    use: Float64[Array, " rows"] | None
    use_word: str
    metadata: Metadata

    def name(self, row: int) -> str:
        """The name of a row in addresses and answers: its id, shortened where it is very long."""
        return short_name(str(self.embeddings.ids[row]))

    def row(self, name: str) -> int | None:
        """The row of a name; ``None`` where no row has it."""
        row = self._named.get(name) if len(name) > LONGEST_ID else None
        return self.embeddings.row_of.get(name) if row is None else row  # a short name is no id

    @cached_property
    def _named(self) -> dict[str, int]:
        """The rows of very long ids by their short names."""
        ids = enumerate(self.embeddings.ids.tolist())
        return {short_name(name): row for row, name in ids if len(name) > LONGEST_ID}

    @cached_property
    def longest(self) -> float:
        """The largest length of a vector."""
        return float(self.embeddings.norms.max())

    @property
    def has_texts(self) -> bool:
        """Whether rows have texts or titles, by whose words they can be ranked."""
        return has_texts(self.embeddings)

    @cached_property
    def texts(self) -> list[str]:
        """The text of each row."""
        return texts_of(self.embeddings)

    @cached_property
    def words(self) -> "Bm25Index":
        """The texts indexed by their words; raises as ``Bm25Index.of`` does."""
        from anglewise.nearest_neighbours.bm25 import Bm25Index

        return Bm25Index.of(self.texts, self.embeddings.id_order)

    @cached_property
    def prominence(self) -> Float64[Array, " rows"]:
        """How well known each row is: by its use, else by its length; -1 where that is missing."""
        values = self.embeddings.norms if self.use is None else self.use
        return np.nan_to_num(np.asarray(values, dtype=np.float64), nan=-1.0)


def short_name(name: str) -> str:
    """A name, if it is very long shortened to its start and a digest of the whole.

    A page has hundreds of ids in its links, and an address may have a few thousand characters at
    most.

    >>> short_name("d7"), short_name("x" * 100_000)[LONGEST_ID - 4 :]
    ('d7', 'xxxx…3c8594cc2113a266')
    """
    if len(name) <= LONGEST_ID:
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{name[:LONGEST_ID]}…{digest}"


def _word(use: object) -> str:
    words = {"seen": "used", "popularity": "popularity", "text length": TEXT_LENGTH}
    return "" if use is None else words[getattr(use, "what", "popularity")]
