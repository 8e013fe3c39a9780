"""Target: addresses and bodies that the page is sent."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx2
from starlette.testclient import TestClient

from anglewise import Embeddings, Space
from anglewise.web_page.open_space import Inspected, queue_of
from fuzz import damage, spellings, watch
from fuzz.case import Case
from fuzz.strange import changed, number, value, word
from fuzz.target import Target
from fuzz.watch import BrokenError
from inspect_site import DOOR, FROM_HERE, NASTY, films, one_sided, site

GETS = (
    "/",
    "/find",
    "/pick/random",
    "/pick/disagree",
    "/gauge",
    "/gauge/find",
    "/gauge/pick/worst",
)
GETS += ("/gauge/at", "/gauge/path", "/judge", "/judge/cards", "/judge/state", "/reports")
GETS += ("/reports/audit.html", "/picture/items/0", "/static/page.css", "/nowhere")
POSTS = ("/judge/answers", "/judge/undo", "/judge/name", "/reload")
PARAMETERS = (
    "direction",
    "query",
    "measure",
    "k",
    "from",
    "text",
    "t",
    "worst",
    "formula",
    "start",
)
PARAMETERS += ("depth", "order", "blind", "have", "seed", "left", "right")
USUAL: dict[str, tuple[str, ...]] = {
    "direction": ("queries-items", "items-items", "queries-queries"),
    "query": ("u1", "f1", "i0", "i6"),
    "k": ("10", "3", "100", "1"),
    "from": ("0", "10", "10000"),
    "text": ("film", "Film 1", "u"),
    "t": ("0", "0.5", "1"),
    "worst": ("2", "10", "100"),
    "formula": ("cosine", "euclidean", "dot"),
    "depth": ("5", "10"),
    "order": ("", "informative"),
    "blind": ("0", "1"),
}
ANSWER = {
    "query": "u1",
    "item": "f1",
    "grade": 2,
    "direction": "queries-items",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "note": "",
    "context": {"depth": 5, "ranks": {"dot": 1}},
    "mark": "MARK",
}
MARK = b'"MARK"'
"""Stands for the mark of the page in a body, which holds the path of its store."""
SITES = ("films", "nasty", "queue", "pictures")
RENEWED = 400
"""So many requests are answered by one page: then judgements and what it remembers begin anew."""


class _Sites:
    """Pages that stand while requests come."""

    def __init__(self) -> None:
        self.clients: dict[str, tuple[TestClient, int]] = {}

    def get(self, name: str) -> TestClient:
        client, asked = self.clients.get(name, (None, RENEWED))
        if client is None or asked >= RENEWED:
            self.drop(name)
            client, asked = _opened(name), 0
        self.clients[name] = (client, asked + 1)
        return client

    def drop(self, name: str) -> None:
        client, _ = self.clients.pop(name, (None, 0))
        if client is not None:
            client.__exit__(None, None, None)


SITES_OPEN = _Sites()


def _opened(name: str) -> TestClient:
    folder = Path(tempfile.mkdtemp(prefix="page", dir=os.environ[watch.KEPT]))
    if name == "nasty":
        seen: Inspected = Inspected(
            one_sided([one[:3000] for one in NASTY]), store=folder / "s.sqlite"
        )
    else:
        seen = films(folder)
    if name == "pictures":
        seen = _pictured(folder)
    if name == "queue":
        path = folder / "queue.csv"
        path.write_text("query_id,item_id,probability\nu1,f1,0.5\nu2,f3,\n", encoding="utf-8")
        seen = films(folder, queue=queue_of(path, seen.space))
    client = site(seen)
    client.__enter__()
    client.cookies.set("anglewise-judge", "anna")
    return client


def _pictured(folder: Path) -> Inspected:
    """Pictures as bytes, as paths, and what is none."""
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 20
    (folder / "a.png").write_bytes(png)
    cells = [png, b"<svg onload=alert(1)>", b"", None, png]
    paths = ["a.png", "../a.png", "/etc/hosts", "a\0b", None]
    x = Embeddings([[1.0, i] for i in range(5)], metadata={"image": cells, "picture": paths})
    return Inspected(Space(items=x), folder=folder, store=folder / "s.sqlite")


def _run(case: Case) -> str:
    name, how, address, *rest = case.words
    client = SITES_OPEN.get(name)
    try:
        if how == "GET":
            answer = client.get(address, headers=_headers(rest))
        else:
            mark = client.app.app.state.app.inspected.mark
            body = case.files.get("body", b"").replace(MARK, f'"{mark}"'.encode())
            answer = client.post(address, headers=FROM_HERE | _headers(rest), content=body)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return f"not sent {type(error).__name__}"
    except BaseException:
        SITES_OPEN.drop(name)
        raise
    path = address.partition("?")[0][:40]
    if answer.status_code >= 500:
        raise BrokenError(f"status {answer.status_code}", path, answer.text[-300:])
    as_page = answer.headers.get("content-type", "").startswith("text/html")
    if as_page and "<script>alert" in answer.text:
        raise BrokenError("a script in the page", path, address[:300])
    return f"{path} {answer.reason_phrase}"


def _headers(rest: Sequence[str]) -> dict[str, str]:
    """A cookie of the judge in place of the usual one, beside that which lets in."""
    return {"cookie": f"{DOOR.cookie}={DOOR.token}; {rest[0]}"} if rest else {}


def _seeds() -> Sequence[Case]:
    gets = [Case("page", (name, "GET", path)) for name in SITES for path in GETS]
    body = {"body": json.dumps(ANSWER).encode()}
    posts = [Case("page", (name, "POST", path), body) for name in SITES for path in POSTS]
    return [*gets, *posts, Case("page", ("films", "GET", "/gauge/quality"))]


def _make(case: Case, pool: Sequence[Case], rng: Random) -> Case:
    name, how, address, *rest = case.words
    name = rng.choice(SITES) if rng.random() < 0.2 else name
    path, _, query = address.partition("?")
    if how == "POST":
        return Case(case.target, (name, how, path), {"body": _body(path, case, pool, rng)})
    if rng.random() < 0.05:
        path = _escaped(changed(path, rng), safe="/")
    parts = [part for part in query.split("&") if part][:12]
    for _ in range(rng.choice((1, 1, 2, 3))):
        if parts and rng.random() < 0.3:
            del parts[rng.randrange(len(parts))]
        else:
            key = rng.choice(PARAMETERS)
            key = _escaped(word(rng)) if rng.random() < 0.02 else key
            parts.insert(rng.randrange(len(parts) + 1), f"{key}={_parameter(key, rng)}")
    if rng.random() < 0.05:
        rest = [f"anglewise-judge={_escaped(word(rng)) if rng.random() < 0.5 else 'x; a=b; ='}"]
    address = path + "?" + "&".join(parts)
    return Case(case.target, (name, how, address[:5000], *rest))


def _parameter(key: str, rng: Random) -> str:
    chance = rng.random()
    if key == "measure" and chance < 0.8:
        return _escaped(spellings.measure(rng)[:3000])
    if chance < 0.5 and key in USUAL:
        return _escaped(rng.choice(USUAL[key]))
    if chance < 0.95:
        return _escaped((number(rng) if chance < 0.75 else word(rng))[:3000])
    return rng.choice(
        ("%", "%zz", "%ff%fe", "%00", "%ed%a0%80", "%25", "+", "", "a&b", "=", "%C0%AF")
    )


def _escaped(text: str, safe: str = "") -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe=safe)


def _body(path: str, case: Case, pool: Sequence[Case], rng: Random) -> bytes:
    if path == "/judge/name":
        return f"name={_escaped(word(rng))}&back={_escaped(word(rng))}".encode()
    if rng.random() < 0.4:
        told: dict[str, Any] = dict(ANSWER)
        for _ in range(rng.choice((1, 1, 2))):
            told[rng.choice((*ANSWER, word(rng)))] = value(rng)
        return json.dumps(told).encode()
    others = [one.files["body"] for one in rng.sample(pool, min(5, len(pool))) if one.files]
    return damage.damaged("body.json", case.files.get("body") or b"{}", rng, others)


PAGE = Target("page", 10, _run, _seeds, _make)
