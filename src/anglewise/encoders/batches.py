"""Encode texts in batches, each text once, with a cache on disk."""

import hashlib
import os
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import IO, Any

import numpy as np

from anglewise.data_types.conversion import holds_masked
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say, counted, quiet, shortened
from anglewise.data_types.typing import Array, Float32, Progress
from anglewise.encoders.concurrent_calls import call_all
from anglewise.encoders.encoder import Encoder, PartlyEncodedError, batches_at_once
from anglewise.errors import AnglewiseError, EncoderError, FileError, TooFewError, reason
from anglewise.io.files import noting_opened, opened
from anglewise.io.outputs import writing
from anglewise.io.sizes import allowed

MARK = b"angl"
HEAD = struct.Struct("<4sIII")
"""Before each batch: the mark, the number of vectors, their dimension, and the checksum."""
KEY = 16
NOT_KEPT = "vectors are not kept for another time"


def key_of(text: str, side: bytes) -> bytes:
    """The cache key of a text: a digest, so that no text is stored."""
    return key_of_bytes(text.encode(), side)


def key_of_bytes(data: bytes, side: bytes) -> bytes:
    """The cache key of bytes, such as those of an image."""
    return hashlib.blake2b(data, digest_size=KEY, person=side).digest()


def default_folder() -> Path:
    """The folder of the vector cache by default, among the user's caches."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "anglewise" / "vectors"


@dataclass
class VectorCache:
    """The vectors of one encoder: a folder of files to which whole batches are appended.

    Each run writes its own file, so that several may run at once. A batch that was interrupted
    fails its checksum and is skipped. ``entries`` maps a key to the vectors of a batch and a row.
    """

    folder: Path
    entries: dict[bytes, tuple[Float32[Array, "batch d"], int]] = field(default_factory=dict)
    file: IO[bytes] | None = None
    say: Say = quiet
    refused: bool = False

    def add(self, keys: Sequence[bytes], vectors: Float32[Array, "batch d"]) -> None:
        """Append a batch; if the disk refuses it, say so once and keep the vectors in memory."""
        rows = np.ascontiguousarray(vectors, dtype="<f4")
        if not self.refused:
            try:
                self._append(b"".join(keys), rows)
            except FileError as error:
                self.refused = True
                self.say(f"{NOT_KEPT}: {error}")
        for row, key in enumerate(keys):
            self.entries[key] = (rows, row)

    def _append(self, names: bytes, rows: Float32[Array, "batch d"]) -> None:
        checksum = zlib.crc32(rows.data, zlib.crc32(names))
        with writing(self.folder):
            if self.file is None:
                self.folder.mkdir(exist_ok=True)
                path = self.folder / f"{secrets.token_hex(8)}.vectors"
                self.file = path.open("xb")
            self.file.write(HEAD.pack(MARK, *rows.shape, checksum) + names)
            self.file.write(rows.data)
            self.file.flush()

    def close(self) -> None:
        """Close the file of this run."""
        if self.file is not None:
            with suppress(OSError):  # a failed write was reported
                self.file.close()
            self.file = None


def open_cache(folder: Path, encoder: Encoder, say: Say = quiet) -> VectorCache | None:
    """Open the cached vectors of an encoder; ``None``, and said, for one without identity.

    A folder that may not be read or written is reported through ``say``, and nothing is kept.
    Raises ``FileError`` for a path that is a file or lies in no folder.
    """
    if not encoder.identity:
        say(f"{encoder.spec} does not name its weights: {NOT_KEPT}")
        return None
    digest = hashlib.blake2b(encoder.identity.encode(), digest_size=KEY).hexdigest()
    cache = VectorCache(folder / digest, say=say)
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is a file where vectors are to be kept: name a folder")
    try:
        with writing(folder.parent / "x"):
            folder.mkdir(exist_ok=True)
        for path in sorted(cache.folder.glob("*.vectors")):
            for keys, vectors in _batches(path):
                for row, key in enumerate(keys):
                    cache.entries[key] = (vectors, row)
    except FileError as error:
        if not isinstance(error.__cause__, OSError):  # a folder that is not there was named
            raise
        cache.refused = True
        say(f"{NOT_KEPT}: {error}")
    return cache


def _batches(path: Path) -> Iterator[tuple[list[bytes], Float32[Array, "batch d"]]]:
    """The complete batches of a file, up to the first that is incomplete or unreadable."""
    try:
        with opened(path) as file:
            remaining = os.fstat(file.fileno()).st_size
            limit = min(remaining, allowed(0))
            while len(head := file.read(HEAD.size)) == HEAD.size:
                mark, rows, dimension, checksum = HEAD.unpack(head)
                names, size = rows * KEY, rows * (KEY + 4 * dimension)
                if mark != MARK or size > limit:
                    return
                data = file.read(size)
                if len(data) < size or zlib.crc32(data) != checksum:
                    return
                vectors = np.frombuffer(data, "<f4", rows * dimension, names)
                if not rows or not dimension or not np.isfinite(vectors).all():
                    return  # complete, but not the vectors of an encoder
                keys = [data[i : i + KEY] for i in range(0, names, KEY)]
                yield keys, vectors.reshape(rows, dimension)
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error}): mend it, or keep no vectors") from error


def encode_texts(
    texts: Sequence[str],
    encoder: Encoder,
    *,
    asking: bool = False,
    batch: int | None = None,
    concurrency: int | None = None,
    cache: VectorCache | None = None,
    names: Sequence[str] | None = None,
    say: Say = quiet,
    progress: Progress | None = None,
) -> Float32[Array, "texts d"]:
    """Encode texts in batches of similar length, the longest first; vectors in the given order.

    A text that comes twice is encoded once. Batches depend neither on the cache nor on how many are
    encoded at once, so that a run that was interrupted gives the same bytes when it is repeated.

    Parameters
    ----------
    asking
        Whether texts are encoded as questions.
    concurrency
        The number of batches that are encoded at once, as the encoder suggests by default.
    names
        The ids of the texts, for messages.

    Raises
    ------
    EncoderError
        The encoder fails, or returns another number of vectors, vectors of other dimensions than
        before, or numbers that are not finite.

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
    cached = {} if cache is None else cache.entries
    if encoder.before is not None:
        missing = [texts[row] for row in unique if keys[row] not in cached]
        if missing:
            say(encoder.before(missing))
    calls = Calls(function, encoder.spec, texts, names)
    return in_batches(
        calls,
        keys,
        unique,
        batch or encoder.batch,
        concurrency=batches_at_once(encoder, concurrency),
        cache=cache,
        progress=progress,
    )


def count_tokens(encoder: Encoder, texts: list[str]) -> list[int]:
    """The lengths of texts as an encoder counts; ``EncoderError`` where it gives no such counts."""
    try:
        with noting_opened():
            counts = [index(count) for count in encoder.tokens(texts)]
    except (AnglewiseError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a function of somebody's own may raise anything
        raise EncoderError(
            f"{encoder.spec} counts no tokens but fails ({reason(error)}): mend its tokens"
        ) from error
    if len(counts) != len(texts) or min(counts, default=0) < 0:
        raise EncoderError(
            f"{encoder.spec} counted the tokens of {len(texts)} texts and gave {counts[:3]}: one "
            "number from 0 for each is due; mend its tokens"
        )
    return counts


def in_batches(
    calls: "Calls",
    keys: Sequence[Any],
    unique: Sequence[int],
    batch_size: int,
    *,
    concurrency: int = 1,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Float32[Array, "keys d"]:
    """The vector of every key; each row of ``unique`` is encoded once, in that order."""
    batches = [unique[start : start + batch_size] for start in range(0, len(unique), batch_size)]
    table = _BatchTable(calls, keys, batches, cache, progress)
    call_all(
        lambda rows: calls.answer(rows) if rows else None,
        table.new,
        table.keep,
        failed=table.failed,
        concurrency=concurrency,
    )
    vectors = table.vectors
    if vectors is None:
        raise TooFewError("nothing came that could be encoded")
    if len(unique) < len(keys):
        row_of = {keys[row]: row for row in unique}
        vectors = vectors[[row_of[key] for key in keys]]
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


class _BatchTable:
    """The vectors of all keys, filled batch by batch: cached ones are looked up."""

    def __init__(
        self,
        calls: "Calls",
        keys: Sequence[Any],
        batches: Sequence[Sequence[int]],
        cache: VectorCache | None,
        progress: Progress | None,
    ) -> None:
        self.calls, self.keys, self.batches, self.cache = calls, keys, batches, cache
        self.progress = progress
        cached = {} if cache is None else cache.entries
        self.new = [[row for row in rows if keys[row] not in cached] for rows in batches]
        """The rows of each batch that must be encoded."""
        self.vectors: Array | None = None
        self.done, self.total = 0, sum(map(len, batches))

    def keep(self, number: int, answer: Array | None) -> None:
        """Take the answer for the new rows of a batch, and cache it."""
        rows = self.batches[number]
        batch = self._batch(rows, self.new[number], answer)
        if self.vectors is None:
            self.vectors = np.empty((len(self.keys), batch.shape[1]), dtype=np.float32)
        self.vectors[rows] = batch
        self.done += len(rows)
        if self.progress is not None:
            self.progress(self.done, self.total)

    def failed(self, number: int, error: Exception) -> Exception:
        """Cache what came of a batch before it failed; the error with the ids of its texts."""
        if not isinstance(error, PartlyEncodedError):
            return error
        rows = [self.new[number][position] for position in error.vectors]
        if self.cache is not None and rows:
            self._add(rows, np.asarray(list(error.vectors.values())), self.cache)
        return self.calls.refusal(self.new[number], error)

    def _add(self, rows: Sequence[int], answer: Array, cache: VectorCache) -> Array:
        vectors = self.calls.checked(rows, answer)
        cache.add([self.keys[row] for row in rows], vectors)
        return vectors

    def _batch(
        self, rows: Sequence[int], new: Sequence[int], answer: Array | None
    ) -> Float32[Array, "batch d"]:
        cache = self.cache
        if cache is None:
            return self.calls.checked(rows, np.empty(0) if answer is None else answer)
        if answer is not None:
            encoded = self._add(new, answer, cache)
            if len(new) == len(rows):
                return encoded
        vectors = [cache.entries[self.keys[row]] for row in rows]
        return self.calls.stacked(rows, [batch[row] for batch, row in vectors], cache.folder)


class Calls:
    """Calls of one encoding function, whose vectors are all checked to be of one dimension."""

    def __init__(
        self,
        function: Callable[[list[Any]], Any],
        spec: str,
        inputs: Sequence[Any],
        names: Sequence[str] | None,
        noun: str = "text",
    ) -> None:
        self.function = function
        self.spec = spec
        self.inputs = inputs
        self.names = names
        self.noun = noun
        self.dimension: int | None = None

    def checked(self, rows: Sequence[int], raw: Array) -> Float32[Array, "batch d"]:
        """What the function gave for some rows; ``EncoderError`` unless one vector for each."""
        if raw.dtype.kind not in "fiu":
            raise self.error(rows, f"something else than numbers (it is of kind {raw.dtype})")
        with np.errstate(over="ignore"):
            vectors = np.ascontiguousarray(raw, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(rows):
            shape = f"{len(vectors)} vectors" if vectors.ndim == 2 else f"shape {vectors.shape}"
            raise self.error(rows, f"{shape}, where one vector for each is due")
        width = vectors.shape[1]
        if width == 0 or self.dimension not in {None, width}:
            raise self.error(rows, f"vectors of {width} numbers, {self.dimension or 1} are due")
        self.dimension = width
        with np.errstate(over="ignore", invalid="ignore"):
            doubtful = not np.isfinite(vectors.sum())  # one pass, and seldom doubtful
        if doubtful and not np.isfinite(vectors).all():
            bad = ~np.isfinite(vectors).all(axis=1)
            raise self.error([rows[int(np.argmax(bad))]], "NaN or infinity")
        return vectors

    def stacked(
        self, rows: Sequence[int], vectors: Sequence[Array], folder: Path
    ) -> Float32[Array, "batch d"]:
        """Cached vectors as one array; ``EncoderError`` if their dimension differs from others."""
        for row, vector in zip(rows, vectors, strict=True):
            if self.dimension not in {None, len(vector)}:
                raise EncoderError(
                    f"vectors of {self.spec} have {self.dimension} numbers, and {len(vector)} in "
                    f"the cache for {self.subject([row])}: nothing was written; remove {folder}, "
                    "or keep no vectors"
                )
            self.dimension = len(vector)
        return np.stack(vectors)

    def answer(self, rows: Sequence[int]) -> Array:
        """Call the function; whatever it raises becomes an ``EncoderError`` of one sentence."""
        fault = "no answer but an error"
        try:
            with noting_opened():
                answer = self.function([self.inputs[row] for row in rows])
                fault = "something else than numbers"
                masked = holds_masked(answer)
                array = np.asarray(answer)
        except (AnglewiseError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a foreign model may raise anything, in its answer too
            raise self.error(rows, f"{fault} ({reason(error)})") from error
        if masked:
            raise self.error(rows, "masked numbers, which are none")
        return array

    def error(self, rows: Sequence[int], fault: str) -> EncoderError:
        """The error for a batch: which texts or images, and what is wrong with their vectors."""
        return EncoderError(
            f"{self.spec} gave for {self.subject(rows)} {fault}: nothing was written; mend the "
            f"encoder, or look at the {self.noun}"
        )

    def refusal(self, rows: Sequence[int], partly: PartlyEncodedError) -> EncoderError:
        """The error for a batch that was refused in part: which texts, and in whose words."""
        if not partly.refused:
            return EncoderError(str(partly))
        named = [
            f"{self.subject([rows[at]])} ({shown(shortened(self.inputs[rows[at]], 40))!r}): {why}"
            for at, why in partly.refused.items()
        ]
        others = (
            f"{counted(len(partly.vectors), 'other')} of the batch, it took"
            if partly.vectors
            else "it was asked for nothing else, and may refuse any text so"
        )
        return EncoderError(
            f"{self.spec} refuses {'; '.join(named)}; {others}. Nothing was written: cut such "
            "texts (--chunk), mend them or leave them out"
        )

    def subject(self, rows: Sequence[int]) -> str:
        """Which texts or images are meant, for messages."""
        name = str(rows[0]) if self.names is None else self.names[rows[0]]
        noun = self.noun
        return f"the {noun} {name!r}" if len(rows) == 1 else f"{len(rows)} {noun}s ({name!r}, …)"
