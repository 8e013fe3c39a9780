"""LangChain's own standard tests of retrievers, and what it is told about a passage."""

import numpy as np
import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests

from anglewise import Embeddings, Index
from anglewise.integrations.langchain import AnglewiseRetriever
from anglewise.rag.ask_retriever import ask_retriever
from anglewise.rag.context import Context

WORDS = ["wing", "flow", "heat", "plate", "shock", "drag"]
TEXTS = ["wing flow", "heat plate", "shock drag", "wing drag", "flow heat"]


def encode(texts):
    return np.array([[t.split().count(w) + 0.01 for w in WORDS] for t in texts])


def context():
    about = {"text": TEXTS, "year": [1950 + i for i in range(len(TEXTS))]}
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
