"""Files of images: a folder of them, or a table with a column of paths or bytes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from anglewise.encoders.images import Images
from anglewise.encoders.picture import Picture
from anglewise.encoders.read import TAKEN, of_one_kind
from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.io.files import PathLike, Say, existing, naming, quiet
from anglewise.io.tables import listed, plain
from anglewise.io.texts import text_table

NAMES = "image img picture photo path imagepath file filename filepath imagefile bytes"
"""Columns that hold images, as they are usually called."""
ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


def read_images(
    path: PathLike,
    *,
    image_column: str | None = None,
    id_column: str | None = None,
    say: Say = quiet,
) -> Images:
    """Read which images there are; each is decoded when it is encoded.

    Of a folder every PNG, JPEG, WebP, BMP, GIF and TIFF is an item, called by its path in there.
    Of a table (CSV, TSV, parquet, JSON lines) a column holds paths, seen from the table's folder,
    or the bytes of files, also as ``{"bytes", "path"}``. Further columns are kept.

    Raises ``FileError`` or ``SpellingError`` if there is no telling which column is which,
    ``IdsError`` for an id that comes twice.
    """
    path = existing(path)
    if path.is_dir():
        return _folder(path)
    ids, columns = text_table(path, id_column=id_column)
    name = _image_column(path, columns, image_column)
    if plain(name) != "image":
        say(f"{path.name}: images from {name!r}")
    pictures = [_picture(path, id_, cell) for id_, cell in zip(ids, columns[name], strict=True)]
    others = {c: v for c, v in columns.items() if c not in TAKEN - {"title"} | {name, "image"}}
    about = {c: cells for c, cells in others.items() if of_one_kind(cells)}
    if any(isinstance(picture.source, Path) for picture in pictures):
        about["image"] = [
            str(one.source) if isinstance(one.source, Path) else None for one in pictures
        ]
    with naming(path):
        return Images(ids, pictures, about)


def holds_images(path: Path) -> bool:
    """Whether a folder holds any image, at whatever depth."""
    return path.is_dir() and any(_images_in(path))


def _images_in(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.suffix.lower() in ENDINGS and f.is_file())


def _folder(path: Path) -> Images:
    files = _images_in(path)
    if not files:
        raise FileError(
            f"{path} holds no image: files that end in {', '.join(sorted(ENDINGS))} are due, or "
            "name a table with a column of paths"
        )
    ids = [file.relative_to(path).as_posix() for file in files]
    whole = [str(file) for file in files]
    return Images(ids, [Picture(str(f), f) for f in files], {"image": whole})


def _image_column(path: Path, columns: Mapping[str, list[Any]], given: str | None) -> str:
    if given is not None:
        if given not in columns:
            raise SpellingError(f"{path} has no column {given!r}: it has {listed(list(columns))}")
        return given
    known = {plain(column): column for column in columns}
    name = next((known[word] for word in NAMES.split() if word in known), None)
    if name is None:
        raise FileError(
            f"{path}: cannot tell which column holds the images among "
            f"{listed(list(columns)) or 'none'}; name it: image_column=... (--image-column)"
        )
    return name


def _picture(table: Path, name: str, cell: Any) -> Picture:
    """An image of a cell; ``ValuesError`` if it is neither a path nor bytes."""
    if isinstance(cell, dict):
        both = cast("dict[str, Any]", cell)
        cell = both.get("bytes") or both.get("path")
    if isinstance(cell, bytes):
        return Picture(f"{table}: {name}", cell)
    if isinstance(cell, str) and cell:
        return Picture(str(table.parent / cell), table.parent / cell)
    raise ValuesError(
        f"{table}: the image of {name!r} is {type(cell).__name__ if cell else 'empty'}: a path or "
        "the bytes of a file are due"
    )
