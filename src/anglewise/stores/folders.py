"""A folder takes the place of another one, as do collections that are folders."""

import secrets
import shutil
from pathlib import Path

from anglewise.io.destinations import exchange


def take_folder(new: Path, place: Path) -> None:
    """Move a folder to a place; what is there answers until then, and is removed.

    In one step where the system can swap two folders; else in two, of which the first is undone
    where the second fails.

    >>> import tempfile
    >>> new, place = (Path(tempfile.mkdtemp()) for _ in range(2))
    >>> _ = (new / "a").write_text("new")
    >>> take_folder(new, place)
    >>> (place / "a").read_text(), new.exists()
    ('new', False)
    """
    if not place.exists():
        new.rename(place)
        return
    if exchange(new, place):
        shutil.rmtree(new)
        return
    aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.old")
    place.rename(aside)
    try:
        new.rename(place)
    except BaseException:
        aside.rename(place)
        raise
    shutil.rmtree(aside)
