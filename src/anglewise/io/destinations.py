"""Where outputs go: where a path leads, what may not be replaced, and the swap itself."""

import ctypes
import errno
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeAlias

from anglewise.errors import FileError
from anglewise.io.files import PathLike, opened
from anglewise.io.ownership import check_whose_link
from anglewise.judgements.store_files import HEAD, STORE_NAME, head_of, mount_points

AT_FDCWD = -100
RENAME_EXCHANGE = 2
RENAME_SWAP = 2

CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
"""Errors of kernels and file systems that cannot swap two paths."""


def exchange(first: Path, second: Path) -> bool:
    """Swap two paths in one step, so that neither name is ever without a file.

    False where the system cannot; then nothing happened. Raises ``OSError`` for what is missing
    or not allowed.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = [(folder / name).write_text(name) for name in ("a", "b")]
    >>> done = exchange(folder / "a", folder / "b")
    >>> (folder / "a").read_text() == ("b" if done else "a")
    True
    """
    call = _system_exchange()
    if call is None:
        return False
    if call(os.fsencode(first), os.fsencode(second)) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(first), None, str(second))


@cache
def _system_exchange() -> Callable[[bytes, bytes], int] | None:
    if sys.platform not in {"linux", "darwin"}:
        return None
    library = ctypes.CDLL(None, use_errno=True)
    try:
        function = library.renameat2 if sys.platform == "linux" else library.renamex_np
    except AttributeError:  # an older C library
        return None
    function.restype = ctypes.c_int
    if sys.platform == "darwin":
        function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
        return lambda first, second: int(function(first, second, RENAME_SWAP))
    path_arguments = [ctypes.c_int, ctypes.c_char_p]
    function.argtypes = [*path_arguments, *path_arguments, ctypes.c_uint]
    return lambda first, second: int(function(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE))


def is_device(path: Path) -> bool:
    """Whether a path leads to a device such as ``/dev/null``, a pipe or a socket; no disk is one.

    What a file system says of it decides, never where it lies: ``/dev/shm`` holds plain files.

    >>> is_device(Path(os.devnull)), is_device(Path(os.devnull).parent / "nowhere.json")
    (True, False)
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


OPEN_OUTPUT = re.compile(r"/dev/(?:(stdout)|(stderr))|/(?:dev|proc/self)/fd/([0-9]{1,9})")


def open_output(path: PathLike) -> int | None:
    """The handle that a path names, such as 1 for ``/dev/stdout``; None for any other path.

    What it leads to may be a file of the shell's (``> out.txt``), which nobody wants replaced.

    >>> open_output("/dev/../dev/stdout") is None
    True
    """
    named = OPEN_OUTPUT.fullmatch(os.fspath(path))
    if named is None or os.name == "nt":
        return None
    return 1 if named[1] else 2 if named[2] else int(named[3])


HANDLES = "/proc/self/fd"
"""Where Linux shows the open files and folders of a program."""

MOST_LINKS = 40
"""Links that are followed in one path, as Linux does."""


def without_links(path: Path) -> Path:
    """Where an output goes: the absolute path with links followed and dots taken out.

    Raises ``FileError`` for a link that another account put into its own folder, or into one to
    which accounts besides ours may write: it would choose what we write over. Of what lies in an
    open folder (``/proc/self/fd/3/a.json``) the beginning stays.
    """
    if os.name == "nt":
        return path.resolve()
    within = OPEN_FOLDER.match(os.fspath(path))
    at = Path(within[0] if within else Path.cwd())
    left = list(path.relative_to(at).parts if within else path.parts)[::-1]
    followed = 0
    while left:
        name = left.pop()
        if name == "..":
            at = at.parent
            continue
        at = at / name  # "/" begins anew
        if not at.is_symlink():
            continue
        followed += 1
        if followed > MOST_LINKS:
            raise FileError(f"{path} could not be written: its links lead in a circle; mend them")
        check_whose_link(at)
        at, left = at.parent, [*left, *Path(at.readlink()).parts[::-1]]
    return at


OPEN_FOLDER = re.compile(rf"{HANDLES}/[0-9]{{1,9}}(?=/)")


def check_only(folder: Path, is_ours: Callable[[str], bool]) -> None:
    """Raise ``FileError`` where a folder that is to be replaced holds what we did not write.

    ``is_ours`` is asked about each path in it, as seen from there; a link is never ours.
    """
    others = sorted(
        name
        for path in folder.rglob("*")
        for name in (path.relative_to(folder).as_posix(),)
        if path.is_symlink() or not is_ours(name)
    )
    if others:
        raise FileError(
            f"{folder} also holds {', '.join(others[:3])}, which replacing it would delete: "
            "move that elsewhere, or choose another name"
        )


def check_writable(*paths: Path) -> None:
    """Raise ``FileError`` for what may only be read, or is mounted, so that none can replace it.

    A rename would put another file in the place of a protected one, which opening it would not.
    """
    mounted = mount_points()
    for path in paths:
        if not os.access(path, os.W_OK):
            raise FileError(
                f"{path} may only be read: choose another name, or allow writing there (chmod u+w)"
            )
        # files of some overlays lie on another device than their folders
        if (path.is_dir() and os.path.ismount(path)) or os.fsencode(path) in mounted:
            raise FileError(
                f"{path} is a mount point, which cannot be replaced: name a place inside it"
                if path.is_dir()
                else f"{path} is mounted there and cannot be replaced: choose another name"
            )


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
    if is_of_space(target):
        raise FileError(
            f"{target} is what a space is made of, by what it holds, and writing there would "
            "destroy that space: choose another name, or move it away first"
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


def first_bytes(path: Path, size: int) -> bytes:
    """How a file begins that an output may replace; nothing where there is no file.

    A pipe is none, and is not waited for. Nothing is noted as read.

    >>> first_bytes(Path("/nowhere/space.json"), 10)
    b''
    """
    try:
        if not path.is_file():
            return b""
    except (OSError, ValueError):  # a name that no disk takes: whoever opens it says so
        return b""
    with opened(path, noted=False) as file:
        return file.read(size)


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
    return head_of(path) == HEAD


def space_around(path: Path) -> Path | None:
    """The space of which this file is a part, by its name and place."""
    for folder in path.parents:
        inside = path.relative_to(folder).parts
        if inside[0] in SPACE and (folder / "space.json").is_file():
            return folder
    return None


def is_of_space(path: Path) -> bool:
    """Whether a file is one of those that make a space, by what it holds.

    A mount or a link may show it in a folder where nothing else tells.

    >>> is_of_space(Path("/nowhere/items.parquet"))
    False
    """
    start = first_bytes(path, 64)
    if start.startswith(b"PAR1"):
        from anglewise.io.side_files import is_table_of_space

        return is_table_of_space(path)
    return start.startswith(b'{\n "format": ') and b'"written_by": "anglewise ' in start
