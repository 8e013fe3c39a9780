"""Marks by which a ``-wal`` knows the file to which it belongs, where the system keeps such marks.

They are extended attributes (Linux): a name that each store is given once, and on the ``-wal`` that
name with the numbers of both files. Copies of a folder lose them or have other numbers, so that
nothing is concluded there; a file that is put in the place of a store has another name or number.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from anglewise.errors import FileError
from anglewise.judgements.store_errors import LOG_OF_REPLACED

ATTRIBUTE = "user.anglewise.store"

if sys.platform == "linux":

    def mark_log(real: Path, log: Path) -> None:
        """Mark a store and the ``-wal`` beside it; nothing where the disk keeps no marks."""
        with suppress(OSError):
            with suppress(FileExistsError):  # another process may be doing the same
                os.setxattr(real, ATTRIBUTE, uuid4().hex.encode(), os.XATTR_CREATE)
            if _attribute(log) != (mark := _mark(real, log)):
                os.setxattr(log, ATTRIBUTE, mark)

    def check_log_is_of(real: Path, log: Path) -> None:
        """Raise ``FileError`` where a store was put in the place of the one of this ``-wal``."""
        mark = _attribute(log)
        is_copied = mark.rpartition(b" ")[2] != b"%d" % log.lstat().st_ino
        if mark and not is_copied and mark != _mark(real, log):
            raise FileError(f"{real}: {LOG_OF_REPLACED}")

    def _mark(real: Path, log: Path) -> bytes:
        return b"%s %d %d" % (_attribute(real), real.stat().st_ino, log.lstat().st_ino)

    def _attribute(path: Path) -> bytes:
        try:
            return os.getxattr(path, ATTRIBUTE, follow_symlinks=False)
        except OSError:
            return b""
else:

    def mark_log(real: Path, log: Path) -> None:
        """Do nothing: there are no such marks here."""

    def check_log_is_of(real: Path, log: Path) -> None:
        """Conclude nothing: there are no such marks here."""
