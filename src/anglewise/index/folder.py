"""An index on disk: a space folder that names its measure."""

from pathlib import Path
from typing import Any, cast

from anglewise.core.embeddings import Space
from anglewise.errors import FileError, SpellingError
from anglewise.io.files import PathLike
from anglewise.io.space_folder import read_space_folder, stored_directions, write_space
from anglewise.io.space_json import is_space_folder


def write_index(space: Space, measure: str, folder: PathLike) -> None:
    """Write the space with its measure; ``FileError`` if judgements lie where it would go."""
    there = Path(folder)
    if is_space_folder(there) and (stored_directions(there) or (there / "seen.parquet").exists()):
        raise FileError(
            f"{folder} holds judgements or training items, which saving an index would delete: "
            "choose another folder"
        )
    about = {**space.about, "index": {"measure": measure}}
    queries = None if space.one_sided else space.queries
    write_space(
        Space(items=space.items, queries=queries, trained_for=space.trained_for, about=about),
        folder,
    )


def read_index(folder: PathLike, measure: str | None) -> tuple[Space, str]:
    """Read the space, and the measure that it was saved with unless another is named."""
    space = read_space_folder(folder)
    said: Any = space.about.get("index")
    found = cast("dict[str, Any]", said).get("measure") if isinstance(said, dict) else None
    if measure is None and not isinstance(found, str):
        raise SpellingError(
            f"{folder} is a space that names no measure: name one (Index.load(folder, 'cosine')); "
            "anglewise compare says which"
        )
    return space, measure or str(found)
