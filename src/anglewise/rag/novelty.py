"""What a passage says that those before it did not."""

import re

WORDS = re.compile(r"\w+")


class Said:
    """What the passages taken so far say, as runs of three words (Broder 1997).

    >>> said = Said()
    >>> said.anew("The wing is thin. The flow is laminar.", 0.8)
    True
    >>> said.anew("the wing is thin", 0.8), said.anew("a hot plate is not thin", 0.8)
    (False, True)
    """

    def __init__(self) -> None:
        self._runs: set[tuple[str, ...]] = set()

    def anew(self, text: str, share: float) -> bool:
        """Whether less than a share of a text was said before; if so, it is said now."""
        words = WORDS.findall(text.lower())
        runs = set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}
        if self._runs and len(runs & self._runs) >= share * len(runs):
            return False
        self._runs |= runs
        return True
