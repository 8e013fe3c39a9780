"""Examples in docstrings are shown as code, wherever in the text they stand."""

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^>>> .*(?:\n(?=\S).*)*", re.MULTILINE)
"""From a prompt to the next blank line, what it prints included."""


class Examples(Extension):
    """Puts marks of code around every example of a docstring."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Mark the examples of one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = marked(obj.docstring.value)


def marked(text: str) -> str:
    """A docstring with its examples as blocks of code."""
    return EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
