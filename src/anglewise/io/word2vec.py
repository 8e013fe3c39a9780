"""word2vec's formats, text and binary, and GloVe's."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.conversion import check_held
from anglewise.data_types.typing import Array
from anglewise.errors import FileError, ShapeError, ValuesError
from anglewise.io.delimited import MARK
from anglewise.io.files import arrow, contents, reading
from anglewise.io.sizes import Contents
from anglewise.io.tables import is_number

LONGEST_WORD = 10_000
"""No word is longer: a file in which one is holds something else."""

SAMPLE = 4096
"""So many bytes behind the header are looked at to tell text from binary."""

DECIMAL = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
"""A number that is written as no whole one."""

LINE_END = re.compile(rb"\r\n?|\n")
"""Where Arrow ends a line of a table."""

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Bytes that stand in no text."""


def load_word2vec(path: Path) -> tuple[list[str], Array]:
    """Words and their vectors, from text or binary, told apart by the line after the first one.

    A first line of two whole numbers is a header, ``rows dimensions``; without one, the numbers
    at the end of the first line say how many are due in each. Only blanks and tabs part the cells,
    so a word may hold any other letter, a no-break space too, and blanks of its own; it may not
    end in a number, for then the row holds more numbers than are due.

    Raises ``FileError``, ``ShapeError`` or ``ValuesError`` with the line (text) or the word
    (binary) at which the file breaks, and ``FileError`` for words that are all decimals where no
    header says that they are words.
    """
    data = contents(path)
    mark = len(MARK) if data[: len(MARK)] == MARK else 0
    first = data[mark : mark + LONGEST_WORD * 10].split(b"\n", 1)[0].rstrip(b"\r \t")
    header = first.split()
    if len(header) == 2 and all(part.isdigit() and len(part) < 16 for part in header):
        rows, dimension = int(header[0]), int(header[1])
        start = data.find(b"\n") + 1
        if not dimension or not rows or start == 0:
            raise FileError(f"{path} says that it holds {rows} vectors of {dimension} numbers")
        if _is_text(data[start : start + SAMPLE], dimension):
            return _text(path, data, start, rows, dimension)
        return _binary(path, data, start, rows, dimension)
    cells = _cells(first)
    dimension = min(_numbers_at_the_end(cells), len(cells) - 1)
    if dimension < 1 or not _is_text(data[mark : mark + SAMPLE], dimension):
        raise FileError(
            f"{path} is no word2vec file: text or binary is due that begins with "
            "'rows dimensions', or lines of a word and its numbers"
        )
    words, vectors = _text(path, data, mark, None, dimension)
    if all(map(DECIMAL.fullmatch, words)):
        raise FileError(
            f"{path} has no header, and all its words are decimals such as {words[0]!r}: if they "
            "are the first numbers of vectors, as numpy.savetxt writes them, save these with "
            f"numpy.save; if they are words, put a first line of '{len(words)} {dimension}' before"
        )
    return words, vectors


def _cells(line: bytes) -> list[bytes]:
    """The parts of a line, at blanks and tabs alone."""
    return [cell for cell in line.rstrip(b"\r").replace(b"\t", b" ").split(b" ") if cell]


def _numbers_at_the_end(cells: Sequence[bytes]) -> int:
    count = 0
    for cell in reversed(cells):
        if not is_number(cell.decode("latin-1")):
            break
        count += 1
    return count


def _is_text(sample: bytes, dimension: int) -> bool:
    """Whether what follows the header is text.

    Its first line ends in numbers, or no byte is one that stands in no text, as one of nearly every
    vector in binary does.
    """
    cells = _cells(sample.split(b"\n", 1)[0])
    if dimension < len(cells) and _numbers_at_the_end(cells) >= dimension:
        return True
    if CONTROL.search(sample):
        return False
    try:
        sample.decode("utf-8", errors="strict" if len(sample) < SAMPLE else "ignore")
    except UnicodeDecodeError:
        return False
    return True


def _text(
    path: Path, data: Contents, start: int, rows: int | None, dimension: int
) -> tuple[list[str], Array]:
    if (rows or 1) * 2 * dimension > len(data) - start + 1:
        raise FileError(
            f"{path} says that it holds {rows or 1:,} vectors of {dimension:,} numbers, for which "
            f"it is too short ({len(data):,} bytes): it is truncated, or of another format"
        )
    text = bytes(data[start:])
    try:
        words, vectors = _fast_text(text, dimension)
    except (arrow().ArrowException, UnicodeDecodeError):
        words, vectors = _slow_text(path, text, dimension, rows is not None)
    if rows is not None and len(words) != rows:
        raise FileError(
            f"{path} says that it holds {rows:,} vectors and holds {len(words):,}: "
            "it may be truncated"
        )
    return words, vectors


def _fast_text(text: bytes, dimension: int) -> tuple[list[str], Array]:
    """One blank between cells: as word2vec and GloVe write, but for a blank at the line's end.

    Raises ``ArrowInvalid`` for all that is less plain, a word that is empty or holds a tab too.
    """
    pa, csv, pc = arrow(), arrow("csv"), arrow("compute")
    names = [str(i) for i in range(dimension + 1)]
    kinds: dict[str, Any] = dict.fromkeys(names[1:], pa.float32())
    table = csv.read_csv(
        pa.BufferReader(text.replace(b" \n", b"\n")),
        read_options=csv.ReadOptions(column_names=names, block_size=1 << 24),
        parse_options=csv.ParseOptions(delimiter=" ", quote_char=False),
        convert_options=csv.ConvertOptions(
            column_types={"0": pa.string(), **kinds}, null_values=[], strings_can_be_null=False
        ),
    )
    words = table.column(0)
    if pc.any(pc.or_(pc.equal(words, ""), pc.match_substring(words, "\t"))).as_py():
        raise pa.ArrowInvalid("a word that is empty or holds a tab")
    vectors = np.empty((table.num_rows, dimension), dtype=np.float32)
    for i in range(dimension):
        vectors[:, i] = table.column(i + 1)
    small = np.flatnonzero(np.abs(vectors).max(axis=1) < np.finfo(np.float32).tiny)
    if len(small):
        lines = [line for line in LINE_END.split(text) if line]
        for row in small.tolist():
            _check_small(_cells(lines[row])[1 : dimension + 1], vectors[row], row)
    return words.to_pylist(), vectors


def _check_small(cells: Sequence[bytes] | Sequence[str], vector: Array, row: int) -> None:
    """Refuse a row whose numbers float32 took for 0, or nearly."""
    check_held(np.array([[float(cell) for cell in cells]]), vector[None], row)


def _slow_text(
    path: Path, text: bytes, dimension: int, has_header: bool
) -> tuple[list[str], Array]:
    """Words that hold blanks, tabs between cells, and the line of whatever is wrong."""
    words: list[str] = []
    vectors: list[Array] = []
    due = f"{dimension} are due, as " + ("the header says" if has_header else "in the first line")
    for number, line in enumerate(text.split(b"\n"), start=2 if has_header else 1):
        if not line.strip(b"\r \t"):
            continue
        location = f"{path}, line {number}"
        word, cells = _word_and_numbers(line, dimension)
        wrong_cell = next((cell for cell in cells if not is_number(cell)), None)
        if wrong_cell is not None and _numbers_at_the_end(_cells(line)) < len(_cells(line)) - 1:
            raise ValuesError(
                f"{location}: {wrong_cell[:40]!r} where a number is due ({due}); mend the line"
            )
        if len(cells) != dimension:
            raise ShapeError(
                f"{location}: {len(cells)} numbers where {due}; the file may be truncated"
            )
        words.append(_word(location, word, dimension, due))
        with np.errstate(over="ignore"):  # what is too large is refused as infinite, by its row
            vectors.append(np.array(cells, dtype=np.float32))
        if np.abs(vectors[-1]).max() < np.finfo(np.float32).tiny:
            _check_small(cells, vectors[-1], len(vectors) - 1)
    return words, np.array(vectors, dtype=np.float32)


def _word_and_numbers(line: bytes, dimension: int) -> tuple[bytes, list[str]]:
    """The word as it stands, blanks of its own included, and so many cells behind it, if it has.

    One blank or tab parts the word from its numbers; several, if a word stands before them.
    """
    rest = line.rstrip(b"\r \t")
    cells: list[str] = []
    while len(cells) < dimension:
        last = rest.rfind(b" ")
        last = max(last, rest.rfind(b"\t"))
        if last < 0:
            return rest, cells[::-1]
        cells.append(rest[last + 1 :].decode("utf-8", "replace"))
        rest = rest[:last]
        if len(cells) < dimension or rest.strip(b" \t"):
            rest = rest.rstrip(b" \t")
    return rest, cells[::-1]


def _word(location: str, word: bytes, dimension: int, due: str) -> str:
    """The word of a line as text; refused where it is empty or ends in a number."""
    try:
        text = word.decode()
    except UnicodeDecodeError as error:
        raise FileError(
            f"{location}: the word is not UTF-8; convert the file, for instance with iconv -f "
            "latin1 -t utf-8"
        ) from error
    if "\r" in text:
        raise FileError(
            f"{location}: a carriage return stands within the line, so that it may be several: "
            "write the file again with a new line at the end of each"
        )
    if not text:
        raise ValuesError(f"{location}: no word stands before the numbers; mend or drop the line")
    surplus = _numbers_at_the_end(_cells(word))
    if len(_cells(word)) > 1 and surplus:
        raise ShapeError(
            f"{location}: {dimension + surplus} numbers where {due}; mend the line, or, if "
            f"{text[:40]!r} is the word, write its blanks as underscores"
        )
    return text


def _binary(
    path: Path, data: Contents, start: int, rows: int, dimension: int
) -> tuple[list[str], Array]:
    size = 4 * dimension
    if rows * (size + 2) > len(data) - start + 1:
        raise FileError(
            f"{path} says that it holds {rows:,} vectors of {dimension} numbers, for which it is "
            f"too short ({len(data):,} bytes): it is truncated, or of another format"
        )
    words: list[str] = []
    vectors = np.empty((rows, dimension), dtype="<f4")
    position = start
    for row in range(rows):
        gap = data.find(b" ", position, position + LONGEST_WORD)
        if gap < 0 or gap + 1 + size > len(data):
            raise FileError(
                f"{path} breaks at vector {row:,} of {rows:,}: "
                "it is truncated, or of another format"
            )
        with reading(path, f"UTF-8 at the word of vector {row:,}"):
            words.append(data[position:gap].decode().lstrip("\n"))
        if not words[-1] or CONTROL.search(words[-1].encode()):
            raise FileError(
                f"{path}: the word of vector {row:,} is {words[-1][:40]!r}, which is none: the "
                "file is damaged, of another format, or a word before it holds blanks, which "
                "part words from numbers in binary (write it as text)"
            )
        vectors[row] = np.frombuffer(data[gap + 1 : gap + 1 + size], dtype="<f4")
        position = gap + 1 + size
    if data[position:].strip(b"\n"):
        raise FileError(
            f"{path} says that it holds {rows:,} vectors of {dimension} numbers, and "
            f"{len(data) - position:,} bytes follow the last one: one of the numbers is wrong"
        )
    return words, vectors
