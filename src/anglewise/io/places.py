"""Where a path leads, which files were read, and those that no output may replace."""

import os
import sys
import unicodedata
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from anglewise.errors import FileError
from anglewise.judgements.connection import HEAD, STORE_NAME

Identity: TypeAlias = tuple[int, int, str]
"""Device and number of what is there; of what is not, those of the folder around, and the rest."""


@dataclass(frozen=True)
class Place:
    """What a path leads to, with whatever links, dots or letters of either case it is written.

    >>> Place(Path("/tmp/a/../b.json")).is_same(Place(Path("/tmp/b.json")))
    True
    >>> Place(Path("/tmp/new/b.json")).is_inside(Place(Path("/tmp/new")))
    True
    """

    path: Path

    @cached_property
    def resolved(self) -> Path:
        """The path without links and dots; links in a circle stay."""
        return Path(os.path.realpath(self.path))

    @cached_property
    def identity(self) -> Identity:
        """What is the same for every way to write this path."""
        return _identity(self.resolved)

    @cached_property
    def around(self) -> tuple[Identity, ...]:
        """The folders in which it lies, the nearest first."""
        return tuple(_identity(folder) for folder in self.resolved.parents)

    def is_same(self, other: "Place") -> bool:
        """Whether both lead to one file or folder."""
        return self.identity == other.identity

    def is_inside(self, folder: "Place") -> bool:
        """Whether it lies in a folder, however deep."""
        return folder.identity in self.around


def is_elsewhere(path: str) -> bool:
    """Whether a path leads to a shared folder of another machine, where Windows signs in.

    >>> is_elsewhere("//host/share/a.png"), is_elsewhere("a.png")
    (True, False)
    """
    return path.replace("\\", "/").startswith("//")


def _identity(path: Path) -> Identity:
    missing: list[str] = []
    for ancestor in (path, *path.parents):
        try:
            status = ancestor.stat()
        except OSError:
            missing.append(ancestor.name)
            continue
        names = "/".join(reversed(missing))
        if missing and _folds_case(ancestor):
            names = unicodedata.normalize("NFC", names).casefold()
        return status.st_dev, status.st_ino, names
    return 0, 0, str(path)  # a disk that is gone, as Windows has them


def _folds_case(folder: Path) -> bool:
    """Whether the file system takes Movies and movies for one name."""
    for ancestor in (folder, *folder.parents):
        swapped = ancestor.with_name(ancestor.name.swapcase()) if ancestor.name else ancestor
        if swapped.name != ancestor.name:
            try:
                return os.path.samestat(ancestor.stat(), swapped.stat())
            except OSError:
                return False
    return False


BESIDE_STORE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file, under its name; a part of what was recorded lies there."""

SPACE = frozenset({"space.json", "items.parquet", "queries.parquet", "seen.parquet", "judgements"})
"""What the folder of a space holds; another file there does no harm to it."""


def check_replaceable(target: Path) -> None:
    """Raise ``FileError`` where writing this file would end a store of judgements or a space.

    The path has no links in it. What is not there yet may be refused too: a report called
    ``judgements.sqlite`` would be in the way of the next judge.
    """
    store = is_of_store(target)
    if store:
        raise FileError(f"{target} {store}, and writing there would end it: choose another name")
    space = space_around(target)
    if space is not None:
        raise FileError(
            f"{target} is a part of the space {space}, which writing there would destroy: choose "
            "another name"
        )


def is_of_store(path: Path) -> str:
    """Why no output may replace a file of SQLite, in words; empty for any other file."""
    name = path.name
    for end in BESIDE_STORE:
        name = name.removesuffix(end)
    if name.lower() == STORE_NAME:
        return "is where judgements are kept"
    if is_sqlite(path.parent / name):
        return "is an SQLite file" if name == path.name else "is a part of an SQLite file"
    return ""


def is_sqlite(path: Path) -> bool:
    """Whether a file is SQLite, whatever it is called.

    >>> is_sqlite(Path("/nowhere/judgements.sqlite"))
    False
    """
    try:
        if not path.is_file():
            return False
    except OSError:  # a name too long: whoever opens it says so
        return False
    with path.open("rb") as file:
        return file.read(len(HEAD)) == HEAD


def space_around(path: Path) -> Path | None:
    """The space of which this file is a part, by its name and place."""
    for folder in path.parents:
        inside = path.relative_to(folder).parts
        if inside[0] in SPACE and (folder / "space.json").is_file():
            return folder
    return None


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
def noting_reads() -> Generator[Mapping[Path, Stamp], None, None]:
    """Record the files that are read in this block, so that no output replaces one of them."""
    global _read_files  # noqa: PLW0603 threads read too, and share it
    previous, _read_files = _read_files, {}
    reads = _read_files
    try:
        yield reads
    finally:
        _read_files = previous
        if previous is not None:
            previous.update(
                {path: earlier for path, earlier in reads.items() if path not in previous}
            )


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


_foreign_calls = 0
"""How many calls of code that is not ours run now, whose reads are recorded."""
_is_listening = False


@contextmanager
def noting_opened() -> Generator[None, None, None]:
    """Record what Python code opens for reading in this block, within ``noting_reads``.

    What a library opens without Python is not known. The listener stays for as long as Python
    runs, since none can be taken away, and does nothing outside of such blocks.
    """
    global _foreign_calls, _is_listening  # noqa: PLW0603 Python has one list of listeners
    if _read_files is not None and not _is_listening:
        sys.addaudithook(_note_opened)
        _is_listening = True
    _foreign_calls += 1
    try:
        yield
    finally:
        _foreign_calls -= 1


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _foreign_calls or _read_files is None:
        return
    path, _, flags = arguments
    if not isinstance(path, str | bytes) or flags & os.O_WRONLY:  # or an open handle
        return
    with suppress(OSError, ValueError):  # which the one who opens it will be told
        note_read(Path(os.path.abspath(os.fsdecode(path))))  # noqa: PTH100 Path.resolve opens
