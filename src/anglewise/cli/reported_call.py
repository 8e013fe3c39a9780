"""The call that a report names, read from a file that anybody may have written, and run again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from anglewise.cli.call_record import NOT_RECORDED, RECORDED, checksum
from anglewise.cli.settings import PLAIN, READS
from anglewise.data_types.numbers import shown
from anglewise.errors import FileError
from anglewise.io.destinations import is_elsewhere
from anglewise.io.files import Stamp, contents, existing_file, file_text, reading, stamp
from anglewise.io.sizes import check_json_document

LONGEST = 1 << 26
"""Bytes of a report: what is read of it takes many times as much."""
TAKEN = (READS | PLAIN) - NOT_RECORDED
"""Options that are taken from a report: they change what is computed, and nothing else."""


@dataclass(frozen=True)
class Again:
    """A call that makes a report again because a file says so.

    Attributes
    ----------
    report
        The file that says so.
    inputs
        All that may be read.
    target
        All that may be written.
    """

    report: Path
    inputs: Sequence[Path]
    target: Path

    def reads(self) -> dict[Path, Stamp]:
        """A place for what the call reads, which takes nothing but the inputs."""
        return _InputsAlone(self)

    def check_writes(self, outputs: Sequence[Path] | None) -> None:
        """Raise ``FileError`` for a call that would write anything but its result."""
        if outputs is None or list(outputs) != [self.target]:
            others = [str(path) for path in outputs or () if path != self.target]
            raise FileError(
                f"{self.report} names a call that writes {', '.join(others) or 'no result'}, which "
                "is not done because a file says so: make the report anew, and compare both"
            )


class _InputsAlone(dict[Path, Stamp]):
    """What a call reads, of which nothing may be another file than the inputs of its report."""

    def __init__(self, again: Again) -> None:
        super().__init__()
        self.again = again
        self.known = {stamp(path)[:2] for path in again.inputs}

    def __setitem__(self, path: Path, before: Stamp) -> None:
        if before[:2] not in self.known:
            raise FileError(
                f"{self.again.report} names other inputs than its call reads: {path} is not among "
                "them, and is not read because a file says so: make the report anew, and compare "
                "both"
            )
        super().__setitem__(path, before)


@dataclass(frozen=True)
class Reported:
    """A report, and the call that it names."""

    content: Mapping[str, Any]
    command: str
    words: tuple[str, ...]
    inputs: Mapping[str, str | None]


def read_report(path: Path) -> Reported:
    """A report of a command that can be run again.

    Raises ``FileError`` for what is no such report, and for a call that would run code, ask a
    server or write: what a file from a stranger may not make this program do.
    """
    size = existing_file(path).stat().st_size
    if size > LONGEST:
        raise FileError(
            f"{path} has {size:,} bytes, and at most {LONGEST:,} are read: a report has some "
            "thousand; name what compare or audit wrote by --json"
        )
    with reading(path, "a report in JSON"):
        text = bytes(contents(path))
        check_json_document(path, text)
        content = json.loads(text, object_pairs_hook=_each_once)
    if not isinstance(content, dict) or cast("Any", content).get("command") not in RECORDED:
        raise FileError(
            f"{path} is no report of {' or '.join(RECORDED)}: name what one of these wrote by "
            "--json"
        )
    report = cast("dict[str, Any]", content)
    call = report.get("call")
    known = cast("dict[str, Any]", call) if isinstance(call, dict) else {}
    words, inputs = _texts(known.get("words")), known.get("inputs")
    if words is None or not isinstance(inputs, dict):
        raise FileError(
            f"{path} does not say by which call it was made, as reports before 0.2 do not: make it "
            "again"
        )
    for word in words:
        _check_word(path, word)
    return Reported(report, report["command"], words, cast("dict[str, str | None]", inputs))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; ``ValueError`` for a name that comes twice, of which readers see one."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} comes twice in an object")
    return content


def _texts(words: Any) -> tuple[str, ...] | None:
    if not isinstance(words, list):
        return None
    each = cast("list[Any]", words)
    return tuple(each) if all(isinstance(word, str) for word in each) else None


def _check_word(path: Path, word: str) -> None:
    name = word.removeprefix("--").partition("=")[0] if word.startswith("--") else ""
    if word.startswith("-") and name not in TAKEN:  # so no other way to write a name either
        raise FileError(
            f"{path} was made with {shown(word)}, which is not done again because a file says so: "
            "make the report anew, and compare both"
        )
    value = word.partition("=")[2] if name else word
    if "://" in value or is_elsewhere(value):
        raise FileError(
            f"{path} was made from {shown(value)}, and no server is asked because a file says so: "
            "make the report anew, and compare both"
        )


def check_inputs(path: Path, reported: Reported) -> None:
    """Raise ``FileError`` for an input that is gone, or another file than the report's."""
    for name, due in reported.inputs.items():
        place = Path(name)
        if is_elsewhere(name) or due is None or not place.is_file():
            raise FileError(
                f"{path} was made of {shown(name)}, which is not here: run this in the folder "
                "where the report was made, with its inputs in their places"
            )
        if checksum(place) != due:
            raise FileError(
                f"{path} was made of another {shown(name)} than the one that is here (its SHA-256 "
                "differs): the report cannot be held against it"
            )


def made_again(path: Path, reported: Reported) -> Mapping[str, Any]:
    """What the same call says now.

    Raises ``FileError`` where it read other files than the report names.
    """
    from anglewise.cli.program import run

    with TemporaryDirectory(prefix="anglewise-") as folder:
        target = Path(folder) / "again.json"
        again = Again(path, [Path(name) for name in reported.inputs], target)
        words = [reported.command, *reported.words, f"--json={target}", "--quiet"]
        run(words, again=again)
        content = json.loads(file_text(target))
    if content["call"]["inputs"] != dict(reported.inputs):
        raise FileError(
            f"{path} names other inputs than its call reads: it cannot be held against them"
        )
    return content
