"""Texts with names: what is encoded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from anglewise.encoders.cleaning import clean_all
from anglewise.errors import IdsError, ShapeError, TooFewError, ValuesError


@dataclass(frozen=True, eq=False)
class Documents:
    """Ids and texts, with titles where there are any, and further columns.

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
        columns = {"texts": self.texts, "titles": self.titles or self.ids, **self.about}
        wrong = [name for name, column in columns.items() if len(column) != len(self.ids)]
        if wrong:
            raise ShapeError(f"{len(self.ids)} ids, but not as many {wrong[0]}: one each is due")
        if len(set(self.ids)) != len(self.ids):
            seen: set[str] = set()
            twice = next(name for name in self.ids if name in seen or seen.add(name))
            raise IdsError(f"the id {twice!r} comes more than once: make ids unique")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def words(self) -> list[str]:
        """What the encoder reads: the title before the text, unless the text begins with it."""
        if self.titles is None:
            return [text.strip() for text in self.texts]
        return [
            with_title(title, text) for title, text in zip(self.titles, self.texts, strict=True)
        ]

    def take(self, rows: Sequence[int]) -> "Documents":
        """Some rows, in the order asked for."""
        return Documents(
            [self.ids[row] for row in rows],
            [self.texts[row] for row in rows],
            None if self.titles is None else [self.titles[row] for row in rows],
            {name: [column[row] for row in rows] for name, column in self.about.items()},
        )

    def split_empty(self) -> tuple["Documents", list[str]]:
        """Those that say anything, and the ids of the others.

        Raises ``TooFewError`` when none says anything.
        """
        words = self.words
        if all(words):
            return self, []
        kept = [row for row, text in enumerate(words) if text]
        if not kept:
            raise TooFewError(f"all {len(self)} texts are empty: is this the column of texts?")
        empty = [name for name, text in zip(self.ids, words, strict=True) if not text]
        return self.take(kept), empty

    def metadata(self) -> dict[str, Sequence[Any]]:
        """What is stored beside the vectors."""
        titles = {} if self.titles is None else {"title": self.titles}
        return {**titles, "text": self.texts, **self.about}


def with_title(title: str, text: str) -> str:
    """A title, a blank and a text; the title alone or the text alone where that says all."""
    title, text = title.strip(), text.strip()
    return text if text.startswith(title) else f"{title} {text}".strip()


def documents_of(given: Documents | Mapping[str, str] | Iterable[str]) -> Documents:
    """Documents from texts alone (ids ``"0"``, ``"1"``, …) or from a mapping of ids to texts.

    >>> documents_of({"a": "A heist."}).ids
    ['a']
    >>> documents_of(["A heist.", "A voyage."]).ids
    ['0', '1']
    """
    if isinstance(given, Documents):
        return given
    if isinstance(given, Mapping):
        pairs = cast("Mapping[Any, Any]", given)
        ids, texts = [str(name) for name in pairs], list(pairs.values())
    elif isinstance(given, str):
        raise ValuesError("one text came where several are due: put it into a list")
    else:
        texts = cast("list[Any]", list(given))
        ids = [str(row) for row in range(len(texts))]
    if not set(map(type, texts)) <= {str}:
        for name, text in zip(ids, texts, strict=True):
            if not isinstance(text, str):
                raise ValuesError(f"{name!r} is {type(text).__name__}: a text is due")
    if not ids:
        raise TooFewError("no texts came: there is nothing to encode")
    return Documents(ids, texts)
