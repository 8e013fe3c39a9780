"""The memory that may be used: of the machine, or what ``ANGLEWISE_MEMORY`` says."""

import os
import re
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


def memory_setting(setting: str) -> int:
    """The bytes that ``ANGLEWISE_MEMORY`` names; ``SpellingError`` where it names none."""
    match = SPELLED.fullmatch(setting.strip())
    size = int(float(match[1]) * UNITS[match[2].lower()]) if match else 0
    if not size:
        raise SpellingError(
            f"{VARIABLE}={setting!r}: a number of bytes is due, such as 8GB or 500MB"
        )
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
