"""Whether the folder still holds the space that was read."""

import time
from dataclasses import dataclass, field
from pathlib import Path

CHANGED = (
    "This space has been written anew since the page was opened: "
    "what you see is what was read then."
)
"""What is said on every page of a space that was replaced."""

EVERY = 1.0
"""Seconds between two looks at the disk."""


@dataclass
class Freshness:
    """Remembers what ``space.json`` looked like; asks the disk at most once a second."""

    folder: Path | None
    every: float = EVERY
    _then: tuple[int, ...] | None = field(init=False)
    _looked: float = field(init=False, default=0.0)
    _changed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._then = self._stamp()

    @property
    def changed(self) -> bool:
        """Whether the space on disk is another one now, or gone."""
        if not self._changed and time.monotonic() - self._looked >= self.every:
            self._looked = time.monotonic()
            self._changed = self._stamp() != self._then
        return self._changed

    def _stamp(self) -> tuple[int, ...] | None:
        if self.folder is None:
            return None
        try:
            found = (self.folder / "space.json").stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
