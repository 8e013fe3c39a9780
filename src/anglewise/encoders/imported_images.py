"""``python-images:MODULE:FUNCTION``: any function from a list of images to vectors."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from anglewise.encoders.encoder import Encoder
from anglewise.encoders.imported import from_function as encoder_of_function
from anglewise.encoders.imported import load as load_function
from anglewise.encoders.picture import Picture
from anglewise.encoders.spelling import Spec
from anglewise.errors import EncoderError

BATCH = 16
"""Images are given whole, as they were taken: some ten megabytes each."""


def load(spec: Spec) -> Encoder:
    """Import the function, or an ``Encoder`` that reads images.

    The function takes a list of arrays, height x width x 3 of ``uint8``, and gives a vector for
    each. ``EncoderError`` if it is not there.

    >>> load(Spec("python-images", "builtins:sorted")).reads
    'images'
    """
    return _of_images(load_function(spec))


def from_function(function: Callable[[list[Any]], Any]) -> Encoder:
    """Wrap a function of images.

    >>> from_function(lambda images: [[image.mean(), 1.0] for image in images]).spec
    'python-images:?'
    """
    made = encoder_of_function(function)
    spec = made.spec.replace("python:", "python-images:", 1)
    return _of_images(replace(made, spec=spec))


def _of_images(made: Encoder) -> Encoder:
    if made.reads == "images":
        return made
    if made.identity or made.queries is not None or made.window is not None:
        raise EncoderError(
            f"{made.spec} is an encoder of texts: one that reads images (reads='images'), or a "
            "function of a list of images, is due"
        )
    function = made.documents

    def encode(pictures: list[Picture]) -> Any:
        return function([picture.pixels() for picture in pictures])

    return replace(made, documents=encode, reads="images", batch=BATCH)
