"""A server that searches is probed by its address; the form of question and answer is declared."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

import anglewise as aw
from anglewise.encoders.json_requests import Patience
from anglewise.errors import SpellingError, StoreError, ValuesError
from anglewise.stores.search_endpoint import SearchEndpoint
from anglewise.stores.shown_forms import FORMS
from cli_run import anglewise, refused  # noqa: F401 a fixture
from local_server import serving
from test_probing_of_stores import DIMENSION, asked, made

ELASTIC = '{"knn": {"query_vector": "{vector}", "k": "{k}"}, "size": "{k}", "text": "{text}"}'


def form_called(words):
    return next(form for form in FORMS if form.words == words)


@dataclass
class Server:
    """Searches by one form, and answers as a function of what was found has it."""

    form: object = None
    answer: object = staticmethod(lambda pairs: [{"id": n, "score": s} for n, s in pairs])
    vector: object = staticmethod(lambda content: content["vector"])
    k: object = staticmethod(lambda content: content["k"])
    status: int = 200
    asked: list = field(default_factory=list)
    keys: list = field(default_factory=list)
    port: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/search"


@pytest.fixture
def server():
    here = Server(form=form_called("1 - the cosine"))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.asked.append(content)
            here.keys.append(self.headers.get("Authorization"))
            found = asked(here.form, made()[1])(np.array(here.vector(content)), here.k(content))
            body = json.dumps(here.answer(found)).encode()
            self.send_response(here.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

        def log_message(self, *_):
            """Quietly."""

    with serving(Handler) as port:
        here.port = port
        yield here


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.words)
def test_an_address_is_enough_for_the_plain_form(server, form):
    server.form = form
    found = aw.probe(server.url, dimension=DIMENSION)
    assert found.metric == form.metric
    assert form.words in found.shown_as
    assert found.nearer == ("larger" if form.larger else "smaller")
    assert found.address == server.url
    assert server.asked[0].keys() == {"vector", "k"}
    assert len(server.asked) <= 36


def test_another_form_is_declared(server, anglewise):  # noqa: F811
    """Elasticsearch's, and Lucene's score of an inner product in it."""
    server.form = form_called("Lucene's score of an inner product")
    server.vector = lambda content: content["knn"]["query_vector"]
    server.k = lambda content: content["size"]
    server.answer = lambda pairs: {"hits": {"hits": [{"_id": n, "_score": s} for n, s in pairs]}}
    words = [
        "--dimension",
        str(DIMENSION),
        "--request",
        ELASTIC,
        "--answer",
        "hits.hits,_id,_score",
    ]
    run = anglewise("probe", server.url, *words, "--json", "-")
    told = json.loads(run.out)
    assert (run.code, told["metric"], told["address"]) == (0, "dot", server.url)
    assert told["shown_as"] == "Lucene's score of an inner product"
    assert server.asked[0]["text"] == "{text}"


def test_a_key_comes_from_its_variable_and_is_never_shown(server, anglewise, monkeypatch):  # noqa: F811
    monkeypatch.setenv("MY_KEY", "s3cret-key-of-mine")
    words = ["probe", server.url, "--dimension", str(DIMENSION), "--key", "MY_KEY"]
    run = anglewise(*words)
    assert run.code == 0
    assert server.keys[0] == "Bearer s3cret-key-of-mine"
    server.answer = lambda _: {"error": "wrong key s3cret-key-of-mine"}
    server.status = 401
    for status in (401, 200):
        server.status = status
        run = anglewise(*words)
        assert refused(run)
        assert "s3cret" not in run.out + run.err
    assert refused(anglewise(*words[:-1], "NO_SUCH_KEY"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: {"hits": []}, "without a list at its top"),
        (lambda pairs: [{"id": n} for n, _ in pairs], "a number under score"),
        (lambda pairs: [{"id": n, "score": True} for n, _ in pairs], "a number under score"),
        (lambda pairs: [{"id": n, "score": "0.5"} for n, _ in pairs], "a number under score"),
        (lambda pairs: [[n, s] for n, s in pairs], "an id under id"),
        (lambda pairs: [{"id": None, "score": s} for _, s in pairs], "an id under id"),
        (lambda pairs: [{"id": n, "score": 10**400} for n, _ in pairs], "a number under score"),
    ],
)
def test_an_answer_of_another_form_is_refused(server, answer, words):
    server.answer = answer
    with pytest.raises(StoreError, match=words):
        aw.probe(server.url, dimension=DIMENSION)


@pytest.mark.parametrize(
    "settings",
    [
        {"request": "vector"},
        {"request": '{"v": [1], "k": "{k}"}'},
        {"request": "[" * 100_000},
        {"answer": "hits"},
        {"answer": "a,b,c,d"},
        {"url": "http://"},
        {"url": "http://me:s3cret@host/search"},
        {"url": "http://host/search?key=s3cret"},
        {"key": "s3cret key"},
    ],
)
def test_what_cannot_be_asked_so_is_refused_before_anything_is_sent(settings):
    with pytest.raises(SpellingError) as error:
        SearchEndpoint(**{"url": "http://127.0.0.1:1/search", **settings})
    assert "s3cret" not in str(error.value)


def test_a_server_that_is_not_there_is_told(server):
    gone = SearchEndpoint(
        f"http://127.0.0.1:{server.port}/x", patience=Patience(tries=1, timeout=1)
    )
    server.status = 404
    with pytest.raises(StoreError, match="404"):
        aw.probe(gone, dimension=DIMENSION)
    with pytest.raises(StoreError, match="nobody answers"):
        aw.probe(SearchEndpoint("http://127.0.0.1:9/search"), dimension=DIMENSION)
    with pytest.raises(SpellingError, match="how many numbers"):
        aw.probe("http://127.0.0.1:9/search")
    with pytest.raises(SpellingError, match="cannot be written to"):
        aw.probe("http://127.0.0.1:9/search", dimension=2, scratch=True)


@pytest.mark.parametrize(
    "words",
    [
        "probe faiss://x.index --request {}",
        "probe faiss://x.index --answer ,id,score",
        "probe faiss://x.index --key HOME",
        "probe http://127.0.0.1:9/search",
        "probe http://127.0.0.1:9/search --dimension 0",
        "probe http://127.0.0.1:9/search --dimension 3 --answr x",
    ],
)
def test_the_command_refuses_in_one_line(anglewise, words):  # noqa: F811
    assert refused(anglewise(*words.split()))


def test_a_file_in_the_folder_says_no_request_and_no_key(anglewise, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    for line in ("request = '{}'", 'key = "HOME"'):
        (tmp_path / "anglewise.toml").write_text(f"[probe]\n{line}\n")
        run = anglewise("probe", "http://127.0.0.1:9/search", "--dimension", "3")
        assert refused(run)
        assert "anglewise.toml" in run.err


def test_a_list_far_longer_than_asked_for_is_refused(server):
    server.answer = lambda _: [{"id": f"i{i}", "score": 1.0} for i in range(20_000)]
    with pytest.raises(StoreError, match="20,000 items where"):
        aw.probe(server.url, dimension=DIMENSION)


def test_vectors_wider_than_any_are_not_asked_with():
    with pytest.raises(ValuesError, match="dimension=99,999,999: vectors of at most"):
        aw.probe(lambda *_: pytest.fail("it was asked"), dimension=99_999_999)
