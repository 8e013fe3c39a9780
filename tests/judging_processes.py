"""Started by the tests of the store: forks processes that judge, and kills or hampers them.

One process imports the store and forks, so that two hundred deaths take seconds.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from random import Random

from anglewise import Judged, JudgementStore
from anglewise.errors import FileError


def judge(path, name, say, limit=None):
    """Judge item after item, and tell each once the store has acknowledged it."""
    with JudgementStore.open(path) as store:
        for item in range(limit or 1_000_000):
            one = Judged("q", str(item), 1, judge=name, note="x" * 200)
            store.add(one)
            os.write(say, f"{one.uuid}\n".encode())


def forked(work):
    """Run work in a child; give its number and where it speaks."""
    hear, say = os.pipe()
    child = os.fork()
    if child:
        os.close(say)
        return child, hear
    code = 1
    try:
        os.close(hear)
        work(say)
        code = 0
    finally:
        os._exit(code)
    return None


def heard(hear):
    """The whole lines that a child said."""
    with os.fdopen(hear) as said:
        return [line.strip() for line in said.read().splitlines(keepends=True) if line[-1] == "\n"]


def kill_often(path, times):
    """Kill a judging process again and again, at the start or amid its work; what it said."""
    rng = Random(0)  # noqa: S311 no secret
    acknowledged = []
    for death in range(times):
        child, hear = forked(lambda say, death=death: judge(path, f"judge {death}", say))
        words = [os.read(hear, 37).decode() for _ in range(rng.randrange(5))]
        time.sleep(rng.uniform(0, 0.004))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged += [*(word.strip() for word in words), *heard(hear)]
    return acknowledged


def at_once(path, writers, each):
    """Several processes write at once, all beginning with no file."""
    children = [
        forked(lambda say, name=f"judge {i}": judge(path, name, say, each)) for i in range(writers)
    ]
    said = [name for _, hear in children for name in heard(hear)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child, _ in children]
    return {"said": said, "codes": codes}


def until_full(path, most):
    """Judge until no file may grow beyond so many bytes; what was said, then why it ended."""

    def work(say):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        try:
            judge(path, "anna", say)
        except FileError as error:
            os.write(say, f"{error}\n".encode())

    child, hear = forked(work)
    said = heard(hear)
    os.waitpid(child, 0)
    return said


def as_nobody(path, _):
    """Read, then try to write, as a user who may only read the file and its folder."""

    def work(say):
        if os.getuid() == 0:
            os.setuid(65534)
        with JudgementStore.open(path, read_only=True) as store:
            os.write(say, f"{len(list(store.rows()))}\n".encode())
        try:
            judge(path, "nobody", say, 1)
        except FileError as error:
            os.write(say, f"{error}\n".encode())

    child, hear = forked(work)
    said = heard(hear)
    os.waitpid(child, 0)
    return said


if __name__ == "__main__":
    deed = {"kill": kill_often, "full": until_full, "read-only": as_nobody}.get(sys.argv[1])
    numbers = [int(word) for word in sys.argv[3:]]
    print(json.dumps((deed or at_once)(Path(sys.argv[2]), *numbers)))  # noqa: T201
