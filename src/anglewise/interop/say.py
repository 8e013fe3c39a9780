"""How a reader tells what it guessed."""

import os
from collections.abc import Callable
from typing import TypeAlias

PathLike: TypeAlias = str | os.PathLike[str]

Say: TypeAlias = Callable[[str], None]
"""Called with one sentence; a command prints it, a notebook may collect it in a list."""


def quiet(_sentence: str) -> None:
    """Tell nobody.

    >>> quiet("took column 'emb' as the vectors")
    """
