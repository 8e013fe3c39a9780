"""What a passage says that those before it did not."""

import re

WORDS = re.compile(r"\w+")
TOGETHER = 3


class Said:
    """What the passages taken so far say, as runs of three words (Broder 1997).

    >>> said = Said()
    >>> said.take("The wing is thin. The flow is laminar.")
    >>> said.share("the wing is thin"), said.share("a hot plate is not thin")
    (1.0, 0.0)
    """

    def __init__(self) -> None:
        self._runs: set[tuple[str, ...]] = set()

    def take(self, text: str) -> None:
        """Remember a passage."""
        self._runs |= _runs(text)

    def share(self, text: str) -> float:
        """Which share of a text was said before."""
        runs = _runs(text)
        return len(runs & self._runs) / len(runs) if self._runs else 0.0


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [word.lower() for word in WORDS.findall(text)]
    if len(words) <= TOGETHER:
        return {tuple(words)}
    return set(zip(*(words[start:] for start in range(TOGETHER)), strict=False))
