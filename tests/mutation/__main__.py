"""Draw mutants of each room, run the tests that enter them, and say how many of them die.

python -m mutation --mutants 300 --seed 0 --rooms statistics,measures

What each test enters is learnt once and kept in build/mutation, with every outcome: a run that was
ended goes on where it was. Public fixtures alone: no test that is slow or reads real data. Those
that survive are run again, after tests were added, by --again, and by more tests with --seconds 30.
"""

import argparse
import fcntl
import hashlib
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import sqrt
from multiprocessing.connection import Connection
from statistics import NormalDist
from typing import Any

# imported once, before the forks, which then need not: heavy, and none of it ours
import hypothesis  # noqa: F401
import numpy as np  # noqa: F401
import pytest  # noqa: F401
import scipy.optimize
import scipy.sparse
import scipy.stats  # noqa: F401

from mutation.fresh import run_anew
from mutation.learning import MOST_SECONDS, Known, Test, chosen
from mutation.mutants import Mutant, mutants_of
from mutation.reasons import EQUIVALENT, reasons
from mutation.rooms import ROOMS, SOURCE, files_of_tests
from mutation.server import ALIVE, KEPT, ODD, TOO_LONG, serve

ROUND = 10
Outcome = dict[str, Any]


def main() -> int:
    """Go through the rooms; 0 where each holds its bound."""
    words = argparse.ArgumentParser(prog="mutation")
    words.add_argument("--mutants", type=int, default=300, help="of each room")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--rooms", default=",".join(ROOMS))
    words.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    words.add_argument("--seconds", type=float, default=MOST_SECONDS, help="of tests for a mutant")
    words.add_argument("--again", action="store_true", help="run those that survived once more")
    words.add_argument("--report", action="store_true", help="only say what was found so far")
    asked = words.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    rooms = {
        room: Room(room, asked.mutants, asked.seed, asked.seconds)
        for room in asked.rooms.split(",")
    }
    if not asked.report:
        alone = (KEPT / "lock").open("w")
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            words.error(f"another run is going on in {KEPT}: two would write over each other")
        with _server() as asking:
            _go(rooms, asking, time.monotonic() + 60 * asked.minutes, again=asked.again)
    held = [room.say() for room in rooms.values()]
    return 0 if all(held) else 1


def _go(rooms: dict[str, "Room"], asking: "Asking", end: float, *, again: bool) -> None:
    if again:
        for room in rooms.values():
            room.forget_alive()
    for start in range(0, max(len(room.drawn) for room in rooms.values()), ROUND):
        for room in rooms.values():  # by turns, so that one that is ended tells of each
            for mutant in room.drawn[start : start + ROUND]:
                if time.monotonic() > end:
                    return
                room.run(mutant, asking)


class Asking:
    """The other side of the server: what it learnt, and the way to ask it."""

    def __init__(self, pipe: Connection, files: list[str]) -> None:
        self.pipe = pipe
        self.imported, names = pipe.recv()
        self.known = Known(KEPT)
        for file in self.known.lacks(files):
            own = [name for name in names if name.partition("::")[0] == file]
            started = time.monotonic()
            self.known.add(file, self._ask("learn", own))
            _say(f"learnt {file}: {len(own)} tests, {time.monotonic() - started:.0f} s")
        there = set(names)
        self.tests = [one for one in self.known.tests(files) if one.name in there]

    def _ask(self, *told: Any) -> Any:
        self.pipe.send(told)
        return self.pipe.recv()

    def outcome(self, mutant: Mutant, tests: dict[str, float]) -> tuple[int, str]:
        """Run tests in the order given, in place where that shows the change."""
        code, by = (ODD, "")
        if mutant.owner and not self._is_imported(mutant):
            code, by = self._ask("run", mutant, tests)
        return run_anew(mutant, tests) if code == ODD else (code, by)

    def _is_imported(self, mutant: Mutant) -> bool:
        """Whether its function ran while the package was imported, so that results are kept."""
        return mutant.function[0] in self.imported.get(mutant.file, ())


@contextmanager
def _server() -> Iterator[Asking]:
    here, there = multiprocessing.Pipe()
    files = files_of_tests()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=serve, args=(there, files))
    process.start()
    there.close()
    try:
        yield Asking(here, files)
    finally:
        here.close()
        process.join(30)
        process.kill()


class Room:
    """The mutants drawn of one room, and what became of them."""

    def __init__(self, name: str, count: int, seed: int, seconds: float) -> None:
        self.name, self.seconds = name, seconds
        every = [mutant for file in ROOMS[name] for mutant in mutants_of(file, SOURCE / file)]
        self.whole = len(every)
        self.drawn = sorted(every, key=lambda one: one.order(seed))[:count]
        self.target = KEPT / f"{name}.json"
        kept = self.target
        self.found: dict[str, Outcome] = json.loads(kept.read_text()) if kept.exists() else {}
        self.kills: Counter[tuple[str, ...]] = Counter()
        self.digests = {
            file: hashlib.sha256((SOURCE / file).read_bytes()).hexdigest()[:8]
            for file in ROOMS[name]
        }

    def key(self, mutant: Mutant) -> str:
        """The same as long as its file is the same."""
        return f"{mutant.key}-{self.digests[mutant.file]}"

    def forget_alive(self) -> None:
        """Have those that survived run again."""
        self.found = {key: one for key, one in self.found.items() if one["code"] != ALIVE}

    def run(self, mutant: Mutant, asking: Asking) -> None:
        """Find out about one, if it is not known."""
        if self.key(mutant) in self.found:
            return
        tests = sorted(
            chosen(mutant, asking.tests, self.seconds), key=lambda one: self._late(one, mutant)
        )
        start = time.monotonic()
        code, by = (ALIVE, "")
        if tests:
            code, by = asking.outcome(mutant, {one.name: one.seconds for one in tests})
        if by:
            self.kills.update([(by, mutant.file), (by, mutant.file, mutant.owner)])
        seconds = time.monotonic() - start
        told = {"at": mutant.place, "change": f"{mutant.before} -> {mutant.after}"}
        told |= {"code": code, "by": by, "tests": len(tests), "seconds": round(seconds, 2)}
        self.found[self.key(mutant)] = told
        self.target.write_text(json.dumps(self.found, indent=0), encoding="utf-8")
        word = {ALIVE: "SURVIVED", TOO_LONG: "too long"}.get(code, "dead")
        cost = f"({len(tests)} tests, {seconds:.1f} s)"
        _say(f"{self.name} {word} {told['at']} {told['change']} {cost}")

    def _late(self, test: Test, mutant: Mutant) -> float:
        """Tests that are quick and found changes near by come first; all that are chosen run."""
        near = self.kills[test.name, mutant.file, mutant.owner]
        return (test.seconds + 0.02) / (0.2 + 3 * near + self.kills[test.name, mutant.file])

    def say(self) -> bool:
        """Tell what is known; whether the lower bound holds."""
        known = {
            one: self.found[self.key(one)] for one in self.drawn if self.key(one) in self.found
        }
        if not known:
            _say(f"{self.name}: nothing run")
            return False
        why = reasons()
        alive = [one for one, told in known.items() if told["code"] == ALIVE]
        same = [one for one in alive if why.get(one.key, "").startswith(EQUIVALENT)]
        late = sum(told["code"] == TOO_LONG for told in known.values())
        dead, count = len(known) - len(alive), len(known)
        low, other = _low(dead, count), _low(dead, count - len(same))
        _say(
            f"{self.name}: {dead} of {count} mutants die ({dead / count:.1%}, 95% from {low:.1%}; "
            f"{late} by taking too long), drawn of {self.whole}; {len(same)} of the others change "
            f"no result; of the rest {dead / (count - len(same)):.1%} die, 95% from {other:.1%}"
        )
        for mutant in sorted(set(alive), key=lambda one: (one.file, one.line)):
            tests, change = known[mutant]["tests"], known[mutant]["change"]
            _say(f"  {mutant.key} | {mutant.place}: {change} | survives {tests} tests")
            _say(f"    {why.get(mutant.key, 'NO REASON IS KNOWN')}")
        return count == len(self.drawn) and other >= 0.86 and dead >= 0.9 * (count - len(same))


def _low(dead: int, count: int) -> float:
    """The lower end of Wilson's interval at 95%."""
    z = NormalDist().inv_cdf(0.975)
    share = dead / count
    middle, spread = (
        share + z * z / (2 * count),
        z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)),
    )
    return (middle - spread) / (1 + z * z / count)


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
