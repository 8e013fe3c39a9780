"""What LangChain's wrappers of three stores really compute, wrong settings included."""

from importlib.util import find_spec

import numpy as np
import pytest

import anglewise as aw

if find_spec("langchain_core") is None:
    pytest.skip("LangChain is not installed", allow_module_level=True)

from langchain_community.vectorstores import FAISS
from langchain_community.vectorstores.utils import DistanceStrategy
from langchain_core.embeddings import Embeddings
from langchain_postgres import PGVector
from langchain_postgres.vectorstores import DistanceStrategy as PostgresStrategy
from langchain_qdrant import QdrantVectorStore
from qdrant_client import QdrantClient
from qdrant_client.models import Distance, VectorParams

DIMENSION, ITEMS = 8, 120


def vectors():
    rng = np.random.default_rng(0)
    return rng.normal(size=(ITEMS, DIMENSION)) * rng.lognormal(0, 0.7, (ITEMS, 1))


class Fixed(Embeddings):
    """Texts are numbers of rows."""

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        return vectors()[int(text) if text.isdigit() else 0].tolist()


TEXTS = [str(i) for i in range(ITEMS)]


@pytest.mark.parametrize(
    ("settings", "metric", "shown"),
    [
        ({}, "squared-euclidean", "the squared distance"),
        ({"distance_strategy": DistanceStrategy.MAX_INNER_PRODUCT}, "dot", "the inner product"),
        # langchain#17333, #18709: an index of distances of vectors that nobody normalised
        ({"distance_strategy": DistanceStrategy.COSINE}, "squared-euclidean", "squared distance"),
        ({"normalize_L2": True}, "cosine", "2 - 2 times the cosine"),
    ],
)
def test_faiss(settings, metric, shown):
    store = FAISS.from_texts(TEXTS, Fixed(), **settings)
    found = aw.probe(store, dimension=DIMENSION)
    assert found.metric == metric, found.evidence
    assert shown in found.shown_as
    assert found.nearer == ("larger" if metric == "dot" else "smaller")


@pytest.mark.parametrize(
    ("distance", "metric", "nearer"),
    [
        (Distance.COSINE, "cosine", "larger"),
        (Distance.DOT, "dot", "larger"),
        (Distance.EUCLID, "euclidean", "smaller"),
        (Distance.MANHATTAN, "manhattan", "smaller"),
    ],
)
def test_qdrant(distance, metric, nearer):
    client = QdrantClient(":memory:")
    client.create_collection("t", VectorParams(size=DIMENSION, distance=distance))
    store = QdrantVectorStore(client, "t", Fixed(), distance=distance)
    store.add_texts(TEXTS)
    found = aw.probe(store, dimension=DIMENSION)
    assert (found.metric, found.nearer) == (metric, nearer), found.evidence


@pytest.mark.parametrize(
    ("strategy", "metric", "shown"),
    [
        (PostgresStrategy.COSINE, "cosine", "1 - the cosine"),
        (PostgresStrategy.EUCLIDEAN, "euclidean", "the distance"),
        (PostgresStrategy.MAX_INNER_PRODUCT, "dot", "the inner product, negated"),
    ],
)
def test_pgvector(postgres, strategy, metric, shown):
    folder = postgres.removeprefix("host=")
    store = PGVector(
        Fixed(),
        connection=f"postgresql+psycopg://postgres@/postgres?host={folder}",
        distance_strategy=strategy,
        collection_name=f"t_{metric}",
    )
    store.add_texts(TEXTS)
    found = aw.probe(store, dimension=DIMENSION)
    assert found.metric == metric, found.evidence
    assert shown in found.shown_as
    assert found.nearer == "smaller"


def test_the_wrapper_says_cosine_and_the_table_is_asked_for_distances(postgres):
    """The same rows by another strategy: nothing in the table contradicts it."""
    folder = postgres.removeprefix("host=")
    address = f"postgresql+psycopg://postgres@/postgres?host={folder}"
    PGVector(Fixed(), connection=address, collection_name="films").add_texts(TEXTS)
    wrong = PGVector(
        Fixed(),
        connection=address,
        collection_name="films",
        distance_strategy=PostgresStrategy.EUCLIDEAN,
    )
    assert aw.probe(wrong, dimension=DIMENSION).metric == "euclidean"
