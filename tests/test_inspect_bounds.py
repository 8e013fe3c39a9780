"""What a page weighs and how long it takes, whatever the space holds and whoever asks."""

import json
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import Embeddings, Judged, JudgementStore, Space, read_space, write_space
from anglewise.errors import FileError
from anglewise.web_page import judging_view, neighbours_view, queue, state
from anglewise.web_page.allowed_origin import ANY_NOTEBOOK, AllowedOrigin
from anglewise.web_page.answers import shown
from anglewise.web_page.app import served
from anglewise.web_page.metadata import with_own_columns
from anglewise.web_page.open_space import LONGEST_ID, Inspected, short_name
from inspect_site import FROM_HERE, films, site

LONG = 100_000
ITEMS = "direction=items-items"


@pytest.fixture
def long_ids(tmp_path):
    """A space whose ids have 100,000 characters, most of them the same in all."""
    rng = np.random.default_rng(0)
    ids = [f"{'x' * LONG}{row}" for row in range(40)]
    side = Embeddings(rng.normal(size=(40, 4)), ids, metadata={"y" * LONG: ["known"] * 40})
    return Inspected(
        Space(queries=side, items=side.with_vectors(side.vectors), trained_for="dot"),
        store=tmp_path / "judgements.sqlite",
    )


@pytest.mark.parametrize(
    "path",
    [
        f"/?{ITEMS}&k=39",
        "/?direction=queries-items&k=40",
        f"/gauge?{ITEMS}",
        f"/gauge/at?{ITEMS}",
        f"/gauge/path?{ITEMS}",
        f"/judge/cards?{ITEMS}",
        f"/find?{ITEMS}&text=xxx",
    ],
)
def test_pages_of_very_long_ids_are_small(long_ids, path):
    client = site(long_ids)
    client.cookies.set("anglewise-judge", "anna")
    answer = client.get(path)
    assert answer.status_code == 200
    assert "xxx" in answer.text
    assert len(answer.content) < 300_000


def test_a_link_to_a_very_long_id_leads_there(long_ids):
    client = site(long_ids)
    ids = long_ids.space.items.ids
    picked = client.get(f"/pick/random?{ITEMS}").headers["location"]
    assert len(picked) < 1000
    name = parse_qs(urlsplit(picked).query)["query"][0]
    row = next(row for row, one in enumerate(ids) if short_name(one) == name)
    page = client.get(picked)
    assert page.status_code == 200
    assert f'data-row="{row}"' not in page.text  # who asks is in no list of its own
    again = client.get(f"/find?{ITEMS}", params={"text": name})
    assert parse_qs(urlsplit(again.headers["location"]).query)["query"] == [name]


def test_an_id_that_is_the_short_name_of_another_is_not_taken_for_it(tmp_path):
    long = "x" * 300
    ids = [long, short_name(long), "c"]
    space = Space(items=Embeddings(np.eye(3), ids, metadata={"title": ["same"] * 3}))
    inspected = Inspected(space, store=tmp_path / "judgements.sqlite")
    side = inspected.items
    assert [side.row(side.name(row)) for row in range(3)] == [0, 1, 2]
    seen = {shown(inspected, "items-items", row, 2) for row in (0, 1)}
    assert len(seen) == 2  # an answer about the one is none about the other


def test_an_answer_about_a_very_long_id_is_stored_with_the_whole(long_ids):
    client = site(long_ids)
    client.cookies.set("anglewise-judge", "anna")
    card = client.get(f"/judge/cards?{ITEMS}").json()["cards"][0]
    sent = {name: card[name] for name in ("direction", "query", "item", "shown", "context", "mark")}
    sent |= {"uuid": str(uuid4()), "grade": 2}
    assert client.post("/judge/answers", headers=FROM_HERE, json=sent).status_code == 200
    with JudgementStore.open(long_ids.store) as store:
        (row,) = store.rows()
    ids = set(long_ids.space.items.ids.tolist())
    assert {row.query_id, row.item_id} <= ids
    assert (short_name(row.query_id), short_name(row.item_id)) == (card["query"], card["item"])
    left = client.get(f"/judge/cards?{ITEMS}").json()["cards"]
    assert card["card"] not in [one["card"] for one in left]


def test_a_name_is_short_and_one_for_each_id():
    names = {short_name(f"{'x' * LONG}{row}") for row in range(50)}
    assert len(names) == 50
    assert max(map(len, names)) < LONGEST_ID + 20
    assert short_name("x" * LONGEST_ID) == "x" * LONGEST_ID
    assert short_name("\ud800" * LONG)


@pytest.mark.parametrize("name", ["query", "measure", "direction", "k", "from", "text", "formula"])
@pytest.mark.parametrize("path", ["/", "/find", "/gauge", "/judge/cards", "/pick/worst"])
def test_what_is_asked_is_not_repeated_at_its_length(path, name, tmp_path):
    client = site(films(tmp_path))
    client.cookies.set("anglewise-judge", "anna")
    asked = {"direction": "items-items", "measure": ["dot", "cosine"], "k": "50"}
    usual = len(client.get(path, params=asked).content)
    long = {**asked, name: ["z" * 7_000] * 4}
    answer = client.get(path, params=long)
    assert answer.status_code < 500
    assert len(answer.content) < usual + 40_000
    assert "z" * 1000 not in answer.text


def test_very_long_names_of_judges_are_counted_and_not_repeated(tmp_path):
    client = site(films(tmp_path))
    client.cookies.set("anglewise-judge", "anna")
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        store.add_many(
            Judged("f1", "f2", 1, judge="j" * LONG + str(n), direction="items-items")
            for n in range(20)
        )
    answer = client.get(f"/judge/state?{ITEMS}")
    assert len(answer.json()["judges"]) == 20
    assert len(answer.content) < 20_000


class Slow:
    """Work that waits to be let go, and counts how often it was begun."""

    def __init__(self, work):
        self.work, self.begun, self.go = work, 0, threading.Event()

    def __call__(self, *asked, **more):
        self.begun += 1
        assert self.go.wait(20)
        return self.work(*asked, **more)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(state, "SECONDS", 0.3)


def test_a_slow_measure_is_told_and_shown_when_it_is_there(monkeypatch, impatient):  # noqa: ARG001
    slow = Slow(neighbours_view.columns)
    monkeypatch.setattr(neighbours_view, "columns", slow)
    client = site(films())
    address = f"/?{ITEMS}&query=f3&measure=csls(10)"
    for _ in range(3):
        start = time.monotonic()
        answer = client.get(address)
        assert time.monotonic() - start < 5
        assert answer.status_code == 503
        assert "longer than 0.3 seconds and goes on" in answer.text
    assert slow.begun == 1
    slow.go.set()
    monkeypatch.setattr(state, "SECONDS", 20.0)
    assert "data-row=" in client.get(address).text
    assert slow.begun == 1
    assert client.get(address).status_code == 200
    assert slow.begun == 2  # nothing is kept but what nobody could wait for


def test_a_slow_search_of_a_space_that_was_read_anew_is_not_shown(monkeypatch, impatient):  # noqa: ARG001
    seen = [films(name="old")]
    slow = Slow(lambda *_: [])
    monkeypatch.setattr(neighbours_view, "columns", slow)
    client = site(lambda: seen[0])
    assert client.get(f"/?{ITEMS}&query=f3").status_code == 503
    seen[0] = films(name="new")
    assert client.post("/reload", headers=FROM_HERE).status_code == 303
    slow.go.set()
    monkeypatch.setattr(state, "SECONDS", 20.0)
    assert client.get(f"/?{ITEMS}&query=f3").status_code == 200
    assert slow.begun == 2


def at_once(number, ask):
    """Ask from several threads; their answers."""
    answers, lock = [], threading.Lock()

    def run():
        answer = ask()
        with lock:
            answers.append(answer)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads, answers


def test_those_who_ask_the_same_at_once_wait_for_one_search(monkeypatch):
    slow = Slow(neighbours_view.columns)
    monkeypatch.setattr(neighbours_view, "columns", slow)
    client = site(films())
    threads, answers = at_once(4, lambda: client.get(f"/?{ITEMS}&query=f3").status_code)
    deadline = time.monotonic() + 5
    while not slow.begun and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    slow.go.set()
    for thread in threads:
        thread.join()
    assert (answers, slow.begun) == ([200] * 4, 1)


def test_a_judgement_is_taken_while_all_wait_for_searches(monkeypatch, tmp_path):
    slow = Slow(neighbours_view.columns)
    monkeypatch.setattr(neighbours_view, "columns", slow)
    client = site(films(tmp_path))
    client.cookies.set("anglewise-judge", "anna")
    card = client.get(f"/judge/cards?{ITEMS}").json()["cards"][0]
    sent = {**card, "grade": 1, "uuid": str(uuid4()), "judge": "anna"}
    answered = threading.Event()
    with client:  # one loop for all, as a server has it
        threads, _ = at_once(60, lambda: client.get(f"/?{ITEMS}&query=f3"))
        time.sleep(0.5)

        def judge():
            assert client.post("/judge/answers", json=sent, headers=FROM_HERE).status_code == 200
            answered.set()

        judging = threading.Thread(target=judge)
        judging.start()
        taken = answered.wait(8)
        slow.go.set()
        for thread in [*threads, judging]:
            thread.join()
    assert taken


def test_slow_searches_leave_other_pages_alone(monkeypatch, impatient):  # noqa: ARG001
    slow = Slow(neighbours_view.columns)
    monkeypatch.setattr(neighbours_view, "columns", slow)
    client = site(films())
    client.app.app.state.app.busy._patience = 0.1
    for row in range(4):
        assert client.get(f"/?{ITEMS}&query=f{row}").status_code == 503
    assert "several searches are running" in client.get(f"/?{ITEMS}&query=f9").text
    assert client.get("/judge").status_code == 200
    assert client.get("/reports").status_code == 200
    slow.go.set()
    monkeypatch.setattr(state, "SECONDS", 20.0)
    for row in range(4):
        assert client.get(f"/?{ITEMS}&query=f{row}").status_code == 200


def test_slow_cards_are_told_to_the_script(monkeypatch, impatient, tmp_path):  # noqa: ARG001
    slow = Slow(judging_view.draw_queue)
    monkeypatch.setattr(judging_view, "draw_queue", slow)
    client = site(films(tmp_path))
    client.cookies.set("anglewise-judge", "anna")
    answer = client.get(f"/judge/cards?{ITEMS}")
    assert answer.status_code == 503
    assert "goes on" in answer.json()["error"]
    slow.go.set()
    monkeypatch.setattr(state, "SECONDS", 20.0)
    assert client.get(f"/judge/cards?{ITEMS}").json()["cards"]
    assert slow.begun == 1


def test_a_slow_decision_keeps_nobody_waiting(monkeypatch, impatient, tmp_path):  # noqa: ARG001
    slow = Slow(lambda *_: {"state": "decided", "text": "dot is ahead"})
    monkeypatch.setattr(queue, "decide", slow)
    client = site(films(tmp_path))
    client.cookies.set("anglewise-judge", "anna")
    address = f"/judge/state?{ITEMS}"
    found = client.get(address).json()
    assert (found["decision"], found["late"]) == ({}, True)
    assert client.get(address).json()["decision"] == {}
    assert slow.begun == 1
    slow.go.set()
    for _ in range(100):
        found = client.get(address).json()
        if not found["late"]:
            break
        time.sleep(0.05)
    assert found["decision"]["text"] == "dot is ahead"
    assert slow.begun == 1


def test_a_fault_of_a_search_is_a_fault_of_its_page(monkeypatch):
    def broken(*_):
        raise TimeoutError("of the work itself")

    monkeypatch.setattr(neighbours_view, "columns", broken)
    with pytest.raises(TimeoutError, match="of the work itself"):
        site(films()).get("/?direction=queries-items")


@pytest.fixture
def jupyter(tmp_path, monkeypatch):
    """A kernel that a Jupyter server at port 8890 started."""
    (tmp_path / "kernel-1.json").write_text("{}")
    (tmp_path / "jpserver-77.json").write_text(json.dumps({"port": 8890, "pid": 77}))
    connect = SimpleNamespace(get_connection_file=lambda: str(tmp_path / "kernel-1.json"))
    monkeypatch.setitem(sys.modules, "ipykernel.connect", connect)
    monkeypatch.setenv("JPY_PARENT_PID", "77")
    return tmp_path / "jpserver-77.json"


def ancestors(**more):
    there = served(films, **more)
    there.listening.close()
    answer = site(films(), AllowedOrigin("t", port=8000, framed_by=there.origin.framed_by)).get("/")
    return answer.headers["content-security-policy"].partition("frame-ancestors ")[2]


def test_only_the_notebook_itself_frames_the_page(jupyter):
    assert ancestors(framed=True) == "http://localhost:8890 http://127.0.0.1:8890"
    jupyter.write_text(json.dumps({"port": 8891, "secure": True}))
    assert ancestors(framed=True) == "https://localhost:8891 https://127.0.0.1:8891"
    assert ancestors() == "'none'"


@pytest.mark.parametrize(
    "about",
    ["", "{", "[]", "{}", '{"port": "1; script-src *"}', '{"port": true}', '{"port": 99999}'],
)
def test_a_server_that_does_not_say_where_it_is_leaves_any_port_of_this_machine(jupyter, about):
    jupyter.write_text(about)
    assert ancestors(framed=True) == ANY_NOTEBOOK


@pytest.mark.parametrize("process", ["", "../77", "78", "7" * 50])
def test_a_notebook_that_names_no_server_may_have_any_port(jupyter, process, monkeypatch):
    monkeypatch.setenv("JPY_PARENT_PID", process)
    assert jupyter.exists()
    assert ancestors(framed=True) == ANY_NOTEBOOK


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of open files here")
def test_a_table_that_cannot_be_read_leaves_no_file_open(tmp_path):
    items = Embeddings(np.eye(3), ["a", "b", "c"], {"title": ["A", "B", "C"]})
    write_space(Space(items=items), tmp_path / "s")
    space = read_space(tmp_path / "s")
    (tmp_path / "s" / "items.parquet").write_bytes(b"no table")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for stamps in ({}, {tmp_path / "s" / "items.parquet": (0, 0, 0, 0)}):
        with pytest.raises(FileError):
            with_own_columns(space, stamps)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.skipif(sys.platform == "win32", reason="files stay open elsewhere")
def test_a_column_of_an_open_page_takes_no_more_than_is_allowed(tmp_path, monkeypatch):
    brands = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), ["x" * 1_000_000])
    path = tmp_path / "items.parquet"
    pq.write_table(pa.table({"vector": np.eye(400, dtype="f4").tolist(), "brand": brands}), path)
    own = with_own_columns(read_space(items=path), {}).items.metadata
    monkeypatch.setenv("ANGLEWISE_MEMORY", "50MB")
    with pytest.raises(FileError, match=r"items\.parquet.*50 MB are allowed"):
        own["brand"]
    monkeypatch.setenv("ANGLEWISE_MEMORY", "2GB")
    assert len(own["brand"]) == 400


def test_the_columns_of_an_open_page_take_together_no_more_than_is_allowed(tmp_path, monkeypatch):
    """Each column of both sides is small enough; what was read stays, so their sum counts."""
    sides = {}
    for side in ("items", "queries"):
        rows, letters = [0] * 40, pa.array(["x" * 100_000])
        texts = pa.DictionaryArray.from_arrays(pa.array(rows, pa.int32()), letters)
        columns = {name: texts.cast(pa.string()) for name in ("a", "b")}
        sides[side] = tmp_path / f"{side}.parquet"
        ids = [f"{side} {row}" for row in range(40)]
        vectors = np.eye(40, dtype="f4").tolist()
        pq.write_table(pa.table({"id": ids, "vector": vectors, **columns}), sides[side])
    space = Inspected(with_own_columns(read_space(**sides), {}))
    before = space.memory
    monkeypatch.setenv("ANGLEWISE_MEMORY", "13MB")  # three columns of 4 MB
    assert [len(text) for _, text in space.items.metadata.about(0)] == [2000, 2000]
    assert space.queries.metadata.cells("a", [3]) == ["x" * 100_000]
    with pytest.raises(FileError, match=r"b holds 4\.0 MB, and 16 MB with.*13 MB are allowed"):
        space.queries.metadata.about(0)
    assert 12_000_000 < space.memory - before < 13_000_000
    monkeypatch.setenv("ANGLEWISE_MEMORY", "20MB")
    assert len(space.queries.metadata.about(0)) == 2
