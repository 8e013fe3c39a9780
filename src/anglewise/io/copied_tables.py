r"""Tables as PostgreSQL's COPY writes them: tabs, ``\N`` for a gap, backslashes before others."""

import re
from pathlib import Path

from anglewise.data_types.numbers import shown
from anglewise.errors import FileError
from anglewise.io.arrow_files import table_sheet
from anglewise.io.files import arrow, contents, reading, text_contents
from anglewise.io.sizes import CELL, check_holds
from anglewise.io.tables import Sheet
from anglewise.io.written_vectors import is_written

STATEMENT = re.compile(r"COPY\s+(?P<table>[^\n(]{1,200}?)\s*\((?P<columns>[^\n)]*)\)\s+FROM stdin;")
"""How a dump of ``pg_dump`` begins the rows of a table."""
LOOKED_AT = 1 << 20
ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
END = "\\."


def is_copied(path: Path) -> bool:
    """Whether a file of text begins as COPY writes it: a row with a vector, or a statement."""
    start = bytes(contents(path)[:LOOKED_AT]).decode(errors="replace").removeprefix("\ufeff")
    if STATEMENT.search(start) is not None:
        return True
    cells = start.lstrip("\r\n").partition("\n")[0].rstrip("\r").split("\t")
    return len(cells) > 1 and any(map(is_written, cells))


def copied_sheet(path: Path) -> Sheet:
    """Open rows as COPY writes them, all cells as text; columns without a name are numbered.

    A first line without a vector is the header. Of a dump the one table with vectors is read.
    Raises ``FileError`` for rows of uneven length, by line.
    """
    with reading(path, "a table as COPY writes it"):
        text = bytes(text_contents(path)).decode("utf-8-sig")
    rows_of_tables = list(_blocks(path, text))
    with_vectors = [b for b in rows_of_tables if any(map(is_written, b[2][0]))]
    if len(with_vectors) != 1:
        names = ", ".join(shown(name) for name, *_ in with_vectors)
        what = f"the tables {names} all hold vectors" if names else "no row holds a vector"
        raise FileError(f"{path}: {what}, such as [0.1,0.2]: write one table with them to a file")
    _, names, rows, first = with_vectors[0]
    check_holds(path, CELL * len(rows) * len(names))
    pa = arrow()
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    sheet = table_sheet(path, pa.table(dict(zip(names, columns, strict=True))))
    return Sheet(path, sheet.names, sheet.kinds, sheet.columns, lambda row: f"line {first + row}")


def _blocks(path: Path, text: str) -> "list[tuple[str, list[str], list[list[str | None]], int]]":
    """Each table: its name, its columns, its rows, and the line of the first row."""
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if line.startswith("COPY ")]
    statements = [(i, STATEMENT.match(lines[i])) for i in starts]
    known = [(i, match) for i, match in statements if match is not None]
    if not known:
        rows = _rows(path, lines, 0)
        if not rows:
            raise FileError(f"{path} holds no rows: was it written to the end?")
        if not any(map(is_written, rows[0])) and len(rows) > 1:
            return [("", [cell or "" for cell in rows[0]], rows[1:], 2)]
        return [("", [f"column {i + 1}" for i in range(len(rows[0]))], rows, 1)]
    out: list[tuple[str, list[str], list[list[str | None]], int]] = []
    for line, match in known:
        names = [name.strip().strip('"') for name in match["columns"].split(",")]
        rows = _rows(path, lines, line + 1, len(names))
        if rows:
            out.append((match["table"].strip(), names, rows, line + 2))
    return out


def _rows(path: Path, lines: list[str], start: int, width: int = 0) -> list[list[str | None]]:
    """The rows from a line on, to the end of the table; cells that COPY escaped as they were."""
    rows: list[list[str | None]] = []
    for number in range(start, len(lines)):
        line = lines[number].removesuffix("\r")
        if line == END or (not line and number == len(lines) - 1):
            break
        cells = line.split("\t")
        width = width or len(cells)
        if len(cells) != width:
            raise FileError(
                f"{path}, line {number + 1}: {len(cells)} columns where {width} are due; COPY "
                "writes a tab in a text as \\t"
            )
        rows.append([_cell(cell) for cell in cells])
    return rows


def _cell(cell: str) -> str | None:
    if cell == "\\N":
        return None
    return ESCAPE.sub(_unescaped, cell) if "\\" in cell else cell


def _unescaped(match: "re.Match[str]") -> str:
    octal, hexadecimal, letter = match.groups()
    if octal or hexadecimal:
        return chr(int(octal, 8) if octal else int(hexadecimal, 16))
    return LETTERS.get(letter, letter)
