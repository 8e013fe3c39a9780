"""Laws about time, held by the time of the processor: others at work on it break none of them."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time

WAITING = 12
"""What takes no processor time and does not end hangs: it may last so many times as long."""


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor time, in seconds, that a call takes."""
    start = process_time()
    work()
    return process_time() - start


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Break off with ``TimeoutError`` what takes more processor time, or hangs."""

    def late(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} seconds of the processor, or hung")

    before = {name: signal.signal(name, late) for name in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(WAITING * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        for name, handler in before.items():
            signal.signal(name, handler)


def growth(work: Callable[[int], object], size: int, times: int = 4) -> float:
    """How many times as long as work of a size one takes that is ``times`` as large.

    About ``times`` where time goes by size, about its square where each looks at each. The least
    of three runs is taken, for nothing makes a run faster than it is.
    """

    def least(count: int) -> float:
        return min(processor_seconds(lambda: work(count)) for _ in range(3))

    return least(times * size) / least(size)
