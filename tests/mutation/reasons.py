"""Why a mutant survives, for those of which somebody found out: tests/mutation/survivors.txt."""

from functools import cache
from pathlib import Path

SURVIVORS = Path(__file__).with_name("survivors.txt")
EQUIVALENT = "same: "
"""How a reason begins that shows that no result changes."""


@cache
def reasons() -> dict[str, str]:
    """Reasons by the key of the mutant: lines of a key, a place for the reader, and the reason."""
    lines = SURVIVORS.read_text(encoding="utf-8").splitlines()
    told = [line.split(" | ", 2) for line in lines if line and not line.startswith("#")]
    return {key: why for key, _, why in told}
