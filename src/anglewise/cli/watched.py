"""Commands that open an index of a library in C++ run in a child: it may break, the command not.

A file that is made to, or is damaged, ends such a library's process by a signal, which no code of
Python catches. So a process that does nothing else waits for the one that opens it, hands on what
it is told, and says in words how it ended. On Linux alone; elsewhere a signal ends the command.
"""

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

ADDRESS = re.compile(r"(?:[^:/]*=)?[a-z][a-z-]*:///?", re.IGNORECASE)
"""The address of a store, or an option and it; those of servers are none the worse for it."""
SOLID = frozenset(
    [
        ".csv",
        ".tsv",
        ".txt",
        ".json",
        ".jsonl",
        ".npy",
        ".npz",
        ".parquet",
        ".toml",
        ".md",
        ".gz",
        ".safetensors",
        ".arrow",
    ]
)
"""Endings of files that no such library reads."""
BREAKS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS")
LOOK_AFTER = 0.5
"""Seconds after which it is looked whether the child has ended, if nothing told so: another thread
may have been told."""
HANDED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


def may_break(words: Sequence[str]) -> bool:
    """Whether a command opens what a library in C++ reads, and can be watched here.

    >>> may_break(["audit", "space", "--items", "items.npy"])
    False
    """
    return hasattr(signal, "sigtimedwait") and any(map(_is_opened, words))


def _is_opened(word: str) -> bool:
    if ADDRESS.match(word):
        return not word.startswith(("http:", "https:"))
    path = Path(word.partition("=")[2] if word.startswith("-") else word)
    with suppress(OSError, ValueError):  # a name that no file can have
        if path.is_dir():
            return path.suffix == ".lance" or (path / "chroma.sqlite3").exists()
        return path.is_file() and path.suffix.lower() not in SOLID
    return False


def watched(work: Callable[[], int], broken: Callable[[str], int]) -> int:
    """Do some work in a child, and give its exit code; ``broken`` is told of a library's signal."""
    numbers = {getattr(signal, name) for name in HANDED_ON}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*numbers, signal.SIGCHLD})
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    parent, child = os.getpid(), os.fork()
    if not child:
        _end_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return work()
    ended = _wait(child, numbers)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if os.WIFEXITED(ended):
        return os.WEXITSTATUS(ended)
    number = os.WTERMSIG(ended)
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    if name in BREAKS:
        return broken(name)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(parent, number)  # as it would have ended without a child
    return 128 + number


def _wait(child: int, numbers: set[signal.Signals]) -> int:
    """How a child ended; what this process is told meanwhile is handed on to it."""
    while True:
        came = signal.sigtimedwait({*numbers, signal.SIGCHLD}, LOOK_AFTER)
        if came is not None and came.si_signo != signal.SIGCHLD:
            if came.si_code <= 0:  # of a process; a terminal tells the child as well
                with suppress(ProcessLookupError):
                    os.kill(child, came.si_signo)
            continue
        done, ended = os.waitpid(child, os.WNOHANG)
        if done:
            return ended


def _end_with(parent: int) -> None:
    """Let the system kill this process when the one that waits for it is killed."""
    with suppress(OSError, AttributeError, ImportError):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)
