"""Who does the work on shards: processes of Python, Ray, or a session of Apache Spark.

An engine hands each shard to a worker and gives the results as they come, in any order. A shard
whose worker was lost is given to another; what a worker refuses ends the work.
"""

import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Protocol, TypeAlias, runtime_checkable

from anglewise.data_types.libraries import library
from anglewise.data_types.numbers import check_word
from anglewise.data_types.text import Say, counted, quiet
from anglewise.distributed.shards import Shard
from anglewise.errors import AnglewiseError, FileError, MissingExtraError

Work: TypeAlias = Callable[[Shard], Any]
"""What is done with one shard; it can be pickled."""

ATTEMPTS = 4
"""How often a shard is given to a worker before the work is given up."""


ENGINES = ("processes", "ray", "spark")
WAVES = 4
"""Shards for each worker of Spark whose results are fetched at once."""


@runtime_checkable
class Engine(Protocol):
    """Does the same work on many shards."""

    def map(self, work: Work, shards: Sequence[Shard], say: Say) -> Iterator[Any]:
        """The results of all shards, in any order."""
        ...


@dataclass(frozen=True)
class Guarded:
    """Work whose refusal comes back as a result, since engines wrap what is raised."""

    work: Work

    def __call__(self, shard: Shard) -> Any:
        """The result, or the error that names what is wrong with the shard."""
        try:
            return self.work(shard)
        except AnglewiseError as error:
            return error


def results(engine: Engine, work: Work, shards: Sequence[Shard], say: Say = quiet) -> Iterator[Any]:
    """The results of all shards, in any order; an error of ours is raised as it was."""
    for result in engine.map(Guarded(work), shards, say):
        if isinstance(result, AnglewiseError):
            raise result
        yield result


@dataclass(frozen=True)
class Processes:
    """Processes of Python on this machine; one alone is that of the program itself.

    >>> from operator import attrgetter
    >>> from pathlib import Path
    >>> shards = [Shard(Path("a"), 0, 3), Shard(Path("b"), 3, 2)]
    >>> list(Processes(1).map(attrgetter("rows"), shards, print))
    [3, 2]
    """

    workers: int

    def map(self, work: Work, shards: Sequence[Shard], say: Say) -> Generator[Any, None, None]:
        """Each shard to a process; where one ends early, all start again with what is missing."""
        if self.workers == 1:
            yield from map(work, shards)
            return
        missing = dict(enumerate(shards))
        for attempt in range(1, ATTEMPTS + 1):
            with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
                futures = {pool.submit(work, shard): number for number, shard in missing.items()}
                try:
                    for future in as_completed(futures):
                        yield future.result()
                        del missing[futures[future]]
                except BrokenProcessPool:
                    if attempt < ATTEMPTS:
                        say(f"a process ended early: {len(missing)} shards are begun again")
            if not missing:
                return
        raise FileError(
            f"a process ended early {ATTEMPTS} times, the last time among "
            f"{', '.join(shard.path.name for shard in list(missing.values())[:3])}: give it more "
            "memory, or write smaller shards; in a script of your own, call it below "
            "if __name__ == '__main__'"
        )


@dataclass(frozen=True)
class Ray:
    """Tasks of the Ray that this program has joined, each given to another worker where lost."""

    def map(self, work: Work, shards: Sequence[Shard], say: Say) -> Generator[Any, None, None]:
        """Each shard to a task."""
        del say
        ray = library("ray", "ray", needed_by="engine")
        try:
            task = ray.remote(max_retries=ATTEMPTS - 1)(_done)
            shared = ray.put(work)
            waiting = [task.remote(shared, shard) for shard in shards]
            while waiting:
                ready, waiting = ray.wait(waiting)
                yield from ray.get(ready)
        except ray.exceptions.RayError as error:
            raise FileError(
                f"Ray gave up a shard after {ATTEMPTS} attempts ({type(error).__name__}): give its "
                "workers more memory, or write smaller shards"
            ) from error


def _done(work: Work, shard: Shard) -> Any:
    return work(shard)


@dataclass(frozen=True)
class Spark:
    """Tasks of a session of Apache Spark, which the program that calls us has started.

    Python of its workers must have anglewise and see the files. How often a lost task is tried
    again is the session's own setting (``spark.task.maxFailures``).
    """

    session: Any

    def map(self, work: Work, shards: Sequence[Shard], say: Say) -> Generator[Any, None, None]:
        """Each shard to a task."""
        del say
        errors = library("pyspark.errors", "spark", needed_by="engine")
        py4j = library("py4j.protocol", "spark", needed_by="engine")
        try:
            context = self.session.sparkContext
            together = WAVES * context.defaultParallelism
            for start in range(0, len(shards), together):
                wave = shards[start : start + together]
                yield from context.parallelize(wave, len(wave)).map(work).collect()
        except (errors.PySparkException, py4j.Py4JJavaError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            cause = next((line for line in reversed(lines) if "Error" in line), lines[0])
            raise FileError(f"Spark gave up a shard: {cause}") from error


@contextmanager
def started(engine: Any, workers: int, say: Say = quiet) -> Generator[Engine, None, None]:
    """An engine for the time of the block: ``"processes"``, ``"ray"``, ``"spark"``, or a session.

    A Ray that the program has joined and a session of Spark that is active are used and left as
    they are. Otherwise one is started on this machine with so many workers, which is said, and
    ended with the block; of Spark, what ``spark-submit`` or its own configuration say holds.

    Raises ``SpellingError`` for anything else, ``MissingExtraError`` where a library is missing, or
    Java, which Spark needs.

    >>> with started("processes", 2) as engine:
    ...     print(engine)
    Processes(workers=2)
    """
    if hasattr(engine, "sparkContext"):
        say("the session of Spark that was given works: its settings say how many at once")
        yield Spark(engine)
        return
    check_word(engine, ENGINES, "engine")
    if engine == "processes":
        yield Processes(workers)
    elif engine == "ray":
        with _ray(workers, say):
            yield Ray()
    else:
        with _spark(workers, say) as session:
            yield Spark(session)


@contextmanager
def _ray(workers: int, say: Say) -> Generator[None, None, None]:
    ray = library("ray", "ray", needed_by="engine")
    if ray.is_initialized():
        say("the Ray that was joined works: its settings say how many at once")
        yield
        return
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    say(f"started Ray {ray.__version__} on this machine: {counted(workers, 'worker')}")
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _spark(workers: int, say: Say) -> Generator[Any, None, None]:
    sql = library("pyspark.sql", "spark", needed_by="engine")
    active = sql.SparkSession.getActiveSession()
    if active is not None:
        say("the session of Spark that is active works: its settings say how many at once")
        yield active
        return
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise MissingExtraError(
            "Apache Spark needs Java 17 or newer, and there is none: install it (on Debian: "
            "apt-get install openjdk-17-jre-headless), or let JAVA_HOME name it"
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = library("pyspark", "spark", needed_by="engine").SparkConf()
    if not settings.contains("spark.master"):
        settings.setMaster(f"local[{workers}, {ATTEMPTS}]").set("spark.ui.enabled", "false")
        settings.set("spark.ui.showConsoleProgress", "false")
    session = sql.SparkSession.builder.config(conf=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    say(f"started a session of Apache Spark {session.version}: {session.sparkContext.master}")
    try:
        yield session
    finally:
        session.stop()
