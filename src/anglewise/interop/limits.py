"""How many bytes the contents of one file may take: decided by the file and the machine."""

import os
import re
from pathlib import Path

from anglewise.errors import FileError, SpellingError

VARIABLE = "ANGLEWISE_MEMORY"
FLOOR = 1 << 30
"""What a file may hold, however small it is packed, where the machine has twice as much."""
RATIO = 100
"""How much more than it weighs a large file may hold: tables of text shrink to a twentieth."""
ASSUMED = 1 << 33
"""The memory of a machine that does not say how much it has."""
UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
SPELLED = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([kmgt]?)b?", re.IGNORECASE)
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_holds(path: Path, holds: int) -> None:
    """Refuse a file that holds more than fits, before it is held.

    Raises ``FileError`` saying how much came, how much is allowed and how to allow more.
    """
    weighs = _weight(path)
    most = allowed(weighs)
    if holds > most:
        raise FileError(
            f"{path} weighs {words(weighs)} and holds {words(holds)} or more once it is unpacked, "
            f"{words(most)} are allowed: it is damaged or made to fill the memory; if it is "
            f"right, allow more: {VARIABLE}={words(2 * holds).replace(' ', '')}"
        )


def allowed(weighs: int) -> int:
    """The most that a file of so many bytes may hold.

    What ``ANGLEWISE_MEMORY`` says; else what the file weighs itself, or, if that is more, the
    smaller of half of the memory and of a hundred times its weight (but 1 GiB at least).
    """
    said = os.environ.get(VARIABLE)
    if said is not None:
        return _read(said)
    return max(weighs, min(machine_memory() // 2, max(FLOOR, RATIO * weighs)))


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
    """A number of bytes as people say it.

    >>> words(900), words(73_000), words(6_800_000_000)
    ('900 B', '73 kB', '6.8 GB')
    """
    unit = next((u for u in "TGMk" if size >= UNITS[u.lower()]), "")
    number = size / UNITS[unit.lower()]
    digits = 1 if unit and number < 10 else 0
    return f"{number:,.{digits}f} {unit}B" if number < 1e6 else f"{number:.3g} {unit}B"


def _read(said: str) -> int:
    found = SPELLED.fullmatch(said.strip())
    size = int(float(found[1]) * UNITS[found[2].lower()]) if found else 0
    if not size:
        raise SpellingError(f"{VARIABLE}={said!r}: a number of bytes is due, such as 8GB or 500MB")
    return size


def _weight(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone meanwhile
        return 0
