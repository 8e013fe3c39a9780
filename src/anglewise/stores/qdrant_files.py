"""Folders of Qdrant's local mode, which may come from a stranger: checked before they are opened.

qdrant-client keeps each point as a pickle in SQLite, and a pickle runs what it names; it also makes
folders by the names that ``meta.json`` gives. Here the pickles are read by a reader that knows
points alone, so that one with anything else in it is never given to the client.
"""

import io
import json
import os
import pickle
import re
import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from anglewise.errors import StoreError, reason
from anglewise.io.files import opened, reading
from anglewise.io.sizes import check_json_document
from anglewise.judgements.store_checks import bounded
from anglewise.stores.foreign_files import check_beside_sqlite, check_folder

META, COLLECTIONS, POINTS = "meta.json", "collection", "storage.sqlite"
TABLE = re.compile(r"CREATE TABLE points \(id TEXT PRIMARY KEY, point BLOB\)")
"""As qdrant-client makes it: no view, which may never end, and no trigger."""
MODELS = "qdrant_client.http.models.models"
KNOWN = {
    (MODELS, "PointStruct"),
    (MODELS, "SparseVector"),
    ("uuid", "UUID"),
    ("uuid", "SafeUUID"),
}
"""What stands in a point besides texts, numbers, lists and objects."""


def is_local_folder(folder: Path) -> bool:
    """Whether Qdrant's local mode wrote a folder: in any other, opening it would leave files."""
    return (folder / META).is_file()


def check_local_folder(folder: Path) -> None:
    """Raise ``StoreError`` for a folder that would run code, or lead out of itself, if opened."""
    check_folder(folder, "Qdrant")
    for name in _collections(folder):
        if name in {"", ".", ".."} or not {"/", "\\", "\0"}.isdisjoint(name):
            raise StoreError(
                f"{folder / META} names a collection {name!r}, which would lie elsewhere: it is no "
                "folder that Qdrant wrote"
            )
    if (folder / COLLECTIONS).is_dir():
        for collection in sorted((folder / COLLECTIONS).iterdir()):
            if (points := collection / POINTS).exists():
                _check_points(points)


def _collections(folder: Path) -> list[str]:
    """The names of collections, which are those of folders in it."""
    path = folder / META
    if not path.exists():
        return []
    with reading(path, "what Qdrant wrote of its collections"):
        with opened(path) as file:
            text = file.read()
        check_json_document(path, text)
        return [str(name) for name in json.loads(text)["collections"]]


def _check_points(path: Path) -> None:
    """Raise ``StoreError`` for points that hold anything but points."""
    journal = path.with_name(f"{path.name}-journal")
    was_killed = os.path.lexists(journal)  # a write that has to be taken back
    check_beside_sqlite(path)
    address = f"file:{quote(str(path))}?mode={'rw' if was_killed else 'ro'}"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            _check_tables(path, connection)
            with bounded(path, connection):
                for (point,) in connection.execute("SELECT point FROM points"):
                    _PointReader(io.BytesIO(point)).load()
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(
            f"{path} holds what is no point ({reason(error)}), and opening it could run code: it "
            "is damaged, or made to harm; do not open it with Qdrant either"
        ) from error


def _check_tables(path: Path, connection: sqlite3.Connection) -> None:
    """Raise ``StoreError`` where anything but one table of points is there."""
    made = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master") if sql]
    if len(made) != 1 or TABLE.fullmatch(made[0]) is None:
        raise StoreError(f"{path} is no table of points that Qdrant made: do not open it")


class _PointReader(pickle.Unpickler):
    """Reads points, and nothing else that a pickle can name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return getattr(import_module(module), name)

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {pid!r:.50}, outside of itself")
