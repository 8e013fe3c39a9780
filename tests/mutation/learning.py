"""What each test enters: the lines of the rooms, and what runs while the package is imported."""

import hashlib
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from mutation.mutants import Mutant
from mutation.rooms import ROOMS, ROOT, SOURCE

MOST_SECONDS = 5.0
"""Of processor time for the tests that are asked about one mutant, by what they took once."""


@dataclass(frozen=True, eq=False)
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
    """What was learnt of test files, kept as long as they stay as they are.

    A room may change meanwhile: its lines are followed to where they stand now, and those that are
    new are entered by no test that is known.
    """

    def __init__(self, folder: Path) -> None:
        self.target, self.sources = folder / "tests.json", folder / "sources"
        self.sources.mkdir(parents=True, exist_ok=True)
        kept = self.target
        self.of = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        self.now: dict[str, str] = {}
        for file in {file for files in ROOMS.values() for file in files}:
            self.now[file] = _digest(data := (SOURCE / file).read_bytes())
            (self.sources / self.now[file]).write_bytes(data)

    def lacks(self, files: Sequence[str]) -> list[str]:
        """Those of which nothing is known that still holds."""
        return [one for one in files if self.of.get(one, {}).get("digest") != _of_test(one)]

    def add(self, file: str, tests: dict[str, Any]) -> None:
        """Keep what was learnt of one file."""
        self.of[file] = {"digest": _of_test(file), "rooms": self.now, "tests": tests}
        self.target.write_text(json.dumps(self.of), encoding="utf-8")

    def tests(self, files: Sequence[str]) -> list[Test]:
        """All tests of some files that pass."""
        return [
            Test(name, one["seconds"], self._lines(one["lines"], self.of[file]["rooms"]))
            for file in files
            for name, one in self.of[file]["tests"].items()
            if one["passed"]
        ]

    def _lines(
        self, lines: dict[str, list[int]], then: dict[str, str]
    ) -> dict[str, frozenset[int]]:
        found: dict[str, frozenset[int]] = {}
        for file, numbers in lines.items():
            if file not in self.now:
                continue
            places = self._places(then[file], self.now[file])
            found[file] = frozenset(numbers if places is None else map(places.get, numbers)) - {
                None
            }
        return found

    @cache  # noqa: B019 one lives as long as the program
    def _places(self, then: str, now: str) -> dict[int, int] | None:
        """Where the lines of a file stand now; None where it did not change."""
        if then == now:
            return None
        old, new = (
            (self.sources / one).read_text(encoding="utf-8").splitlines() for one in (then, now)
        )
        blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        return {block.a + at + 1: block.b + at + 1 for block in blocks for at in range(block.size)}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _of_test(file: str) -> str:
    """Of the examples of a room's own file nothing but these counts, so that it may change."""
    if file.startswith("src/"):
        text = (ROOT / file).read_text(encoding="utf-8")
        return _digest("\n".join(re.findall(r"^ *(?:>>>|\.\.\.) .*", text, re.MULTILINE)).encode())
    return _digest((ROOT / file).read_bytes())


def chosen(mutant: Mutant, tests: Sequence[Test], most: float = MOST_SECONDS) -> list[Test]:
    """The tests that enter what is changed, else its statement, else its function; to a limit.

    Half of the time goes to the quickest, as laws of a single function are, half to one of each
    file by turns.
    """
    lines = _using(mutant) if not mutant.owner else {}
    first, last, above, below = mutant.lines
    for places in (
        lines,
        {mutant.file: set(range(first, last + 1))},
        {mutant.file: set(range(above, below + 1))},
        {mutant.file: set(range(mutant.function[0], mutant.function[1] + 1))},
    ):
        if not mutant.owner and places is not lines:
            break
        entering = [one for one in tests if _enters(one, places)]
        if entering:
            break
    if not mutant.owner and not entering:
        entering = [one for one in tests if mutant.file in one.lines]
    quick = sorted(entering, key=lambda one: (one.seconds, one.name))
    kept = dict.fromkeys(_within(quick, most / 2))
    return [*kept, *_within([one for one in _by_turns(entering) if one not in kept], most / 2)]


def _within(tests: Sequence[Test], most: float) -> list[Test]:
    """The first of some tests that take no longer than that together; one at least."""
    kept: list[Test] = []
    total = 0.0
    for one in tests:
        total += one.seconds + 0.005
        if kept and total > most:
            break
        kept.append(one)
    return kept


def _by_turns(tests: Sequence[Test]) -> list[Test]:
    """One of each file by turns, the quick ones of each first: files know different laws."""
    turns: Counter[str] = Counter()
    placed: list[tuple[int, float, Test]] = []
    for one in sorted(tests, key=lambda one: (one.seconds, one.name)):
        file = one.name.partition("::")[0]
        placed.append((turns[file], one.seconds, one))
        turns[file] += 1
    return [one for _, _, one in sorted(placed, key=lambda place: (*place[:2], place[2].name))]


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
