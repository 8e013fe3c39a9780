"""Tables with vectors of any kind of file: columns of lists, text, dumps of stores."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from anglewise.data_types.text import Say
from anglewise.errors import FileError
from anglewise.io.arrow_files import (
    ARROW_SUFFIXES,
    is_list_of_numbers,
    is_saved_dataset,
    saved_dataset,
)
from anglewise.io.copied_tables import copied_sheet, is_copied
from anglewise.io.delimited import delimited_sheet, open_sheet
from anglewise.io.files import arrow, existing_file, suffix
from anglewise.io.id_columns import only_candidate
from anglewise.io.represented_files import is_list_of_lists
from anglewise.io.tables import VECTOR, Sheet, find, listed
from anglewise.io.vector_dumps import LINES, dump_kind, dump_sheet
from anglewise.io.vector_formats import OF_NUMBERS, VectorFormat
from anglewise.io.written_vectors import holds_written, is_written

WORD_SUFFIXES = {".txt", ".vec", ".bin", ".glove", ".w2v"}
TEXT_TABLES = {".csv", ".tsv"}
COPIED = {".copy", ".sql", ".dump", ".txt", *TEXT_TABLES}
"""What a table is called that COPY of PostgreSQL wrote."""
DUMPS = {".json", *LINES}


def may_be_said_of(path: Path, given: VectorFormat) -> bool:
    """Whether a file of this name may be what somebody said: a dump, COPY's rows, a table."""
    endings = {"copy": COPIED, "table": DUMPS | COPIED}.get(given.word, DUMPS)
    return suffix(path) in endings


def has_columns(path: Path) -> bool:
    """Whether columns of a file or folder of vectors may be named."""
    if path.is_dir():
        return is_saved_dataset(path)
    ending = suffix(path)
    if ending in WORD_SUFFIXES:
        return ending in COPIED and is_copied(existing_file(path))
    return ending in ARROW_SUFFIXES | DUMPS | COPIED


def vector_sheet(source: Path, given: VectorFormat | None, say: Say) -> Sheet | None:
    """A table with vectors, of whatever kind; None for files of numbers alone."""
    if source.is_dir() and is_saved_dataset(source):
        return saved_dataset(source)
    ending, word = suffix(source), None if given is None else given.word
    if word in OF_NUMBERS:
        word = None
    if ending in DUMPS:
        path = existing_file(source)
        if ending == ".json" or (word or dump_kind(path)) not in {None, "table"}:
            return dump_sheet(path, word, say)
    if ending in ARROW_SUFFIXES:
        return open_sheet(source)
    if ending in COPIED and _is_rows_of_copy(existing_file(source), word):
        if word is None and ending in WORD_SUFFIXES | TEXT_TABLES:
            say(
                f"{source.name}: read as rows that COPY of PostgreSQL wrote; if it is another "
                "table, say so (--vector-format table)"
            )
        return copied_sheet(existing_file(source))
    if ending in COPIED - WORD_SUFFIXES or (ending in COPIED and word == "table"):
        return _delimited(existing_file(source))
    return None


def _is_rows_of_copy(path: Path, word: str | None) -> bool:
    return word == "copy" or (word is None and is_copied(path))


def _delimited(path: Path) -> Sheet:
    """A table of text; its first line is data where a vector stands in it."""
    sheet = delimited_sheet(path)
    if sheet.names is not None and any(map(is_written, sheet.names)):
        sheet = delimited_sheet(path, headless=True)
    names = sheet.names or tuple(f"column {i + 1}" for i in range(sheet.width))
    cells = sheet.columns(range(sheet.width))  # once: each look at a column reads all of the file

    def columns(positions: Sequence[int]) -> list[Any]:
        return [cells[i] for i in positions]

    return replace(sheet, names=names, columns=columns)


def unusual_ids(sheet: Sheet, vector: int) -> int | None:
    """Where ids stand under a name that is not a usual one, such as docno, one a row."""
    names = sheet.names or ()
    types = arrow("types")

    def ids_in(name: str) -> list[str] | None:
        position = names.index(name)
        kind = sheet.kinds[position]
        texts = types.is_string(kind) or types.is_large_string(kind) or types.is_dictionary(kind)
        if position == vector or not (texts or types.is_integer(kind)):
            return None
        (cells,) = sheet.columns([position])
        return None if cells.null_count else cells.to_pylist()

    remedy = "name the column of the ids, id_column=... (--id-column), or call it id"
    name = only_candidate(sheet.path, names, ids_in, remedy)
    return None if name is None else names.index(name)


def vector_position(sheet: Sheet, column_name: str | None) -> int:
    """The column of the vectors: that of a name, else the only one that may hold them."""
    names = sheet.names or ()
    lists = [i for i, kind in enumerate(sheet.kinds) if is_list_of_numbers(kind)]
    lists = lists or [i for i, kind in enumerate(sheet.kinds) if is_list_of_lists(kind)]
    if column_name is None:
        lists = lists or [i for i in range(sheet.width) if holds_written(sheet, i)]
    if column_name is not None:
        return find(names, VECTOR, column_name, sheet.path) or 0
    position = find(
        [name if i in lists else "" for i, name in enumerate(names)], VECTOR, None, sheet.path
    )
    if position is not None:
        return position
    if len(lists) == 1:
        return lists[0]
    kinds = [f"{name} ({kind})" for name, kind in zip(names, sheet.kinds, strict=True)]
    several = f"several columns hold lists of numbers: {listed([names[i] for i in lists])}"
    raise FileError(
        f"{sheet.path}: "
        + (several if lists else f"no column holds lists of numbers, but {listed(kinds)}")
        + "; name the vectors: vector_column=... (--vector-column)"
    )
