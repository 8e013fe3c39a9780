"""The process that makes inputs and runs them; what it finds goes to who watches over it."""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from mmap import mmap
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import perf_counter

from fuzz.case import Case
from fuzz.target import Target
from fuzz.watch import Finding, Watch

ROUNDS = 200
"""Targets take turns, each with the same part of its inputs a turn."""
POOL, LARGEST = 3000, 100_000
"""Inputs of a target to start from, at most, and letters and bytes of each."""
HEAD = struct.Struct("<QQI")
"""Steps, the place of the input among those of its target, and the length of the input."""


@dataclass
class Progress:
    """How far a target is, and the inputs that did something new."""

    done: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    pool: list[Case] = field(default_factory=list)
    signatures: set[str] = field(default_factory=set)


def work(
    asked: tuple[Mapping[str, int], int],
    sofar: dict[str, Progress],
    running: mmap,
    out: Connection,
    home: Path,
) -> None:
    """Run what is left of so many inputs of a seed; ``running`` holds the one that is run."""
    from fuzz.targets import TARGETS

    inputs, seed = asked
    watch = Watch(home)
    for name in inputs:
        _warm_up(TARGETS[name], watch, sofar.setdefault(name, Progress()), out)
    watch.limit_memory()
    step = 0
    while any(sofar[name].done < many for name, many in inputs.items()):
        for name, many in inputs.items():
            progress, target = sofar[name], TARGETS[name]
            start, until = perf_counter(), min(progress.done + 1 + many // ROUNDS, many)
            while progress.done < until:
                step += 1
                case = _made(target, seed, progress, running, step)
                _note(running, step, progress.done, case)
                progress.done += 1
                _one(target, case, watch, progress, out)
            progress.seconds += perf_counter() - start
            out.send(("far", name, progress.done, progress.seconds, progress.slowest))
    out.send(("end",))


def _warm_up(target: Target, watch: Watch, progress: Progress, out: Connection) -> None:
    """Run what inputs start from: libraries are loaded, and first outcomes are known."""
    seeds = list(target.seeds())
    for case in seeds:
        finding = watch.observe(case, target.run, patience=10).finding
        if finding is not None:
            out.send(("finding", case, finding))
    if not progress.pool:
        progress.pool = seeds


def _made(target: Target, seed: int, progress: Progress, running: mmap, step: int) -> Case:
    rng = Random(f"{seed}/{target.name}/{progress.done}")  # noqa: S311 no secret
    old = rng.choice(progress.pool)
    _note(running, step, progress.done, old)  # libraries may die of writing it, too
    try:
        return target.make(old, progress.pool, rng)
    except (MemoryError, RecursionError):
        return old


def _one(target: Target, case: Case, watch: Watch, progress: Progress, out: Connection) -> None:
    outcome = watch.observe(case, target.run, target.patience)
    progress.slowest = max(progress.slowest, outcome.seconds)
    if outcome.finding is not None:
        out.send(("finding", case, outcome.finding))
        return
    small = outcome.seconds < 0.2 * target.patience and case.size < LARGEST
    if outcome.signature not in progress.signatures and small and len(progress.pool) < POOL:
        progress.signatures.add(outcome.signature)
        progress.pool.append(case)
        out.send(("new", target.name, case, outcome.signature))


def smaller(case: Case, finding: Finding, target: Target, watch: Watch, tries: int = 300) -> Case:
    """A smaller input with the same finding, as far as some tries lead."""
    best, left = case, tries
    changed = True
    while changed:
        changed = False
        for one in _cuts(best):
            left -= 1
            if left < 0:
                return best
            if watch.observe(one, target.run, target.patience).finding == finding:
                best, changed = one, True
                break
    return best


def _cuts(case: Case):
    for name in sorted(case.files):
        if not any(name in word or name.startswith(f"{word}/") for word in case.words):
            files = {other: data for other, data in case.files.items() if other != name}
            yield Case(case.target, case.words, files)
    for at in range(len(case.words) - 1, 0, -1):
        yield Case(case.target, case.words[:at] + case.words[at + 1 :], case.files)
    for at, word in enumerate(case.words):
        for start, stop in _pieces(len(word)):
            words = (*case.words[:at], word[:start] + word[stop:], *case.words[at + 1 :])
            yield Case(case.target, words, case.files)
    for name, data in sorted(case.files.items()):
        for start, stop in _pieces(len(data)):
            yield Case(case.target, case.words, {**case.files, name: data[:start] + data[stop:]})


def _pieces(length: int):
    size = length // 2
    while size:
        for start in range(0, length, size):
            yield start, start + size
        size = size // 4 if length > 400 and size > 8 else size // 2


def _note(running: mmap, step: int, place: int, case: Case) -> None:
    data = pickle.dumps(case)
    if len(data) + HEAD.size > len(running):
        data = b""
    running[HEAD.size : HEAD.size + len(data)] = data
    running[: HEAD.size] = HEAD.pack(step, place, len(data))


def noted(running: mmap) -> tuple[int, int, Case | None]:
    """Steps, the place of the input among those of its target, and the input that is being run."""
    step, place, size = HEAD.unpack(running[: HEAD.size])
    data = running[HEAD.size : HEAD.size + size]
    return step, place, pickle.loads(data) if size else None  # noqa: S301 we wrote it
