"""The store of judgements as a reader of files meets it: given by name, or beside a space."""

from dataclasses import replace
from pathlib import Path

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import Direction
from anglewise.io.files import Say
from anglewise.io.space_folder import judgements_of, stored_directions
from anglewise.io.space_json import is_space_folder
from anglewise.judgements.connection import STORE_NAME
from anglewise.judgements.store import JudgementStore


def constructed(path: Path) -> Path | None:
    """The space whose folder of constructed judgements this is, if it is one."""
    if path.is_dir() and path.name == "judgements" and is_space_folder(path.parent):
        return path.parent
    return None


def beside_space(folder: Path, space: Space, direction: Direction, say: Say) -> Judgements | None:
    """Read what was judged in the store beside a space, if anything was in this direction.

    It stands in place of what ``fit`` held out; what that leaves out of the ranking, as folded
    in, stays left out.
    """
    path = folder / STORE_NAME
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
