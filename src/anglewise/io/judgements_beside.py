"""Judgements that lie with a space: in the store beside it, or stored when it was written."""

from dataclasses import replace
from pathlib import Path

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import Say
from anglewise.data_types.typing import DIRECTIONS, Direction
from anglewise.io.destinations import is_sqlite
from anglewise.io.space_files import is_space_folder
from anglewise.io.space_folder import judgements_of, stored_directions
from anglewise.judgements.store import JudgementStore
from anglewise.judgements.store_files import store_in


def stored_judgements(
    path: Path, space: Space, direction: Direction, say: Say
) -> Judgements | None:
    """What a store holds, given by name or beside a space, or what was stored with the space."""
    if path.is_file() and is_sqlite(path):
        with JudgementStore.open(path, read_only=True) as store:
            return store.judgements(space, direction)
    folder = _constructed(path)
    if folder is not None:
        return judgements_of(folder, direction, space)
    judged = _beside_space(path, space, direction, say)
    if judged is None and path.is_dir() and is_space_folder(path):
        return judgements_of(path, direction, space)
    return judged


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
        judged = store.judgements(space, direction)
    say(judged.source)
    if not is_space_folder(folder) or direction not in stored_directions(folder):
        return judged
    say(f"they stand in place of what was held out: --qrels {folder / 'judgements'} takes that")
    return replace(judged, seen=judgements_of(folder, direction, space).seen)
