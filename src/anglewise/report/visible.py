"""Characters that command a terminal or turn a text around, shown instead of obeyed."""

import re

COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and new line, C1 controls, line separators, what overrides the
direction of a text, and halves of a pair."""


def visible(text: str) -> str:
    r"""A text whose commands are written out, so that a title cannot move the cursor.

    >>> print(visible("a\x1b[2J\u202eb"))
    a\x1b[2J\u202eb
    """
    return COMMANDS.sub(_written, text)


def visible_json(text: str) -> str:
    r"""The same for JSON, which stays JSON of the same content.

    >>> print(visible_json('{"title": "a\x9bb"}'))
    {"title": "a\u009bb"}
    """
    return COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
