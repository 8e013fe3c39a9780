"""How numbers and intervals are written in every report."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from anglewise.comparison.comparison_result import Estimate

NOTHING = "-"
FAR = 100.0
"""A ratio from here on is written without decimals."""


def number(value: float, places: int = 3) -> str:
    """A figure with three decimals; a hyphen where there is none; nothing has no sign.

    >>> number(0.29876), number(float("nan")), number(-0.0004)
    ('0.299', '-', '0.000')
    """
    return NOTHING if math.isnan(value) else f"{value:z.{places}f}"


def signed(value: float) -> str:
    """A difference, with its sign.

    >>> signed(-0.02), signed(0.0)
    ('-0.020', '0.000')
    """
    text = number(value)
    return f"+{text}" if value > 0 and float(text) else text


def interval(low: float, high: float) -> str:
    """The ends of an interval.

    >>> interval(0.1, 0.25)
    '[0.100, 0.250]'
    """
    return f"[{number(low)}, {number(high)}]"


def p_value(p: float) -> str:
    """A p-value, no more exact than it deserves.

    >>> p_value(0.00004), p_value(0.0312), p_value(1.0)
    ('<.001', '.031', '1')
    """
    if math.isnan(p):
        return NOTHING
    if p < 0.001:
        return "<.001"
    return f"{p:.3f}".lstrip("0") if p < 0.9995 else "1"


def percent(share: float) -> str:
    """A share, never rounded to certainty.

    >>> percent(0.004), percent(0.417), percent(0.999), percent(1.0)
    ('<1%', '42%', '>99%', '100%')
    """
    if math.isnan(share):
        return NOTHING
    if 0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1:
        return ">99%"
    return f"{100 * share:.0f}%"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number of things.

    >>> counted(1, "query", "queries"), counted(1400, "item")
    ('1 query', '1,400 items')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def broken(signature: str, width: int) -> list[str]:
    """A signature on several lines, none broken inside a setting.

    >>> broken("metric:nDCG@10|seed:0|version:0.1.0", 24)
    ['metric:nDCG@10|seed:0|', 'version:0.1.0']
    """
    lines = [""]
    for setting in signature.split("|"):
        if lines[-1] and len(lines[-1]) + len(setting) + 1 > width:
            lines.append("")
        lines[-1] += f"{setting}|"
    return [*lines[:-1], lines[-1].removesuffix("|")]


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


def ratio(value: float | None, places: int = 2) -> str:
    """A ratio, no longer than it need be.

    >>> ratio(3.14159), ratio(54321.0), ratio(None), ratio(float("inf"))
    ('3.14', '5e+04', '-', 'infinite')
    """
    if value is None:
        return NOTHING
    if value == float("inf"):
        return "infinite"
    return f"{value:.{places}f}" if value < FAR else f"{value:.0e}"


def at_most(value: float) -> str:
    """The power of ten that a number does not exceed: all that is worth saying of rounding.

    >>> at_most(2.2e-15), at_most(0.0)
    ('1e-14', '0')
    """
    return f"{10.0 ** math.ceil(math.log10(value)):.0e}" if value > 0 else "0"


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
