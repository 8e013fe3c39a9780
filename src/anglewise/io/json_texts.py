"""Ids and texts in JSON: BEIR's lines, one object each, and a list of such objects."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.numbers import EXACT, shown
from anglewise.data_types.text import Say, counted, quiet
from anglewise.errors import FileError
from anglewise.io.files import reading, text_contents
from anglewise.io.sizes import CELL, check_holds, check_json, is_deep
from anglewise.io.tables import listed

Table = tuple[list[str], dict[str, list[Any]]]
"""Ids in the order of a file, and its other columns."""
METADATA = "metadata"
"""The object in which BEIR keeps what else is known of a document."""
OBJECT_BYTES = {b"{": 256, b"[": 72, b",": 40, b'"': 32}
"""About how much memory Python takes for what each of these signs begins or parts."""


def json_lines(path: Path, say: Say = quiet) -> Table:
    """BEIR's ``{"_id": …, "title": …, "text": …, "metadata": {…}}``, one a line."""
    with reading(path, "JSON lines"):
        lines = bytes(text_contents(path)).decode("utf-8-sig").split("\n")
    rows = (
        _row(_object(f"{path}, line {number}", line), f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )
    return _table(path, rows, say)


def json_array(path: Path, say: Say = quiet) -> Table:
    r"""A list of objects with ``_id`` or ``id``: ``[{"_id": "1", "text": "A heist."}, …]``.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "films.json"
    >>> _ = file.write_text('[{"_id": "7", "text": "A heist.", "metadata": {"year": 1995}}]')
    >>> json_array(file)
    (['7'], {'text': ['A heist.'], 'year': [1995]})
    """
    data = bytes(text_contents(path))
    check_json(path, data.replace(b"\n", b" "))
    check_holds(path, sum(size * data.count(sign) for sign, size in OBJECT_BYTES.items()))
    with reading(path, "JSON"):
        elements: Any = json.loads(data)
    if not isinstance(elements, list):
        raise FileError(
            f'{path} holds no list: [{{"_id": …, "text": …}}, …] is due, or one such object a line'
        )
    rows = cast("list[Any]", elements)
    return _table(
        path, (_row(row, f"{path}, entry {n}") for n, row in enumerate(rows, start=1)), say
    )


def _table(path: Path, named_rows: Iterator[tuple[str, Mapping[str, Any]]], say: Say) -> Table:
    names: list[str] = []
    rows: list[Mapping[str, Any]] = []
    for name, row in named_rows:
        names.append(name)
        rows.append(row)
    if not rows:
        raise FileError(f"{path} holds no rows: was it written to the end?")
    rows = _with_metadata(_whole_characters(path, rows, say))
    keys = dict.fromkeys(key for row in rows for key in row)
    words = dict.fromkeys(key for row in rows for key, value in row.items() if _is_word(value))
    check_holds(path, CELL * len(rows) * len(words))
    others = {key for row in rows for key, value in row.items() if not _is_plain(value)}
    if others:
        ordered = [key for key in keys if key in others]
        say(
            f"{path.name}: lists and objects are left out, which no column holds: {listed(ordered)}"
        )
    return names, {
        word: [cell if _is_plain(cell := row.get(word)) else None for row in rows] for word in words
    }


HALF = re.compile("[\ud800-\udfff]")
"""Half of a pair of UTF-16, which JSON can spell alone, and no text in UTF-8 can hold."""


def _whole_characters(
    path: Path, rows: list[Mapping[str, Any]], say: Say
) -> list[Mapping[str, Any]]:
    """Rows in whose texts U+FFFD stands for halves of characters, of which it is said."""
    found: list[int] = []

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: whole(inner) for key, inner in cast("dict[str, Any]", value).items()}
        if not isinstance(value, str) or value.isascii() or HALF.search(value) is None:
            return value
        found.append(1)
        return HALF.sub("\ufffd", value)

    rows = [{key: whole(value) for key, value in row.items()} for row in rows]
    if found:
        say(
            f"{path.name}: halves of characters, such as \\ud800, stand in "
            f"{counted(len(found), 'text')}, and no file can hold them: U+FFFD is taken for each"
        )
    return rows


def _with_metadata(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows with what their ``metadata`` holds beside the rest.

    What has the name of another column is called ``metadata.NAME``.
    """
    if not any(isinstance(row.get(METADATA), dict) for row in rows):
        return rows
    columns = {key for row in rows for key in row}
    flat: list[Mapping[str, Any]] = []
    for row in rows:
        cells = dict(row)
        inner: Any = cells.get(METADATA)
        if isinstance(inner, dict):
            del cells[METADATA]
            for key, value in cast("dict[str, Any]", inner).items():
                cells[f"{METADATA}.{key}" if key in columns else key] = value
        flat.append(cells)
    return flat


def _object(location: str, line: str) -> Any:
    try:
        return None if is_deep(line) else json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{location}: no JSON ({error}); the file may be truncated") from error


def _row(row: Any, location: str) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(row, dict) or not row.keys() & {"_id", "id"}:
        raise FileError(f'{location}: an object with "_id" is due, as BEIR writes it')
    cells = cast("dict[str, Any]", row)
    name = cells.pop("_id" if "_id" in cells else "id")
    return _name(name, location), cells


def _name(value: object, location: str) -> str:
    """An id as text; ``FileError`` for what is none, or whose digits JSON's readers do not keep."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise FileError(
        f"{location}: the id is {shown(json.dumps(value))}, and ids are text or whole numbers: "
        "write it as text"
    )


def _is_word(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _is_plain(value: object) -> bool:
    return value is None or _is_word(value)
