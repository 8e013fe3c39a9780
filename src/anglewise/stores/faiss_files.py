"""Files of faiss, which may come from a stranger: what one may name, and how much it may ask for.

faiss reads them by code of its own, which a file that is made to can break: what is checked here
keeps it from other files and from memory without bound.
"""

import mmap
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anglewise.errors import FileError
from anglewise.io.files import opened, reading

ON_DISK = b"ilod"
"""How faiss marks lists that lie in a file of their own, whose name stands behind it."""
LONGEST_NAME = 4096
LIMITS = ("vector_byte_limit", "loop_limit")
"""What faiss can be told of a file before it reads it, each by two functions of its own."""


def read_index(faiss: Any, path: Path) -> Any:
    """Read an index.

    Lists that lie in a file of their own are read from the folder of the index alone, and never
    written; no vector may be said to hold more than the file.

    Raises ``FileError`` for a file that is no index, that names another elsewhere, or whose parts
    do not fit each other.
    """
    size = check_named_files(path)
    with reading(path, "an index of faiss"), _bounded(faiss, size):
        index = faiss.read_index(str(path), faiss.IO_FLAG_READ_ONLY)
    with reading(path, "an index of faiss"):
        _check_parts(faiss, path, index)
    return index


def check_named_files(path: Path) -> int:
    """How many bytes an index has, once it is known to name no file outside of its folder.

    Raises ``FileError`` for one that does.
    """
    with reading(path, "an index of faiss"), opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        named = [] if size == 0 else list(_named_files(file.fileno()))
    for other in named:
        if not other.resolve().is_relative_to(path.parent.resolve()):
            raise FileError(
                f"{path} keeps its vectors in another file, {other}, and one outside of its folder "
                "is not opened for it: build the index anew with that file beside it"
            )
    return size


def _named_files(handle: int) -> Iterator[Path]:
    """The files in which lists are said to lie: all that faiss would open."""
    with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as data:
        start = data.find(ON_DISK)
        while start >= 0:
            place = start + len(ON_DISK) + 16  # the number of lists, and the size of a code
            for width in (24, 16):  # of what is said of each list, and of each free place
                place += 8 + width * _count(data, place)
            length = _count(data, place)
            name = data[place + 8 : place + 8 + length] if 0 < length <= LONGEST_NAME else b""
            if name and place + 16 + length <= len(data):
                yield Path(os.fsdecode(name.partition(b"\0")[0]))
            start = data.find(ON_DISK, start + 1)


def _count(data: mmap.mmap, place: int) -> int:
    """How many entries a vector has; 0 behind the end of the file."""
    return int.from_bytes(data[place : place + 8], "little") if place + 8 <= len(data) else 0


@contextmanager
def _bounded(faiss: Any, most: int) -> Generator[None]:
    """Let no part of a file be longer than the file, where faiss can be told so."""
    known = [name for name in LIMITS if hasattr(faiss, f"set_deserialization_{name}")]
    before = [getattr(faiss, f"get_deserialization_{name}")() for name in known]
    try:
        for name in known:
            getattr(faiss, f"set_deserialization_{name}")(most)
        yield
    finally:
        for name, value in zip(known, before, strict=True):
            getattr(faiss, f"set_deserialization_{name}")(value)


def _check_parts(faiss: Any, path: Path, index: Any) -> None:
    """Raise ``FileError`` where an index and those within it do not hold the same rows."""
    index = faiss.downcast_index(index)
    within = [
        (part, getattr(index, part))
        for part in ("index", "base_index", "refine_index", "storage")
        if getattr(index, part, None) is not None
    ]
    for part, inner in within:
        if inner.ntotal != index.ntotal:
            raise FileError(
                f"{path} is damaged: it says that it holds {index.ntotal:,} vectors, and its "
                f"{part} {inner.ntotal:,}; write it again"
            )
        _check_parts(faiss, path, inner)
    if hasattr(index, "id_map") and index.id_map.size() != index.ntotal:
        raise FileError(f"{path} is damaged: it has {index.id_map.size():,} numbers for its rows")
    if hasattr(index, "quantizer") and (index.quantizer.ntotal, index.quantizer.d) != (
        index.nlist,
        index.d,
    ):
        raise FileError(f"{path} is damaged: its lists are not those of what finds them")
