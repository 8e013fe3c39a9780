"""Find, open and unpack input files, say what is wrong with them, and note which were read."""

import codecs
import difflib
import errno
import gzip
import io
import mmap
import os
import stat
import sys
import weakref
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, cast

from anglewise.data_types.memory import fits_memory
from anglewise.data_types.text import as_path
from anglewise.errors import (
    MORE_THREADS,
    AnglewiseError,
    FileError,
    as_message,
    is_lack_of_threads,
    reason,
)
from anglewise.io.sizes import Contents, check_holds
from anglewise.judgements.folder_lock import set_aside

PathLike: TypeAlias = str | os.PathLike[str]
Stamp: TypeAlias = tuple[int, ...]
"""What tells a file from another one in its place: device, number, time of writing, size."""


def stamp(file: Path | int) -> Stamp:
    """What a file looks like now, by path or open handle; nothing where there is none."""
    try:
        status = os.stat(file)  # noqa: PTH116 a handle has no path
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


_read_files: dict[Path, Stamp] | None = None
"""Files that this command has read, and what each looked like; None outside of commands."""


@contextmanager
def noting_reads(into: dict[Path, Stamp] | None = None) -> Generator[Mapping[Path, Stamp]]:
    """Record the files that are read in this block, so that no output replaces one of them."""
    global _read_files  # noqa: PLW0603 threads read too, and share it
    previous, _read_files = _read_files, {} if into is None else into
    reads = _read_files
    try:
        yield reads
    finally:
        _read_files = previous
        if previous is not None:
            previous.update({**reads, **previous})


@contextmanager
def noting_no_reads() -> Generator[None, None, None]:
    """Record no file that is read in this block, as one that is looked at before it is replaced."""
    global _read_files  # noqa: PLW0603 threads read too, and share it
    previous, _read_files = _read_files, None
    try:
        yield
    finally:
        _read_files = previous


def note_read(path: Path) -> None:
    """Record that a file is read, by this package or by a library."""
    if _read_files is not None and path not in _read_files and (before := stamp(path)):
        _read_files[path] = before


def was_read(path: Path) -> bool:
    """Whether this command has read the file to which a path leads, or runs code from it."""
    if _read_files is None or not (now := stamp(path)):
        return False
    if now[:2] in {earlier[:2] for earlier in _read_files.values()}:
        return True
    return any(stamp(module)[:2] == now[:2] for module in _files_of_modules())


def _files_of_modules() -> Iterator[Path]:
    """The files of all modules that are imported: sources, compiled ones, archives around them."""
    for module in list(sys.modules.values()):
        try:  # without the module's own ways to answer, which may load or raise anything
            names = object.__getattribute__(module, "__dict__")
        except AttributeError:  # anything may be put there
            continue
        for file in (names.get("__file__"), names.get("__cached__")):
            if isinstance(file, str):
                yield from _with_what_it_is_of(Path(file))


def _with_what_it_is_of(file: Path) -> Iterator[Path]:
    yield file
    if file.suffix == ".pyc":
        yield file.with_suffix(".py")
    if not file.exists():
        yield from (folder for folder in file.parents if folder.is_file())


_foreign_calls: list[None] = []
"""An entry for each call of code that is not ours and runs now, in whatever thread."""
_is_listening = False


@contextmanager
def noting_opened() -> Generator[None, None, None]:
    """Record what Python code opens for reading in this block, within ``noting_reads``.

    What a library opens without Python is not known. The listener stays for as long as Python
    runs, since none can be taken away, and does nothing outside of such blocks.
    """
    global _is_listening  # noqa: PLW0603 Python has one list of listeners
    if _read_files is not None and not _is_listening:
        sys.addaudithook(_note_opened)
        _is_listening = True
    _foreign_calls.append(None)
    try:
        yield
    finally:
        _foreign_calls.pop()


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _foreign_calls or _read_files is None:
        return
    path, _, flags = arguments
    if not isinstance(path, str | bytes) or flags & os.O_WRONLY:  # or an open handle
        return
    with suppress(OSError, ValueError):  # which the one who opens it will be told
        note_read(Path(os.path.abspath(os.fsdecode(path))))  # noqa: PTH100 Path.resolve opens


GZIP = b"\x1f\x8b"
AT_ONCE = 1 << 20  # bytes unpacked between two checks of the limit


def existing(path: PathLike | Any) -> Path:
    """Return a path that exists; else raise ``FileError`` with similar names.

    Raises ``WrongTypeError`` for what is no path.

    >>> existing("/nowhere/qrels.tsv")
    Traceback (most recent call last):
    ...
    anglewise.errors.FileError: /nowhere/qrels.tsv does not exist, nor does the folder /nowhere: ...
    """
    location = as_path(path)
    check_not_empty(path)
    try:
        aside = None if location.exists() else set_aside(location)
        if location.exists():
            return location
        missing = aside or _missing(location)
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be entered
        raise FileError(f"{location} cannot be looked up ({error}): mend the path") from error
    raise FileError(missing)


def check_not_empty(path: PathLike) -> None:
    """Raise ``FileError`` for an empty path, which would be the current folder."""
    if not os.fspath(path):
        raise FileError("an empty path came: name a file or folder, or . for the current folder")


def checked_path(path: PathLike | Any, kind: str = "a file") -> Path:
    """A path that any disk could hold; ``FileError`` for an empty one, a NUL or half a character.

    Raises ``WrongTypeError`` for what is no path; ``kind`` is what messages call it.

    >>> checked_path("result.json").name
    'result.json'
    """
    as_path(path, kind)
    text: str = os.fspath(cast("PathLike", path))
    check_not_empty(text)
    if "\0" in text:
        raise FileError(f"{text!r} holds a NUL, which no path does: mend the path")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FileError(
            f"{text.encode('utf-8', 'backslashreplace').decode()!r} is no text in UTF-8, so that "
            "its name could not be written down: rename it"
        ) from error
    return Path(text)


def user_path(text: PathLike) -> Path:
    """Expand ``~`` in a path to the user's home folder.

    >>> user_path("qrels.tsv").name
    'qrels.tsv'

    Raises ``FileError`` where ``~NAME`` names no user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise FileError(f"{os.fspath(text)} begins with ~, but {error}: write the path") from error


def is_folder(path: Path) -> bool:
    """Whether there is a folder; False for a name that no disk can hold."""
    with suppress(OSError, ValueError):
        return path.is_dir()
    return False


def existing_file(path: PathLike | Any) -> Path:
    """Return the path of an existing regular file; else raise ``FileError``."""
    path = existing(path)
    _check_regular(path, path.stat().st_mode)
    note_read(path)
    return path


def check_unchanged(path: Path, before: Stamp, now: Stamp | None = None) -> None:
    """Raise ``FileError`` for a file that is another one than when it was opened."""
    if (stamp(path) if now is None else now) != before:
        raise FileError(f"{path} was written anew while it was read: start again")


_mapped: dict[Path, Stamp] = {}
"""Files too large for the memory, as they were when they were mapped, as long as they are."""


def check_mapped() -> None:
    """Raise ``FileError`` where a mapped file was written into: what was computed is of no file.

    One that was replaced or removed stays as it was for who has mapped it.
    """
    for path, before in list(_mapped.items()):
        now = stamp(path)
        if now[:2] == before[:2]:
            check_unchanged(path, before, now)


def _map(path: Path, file: io.BufferedReader, before: Stamp) -> mmap.mmap:
    from anglewise.data_types.mapped import mapped_file  # which needs NumPy, as help does not

    mapped = mapped_file(file, access=mmap.ACCESS_READ)
    _mapped[path] = before
    weakref.finalize(mapped, _unmapped, path, before)
    return mapped


def _unmapped(path: Path, before: Stamp) -> None:
    if _mapped.get(path) is before:  # else it was mapped again meanwhile
        del _mapped[path]


WITHOUT_WAITING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""How files are opened: the mere opening of a pipe would else wait for somebody who writes."""


@contextmanager
def opened(path: Path, *, noted: bool = True) -> Generator[io.BufferedReader, None, None]:
    """Open a file of bytes; ``FileError`` for a folder, a pipe or a device, without waiting.

    A pipe is refused even where somebody writes: files are looked at more than once.
    """
    with os.fdopen(os.open(path, WITHOUT_WAITING), "rb") as file:
        _check_regular(path, os.fstat(file.fileno()).st_mode)
        if noted:
            note_read(path)
        yield file


def file_text(path: Path) -> str:
    """Read all of a small text file in UTF-8, such as ``space.json``."""
    with opened(path) as file:
        check_holds(path, os.fstat(file.fileno()).st_size)
        return file.read().decode("utf-8")


def existing_folder(path: PathLike) -> Path:
    """Return the path of an existing folder; else raise ``FileError``."""
    path = existing(path)
    if not path.is_dir():
        raise FileError(f"{path} is a file where a folder is due")
    return path


def suffix(path: Path) -> str:
    """The ending that names the format, without ``.gz``.

    >>> suffix(Path("ratings.CSV.gz"))
    '.csv'
    """
    return Path(path.name.lower().removesuffix(".gz")).suffix


def contents(path: Path, together: int = 0) -> Contents:
    """The bytes of a file, unpacked if they are gzip; one too large for the memory is mapped.

    ``together`` is what this file and others that are read with it weigh.

    Raises ``FileError`` for a file that is written anew meanwhile. Into a mapped one somebody may
    write later: ``check_mapped`` tells.
    """
    with reading(path, "a file"), opened(path) as file:
        before = stamp(file.fileno())
        if _begins_packed(path, file):
            data = _unpacked(path, file)
        elif not fits_memory(max(before[-1], together)):
            return _map(path, file, before)
        else:
            # without the buffer, which would copy all of it once more
            with io.FileIO(file.fileno(), closefd=False) as plain:
                plain.seek(0)
                data = plain.readall()
        check_unchanged(path, before, stamp(file.fileno()))
    if not data:
        raise _empty(path)
    return data


def text_contents(path: Path) -> Contents:
    """The bytes of a file of text, in UTF-8 where a byte order mark says that they are UTF-16."""
    data = contents(path)
    if data[:2] not in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return data
    with reading(path, "text in UTF-16, as its first bytes say"):
        return bytes(data).decode("utf-16").encode()


def is_packed(path: Path) -> bool:
    """Whether a file is gzip, whatever it is called; ``FileError`` for an empty one."""
    with reading(path, "a file"), opened(path) as file:
        return _begins_packed(path, file)


def _begins_packed(path: Path, file: io.BufferedReader) -> bool:
    first = file.read(2)
    if not first:
        raise _empty(path)
    file.seek(0)
    return first == GZIP


def _empty(path: Path) -> FileError:
    return FileError(f"{path} is empty: was it written to the end?")


@contextmanager
def reading(path: Path, kind: str) -> Generator[None, None, None]:
    """Turn whatever a foreign parser raises on broken bytes into one ``FileError`` with the path.

    Damaged bytes make parsers raise nearly anything (``KeyError``, ``MemoryError``,
    ``SyntaxError`` …), so this alone catches every kind; keep our own logic outside of it.
    """
    try:
        yield
    except AnglewiseError:
        raise
    except PermissionError as error:
        raise FileError(f"{path} may not be read: mend its permissions") from error
    except MemoryError as error:
        raise FileError(
            f"{path} asks for more memory than there is: it is damaged, or too large for here"
        ) from error
    except Exception as error:
        why = reason(error, 160)
        full = os.strerror(errno.EMFILE)
        if getattr(error, "errno", None) in {errno.EMFILE, errno.ENFILE} or full in why:
            raise FileError(
                f"{path} cannot be opened, since too many files are open: close some, or raise the "
                "limit (ulimit -n)"
            ) from error
        if is_lack_of_threads(error):
            raise FileError(f"{path} cannot be read for lack of threads: {MORE_THREADS}") from error
        raise FileError(
            f"{path} cannot be read as {kind} ({why}): it may be truncated or of another "
            "format; write or copy it again"
        ) from error


@contextmanager
def naming(path: object) -> Generator[None, None, None]:
    """Put the path of the file, or the address, in front of an error about its content."""
    try:
        yield
    except AnglewiseError as error:
        if as_message(str(path)) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def _missing(path: Path) -> str:
    nearest = next((p for p in path.parents if p.exists()), Path())
    if nearest.is_file():
        return f"{path} does not exist: {nearest} is a file, not a folder"
    if nearest != path.parent:
        store = " (of a store none is read here)" * (":/" in str(path))
        return f"{path} does not exist, nor does the folder {path.parent}: mend the path{store}"
    similar = difflib.get_close_matches(path.name, [p.name for p in nearest.iterdir()], cutoff=0.5)
    hint = f"did you mean {' or '.join(similar)}?" if similar else "mend the path"
    return f"{path} does not exist: {hint}"


def _unpacked(path: Path, file: io.BufferedReader) -> bytes:
    """Unpack a gzip file; ``FileError`` if it holds more than is allowed."""
    size = os.fstat(file.fileno()).st_size
    if size >= 18:  # the end says how much the last part holds, so that most bombs cost nothing
        file.seek(-4, os.SEEK_END)
        check_holds(path, int.from_bytes(file.read(4), "little"))
        file.seek(0)
    unpacked = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            while part := packed.read(AT_ONCE):
                check_holds(path, unpacked.tell() + len(part))
                unpacked.write(part)
    except EOFError as error:
        raise FileError(
            f"{path} is a truncated gzip file: it ends after {size:,} bytes, before its "
            "own end mark; copy or download it again"
        ) from error
    return unpacked.getvalue()


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise FileError(f"{path} is a folder where a file is due: name a file inside it")
    if not stat.S_ISREG(mode):
        kinds = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
        kind = next((name for test, name in kinds.items() if test(mode)), "a device")
        raise FileError(
            f"{path} is {kind} where a file is due, which can be read again and from any place: "
            "write what it gives to a file, and name that"
        )


def arrow(module: str | None = None) -> Any:
    """Import pyarrow or one of its modules; ``Any``, since it has no type hints.

    >>> arrow("compute").sum(arrow().array([1, 2])).as_py()
    3
    """
    return import_module("pyarrow" if module is None else f"pyarrow.{module}")
