"""A ``/rerank`` server: what goes there, and what happens when it answers badly."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from time import sleep

import pytest

import anglewise as aw
from anglewise.encoders.json_requests import Patience
from anglewise.encoders.reranker import reranker
from anglewise.encoders.scored_pairs import ScoredPairs
from anglewise.errors import EncoderError, SpellingError
from local_server import serving
from test_rankers import QUERIES, judged, made_space
from test_rerankers import TEXTS


def right(asked):
    texts = asked["documents"] if "documents" in asked else asked["texts"]
    return [float(len(text)) for text in texts]


def good(asked):
    rows = [{"index": i, "relevance_score": s} for i, s in enumerate(right(asked))]
    return {"results": sorted(rows, key=lambda row: -row["relevance_score"])}


def tei(asked):
    return [{"index": i, "score": score} for i, score in enumerate(right(asked))][::-1]


@dataclass(frozen=True)
class Quick(Patience):
    """Waits for nothing."""

    first: float = 0.001
    longest: float = 0.01
    tries: int = 3


@dataclass
class Server:
    asked: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    paths: list = field(default_factory=list)
    script: list = field(default_factory=list)
    usual: object = staticmethod(good)
    port: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("anglewise.encoders.rerank_endpoint.Patience", Quick)
    here = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.asked.append(asked)
            here.headers.append(dict(self.headers))
            here.paths.append(self.path)
            turn = here.script.pop(0) if here.script else here.usual
            status, content = turn if isinstance(turn, tuple) else (200, turn(asked))
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked is gone
                self.wfile.write(body)

        def log_message(self, *_):
            """Quietly."""

    with serving(Handler) as here.port:
        yield here


def test_a_server_is_asked_as_cohere_is(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-this-server")
    made = reranker(f"rerank:tiny?url={server.url}")
    assert made("who", TEXTS) == [float(len(text)) for text in TEXTS]
    assert server.asked == [{"model": "tiny", "query": "who", "documents": TEXTS, "top_n": 4}]
    assert server.paths == ["/v1/rerank"]
    assert "Authorization" not in server.headers[0]
    assert reranker(f"rerank:tiny?url={server.url}/rerank").identity == made.identity
    assert reranker(f"rerank:other?url={server.url}").identity != made.identity


def test_the_key_is_the_one_that_is_named_and_never_shown(server, monkeypatch):
    monkeypatch.setenv("RERANK_KEY", "secret-0123456789")
    made = reranker(f"rerank:tiny?url={server.url}&key=RERANK_KEY")
    made("who", ["a"])
    assert server.headers[0]["Authorization"] == "Bearer secret-0123456789"
    assert "secret" not in made.spec + made.identity
    server.script = [lambda _asked: {"error": "no credit on secret-0123456789"}]
    with pytest.raises(EncoderError, match=r"no credit on \[key\]"):
        made("who", ["a"])
    with pytest.raises(SpellingError, match="no such environment variable"):
        reranker(f"rerank:tiny?url={server.url}&key=NOT_THERE_AT_ALL")


def test_a_server_of_text_embeddings_inference_is_asked_in_its_own_words(server):
    server.usual = tei
    made = reranker(f"rerank:tiny?url={server.url}&format=tei")
    assert made("who", TEXTS) == [float(len(text)) for text in TEXTS]
    assert server.asked == [{"query": "who", "texts": TEXTS}]
    other = reranker(f"rerank:tiny?url={server.url}")
    with pytest.raises(EncoderError, match=r"without a list of results.*format=tei"):
        other("who", ["a"] * 3)


def changed(row, **new):
    return lambda asked: {
        "results": [
            {**one, **new} if number == row else one
            for number, one in enumerate(good(asked)["results"])
        ]
    }


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (lambda asked: {"results": good(asked)["results"][:-1]}, "gave 3 scores for 4 texts"),
        (lambda asked: {"results": good(asked)["results"] * 2}, "scored text 2 twice"),
        (changed(0, index=9), "scored text 9 of 4"),
        (changed(0, index=-1), "scored text -1 of 4"),
        (changed(0, index="0"), "without a whole number"),
        (changed(0, index=True), "without a whole number"),
        (changed(0, relevance_score="good"), 'or a number under "relevance_score"'),
        (changed(0, relevance_score=None), "or a number under"),
        (changed(0, relevance_score=False), "or a number under"),
        (changed(0, relevance_score=10**400), "or a number under"),
        (lambda _asked: {"results": [1, 2, 3, 4]}, "without a whole number"),
        (lambda _asked: {"data": []}, "without a list of results"),
        (lambda _asked: "no", "without a list of results"),
        (lambda _asked: {"message": "model not found"}, "but 'model not found'"),
        ((404, {"message": "no such model"}), "refuses: 404 no such model"),
        ((200, b"<html>"), "that is no JSON"),
        ((200, b"[" * 100_000), "no JSON|that take"),
    ],
)
def test_a_bad_answer_is_named(turn, words, server):
    server.script = [turn]
    with pytest.raises(EncoderError, match=words):
        reranker(f"rerank:tiny?url={server.url}")("who", TEXTS)


def test_a_score_that_is_no_number_names_the_query(server):
    server.script = [(200, b'{"results": [{"index": 0, "relevance_score": NaN}]}')]
    pairs = ScoredPairs(reranker(f"rerank:tiny?url={server.url}"))
    with pytest.raises(EncoderError, match=r"at query 'q7', so far: it gave nan for text 0"):
        pairs.of("q7", "who", ["a"], "so far")


def test_a_server_that_fails_in_the_middle_is_asked_on(server, tmp_path):
    space, log = made_space(), tmp_path / "scores.jsonl"
    spec = f"rerank:tiny?url={server.url}&batch=6"
    server.script = [good] * 11 + [(401, {"message": "expired"})]
    settings = {"reranker": spec, "reranker_cache": log}
    with pytest.raises(EncoderError, match=r"at query 'q5', after 5 of 60 queries: .*401 expired"):
        aw.compare(space, judged(space), "dot,rerank(dot,10)", **settings)
    answered = [(one["query"], text) for one in server.asked[:-1] for text in one["documents"]]
    server.asked.clear()
    result = aw.compare(space, judged(space), "dot,rerank(dot,10)", **settings)
    later = [(one["query"], text) for one in server.asked for text in one["documents"]]
    assert not set(answered) & set(later)
    assert len(answered) + len(later) == 10 * QUERIES
    assert {len(one["documents"]) for one in server.asked} == {4, 6}
    row = next(row for row in result.measures if row.reranking)
    assert row.reranking.calls == 2 * QUERIES


def test_a_busy_server_is_asked_again_and_one_that_hangs_is_left(server):
    server.script = [(503, {"message": "busy"})] * 2
    assert reranker(f"rerank:tiny?url={server.url}")("who", ["ab"]) == [2.0]
    server.usual = lambda _asked: sleep(0.5)
    with pytest.raises(EncoderError, match=r"asked 3 times.*try again later"):
        reranker(f"rerank:tiny?url={server.url}&timeout=0.05")("who", ["a"])


@pytest.mark.parametrize(
    ("spelling", "words"),
    [
        ("rerank:tiny", "needs a model and a server"),
        ("rerank?url=http://x", "needs a model and a server"),
        ("rerank:tiny?url=ftp://x", "http://… or https://… is due"),
        ("rerank:tiny?url=http://x?key=1", "is no option|goes on behind"),
        ("rerank:tiny?url=http://x&batch=0", "a whole number above 0"),
        ("rerank:tiny?url=http://x&timeout=no", "rerank: timeout='?no"),
        ("rerank:tiny?url=http://x&format=other", "one of cohere, tei"),
        ("rerank:tiny?url=http://x&window=3", "no option 'window'"),
    ],
)
def test_what_is_no_endpoint_is_refused(spelling, words):
    with pytest.raises(SpellingError, match=words):
        reranker(spelling)
