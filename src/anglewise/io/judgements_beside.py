"""Judgements that lie with a space: in the store beside it, or stored when it was written."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.parts import DOCUMENT
from anglewise.data_types.spans import END, START, TEXT
from anglewise.data_types.text import Say
from anglewise.data_types.typing import DIRECTIONS, Direction
from anglewise.io.arrow_files import arrow_sheet, parquet_columns
from anglewise.io.destinations import is_sqlite
from anglewise.io.ownership import check_inside
from anglewise.io.space_files import is_space_folder
from anglewise.io.space_folder import judgements_of, stored_directions
from anglewise.judgements.combine import combined
from anglewise.judgements.placed import with_spans
from anglewise.judgements.records import SPANS_OF, Judged
from anglewise.judgements.store import JudgementStore
from anglewise.judgements.store_files import store_in


def stored_judgements(
    path: Path, space: Space, direction: Direction, say: Say
) -> Judgements | None:
    """What a store holds, given by name or beside a space, or what was stored with the space."""
    if path.is_file() and is_sqlite(path):
        with JudgementStore.open(path, read_only=True) as store:
            return of_store(store, space, direction)
    folder = _constructed(path)
    if folder is not None:
        return judgements_of(folder, direction, space)
    judged = _beside_space(path, space, direction, say)
    if judged is None and path.is_dir() and is_space_folder(path):
        return judgements_of(path, direction, space)
    return judged


def of_store(store: JudgementStore, space: Space, direction: Direction) -> Judgements:
    """What a store holds, for a space; raises as ``JudgementStore.judgements`` does.

    What was judged in the space beside the store, and names its passages by ids alone, belongs to
    the characters that they stand at in there: ``space`` may cut the documents otherwise.
    """
    rows = list(store.rows(direction))
    return combined(located(rows, store.path), space, direction, name=str(store.path))


def located(rows: Sequence[Judged], store: Path) -> Sequence[Judged]:
    """The rows of a store; those of passages of the space beside it say where these stand."""
    folder = store.parent
    if _are_located(rows) or store != store_in(folder) or not is_space_folder(folder):
        return rows
    items = passages_in(folder)
    return rows if items is None else with_spans(rows, items)


def _are_located(rows: Sequence[Judged]) -> bool:
    """Whether every judgement says where what was judged stands, or none could."""
    return all(row.document is not None or row.direction != SPANS_OF for row in rows)


def passages_in(folder: Path) -> Embeddings | None:
    """The passages of a space folder without their vectors; None where it has none."""
    path = folder / "items.parquet"
    check_inside(path, folder)
    names = set(arrow_sheet(path).names or ())
    if not {DOCUMENT, START, END} <= names:
        return None
    texts = [TEXT] if TEXT in names else []
    table = parquet_columns(path, ["id", DOCUMENT, START, END, *texts])
    columns = {name: table[name].to_pylist() for name in table.column_names}
    ids = [str(name) for name in columns.pop("id")]
    return Embeddings(np.zeros((len(ids), 1), np.float32), ids=ids, metadata=columns)


def judgements_beside(folder: Path, space: Space, say: Say) -> dict[Direction, Judgements]:
    """What is judged of a space in its folder: in its store, else what was held out or stored.

    Raises as ``read_judgements`` does.
    """
    store = store_in(folder)
    directions = set(stored_directions(folder))
    if store.is_file():
        with JudgementStore.open(store, read_only=True) as opened:
            directions |= set(opened.counts().by_direction)
    judged: dict[Direction, Judgements] = {}
    for direction in DIRECTIONS:
        known = (
            stored_judgements(folder, space, direction, say) if direction in directions else None
        )
        if known is not None:
            judged[direction] = known
    return judged


def _constructed(path: Path) -> Path | None:
    """The space whose folder of constructed judgements this is, if it is one."""
    inside = path.is_dir() and path.name == "judgements" and is_space_folder(path.parent)
    return path.parent if inside else None


def _beside_space(folder: Path, space: Space, direction: Direction, say: Say) -> Judgements | None:
    """Read what was judged in the store beside a space, if anything was in this direction.

    It stands in place of what ``fit`` held out; what that leaves out of the ranking, as folded
    in, stays left out.
    """
    path = store_in(folder)
    if not path.is_file():
        return None
    with JudgementStore.open(path, read_only=True) as store:
        if direction not in store.counts().by_direction:
            return None
        judged = of_store(store, space, direction)
    say(judged.source)
    if not is_space_folder(folder) or direction not in stored_directions(folder):
        return judged
    say(f"they stand in place of what was held out: --qrels {folder / 'judgements'} takes that")
    return replace(judged, seen=judgements_of(folder, direction, space).seen)
