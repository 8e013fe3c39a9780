"""Two names change places in one step, where the system can do that."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2
RENAME_SWAP = 2

CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What kernels and file systems answer that do not know how."""


def exchange(one: Path, other: Path) -> bool:
    """Let two paths change places, so that neither name is ever without a file.

    False where the system cannot; then nothing happened. Raises ``OSError`` for what is missing
    or not allowed.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = [(folder / name).write_text(name) for name in ("a", "b")]
    >>> done = exchange(folder / "a", folder / "b")
    >>> (folder / "a").read_text() == ("b" if done else "a")
    True
    """
    call = _call()
    if call is None:
        return False
    if call(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@cache
def _call() -> Callable[[bytes, bytes], int] | None:
    if sys.platform not in {"linux", "darwin"}:
        return None
    library = ctypes.CDLL(None, use_errno=True)
    try:
        found = library.renameat2 if sys.platform == "linux" else library.renamex_np
    except AttributeError:  # an older C library
        return None
    found.restype = ctypes.c_int
    if sys.platform == "darwin":
        found.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
        return lambda one, other: int(found(one, other, RENAME_SWAP))
    place = [ctypes.c_int, ctypes.c_char_p]
    found.argtypes = [*place, *place, ctypes.c_uint]
    return lambda one, other: int(found(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE))
