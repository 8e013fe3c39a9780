"""Where passages stand in the texts of documents, and which of them a judged span belongs to."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from numbers import Real
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary, ref

import numpy as np

from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.parts import DOCUMENT
from anglewise.data_types.typing import Array, Int64

START, END, TEXT = "start", "end", "text"
"""Columns of metadata that say where a passage stands in its document, as ``encode`` writes them.
"""

LEAST_SHARED = 0.5
"""The share of the shorter of two spans from which on they are about the same."""

NO_END = np.iinfo(np.int64).max
"""Where a whole document ends whose text is not known."""


class Span(NamedTuple):
    """Characters of a document's text, from ``start`` to before ``end``."""

    document: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.document}[{self.start}:{self.end}]"


def text_digest(text: str) -> str:
    r"""A digest of a text in which every blank counts alike, so that places stay what they are.

    >>> text_digest("a\nheist") == text_digest("a heist") != text_digest("a  heist")
    True
    """
    plain = re.sub(r"\s", " ", text)
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True, eq=False)
class PassageSpans:
    """The items of a space as spans of documents.

    An item without ``document``, ``start`` and ``end`` among its metadata is a document as a whole.

    Attributes
    ----------
    documents
        For each item the document whose characters are counted.
    starts, ends
        Where it stands in there, the end not included.
    known
        Which items say so themselves; the others are taken for whole documents of their own ids.

    Examples
    --------
    >>> about = {"document": ["a", "a"], "start": [0, 8], "end": [8, 15]}
    >>> items = Embeddings([[1.0], [2.0]], ["a#0", "a#1"], about)
    >>> passages = PassageSpans.of(items)
    >>> passages.span(1)
    Span(document='a', start=8, end=15)
    >>> passages.alike(Span("a", 0, 8)).tolist(), passages.alike(Span("a", 2, 14)).tolist()
    ([0], [0, 1])
    """

    documents: tuple[str, ...]
    starts: Int64[Array, " items"]
    ends: Int64[Array, " items"]
    known: Array
    _items: "ref[Embeddings]"

    @classmethod
    def of(cls, items: Embeddings) -> "PassageSpans":
        """Where the items of a space stand in the texts of documents; read once."""
        found = _READ.get(items)
        if found is None:
            found = _READ[items] = cls._read(items)
        return found

    @classmethod
    def _read(cls, items: Embeddings) -> "PassageSpans":
        ids: list[str] = items.ids.tolist()
        documents, known = list(ids), np.zeros(len(ids), dtype=bool)
        starts = np.zeros(len(ids), dtype=np.int64)
        ends = np.full(len(ids), NO_END, dtype=np.int64)
        if has_spans(items):
            cells = [column(items, name) for name in (DOCUMENT, START, END)]
            for row, (document, start, end) in enumerate(zip(*cells, strict=True)):
                if document is not None and _is_span(start, end):
                    documents[row] = _text_name(ids[row], str(document))
                    starts[row], ends[row], known[row] = int(start), int(end), True
        elif TEXT in items.metadata_columns:
            texts: Sequence[Any] = column(items, TEXT)
            ends[:] = [len(cell) if isinstance(cell, str) and cell else NO_END for cell in texts]
        return cls(tuple(documents), starts, ends, known, ref(items))

    @cached_property
    def rows_of(self) -> dict[str, Int64[Array, " rows"]]:
        """The items of each document, in the order of its text."""
        rows: dict[str, list[int]] = {}
        order: list[int] = np.lexsort((self.ends, self.starts)).tolist()
        for row in order:
            rows.setdefault(self.documents[row], []).append(row)
        return {name: np.array(some, dtype=np.int64) for name, some in rows.items()}

    @cached_property
    def texts(self) -> list[str | None] | None:
        """The text of each item, where there is a column of texts."""
        items = self._items()
        if items is None or TEXT not in items.metadata_columns:
            return None
        return [cell if isinstance(cell, str) else None for cell in column(items, TEXT)]

    def span(self, row: int) -> Span | None:
        """The span of an item; None for one that does not say where it stands."""
        if not self.known[row]:
            return None
        return Span(self.documents[row], int(self.starts[row]), int(self.ends[row]))

    def digest(self, row: int) -> str | None:
        """A digest of the text of an item; None where it is not known, or not of its length."""
        text = None if self.texts is None else self.texts[row]
        whole = text is not None and len(text) == self.ends[row] - self.starts[row]
        return text_digest(text) if text is not None and whole else None

    def overlapping(self, span: Span) -> Int64[Array, " rows"]:
        """The items that share a character with a span."""
        rows = self.rows_of.get(span.document, np.zeros(0, dtype=np.int64))
        return rows[(self.starts[rows] < span.end) & (self.ends[rows] > span.start)]

    def itself(self, span: Span) -> Int64[Array, " rows"]:
        """The items that are this very span."""
        rows = self.overlapping(span)
        return rows[(self.starts[rows] == span.start) & (self.ends[rows] == span.end)]

    def alike(self, span: Span) -> Int64[Array, " rows"]:
        """The items that share at least half of the shorter of the two with a span.

        Where none does, as blanks lie between passages, those that share most.
        """
        rows = self.overlapping(span)
        starts, ends = self.starts[rows], self.ends[rows]
        shared = np.minimum(ends, span.end) - np.maximum(starts, span.start)
        enough = shared >= LEAST_SHARED * np.minimum(ends - starts, span.end - span.start)
        if len(rows) and not enough.any():
            enough = shared == shared.max()
        return rows[enough]

    def says(self, span: Span, digest: str) -> bool | None:
        """Whether the text of that digest stands at a span; None where the texts are not known.

        Characters that lie in no passage are taken for blanks, as these are cut away.
        """
        key = (span, digest)
        if key not in self._said:
            self._said[key] = self._says(span, digest)
        return self._said[key]

    @cached_property
    def _said(self) -> dict[tuple[Span, str], bool | None]:
        return {}

    def _says(self, span: Span, digest: str) -> bool | None:
        if self.texts is None:
            return None
        letters = [" "] * (span.end - span.start)
        there: list[int] = self.overlapping(span).tolist()
        for row in there:
            text, start = self.texts[row], int(self.starts[row])
            if text is None:
                return None
            piece = text[max(span.start - start, 0) : span.end - start]
            first = max(start - span.start, 0)
            letters[first : first + len(piece)] = piece
        return text_digest("".join(letters)) == digest

    def covered(self, row: int, spans: Iterable[Span]) -> bool:
        """Whether spans of its document cover an item, but for blanks."""
        start, end = int(self.starts[row]), int(self.ends[row])
        text = None if self.texts is None else self.texts[row]
        at = start
        for span in sorted(spans, key=lambda one: one.start):
            if not self._blank(text, at - start, min(span.start, end) - start):
                return False
            at = max(at, span.end)
        return self._blank(text, at - start, end - start)

    @staticmethod
    def _blank(text: str | None, first: int, last: int) -> bool:
        return first >= last or (text is not None and not text[first:last].strip())


_READ: "WeakKeyDictionary[Embeddings, PassageSpans]" = WeakKeyDictionary()


def has_spans(items: Embeddings) -> bool:
    """Whether the metadata say where items stand in documents; nothing is read."""
    return {DOCUMENT, START, END} <= {*items.metadata_columns}


def _is_span(start: Any, end: Any) -> bool:
    """Whether two cells are the ends of a span."""
    whole = all(isinstance(cell, Real) and cell == cell // 1 for cell in (start, end))
    return whole and 0 <= start < end < NO_END


def _text_name(name: str, document: str) -> str:
    """Whose characters a passage counts: its document's, or those of the page that it is from.

    >>> _text_name("a.pdf#page=3#1", "a.pdf"), _text_name("a#1", "a")
    ('a.pdf#page=3', 'a')
    """
    page = re.fullmatch(re.escape(document) + r"(#page=[0-9]+)(#[0-9]+)?", name)
    return document + cast("str", page[1]) if page else document
