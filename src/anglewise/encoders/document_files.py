"""Read documents to encode from a file, a folder or a data set."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say, counted, quiet
from anglewise.encoders.documents import Documents, TextFiles
from anglewise.errors import AnglewiseError, FileError, IdsError, SpellingError
from anglewise.io.arrays import SIDES, Side
from anglewise.io.arrow_files import ARROW_SUFFIXES
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, existing, naming, suffix
from anglewise.io.ownership import check_inside
from anglewise.io.page_texts import Page
from anglewise.io.tables import ID, Role, check_no_columns, find, listed, plain
from anglewise.io.text_kinds import (
    BY_NAME,
    TextKind,
    first_text,
    page_columns,
    pages_of,
    text_kind,
)
from anglewise.io.texts import is_page, text_table

TEXTS = "text body content contents document passage sentence question query abstract description"
TITLES = "title heading headline"
TAKEN = {"id", "vector", "text", "title", "document", "start", "end"}
"""Columns that a space writes itself; those of the same name in a table are left out."""


TEXT = Role("texts", "text_column", "")


def read_documents(
    path: PathLike,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    say: Say = quiet,
) -> Documents:
    r"""Read ids and texts from a file or a folder; each file may be packed as ``.gz``.

    A file is JSON lines as BEIR writes them, a JSON list of such objects, a table (CSV, TSV,
    parquet), SMART, documents or topics of TREC, or one document: HTML, Markdown or PDF, the latter
    page by page. What it is, its first bytes say, and its name where they do not.

    A folder holds one collection: ``corpus.jsonl`` by its name, else files of TREC documents, else
    the only other file of many documents; or, where there is none, every HTML, Markdown, PDF and
    text file is a document, whose id is its path in the folder. Files that are left are named in
    ``files``; one that is called like the items, such as ``corpus.csv``, is never left for another.
    Columns that are named choose the file that has them. A column of titles is encoded before the
    text; other columns of one type are kept as metadata.

    Raises ``FileError`` or ``SpellingError`` if the collection or the column of texts is not clear,
    ``IdsError`` for an id that comes twice.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "films.csv"
    >>> _ = file.write_text("id,title,text\n7,Heat,A heist.\n9,Alien,A voyage.\n")
    >>> read_documents(file).words
    ['Heat A heist.', 'Alien A voyage.']
    """
    path = existing(path)
    if not path.is_dir():
        kind = text_kind(path)
        if is_page(path, kind):
            check_no_columns({ID: id_column, TEXT: text_column}, path)
            return _pages([(path.name, path, kind)], say, path)
        return _table((path.name, path, kind), id_column, text_column, say)
    collection, left_out = _choice(path, id_column, text_column)
    if left_out:
        names = [f"{name} ({reason})" for name, reason in left_out[:3]]
        rest = ", ..." if len(left_out) > len(names) else ""
        say(f"{path}: left out {len(left_out):,}: {', '.join(names)}{rest}")
    if collection[0][2] in ONE_DOCUMENT:
        check_no_columns({ID: id_column, TEXT: text_column}, path)
        read = _pages(collection, say, path)
    else:
        read = _joined([_table(file, id_column, text_column, say) for file in collection])
    taken = () if read.files is None else read.files.taken
    return replace(read, files=TextFiles(taken, tuple(left_out)))


File: TypeAlias = tuple[str, Path, TextKind]
"""A file in a folder: its path in there, its path, and its kind."""
ONE_DOCUMENT: frozenset[TextKind] = frozenset({"HTML", "Markdown", "PDF", "text"})
MARKED: frozenset[TextKind] = frozenset({"SMART", "TREC documents"})
"""Kinds that are known for certain from their first bytes."""
TABLES = ARROW_SUFFIXES | {".csv", ".tsv", ".json"}
ENDINGS = TABLES | set(BY_NAME)


def _choice(
    folder: Path, id_column: str | None = None, text_column: str | None = None
) -> tuple[list[File], list[tuple[str, str]]]:
    """The files of the one collection in a folder, and what is left with the reason.

    Raises ``FileError`` where there is none, or more than one, or another than names say.
    """
    files, left_out = _text_files(folder)
    corpus, _ = beir_files(folder)
    if corpus != folder:
        chosen = [file for file in files if file[1] == corpus]
    else:
        marked = [file for file in files if file[2] in MARKED]
        tables = [file for file in files if _holds_texts(*file[1:], id_column, text_column)]
        tables = tables or [file for file in files if _holds_texts(*file[1:])]
        chosen = marked or tables
        _check_one(folder, files, marked, tables)
    if not chosen:
        chosen = [file for file in files if file[2] in ONE_DOCUMENT]
    if not chosen:
        asks = next((name for name, _, kind in files if kind == "TREC topics"), None)
        raise FileError(
            f"{folder} holds neither corpus.jsonl nor documents of SMART or TREC, a table of ids "
            f"and texts, nor any of {', '.join(sorted(ENDINGS - TABLES))}"
            + ("" if asks is None else f", but topics, which ask ({asks})")
            + ": name a file"
        )
    is_beir, taken = corpus != folder, {path for _, path, _ in chosen}
    are_named = (id_column or text_column) is not None
    left = [
        (name, _why_left(kind, is_beir=is_beir, are_named=are_named))
        for name, path, kind in files
        if path not in taken and not (is_beir and OF_BEIR.fullmatch(name))
    ]
    if not is_beir:
        _check_called(folder, chosen, left, left_out)
    return chosen, sorted(left_out + left)


OF_BEIR = re.compile(r"queries\.jsonl(\.gz)?|qrels/[^/]*\.tsv(\.gz)?")
"""What belongs to ``corpus.jsonl`` in a BEIR folder."""


def _is_called(name: str, side: Side) -> bool:
    """Whether a file is called by what a side is called, and nothing else."""
    stem = name.rpartition("/")[2].partition(".")[0]
    return re.fullmatch(SIDES[side], stem, re.IGNORECASE) is not None


def _check_called(
    folder: Path,
    chosen: Sequence[File],
    left: Sequence[tuple[str, str]],
    unread: Sequence[tuple[str, str]],
) -> None:
    """Refuse to leave out a file called as items, where another would become the items.

    Of what is no text at all (``unread``), such as vectors, only where those that ask would.
    """
    asks = _is_called(chosen[0][0], "queries")
    for name, reason in [*left, *(unread if asks else ())]:
        if _is_called(name, "items"):
            raise FileError(
                f"{folder}: {name} is called like the items, and would be left out ({reason}) for "
                f"{chosen[0][0]}: name its columns (id_column=..., text_column=...; --id-column, "
                f"--text-column), give the file that is meant, such as {folder / name}, or take "
                f"{name} out of the folder"
            )


def _why_left(kind: TextKind, *, is_beir: bool, are_named: bool) -> str:
    if kind in ONE_DOCUMENT or kind in MARKED:
        return f"{kind}, beside a collection"
    if kind == "TREC topics":
        return "TREC topics, which ask: --queries FILE"
    if is_beir:
        return "beside corpus.jsonl"
    return "without the columns named" if are_named else "no ids and texts"


def _check_one(folder: Path, files: list[File], marked: list[File], tables: list[File]) -> None:
    """Refuse a folder in which it is not certain which files are meant."""
    collections = [*marked, *tables]
    if len(collections) > 1 and {kind for _, _, kind in collections} != {"TREC documents"}:
        names = [f"{name} ({kind})" for name, _, kind in collections[:4]]
        more = ", ..." if len(collections) > len(names) else ""
        raise FileError(
            f"{folder} holds more than one collection of texts: {', '.join(names)}{more}: name the "
            f"one to encode, such as {collections[0][1]}, and one that asks by --queries FILE"
        )
    loose = [name for name, _, kind in files if kind in ONE_DOCUMENT]
    if tables and loose:
        raise FileError(
            f"{folder} holds a table of texts ({tables[0][0]}) and "
            f"{counted(len(loose), 'file')} beside it that would be documents themselves, such as "
            f"{loose[0]}: name the table, such as {tables[0][1]}, or a "
            "folder that holds the documents alone"
        )


def _holds_texts(
    path: Path, kind: TextKind, id_column: str | None = None, text_column: str | None = None
) -> bool:
    """Whether a table or JSON has ids and texts, as far as its names of columns tell.

    Columns that are named must be there. Of a table called as items that has one column beside the
    ids, that one holds the texts, as where the file itself is named.
    """
    if kind in {"JSON lines", "JSON array"}:
        start = first_text(path)
        words = (
            JSON_ID if id_column is None else re.escape(id_column),
            JSON_TEXT if text_column is None else re.escape(text_column),
        )
        return all(re.search(rf'"({word})"\s*:', start) for word in words)
    if kind != "table" or suffix(path) not in TABLES:
        return False
    try:
        names = open_sheet(path).names or ()
        has_id = find(names, ID, id_column, path) is not None
    except AnglewiseError:  # no table, or none that is clear
        return False
    if text_column is not None:
        return has_id and text_column in names
    only_one = len(names) == 2 and _is_called(path.name, "items")
    return has_id and (only_one or any(plain(name) in TEXTS.split() for name in names))


JSON_ID = "_id|id"
JSON_TEXT = TEXTS.replace(" ", "|")


def _text_files(folder: Path) -> tuple[list[File], list[tuple[str, str]]]:
    """The files of a folder by kind, and what is no text, with the reason.

    Raises ``FileError`` for a link out of it or to nowhere, or a pipe, that is called as a text.
    """
    files: list[File] = []
    left_out: list[tuple[str, str]] = []
    for path, name, fault in _entries(folder):
        is_text = suffix(path) in ENDINGS and not name.endswith("/")
        if fault and is_text and fault != HIDDEN:
            _refuse(path, folder, fault)
        if fault:
            if is_text or fault != HIDDEN:
                left_out.append((name, fault))
            continue
        if not path.stat().st_size:  # as those that stand for no text, such as __init__.py
            kind: TextKind = BY_NAME.get(suffix(path), "table")
        else:
            kind = text_kind(path)
        if kind == "table" and suffix(path) not in TABLES:
            left_out.append((name, "no kind of texts that is read"))
        else:
            files.append((name, path, kind))
    return files, left_out


EMPTY: list[Page] = [("", "", "", None)]
"""The page of an empty file, which is named and left out when it is encoded."""


def _pages(files: Sequence[File], say: Say, source: Path) -> Documents:
    named_pages = [
        (name, pages_of(path, kind, say) if path == source or path.stat().st_size else EMPTY)
        for name, path, kind in files
    ]
    ids, columns = page_columns(named_pages)
    taken = [
        (name, kind, len(pages))
        for (name, _, kind), (_, pages) in zip(files, named_pages, strict=True)
    ]
    kinds = Counter(kind for _, kind, _ in taken).items()
    numbers = [counted(number, f"file of {kind}", f"files of {kind}") for kind, number in kinds]
    say(f"{source.name}: {', '.join(numbers)}, {counted(len(ids), 'document')}")
    titles, texts = columns.pop("title", None), columns.pop("text")
    with naming(source):
        return Documents(ids, texts, titles, columns, TextFiles(tuple(taken)))


def _table(file: File, id_column: str | None, text_column: str | None, say: Say) -> Documents:
    """A file of many documents."""
    name, path, kind = file
    ids, columns = text_table(path, id_column=id_column, say=say)
    if text_column is None and len(columns) == 1:
        text_column = next(iter(columns))
    texts = find_column(path, columns, text_column, "text", TEXTS)
    if kind not in {"JSON lines", "JSON array", "table"}:
        noun = "topic" if kind == "TREC topics" else "document"
        say(f"{path.name}: {kind}, {counted(len(ids), noun)}")
    if texts != "text":
        say(f"{path.name}: texts from {texts!r}")
    title = next((c for c in columns if plain(c) in TITLES.split() and c != texts), None)
    metadata = {c: v for c, v in columns.items() if c not in TAKEN | {texts, title}}
    mixed = [c for c, cells in metadata.items() if not of_one_kind(cells)]
    if mixed:
        say(f"{path.name}: columns of several kinds of cells are left out: {listed(mixed)}")
    with naming(path):
        return Documents(
            ids,
            _texts(columns[texts]),
            None if title is None else _texts(columns[title]),
            {c: cells for c, cells in metadata.items() if c not in mixed},
            TextFiles(((name, kind, len(ids)),)),
        )


def _joined(tables: list[Documents]) -> Documents:
    """The documents of several files of one collection."""
    if len(tables) == 1:
        return tables[0]
    taken = tuple(file for table in tables if table.files for file in table.files.taken)
    home: dict[str, str] = {}
    for table, (name, _, _) in zip(tables, taken, strict=True):
        for each in table.ids:
            if each in home:
                raise IdsError(
                    f"the id {shown(each)!r} comes in {home[each]} and again in {name}: make ids "
                    "unique, or name one file"
                )
            home[each] = name
    columns = dict.fromkeys(column for table in tables for column in table.about)
    titled = any(table.titles is not None for table in tables)
    return Documents(
        list(home),
        [text for table in tables for text in table.texts],
        [t for table in tables for t in table.titles or [""] * len(table)] if titled else None,
        {
            column: [c for t in tables for c in t.about.get(column, [None] * len(t))]
            for column in columns
        },
        TextFiles(taken),
    )


def beir_files(path: Path) -> tuple[Path, Path | None]:
    """The files of documents and questions in a BEIR folder; any other path and ``None``."""
    if not path.is_dir():
        return path, None
    files: dict[str, Path | None] = {}
    for name in ("corpus.jsonl", "queries.jsonl"):
        there = [file for file in (path / name, path / f"{name}.gz") if file.is_file()]
        if len(there) > 1:
            raise FileError(f"{path} holds {name} and {name}.gz: take one of them away")
        files[name] = there[0] if there else None
        for file in there:
            check_inside(file, path)
    return files["corpus.jsonl"] or path, files["queries.jsonl"]


def find_column(
    path: Path, columns: Mapping[str, list[Any]], named: str | None, kind: str, usual: str
) -> str:
    """The column of texts or images (``kind``) in a table: the named one, else one of a usual name.

    Raises ``SpellingError`` for a named column that is not there, ``FileError`` if none is usual.
    """
    if named is not None:
        if named not in columns:
            raise SpellingError(f"{path} has no column {named!r}: it has {listed(list(columns))}")
        return named
    column_of = {plain(column): column for column in columns}
    name = next((column_of[word] for word in usual.split() if word in column_of), None)
    if name is None:
        raise FileError(
            f"{path}: cannot tell which column holds the {kind}s among "
            f"{listed(list(columns)) or 'none'}; name it: {kind}_column=... (--{kind}-column)"
        )
    return name


def _texts(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]


def of_one_kind(cells: Sequence[Any]) -> bool:
    """Whether all cells of a column are of one type, as parquet needs them."""
    kinds: set[type] = {type(cell) for cell in cells if cell is not None}
    return len(kinds) < 2


HIDDEN = "hidden"
OUTSIDE = "a link that leads out of the folder"
NOWHERE = "a link that leads nowhere"
PIPE = "no file but a pipe"


def _entries(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """What lies in a folder and those in it, sorted: path, path in there, and what keeps it out.

    Hidden files and folders are what programs keep for themselves; links to folders are not
    followed.
    """
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        name = "/".join(parts)
        hidden = any(part.startswith(".") for part in parts)
        if path.is_dir():
            if path.is_symlink() and not hidden:
                yield path, f"{name}/", "a link"
        elif hidden:
            yield path, name, HIDDEN
        elif not path.is_file():
            yield path, name, NOWHERE if path.is_symlink() else PIPE
        else:
            inside = path.resolve().is_relative_to(folder.resolve())
            yield path, name, "" if inside else OUTSIDE


def _refuse(path: Path, folder: Path, fault: str) -> None:
    """Raise ``FileError`` for a file that is wanted and cannot be taken."""
    if fault == OUTSIDE:
        check_inside(path, folder)
    raise FileError(f"{path} is {fault}: fetch what it stands for, or take it away")


def files_in(folder: Path, endings: AbstractSet[str], say: Say) -> list[Path]:
    """The files of some endings in a folder and those in it, sorted; says what is left out.

    Raises ``FileError`` for a link that leads nowhere, as archives leave what was not fetched, for
    one that leads out of the folder, and for a pipe or a device under such a name.
    """
    files: list[Path] = []
    others: list[str] = []
    for path, name, fault in _entries(folder):
        if path.suffix.lower() not in endings or name.endswith("/"):
            if fault != HIDDEN:
                others.append(name + (f" ({fault})" if name.endswith("/") else ""))
        elif fault == HIDDEN:
            others.append(f"{name} ({fault})")
        elif fault:
            _refuse(path, folder, fault)
        else:
            files.append(path)
    if files and others:
        rest = "" if len(others) <= 3 else ", ..."
        say(f"{folder}: left out {len(others):,}: {', '.join(others[:3])}{rest}")
    return files
