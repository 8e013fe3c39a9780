"""Locks of a folder: shared by those who judge in it, exclusive for who replaces the whole.

And what stands beside it meanwhile, under a temporary name that is made from its own.
"""

import os
import re
import secrets
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from anglewise.errors import FileError
from anglewise.judgements.lock_holders import holders_of

PATIENCE = 5.0
"""Seconds to wait for others, who may end meanwhile."""

PAUSE = 0.02


class FolderLock:
    """Locks that are held until ``close``; they follow a folder that is renamed."""

    def __init__(self, handles: list[int]) -> None:
        self._handles = handles

    def close(self) -> None:
        """Release the locks."""
        while self._handles:
            os.close(self._handles.pop())

    def __del__(self) -> None:
        self.close()


def judging_in(folder: Path, patience: float = PATIENCE) -> FolderLock:
    """Share the lock of a folder and of the spaces that contain it, so that nobody replaces them.

    Nothing is locked where the file system knows no such locks. Raises ``FileError`` where a
    folder is being replaced for longer than ``patience`` seconds.
    """
    folder = folder.absolute().resolve()
    spaces = [parent for parent in folder.parents if (parent / "space.json").is_file()]
    handles: list[int] = []
    lock = FolderLock(handles)  # which lets go of those it has if a later one is refused
    for path in (folder, *spaces):
        handle = _locked(path, patience, alone=False)
        if handle is not None:
            handles.append(handle)
    return lock


@contextmanager
def replacing(folder: Path, patience: float = PATIENCE) -> Generator[None]:
    """Lock a folder for oneself alone. Raises ``FileError`` while somebody judges in it."""
    handle = _locked(folder, patience, alone=True)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def hidden_name(target: Path) -> str:
    """A hidden name made from a target's, short enough for an ending behind it."""
    return "." + os.fsencode(target.name)[:200].decode(errors="ignore")


def beside(target: Path, ending: str) -> Path:
    """A new temporary name beside a target, made from the target's name."""
    return target.with_name(f"{hidden_name(target)}.{secrets.token_hex(4)}.{ending}")


def all_beside(target: Path, ending: str) -> list[Path]:
    """What has such a name beside a target, with anybody's eight letters in it."""
    ours = re.compile(rf"{re.escape(hidden_name(target))}\.[0-9a-f]{{8}}\.{ending}")
    try:
        return sorted(path for path in target.parent.iterdir() if ours.fullmatch(path.name))
    except OSError:  # a folder in which one may write and not look
        return []


def set_aside(path: Path) -> str | None:
    """What to do where a run was killed that had set aside a folder to replace it, in a sentence.

    The folder is the missing path, or one that it would lie in. None where there is no such
    folder. A run that is alive is waited for, and may have put it in place.

    Raises ``FileError`` where that takes more than ``PATIENCE`` seconds.
    """
    for target in (path, *path.parents):
        older = [] if target.exists() else all_beside(target, "old")
        for folder in older:
            handle = _locked(folder, PATIENCE, alone=False)
            if handle is not None:
                os.close(handle)
        names = " and ".join(folder.name for folder in older if folder.is_dir())
        if names and not target.exists():
            return (
                f"{target} is missing, and what a run set aside to replace it is beside it, called "
                f"{names}: rename that to {target.name}, or move it elsewhere"
            )
        if target.parent.is_dir():
            return None
    return None


def check_nobody_judges(folder: Path) -> None:
    """Raise now what ``replacing`` would raise."""
    with replacing(folder, patience=1.0):
        pass


def _locked(folder: Path, patience: float, *, alone: bool) -> int | None:
    """A locked handle of the folder that bears this name; None where it cannot be locked at all."""
    end = time.monotonic() + patience
    while True:
        try:
            # a pipe in its place would be waited for
            handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except OSError:  # no folder, or on Windows, where none can be opened
            return None
        locked = try_lock(handle, alone=alone)
        if locked is None:
            os.close(handle)
            return None
        if locked and bears_name(folder, handle):
            return handle
        os.close(handle)
        if time.monotonic() > end:
            raise FileError(
                f"{folder} is being replaced by another run{holders_of(folder)}: try again"
                if not alone
                else f"{folder} is open for judging, or being written by another run"
                f"{holders_of(folder)}: close that first (Ctrl-C ends anglewise inspect), or "
                "choose another name"
            )
        time.sleep(PAUSE)


def bears_name(path: Path, handle: int) -> bool:
    """Whether the open file or folder itself still stands under its name, and no link to it."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except OSError:
        return False


if sys.platform == "win32":

    def try_lock(handle: int, *, alone: bool) -> bool | None:  # noqa: ARG001 no such locks here
        """None: there are no locks to be had."""
        return None
else:
    import fcntl

    def try_lock(handle: int, *, alone: bool) -> bool | None:
        """Lock an open file or folder; False if others hold it, None if it cannot be locked."""
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
