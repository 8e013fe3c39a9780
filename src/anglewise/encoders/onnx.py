"""``onnx:FILE`` and ``onnx-images:FILE``: models in ONNX files, run by onnxruntime."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.typing import Array, Int64
from anglewise.encoders.declared import declared_beside
from anglewise.encoders.encoder import Encoder, Spec, digest
from anglewise.encoders.onnx_session import open_session, run
from anglewise.encoders.pixels import OPTIONS, Picture, Preparation, preparation, settings_beside
from anglewise.encoders.tokenizer_files import check_tokenizer, encodings_of, panics_as_errors
from anglewise.errors import EncoderError, SpellingError
from anglewise.io.destinations import is_elsewhere
from anglewise.io.files import contents, existing_file, file_text, reading, user_path
from anglewise.io.sizes import Contents
from anglewise.io.tables import listed

TENSOR, ENTRY = "tensor", "entry"
MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: TENSOR, 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: TENSOR,
        6: "graph",
        10: TENSOR,
        11: "graph",
        **dict.fromkeys((22, 23), "sparse tensor"),
    },
    "sparse tensor": {1: TENSOR, 2: TENSOR},
    TENSOR: {13: ENTRY},
    ENTRY: {},
}
"""The fields of ``onnx.proto`` by their numbers, as far as they lead to tensors kept apart."""
KEY, VALUE = 1, 2
MOST_DEPTH = 100
"""So many messages may stand in each other: protobuf reads no more."""
MOST_FIELDS = 2_000_000
"""Of more fields no model consists, vocabularies inside included; some seconds."""


def weight_files(path: Path) -> tuple[list[Path], bool]:
    """The file of a model and those that its weights lie in, and whether these are all.

    They are not known to be where the file is no ONNX model, or names what is not there.
    """
    try:
        names = external_names(contents(path))
        files = [path.parent / name for name in names]
        here = [file for name, file in zip(names, files, strict=True) if _is_file_here(name, file)]
    except ValueError:  # no model
        return [path], False
    return [path, *here], len(here) == len(files)


def _is_file_here(name: str, file: Path) -> bool:
    try:
        return not is_elsewhere(name) and file.is_file()
    except (OSError, ValueError):  # a name too long, or that no file can have
        return False


def identity_of_files(path: Path, *others: Path) -> str:
    """A digest of all that a model consists of; empty where that is not known."""
    files, whole = weight_files(path)
    return digest([*files, *others]) if whole else ""


def external_names(data: Contents) -> list[str]:
    r"""In which other files a model says that its numbers lie, in the order of their names.

    All spellings of protobuf are read. Raises ``ValueError`` for bytes that are no model.

    >>> external_names(b"\x3a\x13\x2a\x11\x6a\x0f\x12\x03w.b\x0a\x08location")
    ['w.b']
    """
    with memoryview(data) as whole:
        names = set(_external(whole, "model", (0, len(whole)), iter(range(MOST_FIELDS))))
    return sorted(map(os.fsdecode, names))


def _external(
    data: memoryview, kind: str, span: tuple[int, int], left: Iterator[int], depth: int = 0
) -> Iterator[bytes]:
    """The names of files in a message and in those that stand in it."""
    if depth > MOST_DEPTH:
        raise ValueError("messages stand in each other too deep")
    texts = {KEY: b"", VALUE: b""}
    for field, start, end in _fields(data, span, left):
        if kind == ENTRY and field in texts:  # of repeated ones the last counts
            texts[field] = bytes(data[start:end])
        elif field in MESSAGES[kind]:
            yield from _external(data, MESSAGES[kind][field], (start, end), left, depth + 1)
    if texts[KEY] == b"location":
        yield texts[VALUE].partition(b"\0")[0]  # so far a system reads it


def _fields(
    data: memoryview, span: tuple[int, int], left: Iterator[int]
) -> Iterator[tuple[int, int, int]]:
    """The number, start and end of each field of a message that has a length of its own."""
    at, end = span
    groups: list[int] = []  # fields in these are none of the message, and of no use to ONNX
    while at < end:
        if next(left, None) is None:
            raise ValueError("too many fields")
        tag, at = _varint(data, at, end)
        field, wire = tag >> 3, tag & 7
        if not field or tag >> 32 or wire > 5:
            raise ValueError(f"no field has the tag {tag}")
        start, at = _value(data, wire, at, end)
        if wire == 3:
            groups.append(field)
        elif wire == 4 and (not groups or groups.pop() != field):
            raise ValueError("a group ends that did not begin")
        elif wire == 2 and not groups:
            yield field, start, at
    if groups:
        raise ValueError("a group does not end")


def _value(data: memoryview, wire: int, at: int, end: int) -> tuple[int, int]:
    """Where the value of a field starts and ends."""
    size, start = {1: 8, 5: 4}.get(wire, 0), at
    if wire == 0:
        _, start = _varint(data, at, end)
    elif wire == 2:
        size, start = _varint(data, at, end)
    if start + size > end:
        raise ValueError("a field ends after its message")
    return start, start + size


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    """A whole number in groups of seven bits, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number does not end")


def output_of(spec: Spec, session: Any, usual: Sequence[str]) -> str:
    """The name of the output to read: the one of the options, a usual one, or the only one."""
    names = [str(output.name) for output in session.get_outputs()]
    name = spec.options.get("output")
    if name is not None:
        if name not in names:
            raise SpellingError(f"{spec.source} has no output {name!r}: it has {listed(names)}")
        return name
    candidates = [name for name in usual if name in names]
    if len(names) > 1 and not candidates:
        raise SpellingError(
            f"{spec.source} has several outputs, {listed(names)}: name one (output=...)"
        )
    return candidates[0] if candidates else names[0]


TEXT_OPTIONS = ("tokenizer", "output", "pooling", "window", "query_prompt", "document_prompt")
SENTENCES = ("sentence_embedding", "sentence_embeddings", "text_embeds", "embeddings")
TOKENS = ("last_hidden_state", "token_embeddings")
"""The usual names of an output with one vector a text, and of one with one vector a token."""


def load_onnx(spec: Spec) -> Encoder:
    """Load an encoder of texts with onnxruntime.

    Options: ``tokenizer`` (``tokenizer.json`` or ``vocab.txt``; by default beside the model),
    ``output`` (its name), ``pooling`` of an output that has a vector for each token (``mean`` by
    default, ``cls``; ``none`` requires one vector a text), ``window`` in tokens,
    ``query_prompt`` and ``document_prompt``, put before the text. An ONNX file does not declare
    what the model was trained for, but files of sentence-transformers beside it may.
    """
    spec.only(*TEXT_OPTIONS)
    path = spec.file()
    pooling = spec.one_of("pooling", ("mean", "cls", "none"), "mean")
    words, tokenizer, longest = open_tokenizer(spec, path)
    session = open_session(path)
    output = output_of(spec, session, (*SENTENCES, *TOKENS))
    runner = _TextRunner(session, tokenizer, output, pooling, pad_token(tokenizer))

    def tokens(texts: list[str]) -> list[int]:
        tokenizer.no_truncation()
        encodings = encodings_of(tokenizer, texts, special=False)
        if longest is not None:
            tokenizer.enable_truncation(longest)
        return [len(encoding.ids) for encoding in encodings]

    prompts = {side: spec.options.get(f"{side}_prompt", "") for side in ("document", "query")}
    added = tokenizer.num_special_tokens_to_add(False) + max(tokens([*prompts.values()]))
    options = dict(spec.options) | {"tokenizer": str(words.absolute())}
    settings = f"{output} {pooling} {longest} {prompts}"
    weights = identity_of_files(path, words)
    said = declared_beside(str(Spec("onnx", str(path.absolute()))))
    return Encoder(
        spec=str(Spec("onnx", str(path.absolute()), options)),
        similarity="unknown" if said is None else said.trained_for,
        normalises=None if said is None else said.normalises or None,
        documents=partial(runner, prompt=prompts["document"]),
        queries=partial(runner, prompt=prompts["query"]) if any(prompts.values()) else None,
        window=None if longest is None else max(1, longest - added),
        tokens=tokens,
        batch=32,
        identity=f"onnx {weights} {settings}" if weights else "",
    )


class _TextRunner:
    """A session with its tokenizer and pooling: turns texts into vectors."""

    def __init__(self, session: Any, tokenizer: Any, output: str, pooling: str, pad: int) -> None:
        self.session = session
        self.tokenizer = tokenizer
        self.output = output
        self.pooling = pooling
        self.pad = pad
        self.inputs = {node.name for node in session.get_inputs()}

    def __call__(self, texts: list[str], prompt: str = "") -> Array:
        """Encode texts with a prompt before each, in one call of the session."""
        encodings = encodings_of(self.tokenizer, [prompt + text for text in texts])
        ids = padded([encoding.ids for encoding in encodings], self.pad)
        mask = padded([[1] * len(encoding.ids) for encoding in encodings], 0)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        if missing := self.inputs - set(feed):
            raise EncoderError(
                f"the ONNX model asks for {listed(sorted(missing))}, which texts do not give: "
                "export the encoder of texts alone; images are for onnx-images:FILE"
            )
        feed_used = {name: array for name, array in feed.items() if name in self.inputs}
        vectors: Array = run(self.session, self.output, feed_used)
        return vectors if vectors.ndim == 2 else self._pooled(vectors, mask)

    def _pooled(self, vectors: Array, mask: Int64[Array, "texts tokens"]) -> Array:
        if vectors.ndim != 3 or self.pooling == "none":
            raise EncoderError(
                f"output {self.output!r} has shape {vectors.shape}, where one vector a text is "
                "due: name another (output=...), or say how to pool tokens (pooling=mean)"
            )
        if self.pooling == "cls":
            return vectors[:, 0]
        weights = mask[:, :, None].astype(vectors.dtype)
        return (vectors * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)


def padded(rows: Sequence[Sequence[int]], pad: int) -> Int64[Array, "texts tokens"]:
    """Rows of tokens as a table, the shorter ones filled up."""
    table = np.full((len(rows), max(1, *map(len, rows))), pad, dtype=np.int64)
    for row, cells in zip(table, rows, strict=True):
        row[: len(cells)] = cells
    return table


def open_tokenizer(spec: Spec, model: Path) -> tuple[Path, Any, int | None]:
    """The tokenizer of a model, its file, and how many tokens it leaves of a text, if it cuts any.

    Options: ``tokenizer`` (its file) and ``window`` in tokens.
    """
    words = _tokenizer_file(spec, model)
    with reading(words, "a tokenizer"):
        tokenizer = _tokenizer(words)
    longest = spec.number("window") or _longest(tokenizer, words)
    if longest is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(longest)
    tokenizer.no_padding()
    return words, tokenizer, longest


def _tokenizer_file(spec: Spec, model: Path) -> Path:
    name = spec.options.get("tokenizer")
    if name is not None:
        return existing_file(user_path(name))
    for folder in (model.parent, model.parent.parent):
        for name in ("tokenizer.json", "vocab.txt"):
            if (folder / name).is_file():
                return folder / name
    raise EncoderError(
        f"{model} has no tokenizer.json or vocab.txt beside it: name one (tokenizer=PATH)"
    )


def _tokenizer(path: Path) -> Any:
    tokenizers = library("tokenizers", "onnx")
    if path.suffix == ".txt":  # a list of word pieces, as BERT has them
        return tokenizers.BertWordPieceTokenizer(str(path), lowercase=True)
    check_tokenizer(path)
    with panics_as_errors(path):
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        with suppress(Exception):  # which whoever encodes will be told
            tokenizer.encode("a")  # some files break the library no sooner
    return tokenizer


def pad_token(tokenizer: Any) -> int:
    """The number of the token that fills up shorter texts; 0 where it has no usual name."""
    for word in ("[PAD]", "<pad>", "<|endoftext|>"):
        number = tokenizer.token_to_id(word)
        if number is not None:
            return int(number)
    return 0


def _longest(tokenizer: Any, words: Path) -> int | None:
    """The number of tokens that a text may have, from the files beside the model."""
    cut: Any = getattr(tokenizer, "truncation", None)
    if cut:
        return int(cut["max_length"])
    settings = words.with_name("tokenizer_config.json")
    if not settings.is_file():
        return None
    with reading(settings, "the settings of a tokenizer"):
        longest = int(json.loads(file_text(settings)).get("model_max_length", 0))
    return longest if 0 < longest < 1_000_000 else None  # some write 1e30 for none


OUTPUTS = ("image_embeds", "image_embeddings", "embeddings", "pooler_output", "last_hidden_state")
"""The usual names of the output of an image model, the best first."""
KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}

AS_THEY_ARE = {"scale": "1", "mean": "0", "std": "1"}


def load_onnx_images(spec: Spec) -> Encoder:
    """Load an encoder of images with onnxruntime.

    Options: ``size`` (``224`` or ``height x width``), ``shorter`` (scale the shorter side to that
    many pixels and cut out the middle; else images are stretched), ``layout`` (``nchw`` or
    ``nhwc``), ``channels`` (``rgb``, ``bgr`` or ``grey``), ``scale`` (255), ``mean`` (0), ``std``
    (1), ``resample``; ``output`` by its name, ``pooling`` (``mean``, ``cls`` or ``none``) of one
    that has a vector for each patch. Options that are not given are read from the model's metadata
    under these names, from a ``preprocessor_config.json`` beside it, and from the shape of its
    input. The spelling that a space stores contains all of them.
    """
    spec.only(*OPTIONS, "output", "pooling")
    path = spec.file()
    pooling = spec.one_of("pooling", ("mean", "cls", "none"), "mean")
    library("PIL.Image", "images")  # raise now, not after the images were listed
    session = open_session(path)
    node = _input(spec, session)
    prepare = preparation(_preparation_options(spec, path, session, node), spec, node.shape)
    output = output_of(spec, session, OUTPUTS)
    options = prepare.options() | {"output": output, "pooling": pooling}
    weights = identity_of_files(path)
    return Encoder(
        spec=str(Spec("onnx-images", str(path.absolute()), options)),
        documents=_ImageRunner(session, prepare, node, output, pooling),
        reads="images",
        batch=32,
        identity=f"onnx-images {weights} {options}" if weights else "",
    )


def _preparation_options(spec: Spec, path: Path, session: Any, node: Any) -> dict[str, str]:
    """How to prepare images; the user's options win over the model's, these over a file's."""
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    options = settings_beside(path) | {name: metadata[name] for name in OPTIONS if name in metadata}
    if KINDS[node.type] is np.uint8:  # such a model scales by itself
        options |= AS_THEY_ARE
        if any(spec.options.get(name, value) != value for name, value in AS_THEY_ARE.items()):
            raise SpellingError(
                f"{spec.source} takes bytes as they are: leave scale, mean and std out"
            )
    return options | dict(spec.options)


class _ImageRunner:
    """A session with its preparation and pooling: turns images into vectors."""

    def __init__(
        self, session: Any, prepare: Preparation, node: Any, output: str, pooling: str
    ) -> None:
        self.session = session
        self.prepare = prepare
        self.name = str(node.name)
        self.kind = KINDS[node.type]
        self.one_by_one = node.shape[0] == 1
        self.output = output
        self.pooling = pooling

    def __call__(self, pictures: list[Picture]) -> Array:
        """Encode images, all in one call of the session if the model allows it."""
        if self.one_by_one:
            return np.concatenate([self._run([picture]) for picture in pictures])
        return self._run(pictures)

    def _run(self, pictures: Sequence[Picture]) -> Array:
        pixels = self.prepare(pictures).astype(self.kind, copy=False)
        return self._pooled(run(self.session, self.output, {self.name: pixels}))

    def _pooled(self, vectors: Array) -> Array:
        while vectors.ndim > 2 and vectors.shape[-1] == 1:
            vectors = vectors[..., 0]  # a feature map of one pixel is a vector
        if vectors.ndim == 2:
            return vectors
        if vectors.ndim != 3 or self.pooling == "none":
            raise EncoderError(
                f"output {self.output!r} has shape {vectors.shape}, where one vector an image is "
                "due: name another (output=...), or say how to pool patches (pooling=mean)"
            )
        return vectors[:, 0] if self.pooling == "cls" else vectors.mean(axis=1)


def _input(spec: Spec, session: Any) -> Any:
    """The only input of the model; ``EncoderError`` if it cannot take images."""
    inputs = session.get_inputs()
    names = [str(node.name) for node in inputs]
    if len(inputs) != 1:
        raise EncoderError(
            f"{spec.source} asks for {listed(names)}: images are one input; export the part that "
            "encodes images alone"
        )
    [node] = inputs
    if len(node.shape) != 4 or node.type not in KINDS:
        raise EncoderError(
            f"{spec.source} takes {names[0]!r} as {node.type} of shape {node.shape}, which is no "
            "image: images x channels x height x width is due, as numbers"
        )
    if isinstance(node.shape[0], int) and node.shape[0] != 1:
        raise EncoderError(
            f"{spec.source} takes {node.shape[0]} images at once, no more and no fewer: export it "
            "with a free number of images"
        )
    return node
