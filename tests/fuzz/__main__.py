"""``python -m fuzz``: run inputs, or replay those that were kept.

python -m fuzz --inputs 200000 --seed 0        make and run inputs
python -m fuzz tests/fuzz/corpus/*.json        replay inputs
"""

import argparse
import hashlib
import mmap
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

from fuzz.case import Case, as_text, read_case
from fuzz.watch import MORE_ADDRESSES, Finding, Watch
from fuzz.work import Progress, noted, smaller, work

PATIENCE = 60.0
"""Seconds after which a process that runs one input is ended: no alarm reached it."""
FOUND = Path("build/fuzz")
SHOWN_EVERY = 10.0


def main() -> int:
    """Give 1 if anything was found."""
    words = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    words.add_argument("--inputs", type=int, default=20_000)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--only", default="", help="targets, parted by commas")
    words.add_argument("--found", type=Path, default=FOUND, help="where findings go")
    words.add_argument("files", nargs="*", type=Path, help="inputs to replay")
    asked = words.parse_args()
    with _home() as home:
        if asked.files:
            return replay(asked.files, home)
        return Fuzzing(home, asked.found.resolve()).run(
            shares(asked.inputs, asked.only.split(",") if asked.only else ()), asked.seed
        )


def shares(inputs: int, only: Any = ()) -> dict[str, int]:
    """How many inputs each target has."""
    from fuzz.targets import TARGETS

    some = [one for one in TARGETS.values() if not only or one.name in only]
    whole = sum(one.share for one in some)
    return {one.name: round(inputs * one.share / whole) for one in some}


def replay(files: list[Path], home: Path) -> int:
    """Run inputs that were kept and say what came of each."""
    from fuzz.targets import TARGETS

    cases = {path: read_case(path) for path in files}
    watch, bad = Watch(home), 0
    watch.limit_memory(2 * MORE_ADDRESSES)
    for path, case in cases.items():
        target = TARGETS[case.target]
        outcome = watch.observe(case, target.run, target.patience)
        bad += outcome.finding is not None
        said = outcome.signature if outcome.finding is None else _headline(outcome.finding)
        _say(f"{path}: {said}")
        if outcome.finding is not None:
            _say(f"  {outcome.finding.said}")
    _say(f"{len(cases)} inputs, {bad} findings")
    return bool(bad)


class Fuzzing:
    """Watches over the process that works, and keeps what it finds."""

    def __init__(self, home: Path, found: Path) -> None:
        self.home, self.found = home, found
        self.sofar: dict[str, Progress] = {}
        self.findings: dict[Finding, Case] = {}
        self.counts: Counter[Finding] = Counter()
        self.where: dict[Finding, Path] = {}
        self.running = mmap.mmap(-1, 8 << 20)
        self.began = self.shown = monotonic()

    def run(self, inputs: dict[str, int], seed: int) -> int:
        """Run all inputs, whatever dies on the way."""
        for name in inputs:
            self.sofar[name] = Progress()
        while not self._worked(inputs, seed):
            pass
        self._show()
        self._minimise()
        for finding, many in self.counts.most_common():
            _say(f"\n{_headline(finding)}: {many:,} times\n  {finding.said[-400:]!r}")
            _say(f"  replay: make fuzz FILES={self.where[finding]}")
        _say(f"{len(self.counts)} distinct findings in {monotonic() - self.began:.0f} s")
        return bool(self.counts)

    def _worked(self, inputs: dict[str, int], seed: int) -> bool:
        """Whether a process came to the end; one that dies leaves a finding."""
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe(duplex=False)
        args = ((inputs, seed), self.sofar, self.running, there, self.home)
        worker = context.Process(target=work, args=args, daemon=True)
        worker.start()
        there.close()
        step, since = -1, monotonic()
        while True:
            try:
                ended = self._heard(here)
            except EOFError:
                worker.join()
                self._died(f"died with {worker.exitcode}")
                return False
            if ended:
                worker.join()
                return True
            now, _, _ = noted(self.running)
            if now != step:
                step, since = now, monotonic()
            elif monotonic() - since > PATIENCE and step > 0:
                worker.kill()
                worker.join()
                self._died("hang beyond the alarm")
                return False
            if monotonic() - self.shown > SHOWN_EVERY:
                self._show()

    def _heard(self, here: Connection) -> bool:
        while here.poll(1.0):
            kind, *told = here.recv()
            if kind == "end":
                return True
            if kind == "finding":
                self._keep(told[1], told[0])
            elif kind == "new":
                progress = self.sofar[told[0]]
                progress.pool.append(told[1])
                progress.signatures.add(told[2])
            else:
                progress = self.sofar[told[0]]
                progress.done, progress.seconds, progress.slowest = told[1:]
        return False

    def _died(self, kind: str) -> None:
        _, place, case = noted(self.running)
        if case is None:
            raise SystemExit(f"the process {kind} before its first input")
        self._keep(Finding(kind, case.target, "see the lines above"), case)
        self.sofar[case.target].done = place + 1

    def _keep(self, finding: Finding, case: Case) -> None:
        self.counts[finding] += 1
        known = self.findings.get(finding)
        if known is None or case.size < known.size:
            self.findings[finding] = case
            self._write(finding, case)

    def _write(self, finding: Finding, case: Case) -> None:
        self.found.mkdir(parents=True, exist_ok=True)
        digest = hashlib.blake2b(f"{finding.kind} {finding.place}".encode(), digest_size=4)
        path = self.found / f"{case.target}-{digest.hexdigest()}.json"
        path.write_text(as_text(case, f"{_headline(finding)}: {finding.said}"), encoding="utf-8")
        self.where[finding] = path

    def _minimise(self) -> None:
        """Make each input smaller, in a process that may die of it."""
        context = multiprocessing.get_context("fork")
        for finding, case in self.findings.items():
            here, there = context.Pipe(duplex=False)
            worker = context.Process(
                target=_smaller, args=(case, finding, there, self.home), daemon=True
            )
            worker.start()
            there.close()
            try:
                if here.poll(PATIENCE):
                    self._write(finding, here.recv())
            except EOFError:
                pass
            worker.kill()
            worker.join()

    def _show(self) -> None:
        self.shown = monotonic()
        parts = [
            f"{name} {one.done:,} ({one.done / max(one.seconds, 1e-9):,.0f}/s, "
            f"{len(one.signatures)} outcomes, slowest {one.slowest:.1f} s)"
            for name, one in self.sofar.items()
        ]
        _say(f"{monotonic() - self.began:5.0f} s: {'; '.join(parts)}; {len(self.counts)} findings")


def _smaller(case: Case, finding: Finding, out: Connection, home: Path) -> None:
    from fuzz.targets import TARGETS

    watch = Watch(home)
    target = TARGETS[case.target]
    target.seeds()
    out.send(smaller(case, finding, target, watch))


def _headline(finding: Finding) -> str:
    return f"{finding.kind} at {finding.place}"


@contextmanager
def _home() -> Iterator[Path]:
    shared = Path("/dev/shm")  # noqa: S108 a folder in memory where there is one
    base = str(shared) if shared.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=base) as name:
        home = Path(name) / "home"
        home.mkdir()
        yield home


def _say(sentence: str) -> None:
    sys.stdout.write(sentence.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
