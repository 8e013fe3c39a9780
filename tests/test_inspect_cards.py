"""The card of a pair: one readable text, its title once, nothing cut that was judged."""

import numpy as np
import pytest

from anglewise import Embeddings, Space
from anglewise.web_page.metadata import Metadata
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.read_passages import TEXT, read_passage
from inspect_site import FROM_HERE, site

LONG = "\n\n".join(f"Paragraph {n}. " + "word " * 200 for n in range(12))


def passage(**about):
    side = Embeddings([[1.0]], ["d7"], {name: [cell] for name, cell in about.items()})
    return read_passage(Metadata(side), 0)


def test_a_title_stands_once_above_the_whole_text():
    read = passage(title="Alien", text=LONG, year=1979)
    assert (read.heading, read.text) == ("Alien", LONG.strip())
    assert read.about == [("year", "1979")]


@pytest.mark.parametrize("joint", [". ", ": ", "\n", " - ", " \u2013 "])
def test_a_text_that_begins_with_its_title_does_not_say_it_twice(joint):
    read = passage(title="Alien.", text=f"alien{joint}In space.")
    assert (read.heading, read.text) == ("Alien.", "In space.")


def test_a_word_that_begins_like_the_title_stays_whole():
    assert passage(title="Alien", text="Aliens came.").text == "Aliens came."


def test_a_text_without_title_stands_alone_and_an_id_only_without_both():
    assert passage(text="In space.").heading == ""
    assert passage(text="In space.").text == "In space."
    assert passage(year=1979).heading == "d7"


def test_a_text_that_comes_in_two_columns_is_shown_once():
    read = passage(title="Alien", text="In space.", body="In space.")
    assert read.text == "In space."
    assert read.about == []


def test_a_text_beyond_all_reading_is_cut_with_a_sign():
    read = passage(text="x" * (2 * TEXT))
    assert len(read.text) == TEXT
    assert read.text.endswith("…")


@pytest.fixture
def client(tmp_path):
    rng = np.random.default_rng(0)
    items = Embeddings(
        rng.normal(size=(12, 4)),
        metadata={
            "title": [f"T{n}" for n in range(12)],
            "text": [f"T{n}. {LONG}" for n in range(12)],
        },
    )
    queries = Embeddings(rng.normal(size=(3, 4)), metadata={"text": ["What is it?"] * 3})
    seen = Inspected(Space(queries=queries, items=items), store=tmp_path / "j.sqlite")
    client = site(seen)
    client.post("/judge/name", headers=FROM_HERE, content=b"name=anna")
    return client


def test_a_card_holds_the_whole_text(client):
    card = client.get("/judge/cards").json()["cards"][0]
    assert (card["query_title"], card["query_text"]) == ("", "What is it?")
    assert card["item_title"].startswith("T")
    assert card["item_text"].startswith("Paragraph 0.")
    assert card["item_text"].endswith("word")
    assert len(card["item_text"]) > 10_000
    assert card["item_about"] == []
