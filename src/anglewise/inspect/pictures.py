"""Pictures of items: only from the column of the space, only what really is a picture."""

import os
import stat
from pathlib import Path
from typing import Any, cast

from anglewise.errors import FileError
from anglewise.inspect.known import Known

LARGEST = 8 * 1024 * 1024
"""Bytes of a picture that is shown."""

KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
"""How the files begin. SVG is no picture here: it may hold scripts."""


def picture(known: Known, row: int, folder: Path | None) -> tuple[bytes, str]:
    """The bytes of a row's picture and their type; ``FileError`` where there is none to show.

    The column holds bytes, ``{"bytes": …}``, or a path; a path counts from the folder of the
    space and must stay inside it. What a client sends never becomes a path: it names a row.
    """
    column = known.picture_column
    if column is None:
        raise FileError("this space has no column of pictures")
    cell: Any = known.cells(column, [row])[0]
    if isinstance(cell, dict):
        held = cast("dict[str, Any]", cell)
        cell = held.get("bytes") or held.get("path")
    data = cell if isinstance(cell, bytes) else _read(cell, folder)
    kind = kind_of(data)
    if kind is None or len(data) > LARGEST:
        raise FileError("this cell holds no PNG, JPEG, GIF or WebP of at most 8 MB")
    return data, kind


def kind_of(data: bytes) -> str | None:
    """The type of a picture by its first bytes.

    >>> kind_of(b"GIF89a..."), kind_of(b"<svg onload=alert(1)>")
    ('image/gif', None)
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in KINDS if data.startswith(start)), None)


def _read(cell: object, folder: Path | None) -> bytes:
    if not isinstance(cell, str) or folder is None or "\0" in cell:
        raise FileError("this row has no picture")
    try:
        path = (folder / cell).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise FileError("the picture lies outside the folder of the space")
        return _bytes_of_file(path)
    except OSError as error:
        if isinstance(error, FileError):  # says what it is already
            raise
        raise FileError(f"the picture cannot be read: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:  # links in a circle; a name that no disk takes
        raise FileError("the picture's path cannot be followed") from error


def _bytes_of_file(path: Path) -> bytes:
    """The bytes of a regular file of a bounded size: a pipe would never end, nor would a device."""
    # Opening a pipe waits for its other end, and a link may have taken the place of the file.
    careful = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    opened = os.open(path, os.O_RDONLY | careful | getattr(os, "O_BINARY", 0))
    with os.fdopen(opened, "rb") as file:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):
            raise FileError("the picture is no regular file")
        if about.st_size > LARGEST:
            raise FileError("the picture has more than 8 MB")
        return file.read(LARGEST + 1)
