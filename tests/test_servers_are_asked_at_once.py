"""Several batches on their way to a server at once; batches that it refuses are split."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from anglewise import Encoder, encode, encoder
from anglewise.encoders import concurrent_calls
from anglewise.encoders.json_requests import Patience
from anglewise.errors import EncoderError, SpellingError, ValuesError
from cli_run import anglewise, refused
from embeddings_stub import Answer, good, stub, vector
from test_encoders_endpoint import at, quick

__all__ = ["anglewise", "stub"]

TEXTS = {f"d{n}": f"{'x' * n} is a text" for n in range(1, 25)}
DUE = np.array([vector(text) for text in TEXTS.values()], np.float32)


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch, tmp_path):
    monkeypatch.setattr(Patience, "first", 0.001)
    monkeypatch.setattr("anglewise.encoders.endpoint.Patience", quick)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def patient(timeout=60.0):
    return Patience(timeout=timeout, first=0.001, longest=1.0)


patient.timeout = 60.0


class Crowd:
    """Counts how many ask at once, and answers each after another time."""

    def __init__(self, seed=0):
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.rng = random.Random(seed)  # noqa: S311 no secret

    def __call__(self, texts):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            wait = self.rng.uniform(0.02, 0.06)
        time.sleep(wait)
        with self.lock:
            self.now -= 1
        return good(texts)


def turns(stub, answer, count=200):
    stub.script = [answer] * count


@pytest.mark.parametrize("batch", [1, 5])
def test_vectors_are_the_same_however_many_are_asked_at_once(stub, tmp_path, batch):
    for concurrency in (1, 3, 8):
        crowd = Crowd(concurrency)
        turns(stub, crowd)
        seen = []
        space = encode(
            TEXTS,
            at(stub, batch=batch),
            concurrency=concurrency,
            cache=tmp_path / f"cache{concurrency}" if batch == 1 else None,
            progress=lambda done, total, seen=seen: seen.append((done, total)),
        )
        assert np.array_equal(space.items.vectors, DUE)
        assert crowd.most <= concurrency
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert seen[-1] == (len(TEXTS), len(TEXTS))
    bodies = {json.dumps(asked["input"]) for asked in stub.asked}
    assert len(bodies) == -(-len(TEXTS) // batch)


@pytest.mark.parametrize(("given", "meant"), [(None, 4), (8, 8), (1, 1)])
def test_so_many_batches_are_on_their_way_at_once(stub, given, meant):
    all_here = threading.Barrier(meant, timeout=20)

    def answer(texts):
        all_here.wait()
        return Answer(good(texts))

    stub.answer = answer
    encode(TEXTS, at(stub, batch=1), concurrency=given)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_batch_that_is_too_large_is_split(stub, concurrency):
    def answer(texts):
        return good(texts) if len(texts) <= 3 else Answer({"error": "too large"}, 413)

    turns(stub, answer)
    stub.answer = lambda texts: a if isinstance(a := answer(texts), Answer) else Answer(a)
    space = encode(TEXTS, at(stub, batch=12), concurrency=concurrency)
    assert np.array_equal(space.items.vectors, DUE)
    assert sorted(len(asked["input"]) for asked in stub.asked) == [3] * 8 + [6] * 4 + [12] * 2


def refusing(*words, status=400, why="this text is too long"):
    def answer(texts):
        bad = any(word in text.split() for text in texts for word in words)
        return Answer({"error": {"message": why}}, status) if bad else Answer(good(texts))

    return answer


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_text_that_is_refused_is_named_and_the_others_are_kept(
    stub, tmp_path, concurrency, status
):
    bad = "x" * 13
    stub.answer = refusing(bad, status=status)
    spec = at(stub, batch=24)
    with pytest.raises(EncoderError) as fault:
        encode(TEXTS, spec, cache=tmp_path / "cache", concurrency=concurrency)
    message = str(fault.value)
    assert f"refuses the text 'd13' ('{bad} is a text'): {status} this text is too long" in message
    assert "23 others of the batch, it took" in message
    stub.answer = lambda texts: Answer(good(texts))
    before = len(stub.asked)
    space = encode(TEXTS, spec, cache=tmp_path / "cache", concurrency=concurrency)
    assert np.array_equal(space.items.vectors, DUE)
    assert [asked["input"] for asked in stub.asked[before:]] == [[TEXTS["d13"]]]


def test_of_several_refused_texts_three_are_named(stub):
    stub.answer = refusing(*("x" * n for n in (3, 9, 14, 20)))
    with pytest.raises(EncoderError) as fault:
        encode(TEXTS, at(stub, batch=24))
    assert str(fault.value).count("this text is too long") == 3


def test_a_request_that_is_refused_for_every_text_blames_none(stub):
    stub.answer = refusing("text", why="no model called tiny")
    with pytest.raises(EncoderError, match="refuses: 400 no model called tiny") as fault:
        encode(TEXTS, at(stub, batch=24))
    assert "the text" not in str(fault.value)
    assert len(stub.asked) == 7  # 24, 12, 6, 3, 1 and two more: no hundred


def test_a_text_asked_alone_is_named_with_what_is_not_known(stub):
    stub.answer = refusing("text")
    with pytest.raises(EncoderError, match=r"'d1' .*may refuse any text so"):
        encode({"d1": "a text"}, at(stub))


def test_what_came_before_a_wrong_key_or_a_breakdown_is_kept(stub, tmp_path):
    def answer(texts):
        if len(texts) > 12:
            return Answer({"error": "too large"}, 413)
        first = min(len(text) for text in texts) > 14
        return Answer(good(texts)) if first else Answer({"error": "key"}, 401)

    stub.answer = answer
    with pytest.raises(EncoderError, match="is the key right"):
        encode(TEXTS, at(stub, batch=24), cache=tmp_path / "cache")
    stub.answer = lambda texts: Answer(good(texts))
    before = len(stub.asked)
    encode(TEXTS, at(stub, batch=24), cache=tmp_path / "cache")
    assert sum(len(asked["input"]) for asked in stub.asked[before:]) == 12


def test_answers_under_way_are_kept_when_another_fails(stub, tmp_path):
    def answer(texts):
        if "x" * 24 in texts[0]:
            end = time.monotonic() + 10
            while len(stub.asked) < 2 and time.monotonic() < end:  # until another is under way
                time.sleep(0.01)
            return Answer({"error": "no"}, 401)
        time.sleep(0.2)
        return Answer(good(texts))

    stub.answer = answer
    with pytest.raises(EncoderError, match="401"):
        encode(TEXTS, at(stub, batch=1), cache=tmp_path / "cache", concurrency=8)
    assert 2 <= len(stub.asked) <= 8
    asked = len(stub.asked)
    stub.answer = lambda texts: Answer(good(texts))
    encode(TEXTS, at(stub, batch=1), cache=tmp_path / "cache")
    assert len(stub.asked) - asked == len(TEXTS) - (asked - 1)


def test_a_call_that_hangs_does_not_hold_an_error_back(monkeypatch):
    monkeypatch.setattr(concurrent_calls, "GRACE", 0.2)
    hanging = threading.Event()

    def function(job):
        if job:
            hanging.wait(10)
        raise EncoderError(f"job {job}")

    start = time.monotonic()
    with pytest.raises(EncoderError, match="job 0"):
        concurrent_calls.call_all(function, [0, 1, 2], lambda *_: None, concurrency=2)
    assert time.monotonic() - start < 5
    hanging.set()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for_by_each(stub, status, monkeypatch):
    monkeypatch.setattr("anglewise.encoders.endpoint.Patience", patient)
    started = time.monotonic()
    stub.script = [Answer({}, status, {"Retry-After": "0.2"})] * 4
    space = encode(TEXTS, at(stub, batch=6), concurrency=4)
    assert np.array_equal(space.items.vectors, DUE)
    assert 0.2 <= time.monotonic() - started < 2
    assert len(stub.asked) == 8


def test_a_wait_beyond_the_deadline_ends_the_run(stub):
    stub.script = [Answer({}, 429, {"Retry-After": "4000"})] * 8
    with pytest.raises(EncoderError, match="asks to wait 4,000 seconds"):
        encode(TEXTS, at(stub, batch=6), concurrency=4)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_what_was_paid_for_before_ctrl_c_is_kept(stub, tmp_path):
    hold = threading.Event()

    def answer(texts):
        if len(texts[0]) <= 20:
            hold.wait(20)
        return Answer(good(texts))

    stub.answer = answer
    (tmp_path / "docs.jsonl").write_text(
        "".join(json.dumps({"_id": name, "text": text}) + "\n" for name, text in TEXTS.items())
    )
    words = ["encode", "docs.jsonl", "-o", "space", "--encoder", f"openai:t?url={stub.url}&batch=1"]
    words += ["--concurrency", "8", "--cache", "cache"]
    run = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from anglewise.cli import main; sys.exit(main())",
            *words,
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    quick_ones = sum(len(text) > 20 for text in TEXTS.values())
    while len(stub.asked) < quick_ones + 8 and run.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    start = time.monotonic()
    run.communicate(timeout=20)
    assert time.monotonic() - start < 10
    assert run.returncode == 130
    hold.set()
    asked = len(stub.asked)
    space = encode(TEXTS, at(stub, batch=1).replace("tiny", "t"), cache=tmp_path / "cache")
    assert np.array_equal(space.items.vectors, DUE)
    assert len(stub.asked) - asked == len(TEXTS) - quick_ones


def test_concurrency_is_refused_where_it_means_nothing(anglewise, tmp_path):
    (tmp_path / "docs.jsonl").write_text('{"_id": "1", "text": "a"}\n')
    words = ["encode", tmp_path / "docs.jsonl", "-o", tmp_path / "space", "--concurrency"]
    mine = ["--encoder", "python:test_cli_encode:vectors"]
    refused(anglewise(*words, "8", *mine), "one batch after another")
    refused(anglewise(*words, "0", *mine), "--concurrency", "from 1 to 256")
    assert anglewise(*words, "1", *mine).code == 0
    with pytest.raises(SpellingError, match="concurrency"):
        encode(TEXTS, lambda texts: [[1.0]] * len(texts), concurrency=2)


def test_an_encoder_of_ones_own_may_say_that_it_is_asked_at_once():
    names = set()

    def vectors(texts):
        names.add(threading.current_thread().name)
        time.sleep(0.02)
        return [vector(text) for text in texts]

    many = Encoder(spec="many", documents=vectors, batch=1, concurrency=3)
    assert np.array_equal(encode(TEXTS, many).items.vectors, DUE)
    assert len(names) == 3
    with pytest.raises(ValuesError, match="concurrency"):
        Encoder(spec="many", documents=vectors, concurrency=0)
    assert encoder(many) is many
