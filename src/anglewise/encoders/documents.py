"""Texts to encode: cleaned, with ids and titles."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from anglewise.data_types.numbers import as_list, shown
from anglewise.data_types.text import check_utf8, first_repeated
from anglewise.errors import (
    IdsError,
    ShapeError,
    TooFewError,
    ValuesError,
)
from anglewise.io.texts import with_title

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


@dataclass(frozen=True)
class TextFiles:
    """The files in which documents were looked for.

    ``taken`` holds the path of each, what it was taken for, and the number of its documents;
    ``left_out`` the path and the reason.
    """

    taken: tuple[tuple[str, str, int], ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Plain values, ready for JSON."""
        return {
            "taken": [
                {"path": path, "kind": kind, "documents": documents}
                for path, kind, documents in self.taken
            ],
            "left_out": [{"path": path, "reason": reason} for path, reason in self.left_out],
        }


@dataclass(frozen=True, eq=False)
class Documents:
    """Ids and texts, with optional titles and further columns.

    Control characters become blanks. ``files`` says from which files they were read, and which
    were left. Raises ``IdsError`` for an id that comes twice, ``ShapeError`` for columns of other
    lengths.

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
    files: "TextFiles | None" = None

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
            raise IdsError(
                f"the id {first_repeated(self.ids)!r} comes more than once: make ids unique"
            )

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
            self.files,
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
