"""The title and the text of a page of HTML; nothing is loaded, run or followed.

Tags are cut as the HTML standard cuts them, in time that grows with the page alone. Parsers that
build a tree were tried, and take minutes for a megabyte of nested tags or of attributes.
"""

import codecs
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from anglewise.data_types.numbers import shown
from anglewise.errors import FileError
from anglewise.io.files import contents, existing_file

TAG_NAME = re.compile(r"</?([A-Za-z][^\s/>]*+)")
ATTRIBUTE = re.compile(
    r"""[\s/]*+(?:=?+[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|(?!["'>])[^\s>]++)?)?|=)"""
)
TAG_END = re.compile(r"[\s/]*+>")
UNREAD = frozenset(
    ("script", "style", "template", "iframe", "noembed", "noframes", "object", "svg", "math")
)
"""Elements whose content is no text of the page."""
RAW = frozenset(("script", "style", "iframe", "noembed", "noframes", "xmp", "title", "textarea"))
"""Elements in which no tag begins."""
BLOCKS = """
    address article aside blockquote body br caption center dd details dialog div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html legend li main menu nav
    ol option p pre section select summary table tbody td tfoot th thead title tr ul
"""
ENDS_LINE = frozenset(BLOCKS.split())
"""Elements before and after which a line ends."""


def page_of(markup: str) -> tuple[str, str]:
    r"""The title and the text of a page: a line for each block, without scripts and styles.

    >>> page_of("<title>Film &amp; TV</title><p>A <b>he</b>ist.<script>x()</script><p>Two.")
    ('Film & TV', 'A heist.\nTwo.')
    """
    title: list[str] = []
    text: list[str] = []
    inside_title, unread = False, ""
    position = 0
    for tag, closes, start, end in _tags(markup):
        if not unread:
            (title if inside_title else text).append(_flat(markup[position:start]))
        position = end
        if unread:
            unread = "" if closes and tag == unread else unread
        elif tag in UNREAD and not closes and markup[end - 2] != "/":
            unread = tag
        elif tag == "title" and (closes or not title):
            inside_title = not closes
        elif tag in ENDS_LINE:
            text.append("\n")
    if not unread:
        (title if inside_title else text).append(_flat(markup[position:]))
    lines = (" ".join(line.split()) for line in unescaped("".join(text)).split("\n"))
    return " ".join(unescaped("".join(title)).split()), "\n".join(filter(None, lines))


def _tags(markup: str) -> Iterator[tuple[str, bool, int, int]]:
    """The name of each tag, whether it closes, where it begins and ends.

    Comments and the like have no name.
    """
    position = 0
    while (start := markup.find("<", position)) >= 0:
        name = TAG_NAME.match(markup, start)
        end = _other_end(markup, start) if name is None else _tag_end(markup, name.end())
        if end is None:  # a < that begins nothing
            position = start + 1
            continue
        tag, closes = "" if name is None else name[1].lower(), markup[start + 1] == "/"
        yield tag, closes, start, end
        position = end
        if tag in RAW and not closes:
            stop = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(markup, end)
            position = len(markup) if stop is None else stop.start()


LONG_NUMBER = re.compile("&#([0-9]{8,})")
"""The number of a character with more digits than any has; zeros may stand before."""
NO_CHARACTER = 0x110000
"""The first number that is no character."""


def unescaped(text: str) -> str:
    """The characters that entities stand for; U+FFFD for a number that is no character.

    Python reads no number of more than 4,300 digits, however it begins.

    >>> unescaped("A &amp; B"), unescaped(f"&#{'0' * 5000}65;&#{'9' * 5000};")
    ('A & B', 'A\ufffd')
    """
    return unescape(LONG_NUMBER.sub(_without_zeros, text))


def _without_zeros(found: re.Match[str]) -> str:
    digits = found[1].lstrip("0")
    return f"&#{digits or 0}" if len(digits) < 8 else f"&#{NO_CHARACTER}"


def _flat(text: str) -> str:
    """Text in one line: only blocks end lines."""
    return text.replace("\n", " ").replace("\r", " ")


def _tag_end(markup: str, position: int) -> int:
    """Where a tag ends, its attributes passed over; one without an end takes all that follows."""
    while attribute := ATTRIBUTE.match(markup, position):
        position = attribute.end()
    end = TAG_END.match(markup, position)
    return len(markup) if end is None else end.end()


def _other_end(markup: str, start: int) -> int | None:
    """Where a comment or a declaration ends; None for a ``<`` that begins neither."""
    if markup.startswith("<!--", start):
        if markup.startswith((">", "->"), start + 4):
            return markup.index(">", start) + 1
        end = markup.find("-->", start + 4)
        return len(markup) if end < 0 else end + 3
    if markup.startswith(("<!", "<?", "</"), start):
        end = markup.find(">", start)
        return len(markup) if end < 0 else end + 1
    return None


CHARSET = re.compile(
    rb"""<meta[^<>]{1,500}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{1,40})""", re.IGNORECASE
)
XML = re.compile(rb"""<\?xml[^<>]{1,200}?encoding\s{0,9}=\s{0,9}["']([\w.:-]{1,40})""")
DECLARED_IN = 1024
"""In so many bytes, says the standard, a page names its encoding."""
AS_WINDOWS = {"ascii": "cp1252", "iso8859-1": "cp1252", "utf-16-le": "utf-8", "utf-16-be": "utf-8"}
"""How the standard reads what pages name."""
ENCODINGS = {
    *("utf-8", "shift_jis", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr"),
    *("koi8-r", "koi8-u", "mac-roman", "cp949", "cp932", "cp866"),
    *(f"cp{number}" for number in (874, *range(1250, 1259))),
    *(f"iso8859-{number}" for number in (*range(2, 12), *range(13, 17))),
}
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def html_page(path: Path) -> tuple[str, str]:
    """The title and the text of a file of HTML, in the encoding that it names, else in UTF-8."""
    data = bytes(contents(existing_file(path)))
    encoding, source = _encoding(path, data)
    try:
        return page_of(data.decode(encoding))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{path}, line {line}: no text in {encoding}, {source}: convert it, or name its "
            "encoding (<meta charset=…>)"
        ) from error


def _encoding(path: Path, data: bytes) -> tuple[str, str]:
    """An encoding, and why this one."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return encoding, "as its first bytes say"
    start = data[:DECLARED_IN]
    declared = CHARSET.search(start) or XML.match(start)
    if declared is None:
        return "utf-8", "since it names none"
    word = declared[1].decode("ascii", "replace")
    try:
        name = codecs.lookup(word).name
    except LookupError:
        name = word
    name = AS_WINDOWS.get(name, name)
    if name not in ENCODINGS:
        raise FileError(
            f"{path} says that its encoding is {shown(word)!r}, which pages are not read in: "
            "convert it to UTF-8"
        )
    return name, "as it says"
