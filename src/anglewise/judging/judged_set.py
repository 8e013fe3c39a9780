"""The set of judgements to look at, and records of a file into a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import Direction
from anglewise.errors import AnglewiseError, FileError
from anglewise.io.files import Say
from anglewise.io.judgement_formats import read_judged
from anglewise.io.judgement_rows import Assumed, Reject
from anglewise.io.places import is_sqlite
from anglewise.io.read import judgement_kind, read_judgements
from anglewise.io.tables import Role
from anglewise.judgements.combine import combined
from anglewise.judgements.connection import STORE_NAME
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore


@dataclass(frozen=True, eq=False)
class Set:
    """Judgements of a space, their rows and what was refused, as far as these are known."""

    judgements: Judgements
    rows: tuple[Judged, ...] = ()
    rejects: tuple[Reject, ...] = ()


def read_set(
    path: Path,
    space: Space,
    direction: Direction,
    *,
    columns: Mapping[Role, str | None],
    label_queries: int | None = None,
    seed: int = 0,
    say: Say,
) -> Set:
    """Read judgements as ``compare`` does, but go on where a file has bad rows, and keep all rows.

    Raises ``FileError`` for pairs and triplets, and where there is nothing to look at.
    """
    store = path / STORE_NAME if path.is_dir() else path
    if is_sqlite(store):
        with JudgementStore.open(store, read_only=True) as opened:
            rows = tuple(opened.rows(direction))
            if rows or store == path:
                return Set(opened.judgements(space, direction), rows)
    if path.is_file() and _is_graded(path):
        found = read_judged(path, assumed=Assumed(path.name, direction), columns=columns)
        mine = tuple(row for row in found.judged if row.direction == direction)
        return Set(combined(mine, space, direction, name=str(path)), mine, found.rejects)
    judged = read_judgements(
        path, space, direction=direction, label_queries=label_queries, seed=seed, say=say
    )
    return Set(judged)


def _is_graded(path: Path) -> bool:
    """Whether a file holds rows of query, item and grade, or is too broken to tell."""
    try:
        return judgement_kind(path) == "judgements"
    except AnglewiseError:
        return True


def known_judgements(
    given: Path | None, folder: Path | None, space: Space, direction: Direction, say: Say
) -> Judgements | None:
    """What a file says, or the store beside a space; None where there is none or it is empty.

    >>> import numpy as np
    >>> from anglewise.core.embeddings import Embeddings
    >>> alone = Space(items=Embeddings(np.eye(2)))
    >>> known_judgements(None, None, alone, "items-items", print) is None
    True
    """
    if given is not None:
        return read_judgements(given, space, direction=direction, say=say)
    path = None if folder is None else folder / STORE_NAME
    if path is None or not path.is_file():
        return None
    with JudgementStore.open(path, read_only=True) as store:
        if not any(True for _ in store.rows(direction)):
            return None
        return store.judgements(space, direction)


@dataclass(frozen=True)
class Recorded:
    """How many judgements were added, and how many stood there already, grade for grade."""

    added: int
    there: int


def record(store: JudgementStore, judged: Sequence[Judged]) -> Recorded:
    """Record what the store does not say yet: all of it, or nothing where one is refused.

    A judgement stands already when its uuid is there, or when the same judge's latest word on
    the pair is the same grade: so a file may come twice, or from several at once.

    >>> import tempfile
    >>> rows = [Judged("q", "d", 2, judge="anna")]
    >>> with JudgementStore.open(Path(tempfile.mkdtemp()) / STORE_NAME) as store:
    ...     record(store, rows), record(store, [Judged("q", "d", 2, judge="anna")])
    (Recorded(added=1, there=0), Recorded(added=0, there=1))
    """
    added = store.add_new(judged)
    return Recorded(added, len(judged) - added)


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
