"""A cache on disk of what candidates found, by the content of all that it depends on."""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Array
from anglewise.errors import FileError
from anglewise.io.files import opened
from anglewise.io.outputs import new_file, writing
from anglewise.io.sizes import allowed

FORMAT = "2"
NOT_KEPT = "what was found is not kept for another time"
SUM = 16
"""Bytes of the checksum that begins each file."""


@dataclass
class ResultCache:
    """A folder with one file for each thing found; None keeps nothing.

    A file that is cut short, changed or of something else counts as not there.

    >>> import tempfile
    >>> cache = ResultCache(Path(tempfile.mkdtemp()))
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
            with opened(self.folder / f"{key}.remedy") as file:
                data = file.read(allowed(0) + 1)
            return _unpacked(data)
        except Exception:  # noqa: BLE001 not there, or by another hand: as if it were not there
            return None

    def put(self, key: str, said: Mapping[str, Any], **arrays: Array) -> None:
        """Keep something, whole or not at all; where the disk refuses, say so and keep no more."""
        if self.folder is None:
            return
        held = BytesIO()
        cast("Any", np.savez)(held, said=np.array(json.dumps(said)), **arrays)
        path = self.folder / f"{key}.remedy"
        try:
            with writing(path):
                if path.is_symlink() or (path.exists() and not (path.is_file() or path.is_dir())):
                    path.unlink()  # none of ours: what it leads to, or who reads there, is left
            with new_file(path) as file:
                file.write(digest([held.getvalue()]) + held.getvalue())
        except FileError as error:
            self.say(f"{NOT_KEPT}: {error}")
            self.folder = None


def _unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, Array]] | None:
    if data[:SUM] != digest([data[SUM:]]):
        return None
    with zipfile.ZipFile(BytesIO(data[SUM:])) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > len(data):
            return None  # ours are not compressed
    with np.load(BytesIO(data[SUM:]), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    return dict(json.loads(str(arrays.pop("said")))), arrays


def open_cache(folder: str | os.PathLike[str] | None, say: Say = quiet) -> ResultCache:
    """A cache in a folder, made if need be; where the disk refuses, that is said and none kept.

    Raises ``FileError`` for a file, which cannot be meant.
    """
    if folder is None:
        return ResultCache(None)
    path = as_path(folder, "a cache")
    try:
        is_file = path.exists() and not path.is_dir()
        if not is_file:
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"{NOT_KEPT}: {path} cannot be made ({error.strerror})")
        return ResultCache(None)
    if is_file:
        raise FileError(f"{path} is a file where results are to be kept: name a folder")
    return ResultCache(path, say)


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
    return digest(word.encode() + b"\0" for word in words).hex()


def content_of(space: Space, judgements: Judgements) -> str:
    """A digest of the numbers: vectors, ids, who is held out, what was seen and judged, and how."""
    parts = [*_side(space.queries), *_table(space.seen), *_table(judgements.gains)]
    if not space.one_sided:
        parts += _side(space.items)
    parts += [*_table(judgements.seen), judgements.direction.encode()]
    if judgements.judged_items is not None:
        parts.append(judgements.judged_items.tobytes())
    if judgements.missing is not None:
        parts += [b"missing", *_table(judgements.missing)]
    if judgements.relevant_from is not None:
        parts.append(f"relevant from {judgements.relevant_from!r}".encode())
    if judgements.chances is not None:
        parts += [b"chances", *_table(judgements.chances)]
    made_of = judgements.made_of
    if made_of is not None:  # strata and supports go by it
        parts += [b"made of", *_table(made_of.sets), made_of.uses.tobytes()]
        parts += [b"users" if made_of.of_users else b"sets", f"{made_of.min_support}".encode()]
        parts.append(b"" if made_of.use is None else made_of.use.tobytes())
    drawn = judgements.drawn
    if drawn is not None:  # tuned measures and screening go by weights
        parts += [f"drawn {len(drawn.draws)}".encode(), drawn.chances.tobytes()]
        parts.append(drawn.traffic.tobytes())
    return digest(parts).hex()


def _side(side: Embeddings) -> Iterable[bytes | memoryview]:
    yield repr(side.vectors.shape).encode()
    yield side.vectors.data
    yield "\0".join(map(str, side.ids)).encode()
    if "split" in side.metadata_columns:
        yield "\0".join(map(str, column(side, "split"))).encode()


def _table(table: SparseRows | None) -> Iterable[bytes]:
    if table is None:
        return [b"none"]
    arrays = table.indptr, table.indices, table.values
    return [repr(table.shape).encode(), *(array.tobytes() for array in arrays)]


def digest(parts: Iterable[bytes | memoryview]) -> bytes:
    """A few bytes that tell some content from any other."""
    whole = hashlib.blake2b(digest_size=SUM)
    for part in parts:
        whole.update(part)
    return whole.digest()
