"""The memory that may be used: of the machine, or what ``ANGLEWISE_MEMORY`` says."""

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from anglewise.errors import SpellingError, ValuesError

VARIABLE = "ANGLEWISE_MEMORY"
ASSUMED = 1 << 33
"""The memory of a machine that does not say how much it has."""
UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
SPELLED = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([kmgt]?)b?", re.IGNORECASE | re.ASCII)
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def room() -> int:
    """The most that results may hold: what ``ANGLEWISE_MEMORY`` says, else half of the memory."""
    setting = os.environ.get(VARIABLE)
    return machine_memory() // 2 if setting is None else memory_setting(setting)


_budget: int | None = None
"""What one command may take in all, as ``--memory`` says."""


@contextmanager
def budget(setting: str | None) -> Generator[None, None, None]:
    """Let the work of this block take so much memory in all, such as ``"4GB"``; None: as before.

    Files and matrices of more than a quarter of it are mapped. Processes that are started know it
    too. ``SpellingError`` where the setting names no number of bytes.

    >>> with budget("1GB"):
    ...     room(), fits_memory(250_000_000), fits_memory(250_000_001)
    (1000000000, True, False)
    """
    global _budget  # noqa: PLW0603 one command runs in a process, and its threads share it
    if setting is None:
        yield
        return
    size = memory_setting(setting, "--memory")
    before, outside = _budget, os.environ.get(VARIABLE)
    _budget, os.environ[VARIABLE] = size, str(size)
    try:
        yield
    finally:
        _budget = before
        if outside is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = outside


def fits_memory(size: int) -> bool:
    """Whether so many bytes are held in memory; more of them are mapped.

    What is mapped changes under its reader when somebody writes into the file.
    """
    setting = os.environ.get(VARIABLE)
    limit = machine_memory() // 4
    if _budget is not None:
        limit = min(limit, _budget // 4)
    return size <= (limit if setting is None else min(limit, memory_setting(setting)))


NAMED = 250
"""Bytes of an id that is given, in the tables by which it is found and ordered, about."""


def check_ids(path: Path, rows: int) -> None:
    """Refuse ids that take more than ``--memory`` allows, before they are read."""
    if _budget is not None and NAMED * rows > _budget:
        raise ValuesError(
            f"{path}: {rows:,} ids take about {words(NAMED * rows)}, and --memory allows "
            f"{words(_budget)}: leave the column of ids out (rows are then called 0, 1, 2, …), "
            "search by files (--shards), or allow more"
        )


def machine_memory() -> int:
    """The memory of this machine, or of the container in which this runs."""
    try:
        limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):  # not everywhere
        limits = [ASSUMED]
    for name in CGROUPS:
        try:
            limits.append(int(Path(name).read_text("ascii")))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(limits)


def words(size: int) -> str:
    """Write a number of bytes for people.

    >>> words(900), words(73_000), words(6_800_000_000)
    ('900 B', '73 kB', '6.8 GB')
    """
    unit = next((u for u in "TGMk" if size >= UNITS[u.lower()]), "")
    number = size / UNITS[unit.lower()]
    digits = 1 if unit and number < 10 else 0
    return f"{number:,.{digits}f} {unit}B" if number < 1e6 else f"{number:.3g} {unit}B"


def memory_setting(setting: str, name: str = VARIABLE) -> int:
    """The bytes that ``ANGLEWISE_MEMORY`` names; ``SpellingError`` where it names none."""
    match = SPELLED.fullmatch(setting.strip())
    size = int(float(match[1]) * UNITS[match[2].lower()]) if match else 0
    if not size:
        raise SpellingError(f"{name}={setting!r}: a number of bytes is due, such as 8GB or 500MB")
    return size


SQUARES = 5
"""How many squares of its dimension a map of all directions takes while it is made."""


def check_square(dimension: int) -> None:
    """Refuse a map of all directions of vectors so wide that it would fill the memory.

    Such a map takes the square of the dimension, however few the vectors are.
    """
    check_room(
        f"a map of all directions of {dimension:,} dimensions",
        8 * SQUARES * dimension**2,
        "take vectors of fewer dimensions",
    )


def check_room(what: str, size: int, instead: str) -> None:
    """Refuse what takes more bytes than are allowed, and say what to do ``instead``.

    >>> check_room("a table", 10**15, "take fewer rows")
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: a table takes 1,000 TB, ... are allowed: take fewer rows, or ...
    """
    if size > room():
        raise ValuesError(
            f"{what} takes {words(size)}, {words(room())} are allowed: {instead}, or allow more: "
            f"{VARIABLE}={words(2 * size).replace(' ', '')}"
        )
