"""Collections of documents and topics in marked text: SMART's ``.I``, TREC's ``<DOC>``."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say, quiet
from anglewise.errors import FileError, IdsError
from anglewise.io.files import contents, existing_file
from anglewise.io.html_texts import unescaped
from anglewise.io.sizes import CELL, check_holds
from anglewise.io.tables import listed

Row = dict[str, str]
TextTable = tuple[list[str], dict[str, list[Any]]]


def text_in(path: Path) -> str:
    """The text of a file in UTF-8; ``FileError`` names the line of what is none."""
    data = bytes(contents(existing_file(path)))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{path}, line {line}: not UTF-8; convert it, for instance with iconv -f latin1 -t "
            "utf-8"
        ) from error


SMART_ID = re.compile(r"\.I[ \t]+(\S+)[ \t]*")
SMART_FIELD = re.compile(r"\.([A-Z])[ \t]*")
SMART_NAMES = {"T": "title", "W": "text", "A": "author", "B": "source", "K": "keywords"}
"""The letters of SMART's fields and what their columns are called; others keep their letter."""


def smart_table(path: Path, say: Say = quiet) -> TextTable:
    r"""Documents or queries in SMART's format: ``.I ID``, then ``.T``, ``.A``, ``.W`` and others.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "cran.all"
    >>> _ = file.write_text(".I 1\n.T\nlift of a wing\n.A\nbrenckman\n.W\nan experiment .\n")
    >>> smart_table(file)
    (['1'], {'title': ['lift of a wing'], 'author': ['brenckman'], 'text': ['an experiment .']})
    """
    del say  # nothing of such a file is left out
    lines_of: list[tuple[str, int, dict[str, list[str]]]] = []
    field: list[str] | None = None
    for number, line in enumerate(text_in(path).split("\n"), start=1):
        line = line.rstrip("\r")  # noqa: PLW2901 the end of a line is no part of it
        if new := SMART_ID.fullmatch(line):
            lines_of.append((new[1], number, {}))
            field = None
        elif (marker := SMART_FIELD.fullmatch(line)) and lines_of:
            field = lines_of[-1][2].setdefault(marker[1], [])
        elif field is not None:
            field.append(line)
        elif line.strip():
            raise FileError(
                f"{path}, line {number}: {shown(line[:60])!r} belongs to no field: .I and an id "
                "begin a document, .T, .A or .W its fields"
            )
    for name, number, fields in lines_of:
        if not fields:
            raise FileError(
                f"{path}, line {number}: nothing follows .I {shown(name)}: was the file written to "
                "the end?"
            )
    rows: list[Row] = []
    for _, _, fields in lines_of:
        row = {SMART_NAMES.get(k, k): "\n".join(lines).strip() for k, lines in fields.items()}
        if "title" in row:  # of one line, as every other reader gives it
            row["title"] = " ".join(row["title"].split())
        rows.append(row)
    return _table(path, [(name, number) for name, number, _ in lines_of], rows, "text")


def _table(path: Path, names: list[tuple[str, int]], rows: list[Row], due: str) -> TextTable:
    """Columns of rows, each named with its line; ``due`` is a column that is there in any case."""
    if not rows:
        raise FileError(f"{path} holds no documents: was it written to the end?")
    earlier: dict[str, int] = {}
    for name, line in names:
        if name in earlier:
            raise IdsError(
                f"{path}: the id {shown(name)!r} comes on line {earlier[name]} and again on line "
                f"{line}: make ids unique"
            )
        earlier[name] = line
    columns = dict.fromkeys(key for row in rows for key in row)
    check_holds(path, CELL * len(rows) * len(columns))
    table: dict[str, list[Any]] = {key: [row.get(key) for row in rows] for key in columns}
    table.setdefault(due, [None] * len(rows))
    return list(earlier), table


DOC = re.compile(r"<(/?)DOC(?:[ \t\r\n][^<>]*)?>", re.IGNORECASE)
TOP = re.compile(r"<(/?)TOP(?:[ \t\r\n][^<>]*)?>", re.IGNORECASE)
TAG = re.compile(r"</?[A-Za-z][\w.:-]*(?:[ \t\r\n/][^<>]*)?>|<[!?][^<>]*>")
ELEMENT = re.compile(r"<([A-Za-z][\w.:-]*)(?:[ \t\r\n][^<>]*)?>([^<]*)</\1[ \t\r\n]*>")
NUMBER_TAG = "DOCNO"
TEXT_TAGS = ("TEXT",)
TITLE_TAGS = ("TITLE", "HEADLINE", "HL", "HEAD", "TTL", "TI")
"""What collections of TREC call the title of a document."""


def trec_table(path: Path, say: Say = quiet) -> TextTable:
    r"""Documents of TREC: ``<DOC>``, ``<DOCNO>`` and what follows, without its marks.

    The text is what stands in ``<TEXT>``; where there is none, all but the number and the title.
    Other elements without elements inside become columns; what else there is, is said to be left
    out.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "doc-text.trec"
    >>> _ = file.write_text("<DOC>\n<DOCNO>7</DOCNO>\nA heist &amp; a chase.\n</DOC>\n")
    >>> trec_table(file)
    (['7'], {'text': ['A heist & a chase.']})
    """
    names: list[tuple[str, int]] = []
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    for line, body in _elements(path, DOC, "DOC"):
        numbers, rest = _taken(path, line, body, (NUMBER_TAG,))
        number = " ".join(numbers[0].split()) if numbers else ""
        if not number:
            raise FileError(f"{path}, line {line}: a <DOC> without <DOCNO>, and so without an id")
        texts, rest = _taken(path, line, rest, TEXT_TAGS)
        title: list[str] = []
        for tag in TITLE_TAGS:
            if not title:
                title, rest = _taken(path, line, rest, (tag,))
        row = {"title": " ".join(_plain(" ".join(title)).split())} if title else {}
        if texts:
            simple = {m[1].lower(): _plain(m[2]) for m in ELEMENT.finditer(rest)}
            row |= {name: cell for name, cell in simple.items() if name not in {"text", "title"}}
            left_out.update({m[0].strip("<>").upper().split()[0] for m in _others(rest)})
        row["text"] = _plain("\n".join(texts) if texts else rest)
        names.append((number, line))
        rows.append(row)
    if left_out:
        tags = [f"<{tag}>" for tag, _ in left_out.most_common()]
        say(f"{path.name}: elements that hold others are left out: {listed(tags)}")
    return _table(path, names, rows, "text")


def _others(rest: str) -> Iterator[re.Match[str]]:
    """The opening tags of what is neither empty nor a column."""
    for match in TAG.finditer(ELEMENT.sub("", rest)):
        if match[0][1] not in "/!?" and match[0][-2] != "/":
            yield match


def _elements(path: Path, tag: re.Pattern[str], name: str) -> Iterator[tuple[int, str]]:
    """What stands in each element of a name, with its line; nothing but marks stands around."""
    text = text_in(path)
    start: re.Match[str] | None = None
    end = line = 0
    line_of = _LineCounter(text)
    for match in tag.finditer(text):
        closes = bool(match[1])
        if closes == (start is None):
            what = "a second one begins" if start else f"no <{name}> is open"
            where = line_of(match.start())
            raise FileError(
                f"{path}, line {where}: {match[0]} where {what}"
                + (f", that of line {line} is not closed" if start else "")
                + ": was the file cut?"
            )
        if start is None:
            _check_blank(path, text, end, match.start(), line_of)
            start, line = match, line_of(match.start())
        else:
            yield line, text[start.end() : match.start()]
            start, end = None, match.end()
    if start is not None:
        raise FileError(
            f"{path}, line {line}: <{name}> is not closed: the file is truncated; copy it again"
        )
    _check_blank(path, text, end, len(text), line_of)


class _LineCounter:
    """The number of the line at a position; positions come in order, so that none is read twice."""

    def __init__(self, text: str) -> None:
        self.text, self.position, self.line = text, 0, 1

    def __call__(self, position: int) -> int:
        self.line += self.text.count("\n", self.position, position)
        self.position = position
        return self.line


def _check_blank(path: Path, text: str, start: int, end: int, line_of: _LineCounter) -> None:
    outside = TAG.sub("", text[start:end]).strip()
    if outside:
        raise FileError(
            f"{path}, line {line_of(start)} and following: {shown(outside[:60])!r} stands in no "
            "document: was the file cut?"
        )


def _taken(path: Path, line: int, body: str, tags: tuple[str, ...]) -> tuple[list[str], str]:
    """What stands in elements of some names, and the rest of the text."""
    inner: list[str] = []
    rest: list[str] = []
    position = 0
    opening = re.compile(rf"<({'|'.join(tags)})(?:[ \t\r\n][^<>]*)?>", re.IGNORECASE)
    while start := opening.search(body, position):
        closing = re.compile(rf"</{start[1]}[ \t\r\n]*>", re.IGNORECASE)
        end = closing.search(body, start.end())
        if end is None:
            at = line + body.count("\n", 0, start.start())
            raise FileError(f"{path}, line {at}: {start[0]} is not closed: was the file cut?")
        rest.append(body[position : start.start()])
        inner.append(body[start.end() : end.start()])
        position = end.end()
    return inner, "".join([*rest, body[position:]])


def _plain(text: str) -> str:
    """Text without marks, and with the characters that entities stand for."""
    return unescaped(TAG.sub(" ", text)).strip()


LABELS = {
    tag: re.compile(rf"\s*{word}[ \t]*:", re.IGNORECASE)
    for tag, word in [
        ("num", "Number"),
        ("title", "Topic"),
        ("desc", "Description"),
        ("narr", "Narrative"),
        ("dom", "Domain"),
        ("smry", "Summary"),
    ]
}
"""What topics of TREC write before the content of a field."""
TOPIC_NAMES = {"title": "text", "desc": "description", "narr": "narrative"}


def topic_table(path: Path, say: Say = quiet) -> TextTable:
    r"""Topics of TREC: the number is the id, the title the text, what else there is a column.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "topics.51-52"
    >>> topic = "<top>\n<num> Number: 51\n<title> Topic: Airbus\n<desc> Subsidies?\n</top>"
    >>> _ = file.write_text(topic)
    >>> topic_table(file)
    (['51'], {'text': ['Airbus'], 'description': ['Subsidies?']})
    """
    del say  # likewise
    names: list[tuple[str, int]] = []
    rows: list[Row] = []
    for line, body in _elements(path, TOP, "top"):
        fields = dict(_fields(body))
        number = fields.pop("num", "")
        if not number:
            raise FileError(f"{path}, line {line}: a <top> without <num>, and so without an id")
        names.append((number, line))
        rows.append({TOPIC_NAMES.get(tag, tag): text for tag, text in fields.items() if text})
    due = "text" if not any("description" in row for row in rows) else "description"
    return _table(path, names, rows, due)


def _fields(body: str) -> Iterator[tuple[str, str]]:
    """Tags and what follows them, up to the next one: few topics close their fields."""
    tags = [*TAG.finditer(body)]
    ends = [*(tag.start() for tag in tags), len(body)][1:]
    fields: dict[str, list[str]] = {}
    for tag, end in zip(tags, ends, strict=True):
        if tag[0][1] not in "/!?":
            name = re.split(r"[\s/>]", tag[0][1:], maxsplit=1)[0].lower()
            fields.setdefault(name, []).append(body[tag.end() : end])
    for name, parts in fields.items():
        text = "\n".join(parts)
        label = LABELS[name].match(text) if name in LABELS else None
        yield name, " ".join(unescaped(text[label.end() :] if label else text).split())
