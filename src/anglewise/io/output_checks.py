"""Outputs before they are written: names that fit, and what a command declared still holding."""

import os
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from anglewise.data_types.numbers import shown
from anglewise.errors import FileError, SpellingError
from anglewise.io.files import noting_reads, was_read

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


_declared: list[Path] = []
"""The files that this command has still to write."""
_started_in: str | None = None
"""The folder in which this command began, from which its paths lead."""
_of_settings: list[tuple[Path, Path, bool]] = []
"""Outputs that the settings of a folder named: path, folder without links, whether it is new."""


@contextmanager
def declaring(
    outputs: Iterable[Path], of_settings: Iterable[tuple[Path, bool]] = ()
) -> Generator[None, None, None]:
    """Say which files a command will write, so that all are checked before the first is.

    What is read in the end cannot be known from the call alone: a table names pictures, a model
    names the files of its weights. ``of_settings`` are those, as absolute paths, that the settings
    of the current folder named: they stay inside of it, and where a path goes with true nothing
    may be there. Both are asked again when they are written.
    """
    global _declared, _started_in, _of_settings  # noqa: PLW0603 one call at a time
    previous = _declared, _started_in, _of_settings
    _declared, _started_in = list(outputs), _current_folder()
    here = Path(os.path.realpath(_started_in or "/"))
    _of_settings = [*_of_settings, *((path, here, is_new) for path, is_new in of_settings)]
    try:
        with noting_reads():
            yield
    finally:
        _declared, _started_in, _of_settings = previous


def _current_folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 as text
    except OSError:  # it was removed
        return None


def check_still_here(path: Path) -> None:
    """Raise ``FileError`` where a path would lead elsewhere than when the command began."""
    if _started_in is not None and not path.is_absolute() and _current_folder() != _started_in:
        raise FileError(
            f"{path} would be written elsewhere than in {_started_in}, since code that this call "
            "ran changed the current folder: name the whole path, or mend that code"
        )


def check_settings_stand(path: Path, target: Path) -> None:
    """Raise ``FileError`` where an output that a folder's settings named leads elsewhere by now."""
    for named, folder, is_new in _of_settings:
        if not Path(os.path.abspath(path)).is_relative_to(named):  # noqa: PTH100 links stay
            continue
        if not target.is_relative_to(folder):
            raise FileError(
                f"{path} leads to {target} by now, and what the settings of {folder} name stays "
                "inside of it: type where it is to be written"
            )
        if is_new and (target.is_file() or (target.is_dir() and any(target.iterdir()))):
            raise FileError(
                f"{path} came to be while this call ran, and what the settings of {folder} name "
                "replaces nothing: type another name, or this one"
            )


def check_not_read(target: Path) -> None:
    """Raise ``FileError`` where an output of this command is a file that it has read."""
    for output in _declared:
        if was_read(output):
            raise FileError(
                f"{output} was read by this call, and writing there would end it: choose another "
                "name for the output"
            )
    _declared[:] = [output for output in _declared if Path(os.path.realpath(output)) != target]
