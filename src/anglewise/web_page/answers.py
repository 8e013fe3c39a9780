"""What judges answer: answers checked against what was shown, and the store that holds them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.drawn import DRAWN, LOT
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import shown as quoted
from anglewise.data_types.text import Say
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError, FileError, IdsError, SpellingError, ValuesError
from anglewise.judgements.machine_judges import DOUBLE
from anglewise.judgements.placed import span_fields
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore
from anglewise.web_page.metadata import picture_version
from anglewise.web_page.open_space import Inspected, InspectedSide
from anglewise.web_page.read_passages import read_passage

GRADES = (0, 1, 2, 3, 4)
LONGEST_NOTE, LONGEST_NAME = 2000, 60
PATIENCE = 3.0
"""Seconds to wait for a locked store; then the page keeps the answer and tries again."""


@dataclass(eq=False)
class Store:
    """The store of a space, opened when it is first needed."""

    path: Path | None
    _open: JudgementStore | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def opened(self) -> JudgementStore:
        """Open the store or return the open one; ``FileError`` where that is not possible."""
        if self.path is None:
            raise FileError(
                "judgements need a file: open a space that lies in a folder, or name one "
                "(--store FILE, inspect(space, store=FILE))"
            )
        with self._opening:
            if self._open is None:
                self._open = JudgementStore.open(self.path, patience=PATIENCE)
            return self._open

    def close(self) -> None:
        """Close the store, if it was opened; ``FileError`` where answers would be lost with it."""
        with self._opening:
            if self._open is not None:
                self._open.close()
                self._open = None

    def at(self, path: Path | None) -> "Store":
        """Go on with this store where it lies at ``path`` and its files stand, else with a new one.

        One whose files were replaced is closed first: a process has one set of files of a store.
        """
        with self._opening:
            if path == self.path and (self._open is None or self._open.stands):
                return self
            if self._open is not None:
                self._open.close()
        return Store(path)

    def standing(self, direction: Direction) -> list[Judged]:
        """The judgements that count; none as long as the file does not exist."""
        if self.path is None or not self.path.exists():
            return []
        return list(self.opened().rows(direction))


def judged(
    inspected: Inspected, answer: Mapping[str, Any], judge: str, direction: Direction
) -> Judged:
    """Check a judge's answer as a browser sent it, and make a judgement of it.

    Raises ``IdsError`` for ids that the space does not hold (any more) or that showed something
    else, ``ValuesError`` for a bad grade, note or context.
    """
    grade: Any = answer.get("grade")
    if isinstance(grade, bool) or grade not in GRADES:
        raise ValuesError(f"grade is {str(grade)[:20]!r}: one of 0, 1, 2, 3, 4 is due")
    asking = inspected.asking(direction)
    rows = _row(asking, answer.get("query")), _item(inspected, direction, answer.get("item"))
    ranked, place = inspected.item_at(direction, rows[1])
    query, item = str(asking.embeddings.ids[rows[0]]), str(ranked.embeddings.ids[place])
    if answer.get("shown") != shown(inspected, direction, *rows):
        raise IdsError(
            "what stands under these ids is not what was on the screen: the space was read anew "
            "or a picture changed meanwhile; open the page again and judge what it shows"
        )
    note = str(answer.get("note") or "")
    if len(note) > LONGEST_NOTE:
        raise ValuesError(f"a note has at most {LONGEST_NOTE} characters")
    context: Any = answer.get("context") or {}
    if not isinstance(context, dict) or len(str(cast("object", context))) > LONGEST_NOTE:
        raise ValuesError("context is an object of at most 2000 characters")
    return Judged(
        query_id=query,
        item_id=item,
        grade=grade,
        judge=judge,
        direction=direction,
        uuid=str(answer.get("uuid", ""))[:100],
        context=_context(inspected, direction, (query, item), cast("dict[str, Any]", context)),
        probability=_chance(inspected, direction, query, item),
        note=note,
        **span_fields(ranked.embeddings, place, direction),
    )


def _row(side: InspectedSide, name: object) -> int:
    row = side.row(name) if isinstance(name, str) else None
    if row is None:
        raise IdsError(f"the space no longer holds {quoted(name)!r}: read the space again")
    return row


def _item(inspected: Inspected, direction: Direction, name: object) -> int:
    """The row of an item, or its number where another space alone holds it."""
    ranked = inspected.ranked(direction)
    if isinstance(name, str) and inspected.others and ranked.row(name) is None:
        number = inspected.item_number(direction, name)
        if number is not None:
            return number
    return _row(ranked, name)


def shown(inspected: Inspected, direction: Direction, query: int, item: int) -> str:
    """A digest of what a judge is shown of a pair; an answer must hold the same one.

    Cards and answers wait in a browser while the space may be read anew, and its pictures change.
    """
    digest = blake2b(digest_size=12)
    for side, row in ((inspected.asking(direction), query), inspected.item_at(direction, item)):
        metadata = side.metadata
        picture = picture_version(metadata, row, inspected.pictures_of(side))
        name = str(side.embeddings.ids[row])
        digest.update(repr((name, read_passage(metadata, row), picture)).encode())
    return digest.hexdigest()


def _chance(inspected: Inspected, direction: Direction, query: str, item: str) -> float | None:
    """The probability with which the pair was drawn, from the queue and not from the browser."""
    if inspected.queue is None or inspected.queue.direction != direction:
        return None
    return inspected.queue.chances.get((query, item))


FROM_QUEUE = (DRAWN, LOT, DOUBLE)
"""What a context says of the draw, by which others are weighed."""


def _context(
    inspected: Inspected, direction: Direction, pair: tuple[str, str], sent: Mapping[str, Any]
) -> dict[str, Any]:
    """Why the pair was judged; how it was drawn comes from the queue, not the browser."""
    context = {name: value for name, value in sent.items() if name not in FROM_QUEUE}
    queue = inspected.queue
    if queue is not None and queue.direction == direction:
        context.update(queue.contexts.get(pair, {}))
    return context


def judge_name(text: str) -> str:
    """Check the name that a judge typed, and reduce its blanks; ``SpellingError`` for a bad one.

    >>> judge_name("  Anna  B. ")
    'Anna B.'
    """
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise SpellingError(f"a name has 1 to {LONGEST_NAME} characters: who judges?")
    return name


def with_stored(inspected: Inspected, say: Say) -> Inspected:
    """The same with what its store holds, direction by direction, in place of what was held out.

    What that leaves out of the lists stays left out. A store that cannot be read as judgements of
    this space is told of, and leaves the space as it is.
    """
    if inspected.store is None or not inspected.store.exists():
        return inspected
    judgements = dict(inspected.judgements)
    try:
        with JudgementStore.open(inspected.store, read_only=True) as store:
            for direction in inspected.directions:
                if next(iter(store.rows(direction)), None) is None:
                    continue
                judged = _in_place(inspected, direction, store)
                if judged.parts is None:
                    judgements[direction] = judged
                else:
                    say(
                        f"judgements in {inspected.store} are of documents: the page shows passages"
                    )
    except AnglewiseError as error:
        say(f"no judgements are shown of {inspected.store}: {error}")
        return inspected
    return replace(inspected, judgements=judgements)


def judgements_now(inspected: Inspected, store: Store) -> dict[Direction, Judgements]:
    """What is judged in each direction by now, in the store or else as the space was opened.

    Raises as ``JudgementStore.judgements`` does.
    """
    now = dict(inspected.judgements)
    for direction in inspected.directions:
        if store.standing(direction):
            judged = _in_place(inspected, direction, store.opened())
            if judged.parts is None:  # the page shows passages, not the documents of them
                now[direction] = judged
    return now


def _in_place(inspected: Inspected, direction: Direction, store: JudgementStore) -> Judgements:
    judged = store.judgements(inspected.space, direction)
    stored = inspected.judgements.get(direction)
    return judged if stored is None else replace(judged, seen=stored.seen)
