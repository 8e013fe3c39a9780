"""How many of how many, and what that says about others."""

import math
from dataclasses import dataclass

Z = 1.959963984540054
"""The 97.5% point of the normal distribution."""


@dataclass(frozen=True)
class Share:
    """``value = count / of``, and its 95% interval."""

    count: int
    of: int
    value: float
    low: float
    high: float


def share(count: int, of: int) -> Share:
    """A share with Wilson's interval (1927), which holds for few and for rare ones too.

    >>> found = share(0, 20)
    >>> found.value, found.low, round(found.high, 3)
    (0.0, 0.0, 0.161)
    """
    p, z2 = count / of, Z * Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    low = 0.0 if count == 0 else middle - half
    high = 1.0 if count == of else middle + half
    return Share(count, of, p, low, high)
