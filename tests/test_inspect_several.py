"""Several spaces on one page: side by side, and judged without seeing which found what."""

import html
import json
import re
from uuid import uuid4

import numpy as np
import pytest

from anglewise import Embeddings, Space, search, write_space
from anglewise.errors import IdsError
from anglewise.judgements.store import JudgementStore
from anglewise.web_page.neighbours_view import columns
from anglewise.web_page.open_space import Inspected, queue_of
from anglewise.web_page.queue import decide, draw_queue
from anglewise.web_page.rankings import nearest, read_ranking
from anglewise.web_page.view_state import ViewState
from cli_run import anglewise, refused
from inspect_site import FROM_HERE, site

__all__ = ["anglewise"]

QUERIES, ITEMS = 12, 40
IDS = [f"d{n}" for n in range(ITEMS)]
TEXTS = {"text": [f"document {n}" for n in range(ITEMS)]}
ASKED = {"text": [f"question {n}" for n in range(QUERIES)]}
SHOWN = ["old: cosine", "new: cosine", "old: dot", "new: dot"]


def made(more=0, lacks=0):
    """An older space, and a newer one with other rows, more items and fewer queries."""
    rng = np.random.default_rng(0)
    old = Space(
        queries=Embeddings(rng.normal(size=(QUERIES, 6)), metadata=ASKED),
        items=Embeddings(rng.normal(size=(ITEMS, 6)), IDS, TEXTS),
    )
    order = rng.permutation(ITEMS + more)
    ids = [*IDS, *(f"more{n}" for n in range(more))]
    words = [*TEXTS["text"], *(f"more {n}" for n in range(more))]
    new = Space(
        queries=Embeddings(
            rng.normal(size=(QUERIES - lacks, 5)), [str(n) for n in range(lacks, QUERIES)]
        ),
        items=Embeddings(
            rng.normal(size=(ITEMS + more, 5)),
            [ids[n] for n in order],
            {"text": [words[n] for n in order]},
        ),
    )
    return old, new


def opened(tmp_path=None, more=0, lacks=0):
    old, new = made(more, lacks)
    store = None if tmp_path is None else tmp_path / "judgements.sqlite"
    return Inspected(old, name="old", others={"new": new}, store=store)


def rankings(inspected, names=SHOWN):
    return [read_ranking(name, (), inspected.spaces) for name in names]


def test_each_column_is_the_search_of_its_space_in_the_ids_of_the_first():
    inspected = opened()
    rows = np.arange(QUERIES)
    found = nearest(inspected, rankings(inspected), k=5, direction="queries-items", rows=rows)
    assert list(found) == SHOWN
    for name, space in inspected.spaces.items():
        due = search(space, "cosine", k=5)["cosine"]
        own = found[f"{name}: cosine"]
        assert (
            inspected.space.items.ids[own.indices].tolist() == space.items.ids[due.indices].tolist()
        )
        np.testing.assert_array_equal(own.scores, due.scores)


def test_items_that_the_first_space_lacks_are_shown_as_the_other_has_them():
    inspected = opened(more=30)
    new = inspected.others["new"]
    due = search(new, "cosine", k=5)["cosine"]
    ids = new.items.ids[due.indices]
    lacking = [row for row in range(QUERIES) if any(str(i).startswith("more") for i in ids[row])]
    assert lacking
    view = ViewState("queries-items", str(lacking[0]), ("new: cosine",), k=5)
    (column,) = columns(inspected, view, lacking[0], rankings(inspected, ["new: cosine"]))
    assert [item.id for item in column.items] == new.items.ids[due.indices[lacking[0]]].tolist()
    assert column.unknown == 0
    for item, row in zip(column.items, due.indices[lacking[0]].tolist(), strict=True):
        more = item.id.startswith("more")
        assert item.holder == ("new" if more else "")
        number = item.id.removeprefix("more").removeprefix("d")
        assert item.title == f"{'more' if more else 'document'} {number}"
        assert item.norm == pytest.approx(new.items.norms[row])
    query = inspected.space.queries.ids[lacking[0]]
    page = site(inspected).get(f"/?direction=queries-items&query={query}&measure=new: cosine").text
    assert f"not in <bdi>{inspected.name}</bdi>" in page
    assert "of items that this space does not hold" not in page


def test_what_only_another_space_holds_keeps_a_decision_open():
    inspected = opened(more=30)
    found = nearest(
        inspected, rankings(inspected), k=5, direction="queries-items", rows=np.arange(QUERIES)
    )
    assert (found["new: cosine"].indices < 0).any()
    queue = draw_queue(inspected, "queries-items", rankings(inspected), 5)
    assert "which count in no decision here" in decide(inspected, queue, [])["text"]


def test_a_query_that_a_space_lacks_has_no_list_there():
    page = site(opened(lacks=3)).get("/?direction=queries-items&query=1&measure=new: cosine").text
    assert "new does not hold this query" in page


def test_without_measures_in_the_address_each_space_stands_beside_the_others():
    page = html.unescape(site(opened()).get("/?direction=queries-items").text)
    assert re.findall(r"<section class=\"column\" aria-label=\"([^\"]*)\"", page) == SHOWN


def test_lengths_in_a_column_are_those_of_its_space():
    inspected = opened()
    view = ViewState("queries-items", "0", tuple(SHOWN[:2]))
    for column, space in zip(
        columns(inspected, view, 0, rankings(inspected, SHOWN[:2])),
        inspected.spaces.values(),
        strict=True,
    ):
        for item in column.items:
            assert item.norm == pytest.approx(space.items.norms[space.items.row_of[item.id]])


def test_no_card_tells_which_space_found_an_item(tmp_path):
    client = site(opened(tmp_path))
    client.post("/judge/name", headers=FROM_HERE, content=b"name=anna")
    cards = client.get("/judge/cards").json()["cards"]
    assert cards
    for card in cards:
        read = {name: cell for name, cell in card.items() if name != "context"}
        assert not any(word in str(read) for word in ("old", "new", "cosine"))
    assert set(cards[0]["context"]["ranks"]) <= set(SHOWN)


def test_what_is_judged_decides_among_all_spaces(tmp_path):
    from anglewise import Judged

    inspected = opened(tmp_path)
    queue = draw_queue(inspected, "queries-items", rankings(inspected), 5)
    near = {
        (int(row), int(item))
        for row, items in zip(queue.rows, queue.lists["new: cosine"].indices, strict=True)
        for item in items
    }
    judged = [
        Judged(str(row), IDS[item], int((row, item) in near), judge="anna")
        for row, item in queue.pairs
    ]
    told = decide(inspected, queue, judged)
    assert told["queries"] == QUERIES
    assert max(told["means"], key=told["means"].get) == "cosine in new"


def test_the_comparison_on_the_page_is_of_all_spaces(tmp_path):
    from anglewise import Judgements
    from anglewise.data_types.sparse import SparseRows
    from anglewise.web_page.answers import Store
    from anglewise.web_page.reports_view import _made

    inspected = opened(tmp_path)
    best = search(inspected.space, "cosine", k=2)["cosine"].indices
    own = SparseRows.from_pairs(
        np.repeat(np.arange(QUERIES), 2), best.ravel(), shape=(QUERIES, ITEMS)
    )
    judged = Inspected(
        inspected.space, {"queries-items": Judgements(own)}, name="old", others=inspected.others
    )
    report = _made(judged, Store(None), "compare-queries-items")
    assert "new: cosine" in report.html
    assert "old: cosine" in report.html


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spaces")
    for name, space in zip(("old", "new"), made(), strict=True):
        write_space(space, folder / name)
    other = Embeddings(np.eye(40, 5), IDS, {"text": ["another text"] * 40})
    write_space(Space(queries=made()[1].queries, items=other), folder / "changed")
    write_space(Space(items=Embeddings(np.eye(4))), folder / "strangers")
    return folder


def test_the_command_shows_several_spaces(anglewise, folders, tmp_path, monkeypatch):
    monkeypatch.chdir(folders)
    run = anglewise(
        "inspect", "old", "new", "--export", tmp_path / "copy", "--measures",
        "old: cosine,new: cosine",
    )  # fmt: skip
    assert run.code == 0, run.err
    pages = "".join(path.read_text() for path in (tmp_path / "copy").rglob("*.html"))
    assert "new: cosine" in pages


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["old", "changed"], "40 of 40 items that old and changed share bear another text"),
        (["old", "strangers"], "in common"),
        (["old", "nowhere"], "nowhere"),
        (["old", "old"], "two of the spaces are called 'old'"),
        (["old", "a:b=new"], "may not be called 'a:b'"),
    ],
)
def test_spaces_that_do_not_belong_together_are_refused(
    anglewise, folders, monkeypatch, given, message
):
    monkeypatch.chdir(folders)
    refused(anglewise("inspect", *given, "--export", "copy"), message)
    assert not (folders / "copy").exists()


PICTURE = bytes.fromhex("89504e470d0a1a0a") + b"made up"


def queued(tmp_path, answers=("d3", "more2"), pictures=False):
    """A page whose queue names an item that only the newer space holds."""
    old, new = made(more=30)
    if pictures:
        cells = [PICTURE if str(name).startswith("more") else None for name in new.items.ids]
        about = {"text": new.items.metadata["text"], "image": cells}
        items = Embeddings(new.items.vectors, new.items.ids, about)
        new = Space(queries=new.queries, items=items)
    path = tmp_path / "queue.csv"
    path.write_text("query_id,item_id\n" + "".join(f"0,{name}\n" for name in answers))
    queue = queue_of(path, old, "queries-items", {"new": new})
    store = tmp_path / "judgements.sqlite"
    return Inspected(old, name="old", others={"new": new}, store=store, queue=queue)


def test_a_queue_may_hold_what_only_another_space_holds_and_it_is_judged(tmp_path):
    inspected = queued(tmp_path)
    client = site(inspected)
    client.post("/judge/name", headers=FROM_HERE, content=b"name=anna")
    cards = client.get("/judge/cards?direction=queries-items").json()["cards"]
    assert [(card["item"], card["item_text"] or card["item_title"]) for card in cards] == [
        ("d3", "document 3"),
        ("more2", "more 2"),
    ]
    for card in cards:
        sent = {name: card[name] for name in ("query", "item", "shown", "mark", "context")}
        sent |= {"grade": 2, "direction": "queries-items", "uuid": str(uuid4())}
        body = json.dumps(sent).encode()
        assert client.post("/judge/answers", headers=FROM_HERE, content=body).status_code == 200
    with JudgementStore.open(inspected.store, read_only=True) as store:
        assert {row.item_id for row in store.rows()} == {"d3", "more2"}
    state = client.get("/judge/state?direction=queries-items").json()
    assert (state["done"], state["size"]) == (2, 2)
    assert client.get("/judge/cards?direction=queries-items").json()["cards"] == []


def test_what_is_shown_of_it_must_be_what_was_judged(tmp_path):
    inspected = queued(tmp_path)
    client = site(inspected)
    client.post("/judge/name", headers=FROM_HERE, content=b"name=anna")
    card = client.get("/judge/cards?direction=queries-items").json()["cards"][1]
    sent = {name: card[name] for name in ("query", "item", "mark", "context")}
    sent |= {"grade": 2, "direction": "queries-items", "uuid": str(uuid4()), "shown": "another"}
    answer = client.post("/judge/answers", headers=FROM_HERE, content=json.dumps(sent).encode())
    assert answer.status_code == 409
    sent |= {"item": "nobody"}
    answer = client.post("/judge/answers", headers=FROM_HERE, content=json.dumps(sent).encode())
    assert answer.status_code == 409


def test_what_no_space_holds_is_refused_in_a_queue(tmp_path):
    with pytest.raises(IdsError, match="knows no 'elsewhere'"):
        queued(tmp_path, ("d3", "elsewhere"))


def test_pictures_that_another_space_keeps_in_its_table_are_shown(tmp_path):
    client = site(queued(tmp_path, pictures=True))
    client.post("/judge/name", headers=FROM_HERE, content=b"name=anna")
    own, other = client.get("/judge/cards?direction=queries-items").json()["cards"]
    assert own["item_picture"] is None
    answer = client.get(other["item_picture"])
    assert answer.status_code == 200
    assert answer.content == PICTURE
    assert client.get("/picture/items/9999").status_code == 404
