"""``onnx:FILE``: a transformer as an ONNX file, with the tokenizer that lies beside it."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Int64
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.library import library
from anglewise.encoders.onnx_session import open_session, output_of, weight_files
from anglewise.encoders.spelling import Spec
from anglewise.encoders.weights import digest
from anglewise.errors import EncoderError
from anglewise.io.files import existing_file, reading
from anglewise.io.tables import listed

OPTIONS = ("tokenizer", "output", "pooling", "window", "query_prompt", "document_prompt")
SENTENCES = ("sentence_embedding", "sentence_embeddings", "text_embeds", "embeddings")
TOKENS = ("last_hidden_state", "token_embeddings")
"""What exporters call the output of one vector a text, and the output of one a token."""


def load(spec: Spec) -> Encoder:
    """Load the file with onnxruntime.

    Options: ``tokenizer`` (``tokenizer.json`` or ``vocab.txt``; by default beside the model),
    ``output`` (its name), ``pooling`` of an output that has a vector for each token (``mean`` by
    default, ``cls``; ``none`` insists on one vector a text), ``window`` in tokens,
    ``query_prompt`` and ``document_prompt``, put before what is encoded. The file does not say
    what it was trained for.
    """
    spec.only(*OPTIONS)
    path = spec.file()
    pooling = spec.one_of("pooling", ("mean", "cls", "none"), "mean")
    words = _tokenizer_file(spec, path)
    with reading(words, "a tokenizer"):
        tokenizer = _tokenizer(words)
    session = open_session(path)
    output = output_of(spec, session, (*SENTENCES, *TOKENS))
    longest = spec.number("window") or _longest(tokenizer, words)
    if longest is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(longest)
    tokenizer.no_padding()
    runner = _Runner(session, tokenizer, output, pooling, _pad(tokenizer))

    def tokens(texts: list[str]) -> list[int]:
        tokenizer.no_truncation()
        found = tokenizer.encode_batch(texts, add_special_tokens=False)
        if longest is not None:
            tokenizer.enable_truncation(longest)
        return [len(one.ids) for one in found]

    before = {side: spec.options.get(f"{side}_prompt", "") for side in ("document", "query")}
    own = tokenizer.num_special_tokens_to_add(False) + max(tokens([*before.values()]))
    files = [*weight_files(path), words]
    options = dict(spec.options) | {"tokenizer": str(words.resolve())}
    settings = f"{output} {pooling} {longest} {before}"
    return Encoder(
        spec=str(Spec("onnx", str(path.resolve()), options)),
        documents=partial(runner, prompt=before["document"]),
        queries=partial(runner, prompt=before["query"]) if any(before.values()) else None,
        window=None if longest is None else max(1, longest - own),
        tokens=tokens,
        batch=32,
        identity=f"onnx {digest(files)} {settings}",
    )


class _Runner:
    """A session with all that it takes to turn texts into vectors."""

    def __init__(self, session: Any, tokenizer: Any, output: str, pooling: str, pad: int) -> None:
        self.session = session
        self.tokenizer = tokenizer
        self.output = output
        self.pooling = pooling
        self.pad = pad
        self.inputs = {one.name for one in session.get_inputs()}

    def __call__(self, texts: list[str], prompt: str = "") -> Array:
        """Encode texts behind a prompt, in one call of the session."""
        found = self.tokenizer.encode_batch([prompt + text for text in texts])
        ids = _padded([one.ids for one in found], self.pad)
        mask = _padded([[1] * len(one.ids) for one in found], 0)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        if missing := self.inputs - set(feed):
            raise EncoderError(
                f"the ONNX model asks for {listed(sorted(missing))}, which texts do not give: "
                "export the encoder of texts alone; images are for onnx-images:FILE"
            )
        asked = {name: array for name, array in feed.items() if name in self.inputs}
        vectors: Array = self.session.run([self.output], asked)[0]
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


def _padded(rows: Sequence[Sequence[int]], pad: int) -> Int64[Array, "texts tokens"]:
    whole = np.full((len(rows), max(1, *map(len, rows))), pad, dtype=np.int64)
    for row, cells in zip(whole, rows, strict=True):
        row[: len(cells)] = cells
    return whole


def _tokenizer_file(spec: Spec, model: Path) -> Path:
    given = spec.options.get("tokenizer")
    if given is not None:
        return existing_file(Path(given).expanduser())
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
    return tokenizers.Tokenizer.from_file(str(path))


def _pad(tokenizer: Any) -> int:
    for word in ("[PAD]", "<pad>", "<|endoftext|>"):
        number = tokenizer.token_to_id(word)
        if number is not None:
            return int(number)
    return 0


def _longest(tokenizer: Any, words: Path) -> int | None:
    """How many tokens a text may have, as the files beside the model say."""
    cut: Any = getattr(tokenizer, "truncation", None)
    if cut:
        return int(cut["max_length"])
    settings = words.with_name("tokenizer_config.json")
    if not settings.is_file():
        return None
    with reading(settings, "the settings of a tokenizer"):
        longest = int(json.loads(settings.read_text(encoding="utf-8")).get("model_max_length", 0))
    return longest if 0 < longest < 1_000_000 else None  # some write 1e30 for none
