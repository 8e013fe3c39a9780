"""The first page: it opens at once, its parts follow, and end where nobody waits for them."""

import threading
import time

from anglewise import Embeddings, Space
from anglewise.errors import ValuesError
from anglewise.web_page import overview
from anglewise.web_page.attention import Attention, NobodyAsksError
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.state import AppState
from inspect_site import films, made_space, one_sided, site

ITEMS = "direction=items-items"


def answered(client, part, tries=300):
    for _ in range(tries):
        answer = client.get(f"/overview/{part}")
        if answer.status_code != 202:
            return answer
        time.sleep(0.1)
    raise AssertionError(part)


def test_the_page_opens_on_what_the_space_is_and_computes_nothing(monkeypatch):
    monkeypatch.setattr(overview, "lights", None)  # nothing may call it
    text = site(films()).get("/").text
    assert "30 queries and 60 items of 6 dimensions" in text
    assert "inner products" in text
    assert "60 queries judged" in text
    assert 'data-part="lights"' in text
    assert 'data-part="verdicts"' in text
    assert "data-column" not in text


def test_an_address_of_a_view_leads_to_neighbours_as_ever():
    client = site(films())
    assert "data-column" in client.get(f"/?{ITEMS}").text
    assert 'href="/?direction=queries-items"' in client.get("/").text


def test_lights_and_verdicts_follow():
    client = site(films())
    lights = answered(client, "lights").text
    assert "Cosine is" in lights
    assert "one model" in lights
    assert "--qrels FILE" not in lights, "judgements are at hand"
    verdicts = answered(client, "verdicts").text
    assert "items → items" in verdicts
    assert 'class="finding"' in verdicts


def test_what_is_not_judged_is_not_ruled_on():
    text = site(Inspected(made_space(), name="films")).get("/").text
    assert "nothing is judged here" in text
    assert 'data-part="verdicts"' not in text
    assert "Judge some pairs" in text


def test_a_side_alone_and_odd_names_are_shown():
    space = one_sided(["<script>", "b", "c", "d", "e"])
    text = site(Inspected(space, name="<script>")).get("/").text
    assert "5 items of 3 dimensions" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
    zeros = Space(items=Embeddings([[0.0], [1.0], [2.0], [3.0]]))
    assert "1 zero vector" in site(Inspected(zeros)).get("/").text


def test_a_part_that_fails_says_why_and_is_tried_again(monkeypatch):
    tries = []

    def failing(_app, _alive):
        tries.append(1)
        raise ValuesError("a side of zeros")

    monkeypatch.setattr(overview, "lights", failing)
    client = site(films())
    assert "a side of zeros" in answered(client, "lights").text
    assert "a side of zeros" in answered(client, "lights").text
    assert len(tries) == 2


def test_there_is_no_other_part():
    assert site(films()).get("/overview/none").status_code == 404


def test_work_ends_where_nobody_asks_and_begins_anew_where_somebody_does():
    app = AppState(films)
    app.attention = Attention(patience=0.2)
    steps, ended = [], threading.Event()

    def work(alive):
        try:
            while True:
                steps.append(1)
                time.sleep(0.02)
                alive()
        finally:
            ended.set()

    future = app.while_asked("key", work)
    for _ in range(4):
        time.sleep(0.1)
        assert not app.while_asked("key", work).done()
    assert ended.wait(5)
    assert isinstance(future.exception(5), NobodyAsksError)
    again = app.while_asked("key", lambda _: "made")
    assert again.result(5) == "made"
    assert app.while_asked("key", work).result(5) == "made"


def test_a_space_that_is_read_anew_is_looked_at_anew():
    app = AppState(films)
    app.while_asked("lights", lambda _: "old").result(5)
    app.reload()
    assert app.lookup("lights") is None
