"""Calls that run at the same time in threads of their own, each answer kept as it comes."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")

GRACE = 30.0
"""Seconds for which answers under way are waited for once a call has failed: they are paid for."""
LOOK = 0.5
"""Seconds between looks, so that Ctrl-C is heard on every system."""


def _same(number: int, error: Exception) -> Exception:
    del number
    return error


def call_all(
    function: Callable[[Job], Answer],
    jobs: Sequence[Job],
    keep: Callable[[int, Answer], None],
    *,
    failed: Callable[[int, Exception], Exception] = _same,
    concurrency: int = 1,
) -> None:
    """Call a function for each job, ``concurrency`` at a time; ``keep`` takes each answer.

    ``keep`` is called in the thread of the caller, with the number of the job, as soon as an answer
    is there, and ``failed`` with an error, for which it gives the one to raise. With a concurrency
    of 1 nothing runs in another thread. Once a call or ``keep`` fails, no other call begins, those
    under way are kept if they end in time, and the error of the first of the jobs that failed is
    raised. After Ctrl-C what has come is kept, and nothing is waited for.

    >>> doubled = {}
    >>> call_all(lambda job: 2 * job, [1, 2, 3], doubled.__setitem__, concurrency=2)
    >>> [doubled[number] for number in range(3)]
    [2, 4, 6]
    """
    if concurrency == 1 or len(jobs) < 2:
        for number, job in enumerate(jobs):
            _take(_ended(function, number, job), keep, failed)
        return
    pool = _Pool(function, jobs)
    errors: dict[int, Exception] = {}

    def collect(ended: _Ended) -> None:
        try:
            _take(ended, keep, failed)
        except Exception as error:  # noqa: BLE001 raised below
            errors[ended.number] = error
            pool.stop.set()

    try:
        for ended in pool.run(min(concurrency, len(jobs))):
            collect(ended)
    except BaseException:
        pool.stop.set()
        for ended in pool.there():
            collect(ended)
        raise
    if errors:
        raise errors[min(errors)]


@dataclass(frozen=True)
class _Ended:
    """A call that ended, well or badly."""

    number: int
    answer: Any = None
    error: Exception | None = None


def _ended(function: Callable[[Any], Any], number: int, job: Any) -> _Ended:
    """Call a function; an interruption is no end of a call."""
    try:
        return _Ended(number, function(job))
    except Exception as error:  # noqa: BLE001 raised where it is taken
        return _Ended(number, error=error)


def _take(
    ended: _Ended,
    keep: Callable[[int, Any], None],
    failed: Callable[[int, Exception], Exception],
) -> None:
    if ended.error is not None:
        raise failed(ended.number, ended.error)
    keep(ended.number, ended.answer)


class _Pool:
    """Threads that take jobs in their order until there are none, or until they are stopped."""

    def __init__(self, function: Callable[[Any], Any], jobs: Sequence[Any]) -> None:
        self.function = function
        self.jobs: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        for job in enumerate(jobs):
            self.jobs.put(job)
        self.ended: SimpleQueue[_Ended | None] = SimpleQueue()
        self.stop = Event()

    def run(self, workers: int) -> Iterator[_Ended]:
        """Calls as they end; once stopped, those that were under way, for as long as ``GRACE``."""
        for _ in range(workers):
            Thread(target=self._work, daemon=True).start()  # none keeps the program from ending
        until = float("inf")
        while workers and time.monotonic() < until:
            try:
                ended = self.ended.get(timeout=LOOK)
            except Empty:
                continue
            if ended is None:
                workers -= 1
            else:
                yield ended
            if self.stop.is_set():
                until = min(until, time.monotonic() + GRACE)

    def there(self) -> Iterator[_Ended]:
        """The calls that have ended and were not yielded yet."""
        while not self.ended.empty():
            if (ended := self.ended.get()) is not None:
                yield ended

    def _work(self) -> None:
        while not self.stop.is_set():
            try:
                number, job = self.jobs.get_nowait()
            except Empty:
                break
            ended = _ended(self.function, number, job)
            if ended.error is not None:
                self.stop.set()
            self.ended.put(ended)
        self.ended.put(None)
