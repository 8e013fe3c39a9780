"""What was judged before, where anything was."""

from pathlib import Path

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import Direction
from anglewise.io.files import Say
from anglewise.io.read import read_judgements
from anglewise.judgements.connection import STORE_NAME
from anglewise.judgements.store import JudgementStore


def known_judgements(
    given: Path | None, folder: Path | None, space: Space, direction: Direction, say: Say
) -> Judgements | None:
    """What a file says, or the store beside a space; None where there is none or it is empty.

    >>> import numpy as np
    >>> from anglewise.core.embeddings import Embeddings
    >>> alone = Space(items=Embeddings(np.eye(2)))
    >>> known_judgements(None, None, alone, "items-items", print) is None
    True
    """
    if given is not None:
        return read_judgements(given, space, direction=direction, say=say)
    path = None if folder is None else folder / STORE_NAME
    if path is None or not path.is_file():
        return None
    with JudgementStore.open(path, read_only=True) as store:
        if not any(True for _ in store.rows(direction)):
            return None
        return store.judgements(space, direction)
