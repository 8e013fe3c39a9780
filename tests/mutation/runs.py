"""Tests run in a process of their own: to learn which functions each enters, and on a mutant."""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mutation.mutants import Mutant, mutated

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
# heavy libraries are imported before the fork, too late for asserts of their plugins
OPTIONS = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
OPTIONS += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
FAST = "not slow and not real"
LOG = ROOT / "build" / "mutation" / "fault.txt"
"""What ended the last fork that broke."""

FAILED, PASSED, TOO_LONG = 1, 0, -1


class Recorder:
    """Notes of each test that passes how long it took and which functions of a room it entered."""

    def __init__(self) -> None:
        self.entered: set[tuple[str, int]] = set()
        self.tests: dict[str, dict[str, Any]] = {}
        self.source = f"{SOURCE}{os.sep}"

    def trace(self, frame: Any, event: str, argument: Any) -> None:
        """Note a call; lines are not followed."""
        del event, argument
        code = frame.f_code
        if code.co_filename.startswith(self.source):
            self.entered.add((code.co_filename[len(self.source) :], code.co_firstlineno))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Follow the calls of one test, with its fixtures."""
        self.entered, start = set(), time.perf_counter()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        yield
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        test = self.tests.setdefault(item.nodeid, {"passed": False})
        test["seconds"] = time.perf_counter() - start
        test["entered"] = sorted(self.entered)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note whether it passed."""
        if report.when == "call":
            test = self.tests.setdefault(report.nodeid, {})
            test["passed"] = report.passed


def learn(files: Sequence[str], target: Path) -> None:
    """Run the fast tests of some files, and write what each of them enters."""

    def job() -> int:
        recorder = Recorder()
        pytest.main([*OPTIONS[:1], *OPTIONS[2:], "-m", FAST, *files], plugins=[recorder])
        target.write_text(json.dumps(recorder.tests), encoding="utf-8")
        return PASSED

    _in_child(job, 3600)


def outcome(mutant: Mutant, tests: Sequence[str], seconds: float) -> int:
    """Whether some test fails on a mutant: 1, 0, or -1 where the time is over."""

    def job() -> int:
        path = SOURCE / mutant.file
        name = mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        finder = _Mutated(name, path, mutant.number)
        code = pytest.main([*OPTIONS, "-m", FAST, *tests], plugins=[finder])
        return PASSED if code == 0 else FAILED

    return _in_child(job, seconds)


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module with its change, in place of what stands in the file."""

    def __init__(self, name: str, path: Path, number: int) -> None:
        self.name, self.path, self.number = name, path, number

    def pytest_configure(self) -> None:
        """Stand before pytest's own finder, which rewrites asserts of the package too."""
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Speak for the one module."""
        del path, target
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def create_module(self, spec: Any) -> None:
        """As usual."""
        del spec

    def exec_module(self, module: Any) -> None:
        """Run the changed tree."""
        code = compile(mutated(self.path, self.number), str(self.path), "exec")
        exec(code, module.__dict__)  # noqa: S102 our own source


def _in_child(job: Callable[[], int], seconds: float) -> int:
    """Run in a fork, which is ended with all that it started when the time is over."""
    child = os.fork()
    if not child:
        os.setsid()
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            os._exit(job())
        except BaseException:  # noqa: BLE001 whatever it is, the fork ends here
            LOG.write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(FAILED)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) and FAILED
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TOO_LONG
