"""Retrievers for frameworks, on stand-ins of their classes; `make check-frameworks` has the real.

What stands here is what an adapter does itself: which words and numbers it hands over.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from anglewise import Embeddings, Index
from anglewise.errors import MissingExtraError
from anglewise.integrations import haystack, langchain, llama_index
from anglewise.rag.context import Context

ADAPTERS = [langchain, llama_index, haystack]
TEXTS = ["wing flow", "heat plate", "shock drag"]


def encode(texts):
    return np.array([[text.count(letter) + 0.01 for letter in "wfhpsd"] for text in texts])


@pytest.fixture
def context():
    about = {"text": TEXTS, "year": [1950, 1951, 1952]}
    return Context(Index(Embeddings(encode(TEXTS), ["a", "b", "c"], about), "cosine"), encode)


class Fields:
    """Keeps what it is given, as the frameworks' own data classes do."""

    def __init__(self, **fields):
        vars(self).update(fields)


class Component:
    """Haystack's decorator."""

    def __call__(self, cls):
        return cls

    def output_types(self, **_):
        return lambda method: method


@pytest.fixture
def frameworks(monkeypatch):
    modules = {
        "langchain_core.retrievers": {"BaseRetriever": Fields},
        "langchain_core.documents": {"Document": Fields},
        "llama_index.core.retrievers": {"BaseRetriever": Fields},
        "llama_index.core.schema": {"NodeWithScore": Fields, "TextNode": Fields},
        "haystack": {"component": Component(), "Document": Fields},
    }
    for name, content in modules.items():
        parts = name.split(".")
        for end in range(1, len(parts)):
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(parts[0]))
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    yield
    for adapter in ADAPTERS:
        adapter.retriever_class.cache_clear()


@pytest.mark.usefixtures("frameworks")
def test_langchain_gets_documents(context):
    retriever = langchain.AnglewiseRetriever(context=context, k=2)
    best, _ = retriever._get_relevant_documents("heat plate")
    assert (best.id, best.page_content, best.metadata["year"]) == ("b", "heat plate", 1951)
    assert best.metadata["score"] == pytest.approx(1.0)
    assert len(retriever._get_relevant_documents("heat", k=1)) == 1


@pytest.mark.usefixtures("frameworks")
def test_llama_index_gets_nodes(context):
    retriever = llama_index.AnglewiseRetriever(context, k=1)
    (best,) = retriever._retrieve(SimpleNamespace(query_str="heat plate"))
    assert (best.node.id_, best.node.text, best.score) == ("b", "heat plate", pytest.approx(1))
    assert best.node.metadata["year"] == 1951


@pytest.mark.usefixtures("frameworks")
def test_haystack_gets_documents(context):
    retriever = haystack.AnglewiseRetriever(context)
    best = retriever.run(query="heat plate")["documents"][0]
    assert (best.id, best.content, best.meta["year"]) == ("b", "heat plate", 1951)
    assert len(retriever.run(query="heat", top_k=1)["documents"]) == 1


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda a: a.__name__.rpartition(".")[2])
def test_a_missing_framework_is_named_with_its_extra(adapter, monkeypatch):
    extra = adapter.__name__.rpartition(".")[2].replace("_", "-")
    for name in ("langchain_core.retrievers", "llama_index.core.retrievers", "haystack"):
        monkeypatch.setitem(sys.modules, name, None)
    adapter.retriever_class.cache_clear()
    with pytest.raises(MissingExtraError, match=rf"anglewise\[{extra}\]"):
        _ = adapter.AnglewiseRetriever
    with pytest.raises(AttributeError):
        _ = adapter.Retriever
