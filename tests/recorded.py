"""What is kept of a job's output, and how a later output is compared with it.

Numbers are equal to 1e-9 (written vectors to float32), keys and their order exactly, and nothing
is left out but what stands in ``MASKED``. Sentences are kept apart, in ``prose.txt``, so that a
change of words is seen as one.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anglewise
from record_jobs import Output

MASKED = {
    "version": "rises with each release (within texts too)",
    "seconds": "the clock",
    "making_seconds": "the clock",
    "searching_seconds": "the clock",
    "sha256": "of parquet files: hangs on the release of pyarrow; what they hold is kept",
}
PROSE = {"reason", "notes", "sentence", "source", "what", "do", "meaning", "stopped", "left_out"}
"""Keys whose values are sentences for people."""

LONG = 200
"""A longer list is kept as its length, its sums, its first and last entry, or a digest of texts."""

CLOCK = re.compile(r"(?:(?<= ) +)?(?:<|&lt;)?\d[\d.]* (?:s|min|h)\b")
"""A time with what says that it is less, as text or HTML, and what fills up its column."""

ROUNDING = re.compile(r" +\S+ +(?=<= 1e-\d)|\d(?:\.\d+)?e-1[3-9]")
"""Errors of rounding, in texts: they hang on the processor."""

NEAR = 1e-9
NEAR_VECTORS = 2e-7
"""Vectors are written as float32, whose last bit may hang on the processor."""


@dataclass(frozen=True)
class Kept:
    """What is kept of one job."""

    values: dict[str, Any]
    prose: str
    texts: str


def keep(output: Output, words: Iterable[str]) -> Kept:
    """Take from an output what is compared."""
    prose: list[str] = []
    content = json.loads(output.files.get("out.json", "null"))
    if isinstance(content, dict):
        content.pop("call", None)  # names temporary folders, and checksums of parquet files
    values = {"exit": output.code, "json": _masked(content, prose, "")}
    for folder in output.folders:
        values[folder.name] = _folder(folder, prose)
    texts = [f"$ anglewise {' '.join(words)}\n{_tidy(output.terminal)}"]
    for name, text in output.files.items():
        if name != "out.json":
            shown = _page_text(text) if name.endswith(".html") else text
            texts.append(f"--- {name}\n{_tidy(shown)}")
    return Kept(values, "".join(f"{line}\n" for line in prose), "".join(texts))


def sections(text: str) -> dict[str, str]:
    """The parts of a file of texts, by the names of their jobs."""
    parts = re.split(r"(?m)^==== (.*)\n", text)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def joined(parts: dict[str, str]) -> str:
    return "".join(f"==== {name}\n{text}" for name, text in parts.items())


def differences(recorded: Any, now: Any, path: str = "") -> Iterator[str]:
    """One line for each place where two values differ."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        if list(recorded) != list(now):
            yield f"{path}: recorded the keys {list(recorded)}, now {list(now)}"
        for key in (key for key in recorded if key in now):
            yield from differences(recorded[key], now[key], f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(now, list):
        if len(recorded) != len(now):
            yield f"{path}: recorded {len(recorded)} entries, now {len(now)}"
        for place, (before, after) in enumerate(zip(recorded, now, strict=False)):
            yield from differences(before, after, f"{path}[{place}]")
    elif not _same(recorded, now, NEAR_VECTORS if ".vector: " in path else NEAR):
        yield f"{path}: recorded {recorded!r}, now {now!r}"


def _same(recorded: Any, now: Any, near: float) -> bool:
    """Equal, and of one type: 1 and 1.0 are written differently."""
    if type(recorded) is float and type(now) is float:
        return math.isclose(recorded, now, rel_tol=near, abs_tol=near)
    return type(recorded) is type(now) and recorded == now


def _masked(value: Any, prose: list[str], path: str) -> Any:
    """The value without what changes by itself; sentences go to ``prose``."""
    if isinstance(value, dict):
        return {key: _entry(key, inner, prose, f"{path}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        if len(value) > LONG and not isinstance(value[0], dict | list):
            return _digest(value)
        return [_masked(inner, prose, f"{path}[{place}]") for place, inner in enumerate(value)]
    return _without_version(value) if isinstance(value, str) else value


def _entry(key: str, value: Any, prose: list[str], path: str) -> Any:
    if key in MASKED:
        return "masked"
    if key not in PROSE:
        return _masked(value, prose, path)
    lines = value if isinstance(value, list) else [value]
    prose += [f"{path[1:]}: {_without_version(str(line))}" for line in lines]
    return "in prose.txt"


def _digest(values: list[Any]) -> dict[str, Any]:
    """A long list in short; the place of a number weighs, so that a swap is seen too."""
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) != len(values):
        text = "\n".join(map(str, values)).encode()
        return {"entries": len(values), "sha256 of texts": hashlib.sha256(text).hexdigest()}
    if not numbers:
        return {"entries": 0}
    weighed = (place * value for place, value in enumerate(numbers, 1))
    return {
        "entries": len(numbers),
        "sum": float(math.fsum(numbers)),
        "sum of squares": float(math.fsum(value * value for value in numbers)),
        "mean place": math.fsum(weighed) / len(numbers) ** 2,
        "first": numbers[0],
        "last": numbers[-1],
    }


def _folder(folder: Path, prose: list[str]) -> dict[str, Any]:
    """What the files of a folder hold."""
    kept: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            kept[name] = _table(path)
        elif path.suffix == ".json":
            kept[name] = _masked(json.loads(path.read_text()), prose, f".{folder.name}/{name}")
        elif path.is_file():
            lines = [line.split() for line in path.read_text().splitlines()]
            kept[name] = {
                f"column {place}": _digest([_number(text) for text in column])
                for place, column in enumerate(zip(*lines, strict=True), 1)
            }
    return kept


def _table(path: Path) -> dict[str, Any]:
    from pyarrow.parquet import read_table

    table = read_table(path)
    return {
        f"{field.name}: {field.type}": _digest(_flat(table[field.name].to_pylist()))
        for field in table.schema
    }


def _flat(values: list[Any]) -> list[Any]:
    if values and isinstance(values[0], list):
        return [number for row in values for number in row]
    return values


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _without_version(text: str) -> str:
    return text.replace(anglewise.__version__, "VERSION")


def _tidy(text: str) -> str:
    """Text without what changes by itself, and without blanks at ends of lines."""
    lines = ROUNDING.sub(" ROUNDING ", CLOCK.sub("TIME", _without_version(text))).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _page_text(html: str) -> str:
    """What a page says: no drawings, no styles, no tags."""
    bare = re.sub(r"(?s)<(style|script|svg)\b.*?</\1>", "", html)
    bare = re.sub(r"\s*</?(?:td|th|span|b|i|sup|code|a)\b[^>]*>", " ", bare)
    lines = (" ".join(line.split()) for line in re.sub(r"<[^>]*>", "\n", bare).splitlines())
    return "\n".join(line for line in lines if line)
