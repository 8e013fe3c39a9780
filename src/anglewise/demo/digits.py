"""Handwritten digits, which come with scikit-learn: images as vectors, their classes as labels."""

from typing import Any, cast

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements, Labels
from anglewise.core.typing import Array
from anglewise.errors import MissingExtraError
from anglewise.judgements.constructed import from_labels


def digits() -> tuple[Space, Judgements]:
    """Give 1,797 images of 8 x 8 grey values, and every two of one digit as relevant.

    The vectors are the 64 grey values themselves, from 0 to 16: no model was trained. Raises
    ``MissingExtraError`` without scikit-learn.

    >>> space, judgements = digits()
    >>> space.items, judgements.direction
    (Embeddings(1797 x 64), 'items-items')
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as missing:
        raise MissingExtraError(
            "the digits come with scikit-learn, which is not installed: "
            "pip install 'anglewise[sklearn]'"
        ) from missing
    loaded = cast("Any", load_digits())  # scikit-learn ships no types
    images: Array = loaded.data
    classes: list[int] = loaded.target.tolist()
    ids = [f"image-{row:04d}" for row in range(1, len(images) + 1)]
    titles = [f"a handwritten {digit}" for digit in classes]
    items = Embeddings(images, ids=ids, metadata={"title": titles})
    space = Space(items=items, about={"made_from": "scikit-learn's digits"})
    labels = Labels({name: str(digit) for name, digit in zip(ids, classes, strict=True)})
    return space, from_labels(space, labels)
