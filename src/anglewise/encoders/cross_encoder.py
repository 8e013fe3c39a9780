"""``onnx:FOLDER`` as a reranker: a cross-encoder in an ONNX file, which reads query and text."""

from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.typing import Array
from anglewise.encoders.encoder import Spec
from anglewise.encoders.onnx import (
    identity_of_files,
    open_tokenizer,
    output_of,
    pad_token,
    padded,
)
from anglewise.encoders.onnx_session import open_session, run
from anglewise.encoders.reranker import Reranker
from anglewise.encoders.tokenizer_files import encodings_of
from anglewise.errors import EncoderError, SpellingError
from anglewise.io.files import existing_file, is_folder, user_path
from anglewise.io.tables import listed

MODELS = ("model.onnx", "onnx/model.onnx")
"""Where the model lies in a folder, as exporters write it."""
LOGITS = ("logits", "scores", "score", "relevance")
"""The usual names of an output with one number a pair."""
AT_ONCE = 32
"""Pairs in one call of the session, which are all filled up to the longest."""


def load_onnx_pairs(spec: Spec) -> Reranker:
    """Load a cross-encoder with onnxruntime: a folder with ``model.onnx``, or the file itself.

    Query and text go through the tokenizer as a pair, and the model gives one number for it.
    Options: ``tokenizer`` (``tokenizer.json`` or ``vocab.txt``; by default beside the model),
    ``output`` (its name), ``window`` in tokens, those of the query and of the tokenizer included.
    """
    spec.only("tokenizer", "output", "window")
    path = _model(spec)
    words, tokenizer, longest = open_tokenizer(spec, path)
    session = open_session(path)
    output = output_of(spec, session, LOGITS)
    pad = pad_token(tokenizer)
    inputs = {node.name for node in session.get_inputs()}

    def scores(query: str, texts: list[str]) -> Array:
        encodings = encodings_of(tokenizer, [(query, text) for text in texts])
        ids = padded([encoding.ids for encoding in encodings], pad)
        feed = {
            "input_ids": ids,
            "attention_mask": padded([[1] * len(encoding.ids) for encoding in encodings], 0),
            "token_type_ids": padded([encoding.type_ids for encoding in encodings], 0),
        }
        if missing := inputs - set(feed):
            raise EncoderError(
                f"the ONNX model asks for {listed(sorted(missing))}, which pairs of texts do not "
                "give: export a cross-encoder (text classification)"
            )
        logits = run(session, output, {name: feed[name] for name in inputs})
        return _one_each(logits, output, len(texts))

    def tokens(query: str, texts: list[str]) -> list[int]:
        tokenizer.no_truncation()
        encodings = encodings_of(tokenizer, [(query, text) for text in texts])
        tokenizer.enable_truncation(longest)
        return [len(encoding.ids) for encoding in encodings]

    weights = identity_of_files(path, words)
    options = dict(spec.options) | {"tokenizer": str(words.absolute())}
    return Reranker(
        spec=str(Spec("onnx", str(path.absolute()), options)),
        scores=scores,
        batch=AT_ONCE,
        identity=f"onnx cross-encoder {weights} {output} {longest}" if weights else "",
        patience=None,  # one call of the session ends in time
        window=longest,
        tokens=None if longest is None else tokens,
    )


def _one_each(logits: Any, output: str, texts: int) -> Array:
    numbers = np.asarray(logits)
    if numbers.shape not in {(texts,), (texts, 1)}:
        raise EncoderError(
            f"output {output!r} has shape {numbers.shape} for {texts} pairs, where one number a "
            "pair is due: name another (output=...), or export a model with one label"
        )
    return numbers.reshape(texts)


def _model(spec: Spec) -> Path:
    if not spec.source:
        raise SpellingError("onnx needs a model: write onnx:FOLDER or onnx:FILE")
    path = user_path(spec.source)
    if not is_folder(path):
        return existing_file(path)
    for name in MODELS:
        if (path / name).is_file():
            return path / name
    raise EncoderError(f"{path} holds neither {' nor '.join(MODELS)}: write onnx:FILE")
