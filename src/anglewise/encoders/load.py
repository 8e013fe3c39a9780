"""From a spelling, a function or a space to an encoder."""

import difflib
from importlib import import_module
from typing import Any, cast

from anglewise.embeddings import Space
from anglewise.encoders.encoder import Encode, Encoder
from anglewise.encoders.spelling import Spec, read_spec
from anglewise.errors import EncoderError, SpellingError

KINDS = {
    "use": "universal",
    "words": "word_vectors",
    "model2vec": "static_model",
    "onnx": "onnx_model",
    "sentence-transformers": "sentence_transformer",
    "openai": "endpoint",
    "python": "imported",
    "onnx-images": "onnx_images",
    "python-images": "imported_images",
}
"""The kinds of encoder, and the file that adapts each."""


def reads_images(spelling: str) -> bool:
    """Whether a spelling names an encoder of images; nothing is loaded.

    >>> reads_images("onnx-images:clip.onnx?size=224")
    True
    """
    return read_spec(spelling).kind.endswith("-images")


def encoder(which: str | Encode | Encoder) -> Encoder:
    """Give the encoder of a spelling, or make one of any function from texts to vectors.

    Spellings: ``use`` (the one that needs nothing but NumPy), ``words:FILE``,
    ``model2vec:MODEL``, ``onnx:FILE``, ``sentence-transformers:MODEL``, ``openai:MODEL``,
    ``python:MODULE:FUNCTION``; for images ``onnx-images:FILE`` and
    ``python-images:MODULE:FUNCTION``; each with options behind ``?``.

    Raises
    ------
    SpellingError
        No such kind or option.
    MissingExtraError
        A library is missing; the message names the extra.
    EncoderError, FileError
        The model cannot be loaded.

    Examples
    --------
    >>> encoder(lambda texts: [[len(text), 1.0] for text in texts])(["heist"])
    [[5, 1.0]]
    >>> encoder("us")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no encoder is called 'us'; did you mean use?
    """
    if isinstance(which, Encoder):
        return which
    if not isinstance(which, str):
        from anglewise.encoders.imported import from_function

        return from_function(which)
    spec = read_spec(which)
    if spec.kind not in KINDS:
        near = difflib.get_close_matches(spec.kind, KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KINDS)}"
        raise SpellingError(f"no encoder is called {spec.kind!r}; {hint}")
    adapter: Any = import_module(f"anglewise.encoders.{KINDS[spec.kind]}")
    return adapter.load(spec)


def encoder_of(space: Space) -> Encoder:
    """Load the encoder that a space says it was encoded by, to ask it new questions.

    A space may come from a stranger, so what it names is loaded only if that runs no code of its
    choice and sends nothing to an address of its choice.

    Raises
    ------
    EncoderError
        The space names no encoder, or one that only you may name, or the model that is here has
        other weights than the one that encoded the space.
    """
    said = space.about.get("encoder")
    if not isinstance(said, str):
        raise EncoderError(
            "the space does not say which encoder made its vectors: name it (--encoder SPEC)"
        )
    _check_harmless(read_spec(said))
    found = encoder(said)
    about: Any = space.about.get("encoding")
    then = cast("dict[str, Any]", about).get("identity") if isinstance(about, dict) else None
    if then and found.identity and then != found.identity:
        raise EncoderError(
            f"{said} has other weights here than when the space was encoded: take the model of "
            "then, or encode the space again"
        )
    return found


def _check_harmless(spec: Spec) -> None:
    if spec.kind in {"python", "python-images"}:
        raise EncoderError(
            f"the space was encoded by a function of yours ({spec}), which is not run unasked: "
            "name it (--encoder SPEC)"
        )
    if spec.kind == "openai":
        from anglewise.encoders.endpoint import is_trusted

        if not is_trusted(spec):
            raise EncoderError(
                f"the space was encoded at an address that it names itself ({spec}), to which "
                "your key and questions are not sent unasked: name it (--encoder SPEC), or set "
                "OPENAI_BASE_URL to it"
            )
