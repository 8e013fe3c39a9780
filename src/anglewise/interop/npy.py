"""NumPy's own files: ``.npy`` memory-mapped, ``.npz`` by key; never unpickled."""

import io
import math
import warnings
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.typing import Array
from anglewise.errors import FileError
from anglewise.interop.files import contents, is_packed, reading
from anglewise.interop.limits import check_holds


def load_npy(path: Path) -> Array:
    """The array of an ``.npy`` file, memory-mapped unless it is packed.

    Raises ``FileError`` for pickled objects, which could run code when read.
    """
    data = contents(path)
    with reading(path, "npy"), _undoubting():
        if data[:6] != b"\x93NUMPY":
            raise FileError(f"{path} is no npy file: write it with numpy.save")
        try:
            _has_numbers(path, "the array", io.BytesIO(data[:LONGEST_HEADER]), len(data))
            if is_packed(path):
                return np.load(io.BytesIO(data), allow_pickle=False)
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            if _speaks_of_objects(error):
                raise _pickled(path) from error
            raise


def load_npz(path: Path) -> Mapping[str, Array]:
    """The arrays of an ``.npz`` file by name, without those that are pickled objects."""
    data = contents(path)
    arrays: dict[str, Array] = {}
    with reading(path, "npz"), _undoubting():
        if data[:2] != b"PK":
            raise FileError(f"{path} is no npz file: write it with numpy.savez")
        # opened here, since numpy leaves a damaged file open
        with (
            io.BytesIO(data) if is_packed(path) else path.open("rb") as source,
            np.load(source, allow_pickle=False) as file,
        ):
            check_holds(path, sum(part.file_size for part in file.zip.infolist()))
            for name in file.files:
                if _holds_numbers(path, file.zip, name):
                    arrays[name] = file[name]
    return arrays


LONGEST_HEADER = 1 << 17
"""More bytes than numpy reads of a header."""


def _holds_numbers(path: Path, archive: zipfile.ZipFile, name: str) -> bool:
    inside = name if name in archive.namelist() else f"{name}.npy"
    with archive.open(inside) as file:
        return _has_numbers(path, repr(name), file, archive.getinfo(inside).file_size)


def _has_numbers(path: Path, name: str, file: Any, size: int) -> bool:
    """Whether a header speaks of numbers, not of Python objects, which are never unpickled.

    Raises ``FileError`` if it speaks of more numbers than the file has bytes for: numpy would make
    room for them all before it reads the first.
    """
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
        version, np.lib.format.read_array_header_2_0
    )
    shape, _, kind = read(file)
    if kind.hasobject:
        return False
    due = math.prod(shape) * kind.itemsize
    if due > size - file.tell() or any(not 0 <= length <= size for length in shape):
        raise FileError(
            f"{path}: {name} is said to be {' x '.join(map(str, shape)) or 'one'} of {kind}, for "
            f"which {size:,} bytes are too few: it is truncated or damaged; write it again"
        )
    return True


@contextmanager
def _undoubting() -> Generator[None, None, None]:
    """Without NumPy's warnings of headers that are old or odd: what was read is checked after."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _speaks_of_objects(error: ValueError) -> bool:
    return "allow_pickle" in str(error) or "Python objects" in str(error)


def _pickled(path: Path) -> FileError:
    return FileError(
        f"{path} holds pickled Python objects, which are never read since they could run code: "
        "save it as numbers, numpy.save(path, numpy.array(rows, dtype='float32'))"
    )
