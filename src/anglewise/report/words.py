"""How numbers and intervals are written in every report."""

import math

NOTHING = "-"
BEATEN = "the measures that this one beats, by sign flips at 95%."
BEATEN_BY_BOTH = "the measures that this one beats, by both tests at 95%."
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
