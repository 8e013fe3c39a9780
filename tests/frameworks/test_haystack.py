"""Haystack's standard tests are for document stores, not for retrievers: a pipeline is run."""

import numpy as np
import pytest
from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder

from anglewise import Embeddings, Index
from anglewise.integrations.haystack import AnglewiseRetriever
from anglewise.rag.ask_retriever import ask_retriever
from anglewise.rag.context import Context

WORDS = ["wing", "flow", "heat", "plate", "shock", "drag"]
TEXTS = ["wing flow", "heat plate", "shock drag", "wing drag", "flow heat"]


def encode(texts):
    return np.array([[t.split().count(w) + 0.01 for w in WORDS] for t in texts])


def context():
    return Context(Index(Embeddings(encode(TEXTS), metadata={"text": TEXTS}), "cosine"), encode)


def test_it_stands_in_a_pipeline():
    pipeline = Pipeline()
    pipeline.add_component("retriever", AnglewiseRetriever(context(), top_k=2))
    template = "{% for one in documents %}{{ one.content }};{% endfor %}"
    pipeline.add_component("prompt", PromptBuilder(template, required_variables=["documents"]))
    pipeline.connect("retriever.documents", "prompt.documents")
    found = pipeline.run({"retriever": {"query": "heat plate"}}, {"retriever"})
    assert found["prompt"]["prompt"].startswith("heat plate;")
    documents = found["retriever"]["documents"]
    assert [type(one) for one in documents] == [Document, Document]
    assert documents[0].id == "1"
    assert documents[0].score > documents[1].score


def test_the_number_can_be_said_when_asking():
    assert len(AnglewiseRetriever(context()).run(query="wing", top_k=1)["documents"]) == 1


def test_a_retriever_of_haystack_becomes_a_run():
    run = ask_retriever(AnglewiseRetriever(context(), top_k=2), {"q": "wing flow"}, "stack")
    assert run["q"][0] == ("0", pytest.approx(1.0))
    assert len(run["q"]) == 2
