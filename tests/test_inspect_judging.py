"""Judging: what is acknowledged is in the store, and nobody is led."""

import os
import re
import sqlite3
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from anglewise import Embeddings, Judged, JudgementStore, Space, compare
from anglewise.similarity_measures.measure import measures
from anglewise.web_page import answers, judging_view
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.queue import agreement, current_judgements, decide, draw_queue
from inspect_site import FROM_HERE, films, made_judgements, made_space, one_sided, site

MEASURES = measures("dot,cosine")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def anna(tmp_path):
    return judge(tmp_path, "anna")


def judge(tmp_path, name):
    client = site(films(tmp_path))
    body = f"name={name}".encode()
    assert client.post("/judge/name", headers=FROM_HERE, content=body).status_code == 303
    return client


def answer(client, card, value, **other):
    sent = {"uuid": str(uuid4()), "grade": value, "note": ""}
    sent |= {
        name: card[name] for name in ("direction", "query", "item", "shown", "context", "mark")
    }
    sent |= other
    return client.post("/judge/answers", headers=FROM_HERE, json=sent), sent["uuid"]


def undo(client, card, uuid):
    sent = {"uuid": uuid, "mark": card["mark"]}
    return client.post("/judge/undo", headers=FROM_HERE, json=sent)


def rows(tmp_path):
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        return list(store.rows())


def cards(client, **asked):
    return client.get("/judge/cards", params=asked).json()["cards"]


def test_an_acknowledged_judgement_is_in_the_store(anna, tmp_path):
    card, *_ = cards(anna)
    said, uuid = answer(anna, card, 3, note="a fine pair")
    assert said.json() == {"saved": uuid}
    (row,) = rows(tmp_path)
    assert (row.judge, row.grade, row.note, row.uuid) == ("anna", 3, "a fine pair", uuid)
    assert (row.query_id, row.item_id) == (card["query"], card["item"])
    assert row.context["blind"] is True


def test_sending_twice_records_once(anna, tmp_path):
    card, *_ = cards(anna)
    _, uuid = answer(anna, card, 3)
    again, _ = answer(anna, card, 3, uuid=uuid)
    assert again.status_code == 200
    other, _ = answer(anna, card, 1, uuid=uuid)
    assert other.status_code == 409
    assert len(rows(tmp_path)) == 1


def test_undo_adds_a_row_and_the_card_comes_back(anna, tmp_path):
    card, *_ = cards(anna)
    _, uuid = answer(anna, card, 3)
    assert card["card"] not in [one["card"] for one in cards(anna)]
    assert undo(anna, card, uuid).status_code == 200
    assert rows(tmp_path) == []
    assert cards(anna)[0]["card"] == card["card"]
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        assert len(list(store.rows(retracted=True))) == 1
    assert undo(anna, card, str(uuid4())).status_code == 409


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"grade": 5}, 422),
        ({"grade": True}, 422),
        ({"grade": "3"}, 422),
        ({"grade": None}, 422),
        ({"query": "gone"}, 409),
        ({"item": 7}, 409),
        ({"direction": "sideways"}, 422),
        ({"uuid": "x"}, 422),
        ({"uuid": None}, 422),
        ({"note": "x" * 3000}, 422),
        ({"context": [1]}, 422),
        ({"context": {"x": "y" * 3000}}, 422),
    ],
)
def test_an_answer_that_is_none_is_refused_and_not_stored(anna, tmp_path, change, status):
    card, *_ = cards(anna)
    said, _ = answer(anna, card, 2, **change)
    assert said.status_code == status, said.text
    assert said.json()["error"]
    assert rows(tmp_path) == []


def test_only_who_judged_takes_back(tmp_path):
    anna, ben = judge(tmp_path, "anna"), judge(tmp_path, "ben")
    card, *_ = cards(anna)
    _, uuid = answer(anna, card, 3)
    said = undo(ben, card, uuid)
    assert (said.status_code, len(rows(tmp_path))) == (409, 1)
    assert "not by ben" in said.json()["error"]


def test_an_answer_is_by_the_judge_whom_its_page_named(tmp_path):
    """Another tab may have changed the cookie, which all tabs share."""
    client = judge(tmp_path, "ben")
    assert 'data-judge="ben"' in client.get("/judge").text
    card = cards(client)[0]
    answer(client, card, 3, judge="anna")
    assert [row.judge for row in rows(tmp_path)] == ["anna"]
    assert card["card"] in [one["card"] for one in cards(client)]
    assert card["card"] not in [one["card"] for one in cards(client, judge="anna")]
    assert answer(client, card, 3, judge="a\0")[0].status_code == 422


def test_a_card_of_a_space_that_was_read_anew_is_not_judged(tmp_path):
    """Another tab may have read the space again; what lies ready in this one is of the old."""
    known = {"title": [f"Film {i}" for i in range(60)]}
    store = tmp_path / "judgements.sqlite"
    seen = [Inspected(made_space(metadata=known), store=store)]
    client = site(lambda: seen[0])
    client.cookies.set("anglewise-judge", "anna")
    old = client.get("/judge/cards?direction=items-items").json()["cards"]
    changed = old[0]["item_title"]
    other = {"title": ["Other" if one == changed else one for one in known["title"]]}
    seen[0] = Inspected(made_space(metadata=other), store=store)
    assert client.post("/reload", headers=FROM_HERE).status_code == 303
    said, _ = answer(client, old[0], 2)
    assert said.status_code == 409
    assert "not what was on the screen" in said.json()["error"]
    same = next(one for one in old if changed not in (one["item_title"], one["query_title"]))
    assert answer(client, same, 2)[0].status_code == 200
    assert [row.item_id for row in rows(tmp_path)] == [same["item"]]


def test_an_answer_is_about_one_space(tmp_path, monkeypatch):
    """While cards are dealt another tab reads a smaller space."""
    seen = [films(tmp_path)]
    client = site(lambda: seen[0])
    client.cookies.set("anglewise-judge", "anna")

    def dealing(*asked):
        if len(seen[0].space.items) == 60:
            small = made_space(items=10, queries=5, metadata={})
            seen[0] = Inspected(small, {}, "small", store=seen[0].store)
            client.app.app.state.app.reload()
        return draw_queue(*asked)

    monkeypatch.setattr(judging_view, "draw_queue", dealing)
    first = client.get("/judge/cards?direction=items-items")
    assert first.status_code == 200
    then = client.get("/judge/cards?direction=items-items").json()["cards"]
    ids = set(seen[0].space.items.ids.tolist())
    assert then
    assert {one[name] for one in then for name in ("query", "item")} <= ids


def test_an_answer_that_waited_is_recorded_by_its_own_space_alone(tmp_path):
    """It waits in the browser; the next page at this address may show another model."""
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    anna, there = judge(one, "anna"), judge(other, "anna")
    first, second = cards(anna)[:2]
    _, uuid = answer(anna, first, 3)
    refused, _ = answer(there, second, 3)
    back = undo(there, first, uuid)
    for said in (refused, back):
        assert (said.status_code, said.json()["mark"]) == (409, cards(there)[0]["mark"])
        assert "another space, store or queue is open here now" in said.json()["error"]
    assert answer(anna, second, 3, mark=None)[0].status_code == 422
    assert (len(rows(one)), rows(other)) == (1, [])
    assert f'data-mark="{second["mark"]}"' in anna.get("/judge").text
    for path in ("cards", "state"):
        asked = there.get(f"/judge/{path}", params={"mark": second["mark"]})
        assert asked.status_code == 400
        assert "another space, store or queue is open here now" in asked.json()["error"]
    assert answer(judge(one, "anna"), second, 3)[0].status_code == 200  # the same one, opened again


def test_cards_beyond_those_that_an_address_holds_are_not_passed_over(anna):
    many = range(10, 10 + judging_view.MOST_KNOWN)
    usual = [card["card"] for card in cards(anna)]
    dealt = [card["card"] for card in cards(anna, have=",".join(map(str, [*many[1:], usual[0]])))]
    assert dealt[:2] == [card for card in usual[1:] if card not in many][:2]
    told = anna.get("/judge/cards", params={"have": ",".join(map(str, [*many, 1]))})
    assert told.status_code == 400
    assert "2,001 cards lie ready or wait to be saved, and 2,000 are the most" in told.text


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 60_000, b'{"a": NaN}'])
def test_a_body_that_is_none_is_refused(anna, body):
    assert anna.post("/judge/answers", headers=FROM_HERE, content=body).status_code == 422


def test_nobody_judges_without_a_name(tmp_path):
    client = site(films(tmp_path))
    assert client.get("/judge/cards").status_code == 400
    assert client.post("/judge/answers", headers=FROM_HERE, content=b"{}").status_code == 422
    for name in ("", "%20", "x" * 61, "a%00b"):
        sent = client.post("/judge/name", headers=FROM_HERE, content=f"name={name}".encode())
        assert sent.status_code == 400
    back = client.post("/judge/name", headers=FROM_HERE, content=b"name=a&back=%0d%0aset-cookie:x")
    assert back.headers["location"] == "/judge"


def test_names_of_all_alphabets_come_back(tmp_path):
    client = judge(tmp_path, "%C5%81ucja+B.")
    assert "Łucja B." in client.get("/judge").text


def test_blind_cards_lead_nobody(anna):
    for card in cards(anna):
        shown = {name: value for name, value in card.items() if name != "context"}
        assert not {"score", "rank", "found", "measures"} & set(shown)
        assert "cosine" not in str(shown)
    assert "found" in cards(anna, blind="0")[0]
    page = anna.get("/judge").text
    assert 'data-blind="1"' in page


def test_the_order_tells_nothing_of_the_ranks(tmp_path):
    deck = draw_queue(films(tmp_path), "items-items", MEASURES, 10)
    near = deck.pool.discounts.max(axis=1)[deck.order("anna")]
    correlation = np.corrcoef(near, np.arange(len(near)))[0, 1]
    assert abs(correlation) < 0.1
    assert deck.order("anna") != deck.order("ben")
    assert deck.order("anna") == deck.order("anna")
    asks = [deck.pairs[place][0] for place in deck.order("ben")]
    assert asks == [deck.pairs[place][0] for place in deck.order("anna")]


def test_the_deck_is_what_the_measures_rank_near(tmp_path):
    deck = draw_queue(films(tmp_path), "items-items", MEASURES, 5)
    wanted = {
        (int(row), int(item))
        for one in deck.lists.values()
        for row, items in zip(deck.rows, one.indices, strict=True)
        for item in items
    }
    assert set(deck.pairs) == wanted
    for place in (0, 7, 100):
        asks, item = deck.pairs[place]
        for name, rank in deck.ranks(place).items():
            at = deck.rows.tolist().index(asks)
            assert deck.lists[name].indices[at, rank - 1] == item


def test_two_judges_at_once_are_kept_apart_and_compared(tmp_path):
    anna, ben = judge(tmp_path, "anna"), judge(tmp_path, "ben")
    card = next(one for one in cards(anna) if one["card"] in {c["card"] for c in cards(ben)})
    answer(anna, card, 3)
    answer(ben, card, 2)
    assert sorted((row.judge, row.grade) for row in rows(tmp_path)) == [("anna", 3), ("ben", 2)]
    told = anna.get("/judge/state").json()
    assert told["judges"] == {"anna": 1, "ben": 1}
    assert told["agreement"] == {"pairs": 1, "same": 0, "near": 1}


def test_agreement_counts_pairs_of_people():
    said = [
        ("q", "a", 3, "anna"),
        ("q", "a", 3, "ben"),
        ("q", "b", 0, "anna"),
        ("q", "b", 4, "ben"),
    ]
    judged = [Judged(q, i, g, judge=j) for q, i, g, j in said]
    judged.append(Judged("q", "a", 0, judge="model", source="generated"))
    assert agreement(judged, "anna") == {"pairs": 2, "same": 1, "near": 1}


def test_the_decision_names_the_measure_that_the_judge_follows(tmp_path):
    seen = films(tmp_path)
    deck = draw_queue(seen, "items-items", MEASURES, 5)
    ids = seen.space.items.ids

    def judged(count):
        asked = set(deck.rows[:count].tolist())
        return [
            Judged(
                str(ids[a]),
                str(ids[b]),
                3.0 * ("cosine" in deck.ranks(place)),
                judge="anna",
                direction="items-items",
            )
            for place, (a, b) in enumerate(deck.pairs)
            if a in asked
        ]

    assert decide(seen, deck, [])["state"] == "waiting"
    assert decide(seen, deck, judged(3))["state"] == "waiting"
    late = decide(seen, deck, judged(60))
    assert late["state"] == "decided"
    assert "cosine" in late["text"]
    half = judged(60)[:-1]
    assert decide(seen, deck, half)["queries"] == 59  # the last query is not complete


def test_what_the_page_decided_stays_decided_as_queries_are_completed(tmp_path):
    """Queries count in the order in which their last pair was judged, at every look."""
    seen = films(tmp_path)
    queue = draw_queue(seen, "items-items", MEASURES, 5)
    ids = seen.space.items.ids
    rng = np.random.default_rng(2)
    order = rng.permutation(queue.rows).tolist()
    liked = dict(zip(order, np.where(rng.random(len(order)) < 0.85, "cosine", "dot"), strict=True))
    liked[order[-1]] = "dot"
    begun = max(place for place, (row, _) in enumerate(queue.pairs) if row == order[-1])
    judged = [
        Judged(
            str(ids[row]),
            str(ids[item]),
            3.0 * (liked[row] in queue.ranks(place)),
            judge="anna",
            direction="items-items",
            time=0.0 if place == begun else 1.0 + order.index(row),
        )
        for place, (row, item) in enumerate(queue.pairs)
    ]  # a pair of the query that is completed last comes first of all
    said = set()
    for looks in (45, 50, 55, 60):
        now = decide(seen, queue, [answer for answer in judged if answer.time <= looks])
        assert (now["state"], now["queries"]) == ("decided", looks)
        decided, _, note = now["text"].partition(f" of {looks} queries are relevant to other")
        assert note  # how many depend on each other grows with them
        said.add(re.sub(r"[0-9]+$", "N", decided).replace(f"of {looks} would", "of N would"))
    assert len(said) == 1
    assert "by the sequential sign-flip test; " in said.copy().pop()
    assert "symmetric about 0" in said.pop()


def test_a_grade_that_was_given_anew_makes_the_decision_anew(tmp_path):
    """Taken back and given again, there are as many judgements as before."""
    inspected = films(tmp_path)
    queue = draw_queue(inspected, "items-items", MEASURES, 5)
    first, second = (
        Judged("f1", "f2", grade, judge="anna", direction="items-items") for grade in (1, 2)
    )
    assert queue.live.late([])
    queue.live.decision(inspected, queue, [first])
    assert not queue.live.late([first])
    assert queue.live.late([second])


def test_what_was_folded_in_is_left_out_of_the_decision_as_in_compare(tmp_path):
    space = made_space()
    seen = made_judgements(space, seed=1).gains
    stored = replace(made_judgements(space), seen=seen)
    inspected = films(tmp_path, judgements={"items-items": stored})
    queue = draw_queue(inspected, "items-items", MEASURES, 5)
    ids = space.items.ids
    judged = [
        Judged(str(ids[row]), str(ids[item]), place % 3, judge="anna", direction="items-items")
        for place, (row, item) in enumerate(queue.pairs)
    ]
    said = decide(inspected, queue, judged)
    own = replace(current_judgements(films(judgements={}), queue, judged), seen=seen)
    result = compare(space, own, MEASURES, "nDCG@5")
    assert said["means"] == {
        row.measure: round(row.metrics["nDCG@5"].mean, 3) for row in result.measures
    }


def test_informative_pairs_come_first(tmp_path):
    client = judge(tmp_path, "anna")
    first = cards(client)
    for card in first[:4]:
        answer(client, card, 3)
    usual = [card["card"] for card in cards(client)]
    telling = [card["card"] for card in cards(client, order="informative")]
    assert usual != telling
    assert len(telling) == 20


def test_a_locked_store_is_told_and_may_be_tried_again(anna, tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "PATIENCE", 0.05)
    card, *_ = cards(anna)
    answer(anna, card, 1)
    other = sqlite3.connect(tmp_path / "judgements.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    said, uuid = answer(anna, cards(anna)[0], 2)
    assert said.status_code == 503
    assert said.json()["error"]
    other.rollback()
    other.close()
    assert answer(anna, cards(anna)[0], 2, uuid=uuid)[0].status_code == 200


def test_a_store_that_cannot_be_opened_is_told(tmp_path):
    client = judge(tmp_path / "no-such-folder", "anna")
    card, *_ = cards(client)
    said, _ = answer(client, card, 2)
    assert said.status_code == 503
    assert said.json()["error"]


def test_a_store_that_is_none_is_told(tmp_path):
    (tmp_path / "judgements.sqlite").write_bytes(b"not a database" * 100)
    client = judge(tmp_path, "anna")
    assert client.get("/judge/cards").status_code == 400
    shown = answers.shown(films(), "items-items", 1, 2)
    sent = {"uuid": str(uuid4()), "grade": 1, "query": "f1", "item": "f2", "shown": shown}
    sent["mark"] = films(tmp_path).mark
    said = client.post(
        "/judge/answers", headers=FROM_HERE, json={**sent, "direction": "items-items"}
    )
    assert said.status_code == 503
    assert "judgements.sqlite" in said.json()["error"]


@contextmanager
def nobody():
    """Go on as a user who owns nothing, where the tests are run by one who may do everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_store_that_may_only_be_read_is_shown_and_the_answer_kept_back():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = judge(folder, "anna")  # also imports all that nobody may not
        mine, *_ = cards(first)
        answer(first, mine, 3)
        assert first.get("/judge/state").status_code == 200
        (folder / "judgements.sqlite").chmod(0o444)
        folder.chmod(0o555)
        with nobody():
            anna = judge(folder, "anna")
            there = anna.get("/judge/cards")
            state = anna.get("/judge/state")
            said, _ = answer(anna, there.json()["cards"][0], 2)
        folder.chmod(0o755)
        assert there.status_code == 200, there.text
        assert mine["card"] not in [card["card"] for card in there.json()["cards"]]
        assert state.json()["judges"] == {"anna": 1}
        assert said.status_code == 503
        assert "may only be read" in said.json()["error"]


def test_without_a_file_nothing_can_be_judged_and_it_says_so():
    client = site(films())
    assert "Judging needs a file" in client.get("/judge").text


def test_ids_alone_are_not_judged_for(anna):
    assert cards(anna)[0]["direction"] == "items-items"
    assert "For" not in anna.get("/judge").text.split('class="role">')[1][:10]


def test_one_item_cannot_be_judged(tmp_path):
    client = site(Inspected(one_sided("a"), store=tmp_path / "j.sqlite"))
    client.post("/judge/name", headers=FROM_HERE, content=b"name=a")
    assert client.get("/judge/cards").status_code == 400


def test_made_space_has_titles_on_one_side():
    seen = Inspected(made_space())
    assert (seen.items.metadata.titled, seen.queries.metadata.titled) == (True, False)


def test_an_answer_to_a_picture_whose_file_has_changed_is_refused(tmp_path):
    for row in range(3):
        (tmp_path / f"{row}.png").write_bytes(PNG)
    cells = [f"{row}.png" for row in range(3)]
    items = Embeddings(np.eye(3, dtype="f4") + 1, metadata={"image": cells})
    folder = {"folder": tmp_path, "store": tmp_path / "judgements.sqlite"}
    client = site(Inspected(Space(items=items), **folder))
    client.post("/judge/name", headers=FROM_HERE, content=b"name=anna")
    first, second = cards(client)[:2]
    assert answer(client, first, 1)[0].status_code == 200
    for row in range(3):
        (tmp_path / f"{row}.png").write_bytes(PNG + b"another")
    refused = answer(client, second, 1)[0]
    assert refused.status_code == 409
    assert "not what was on the screen" in refused.text
    again = next(card for card in cards(client) if card["item"] == second["item"])
    assert again["item_picture"] != second["item_picture"]  # or else the browser shows the older
    assert client.get(again["item_picture"]).content == PNG + b"another"
    assert answer(client, again, 1)[0].status_code == 200
