"""From texts to a space that knows its encoder; long documents cut into passages on the way."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings, Space, TrainedFor
from anglewise.core.text import Say, quiet
from anglewise.core.typing import Array, Int64, Progress
from anglewise.encoders.batches import VectorCache, encode_texts, open_cache
from anglewise.encoders.documents import Documents, documents_of
from anglewise.encoders.encoder import Encode, Encoder
from anglewise.encoders.encoder import trained_for as what_for
from anglewise.encoders.load import encoder as load
from anglewise.errors import SpellingError
from anglewise.io.files import PathLike
from anglewise.io.tables import listed

Count = Callable[[list[str]], list[int]]

STOPS = "\u3002\uff01\uff1f"  # full-width . ! ?
QUOTES = "\"'\u201d\u2019)\\]"
WORD = re.compile(rf"[^\s{STOPS}]+[{STOPS}]*\s*|[{STOPS}]+\s*")
"""A word with the blanks behind it; full-width stops end one, as no blank follows them."""
SENTENCE_END = re.compile(rf"[.!?\u2026{STOPS}][{QUOTES}]*\s*$|\n\s*\n\s*$")


def chunks(text: str, size: int, overlap: int, tokens: Count) -> list[tuple[int, int]]:
    """Cut a text into pieces of at most ``size`` tokens: ``(start, end)`` of each, in order.

    A piece ends where a sentence ends if that leaves it at least half full, else where a word
    ends; a word that is larger alone is cut between characters. The next piece takes up again
    what stood in the last ``overlap`` tokens, from the start of a sentence where one begins there.
    Every character that is no blank is in some piece. ``0 <= overlap < size`` is due.

    >>> from anglewise.encoders.encoder import count_words
    >>> text = "One two three. Four five six. Seven eight."
    >>> [text[a:b] for a, b in chunks(text, 6, 0, count_words)]
    ['One two three. Four five six.', 'Seven eight.']
    >>> [text[a:b] for a, b in chunks(text, 6, 3, count_words)]
    ['One two three. Four five six.', 'Four five six. Seven eight.']
    """
    room = size
    while True:
        words = _words(text, room, tokens)
        spans = _cut(text, words, room, min(overlap, room - 1), tokens)
        longest = max(tokens([text[start:end] for start, end in spans]), default=0)
        if longest <= size or room == 1:
            return spans
        # words together may make more tokens than one by one: leave that much room
        room = max(1, min(room - 1, room * size // longest))


def _words(text: str, size: int, tokens: Count) -> list[tuple[int, int]]:
    """The words of a text, those that are larger than a piece cut between characters."""
    whole = [match.span() for match in WORD.finditer(text)]
    counts = tokens([text[start:end] for start, end in whole])
    words: list[tuple[int, int]] = []
    for (start, end), count in zip(whole, counts, strict=True):
        last = start + len(text[start:end].rstrip())
        step = last - start if count <= size else max(1, (last - start) * size // count)
        places = [*range(start, last, step), end]
        words += pairwise(places)
    return words


def _cut(
    text: str, words: Sequence[tuple[int, int]], size: int, overlap: int, tokens: Count
) -> list[tuple[int, int]]:
    counts = tokens([text[start:end] for start, end in words])
    ends = np.cumsum(np.array(counts, dtype=np.int64))
    closes = np.array([bool(SENTENCE_END.search(text[a:b])) for a, b in words], dtype=bool)
    spans: list[tuple[int, int]] = []
    first = last = 0
    while last < len(words):
        before = int(ends[first - 1]) if first else 0
        full = max(first + 1, int(np.searchsorted(ends, before + size, side="right")))
        last = full if full == len(words) else _at_sentence(closes, ends, last, full, before)
        piece = text[words[first][0] : words[last - 1][1]].rstrip()
        spans.append((words[first][0], words[first][0] + len(piece)))
        if last < len(words):
            first = _again(closes, ends, first, last, overlap=overlap, size=size)
    return spans


def _at_sentence(
    closes: Array, ends: Int64[Array, " words"], covered: int, full: int, before: int
) -> int:
    """The last end of a sentence in what is new that leaves a piece at least half full."""
    found: Array = np.flatnonzero(closes[covered:full])
    if not len(found):
        return full
    end = covered + int(found[-1]) + 1
    return end if 2 * (ends[end - 1] - before) >= ends[full - 1] - before else full


def _again(
    closes: Array, ends: Int64[Array, " words"], first: int, last: int, *, overlap: int, size: int
) -> int:
    """Where the next piece begins: at most ``overlap`` tokens before this one's end.

    Something new must fit behind what is taken up.
    """
    taken_up = int(max(ends[last - 1] - overlap, ends[last] - size))
    start = int(np.searchsorted(ends, taken_up, side="left")) + 1
    start = min(max(start, first + 1), last)
    after_stops: Array = np.flatnonzero(closes[start - 1 : last - 1])
    return start + int(after_stops[0]) if len(after_stops) else start


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


Texts = Documents | Mapping[str, str] | Iterable[str]


def encode(
    documents: Texts,
    encoder: str | Encode | Encoder,
    *,
    queries: Texts | None = None,
    chunk: Chunking = "auto",
    overlap: int | None = None,
    trained_for: TrainedFor | None = None,
    batch: int | None = None,
    cache: PathLike | None = None,
    say: Say = quiet,
    progress: Progress | None = None,
) -> Space:
    """Encode documents, and questions where there are any, into a space.

    Vectors are kept as the encoder gives them, never normalised. Empty texts are named and left
    out. ``about["encoder"]`` of the space spells the encoder, ``about["encoding"]`` tells the rest.

    Parameters
    ----------
    documents, queries
        Texts, a mapping of ids to texts, or ``Documents``.
    encoder
        A spelling such as ``"use"``, a function from a list of texts to an array, an ``Encoder``.
    chunk, overlap
        ``"auto"`` cuts documents that the encoder would read in part only, ``"none"`` none, a
        number all, to that many tokens; passages share up to ``overlap`` tokens, by default an
        eighth.
    trained_for
        What the encoder was trained for, where you know it better.
    batch
        How many texts the encoder is given at once.
    cache
        A folder in which vectors are kept for another time; none by default.

    Raises
    ------
    EncoderError
        The encoder cannot be had, fails, or answers with something else than one vector a text.
    IdsError, TooFewError, SpellingError
        Ids that come twice; no text at all; an encoder or a chunking that makes no sense.

    Examples
    --------
    >>> def lengths(texts):
    ...     return [[len(text), text.count(" ")] for text in texts]
    >>> space = encode({"a": "A heist.", "b": "A long voyage."}, lengths)
    >>> space.items.vectors
    array([[ 8.,  1.],
           [14.,  2.]], dtype=float32)
    >>> space.items.metadata["text"]
    ['A heist.', 'A long voyage.']
    """
    model = load(encoder)
    kept = None if cache is None else open_cache(Path(cache), model, say)
    if cache is not None and kept is None:
        say(f"{model.spec} does not name its weights: vectors are not kept for another time")
    full, empty = documents_of(documents).split_empty()
    pieces, long = passages(full, model, chunk, overlap)
    questions, unasked = (None, []) if queries is None else documents_of(queries).split_empty()
    _tell("document", empty, say)
    _tell("query", unasked, say)
    if chunk == "auto":
        _tell_cut(model, full, long, len(pieces) - len(full) + len(long), say)
    elif chunk != "none":
        say(f"{len(full):,} documents were cut into {len(pieces):,} passages: doc#0, doc#1, …")
    side = partial(_side, model, batch=batch, cache=kept, say=say, progress=progress)
    try:
        items = side(pieces, asking=False)
        asked = None if questions is None else side(questions, asking=True)
    finally:
        if kept is not None:
            kept.close()
    similarity, doubts = what_for(model, items, trained_for)
    for doubt in doubts:
        say(doubt)
    for one in (items, asked):
        _tell_zero(one, say)
    about: dict[str, Any] = {
        "identity": model.identity,
        "declares": model.similarity,
        "window": model.window,
        "chunk": chunk,
        "documents": len(full),
        "cut": len(long),
        "left_out": {"documents": empty, "queries": unasked},
    }
    return Space(
        items=items,
        queries=asked,
        trained_for=similarity,
        about={"encoder": model.spec, "encoding": about},
    )


def _side(
    model: Encoder,
    texts: Documents,
    *,
    asking: bool,
    batch: int | None,
    cache: VectorCache | None,
    say: Say,
    progress: Progress | None,
) -> Embeddings:
    vectors = encode_texts(
        texts.words,
        model,
        asking=asking,
        batch=batch,
        cache=cache,
        names=texts.ids,
        say=say,
        progress=progress,
    )
    return Embeddings(vectors, ids=texts.ids, metadata=texts.metadata())


def _tell(kind: str, empty: list[str], say: Say) -> None:
    plural = {"document": "documents", "query": "queries"}[kind]
    if len(empty) == 1:
        say(f"one {kind} is empty and left out: {empty[0]}")
    elif empty:
        say(f"{len(empty):,} {plural} are empty and left out: {listed(empty)}")


def _tell_cut(model: Encoder, whole: Documents, long: list[str], pieces: int, say: Say) -> None:
    """What automatic cutting did, and what judgements make of it."""
    if long:
        say(
            f"{len(long):,} of {len(whole):,} documents are longer than the {model.window} tokens "
            f"that the encoder reads and became {pieces:,} passages called {long[0]}#0, …: "
            "judgements of whole documents do not know these; chunk none (--chunk none) leaves "
            "documents whole, and their ends unread"
        )


def _tell_zero(side: Embeddings | None, say: Say) -> None:
    if side is not None and len(side.zero_rows):
        ids = [str(name) for name in side.ids[side.zero_rows]]
        say(
            f"{len(ids):,} of {len(side):,} texts have zero vectors, which no measure can rank "
            f"well: {listed(ids)}"
        )
