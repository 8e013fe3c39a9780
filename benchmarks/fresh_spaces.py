"""Healthy spaces that were read after the bounds of the lights had been frozen a second time.

Models and data that no bound was set on, nor the tests that were mended after the first unseen
ten: nine of texts and pictures, seven of interactions (`pip install gensim implicit`, and Debian's
`dataset-fashion-mnist`).
"""

import csv
import gzip
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from gensim.models import Doc2Vec, Word2Vec
from gensim.models.doc2vec import TaggedDocument
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import bm25_weight
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, PCA, LatentDirichletAllocation, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.manifold import SpectralEmbedding
from unseen_spaces import Unseen

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.sparse import Interactions
from anglewise.encoders.document_files import read_documents
from anglewise.io.read import read_interactions

FASHION = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
ENCODED = {"encoder": "a model of texts"}


def spaces(data: Path) -> Iterator[Unseen]:
    """All of them, each made when it is asked for."""
    makers: dict[str, Callable[[Path], Space]] = {
        "scifact, LSI, 100": lsi,
        "scifact, LDA of scikit-learn, 30 topics": lda,
        "cranfield, means of word2vec by gensim, 100": word_means,
        "chroma-chunking-eval, doc2vec by gensim, 64": doc2vec,
        "banking77 in order of labels, TF-IDF and SVD, 64": banking,
        "stsb-en, hashed character n-grams, 512": hashed,
        "Fashion-MNIST, PCA, 64": fashion,
        "digits of scikit-learn, pixels": digits,
        "banking77 in order of labels, NMF of TF-IDF, 30": banking_parts,
        "ml-1m, PureSVD, 50": pure_svd,
        "ml-1m, EASE and SVD, 48": ease,
        "ml-100k, item2vec by gensim, both tables, 32": item2vec,
        "movietweetings-100k, implicit ALS of BM25 weights, 48": bm25_als,
        "ml-1m, NMF by Kullback-Leibler, 20": nmf,
        "ml-1m, spectral embedding of the films, 24": spectral,
        "ml-100k, SGD on ratings, 24": by_ratings,
    }
    for name, make in makers.items():
        yield Unseen(name, partial(make, data))


def documents(folder: Path) -> tuple[list[str], list[str]]:
    """The words of all documents and of all questions."""
    corpus = read_documents(folder / "corpus.jsonl.gz")
    return list(corpus.words), list(read_documents(folder / "queries.jsonl").words)


def labelled(data: Path) -> list[str]:
    """Messages in the order of their labels: a fifth of each."""
    with (data / "banking77" / "texts.csv").open(newline="", encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: row["label"])
    return list(dict.fromkeys(row["text"] for row in rows))[::5]


def sides(texts: list[str], questions: list[str], x: np.ndarray, q: np.ndarray) -> Space:
    """Documents and questions with their texts."""
    items = Embeddings(x, metadata={"text": texts})
    queries = Embeddings(q, metadata={"text": questions})
    return Space(queries=queries, items=items, about=ENCODED)


def alone(texts: list[str], x: np.ndarray) -> Space:
    """One side, with its texts."""
    return Space(items=Embeddings(x, metadata={"text": texts}), about=ENCODED)


def lsi(data: Path) -> Space:
    """Latent semantic indexing."""
    texts, questions = documents(data / "scifact")
    words = TfidfVectorizer(sublinear_tf=True, min_df=2)
    table = words.fit_transform(texts)
    model = TruncatedSVD(100, random_state=3).fit(table)
    return sides(
        texts, questions, model.transform(table), model.transform(words.transform(questions))
    )


def lda(data: Path) -> Space:
    """Shares of topics."""
    texts, questions = documents(data / "scifact")
    words = CountVectorizer(min_df=3, stop_words="english")
    table = words.fit_transform(texts)
    model = LatentDirichletAllocation(30, random_state=3, max_iter=8, learning_method="online")
    x = model.fit_transform(table)
    return sides(texts, questions, x, model.transform(words.transform(questions)))


def split(text: str) -> list[str]:
    """Words in lower case."""
    return re.findall(r"\w+", text.lower())


def word_means(data: Path) -> Space:
    """Means of word vectors trained on the corpus itself."""
    texts, questions = documents(data / "cranfield")
    model = Word2Vec([split(text) for text in texts], vector_size=100, epochs=20, seed=3, workers=1)

    def means(some: list[str]) -> np.ndarray:
        known = ([word for word in split(text) if word in model.wv] for text in some)
        return np.array(
            [model.wv[words].mean(axis=0) if words else np.zeros(100) for words in known]
        )

    return sides(texts, questions, means(texts), means(questions))


def doc2vec(data: Path) -> Space:
    """Vectors of paragraphs; those of questions are inferred."""
    texts, questions = documents(data / "chroma-chunking-eval")
    tagged = [TaggedDocument(split(text), [row]) for row, text in enumerate(texts)]
    model = Doc2Vec(tagged, vector_size=64, epochs=30, seed=3, workers=1, min_count=2)
    asked = np.array([model.infer_vector(split(text)) for text in questions])
    return sides(texts, questions, model.dv.vectors, asked)


def banking(data: Path) -> Space:
    """Short messages in the order of their labels."""
    texts = labelled(data)
    table = TfidfVectorizer().fit_transform(texts)
    return alone(texts, TruncatedSVD(64, random_state=3).fit_transform(table))


def banking_parts(data: Path) -> Space:
    """The same by factors without negative numbers, many of them 0."""
    texts = labelled(data)
    table = TfidfVectorizer(stop_words="english").fit_transform(texts)
    return alone(texts, NMF(30, init="nndsvd", random_state=3).fit_transform(table))


def hashed(data: Path) -> Space:
    """Counts of character n-grams in buckets, with signs."""
    with (data / "stsb-en" / "pairs.csv").open(newline="", encoding="utf-8") as lines:
        texts = list(dict.fromkeys(row["sentence2"] for row in csv.DictReader(lines)))[:3000]
    words = HashingVectorizer(n_features=512, analyzer="char_wb", ngram_range=(2, 4))
    return alone(texts, words.transform(texts).toarray())


def fashion(data: Path) -> Space:
    """Principal components of pictures of clothes."""
    del data
    with gzip.open(FASHION) as file:
        pixels = np.frombuffer(file.read()[16:], dtype=np.uint8).reshape(-1, 784) / 255.0
    return Space(items=Embeddings(PCA(64, random_state=3).fit_transform(pixels)), about=ENCODED)


def digits(data: Path) -> Space:
    """Pixels of small pictures as they are."""
    del data
    return Space(items=Embeddings(load_digits().data), about=ENCODED)


def uses(data: Path, name: str) -> tuple[Interactions, csr_matrix]:
    """The interactions, and the matrix of ones."""
    table = read_interactions(data / name / "interactions.csv.gz")
    ones = np.ones(len(table.users), dtype=np.float32)
    return table, csr_matrix((ones, (table.users, table.items)), shape=table.shape)


def of_products(users: np.ndarray, items: np.ndarray, table: Interactions) -> Space:
    """Two sides that were trained together."""
    queries, ranked = Embeddings(users), Embeddings(items)
    return Space(queries=queries, items=ranked, trained_for="dot", seen=table.rows())


def pure_svd(data: Path) -> Space:
    """The singular vectors of the table, the values on the users."""
    table, matrix = uses(data, "ml-1m")
    model = TruncatedSVD(50, random_state=3)
    users = model.fit_transform(matrix)
    return of_products(users, model.components_.T, table)


def ease(data: Path) -> Space:
    """Weights from item to item (EASE), cut to 48 directions; users are the sums of theirs."""
    table, matrix = uses(data, "ml-1m")
    inverse = np.linalg.inv(
        (matrix.T @ matrix).toarray().astype(np.float64) + 500 * np.eye(table.shape[1])
    )
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    model = TruncatedSVD(48, random_state=3).fit(weights)
    left = weights @ model.components_.T
    return of_products(matrix @ left, model.components_.T, table)


def item2vec(data: Path) -> Space:
    """Skip-grams of what users watched; users are the means of theirs, items the output table."""
    table, matrix = uses(data, "ml-100k")
    walks = [
        list(map(str, matrix.indices[a:b]))
        for a, b in zip(matrix.indptr, matrix.indptr[1:], strict=False)
    ]
    model = Word2Vec(
        walks, vector_size=32, sg=1, window=20, min_count=1, epochs=10, seed=3, workers=1
    )
    rows = [model.wv.key_to_index[str(item)] for item in range(table.shape[1])]
    inner, outer = model.wv.vectors[rows], model.syn1neg[rows]
    counts = np.asarray(matrix.sum(axis=1))
    return of_products(matrix @ inner / np.maximum(counts, 1), outer, table)


def bm25_als(data: Path) -> Space:
    """ALS of weighted interactions."""
    table, matrix = uses(data, "movietweetings-100k")
    model = AlternatingLeastSquares(factors=48, regularization=0.05, num_threads=1, random_state=3)
    model.fit(bm25_weight(matrix, K1=100, B=0.8).tocsr(), show_progress=False)
    return of_products(model.user_factors, model.item_factors, table)


def nmf(data: Path) -> Space:
    """Factors without negative numbers, by another loss."""
    table, matrix = uses(data, "ml-1m")
    model = NMF(20, solver="mu", beta_loss="kullback-leibler", random_state=3, max_iter=40)
    users = model.fit_transform(matrix)
    return of_products(users, model.components_.T, table)


def spectral(data: Path) -> Space:
    """Laplacian eigenvectors of the graph of films that the same people watched."""
    _, matrix = uses(data, "ml-1m")
    used = np.flatnonzero(np.asarray(matrix.sum(axis=0))[0] >= 5)
    model = SpectralEmbedding(24, affinity="nearest_neighbors", n_neighbors=20, random_state=3)
    return Space(items=Embeddings(model.fit_transform(matrix[:, used].T.toarray())))


def by_ratings(data: Path) -> Space:
    """Squared errors of ratings about the mean, by stochastic gradients, with weight decay."""
    table = read_interactions(data / "ml-100k" / "interactions.csv.gz")
    rng = np.random.default_rng(3)
    users, items = (0.1 * rng.normal(size=(rows, 24)) for rows in table.shape)
    values = np.asarray(table.weights, dtype=float)
    values = values - values.mean()
    for _ in range(20):
        for part in np.array_split(rng.permutation(len(values)), len(values) // 50):
            u, i = table.users[part], table.items[part]
            p, q = users[u], items[i]
            wrong = values[part] - np.einsum("nd,nd->n", p, q)
            np.add.at(users, u, 0.02 * (wrong[:, None] * q - 0.05 * p))
            np.add.at(items, i, 0.02 * (wrong[:, None] * p - 0.05 * q))
    return of_products(users, items, table)
