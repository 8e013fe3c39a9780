r"""Further ways to rank the texts of a space: sparse vectors, sentence vectors, and a reranker.

    pip install 'anglewise[text,sklearn]'
    python examples/more_rankers.py words space/ words/            # TF-IDF: sparse vectors
    python examples/more_rankers.py sentences space/ sentences/    # a vector a sentence, for maxsim
    PYTHONPATH=examples anglewise compare space/ --measures "rerank(bm25,50)" \
        --reranker python:more_rankers:best_sentence

They stand in for SPLADE, ColBERT and a cross-encoder, which are larger and better, and are handed
over in the same way: sparse vectors, lists of vectors, a function of a query and some texts.
"""

import re
import sys
from functools import cache
from pathlib import Path

import numpy as np

import anglewise as aw
from anglewise.io.texts import texts_of

SENTENCE = re.compile(r"(?<=[.?!])\s+")


def main(way: str, space: Path, output: Path) -> None:
    """Write a space of sparse vectors, or of a vector a sentence, of the texts of another."""
    read = aw.read_space(space)
    sides = [read.queries, read.items]
    texts = [texts_of(side) for side in sides]
    made = {"words": words, "sentences": sentences}[way](*texts)
    queries, items = (rows(side.ids.tolist()) for rows, side in zip(made, sides, strict=True))
    aw.write_space(aw.Space(queries=queries, items=items), output)


def words(queries: list[str], items: list[str]) -> list:
    """Words weighted by how rare they are, each text of length one."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = TfidfVectorizer(sublinear_tf=True).fit(items)
    tables = [model.transform(texts).tocsr() for texts in (queries, items)]
    return [lambda ids, table=table: aw.SparseVectors(table, ids=ids) for table in tables]


def sentences(queries: list[str], items: list[str]) -> list:
    """The vector of each sentence of each text."""
    lists = [[of_sentences(text) for text in texts] for texts in (queries, items)]
    return [lambda ids, own=own: aw.TokenVectors(own, ids=ids) for own in lists]


def best_sentence(query: str, texts: list[str]) -> np.ndarray:
    """The cosine of the query and the nearest sentence of each text."""
    asked = of_sentences(query)[0]
    return np.array([(of_sentences(text) @ asked).max() for text in texts])


@cache
def of_sentences(text: str) -> np.ndarray:
    """The vectors of the sentences of a text, of length one: ``sentences x 512``.

    To three decimals, which are the same on every machine.
    """
    parts = [part for part in SENTENCE.split(text) if part.strip()] or [text or " "]
    return np.round(model().documents(parts), 3)


@cache
def model() -> aw.Encoder:
    """The encoder, loaded once."""
    return aw.encoder("use")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
