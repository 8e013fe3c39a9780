"""What a space's store says already."""

from pathlib import Path

from anglewise.embeddings import Space
from anglewise.judgements.judgements import Judgements
from anglewise.judgements.store import STORE_NAME, JudgementStore
from anglewise.typing import Direction


def known_judgements(folder: Path | None, space: Space, direction: Direction) -> Judgements | None:
    """What was judged in the store beside a space; None where there is no store or nothing in it.

    >>> import numpy as np
    >>> from anglewise.embeddings import Embeddings
    >>> known_judgements(None, Space(items=Embeddings(np.eye(2))), "items-items") is None
    True
    """
    path = None if folder is None else folder / STORE_NAME
    if path is None or not path.is_file():
        return None
    with JudgementStore.open(path, read_only=True) as store:
        if not any(True for _ in store.rows(direction)):
            return None
        return store.judgements(space, direction)
