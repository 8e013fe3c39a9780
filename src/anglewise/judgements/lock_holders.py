"""Which processes hold the locks of a file or folder, as far as Linux lets us know."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from anglewise.data_types.numbers import shown

LOCKS = Path("/proc/locks")
"""Where Linux lists the locks that are held; those who wait for one have an arrow in their line."""

LOCK = re.compile(
    r"\d+: \w+ +\w+ +(?P<kind>\w+) (?P<process>\d+) "
    r"(?P<major>[0-9a-f]+):(?P<minor>[0-9a-f]+):(?P<inode>\d+) (?P<first>\d+) (?P<last>\d+|EOF)"
)

WRITER = range(0x4000_0000, 0x4000_0002), range(120, 123)
"""The bytes of a store, and of its ``-shm``, that SQLite locks to write or to recover."""


class Lock(NamedTuple):
    """A lock that a process holds on some bytes of a file."""

    process: int
    writes: bool
    first: int
    last: int | None
    """None where it reaches to the end, however long the file may grow."""

    def covers(self, some: range) -> bool:
        """Whether the lock is on any of these bytes."""
        return self.first < some.stop and (self.last is None or self.last >= some.start)


def holders_of(folder: Path) -> str:
    """Who holds a folder locked, in brackets behind a blank; empty where nobody can be named.

    >>> holders_of(Path("/nowhere"))
    ''
    """
    return _in_words({lock.process for lock in _locks_on(folder)})


def writers_of(store: Path) -> str:
    """Who holds a store locked against writing, in brackets; empty where nobody can be named."""
    file, index = WRITER
    locks = [lock for lock in _locks_on(store) if lock.writes or lock.covers(file)]
    beside = Path(os.path.realpath(store) + "-shm")
    locks += [lock for lock in _locks_on(beside) if lock.covers(index)]
    return _in_words({lock.process for lock in locks})


def _locks_on(path: Path) -> Iterator[Lock]:
    with suppress(OSError, ValueError):  # another system, a path that is gone
        lines = LOCKS.read_text("ascii").splitlines()
        status = path.stat()
        device = os.major(status.st_dev), os.minor(status.st_dev)
        for line in lines:
            lock = LOCK.match(line)
            if lock is None or int(lock["inode"]) != status.st_ino or lock["process"] == "0":
                continue
            if (int(lock["major"], 16), int(lock["minor"], 16)) == device:
                last = None if lock["last"] == "EOF" else int(lock["last"])
                yield Lock(int(lock["process"]), lock["kind"] == "WRITE", int(lock["first"]), last)


MOST_NAMED = 3


def _in_words(processes: set[int]) -> str:
    if not processes:
        return ""
    names = [_described(process) for process in sorted(processes)[:MOST_NAMED]]
    more = len(processes) - MOST_NAMED
    return f" ({' and '.join([*names, *([f'{more} more'] if more > 0 else [])])})"


def _described(process: int) -> str:
    if process == os.getpid():
        return "this process"
    words = [f"process {process}"]
    with suppress(OSError, KeyError, ValueError):
        status = (Path("/proc") / str(process) / "status").read_text("utf-8", "replace")
        parts = (line.partition(":") for line in status.splitlines())
        fields = {name: value for name, _, value in parts}
        words.append(shown(fields["Name"].strip()))
        owner = int(fields["Uid"].split()[1])
        if sys.platform != "win32" and owner != os.geteuid():
            words.append(f"of account {_name_of_account(owner)}")
    return ", ".join(words)


def _name_of_account(number: int) -> str:
    try:
        import pwd

        return shown(pwd.getpwuid(number).pw_name)
    except (ImportError, KeyError):
        return f"number {number}"
