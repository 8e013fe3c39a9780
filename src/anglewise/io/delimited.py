"""CSV, TSV and their relatives, cells that no spreadsheet runs, and the reader for any table."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anglewise.data_types.conversion import is_frame
from anglewise.errors import FileError
from anglewise.io.archives import ZIP
from anglewise.io.arrow_files import ARROW_SUFFIXES, arrow_sheet, frame_sheet
from anglewise.io.files import (
    PathLike,
    arrow,
    existing_file,
    reading,
    suffix,
    text_contents,
)
from anglewise.io.sizes import Contents
from anglewise.io.tables import DECIMAL_COMMA, Sheet, is_number

FIRST_LINE = 1 << 20
"""A first line longer than this is no line of a table."""

SEPARATOR_BYTES = 64
"""In so many bytes such a line ends."""

MARK = b"\xef\xbb\xbf"
"""The byte order mark that some programs put before a text in UTF-8."""

BLANKS = bytes.maketrans(b" ", b"\t")

COMMENT = "delete the line if it is a comment: only TREC qrels may hold such, behind a #"

NO_ROWS = "{} has a header and no rows: was it written to the end?"

MOVIELENS: dict[str, tuple[str, ...]] = {
    "ratings.dat": ("user_id", "item_id", "rating", "timestamp"),
    "u.data": ("user_id", "item_id", "rating", "timestamp"),
    "movies.dat": ("item_id", "title", "genres"),
    "u.item": ("item_id", "title", "release_date"),
}
"""Files of MovieLens without a header, by name; text in them is Latin-1."""


@dataclass(frozen=True)
class Dialect:
    """How one file is cut: its first ``skip`` lines, blank or header, are no rows."""

    delimiter: str
    quote: str | None
    header: bool
    skip: int


def delimited_sheet(path: Path, *, comments: bool = False, headless: bool = False) -> Sheet:
    """Open a table of text.

    A first line in which any cell reads as a number is data, not a header; ``headless`` says that
    it is data whatever it holds. With ``comments``,
    lines of TREC qrels that begin with ``#`` are passed over, as trec_eval does.
    Raises ``FileError`` for what is not text, and for rows of uneven length, by line.
    """
    names = MOVIELENS.get(path.name.lower().removesuffix(".gz"))
    text = text_contents(path)
    if text[: len(ZIP)] == ZIP:
        raise FileError(
            f"{path} is a zip archive, or a workbook of a spreadsheet: unpack it and name the file "
            "within, or save the sheet as CSV in UTF-8"
        )
    if names is not None:
        text = bytes(text).decode("latin-1").encode()
    passed_over = 0
    if comments:
        text, passed_over = _without_comments(text)
    text, delimiter = _without_separator_line(path, text)
    first = _first_line(path, text)
    delimiter = delimiter or _delimiter(first, suffix(path))
    _check_certain(path, first, delimiter)
    if len(delimiter) > 1:
        text = _with_tabs(text, delimiter)
        first, delimiter = _first_line(path, text), "\t"
    quote = '"' if names is None and ('"' in first or delimiter != "\t") else None
    cells = _cells(path, first, delimiter, quote)
    if headless:
        names = None
    header = names is None and not headless and not any(map(_is_data, cells))
    if header:
        names = tuple(cell.strip() for cell in cells)
    elif names is not None:
        names = (*names, *(f"column {i + 1}" for i in range(len(names), len(cells))))[: len(cells)]
    dialect = Dialect(delimiter, quote, header, _blank_lines(text) + header)
    return Sheet(
        path,
        names,
        (arrow().string(),) * len(cells),
        columns=lambda positions: _columns(path, text, dialect, len(cells), positions),
        location=lambda row: f"line {_line(text, dialect, row)}",
        comments=passed_over,
    )


def _without_comments(text: Contents) -> tuple[Contents, int]:
    """Qrels with their comments emptied, so that other lines stay where they are; how many."""
    if text[:4].removeprefix(MARK)[:1] != b"#" and text.find(b"\n#") < 0:
        return text, 0
    lines = bytes(text).removeprefix(MARK).split(b"\n")
    rows = (line for line in lines if line.strip() and line[:1] != b"#")
    if not _is_qrels(next(rows, b"").decode(errors="replace")):
        return text, 0
    kept = [b"" if line[:1] == b"#" else line for line in lines]
    return b"\n".join(kept), sum(line[:1] == b"#" for line in lines)


SEPARATOR_LINE = re.compile(r"[\r\n]*\"?sep=([^\r\n])\"?[^\S\r\n]*\r?\n", re.IGNORECASE)
"""The first line by which spreadsheets say at what to cut."""
SEPARATORS = "\t,;|"


def without_separator_line(path: Path, text: str) -> tuple[str, str | None]:
    r"""A text whose first line says at what to cut, that line left empty, and what it says.

    Raises ``FileError`` for a character at which no table is cut here.

    >>> without_separator_line(Path("a.csv"), "sep=;\r\na;b\r\n")
    ('\na;b\r\n', ';')
    """
    line = SEPARATOR_LINE.match(text)
    if line is None:
        return text, None
    if line[1] not in SEPARATORS:
        raise FileError(
            f"{path} says in its first line that {line[1]!r} parts its cells: a comma, a "
            "semicolon, a tab or | is due"
        )
    return "\n" * line[0].count("\n") + text[line.end() :], line[1]


def _without_separator_line(path: Path, text: Contents) -> tuple[Contents, str | None]:
    """Likewise with the line by which a spreadsheet says at what to cut; what it says."""
    start = bytes(text[:SEPARATOR_BYTES]).removeprefix(MARK)
    rest, delimiter = without_separator_line(path, start.decode("latin-1"))
    if delimiter is None:
        return text, None
    return rest.encode("latin-1") + bytes(text[SEPARATOR_BYTES:]), delimiter


def _is_data(cell: str) -> bool:
    """Whether a cell of the first line is a number, which no name of a column is."""
    return is_number(cell) or DECIMAL_COMMA.fullmatch(cell) is not None


def _check_certain(path: Path, first: str, delimiter: str) -> None:
    """Refuse a first line whose commas may be those of decimals."""
    if delimiter == "," and any(map(DECIMAL_COMMA.fullmatch, first.split(";")[1:])):
        raise FileError(
            f"{path} begins with {first[:60]!r}, where a comma may part cells or decimals: write "
            "decimals with a point, or say what parts the cells in a first line (sep=;)"
        )


def _first_line(path: Path, text: Contents) -> str:
    start = text[:FIRST_LINE].removeprefix(MARK)
    lines = start.lstrip(b"\r\n").splitlines(keepends=True)
    if len(text) > FIRST_LINE and len(lines) == 1 and lines[0][-1:] not in b"\r\n":
        raise FileError(
            f"{path} has a first line of more than {FIRST_LINE:,} bytes, which is none of a table: "
            "if it is one, write it as parquet, or vectors as .npy"
        )
    with reading(path, "a table of text"):
        first = b"".join(lines[:1]).rstrip(b"\r\n").decode()
    if not first.strip():
        raise FileError(f"{path} holds no lines: a table is due")
    if "\x00" in first:
        raise FileError(
            f"{path} is not text: a table of CSV or TSV is due, in UTF-8, or in UTF-16 that begins "
            "with its byte order mark"
        )
    return first


def _cells(path: Path, first: str, delimiter: str, quote: str | None) -> list[str]:
    quoting = csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL
    with reading(path, "a table of text"):
        return next(csv.reader([first], delimiter=delimiter, quotechar=quote, quoting=quoting))


def _blank_lines(text: Contents) -> int:
    start = text[:FIRST_LINE]
    return start[: len(start) - len(start.lstrip(b"\r\n"))].count(b"\n")


def _delimiter(first: str, ending: str) -> str:
    if _is_qrels(first) or _is_trec_run(first):
        return "  "
    if ending in {".tsv", ".inter", ".item", ".user"} and "\t" in first:
        return "\t"
    for delimiter in ("::", "\t"):
        if delimiter in first:
            return delimiter
    counts = {d: first.count(d) for d in ",;|"}
    best = max(counts, key=lambda d: counts[d])
    if counts[best]:
        return best
    return "  " if ending != ".csv" and len(first.split()) > 1 else ","


def _is_qrels(line: str) -> bool:
    """Whether a line is one of qrels: query, round, document, gain, parted by any blanks."""
    cells = line.split()
    if len(cells) != 4:
        return False
    integer, point, decimals = cells[3].removeprefix("-").partition(".")
    return (
        cells[1].removeprefix("Q").isdecimal()
        and integer.isdecimal()
        and (decimals.isdecimal() if point else True)
    )


def _is_trec_run(line: str) -> bool:
    """Whether a line is one of a TREC run: query, Q0, document, rank, score, tag.

    Ids and tags may hold commas, as in ``norm(0,0.5)``.
    """
    cells = line.split()
    return len(cells) == 6 and cells[3].isdecimal() and NUMBER.fullmatch(cells[4]) is not None


def _with_tabs(text: Contents, delimiter: str) -> bytes:
    """Cut at one character: that is all that fast parsers understand."""
    if delimiter == "::":
        return bytes(text).replace(b"::", b"\t")
    # no regular expression: where a line holds many blanks, some take the square of their number
    tabs = bytes(text).translate(BLANKS)
    while b"\t\t" in tabs:
        tabs = tabs.replace(b"\t\t", b"\t")
    for around, alone in ((b"\n\t", b"\n"), (b"\t\n", b"\n"), (b"\t\r", b"\r")):
        tabs = tabs.replace(around, alone)
    return tabs.strip(b"\t")


def _columns(
    path: Path, text: Contents, dialect: Dialect, width: int, positions: Sequence[int]
) -> list[Any]:
    pa = arrow()
    arrow_csv = arrow("csv")

    names = [str(i) for i in range(width)]
    options = {
        "read_options": arrow_csv.ReadOptions(
            column_names=names, skip_rows=dialect.skip, block_size=1 << 24
        ),
        "parse_options": arrow_csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            newlines_in_values=dialect.quote is not None and _multiline(text),
        ),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=list(dict.fromkeys(names[i] for i in positions)),
            strings_can_be_null=False,
        ),
    }
    try:
        with pa.BufferReader(pa.py_buffer(text)) as stream:
            table = arrow_csv.read_csv(stream, **options)
    except (pa.ArrowException, OSError) as error:
        raise FileError(_fault(path, text, dialect, width, error)) from error
    if not table.num_rows:
        raise FileError(NO_ROWS.format(path))
    return [table[names[i]] for i in positions]


def _multiline(text: Contents) -> bool:
    """Whether quotes may span lines; only looked for where there are quotes at all."""
    return text.find(b'"') >= 0


def _records(text: Contents, dialect: Dialect) -> Any:
    lines = io.TextIOWrapper(
        io.BytesIO(text), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    quoting = csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL
    return csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, quoting=quoting)


def _line(text: Contents, dialect: Dialect, row: int) -> int:
    """The line on which a row of the table ends."""
    records = _records(text, dialect)
    filled = (record for record in records if record)
    try:
        for _ in range(row + dialect.header + 1):
            next(filled, None)
    except csv.Error:  # a cell too long for this slower reader: count rows instead
        return row + dialect.skip + 1
    return records.line_num


def _fault(path: Path, text: Contents, dialect: Dialect, width: int, error: Exception) -> str:
    records = _records(text, dialect)
    rows = -int(dialect.header)
    try:
        for record in records:
            rows += bool(record)
            if record and len(record) != width:
                is_comment = record[0].startswith("#")
                remedy = COMMENT if is_comment else f"quote cells that hold {dialect.delimiter!r}"
                return (
                    f"{path}, line {records.line_num}: {len(record)} columns where the first line "
                    f"has {width}; mend the line, or {remedy}"
                )
            if any("\udc80" <= letter <= "\udcff" for cell in record for letter in cell):
                return (
                    f"{path}, line {records.line_num}: not UTF-8; "
                    "convert it, for instance with iconv -f latin1 -t utf-8"
                )
    except csv.Error as fault:
        return f"{path}, line {records.line_num}: {fault}; write the file again"
    if not rows:
        return NO_ROWS.format(path)
    return f"{path} cannot be read as a table of text: {error}"


def open_sheet(path: PathLike | Any, *, comments: bool = False, headless: bool = False) -> Sheet:
    """Open CSV, TSV, parquet, feather and the like by what the name and the bytes say.

    A frame of pandas or Polars, or an Arrow table, is taken as it is. ``comments`` and
    ``headless`` are those of ``delimited_sheet``.
    """
    if is_frame(path):
        return frame_sheet(path)
    path = existing_file(path)
    if suffix(path) in ARROW_SUFFIXES:
        return arrow_sheet(path)
    return delimited_sheet(path, comments=comments, headless=headless)


SIGNS = "=+\\-@＝＋－＠"  # noqa: RUF001 the wide signs are run, too
FORMULA = re.compile(f"'*\0*[{SIGNS}\t\r\n]")
"""How a formula begins, or a text that was guarded from being one."""

WITHIN = re.compile(f"(?<=[;|\t\r\n])(?='*\0*[{SIGNS}])")
"""Where one begins within a text, for a spreadsheet that cuts cells at other signs than commas."""

GUARDED_WITHIN = re.compile(f"(?<=[;|\t\r\n])'(?='*\0*[{SIGNS}])")

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""What is a number to a spreadsheet and to everybody else."""


def guarded(cell: Any) -> Any:
    """A cell that no spreadsheet runs: an apostrophe stands before what begins as a formula.

    That may be the whole text, or what follows a semicolon, a bar, a tab or a line break in it.
    Numbers, and text that reads as one, stay as they are. ``unguarded`` is the way back.

    >>> [guarded(cell) for cell in ("=1+1", "'=x", "'tis", "-1", -1, "film", "film;=1+1")]
    ["'=1+1", "''=x", "'tis", '-1', -1, 'film', "film;'=1+1"]
    """
    if not isinstance(cell, str) or NUMBER.fullmatch(cell):
        return cell
    text = WITHIN.sub("'", cell)
    return f"'{text}" if FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """The text that was guarded; what ``guarded`` cannot have made stays as it is.

    >>> [unguarded(cell) for cell in ("'=1+1", "''=x", "'tis", "'-1", "=1", "film;'=1+1")]
    ['=1+1', "'=x", "'tis", "'-1", '=1', 'film;=1+1']
    """
    if "'" not in cell:
        return cell
    text = GUARDED_WITHIN.sub("", cell)
    candidates = (text[1:], text) if text.startswith("'") else (text,)
    return next((before for before in candidates if guarded(before) == cell), cell)


def unguarded_sheet(sheet: Sheet) -> Sheet:
    """A table with the cells of a CSV as they were before they were guarded."""
    if sheet.names is None or not sheet.path.name.lower().endswith((".csv", ".csv.gz")):
        return sheet

    def columns(positions: Sequence[int]) -> list[Any]:
        return [_unguarded(column) for column in sheet.columns(positions)]

    return replace(sheet, columns=columns)


def _unguarded(column: Any) -> Any:
    pa, pc = arrow(), arrow("compute")
    if not pc.any(pc.match_substring(column, "'")).as_py():
        return column
    cells = column.to_pylist()
    return pa.chunked_array([pa.array([unguarded(cell) for cell in cells], pa.string())])
