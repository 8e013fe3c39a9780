"""A folder takes the place of another one, as do collections that are folders."""

import os
import secrets
import shutil
from pathlib import Path

from anglewise.errors import StoreError
from anglewise.io.destinations import exchange
from anglewise.stores.address import KINDS, Address


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


def check_nothing_else(address: Address) -> None:
    """Refuse a folder that is no collection where one is to be, which would take its place."""
    if not (address.is_local and "{name}" in KINDS[address.kind].inside):
        return
    for place in address.places:
        empty = place.is_dir() and not place.is_symlink() and not any(place.iterdir())
        if os.path.lexists(place) and not empty:
            raise StoreError(
                f"{address}: {place} is there, and no collection, and would be lost: choose "
                "another name, or move it elsewhere"
            )
