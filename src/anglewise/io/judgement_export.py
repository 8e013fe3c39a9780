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

from anglewise.core.numbers import cell_number, shown
from anglewise.core.typing import Array
from anglewise.errors import FileError, IdsError, SpellingError, ValuesError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, arrow, reading
from anglewise.io.judgement_rows import read_context
from anglewise.io.outputs import new_file, write_text
from anglewise.io.tables import check_names, guarded, names_of, unguarded_sheet
from anglewise.judgements.combine import by_pair
from anglewise.judgements.records import Dispute, Judged, as_text

EXTRA = "anglewise"
"""The key under which a card carries the fields that its format has no place for."""

COLUMNS = tuple(column.name for column in fields(Judged))

MERGED = ("trec", "beir")
"""Formats with one grade for each pair, whoever gave it."""


@dataclass(frozen=True)
class Texts:
    """What a card shows for a query and an item beside their ids."""

    queries: Mapping[str, str] = field(default_factory=dict[str, str])
    items: Mapping[str, str] = field(default_factory=dict[str, str])

    def of(self, direction: str, query_id: str, item_id: str) -> tuple[str, str]:
        """What is shown for a query and an item; their ids where nothing is known."""
        asking = self.items if direction == "items-items" else self.queries
        ranked = self.queries if direction == "queries-queries" else self.items
        return asking.get(query_id, query_id), ranked.get(item_id, item_id)


NO_TEXTS = Texts()


def write_csv(
    path: PathLike, head: Sequence[str], rows: Iterable[Sequence[Any]], *, end: str = "\r\n"
) -> None:
    """Write a table as CSV, whole or not at all; no cell is a formula (``guarded``)."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator=end)
    lines.writerow(head)
    lines.writerows([guarded(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue())


def write_columns(path: PathLike, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write a table as parquet, whole or not at all: grades, times and chances, else text."""
    pa, numbers = arrow(), {"grade", "time", "probability"}
    table = pa.table(
        {
            name: pa.array(cells, pa.float64() if name in numbers else pa.string())
            for name, cells in columns.items()
        }
    )
    with new_file(path) as file:
        arrow("parquet").write_table(table, file, compression="zstd")


def write_values(path: PathLike, columns: Mapping[str, Array]) -> None:
    """Write the values of queries as parquet, whole or not at all; the first column holds ids."""
    table = arrow().table({name: column.tolist() for name, column in columns.items()})
    with new_file(path) as file:
        arrow("parquet").write_table(table, file, compression="zstd")


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
        raise SpellingError(f"format {shown(form)!r} is unknown: take one of {', '.join(WRITERS)}")
    rows = list(judged)
    return WRITERS[form](path, rows, combine, texts)


def _write_merged(path: PathLike, rows: Sequence[Judged], combine: str, form: str) -> int:
    directions = sorted({row.direction for row in rows})
    if len(directions) > 1:
        raise ValuesError(
            f"{form} holds one direction, these are {' and '.join(directions)}: choose one "
            "(--direction)"
        )
    forbidden = r"\s" if form == "trec" else r"[\t\r\n]"
    pairs = by_pair(rows, combine=combine)
    lines = ["query-id\tcorpus-id\tscore"] if form == "beir" else []
    for pair in pairs:
        for name in (pair.query_id, pair.item_id):
            if re.search(forbidden, name) or name != name.strip():
                raise IdsError(
                    f"{form} cannot hold the id {shown(name)!r}: export as csv or parquet"
                )
        if not pair.grade.is_integer():
            raise ValuesError(
                f"{form} holds whole grades, {shown(pair.query_id)!r} and {shown(pair.item_id)!r} "
                f"have {pair.grade:g}: take --combine majority, or export as csv or parquet"
            )
        words = (pair.query_id, pair.item_id, str(int(pair.grade)))
        lines.append("\t".join(words) if form == "beir" else f"{words[0]} 0 {words[1]} {words[2]}")
    write_text(path, "".join(f"{line}\n" for line in lines))
    return len(pairs)


def _write_csv(path: PathLike, rows: Sequence[Judged], _combine: str, _texts: Texts) -> int:
    def cells(row: Judged) -> list[Any]:
        values = {**vars(row), "context": as_text(row.context) if row.context else ""}
        values["grade"] = _written_grade(row.grade)
        return ["" if values[name] is None else values[name] for name in COLUMNS]

    write_csv(path, COLUMNS, map(cells, rows))
    return len(rows)


def _write_parquet(path: PathLike, rows: Sequence[Judged], _combine: str, _texts: Texts) -> int:
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    write_columns(path, {**columns, "context": [as_text(row.context) for row in rows]})
    return len(rows)


def write_disputes(path: PathLike, disputes: Sequence[Dispute], texts: Texts = NO_TEXTS) -> None:
    """Write pairs to decide as a CSV: ids, who said what, the words, and an empty grade.

    With the grades filled in it is a file that ``read_judged`` reads; rows left empty wait.
    """
    head = ("query_id", "item_id", "direction", "grade", "said", "asks", "answers")
    rows: list[tuple[str, ...]] = []
    for dispute in disputes:
        pair = (dispute.query_id, dispute.item_id)
        grades = ", ".join(f"{judge} {grade:g}" for judge, grade in dispute.grades.items())
        words = texts.of(dispute.direction, *pair)
        rows.append((*pair, dispute.direction, "", grades, *words))
    write_csv(path, head, rows)


Cards = Iterable[tuple[list[Judged], list[Judged], dict[str, str], dict[str, str]]]


def _cards(rows: Sequence[Judged], texts: Texts) -> Cards:
    """For each pair: all its judgements, the generated ones, its ids, and its texts."""
    cards: dict[tuple[str, str, str], list[Judged]] = {}
    for row in rows:
        cards.setdefault(row.pair, []).append(row)
    for (direction, query_id, item_id), card in cards.items():
        ids: dict[str, str] = dict(zip(PAIR, (query_id, item_id, direction), strict=True))
        words = texts.of(direction, query_id, item_id)
        generated = [row for row in card if row.source == "generated"]
        yield card, generated, ids, dict(zip(("query", "item"), words, strict=True))


PAIR = ("query_id", "item_id", "direction")
"""Fields of a judgement that say what it is about."""


def _extra(row: Judged) -> dict[str, Any]:
    """All fields of a judgement but those of its pair."""
    return {name: value for name, value in asdict(row).items() if name not in PAIR}


def _write_json(path: PathLike, content: Any) -> None:
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def _write_label_studio(path: PathLike, rows: Sequence[Judged], _combine: str, texts: Texts) -> int:
    tasks = [
        {
            "id": number,
            "data": {**ids, **words, EXTRA: {row.uuid: _extra(row) for row in card}},
            "annotations": [_annotation(row) for row in card if row.source != "generated"],
            "predictions": [_prediction(row) for row in generated],
        }
        for number, (card, generated, ids, words) in enumerate(_cards(rows, texts), start=1)
    ]
    _write_json(path, tasks)
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
    choice = {"from_name": "relevance", "to_name": "item", "type": "choices"}
    results: list[dict[str, Any]] = [
        {**choice, "value": {"choices": [str(_written_grade(row.grade))]}}
    ]
    if row.note:
        note = {"from_name": "note", "to_name": "item", "type": "textarea"}
        results.append({**note, "value": {"text": [row.note]}})
    return results


def _write_argilla(path: PathLike, rows: Sequence[Judged], _combine: str, texts: Texts) -> int:
    records: list[dict[str, Any]] = []
    for card, generated, ids, words in _cards(rows, texts):
        if len(generated) > 1:
            raise ValuesError(
                f"Argilla keeps one suggestion for each question, {shown(ids['query_id'])!r} and "
                f"{shown(ids['item_id'])!r} have {len(generated)} generated judgements: choose "
                "whose (--judges), or export as csv, parquet or label-studio"
            )
        answers: list[dict[str, Any]] = []
        guesses: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for row in card:
            value = str(_written_grade(row.grade))
            if row.source == "generated":
                guesses["relevance"] = {"value": value, "score": None, "agent": row.judge}
            else:
                answers.append({"value": value, "user_id": _user(row.judge)})
                extra[_user(row.judge)] = _extra(row)
        extra |= {row.judge: _extra(row) for row in generated}
        records.append(
            {
                "id": "\t".join(card[0].pair),
                "fields": words,
                "metadata": {**ids, EXTRA: json.dumps(extra, ensure_ascii=False)},
                "suggestions": guesses,
                "responses": {"relevance": answers} if answers else {},
                "vectors": {},
                "_server_id": None,
            }
        )
    _write_json(path, records)
    return len(rows)


def _user(judge: str) -> str:
    """Argilla knows its users by uuids: always the same one for a judge."""
    return str(uuids.uuid5(uuids.NAMESPACE_URL, f"anglewise judge {judge}"))


def _written_grade(grade: float) -> int | str:
    """A grade as people write it: whole where it is, else so that it reads back as the same."""
    return int(grade) if grade.is_integer() and abs(grade) < 1e15 else repr(grade)


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


CONTEXT = "context"
"""A further column, as JSON, where pairs have one: ``judge import`` keeps it."""


def write_queue(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    r"""Write pairs to judge as CSV or parquet, the column of grades left empty.

    A column ``context`` follows where a pair has one.
    In CSV no cell is a formula (``guarded``).
    Raises ``SpellingError`` for another suffix, ``FileError`` where it cannot be written.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 1.0}])
    >>> file.read_text()
    'query_id,item_id,grade,probability,stratum,query,item\n1,7,,1.0,,,\n'
    """
    names = QUEUE_COLUMNS
    if any(row.get(CONTEXT) for row in rows):
        names = (*QUEUE_COLUMNS, CONTEXT)
        rows = [{**row, CONTEXT: as_text(row.get(CONTEXT) or {})} for row in rows]
    if path.suffix == ".csv":
        cells = ([row.get(name) for name in names] for row in rows)
        write_csv(path, names, cells, end="\n")
    elif path.suffix == ".parquet":
        write_columns(path, {name: [row.get(name) for row in rows] for name in names})
    else:
        raise SpellingError(f"{path}: pairs to judge are written as .csv or .parquet")


@dataclass(frozen=True)
class Queued:
    """A pair that waits for a judge.

    Attributes
    ----------
    probability
        How likely it was to be drawn, in (0, 1]; ``None`` where it was not drawn.
    location
        Where it stands in the file, in words.
    context
        How its query was drawn, and anything else that the file says about why it is judged.
    """

    query_id: str
    item_id: str
    probability: float | None
    location: str
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_queue(path: PathLike) -> list[Queued]:
    r"""Read pairs to judge, in the order of the file; grades that stand in it are not read.

    Raises ``FileError`` for a table without ``query_id`` and ``item_id``, ``ValuesError`` naming
    the first bad row: an empty id, a pair that comes twice, a probability that is none.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> write_queue(file, [{"query_id": "1", "item_id": "7", "probability": 0.5}])
    >>> read_queue(file)
    [Queued(query_id='1', item_id='7', probability=0.5, location='line 2', context={})]
    """
    sheet = unguarded_sheet(open_sheet(path))
    names = sheet.names or ()
    missing = [name for name in QUEUE_COLUMNS[:2] if name not in names]
    if missing:
        raise FileError(
            f"{sheet.path} has no column {' or '.join(missing)}: pairs to judge are written by "
            "anglewise judge sample"
        )
    check_names(names, sheet.path)
    queries, items = (
        names_of(sheet, sheet.columns([position])[0], position).to_pylist()
        for position in map(names.index, QUEUE_COLUMNS[:2])
    )
    chances: list[Any] = [None] * len(queries)
    if "probability" in names:
        with reading(sheet.path, "a queue"):
            chances = sheet.columns([names.index("probability")])[0].to_pylist()
    contexts: list[Any] = [None] * len(queries)
    if CONTEXT in names:
        contexts = sheet.columns([names.index(CONTEXT)])[0].to_pylist()
    pairs: dict[tuple[str, str], Queued] = {}
    for row, (query, item, cell) in enumerate(zip(queries, items, chances, strict=True)):
        location = sheet.location(row)
        first = pairs.get((query, item))
        if first is not None:
            raise ValuesError(
                f"{sheet.path}, {location}: {shown(query)!r} and {shown(item)!r} stand at "
                f"{first.location} already; keep one"
            )
        pairs[query, item] = Queued(
            query,
            item,
            _chance(cell, f"{sheet.path}, {location}"),
            location,
            _context(contexts[row], f"{sheet.path}, {location}"),
        )
    return list(pairs.values())


def _context(cell: Any, location: str) -> dict[str, Any]:
    if cell is None or not str(cell).strip():
        return {}
    try:
        return read_context(cell, "the context")
    except ValuesError as error:
        raise ValuesError(f"{location}: {error}") from error


def _chance(cell: Any, location: str) -> float | None:
    if cell is None or not str(cell).strip():
        return None
    chance = cell_number(cell)
    if chance is None or not 0 < chance <= 1:
        raise ValuesError(
            f"{location}: the probability is {shown(cell)!r}; a number above 0 and at most 1 is "
            "due, or none"
        )
    return chance
