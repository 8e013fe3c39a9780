"""Runs read from files: TREC, tables with named columns, and JSON of several libraries."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.numbers import described, shown
from anglewise.data_types.run import Location, Run, check_exact
from anglewise.data_types.text import Say, first_repeated, quiet
from anglewise.data_types.typing import Array, Float64
from anglewise.errors import FileError, ValuesError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, arrow, contents, existing_file, naming, reading, suffix
from anglewise.io.sizes import check_json_document
from anglewise.io.tables import (
    DOCUMENT,
    QUERY,
    Role,
    Sheet,
    check_distinct_columns,
    find,
    names_of,
    need,
    numbered,
    numbers_of,
)
from anglewise.io.truth_values import truth_values

SCORE = Role("scores", "score_column", "score similarity sim value retrievalscore")
RANK = Role("ranks", "rank_column", "rank position place")
TREC_COLUMNS = 6


def read_run(path: PathLike, name: str | None = None, say: Say = quiet) -> Run:
    r"""Read ranked lists that some system wrote, called by the name of the file if not named.

    * TREC: ``query Q0 item rank score tag``, parted by blanks;
    * Parquet, Arrow, CSV, TSV with columns of query ids, item ids and scores, and ranks if there
      are any;
    * JSON ``{query: {item: score}}`` as ranx, pytrec_eval and BEIR write it, and the same within
      the subset and split of a task, as MTEB writes its predictions.

    Lists are ordered by score, equal scores by rank, or else by id, as trec_eval does.

    Raises
    ------
    FileError
        What is missing, damaged or no run.
    ValuesError
        A pair that comes twice, a score that is no number, a rank that says otherwise than the
        scores; with the line.
    SpellingError
        A name that cannot stand in a table.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "bm25.run"
    >>> _ = file.write_text("q Q0 a 1 2.5 tag\nq Q0 b 2 2.5 tag\n")
    >>> run = read_run(file)
    >>> run.name, run["q"]
    ('bm25', [('a', 2.5), ('b', 2.5)])
    """
    path = existing_file(path)
    called = name_of(path) if name is None else name
    if suffix(path) == ".json":
        return _from_json(path, called, say)
    sheet = open_sheet(path)
    queries, items, scores, ranks = _positions(sheet)
    if sheet.names is not None:
        columns = [(QUERY, queries), (DOCUMENT, items), (SCORE, scores), (RANK, ranks)]
        say(
            f"{path.name}: "
            + ", ".join(
                f"{role.meaning} from {sheet.name(p)}" for role, p in columns if p is not None
            )
        )
    ids = [
        numbered(names_of(sheet, column, position))
        for column, position in zip(sheet.columns([queries, items]), (queries, items), strict=True)
    ]

    def location(row: int) -> str:
        return f"{path}, {sheet.location(row)}"

    return Run.of_numbers(
        called,
        ids[0],
        ids[1],
        _numbers(sheet, scores, "score", location),
        None if ranks is None else _numbers(sheet, ranks, "rank", location),
        location=location,
    )


def _numbers(sheet: Sheet, position: int, noun: str, location: Location) -> Float64[Array, " rows"]:
    """A column of numbers, of which none is a truth value, and none lost its last digits."""
    column = sheet.columns([position])[0]
    if arrow("types").is_boolean(truth_values(column).type):
        raise ValuesError(
            f"{sheet.path}: {sheet.name(position)} holds true and false, where numbers are due: "
            f"give the column of {noun}s that name"
        )
    numbers = numbers_of(sheet, column, position)
    check_exact(numbers, lambda row: column[row].as_py(), noun, location)
    return numbers


def name_of(path: Path) -> str:
    """What a run is called whose file is not named otherwise.

    >>> name_of(Path("runs/bm25.run.gz"))
    'bm25'
    """
    return Path(path.name.removesuffix(".gz")).stem


def _positions(sheet: Sheet) -> tuple[int, int, int, int | None]:
    """Where queries, items, scores and, if there are any, ranks stand."""
    path = sheet.path
    if sheet.names is None:
        if sheet.width != TREC_COLUMNS:
            raise FileError(
                f"{path} has no header and {sheet.width} columns: a TREC run has six (query, Q0, "
                "item, rank, score, tag); name the columns in a first line"
            )
        return 0, 2, 4, 3
    positions = {role: need(sheet.names, role, None, path) for role in (QUERY, DOCUMENT, SCORE)}
    ranks = find(sheet.names, RANK, None, path)
    check_distinct_columns(sheet.names, positions, set(), path)
    return positions[QUERY], positions[DOCUMENT], positions[SCORE], ranks


BYTES_OF_ENTRY = 360
"""What an entry of a list takes while JSON is read and becomes a run, with its ids."""
FORM = "{query: {item: score}} is due, as ranx, pytrec_eval, BEIR and MTEB write it"
DEEPEST = 3
"""MTEB writes lists into the split of a subset."""


def _from_json(path: Path, name: str, say: Say) -> Run:
    with reading(path, "a run as JSON"), naming(path):
        data = bytes(contents(path))
        check_json_document(path, data, BYTES_OF_ENTRY)
        document: Any = json.loads(data, object_pairs_hook=_object)
    if not isinstance(document, dict):
        raise FileError(f"{path} holds {described(document)}: {FORM}")
    tables = dict(_tables((), cast("dict[str, Any]", document)))
    if len(tables) != 1:
        places = ", ".join("/".join(map(shown, keys)) for keys in list(tables)[:5])
        held = f"several runs ({places}); write one of them alone" if tables else "no lists"
        raise FileError(f"{path} holds {held}: {FORM}")
    [(keys, lists)] = tables.items()
    if keys:
        say(f"{path.name}: took the lists of {'/'.join(map(shown, keys))}, the only ones")
    with naming(path):
        return Run.from_dict(lists, name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which every key stands once; JSON allows more, and readers keep the last."""
    read = dict(pairs)
    if len(read) < len(pairs):
        twice = first_repeated(key for key, _ in pairs)
        raise ValuesError(f"{shown(twice)!r} stands twice in one list or run: write it once")
    return read


def _tables(
    keys: tuple[str, ...], content: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every ``{query: {item: score}}`` in a document, and the keys that lead there."""
    lists: list[Any] = [value for value in content.values() if isinstance(value, dict)]
    cells = (cell for value in lists for cell in value.values())
    if any(isinstance(cell, int | float) for cell in cells):
        yield keys, content
    elif len(keys) < DEEPEST:
        for key, value in content.items():
            if isinstance(value, dict):
                yield from _tables((*keys, key), cast("dict[str, Any]", value))
