"""What does the work: the compiled scanner or NumPy's, on so many threads."""

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from anglewise.core.typing import Map, serial
from anglewise.search.compiled_scanner import CompiledScanner
from anglewise.search.kernel import KERNEL
from anglewise.search.numpy_scanner import NumpyScanner
from anglewise.search.scanner import Scanner

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Machine:
    """A scanner, and a map over pieces of work that run at once."""

    scanner: Scanner
    threads: int
    map_: Map

    def each(self, work: Callable[[Any], T], over: Iterable[Any]) -> list[T]:
        """Do every piece; return when all are done."""
        return list(self.map_(work, over))


def scanner() -> Scanner:
    """The fastest scanner that this machine has."""
    return NumpyScanner() if KERNEL is None else CompiledScanner(KERNEL)


@contextmanager
def machine(threads: int | None, using: Scanner | None = None) -> Generator[Machine, None, None]:
    """A machine for the time of one search."""
    threads = threads or os.cpu_count() or 1
    using = using or scanner()
    if threads == 1:
        yield Machine(using, 1, serial)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield Machine(using, threads, pool.map)
