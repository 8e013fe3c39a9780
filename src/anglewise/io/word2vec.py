"""word2vec's formats, text and binary, and GloVe's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.conversion import check_held
from anglewise.data_types.typing import Array
from anglewise.errors import FileError, ShapeError, ValuesError
from anglewise.io.files import arrow, contents, reading
from anglewise.io.sizes import Contents
from anglewise.io.tables import is_number

LONGEST_WORD = 10_000
"""No word is longer: a file in which one is holds something else."""


def load_word2vec(path: Path) -> tuple[list[str], Array]:
    """Words and their vectors, from text or binary, told apart by the bytes after the first line.

    Raises ``FileError``, ``ShapeError`` or ``ValuesError`` with the line (text) or the word
    (binary) at which the file breaks.
    """
    data = contents(path)
    first = data[: LONGEST_WORD * 10].split(b"\n", 1)[0].rstrip(b"\r ")
    header = first.split()
    if len(header) == 2 and all(part.isdigit() and len(part) < 16 for part in header):
        rows, dimension = int(header[0]), int(header[1])
        start = data.find(b"\n") + 1
        if not dimension or not rows or start == 0:
            raise FileError(f"{path} says that it holds {rows} vectors of {dimension} numbers")
        if _is_text(data[start : start + 4096]):
            return _text(path, data, start, rows, dimension)
        return _binary(path, data, start, rows, dimension)
    if not _is_text(data[:4096]) or len(header) < 2:
        raise FileError(
            f"{path} is no word2vec file: text or binary is due that begins with "
            "'rows dimensions', or lines of a word and its numbers"
        )
    return _text(path, data, 0, None, len(header) - 1)


def _is_text(sample: bytes) -> bool:
    """Whether a piece of the file reads as words and numbers."""
    try:
        words = sample.decode("utf-8", errors="strict" if len(sample) < 4096 else "ignore").split()
    except UnicodeDecodeError:
        return False
    return len(words) > 1 and sum(map(is_number, words[1:20])) * 2 >= len(words[1:20])


def _text(
    path: Path, data: Contents, start: int, rows: int | None, dimension: int
) -> tuple[list[str], Array]:
    if (rows or 1) * 2 * dimension > len(data) - start + 1:
        raise FileError(
            f"{path} says that it holds {rows or 1:,} vectors of {dimension:,} numbers, for which "
            f"it is too short ({len(data):,} bytes): it is truncated, or of another format"
        )
    try:
        words, vectors = _fast_text(data[start:], dimension)
    except (arrow().ArrowException, UnicodeDecodeError):
        words, vectors = _slow_text(path, data[start:], dimension, first_line=2 if start else 1)
    if rows is not None and len(words) != rows:
        raise FileError(
            f"{path} says that it holds {rows:,} vectors and holds {len(words):,}: "
            "it may be truncated"
        )
    return words, vectors


def _fast_text(text: bytes, dimension: int) -> tuple[list[str], Array]:
    """One blank between cells: as word2vec and GloVe write, but for a blank at the line's end."""
    pa, csv = arrow(), arrow("csv")
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
    vectors = np.empty((table.num_rows, dimension), dtype=np.float32)
    for i in range(dimension):
        vectors[:, i] = table.column(i + 1)
    small = np.flatnonzero(np.abs(vectors).max(axis=1) < np.finfo(np.float32).tiny)
    if len(small):
        lines = [line for line in text.split(b"\n") if line.strip()]
        for row in small.tolist():
            _check_small(lines[row].split(b" ")[1 : dimension + 1], vectors[row], row)
    return table.column(0).to_pylist(), vectors


def _check_small(cells: Sequence[bytes] | Sequence[str], vector: Array, row: int) -> None:
    """Refuse a row whose numbers float32 took for 0, or nearly."""
    check_held(np.array([[float(cell) for cell in cells]]), vector[None], row)


def _slow_text(path: Path, text: bytes, dimension: int, first_line: int) -> tuple[list[str], Array]:
    """Words that hold blanks, tabs between cells, and the line of whatever is wrong."""
    words: list[str] = []
    vectors: list[Array] = []
    for number, line in enumerate(text.split(b"\n"), start=first_line):
        if not line.strip():
            continue
        location = f"{path}, line {number}"
        with reading(path, f"text (line {number})"):
            cells = line.decode().rsplit(maxsplit=dimension)
        if len(cells) != dimension + 1:
            raise ShapeError(
                f"{location}: {len(cells) - 1} numbers where {dimension} are due; "
                "the file may be truncated"
            )
        wrong_cell = next((cell for cell in cells[1:] if not is_number(cell)), None)
        if wrong_cell is not None:
            raise ValuesError(
                f"{location}: {wrong_cell[:40]!r} where a number is due; mend the line"
            )
        words.append(cells[0])
        with np.errstate(over="ignore"):  # what is too large is refused as infinite, by its row
            vectors.append(np.array(cells[1:], dtype=np.float32))
        if np.abs(vectors[-1]).max() < np.finfo(np.float32).tiny:
            _check_small(cells[1:], vectors[-1], len(vectors) - 1)
    return words, np.array(vectors, dtype=np.float32)


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
        vectors[row] = np.frombuffer(data[gap + 1 : gap + 1 + size], dtype="<f4")
        position = gap + 1 + size
    return words, vectors
