"""Draw mutants of each room, run the tests that enter them, and say how many of them die.

python -m mutation --mutants 300 --seed 0 --rooms statistics,measures

What the tests enter is learnt once and kept in build/mutation, with every outcome: a run that was
ended goes on where it was. Public fixtures alone: no test that is slow or reads real data.
"""

import argparse
import hashlib
import json
import sys
from math import sqrt
from random import Random
from statistics import NormalDist

# imported once, before the forks, which then need not: heavy, and none of it ours
import hypothesis  # noqa: F401
import numpy as np  # noqa: F401
import pytest  # noqa: F401
import scipy.optimize
import scipy.sparse
import scipy.stats  # noqa: F401

from mutation.mutants import Mutant, mutants_of
from mutation.rooms import ROOMS, TESTS
from mutation.runs import ROOT, SOURCE, TOO_LONG, learn, outcome

KEPT = ROOT / "build" / "mutation"
MOST_TESTS, MOST_SECONDS = 60, 60.0
LEAST_SECONDS = 60.0
ROUND = 10


def main() -> int:
    """Go through the rooms; 0 where each holds its bound."""
    words = argparse.ArgumentParser(prog="mutation")
    words.add_argument("--mutants", type=int, default=300, help="of each room")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--rooms", default=",".join(ROOMS))
    words.add_argument("--report", action="store_true", help="only say what was found so far")
    asked = words.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    drawn = {room: _drawn(room, asked.mutants, asked.seed) for room in asked.rooms.split(",")}
    for start in () if asked.report else range(0, asked.mutants, ROUND):
        for room, some in drawn.items():  # by turns, so that one that is ended tells of each
            _run(room, some, range(start, min(start + ROUND, len(some))))
    held = [_say(room, some) for room, some in drawn.items()]
    return 0 if all(held) else 1


def _drawn(room: str, count: int, seed: int) -> list[Mutant]:
    every = [mutant for file in ROOMS[room] for mutant in mutants_of(file, SOURCE / file)]
    Random(f"{seed}:{room}").shuffle(every)
    return every[:count]


def _found(room: str) -> dict[str, int]:
    kept = KEPT / f"{room}.json"
    return json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}


def _run(room: str, some: list[Mutant], numbers: range) -> None:
    found, tests = _found(room), _tests(room)
    for number in numbers:
        mutant = some[number]
        key = _key(mutant)
        if key in found:
            continue
        chosen, seconds = _chosen(mutant, tests)
        limit = max(LEAST_SECONDS, 5 * seconds)
        found[key] = outcome(mutant, chosen, limit) if chosen else 0
        (KEPT / f"{room}.json").write_text(json.dumps(found, indent=0), encoding="utf-8")
        word = {0: "SURVIVED", TOO_LONG: "too long"}.get(found[key], "dead")
        change = f"{mutant.place} {mutant.before} -> {mutant.after}"
        print(f"{room} {number + 1}/{len(some)} {word} {change}", flush=True)


def _key(mutant: Mutant) -> str:
    """The same as long as the file is the same."""
    text = (SOURCE / mutant.file).read_bytes()
    return f"{mutant.file}#{mutant.number}#{hashlib.sha256(text).hexdigest()[:12]}"


def _tests(room: str) -> dict[str, dict]:
    """What each test of a room enters, learnt where it is not known."""
    target = KEPT / f"{room}-tests.json"
    if not target.exists():
        files = [str(ROOT / name) for name in TESTS[room]]
        files += [str(SOURCE / file) for file in ROOMS[room]]
        learn(files, target)
    return {name: test for name, test in json.loads(target.read_text()).items() if test["passed"]}


def _chosen(mutant: Mutant, tests: dict[str, dict]) -> tuple[list[str], float]:
    """The tests that enter the function, quick ones first; of a module's own lines, its users'."""
    place = [mutant.file, mutant.function]

    def enters(test: dict) -> bool:
        if mutant.function:
            return place in test["entered"]
        return any(file == mutant.file for file, _ in test["entered"])

    own = sorted((test["seconds"], name) for name, test in tests.items() if enters(test))
    chosen, total = [], 0.0
    for seconds, name in own[:MOST_TESTS]:
        if total and total + seconds > MOST_SECONDS:
            break
        total += seconds
        chosen.append(name)
    return chosen, total


def _say(room: str, some: list[Mutant]) -> bool:
    found = _found(room)
    outcomes = {mutant: found[_key(mutant)] for mutant in some if _key(mutant) in found}
    count, alive = len(outcomes), [one for one, code in outcomes.items() if not code]
    if not count:
        print(f"{room}: nothing run")
        return False
    low = _low(count - len(alive), count)
    print(
        f"{room}: {count - len(alive)} of {count} mutants die "
        f"({(count - len(alive)) / count:.1%}, 95% from {low:.1%})"
    )
    for mutant in sorted(alive, key=lambda one: (one.file, one.line)):
        print(f"  survives: {mutant.place}: {mutant.before} -> {mutant.after}")
    return low >= 0.86


def _low(dead: int, count: int) -> float:
    """The lower end of Wilson's interval at 95%."""
    z = NormalDist().inv_cdf(0.975)
    share = dead / count
    middle, spread = (
        share + z * z / (2 * count),
        z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)),
    )
    return (middle - spread) / (1 + z * z / count)


if __name__ == "__main__":
    sys.exit(main())
