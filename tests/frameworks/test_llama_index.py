"""LlamaIndex publishes no standard tests of retrievers: its own calls are made."""

import asyncio

import numpy as np
import pytest
from llama_index.core.retrievers import BaseRetriever

from anglewise import Embeddings, Index
from anglewise.integrations.llama_index import AnglewiseRetriever
from anglewise.rag.ask_retriever import ask_retriever
from anglewise.rag.context import Context

WORDS = ["wing", "flow", "heat", "plate", "shock", "drag"]
TEXTS = ["wing flow", "heat plate", "shock drag", "wing drag", "flow heat"]


def encode(texts):
    return np.array([[t.split().count(w) + 0.01 for w in WORDS] for t in texts])


def context():
    return Context(Index(Embeddings(encode(TEXTS), metadata={"text": TEXTS}), "cosine"), encode)


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
