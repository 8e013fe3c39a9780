"""Judged spans of documents and the passages of a space: which passage gets which grade."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypedDict

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.spans import PassageSpans, Span, has_spans
from anglewise.data_types.typing import Direction
from anglewise.judgements.records import SPANS_OF, Judged


class SpanFields(TypedDict, total=False):
    """The fields of a judgement that say which characters were judged."""

    document: str
    start: int
    end: int
    digest: str | None


def span_fields(items: Embeddings, row: int | None, direction: Direction = SPANS_OF) -> SpanFields:
    """What a judgement of an item records about where it stands; nothing where it does not say so.

    >>> about = {"document": ["d"], "start": [3], "end": [11], "text": ["A heist."]}
    >>> span_fields(Embeddings([[1.0]], ["d#0"], about), 0)
    {'document': 'd', 'start': 3, 'end': 11, 'digest': 'e0c5ef24fc3f9847'}
    """
    if row is None or direction != SPANS_OF or not has_spans(items):
        return {}
    passages = PassageSpans.of(items)
    span = passages.span(row)
    if span is None:
        return {}
    return {
        "document": span.document,
        "start": span.start,
        "end": span.end,
        "digest": passages.digest(row),
    }


def with_spans(rows: Iterable[Judged], items: Embeddings) -> list[Judged]:
    """The same judgements; those of passages for queries that name no characters name them now.

    >>> about = {"document": ["d"], "start": [3], "end": [11], "text": ["A heist."]}
    >>> row = Judged("q", "d#0", 1, judge="anna")
    >>> with_spans([row], Embeddings([[1.0]], ["d#0"], about))[0].span
    Span(document='d', start=3, end=11)
    """
    placed: list[Judged] = []
    for judged in rows:
        row = None if judged.document is not None else items.row_of.get(judged.item_id)
        fields = span_fields(items, row, judged.direction)
        placed.append(replace(judged, **fields) if fields else judged)
    return placed


@dataclass(frozen=True)
class PlacedRows:
    """Judgements, told apart by whether what was judged is an item of a space.

    Attributes
    ----------
    direct
        Those of items, whose ids are those of the space; and of items that it lacks.
    elsewhere
        Those of spans of its documents that none of its passages is.
    stale
        Those that do not count, since another text stands there than was judged.
    unchecked
        How many count although nothing tells which text stands there.
    passages
        Where the items stand; None where no judgement is of a span.
    """

    direct: tuple[Judged, ...]
    elsewhere: tuple[Judged, ...] = ()
    stale: tuple[Judged, ...] = ()
    unchecked: int = 0
    passages: PassageSpans | None = None


def place_rows(rows: Iterable[Judged], ranked: Embeddings) -> PlacedRows:
    """Find what was judged among the items of a space: spans by their place, others by their ids.

    Of a judge who judged an item by its id and by its span, the later row counts.

    >>> about = {"document": ["d", "d"], "start": [0, 9], "end": [9, 20]}
    >>> items = Embeddings([[1.0], [2.0]], ["d#0", "d#1"], about)
    >>> whole = Judged("q", "old", 2, judge="anna", document="d", start=9, end=20)
    >>> [row.item_id for row in place_rows([whole], items).direct]
    ['d#1']
    """
    rows = list(rows)
    if all(row.document is None for row in rows):
        return PlacedRows(tuple(rows))
    passages = PassageSpans.of(ranked)
    direct: dict[tuple[str, str, str, str], Judged] = {}
    elsewhere: list[Judged] = []
    stale: list[Judged] = []
    unchecked = 0
    for row in rows:
        placed = _place(row, ranked, passages)
        unchecked += placed.says is None
        if placed.says is False:
            stale.append(row)
        elif placed.row is None:
            elsewhere.append(row)
        else:
            of_judge = (row.direction, row.query_id, placed.row.item_id, row.judge)
            direct.pop(of_judge, None)  # the later one counts, and stands where it came
            direct[of_judge] = placed.row
    return PlacedRows(tuple(direct.values()), tuple(elsewhere), tuple(stale), unchecked, passages)


class _Placed(NamedTuple):
    """A judgement of an item, None for one of other characters, and whether its text stands there.

    ``says`` is None where nothing tells.
    """

    row: Judged | None
    says: bool | None = True


def _place(judged: Judged, ranked: Embeddings, passages: PassageSpans) -> _Placed:
    """Find what one judge judged among the items of a space."""
    span, own = judged.span, ranked.row_of.get(judged.item_id)
    if span is None:
        return _Placed(judged)
    there = passages.overlapping(span)
    by_id = own is not None and not passages.known[own]
    if not len(there):
        if own is None or by_id:
            return _Placed(judged, None if by_id else True)
        return _Placed(replace(judged, item_id=str(span)))  # another text bears the id of this one
    says = None if judged.digest is None else passages.says(span, judged.digest)
    same = passages.itself(span)
    if own in same or (by_id and own in there):
        return _Placed(judged, says)
    if not len(same):
        return _Placed(None, says)
    return _Placed(replace(judged, item_id=str(ranked.ids[same[0]])), says)


class JudgedSpan(NamedTuple):
    """A span, its grade, and how much its source is trusted: lower is more."""

    span: Span
    grade: float
    trust: int


class Overlapped(NamedTuple):
    """The grade that a passage has by spans that it overlaps, and which of these gave it.

    ``of_longer`` says whether each of them is longer than the passage and was judged relevant: it
    may be relevant for what stands in another passage.
    """

    row: int
    grade: float
    by: tuple[int, ...]
    trust: int
    of_longer: bool


def by_overlap(judged: Sequence[JudgedSpan], passages: PassageSpans) -> list[Overlapped]:
    """The grades of passages that overlap spans judged for one query.

    A passage has the highest grade of the relevant spans that share at least half of the shorter
    of the two with it (where no passage shares so much of a span, those that share most stand for
    it). One that overlaps no relevant span, and that spans judged not relevant cover, but for
    blanks, is judged and not relevant. Any other is not judged. Spans of the most trusted source
    that tells of a passage count alone.

    >>> about = {"document": ["d"] * 3, "start": [0, 6, 12], "end": [6, 12, 18]}
    >>> items = Embeddings([[1.0], [2.0], [3.0]], ["d#0", "d#1", "d#2"], about)
    >>> passages = PassageSpans.of(items)
    >>> half, rest = JudgedSpan(Span("d", 0, 9), 2.0, 0), JudgedSpan(Span("d", 9, 18), 0.0, 0)
    >>> [(one.row, one.grade) for one in by_overlap([half, rest], passages)]
    [(0, 2.0), (1, 2.0), (2, 0.0)]
    """
    touching: dict[int, list[int]] = {}
    alike: dict[int, set[int]] = {}
    for number, (span, grade, _) in enumerate(judged):
        for row in passages.overlapping(span).tolist():
            touching.setdefault(row, []).append(number)
        if grade > 0:
            for row in passages.alike(span).tolist():
                alike.setdefault(row, set()).add(number)
    found: list[Overlapped] = []
    for row in sorted(touching):
        for trust in sorted({judged[number].trust for number in touching[row]}):
            numbers = [number for number in touching[row] if judged[number].trust == trust]
            grade = _grade(judged, numbers, alike.get(row, set()), passages, row)
            if grade is not None:
                found.append(grade)
                break
    return found


def _grade(
    judged: Sequence[JudgedSpan],
    numbers: Sequence[int],
    alike: set[int],
    passages: PassageSpans,
    row: int,
) -> Overlapped | None:
    """The grade of one passage by the spans of one kind of source that overlap it, if any."""
    trust = judged[numbers[0]].trust
    relevant = [number for number in numbers if number in alike]
    if relevant:
        grade = max(judged[number].grade for number in relevant)
        length = passages.ends[row] - passages.starts[row]
        longer = all(judged[n].span.end - judged[n].span.start > length for n in relevant)
        return Overlapped(row, grade, tuple(relevant), trust, longer)
    if any(judged[number].grade > 0 for number in numbers):
        return None
    if not passages.covered(row, [judged[number].span for number in numbers]):
        return None
    grade = max(judged[number].grade for number in numbers)
    return Overlapped(row, grade, tuple(numbers), trust, of_longer=False)
