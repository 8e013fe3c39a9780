"""LangChain's own standard tests of retrievers, what it is told about a passage, and filters."""

import asyncio

import numpy as np
import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests

from anglewise import Embeddings, Index
from anglewise.errors import SpellingError, WrongTypeError
from anglewise.integrations.langchain import AnglewiseRetriever
from anglewise.rag.ask_retriever import ask_retriever
from anglewise.rag.context import Context

WORDS = ["wing", "flow", "heat", "plate", "shock", "drag"]
TEXTS = ["wing flow", "heat plate", "shock drag", "wing drag", "flow heat"]


def encode(texts):
    return np.array([[t.split().count(w) + 0.01 for w in WORDS] for t in texts])


def context():
    about = {
        "text": TEXTS,
        "year": [1950 + i for i in range(len(TEXTS))],
        "tenant": ["a", "b", "a", "b", None],
    }
    return Context(Index(Embeddings(encode(TEXTS), metadata=about), "cosine"), encode)


class TestStandard(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self):
        return AnglewiseRetriever

    @property
    def retriever_constructor_params(self):
        return {"context": context()}

    @property
    def retriever_query_example(self):
        return "wing flow"


def test_documents_carry_ids_scores_and_metadata():
    best, *_ = AnglewiseRetriever(context=context(), k=2).invoke("wing flow")
    assert (best.id, best.page_content, best.metadata["year"]) == ("0", "wing flow", 1950)
    assert best.metadata["score"] == pytest.approx(1.0)
    assert best.metadata["probability"] is None


def test_a_retriever_of_langchain_becomes_a_run():
    run = ask_retriever(AnglewiseRetriever(context=context(), k=2), {"q": "wing flow"}, "chain")
    assert run["q"][0][0] == "0"
    assert len(run["q"]) == 2


def ids(documents):
    return {document.id for document in documents}


@pytest.mark.parametrize(
    ("where", "passing"),
    [
        ({"tenant": "a"}, "02"),
        ({"tenant": {"$eq": "b"}, "year": {"$gte": 1952}}, "3"),
        ({"$or": [{"year": {"$lt": 1951}}, {"tenant": {"$in": ["b"]}}]}, "013"),
        ({"tenant": {"$ne": "a"}}, "13"),
        ({"$not": {"tenant": {"$nin": ["a"]}}}, "02"),
        ("year >= 1953", "34"),
    ],
)
def test_a_filter_holds_when_the_retriever_is_made_and_when_it_is_asked(where, passing):
    made = AnglewiseRetriever(context=context(), filter=where)
    asked = AnglewiseRetriever(context=context())
    for documents in (
        made.invoke("wing"),
        asked.invoke("wing", filter=where),
        asked.bind(filter=where).invoke("wing"),
        asyncio.run(made.ainvoke("wing")),
        asyncio.run(asked.ainvoke("wing", filter=where)),
        *asked.batch(["wing", "heat"], filter=where),
    ):
        assert ids(documents) == set(passing)


def test_a_filter_of_a_question_holds_beside_that_of_the_retriever():
    retriever = AnglewiseRetriever(context=context(), filter={"tenant": "a"})
    assert ids(retriever.invoke("wing", filter={"year": {"$gt": 1950}})) == {"2"}
    assert retriever.invoke("wing", filter={"tenant": "b"}) == []


@pytest.mark.parametrize("name", ["search_kwargs", "filters", "where", "namespace"])
def test_an_argument_of_another_name_is_refused(name):
    with pytest.raises(ValueError, match=name):
        AnglewiseRetriever(context=context(), **{name: {"tenant": "a"}})
    retriever = AnglewiseRetriever(context=context())
    with pytest.raises(TypeError, match=name):
        retriever.invoke("wing", **{name: {"tenant": "a"}})
    with pytest.raises(TypeError, match=name):
        asyncio.run(retriever.ainvoke("wing", **{name: {"tenant": "a"}}))


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ({"tenant": {"$like": "a%"}}, SpellingError),
        ({"tenat": "a"}, SpellingError),
        ({"year": {"$gt": "1950"}}, WrongTypeError),
        ({}, SpellingError),
    ],
)
def test_a_filter_that_cannot_be_applied_is_refused(where, error):
    with pytest.raises(error):
        AnglewiseRetriever(context=context()).invoke("wing", filter=where)


def test_asking_asynchronously_gives_the_same():
    retriever = AnglewiseRetriever(context=context())
    assert asyncio.run(retriever.ainvoke("heat", k=2)) == retriever.invoke("heat", k=2)
