"""Judging the pairs of a file: these, in this order, each with the chance of its draw."""

from dataclasses import replace
from uuid import uuid4

import pytest

from anglewise import Judged, JudgementStore, write_space
from anglewise.data_types.drawn import drawn_context
from anglewise.errors import FileError, IdsError, ShapeError, ValuesError
from anglewise.io.pairs_to_judge import read_queue, write_queue
from anglewise.similarity_measures.measure import measures
from anglewise.web_page.app import Served
from anglewise.web_page.open_space import queue_of
from anglewise.web_page.queue import current_judgements, decide, draw_queue
from cli_run import anglewise, refused  # noqa: F401 a fixture
from inspect_site import FROM_HERE, films, made_space, one_sided, site

PAIRS = [("u3", "f9", 1.0), ("u3", "f2", 0.25), ("u1", "f9", 0.5), ("u1", "f40", None)]


def written(path, pairs=PAIRS):
    names = ("query_id", "item_id", "probability")
    write_queue(path, [dict(zip(names, pair, strict=True)) for pair in pairs])
    return path


@pytest.fixture(params=["queue.csv", "queue.parquet"])
def queue(tmp_path, request):
    return written(tmp_path / request.param)


def judge(seen, name="anna"):
    client = site(seen)
    client.post("/judge/name", headers=FROM_HERE, content=f"name={name}".encode())
    return client


def seen_with(tmp_path, path):
    return films(tmp_path, queue=queue_of(path, made_space()))


def cards(client):
    return client.get("/judge/cards").json()["cards"]


def answer(client, card, grade=2):
    sent = {name: card[name] for name in ("direction", "query", "item", "shown", "context", "mark")}
    sent |= {"uuid": str(uuid4()), "grade": grade, "probability": 1.0}
    assert client.post("/judge/answers", headers=FROM_HERE, json=sent).status_code == 200


def test_a_queue_comes_back_as_it_was_written(queue):
    assert [(one.query_id, one.item_id, one.probability) for one in read_queue(queue)] == PAIRS


def test_how_a_query_was_drawn_comes_from_the_queue_and_not_from_the_browser(tmp_path):
    told = drawn_context(0.25, 7.0, "a draw")
    names = ("query_id", "item_id", "probability", "context")
    rows = [("u3", "f9", 1.0, told), ("u3", "f2", 1.0, None)]
    for name in ("queue.csv", "queue.parquet"):
        write_queue(tmp_path / name, [dict(zip(names, row, strict=True)) for row in rows])
        assert [pair.context for pair in read_queue(tmp_path / name)] == [told, {}]
    seen = seen_with(tmp_path, tmp_path / "queue.csv")
    client = judge(seen)
    for card in cards(client):
        answer(client, card | {"context": card["context"] | drawn_context(1.0, 1.0, "forged")})
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        contexts = {row.item_id: row.context.get("drawn") for row in store.rows()}
    assert contexts == {"f9": told["drawn"], "f2": None}
    (tmp_path / "bad.csv").write_text("query_id,item_id,context\nu3,f9,{\n")
    with pytest.raises(ValuesError, match="line 2: the context is no JSON object"):
        read_queue(tmp_path / "bad.csv")


def test_every_judge_gets_these_pairs_in_this_order(tmp_path, queue):
    seen = seen_with(tmp_path, queue)
    for name in ("anna", "ben"):
        dealt = [(one["query"], one["item"]) for one in cards(judge(seen, name))]
        assert dealt == [(query, item) for query, item, _ in PAIRS]


def test_the_chance_of_the_draw_is_stored_whatever_the_browser_says(tmp_path, queue):
    client = judge(seen_with(tmp_path, queue))
    for card in cards(client):
        answer(client, card)
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        kept = {(row.query_id, row.item_id): row.probability for row in store.rows()}
    assert kept == {(query, item): chance for query, item, chance in PAIRS}
    assert cards(client) == []


def test_what_a_judge_has_judged_does_not_come_again(tmp_path, queue):
    seen = seen_with(tmp_path, queue)
    anna, ben = judge(seen), judge(seen, "ben")
    answer(anna, cards(anna)[1])
    assert [card["item"] for card in cards(anna)] == ["f9", "f9", "f40"]
    assert len(cards(ben)) == len(PAIRS)


def test_the_most_informative_pairs_of_a_queue_are_pairs_of_it(tmp_path):
    pairs = [(f"u{query}", f"f{item}", None) for query in range(6) for item in range(40)]
    client = judge(seen_with(tmp_path, written(tmp_path / "queue.csv", pairs)))
    for card in cards(client)[:3]:
        answer(client, card)
    dealt = client.get("/judge/cards?order=informative").json()["cards"]
    assert len(dealt) == 20
    assert {(card["query"], card["item"]) for card in dealt} <= {pair[:2] for pair in pairs[3:]}
    ranks = [min(card["context"]["ranks"].values(), default=99) for card in dealt]
    assert max(ranks) <= 5  # each stands in some list, as only these tell something


def test_ranks_of_a_queued_pair_are_those_of_its_lists(tmp_path):
    found = draw_queue(films(), "queries-items", measures("dot,cosine"), 10)
    ids = made_space().items.ids
    pairs = [(f"u{asks}", ids[item], 1.0) for asks, item in reversed(found.pairs[:30])]
    seen = seen_with(tmp_path, written(tmp_path / "queue.csv", pairs))
    queued = draw_queue(seen, "queries-items", measures("dot,cosine"), 10)
    whole = {pair: found.ranks(place) for place, pair in enumerate(found.pairs)}
    assert all(queued.ranks(place) == whole[pair] for place, pair in enumerate(queued.pairs))
    assert [queued.pairs[place] for place in queued.order("anna")] == found.pairs[:30][::-1]


def test_a_part_drawn_beside_a_machine_is_for_the_assisted_comparison(tmp_path):
    names = ("query_id", "item_id", "probability", "context")
    rows = [(*pair[:2], 0.5, {"lot": "x", "double": {"pairs": 3}}) for pair in PAIRS[:3]]
    path = tmp_path / "people.csv"
    write_queue(path, [dict(zip(names, row, strict=True)) for row in rows])
    seen = seen_with(tmp_path, path)
    said = decide(seen, draw_queue(seen, "queries-items", measures("dot,cosine"), 10), [])
    assert "compare --assisted" in said["text"]
    assert "sampled" not in said["text"]


def test_of_which_draw_a_pair_is_comes_from_the_queue_and_not_from_the_browser(tmp_path, queue):
    client = judge(seen_with(tmp_path, queue))
    card = cards(client)[0]
    card["context"] |= {"lot": "made up", "double": {"pairs": 1}}
    answer(client, card)
    with JudgementStore.open(tmp_path / "judgements.sqlite", read_only=True) as store:
        [row] = store.rows()
    assert not {"lot", "double"} & set(row.context)


def test_pairs_drawn_by_lot_decide_nothing_by_plain_means(tmp_path, queue):
    seen = seen_with(tmp_path, queue)
    said = decide(seen, draw_queue(seen, "queries-items", measures("dot,cosine"), 10), [])
    assert said["state"] == "by lot"
    assert "nDCG(sampled)@10" in said["text"]


def by_traffic(tmp_path, names=("dot", "cosine")):
    """A page whose queries were drawn by traffic, and all its pairs judged."""
    found = draw_queue(films(), "queries-items", measures(",".join(names)), 5)
    ids = made_space().items.ids
    columns = ("query_id", "item_id", "probability", "context")
    drawn = [drawn_context(0.1 + row / 40, 1.0 + row, "a draw") for row in range(30)]
    pairs = [(f"u{row}", ids[item], 1.0, drawn[row]) for row, item in found.pairs]
    write_queue(tmp_path / "queue.csv", [dict(zip(columns, one, strict=True)) for one in pairs])
    judged = [
        Judged(query, item, 3.0 * ("cosine" in found.ranks(place)), judge="anna", context=context)
        for place, (query, item, _, context) in enumerate(pairs)
    ]
    return seen_with(tmp_path, tmp_path / "queue.csv"), judged


def test_of_queries_drawn_by_traffic_the_page_says_what_the_command_says(anglewise, tmp_path):  # noqa: F811
    """They weigh unequally, and judging until decided takes each for as much as any other."""
    seen, judged = by_traffic(tmp_path)
    plain = replace(seen, queue=None)
    queue = draw_queue(plain, "queries-items", measures("dot,cosine"), 5)
    write_space(seen.space, tmp_path / "films")
    with JudgementStore.open(tmp_path / "films" / "judgements.sqlite") as store:
        store.add_many(judged)
    until = ("--measures", "dot,cosine", "--metric", "nDCG@5", "--sequential")
    run = anglewise("compare", tmp_path / "films", *until)
    assert refused(run, "drawn by traffic and weigh unequally")
    for inspected, rows in ((seen, []), (seen, judged), (plain, judged)):
        given = draw_queue(inspected, "queries-items", measures("dot,cosine"), 5)
        said = decide(inspected, given, rows)
        assert said["state"] == "by traffic"
        assert said["text"][1:-1] in run.err
    unlike = [replace(row, context=drawn_context(0.1, 1.0, "b")) for row in judged[:1]]
    mixed = decide(plain, queue, unlike + judged[1:])
    assert mixed["state"] == "decided"  # as with compare --sequential, which notes it too
    assert "by which chances is not known, as they come from several draws" in mixed["text"]
    alike = [replace(row, context={}) for row in judged]
    assert decide(plain, queue, alike)["state"] == "decided"


def test_the_most_informative_pairs_are_those_of_queries_that_weigh_most(tmp_path):
    seen, judged = by_traffic(tmp_path)
    queue = draw_queue(seen, "queries-items", measures("dot,cosine"), 5)
    some = current_judgements(seen, queue, judged[:40])
    assert queue.informative(some) != replace(queue, drawn=None).informative(some)


def test_where_pairs_were_chosen_the_page_says_that_the_decision_does_not_hold(tmp_path):
    warned = "does not hold"
    drawn = written(tmp_path / "drawn.csv", PAIRS[:3])
    assert warned not in judge(seen_with(tmp_path, drawn)).get("/judge").text
    chosen = written(tmp_path / "chosen.csv", PAIRS[3:])
    assert warned in judge(seen_with(tmp_path, chosen)).get("/judge").text
    plain = judge(films(tmp_path))
    assert warned not in plain.get("/judge").text
    assert warned in plain.get("/judge?order=informative").text


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("query_id,item_id\nu1,f1\nu1,gone\n", IdsError, "line 3.*'gone'"),
        ("query_id,item_id\nu1,f1\nu1,f1\n", ValuesError, "line 3.*line 2 already"),
        ("query_id,item_id\nu1,f1\n,f1\n", ValuesError, "line 3.*is empty"),
        ("query_id,item_id,probability\nu1,f1,2\n", ValuesError, "line 2.*'2'"),
        ("query_id,item_id,probability\nu1,f1,often\n", ValuesError, "line 2.*'often'"),
        ("query_id,item_id,probability\nu1,f1,nan\n", ValuesError, "line 2.*'nan'"),
        ("query,document\nu1,f1\n", FileError, "no column query_id or item_id"),
        ("query_id,item_id\n", FileError, "no rows|nothing|no pairs"),
    ],
)
def test_a_bad_row_is_named(tmp_path, text, error, told):
    (tmp_path / "queue.csv").write_text(text)
    with pytest.raises(error, match=told):
        queue_of(tmp_path / "queue.csv", made_space())


def test_a_queue_of_two_sides_is_none_for_one(queue):
    with pytest.raises(ShapeError, match="take items-items"):
        queue_of(queue, one_sided("ab"), "queries-items")


def test_the_command_takes_the_table_of_judge_sample(anglewise, tmp_path, monkeypatch):  # noqa: F811
    write_space(made_space(), tmp_path / "films")
    opened = []
    monkeypatch.setattr(Served, "run", lambda self: opened.append(self.listening.close()))
    file = tmp_path / "queue.csv"
    anglewise("judge", "sample", tmp_path / "films", "-o", file, "--budget", "40", "--quiet")
    run = anglewise("inspect", tmp_path / "films", "--queue", file, "--no-open", "--quiet")
    assert (run.code, opened) == (0, [None])
    gone = anglewise("inspect", tmp_path / "films", "--queue", tmp_path / "none.csv", "--no-open")
    assert refused(gone, "none.csv")
    written(file, [("u1", "f1", None), ("f1", "f2", None)])
    assert refused(anglewise("inspect", tmp_path / "films", "--queue", file, "--no-open"), "'f1'")
