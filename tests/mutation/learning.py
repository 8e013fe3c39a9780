"""What each test enters: the lines of the rooms, and what runs while the package is imported."""

import hashlib
import json
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from mutation.mutants import Mutant
from mutation.rooms import ROOMS, ROOT, SOURCE

MOST_SECONDS = 4.0
"""Of processor time for the tests that are asked about one mutant, by what they took once."""


@dataclass(frozen=True)
class Test:
    """A test that passes: what it took, and the lines that it enters, by their file."""

    name: str
    seconds: float
    lines: dict[str, frozenset[int]]


class Tracer:
    """Notes which lines of some files run."""

    def __init__(self, files: Iterable[str], *, whole: bool = True) -> None:
        self.names = {str(SOURCE / file): file for file in files}
        self.whole = whole
        self.seen: dict[str, set[int]] = {}

    def start(self) -> None:
        """Follow this thread and those that begin."""
        self.seen = {}
        threading.settrace(self._entered)
        sys.settrace(self._entered)

    def stop(self) -> dict[str, list[int]]:
        """Give the lines, by file."""
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        return {name: sorted(lines) for name, lines in self.seen.items()}

    def _entered(self, frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        name = self.names.get(frame.f_code.co_filename)
        if name is None:
            return None
        lines = self.seen.setdefault(name, set())
        lines.add(frame.f_lineno)

        def follow(frame: FrameType, event: str, argument: Any) -> Any:
            del argument
            if event == "line":
                lines.add(frame.f_lineno)
            return follow

        return follow if self.whole else None


class Known:
    """What was learnt of test files, kept as long as they and the rooms stay as they are."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.of = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
        self.rooms = hashlib.sha256()
        for files in ROOMS.values():
            for file in files:
                self.rooms.update((SOURCE / file).read_bytes())

    def digest(self, file: str) -> str:
        """Of a file of tests and the rooms."""
        told = self.rooms.copy()
        told.update((ROOT / file).read_bytes())
        return told.hexdigest()[:16]

    def lacks(self, files: Sequence[str]) -> list[str]:
        """Those of which nothing is known that still holds."""
        return [one for one in files if self.of.get(one, {}).get("digest") != self.digest(one)]

    def add(self, file: str, tests: dict[str, Any]) -> None:
        """Keep what was learnt of one file."""
        self.of[file] = {"digest": self.digest(file), "tests": tests}
        self.target.write_text(json.dumps(self.of), encoding="utf-8")

    def tests(self, files: Sequence[str]) -> list[Test]:
        """All tests of some files that pass."""
        return [
            Test(name, one["seconds"], {k: frozenset(v) for k, v in one["lines"].items()})
            for file in files
            for name, one in self.of[file]["tests"].items()
            if one["passed"]
        ]


def chosen(mutant: Mutant, tests: Sequence[Test]) -> list[Test]:
    """The tests that enter what is changed, else its statement; quick ones first, to a limit."""
    lines = _using(mutant) if not mutant.owner else {}
    first, last, above, below = mutant.lines
    for places in (
        lines,
        {mutant.file: set(range(first, last + 1))},
        {mutant.file: set(range(above, below + 1))},
    ):
        if not mutant.owner and places is not lines:
            break
        entering = [one for one in tests if _enters(one, places)]
        if entering:
            break
    if not mutant.owner and not entering:
        entering = [one for one in tests if mutant.file in one.lines]
    kept: list[Test] = []
    total = 0.0
    for one in sorted(entering, key=lambda one: (one.seconds, one.name)):
        total += one.seconds + 0.005
        if kept and total > MOST_SECONDS:
            break
        kept.append(one)
    return kept


def _enters(test: Test, places: dict[str, set[int]]) -> bool:
    return any(not lines.isdisjoint(test.lines.get(file, ())) for file, lines in places.items())


def _using(mutant: Mutant) -> dict[str, set[int]]:
    """Where a module's own name is used; of a class's own lines, nothing."""
    text = (SOURCE / mutant.file).read_text(encoding="utf-8").splitlines()
    name = text[mutant.lines[2] - 1].partition("=")[0].partition(":")[0].strip()
    if not name.isidentifier():
        return {}
    found: dict[str, set[int]] = {}
    for file in {file for files in ROOMS.values() for file in files}:
        for number, line in enumerate((SOURCE / file).read_text(encoding="utf-8").splitlines(), 1):
            if name in line and (file, number) != (mutant.file, mutant.lines[2]):
                found.setdefault(file, set()).add(number)
    return found
