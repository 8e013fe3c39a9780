"""What judges send: each answer is in the store before it is acknowledged."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from anglewise.core.typing import Direction
from anglewise.errors import FileError, IdsError, SpellingError, ValuesError
from anglewise.inspect.inspected import Inspected
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore

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


def judged(seen: Inspected, sent: Mapping[str, Any], judge: str, direction: Direction) -> Judged:
    """An answer as it came over the wire, checked.

    Raises ``IdsError`` for ids that the space does not hold (any more), ``ValuesError`` for a
    grade that is none.
    """
    grade: Any = sent.get("grade")
    if isinstance(grade, bool) or grade not in GRADES:
        raise ValuesError(f"grade is {str(grade)[:20]!r}: one of 0, 1, 2, 3, 4 is due")
    asking, ranked = seen.space.sides(direction)
    query, item = (str(sent.get(name, ""))[:10_000] for name in ("query", "item"))
    for name, side in ((query, asking), (item, ranked)):
        if name not in side.row_of:
            raise IdsError(f"the space no longer holds {name[:60]!r}: read the space again")
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
        probability=_chance(seen, direction, query, item),
        note=note,
    )


def _chance(seen: Inspected, direction: Direction, query: str, item: str) -> float | None:
    """How likely the pair was to be drawn, by the queue and not by what the browser says."""
    if seen.queue is None or seen.queue.direction != direction:
        return None
    return seen.queue.chances.get((query, item))


def judge_name(text: str) -> str:
    """A name as a judge typed it; ``SpellingError`` if it is none.

    >>> judge_name("  Anna  B. ")
    'Anna B.'
    """
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise SpellingError(f"a name has 1 to {LONGEST_NAME} characters: who judges?")
    return name
