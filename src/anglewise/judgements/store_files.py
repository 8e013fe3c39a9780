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
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from anglewise.errors import FileError
from anglewise.judgements.log_marks import check_log_is_of, mark_log
from anglewise.judgements.store_checks import (
    SHM,
    WAL,
    check_folder_is_ours,
    check_log,
    check_no_journal,
    check_one_name,
    check_owner,
    lay_as_root,
)
from anglewise.judgements.store_locks import hold_journals, locked_error, share_file

HEAD = b"SQLite format 3\0"

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
    first_looks: int = 0
    """How many connections are just being opened, for which a lock keeps journals away."""

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
                share_file(files.handle, locked=True)
            files.latest = files.latest or latest
            self.check()

    def mark_log(self) -> None:
        """Let the ``-wal`` know to which file it belongs, for when this program is killed."""
        with _GUARD:
            files = self._files
            before = content_of(files.handle)
            mark_log(files.real, files.real.with_name(files.real.name + WAL))
            marked = content_of(files.handle)  # at another time than before, and nothing else
            if before == files.content and marked[:2] == before[:2]:
                files.content = marked

    def keep_log(self) -> None:
        """Keep SQLite from copying the ``-wal`` into the store at the close: it may be another's.

        What is refused stays as it is.
        """
        share_file(self._files.handle, locked=True)

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
            check_one_name(name, status)
            check_owner(name, status, opened)

    @contextmanager
    def no_journal(self, *, read_only: bool) -> Generator[None]:
        """Let SQLite have its first look at the store: until that is done, no journal counts.

        Another account may lay one there after ``hold`` looked. SQLite carries none out while
        somebody holds the lock of a writer, and looks for none once it uses a ``-wal``.

        Raises ``FileError`` for a journal that lies there in the end, and, where this system has no
        such locks, for a folder into which others may write; SQLite's error for a locked file.
        """
        files = self._files
        with _GUARD:
            locked = hold_journals(files.handle, locked=True)
            files.first_looks += 1
        try:
            if locked is False:
                raise locked_error()
            if locked is None and not read_only:
                check_folder_is_ours(files.real)
            if self.is_write_ahead:
                lay_as_root(files.real)
            _check_beside(files.real)
            yield
            check_no_journal(files.real)
        finally:
            with _GUARD:
                files.first_looks -= 1
                if not files.first_looks:
                    hold_journals(files.handle, locked=False)

    @property
    def is_write_ahead(self) -> bool:
        """Whether the file says that rows are written into a ``-wal`` first."""
        with _GUARD:
            os.lseek(self._files.handle, len(HEAD) + 2, os.SEEK_SET)
            return os.read(self._files.handle, 2) == b"\2\2"

    @property
    def has_log(self) -> bool:
        """Whether there is something in a ``-wal`` beside the store."""
        try:
            return self._files.real.with_name(self._files.real.name + WAL).lstat().st_size > 0
        except OSError:
            return False

    @property
    def may_lose(self) -> bool:
        """Whether rows are lost when this process closes the store, though its file is there.

        That is where it is the last in this process, and a file was removed or replaced.
        """
        last = self._files.process == os.getpid() and self._files.times == 1
        if not last or not os.path.lexists(self.path):
            return False
        try:
            self.check()
        except FileError:
            return True
        return False

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
                    share_file(files.handle, locked=False)
                if connection is not None:
                    connection.close()
            finally:
                files.times -= 1
                if last:
                    share_file(
                        files.handle, locked=False
                    )  # also where a forked process has it still
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
    check_no_journal(real)
    if os.fsencode(real) in mount_points():
        raise FileError(
            f"{real} is mounted as a single file, and what is recorded first lies beside it and "
            "would stay here: mount the folder in which it lies"
        )
    check_one_name(real, real.stat())
    _check_beside(real)


def _check_beside(real: Path) -> None:
    store = real.stat()
    for end in (WAL, SHM):
        name = real.with_name(real.name + end)
        with suppress(FileNotFoundError):
            status = name.lstat()
            if not stat.S_ISLNK(status.st_mode):  # which SQLite itself refuses
                check_one_name(name, status)
                check_owner(name, status, store)
                if end == WAL:
                    check_log(name)
                if end == WAL and status.st_size:
                    check_log_is_of(real, name)


def _check_process(path: Path, files: OpenFiles) -> None:
    if files.process != os.getpid():
        raise FileError(
            f"{path} is open in the process from which this one was forked, and SQLite's locks do "
            "not come along: close it there before, or start processes by spawn"
        )


def _key(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
