"""How a verdict words intervals, leads and what matters, so that no figure contradicts another."""

from math import isfinite

from anglewise.comparison.comparison_result import NO_INTERVAL
from anglewise.data_types.text import at_least
from anglewise.statistics.decision import Tolerance


def what_matters(value: float, tolerance: Tolerance) -> str:
    """The least lead that matters.

    >>> what_matters(0.012, Tolerance()), what_matters(0.005, Tolerance())
    ('0.012 (2%)', '0.005 (the least for 2%)')
    >>> what_matters(0.0125, Tolerance(0.0, 0.0125)), what_matters(0.0, Tolerance(0.0, 0.0))
    ('0.0125', 'any lead')
    """
    if not value:
        return "any lead"
    if not tolerance.relative:
        return f"{value:.10g}"
    if value == tolerance.floor:
        return f"{value:.10g} (the least for {tolerance})"
    return f"{value:.3f} ({tolerance})"


def lead_words(above: float, mean: float, tolerance: Tolerance, surely: str) -> str:
    """The least lead of a measure with this mean, of which it was shown that it matters.

    It was held against a share of the mean as it may be, not as it is here: so the lead may be at
    least less than that share of the mean here.

    >>> lead_words(0.103, 0.7, Tolerance(), "at 95%")
    'at least 0.103 at 95%, where 0.014 (2%) matters'
    >>> lead_words(0.0103, 0.6, Tolerance(), "at 95%")
    'at least 0.010 and by more than 2% of its own mean, which matters, at 95%'
    """
    value, least = tolerance.against(mean), at_least(above)
    matters = what_matters(value, tolerance)
    if not value or float(least) >= float(matters.split()[0]):
        return f"at least {least} {surely}, where {matters} matters"
    share = f"{value:.10g}" if value == tolerance.floor else f"{tolerance} of its own mean"
    return f"at least {least} and by more than {share}, which matters, {surely}"


def interval_words(low: float, high: float, sign: str = "", level: str = "") -> str:
    """Both ends and their level, or why there are none.

    >>> interval_words(0.1, 0.25), interval_words(-0.1, 0.2, "+", "at 95%")
    ('[0.100, 0.250]', '[-0.100, +0.200] at 95%')
    >>> interval_words(float("nan"), float("nan"))
    '(no interval: no resample differs)'
    """
    if not (isfinite(low) and isfinite(high)):
        return f"(no interval: {NO_INTERVAL})"
    return " ".join(filter(None, [f"[{low:{sign}.3f}, {high:{sign}.3f}]", level]))
