"""One judgement by one judge, as it is recorded, and pairs on which judges differ."""

import json
import math
import time as clock
import uuid as uuids
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from typing import Any, Literal, TypeAlias, get_args

from anglewise.data_types.memory import check_room
from anglewise.data_types.numbers import check_word, quoted, shown
from anglewise.data_types.spans import Span
from anglewise.data_types.text import check_distinct
from anglewise.data_types.typing import DIRECTIONS, Direction
from anglewise.errors import SpellingError, ValuesError


@dataclass(frozen=True)
class Dispute:
    """A pair to which judges gave different grades, and what the adjudicator decided, if so."""

    direction: str
    query_id: str
    item_id: str
    grades: Mapping[str, float]
    decided: float | None
    span: Span | None = None
    digest: str | None = None

    @property
    def spread(self) -> float:
        """The highest grade less the lowest."""
        return max(self.grades.values()) - min(self.grades.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, with the judged characters where they are known."""
        fields = {**vars(self), "grades": dict(self.grades)}
        del fields["span"], fields["digest"]
        return fields if self.span is None else {**fields, **self.span._asdict()}


Source: TypeAlias = Literal["human", "interaction", "label", "generated"]
SOURCES: tuple[Source, ...] = get_args(Source)

ADJUDICATOR = "adjudicator"
"""The judge whose grade counts where others differ."""

LONGEST = 1 << 20
"""Characters that a text of a judgement may have."""


def new_uuid() -> str:
    """A new name that no other judgement has.

    >>> len(new_uuid())
    36
    """
    return str(uuids.uuid4())


JudgedThing: TypeAlias = str | Span
"""What was judged: an item by its id, or the characters of a passage."""

SPAN = ("document", "start", "end", "digest")
"""Fields of a judgement that say which characters were judged; none is filled, or the first three.
"""


@dataclass(frozen=True)
class Judged:
    """How relevant one item is to one query, said by one judge at one time.

    Attributes
    ----------
    query_id, item_id
        The query, and the item that was judged; for ``items-items`` both are items.
    grade
        Any finite number, higher is more relevant; 0 and below: judged and not relevant.
    judge
        Who gave the grade: a person, a model, a construction.
    direction
        Who asks and who is ranked.
    source
        ``human``, ``interaction``, ``label`` or ``generated``.
    uuid
        The name of this judgement: one that is sent twice is recorded once.
    time
        Seconds since 1970, UTC.
    context
        Anything that JSON can hold about why this pair was judged, such as the measures that
        found it and at which rank.
    probability
        How likely the pair was to be drawn for judging, in (0, 1]; ``None`` if it was not drawn.
    note
        A remark by the judge.
    document, start, end
        Of a passage, where its text stands: in the text of which document, from which character to
        before which. So the judgement stays with the text when that is cut into other passages.
    digest
        Of the text that was judged (``text_digest``): where another text stands there by now, the
        judgement does not count.

    Raises
    ------
    SpellingError
        An unknown direction or source, or what is no uuid.
    ValuesError
        An empty id or judge, a grade or probability out of range, a context that JSON cannot
        hold, or a part of a span without the rest.

    Examples
    --------
    >>> judged = Judged("q1", "d7", 2, judge="anna", context={"dot": {"rank": 3}})
    >>> judged.grade, judged.source, judged.direction
    (2.0, 'human', 'queries-items')
    """

    query_id: str
    item_id: str
    grade: float
    judge: str
    direction: Direction = "queries-items"
    source: Source = "human"
    uuid: str = field(default_factory=new_uuid)
    time: float = field(default_factory=clock.time)
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    probability: float | None = None
    note: str = ""
    document: str | None = None
    start: int | None = None
    end: int | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        for name, value in checked(vars(self)).items():
            object.__setattr__(self, name, value)

    @property
    def span(self) -> Span | None:
        """The characters that were judged, where that is known."""
        if self.document is None or self.start is None or self.end is None:
            return None
        return Span(self.document, self.start, self.end)

    @property
    def pair(self) -> tuple[Direction, str, JudgedThing]:
        """Direction, query, and what was judged for it: a span, or an item by its id."""
        return self.direction, self.query_id, self.span or self.item_id


def judged_from(fields: Mapping[str, Any]) -> Judged:
    """Make a judgement from unchecked fields, as they come from a file or a browser.

    Raises ``SpellingError`` and ``ValuesError`` as ``Judged`` does, and ``SpellingError`` for a
    missing or an unknown field.

    >>> judged_from({"query_id": "q", "item_id": "d", "grade": "good", "judge": "anna"})
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: grade is 'good': a finite number is due
    """
    required = ("query_id", "item_id", "grade", "judge")
    names = [column.name for column in dataclass_fields(Judged)]
    for name in [*required, *fields]:
        if name not in fields or name not in names:
            raise SpellingError(
                f"a judgement has {', '.join(required)} and may have {', '.join(names[4:])}: "
                f"{shown(name)!r} is {'missing' if name in names else 'none of them'}"
            )
    return Judged(**checked(fields))


def recalled(fields: dict[str, Any]) -> Judged:
    """Make a judgement from recorded fields, which were checked before: only types are checked.

    Much faster than ``judged_from``. Raises ``ValuesError`` for what cannot have been recorded.
    """
    words = (fields[name] for name in ("query_id", "item_id", "judge", "uuid", "note"))
    chance = fields["probability"]
    if not (
        all(isinstance(word, str) for word in words)
        and fields["direction"] in DIRECTIONS
        and fields["source"] in SOURCES
        and isinstance(fields["grade"], float)
        and isinstance(fields["time"], float)
        and isinstance(fields["context"], dict)
        and _is_span(fields)
        and (chance is None or isinstance(chance, float))
    ):
        raise ValuesError("a row holds what cannot have been recorded")
    judged = object.__new__(Judged)
    vars(judged).update(fields)
    return judged


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Check fields of a judgement, and bring each into the form in which it is stored."""
    values = dict(fields)
    for name in ("query_id", "item_id", "judge", "note"):
        if name in values:
            check_text(name, values[name], may_be_empty=name == "note")
    for name, known in (("direction", DIRECTIONS), ("source", SOURCES)):
        if name in values:
            check_word(values[name], known, name)
    for name in ("grade", "time", "probability"):
        if values.get(name) is not None or name in values.keys() - {"probability"}:
            values[name] = _finite(values[name], name)
    chance = values.get("probability")
    if chance is not None and not 0 < chance <= 1:
        raise ValuesError(f"probability is {chance}: more than 0 and at most 1 is due")
    _check_span(values)
    if "uuid" in values:
        values["uuid"] = _plain_uuid(values["uuid"])
    if "context" in values:
        values["context"] = json.loads(as_text(values["context"]))
    return values


def _is_span(fields: Mapping[str, Any]) -> bool:
    """Whether recorded fields name no characters, or the characters of a document."""
    document, start, end, digest = (fields[name] for name in SPAN)
    if document is None:
        return start is None and end is None and digest is None
    return (
        isinstance(document, str)
        and type(start) is type(end) is int
        and 0 <= start < end < LAST
        and (digest is None or isinstance(digest, str))
    )


SPANS_OF: Direction = "queries-items"
"""The direction in which characters are judged; where passages ask, ids alone say which."""

LAST = 1 << 62
"""Beyond the last character that any text has."""


def _check_span(values: dict[str, Any]) -> None:
    """Check which characters were judged, if fields say so, and bring numbers into their form."""
    given = [name for name in SPAN if values.get(name) is not None]
    if not given:
        return
    lacking = [name for name in SPAN[:3] if name not in given]
    if lacking:
        raise ValuesError(
            f"{' and '.join(given)} came without {' and '.join(lacking)}: where a judged passage "
            "stands is said by document, start and end together"
        )
    if values.get("direction", SPANS_OF) != SPANS_OF:
        raise ValuesError(
            f"document, start and end came in the direction {values['direction']}: they say which "
            f"characters were judged for a query ({SPANS_OF}), leave them out"
        )
    for name in ("document", "digest"):
        if name in given:
            check_text(name, values[name])
    for name in ("start", "end"):
        number = _finite(values[name], name)
        if not (number.is_integer() and 0 <= number < LAST):
            raise ValuesError(f"{name} is {quoted(values[name])}: a count of characters is due")
        values[name] = int(values[name])
    if values["start"] >= values["end"]:
        raise ValuesError(
            f"the judged passage starts at character {values['start']:,} and ends before "
            f"{values['end']:,}: an end behind the start is due"
        )


def as_text(context: Any) -> str:
    """A context as JSON, the same text for the same content.

    >>> as_text({"b": 1, "a": [2]})
    '{"a":[2],"b":1}'
    """
    try:
        return json.dumps(dict(context), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValuesError(
            f"the context of a judgement cannot be stored ({error}): text, finite numbers, lists "
            "and objects are due"
        ) from error


def check_text(name: str, text: object, *, may_be_empty: bool = False) -> None:
    """Raise ``ValuesError`` for what is no text, too long, empty, or cannot be written as UTF-8.

    >>> check_text("judge", " ")
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: judge is ' ': a text that is not empty is due
    """
    if not isinstance(text, str):
        raise ValuesError(f"{name} is {quoted(text)}: text is due")
    if not (may_be_empty or text.strip()):
        raise ValuesError(f"{name} is {quoted(text)}: a text that is not empty is due")
    if len(text) > LONGEST:
        raise ValuesError(f"{name} has {len(text):,} letters: at most {LONGEST:,} are kept")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValuesError(f"{name} holds half a letter (a lone surrogate): mend the text")


def _plain_uuid(text: object) -> str:
    try:
        return str(uuids.UUID(str(text)))
    except ValueError:
        raise SpellingError(
            f"uuid is {shown(text)!r}: one such as {uuids.UUID(int=0)} is due"
        ) from None


def _finite(number: Any, name: str) -> float:
    try:
        value = float(number)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if isinstance(number, str) or not math.isfinite(value):
        raise ValuesError(f"{name} is {quoted(number)}: a finite number is due")
    return value


JUDGED_BYTES = 1_400
"""What a judgement takes in memory until it is recorded, or written elsewhere."""
BATCH = 4_096


def check_judgements_fit(count: int) -> None:
    """Refuse, amid the reading, more judgements than the memory allowed holds.

    Raises ``ValuesError``, at some counts: how many there are is known at the end alone.
    """
    if count % BATCH == 0:
        check_room(
            f"reading {count:,} judgements and more",
            JUDGED_BYTES * count,
            "take some of them at a time",
        )


@dataclass(frozen=True)
class Labels:
    """A class for each item id; items of one class are relevant to each other."""

    of: Mapping[str, str]


def check_levels(levels: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a column of classes that is not among these, or is named twice.

    >>> check_levels(["label"], ["kind"])
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no column 'label' among kind: name those of the classes ...
    """
    missing = [level for level in levels if level not in names]
    if missing:
        raise SpellingError(
            f"no column {shown(missing[0])!r} among {', '.join(names) or 'none'}: name those of "
            "the classes (--label, --hierarchy)"
        )
    check_distinct(levels, "--label and --hierarchy, the columns of the classes,")
