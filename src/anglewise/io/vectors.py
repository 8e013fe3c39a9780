"""Vectors of one side from a file or folder of any format, with their ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.columns import first_difference
from anglewise.data_types.conversion import offers
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.mapped import in_portions
from anglewise.data_types.memory import check_ids, fits_memory
from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.sparse_vectors import SparseVectors
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.token_vectors import TokenVectors
from anglewise.data_types.typing import Array
from anglewise.errors import FileError, TooFewError, ValuesError
from anglewise.io.arrays import (
    KEYED_SUFFIXES,
    Keyed,
    Side,
    check_no_pickle,
    load_npy,
    open_keyed,
)
from anglewise.io.arrow_files import (
    ARROW_SUFFIXES,
    Columns,
    is_list_of_numbers,
    is_saved_dataset,
    matrix_in_blocks,
    matrix_of,
    stored_kind,
)
from anglewise.io.files import (
    PathLike,
    existing_file,
    existing_folder,
    naming,
    suffix,
)
from anglewise.io.ids import read_ids
from anglewise.io.ownership import check_inside
from anglewise.io.represented_files import is_list_of_lists, token_lists
from anglewise.io.sizes import weight
from anglewise.io.sparse_files import sparse_rows
from anglewise.io.tables import (
    ID,
    VECTOR,
    Role,
    Sheet,
    check_names,
    find,
    listed,
    names_of,
)
from anglewise.io.texts import read_texts, text_ids
from anglewise.io.vector_formats import (
    OF_NUMBERS,
    OtherFormatError,
    Stored,
    VectorFormat,
    as_numbers,
)
from anglewise.io.vector_tables import (
    COPIED,
    DUMPS,
    WORD_SUFFIXES,
    has_columns,
    may_be_said_of,
    unusual_ids,
    vector_position,
    vector_sheet,
)
from anglewise.io.word2vec import load_word2vec
from anglewise.io.written_vectors import is_text, written_vectors

NAMED_ALONE = {".json", ".copy", ".sql", ".dump"}
"""Looked for in no folder: such files of any content lie about."""
VECTOR_SUFFIXES = {".npy"} | ARROW_SUFFIXES | KEYED_SUFFIXES | WORD_SUFFIXES | COPIED | DUMPS


@dataclass(frozen=True, eq=False)
class SideFile:
    """The content of a file of one side, not checked yet."""

    vectors: Array | SparseRows
    ids: Sequence[str] | None = None
    metadata: Any = None
    offsets: Array | None = None
    """Of lists of token vectors, where those of each row begin."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        if isinstance(self.vectors, SparseRows):
            return self.vectors.shape[0]
        return _row_count(self.vectors, self.offsets)

    def checked(self, ids: Sequence[str] | None, metadata: Any) -> Embeddings:
        """The rows under these ids, once all is checked."""
        if isinstance(self.vectors, SparseRows):
            return SparseVectors(self.vectors, ids, metadata)
        if self.offsets is not None:
            return TokenVectors(self.vectors, self.offsets, ids, metadata)
        return Embeddings(self.vectors, ids=ids, metadata=metadata)


def _row_count(vectors: Array, offsets: Array | None) -> int:
    if offsets is not None:
        return max(0, np.atleast_1d(offsets).shape[0] - 1)
    return len(vectors) if vectors.ndim else 0


def read_vectors(
    source: Path | Keyed,
    side: Side,
    *,
    ids: PathLike | None = None,
    texts: PathLike | None = None,
    vector_column: str | None = None,
    id_column: str | None = None,
    vector_format: VectorFormat | None = None,
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
    how = SideOptions(ids, vector_column, id_column, vector_format, say)
    content = _load(source, side, how)
    rows = content.rows
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
        return check_usable(content.checked(names, metadata), side)


def read_shard(path: Path, vector_column: str, id_column: str | None) -> Embeddings:
    """Read some rows of a side from one of several files: there may be one, and all may be zero.

    Errors are those of ``read_vectors``.
    """
    how = SideOptions(None, vector_column, id_column, None, quiet)
    content = _load(path, "items", how)
    with naming(path):
        return content.checked(content.ids, None)


@dataclass(frozen=True)
class SideOptions:
    """What somebody said of the file of a side, and who hears what was guessed."""

    ids: PathLike | None
    vector_column: str | None
    id_column: str | None
    given: VectorFormat | None
    say: Say


def _load(source: Path | Keyed, side: Side, how: SideOptions) -> SideFile:
    given, say = how.given, how.say
    path = source.path if isinstance(source, Keyed) else source
    if given is not None and given.word not in OF_NUMBERS and not may_be_said_of(path, given):
        raise OtherFormatError(
            f"{path} is called as no file of text with records or rows, as {given} says "
            "(--vector-format): leave it out"
        )
    if isinstance(source, Keyed):
        return _of_arrays(source, side, how)
    sheet = vector_sheet(source, given, say)
    if sheet is not None:
        return _from_sheet(sheet, how)
    ending = suffix(source)
    if ending == ".npy":
        array = load_npy(existing_file(source))
        return SideFile(as_numbers(Stored(source, array, array.dtype), given, say))
    if ending in WORD_SUFFIXES:
        words, vectors = load_word2vec(existing_file(source))
        return SideFile(as_numbers(Stored(source, vectors, vectors.dtype), given, say), words)
    check_no_pickle(existing_file(source))
    raise FileError(
        f"{existing_file(source)}: vectors are not read from {ending or 'files without ending'}, "
        f"but from {', '.join(sorted(VECTOR_SUFFIXES))}, and .gz of these: rename or convert it"
    )


def _of_arrays(source: Keyed, side: Side, how: SideOptions) -> SideFile:
    if source.is_sparse:
        return SideFile(sparse_rows(source.path, source.arrays))
    say = how.say
    name = source.vectors(side, how.vector_column, say)
    array, found = source.arrays[name], source.offsets(side, name)
    if found is not None:
        say(f"took {found[0]!r} of {source.path.name} as the offsets of lists of token vectors")
    offsets = None if found is None else found[1]
    rows = _row_count(array, offsets)
    stored = Stored(source.path, array, array.dtype, source.beside(side))
    vectors = as_numbers(stored, how.given, say)
    return SideFile(vectors, source.ids(side, name, how.ids, say, rows), offsets=offsets)


def columns_of(source: Path | Keyed | None) -> frozenset[Role]:
    """What an option may name the column of, or the array, in the file of a side."""
    if source is None or isinstance(source, Keyed):
        return frozenset() if source is None else frozenset({VECTOR})
    return frozenset({VECTOR, ID} if has_columns(source) else ())


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


def _from_sheet(sheet: Sheet, how: SideOptions) -> SideFile:
    names, say = sheet.names or (), how.say
    check_names(names, sheet.path)
    vector = vector_position(sheet, how.vector_column)
    say(f"took {sheet.name(vector)} as the vectors of {sheet.path.name}")
    name = find(
        [n if i != vector else "" for i, n in enumerate(names)], ID, how.id_column, sheet.path
    )
    ids = None
    if name is None:
        name = unusual_ids(sheet, vector)
    if name is None and names[:1] == ("column 1",) and vector:  # a table without a header
        name = 0
    if name is not None:
        say(f"took {sheet.name(name)} as the ids of {sheet.path.name}")
        check_ids(sheet.path, sheet.blocks[0] if sheet.blocks else 0)
        ids = names_of(sheet, sheet.columns([name])[0], name).to_pylist()
    other_columns = tuple(
        names[i]
        for i in range(sheet.width)
        if i not in {vector, name} and not is_list_of_numbers(sheet.kinds[i])
    )
    metadata = Columns(sheet.path, other_columns, lambda n: sheet.columns([names.index(n)])[0])
    kind, offsets = sheet.kinds[vector], None
    if is_text(kind):
        written = written_vectors(sheet, vector)
        if isinstance(written, SparseRows):
            return SideFile(written, ids, metadata or None)
        stored, matrix = written.dtype, written
    elif sheet.blocks and is_list_of_numbers(kind) and not _fits(sheet.path):
        stored = stored_kind(kind)
        rows, blocks = sheet.blocks
        matrix = matrix_in_blocks(sheet, blocks(names[vector]), rows)
    else:
        cells = sheet.columns([vector])[0]
        if is_list_of_lists(kind):
            matrix, offsets = token_lists(sheet, cells)
        else:
            matrix = matrix_of(sheet, cells)
        stored = stored_kind(kind)
    vectors = as_numbers(Stored(sheet.path, matrix, stored), how.given, say)
    return SideFile(vectors, ids, metadata or None, offsets)


WIDEST = 4
"""Numbers of eight bits are held in so many times their bytes."""


def _fits(path: Path) -> bool:
    """Whether a file of vectors may be read whole."""
    return fits_memory(WIDEST * weight(path))


def check_usable(side: Embeddings, side_name: Side) -> Embeddings:
    """Refuse what can be read but never ranked."""
    if isinstance(side, TokenVectors):
        numbers: Array = side.tokens
    else:
        numbers = side.rows.values if isinstance(side, SparseVectors) else side.vectors
    if not any(numbers[rows].any() for rows in in_portions(numbers)):
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
VECTORS = VECTOR_SUFFIXES - IDS - TEXTS - NAMED_ALONE


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
                check_inside(folder / name, folder)
                return folder / name
    return None


def _file_names(folder: Path) -> list[str]:
    return sorted(file.name for file in existing_folder(folder).iterdir())
