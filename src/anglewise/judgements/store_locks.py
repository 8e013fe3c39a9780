"""Locks on a store that belong to a handle of it, beside those of SQLite, which others may drop."""

import os
import sqlite3
import struct
import sys

RESERVED = 0x4000_0001
"""The byte of a file that SQLite locks to write without a ``-wal``: then its journal is in use."""
SHARED_FIRST, SHARED_SIZE = 0x4000_0002, 510
"""The bytes of a file that SQLite locks for as long as it has it open."""


def locked_error() -> sqlite3.OperationalError:
    """What SQLite itself raises for a file that another program holds locked."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def share_file(handle: int, *, locked: bool) -> None:
    """Share the lock by which SQLite knows in another process that it is not the last one.

    This one belongs to the handle, and lasts where a program closes another handle of the file, as
    whoever copies an open store does: that drops the locks of SQLite itself.
    """
    _shared_lock(handle, SHARED_FIRST, SHARED_SIZE, locked=locked)


def hold_journals(handle: int, *, locked: bool) -> bool | None:
    """Share the lock that a writer takes; False where one has it, None without such locks."""
    return _shared_lock(handle, RESERVED, 1, locked=locked)


if sys.platform == "linux":
    import fcntl

    def _shared_lock(handle: int, start: int, size: int, *, locked: bool) -> bool | None:
        """Share a lock that belongs to the handle, not to the process, or let go of it."""
        kind = fcntl.F_RDLCK if locked else fcntl.F_UNLCK
        lock = struct.pack("hhqqi", kind, os.SEEK_SET, start, size, 0)
        try:
            fcntl.fcntl(handle, fcntl.F_OFD_SETLK, lock)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # a file system without such locks
            return None
        return True
else:

    def _shared_lock(handle: int, start: int, size: int, *, locked: bool) -> bool | None:  # noqa: ARG001
        """None: there are no locks here that belong to a handle."""
        return None
