"""Judgements written for other programs."""

import json
import re
import uuid as uuids
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from anglewise.data_types.drawn import DRAWN
from anglewise.data_types.numbers import shown
from anglewise.data_types.spans import Span
from anglewise.data_types.typing import Array
from anglewise.errors import IdsError, SpellingError, ValuesError
from anglewise.io.files import PathLike, arrow
from anglewise.io.outputs import new_file, write_text
from anglewise.io.pairs_to_judge import (
    CHECK,
    DISPUTE_COLUMNS,
    SPAN_DISPUTES,
    check_no_grades,
    with_checks,
    write_columns,
    write_csv,
)
from anglewise.judgements.combine import Combined, by_pair
from anglewise.judgements.records import SPAN, Dispute, Judged, as_text

EXTRA = "anglewise"
"""The key under which a card carries the fields that its format has no place for."""

SPAN_KEY = "anglewise_span"
"""The key under which it says which characters a card is about."""

COLUMNS = tuple(column.name for column in fields(Judged) if column.name not in SPAN)


def _columns(rows: Sequence[Judged]) -> tuple[str, ...]:
    """The columns of a table of these judgements: of characters where some know theirs."""
    return (*COLUMNS, *SPAN) if any(row.document is not None for row in rows) else COLUMNS


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
    _check_distinct(pairs, form)
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


def _check_distinct(pairs: Sequence[Combined], form: str) -> None:
    """Refuse passages of two cuttings that bear one id."""
    spans: dict[tuple[str, str], Span | None] = {}
    for pair in pairs:
        name = pair.query_id, pair.item_id
        if name in spans:
            raise IdsError(
                f"{form} names passages by ids alone, and {shown(pair.item_id)!r} is "
                f"{spans[name] or 'of characters that are not known'} and {pair.span}: export as "
                "csv or parquet"
            )
        spans[name] = pair.span


MERGED = ("trec", "beir")
"""Formats of a query, an item and a grade, and nothing else."""


PLACES = "the characters at which judged passages stand"


def without(lost: Sequence[str]) -> list[str]:
    """What a comparison does not do without what a format left out, in words.

    >>> without([PLACES])
    ['finds no passage of another cutting']
    """
    return [
        *(["finds no passage of another cutting"] if PLACES in lost else []),
        *(["weighs nothing"] if {*lost} - {PLACES} else []),
    ]


def left_out_by(form: str, rows: Sequence[Judged]) -> list[str]:
    """What a format has no place for of how these pairs and queries were drawn, in words.

    >>> left_out_by("trec", [Judged("q", "d", 2, judge="anna", probability=0.5)])
    ['the chances with which pairs were drawn by lot']
    """
    if form not in MERGED:
        return []
    by_lot = any(row.probability is not None and row.probability < 1 for row in rows)
    by_traffic = any(DRAWN in row.context for row in rows)
    by_span = any(row.document is not None for row in rows)
    return [
        *([PLACES] if by_span else []),
        *(["the chances with which pairs were drawn by lot"] if by_lot else []),
        *(["the weights of queries that were drawn by traffic"] if by_traffic else []),
    ]


def _write_csv(path: PathLike, rows: Sequence[Judged], _combine: str, _texts: Texts) -> int:
    columns = _columns(rows)

    def cells(row: Judged) -> list[Any]:
        values = {**vars(row), "context": as_text(row.context) if row.context else ""}
        values["grade"] = _written_grade(row.grade)
        return ["" if values[name] is None else values[name] for name in columns]

    write_csv(path, columns, map(cells, rows))
    return len(rows)


def _write_parquet(path: PathLike, rows: Sequence[Judged], _combine: str, _texts: Texts) -> int:
    columns = {name: [getattr(row, name) for row in rows] for name in _columns(rows)}
    write_columns(path, {**columns, "context": [as_text(row.context) for row in rows]})
    return len(rows)


def write_disputes(path: PathLike, disputes: Sequence[Dispute], texts: Texts = NO_TEXTS) -> None:
    """Write pairs to decide as a CSV: ids, who said what, the words, and an empty grade.

    With the grades filled in it is a file that ``read_judged`` reads; rows left empty wait.
    Raises ``FileError`` where grades were filled in already, which would be lost.
    """
    check_no_grades(path)
    by_span = any(dispute.span is not None for dispute in disputes)
    columns = SPAN_DISPUTES if by_span else DISPUTE_COLUMNS
    rows: list[tuple[Any, ...]] = []
    for dispute in disputes:
        pair = (dispute.query_id, dispute.item_id)
        grades = ", ".join(f"{judge} {grade:g}" for judge, grade in dispute.grades.items())
        words = texts.of(dispute.direction, *pair)
        span = (*(dispute.span or ("", "", "")), dispute.digest or "") if by_span else ()
        rows.append((*pair, dispute.direction, "", grades, *words, *span))
    write_csv(path, (*columns, CHECK), with_checks(columns, rows))


Cards = Iterable[tuple[list[Judged], list[Judged], dict[str, str], dict[str, str]]]


def _cards(rows: Sequence[Judged], texts: Texts) -> Cards:
    """For each pair: all its judgements, the generated ones, its ids, and its texts."""
    cards: dict[tuple[Any, ...], list[Judged]] = {}
    for row in rows:
        cards.setdefault(row.pair, []).append(row)
    for card in cards.values():
        first = card[0]
        ids = {name: str(getattr(first, name)) for name in PAIR}
        if first.document is not None:
            ids[SPAN_KEY] = json.dumps({name: getattr(first, name) for name in SPAN})
        words = texts.of(first.direction, first.query_id, first.item_id)
        generated = [row for row in card if row.source == "generated"]
        yield card, generated, ids, dict(zip(("query", "item"), words, strict=True))


PAIR = ("query_id", "item_id", "direction")
"""Fields of a judgement that say what it is about."""


def _extra(row: Judged) -> dict[str, Any]:
    """All fields of a judgement but those of its pair."""
    fields = asdict(row)
    left_out = PAIR if row.document is not None else (*PAIR, *SPAN)
    return {name: value for name, value in fields.items() if name not in left_out}


def _write_json(path: PathLike, entries: Iterable[Any]) -> None:
    """Write a list as JSON, one entry after the other, so that it is never in memory as a whole."""
    with new_file(path) as file:
        separator = "[\n"
        for entry in entries:
            text = json.dumps(entry, ensure_ascii=False, indent=1)
            file.write((separator + " " + text.replace("\n", "\n ")).encode())
            separator = ",\n"
        file.write(b"\n]\n" if separator[0] == "," else b"[]\n")


def _write_label_studio(path: PathLike, rows: Sequence[Judged], _combine: str, texts: Texts) -> int:
    tasks = (
        {
            "id": number,
            "data": {**ids, **words, EXTRA: {row.uuid: _extra(row) for row in card}},
            "annotations": [_annotation(row) for row in card if row.source != "generated"],
            "predictions": [_prediction(row) for row in generated],
        }
        for number, (card, generated, ids, words) in enumerate(_cards(rows, texts), start=1)
    )
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
    _write_json(path, _records(rows, texts))
    return len(rows)


def _records(rows: Sequence[Judged], texts: Texts) -> Iterator[dict[str, Any]]:
    """A record of Argilla for each pair."""
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
        yield {
            "id": "\t".join(map(str, card[0].pair)),
            "fields": words,
            "metadata": {**ids, EXTRA: json.dumps(extra, ensure_ascii=False)},
            "suggestions": guesses,
            "responses": {"relevance": answers} if answers else {},
            "vectors": {},
            "_server_id": None,
        }


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
