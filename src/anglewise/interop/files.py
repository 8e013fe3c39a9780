"""Files as they come: found or not, packed or not, and what is said when they are broken."""

import difflib
import gzip
import io
import mmap
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from anglewise.errors import AnglewiseError, FileError
from anglewise.interop.limits import check_holds
from anglewise.interop.say import PathLike

Contents: TypeAlias = bytes | mmap.mmap

GZIP = b"\x1f\x8b"
AT_ONCE = 1 << 20
"""Bytes that are unpacked before it is asked again whether there is room."""


def existing(path: PathLike) -> Path:
    """The path of what is there; else ``FileError`` with names like it.

    >>> existing("/nowhere/qrels.tsv")
    Traceback (most recent call last):
    ...
    anglewise.errors.FileError: /nowhere/qrels.tsv does not exist, nor does the folder /nowhere: ...
    """
    path = Path(path)
    try:
        if path.exists():
            return path
        missing = _missing(path)
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be entered
        raise FileError(f"{path} cannot be looked up ({error}): mend the path") from error
    raise FileError(missing)


def existing_file(path: PathLike) -> Path:
    """The path of a file that is there; else ``FileError``."""
    path = existing(path)
    _check_regular(path, path.stat().st_mode)
    return path


@contextmanager
def opened(path: Path) -> Generator[io.BufferedReader, None, None]:
    """Open a file of bytes; ``FileError`` for a folder, a pipe or a device, without waiting.

    A pipe is refused even where somebody writes into it: files are looked at more than once.
    """
    # without waiting: else the mere opening of a pipe waits for somebody who writes
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        _check_regular(path, os.fstat(handle).st_mode)
        yield file


def file_text(path: Path) -> str:
    """All of a small text file that ours or other programs wrote, such as ``space.json``."""
    with opened(path) as file:
        check_holds(path, os.fstat(file.fileno()).st_size)
        return file.read().decode("utf-8")


def existing_folder(path: PathLike) -> Path:
    """The path of a folder that is there; else ``FileError``."""
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


def contents(path: Path) -> Contents:
    """The bytes of a file, unpacked if they are gzip; memory-mapped if not."""
    with reading(path, "a file"), opened(path) as file:
        if file.read(2) == GZIP:
            file.seek(0)
            unpacked = _unpacked(path, file)
        elif os.fstat(file.fileno()).st_size:
            unpacked = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            unpacked = b""
    if len(unpacked) == 0:
        raise FileError(f"{path} is empty: was it written to the end?")
    return unpacked


def is_packed(path: Path) -> bool:
    """Whether a file is gzip, whatever it is called."""
    with reading(path, "a file"), opened(path) as file:
        return file.read(2) == GZIP


@contextmanager
def reading(path: Path, due: str) -> Generator[None, None, None]:
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
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise FileError(
            f"{path} cannot be read as {due} ({why}): it may be truncated or of another format; "
            "write or copy it again"
        ) from error


@contextmanager
def naming(path: Path) -> Generator[None, None, None]:
    """Put the name of the file in front of what is wrong with its numbers."""
    try:
        yield
    except AnglewiseError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def _missing(path: Path) -> str:
    nearest = next((p for p in path.parents if p.exists()), Path())
    if nearest.is_file():
        return f"{path} does not exist: {nearest} is a file, not a folder"
    if nearest != path.parent:
        return f"{path} does not exist, nor does the folder {path.parent}: mend the path"
    names = [p.name for p in nearest.iterdir()]
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "mend the path"
    return f"{path} does not exist: {hint}"


def _unpacked(path: Path, file: io.BufferedReader) -> bytes:
    """All that a gzip file holds, as far as it may hold so much."""
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
