"""What was found once, kept on disk by the content of everything it depends on."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array
from anglewise.errors import FileError
from anglewise.io.files import Say, quiet
from anglewise.io.outputs import new_file
from anglewise.io.texts import column, columns_of

FORMAT = "1"
NOT_KEPT = "what was found is not kept for another time"
SUM = 16
"""Bytes of the checksum that begins each file."""


@dataclass
class Cache:
    """A folder with one file for each thing found; None keeps nothing.

    A file that is cut short or changed fails its checksum and counts as not there.

    >>> import tempfile
    >>> cache = Cache(Path(tempfile.mkdtemp()))
    >>> cache.put("a1", {"seconds": 2.5}, rows=np.array([3, 4]))
    >>> said, arrays = cache.get("a1")
    >>> said["seconds"], arrays["rows"].tolist(), cache.get("b2")
    (2.5, [3, 4], None)
    """

    folder: Path | None
    say: Say = quiet

    def get(self, key: str) -> tuple[dict[str, Any], dict[str, Array]] | None:
        """What was kept under a key, if it is there and whole."""
        if self.folder is None:
            return None
        try:
            data = (self.folder / f"{key}.remedy").read_bytes()
        except OSError:
            return None
        if data[:SUM] != _digest([data[SUM:]]):
            return None
        with np.load(BytesIO(data[SUM:]), allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        return json.loads(str(arrays.pop("said"))), arrays

    def put(self, key: str, said: Mapping[str, Any], **arrays: Array) -> None:
        """Keep something, whole or not at all; where the disk refuses, say so and keep no more."""
        if self.folder is None:
            return
        held = BytesIO()
        cast("Any", np.savez)(held, said=np.array(json.dumps(said)), **arrays)
        try:
            with new_file(self.folder / f"{key}.remedy") as file:
                file.write(_digest([held.getvalue()]) + held.getvalue())
        except FileError as error:
            self.say(f"{NOT_KEPT}: {error}")
            self.folder = None


def open_cache(folder: str | os.PathLike[str] | None, say: Say = quiet) -> Cache:
    """A cache in a folder, made if need be; where the disk refuses, that is said and none kept.

    Raises ``FileError`` for a file, which cannot be meant.
    """
    if folder is None:
        return Cache(None)
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise FileError(f"{path} is a file where results are to be kept: name a folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"{NOT_KEPT}: {path} cannot be made ({error.strerror})")
        return Cache(None)
    return Cache(path, say)


def default_folder() -> Path:
    """Where results are kept if nobody says otherwise: among the user's caches."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "anglewise" / "remedies"


def key_of(*parts: object) -> str:
    """A name for what depends on these parts, and on the version of this program.

    >>> key_of("cosine", 1) == key_of("cosine", 1) != key_of("cosine", 2)
    True
    """
    words = [FORMAT, version("anglewise"), *map(repr, parts)]
    return _digest(word.encode() + b"\0" for word in words).hex()


def content_of(space: Space, judgements: Judgements) -> str:
    """A digest of the numbers: vectors, ids, who is held out, what was seen and judged."""
    parts = [*_side(space.queries), *_table(space.seen), *_table(judgements.gains)]
    if not space.one_sided:
        parts += _side(space.items)
    parts += [*_table(judgements.seen), judgements.direction.encode()]
    if judgements.judged_items is not None:
        parts.append(judgements.judged_items.tobytes())
    return _digest(parts).hex()


def _side(side: Embeddings) -> Iterable[bytes | memoryview]:
    yield repr(side.vectors.shape).encode()
    yield side.vectors.data
    yield "\0".join(map(str, side.ids)).encode()
    if "split" in columns_of(side):
        yield "\0".join(map(str, column(side, "split"))).encode()


def _table(table: SparseRows | None) -> Iterable[bytes]:
    if table is None:
        return [b"none"]
    return [repr(table.shape).encode(), *(x.tobytes() for x in _arrays(table))]


def _arrays(table: SparseRows) -> tuple[Array, Array, Array]:
    return table.indptr, table.indices, table.values


def _digest(parts: Iterable[bytes | memoryview]) -> bytes:
    whole = hashlib.blake2b(digest_size=SUM)
    for part in parts:
        whole.update(part)
    return whole.digest()
