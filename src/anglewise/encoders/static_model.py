"""``model2vec:MODEL``: static embeddings of tokens, averaged."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.encoders.encoder import Encoder
from anglewise.encoders.library import library
from anglewise.encoders.spelling import Spec
from anglewise.errors import EncoderError, SpellingError


def load(spec: Spec) -> Encoder:
    """Load a folder that model2vec wrote, or a model of the hub by its name.

    Option: ``dimensions``, to keep the first numbers only. The distilling of these models follows
    cosine, and their ``normalize`` setting says whether lengths are one. All of a text is read,
    where the library by itself leaves out what comes after ``max_length`` tokens.
    """
    spec.only("dimensions")
    if not spec.place:
        raise SpellingError("model2vec needs a model: write model2vec:FOLDER or model2vec:NAME")
    static: Any = library("model2vec", "model2vec").StaticModel
    local = Path(spec.place).expanduser()
    place = str(local.resolve()) if local.is_dir() else spec.place
    try:
        model: Any = static.from_pretrained(
            place, dimensionality=spec.number("dimensions"), force_download=False
        )
    except Exception as error:  # the hub and the readers below it raise anything
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise EncoderError(f"{spec}: no model2vec model could be loaded ({why})") from error

    def encode(texts: list[str]) -> Any:
        # threads of the tokenizer are used as it is; a second layer of them would only wait
        return model.encode(
            texts, max_length=None, batch_size=max(1, len(texts)), use_multiprocessing=False
        )

    def tokens(texts: list[str]) -> list[int]:
        plain: Any = model.tokenizer
        plain.no_truncation()
        found = plain.encode_batch_fast(texts, add_special_tokens=False)
        return [len(one.ids) for one in found]

    return Encoder(
        spec=str(Spec("model2vec", place, spec.options)),
        documents=encode,
        similarity="cosine",
        normalises=bool(model.normalize),
        tokens=tokens,
        batch=1024,
        identity=f"model2vec {_digest(model)}",
    )


def _digest(model: Any) -> str:
    whole = hashlib.sha256()
    for array in (model.embedding, model.weights, model.token_mapping):
        if array is not None:
            whole.update(np.ascontiguousarray(array).tobytes())
    whole.update(model.tokenizer.to_str().encode())
    whole.update(f"{model.normalize}".encode())
    return whole.hexdigest()[:16]
