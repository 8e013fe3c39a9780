"""Judgements row by row, from JSON of Label Studio and Argilla, or from any other format."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from anglewise.data_types.numbers import cell_number, shown
from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.io.arrow_files import ARROW_SUFFIXES
from anglewise.io.destinations import is_sqlite
from anglewise.io.files import PathLike, existing_file, suffix
from anglewise.io.judgement_export import EXTRA, SPAN_KEY
from anglewise.io.judgement_rows import (
    REQUIRED,
    Assumed,
    JudgedFile,
    Reject,
    Row,
    arrow_rows,
    collected,
    count_refused,
    graded,
    is_trec,
    table_rows,
    text_of,
    trec_rows,
)
from anglewise.io.outputs import write_text
from anglewise.io.pairs_to_judge import csv_text
from anglewise.io.sizes import is_deep
from anglewise.io.tables import Role, check_no_columns
from anglewise.judgements.records import SPAN
from anglewise.judgements.store import JudgementStore

CANCELLED = "cancelled by the judge"
DISCARDED = "discarded or drafted by the judge"
EMPTY = "cards without any judgement"
DEEP = "lists or objects stand in one another too deep: drop the record, nobody exports such"


def json_objects(text: str) -> Iterator[tuple[str, Any, ValuesError | None]]:
    """The objects of a JSON array, or one a line, as far as they can be read: place, object, fault.

    >>> [found for _, found, fault in json_objects('[{"a": 1}, {"a": 2}, {"a"') if not fault]
    [{'a': 1}, {'a': 2}]
    """
    if text.lstrip()[:1] != "[":
        yield from _json_lines(text)
        return
    decode = json.JSONDecoder().raw_decode
    position = text.index("[") + 1
    number, line, counted = 0, 1, 0
    while True:
        position = _skip(text, position, "," if number else "")
        if text[position : position + 1] == "]":
            return
        number += 1
        line, counted = line + text.count("\n", counted, position), position
        location = f"record {number} (line {line})"
        start = position
        try:
            value, position = decode(text, position)
        except (ValueError, RecursionError) as error:
            fault = ValuesError(f"the JSON breaks off ({error}): export the file again")
            yield location, text[position:], fault
            return
        if is_deep(text[start:position]):
            yield location, text[start:position], ValuesError(DEEP)
        else:
            yield location, value, None


def _skip(text: str, position: int, separator: str) -> int:
    while position < len(text) and (
        text[position].isspace() or (separator and text[position] == separator)
    ):
        position += 1
    return position


def _json_lines(text: str) -> Iterator[tuple[str, Any, ValuesError | None]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            if is_deep(line):
                yield f"line {number}", line, ValuesError(DEEP)
            else:
                yield f"line {number}", json.loads(line), None
        except (ValueError, RecursionError) as error:
            fault = ValuesError(f"no JSON ({error}): export the file again, or drop the line")
            yield f"line {number}", line, fault


def label_studio_rows(text: str, skipped: Counter[str]) -> Iterator[Row]:
    """One row for each annotation by a person, and for each prediction by a model."""
    for location, task, fault in json_objects(text):
        content = task if isinstance(task, str) else json.dumps(task)
        data = _object(task, "data")
        if fault is not None or data is None:
            yield _faulty(location, content, fault, "data", "Label Studio (JSON, not JSON-MIN)")
            continue
        extra = _object(data, EXTRA) or {}
        annotations, predictions = _list(task, "annotations"), _list(task, "predictions")
        skipped[EMPTY] += not (annotations or predictions)
        for number, card in enumerate(annotations, start=1):
            if _get(card, "was_cancelled"):
                skipped[CANCELLED] += 1
                continue
            by = _get(card, "completed_by")
            cells = {
                **_answer(card),
                "judge": (_get(by, "email") or _get(by, "id")) if isinstance(by, dict) else by,
            }
            exported = extra.get(str(cells.get("uuid")))
            yield _row(f"{location}, annotation {number}", content, data, cells, exported)
        for number, card in enumerate(predictions, start=1):
            model = _get(card, "model_version") or None
            cells = {**_answer(card), "judge": model, "source": "generated"}
            exported = extra.get(str(cells.get("uuid")))
            yield _row(f"{location}, prediction {number}", content, data, cells, exported)


def _answer(card: Any) -> dict[str, Any]:
    """Grade, note, uuid and time of one card."""
    cells = {
        "grade": None,
        "uuid": _get(card, "unique_id"),
        "time": _get(card, "created_at"),
    }
    for result in _list(card, "result"):
        value = _object(result, "value") or {}
        if _get(result, "type") == "textarea" and _get(result, "from_name") == "note":
            cells["note"] = "\n".join(map(str, _as_list(value.get("text"))))
        for kind in ("rating", "number", "choices"):
            if kind in value and cells["grade"] is None:
                chosen = _as_list(value[kind])
                cells["grade"] = chosen[0] if len(chosen) == 1 else str(value[kind])
    return cells


def argilla_rows(text: str, skipped: Counter[str], question: str | None) -> Iterator[Row]:
    """One row for each response by a person, and for each suggestion by a model."""
    for location, record, fault in json_objects(text):
        content = record if isinstance(record, str) else json.dumps(record)
        data = {**(_object(record, "fields") or {}), **(_object(record, "metadata") or {})}
        if fault is not None or not data:
            yield _faulty(location, content, fault, "fields", "Argilla (records.to_json)")
            continue
        responses = _responses(record, question)
        suggestion = _get(_object(record, "suggestions") or {}, question or "relevance")
        skipped[EMPTY] += not (responses or suggestion)
        extra = _extra_of(data)
        for number, answer in enumerate(responses, start=1):
            if _get(answer, "status") in {"discarded", "draft"}:
                skipped[DISCARDED] += 1
                continue
            cells = {"grade": _get(answer, "value"), "judge": _get(answer, "user_id")}
            exported = extra.get(str(cells["judge"]))
            yield _row(f"{location}, response {number}", content, data, cells, exported)
        if suggestion:
            cells = {"grade": _get(suggestion, "value"), "judge": _get(suggestion, "agent")}
            exported = extra.get(str(cells["judge"]))
            cells["source"] = "generated"
            yield _row(f"{location}, suggestion", content, data, cells, exported)


def _responses(record: Any, question: str | None) -> list[Any]:
    """The responses to the question named, else to the only one or to ``relevance``."""
    responses = _object(record, "responses") or {}
    name = question or (
        "relevance" if "relevance" in responses or len(responses) != 1 else next(iter(responses))
    )
    return _as_list(responses.get(name))


def _extra_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        extra = json.loads(data.get(EXTRA) or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", extra) if isinstance(extra, dict) else {}


def _row(
    location: str, content: str, data: Mapping[str, Any], answer: Mapping[str, Any], exported: Any
) -> Row:
    """A row of what a card is about and the answer that was given.

    ``exported`` is what an export of ours added; it holds as far as the grade is still the same.
    """
    values = {name: data.get(name) for name in ("query_id", "item_id", "direction")} | dict(answer)
    values |= _span_of(data)
    cells = {name: cell for name, cell in values.items() if cell is not None or name in REQUIRED}
    if isinstance(exported, dict):
        extra = cast("dict[str, Any]", exported)
        same = cell_number(extra.get("grade")) == cell_number(cells["grade"])
        cells |= extra if same else {"judge": extra.get("judge", cells.get("judge"))}
    return Row(location, content, cells)


def _span_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Which characters a card of ours is about, where it says so."""
    try:
        span = json.loads(data.get(SPAN_KEY) or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    known = cast("dict[str, Any]", span) if isinstance(span, dict) else {}
    return {name: known[name] for name in SPAN if known.get(name) is not None}


def _faulty(
    location: str, content: str, fault: ValuesError | None, name: str, exporter: str
) -> Row:
    missing = ValuesError(f"no object with {name!r}: a record as exported by {exporter} is due")
    return Row(location, content, fault=fault or missing)


def _get(thing: Any, name: str) -> Any:
    return cast("dict[str, Any]", thing).get(name) if isinstance(thing, dict) else None


def _object(thing: Any, name: str) -> dict[str, Any] | None:
    value = _get(thing, name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _list(thing: Any, name: str) -> list[Any]:
    value = _get(thing, name)
    return cast("list[Any]", value) if isinstance(value, list) else []


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return cast("list[Any]", value)
    return [] if value is None else [value]


Form: TypeAlias = Literal["trec", "beir", "csv", "parquet", "label-studio", "argilla", "store"]

TABLES = {"csv", "parquet", "beir"}
"""Formats whose columns have names."""

JSON = {".json", ".jsonl", ".ndjson"}


def read_judged(
    path: PathLike,
    *,
    form: Form | None = None,
    assumed: Assumed | None = None,
    columns: Mapping[Role, str | None] | None = None,
    question: str | None = None,
    strict: bool = False,
) -> JudgedFile:
    r"""Read who judged what, row by row, and say of each refused row where, why and what to do.

    Reads TREC qrels, BEIR's tsv, tables (CSV, TSV, parquet, feather) of query, item, grade and,
    where there are such columns, judge, time, source, direction, uuid, context, probability and
    note; the JSON export of Label Studio and records of Argilla (``records.to_json``); another
    store. Other than ``read_judgements`` it needs no space and merges nothing.

    Parameters
    ----------
    form
        The format; without it what the name and the content say.
    assumed
        Judge, direction and source of rows that name none, and words that mean a grade.
    columns
        Names of columns that are not usual.
    question
        The question of Argilla that holds the grade; without it ``relevance``, or the only one.
    strict
        Refuse the file for its first refused row.

    Raises
    ------
    SpellingError
        A question, or columns, where the format has none.
    FileError
        It cannot be read at all, or holds nothing that is a judgement.
    ValuesError
        ``strict``, and a row is refused.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "qrels.txt"
    >>> _ = file.write_text("q1 0 a 2\nq1 0 b\nq2 0 c high\n")
    >>> file = read_judged(file)
    >>> file.form, len(file.judged), [(bad.row, bad.reason) for bad in file.rejects][:1]
    ('trec', 1, [('line 2', '3 columns instead of 4')])
    """
    path = existing_file(path)
    assumed = Assumed(judge=path.name) if assumed is None else assumed
    form = form_of(path) if form is None else form
    if question is not None and form != "argilla":
        raise SpellingError(
            f"question={shown(question)!r} (--question) names a question of Argilla, and {path} is "
            f"read as {form}: leave it out"
        )
    if form not in TABLES:
        check_no_columns(columns or {}, path)
    if form == "store":
        with JudgementStore.open(path, read_only=True) as store:
            return JudgedFile(form, tuple(store.rows()), ())
    skipped: Counter[str] = Counter()
    rows = _rows(path, form, columns or {}, question, skipped)
    file = replace(collected(form, rows, assumed), skipped=+skipped)
    if strict and file.rejects:
        reject = file.rejects[0]
        raise ValuesError(f"{path}, {reject.row}: {reject.reason}; {reject.remedy}")
    return _not_empty(path, file)


def _rows(
    path: Path,
    form: Form,
    columns: Mapping[Role, str | None],
    question: str | None,
    skipped: Counter[str],
) -> Iterator[Row]:
    """The rows of a file, however they lie in it."""
    if form == "parquet":
        return graded(arrow_rows(path, columns), skipped)
    text = text_of(path)
    if form == "trec":
        return trec_rows(text, skipped)
    if form == "label-studio":
        return label_studio_rows(text, skipped)
    if form == "argilla":
        return argilla_rows(text, skipped, question)
    return graded(table_rows(path, text, columns, as_guarded=form == "csv"), skipped)


def form_of(path: Path) -> Form:
    """Which format a file is in, by its name and its content.

    Raises ``SpellingError`` where that does not tell.
    """
    if is_sqlite(path):
        return "store"
    if suffix(path) in ARROW_SUFFIXES and suffix(path) not in JSON:
        return "parquet"
    text = text_of(path)
    if suffix(path) not in JSON:
        if is_trec(text):
            return "trec"
        header = text.split("\n", 1)[0].strip().lower().split("\t")
        return "beir" if header == ["query-id", "corpus-id", "score"] else "csv"
    for _, record, _ in json_objects(text):
        if isinstance(record, dict):
            if {"annotations", "data"} & record.keys():
                return "label-studio"
            if {"responses", "fields"} & record.keys():
                return "argilla"
    raise SpellingError(
        f"{path} is JSON, neither of Label Studio nor of Argilla: export from one of them, or "
        "write a CSV of query_id,item_id,grade"
    )


REJECT_COLUMNS = ("row", "reason", "remedy", "content")


def write_rejects(path: PathLike, rejects: tuple[Reject, ...]) -> None:
    """Write refused rows as a table of ``row,reason,remedy,content``."""
    write_text(path, rejects_table(rejects))


def rejects_table(rejects: tuple[Reject, ...]) -> str:
    """Refused rows as the CSV that ``write_rejects`` writes."""
    rows = [
        (
            reject.row if reject.rows == 1 else f"{reject.row}: {reject.rows:,}",
            *(reject.reason, reject.remedy, reject.content),
        )
        for reject in rejects
    ]
    words = ([word.encode("utf-8", "backslashreplace").decode() for word in row] for row in rows)
    return csv_text(REJECT_COLUMNS, words)


def _not_empty(path: Path, file: JudgedFile) -> JudgedFile:
    if file.judged:
        return file
    if file.rejects:
        reject = file.rejects[0]
        raise FileError(
            f"{path}: all of {count_refused(file.rejects):,} rows are refused, the first "
            f"({reject.row}) because {reject.reason}; {reject.remedy}"
        )
    set_aside = ", ".join(f"{count:,} {reason}" for reason, count in file.skipped.items())
    raise FileError(
        f"{path} holds no judgements ({set_aside or 'no rows'}): was it exported before anybody "
        "judged?"
    )
