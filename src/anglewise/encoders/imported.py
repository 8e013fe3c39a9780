"""``python:MODULE:FUNCTION``: any function from texts to vectors, or an ``Encoder``."""

from dataclasses import replace
from importlib import import_module
from typing import Any

from anglewise.encoders.encoder import Encode, Encoder
from anglewise.encoders.spelling import Spec
from anglewise.errors import EncoderError, SpellingError


def load(spec: Spec) -> Encoder:
    """Import the function or ``Encoder``; ``EncoderError`` if it is not there.

    >>> load(Spec("python", "builtins:sorted")).spec
    'python:builtins:sorted'
    """
    spec.only()
    module, colon, name = spec.place.partition(":")
    if not colon or not module or not name:
        raise SpellingError(f"{spec}: write python:MODULE:FUNCTION")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise EncoderError(f"{spec} cannot be imported: {error}") from error
    if isinstance(found, Encoder):  # one that knows more about itself than a function can
        return replace(found, spec=str(spec))
    if not callable(found):
        raise EncoderError(f"{spec} is {type(found).__name__}: a function of texts is due")
    return Encoder(spec=str(spec), documents=found)


def from_function(function: Encode) -> Encoder:
    """Wrap a function; its spelling leads back to it where it can be imported.

    >>> import math
    >>> from_function(math.dist).spec
    'python:math:dist'
    >>> from_function(lambda texts: texts).spec
    'python:?'
    """
    if not callable(function):
        raise EncoderError(
            f"an encoder is due, or a function of a list of texts: this is "
            f"{type(function).__name__}"
        )
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", "<>")
    known = module not in {None, "__main__"} and "<" not in name
    return Encoder(spec=f"python:{module}:{name}" if known else "python:?", documents=function)
