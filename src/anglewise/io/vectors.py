"""Vectors of one side from a file or folder of any format, with their ids; word2vec's formats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.columns import first_difference
from anglewise.data_types.conversion import BLOCK, check_held, offers
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Array
from anglewise.errors import FileError, ShapeError, TooFewError, ValuesError
from anglewise.io.arrays import KEYED_SUFFIXES, Keyed, Side, load_npy, open_keyed
from anglewise.io.arrow_files import (
    ARROW_SUFFIXES,
    Columns,
    is_list_of_numbers,
    is_saved_dataset,
    matrix_of,
    saved_dataset,
)
from anglewise.io.delimited import open_sheet
from anglewise.io.files import (
    PathLike,
    arrow,
    contents,
    existing_file,
    existing_folder,
    naming,
    reading,
    suffix,
)
from anglewise.io.ids import read_ids
from anglewise.io.sizes import Contents
from anglewise.io.tables import (
    ID,
    VECTOR,
    Role,
    Sheet,
    check_names,
    find,
    is_number,
    listed,
    names_of,
)
from anglewise.io.texts import read_texts, text_ids

WORD_SUFFIXES = {".txt", ".vec", ".bin", ".glove", ".w2v"}
VECTOR_SUFFIXES = {".npy"} | ARROW_SUFFIXES | KEYED_SUFFIXES | WORD_SUFFIXES


@dataclass(frozen=True, eq=False)
class SideFile:
    """The content of a file of one side, not checked yet."""

    vectors: Array
    ids: Sequence[str] | None = None
    metadata: Any = None


def read_vectors(
    source: Path | Keyed,
    side: Side,
    *,
    ids: PathLike | None = None,
    texts: PathLike | None = None,
    vector_column: str | None = None,
    id_column: str | None = None,
    say: Say = quiet,
) -> Embeddings:
    """Read the embeddings of one side; ``say`` hears which column was taken.

    Raises ``FileError``, ``ShapeError``, ``ValuesError`` or ``IdsError`` naming the file.

    >>> import tempfile
    >>> import numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "items.npy"
    >>> np.save(file, np.eye(2, dtype=">f8"))
    >>> read_vectors(file, "items", say=print)
    items.npy names no ids: its rows are called 0, 1, 2, …
    Embeddings(2 x 2)
    """
    path = source.path if isinstance(source, Keyed) else source
    content = _load(source, side, ids, say, vector_column, id_column)
    rows = len(content.vectors) if content.vectors.ndim else 0
    names = _names(path, rows, content.ids, ids=ids, texts=texts, say=say)
    metadata: Any = content.metadata
    if texts is not None:
        row_ids = [str(i) for i in range(rows)] if names is None else names
        metadata, of_texts = dict(metadata or {}), read_texts(texts, row_ids, say=say)
        for name in metadata.keys() & of_texts.keys():
            own = metadata[name]
            own = own.to_pylist() if offers(own, "to_pylist") else own
            if first_difference(of_texts[name], own) is not None:
                say(f"{name} of {path.name}: not used, for {as_path(texts).name} holds it too")
        metadata |= of_texts
    with naming(path):
        return _usable(Embeddings(content.vectors, ids=names, metadata=metadata), side)


def _load(
    source: Path | Keyed, side: Side, ids: PathLike | None, say: Say, *columns: str | None
) -> SideFile:
    if isinstance(source, Keyed):
        name = source.vectors(side, columns[0], say)
        return SideFile(source.arrays[name], source.ids(side, name, ids, say))
    ending = suffix(source)
    if source.is_dir() and is_saved_dataset(source):
        return _from_sheet(saved_dataset(source), columns[0], columns[1], say)
    if ending in ARROW_SUFFIXES:
        return _from_sheet(open_sheet(source), columns[0], columns[1], say)
    if ending == ".npy":
        return SideFile(load_npy(existing_file(source)))
    if ending in WORD_SUFFIXES:
        words, vectors = load_word2vec(existing_file(source))
        return SideFile(vectors, words)
    raise FileError(
        f"{existing_file(source)}: vectors are not read from {ending or 'files without ending'}, "
        f"but from {', '.join(sorted(VECTOR_SUFFIXES))}, and .gz of these: rename or convert it"
    )


def columns_of(source: Path | Keyed | None) -> frozenset[Role]:
    """What an option may name the column of, or the array, in the file of a side."""
    if source is None or isinstance(source, Keyed):
        return frozenset() if source is None else frozenset({VECTOR})
    is_table = suffix(source) in ARROW_SUFFIXES or (source.is_dir() and is_saved_dataset(source))
    return frozenset({VECTOR, ID} if is_table else ())


def _names(
    path: Path,
    rows: int,
    inside: Sequence[str] | None,
    *,
    ids: PathLike | None,
    texts: PathLike | None,
    say: Say,
) -> Sequence[str] | None:
    """The ids: from the file given, from that of the vectors, or in the order of the texts."""
    if ids is not None:
        given = read_ids(ids, rows, say)
        own = given if inside is None else list(map(str, inside))
        row = first_difference(given, own)
        if row is not None:
            say(
                f"{path.name} has other ids of its own, such as {shown(own[row])!r} in row {row}: "
                f"those of {as_path(ids).name} are taken, there {shown(given[row])!r}"
            )
        return given
    if inside is not None:
        return inside
    if texts is not None and suffix(as_path(texts)) == ".jsonl":
        names = text_ids(Path(texts))
        if len(names) == rows:
            say(f"took the ids of {Path(texts).name} in their order as those of {path.name}")
            return names
    say(f"{path.name} names no ids: its rows are called 0, 1, 2, …")
    return None


def _from_sheet(
    sheet: Sheet, vector_column: str | None, id_column: str | None, say: Say
) -> SideFile:
    names = sheet.names or ()
    check_names(names, sheet.path)
    vector = _vector_position(sheet, vector_column)
    say(f"took {sheet.name(vector)} as the vectors of {sheet.path.name}")
    name = find([n if i != vector else "" for i, n in enumerate(names)], ID, id_column, sheet.path)
    ids = None
    if name is not None:
        say(f"took {sheet.name(name)} as the ids of {sheet.path.name}")
        ids = names_of(sheet, sheet.columns([name])[0], name).to_pylist()
    other_columns = tuple(
        names[i]
        for i in range(sheet.width)
        if i not in {vector, name} and not is_list_of_numbers(sheet.kinds[i])
    )
    metadata = Columns(sheet.path, other_columns, lambda n: sheet.columns([names.index(n)])[0])
    return SideFile(matrix_of(sheet, sheet.columns([vector])[0]), ids, metadata or None)


def _vector_position(sheet: Sheet, column_name: str | None) -> int:
    names = sheet.names or ()
    lists = [i for i, kind in enumerate(sheet.kinds) if is_list_of_numbers(kind)]
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


def _usable(side: Embeddings, side_name: Side) -> Embeddings:
    """Refuse what can be read but never ranked."""
    if not any(side.vectors[i : i + BLOCK].any() for i in range(0, len(side), BLOCK)):
        raise ValuesError("every number is zero: nothing can be ranked; write the vectors again")
    if side_name == "items" and len(side) == 1:
        raise TooFewError(
            f"holds one vector of {side.dimension} numbers: with one item there is nothing to rank"
        )
    return side


STEMS: Mapping[Side, tuple[str, ...]] = {
    "queries": ("queries", "users", "questions"),
    "items": ("items", "corpus", "documents", "docs", "passages", "products", "movies"),
}
"""What the files of either side are called."""

IDS = {".txt", ".ids"}
TEXTS = {".jsonl", ".ndjson", ".csv", ".tsv"}
VECTORS = VECTOR_SUFFIXES - IDS - TEXTS


@dataclass(frozen=True, eq=False)
class SideFiles:
    """One side: its vectors, or a file of named arrays with them; its ids and texts, if apart."""

    vectors: Path | Keyed | None = None
    ids: PathLike | None = None
    texts: PathLike | None = None

    @property
    def path(self) -> str:
        """Where the vectors lie, in words."""
        return str(self.vectors.path if isinstance(self.vectors, Keyed) else self.vectors)


def both_sides(path: PathLike) -> dict[Side, SideFiles]:
    """Find both sides in a folder or a file; the queries may be missing.

    Raises ``FileError`` when there are no items.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("items.npy", "items.txt", "corpus.jsonl"):
    ...     (folder / name).touch()
    >>> items = both_sides(folder)["items"]
    >>> Path(items.ids).name, Path(items.texts).name
    ('items.txt', 'corpus.jsonl')
    """
    path = as_path(path)
    if not path.is_dir():
        opened_file = opened(existing_file(path))
        two = isinstance(opened_file, Keyed) and opened_file.holds("queries")
        return {"queries": SideFiles(opened_file if two else None), "items": SideFiles(opened_file)}
    if is_saved_dataset(path):
        return {"queries": SideFiles(), "items": SideFiles(path)}
    sides: dict[Side, SideFiles] = {side: _in_folder(path, side) for side in STEMS}
    if sides["items"].vectors is None:
        names = listed(_file_names(path), 6)
        raise FileError(
            f"{path} is no space: space.json, or vectors such as items.npy or items.parquet, are "
            f"due, and it holds {names or 'nothing'}; name the files: "
            "items=..., queries=... (--items, --queries)"
        )
    return sides


def opened(path: Path) -> Path | Keyed:
    """A file of named arrays opened, any other left for later."""
    return open_keyed(path) if suffix(path) in KEYED_SUFFIXES else path


def texts_of(path: PathLike, side: Side) -> Path:
    """The file of titles and texts: itself, or the one of that side in a BEIR folder."""
    path = as_path(path)
    if not path.is_dir():
        return existing_file(path)
    file = _first(path, side, TEXTS)
    if file is None:
        raise FileError(f"{path} holds no texts of {side}, such as {STEMS[side][0]}.jsonl")
    return file


def _in_folder(folder: Path, side: Side) -> SideFiles:
    vectors = _first(folder, side, VECTORS)
    if vectors is None:
        return SideFiles()
    return SideFiles(opened(vectors), _first(folder, side, IDS), _first(folder, side, TEXTS))


def _first(folder: Path, side: Side, suffixes: set[str]) -> Path | None:
    """The file with the best-known stem."""
    names = _file_names(folder)
    for stem in STEMS[side]:
        for name in names:
            if name.split(".")[0].lower() == stem and suffix(Path(name)) in suffixes:
                return folder / name
    return None


def _file_names(folder: Path) -> list[str]:
    return sorted(file.name for file in existing_folder(folder).iterdir())


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
