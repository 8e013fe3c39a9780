"""Judgements one by one from any file of them, and why the others are none."""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.interop.arrow_file import ARROW_SUFFIXES
from anglewise.interop.atomic import write_text
from anglewise.interop.columns import Role
from anglewise.interop.files import existing_file, suffix
from anglewise.interop.guarded import guarded
from anglewise.interop.judged_cells import Assumed, JudgedFile, Reject, collected
from anglewise.interop.judged_json import argilla_rows, json_objects, label_studio_rows
from anglewise.interop.judged_table import (
    arrow_rows,
    graded,
    is_trec,
    table_rows,
    text_of,
    trec_rows,
)
from anglewise.interop.kept_files import is_sqlite
from anglewise.interop.say import PathLike
from anglewise.judgements.store import JudgementStore

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
