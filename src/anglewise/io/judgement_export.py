"""Judgements written for other programs, and queues of pairs for spreadsheets."""

import csv
import io
import json
import re
import uuid as uuids
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anglewise.core.numbers import cell_number
from anglewise.errors import FileError, IdsError, SpellingError, ValuesError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, arrow, reading
from anglewise.io.judgement_formats import EXTRA
from anglewise.io.outputs import new_file, write_text
from anglewise.io.tables import Sheet, guarded, names_of, unguarded_sheet
from anglewise.judgements.combine import by_pair
from anglewise.judgements.records import Dispute, Judged, as_text

COLUMNS = tuple(one.name for one in fields(Judged))

MERGED = ("trec", "beir")
"""Formats with one grade for each pair, whoever gave it."""


@dataclass(frozen=True)
class Texts:
    """What a card shows for a query and an item beside their ids."""

    queries: Mapping[str, str] = field(default_factory=dict[str, str])
    items: Mapping[str, str] = field(default_factory=dict[str, str])


NO_TEXTS = Texts()


def write_judged(
    path: PathLike,
    judged: Iterable[Judged],
    form: str,
    *,
    combine: str = "adjudicated",
    texts: Texts = NO_TEXTS,
) -> int:
    r"""Write judgements in a format, whole or not at all; give how many rows that makes.

    ``csv``, ``parquet``, ``label-studio`` and ``argilla`` keep every judge's row with all that is
    known about it, and ``read_judged`` gives the same judgements back; ``trec`` and ``beir`` hold
    one whole grade for each pair of one direction, made of the judges' by ``combine``.

    Raises
    ------
    SpellingError
        Another format.
    ValuesError, IdsError
        Grades that are not whole, two directions, or ids with blanks, which a format cannot hold.
    FileError
        It could not be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "qrels.txt"
    >>> write_judged(file, [Judged("q", "d", 2, judge="anna")], "trec")
    1
    >>> file.read_text()
    'q 0 d 2\n'
    """
    if form not in WRITERS:
        raise SpellingError(f"format {form!r} is unknown: take one of {', '.join(WRITERS)}")
    rows = list(judged)
    return WRITERS[form](path, rows, combine, texts)


def _write_merged(path: PathLike, rows: Sequence[Judged], combine: str, form: str) -> int:
    ways = sorted({row.direction for row in rows})
    if len(ways) > 1:
        raise ValuesError(
            f"{form} holds one direction, these are {' and '.join(ways)}: choose one (--direction)"
        )
    bad = r"\s" if form == "trec" else r"[\t\r\n]"
    pairs = by_pair(rows, combine=combine)
    lines: list[str] = []
    for pair in pairs:
        for name in (pair.query_id, pair.item_id):
            if re.search(bad, name) or name != name.strip():
                raise IdsError(f"{form} cannot hold the id {name!r}: export as csv or parquet")
        if pair.grade != int(pair.grade):
            raise ValuesError(
                f"{form} holds whole grades, {pair.query_id!r} and {pair.item_id!r} have "
                f"{pair.grade:g}: take --combine majority, or export as csv or parquet"
            )
        words = (pair.query_id, pair.item_id, str(int(pair.grade)))
        lines.append("\t".join(words) if form == "beir" else f"{words[0]} 0 {words[1]} {words[2]}")
    head = ["query-id\tcorpus-id\tscore"] if form == "beir" else []
    write_text(path, "".join(f"{line}\n" for line in [*head, *lines]))
    return len(pairs)


def _write_csv(path: PathLike, rows: Sequence[Judged], _combine: str, _texts: Texts) -> int:
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    for row in rows:
        cells = {**vars(row), "context": as_text(row.context) if row.context else ""}
        grade = row.grade
        cells["grade"] = int(grade) if grade.is_integer() and abs(grade) < 1e15 else repr(grade)
        lines.writerow(["" if cells[name] is None else guarded(cells[name]) for name in COLUMNS])
    write_text(path, text.getvalue())
    return len(rows)


def _write_parquet(path: PathLike, rows: Sequence[Judged], _combine: str, _texts: Texts) -> int:
    pa, parquet = arrow(), arrow("parquet")
    numbers = {"grade", "time", "probability"}
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        values = [getattr(row, name) for row in rows]
        if name == "context":
            values = [as_text(value) for value in values]
        columns[name] = pa.array(values, pa.float64() if name in numbers else pa.string())
    with new_file(path) as file:
        parquet.write_table(pa.table(columns), file, compression="zstd")
    return len(rows)


def write_disputes(path: PathLike, disputes: Sequence[Dispute], texts: Texts = NO_TEXTS) -> None:
    """Write pairs to decide as a CSV: ids, who said what, the words, and an empty grade.

    With the grades filled in it is a file that ``read_judged`` reads; rows left empty are refused.
    """
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(["query_id", "item_id", "direction", "grade", "said", "asks", "answers"])
    for one in disputes:
        asks, answers = _words(one.direction, one.query_id, one.item_id, texts)
        said = ", ".join(f"{judge} {grade:g}" for judge, grade in one.grades.items())
        cells = [one.query_id, one.item_id, one.direction, "", said, asks, answers]
        lines.writerow([guarded(cell) for cell in cells])
    write_text(path, text.getvalue())


def _cards(rows: Sequence[Judged]) -> dict[tuple[str, str, str], list[Judged]]:
    cards: dict[tuple[str, str, str], list[Judged]] = {}
    for row in rows:
        cards.setdefault(row.pair, []).append(row)
    return cards


def _data(row: Judged, texts: Texts) -> dict[str, str]:
    query, item = _words(row.direction, row.query_id, row.item_id, texts)
    return {"query": query, "item": item}


def _words(direction: str, query: str, item: str, texts: Texts) -> tuple[str, str]:
    """What is shown for a query and an item; their ids where nothing is known."""
    asking = texts.items if direction == "items-items" else texts.queries
    ranked = texts.queries if direction == "queries-queries" else texts.items
    return asking.get(query, query), ranked.get(item, item)


def _ids(row: Judged) -> dict[str, str]:
    return {"query_id": row.query_id, "item_id": row.item_id, "direction": row.direction}


def _extra(row: Judged) -> dict[str, Any]:
    """All that is known about a judgement but whom it is about."""
    known = asdict(row)
    return {name: known[name] for name in known if name not in _ids(row)}


def _write_label_studio(path: PathLike, rows: Sequence[Judged], _combine: str, texts: Texts) -> int:
    tasks: list[dict[str, Any]] = []
    for number, card in enumerate(_cards(rows).values(), start=1):
        extra = {row.uuid: _extra(row) for row in card}
        by_people = [row for row in card if row.source != "generated"]
        generated = [row for row in card if row.source == "generated"]
        tasks.append(
            {
                "id": number,
                "data": {**_ids(card[0]), **_data(card[0], texts), EXTRA: extra},
                "annotations": [_annotation(row) for row in by_people],
                "predictions": [_prediction(row) for row in generated],
            }
        )
    write_text(path, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    return len(rows)


def _annotation(row: Judged) -> dict[str, Any]:
    return {
        "unique_id": row.uuid,
        "completed_by": {"email": row.judge},
        "created_at": _moment(row.time),
        "was_cancelled": False,
        "result": _result(row),
    }


def _prediction(row: Judged) -> dict[str, Any]:
    return {"unique_id": row.uuid, "model_version": row.judge, "result": _result(row)}


def _result(row: Judged) -> list[dict[str, Any]]:
    where = {"from_name": "relevance", "to_name": "item", "type": "choices"}
    found: list[dict[str, Any]] = [{**where, "value": {"choices": [_grade_word(row.grade)]}}]
    if row.note:
        note = {"from_name": "note", "to_name": "item", "type": "textarea"}
        found.append({**note, "value": {"text": [row.note]}})
    return found


def _write_argilla(path: PathLike, rows: Sequence[Judged], _combine: str, texts: Texts) -> int:
    records: list[dict[str, Any]] = []
    for card in _cards(rows).values():
        by_people = [row for row in card if row.source != "generated"]
        generated = [row for row in card if row.source == "generated"]
        if len(generated) > 1:
            raise ValuesError(
                f"Argilla keeps one suggestion for each question, {card[0].query_id!r} and "
                f"{card[0].item_id!r} have {len(generated)} generated judgements: choose whose "
                "(--judges), or export as csv, parquet or label-studio"
            )
        answers = [{"value": _grade_word(r.grade), "user_id": _user(r.judge)} for r in by_people]
        extra = {_user(row.judge): _extra(row) for row in by_people}
        extra |= {row.judge: _extra(row) for row in generated}
        guesses: dict[str, Any] = {}
        for row in generated:
            guess = {"value": _grade_word(row.grade), "score": None, "agent": row.judge}
            guesses["relevance"] = guess
        records.append(
            {
                "id": "\t".join(card[0].pair),
                "fields": _data(card[0], texts),
                "metadata": {**_ids(card[0]), EXTRA: json.dumps(extra, ensure_ascii=False)},
                "suggestions": guesses,
                "responses": {"relevance": answers} if answers else {},
                "vectors": {},
                "_server_id": None,
            }
        )
    write_text(path, json.dumps(records, ensure_ascii=False, indent=1) + "\n")
    return len(rows)


def _user(judge: str) -> str:
    """Argilla knows its users by uuids: always the same one for a judge."""
    return str(uuids.uuid5(uuids.NAMESPACE_URL, f"anglewise judge {judge}"))


def _grade_word(grade: float) -> str:
    return str(int(grade)) if grade.is_integer() and abs(grade) < 1e15 else repr(grade)


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, tz=UTC).isoformat()
    except (OverflowError, ValueError, OSError):  # beyond the calendar
        return repr(seconds)


WRITERS: dict[str, Callable[[PathLike, Sequence[Judged], str, Texts], int]] = {
    "trec": lambda path, rows, combine, _: _write_merged(path, rows, combine, "trec"),
    "beir": lambda path, rows, combine, _: _write_merged(path, rows, combine, "beir"),
    "csv": _write_csv,
    "parquet": _write_parquet,
    "label-studio": _write_label_studio,
    "argilla": _write_argilla,
}


QUEUE_COLUMNS: tuple[str, ...] = (
    "query_id",
    "item_id",
    "grade",
    "probability",
    "stratum",
    "query",
    "item",
)


def write_queue(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    r"""Write pairs to judge as CSV or parquet, the column of grades left empty.

    In CSV no cell is a formula (``guarded``).
    Raises ``SpellingError`` for another suffix, ``FileError`` where it cannot be written.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 1.0}])
    >>> file.read_text()
    'query_id,item_id,grade,probability,stratum,query,item\n1,7,,1.0,,,\n'
    """
    if path.suffix == ".csv":
        text = io.StringIO()
        sheet = csv.DictWriter(text, QUEUE_COLUMNS, lineterminator="\n")
        sheet.writeheader()
        sheet.writerows({name: guarded(row[name]) for name in row} for row in rows)
        write_text(path, text.getvalue())
    elif path.suffix == ".parquet":
        pa = arrow()
        kinds = {"grade": pa.float64(), "probability": pa.float64()}
        columns = {
            name: pa.array([row.get(name) for row in rows], kinds.get(name, pa.string()))
            for name in QUEUE_COLUMNS
        }
        with new_file(path) as file:
            arrow("parquet").write_table(pa.table(columns), file)
    else:
        raise SpellingError(f"{path}: pairs to judge are written as .csv or .parquet")


@dataclass(frozen=True)
class Queued:
    """A pair that waits for a judge.

    Attributes
    ----------
    probability
        How likely it was to be drawn, in (0, 1]; ``None`` where it was not drawn.
    place
        Where it stands in the file, in words.
    """

    query_id: str
    item_id: str
    probability: float | None
    place: str


def read_queue(path: PathLike) -> list[Queued]:
    r"""Read pairs to judge, in the order of the file; grades that stand in it are not read.

    Raises ``FileError`` for a table without ``query_id`` and ``item_id``, ``ValuesError`` naming
    the first bad row: an empty id, a pair that comes twice, a probability that is none.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 0.5}])
    >>> read_queue(file)
    [Queued(query_id='1', item_id='7', probability=0.5, place='line 2')]
    """
    sheet = unguarded_sheet(open_sheet(path))
    names = sheet.names or ()
    missing = [name for name in QUEUE_COLUMNS[:2] if name not in names]
    if missing:
        raise FileError(
            f"{sheet.path} has no column {' or '.join(missing)}: pairs to judge are written by "
            "anglewise judge sample"
        )
    queries, items = (_queue_ids(sheet, names.index(name)) for name in QUEUE_COLUMNS[:2])
    chances: list[Any] = [None] * len(queries)
    if "probability" in names:
        with reading(sheet.path, "a queue"):
            chances = sheet.columns([names.index("probability")])[0].to_pylist()
    found: dict[tuple[str, str], Queued] = {}
    for row, (query, item, cell) in enumerate(zip(queries, items, chances, strict=True)):
        place = sheet.place(row)
        if (query, item) in found:
            raise ValuesError(
                f"{sheet.path}, {place}: {query!r} and {item!r} stand at "
                f"{found[query, item].place} already; keep one"
            )
        chance = _chance(cell, f"{sheet.path}, {place}")
        found[query, item] = Queued(query, item, chance, place)
    return list(found.values())


def _queue_ids(sheet: Sheet, position: int) -> list[str]:
    return names_of(sheet, sheet.columns([position])[0], position).to_pylist()


def _chance(cell: Any, where: str) -> float | None:
    if cell is None or not str(cell).strip():
        return None
    chance = cell_number(cell)
    if chance is None or not 0 < chance <= 1:
        raise ValuesError(
            f"{where}: the probability is {str(cell)[:20]!r}; a number above 0 and at most 1 is "
            "due, or none"
        )
    return chance
