"""Folders of Milvus Lite, which may come from a stranger: checked before they are opened.

Its JSON says which files are read, which folder an alias means (and which is removed with it), and
which server is sent texts with a key of the environment. Only names of its own folder are taken.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.numbers import shown
from anglewise.errors import StoreError
from anglewise.io.arrow_files import parquet_file
from anglewise.io.arrow_sizes import check_parquet
from anglewise.io.files import opened, reading
from anglewise.io.sizes import check_json_document
from anglewise.stores.faiss_files import check_named_files
from anglewise.stores.foreign_files import check_folder

COUNTS_WORDS = 1
"""The number of the one kind of function that asks no server: BM25."""
FILES = ("data_files", "delta_files")


def check_milvus_folder(folder: Path) -> None:
    """Raise ``StoreError`` for a folder of Milvus Lite that leads out of itself, or asks servers.

    ``FileError`` for one whose JSON cannot be read.
    """
    check_folder(folder, "Milvus Lite")
    for path in sorted(folder.rglob("*.json*")):
        if not path.is_file():
            continue
        content = _content(path)
        for name in _names(path.name, content):
            if not _is_inside(name):
                raise StoreError(
                    f"{path} names {shown(name)!r}, which lies elsewhere: it is nothing that "
                    "Milvus Lite wrote"
                )
        for function in _listed(content.get("functions")):
            if _objects(function).get("function_type") != COUNTS_WORDS:
                raise StoreError(
                    f"{path} names a function that asks a server "
                    f"({shown(_objects(function).get('name'))}): a collection brings data, and "
                    "names no hosts: take the function away"
                )

    for path in sorted(folder.rglob("*.parquet")):
        with reading(path, "parquet"), parquet_file(path) as file:
            how = check_parquet(path, file.metadata.schema, file.schema_arrow.names)
        if doubtful := [*how.dictionaries, *how.at_once]:
            raise StoreError(
                f"{path} holds texts in {shown(', '.join(doubtful))} that may take far more room "
                "than the file, and Milvus Lite reads all of them: write the collection anew"
            )
    for path in sorted(folder.rglob("*.idx")):
        check_named_files(path)


def _content(path: Path) -> dict[str, Any]:
    with reading(path, "what Milvus Lite wrote of its collections"):
        with opened(path) as file:
            text = file.read()
        check_json_document(path, text)
        return _objects(json.loads(text))


def _names(kind: str, content: dict[str, Any]) -> Iterator[object]:
    """Whatever names a file or a folder."""
    if kind.startswith("aliases.json"):
        yield from content
        yield from content.values()
    partitions = _objects(content.get("partitions"))
    yield from partitions
    for files in partitions.values():
        for key in FILES:
            yield from _listed(_objects(files).get(key))


def _is_inside(name: object) -> bool:
    """Whether a name leads nowhere but down."""
    if not isinstance(name, str):
        return False
    parts = name.replace("\\", "/").split("/")
    return bool(parts[0]) and ":" not in name and not {"..", "."} & {*parts} and "\0" not in name


def _objects(content: object) -> dict[str, Any]:
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _listed(content: object) -> list[Any]:
    return cast("list[Any]", content) if isinstance(content, list) else []
