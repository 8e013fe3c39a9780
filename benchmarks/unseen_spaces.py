"""Ten healthy spaces on which no bound of the lights was set.

Other texts, another encoder, another model of a table, other sizes and seeds: six of encoders and
four of recommenders.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import audit_table
import numpy as np
import real_texts
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.lmf import LogisticMatrixFactorization
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.sparse import Interactions
from anglewise.encoders.document_files import read_documents
from anglewise.encoders.documents import Documents
from anglewise.encoders.encode import encode
from anglewise.io.read import read_interactions

ROWS = 500
"""Documents and sentences that are taken at most."""


@dataclass(frozen=True)
class Unseen:
    """A space that is made when it is needed."""

    name: str
    make: Callable[[], Space]


def spaces(data: Path) -> Iterator[Unseen]:
    """The ten, each made when it is asked for."""
    encoders = real_texts.encoders()
    for folder in ("scifact", "chroma-chunking-eval"):
        for name in ("use", "MiniLM"):
            make = partial(retrieval, data / folder, encoders[name])
            yield Unseen(f"{folder}, {name}", make)
    banking = partial(texts, data / "banking77" / "texts.csv", "text", encoders["use"])
    yield Unseen("banking77, use, one side", banking)
    pairs = partial(texts, data / "stsb-en" / "pairs.csv", "sentence1", encoders["MiniLM"])
    yield Unseen("stsb-en, MiniLM, one side", pairs)
    settings = {"num_threads": 1, "random_state": 7}
    models = {
        "ml-100k, implicit ALS, 32 factors, decay 1": (
            "ml-100k",
            AlternatingLeastSquares(factors=32, regularization=1.0, **settings),
        ),
        "ml-1m, implicit BPR, 32 factors": (
            "ml-1m",
            BayesianPersonalizedRanking(factors=32, iterations=60, **settings),
        ),
        "movietweetings-100k, implicit LMF, 32 factors": (
            "movietweetings-100k",
            LogisticMatrixFactorization(factors=32, **settings),
        ),
    }
    for name, (table, model) in models.items():
        yield Unseen(name, partial(by_implicit, data / table, model))
    yield Unseen("ml-100k, NMF of scikit-learn, 40 factors", partial(by_nmf, data / "ml-100k"))


def retrieval(folder: Path, spec: str) -> Space:
    """Questions and the first documents."""
    corpus = read_documents(folder / "corpus.jsonl.gz")
    first = Documents(corpus.ids[:ROWS], corpus.words[:ROWS])
    asked = read_documents(folder / "queries.jsonl")
    questions = Documents(asked.ids[:ROWS], asked.words[:ROWS])
    return encode(first, spec, queries=questions, chunk="none")


def texts(file: Path, column: str, spec: str) -> Space:
    """Different sentences of a table, of one side."""
    with file.open(newline="", encoding="utf-8") as lines:
        words = list(dict.fromkeys(row[column] for row in csv.DictReader(lines)))[:ROWS]
    return encode(words, spec, chunk="none")


def table_of(folder: Path) -> Interactions:
    """The interactions of a data set."""
    return read_interactions(folder / "interactions.csv.gz")


def by_implicit(folder: Path, model: audit_table.RecommenderBase) -> Space:
    """A model of implicit, with what it was trained on."""
    table = table_of(folder)
    return replace(audit_table.trained(model, table), seen=table.rows())


def by_nmf(folder: Path) -> Space:
    """Factors without negative numbers."""
    table = table_of(folder)
    ones = np.ones(len(table.users), dtype=np.float32)
    model = NMF(n_components=40, init="nndsvda", random_state=7, max_iter=60)
    users = model.fit_transform(csr_matrix((ones, (table.users, table.items)), shape=table.shape))
    queries, items = Embeddings(users), Embeddings(model.components_.T)
    return Space(queries=queries, items=items, trained_for="dot", seen=table.rows())
