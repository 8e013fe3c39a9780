"""Files of texts: BEIR's lines of JSON, tables, folders of text files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anglewise.encoders.documents import Documents
from anglewise.errors import FileError, SpellingError
from anglewise.io.files import (
    PathLike,
    Say,
    contents,
    existing,
    existing_file,
    naming,
    quiet,
    reading,
)
from anglewise.io.tables import listed, plain
from anglewise.io.texts import text_table

TEXTS = "text body content contents document passage sentence question query abstract description"
TITLES = "title heading headline"
LOOSE = {".txt", ".md", ".rst"}
"""Files of a folder that are documents themselves."""
TAKEN = {"id", "vector", "text", "title", "document", "start", "end"}
"""Columns that a space writes itself; others of these names stay behind."""


def read_documents(
    path: PathLike,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    say: Say = quiet,
) -> Documents:
    r"""Read ids and texts: ``.jsonl`` as BEIR writes it, CSV, TSV or parquet, each also ``.gz``.

    Of a folder every ``.txt``, ``.md`` and ``.rst`` is a document, called by its path in there.
    A column of titles comes along, and is encoded before the text; columns of words and numbers
    are kept beside the vectors.

    Raises ``FileError`` or ``SpellingError`` if there is no telling which column is which,
    ``IdsError`` for an id that comes twice.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "films.csv"
    >>> _ = file.write_text("id,title,text\n7,Heat,A heist.\n9,Alien,A voyage.\n")
    >>> read_documents(file).words
    ['Heat A heist.', 'Alien A voyage.']
    """
    path = existing(path)
    if path.is_dir():
        return _folder(path)
    ids, columns = text_table(path, id_column=id_column)
    name = _text_column(path, columns, text_column)
    if name != "text":
        say(f"{path.name}: texts from {name!r}")
    title = next((c for c in columns if plain(c) in TITLES.split() and c != name), None)
    others = {c: v for c, v in columns.items() if c not in TAKEN | {name, title}}
    with naming(path):
        return Documents(
            ids,
            _texts(columns[name]),
            None if title is None else _texts(columns[title]),
            {c: cells for c, cells in others.items() if of_one_kind(cells)},
        )


def beir_files(path: Path) -> tuple[Path, Path | None]:
    """The documents and questions of a folder as BEIR lays it out; of anything else itself."""
    if not path.is_dir():
        return path, None
    found = {
        name: next((f for f in (path / name, path / f"{name}.gz") if f.is_file()), None)
        for name in ("corpus.jsonl", "queries.jsonl")
    }
    return found["corpus.jsonl"] or path, found["queries.jsonl"]


def _text_column(path: Path, columns: dict[str, list[Any]], given: str | None) -> str:
    if given is not None:
        if given not in columns:
            raise SpellingError(f"{path} has no column {given!r}: it has {listed(list(columns))}")
        return given
    known = {plain(column): column for column in columns}
    name = next((known[word] for word in TEXTS.split() if word in known), None)
    if name is None and len(columns) == 1:
        name = next(iter(columns))
    if name is None:
        raise FileError(
            f"{path}: cannot tell which column holds the texts among "
            f"{listed(list(columns)) or 'none'}; name it: text_column=... (--text-column)"
        )
    return name


def _texts(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]


def of_one_kind(cells: Sequence[Any]) -> bool:
    """Whether a column can be stored: parquet holds no mixtures."""
    kinds: set[type] = {type(cell) for cell in cells if cell is not None}
    return len(kinds) < 2


def _folder(path: Path) -> Documents:
    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in LOOSE and f.is_file())
    if not files:
        raise FileError(
            f"{path} holds neither corpus.jsonl nor any of {', '.join(sorted(LOOSE))}: name a file"
        )
    texts: list[str] = []
    for file in files:
        if not file.stat().st_size:
            texts.append("")
            continue
        with reading(file, "a text in UTF-8"):
            texts.append(bytes(contents(existing_file(file))).decode("utf-8-sig"))
    return Documents([f.relative_to(path).as_posix() for f in files], texts)
