"""A question typed into the search box is encoded and answered, and nothing is made up."""

import html
import re

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import percent
from anglewise.encoders.load import encoder
from anglewise.nearest_neighbours.index import Index
from anglewise.rag.context import Context
from anglewise.rag.relevance import learn_relevance
from anglewise.web_page.open_space import Inspected
from cli_run import anglewise, refused
from inspect_site import site

__all__ = ["anglewise"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXTS = [
    "wings flutter in fast air", "a boundary layer is thin", "panels heat at the nose",
    "rockets shake their panels", "shells buckle under load", "jets mix with slow air",
    "cones have blunt noses", "slender bodies lift", "plates bend and flutter", "gas turbines turn",
]  # fmt: skip
QUESTION = "why do wings flutter?"


def letters(texts):
    """How often each letter comes, as an encoder."""
    return [[1 + text.lower().count(letter) for letter in LETTERS] for text in texts]


ENCODER = f"python:{__name__}:letters"


def made(encoder=None, about=None, relevance=None):
    items = Embeddings(letters(TEXTS), [f"d{n}" for n in range(10)], {"text": TEXTS})
    queries = Embeddings(letters([QUESTION, "thin layers"]), ["q0", "q1"])
    space = Space(queries=queries, items=items, about=about or {})
    return Inspected(space, encoder=encoder, relevance=relevance)


def asked(inspected, text=QUESTION, measures="&measure=cosine"):
    answer = site(inspected).get(f"/find?direction=queries-items&text={text}{measures}")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def test_a_question_is_answered_as_the_retriever_answers_it():
    inspected = made(ENCODER)
    page = asked(inspected)
    index = Index(inspected.space, "cosine")
    due = [hit.id for hit in index.search(np.array(letters([QUESTION])), 10)[0]]
    found = re.findall(r'query=(d\d)"|query=(d\d)&', page)
    ids = [first or second for first, second in found]
    assert ids[:10] == due
    context = Context(index, encoder(ENCODER))(QUESTION).text()
    assert context in page


def test_the_probability_is_that_of_the_measure_it_was_learned_of():
    inspected = made(ENCODER)
    relevance = relevance_of_letters(inspected)
    page = asked(made(ENCODER, relevance=relevance), measures="&measure=dot")
    columns = page.split('<section class="column" aria-label="')
    cosine = next(part for part in columns if part.startswith('cosine"'))
    dot = next(part for part in columns if part.startswith('dot"'))
    assert cosine.count('class="likely"') == 10
    assert 'class="likely"' not in dot
    index = Index(inspected.space, "cosine")
    scores = [hit.score for hit in index.search(np.array(letters([QUESTION])), 10)[0]]
    likely = re.findall(r'class="likely"[^>]*>(.*?)</b>', cosine)
    assert likely == [percent(chance) for chance in relevance(np.array(scores)).tolist()]


def relevance_of_letters(inspected):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.permutation(text.split())[:3]) for text in TEXTS * 4]
    queries = Embeddings(letters(texts), [f"l{n}" for n in range(40)])
    space = Space(queries=queries, items=inspected.space.items)
    own = SparseRows.from_pairs(np.arange(40), np.arange(40) % 10, shape=(40, 10))
    return learn_relevance(Index(space, "cosine"), space, Judgements(own))


def test_without_learning_the_probability_is_said_not_to_be_known():
    assert "how likely these are relevant is not known" in asked(made(ENCODER))


def test_without_an_encoder_it_is_said_why_there_is_no_answer():
    assert "does not say which encoder made its vectors" in asked(made())


def test_an_encoder_that_a_space_names_runs_no_code():
    page = asked(made(about={"encoder": ENCODER}))
    assert "Asked as a question, it is not answered" in page
    assert 'class="answered"' not in page


def test_an_encoder_of_another_space_is_refused():
    inspected = made(ENCODER)
    other = Inspected(
        Space(queries=Embeddings(np.eye(3)), items=Embeddings(np.eye(3))), encoder=ENCODER
    )
    assert "gives 26 numbers, the space has 3" in asked(other)
    assert inspected.encoder == ENCODER


def test_bm25_and_runs_are_said_not_to_answer():
    page = asked(made(ENCODER), measures="&measure=cosine&measure=bm25")
    assert "bm25 ranks for queries that it knows" in page


def test_what_is_typed_is_shown_as_text():
    page = site(made(ENCODER)).get("/find", params={"text": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in page


def test_an_id_still_leads_to_its_query():
    answer = site(made(ENCODER)).get("/find?direction=queries-items&text=q1")
    assert answer.status_code == 303


@pytest.mark.parametrize("option", ["--encoder=use", "--relevance=rel.json"])
def test_a_copy_answers_nothing_that_is_typed(anglewise, tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    np.save("items.npy", np.eye(4, dtype=np.float32))
    (tmp_path / "rel.json").write_text("{}")
    run = anglewise("inspect", "--items", "items.npy", "--export", "copy", option)
    refused(run, "--export and --atlas write and end")
