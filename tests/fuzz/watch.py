"""What must hold whatever comes, watched while a target runs."""

import contextlib
import faulthandler
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from time import perf_counter
from types import FrameType, TracebackType
from typing import Any

import anglewise
from anglewise import AnglewiseError
from anglewise.io import matlab_process
from fuzz.case import Case

OURS = str(Path(anglewise.__file__).parent)
SECONDS = 5.0
TIMES_THE_FILES, MORE_BYTES = 4, 200 << 20
MORE_ADDRESSES = 1500 << 20
"""How much one input may take of time and memory, and what the process may ask for in all."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
NEVER = {"socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn"}
NEVER |= {"pickle.find_class", "os.chown", "os.kill"}
PATHS = {"os.mkdir": 1, "os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.link": 2}
PATHS |= {"os.symlink": 2, "os.truncate": 1, "shutil.rmtree": 1, "os.utime": 1}
PATHS |= {"os.chmod": 1}
KEPT = "FUZZ_KEPT"
"""Names a folder for what targets keep from one input to the next."""
CANARY = "canary"
"""A module that inputs name; nothing may import it."""


class HangError(BaseException):
    """Raised by the alarm; no ``except Exception`` swallows it."""


class BrokenError(Exception):
    """A promise that a target found broken by itself: what, where, and the words for it."""

    def __init__(self, kind: str, place: str, said: str) -> None:
        super().__init__(said)
        self.finding = Finding(kind, place, said)


LONGEST_MESSAGE, BREAKS = 2000, frozenset("\n\r\t\x1b")
"""Letters of a message, and what none holds."""


@dataclass(frozen=True)
class Finding:
    """A broken promise; findings of one kind and place are one fault."""

    kind: str
    place: str
    said: str = field(compare=False)


@dataclass(frozen=True)
class Outcome:
    """What came of one input: a finding, and what tells it from other outcomes."""

    signature: str
    finding: Finding | None
    seconds: float


class Watch:
    """Watches this process; there is one at most, as an audit hook is never taken off."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "case"
        self.bad: list[Finding] = []
        self.on = False
        self.high = 0
        os.environ.update({"HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache")})
        self.kept = home.parent / "kept"
        self.kept.mkdir(exist_ok=True)
        os.environ.update({"COLUMNS": "100", "MPLCONFIGDIR": str(self.kept), KEPT: str(self.kept)})
        tempfile.tempdir = str(self.kept)  # what is unpacked for a moment
        sys.dont_write_bytecode = True
        with contextlib.suppress(ImportError):
            import_module("matplotlib.font_manager")  # asks another program for fonts, once
        sys.addaudithook(self._audit)
        signal.signal(signal.SIGALRM, _hang)
        faulthandler.enable()
        warnings.showwarning = self._warned
        warnings.simplefilter("always")
        self.high = _peak()
        self._forget_high()

    def limit_memory(self, more: int = MORE_ADDRESSES) -> None:
        """Let the process ask for no more than so much beyond what it has now."""
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        most = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))

    def observe(self, case: Case, run: Callable[[Case], object], patience: float = 1) -> Outcome:
        """Run a case in a fresh folder; ``patience`` stretches the time that it may take.

        Much memory is a finding if it is taken twice: once may be the allocator's.
        """
        outcome = self._observed(case, run, patience)
        if outcome.finding is not None and outcome.finding.kind == "memory":
            outcome = self._observed(case, run, patience)
        return outcome

    def _observed(self, case: Case, run: Callable[[Case], object], patience: float) -> Outcome:
        self.bad = []
        with self._in_folder(case), _with_alarm(SECONDS * patience):
            before = self._memory()
            start = perf_counter()
            finding, signature = self._judged(case, run)
            seconds = perf_counter() - start
        grown = _peak()
        if grown > self.high:
            self.high = grown
            self._forget_high()
            allowed = TIMES_THE_FILES * case.size + MORE_BYTES
            if finding is None and grown - before > allowed:
                said = f"{(grown - before) >> 20} MB more for {case.size:,} bytes"
                finding = Finding("memory", case.target, said)
        if finding is None and self.bad:
            finding = self.bad[0]
        return Outcome(signature, finding, seconds)

    def _judged(self, case: Case, run: Callable[[Case], object]) -> tuple[Finding | None, str]:
        self.on = True
        try:
            said = run(case)
        except AnglewiseError as error:
            self.on = False
            asked = next((one for one in _causes(error) if isinstance(one, MemoryError)), None)
            if asked is not None:
                return Finding("memory", place_of(asked.__traceback__), str(error)), "memory"
            if len(str(error)) > LONGEST_MESSAGE or not BREAKS.isdisjoint(str(error)):
                said = str(error)[:300]
                return Finding("a message", place_of(error.__traceback__), said), "message"
            return None, " < ".join(_signature(one) for one in _causes(error))
        except BrokenError as error:
            self.on = False
            return error.finding, "broken"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 each of them is what we look for
            self.on = False
            kind = "hang" if isinstance(error, HangError) else type(error).__name__
            return Finding(kind, place_of(error.__traceback__), str(error)[:300]), kind
        finally:
            self.on = False
        return None, re.sub(r"\d+", "#", said) if isinstance(said, str) else "fine"

    @contextlib.contextmanager
    def _in_folder(self, case: Case) -> Generator[None, None, None]:
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir()
        os.chdir(self.folder)
        case.write_files(self.folder)
        try:
            yield
        finally:
            os.chdir(self.home)
            stray = [one.name for one in self.home.iterdir() if one.name != "case"]
            if stray:
                self.bad.append(Finding("wrote outside", case.target, ", ".join(stray)[:200]))

    def _memory(self) -> int:
        pages = Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]
        return int(pages) * resource.getpagesize()

    def _forget_high(self) -> None:
        if self.high > self._memory() + (100 << 20):
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
            self.high = _peak()

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = args
            if flags & WRITES and isinstance(path, str | bytes):
                self._inside(event, path)
        elif event in PATHS:
            for path in args[: PATHS[event]]:
                if isinstance(path, str | bytes | os.PathLike):
                    self._inside(event, path)
        elif event == "subprocess.Popen" and _reads_matlab(args):
            pass
        elif event in NEVER or (event == "import" and args[0] == CANARY):
            said = f"{event} {args[:2]!r}"[:200]
            self.bad.append(Finding(event, place_of_frame(sys._getframe()), said))

    def _inside(self, event: str, path: Any) -> None:
        whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 links must not be followed
        opened = re.match(r"/proc/self/fd/[0-9]+(?=/)", whole)
        if opened:  # in a folder that is open
            whole = os.readlink(opened[0]) + whole[opened.end() :]  # noqa: PTH115
        folders = (f"{self.folder}/", f"{self.kept}/")
        if whole != "/dev/null" and not f"{whole}/".startswith(folders):
            said = f"{event} {whole}"
            self.bad.append(Finding("wrote outside", place_of_frame(sys._getframe()), said))

    def _warned(self, message: Any, category: type[Warning], *_: object, **__: object) -> None:
        if self.on:
            place = place_of_frame(sys._getframe())
            self.bad.append(Finding(category.__name__, place, str(message)[:200]))


def _reads_matlab(args: tuple[Any, ...]) -> bool:
    """Whether this Python is started to read a file in which SciPy might run out of bounds."""
    told = [str(one) for one in args[1]]
    return told[:3] == [sys.executable, "-P", "-c"] and told[3] == matlab_process.CODE


def _peak() -> int:
    """The most memory that this process had; getrusage counts what started it, too."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def place_of(trace: TracebackType | None) -> str:
    """The innermost frame of ours, in words."""
    found = "outside"
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(OURS):
            found = f"{code.co_filename[len(OURS) + 1 :]}:{code.co_name}"
        trace = trace.tb_next
    return found


def place_of_frame(frame: FrameType | None) -> str:
    """Likewise from the inside out."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(OURS):
            return f"{code.co_filename[len(OURS) + 1 :]}:{code.co_name}"
        frame = frame.f_back
    return "outside"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


def _signature(error: BaseException) -> str:
    trace = error.__traceback__
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(OURS):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{type(error).__name__} {place_of(error.__traceback__)} {line}"


def _hang(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise HangError("it takes too long")


@contextlib.contextmanager
def _with_alarm(seconds: float) -> Generator[None, None, None]:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
