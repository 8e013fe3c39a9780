"""``words:FILE``: the mean of the vectors of a text's words, as from GloVe or word2vec."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from anglewise.core.typing import Array, Float32
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.spelling import Spec
from anglewise.encoders.weights import digest
from anglewise.io.files import existing_file
from anglewise.io.vectors import read_vectors

WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")  # noqa: RUF001 the sign that texts use


def load(spec: Spec) -> Encoder:
    """Read the vectors: text or binary of word2vec, or any file that vectors are read from.

    Options: ``words`` (a file of the words, where the vectors stand alone), ``pool`` (``mean`` or
    ``sum``), ``case`` (``lower`` by default, as in GloVe's; ``keep``). A word that is not in the
    file is looked up without its apostrophes, else passed over; a text without any known word
    has the zero vector. Nobody trained these means, so the similarity is unknown.
    """
    spec.only("words", "pool", "case")
    path = spec.file()
    names = spec.options.get("words")
    pool = spec.one_of("pool", ("mean", "sum"), "mean")
    lower = spec.one_of("case", ("lower", "keep"), "lower") == "lower"
    words = None if names is None else existing_file(Path(names).expanduser())
    table = read_vectors(path, "items", ids=words)
    rows, vectors = table.row_of, table.vectors

    def encode(texts: list[str]) -> Float32[Array, "texts d"]:
        return np.stack([_pooled(_known(text, rows, lower=lower), vectors, pool) for text in texts])

    def tokens(texts: list[str]) -> list[int]:
        return [len(WORD.findall(text)) for text in texts]

    files = [path] if words is None else [path, words]
    options = dict(spec.options) | ({} if words is None else {"words": str(words.resolve())})
    return Encoder(
        spec=str(Spec("words", str(path.resolve()), options)),
        documents=encode,
        tokens=tokens,
        normalises=False,
        identity=f"words {digest(files)} {pool} lower={lower}",
    )


def _known(text: str, rows: Mapping[str, int], *, lower: bool) -> list[int]:
    found: list[int] = []
    for word in WORD.findall(text.lower() if lower else text):
        row = rows.get(word)
        if row is not None:
            found.append(row)
        elif len(word) > 1:  # don't -> don t
            parts = [rows.get(part) for part in re.split(r"['’]", word)]  # noqa: RUF001
            found += [part for part in parts if part is not None]
    return found


def _pooled(rows: list[int], vectors: Float32[Array, "words d"], pool: str) -> Array:
    known: Array = vectors[rows]
    total: Array = known.sum(axis=0)  # of no word: zeros
    return total / np.float32(max(1, len(rows))) if pool == "mean" else total
