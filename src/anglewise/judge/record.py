"""Judgements of a file into a store, without recording what stands there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anglewise.errors import FileError
from anglewise.judgements.connection import STORE_NAME
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore


@dataclass(frozen=True)
class Recorded:
    """How many judgements were added, and how many stood there already, grade for grade."""

    added: int
    there: int


def record(store: JudgementStore, judged: Sequence[Judged]) -> Recorded:
    """Record what the store does not say yet: all of it, or nothing where one is refused.

    A judgement stands already when its uuid is there, or when the same judge's latest word on
    the pair is the same grade: so a file may come twice.

    >>> import tempfile
    >>> rows = [Judged("q", "d", 2, judge="anna")]
    >>> with JudgementStore.open(Path(tempfile.mkdtemp()) / STORE_NAME) as store:
    ...     record(store, rows), record(store, [Judged("q", "d", 2, judge="anna")])
    (Recorded(added=1, there=0), Recorded(added=0, there=1))
    """
    standing = {(*row.pair, row.judge): row.grade for row in store.rows()}
    known = {row.uuid for row in [*store.rows(), *store.rows(retracted=True)]}
    fresh: list[Judged] = []
    for one in judged:
        who = (*one.pair, one.judge)
        if one.uuid not in known and standing.get(who) != one.grade:
            fresh.append(one)
            standing[who] = one.grade
    store.add_many(fresh)
    return Recorded(len(fresh), len(judged) - len(fresh))


def store_of(place: Path) -> Path:
    """Where the judgements of a space lie: beside it, or in the store that is named itself.

    Raises ``FileError`` for what is neither a folder nor a store.

    >>> store_of(Path("elsewhere.sqlite")).name
    'elsewhere.sqlite'
    """
    if place.is_dir():
        return place / STORE_NAME
    if place.suffix in {".sqlite", ".sqlite3", ".db"}:
        return place
    raise FileError(
        f"{place} is neither the folder of a space nor a store of judgements: name a folder, or "
        "a file that ends in .sqlite"
    )
