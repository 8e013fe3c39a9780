"""Temporary files and folders beside an output: made, locked, and removed by the open handle.

Whoever may write to the folder around them may rename them, and other things to their names. So
nothing is removed because of its name alone.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from anglewise.errors import FileError
from anglewise.io.destinations import HANDLES
from anglewise.io.files import WITHOUT_WAITING
from anglewise.io.ownership import STRANGE, keep_modes
from anglewise.judgements.folder_lock import all_beside, bears_name, beside, try_lock

NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)

FILLED = "new"
"""The folder to fill, inside the temporary one."""

MARK = re.compile(r"made-by-anglewise\.[0-9]+")
"""Empty files in the temporary folder, each with the number of a folder that may be removed."""


def part_path(target: Path) -> Path:
    """A new temporary name beside a target, made from the target's name."""
    return beside(target, "part")


@contextmanager
def anchored(target: Path) -> Generator[Path]:
    """The target by a path that begins at the open folder around it.

    No link that another account lays meanwhile leads elsewhere. Where the system knows no such
    paths it is the target as it was given. Raises ``FileError`` where a link came between, and
    at the end where the folder is no longer at its place.
    """
    if not hasattr(os, "O_PATH") or not Path(HANDLES).is_dir():
        yield target
        return
    handle = _open_folder(target.parent)
    try:
        yield Path(f"{HANDLES}/{handle}", target.name)
        if not os.path.samestat(target.parent.stat(), os.fstat(handle)):
            raise FileError(f"{target.parent} was moved while it was written to: choose another")
    finally:
        os.close(handle)


def _open_folder(folder: Path) -> int:
    start = len(Path(HANDLES).parts) + 1 if folder.is_relative_to(HANDLES) else 1
    flags = os.O_PATH | os.O_DIRECTORY
    handle = os.open(Path(*folder.parts[:start]), flags)
    for name in folder.parts[start:]:
        around = handle
        try:
            handle = os.open(name, flags | os.O_NOFOLLOW, dir_fd=around)
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
                raise
            raise FileError(f"{folder}: a link came between: choose another folder") from None
        finally:
            os.close(around)
    return handle


@contextmanager
def file_part(target: Path) -> Generator[tuple[Path, IO[bytes]]]:
    """A temporary file to write, locked so that no other run removes it as left over.

    Its folder is held open meanwhile: rename it to another name in its own path.
    """
    with anchored(target) as at:
        path, handle = _new_file(at)
        try:
            with os.fdopen(handle, "wb") as file:
                try:
                    yield path, file
                finally:
                    if os.name != "nt" and bears_name(path, handle):
                        path.unlink()
        finally:
            if os.name == "nt":  # there no open file can be removed
                path.unlink(missing_ok=True)


def _new_file(target: Path) -> tuple[Path, int]:
    """Create and lock; again if another run removed it in between."""
    while True:
        path = part_path(target)
        handle = os.open(path, NEW, 0o666)
        if try_lock(handle, alone=False) is not False and bears_name(path, handle):
            return path, handle
        os.close(handle)


@dataclass(frozen=True)
class FolderPart:
    """A temporary folder of mode 700, which no other account enters, and one to fill inside it.

    ``opened`` leads to it whatever bears its name; ``handle`` is None where none can be had.
    """

    path: Path
    opened: Path
    handle: int | None

    @property
    def filled(self) -> Path:
        """The folder to fill; once it took its place, what was there before."""
        return self.opened / FILLED

    def mark(self, number: int) -> None:
        """Note that the folder of this number (inode) may be removed, as part of this one."""
        if self.handle is not None:
            with suppress(FileExistsError):
                os.close(os.open(_mark(number), NEW, 0o600, dir_fd=self.handle))


def check_stands(path: Path, handle: int, target: Path) -> None:
    """Raise ``FileError`` where it was taken away, as others may do in the folder around it."""
    if not bears_name(path, handle):
        name = target.with_name(path.name)
        raise FileError(f"{name} was moved while it was written: choose another folder")


@contextmanager
def folder_part(target: Path) -> Generator[FolderPart]:
    """A temporary folder with one to fill, locked likewise; both are removed afterwards."""
    with anchored(target) as at:
        if os.name == "nt":  # where no folder can be opened
            path = part_path(at)
            (path / FILLED).mkdir(parents=True)
            try:
                yield FolderPart(path, path, None)
            finally:
                shutil.rmtree(path, ignore_errors=True)
            return
        path, handle = _new_folder(at)
        try:
            opened = Path(f"{HANDLES}/{handle}")
            part = FolderPart(path, opened if opened.is_dir() else path, handle)
            part.mark(_folder_to_fill(handle, target.with_name(path.name)))
            yield part
        finally:
            with suppress(OSError):
                _remove_folder(path, handle)
            os.close(handle)


def _new_folder(target: Path) -> tuple[Path, int]:
    while True:
        path = part_path(target)
        path.mkdir(0o700)
        with suppress(FileNotFoundError):  # another run removed it, as it is empty
            handle = os.open(path, FOLDER)
            if try_lock(handle, alone=False) is not False and bears_name(path, handle):
                return path, handle
            os.close(handle)


def _folder_to_fill(handle: int, path: Path) -> int:
    """Make it and give its number. Raises ``FileError`` where another folder took the new name."""
    if os.listdir(handle):
        raise FileError(f"{path}: {STRANGE}")
    os.mkdir(FILLED, dir_fd=handle)
    made = os.stat(FILLED, dir_fd=handle, follow_symlinks=False)
    if made.st_uid != os.fstat(handle).st_uid:  # some file systems give all to one account
        raise FileError(f"{path}: {STRANGE}")
    return made.st_ino


def _mark(number: int) -> str:
    return f"made-by-anglewise.{number}"


@dataclass(frozen=True)
class HeldFolder:
    """A folder that is there, and a path that leads to it though it be moved.

    ``handle`` is None where none can be had.
    """

    path: Path
    status: os.stat_result
    handle: int | None

    def is_the_same(self, status: os.stat_result) -> bool:
        """Whether this is the state of the folder that was held."""
        return self.handle is None or os.path.samestat(os.fstat(self.handle), status)


@contextmanager
def held_folder(folder: Path) -> Generator[HeldFolder]:
    """Hold a folder open, so that what is looked at is what is replaced."""
    if os.name == "nt":
        yield HeldFolder(folder, folder.lstat(), None)
        return
    handle = os.open(folder, FOLDER)
    try:
        opened = Path(f"{HANDLES}/{handle}")
        yield HeldFolder(opened if opened.is_dir() else folder, os.fstat(handle), handle)
    finally:
        os.close(handle)


@contextmanager
def private_until_done(folder: Path, target: Path) -> Generator[Path, None, None]:
    """Keep others out of a new folder while it is filled; then give all in it the modes of old.

    It is filled through the path that is given: where the system has such paths, it leads to the
    open folder itself. Raises ``FileError`` where something else than files and folders stands
    in it.
    """
    if os.name == "nt":
        yield folder
        return
    handle = os.open(folder, FOLDER)
    try:
        usual = stat.S_IMODE(os.fstat(handle).st_mode)
        os.fchmod(handle, stat.S_IRWXU)
        opened = Path(f"{HANDLES}/{handle}")
        yield opened if opened.is_dir() else folder
        os.fchmod(handle, usual)
        keep_modes(target, handle)
    finally:
        os.close(handle)


def clear_left_over(target: Path) -> None:
    """Remove temporary files of this target whose writers died; those of running ones are locked.

    A file is removed if it is ours, a folder if a run laid its mark inside: nobody else could do
    so in a folder of mode 700. All else stays, and so does what cannot be locked or removed.
    """
    if os.name == "nt":  # there are no locks to tell them by
        return
    with anchored(target) as at:
        for path in all_beside(at, "part"):
            with suppress(OSError):
                _clear(path)


def _clear(path: Path) -> None:
    mode = path.lstat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return
    handle = os.open(path, WITHOUT_WAITING | os.O_NOFOLLOW)
    try:
        status = os.fstat(handle)
        if status.st_uid != os.geteuid():
            return
        if try_lock(handle, alone=True) and bears_name(path, handle):
            if stat.S_ISREG(status.st_mode):
                path.unlink()
            elif stat.S_IMODE(status.st_mode) & 0o777 == stat.S_IRWXU:
                _remove_folder(path, handle)
    finally:
        os.close(handle)


def _remove_folder(path: Path, handle: int) -> None:
    """Remove an open temporary folder, unless something stands in it that no mark names.

    By its name only an empty folder goes. Raises ``OSError`` where something cannot be removed.
    """
    names = set(os.listdir(handle))
    marks = {name for name in names if MARK.fullmatch(name)}
    if names - marks - {FILLED}:
        return
    if FILLED in names:
        number = os.stat(FILLED, dir_fd=handle, follow_symlinks=False).st_ino
        if _mark(number) in marks:
            shutil.rmtree(FILLED, dir_fd=handle)
        else:
            os.rmdir(FILLED, dir_fd=handle)  # an empty one alone
    for mark in marks:
        os.unlink(mark, dir_fd=handle)
    if bears_name(path, handle):
        path.rmdir()
