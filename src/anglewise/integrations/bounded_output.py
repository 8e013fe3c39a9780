"""Results that a reader with little room is given: cut where they are long, and saying so."""

import json
from collections.abc import Mapping
from typing import Any, cast

from anglewise.errors import visible
from anglewise.report.plain_text import as_json

ESSENTIAL = ("command", "verdict", "measures", "notes", "query")
"""What is left out last of all."""
SMALL = 10
"""A part of the answer that fills less than a tenth of the room makes none by going."""


def bounded(content: Mapping[str, Any], most_rows: int, most_characters: int) -> dict[str, Any]:
    """Plain JSON of at most so many characters; ``cut`` says what was left out, if anything.

    Of a list the first rows are kept. Where that is too long still, large parts go, the largest
    first, then further rows. Texts may come from anybody's files: what would command a terminal is
    shown in them.

    >>> bounded({"command": "search", "ids": ["a", "b", "c"]}, 2, 1000)["cut"]
    ['ids: the first 2 of 3', 'ask for less, or run anglewise itself for all of it']
    """
    plain: dict[str, Any] = json.loads(as_json(content))
    gone: list[str] = []
    short = _of_rows(plain, most_rows, gone)
    for key in _largest(short, but=ESSENTIAL):
        if _size(short) > most_characters and _size(short[key]) > most_characters // SMALL:
            gone.append(_left_out(key, plain.pop(key)))
            short = _of_rows(plain, most_rows, gone)
    while _size(short) > most_characters and most_rows > 1:
        most_rows //= 2
        short = _of_rows(plain, most_rows, gone)
    for key in _largest(short, but=("command", "cut")):
        if _size(short) > most_characters:
            gone.append(_left_out(key, plain.pop(key)))
            short = _of_rows(plain, most_rows, gone)
    return short


def _of_rows(plain: Mapping[str, Any], most_rows: int, gone: list[str]) -> dict[str, Any]:
    """The content with so many rows of each list, and what is not in it."""
    cuts: list[str] = []
    short = {key: _short(value, key, most_rows, cuts) for key, value in plain.items()}
    if not gone and not cuts:
        return short
    return {**short, "cut": [*gone, *cuts, "ask for less, or run anglewise itself for all of it"]}


def _largest(content: Mapping[str, Any], but: tuple[str, ...]) -> list[str]:
    keys = [key for key in content if key not in but]
    return sorted(keys, key=lambda key: (key == "verdict", -_size(content[key])))


def _left_out(key: str, value: Any) -> str:
    return f"{key}: left out, {_size(value):,} characters"


def written(content: Mapping[str, Any]) -> str:
    """The same as a text of one line."""
    return json.dumps(content, ensure_ascii=False)


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False))


def _short(value: Any, path: str, most_rows: int, cuts: list[str]) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        rows = cast("list[Any]", value)
        _say_cut(path, len(rows), most_rows, cuts)
        return [_short(row, path, most_rows, cuts) for row in rows[:most_rows]]
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        return {
            visible(key): _short(inner, f"{path}.{visible(key)}", most_rows, cuts)
            for key, inner in table.items()
        }
    return value


def _say_cut(path: str, length: int, most: int, cuts: list[str]) -> None:
    sentence = f"{path}: the first {most} of {length:,}"
    if length > most and sentence not in cuts:
        cuts.append(sentence)
