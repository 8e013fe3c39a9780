"""Sentences about stores: figures are of queries as they are asked, and what was not tested is."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.data_types.drawn import QueryDraw
from anglewise.data_types.sparse import SparseRows
from anglewise.report.migration_document import migration_document
from anglewise.report.plain_text import markdown
from anglewise.report.store_documents import probe_document, verification_document
from anglewise.report.tuning_document import tuning_document
from anglewise.similarity_measures.measure import measure
from anglewise.stores.reductions import reductions
from anglewise.stores.tune import tune
from anglewise.stores.verify import verify
from memory_store import MemoryStore

QUERIES, ITEMS = 40, 200
ROWS = np.arange(QUERIES)


def space():
    rng = np.random.default_rng(0)
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(QUERIES, 6)), [f"q{i}" for i in ROWS]),
        items=aw.Embeddings(rng.normal(size=(ITEMS, 6)), [f"d{i}" for i in range(ITEMS)]),
    )


class LosesTheFirst(MemoryStore):
    """Has nothing for the first query, whichever way it is asked."""

    def search(self, queries, k, effort=None):
        listed = super().search(queries, k, effort)
        first = self.never.astype(np.float32)
        return [
            [] if np.allclose(query, first) else one
            for query, one in zip(queries, listed, strict=True)
        ]


def store_that_loses_the_first(made):
    way = reductions(measure("dot"), made, "queries-items")[0]
    store = LosesTheFirst("dot").filled(
        [str(name) for name in made.items.ids], way.items(np.arange(ITEMS))
    )
    store.never = made.queries.vectors[0]
    return store


def judged(*, traffic=None, chances=None, draws=("one",)):
    """Each query has one relevant item; the first is asked as often as all others together."""
    own = SparseRows.from_pairs(ROWS, ROWS, shape=(QUERIES, ITEMS))
    if traffic is None:
        return aw.Judgements(own)
    chances = np.full(QUERIES, 0.5) if chances is None else chances
    heaviest = float((traffic / chances).max())
    return aw.Judgements(
        own, drawn=QueryDraw(chances, traffic, frozenset(draws), QUERIES, heaviest, 0.5)
    )


TRAFFIC = np.where(ROWS == 0, QUERIES - 1.0, 1.0)


def test_a_recall_is_of_queries_as_they_are_asked():
    made = space()
    store = store_that_loses_the_first(made)
    plain = verify(store, made, "dot", judgements=judged())
    weighed = verify(store, made, "dot", judgements=judged(traffic=TRAFFIC), min_recall=0.9)
    assert plain.recall == pytest.approx(1 - 1 / QUERIES)
    assert weighed.recall == pytest.approx(0.5)
    assert weighed.recall_low < 0.4
    assert weighed.passed is False
    assert "weighed by traffic" in markdown(verification_document(weighed))
    assert "traffic" not in markdown(verification_document(plain))
    tuned = tune(store, made, "dot", judgements=judged(traffic=TRAFFIC), runs=1, min_recall=0.9)
    assert tuned.settings[0].recall == pytest.approx(0.5)
    assert tuned.chosen is None
    assert "weighed by traffic" in markdown(tuning_document(tuned))


def test_unequal_chances_that_are_not_known_are_named():
    made = space()
    unknown = judged(traffic=TRAFFIC, draws=("one", "two"))
    result = verify(store_that_loses_the_first(made), made, "dot", judgements=unknown)
    assert result.recall == pytest.approx(1 - 1 / QUERIES)
    assert any("each query counts alike" in note for note in result.notes)


def test_what_a_migration_keeps_is_of_queries_as_they_are_asked():
    rng = np.random.default_rng(1)
    made = space()
    old = made.items.vectors @ rng.normal(size=(6, 6)) + rng.normal(size=(ITEMS, 6))
    old = aw.Embeddings(old, made.items.ids)
    settings = {"pairs": 100, "k": 5}
    plain = aw.migrate(old, made, judgements=judged(), **settings)
    traffic = np.where(ROWS == 0, 1e6, 1.0)
    one = aw.migrate(old, made, judgements=judged(traffic=traffic), **settings)
    first = aw.Judgements(SparseRows.from_pairs([0], [0], shape=(QUERIES, ITEMS)))
    alone = aw.migrate(old, made, judgements=first, **settings)
    assert abs(plain.recall.measured - alone.recall.measured) > 0.01
    assert one.recall.measured == pytest.approx(alone.recall.measured, abs=1e-4)
    assert one.curve[-1].recall == pytest.approx(alone.curve[-1].recall, abs=0.25)
    assert "weighed by traffic" in markdown(migration_document(one))


def mixed_in(share, x):
    """A function that ranks by a cosine and something else, which makes so much of a number."""
    lengths = np.sqrt(np.square(x).sum(axis=1))
    noise = np.random.default_rng(4).uniform(-1, 1, len(x))

    def ask(query):
        cosines = x @ query / lengths / np.sqrt(np.square(query).sum())
        return -(cosines + share * noise)

    return ask


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_a_metric_that_explains_numbers_nearly_is_not_said_to_be_computed(share):
    made = space()
    store = MemoryStore("cosine").filled([str(n) for n in made.items.ids], made.items.vectors)
    store.numbers = mixed_in(share, made.items.vectors)
    found = aw.probe(store)
    text = markdown(probe_document(found))
    assert found.metric == "cosine"
    if share:
        assert 0.005 < found.off_by < 0.05
        assert "This computes about the cosine, shown as the cosine" in text
        assert "or the formula is another one near to it" in text
        told = verify(store, made, "dot").reasons
        assert any("where dot is due (dot): the cosine" in reason for reason in told), told
    else:
        assert found.off_by < 1e-6
        assert "This computes the cosine, shown as the cosine" in text


def test_a_normalised_query_alone_makes_no_cosine():
    """It ranks as dot: of short items its numbers stay within those of a cosine."""
    x = space().items.vectors
    x = x / (1.01 * np.sqrt(np.square(x).sum(axis=1)).max())

    def ask(vector, k):
        numbers = x @ vector / np.sqrt(np.square(vector).sum())
        return [(str(i), numbers[i]) for i in np.argsort(-numbers, kind="stable")[:k]]

    text = markdown(probe_document(aw.probe(ask, dimension=6)))
    assert "this is the cosine" not in text
    assert "whether it is that, and of which vectors, is not known" in text


class Orders(MemoryStore):
    """Lists equal vectors by their ids, as texts or as numbers."""

    by = str

    def twin(self, name):
        twin = Orders(self.metric)
        twin.address = self.address.called(name)
        return twin

    def search(self, queries, k, effort=None):
        return [
            sorted(one, key=lambda e: (-e[1], self.by(e[0]) if e[0].isdigit() else self.by("0")))
            for one in super().search(queries, k, effort)
        ]


@pytest.mark.parametrize(("by", "words"), [(str, "as texts"), (int, "as numbers")])
def test_an_order_by_ids_is_not_said_to_be_that_of_writing(by, words, monkeypatch):
    monkeypatch.setattr(Orders, "by", staticmethod(by))
    made = space()
    store = Orders("dot").filled([str(n) for n in made.items.ids], made.items.vectors)
    assert aw.probe(store, scratch=True).ties == f"by their ids, {words}"
