"""One at a time: what reads a file, changes it and writes it back keeps others waiting."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from anglewise.interop.atomic import writing
from anglewise.interop.say import PathLike


@contextmanager
def locked(path: PathLike) -> Generator[None, None, None]:
    """Hold the lock of a file, as long as the block runs; wait for whoever holds it.

    The lock is a file beside it, gone afterwards; the system frees it when its holder dies.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "history.parquet"
    >>> with locked(target):
    ...     [file.name for file in target.parent.iterdir()]
    ['.history.parquet.lock']
    >>> list(target.parent.iterdir())
    []
    """
    with writing(path) as target:
        lock = target.with_name(f".{target.name[:200]}.lock")
        handle = _held(lock)
    try:
        yield
    finally:
        if os.name != "nt":  # there an open file cannot be removed
            lock.unlink(missing_ok=True)
        os.close(handle)


def _held(lock: Path) -> int:
    """Open and lock the file; again if its holder removed it meanwhile."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        _wait(handle)
        if os.name == "nt" or _is_there(lock, handle):
            return handle
        os.close(handle)


def _is_there(lock: Path, handle: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _wait(handle: int) -> None:
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
            except OSError:  # it gives up after ten seconds
                continue
            return
else:
    import fcntl

    def _wait(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
