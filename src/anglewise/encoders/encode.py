"""Encode texts into a space that names its encoder; long documents are cut into passages."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.data_types import memory
from anglewise.data_types.embeddings import Embeddings, Space, TrainedFor
from anglewise.data_types.numbers import COUNT, shown, whole
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Array, Int64, Progress
from anglewise.encoders.batches import VectorCache, count_tokens, encode_texts, open_cache
from anglewise.encoders.declared import declared_beside, used_otherwise
from anglewise.encoders.documents import Documents, documents_of
from anglewise.encoders.encoder import Encode, Encoder, batches_at_once, check_settings
from anglewise.encoders.encoder import trained_for as what_for
from anglewise.encoders.load import encoder as load
from anglewise.errors import SpellingError, ValuesError
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
    ends; a word of more than ``size`` tokens is cut between characters. The next piece repeats the
    last ``overlap`` tokens at most, from the start of a sentence where one begins among them.
    Every character that is no blank is in some piece. ``overlap`` lies from 0 to below ``size``.

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
        _check_room(_passage_bytes(text, spans), size, overlap)
        longest = _most_tokens(text, spans, tokens)
        if longest <= size or room == 1:
            return spans
        # words together may make more tokens than each alone: leave that much room
        room = max(1, min(room - 1, room * size // longest))


PASSAGE_BYTES = 500
"""What a passage weighs beside its characters: its id, numbers and the objects that hold them."""
COUNTED = 1 << 22
"""Characters that are cut out at once to have their tokens counted."""


def _passage_bytes(text: str, spans: Sequence[tuple[int, int]], further: int = 0) -> int:
    """What the passages of a text weigh once they are cut out, each with so many bytes more."""
    letters = sum(end - start for start, end in spans)
    return _letter_bytes(text) * letters + (PASSAGE_BYTES + further) * len(spans)


def _text_bytes(text: str) -> int:
    return _letter_bytes(text) * len(text)


def _letter_bytes(text: str) -> int:
    """What Python takes for each letter of a text: as much as for the widest one."""
    return 1 if text.isascii() else 2 if max(text) < "\U00010000" else 4


def _check_room(held: int, size: int, overlap: int) -> None:
    """Refuse passages that would fill the memory, before they are cut out."""
    most = memory.room()
    if held > most:
        raise ValuesError(
            f"passages of {size:,} tokens that share {overlap:,} take {memory.words(held)} or "
            f"more, {memory.words(most)} are allowed: take a smaller overlap or fewer documents, "
            f"or allow more: {memory.VARIABLE}={memory.words(2 * held).replace(' ', '')}"
        )


def _most_tokens(text: str, spans: Sequence[tuple[int, int]], tokens: Count) -> int:
    """The tokens of the longest piece; few pieces are cut out at once."""
    longest = start = 0
    while start < len(spans):
        pieces: list[str] = []
        characters = 0
        while start < len(spans) and characters < COUNTED:
            pieces.append(text[slice(*spans[start])])
            characters, start = characters + len(pieces[-1]), start + 1
        longest = max(longest, *tokens(pieces))
    return longest


def _words(text: str, size: int, tokens: Count) -> list[tuple[int, int]]:
    """The spans of the words of a text; words larger than a piece are cut between characters."""
    spans = [match.span() for match in WORD.finditer(text)]
    counts = tokens([text[start:end] for start, end in spans])
    words: list[tuple[int, int]] = []
    for (start, end), count in zip(spans, counts, strict=True):
        stop = start + len(text[start:end].rstrip())
        step = stop - start if count <= size else max(1, (stop - start) * size // count)
        cuts = [*range(start, stop, step), end]
        words += pairwise(cuts)
    return words


def _cut(
    text: str, words: Sequence[tuple[int, int]], size: int, overlap: int, tokens: Count
) -> list[tuple[int, int]]:
    counts = tokens([text[start:end] for start, end in words])
    ends = np.cumsum(np.array(counts, dtype=np.int64))
    closes = np.array([bool(SENTENCE_END.search(text[a:b])) for a, b in words], dtype=bool)
    spans: list[tuple[int, int]] = []
    first_word = end_word = 0
    while end_word < len(words):
        offset = int(ends[first_word - 1]) if first_word else 0
        limit = max(first_word + 1, int(np.searchsorted(ends, offset + size, side="right")))
        if limit < len(words):
            limit = _at_sentence(closes, ends, end_word, limit, offset)
        end_word = limit
        last, stop = words[end_word - 1]
        spans.append((words[first_word][0], last + len(text[last:stop].rstrip())))
        if end_word < len(words):
            first_word = _next_word(closes, ends, first_word, end_word, overlap=overlap, size=size)
    return spans


def _at_sentence(
    closes: Array, ends: Int64[Array, " words"], covered: int, limit: int, offset: int
) -> int:
    """The end of the last sentence in the new words that leaves a piece at least half full.

    Words are counted from the start of the text: those up to ``covered`` stand in the piece before,
    those up to ``limit`` fit; ``offset`` tokens come before the piece.
    """
    sentence_ends: Array = np.flatnonzero(closes[covered:limit])
    if not len(sentence_ends):
        return limit
    end = covered + int(sentence_ends[-1]) + 1
    return end if 2 * (ends[end - 1] - offset) >= ends[limit - 1] - offset else limit


def _next_word(
    closes: Array,
    ends: Int64[Array, " words"],
    first_word: int,
    end_word: int,
    *,
    overlap: int,
    size: int,
) -> int:
    """The first word of the next piece: at most ``overlap`` tokens before the end of this one.

    At least one new word must fit after the shared ones.
    """
    shared_from = int(max(ends[end_word - 1] - overlap, ends[end_word] - size))
    start = int(np.searchsorted(ends, shared_from, side="left")) + 1
    start = min(max(start, first_word + 1), end_word)
    sentence_starts: Array = np.flatnonzero(closes[start - 1 : end_word - 1])
    return start + int(sentence_starts[0]) if len(sentence_starts) else start


Chunking: TypeAlias = Literal["auto", "none"] | int
"""``auto`` cuts documents that the encoder would not read to the end, ``none`` cuts none, a number
cuts every document into passages of at most that many tokens."""


def passages(
    documents: Documents, encoder: Encoder, chunk: Chunking = "auto", overlap: int | None = None
) -> tuple[Documents, list[str]]:
    """Cut documents into passages; returns these and the ids of the documents that were cut.

    Passages have the ids ``doc#0``, ``doc#1``, …, and as metadata the id of their ``document`` and
    where they ``start`` and ``end`` in its text. A number renames every document, so that ids stay
    when a document grows; ``auto`` cuts only those beyond the encoder's window. The title is
    encoded with each passage where it takes at most half of its tokens.
    """
    size = _size(encoder, chunk)
    if overlap is not None:
        whole(0).check("overlap", overlap)
    if size is None and overlap is not None:
        why = "" if chunk == "none" else f", and {encoder.spec} reads texts of any length"
        raise SpellingError(
            f"overlap is what passages share, with chunk {chunk!r}{why} there are none: leave it "
            "out, or give chunk a number"
        )
    if size is None:
        return documents, []
    overlap = size // 8 if overlap is None else overlap
    if not 0 <= overlap < size:
        raise SpellingError(f"passages of {size} tokens cannot share {overlap}: take fewer")
    every = chunk != "auto"
    rows = range(len(documents)) if every else _too_long(documents, encoder, size)
    if not rows:
        return documents, []
    cut: dict[int, list[tuple[int, int, str]]] = {}
    held = 0
    for row in rows:
        cut[row] = _pieces(documents, row, encoder, size, overlap)
        # each passage carries what else is known of its document, and a file holds all of it; the
        # id stands in that of the passage, and as the document
        name = documents.ids[row]
        further = [name, name, *(str(column[row]) for column in documents.about.values())]
        title = max((title for *_, title in cut[row]), key=len, default="")
        more = _text_bytes(title) + 2 * sum(map(_text_bytes, further))
        held += _passage_bytes(documents.texts[row], [(a, b) for a, b, _ in cut[row]], more)
        _check_room(held, size, overlap)
    return _rename(documents, cut), [documents.ids[row] for row in rows if len(cut[row]) > 1]


def _size(encoder: Encoder, chunk: Chunking) -> int | None:
    if isinstance(chunk, str):
        if chunk not in {"auto", "none"}:
            raise SpellingError(f"chunk is {shown(chunk)!r}: 'auto', 'none' or a number is due")
        return encoder.window if chunk == "auto" else None
    COUNT.check("chunk", chunk, SpellingError)
    if encoder.window is not None and chunk > encoder.window:
        raise SpellingError(
            f"pieces of {chunk} tokens: {encoder.spec} reads {encoder.window} and cuts off the "
            "rest; take fewer"
        )
    return chunk


def _too_long(documents: Documents, encoder: Encoder, size: int) -> list[int]:
    """The rows of longer texts; a token is one byte at least, so short texts are not counted."""
    words = documents.words
    maybe = [row for row, text in enumerate(words) if _bytes(text) > size]
    counts = count_tokens(encoder, [words[row] for row in maybe]) if maybe else []
    return [row for row, count in zip(maybe, counts, strict=True) if count > size]


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _pieces(
    documents: Documents, row: int, encoder: Encoder, size: int, overlap: int
) -> list[tuple[int, int, str]]:
    """Start, end and title of the passages of one document; a long title is left out."""
    text = documents.texts[row]
    title = "" if documents.titles is None else documents.titles[row].strip()
    title_tokens = count_tokens(encoder, [title])[0] if title else 0
    if 2 * title_tokens > size:
        title, title_tokens = "", 0
    room = size - title_tokens
    count = partial(count_tokens, encoder)
    return [(a, b, title) for a, b in chunks(text, room, min(overlap, room - 1), count)]


def _rename(documents: Documents, cut: dict[int, list[tuple[int, int, str]]]) -> Documents:
    ids: list[str] = []
    texts: list[str] = []
    titles: list[str] = []
    rows: list[int] = []
    spans: list[tuple[int, int]] = []
    for row, (name, text) in enumerate(zip(documents.ids, documents.texts, strict=True)):
        title = "" if documents.titles is None else documents.titles[row]
        for number, (start, end, head) in enumerate(cut.get(row, [(0, len(text), title)])):
            ids.append(f"{name}#{number}" if row in cut else name)
            texts.append(text[start:end])
            titles.append(head)
            rows.append(row)
            spans.append((start, end))
    metadata: dict[str, Sequence[Any]] = {
        name: [column[row] for row in rows] for name, column in documents.about.items()
    }
    whole_documents = documents.about.get("document", documents.ids)  # pages are of a file
    metadata["document"] = [whole_documents[row] for row in rows]
    metadata["start"] = [start for start, _ in spans]
    metadata["end"] = [end for _, end in spans]
    return Documents(ids, texts, None if documents.titles is None else titles, metadata)


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
    concurrency: int | None = None,
    cache: PathLike | None = None,
    say: Say = quiet,
    progress: Progress | None = None,
) -> Space:
    """Encode documents, and questions where there are any, into a space.

    Vectors are kept as the encoder gives them, never normalised. Empty texts are named and left
    out. ``about["encoder"]`` of the space holds the spelling of the encoder, ``about["encoding"]``
    the other settings.

    Parameters
    ----------
    documents, queries
        Texts, a mapping of ids to texts, or ``Documents``.
    encoder
        A spelling such as ``"use"``, a function from a list of texts to an array, or an
        ``Encoder``.
    chunk, overlap
        ``"auto"`` cuts documents that the encoder would read in part only, ``"none"`` cuts none,
        a number cuts all, into passages of at most that many tokens. Neighbouring passages share
        up to ``overlap`` tokens, by default an eighth of a passage.
    trained_for
        What the encoder was trained for, where you know it better.
    batch
        The number of texts that the encoder is given at once.
    concurrency
        The number of batches that are on their way to a server at once, 4 by default; vectors are
        the same whatever it is. Encoders that are no server take one batch after another.
    cache
        A folder in which vectors are kept for later runs; none by default.

    Raises
    ------
    EncoderError
        The encoder cannot be loaded, fails, or returns anything but one vector for each text.
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
    check_settings(trained_for, batch)
    model = load(encoder)
    concurrency = batches_at_once(model, concurrency)
    vector_cache = None if cache is None else open_cache(as_path(cache, "a cache"), model, say)
    full, empty = documents_of(documents).split_empty()
    pieces, long = passages(full, model, chunk, overlap)
    questions, empty_queries = (
        (None, []) if queries is None else documents_of(queries).split_empty()
    )
    _tell("document", empty, say)
    _tell("query", empty_queries, say)
    if chunk == "auto":
        _tell_cut(model, full, long, len(pieces) - len(full) + len(long), say)
    elif chunk != "none":
        say(f"{len(full):,} documents were cut into {len(pieces):,} passages: doc#0, doc#1, …")
    settings = {"batch": batch, "concurrency": concurrency, "cache": vector_cache}
    side = partial(_side, model, **settings, say=say, progress=progress)
    try:
        items = side(pieces, asking=False)
        query_side = None if questions is None else side(questions, asking=True)
    finally:
        if vector_cache is not None:
            vector_cache.close()
    similarity, doubts = what_for(model, items, trained_for)
    said = declared_beside(model.spec)
    for doubt in (*doubts, *used_otherwise(model.spec, said, asked=questions is not None)):
        say(doubt)
    for side_vectors in (items, query_side):
        _tell_zero(side_vectors, say)
    encoding: dict[str, Any] = {
        "identity": model.identity,
        "declares": model.similarity,
        "model": None if said is None else said.to_dict(),
        "window": model.window,
        "chunk": chunk,
        "documents": len(full),
        "cut": len(long),
        "left_out": {"documents": empty, "queries": empty_queries},
    }
    return Space(
        items=items,
        queries=query_side,
        trained_for=similarity,
        about={"encoder": model.spec, "encoding": encoding},
    )


def _side(
    model: Encoder,
    texts: Documents,
    *,
    asking: bool,
    batch: int | None,
    concurrency: int,
    cache: VectorCache | None,
    say: Say,
    progress: Progress | None,
) -> Embeddings:
    vectors = encode_texts(
        texts.words,
        model,
        asking=asking,
        batch=batch,
        concurrency=concurrency,
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


def _tell_cut(model: Encoder, documents: Documents, long: list[str], pieces: int, say: Say) -> None:
    """Say what automatic cutting did, and what it means for judgements."""
    if long:
        say(
            f"{len(long):,} of {len(documents):,} documents are longer than the {model.window} "
            f"tokens that the encoder reads and became {pieces:,} passages called {long[0]}#0, …: "
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
