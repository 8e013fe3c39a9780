"""Holds all tests collected and the package imported, and asks forks of itself about mutants."""

import ast
import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from hypothesis import Phase, settings

from mutation.learning import Tracer
from mutation.mutants import Mutant, mutated
from mutation.rooms import ROOMS, ROOT, SOURCE

KEPT = ROOT / "build" / "mutation"
LOG = KEPT / "fault.txt"
"""What ended the last fork that broke."""
OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no", "--assert=plain"]
OPTIONS += ["-m", "not slow and not real", f"--rootdir={ROOT}", f"--basetemp={KEPT / 'tmp'}"]

DEAD, ALIVE, TOO_LONG, ODD = 1, 0, -1, -2
MORE_SECONDS, TIMES = 4.0, 5.0
"""Of processor time that a test may take, beyond so many times what it took before."""
MORE_BYTES = 4 << 30
TOO_SLOW = 20.0
"""Seconds after which a test is none of the fast ones."""


class Server:
    """A plugin: answers, in place of running the tests, what it is asked through a pipe."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.importing = Tracer((file for files in ROOMS.values() for file in files), whole=False)

    def pytest_configure(self) -> None:
        """Let hypothesis stop at the first example that fails: smaller ones take minutes."""
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("first", settings.default, phases=phases, database=None)
        settings.load_profile("first")
        self.importing.start()

    def pytest_collection_modifyitems(self) -> None:
        """Import what commands would import later, so that it can be changed in place."""
        for files in ROOMS.values():
            for file in files:
                importlib.import_module(module_of(file))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Answer until the other side is gone."""
        imported = self.importing.stop()
        self.items = {item.nodeid: item for item in session.items}
        self.functions = _functions()
        self.pipe.send((imported, list(self.items)))
        with contextlib.suppress(EOFError):
            while True:
                kind, *told = self.pipe.recv()
                self.pipe.send(self._learn(*told) if kind == "learn" else self._run(*told))
        return True

    def _learn(self, names: Sequence[str]) -> dict[str, Any]:
        """What some tests enter, each function's in a fork of its own."""
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(name.partition("[")[0], []).append(name)
        found: dict[str, Any] = {}
        target = KEPT / "learnt.json"
        for group in groups.values():
            target.unlink(missing_ok=True)
            plugin = _Learning(target)
            _in_child(lambda p=plugin, g=group: self._tests(g, p, dict.fromkeys(g, TOO_SLOW)), 900)
            if target.exists():
                found |= json.loads(target.read_text(encoding="utf-8"))
        return found

    def _run(self, mutant: Mutant, tests: dict[str, float]) -> tuple[int, str]:
        """Whether a test fails on a mutant, and which; ODD where it cannot be changed in place."""
        new = _code_of(mutated(SOURCE / mutant.file, mutant.number), mutant)
        old = self.functions.get((str(SOURCE / mutant.file), mutant.owner), [])
        if (
            new is None
            or not old
            or any(one.__code__.co_freevars != new.co_freevars for one in old)
        ):
            return ODD, ""
        plugin = FirstFailure(tests)

        def job() -> int:
            for one in old:
                one.__code__ = new
            return self._tests(list(tests), plugin, tests)

        code = _in_child(job, 180 + 20 * sum(tests.values()))
        return code, plugin.last() if code else ""

    def _tests(self, names: Sequence[str], plugin: Any, seconds: dict[str, float]) -> int:
        some = [self.items[name] for name in names]
        config = some[0].config
        config.pluginmanager.register(plugin)
        for item, later in zip(some, [*some[1:], None], strict=True):
            limit_processor(MORE_SECONDS + TIMES * seconds[item.nodeid])
            config.hook.pytest_runtest_protocol(item=item, nextitem=later)
        return ALIVE


class _Learning:
    """Notes of each test that passes how long it took and which lines of the rooms it entered."""

    def __init__(self, target: Path) -> None:
        self.tracer = Tracer(file for files in ROOMS.values() for file in files)
        self.tests: dict[str, dict[str, Any]] = {}
        self.target = target

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Follow the calls of one test, with its fixtures."""
        start = time.process_time()
        self.tracer.start()
        yield
        lines = self.tracer.stop()
        test = self.tests.setdefault(item.nodeid, {"passed": False})
        test |= {"seconds": round(time.process_time() - start, 4), "lines": lines}
        self.target.write_text(json.dumps(self.tests), encoding="utf-8")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note whether it passed."""
        if report.when == "call":
            self.tests[report.nodeid] = {"passed": report.passed}


class FirstFailure:
    """Ends the process where a test fails; says to another, by a file, which one ran last."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.note = KEPT / "running.txt"

    def last(self) -> str:
        """The one that ran last."""
        return self.note.read_text(encoding="utf-8") if self.note.exists() else ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note it, and how long it may take."""
        self.note.write_text(nodeid, encoding="utf-8")
        limit_processor(MORE_SECONDS + TIMES * self.seconds.get(nodeid, MORE_SECONDS))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """No further test is needed."""
        if report.failed:
            os._exit(DEAD)


def serve(pipe: Connection, files: Sequence[str]) -> None:
    """Be the server, to the end of the process; what it prints goes nowhere."""
    quiet()
    try:
        pytest.main([*OPTIONS, *(str(ROOT / file) for file in files)], plugins=[Server(pipe)])
    except BaseException:  # noqa: BLE001 whatever it is, who asks is told
        LOG.write_text(traceback.format_exc(), encoding="utf-8")
    os._exit(0)


def module_of(file: str) -> str:
    """The name of a module by its file."""
    return file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _functions() -> dict[tuple[str, str], list[FunctionType]]:
    """All functions of the package that are alive, by their file and name."""
    found: dict[tuple[str, str], list[FunctionType]] = {}
    start = f"{SOURCE}{os.sep}"
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename.startswith(start):
            found.setdefault((one.__code__.co_filename, one.__code__.co_qualname), []).append(one)
    return found


def _code_of(tree: ast.Module, mutant: Mutant) -> CodeType | None:
    """The code of a function in a changed file, if there is one of that name."""
    found: list[CodeType] = []
    some = [compile(tree, str(SOURCE / mutant.file), "exec")]
    while some:
        inner = [one for one in some.pop().co_consts if isinstance(one, CodeType)]
        found += [one for one in inner if one.co_qualname == mutant.owner]
        some += [one for one in inner if mutant.owner.startswith(f"{one.co_qualname}.")]
    return found[0] if len(found) == 1 else None


def quiet() -> None:
    """Let what this process prints go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def limit_processor(seconds: float) -> None:
    """Let a signal end this process after so much processor time from now."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _in_child(job: Callable[[], int], seconds: float) -> int:
    """Run in a fork, which is ended with all that it started when the time is over."""
    child = os.fork()
    if not child:
        try:
            os.setsid()
            pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
            most = pages * resource.getpagesize() + MORE_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
            os._exit(job())
        except BaseException:  # noqa: BLE001 whatever it is, the fork ends here
            with contextlib.suppress(BaseException):
                LOG.write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(DEAD)
    return ended(child, seconds)


def ended(child: int, seconds: float) -> int:
    """What became of a fork: it is DEAD or ALIVE as it says, else TOO_LONG."""
    end, pause = time.monotonic() + seconds, 0.001
    while time.monotonic() < end:
        which, status = os.waitpid(child, os.WNOHANG)
        if which:
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)  # what it may have started
            return TOO_LONG if code == -signal.SIGPROF else min(abs(code), DEAD)
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TOO_LONG


if __name__ == "__main__":
    sys.exit("this is imported")
