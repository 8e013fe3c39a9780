"""The open space: its judgements, queue and answers, and whether its files still hold it."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.numbers import shown as quoted
from anglewise.core.typing import DIRECTIONS, Array, Direction, Float64
from anglewise.diagnostics.norms import popularity
from anglewise.errors import FileError, IdsError, ShapeError, SpellingError, ValuesError
from anglewise.io.files import PathLike, Stamp, stamp
from anglewise.io.judgement_export import Queued, read_queue
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore
from anglewise.page.metadata import Metadata

CHANGED = (
    "This space has been written anew since the page was opened: "
    "what you see is what was read then."
)
"""What is said on every page of a space that was replaced."""

EVERY = 1.0
"""Seconds between two looks at the disk."""

LONGEST_ID = 200
"""Characters of an id that stand in addresses and answers."""


@dataclass
class Freshness:
    """Remembers what the files of a space looked like; asks the disk at most once a second."""

    files: Mapping[Path, Stamp]
    every: float = EVERY
    _looked: float = field(init=False, default=0.0)
    _changed: bool = field(init=False, default=False)

    @property
    def changed(self) -> bool:
        """Whether a file is another one now, or gone."""
        if not self._changed and time.monotonic() - self._looked >= self.every:
            self._looked = time.monotonic()
            self._changed = any(stamp(path) != then for path, then in self.files.items())
        return self._changed


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
        f"{path}, {first.place}: {way} knows no {quoted(name)!r} ({len(rows)} such rows); take the "
        "space for which the pairs were chosen, or name their --direction"
    )


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
    files
        What it was read from, and what each file looked like then.
    seed
        Orders what is shown by chance.
    store
        The file into which judgements go; ``None`` where nothing can be judged.
    queue
        Pairs that were chosen for judging; without it the page draws them itself.

    Examples
    --------
    >>> seen = Inspected(Space(items=Embeddings([[1.0], [2.0]], ids=["a", "b"])))
    >>> seen.directions, seen.gauged, seen.ranked("items-items").metadata.titles([1])
    (('items-items',), False, ['b'])
    """

    space: Space
    judgements: Mapping[Direction, Judgements] = field(default_factory=dict[Direction, Judgements])
    name: str = "space"
    folder: Path | None = None
    seed: int = 0
    store: Path | None = None
    queue: Queue | None = None
    files: Mapping[Path, Stamp] = field(default_factory=dict[Path, Stamp])

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
    def items(self) -> "InspectedSide":
        """The items."""
        used = popularity(self.space, "items")
        return InspectedSide(self.space.items, None if used is None else used.values, _word(used))

    @cached_property
    def queries(self) -> "InspectedSide":
        """Who asks, in a space of two sides."""
        if self.space.one_sided:
            return self.items
        used = popularity(self.space, "queries")
        return InspectedSide(self.space.queries, None if used is None else used.values, _word(used))

    def asking(self, direction: Direction) -> "InspectedSide":
        """The side that asks."""
        return self.items if direction == "items-items" else self.queries

    def ranked(self, direction: Direction) -> "InspectedSide":
        """The side that is ranked."""
        return self.queries if direction == "queries-queries" else self.items

    @property
    def memory(self) -> int:
        """Bytes that vectors, norms and what was read about rows take now."""
        sides = [self.items] if self.space.one_sided else [self.items, self.queries]
        return sum(
            side.embeddings.vectors.nbytes + 8 * len(side.embeddings) + side.metadata.held_bytes
            for side in sides
        )


@dataclass(frozen=True, eq=False)
class InspectedSide:
    """One side: vectors, words, and how much each row is used."""

    embeddings: Embeddings
    use: Float64[Array, " rows"] | None
    use_word: str

    @cached_property
    def metadata(self) -> Metadata:
        """What is known about its rows."""
        return Metadata(self.embeddings)

    def name(self, row: int) -> str:
        """What addresses and answers call a row: its id, or in place of a very long one a name."""
        return short_name(str(self.embeddings.ids[row]))

    def row(self, name: str) -> int | None:
        """The row that a name means; ``None`` where it means nobody."""
        row = self.embeddings.row_of.get(name)
        return self._named.get(name) if row is None else row

    @cached_property
    def _named(self) -> dict[str, int]:
        """The rows of very long ids by their names."""
        ids = enumerate(self.embeddings.ids.tolist())
        return {short_name(name): row for row, name in ids if len(name) > LONGEST_ID}

    @cached_property
    def longest(self) -> float:
        """The largest length of a vector."""
        return float(self.embeddings.norms.max())

    @cached_property
    def prominence(self) -> Float64[Array, " rows"]:
        """How well known each row is: its use, else its length; unknown is least."""
        values = self.embeddings.norms if self.use is None else self.use
        return np.nan_to_num(np.asarray(values, dtype=np.float64), nan=-1.0)


def short_name(name: str) -> str:
    """A name as it is; of a very long one the start and a digest of the whole.

    A page holds hundreds of ids in its links, and no address may be longer than a few thousand
    characters.

    >>> short_name("d7"), short_name("x" * 100_000)[LONGEST_ID - 4 :]
    ('d7', 'xxxx…3c8594cc2113a266')
    """
    if len(name) <= LONGEST_ID:
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{name[:LONGEST_ID]}…{digest}"


def _word(used: object) -> str:
    words = {"seen": "used", "popularity": "popularity", "text length": "characters"}
    return "" if used is None else words[getattr(used, "what", "popularity")]


GRADES = (0, 1, 2, 3, 4)
LONGEST_NOTE, LONGEST_NAME = 2000, 60
PATIENCE = 3.0
"""Seconds to wait for a locked store: the page keeps the answer and tries again."""


@dataclass(eq=False)
class Store:
    """The store of a space, opened when the first judge comes."""

    path: Path | None
    _open: JudgementStore | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def opened(self) -> JudgementStore:
        """The store; ``FileError`` if there is none or it cannot be opened."""
        if self.path is None:
            raise FileError(
                "judgements need a file: open a space that lies in a folder, or name one "
                "(--store FILE, inspect(space, store=FILE))"
            )
        with self._opening:
            if self._open is None:
                self._open = JudgementStore.open(self.path, patience=PATIENCE)
            return self._open

    def standing(self, direction: Direction) -> list[Judged]:
        """The judgements that stand; none as long as there is no file."""
        if self.path is None or not self.path.exists():
            return []
        return list(self.opened().rows(direction))


def judged(
    inspected: Inspected, sent: Mapping[str, Any], judge: str, direction: Direction
) -> Judged:
    """An answer as it came over the wire, checked.

    Raises ``IdsError`` for ids that the space does not hold (any more), ``ValuesError`` for a
    grade that is none.
    """
    grade: Any = sent.get("grade")
    if isinstance(grade, bool) or grade not in GRADES:
        raise ValuesError(f"grade is {str(grade)[:20]!r}: one of 0, 1, 2, 3, 4 is due")
    asking, ranked = inspected.asking(direction), inspected.ranked(direction)
    rows = _row(asking, sent.get("query")), _row(ranked, sent.get("item"))
    query, item = str(asking.embeddings.ids[rows[0]]), str(ranked.embeddings.ids[rows[1]])
    if sent.get("shown") != shown(inspected, direction, *rows):
        raise IdsError(
            "what stands under these ids is not what was on the screen: the space was read anew "
            "meanwhile; open the page again and judge what it shows"
        )
    note = str(sent.get("note") or "")
    if len(note) > LONGEST_NOTE:
        raise ValuesError(f"a note has at most {LONGEST_NOTE} characters")
    about: Any = sent.get("context") or {}
    if not isinstance(about, dict) or len(str(cast("object", about))) > LONGEST_NOTE:
        raise ValuesError("context is an object of at most 2000 characters")
    return Judged(
        query_id=query,
        item_id=item,
        grade=grade,
        judge=judge,
        direction=direction,
        uuid=str(sent.get("uuid", ""))[:100],
        context=cast("dict[str, Any]", about),
        probability=_chance(inspected, direction, query, item),
        note=note,
    )


def _row(side: InspectedSide, name: object) -> int:
    row = side.row(name) if isinstance(name, str) else None
    if row is None:
        raise IdsError(f"the space no longer holds {quoted(name)!r}: read the space again")
    return row


def shown(inspected: Inspected, direction: Direction, asks: int, item: int) -> str:
    """What a judge is shown of a pair, made short: an answer counts only for that.

    Cards lie ready in a browser, and answers wait there, while the space may be read anew.
    """
    made = blake2b(digest_size=12)
    for side, row in ((inspected.asking(direction), asks), (inspected.ranked(direction), item)):
        known = side.metadata
        picture = () if known.picture_column is None else known.cells(known.picture_column, [row])
        made.update(repr((known.titles([row]), known.about(row), picture)).encode())
    return made.hexdigest()


def _chance(inspected: Inspected, direction: Direction, query: str, item: str) -> float | None:
    """How likely the pair was to be drawn, by the queue and not by what the browser says."""
    if inspected.queue is None or inspected.queue.direction != direction:
        return None
    return inspected.queue.chances.get((query, item))


def judge_name(text: str) -> str:
    """A name as a judge typed it; ``SpellingError`` if it is none.

    >>> judge_name("  Anna  B. ")
    'Anna B.'
    """
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise SpellingError(f"a name has 1 to {LONGEST_NAME} characters: who judges?")
    return name
