"""Texts to encode: cleaned, with ids and titles, read from files and folders."""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.numbers import as_list, shown
from anglewise.data_types.text import Say, check_utf8, quiet
from anglewise.errors import (
    FileError,
    IdsError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
)
from anglewise.io.files import PathLike, contents, existing, existing_file, naming, reading
from anglewise.io.tables import ID, Role, check_no_columns, listed, plain
from anglewise.io.texts import text_table, with_title

UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
"""Control characters but for tab and line ends, byte order marks, and halves of characters."""


def clean(text: str) -> str:
    r"""Replace control characters by blanks; length and positions stay the same.

    >>> clean("one\x00two\x1b")
    'one two '
    """
    return text if text.isprintable() else UNSEEN.sub(" ", text)


def as_utf8(text: str) -> str:
    r"""The text itself; ``ValuesError`` where letters of another encoding were taken for UTF-8.

    >>> as_utf8("caf\udce9")
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: 'caf\udce9' is no text in UTF-8: its letters came in another ...
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValuesError(
            f"{shown(text)!r} is no text in UTF-8: its letters came in another encoding; convert "
            "it, or set a locale of UTF-8"
        ) from error
    return text


def clean_all(texts: Iterable[str]) -> list[str]:
    r"""Clean many texts; those without control characters are not copied.

    >>> clean_all(["one", "two\x00"])
    ['one', 'two ']
    """
    return [text if text.isprintable() else clean(text) for text in texts]


@dataclass(frozen=True, eq=False)
class Documents:
    """Ids and texts, with optional titles and further columns.

    Control characters become blanks. Raises ``IdsError`` for an id that comes twice,
    ``ShapeError`` for columns of other lengths.

    Examples
    --------
    >>> films = Documents(["1", "2"], ["A heist.", "  "], titles=["Heat", ""])
    >>> films.words
    ['Heat A heist.', '']
    >>> films.split_empty()[1]
    ['2']
    """

    ids: Sequence[str]
    texts: Sequence[str]
    titles: Sequence[str] | None = None
    about: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", [str(name) for name in self.ids])
        object.__setattr__(self, "texts", clean_all(self.texts))
        if self.titles is not None:
            object.__setattr__(self, "titles", clean_all(self.titles))
        check_utf8(self.ids, "id")
        check_utf8(self.about, "column")
        columns = {"texts": self.texts, "titles": self.titles or self.ids, **self.about}
        uneven = [name for name, column in columns.items() if len(column) != len(self.ids)]
        if uneven:
            raise ShapeError(f"{len(self.ids)} ids, but not as many {uneven[0]}: one each is due")
        if len(set(self.ids)) != len(self.ids):
            earlier: set[str] = set()
            twice = next(name for name in self.ids if name in earlier or earlier.add(name))
            raise IdsError(f"the id {twice!r} comes more than once: make ids unique")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def words(self) -> list[str]:
        """The texts that are encoded, each after its title unless it begins with that."""
        if self.titles is None:
            return [text.strip() for text in self.texts]
        return [
            with_title(title, text) for title, text in zip(self.titles, self.texts, strict=True)
        ]

    def take(self, rows: Sequence[int]) -> "Documents":
        """Some rows, in the order given."""
        return Documents(
            [self.ids[row] for row in rows],
            [self.texts[row] for row in rows],
            None if self.titles is None else [self.titles[row] for row in rows],
            {name: [column[row] for row in rows] for name, column in self.about.items()},
        )

    def split_empty(self) -> tuple["Documents", list[str]]:
        """The documents with any text, and the ids of the empty ones.

        Raises ``TooFewError`` when all are empty.
        """
        words = self.words
        if all(words):
            return self, []
        filled = [row for row, text in enumerate(words) if text]
        if not filled:
            raise TooFewError(f"all {len(self)} texts are empty: is this the column of texts?")
        empty = [name for name, text in zip(self.ids, words, strict=True) if not text]
        return self.take(filled), empty

    def metadata(self) -> dict[str, Sequence[Any]]:
        """The columns that are stored with the vectors."""
        titles = {} if self.titles is None else {"title": self.titles}
        return {**titles, "text": self.texts, **self.about}


def documents_of(documents: Documents | Mapping[str, str] | Iterable[str]) -> Documents:
    """Documents from texts alone (ids ``"0"``, ``"1"``, …) or from a mapping of ids to texts.

    >>> documents_of({"a": "A heist."}).ids
    ['a']
    >>> documents_of(["A heist.", "A voyage."]).ids
    ['0', '1']
    """
    if isinstance(documents, Documents):
        return documents
    if isinstance(documents, Mapping):
        pairs = cast("Mapping[Any, Any]", documents)
        ids, texts = [str(name) for name in pairs], list(pairs.values())
    elif isinstance(documents, str):
        raise ValuesError("one text came where several are due: put it into a list")
    else:
        texts = as_list(documents, "documents", "a list of texts, or a dict from ids, is due")
        ids = [str(row) for row in range(len(texts))]
    if not set(map(type, texts)) <= {str}:
        for name, text in zip(ids, texts, strict=True):
            if not isinstance(text, str):
                raise ValuesError(f"{name!r} is {type(text).__name__}: a text is due")
    if not ids:
        raise TooFewError("no texts came: there is nothing to encode")
    return Documents(ids, texts)


TEXTS = "text body content contents document passage sentence question query abstract description"
TITLES = "title heading headline"
LOOSE = {".txt", ".md", ".rst"}
"""Endings of files that are one document each."""
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
    r"""Read ids and texts: ``.jsonl`` as BEIR writes it, CSV, TSV or parquet, each also ``.gz``.

    In a folder every ``.txt``, ``.md`` and ``.rst`` file is a document; its id is its path in the
    folder. A column of titles is encoded before the text; other columns of one type are kept as
    metadata.

    Raises ``FileError`` or ``SpellingError`` if the column of texts is not clear, ``IdsError`` for
    an id that comes twice.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "films.csv"
    >>> _ = file.write_text("id,title,text\n7,Heat,A heist.\n9,Alien,A voyage.\n")
    >>> read_documents(file).words
    ['Heat A heist.', 'Alien A voyage.']
    """
    path = existing(path)
    if path.is_dir():
        check_no_columns({ID: id_column, TEXT: text_column}, path)
        return _folder(path, say)
    ids, columns = text_table(path, id_column=id_column)
    if text_column is None and len(columns) == 1:
        text_column = next(iter(columns))
    name = find_column(path, columns, text_column, "text", TEXTS)
    if name != "text":
        say(f"{path.name}: texts from {name!r}")
    title = next((c for c in columns if plain(c) in TITLES.split() and c != name), None)
    metadata = {c: v for c, v in columns.items() if c not in TAKEN | {name, title}}
    with naming(path):
        return Documents(
            ids,
            _texts(columns[name]),
            None if title is None else _texts(columns[title]),
            {c: cells for c, cells in metadata.items() if of_one_kind(cells)},
        )


def beir_files(path: Path) -> tuple[Path, Path | None]:
    """The files of documents and questions in a BEIR folder; any other path and ``None``."""
    if not path.is_dir():
        return path, None
    files = {
        name: next((f for f in (path / name, path / f"{name}.gz") if f.is_file()), None)
        for name in ("corpus.jsonl", "queries.jsonl")
    }
    for file in files.values():
        if file is not None:
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


def files_in(folder: Path, endings: AbstractSet[str], say: Say) -> list[Path]:
    """The files of some endings in a folder and those in it, sorted; says what is left out.

    Hidden files and folders are what programs keep for themselves. Raises ``FileError`` for a link
    that leads nowhere, as archives leave what was not fetched, for one that leads out of the
    folder, and for a pipe or a device under such a name.
    """
    files: list[Path] = []
    others: list[str] = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.suffix.lower() in endings and not path.is_dir():
            if hidden:
                others.append("/".join(parts) + " (hidden)")
                continue
            if not path.is_file():
                kind = "a link that leads nowhere" if path.is_symlink() else "no file but a pipe"
                raise FileError(f"{path} is {kind}: fetch what it stands for, or take it away")
            check_inside(path, folder)
            files.append(path)
        elif hidden:
            continue
        elif not path.is_dir() or path.is_symlink():
            others.append("/".join(parts) + ("/ (a link)" if path.is_dir() else ""))
    if files and others:
        rest = "" if len(others) <= 3 else ", ..."
        say(f"{folder}: left out {len(others):,}: {', '.join(others[:3])}{rest}")
    return files


def check_inside(path: Path, folder: Path) -> None:
    """Raise ``FileError`` for a file of a folder that lies elsewhere: a link may lead anywhere.

    What a stranger's folder links to would be sent to a server, and kept in the space.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise FileError(
            f"{path} is a link that leads out of {folder}, to {path.resolve()}: copy the file into "
            "the folder if it belongs there, or take the link away"
        )


def _folder(path: Path, say: Say) -> Documents:
    files = files_in(path, LOOSE, say)
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
