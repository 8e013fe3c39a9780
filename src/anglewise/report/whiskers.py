"""Intervals drawn with characters on one common axis."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from anglewise.comparison.comparison_result import Estimate


@dataclass(frozen=True)
class Pens:
    """The characters to draw with."""

    line: str
    left: str
    right: str
    point: str
    superscript: bool


DRAWN = Pens("─", "├", "┤", "●", superscript=True)
PLAIN = Pens("-", "|", "|", "o", superscript=False)
"""For terminals and files that know ASCII alone."""

_RAISED = str.maketrans("abcdefghijklmnoprstuvwxyz-", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ⁻")


@dataclass(frozen=True)
class Axis:
    """Where a value stands among ``width`` characters.

    >>> axis = Axis(0.0, 1.0, 11)
    >>> axis.draw(Estimate(0.5, 0.2, 0.9), PLAIN)
    '  |--o---| '
    """

    low: float
    high: float
    width: int

    @classmethod
    def around(cls, estimates: Iterable[Estimate], width: int) -> "Axis":
        """The axis that holds every interval."""
        ends = [end for one in estimates for end in (one.low, one.mean, one.high)]
        ends = [end for end in ends if math.isfinite(end)]
        low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
        return cls(low, high if high > low else low + 1.0, width)

    def place(self, value: float) -> int:
        """The column of a value."""
        return round((value - self.low) / (self.high - self.low) * (self.width - 1))

    def draw(self, estimate: Estimate, pens: Pens) -> str:
        """One interval with its mean; nothing where the mean is not a number."""
        if math.isnan(estimate.mean):
            return " " * self.width
        start, point, end = (
            self.place(value) for value in (estimate.low, estimate.mean, estimate.high)
        )
        drawn = [" "] * self.width
        drawn[start : end + 1] = pens.line * (end + 1 - start)
        drawn[start], drawn[end], drawn[point] = pens.left, pens.right, pens.point
        return "".join(drawn)


def raised(letters: str, pens: Pens) -> str:
    """Letters as a superscript.

    >>> raised("b-d", DRAWN), raised("b-d", PLAIN), raised("", PLAIN)
    ('ᵇ⁻ᵈ', '^b-d', '')
    """
    if pens.superscript:
        return letters.translate(_RAISED)
    return f"^{letters}" if letters else ""
