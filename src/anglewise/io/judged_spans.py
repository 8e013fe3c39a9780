"""Tables that say which characters of a document were judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from anglewise.errors import ValuesError
from anglewise.io.judgement_cells import READ, read_text
from anglewise.io.sizes import check_holds
from anglewise.io.tables import Role, Sheet, find
from anglewise.judgements.records import JUDGED_BYTES, Judged, judged_from

SPAN_COLUMNS: dict[str, Role] = {
    "document": Role("documents", "document", "document"),
    "start": Role("starts", "start", "start"),
    "end": Role("ends", "end", "end"),
    "digest": Role("digests", "digest", "digest"),
}
"""Columns that say which characters were judged, where the first three are there."""


def span_columns(path: Path, names: Sequence[str]) -> dict[str, int]:
    """Where it stands which characters were judged; none where a table does not say so.

    The column of documents may be that of the items.
    """
    found = {name: find(names, role, None, path) for name, role in SPAN_COLUMNS.items()}
    spans = {name: position for name, position in found.items() if position is not None}
    return spans if {"document", "start", "end"} <= spans.keys() else {}


def spans_in(sheet: Sheet) -> dict[str, int]:
    """The same of an open table; ``FileError`` for more rows than the memory allowed holds."""
    spans = span_columns(sheet.path, sheet.names or ())
    if spans:
        [documents] = sheet.columns([spans["document"]])
        check_holds(sheet.path, JUDGED_BYTES * len(documents))
    return spans


def judged_spans(
    sheet: Sheet,
    entries: Sequence[tuple[str, str, float]],
    spans: Mapping[str, int],
    origins: Sequence[tuple[float | None, Mapping[str, Any]]],
) -> list[Judged]:
    """The highest grade of each query and span, or item where a row names no characters.

    ``entries`` are the query, item and grade of each row, ``spans`` the columns of the places, and
    ``origins`` what is known about how each row was drawn, or empty.

    Raises ``ValuesError`` by line for what is no span.
    """
    columns = [sheet.columns([position])[0].to_pylist() for position in spans.values()]
    best: dict[Any, Judged] = {}
    for row, (query, item, grade) in enumerate(entries):
        try:
            span = {
                name: READ.get(name, read_text)(column[row], name)
                for name, column in zip(spans, columns, strict=True)
                if column[row] not in (None, "")
            }
            ids = {"query_id": query, "item_id": item, "judge": "a file"}
            judged = judged_from({**ids, "grade": grade, **span})
        except ValuesError as error:
            raise ValuesError(f"{sheet.path}, {sheet.location(row)}: {error}") from error
        if origins:
            chance, context = origins[row]
            judged = replace(judged, probability=chance, context=context)
        if best.setdefault(judged.pair, judged).grade < judged.grade:
            best[judged.pair] = judged
    return list(best.values())
