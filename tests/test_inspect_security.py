"""The page is attacked: each promise of the guard by who would break it."""

import logging
import re
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from anglewise import Embeddings, Judged, JudgementStore, Space, write_space
from anglewise.errors import FileError
from anglewise.io.destinations import BESIDE_STORE
from anglewise.judgements.store_files import STORE_NAME
from anglewise.web_page import neighbours_view
from anglewise.web_page.allowed_origin import AllowedOrigin
from anglewise.web_page.app import served, static_files
from anglewise.web_page.limits import BusyError, SearchLimiter
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.security import MOST_BYTES
from inspect_site import FROM_HERE, NASTY, films, one_sided, site

EVERYWHERE = "0.0.0.0"  # noqa: S104 closed again at once
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.mark.parametrize(
    "host", ["evil.example:8000", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8000.evil.example", ""]
)
def test_a_rebound_name_is_not_answered(host):
    answer = site(films()).get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "Film" not in answer.text


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://127.0.0.1:8001"])
@pytest.mark.parametrize(
    "path", ["/reload", "/judge/answers", "/judge/undo", "/judge/name", "/reports/audit"]
)
def test_another_site_cannot_write(path, origin):
    headers = {} if origin is None else {"origin": origin}
    assert site(films()).post(path, headers=headers, content=b"{}").status_code == 403


def test_the_policy_allows_nothing_inline_and_no_other_host():
    answer = site(films()).get("/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "page",
    [
        "/",
        "/?direction=items-items",
        "/gauge",
        "/judge",
        "/reports",
        "/find?direction=items-items&text=film",
    ],
)
def test_pages_hold_no_inline_script_or_style(page, tmp_path):
    text = site(films(tmp_path)).get(page).text
    assert "Film" in text or page in {"/", "/judge", "/reports"}
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son\w+=|javascript:", text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


def test_what_titles_hold_is_text():
    client = site(Inspected(one_sided(NASTY)))
    for row in range(len(NASTY)):
        text = client.get(f"/?query=i{row}&k=7").text
        assert "<script>alert" not in text
        assert 'onmouseover="' not in text
        assert "\x00" not in text
        assert "49" not in re.findall(r"<bdi[^>]*>([^<]*)</bdi>", text)
        assert len(text) < 40_000
        assert "\u202e" not in re.sub(r"<bdi[^>]*>[^<]*</bdi>|<title>[^<]*</title>", "", text)


def test_what_an_address_holds_is_text():
    client = site(films())
    for path in ("/?query={}", "/?measure={}", "/find?text={}", "/?direction={}", "/?k={}"):
        answer = client.get(path.format("%3Cscript%3Ealert(1)%3C/script%3E%22%20onload=x"))
        assert "<script>alert" not in answer.text
        assert '" onload=' not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/app.py",
        "/picture/items/../../etc/passwd",
        "/reports/..%2f..%2fetc%2fpasswd.html",
    ],
)
def test_no_path_reaches_the_file_system(path):
    answer = site(films()).get(path)
    assert answer.status_code in {303, 404}
    assert "root:" not in answer.text


def test_static_files_are_ours_and_have_their_type():
    client = site(films())
    for name, (data, kind) in static_files().items():
        answer = client.get(f"/static/{name}")
        assert answer.content == data
        assert answer.headers["content-type"].startswith(kind)


def pictures(cells, folder):
    rows = len(cells)
    space = Space(items=Embeddings([[1.0, i] for i in range(rows)], metadata={"image": cells}))
    return site(Inspected(space, folder=folder))


def test_pictures_come_from_the_column_and_are_pictures(tmp_path):
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "a.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    (tmp_path / "space" / "link.png").symlink_to(tmp_path / "secret.png")
    cells = ["a.png", "../secret.png", str(tmp_path / "secret.png"), "link.png", "gone.png", None]
    client = pictures(cells, tmp_path / "space")
    good = client.get("/picture/items/0")
    assert (good.content, good.headers["content-type"]) == (PNG, "image/png")
    for row in range(1, len(cells)):
        assert client.get(f"/picture/items/{row}").status_code == 404
    assert client.get("/picture/items/99").status_code == 404
    assert client.get("/picture/elsewhere/0").status_code == 404


@pytest.mark.skipif(sys.platform != "linux", reason="where Linux shows locks")
def test_no_cell_reads_a_file_of_the_space_or_of_a_store(tmp_path):
    folder = tmp_path / "space"
    write_space(Space(items=Embeddings(np.eye(2))), folder)
    (folder / "link.png").symlink_to(STORE_NAME)
    other = folder / "other.png"
    names = ["space.json", "items.parquet", STORE_NAME, "link.png", "other.png"]
    cells = [*names, *(f"{STORE_NAME}{end}" for end in BESIDE_STORE)]
    with JudgementStore.open(folder / STORE_NAME) as one, JudgementStore.open(other) as two:
        one.add(Judged("0", "1", 1, judge="anna"))
        two.add(Judged("0", "1", 1, judge="anna"))
        before = locks_of(folder)
        assert before
        client = pictures(cells, folder)
        for row, name in enumerate(cells):
            answer = client.get(f"/picture/items/{row}")
            assert (answer.status_code, "of the space itself" in answer.text) == (404, True), name
        assert locks_of(folder) == before


def locks_of(folder):
    """The locks on the files of a folder."""
    numbers = {str(path.stat().st_ino) for path in folder.iterdir()}
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return [line[1:] for line in lines if line[5].rpartition(":")[2] in numbers]


def test_a_script_is_no_picture():
    cells = [
        PNG,
        b"<svg onload=alert(1)>",
        b"<html><script>",
        b"",
        b"\xff\xd8\xff" + b"0" * (9 << 20),
    ]
    client = pictures(cells, None)
    assert [client.get(f"/picture/items/{i}").status_code for i in range(5)] == [200] + 4 * [404]


@pytest.mark.parametrize("told", [True, False])
def test_a_large_body_is_not_read(told, tmp_path):
    client = site(films(tmp_path))
    body = b"x" * (MOST_BYTES + 1)
    content = body if told else iter([body[:40_000], body[40_000:]])
    answer = client.post("/judge/answers", headers=FROM_HERE, content=content)
    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_not_answered(method):
    assert site(films()).request(method, "/").status_code == 405


def test_searches_wait_and_are_then_refused():
    busy = SearchLimiter(at_once=1, patience=0.01)
    with busy.working(), pytest.raises(BusyError, match="several searches"), busy.working():
        pass
    with busy.working():
        pass


def test_a_busy_server_says_so(monkeypatch):
    monkeypatch.setattr(SearchLimiter, "__init__", lambda self: setattr(self, "_free", None))
    monkeypatch.setattr(SearchLimiter, "working", refuse)
    answer = site(films()).get("/?direction=queries-items")
    assert answer.status_code == 503
    assert "try again" in answer.text


def refuse(_):
    raise BusyError("several searches are running: try again in a moment")


TOKEN_DOOR = AllowedOrigin(host="192.0.2.7", port=8000, token="secret-token")  # noqa: S106 of this test alone
THERE = "http://192.0.2.7:8000"


def test_beyond_this_machine_only_who_has_the_token_enters():
    client = site(films(), TOKEN_DOOR, THERE, entered=False)
    assert client.get("/").status_code == 403
    assert client.get("/?token=wrong").status_code == 403
    assert client.get("/", headers={"cookie": "anglewise-8000=wrong"}).status_code == 403
    assert client.get("/?token=wrong&token=secret-token&token=x").status_code == 403
    came = client.get("/?token=secret-token&query=f1")
    assert came.status_code == 303
    assert came.headers["location"] == "/?query=f1"
    assert "HttpOnly" in came.headers["set-cookie"]
    assert "samesite=strict" in came.headers["set-cookie"].lower()
    assert client.get("/").status_code == 200


def test_the_token_does_not_lead_to_another_site():
    client = site(films(), TOKEN_DOOR, THERE, entered=False)
    for path in ("//evil.example/x", "/\\evil.example/x", "///evil.example/x"):
        scope = {"path": path, "query_string": b"token=secret-token"}
        answer = client.app._without_cookie(scope, {})
        assert answer.headers["location"] == "/evil.example/x"


def test_names_that_could_be_rebound_do_not_pass_with_a_token():
    client = site(films(), TOKEN_DOOR, THERE, entered=False)
    assert (
        client.get("/?token=secret-token", headers={"host": "evil.example:8000"}).status_code == 421
    )


def test_logs_hold_no_token_and_no_query(caplog, monkeypatch):
    def broken(*_):
        raise RuntimeError("broken inside")

    monkeypatch.setattr(neighbours_view, "neighbours", broken)
    client = site(films(), TOKEN_DOOR, THERE, entered=False)
    client.get("/?token=secret-token")
    quiet = TestClient(client.app, base_url=THERE, raise_server_exceptions=False)
    quiet.cookies = client.cookies
    with caplog.at_level(logging.DEBUG):
        answer = quiet.get("/?query=somebody-private")
    assert answer.status_code == 500
    assert "broken inside" not in answer.text
    told = "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("httpx")
    )
    assert "fault at /" in told
    assert "somebody-private" not in told
    assert "secret-token" not in told


def test_it_listens_on_this_machine_alone():
    there = served(films, port=None)
    assert there.listening.getsockname()[0] == "127.0.0.1"
    assert there.listening.proto == socket.IPPROTO_TCP  # else every answer waits 40 ms
    assert len(there.origin.token) >= 32
    there.listening.close()


def test_another_host_gets_a_token_that_cannot_be_guessed():
    one, other = served(films, host=EVERYWHERE), served(films, host=EVERYWHERE)
    assert len(one.origin.token) >= 32
    assert one.origin.token != other.origin.token
    assert one.origin.token in one.address
    one.listening.close()
    other.listening.close()


def test_the_next_free_port_is_taken_and_a_named_one_must_be_free():
    one, other = served(films), served(films)
    assert one.origin.port != other.origin.port
    with pytest.raises(FileError, match="name another --port"):
        served(films, port=one.origin.port)
    one.listening.close()
    other.listening.close()


def asking(there, path="/static/page.css"):
    """A request of somebody who has entered, as it goes over the wire."""
    cookie = f"Cookie: {there.origin.cookie}={there.origin.token}"
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{there.origin.port}\r\n{cookie}\r\n\r\n".encode()
    )


def test_it_serves_and_stops():
    there = served(films)
    thread = there.start()
    with socket.create_connection(("127.0.0.1", there.origin.port), timeout=5) as wire:
        wire.sendall(asking(there))
        assert wire.recv(20).startswith(b"HTTP/1.1 200")
    there.stop()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert threading.active_count() < 50
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", there.origin.port), timeout=1)


def test_other_protocols_get_nothing():
    with pytest.raises(WebSocketDisconnect), site(films()).websocket_connect("/"):
        pass
