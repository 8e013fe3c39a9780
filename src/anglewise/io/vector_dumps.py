"""Dumps of vectors in JSON, as stores and endpoints give them, as tables.

Known are the answers of OpenAI's endpoint and the output of its batches, points of Qdrant, vectors
of Pinecone, objects of Weaviate, rows of Milvus, what ``get`` of Chroma gives, and lists of
records. What a dump is is told by its first record.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say
from anglewise.data_types.typing import Array
from anglewise.errors import FileError, ValuesError
from anglewise.io.arrow_files import table_sheet
from anglewise.io.files import arrow, contents, reading, suffix
from anglewise.io.record_columns import as_object, record_columns
from anglewise.io.sizes import check_holds, check_json, check_json_document
from anglewise.io.tables import Sheet
from anglewise.io.vector_formats import Word

LINES = {".jsonl", ".ndjson"}
LARGE = 1 << 20
"""A line of so many bytes is looked at before it is parsed: its lists may fill the memory."""
WORDS: Mapping[Word, str] = {
    "openai": "embeddings as OpenAI's endpoint or its batches give them",
    "qdrant": "points of Qdrant",
    "pinecone": "vectors of Pinecone",
    "weaviate": "objects of Weaviate",
    "milvus": "rows of Milvus",
    "chroma": "what Chroma's get gives",
    "table": "a table",
}
ID, VECTOR = "id", "vector"
CELL = 64
"""Bytes that a vector, or the gap where one is missing, takes at least."""


@dataclass(frozen=True, eq=False)
class DumpRecord:
    """One item of a dump: its id, its vectors by name, and what is known of it."""

    name: Any
    vectors: Mapping[str, Any]
    about: Mapping[str, Any]
    unread: tuple[str, ...] = ()


def dump_kind(path: Path) -> Word | None:
    """What a file of JSON lines is, by its first line; None for a table with columns alone."""
    start = contents(path)
    end = start.find(b"\n")
    line = bytes(start[: end if end >= 0 else len(start)])
    if len(line) > LARGE:
        return None
    try:
        kind = _kind_of_record(json.loads(line))
    except (ValueError, RecursionError):  # which the reader of tables will say
        return None
    return None if kind == "table" else kind


def dump_sheet(path: Path, word: Word | None, say: Say) -> Sheet:
    """Open a dump as a table with the columns ``id``, one for each vector, and metadata.

    ``word`` says what it is, else its first record does, which is said. Raises ``FileError`` or
    ``ValuesError`` with the line, or the number of the record.
    """
    records, found = _lines(path) if suffix(path) in LINES else _document(path)
    first = next(records, None)
    if first is None:
        raise FileError(f"{path} holds no records: was it written to the end?")
    kind = word or found or _kind_of_record(first[1])
    if kind is None:
        raise FileError(
            f"{path}: its first record is {shown(json.dumps(first[1])[:80])}, of no known dump of "
            f"vectors ({', '.join(WORDS)})"
        )
    if word is None and kind != "table":
        say(
            f"{path.name}: read as {WORDS[kind]}; if it is something else, say so "
            "(--vector-format table, ...)"
        )
    read = READERS[kind]
    rows, places, size = list[DumpRecord](), list[str](), 0
    for place, content in _with(first, records):
        if not isinstance(content, dict):
            raise FileError(f"{path}, {place}: an object is due, {shown(str(content))!r} came")
        for record in read(path, place, cast("dict[str, Any]", content)):
            vectors = {n: _array(path, place, n, v) for n, v in record.vectors.items()}
            size += sum(getattr(vector, "nbytes", 0) for vector in vectors.values())
            check_holds(path, size)
            rows.append(DumpRecord(record.name, vectors, record.about, record.unread))
            places.append(place)
    return _sheet(path, rows, places, say)


def _with(first: tuple[str, Any], rest: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    yield first
    yield from rest


def _lines(path: Path) -> tuple[Iterator[tuple[str, Any]], Word | None]:
    data = contents(path)
    check_json(path, data)

    def parsed() -> Iterator[tuple[str, Any]]:
        start, number = 0, 1
        while start < len(data):
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            line = bytes(data[start:end])
            if line.strip():
                yield f"line {number}", _parsed(path, line, f"line {number}")
            start, number = end + 1, number + 1

    return parsed(), None


def _parsed(path: Path, text: bytes, place: str) -> Any:
    if len(text) > LARGE:
        check_json_document(path, text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}, {place}: no JSON ({error}); write it again") from error


def _document(path: Path) -> tuple[Iterator[tuple[str, Any]], Word | None]:
    """The records of one document, and what it is where its outer keys say so."""
    data = bytes(contents(path))
    with reading(path, "JSON"):
        check_json_document(path, data)
        content: Any = json.loads(data)
    found, records = _unwrapped(content)
    if records is None:
        raise FileError(
            f"{path} is no list of records, nor a known dump of vectors ({', '.join(WORDS)})"
        )
    return iter([(f"record {i} (the first is 0)", one) for i, one in enumerate(records)]), found


def _unwrapped(content: Any) -> tuple[Word | None, list[Any] | None]:
    """The list of records in a document, and the dump that its keys name."""
    if isinstance(content, list):
        return None, cast("list[Any]", content)
    outer = as_object(content)
    if "custom_id" in outer or (outer.get("object") == "list" and "data" in outer):
        return "openai", [outer]
    if isinstance(outer.get("ids"), list) and isinstance(outer.get("embeddings"), list):
        return "chroma", _of_chroma(outer)
    inner = outer.get("result", outer)
    return ("qdrant", cast("list[Any]", inner)) if isinstance(inner, list) else _inside(inner)


def _inside(content: Any) -> tuple[Word | None, list[Any] | None]:
    inside = as_object(content)
    for key, kind in LISTS.items():
        if isinstance(inside.get(key), list):
            return kind, inside[key]
    vectors = inside.get("vectors")
    if isinstance(vectors, dict):
        return "pinecone", list(cast("dict[str, Any]", vectors).values())
    return None, None


LISTS: Mapping[str, Word | None] = {
    "points": "qdrant",
    "vectors": "pinecone",
    "matches": "pinecone",
    "objects": "weaviate",
    "rows": "milvus",
    "data": "milvus",
}
"""The keys under which dumps hold their records."""


def _of_chroma(outer: Mapping[str, Any]) -> list[Any]:
    """Columns as records; those that are shorter than the ids lack the rest."""
    names: list[Any] = outer["ids"]
    columns = {key: outer.get(key) for key in ("embeddings", "documents", "metadatas", "uris")}
    lists = {k: cast("list[Any]", c) for k, c in columns.items() if isinstance(c, list)}
    return [
        {"id": name, **{key: cells[i] if i < len(cells) else None for key, cells in lists.items()}}
        for i, name in enumerate(names)
    ]


def _kind_of_record(record: Any) -> Word | None:
    """What one record is by its keys."""
    keys = set(as_object(record))
    if not keys:
        return None
    if {"custom_id", "response"} <= keys or (record.get("object") == "list" and "data" in keys):
        return "openai"
    vector = record.get("vector", record.get("vectors"))
    if "properties" in keys and {"vector", "vectors"} & keys:
        return "weaviate"
    if "id" in keys and vector is not None and ("payload" in keys or isinstance(vector, dict)):
        return "qdrant"
    if {"id", "values"} <= keys and {"metadata", "sparse_values", "sparseValues"} & keys:
        return "pinecone"
    return "table"


def _openai(path: Path, place: str, record: dict[str, Any]) -> Iterator[DumpRecord]:
    """One embedding bears the id of its line, several that id with their number behind it."""
    body = record
    if "custom_id" in record:
        body = as_object(as_object(record.get("response")).get("body"))
    data: Any = body.get("data")
    if not isinstance(data, list) or not data:
        error = record.get("error") or body.get("error")
        why = f" ({shown(json.dumps(error)[:120])})" if error else ""
        raise ValuesError(
            f"{path}, {place}: no embedding came for {shown(str(record.get('custom_id')))!r}{why}: "
            "ask again, or drop the line"
        )
    entries = [as_object(entry) for entry in cast("list[Any]", data)]
    for i, entry in enumerate(entries):
        number = entry.get("index", i)
        name = record.get("custom_id", number)
        if "custom_id" in record and len(entries) > 1:
            name = f"{name}-{number}"
        about = {"model": body["model"]} if isinstance(body.get("model"), str) else {}
        yield DumpRecord(name, {VECTOR: _unpacked(path, place, entry.get("embedding"))}, about)


def _unpacked(path: Path, place: str, embedding: Any) -> Any:
    """Numbers, or their bytes as float32 in base64."""
    if not isinstance(embedding, str):
        return embedding
    try:
        return np.frombuffer(b64decode(embedding, validate=True), "<f4")
    except ValueError as error:
        raise ValuesError(
            f"{path}, {place}: the embedding is text that is no float32 in base64 ({error})"
        ) from error


def _qdrant(path: Path, place: str, record: dict[str, Any]) -> Iterator[DumpRecord]:
    del path, place
    vector = record.get("vector", record.get("vectors"))
    named, unread = _named(vector)
    yield DumpRecord(record.get("id"), named, as_object(record.get("payload")), unread)


def _named(vector: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Vectors by name, without those that are sparse, whose names come apart."""
    if not isinstance(vector, dict):
        return {VECTOR: vector}, ()
    both = {name or VECTOR: value for name, value in cast("dict[str, Any]", vector).items()}
    unread = tuple(name for name, value in both.items() if isinstance(value, dict))
    return {name: value for name, value in both.items() if name not in unread}, unread


def _pinecone(path: Path, place: str, record: dict[str, Any]) -> Iterator[DumpRecord]:
    del path, place
    unread = tuple(name for name in ("sparse_values", "sparseValues") if record.get(name))
    about = as_object(record.get("metadata"))
    yield DumpRecord(record.get("id"), {VECTOR: record.get("values")}, about, unread)


def _weaviate(path: Path, place: str, record: dict[str, Any]) -> Iterator[DumpRecord]:
    del path, place
    vectors, unread = _named(record.get("vectors") or record.get("vector"))
    name = record.get("id", record.get("uuid"))
    yield DumpRecord(name, vectors, as_object(record.get("properties")), unread)


def _chroma(path: Path, place: str, record: dict[str, Any]) -> Iterator[DumpRecord]:
    del path, place
    about = as_object(record.get("metadatas"))
    for key, name in (("documents", "text"), ("uris", "uri")):
        if record.get(key) is not None and name not in about:
            about = {**about, name: record[key]}
    yield DumpRecord(record.get("id"), {VECTOR: record.get("embeddings")}, about)


def _plain(path: Path, place: str, record: dict[str, Any]) -> Iterator[DumpRecord]:
    """A record of a table: lists of numbers are vectors, the rest is known of it."""
    del path, place
    vectors = {name: value for name, value in record.items() if _may_be_vector(value)}
    yield DumpRecord(None, vectors, {n: v for n, v in record.items() if n not in vectors})


def _may_be_vector(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    first: Any = cast("list[Any]", value)[0]
    return isinstance(first, int | float | list) and not isinstance(first, bool)


READERS: Mapping[Word, Callable[[Path, str, dict[str, Any]], Iterator[DumpRecord]]] = {
    "openai": _openai,
    "qdrant": _qdrant,
    "pinecone": _pinecone,
    "weaviate": _weaviate,
    "milvus": _plain,
    "chroma": _chroma,
    "table": _plain,
}


def _array(path: Path, place: str, name: str, vector: Any) -> "Array | list[Any] | None":
    """A list of numbers as an array; lists of lists stay, None is a gap."""
    if vector is None or isinstance(vector, np.ndarray):
        return cast("Array | None", vector)
    values = cast("list[Any]", vector) if isinstance(vector, list) else None
    if values and isinstance(values[0], list):
        return values
    if values and all(type(value) in {int, float} for value in values):
        try:
            numbers = np.array(values)
            return numbers.astype(np.float64) if numbers.dtype.kind == "O" else numbers
        except OverflowError:
            pass
    raise ValuesError(
        f"{path}, {place}: {shown(name)} is no list of numbers: {shown(json.dumps(vector)[:80])}"
    )


def _sheet(path: Path, rows: list[DumpRecord], places: list[str], say: Say) -> Sheet:
    """The records as a table; where metadata has the name of a vector, that is vector.NAME."""
    pa = arrow()
    about = record_columns(
        [row.about for row in rows], path.name, lambda size: check_holds(path, size), say
    )
    unread = dict.fromkeys(name for row in rows for name in row.unread)
    if unread:
        say(f"{path.name}: sparse vectors ({', '.join(map(shown, unread))}) are not read")
    columns: dict[str, Any] = {}
    named = any(row.name is not None for row in rows)
    if named:
        columns[ID] = _ids(path, rows, places)
    names = dict.fromkeys(name for row in rows for name in row.vectors)
    check_holds(path, CELL * len(names) * len(rows))  # which are gaps where each has its own
    for name in names:
        column = name if name not in {*about, ID} else f"vector.{name}"
        columns[column] = _vectors(path, [row.vectors.get(name) for row in rows])
    with reading(path, "text in UTF-8"):
        for name, cells in about.items():
            columns[name if name not in columns else f"metadata.{name}"] = pa.array(cells)
        table = pa.table(columns)
    sheet = table_sheet(path, table)
    return Sheet(path, sheet.names, sheet.kinds, sheet.columns, places.__getitem__)


def _ids(path: Path, rows: list[DumpRecord], places: list[str]) -> Any:
    """The ids as text, as they stand; a missing one is named by its place."""
    out: list[str | None] = []
    for row, place in zip(rows, places, strict=True):
        if row.name is not None and type(row.name) not in {str, int}:
            raise ValuesError(
                f"{path}, {place}: an id is text or a whole number, {row.name!r} came"
            )
        out.append(None if row.name is None else str(row.name))
    with reading(path, "ids in UTF-8"):
        return arrow().array(out, arrow().string())


def _vectors(path: Path, vectors: list[Any]) -> Any:
    pa = arrow()
    arrays: list[Array | None] = [v if isinstance(v, np.ndarray) else None for v in vectors]
    if len({array.dtype.str for array in arrays if array is not None}) > 1:
        vectors = [
            old if new is None else new.astype(np.float64)
            for old, new in zip(vectors, arrays, strict=True)
        ]
    with reading(path, "lists of numbers"):
        return pa.chunked_array([pa.array(vectors)])
