"""Healthy spaces that were listed and read after one more sign of relation had been added.

The fresh ones of `fresh_spaces.py` had shown that parts of one model may lie along axes that avoid
each other; none of these was read before that was in.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from fresh_spaces import alone, documents, of_products, sides, uses
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, PCA, LatentDirichletAllocation, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.manifold import SpectralEmbedding
from unseen_spaces import Unseen

from anglewise.data_types.embeddings import Embeddings, Space


def spaces(data: Path) -> Iterator[Unseen]:
    """All of them, each made when it is asked for."""
    makers: dict[str, Callable[[Path], Space]] = {
        "chroma-chunking-eval, LSI, 80": lsi,
        "chroma-chunking-eval, LDA of scikit-learn, 25 topics": lda,
        "cranfield, NMF of TF-IDF, 40": parts,
        "digits of scikit-learn, PCA, 32": digits,
        "ml-100k, spectral embedding of the films, 16": spectral,
        "movietweetings-100k, PureSVD, 32": pure_svd,
    }
    for name, make in makers.items():
        yield Unseen(name, partial(make, data))


def lsi(data: Path) -> Space:
    """Latent semantic indexing."""
    texts, questions = documents(data / "chroma-chunking-eval")
    words = TfidfVectorizer(sublinear_tf=True, min_df=2)
    table: csr_matrix = words.fit_transform(texts)
    model = TruncatedSVD(80, random_state=5).fit(table)
    asked = model.transform(words.transform(questions))
    return sides(texts, questions, model.transform(table), asked)


def lda(data: Path) -> Space:
    """Shares of topics."""
    texts, questions = documents(data / "chroma-chunking-eval")
    words = CountVectorizer(min_df=3, stop_words="english")
    model = LatentDirichletAllocation(25, random_state=5, max_iter=8, learning_method="online")
    shares = model.fit_transform(words.fit_transform(texts))
    return sides(texts, questions, shares, model.transform(words.transform(questions)))


def parts(data: Path) -> Space:
    """Factors of abstracts without negative numbers, of one side."""
    texts, _ = documents(data / "cranfield")
    table = TfidfVectorizer(stop_words="english").fit_transform(texts)
    return alone(texts, NMF(40, init="nndsvd", random_state=5).fit_transform(table))


def digits(data: Path) -> Space:
    """Principal components of small pictures."""
    del data
    return Space(items=Embeddings(PCA(32, random_state=5).fit_transform(load_digits().data)))


def spectral(data: Path) -> Space:
    """Laplacian eigenvectors of the graph of films that the same people watched."""
    _, matrix = uses(data, "ml-100k")
    used = np.flatnonzero(np.asarray(matrix.sum(axis=0))[0] >= 5)
    model = SpectralEmbedding(16, affinity="nearest_neighbors", n_neighbors=15, random_state=5)
    return Space(items=Embeddings(model.fit_transform(matrix[:, used].T.toarray())))


def pure_svd(data: Path) -> Space:
    """The singular vectors of the table, the values on the users."""
    table, matrix = uses(data, "movietweetings-100k")
    model = TruncatedSVD(32, random_state=5)
    users = model.fit_transform(matrix)
    return of_products(users, model.components_.T, table)
