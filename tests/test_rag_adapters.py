"""Retrievers for frameworks, on stand-ins of their classes; `make check-frameworks` has the real.

What stands here is what an adapter does itself: which words and numbers it hands over.
"""

import asyncio
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from anglewise import Embeddings, Index
from anglewise.errors import EncoderError, MissingExtraError, SpellingError, WrongTypeError
from anglewise.integrations import haystack, langchain, llama_index
from anglewise.integrations.haystack_filters import read_filters as of_haystack
from anglewise.integrations.llama_index import read_filters as of_llama_index
from anglewise.integrations.pipeline_context import context_of, context_settings
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


def found(documents):
    return [document.id for document in documents]


@pytest.mark.usefixtures("frameworks")
def test_filters_are_handed_on_and_hold_together(context):
    late = {"year": {"$gt": 1950}}
    chain = langchain.AnglewiseRetriever(context=context, k=None, filter=late)
    assert sorted(found(chain._get_relevant_documents("heat"))) == ["b", "c"]
    assert found(chain._get_relevant_documents("heat", filter="year < 1952")) == ["b"]
    assert found(asyncio.run(chain._aget_relevant_documents("heat", filter="year < 1952"))) == ["b"]
    with pytest.raises(SpellingError):
        langchain.AnglewiseRetriever(context=context, filter={"year": {"$like": 1}})
    filters = metadata_filters("and", ("year", ">", 1950), ("year", "<", 1952))
    llama = llama_index.AnglewiseRetriever(context, filters=filters)
    asked = SimpleNamespace(query_str="heat")
    assert [place.node.id_ for place in llama._retrieve(asked)] == ["b"]
    assert [place.node.id_ for place in asyncio.run(llama._aretrieve(asked))] == ["b"]
    late = {"field": "meta.year", "operator": ">", "value": 1950}
    early = {"field": "meta.year", "operator": "<", "value": 1952}
    stack = haystack.AnglewiseRetriever(context, filters=late)
    assert found(stack.run(query="heat", filters=early)["documents"]) == ["b"]
    answer = asyncio.run(stack.run_async(query="heat", filters=early))
    assert found(answer["documents"]) == ["b"]


def metadata_filters(condition, *comparisons):
    """As LlamaIndex's own classes hold them."""
    filters = [
        SimpleNamespace(key=key, operator=operator, value=value)
        for key, operator, value in comparisons
    ]
    return SimpleNamespace(condition=condition, filters=filters)


def test_filters_of_frameworks_say_what_they_say_there():
    """What a missing cell meets differs from our own filters, and is said."""
    several = [("a", "!=", 1), ("b", "nin", [1, 2])]
    read = of_llama_index(metadata_filters("not", *several))
    assert str(read) == "a = 1 and b in 1, 2"
    read = of_llama_index(metadata_filters("or", *several))
    assert str(read) == "((a != 1 or a is missing) or (b not in 1, 2 or b is missing))"
    conditions = [
        {"field": "meta.a", "operator": ">", "value": 1},
        {"field": "meta.b", "operator": "==", "value": None},
    ]
    assert str(of_haystack({"operator": "AND", "conditions": conditions})) == (
        "a > 1 and b is missing"
    )
    assert str(of_haystack({"operator": "NOT", "conditions": conditions})) == (
        "((a <= 1 or a is missing) or b is not missing)"
    )


@pytest.mark.parametrize(
    "filters",
    [
        metadata_filters("and", ("a", "contains", 1)),
        metadata_filters("and", ("a", "==", None)),
        metadata_filters("and", ("a", "in", 1)),
        metadata_filters("xor", ("a", "==", 1)),
        metadata_filters("and"),
        {"a": 1},
        None,
    ],
)
def test_what_llama_index_filters_cannot_say_is_refused(filters):
    with pytest.raises((SpellingError, WrongTypeError)):
        of_llama_index(filters)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        [],
        {"a": 1},
        {"field": "meta.a", "operator": "==", "value": 1, "extra": 2},
        {"field": "meta.", "operator": "==", "value": 1},
        {"field": "content", "operator": "==", "value": 1},
        {"field": 3, "operator": "==", "value": 1},
        {"field": "meta.a", "operator": "contains", "value": 1},
        {"field": "meta.a", "operator": "in", "value": 1},
        {"field": "meta.a", "operator": "<", "value": "soon"},
        {"field": "meta.a", "operator": "==", "value": " "},
        {"operator": "AND", "conditions": {}},
        {"operator": "and", "conditions": [{"field": "a", "operator": "==", "value": 1}]},
    ],
)
def test_what_haystack_filters_cannot_say_is_refused(filters):
    with pytest.raises((SpellingError, WrongTypeError)):
        of_haystack(filters)


def refuse(spec):
    raise EncoderError(f"{spec} may not be loaded")


def test_settings_of_a_context_are_read_back(context, tmp_path):
    with pytest.raises(SpellingError, match="save it first"):
        context_settings(context)
    context.index.save(tmp_path / "index")
    with pytest.raises(EncoderError, match="may not be loaded"):
        context_of(context_settings(context), refuse)
    settings = context_settings(context)
    again = context_of(settings, lambda _: None)
    assert again.index.ids == context.index.ids
    assert again("heat plate").to_dict() == context("heat plate").to_dict()
    for change in ({"encoder": "sentence-transformers:x"}, {"folder": None}, {"colour": 1}):
        with pytest.raises((EncoderError, WrongTypeError, SpellingError)):
            context_of({**settings, **change}, lambda _: None)


def test_an_index_knows_its_folder_until_it_changes(tmp_path):
    index = Index(Embeddings(encode(TEXTS), ["a", "b", "c"]), "cosine")
    assert index.folder is None
    index.save(tmp_path / "index")
    assert Index.load(tmp_path / "index").folder == index.folder == str(tmp_path / "index")
    index.remove(["a"])
    assert index.folder is None


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
