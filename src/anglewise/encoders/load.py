"""From a spelling, a function or a space to an encoder."""

import difflib
from collections.abc import Iterable
from importlib import import_module
from shlex import quote
from typing import Any, cast

from anglewise.core.embeddings import Space
from anglewise.encoders.encoder import Encode, Encoder
from anglewise.encoders.spelling import Spec, read_spec
from anglewise.errors import EncoderError, SpellingError

KINDS = {
    "use": "universal:load",
    "words": "word_vectors:load",
    "model2vec": "static_model:load",
    "onnx": "onnx_model:load",
    "sentence-transformers": "sentence_transformer:load",
    "openai": "endpoint:load",
    "python": "imported:load",
    "onnx-images": "onnx_images:load",
    "python-images": "imported_images:load",
}
"""The kinds of encoder, and the file and function that load each."""

HARMLESS = frozenset({"use", "words", "model2vec", "onnx", "onnx-images"})
"""Kinds that a space may choose: files of numbers and words, none of which is run as code.

``.npy`` is never unpickled, ``.safetensors`` and ``tokenizer.json`` hold no code, and an ONNX file
is opened with the operators of onnxruntime alone.
"""


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
    file, _, function = KINDS[spec.kind].partition(":")
    adapter: Any = import_module(f"anglewise.encoders.{file}")
    return getattr(adapter, function)(spec)


def encoder_of(space: Space) -> Encoder:
    """Load the encoder that a space says it was encoded by, to ask it new questions.

    A space may come from a stranger, so it may name an encoder of a kind that runs no code, and
    no address: an encoder behind a server is loaded if it is the server of the environment.

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
    """Refuse what only a person may name; kinds that are not known are refused elsewhere."""
    if spec.kind in HARMLESS:
        _check_on_this_machine([spec.place, *spec.options.values()], spec)
    elif spec.kind == "openai":
        from anglewise.encoders.endpoint import check_chosen

        check_chosen(spec)
    elif spec.kind in KINDS:
        raise EncoderError(
            f"the space was encoded by {spec}, which may run code that the space brings, so it is "
            f"not run unasked: if you know it, name it (--encoder {quote(str(spec))})"
        )


def _check_on_this_machine(places: Iterable[str], spec: Spec) -> None:
    """Refuse paths of shared folders, at which Windows signs in as the user."""
    if any(place.replace("\\", "/").startswith("//") for place in places):
        raise EncoderError(
            f"the space names an encoder on another machine ({spec}), which is not asked for it "
            f"unasked: if you know it, name it (--encoder {quote(str(spec))})"
        )
