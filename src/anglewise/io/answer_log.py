"""Answers that cost time or money, kept line by line, so that no later failure loses them."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from anglewise.errors import AnglewiseError, FileError
from anglewise.io.files import opened, reading
from anglewise.io.outputs import writing
from anglewise.io.sizes import check_holds

T = TypeVar("T")


def logged_lines(log: Path, kind: str) -> list[bytes]:
    """The lines of a log, the last of which may have been cut off; one empty line if none is there.

    Raises ``FileError`` for what cannot be read, and where no log can be begun.
    """
    if not log.exists():
        with writing(log):  # what forbids it is said before any answer is paid for
            return [b""]
    with reading(log, kind), opened(log) as file:
        check_holds(log, os.fstat(file.fileno()).st_size)
        return file.read().split(b"\n")


def logged_answers(
    log: Path, source: str, option: str, field: str, read: Callable[[Any], T]
) -> Iterator[T]:
    """What ``read`` makes of each line; one that a kill or a full disk cut off is left out.

    Each line is an object of JSON that begins with its key, 32 digits of hexadecimal, and goes on
    with ``field``.

    Raises ``FileError`` for a file of something else, so that no answer is added to it: it names
    the ``source`` of answers and the ``option`` that names the file. What ``read`` refuses by an
    error of ours is raised with the line.
    """
    start = b'{"key": "' + b"0" * 32 + b'", "' + field.encode() + b'": '
    cut_off = re.compile(rb'\{"key": "[0-9a-f]{32}", "' + field.encode() + rb'": [ -~]*')
    for number, line in enumerate(logged_lines(log, f"answers of {source}"), 1):
        if not line:
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            if cut_off.fullmatch(line + start[len(line) :]) is None:
                raise _not_ours(log, number, source, option) from None
            continue
        try:
            answer = read(entry)
        except AnglewiseError as error:
            raise FileError(
                f"{log}, line {number}: {error}; no answer is kept so: take the line away, and it "
                "is asked for again"
            ) from error
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise _not_ours(log, number, source, option) from None
        yield answer


def _not_ours(log: Path, number: int, source: str, option: str) -> FileError:
    return FileError(
        f"{log}, line {number}, is no answer of {source}: this file is another's, and answers "
        f"would be added to it; name another ({option}), or take it away"
    )


def append_line(log: Path, content: Mapping[str, Any]) -> None:
    """Append a line, and flush it to the disk.

    It begins on a new line where the line before was cut off by a kill or a full disk.
    """
    with writing(log), log.open("a+b") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        complete = file.read(1) in {b"", b"\n"}
        file.write((b"" if complete else b"\n") + json.dumps(content).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
