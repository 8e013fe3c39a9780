"""An ``/embeddings`` server: what goes there, and what happens when it answers badly."""

import numpy as np
import pytest

from anglewise import Embeddings, Space, encode, encoder
from anglewise.encoders import json_requests
from anglewise.encoders.encoder import read_spec
from anglewise.encoders.json_requests import Patience, post_json
from anglewise.encoders.load import encoder_of
from anglewise.errors import EncoderError, SpellingError
from embeddings_stub import Answer, good, stub, vector

__all__ = ["stub"]

TEXTS = [f"{'x' * n} is a text" for n in range(1, 8)]


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch):
    monkeypatch.setattr(Patience, "first", 0.001)
    monkeypatch.setattr("anglewise.encoders.endpoint.Patience", quick)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def quick(timeout=60.0):
    return Patience(timeout=timeout, first=0.001, longest=0.01)


quick.timeout = 60.0


def at(stub, **options):
    words = "".join(f"&{name}={value}" for name, value in options.items())
    return f"openai:tiny?url={stub.url}{words}"


def test_vectors_come_in_the_order_of_the_texts_whatever_the_batches(stub):
    for batch in (1, 3, 100):
        space = encode(TEXTS, at(stub, batch=batch))
        assert np.array_equal(space.items.vectors, np.array([vector(t) for t in TEXTS], np.float32))
    assert stub.paths[0] == "/v1/embeddings"
    assert stub.asked[0]["model"] == "tiny"
    assert max(len(one["input"]) for one in stub.asked[:7]) == 1


def test_the_index_of_an_answer_tells_the_order(stub):
    stub.script = [lambda texts: good(texts) | {"data": good(texts)["data"][::-1]}]
    assert encoder(at(stub))(TEXTS) == [vector(t) for t in TEXTS]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again(stub, status):
    stub.script = [Answer({"error": {"message": "busy"}}, status)] * 3
    assert encoder(at(stub))(["a"]) == [vector("a")]
    assert len(stub.asked) == 4


def test_a_server_that_stays_busy_is_named_with_its_last_words(stub):
    stub.script = [Answer({"error": {"message": "overloaded, sorry"}}, 503)] * 10
    with pytest.raises(EncoderError, match=r"asked 6 times.*503 overloaded, sorry"):
        encoder(at(stub))(["a"])


def test_where_nobody_answers_nobody_waits():
    for url in ("http://127.0.0.1:9/v1", "http://nowhere.invalid/v1"):
        with pytest.raises(EncoderError, match="does the server run"):
            post_json(url, {}, {}, Patience(sleep=pytest.fail))


def test_waits_double_up_to_a_limit(stub):
    waits = []
    patience = Patience(first=1.0, longest=8.0, sleep=waits.append)
    stub.script = [Answer({}, 500)] * 6
    with pytest.raises(EncoderError, match="asked 6 times"):
        post_json(stub.url, {"input": ["a"]}, {}, patience)
    assert len(waits) == 5
    for wait, top in zip(waits, [1, 2, 4, 8, 8], strict=True):
        assert top / 2 <= wait <= top


@pytest.mark.parametrize(
    ("header", "least"), [("3", 3.0), ("Wed, 21 Oct 2099 07:28:00 GMT", None), ("soon", 0.0)]
)
def test_retry_after_is_kept_to(stub, header, least):
    waits = []
    patience = Patience(first=0.5, longest=1.0, sleep=waits.append)
    stub.script = [Answer({}, 429, {"Retry-After": header})]
    question = {"model": "tiny", "input": ["a"]}
    if least is None:  # in decades: nobody waits for that
        with pytest.raises(EncoderError, match="asks to wait"):
            post_json(stub.url, question, {}, patience)
        return
    assert post_json(stub.url, question, {}, patience) == good(["a"])
    assert waits[0] >= max(least, 0.25)


def test_a_wait_that_was_asked_for_is_said_and_bounded(stub, caplog):
    waits = []
    patience = Patience(first=0.5, longest=1.0, sleep=waits.append)
    stub.script = [Answer({}, 429, {"Retry-After": "4"})] * 6
    with pytest.raises(EncoderError, match="asks to wait 4 seconds"):
        post_json(stub.url, {"input": ["a"]}, {}, patience)
    assert waits == [4.0, 4.0]
    line = f"anglewise: waiting 4 s, as 127.0.0.1:{stub.port} asks (Retry-After)"
    assert caplog.messages == [line] * 2


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no key proj-0123456789abcdef here", "no key [key] here"),
        (
            "keys that end in 89abcdef, or begin with proj-012...",
            "in [key], or begin with [key]...",
        ),
        ("a \\u0070roj-0123456789abcdef", "a [key]"),
        ("proj-01 is too short to tell", "proj-01 is too short to tell"),
        ("KEY PROJ-0123456789ABCDEF is wrong", "KEY [key] is wrong"),
        ("or Proj-0123456789Abc...", "or [key]..."),
    ],
)
def test_a_part_of_the_key_in_an_answer_is_not_repeated(stub, monkeypatch, said, shown):
    monkeypatch.setenv("OPENAI_API_KEY", "proj-0123456789abcdef")
    stub.script = [Answer(f'{{"error": "{said}"}}'.encode(), 401)]
    with pytest.raises(EncoderError) as refused:
        encoder(at(stub))(["a"])
    assert shown in str(refused.value)


LONG = "no " * 500_000
LONG_ANSWERS = {
    "an error beside 200": Answer({"error": LONG}),
    "an error": Answer({"error": LONG}, 401),
    "no JSON": Answer(LONG.encode()),
    "a number": Answer({"data": [{"index": LONG, "embedding": [1.0]}]}),
}


@pytest.mark.parametrize("key", ["proj-0123456789abcdef", ""])
@pytest.mark.parametrize("turn", LONG_ANSWERS.values(), ids=LONG_ANSWERS)
def test_of_a_long_error_no_more_is_cleaned_than_is_shown(stub, monkeypatch, key, turn):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    looked_at = []
    grouped = json_requests.groupby

    def counted(pairs, part):
        pairs = list(pairs)
        looked_at.append(len(pairs))
        return grouped(pairs, part)

    monkeypatch.setattr(json_requests, "groupby", counted)
    stub.script = [turn]
    with pytest.raises(EncoderError) as refused:
        encoder(at(stub))(["a"])
    assert sum(looked_at) <= 10_000
    assert len(str(refused.value)) < 2000


def test_no_money_left_is_not_asked_for_again(stub):
    stub.script = [Answer({"error": {"message": "no money", "code": "insufficient_quota"}}, 429)]
    with pytest.raises(EncoderError, match="429 no money"):
        encoder(at(stub))(["a"])
    assert len(stub.asked) == 1


def test_an_answer_that_breaks_off_is_asked_for_again(stub):
    stub.script = [Answer(b'{"data": [', headers={"Content-Length": "999"})]
    assert encoder(at(stub, timeout=0.3))(["a"]) == [vector("a")]


def no_row(texts):
    return {"data": good(texts)["data"][:-1]}


def twice_the_same_index(texts):
    return {"data": [row | {"index": 0} for row in good(texts)["data"]]}


def of_two_lengths(texts):
    rows = good(texts)["data"]
    rows[-1]["embedding"] = [1.0]
    return {"data": rows}


def not_a_number(texts):
    rows = good(texts)["data"]
    rows[-1]["embedding"] = [1.0, float("nan"), 1.0]
    return {"data": rows}


def true_for_a_number(texts):
    rows = good(texts)["data"]
    rows[-1]["embedding"] = [1.0, True, 1.0]
    return {"data": rows}


def true_for_an_index(texts):
    rows = good(texts)["data"]
    return {"data": [rows[0] | {"index": False}, rows[1] | {"index": True}, rows[2]]}


def text_for_a_number(texts):
    rows = good(texts)["data"]
    rows[-1]["embedding"] = [1.0, "one", 1.0]
    return {"data": rows}


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        (Answer(b"<html>Welcome</html>", headers={"Content-Type": "text/html"}), "text/html"),
        (Answer(b'{"data": [{"index"'), "no JSON"),
        (Answer({"error": {"message": "no such model"}}), "no such model"),
        (Answer([1, 2]), "without a list"),
        (Answer({"data": [1, 2, 3]}), "without a list"),
        (Answer({"data": [{"index": 0}] * 3}), "no list of numbers"),
        (Answer({"error": {"message": "wrong key abc"}}, 401), "is the key right"),
        (Answer({"detail": "Not Found"}, 404), "404 Not Found"),
        (Answer(b"<html>", 405), "405"),
        (Answer({}, 302, {"Location": "http://127.0.0.1:9/"}), "elsewhere: http://127.0.0.1:9/"),
        (no_row, "2 vectors for 3 texts"),
        (true_for_an_index, "numbers its vectors .*True.* each number from 0 to 2"),
        (twice_the_same_index, "each number from 0 to 2"),
        (of_two_lengths, "several lengths"),
        (not_a_number, "NaN"),
        (text_for_a_number, "something else than numbers"),
        (true_for_a_number, "true or false for a number in the vector of text 2"),
    ],
)
def test_a_wrong_answer_is_one_clear_error(stub, turn, says):
    stub.script = [turn]
    with pytest.raises(EncoderError, match=says):
        encode(["one", "two", "three"], at(stub))


def test_another_dimension_in_a_later_batch_is_refused(stub):
    stub.script = [good, lambda texts: {"data": [{"index": 0, "embedding": [1.0]} for _ in texts]}]
    with pytest.raises(EncoderError, match="vectors of 1 numbers, 3 are due"):
        encode(
            ["one", "two"], at(stub, batch=1), concurrency=1
        )  # so that one comes before the other


def test_the_cost_is_said_before_anything_is_sent(stub):
    heard = []
    encode(["word" * 100], at(stub, price=20), say=lambda s: heard.append((s, len(stub.asked))))
    sentence, asked = heard[0]
    assert asked == 0
    assert "1 text, about 100 tokens" in sentence
    assert "1 request," in sentence
    assert "about 0.00 at 20 a million" in sentence


def test_prompts_and_dimensions_are_sent(stub):
    made = encoder(at(stub, dimensions=3, query_prompt="query: ", document_prompt="passage: "))
    made.documents(["a"])
    made.queries(["b"])
    assert [one["input"] for one in stub.asked] == [["passage: a"], ["query: b"]]
    assert stub.asked[0]["dimensions"] == 3
    assert encoder(at(stub)).queries is None


def test_the_key_goes_into_the_header_and_nowhere_else(stub, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-mine")
    made = encoder(at(stub))
    made(["a"])
    assert stub.headers[0]["Authorization"] == "Bearer secret-of-mine"
    assert "secret" not in made.spec + made.identity
    stub.script = [Answer({"error": "no"}, 401)]
    with pytest.raises(EncoderError) as refused:
        made(["a"])
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("openai", "needs a model"),
        ("openai:tiny?url=ftp://here", "http"),
        ("openai:tiny?url=http://me:pw@here", "password"),
        ("openai:tiny?key=NO_SUCH_KEY_HERE", "NO_SUCH_KEY_HERE"),
        ("openai:tiny?dimension=3", "did you mean dimensions"),
        ("openai:tiny?dimensions=three", "whole number"),
        ("openai:tiny?price=free", "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(spec, says):
    with pytest.raises(SpellingError, match=says):
        encoder(spec)


def space_of(spec):
    return Space(items=Embeddings([[1.0]]), about={"encoder": spec})


def test_a_space_of_a_stranger_sends_the_key_nowhere_new(stub, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-mine")
    for spec in (
        "openai:tiny?url=https://elsewhere.example/v1",
        "openai:tiny?key=PATH",
        f"openai:tiny?url={stub.url}&key=HOME",
        at(stub),  # another user's port is on this machine too
    ):
        with pytest.raises(EncoderError, match="unasked"):
            encoder_of(space_of(spec))
    assert encoder(at(stub))(["a"]) == [vector("a")]
    assert encoder_of(space_of("openai:tiny")).spec == "openai:tiny"
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1/")
    with pytest.raises(EncoderError, match="unasked"):  # the key is for elsewhere now
        encoder_of(space_of("openai:tiny?url=https://api.openai.com/v1"))
    found = encoder_of(space_of("openai:tiny?url=https://elsewhere.example/v1"))
    assert read_spec(found.spec).options["url"] == "https://elsewhere.example/v1"
