"""Texts through an encoder: in batches, each text once, what comes back looked at."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Float32, Progress
from anglewise.encoders.cache import Cache, key_of
from anglewise.encoders.encoder import Encoder
from anglewise.errors import AnglewiseError, EncoderError, TooFewError
from anglewise.io.files import Say, quiet


def encode_texts(
    texts: Sequence[str],
    encoder: Encoder,
    *,
    asking: bool = False,
    batch: int | None = None,
    cache: Cache | None = None,
    names: Sequence[str] | None = None,
    say: Say = quiet,
    progress: Progress | None = None,
) -> Float32[Array, "texts d"]:
    """Encode texts, the longest first and alike lengths together, and give them in their order.

    A text that comes twice is encoded once. Batches are formed without a look at the cache, so
    that a run that was killed gives the same bytes when it is taken up again.

    Parameters
    ----------
    asking
        Whether texts are encoded as questions.
    names
        What the texts are called in messages.

    Raises
    ------
    EncoderError
        The encoder fails, or gives another number of vectors, other dimensions than before, or
        what is not finite.

    Examples
    --------
    >>> lengths = Encoder(spec="lengths", documents=lambda texts: [[len(t), 1.0] for t in texts])
    >>> encode_texts(["a", "heist", "a"], lengths)[:, 0]
    array([1., 5., 1.], dtype=float32)
    """
    if encoder.reads != "texts":
        raise EncoderError(
            f"{encoder.spec} encodes images, and texts came: ask with an image (--image FILE), or "
            "take an encoder of texts"
        )
    different = asking and encoder.queries is not None
    function = encoder.queries if different and encoder.queries else encoder.documents
    side = b"queries" if different else b"texts"
    keys: Sequence[Any] = [key_of(text, side) for text in texts] if cache else texts
    sizes = [-len(text) for text in texts]
    unique = sorted(firsts(keys), key=sizes.__getitem__)
    kept = {} if cache is None else cache.known
    if encoder.before is not None:
        missing = [texts[row] for row in unique if keys[row] not in kept]
        if missing:
            say(encoder.before(missing))
    calls = Calls(function, encoder.spec, texts, names)
    return in_batches(calls, keys, unique, batch or encoder.batch, cache=cache, progress=progress)


def in_batches(
    calls: "Calls",
    keys: Sequence[Any],
    unique: Sequence[int],
    at_once: int,
    *,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> Float32[Array, "keys d"]:
    """The vector of every key, where each of the unique rows is encoded once, in that order."""
    vectors: Array | None = None
    for start in range(0, len(unique), at_once):
        some = unique[start : start + at_once]
        batch = _batch(some, keys, calls, cache)
        if vectors is None:
            vectors = np.empty((len(keys), batch.shape[1]), dtype=np.float32)
        vectors[some] = batch
        if progress is not None:
            progress(start + len(some), len(unique))
    if vectors is None:
        raise TooFewError("nothing came that could be encoded")
    if len(unique) < len(keys):
        first = {keys[row]: row for row in unique}
        vectors = vectors[[first[key] for key in keys]]
    return vectors


def firsts(keys: Sequence[Any]) -> Sequence[int]:
    """The first row of each key, in order.

    >>> firsts(["a", "b", "a"])
    [0, 1]
    """
    if len(set(keys)) == len(keys):
        return range(len(keys))
    rows = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
    return sorted(rows.values())


def _batch(
    rows: Sequence[int], keys: Sequence[Any], calls: "Calls", cache: Cache | None
) -> Float32[Array, "batch d"]:
    """The vectors of one batch: what is kept is looked up, the rest encoded and kept."""
    if cache is None:
        return calls.vectors(rows)
    new = [row for row in rows if keys[row] not in cache.known]
    if new:
        cache.add([keys[row] for row in new], calls.vectors(new))
    vectors = [cache.known[keys[row]] for row in rows]
    if len(new) == len(rows):
        return vectors[0][0]
    return calls.fitting(rows, [batch[row] for batch, row in vectors])


class Calls:
    """Calls of one function, whose answers must fit each other."""

    def __init__(
        self,
        function: Callable[[list[Any]], Any],
        spec: str,
        what: Sequence[Any],
        names: Sequence[str] | None,
        noun: str = "text",
    ) -> None:
        self.function = function
        self.spec = spec
        self.what = what
        self.names = names
        self.noun = noun
        self.dimension: int | None = None

    def vectors(self, rows: Sequence[int]) -> Float32[Array, "batch d"]:
        """Encode some rows; ``EncoderError`` if what comes back is no vector for each."""
        answer = self.answer(rows)
        try:
            raw = np.asarray(answer)
            if raw.dtype.kind not in "fiu":
                raise ValueError(f"it is of kind {raw.dtype}")  # noqa: TRY301 said once, below
            with np.errstate(over="ignore"):
                vectors = np.ascontiguousarray(raw, dtype=np.float32)
        except (ValueError, TypeError) as error:
            raise self.wrong(rows, f"something else than numbers ({error})") from error
        if vectors.ndim != 2 or len(vectors) != len(rows):
            shape = f"{len(vectors)} vectors" if vectors.ndim == 2 else f"shape {vectors.shape}"
            raise self.wrong(rows, f"{shape}, where one vector for each is due")
        width = vectors.shape[1]
        if width == 0 or self.dimension not in {None, width}:
            raise self.wrong(rows, f"vectors of {width} numbers, {self.dimension or 1} are due")
        self.dimension = width
        with np.errstate(over="ignore", invalid="ignore"):
            doubtful = not np.isfinite(vectors.sum())  # one pass, and seldom doubtful
        if doubtful and not np.isfinite(vectors).all():
            bad = ~np.isfinite(vectors).all(axis=1)
            raise self.wrong([rows[int(np.argmax(bad))]], "NaN or infinity")
        return vectors

    def fitting(self, rows: Sequence[int], kept: Sequence[Array]) -> Float32[Array, "batch d"]:
        """Vectors that were kept, if they are as wide as all others."""
        for row, vector in zip(rows, kept, strict=True):
            if self.dimension not in {None, len(vector)}:
                raise self.wrong([row], f"{len(vector)} numbers, {self.dimension} are due")
            self.dimension = len(vector)
        return np.stack(kept)

    def answer(self, rows: Sequence[int]) -> Any:
        """What the function gives, its own mistakes turned into one sentence."""
        try:
            return self.function([self.what[row] for row in rows])
        except AnglewiseError:
            raise
        except Exception as error:  # a foreign model may raise anything
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise self.wrong(rows, f"no answer but an error ({why})") from error

    def wrong(self, rows: Sequence[int], what: str) -> EncoderError:
        """The one message about a batch."""
        name = str(rows[0]) if self.names is None else self.names[rows[0]]
        noun = self.noun
        which = f"the {noun} {name!r}" if len(rows) == 1 else f"{len(rows)} {noun}s ({name!r}, …)"
        return EncoderError(
            f"{self.spec} gave for {which} {what}: nothing was written; mend the encoder, or look "
            f"at the {noun}"
        )
