"""Gates for continuous integration: ``cosine>=dot-0.01`` must hold, or the build fails."""

import re
from dataclasses import dataclass

import numpy as np

from anglewise.compare.candidates import canonical
from anglewise.core.numbers import read_number, shown
from anglewise.errors import SpellingError

_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_GATE = re.compile(r"(?P<left>[^<>=]+)(?P<relation>>=|<=)(?P<right>[^<>=]+)")
_LEVEL = re.compile(rf"-?\s*{_NUMBER}")
_OTHER = re.compile(rf"(?P<name>.*?)(?P<slack>[+-]\s*{_NUMBER})?")
_LAST = re.compile(r"last(?:\(\s*(?P<label>\S|\S.*\S)\s*\))?", re.IGNORECASE)


@dataclass(frozen=True)
class Last:
    """What the same candidate had in the last run of the history, or in the last with a label.

    >>> str(Last()), str(Last("v1.0"))
    ('last', 'last(v1.0)')
    """

    label: str | None = None

    def __str__(self) -> str:
        return "last" if self.label is None else f"last({self.label})"


@dataclass(frozen=True)
class Gate:
    """What must hold: ``left >= right + level``, or ``left >= level`` where ``right`` is None.

    ``at_most`` turns the relation round.
    """

    left: str
    right: str | Last | None
    level: float
    at_most: bool = False

    def __str__(self) -> str:
        relation = "<=" if self.at_most else ">="
        if self.right is None:
            return f"{self.left}{relation}{spelled(self.level)}"
        slack = f"{'+' * (self.level > 0)}{spelled(self.level)}" if self.level else ""
        return f"{self.left}{relation}{self.right}{slack}"


def spelled(level: float) -> str:
    """A level as a gate may spell it: every digit, no exponent.

    >>> spelled(0.123456789), spelled(-1e-7), spelled(3.0)
    ('0.123456789', '-0.0000001', '3')
    """
    return np.format_float_positional(level, trim="-")


def gate(spelling: str) -> Gate:
    """Read a gate: a candidate, ``>=`` or ``<=``, and what it is held against.

    That is another candidate, ``last`` (the same one in the last run of the history that held its
    gates) or ``last(LABEL)`` (in the last such run of that label), each plus or less a number; or
    a number alone. A candidate is a measure, or of several spaces ``new: cosine``.

    Raises ``SpellingError`` for anything else.

    >>> gate("cosine >= dot - 0.01")
    Gate(left='cosine', right='dot', level=-0.01, at_most=False)
    >>> str(gate("cosine@without-top(3)>=0.3")), str(gate("New: dot >= last(v1.0) - .02"))
    ('cosine@without-top(3)>=0.3', 'New: dot>=last(v1.0)-0.02')
    """
    found = _GATE.fullmatch(spelling)
    if found is None or not found["left"].strip() or not found["right"].strip():
        raise SpellingError(
            f"{spelling!r} is no gate: write cosine>=dot-0.01, dot>=0.3 or cosine>=last-0.01"
        )
    left, right = canonical(found["left"]), found["right"].strip()
    at_most = found["relation"] == "<="
    if _LEVEL.fullmatch(right):
        return Gate(left, None, _number(right), at_most)
    other = _OTHER.fullmatch(right)
    name, slack = (other["name"].strip(), other["slack"]) if other else (right, None)
    last = _LAST.fullmatch(name)
    against = canonical(name) if last is None else Last(last["label"])
    return Gate(left, against, 0.0 if slack is None else _number(slack), at_most)


def _number(text: str) -> float:
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text.removeprefix("+"))
    size = read_number(digits.strip())
    if size is None or (sign and not size):
        raise SpellingError(
            f"{shown(text)!r} is no number that can be used in a gate: write cosine>=0.3 or "
            "cosine>=dot-0.01"
        )
    return -float(size) if sign else float(size)
