"""Files that no output may take the place of: judgements, and the parts of a space."""

from pathlib import Path

from anglewise.errors import FileError
from anglewise.judgements.connection import HEAD, STORE_NAME

BESIDE_STORE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file, under its name; a part of what was recorded lies there."""

SPACE = frozenset({"space.json", "items.parquet", "queries.parquet", "seen.parquet", "judgements"})
"""What the folder of a space holds; another file there does no harm to it."""


def check_replaceable(target: Path) -> None:
    """Raise ``FileError`` where writing this file would end a store of judgements or a space.

    The path has no links in it. What is not there yet may be refused too: a report called
    ``judgements.sqlite`` would be in the way of the next judge.
    """
    store = is_of_store(target)
    if store:
        raise FileError(f"{target} {store}, and writing there would end it: choose another name")
    space = space_around(target)
    if space is not None:
        raise FileError(
            f"{target} is a part of the space {space}, which writing there would destroy: choose "
            "another name"
        )


def is_of_store(path: Path) -> str:
    """In what way a file holds judgements, or those of another program; nothing if it does not."""
    name = path.name
    for end in BESIDE_STORE:
        name = name.removesuffix(end)
    if name.lower() == STORE_NAME:
        return "is where judgements are kept"
    if is_sqlite(path.parent / name):
        return "is an SQLite file" if name == path.name else "is a part of an SQLite file"
    return ""


def is_sqlite(path: Path) -> bool:
    """Whether a file is SQLite, whatever it is called.

    >>> is_sqlite(Path("/nowhere/judgements.sqlite"))
    False
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HEAD)) == HEAD


def space_around(path: Path) -> Path | None:
    """The space of which this file is a part, by its name and place."""
    for folder in path.parents:
        inside = path.relative_to(folder).parts
        if inside[0] in SPACE and (folder / "space.json").is_file():
            return folder
    return None
