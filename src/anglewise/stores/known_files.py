"""Addresses of collections, and files and folders that a store wrote, known by their content."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import numpy as np

from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.errors import FileError
from anglewise.io.destinations import first_bytes
from anglewise.io.files import PathLike, is_folder
from anglewise.io.files import opened as opened_file
from anglewise.io.sizes import weight
from anglewise.io.vectors import VECTOR_SUFFIXES
from anglewise.stores.address import KINDS, Address, is_address, read_address
from anglewise.stores.foreign_files import CHROMA, check_chroma_folder

Source: TypeAlias = PathLike | Address
"""Where vectors lie: a file, a folder, or a collection of a store."""


def stored_place(path: Source | None, say: Say = quiet) -> Address | None:
    """The address that somebody named, or that of a file or folder that a store wrote.

    None for anything else; a file is known by its first bytes, which is said.
    """
    if path is None or isinstance(path, Address):
        return path
    if is_address(path):
        return read_address(str(path))
    found = _known(as_path(path))
    if found is None:
        return None
    if found.kind not in KINDS:
        raise FileError(f"{path} is of {found.kind}, which is not read by this version")
    say(f"{path}: read as {found}")
    return found


def _known(path: Path) -> Address | None:
    """What a file or folder is by its content, if a store wrote it."""
    if is_folder(path):
        if path.suffix == ".lance" and is_folder(path / "_versions"):
            return Address("lancedb", path=str(path.parent), name=path.stem)
        return _of_chroma(path) if (path / CHROMA).is_file() else None
    if path.suffix.lower() in NOT_STORES:
        return None
    start = first_bytes(path, 64)
    if FAISS.match(start):
        if start.startswith(b"IB"):
            raise FileError(
                f"{path} is a binary index of faiss, whose vectors are packed bits: save them as "
                "uint8 (faiss.vector_to_array(index.xb)) in .npy, and say --vector-format bits"
            )
        return Address("faiss", path=str(path))
    return Address("usearch", path=str(path)) if _is_usearch(path, start) else None


FAISS = re.compile(rb"I[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]")
"""The four letters with which faiss begins an index, such as IxFI, IHNf, IwFl, IBxF."""
USEARCH = b"usearch"
NOT_STORES = VECTOR_SUFFIXES - {".bin"} | {".gz", ".toml", ".md"}
"""Endings of what is no index, whatever its first bytes are: a word may begin so."""


def _is_usearch(path: Path, start: bytes) -> bool:
    """Whether usearch wrote it: rows and bytes a row, the vectors, and then its name."""
    if start.startswith(USEARCH):  # without vectors
        return True
    if len(start) < 8:
        return False
    rows, width = (int(n) for n in np.frombuffer(start[:8], "<u4"))
    place = 8 + rows * width
    if place + len(USEARCH) > weight(path):
        return False
    with opened_file(path, noted=False) as file:
        file.seek(place)
        return file.read(len(USEARCH)) == USEARCH


def _of_chroma(folder: Path) -> Address:
    """The one collection in a folder of Chroma; ``FileError`` where there are several."""
    check_chroma_folder(folder)
    try:
        uri = f"{(folder / CHROMA).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as base:
            names = [str(name) for (name,) in base.execute("SELECT name FROM collections")]
    except sqlite3.Error as error:
        raise FileError(f"{folder / CHROMA} cannot be read as Chroma's ({error})") from error
    if len(names) != 1:
        some = ", ".join(shown(name) for name in sorted(names)[:10]) or "none"
        raise FileError(
            f"{folder} is a folder of Chroma with the collections {some}: name one, as in "
            f"chroma://{folder.absolute()}/NAME"
        )
    return Address("chroma", path=str(folder), name=names[0])
