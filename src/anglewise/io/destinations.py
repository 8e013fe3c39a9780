"""Take the place of what is there: kinds of files, modes, what is mounted, and the swap itself."""

import ctypes
import errno
import os
import re
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.text import as_path
from anglewise.errors import FileError
from anglewise.io.files import PathLike, check_not_empty

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


def checked_path(path: PathLike | Any) -> Path:
    """A path that any disk could hold; ``FileError`` for an empty one, a NUL or half a character.

    Raises ``WrongTypeError`` for what is no path.

    >>> checked_path("result.json").name
    'result.json'
    """
    as_path(path, "an output")
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


OPEN_OUTPUT = re.compile(r"/dev/(?:(stdout)|(stderr)|fd/([0-9]{1,9}))")


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
    mounted = _mount_points()
    for path in paths:
        if not os.access(path, os.W_OK):
            raise FileError(
                f"{path} may only be read: choose another name, or allow writing there (chmod u+w)"
            )
        if os.path.ismount(path) or os.fsencode(path) in mounted:
            raise FileError(
                f"{path} is a mount point, which cannot be replaced: name a place inside it"
                if path.is_dir()
                else f"{path} is mounted there and cannot be replaced: choose another name"
            )


MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux says what is mounted; ``os.path.ismount`` knows no file, nor a folder of the disk."""


def _mount_points() -> set[bytes]:
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:  # another system
        return set()
    names = (line.split(b" ")[4] for line in lines)
    return {re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), n) for n in names}


def keep_mode(target: Path, part: Path, *, and_ours: int = 0) -> None:
    """Let those read and write a new file or folder who may do so with what it replaces.

    It stays its owner's too, where the system lets us give it away, as it lets root.
    """
    if not target.exists():
        return
    status = target.stat()
    _keep_owner(status, part)
    part.chmod(stat.S_IMODE(status.st_mode) & 0o777 | and_ours)


def _keep_owner(status: os.stat_result, part: Path) -> None:
    now = part.stat()
    if os.name == "nt" or (now.st_uid, now.st_gid) == (status.st_uid, status.st_gid):
        return
    for owner, group in ((-1, status.st_gid), (status.st_uid, -1)):
        with suppress(OSError):
            os.chown(part, owner, group)


def keep_modes(target: Path, part: Path) -> None:
    """The same for a folder and each file in it, by its name."""
    for path in (*part.rglob("*"), part):
        keep_mode(target / path.relative_to(part), path)
