"""Documents cut into passages that an encoder reads whole."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from anglewise.encoders.chunking import chunks
from anglewise.encoders.documents import Documents
from anglewise.encoders.encoder import Encoder
from anglewise.errors import SpellingError

Chunking: TypeAlias = Literal["auto", "none"] | int
"""``auto``: what the encoder would cut off; ``none``: nothing; a number: to that many tokens."""


def passages(
    documents: Documents, encoder: Encoder, chunk: Chunking = "auto", overlap: int | None = None
) -> tuple[Documents, list[str]]:
    """Cut documents, and name those that were cut.

    Passages are called ``doc#0``, ``doc#1``, …; beside each stand the id of its ``document`` and
    where its text starts and ends in there. A number cuts, and so renames, every document, so
    that names stay when a document grows; ``auto`` touches only those beyond the window. The title
    is encoded with each passage where it takes less than half of its room.
    """
    size = _size(encoder, chunk)
    if size is None:
        return documents, []
    overlap = size // 8 if overlap is None else overlap
    if not 0 <= overlap < size:
        raise SpellingError(f"passages of {size} tokens cannot share {overlap}: take fewer")
    every = isinstance(chunk, int)
    rows = range(len(documents)) if every else _too_long(documents, encoder, size)
    if not rows:
        return documents, []
    cut = {row: _pieces(documents, row, encoder, size, overlap) for row in rows}
    return _rename(documents, cut), [documents.ids[row] for row in rows if len(cut[row]) > 1]


def _size(encoder: Encoder, chunk: Chunking) -> int | None:
    if chunk == "none":
        return None
    if chunk == "auto":
        return encoder.window
    if chunk < 1:
        raise SpellingError(f"pieces of {chunk} tokens: 1 or more are due")
    if encoder.window is not None and chunk > encoder.window:
        raise SpellingError(
            f"pieces of {chunk} tokens: {encoder.spec} reads {encoder.window} and cuts off the "
            "rest; take fewer"
        )
    return chunk


def _too_long(documents: Documents, encoder: Encoder, size: int) -> list[int]:
    """The rows of what is longer; a token is one byte at least, so short texts go uncounted."""
    words = documents.words
    maybe = [row for row, text in enumerate(words) if _bytes(text) > size]
    counts = encoder.tokens([words[row] for row in maybe]) if maybe else []
    return [row for row, count in zip(maybe, counts, strict=True) if count > size]


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _pieces(
    documents: Documents, row: int, encoder: Encoder, size: int, overlap: int
) -> list[tuple[int, int, str]]:
    """Start, end and title of the passages of one document; a long title is left out."""
    text = documents.texts[row]
    title = "" if documents.titles is None else documents.titles[row].strip()
    taken = encoder.tokens([title])[0] if title else 0
    if 2 * taken > size:
        title, taken = "", 0
    room = size - taken
    return [(a, b, title) for a, b in chunks(text, room, min(overlap, room - 1), encoder.tokens)]


def _rename(documents: Documents, cut: dict[int, list[tuple[int, int, str]]]) -> Documents:
    ids: list[str] = []
    texts: list[str] = []
    titles: list[str] = []
    rows: list[int] = []
    places: list[tuple[int, int]] = []
    for row, (name, text) in enumerate(zip(documents.ids, documents.texts, strict=True)):
        title = "" if documents.titles is None else documents.titles[row]
        for number, (start, end, head) in enumerate(cut.get(row, [(0, len(text), title)])):
            ids.append(f"{name}#{number}" if row in cut else name)
            texts.append(text[start:end])
            titles.append(head)
            rows.append(row)
            places.append((start, end))
    about: dict[str, Sequence[Any]] = {
        name: [column[row] for row in rows] for name, column in documents.about.items()
    }
    about["document"] = [documents.ids[row] for row in rows]
    about["start"] = [start for start, _ in places]
    about["end"] = [end for _, end in places]
    return Documents(ids, texts, None if documents.titles is None else titles, about)
