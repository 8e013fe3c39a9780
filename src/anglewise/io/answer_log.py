"""Answers that cost time or money, kept line by line, so that no later failure loses them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anglewise.io.files import opened, reading
from anglewise.io.outputs import writing
from anglewise.io.sizes import check_holds


def logged_lines(log: Path, kind: str) -> list[bytes]:
    """The lines of a log, the last of which may have been cut off; one empty line if none is there.

    Raises ``FileError`` for what cannot be read.
    """
    if not log.exists():
        return [b""]
    with reading(log, kind), opened(log) as file:
        check_holds(log, os.fstat(file.fileno()).st_size)
        return file.read().split(b"\n")


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
