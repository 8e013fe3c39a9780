"""Which distance a store computes: found from its numbers, by every form and both ways."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import SpellingError, StoreError, WrongTypeError
from anglewise.report.plain_text import markdown
from anglewise.report.store_documents import probe_document
from anglewise.stores.address import read_address
from anglewise.stores.identify import from_vectors
from anglewise.stores.shown_forms import FORMS, PairFigures
from anglewise.stores.vector_store import VectorStore, saying
from cli_run import anglewise, refused  # noqa: F401 a fixture
from memory_store import MemoryStore, bf16, unit

DIMENSION = 6


def made(n=120, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, DIMENSION)) * rng.lognormal(0, 0.7, (n, 1))
    return [f"d{i}" for i in range(n)], x.astype(np.float32)


def asked(form, x):
    """A function that searches by one form of one metric."""

    def ask(vector, k):
        q = np.broadcast_to(vector.astype(float), x.shape)
        numbers = form.forth(PairFigures.of(q, x.astype(float)).value(form.metric))
        order = np.argsort(-numbers if form.larger else numbers, kind="stable")[:k]
        return [(f"d{i}", numbers[i]) for i in order]

    return ask


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.words)
def test_a_function_is_known_by_how_its_numbers_move_with_the_length_of_a_query(form):
    found = aw.probe(asked(form, made()[1]), dimension=DIMENSION)
    assert found.metric == form.metric
    assert form.words in found.shown_as
    assert found.nearer == ("larger" if form.larger else "smaller")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.words)
@pytest.mark.parametrize("vectors", ["drawn", "of length one", "whole numbers to 200"])
def test_lists_that_change_with_the_length_of_a_query_hide_no_metric(form, vectors):
    """Of 1,200 items no distance lists the same 32 at every length."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1_200, 24))
    if vectors == "of length one":
        x = unit(x)
    elif vectors != "drawn":
        x = rng.integers(0, 200, x.shape).astype(float)
    found = aw.probe(asked(form, x), dimension=24)
    assert (found.metric, found.of_vectors) == (form.metric, False), found.evidence
    assert form.words in found.shown_as


@pytest.mark.parametrize(
    "numbers",
    [
        lambda x, q: np.abs(x - q) @ np.tile([0.5, 1.5], x.shape[1] // 2),
        lambda x, q: np.square(x - q) @ np.tile([0.5, 1.5], x.shape[1] // 2),
        lambda x, q: (np.abs(x - q) ** 3).sum(axis=1),
        lambda x, q: np.ones(len(x)) + 0 * q[0],
        lambda x, q: np.round(1 / (1 + np.square(x - q).sum(axis=1)), 4),
    ],
    ids=["weighted sums", "weighted squares", "cubes", "all alike", "too few digits"],
)
def test_what_moves_otherwise_is_unknown_of_a_function(numbers):
    x = np.random.default_rng(1).normal(size=(1_200, 24))

    def ask(vector, k):
        far = numbers(x, vector)
        return [(str(i), far[i]) for i in np.argsort(far, kind="stable")[:k]]

    found = aw.probe(ask, dimension=24)
    assert (found.metric, found.shown_as) == ("unknown", "")


@pytest.mark.parametrize(
    ("score", "metric", "also"),
    [
        (lambda x, q: (x * np.arange(1, DIMENSION + 1)) @ q, "dot", "is linear in the query"),
        (lambda x, q: 1 - np.arccos(unit(x) @ unit(q[None])[0]) / np.pi, "cosine", "direction of"),
    ],
    ids=["a weighted inner product", "an angle"],
)
def test_what_only_moves_as_a_metric_does_is_not_said_to_be_it(score, metric, also):
    """Of a function only that is seen; of a store the vectors come back, and it is unknown."""
    ids, x = made()

    def ask(vector, k):
        numbers = score(x.astype(float), vector.astype(float))
        order = np.argsort(-numbers, kind="stable")[:k]
        return [(ids[i], numbers[i]) for i in order]

    found = aw.probe(ask, dimension=DIMENSION)
    assert (found.metric, found.of_vectors, found.to_dict()["of_vectors"]) == (metric, False, False)
    assert found.evidence.startswith("with the length of a query all ")
    assert also in found.evidence
    assert found.evidence.endswith(" moves so too, and the vectors were not seen")
    text = markdown(probe_document(found))
    assert "whether it is that, and of which vectors, is not known" in text
    assert "This computes" not in text
    q = np.random.default_rng(3).normal(size=x.shape)
    numbers = [score(x.astype(float), row)[place] for place, row in enumerate(q)]
    assert from_vectors(q, x.astype(float), np.array(numbers)).metric == "unknown"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.words)
def test_known_vectors_tell_the_form_alone(form):
    _, x = made()
    q = np.random.default_rng(3).normal(size=x.shape)
    figures = PairFigures.of(q, x.astype(float))
    found = from_vectors(q, x.astype(float), form.forth(figures.value(form.metric)))
    assert found.metric == form.metric
    assert [one.words for one in found.forms] == [form.words]


def test_numbers_of_no_known_metric_are_unknown():
    _, x = made()

    def chebyshev(vector, k):
        far = np.abs(x - vector).max(axis=1)
        return [(str(i), far[i]) for i in np.argsort(far)[:k]]

    found = aw.probe(chebyshev, dimension=DIMENSION)
    assert found.metric == "unknown"
    assert found.shown_as == ""
    store = MemoryStore().filled(*made())
    store.numbers = lambda q: np.abs(store.x - q).max(axis=1)
    assert aw.probe(store).metric == "unknown"


def test_vectors_of_length_one_do_not_hide_which_metric_it_is():
    """Their dot and cosine agree item by item, and differ in what a longer query does."""
    ids, x = made()
    for metric, due in (("dot", "dot"), ("cosine", "cosine"), ("l2", "squared-euclidean")):
        found = aw.probe(MemoryStore(metric).filled(ids, unit(x)))
        assert found.metric == due
        assert "length 1" in found.normalises


@pytest.mark.parametrize(
    ("settings", "about", "words"),
    [
        ({"written": unit}, "normalises", "on write"),
        ({}, "normalises", "no: lengths came back"),
        ({"written": bf16}, "precision", "bf16"),
        ({"written": lambda x: x.astype(np.float16)}, "precision", "half"),
        ({}, "precision", "float32"),
        ({"zeros": "dropped"}, "zero_vector", "missing from the list"),
        ({"zeros": "refused"}, "zero_vector", "refused: no zero vectors here"),
        ({}, "zero_vector", "kept, listed at place"),
        ({}, "ties", "as they were written"),
    ],
)
def test_a_test_collection_tells_the_rest_and_is_removed(settings, about, words):
    store = MemoryStore("dot", **settings).filled(*made())
    if about != "normalises":
        assert getattr(aw.probe(store), about) == "unknown"
    found = aw.probe(store, scratch=True)
    assert words in getattr(found, about)
    assert len(store.twins) == 1
    assert not store.twins[0].ids


def test_nothing_is_written_unless_asked():
    store = MemoryStore().filled(*made())
    count = len(store.ids)
    aw.probe(store)
    assert (len(store.ids), store.twins) == (count, [])


def test_a_wrapper_of_langchain_is_asked_by_vectors():
    """LangChain's FAISS builds an index of distances for COSINE (langchain#17333)."""
    _, x = made()
    ask = asked(next(f for f in FORMS if f.words == "the squared distance"), x)

    class Wrapper:
        distance_strategy = "COSINE"

        def similarity_search_with_score_by_vector(self, embedding, k):
            class Document:
                id = None

            out = []
            for name, number in ask(np.array(embedding), k):
                document = Document()
                document.page_content = name
                out.append((document, number))
            return out

    assert aw.probe(Wrapper(), dimension=DIMENSION).metric == "squared-euclidean"


def test_what_cannot_be_asked_is_refused():
    nothing = asked(FORMS[0], made()[1][:0])
    with pytest.raises(SpellingError, match="how many numbers"):
        aw.probe(nothing)
    with pytest.raises(SpellingError, match="cannot be written to"):
        aw.probe(nothing, dimension=2, scratch=True)
    with pytest.raises(StoreError, match="gave no pairs"):
        aw.probe(lambda *_: [1], dimension=2)
    with pytest.raises(WrongTypeError, match="an address, a function"):
        aw.probe(3, dimension=2)
    with pytest.raises(SpellingError, match="leave dimension out"):
        aw.probe(MemoryStore().filled(*made()), dimension=2)
    with pytest.raises(StoreError, match="is empty"):
        aw.probe(MemoryStore())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("faiss:///a/b.index", ("faiss", "", "/a/b.index", "")),
        ("faiss://b.index", ("faiss", "", "b.index", "")),
        ("lancedb:///a/t", ("lancedb", "", "/a", "t")),
        ("lancedb://a/t", ("lancedb", "", "a", "t")),
        ("qdrant://h:1/c", ("qdrant", "h", "", "c")),
        ("qdrant:///a/b/c", ("qdrant", "", "/a/b", "c")),
        ("usearch://b.usearch", ("usearch", "", "b.usearch", "")),
        ("chroma://h:1/c", ("chroma", "h", "", "c")),
        ("chroma:///a/b/c", ("chroma", "", "/a/b", "c")),
        ("sqlite-vec:///a/b.sqlite/t", ("sqlite-vec", "", "/a/b.sqlite", "t")),
        ("sqlite-vec://b.sqlite/t", ("sqlite-vec", "", "b.sqlite", "t")),
        ("duckdb:///a/b.duckdb/t", ("duckdb", "", "/a/b.duckdb", "t")),
        ("hnswlib:///a/b.bin", ("hnswlib", "", "/a/b.bin", "")),
        ("qdrant-edge:///a/b/c", ("qdrant-edge", "", "/a/b", "c")),
        ("milvus://h:1/c", ("milvus", "h", "", "c")),
        ("milvus://h/shop/c", ("milvus", "h", "shop", "c")),
        ("milvus:///a/b.db/c", ("milvus", "", "/a/b.db", "c")),
        ("postgresql://u:p@h:5/db/s.t", ("postgresql", "h", "db", "s.t")),
        ("postgresql://u@/db/t?host=/run/pg", ("postgresql", "", "db", "t")),
    ],
)
def test_addresses_are_read_and_written_alike(text, parts):
    read = read_address(text)
    assert (read.kind, read.host, read.path, read.name) == parts
    assert read_address(str(read).replace(":***", ":p")) == read


@pytest.mark.parametrize(
    "text",
    [
        "faiss://", "lancedb:///t", "qdrant://h", "postgresql://h/db", "qdrant://h:x/c",
        "pinecone:///a/b", "films", "lancedb:///a/t#x",
    ],
)  # fmt: skip
def test_addresses_that_lack_a_part_are_refused(text):
    with pytest.raises(SpellingError):
        read_address(text)


def test_an_option_of_an_address_that_means_nothing_is_refused():
    class Some(MemoryStore):
        options = frozenset({"vector"})

        def __init__(self, text):
            VectorStore.__init__(self, read_address(text))

    Some("lancedb:///a/t?vector=v")
    with pytest.raises(SpellingError, match="nothing is meant by 'vectr' behind the"):
        Some("lancedb:///a/t?vectr=v")
    with pytest.raises(SpellingError, match="takes no account"):
        read_address("qdrant://me:secret@host/films")


def test_a_password_is_never_shown():
    address = read_address("postgresql://anna:s3cret@127.0.0.1:1/db/t")
    assert "s3cret" not in str(address)
    assert "s3cret" not in repr(address)


@pytest.mark.parametrize(
    "words",
    [
        "probe lancdb:///a/t",
        "probe faiss:///nowhere/x.index",
        "probe films",
        "probe qdrant:///no/c",
    ],
)
def test_the_command_refuses_in_one_line(anglewise, words):  # noqa: F811
    assert refused(anglewise(*words.split()))


def test_no_key_and_no_password_stands_in_what_a_store_says():
    """Servers repeat what they refuse."""
    address = read_address("postgresql://anna:s3cret-word@127.0.0.1:1/db/t")
    with pytest.raises(StoreError) as error, saying(address, "It", "key-0123456789"):
        raise ValueError("no entry for s3cret-word with key-0123456789, or key-01234…")
    assert "s3cret" not in str(error.value)
    assert "key-0123" not in str(error.value)
