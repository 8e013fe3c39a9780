"""Files as they come: found or not, packed or not, and what is said when they are broken."""

import difflib
import gzip
import mmap
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from anglewise.errors import AnglewiseError, FileError
from anglewise.interop.say import PathLike

Contents: TypeAlias = bytes | mmap.mmap

GZIP = b"\x1f\x8b"


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
    if path.is_dir():
        raise FileError(f"{path} is a folder where a file is due: name a file inside it")
    return path


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
    with reading(path, "a file"), path.open("rb") as file:
        if file.read(2) == GZIP:
            file.seek(0)
            unpacked = _unpacked(path, file.read())
        elif path.stat().st_size:
            unpacked = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            unpacked = b""
    if len(unpacked) == 0:
        raise FileError(f"{path} is empty: was it written to the end?")
    return unpacked


def is_packed(path: Path) -> bool:
    """Whether a file is gzip, whatever it is called."""
    with reading(path, "a file"), path.open("rb") as file:
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


def _unpacked(path: Path, packed: bytes) -> bytes:
    try:
        return gzip.decompress(packed)
    except EOFError as error:
        raise FileError(
            f"{path} is a truncated gzip file: it ends after {len(packed):,} bytes, before its "
            "own end mark; copy or download it again"
        ) from error
