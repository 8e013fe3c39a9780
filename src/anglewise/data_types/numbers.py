"""Arguments: numbers read by one grammar and held to bounds, and values of other kinds checked."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from numbers import Integral, Real
from typing import Any

from anglewise.errors import AnglewiseError, SpellingError, ValuesError, WrongTypeError

LARGEST = 1e100
"""Products of two numbers beyond it, or nearer to 0 than one over it, may not fit float64."""
DIGITS = 18
"""The number of digits that always fit a whole number of 64 bits."""
EXACT = 2**53
"""The whole number from which on float64 skips some: others were rounded to what it holds."""
SHOWN = 60
"""The number of characters of an input that a message shows."""

_WHOLE = re.compile(rf"-?(?:0|[1-9][0-9]{{0,{DIGITS - 1}}})")
_CELL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_REAL = re.compile(r"-?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Bounds:
    """The numbers that a setting can take: whole or any, from ``least`` to ``most``.

    ``open_least`` and ``open_most`` exclude the end itself. ``example`` is for the messages.

    >>> Bounds(whole=True, least=1, example="10").check("k", 3)
    3
    >>> Bounds(least=0, most=1, open_least=True, example="0.95").check("recall", float("nan"))
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: recall is nan: a number above 0 and at most 1 is due, such as 0.95
    """

    whole: bool = False
    least: float | None = None
    most: float | None = None
    open_least: bool = False
    open_most: bool = False
    example: str = "0.5"

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = None if self.least is None else written(self.least)
        high = None if self.most is None else written(self.most)
        if low is None and high is None:
            return "a finite number"
        if low == "0" and self.open_least and high is None:
            return "a positive number"
        if low and high and not (self.open_least or self.open_most):
            return f"{kind} from {low} to {high}"
        lower = low and (f"above {low}" if self.open_least else f"of at least {low}")
        upper = high and (f"below {high}" if self.open_most else f"at most {high}")
        return f"{kind} {' and '.join(end for end in (lower, upper) if end)}"

    def read(self, text: str) -> float:
        """Read a typed number; the ``SpellingError`` names the bounds, not the setting.

        >>> Bounds(whole=True, least=1, example="10").read("1e1")
        Traceback (most recent call last):
        ...
        anglewise.errors.SpellingError: a whole number of at least 1 is due, such as 10
        """
        value = read_whole(text) if self.whole else read_number(text)
        if value is None or not self.holds(value):
            raise SpellingError(self.due)
        return value if self.whole else float(value)

    def check(self, name: str, value: Any, error: type[AnglewiseError] = ValuesError) -> float:
        """The value if it lies within; else raise ``error`` with the name of the setting.

        A number of NumPy comes back as one of Python.
        """
        if not _is_number(value, whole=self.whole) or not self.holds(value):
            raise error(f"{name} is {shown(value)}: {self.due}")
        if isinstance(value, int | float):
            return value
        return int(value) if self.whole else float(value)

    @property
    def due(self) -> str:
        """The numbers that are expected, for a message."""
        return f"{self} is due, such as {self.example}"

    def holds(self, value: Any) -> bool:
        """Whether a number lies within."""
        # NumPy compares float32 in float32, which does not hold 1e100
        value = int(value) if isinstance(value, Integral) else float(value)
        furthest = 10**DIGITS if self.whole else LARGEST
        if not -furthest <= value <= furthest:
            return False
        low = self.least is None or (value > self.least if self.open_least else value >= self.least)
        high = self.most is None or (value < self.most if self.open_most else value <= self.most)
        return low and high


def check_threads(threads: object) -> None:
    """Refuse a number of threads that cannot be; None leaves it to the machine.

    >>> check_threads(-1)
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: threads is -1: a whole number of at least 1 is due, such as 2
    """
    if threads is not None:
        whole(1, example="2").check("threads", threads)


def whole(least: int = 0, most: int | None = None, *, example: str = "10") -> Bounds:
    """Bounds of a whole number."""
    return Bounds(whole=True, least=least, most=most, example=example)


COUNT = whole(1)
"""A count: 1 or more."""
CONCURRENCY = whole(1, 256, example="8")
"""How many batches may be on their way to a server at once."""
GRADE = whole(1, 100, example="3")
"""The highest grade that somebody may give."""
SEED = whole(0, example="0")
"""The seed of a random generator."""
FINITE = Bounds(example="0.5")
POSITIVE = Bounds(least=0, open_least=True, example="0.1")
NOT_NEGATIVE = Bounds(least=0, example="0.01")
SHARE = Bounds(least=0, most=1, open_least=True, open_most=True, example="0.2")
"""A proportion, neither nothing nor all."""
PART = Bounds(least=0, most=1, open_least=True, example="0.95")
"""A proportion above nothing, up to all."""
KEPT_ASIDE = Bounds(least=0, most=1, open_most=True, example="0.2")
"""A proportion that is kept aside, from nothing to less than all."""
EXPONENT = Bounds(least=-8, most=8, example="0.5")
"""An exponent of lengths: the eighth power of any float32 still fits float64."""
WEIGHT = Bounds(least=0, most=8, example="0.75")
"""An exponent that is not negative."""
CONDITION = Bounds(least=1, most=1e15, example="30")
"""A condition number; a map beyond it cannot be inverted in float64."""
UNIT = Bounds(least=0, most=1, example="0.5")
"""From 0 to 1, both included."""


def read_whole(text: str) -> int | None:
    """A whole number as people write it, in ASCII digits alone; None for anything else.

    >>> [read_whole(text) for text in ("10", "-3", "1e1", "1_0", "0x1", "010", "-0", "9" * 30)]
    [10, -3, None, None, None, None, None, None]
    """
    return int(text) if _WHOLE.fullmatch(text) and text != "-0" else None


def read_number(text: str) -> float | None:
    """A finite number, whole ones as int; None for anything else and for what float64 loses.

    >>> [read_number(t) for t in ("0.5", ".5", "1e3", "10", "nan", "1e308", "1e-320", "-0")]
    [0.5, 0.5, 1000.0, 10, None, None, None, None]
    """
    exact = read_whole(text)
    if exact is not None:
        return exact
    if not _REAL.fullmatch(text):
        return None
    value = float(text)
    underflows = value == 0 and (
        text.startswith("-") or re.search("[1-9]", re.split("[eE]", text)[0])
    )
    small = 0 < abs(value) < 1 / LARGEST
    return None if underflows or small or abs(value) > LARGEST else value


def cell_number(cell: object) -> float | None:
    """The finite number in a cell of a table, given as a number or as text; else None.

    Text is read as ASCII digits with a sign, point and exponent, of any size that float64 holds:
    the bounds of settings do not apply to data.

    >>> [cell_number(cell) for cell in (2, "2.50", " +1e300 ", "1_0", "nan", "1e999", None)]
    [2.0, 2.5, 1e+300, None, None, None, None]
    """
    if isinstance(cell, bytes):
        cell = cell.decode("ascii", "replace")
    if isinstance(cell, str) and not _CELL.fullmatch(cell.strip()):
        return None
    try:
        number = float(cell)  # pyright: ignore[reportArgumentType] whatever stands in a table
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def written(number: float) -> str:
    """A number as text that reads back as the same number, short where possible.

    >>> written(0.5), written(3.0), written(0.123456789), written(1234567)
    ('0.5', '3', '0.123456789', '1234567')
    """
    short = f"{number:g}"
    if float(short) == number:
        return short if "e+" not in short else _plain(number)
    return _plain(number)


def shown(value: object) -> str:
    """A value as text for a message, cut where it is long."""
    return _cut(value, str)


def quoted(value: object) -> str:
    """A value as Python writes it, for a message, cut where it is long.

    >>> quoted("a"), quoted(10**5000)
    ("'a'", 'a number of thousands of digits')
    """
    return _cut(value, repr)


def described(value: object) -> str:
    """The type of a value, and short values themselves, for a message.

    >>> described(3), described("a.npy"), described(re.compile("a"))
    ('an int (3)', "a str ('a.npy')", 're.Pattern')
    """
    kind = type(value)
    if kind.__module__ != "builtins":
        return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    article = "an" if kind.__name__[0] in "aeiou" else "a"
    text = f" ({quoted(value)})" if isinstance(value, str | bytes | int | float) else ""
    return f"{article} {kind.__name__}{text}"


def check_kind(value: object, kinds: Any, name: str, due: str) -> None:
    """Raise ``WrongTypeError`` for a value of another kind than is due.

    >>> check_kind(3, str, "a measure", "a spelling")
    Traceback (most recent call last):
    ...
    anglewise.errors.WrongTypeError: a measure is an int (3): a spelling is due
    """
    if not isinstance(value, kinds):
        raise WrongTypeError(f"{name} is {described(value)}: {due} is due")


def check_word(word: object, known: Iterable[str], name: str) -> None:
    """Raise ``SpellingError`` for what is none of some known words.

    >>> check_word("men", ("mean", "majority"), "combine")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: combine is 'men': known are mean, majority
    """
    words = tuple(known)
    if not isinstance(word, str) or word not in words:
        came = quoted(word) if isinstance(word, str) else described(word)
        raise SpellingError(f"{name} is {came}: known are {', '.join(words)}")


def check_flag(value: object, name: str) -> None:
    """Raise ``WrongTypeError`` for what is neither true nor false."""
    if type(value).__name__ not in {"bool", "bool_"}:  # Python's, and NumPy's of any version
        raise WrongTypeError(f"{name} is {described(value)}: True or False is due")


def check_columns(**columns: object) -> None:
    """Raise ``WrongTypeError`` for what names no column; None stands for those that are found."""
    for name, column in columns.items():
        if column is not None:
            check_kind(column, str, name, "the name of a column")


def as_list(values: Any, name: str, due: str) -> list[Any]:
    """Several values as a list; ``WrongTypeError`` for what holds none. ``name`` is a plural noun.

    >>> as_list(3, "measures", "a list of spellings is due")
    Traceback (most recent call last):
    ...
    anglewise.errors.WrongTypeError: measures are an int (3): a list of spellings is due
    """
    try:
        return list(values)
    except TypeError as error:
        raise WrongTypeError(f"{name} are {described(values)}: {due}") from error


def _cut(value: object, written_by: Callable[[object], str]) -> str:
    try:
        text = written_by(value)
    except ValueError:  # Python prints no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _is_number(value: object, *, whole: bool) -> bool:
    """Whether a value is a number of Python or NumPy that can be computed with and printed."""
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        return False
    # NumPy counts spans of time among its whole numbers; fractions have no format
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    return isinstance(value, int | float) or kind in {"i", "u", "f"}


def _plain(number: float) -> str:
    is_whole = isinstance(number, Integral) or (float(number).is_integer() and abs(number) < 1e15)
    return str(int(number)) if is_whole else repr(float(number))
