"""Write outputs whole or not at all: under a temporary name beside them, then renamed."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from anglewise.errors import FileError
from anglewise.io.destinations import (
    check_replaceable,
    check_writable,
    exchange,
    first_bytes,
    is_device,
    keep_mode,
    open_output,
    private_until_done,
    without_links,
)
from anglewise.io.files import (
    WITHOUT_WAITING,
    PathLike,
    check_mapped,
    checked_path,
)
from anglewise.io.output_checks import check_not_read, check_settings_stand, check_still_here
from anglewise.judgements.folder_lock import (
    all_beside,
    bears_name,
    beside,
    check_nobody_judges,
    replacing,
    set_aside,
    try_lock,
)

H = TypeVar("H", int, int | None)

NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def part_path(target: Path) -> Path:
    """A new temporary name beside a target, made from the target's name."""
    return beside(target, "part")


@contextmanager
def file_part(target: Path) -> Generator[tuple[Path, IO[bytes]]]:
    """A temporary file to write, locked so that no other run removes it as left over."""
    path, handle = _create_locked(target, lambda path: os.open(path, NEW, 0o666))
    try:
        with os.fdopen(handle, "wb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def folder_part(target: Path) -> Generator[Path]:
    """A temporary folder to fill, locked likewise; removed afterwards unless it was renamed."""
    path, handle = _create_locked(target, _new_folder)
    try:
        yield path
    finally:
        if handle is not None:  # what took its target's place is to be free now
            os.close(handle)
        shutil.rmtree(path, ignore_errors=True)


def clear_left_over(target: Path) -> None:
    """Remove temporary files of this target whose writers died; those of running ones are locked.

    What cannot be locked or removed stays where it is.
    """
    for path in all_beside(target, "part"):
        _clear(path)


def check_none_set_aside(target: Path) -> None:
    """Raise ``FileError`` where a folder is gone that a run has set aside to replace it.

    That run was killed between two renames; what it set aside is removed by no other.
    """
    if words := set_aside(target):
        raise FileError(words)


def _clear(path: Path) -> None:
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return
    with suppress(OSError):
        handle = os.open(path, WITHOUT_WAITING)
        try:
            if not try_lock(handle, alone=True) or not bears_name(path, handle):
                return
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        finally:
            os.close(handle)


def _create_locked(target: Path, make: Callable[[Path], H]) -> tuple[Path, H]:
    """Create and lock; again if another run removed it in between.

    The lock lets others in, such as a store that is made inside the folder.
    """
    while True:
        path = part_path(target)
        handle = make(path)
        if handle is None:
            return path, handle
        if try_lock(handle, alone=False) is not False and bears_name(path, handle):
            return path, handle
        os.close(handle)


def _new_folder(path: Path) -> int | None:
    path.mkdir()
    return None if os.name == "nt" else os.open(path, os.O_RDONLY)  # none can be opened there


@contextmanager
def new_file(path: PathLike) -> Generator[IO[bytes], None, None]:
    """Open a file for writing that replaces ``path`` only when all went well.

    A device, a pipe and an output that is open already (``/dev/stdout``) are written to as they
    are. A file that is there keeps its mode.
    Raises ``FileError`` for a missing folder, missing permission or a full disk.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "result.json"
    >>> with new_file(target) as file:
    ...     _ = file.write(b"{}")
    >>> target.read_text()
    '{}'
    """
    with writing(path) as target:
        _check_kind_of_file(path, target)
        handle = open_output(path)
        if not is_device(target):
            check_replaceable(target)
            check_not_filled_in(target)
            check_not_read(target)
        if handle is not None or is_device(target):
            opened = os.open(target, os.O_WRONLY) if handle is None else os.dup(handle)
            with os.fdopen(opened, "wb") as file:
                yield file
            return
        with file_part(target) as (part, file):
            keep_mode(target, file.fileno())
            yield file
            file.flush()
            os.fsync(file.fileno())
            check_mapped()
            if os.name == "nt":  # there an open file cannot be renamed
                file.close()
            part.replace(target)
        _fsync_folder(target.parent)
        clear_left_over(target)


def check_new_file(path: PathLike) -> None:
    """Raise now what ``new_file`` would raise later, but for a disk that fills up meanwhile."""
    with writing(path) as target:
        _check_kind_of_file(path, target)
        if is_device(target):
            return
        check_replaceable(target)
        check_not_filled_in(target)
        if open_output(path) is None:
            with file_part(target):
                pass


def check_not_filled_in(target: Path) -> None:
    """Raise ``FileError`` for a table of pairs in which people filled in grades, or wrote else."""
    start = first_bytes(target, 1 << 12).replace(b"\0", b"")  # UTF-16 has one beside each letter
    if start[:4] == b"PAR1" or b"query_id" in start.lower():
        from anglewise.io.pairs_to_judge import check_no_grades, is_left_for_judges

        if is_left_for_judges(target):
            check_no_grades(target)


def _check_kind_of_file(path: PathLike, target: Path) -> None:
    if target.is_dir():
        raise FileError(f"{path} is a folder where a file is to be written: add a file name")
    if target.is_block_device():
        raise FileError(f"{path} is a whole disk, which writing there would destroy: name a file")
    if target.is_file() and open_output(path) is None:
        check_writable(target)


def write_text(path: PathLike, text: str) -> None:
    """Write a text file, whole or not at all.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "page.html"
    >>> write_text(target, "<p>é</p>")
    >>> target.read_text(encoding="utf-8")
    '<p>é</p>'
    """
    with new_file(path) as file:
        file.write(text.encode())


@contextmanager
def new_folder(path: PathLike, may_replace: Callable[[Path], None]) -> Generator[Path, None, None]:
    """Give an empty folder to fill, which takes the place of ``path`` when all went well.

    ``may_replace`` is asked about a folder that is there and not empty, and raises to keep it;
    it is asked again when the folders change places, while nobody can judge in the old one.
    """
    with writing(path) as target:
        check_replaceable(target)
        check_none_set_aside(target)
        _check_kind(Path(path), target, may_replace)
        check_nobody_judges(target)
        check_not_read(target)
        _check_can_move(target)
        with folder_part(target) as part:
            with private_until_done(part, target) as opened:
                with _naming(target, opened):
                    yield opened
                check_not_read(target)
                check_mapped()
                _fsync_all(opened)
            try:
                _take_place(part, target, lambda: _check_kind(Path(path), target, may_replace))
            except OSError as error:
                if error.errno not in FIXED:
                    raise
                raise FileError(_keep_beside(part, target)) from error
            _fsync_folder(target.parent)
        clear_left_over(target)


@contextmanager
def _naming(target: Path, opened: Path) -> Generator[None, None, None]:
    """Name the folder that was asked for in messages, not the one that is filled in its place."""
    try:
        yield
    except FileError as error:
        if str(opened) not in str(error):
            raise
        raise FileError(str(error).replace(str(opened), str(target))) from error


def _check_can_move(target: Path) -> None:
    """Raise ``FileError`` before the work for a folder that the system lets nobody replace.

    Nothing moves: in the place of a folder with something in it no other is taken, and a folder
    that could not be moved anywhere is refused before that is looked at.
    """
    if os.name == "nt" or not target.is_dir():
        return
    with folder_part(target) as part:
        (part / "part").touch()
        try:
            target.rename(part)
        except OSError as error:
            if error.errno in FIXED:
                raise FileError(
                    f"{target} cannot be replaced here, as folders of a container's image and "
                    "mounted ones cannot: choose another name"
                ) from error
        else:
            part.rename(target)


FIXED = {errno.EXDEV, errno.EBUSY}
"""Errors for folders that stay where they are: of a container's image, or mounted."""


def _keep_beside(part: Path, target: Path) -> str:
    """Keep what was made where the system lets nobody replace a folder, and say where it is."""
    beside = target.with_name(f"{target.name}-{secrets.token_hex(4)}")
    part.rename(beside)
    return (
        f"{target} cannot be replaced here, as folders of a container's image cannot: what was "
        f"made is in {beside}; remove the older one and rename it, or choose another name"
    )


@contextmanager
def filled_folder(path: Path) -> Generator[None, None, None]:
    """Make a folder, if need be, for files that are written one by one; gone again without any."""
    there = path.is_dir()
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if not there:
            with suppress(OSError):  # it holds files, as it should
                path.rmdir()


def check_new_folder(path: PathLike, may_replace: Callable[[Path], None]) -> None:
    """Raise now what ``new_folder`` would raise later, but for a disk that fills up meanwhile."""
    with writing(path) as target:
        check_replaceable(target)
        check_none_set_aside(target)
        _check_kind(Path(path), target, may_replace)
        check_nobody_judges(target)
        _check_can_move(target)
        with folder_part(target):
            pass


def _check_kind(path: Path, target: Path, may_replace: Callable[[Path], None]) -> None:
    if target.exists() and not target.is_dir():
        raise FileError(f"{path} is a file where a folder is to be written: choose another name")
    if target.is_dir():
        if any(target.iterdir()):
            may_replace(target)
        check_writable(target, *target.rglob("*"))


@contextmanager
def writing(path: PathLike) -> Generator[Path, None, None]:
    """Check the folder of an output, follow links, and turn ``OSError`` into ``FileError``."""
    target = checked_path(path)
    check_still_here(target)
    try:
        if not is_device(target):
            target = without_links(target)
        check_settings_stand(Path(path), target)
        _check_folder(Path(path), target)
        yield target
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path} could not be written: {_why(error)}") from error


def _check_folder(path: Path, target: Path) -> None:
    if target == target.parent:
        raise FileError(f"{path} is the root of the disk: name a file or folder inside it")
    nearest = next(p for p in target.parents if p.exists())
    if nearest == target.parent and nearest.is_dir():
        return
    if nearest.is_dir():
        reason = f"the folder {target.parent} does not exist; make it first"
    else:
        reason = f"{nearest} is a file, not a folder; choose another place"
    raise FileError(f"{path} cannot be written: {reason}")


def _why(error: OSError) -> str:
    remedies = {
        errno.ENOSPC: "the disk is full; free some space or write elsewhere",
        errno.EDQUOT: "your quota is used up; free some space or write elsewhere",
        errno.EFBIG: "the file would grow beyond the allowed size; lift the limit",
        errno.EACCES: "no permission to write there; choose another place",
        errno.EPERM: "no permission to write there; choose another place",
        errno.EROFS: "that disk is read-only; choose another place",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
        errno.EPIPE: "the reader at the other end went away",
    }
    # pyarrow raises plain OSErrors whose number stands in the text alone
    number = error.errno or next((n for n in remedies if f"errno {n}" in str(error)), None)
    return remedies.get(number or 0, " ".join(str(error).split()))


def _take_place(part: Path, target: Path, check: Callable[[], None]) -> None:
    """Rename a folder to its target; an older folder there takes the temporary name."""
    while True:
        if not target.exists():
            try:
                part.rename(target)
            except OSError as error:  # another run was first
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
            else:
                return
        with replacing(target):
            check()
            if target.exists():
                _exchange(part, target)
                return


def _exchange(part: Path, target: Path) -> None:
    """Swap both; in two steps where the system cannot, under a name that no run removes."""
    if exchange(part, target):
        return
    old = beside(target, "old")
    target.rename(old)
    try:
        part.rename(target)
    except BaseException:
        old.rename(target)
        raise
    old.rename(part)


def _fsync_all(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():  # a pipe would never open
            _fsync_folder(path)
    _fsync_folder(folder)


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
