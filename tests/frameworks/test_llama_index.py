"""LlamaIndex publishes no standard tests of retrievers: its own calls are made."""

import asyncio

import numpy as np
import pytest
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

from anglewise import Embeddings, Index
from anglewise.errors import SpellingError, WrongTypeError
from anglewise.integrations.llama_index import AnglewiseRetriever
from anglewise.rag.ask_retriever import ask_retriever
from anglewise.rag.context import Context

WORDS = ["wing", "flow", "heat", "plate", "shock", "drag"]
TEXTS = ["wing flow", "heat plate", "shock drag", "wing drag", "flow heat"]


def encode(texts):
    return np.array([[t.split().count(w) + 0.01 for w in WORDS] for t in texts])


ABOUT = {
    "text": TEXTS,
    "tenant": ["a", "b", "a", "b", None],
    "year": [1950, None, 1952, 1953, 1954],
}


def context():
    return Context(Index(Embeddings(encode(TEXTS), metadata=ABOUT), "cosine"), encode)


def test_nodes_carry_ids_and_scores():
    retriever = AnglewiseRetriever(context(), k=2)
    assert isinstance(retriever, BaseRetriever)
    first, second = retriever.retrieve("wing flow")
    assert (first.node.node_id, first.node.get_content()) == ("0", "wing flow")
    assert first.score > second.score
    assert first.node.metadata["score"] == first.score


def test_it_answers_asynchronously_alike():
    retriever = AnglewiseRetriever(context(), k=2)
    found = asyncio.run(retriever.aretrieve("heat"))
    assert [one.node_id for one in found] == [one.node_id for one in retriever.retrieve("heat")]


def test_a_retriever_of_llama_index_becomes_a_run():
    run = ask_retriever(AnglewiseRetriever(context(), k=2), {"q": "wing flow"}, "llama")
    assert run["q"][0] == ("0", pytest.approx(1.0))
    assert len(run["q"]) == 2


def of(key, operator, value):
    return MetadataFilter(key=key, operator=operator, value=value)


COMPARISONS = [
    of("tenant", "==", "a"),
    of("tenant", "!=", "a"),
    of("tenant", "in", ["a", "c"]),
    of("tenant", "nin", ["a", "c"]),
    of("year", ">", 1952),
    of("year", ">=", 1952),
    of("year", "<", 1952.5),
    of("year", "<=", 1950),
    of("tenant", "is_empty", None),
]


def retrieved(filters):
    return {node.node_id for node in AnglewiseRetriever(context(), filters=filters).retrieve("x")}


@pytest.mark.parametrize("condition", ["and", "or", "not"])
def test_filters_let_through_what_llama_index_lets_through(condition):
    """Its own function, on the metadata of each item, is the oracle; of pairs of comparisons."""
    for first in COMPARISONS:
        for second in COMPARISONS:
            filters = MetadataFilters(filters=[first, second], condition=condition)
            about = lambda row: {name: ABOUT[name][int(row)] for name in ABOUT}  # noqa: E731
            passes = build_metadata_filter_fn(about, filters)
            assert retrieved(filters) == {row for row in "01234" if passes(row)}


def test_filters_may_lie_in_each_other():
    """LlamaIndex's own function refuses these."""
    for condition, passing in (("and", "3"), ("or", "0234"), ("not", "1")):
        inner = MetadataFilters(filters=[COMPARISONS[0], COMPARISONS[4]], condition="or")
        filters = MetadataFilters(
            filters=[inner, of("year", ">", 1952), of("tenant", "==", "b")], condition="and"
        )
        if condition != "and":
            filters = MetadataFilters(filters=[inner], condition=condition)
        assert retrieved(filters) == set(passing)
    double = MetadataFilters(
        filters=[MetadataFilters(filters=[COMPARISONS[4]], condition="not")], condition="not"
    )
    assert retrieved(double) == {"3", "4"}


@pytest.mark.parametrize(
    ("filters", "error"),
    [
        (MetadataFilters(filters=[of("tenant", "contains", "a")]), SpellingError),
        (MetadataFilters(filters=[of("tenant", "text_match", "a")]), SpellingError),
        (MetadataFilters(filters=[of("tenant", "any", ["a"])]), SpellingError),
        (MetadataFilters(filters=[of("tenant", "==", None)]), SpellingError),
        (MetadataFilters(filters=[of("tenant", "in", "a")]), SpellingError),
        (MetadataFilters(filters=[of("tenant", "==", "")]), SpellingError),
        (MetadataFilters(filters=[]), SpellingError),
        (MetadataFilters(filters=[of("tenat", "==", "a")]), SpellingError),
        (MetadataFilters(filters=[of("year", ">", "1950")]), WrongTypeError),
        ({"tenant": "a"}, WrongTypeError),
    ],
)
def test_filters_that_cannot_be_applied_are_refused(filters, error):
    with pytest.raises(error):
        retrieved(filters)


@pytest.mark.parametrize("name", ["filter", "where", "vector_store_kwargs"])
def test_an_argument_of_another_name_is_refused(name):
    with pytest.raises(TypeError, match=name):
        AnglewiseRetriever(context(), **{name: {"tenant": "a"}})
