"""Judgements one by one: from JSON of Label Studio and Argilla, or any file of them."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from anglewise.core.numbers import cell_number
from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.io.arrow_files import ARROW_SUFFIXES
from anglewise.io.files import PathLike, existing_file, suffix
from anglewise.io.judgement_rows import (
    DUE,
    Assumed,
    JudgedFile,
    Reject,
    Row,
    arrow_rows,
    collected,
    graded,
    is_trec,
    table_rows,
    text_of,
    trec_rows,
)
from anglewise.io.outputs import write_text
from anglewise.io.places import is_sqlite
from anglewise.io.sizes import is_deep
from anglewise.io.tables import Role, guarded
from anglewise.judgements.store import JudgementStore

EXTRA = "anglewise"
"""Under this name what those formats have no place for travels with a card."""

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
    at = text.index("[") + 1
    number, line, counted = 0, 1, 0
    while True:
        at = _skip(text, at, "," if number else "")
        if text[at : at + 1] == "]":
            return
        number += 1
        line, counted = line + text.count("\n", counted, at), at
        place = f"record {number} (line {line})"
        start = at
        try:
            found, at = decode(text, at)
        except (ValueError, RecursionError) as error:
            fault = ValuesError(f"the JSON breaks off ({error}): export the file again")
            yield place, text[at:], fault
            return
        if is_deep(text[start:at]):
            yield place, text[start:at], ValuesError(DEEP)
        else:
            yield place, found, None


def _skip(text: str, at: int, also: str) -> int:
    while at < len(text) and (text[at].isspace() or (also and text[at] == also)):
        at += 1
    return at


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
    for place, task, fault in json_objects(text):
        content = task if isinstance(task, str) else json.dumps(task)
        data = _object(task, "data")
        if fault is not None or data is None:
            yield _faulty(place, content, fault, "data", "Label Studio (JSON, not JSON-MIN)")
            continue
        extra = _object(data, EXTRA) or {}
        cards = _list(task, "annotations") or []
        guesses = _list(task, "predictions") or []
        skipped[EMPTY] += not (cards or guesses)
        for number, card in enumerate([*cards, *guesses], start=1):
            if _get(card, "was_cancelled"):
                skipped[CANCELLED] += 1
                continue
            by_person = number <= len(cards)
            kind = f"annotation {number}" if by_person else f"prediction {number - len(cards)}"
            cells = _of_card(card, data, by_person=by_person)
            known = extra.get(str(cells.get("uuid")))
            yield Row(f"{place}, {kind}", content, _restored(cells, known))


def _of_card(card: Any, data: Any, *, by_person: bool) -> dict[str, Any]:
    cells: dict[str, Any] = {name: data.get(name) for name in ("query_id", "item_id", "direction")}
    cells["grade"] = None
    for result in _list(card, "result") or []:
        value = _object(result, "value") or {}
        if _get(result, "type") == "textarea" and _get(result, "from_name") == "note":
            cells["note"] = "\n".join(str(one) for one in _as_list(value.get("text")))
        for kind in ("rating", "number", "choices"):
            if kind in value and cells["grade"] is None:
                chosen = _as_list(value[kind])
                cells["grade"] = chosen[0] if len(chosen) == 1 else str(value[kind])
    cells["uuid"] = _get(card, "unique_id")
    cells["time"] = _get(card, "created_at")
    if by_person:
        who = _get(card, "completed_by")
        cells["judge"] = (_get(who, "email") or _get(who, "id")) if isinstance(who, dict) else who
    else:
        cells |= {"judge": _get(card, "model_version") or None, "source": "generated"}
    return {name: value for name, value in cells.items() if value is not None or name in DUE}


def argilla_rows(text: str, skipped: Counter[str], question: str | None) -> Iterator[Row]:
    """One row for each response by a person, and for each suggestion by a model."""
    for place, record, fault in json_objects(text):
        content = record if isinstance(record, str) else json.dumps(record)
        about = {**(_object(record, "fields") or {}), **(_object(record, "metadata") or {})}
        if fault is not None or not about:
            yield _faulty(place, content, fault, "fields", "Argilla (records.to_json)")
            continue
        answers = _responses(record, question)
        guess = _get(_object(record, "suggestions") or {}, question or "relevance")
        skipped[EMPTY] += not (answers or guess)
        base = {name: about.get(name) for name in ("query_id", "item_id", "direction")}
        extra = _extra_of(about)
        for number, answer in enumerate(answers, start=1):
            if _get(answer, "status") in {"discarded", "draft"}:
                skipped[DISCARDED] += 1
                continue
            cells = {**base, "grade": _get(answer, "value"), "judge": _get(answer, "user_id")}
            row = {name: v for name, v in cells.items() if v is not None or name in DUE}
            known = extra.get(str(cells["judge"]))
            yield Row(f"{place}, response {number}", content, _restored(row, known))
        if guess:
            cells = {**base, "grade": _get(guess, "value"), "source": "generated"}
            cells["judge"] = _get(guess, "agent")
            row = {name: v for name, v in cells.items() if v is not None or name in DUE}
            known = extra.get(str(cells["judge"]))
            yield Row(f"{place}, suggestion", content, _restored(row, known))


def _responses(record: Any, question: str | None) -> list[Any]:
    """The responses to the question named, else to the only one or to ``relevance``."""
    asked = _object(record, "responses") or {}
    name = question or (
        "relevance" if "relevance" in asked or len(asked) != 1 else next(iter(asked))
    )
    return _as_list(asked.get(name))


def _extra_of(about: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        found = json.loads(about.get(EXTRA) or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _restored(cells: Mapping[str, Any], known: Any) -> dict[str, Any]:
    """What an export of ours added, as far as it still speaks of the same judgement."""
    if not isinstance(known, dict):
        return dict(cells)
    more = cast("dict[str, Any]", known)
    same = cell_number(more.get("grade")) == cell_number(cells["grade"])
    return {**cells, **(more if same else {"judge": more.get("judge", cells.get("judge"))})}


def _faulty(place: str, content: str, fault: ValuesError | None, name: str, what: str) -> Row:
    due = ValuesError(f"no object with {name!r}: a record as exported by {what} is due")
    return Row(place, content, {}, fault or due)


def _get(thing: Any, name: str) -> Any:
    return cast("dict[str, Any]", thing).get(name) if isinstance(thing, dict) else None


def _object(thing: Any, name: str) -> dict[str, Any] | None:
    found = _get(thing, name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _list(thing: Any, name: str) -> list[Any] | None:
    found = _get(thing, name)
    return cast("list[Any]", found) if isinstance(found, list) else None


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return cast("list[Any]", value)
    return [] if value is None else [value]


Form: TypeAlias = Literal["trec", "beir", "csv", "parquet", "label-studio", "argilla", "store"]

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
    FileError
        It cannot be read at all, or holds nothing that is a judgement.
    ValuesError
        ``strict``, and a row is refused.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "qrels.txt"
    >>> _ = file.write_text("q1 0 a 2\nq1 0 b\nq2 0 c high\n")
    >>> found = read_judged(file)
    >>> found.form, len(found.judged), [(bad.row, bad.reason) for bad in found.rejects][:1]
    ('trec', 1, [('line 2', '3 columns instead of 4')])
    """
    path = existing_file(path)
    assumed = Assumed(judge=path.name) if assumed is None else assumed
    form = form_of(path) if form is None else form
    skipped: Counter[str] = Counter()
    if form == "store":
        with JudgementStore.open(path, read_only=True) as store:
            return JudgedFile(form, tuple(store.rows()), ())
    if form == "parquet":
        rows = graded(arrow_rows(path, columns or {}), skipped)
    else:
        text = text_of(path)
        if form == "trec":
            rows = trec_rows(text)
        elif form in {"csv", "beir"}:
            found_rows = table_rows(path, text, columns or {}, as_guarded=form == "csv")
            rows = graded(found_rows, skipped)
        elif form == "label-studio":
            rows = label_studio_rows(text, skipped)
        else:
            rows = argilla_rows(text, skipped, question)
    found = replace(collected(form, rows, assumed), skipped=+skipped)
    if strict and found.rejects:
        bad = found.rejects[0]
        raise ValuesError(f"{path}, {bad.row}: {bad.reason}; {bad.remedy}")
    return _not_empty(path, found)


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


def write_rejects(path: PathLike, rejects: tuple[Reject, ...]) -> None:
    """Write refused rows as a table of ``row,reason,remedy,content``."""
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(["row", "reason", "remedy", "content"])
    for bad in rejects:
        words = (bad.row, bad.reason, bad.remedy, bad.content)
        cells = [word.encode("utf-8", "backslashreplace").decode() for word in words]
        lines.writerow([guarded(cell) for cell in cells])
    write_text(path, text.getvalue())


def _not_empty(path: Path, found: JudgedFile) -> JudgedFile:
    if found.judged:
        return found
    if found.rejects:
        bad = found.rejects[0]
        raise FileError(
            f"{path}: all of {len(found.rejects):,} rows are refused, the first ({bad.row}) "
            f"because {bad.reason}; {bad.remedy}"
        )
    set_aside = ", ".join(f"{count:,} {why}" for why, count in found.skipped.items())
    raise FileError(
        f"{path} holds no judgements ({set_aside or 'no rows'}): was it exported before anybody "
        "judged?"
    )
