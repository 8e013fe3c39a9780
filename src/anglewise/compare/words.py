"""How a comparison speaks."""

from collections.abc import Iterable
from math import ceil, floor, log10


def p_words(p: float) -> str:
    """A p-value as it stands in a sentence.

    >>> p_words(0.0004), p_words(0.0312), p_words(0.2)
    ('p < .001', 'p = .031', 'p = .200')
    """
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def listed(names: Iterable[str], last: str = "and") -> str:
    """Names in a row.

    >>> listed(["dot"]), listed(["dot", "cosine"]), listed("abc", last="or")
    ('dot', 'dot and cosine', 'a, b or c')
    """
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def counted(count: int, noun: str) -> str:
    """A number of things; ``query`` and its like become ``queries``.

    >>> counted(1, "query"), counted(1400, "query"), counted(2, "pair")
    ('1 query', '1,400 queries', '2 pairs')
    """
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def rounded_up(count: int) -> int:
    """Two digits are enough for a plan.

    >>> rounded_up(7), rounded_up(331), rounded_up(12345)
    (7, 340, 13000)
    """
    unit = 10 ** max(floor(log10(count)) - 1, 0)
    return ceil(count / unit) * unit
