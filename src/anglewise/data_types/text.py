"""Text: spellings such as ``norm(0,0.5)`` read, and numbers, lists and tables written."""

import difflib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from html import escape
from inspect import signature
from math import ceil, floor, isnan, log10
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from anglewise.data_types.numbers import DIGITS, check_kind, described, read_number, shown
from anglewise.errors import (
    COMMANDS,
    FileError,
    IdsError,
    SpellingError,
    WrongTypeError,
)


def p_words(p: float) -> str:
    """A p-value as it stands in a sentence.

    >>> p_words(0.0004), p_words(0.0312), p_words(0.2)
    ('p < .001', 'p = .031', 'p = .200')
    """
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def p_value(p: float) -> str:
    """A p-value, no more exact than it deserves.

    >>> p_value(0.00004), p_value(0.0312), p_value(1.0)
    ('<.001', '.031', '1')
    """
    if isnan(p):
        return "-"
    if p < 0.001:
        return "<.001"
    return f"{p:.3f}".lstrip("0") if p < 0.9995 else "1"


def listed(names: Iterable[str], joint: str = "and") -> str:
    """Names as a list in a sentence.

    >>> listed(["dot"]), listed(["dot", "cosine"]), listed("abc", joint="or")
    ('dot', 'dot and cosine', 'a, b or c')
    """
    *others, end = names
    return f"{', '.join(others)} {joint} {end}" if others else end


def first_repeated(names: Iterable[str]) -> str | None:
    """The first name that stood before; None where each stands once.

    >>> first_repeated(["a", "b", "b", "a"]), first_repeated(["a"])
    ('b', None)
    """
    earlier: set[str] = set()
    return next((name for name in names if name in earlier or earlier.add(name)), None)


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun, in the plural where it is not 1; named where it ends otherwise.

    >>> counted(1, "query"), counted(1400, "query"), counted(2, "match", "matches")
    ('1 query', '1,400 queries', '2 matches')
    """
    plural = plural or (f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s")
    return f"{count:,} {noun if count == 1 else plural}"


def counted_are(count: int, noun: str, verb: str = "are", plural: str = "") -> str:
    """A count with its noun and a verb, of which both agree with it: are, have, were, come, hold.

    >>> counted_are(1, "row"), counted_are(2, "query", "have"), counted_are(1, "pair", "come")
    ('1 row is', '2 queries have', '1 pair comes')
    """
    single = {"are": "is", "have": "has", "were": "was"}.get(verb, f"{verb}s")
    return f"{counted(count, noun, plural)} {single if count == 1 else verb}"


def shortened(text: str, width: int) -> str:
    """Text on one line that fits, cut at a word where one ends near.

    >>> shortened("the cat sat on the mat", 14)
    'the cat sat…'
    """
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    cut = text[: width - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > 2 * width // 3 else cut).rstrip(" ,.;:") + "…"


def figure(value: float, sign: str = "") -> str:
    """A figure with three decimals; a hyphen where it is undefined.

    >>> figure(0.29876), figure(0.02, "+"), figure(float("nan"))
    ('0.299', '+0.020', '-')
    """
    return "-" if isnan(value) else f"{value:{sign}.3f}"


def percent(share: float) -> str:
    """A share, never rounded to certainty.

    >>> percent(0.004), percent(0.417), percent(0.999), percent(1.0)
    ('<1%', '42%', '>99%', '100%')
    """
    if isnan(share):
        return "-"
    if 0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1:
        return ">99%"
    return f"{100 * share:.0f}%"


def share_at_most(share: float) -> str:
    """A share that is no smaller than what it stands for, in whole percent.

    >>> share_at_most(0.6925), share_at_most(0.69)
    ('70%', '69%')
    """
    return f"{ceil(100 * share - 1e-9)}%"


def share_at_least(share: float) -> str:
    """A share that is no larger than what it stands for, in whole percent.

    >>> share_at_least(0.9667), share_at_least(0.69)
    ('96%', '69%')
    """
    return f"{floor(100 * share + 1e-9)}%"


def at_least(lead: float) -> str:
    """A lower bound with three digits after the point, or two that are not nought: rounded down.

    >>> at_least(0.1238), at_least(0.00129), at_least(0.0)
    ('0.123', '0.0012', '0')
    """
    return _rounded(lead, ROUND_FLOOR)


def at_most(lead: float) -> str:
    """The same of an upper bound: rounded up.

    >>> at_most(0.1231), at_most(0.00121), at_most(0.0)
    ('0.124', '0.0013', '0')
    """
    return _rounded(lead, ROUND_CEILING)


def _rounded(lead: float, way: str) -> str:
    exact = Decimal(f"{lead:.12g}")  # what rounding alone adds is no reason to go a step further
    if not exact:
        return "0"
    places = 3 if abs(lead) >= 0.01 else 1 - exact.adjusted()
    text = f"{exact.quantize(Decimal(1).scaleb(-places), way):f}"
    return text if abs(lead) >= 0.01 else text.rstrip("0")


def rounded_up(count: int) -> int:
    """A count rounded up to two digits, enough for a plan.

    >>> rounded_up(7), rounded_up(331), rounded_up(12345)
    (7, 340, 13000)
    """
    unit = 10 ** max(floor(log10(count)) - 1, 0)
    return ceil(count / unit) * unit


Say: TypeAlias = Callable[[str], None]
"""Called with one sentence; a command prints it, a notebook may collect it in a list."""


def quiet(_sentence: str) -> None:
    """The ``Say`` that drops every sentence.

    >>> quiet("took column 'emb' as the vectors")
    """


def as_path(value: Any, kind: str = "a file") -> Path:
    """A path; ``WrongTypeError`` for what is none, as bytes are.

    >>> as_path(3, "a store")
    Traceback (most recent call last):
    ...
    anglewise.errors.WrongTypeError: an int (3) came where the path of a store is due
    """
    is_path = isinstance(value, os.PathLike)
    text: Any = os.fspath(cast("os.PathLike[str]", value)) if is_path else value
    if not isinstance(text, str):
        raise WrongTypeError(f"{described(value)} came where the path of {kind} is due")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise FileError(f"the path of {kind} holds half a letter: mend the text") from error
    if "\0" in text:
        raise FileError(f"the path of {kind} holds a zero character, which no path does")
    return Path(text)


T = TypeVar("T")
_WORD = re.compile(r"\s*(?P<name>[a-z][a-z0-9-]*)\s*(?:\((?P<numbers>[^()]*)\)\s*)?", re.ASCII)
_MARKS = re.compile(r"[(),]")


def named(word: str, makers: Mapping[str, Callable[..., T]], *, kind: str, example: str) -> T:
    """Read a spelling such as ``norm(0,0.5)``: call the maker of its word with its numbers.

    Capitals do not matter, nor blanks around the word and its numbers. ``kind`` and ``example``
    are for the messages. Raises ``SpellingError`` with the most similar word of ``makers``, or with
    the example where the maker does not take the numbers.

    >>> named("Range(1, 7, 2)", {"range": range}, kind="row", example="range(3)")
    range(1, 7, 2)
    >>> named("rang(3)", {"range": range}, kind="row", example="range(3)")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no row is called 'rang(3)': did you mean 'range'? ...
    >>> named("range(1_0)", {"range": range}, kind="row", example="range(3)")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: 'range(1_0)': '1_0' is no number that can be used: write ...
    """
    check_kind(word, str, f"a {kind}", f"a spelling such as {example}")
    word = word.strip()
    match = _WORD.fullmatch(word.lower()) if word.isascii() else None
    if match is None or match["name"] not in makers:
        name = match["name"] if match else word.lower().partition("(")[0].strip()
        near = difflib.get_close_matches(name[:100], makers, n=1)
        brackets = f"; numbers stand in brackets, as in {example}" if near and "(" in word else ""
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SpellingError(
            f"no {kind} is called {shown(word)!r}: {hint}known are {', '.join(makers)}{brackets}"
        )
    texts = [] if match["numbers"] is None else match["numbers"].split(",")
    maker = makers[match["name"]]
    numbers: list[float] = []
    for text in map(str.strip, texts):
        number = read_number(text)
        if number is None:
            came = (
                f"{shown(text)!r} is no number that can be used" if text else "a number is missing"
            )
            form = example if text else _written(match["name"], maker) or example
            raise SpellingError(
                f"{shown(word)!r}: {came}: write {form}, in plain digits, from 1e-100 to 1e100"
            )
        numbers.append(number)
    try:
        return maker(*numbers)
    except (TypeError, ValueError) as error:
        if isinstance(error, SpellingError):
            raise
        given = "does not take these numbers" if numbers else "lacks its numbers"
        form = _written(match["name"], maker) or example
        raise SpellingError(f"{shown(word)!r} {given}: write {form}") from None


def _written(name: str, maker: Callable[..., object]) -> str:
    """How a word is written with the numbers that it takes; empty where nobody can say.

    >>> _written("csls", lambda k: k), _written("dot", lambda: 1)
    ('csls(k)', 'dot')
    """
    try:
        numbers = ",".join(signature(maker).parameters)
    except ValueError:  # of a maker that is written in C
        return ""
    return f"{name}({numbers})" if numbers else name


def parted(text: str) -> list[str]:
    """A text split at its commas, except those inside brackets.

    Raises ``SpellingError`` where there is no word, or a bracket is not closed.

    >>> parted("dot, norm(0,0.5)")
    ['dot', ' norm(0,0.5)']
    >>> parted("dot,,cosine")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: 'dot,,cosine': a word is missing between the commas
    """
    words: list[str] = []
    start = depth = 0
    for mark in _MARKS.finditer(text):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if depth < 0:
            break
        if mark[0] == "," and not depth:
            words.append(text[start : mark.start()])
            start = mark.end()
    words.append(text[start:])
    if depth:
        raise SpellingError(f"{shown(text)!r}: brackets come in pairs, as in norm(0,0.5)")
    if not all(word.strip() for word in words):
        missing = "a word is missing between the commas" if text.strip() else "names nothing"
        raise SpellingError(f"{shown(text)!r}: {missing}")
    return words


MOST = 100
"""The highest number of measures, metrics, variants or candidates at once: all are compared with
each other, so that twice as many take four times the memory and sixteen times as long."""


def check_number(count: int, noun: str, limit: int = MOST) -> None:
    """Refuse more measures, metrics or candidates than can be compared at once.

    >>> check_number(101, "measure")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: 101 measures are named, 100 at most can be held against each ...
    """
    if count > limit:
        raise SpellingError(
            f"{counted(count, noun)} are named, {limit:,} at most can be held against each other "
            "at once: name fewer, or part them into several runs"
        )


def check_distinct(names: Iterable[str], where: str) -> None:
    """Refuse a list in which a name stands twice, of which ``where`` says what it lists.

    >>> check_distinct(["kind", "sport", "kind"], "the strata")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: the strata name 'kind' more than once: name each once
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise SpellingError(f"{where} name {shown(twice[0])!r} more than once: name each once")


def html_table(
    sentences: Iterable[str], heading: Sequence[str], rows: Iterable[Sequence[str]]
) -> str:
    """Sentences and a plain table as HTML, every text escaped.

    >>> print(html_table(["a < b"], ["x"], [["1"]]))
    <p>a &lt; b</p>
    <table><tr><th>x</th></tr>
    <tr><td>1</td></tr></table>
    """
    paragraphs = [f"<p>{escape(sentence)}</p>" for sentence in sentences]
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    body = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    lines = "\n".join(f"<tr>{row}</tr>" for row in (head, *body))
    return "\n".join([*paragraphs, f"<table>{lines}</table>"])


def check_utf8(names: Iterable[str], noun: str) -> None:
    r"""Raise ``IdsError`` for a name that no file can hold: one with half of a pair in it.

    JSON can spell such halves, and names of files that are no UTF-8 come in with them.

    >>> check_utf8(["heat", "\ud800"], "id")
    Traceback (most recent call last):
    ...
    anglewise.errors.IdsError: the id '\ud800' is no text in UTF-8, so that no file can hold ...
    """
    names = list(names)
    try:
        "".join(names).encode()  # all at once, which is quick
    except UnicodeEncodeError as error:
        strange = (name.encode("utf-8", "backslashreplace").decode() for name in names)
        written = next(text for text, name in zip(strange, names, strict=True) if text != name)
        raise IdsError(
            f"the {noun} '{shown(written)}' is no text in UTF-8, so that no file can hold it: "
            "rename it"
        ) from error


def visible_json(text: str) -> str:
    r"""JSON of the same content, with the commands to a terminal in it written as escapes.

    >>> print(visible_json('{"title": "a\x9bb"}'))
    {"title": "a\u009bb"}
    """
    return COMMANDS.sub(_as_escapes, text)


def _as_escapes(found: re.Match[str]) -> str:
    """A character as JSON escapes it: one beyond the first 65,536 as a pair."""
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def other_form(names: Iterable[str], known: Container[str]) -> str:
    r"""What to say where a name is known in its other Unicode form alone; empty where none is.

    >>> print(other_form(["e\u0301"], {"\xe9"})[-70:].strip())
    differ in their Unicode form (NFC and NFD), so write both in one, NFC
    >>> other_form(["e", "a"], {"\xe9"})
    ''
    """
    for name in names:
        if name.isascii() or name in known:
            continue
        for form in ("NFC", "NFD"):
            other = unicodedata.normalize(form, name)
            if other != name and other in known:
                return (
                    f"; {shown(name)!r} is known in another spelling that looks alike: the ids "
                    f"differ in their Unicode form (NFC and NFD), so write both in one, {form}"
                )
    return ""


def order_of_ids(names: Sequence[str]) -> list[int]:
    """The positions that sort ids: as numbers if all are whole numbers, else as text.

    >>> order_of_ids(["10", "9", "1"]), order_of_ids(["10", "9", "a"])
    ([2, 1, 0], [0, 1, 2])
    """
    if not all(name.isdecimal() for name in names):
        return sorted(range(len(names)), key=names.__getitem__)
    if max(map(len, names), default=0) <= DIGITS:
        return sorted(range(len(names)), key=lambda i: (int(names[i]), names[i]))
    return sorted(range(len(names)), key=lambda i: (*_size(names[i]), names[i]))


def _size(number: str) -> tuple[int, str]:
    """A sort key for whole numbers of any length; Python reads none of thousands of digits."""
    digits = number if number.isascii() else "".join(str(int(digit)) for digit in number)
    digits = digits.lstrip("0")
    return len(digits), digits
