"""The set to look at: judgements lined up, and the rows that they are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import Direction
from anglewise.errors import AnglewiseError
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
