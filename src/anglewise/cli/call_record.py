"""What a report says of the call that made it: its words, and the files that it read."""

import hashlib
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App, Argument, ArgumentCollection

if TYPE_CHECKING:
    from anglewise.cli.reported_call import Again

RECORDED = ("compare", "audit")
"""Commands whose reports can be made again from what they say."""

NOT_RECORDED = frozenset(
    {"json", "quiet", "html", "markdown", "junit", "per-query", "run-out", "save-witness"}
)
"""Options that say where a result goes, and change nothing of it."""


@dataclass
class Call:
    """The call that runs: its words from wherever they come, and what it has read so far."""

    words: tuple[str, ...] = ()
    reads: Mapping[Path, Any] = field(default_factory=dict[Path, Any])
    shown: bool = True


_call = Call()


def note_words(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Keep the words of this call with those of its settings, once all of these are known."""
    del app
    if commands[:1] and commands[0] in RECORDED:
        _call.words = tuple(word for argument in arguments for word in _words(argument))


def _words(argument: Argument) -> Iterator[str]:
    name = next((name for name in argument.names if name.startswith("--")), "")
    if name.removeprefix("--") in NOT_RECORDED:
        return
    tokens = argument.tokens
    for number, token in enumerate(tokens):
        continues = number + 1 < len(tokens) and tokens[number + 1].index > 0
        if not name or token.index > 0:
            yield token.value
        elif not token.value and token.implicit_value is True:
            yield name
        elif continues:  # several values behind one name
            yield from (name, token.value)
        else:
            yield f"{name}={token.value}"


@contextmanager
def noting_call(command: str, again: "Again | None" = None) -> Generator[None]:
    """Note what a command reads, where its report says so.

    ``again`` says that it makes a report again: nothing is printed, nothing else read.
    """
    if command not in RECORDED:
        yield
        return
    from anglewise.io.files import noting_reads

    before, _call.shown = _call.shown, again is None
    try:
        with noting_reads(None if again is None else again.reads()) as reads:
            _call.reads = reads
            yield
    finally:
        _call.shown = before


def is_shown() -> bool:
    """Whether this call prints its result."""
    return _call.shown


def with_call(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A report with the call that made it: words, and the SHA-256 of each file that was read."""
    command = content.get("command")
    if command not in RECORDED:
        return content
    inputs = {shown_path(path): checksum(path) for path in _call.reads}
    call = {"words": list(_call.words), "inputs": dict(sorted(inputs.items()))}
    return {**content, "call": call}


def shown_path(path: Path) -> str:
    """A path as it is kept: from the current folder, if it lies there."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 links stay as they were typed
    here = Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else str(absolute)


def checksum(path: Path) -> str | None:
    """The SHA-256 of a file; None for one that is gone."""
    from anglewise.errors import FileError
    from anglewise.io.files import opened

    try:
        with opened(path, noted=False) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, FileError):
        return None
