"""The page under attack: other people on the machine, other sites, and what a space may hold."""

import asyncio
import json
import os
import re
import shutil
import socket
import stat
import sys
import threading
import time
import webbrowser
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from anglewise import Embeddings, Space, read_space, write_space
from anglewise.cli.console import Talk
from anglewise.cli.inspect import _read
from anglewise.cli.options import NO_FILES, NOTHING_SPECIAL
from anglewise.errors import FileError, SpellingError
from anglewise.web_page import account as account_of_peer
from anglewise.web_page import limits as connection
from anglewise.web_page import metadata as own_columns
from anglewise.web_page import neighbours_view
from anglewise.web_page import view_state as looking
from anglewise.web_page.account import _table_forms, is_another_account
from anglewise.web_page.answers import shown
from anglewise.web_page.app import served
from anglewise.web_page.metadata import LARGEST, Metadata, plain
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.state import AppState, as_json
from anglewise.web_page.view_state import parse_measures
from inspect_site import DOOR, FROM_HERE, HERE, films, made_space, site
from processor_time import processor_seconds
from test_inspect_security import PNG, asking

CLICKED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize("path", ["/", "/judge", "/static/page.css", "/picture/items/0", "/none"])
def test_nobody_enters_without_the_token(path):
    answer = site(films(), entered=False).get(path)
    assert answer.status_code == 403
    assert answer.text == "open the address that was printed, with its token\n"


def test_nobody_judges_without_the_token(tmp_path):
    client = site(films(tmp_path), entered=False)
    client.cookies.set("anglewise-judge", "anna")
    assert client.post("/judge/answers", headers=FROM_HERE, content=b"{}").status_code == 403
    assert not (tmp_path / "judgements.sqlite").exists()


def test_the_printed_address_leads_to_the_page_without_its_token():
    client = site(films(), entered=False)
    came = client.get(f"/?token={DOOR.token}&query=f1&text=")
    assert (came.status_code, came.headers["location"]) == (303, "/?query=f1&text=")
    cookie = came.headers["set-cookie"]
    assert cookie.startswith(f"anglewise-{DOOR.port}={DOOR.token}; ")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/?query=u1").status_code == 200
    # Who has entered and opens the address again does not keep the token in it either.
    assert client.get(f"/?token={DOOR.token}").headers["location"] == "/"


def test_the_printed_address_opens_from_a_chat():
    client = site(films(), entered=False)
    came = client.get(
        f"/?token={DOOR.token}&query=f1", headers={"sec-fetch-site": "cross-site", **CLICKED}
    )
    assert came.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/?query=f1"' in came.text
    assert DOOR.token not in came.text
    assert "SameSite=Strict" in came.headers["set-cookie"]


@pytest.mark.parametrize("origin", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    "how",
    [
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
        {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        CLICKED,
    ],
)
def test_another_site_starts_no_search(origin, how):
    headers = {"sec-fetch-site": origin, **how}
    assert site(films()).get("/?measure=dot", headers=headers).status_code == 403


@pytest.mark.parametrize("origin", ["none", "same-origin", "same-site", "cross-site"])
def test_a_link_to_the_start_page_opens(origin):
    headers = {"sec-fetch-site": origin, **CLICKED}
    assert site(films()).get("/", headers=headers).status_code == 200


def test_a_browser_is_started_without_the_token_in_its_words(monkeypatch):
    opened, there = [], served(films)
    came = threading.Event()
    monkeypatch.setattr(webbrowser, "open", lambda to: (opened.append(to), came.set()))
    there.open_browser()
    assert came.wait(5)
    assert there.origin.token not in opened[0]
    note = Path(url2pathname(urlsplit(opened[0]).path))
    assert there.origin.token in note.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(note.stat().st_mode) == 0o600
        assert stat.S_IMODE(note.parent.stat().st_mode) == 0o700
    there.listening.close()
    shutil.rmtree(note.parent)


@pytest.mark.parametrize(
    "headers",
    [{"host": "127.0.0.1:" + "9" * 5000}, {"host": "127.0.0.1:٨٠٠٠"}],
)
def test_a_strange_host_is_refused(headers):
    answer = site(films()).get("/", headers={k: v.encode() for k, v in headers.items()})
    assert answer.status_code == 421


def test_a_length_of_many_digits_is_refused():
    answer = site(films()).post(
        "/judge/undo", headers={**FROM_HERE, "content-length": "9" * 5000}, content=b"{}"
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "spelled",
    [
        "csls(1e9)",
        "csls(1000000000)",
        "local-scaling(1001)",
        "cosine@without-top(99999)",
        "norm(0,1e300)",
        "cosine" + "@centred" * 5,
        "cosine" + "@centred" * 40,
        "cosine" + " " * 300,
    ],
)
def test_a_measure_that_asks_for_much_is_refused_before_it_is_made(spelled, monkeypatch):
    monkeypatch.setattr(looking, "read_ranking", refuse)
    error = parse_measures([spelled]).errors[0]
    assert re.search("anglewise search takes larger ones|at most", error)
    assert "made" not in error


def refuse(spelled):
    raise SpellingError(f"made {spelled}")


def test_measures_of_a_usual_size_are_taken():
    spelled = ["csls(10)", "norm(-0.5,1.5)", "cosine@centred@without-top(3)", "local-scaling(1000)"]
    assert parse_measures(spelled).errors == ("",) * 4


@contextmanager
def open_page(seen=None, host="127.0.0.1"):
    there = served(lambda: seen or films(), host=host)
    thread = there.start()
    try:
        yield there
    finally:
        there.stop()
        thread.join(10)
        assert not thread.is_alive()


def wire_to(there):
    return socket.create_connection(("127.0.0.1", there.origin.port), timeout=5)


def test_silent_connections_lock_nobody_out():
    with open_page() as there:
        silent = [wire_to(there) for _ in range(connection.MOST_CONNECTIONS + 40)]
        with wire_to(there) as wire:
            wire.sendall(asking(there))
            assert wire.recv(20).startswith(b"HTTP/1.1 200")
        assert sum(not is_open(one) for one in silent[:60]) >= 40  # those that waited longest
        for one in silent:
            one.close()


def test_refused_connections_lock_nobody_out():
    """Asking without the token, again and again, keeps no connection."""
    with open_page() as there:
        host = f"127.0.0.1:{there.origin.port}".encode()
        refused = [wire_to(there) for _ in range(connection.MOST_CONNECTIONS)]
        for one in refused:
            one.sendall(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            assert one.recv(20).startswith(b"HTTP/1.1 403")
        with wire_to(there) as wire:
            wire.sendall(asking(there))
            assert wire.recv(20).startswith(b"HTTP/1.1 200")
        assert not any(map(ends, refused))
        for one in refused:
            one.close()


def ends(wire):
    """Whether it is still open once all that came was read."""
    with suppress(ConnectionError):
        while wire.recv(10_000):
            pass
    return is_open(wire)


def test_resting_connections_make_room(monkeypatch):
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 4)
    with open_page() as there:
        resting = [wire_to(there) for _ in range(4)]
        for one in resting:
            one.sendall(asking(there))
            assert one.recv(20).startswith(b"HTTP/1.1 200")
        with wire_to(there) as wire:
            wire.sendall(asking(there))
            assert wire.recv(20).startswith(b"HTTP/1.1 200")
        for one in resting:
            one.close()


def test_an_answer_that_nobody_takes_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.6)
    with open_page() as there:
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        wire.connect(("127.0.0.1", there.origin.port))
        wire.setblocking(False)
        with suppress(BlockingIOError, ConnectionError):
            for _ in range(400):
                wire.sendall(asking(there, "/static/page.css"))
        begun = time.monotonic()
        while there.server.server_state.connections and time.monotonic() - begun < 60:
            time.sleep(0.1)
        assert not there.server.server_state.connections
        wire.close()


LINUX = sys.platform == "linux"


@pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="needs Linux and two accounts")
@pytest.mark.parametrize("named", [b"", b"X-Forwarded-For: 192.0.2.1\r\n"])
def test_another_account_does_not_enter_even_with_the_token(named):
    """A browser sends the cookie to every port of its machine, also to that of a neighbour."""
    with open_page() as there:
        asked = asking(there).replace(b"\r\n\r\n", b"\r\n" + named + b"\r\n")
        wire_to(there).close()  # imports what the other account may not read
        os.seteuid(65534)
        try:
            wire = wire_to(there)
        finally:
            os.seteuid(0)
        with wire:
            wire.sendall(asked)
            assert wire.recv(20).startswith(b"HTTP/1.1 403")
        with wire_to(there) as ours:
            ours.sendall(asked)
            assert ours.recv(20).startswith(b"HTTP/1.1 200")


OWN_NAME = "my-computer.example"
"""A name that means this machine, as some systems have it in their list of hosts."""


@pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="needs Linux and two accounts")
@pytest.mark.parametrize("source", ["127.0.0.9", None])
@pytest.mark.parametrize("host", ["127.0.0.2", "::1", OWN_NAME, "::ffff:127.0.0.2"])
def test_another_account_enters_by_no_address_of_this_machine_alone(host, source, monkeypatch):
    named = socket.socket.bind
    meant = {OWN_NAME: "127.0.1.1"}
    monkeypatch.setattr(
        socket.socket, "bind", lambda self, to: named(self, (meant.get(to[0], to[0]), to[1]))
    )
    if host == "::1" and (source or not has_ipv6()):
        pytest.skip("this machine has no such address")
    with open_page(host=host) as there:
        to = (meant.get(host, host).removeprefix("::ffff:"), there.origin.port)
        spelled = f"[{host}]" if ":" in host else host
        asked = asking(there).replace(b"127.0.0.1:", f"{spelled}:".encode())
        begin = None if source is None else (source, 0)
        socket.create_connection(to).close()  # imports what the other account may not read
        os.seteuid(65534)
        try:
            wire = socket.create_connection(to, source_address=begin)
        finally:
            os.seteuid(0)
        with wire:
            wire.sendall(asked)
            assert wire.recv(20).startswith(b"HTTP/1.1 403")
        with socket.create_connection(to, source_address=begin) as ours:
            ours.sendall(asked)
            assert ours.recv(20).startswith(b"HTTP/1.1 200")


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe:
        with suppress(OSError):
            probe.bind(("::1", 0))
            return True
        return False


@pytest.mark.parametrize(
    ("name", "answered"),
    [("my-computer", True), ("127.0.1.1", True), ("127.0.0.1", True), ("", False), ("e", False)],
)
def test_a_page_at_a_name_of_this_machine_alone_answers_to_its_own_names(name, answered):
    origin = replace(DOOR, host="my-computer", bound="127.0.1.1")
    assert origin.knows(f"{name}:8000") is answered


def address_of_this_machine():
    """One that other machines may reach, found without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


@pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="needs Linux and two accounts")
@pytest.mark.skipif(address_of_this_machine() is None, reason="needs a network")
def test_another_account_does_not_enter_from_the_outer_address_of_the_machine():
    with open_page() as there:
        wire_to(there).close()  # imports what the other account may not read
        outer = address_of_this_machine(), 0
        to = ("127.0.0.1", there.origin.port)
        os.seteuid(65534)
        try:
            wire = socket.create_connection(to, source_address=outer)
        finally:
            os.seteuid(0)
        with wire:
            wire.sendall(asking(there))
            assert wire.recv(20).startswith(b"HTTP/1.1 403")
        with socket.create_connection(to, source_address=outer) as ours:
            ours.sendall(asking(there))
            assert ours.recv(20).startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(not LINUX, reason="only Linux tells accounts")
@pytest.mark.parametrize(
    ("account", "socket_number", "theirs"),
    [("1000", "77", False), ("0", "77", False), ("1001", "77", True), ("0", "0", True)],
)
def test_accounts_are_told_by_the_list_of_connections(
    account, socket_number, theirs, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(account_of_peer, "TABLES", (tmp_path / "none", tmp_path / "tcp"))
    ends = ("127.0.0.1", 5000), ("127.0.0.1", 8765)
    for client, server in zip(
        *(_table_forms(*end) for end in ends), strict=True
    ):  # IPv4, within IPv6
        line = f" 0: {client} {server} 01 0:0 00:0 0 {account} 0 {socket_number} 1"
        (tmp_path / "tcp").write_text("a header\n" + line + "\n")
        assert is_another_account(*ends) is theirs
        assert not is_another_account(("127.0.0.1", 5001), ends[1])
        assert is_another_account(("192.0.2.1", 5000), ends[1])  # nobody lists it
        assert not is_another_account(("192.0.2.1", 5000), ("192.0.2.2", 8765))


def test_a_cookie_of_many_backslashes_takes_no_time():
    client = site(films(), entered=False)

    def ask():
        for length in (15_000, 100_000):
            headers = {"cookie": DOOR.cookie + '="' + '\\"' * length + '"'}
            assert client.get("/", headers=headers).status_code in {403, 431}

    assert processor_seconds(ask) < 0.5


def test_a_second_cookie_of_our_name_locks_nobody_out():
    client = site(films(), entered=False)
    both = f"{DOOR.cookie}={DOOR.token}; {DOOR.cookie}=other"
    assert client.get("/static/page.css", headers={"cookie": both}).status_code == 200


def test_a_row_of_many_digits_is_no_picture():
    assert site(films()).get("/picture/items/" + "1" * 5000).status_code == 404


def test_half_a_character_comes_back_as_it_was_sent(tmp_path):
    client = site(films(tmp_path))
    client.cookies.set("anglewise-judge", "anna")
    uuid = str(uuid4()) + 64 * "-" + "\ud800"
    sent = {"uuid": uuid, "grade": 1, "direction": "items-items", "query": "f1", "item": "f2"}
    sent |= {"shown": shown(films(), "items-items", 1, 2), "mark": films(tmp_path).mark}
    said = client.post("/judge/answers", headers=FROM_HERE, content=json.dumps(sent))
    assert (said.status_code, said.json()) == (200, {"saved": uuid})


@pytest.mark.parametrize("host", ["", " ", "\u00e9" * 70, "nul\0"])
def test_a_host_that_is_none_is_refused(host):
    with pytest.raises(FileError, match="host"):
        served(films, host=host)


HALF_A_BODY = (
    b"POST /judge/undo HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
    b"Cookie: {cookie}\r\nContent-Length: 500\r\n\r\n{"
)
ANSWERED = b"GET /static/icon.svg HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n"


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: ",
        HALF_A_BODY,
        ANSWERED + b"GET / HT",
    ],
)
def test_what_does_not_arrive_is_not_waited_for(start, monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.6)
    with open_page() as there, wire_to(there) as wire:
        host, cookie = (
            f"127.0.0.1:{there.origin.port}",
            f"{there.origin.cookie}={there.origin.token}",
        )
        start = start.replace(b"{host}", host.encode()).replace(b"{cookie}", cookie.encode())
        begun, bytes_sent = time.monotonic(), 0
        wire.sendall(start)
        while bytes_sent < 20 and is_open(wire):  # counted: both ends wait for a busy machine
            time.sleep(0.1)
            with suppress(ConnectionError):
                wire.sendall(b" " if start else b"")  # a byte now and then is no request
            bytes_sent += 1
        assert time.monotonic() - begun > 0.4
        assert bytes_sent < 20


def is_open(wire):
    """Whether the other end has not closed it."""
    wire.settimeout(0.05)
    try:
        return wire.recv(10_000) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_a_connection_that_asks_in_time_stays_open(monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.5)
    with open_page() as there:
        kept = HTTPConnection("127.0.0.1", there.origin.port, timeout=5)
        kept.connect()
        wire = kept.sock
        for _ in range(3):
            cookie = {"Cookie": f"{there.origin.cookie}={there.origin.token}"}
            kept.request("GET", "/static/icon.svg", headers=cookie)
            assert kept.getresponse().read().startswith(b"<svg")
            assert kept.sock is wire
            time.sleep(0.7)
        kept.close()


def test_a_body_that_is_cut_off_is_no_fault(caplog):
    client = site(films())
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    cookie = f"{DOOR.cookie}={DOOR.token}"
    headers = {"host": "127.0.0.1:8000", "origin": FROM_HERE["origin"], "cookie": cookie}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/judge/answers",
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(client.app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert not caplog.records


@pytest.fixture
def opened(tmp_path):
    """A page on a folder that is written anew, smaller, after it was opened."""
    folder = tmp_path / "space"
    titles = [f"Old {i}" for i in range(60)]
    write_space(made_space(metadata={"title": titles}), folder)
    assert read_space(folder).items.metadata["title"][0].as_py() == "Old 0"
    seen = _read(folder, NO_FILES, 0, tmp_path / "judged.sqlite", Talk(NOTHING_SPECIAL))
    client = site(seen)
    client.app.app.state.app.fresh.every = 0.0
    titles = [f"New {i}" for i in range(20)]
    write_space(made_space(items=20, metadata={"title": titles}), folder)
    return client


@pytest.mark.parametrize(
    "path", ["/?direction=queries-items", "/?direction=items-items&query=f50&k=59", "/judge"]
)
def test_a_page_keeps_the_titles_of_the_vectors_that_it_opened(opened, path):
    answer = opened.get(path)
    assert answer.status_code == 200
    assert "Old" in answer.text or path == "/judge"
    assert "New" not in answer.text
    assert "has been written anew since the page was opened" in answer.text.partition("<main")[2]


def test_nothing_is_judged_of_a_space_that_was_replaced(opened, tmp_path):
    opened.cookies.set("anglewise-judge", "anna")
    cards = opened.get("/judge/cards?direction=items-items").json()["cards"]
    assert cards[0]["item_title"].startswith("Old")
    names = ("direction", "query", "item", "mark")
    sent = {**{n: cards[0][n] for n in names}, "uuid": "1", "grade": 2}
    answer = opened.post("/judge/answers", headers=FROM_HERE, content=json.dumps(sent))
    assert answer.status_code == 409
    assert "written anew" in answer.json()["error"]
    assert not (tmp_path / "judged.sqlite").exists()


def test_where_files_are_not_held_open_a_new_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(own_columns, "os", type("os", (), {"name": "nt"}))
    folder = tmp_path / "space"
    write_space(made_space(metadata={"title": ["Old"] * 60}), folder)
    seen = _read(folder, NO_FILES, 0, None, Talk(NOTHING_SPECIAL))
    write_space(made_space(metadata={"title": ["New"] * 60}), folder)
    answer = site(seen).get("/?direction=queries-items")
    assert answer.status_code == 400
    assert "written anew since the page was opened" in answer.text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_or_a_huge_file_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with (tmp_path / "huge.png").open("wb") as file:
        file.write(PNG)
        file.truncate(LARGEST + 1)
    (tmp_path / "circle.png").symlink_to("circle.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "good.png").write_bytes(PNG)
    cells = ["pipe.png", "huge.png", "circle.png", "folder.png", "a" * 5000, "\ud800", "good.png"]
    items = Embeddings([[1.0, i] for i in range(7)], metadata={"image": cells})
    client = site(Inspected(Space(items=items), folder=tmp_path))
    answers = [client.get(f"/picture/items/{row}") for row in range(7)]
    assert [answer.status_code for answer in answers] == [404] * 6 + [200]
    assert answers[0].text == "the picture is no regular file\n"
    assert answers[1].text == "the picture has more than 8 MB\n"


FAR = pa.array([4_000_000, 5_000_000, None], pa.date32())
COLUMNS = {
    "a date beyond the calendar": FAR,
    "a moment beyond the calendar": pa.array([2**52, 5, None], pa.timestamp("ms")),
    "a moment in no known zone": pa.array([1, 2, None], pa.timestamp("s", tz="No/Where")),
    "lists": pa.array([["a", "b"], [], None]),
    "dates": pa.array([date(2020, 1, 2)] * 3),
    "numbers": pa.array([float("nan"), float("inf"), 1.5]),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("role", ["title", "other", "popularity"])
def test_whatever_a_column_holds_is_shown_or_said(name, role):
    table = pa.table({role: COLUMNS[name]})
    items = Embeddings(np.eye(3) + 1, ids=["a", "b", "c"], metadata=table)
    client = site(Inspected(Space(items=items), store=Path("unused.sqlite")))
    client.cookies.set("anglewise-judge", "anna")
    for path in ("/?query=a", "/find?text=no-such", "/judge/cards", "/pick/popular"):
        assert client.get(path).status_code in {200, 303}, path
    assert Metadata(items).titles([0])[0]


def test_a_fault_is_one_plain_page(monkeypatch):
    monkeypatch.setattr(neighbours_view, "columns", broken)
    client = TestClient(site(films()).app, HERE, raise_server_exceptions=False)
    client.cookies.set(DOOR.cookie, DOOR.token)
    for _ in range(2):
        answer = client.get("/?direction=queries-items")
        assert answer.status_code == 500
        assert "fault of anglewise" in answer.text
        assert not re.search("Traceback|secret|broken", answer.text)
        monkeypatch.setattr(AppState, "page", broken)  # what shows the fault may have one too


def broken(*_):
    raise RuntimeError("a secret")


@pytest.mark.parametrize(
    "evil", ["\u202e", "\u2066", "\u202a", "\x9b", "\x1b[2J", "\x85", "\ud800"]
)
def test_what_turns_other_text_round_is_shown_harmlessly(evil):
    titles = [f"Film {evil}gpj.exe", "b", "c"]
    about = {"title": titles, f"co{evil}l": ["x", "y", "z"], "text": [f"t{evil}", "", ""]}
    ids = ["a" if evil == "\ud800" else f"a{evil}", "b", "c"]  # half a pair is refused in an id
    items = Embeddings(np.eye(3) + 1, ids=ids, metadata=about)
    client = site(Inspected(Space(items=items), name=f"name{evil}"))
    for path in ("/", "/?query=b", "/?query=gone", "/find", "/reports", "/judge"):
        text = f"x{evil}".encode("utf-8", "replace").decode()
        answer = client.get(path, params={"text": text} if path == "/find" else None)
        shown = re.sub(r'value="[^"]*"', "", answer.text)  # a form sends back what it was given
        assert evil[0] not in shown, path
    assert plain("\u05d0\u200f(1)\u200d", 9) == "\u05d0\u200f(1)\u200d"


@pytest.mark.parametrize("size", [1.3e-38, 3e38])
def test_numbers_beyond_what_json_knows_are_no_fault(size, tmp_path):
    rng = np.random.default_rng(0)
    sides = [Embeddings(np.sign(rng.normal(size=(9, 3))) * size) for _ in range(2)]
    space = Space(queries=sides[0], items=sides[1], trained_for="dot")
    client = site(Inspected(space, store=tmp_path / "judged.sqlite"))
    client.cookies.set("anglewise-judge", "anna")
    for path in ("/", "/gauge", "/gauge/at", "/gauge/path", "/judge/cards", "/judge/state"):
        assert client.get(path).status_code in {200, 400}, path


def test_a_script_is_told_null_for_what_is_no_number():
    answer = as_json({"a": [float("nan"), 1.5, (float("inf"),)]})
    assert json.loads(answer.body) == {"a": [None, 1.5, [None]]}
