"""Vectors kept on disk, so that what was encoded once is not encoded again."""

import hashlib
import os
import secrets
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from anglewise.core.typing import Array, Float32
from anglewise.encoders.encoder import Encoder
from anglewise.errors import FileError
from anglewise.io.files import Say, quiet
from anglewise.io.outputs import writing

MARK = b"angl"
HEAD = struct.Struct("<4sIII")
"""Before each batch: the mark, how many vectors, of how many numbers, and their checksum."""
KEY = 16
NOT_KEPT = "vectors are not kept for another time"


def key_of(text: str, side: bytes) -> bytes:
    """The name under which the vector of a text is kept: a digest, so that no text is stored."""
    return key_of_bytes(text.encode(), side)


def key_of_bytes(data: bytes, side: bytes) -> bytes:
    """Likewise for what is no text."""
    return hashlib.blake2b(data, digest_size=KEY, person=side).digest()


def default_folder() -> Path:
    """Where vectors are kept if nobody says otherwise: among the user's caches."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "anglewise" / "vectors"


@dataclass
class Cache:
    """The vectors of one encoder: a folder of files to which whole batches are appended.

    Each run writes a file of its own, so that several may run at once. A batch that a kill left
    unfinished fails its checksum and is skipped.
    """

    folder: Path
    known: dict[bytes, tuple[Float32[Array, "batch d"], int]] = field(default_factory=dict)
    file: IO[bytes] | None = None
    say: Say = quiet
    refused: bool = False

    def add(self, keys: Sequence[bytes], vectors: Float32[Array, "batch d"]) -> None:
        """Append a batch; where the disk refuses it, say so once and go on without."""
        rows = np.ascontiguousarray(vectors, dtype="<f4")
        if not self.refused:
            try:
                self._append(b"".join(keys), rows)
            except FileError as error:
                self.refused = True
                self.say(f"{NOT_KEPT}: {error}")
        for row, key in enumerate(keys):
            self.known[key] = (rows, row)

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
        """Let the file go."""
        if self.file is not None:
            with suppress(OSError):  # what was not written was said
                self.file.close()
            self.file = None


def open_cache(folder: Path, encoder: Encoder, say: Say = quiet) -> Cache | None:
    """The vectors that a folder keeps of an encoder; none if it cannot be told from others.

    What may not be read or written is only a cache: that is said, and nothing is kept. Raises
    ``FileError`` for a folder that cannot be meant.
    """
    if not encoder.identity:
        return None
    digest = hashlib.blake2b(encoder.identity.encode(), digest_size=KEY).hexdigest()
    cache = Cache(folder / digest, say=say)
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is a file where vectors are to be kept: name a folder")
    try:
        with writing(folder.parent / "x"):
            folder.mkdir(exist_ok=True)
        for path in sorted(cache.folder.glob("*.vectors")):
            for keys, vectors in _batches(path):
                for row, key in enumerate(keys):
                    cache.known[key] = (vectors, row)
    except FileError as error:
        if not isinstance(error.__cause__, OSError):  # a folder that is not there was named
            raise
        cache.refused = True
        say(f"{NOT_KEPT}: {error}")
    return cache


def _batches(path: Path) -> Iterator[tuple[list[bytes], Float32[Array, "batch d"]]]:
    """The whole batches of a file, up to where a kill ended it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error}): mend it, or keep no vectors") from error
    at = 0
    while at + HEAD.size <= len(data):
        mark, rows, dimension, checksum = HEAD.unpack_from(data, at)
        start = at + HEAD.size
        middle, end = start + rows * KEY, start + rows * (KEY + 4 * dimension)
        if mark != MARK or end > len(data) or zlib.crc32(data[start:end]) != checksum:
            return
        keys = [data[i : i + KEY] for i in range(start, middle, KEY)]
        yield keys, np.frombuffer(data, "<f4", rows * dimension, middle).reshape(rows, dimension)
        at = end
