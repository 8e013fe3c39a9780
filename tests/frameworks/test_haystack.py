"""Haystack's standard tests are for document stores, not for retrievers: a pipeline is run."""

import asyncio
from itertools import product

import numpy as np
import pytest
from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder
from haystack.core.errors import DeserializationError
from haystack.utils.filters import document_matches_filter

from anglewise import Embeddings, Encoder, Index, Judgements, Space
from anglewise.errors import EncoderError, FileError, SpellingError, WrongTypeError
from anglewise.integrations.haystack import AnglewiseRetriever
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
    "day": ["2024-05-01", None, "2023-01-01", "2025-01-01", "2024-05-01"],
}


def context(**settings):
    return Context(Index(Embeddings(encode(TEXTS), metadata=ABOUT), "cosine"), encode, **settings)


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


def of(field, operator, value):
    return {"field": f"meta.{field}", "operator": operator, "value": value}


COMPARISONS = [
    of("tenant", "==", "a"),
    of("tenant", "!=", "a"),
    of("tenant", "==", None),
    of("tenant", "!=", None),
    of("tenant", "in", ["a", "c"]),
    of("tenant", "not in", ["a", "c"]),
    of("tenant", "in", ["a", None]),
    of("tenant", "not in", ["a", None]),
    of("year", ">", 1952),
    of("year", ">=", 1952),
    of("year", "<", 1952.5),
    of("year", "<=", 1950),
    of("day", ">=", "2024-05-01"),
]
DOCUMENTS = {
    str(row): Document(content="x", meta={name: ABOUT[name][row] for name in ABOUT})
    for row in range(5)
}


def retrieved(filters, of_component=None):
    made = AnglewiseRetriever(context(), filters=of_component)
    answer = made.run(query="x", filters=filters)
    return {document.id for document in answer["documents"]}


def matching(filters):
    """Haystack's own function is the oracle."""
    return {row for row, one in DOCUMENTS.items() if document_matches_filter(filters, one)}


def test_a_comparison_lets_through_what_haystack_lets_through():
    for one in COMPARISONS:
        assert retrieved(one) == matching(one), one
        opposite = {"operator": "NOT", "conditions": [one]}
        assert retrieved(opposite) == matching(opposite), opposite


@pytest.mark.parametrize(("outer", "inner"), list(product(["AND", "OR", "NOT"], repeat=2)))
def test_joined_filters_let_through_what_haystack_lets_through(outer, inner):
    for first, second in product(COMPARISONS, repeat=2):
        within = {"operator": inner, "conditions": [first, second]}
        filters = {"operator": outer, "conditions": [within, of("year", ">", 1951)]}
        assert retrieved(filters) == matching(filters), filters


def test_filters_of_the_component_hold_beside_those_of_a_query():
    assert retrieved(of("year", ">", 1950), of("tenant", "==", "a")) == {"2"}
    assert retrieved(None, of("tenant", "==", "a")) == {"0", "2"}
    assert retrieved({"field": "tenant", "operator": "==", "value": "b"}) == {"1", "3"}


@pytest.mark.parametrize(
    ("filters", "error"),
    [
        ({}, SpellingError),
        ({"tenant": "a"}, SpellingError),
        ("tenant = a", WrongTypeError),
        (of("tenat", "==", "a"), SpellingError),
        (of("tenant", "like", "a"), SpellingError),
        (of("tenant", "in", "a"), SpellingError),
        (of("tenant", "==", ["a"]), SpellingError),
        (of("tenant", ">", "a"), SpellingError),
        (of("year", ">", None), SpellingError),
        (of("year", ">", "2024-05-01"), WrongTypeError),
        (of("tenant", "==", 3), WrongTypeError),
        ({"field": "content", "operator": "==", "value": "x"}, SpellingError),
        ({"operator": "XOR", "conditions": [of("tenant", "==", "a")]}, SpellingError),
        ({"operator": "AND", "conditions": []}, SpellingError),
    ],
)
def test_filters_that_cannot_be_applied_are_refused(filters, error):
    with pytest.raises(error):
        retrieved(filters)


def test_an_argument_of_another_name_is_refused():
    with pytest.raises(TypeError):
        AnglewiseRetriever(context(), filter={})
    with pytest.raises(TypeError):
        AnglewiseRetriever(context()).run(query="x", where="tenant = a")


def test_it_answers_asynchronously_alike():
    retriever = AnglewiseRetriever(context())
    filters = of("tenant", "==", "a")
    alone = asyncio.run(retriever.run_async(query="heat", top_k=1, filters=filters))
    assert alone == retriever.run(query="heat", top_k=1, filters=filters)
    pipeline = pipeline_of(AnglewiseRetriever(context()))
    given = {"retriever": {"query": "heat", "filters": filters}}
    answer = asyncio.run(pipeline.run_async(given))["retriever"]["documents"]
    assert {document.id for document in answer} == {"0", "2"}


def saved(folder, encoder, about=ABOUT, **settings):
    """A context whose index lies in a folder."""
    index = Index(Embeddings(encode(TEXTS), metadata=about), "cosine")
    index.save(folder)
    return Context(index, encoder, **settings)


def pipeline_of(retriever):
    pipeline = Pipeline()
    pipeline.add_component("retriever", retriever)
    return pipeline


def words_file(folder):
    """The spelling of an encoder that reads the words alone."""
    rows = zip(WORDS, np.eye(6), strict=True)
    lines = (f"{word} {' '.join(map(str, row))}\n" for word, row in rows)
    (folder / "words.txt").write_text("".join(lines))
    return f"words:{folder / 'words.txt'}"


def test_a_pipeline_goes_to_yaml_and_back(tmp_path):
    context = saved(
        tmp_path / "index",
        words_file(tmp_path),
        budget_tokens=500,
        diversity=0.25,
    )
    filters = of("tenant", "in", ["a", "b"])
    pipeline = pipeline_of(AnglewiseRetriever(context, top_k=3, filters=filters))
    text = pipeline.dumps()
    again = Pipeline.loads(text, allowed_modules=["anglewise.*"])
    for query in ("heat plate", "wing"):
        ask = {"retriever": {"query": query, "filters": of("year", "!=", 1952)}}
        assert again.run(ask) == pipeline.run(ask)
        assert again.run(ask)["retriever"]["documents"]
    assert again.dumps() == text
    loaded = again.get_component("retriever").context
    assert (loaded.budget_tokens, loaded.diversity) == (500, 0.25)
    with pytest.raises(DeserializationError, match="anglewise"):
        Pipeline.loads(text)


def test_what_was_learned_goes_along(tmp_path):
    from anglewise.rag.relevance import learn_relevance

    rng = np.random.default_rng(0)
    about = {"text": [f"{TEXTS[row % 5]} {row}" for row in range(40)]}
    items = Embeddings(rng.normal(size=(40, 6)), metadata=about)
    space = Space(items=items, queries=Embeddings(items.vectors[:20] + 0.1))
    index = Index(items, "cosine")
    index.save(tmp_path / "index")
    right = Judgements.from_pairs(
        [(str(q), str(i), float(q == i)) for q in range(20) for i in range(40)], space
    )
    learned = learn_relevance(index, space, right)
    made = Context(index, words_file(tmp_path), relevance=learned, threshold=0.01)
    pipeline = pipeline_of(AnglewiseRetriever(made))
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["anglewise.*"])
    ask = {"retriever": {"query": "heat plate"}}
    assert again.run(ask) == pipeline.run(ask)
    assert again.get_component("retriever").context.relevance.to_dict() == learned.to_dict()


def test_a_function_is_loaded_where_haystack_may_load_its_module(tmp_path, monkeypatch):
    (tmp_path / "ours.py").write_text("def encode(texts):\n    return [[1.0] * 6 for _ in texts]\n")
    monkeypatch.syspath_prepend(tmp_path)
    context = saved(tmp_path / "index", "python:ours:encode")
    text = pipeline_of(AnglewiseRetriever(context)).dumps()
    with pytest.raises(DeserializationError, match="ours"):
        Pipeline.loads(text, allowed_modules=["anglewise.*"])
    again = Pipeline.loads(text, allowed_modules=["anglewise.*", "ours"])
    assert len(again.run({"retriever": {"query": "x", "top_k": 2}})["retriever"]["documents"]) == 2


def test_what_no_file_can_hold_is_refused_when_it_is_written(tmp_path):
    for made in (
        context(),
        saved(tmp_path / "a", lambda texts: encode(texts) + 0),
        saved(tmp_path / "b", Encoder(spec="sentence-transformers:x", documents=encode)),
        saved(tmp_path / "c", Encoder(spec="use", documents=encode), tokens=len),
    ):
        with pytest.raises(SpellingError):
            AnglewiseRetriever(made).to_dict()
    changed = saved(tmp_path / "d", Encoder(spec="use", documents=encode))
    assert AnglewiseRetriever(changed).to_dict()
    changed.index.remove(["0"])
    with pytest.raises(SpellingError, match="save it first"):
        AnglewiseRetriever(changed).to_dict()
    changed.index.save(tmp_path / "d")
    assert AnglewiseRetriever(changed).to_dict()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"folder": "nowhere"}, FileError),
        ({"folder": 3}, WrongTypeError),
        ({"encoder": "python:os:system"}, DeserializationError),
        ({"encoder": "sentence-transformers:x"}, EncoderError),
        ({"encoder": "openai:x?url=https://example.org/v1"}, EncoderError),
        ({"encoder": "model2vec:some/where"}, EncoderError),
        ({"measure": "cosin"}, SpellingError),
        ({"colour": 3}, SpellingError),
        ({"budget_tokens": "many"}, ValueError),
    ],
)
def test_settings_that_a_file_may_not_choose_are_refused(tmp_path, change, error, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    made = AnglewiseRetriever(saved(tmp_path / "index", words_file(tmp_path)))
    data = made.to_dict()
    data["init_parameters"]["context"] |= change
    with pytest.raises(error):
        type(made).from_dict(data)
