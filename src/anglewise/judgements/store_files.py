"""The files of a store: which SQLite may see at all, and whether those that are open still stand.

SQLite goes by names. New rows lie in a ``-wal`` beside the store until they are copied into it, a
``-shm`` says how far that has come, and what a ``-journal`` there asks for is carried out. And it
relies on locks that the system drops as soon as the process closes any handle of the file. So a
store is looked at before SQLite opens it, this process keeps one handle of each that is open here
and closes no other, and all files are held against what they were before an answer is recorded.
"""

import os
import re
import sqlite3
import stat
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from anglewise.errors import FileError

HEAD = b"SQLite format 3\0"

WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
"""What SQLite lays beside a file, under its name."""

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux says what is mounted; ``os.path.ismount`` knows no file, nor a folder of the disk."""


STORE_NAME = "judgements.sqlite"
"""The name of the store in the folder of a space."""


def store_in(folder: Path, name: str = STORE_NAME) -> Path:
    """The path of the store in a folder, which nobody named but by the folder.

    Raises ``FileError`` for a link that leads out of the folder: folders come from others, and
    what is recorded for this space would stand in another's store.

    >>> store_in(Path("space")).as_posix()
    'space/judgements.sqlite'
    """
    path = folder / name
    if path.is_symlink():
        leads_to = Path(os.path.realpath(path))
        if not leads_to.is_relative_to(os.path.realpath(folder)):
            raise FileError(
                f"{path} is a link that leads out of its folder, to {leads_to}: name that store "
                "itself where it is meant, or remove the link"
            )
    return path


def mount_points() -> set[bytes]:
    """The paths of files and folders where something is mounted; none on other systems."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:  # another system
        return set()
    names = (line.split(b" ")[4] for line in lines)
    return {re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), n) for n in names}


class Content(NamedTuple):
    """What changes whenever somebody writes into a file."""

    size: int
    modified: int
    changed: int


def content_of(handle: int) -> Content:
    """The content of an open file as it is now."""
    status = os.fstat(handle)
    return Content(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(eq=False)
class OpenFiles:
    """The files of one store that this process has open, once or several times."""

    real: Path
    handle: int
    process: int
    content: Content
    """What the store held when SQLite last wrote to it here, or it was last found sound."""
    checked: bool = False
    """Whether SQLite found the store sound."""
    latest: tuple[int, str] | None = None
    """Number and uuid of the last row of which this process knows."""
    beside: dict[Path, os.stat_result] = field(default_factory=dict[Path, os.stat_result])
    times: int = 0

    def bears(self, status: os.stat_result) -> bool:
        """Whether this is the status of a file beside the store."""
        return any(os.path.samestat(status, known) for known in self.beside.values())


_GUARD = threading.RLock()
"""Held while a handle of a file that may be a store is opened and closed again."""
_OPEN: dict[tuple[int, int], OpenFiles] = {}
"""The open stores by device and number of the file; a forked process knows those of its parent."""

_SOUND: dict[tuple[int, int], Content] = {}
"""What the stores held that were found sound and then closed here: no need to read them again."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_GUARD.acquire, after_in_parent=_GUARD.release, after_in_child=_GUARD.release
    )


def head_of(path: Path) -> bytes:
    """The first bytes of a file, as many as ``HEAD`` has; an open store is not touched for them.

    Raises ``OSError`` for what is not there or may not be read.
    """
    with _GUARD:
        status = path.stat()
        if (status.st_dev, status.st_ino) in _OPEN:
            return HEAD
        if any(files.bears(status) for files in list(_OPEN.values())):
            return b""
        with path.open("rb") as file:
            return file.read(len(HEAD))


class StoreFiles:
    """The files of one open store under the path by which it was opened, until ``close``."""

    def __init__(self, path: Path, files: OpenFiles) -> None:
        self.path = path
        self._files = files
        self.is_open = True

    def settle(self, latest: tuple[int, str] | None) -> None:
        """Take the files that SQLite has opened for those that must stand, with the last row."""
        with _GUARD:
            files = self._files
            for end in (WAL, SHM):
                name = files.real.with_name(files.real.name + end)
                with suppress(FileNotFoundError):
                    files.beside.setdefault(name, name.lstat())
            if files.beside:
                _share(files.handle, locked=True)
            files.latest = files.latest or latest
            self.check()

    def check(self) -> None:
        """Raise ``FileError`` where a file was removed, replaced or given a second name."""
        _check_process(self.path, self._files)
        opened = os.fstat(self._files.handle)
        beside = [(name, status, name.lstat) for name, status in self._files.beside.items()]
        for name, before, look in ((self.path, opened, self.path.stat), *beside):
            try:
                status = look()
                stands = os.path.samestat(status, before)
            except OSError:  # gone, or its folder may not be entered any more
                status, stands = before, False
            if not stands:
                raise FileError(
                    f"{name} was removed or replaced since it was opened: this judgement is not in "
                    "it; put the file back, or open the store (or anglewise inspect) again"
                )
            _check_one_name(name, status)

    @property
    def is_written_over(self) -> bool:
        """Whether somebody wrote into the store since SQLite did so here."""
        return content_of(self._files.handle) != self._files.content

    @property
    def latest(self) -> tuple[int, str] | None:
        """Number and uuid of the last row of which this process knows."""
        return self._files.latest

    def remember(self, latest: tuple[int, str] | None) -> None:
        """Take the content of the store as it is now for what it must be, with its last row."""
        self._files.content, self._files.latest = content_of(self._files.handle), latest

    def check_process(self) -> None:
        """Raise ``FileError`` in a process that was forked since the store was opened."""
        _check_process(self.path, self._files)

    def close(self, connection: sqlite3.Connection | None = None, *, sound: bool = False) -> None:
        """Close SQLite's handles, then, after the last of them, that of this process.

        SQLite copies what lies in the ``-wal`` into the store and removes it where it is the last
        to close it; where the store is not ``sound`` it is kept from that.
        """
        with _GUARD:
            if not self.is_open:
                return
            self.is_open = False
            files, last = self._files, self._files.times == 1
            if files.process != os.getpid():  # the locks are those of the process that opened it
                return
            try:
                if last and sound:
                    _share(files.handle, locked=False)
                if connection is not None:
                    connection.close()
            finally:
                files.times -= 1
                if last:
                    _share(files.handle, locked=False)  # also where a forked process has it still
                    key = _key(os.fstat(files.handle))
                    if sound and files.checked:
                        _SOUND[key] = content_of(files.handle)
                    del _OPEN[key]
                    os.close(files.handle)

    @property
    def is_checked(self) -> bool:
        """Whether SQLite found the store sound, and nobody wrote into it from elsewhere since."""
        return self._files.checked

    def mark_checked(self) -> None:
        """Remember that SQLite found the store sound."""
        self._files.checked = True

    def log_is_gone(self, *, or_empty: bool = False) -> bool:
        """Whether the ``-wal`` that was opened was removed, and nothing lies in its place.

        With ``or_empty`` another one may lie there into which nobody has written.
        """
        log = self._files.real.with_name(self._files.real.name + WAL)
        if log not in self._files.beside:
            return False
        try:
            status = log.lstat()
        except FileNotFoundError:
            return True
        other = not os.path.samestat(status, self._files.beside[log])
        return or_empty and other and not status.st_size


def hold(path: Path, *, empty: bool) -> StoreFiles:
    """Look at a file that is there and that SQLite is to open, and hold it until it is closed.

    Raises ``FileError`` for what SQLite must not see (``check_alone``) and for what is no SQLite
    file; an ``empty`` one may do.
    """
    path = path.absolute()
    with _GUARD:
        real = Path(os.path.realpath(path))
        check_alone(real)
        files = _OPEN.get(_key(real.stat()))
        if files is None:
            files = _opened(path, real, empty=empty)
        files.times += 1
        held = StoreFiles(path, files)
        try:
            held.check()  # SQLite would go on with the files that this process has open already
        except BaseException:
            held.close()
            raise
        return held


def _opened(path: Path, real: Path, *, empty: bool) -> OpenFiles:
    handle = os.open(real, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        _check_head(path, os.read(handle, len(HEAD)), empty=empty)
        content = content_of(handle)
        checked = _SOUND.get(_key(os.fstat(handle))) == content
        checked = checked and not os.path.lexists(real.with_name(real.name + WAL))
        files = OpenFiles(real, handle, os.getpid(), content, checked)
    except BaseException:
        os.close(handle)
        raise
    _OPEN[_key(os.fstat(handle))] = files
    return files


def _check_head(path: Path, head: bytes, *, empty: bool) -> None:
    if head != HEAD and (head or not empty):
        raise FileError(
            f"{path} is not a store of judgements (no SQLite file): take another file, or read "
            "this one with anglewise judge import"
        )


def check_alone(real: Path) -> None:
    """Raise ``FileError`` where a store and what lies beside it is not what it looks like.

    ``real`` has no links in it.
    """
    journal = real.with_name(real.name + JOURNAL)
    if os.path.lexists(journal):
        raise FileError(
            f"{journal} lies beside the store, where anglewise leaves none, and opening the store "
            "would carry out what it says, which may remove other files: move it away if the "
            "store is from others; if it is yours, open it once with the program that wrote it"
        )
    if os.fsencode(real) in mount_points():
        raise FileError(
            f"{real} is mounted as a single file, and what is recorded first lies beside it and "
            "would stay here: mount the folder in which it lies"
        )
    _check_one_name(real, real.stat())
    for end in (WAL, SHM):
        name = real.with_name(real.name + end)
        with suppress(FileNotFoundError):
            status = name.lstat()
            if not stat.S_ISLNK(status.st_mode):  # which SQLite itself refuses
                _check_one_name(name, status)


def _check_one_name(name: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileError(f"{name} is no plain file: remove it, or take another store")
    if status.st_nlink > 1:
        raise FileError(
            f"{name} has {status.st_nlink} names (hard links), and what is recorded under one is "
            "missing under the others: make a copy of its own (cp), and open that"
        )


def _check_process(path: Path, files: OpenFiles) -> None:
    if files.process != os.getpid():
        raise FileError(
            f"{path} is open in the process from which this one was forked, and SQLite's locks do "
            "not come along: close it there before, or start processes by spawn"
        )


def _key(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


SHARED_FIRST, SHARED_SIZE = 0x4000_0002, 510
"""The bytes of a file that SQLite locks for as long as it has it open."""

if sys.platform == "linux":
    import fcntl

    def _share(handle: int, *, locked: bool) -> None:
        """Share the lock by which SQLite knows in another process that it is not the last one.

        This one belongs to the handle, and lasts where a program closes another handle of the
        file, as whoever copies an open store does: that drops the locks of SQLite itself.
        """
        kind = fcntl.F_RDLCK if locked else fcntl.F_UNLCK
        lock = struct.pack("hhqqi", kind, os.SEEK_SET, SHARED_FIRST, SHARED_SIZE, 0)
        with suppress(OSError):  # a file system without such locks
            fcntl.fcntl(handle, fcntl.F_OFD_SETLK, lock)
else:

    def _share(handle: int, *, locked: bool) -> None:
        """Nothing: there are no locks here that belong to a handle."""
