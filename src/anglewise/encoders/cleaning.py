"""Texts without characters that no reader sees."""

import re
from collections.abc import Iterable

UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
"""Control characters but for tab and line ends, byte order marks, and halves of characters."""


def clean(text: str) -> str:
    r"""Put a blank where a control character stands; lengths and places stay as they are.

    >>> clean("one\x00two\x1b")
    'one two '
    """
    return text if text.isprintable() else UNSEEN.sub(" ", text)


def clean_all(texts: Iterable[str]) -> list[str]:
    r"""Clean many texts, of which most are as they should be.

    >>> clean_all(["one", "two\x00"])
    ['one', 'two ']
    """
    return [text if text.isprintable() else clean(text) for text in texts]
