"""What is being written beside its target, and what those left who were killed meanwhile."""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from anglewise.judgements.folder_lock import bears_name, try_lock

H = TypeVar("H", int, int | None)

NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def beside(target: Path) -> Path:
    """A new name beside a target, which tells what it is a part of."""
    return target.with_name(f"{_stem(target)}.{secrets.token_hex(4)}.part")


@contextmanager
def file_part(target: Path) -> Generator[tuple[Path, IO[bytes]]]:
    """A file to be filled; it is locked, so that nobody takes it for what a dead writer left."""
    path, handle = _kept(target, lambda path: os.open(path, NEW, 0o666))
    try:
        with os.fdopen(handle, "wb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def folder_part(target: Path) -> Generator[Path]:
    """A folder to be filled, locked likewise; gone afterwards unless it was moved."""
    path, handle = _kept(target, _new_folder)
    try:
        yield path
    finally:
        if handle is not None:  # what took its target's place is to be free now
            os.close(handle)
        shutil.rmtree(path, ignore_errors=True)


def clear_left_over(target: Path) -> None:
    """Remove the parts of this target whose writers died; those of living ones are locked.

    What cannot be locked or removed stays where it is.
    """
    ours = re.compile(re.escape(_stem(target)) + r"\.[0-9a-f]{8}\.part")
    with suppress(OSError):
        for path in sorted(target.parent.iterdir()):
            if ours.fullmatch(path.name):
                _clear(path)


def _clear(path: Path) -> None:
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            if not try_lock(handle, alone=True) or not bears_name(path, handle):
                return
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        finally:
            os.close(handle)


def _kept(target: Path, make: Callable[[Path], H]) -> tuple[Path, H]:
    """Make and lock; again if somebody cleared it away in between.

    The lock lets others in, such as a store that is made inside the folder.
    """
    while True:
        path = beside(target)
        handle = make(path)
        if handle is None:
            return path, handle
        if try_lock(handle, alone=False) is not False and bears_name(path, handle):
            return path, handle
        os.close(handle)


def _new_folder(path: Path) -> int | None:
    path.mkdir()
    return None if os.name == "nt" else os.open(path, os.O_RDONLY)  # none can be opened there


def _stem(target: Path) -> str:
    return f".{target.name[:200]}"
