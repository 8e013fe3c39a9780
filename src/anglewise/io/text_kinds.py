"""What kind of texts a file holds, by its first bytes and by its name."""

import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

from anglewise.data_types.text import Say, quiet
from anglewise.io.arrow_files import ARROW_SUFFIXES
from anglewise.io.collection_texts import smart_table, topic_table, trec_table
from anglewise.io.files import GZIP, opened, reading, suffix
from anglewise.io.json_texts import json_array, json_lines
from anglewise.io.page_texts import READERS, Page

TextKind: TypeAlias = Literal[
    "SMART",
    "TREC documents",
    "TREC topics",
    "JSON lines",
    "JSON array",
    "HTML",
    "Markdown",
    "PDF",
    "text",
    "table",
]

FIRST_BYTES = 1 << 14
JSON_LINES = {".jsonl", ".ndjson"}
BY_NAME: dict[str, TextKind] = {
    ".html": "HTML",
    ".htm": "HTML",
    ".xhtml": "HTML",
    ".md": "Markdown",
    ".markdown": "Markdown",
    ".rst": "text",
    ".txt": "text",
    ".pdf": "PDF",
    **dict.fromkeys(JSON_LINES, "JSON lines"),
    **dict.fromkeys(ARROW_SUFFIXES - JSON_LINES, "table"),
}
BEFORE = r"(?:<[?!][^<>]*>\s*)*(?:<[A-Z]\w*>\s*)?"
"""Declarations, and an element around all documents."""
BY_CONTENT: list[tuple[re.Pattern[str], TextKind]] = [
    (re.compile(r"%PDF-\d"), "PDF"),
    (re.compile(r"\.I[ \t]+\S+[ \t]*\r?\n\.[A-Z][ \t]*\r?\n"), "SMART"),
    (re.compile(BEFORE + r"<DOC(?:\s[^<>]*)?>", re.IGNORECASE), "TREC documents"),
    (re.compile(BEFORE + r"<TOP>", re.IGNORECASE), "TREC topics"),
    (re.compile(r"<!DOCTYPE\s+HTML|<HTML[\s>]", re.IGNORECASE), "HTML"),
]


def text_kind(path: Path) -> TextKind:
    r"""The kind of a file: what its first bytes say for certain, else what its name says.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "cran.all.1400"
    >>> _ = file.write_text(".I 1\n.T\nlift of a wing\n.W\nan experiment .\n")
    >>> text_kind(file)
    'SMART'
    """
    ending = suffix(path)
    named = BY_NAME.get(ending)
    if named is not None and ending in ARROW_SUFFIXES:
        return named
    start = first_text(path).lstrip("\ufeff \t\r\n")
    kind: TextKind | None = named
    for pattern, certain in BY_CONTENT:
        if pattern.match(start):
            kind = certain
            break
    if kind is None and ending == ".json":
        return "JSON lines" if start.startswith("{") else "JSON array"
    return kind or "table"


def first_text(path: Path) -> str:
    """The beginning of a file as text, unpacked where it is gzip."""
    with reading(path, "a file"), opened(path, noted=False) as file:
        data = file.read(FIRST_BYTES)
        if data.startswith(GZIP):
            data = zlib.decompressobj(wbits=31).decompress(data, FIRST_BYTES)
    return data.decode("utf-8", "replace")


Table: TypeAlias = tuple[list[str], dict[str, list[Any]]]
COLLECTIONS: dict[TextKind, Callable[[Path, Say], Table]] = {
    "SMART": smart_table,
    "TREC documents": trec_table,
    "TREC topics": topic_table,
    "JSON lines": json_lines,
    "JSON array": json_array,
}
"""Readers of ids and columns for files that hold many documents, tables aside."""


def pages_of(path: Path, kind: TextKind, say: Say = quiet) -> list[Page]:
    """The pages of a file that is one document."""
    return READERS[kind](path, say)


def page_columns(named_pages: list[tuple[str, list[Page]]]) -> Table:
    """Files that are one document each as ids and columns: titles and pages where there are any.

    A page of a PDF is called ``FILE#page=3``; ``document`` names its file.
    """
    ids: list[str] = []
    columns: dict[str, list[Any]] = {"title": [], "text": [], "document": [], "page": []}
    for name, pages in named_pages:
        for end, title, text, number in pages:
            ids.append(name + end)
            for column, cell in zip(columns.values(), (title, text, name, number), strict=True):
                column.append(cell)
    if not any(columns["title"]):
        del columns["title"]
    if all(number is None for number in columns["page"]):
        del columns["document"], columns["page"]
    return ids, columns
