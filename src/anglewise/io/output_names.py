"""Names of outputs: of the right kind, short enough, and of a handle that the caller opened."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from anglewise.data_types.numbers import shown
from anglewise.errors import FileError, SpellingError

HANDLES = re.compile(r"/dev/fd|/proc/(?P<process>[0-9]+)(/task/[0-9]+)?/fd")
"""The folders whose files are what a process has open."""


def handle_of(path: Path) -> int | None:
    """The handle of this process to which a path leads, links followed; None for any other path.

    >>> handle_of(Path("result.json")) is None
    True
    """
    if os.name == "nt":
        return None
    for _ in range(LINKS):
        folder = HANDLES.fullmatch(os.path.realpath(path.parent))
        if folder and path.name.isdecimal():
            ours = folder["process"] in {None, str(os.getpid())}
            return int(path.name) if ours else None
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


LINKS = 40
"""More links in a row the system does not follow."""


def check_handle(path: Path, *, writes: bool) -> None:
    """Raise ``FileError`` for a handle that whoever started this program did not hand it.

    What the program opens itself is closed in programs that it starts; what it was handed is not.
    """
    number = handle_of(path)
    if number is None:
        return
    import fcntl

    try:
        mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
        is_given = os.get_inheritable(number)
    except OSError:
        mode, is_given = 0, False
    due = "write" if writes else "read"
    if not is_given:
        raise FileError(
            f"{path}: nothing was opened as {number} for this command to {due}: name a file, or "
            f"open it ({number}{'>' if writes else '<'}FILE)"
        )
    if mode not in {os.O_RDWR, os.O_WRONLY if writes else os.O_RDONLY}:
        raise FileError(f"{path}: what is open as {number} cannot be used to {due}: name a file")


KINDS = frozenset({
    ".arrow", ".csv", ".db", ".feather", ".gif", ".gz", ".htm", ".html", ".jpeg", ".jpg", ".json",
    ".jsonl", ".markdown", ".md", ".ndjson", ".npy", ".npz", ".ods", ".parquet", ".pdf", ".pkl",
    ".png", ".qrel", ".qrels", ".run", ".safetensors", ".sqlite", ".svg", ".toml", ".tsv", ".txt",
    ".xls", ".xlsx", ".xml", ".yaml", ".yml", ".zip",
})  # fmt: skip
"""Endings that say of which kind a file is."""


def check_ending(
    path: Path, endings: Sequence[str], what: str = "what is written there", *, only: bool = False
) -> None:
    """Raise ``SpellingError`` for the name of another kind of file; ``only`` takes no other ending.

    So does a file that is there and holds something: one of any other ending is somebody's work of
    another kind, and ``FileError`` is raised.

    >>> check_ending(Path("page.html"), [".html"])
    >>> check_ending(Path("page.pdf"), [".html"])
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: page.pdf ends in .pdf, and what is written there is no such ...
    """
    ending = path.suffix.lower()
    if ending not in endings and (ending in KINDS or only):
        came = f"ends in {ending}" if ending else "has no ending"
        raise SpellingError(
            f"{path} {came}, and {what} is no such file: call it by {' or '.join(endings)}"
        )
    real = Path(os.path.realpath(path))  # a link stays, and what it leads to is replaced
    if real.suffix.lower() not in endings and _holds_something(path):
        at = "" if real.name == path.name else f" leads to {real}, which"
        raise FileError(
            f"{path}{at} is there already and does not end in {' or '.join(endings)}, so that "
            f"it may be a file of another kind than {what}: choose another name, or remove it"
        )


def _holds_something(path: Path) -> bool:
    """Whether a file that is not empty is there; what a caller opened is the caller's."""
    try:
        return path.is_file() and path.stat().st_size > 0 and handle_of(path) is None
    except (OSError, ValueError):  # which whoever writes there will say
        return False


LONGEST_NAME = 255
"""Bytes of a name that every usual file system holds."""


def check_name_fits(path: Path, more: int = 0) -> None:
    """Raise ``FileError`` for a name that is too long for its folder, with ``more`` bytes behind.

    >>> check_name_fits(Path("a" * 300))
    Traceback (most recent call last):
    ...
    anglewise.errors.FileError: aaa...: the name has 300 bytes, at most 255 fit: ...
    """
    size = len(os.fsencode(path.name)) + more
    longest = _longest_name(path.parent)
    if size > longest:
        raise FileError(
            f"{shown(str(path))}: the name has {size} bytes, at most {longest} fit: choose a "
            "shorter one"
        )


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows, or a folder that is not there
        return LONGEST_NAME
