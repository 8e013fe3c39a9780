"""Write outputs whole or not at all: under a temporary name beside them, then renamed."""

import errno
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from anglewise.errors import FileError
from anglewise.io.destinations import (
    check_replaceable,
    check_writable,
    exchange,
    first_bytes,
    is_device,
    open_output,
    without_links,
)
from anglewise.io.files import PathLike, check_mapped, checked_path
from anglewise.io.output_checks import check_not_read, check_settings_stand, check_still_here
from anglewise.io.ownership import check_whose, keep_mode, keep_owner
from anglewise.io.temporary_files import (
    FolderPart,
    check_stands,
    clear_left_over,
    file_part,
    folder_part,
    held_folder,
    private_until_done,
)
from anglewise.judgements.folder_lock import (
    beside,
    check_nobody_judges,
    replacing,
    set_aside,
)


def check_none_set_aside(target: Path) -> None:
    """Raise ``FileError`` where a folder is gone that a run has set aside to replace it.

    That run was killed between two renames; what it set aside is removed by no other.
    """
    if words := set_aside(target):
        raise FileError(words)


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
            keep_owner(target, file.fileno())
            if os.name == "nt":  # there an open file cannot be renamed
                file.close()
            else:
                check_stands(part, file.fileno(), target)
            part.replace(part.with_name(target.name))
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
    if first_bytes(target, 1):
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
        file.write(text.encode("utf-8", "backslashreplace"))  # halves of characters, as \ud800


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
            with private_until_done(part.filled, target) as opened:
                with _naming(target, opened):
                    yield opened
                check_not_read(target)
                check_mapped()
                _fsync_all(opened)
            if part.handle is not None:
                check_stands(part.path, part.handle, target)
            try:
                _take_place(part, target, lambda older: _check_kind(target, older, may_replace))
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
        at = _place(part, target)
        (part.filled / "part").touch()
        try:
            at.rename(part.filled)
        except OSError as error:
            if error.errno in FIXED:
                raise FileError(
                    f"{target} cannot be replaced here, as folders of a container's image and "
                    "mounted ones cannot: choose another name"
                ) from error
        else:
            part.filled.rename(at)


FIXED = {errno.EXDEV, errno.EBUSY}
"""Errors for folders that stay where they are: of a container's image, or mounted."""


def _place(part: FolderPart, target: Path) -> Path:
    """The place of an output in the folder that is held open around it."""
    return part.path.with_name(target.name)


def _keep_beside(part: FolderPart, target: Path) -> str:
    """Keep what was made where the system lets nobody replace a folder, and say where it is."""
    beside = target.with_name(f"{target.name}-{secrets.token_hex(4)}")
    part.filled.rename(part.path.with_name(beside.name))
    return (
        f"{target} cannot be replaced here, as folders of a container's image cannot: what was "
        f"made is in {beside}; remove the older one and rename it, or choose another name"
    )


BEING_FILLED: ContextVar[tuple[Path, ...]] = ContextVar("folders that are being filled", default=())


def _check_not_led_out(target: Path, resolved: Path) -> None:
    """Raise ``FileError`` for a link in a folder that is being filled, whoever laid it there."""
    for folder in BEING_FILLED.get():
        inside = target.relative_to(folder).parts if target.is_relative_to(folder) else ()
        if inside and ".." not in inside and resolved != without_links(folder).joinpath(*inside):
            raise FileError(
                f"{target} is a link that this call did not name, and what it leads to would be "
                "written to: name where that is to be, or remove the link"
            )


@contextmanager
def filled_folder(path: Path) -> Generator[None, None, None]:
    """Make a folder, if need be, for files that are written one by one; gone again without any.

    Nobody typed their names: what is written into it meanwhile goes through no link.
    """
    there = path.is_dir()
    path.mkdir(parents=True, exist_ok=True)
    token = BEING_FILLED.set((*BEING_FILLED.get(), path))
    try:
        yield
    finally:
        BEING_FILLED.reset(token)
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
        inside = list(target.rglob("*"))
        check_writable(target, *inside)
        check_whose(target, *inside)


@contextmanager
def writing(path: PathLike) -> Generator[Path, None, None]:
    """Check the folder of an output, follow links, and turn ``OSError`` into ``FileError``."""
    target = checked_path(path, "an output")
    check_still_here(target)
    try:
        resolved = without_links(target)
        if os.name != "nt":  # where names are written in several ways
            _check_not_led_out(target, resolved)
        if not is_device(target):
            target = resolved
        check_settings_stand(Path(path), target)
        _check_folder(Path(path), target)
        if open_output(path) is None:
            check_whose(target)
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


def _take_place(part: FolderPart, target: Path, check: Callable[[Path], None]) -> None:
    """Rename what was filled to its target; an older folder there comes into its place."""
    at = _place(part, target)
    while True:
        if not at.exists():
            try:
                part.filled.rename(at)
            except OSError as error:  # another run was first
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
            else:
                return
        with replacing(at), suppress(FileNotFoundError), held_folder(at) as older:
            with _naming(target, older.path):
                check(older.path)
            part.mark(older.status.st_ino)
            _exchange(part, at)
            now = part.filled.lstat()
            if not older.is_the_same(now):
                raise FileError(_keep_strange(part, target))
            part.mark(now.st_ino)  # which it changed where numbers are made from names
            return


def _keep_strange(part: FolderPart, target: Path) -> str:
    """Keep what came to the place of an older folder after that was checked; say where it is."""
    beside = target.with_name(f"{target.name}-{secrets.token_hex(4)}")
    part.filled.rename(part.path.with_name(beside.name))
    return (
        f"{target} was moved while it was replaced: the new one is in its place, and what came "
        f"there meanwhile is in {beside}"
    )


def _exchange(part: FolderPart, at: Path) -> None:
    """Swap both; in two steps where the system cannot, under a name that no run removes."""
    if exchange(part.filled, at):
        return
    old = beside(at, "old")
    at.rename(old)
    try:
        part.filled.rename(at)
    except BaseException:
        old.rename(at)
        raise
    old.rename(part.filled)


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
