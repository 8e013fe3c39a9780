"""Matrices that do not fit into the memory: held in a temporary file, and read a part at a time.

What is mapped is read by the system when it is looked at, and may be given up again at any time: it
counts towards the memory of a process only as long as the process keeps it.
"""

import mmap
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from anglewise.data_types.memory import VARIABLE, fits_memory, words
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import FileError

SLACK = 1 << 28
"""Bytes of a disk that are left free."""
PORTION = 1 << 24
"""Bytes of rows that are gone through at once, about."""

_ours: "weakref.WeakSet[mmap.mmap]" = weakref.WeakSet()
"""What may be given up. A map of somebody else may hold changes that stand in no file."""


def mapped_file(file: Any, size: int = 0, access: int = mmap.ACCESS_DEFAULT) -> mmap.mmap:
    """Map an open file, all of it where no size is said; what is read of it may be given up."""
    mapped = mmap.mmap(file.fileno(), size, access=access)
    _ours.add(mapped)
    return mapped


def new_matrix(rows: int, columns: int) -> Float32[Array, "rows columns"]:
    """Room for a matrix of float32: in memory, or in a temporary file where it does not fit.

    The file lies where the system keeps such (``TMPDIR``), has no name, and is gone with the
    matrix or the process. Raises ``FileError`` where the disk has not so much room.

    >>> new_matrix(2, 3).shape
    (2, 3)
    """
    size = 4 * rows * columns
    if not size or fits_memory(size):
        return np.empty((rows, columns), dtype=np.float32)
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if size + SLACK > free:
        raise FileError(
            f"{rows:,} vectors of {columns:,} numbers take {words(size)}, which do not fit into "
            f"the memory that is allowed, and {folder} has {words(free)} free: name a folder on "
            f"a larger disk (TMPDIR=...), or allow more memory ({VARIABLE}={_round(4 * size)})"
        )
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # else a disk that fills up would end the process
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        mapped = mapped_file(file, size)
    return np.ndarray((rows, columns), np.float32, mapped)


def as_float32(x: Array) -> Float32[Array, "rows d"]:
    """The same numbers, in C order; a copy that does not fit into memory is made on disk.

    >>> as_float32(np.eye(2)).dtype
    dtype('float32')
    """
    if fits_memory(4 * x.size) or (x.dtype == np.float32 and x.flags.c_contiguous):
        return np.ascontiguousarray(x, dtype=np.float32)
    y = new_matrix(*x.shape)
    for rows in in_portions(y):
        y[rows] = x[rows]
        forget(x[rows])
    return y


def _round(size: int) -> str:
    return words(size).replace(" ", "")


def in_portions(matrix: Array) -> Iterator[slice]:
    """Some rows of a matrix after others; what was looked at of a mapped one is given up.

    >>> list(in_portions(np.zeros((3, 2))))
    [slice(0, 3, None)]
    """
    length = max(1, PORTION // max(1, matrix[:1].nbytes))
    for start in range(0, len(matrix), length):
        rows = slice(start, min(start + length, len(matrix)))
        yield rows
        forget(matrix[rows])


def forget(matrix: Array) -> None:
    """Give up the memory that these rows of a mapped matrix take; they are read again when needed.

    Nothing happens to a matrix in memory.
    """
    mapped = mapped_by(matrix)
    if mapped is None or sys.platform != "linux" or not matrix.nbytes:
        return  # elsewhere what was written might be lost
    begin = matrix.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    start = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
    length = begin + _extent(matrix) - start
    if length > 0:
        mapped.madvise(mmap.MADV_DONTNEED, start, length)


def _extent(matrix: Array) -> int:
    """How many bytes lie between the first and the last of its numbers."""
    steps = zip(matrix.shape, matrix.strides, strict=True)
    return sum((length - 1) * abs(step) for length, step in steps) + matrix.itemsize


def mapped_by(matrix: Array) -> mmap.mmap | None:
    """The file in which a matrix lies, if it was mapped here; else None."""
    base: Any = matrix
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return base if isinstance(base, mmap.mmap) and base in _ours else None
