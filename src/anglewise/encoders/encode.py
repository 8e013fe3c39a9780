"""From texts to a space that knows its encoder."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from anglewise.core.embeddings import Embeddings, Space, TrainedFor
from anglewise.core.typing import Progress
from anglewise.encoders.batches import VectorCache, encode_texts, open_cache
from anglewise.encoders.documents import Documents, documents_of
from anglewise.encoders.encoder import Encode, Encoder
from anglewise.encoders.encoder import trained_for as what_for
from anglewise.encoders.load import encoder as load
from anglewise.encoders.passages import Chunking, passages
from anglewise.io.files import PathLike, Say, quiet
from anglewise.io.tables import listed

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
