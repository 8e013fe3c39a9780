"""A retriever of any kind is asked every query, once, and nothing answered is lost."""

import _thread
import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import (
    AnglewiseError,
    FileError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)
from anglewise.rag.ask_retriever import _key

QUERIES = {f"q{i}": f"question {i}" for i in range(20)}


@dataclass
class Counting:
    """A function of a text that counts what it is asked and may fail."""

    fails_at: str = ""
    asked: list[str] = field(default_factory=list)

    def __call__(self, text):
        self.asked.append(text)
        if text == self.fails_at:
            raise OSError("the server is gone")
        number = int(text.split()[1])
        return [f"d{number}", f"d{number + 1}"]


def passage(name, score=None, **where):
    return SimpleNamespace(**where or {"id": name, "score": score})


@pytest.mark.parametrize(
    "answer",
    [
        ["a", "b"],
        ("a", "b"),
        [("a", 2.0), ("b", 1.0)],
        {"b": 1.0, "a": 2.0},
        [passage("a"), passage("b")],
        [passage("a", 0.9), passage("b", 0.1)],
        [passage("", node_id="a"), passage("", node_id="b")],
        [passage("", id=None, metadata={"id": "a"}), passage("", metadata={"id": "b"})],
        [(passage("a"), 0.9), (passage("b"), 0.1)],
        {"documents": [passage("a", 0.9), passage("b", 0.1)]},
        [passage("a", 0.9), passage("b", None)],
    ],
)
def test_every_form_of_an_answer_is_read(answer):
    run = aw.ask_retriever(lambda _: answer, {"q": "?"}, "shop")
    assert [item for item, _ in run["q"]] == ["a", "b"]


@pytest.mark.parametrize(
    "retriever",
    [
        SimpleNamespace(invoke=lambda text: [text]),
        SimpleNamespace(retrieve=lambda text: [passage(text)]),
        SimpleNamespace(run=lambda query: {"documents": [passage(query)]}),
    ],
)
def test_retrievers_of_the_frameworks_are_called_as_they_are_meant_to_be(retriever):
    assert aw.ask_retriever(retriever, {"q": "a"}, "shop")["q"][0][0] == "a"


@pytest.mark.parametrize("answer", [["a", "b", "c"], ["c", "a", "b"]])
def test_the_order_of_an_answer_decides_among_equal_scores(answer):
    run = aw.ask_retriever(lambda _: dict.fromkeys(answer, 1.0), {"q": "?"}, "shop")
    assert [item for item, _ in run["q"]] == answer
    run = aw.ask_retriever(lambda _: [(item, 1.0) for item in answer], {"q": "?"}, "shop")
    assert run["q"] == [(item, 1.0) for item in answer]


def test_whole_numbers_of_many_digits_order_an_answer():
    answer = {"a": 2**53, "b": 2**53 + 1}
    run = aw.ask_retriever(lambda _: answer, {"q": "?"}, "shop")
    assert [item for item, _ in run["q"]] == ["b", "a"]


@pytest.mark.parametrize("score", [np.float32(2), np.int64(2), Decimal(2), 2])
def test_scores_are_numbers_of_any_library(score):
    for answer in ([passage("a", score)], [("a", score)], {"a": score}):
        assert aw.ask_retriever(lambda _, answer=answer: answer, {"q": "?"}, "shop")["q"] == [
            ("a", 2.0)
        ]


def test_all_queries_are_asked_once_and_k_places_are_kept():
    retriever = Counting()
    run = aw.ask_retriever(retriever, QUERIES, "shop", k=1, concurrency=8)
    assert sorted(retriever.asked) == sorted(QUERIES.values())
    assert {q: run[q][0][0] for q in QUERIES} == {f"q{i}": f"d{i}" for i in range(20)}
    assert all(len(run[q]) == 1 for q in QUERIES)


def test_queries_are_asked_at_once():
    together = threading.Barrier(4, timeout=20)

    def retriever(text):
        together.wait()
        return [text]

    assert len(aw.ask_retriever(retriever, {str(i): str(i) for i in range(8)}, "shop")) == 8


def test_what_was_answered_before_a_failure_is_not_asked_again(tmp_path):
    cache = tmp_path / "answers.jsonl"
    failing = Counting(fails_at="question 12")
    with pytest.raises(AnglewiseError, match=r"'q12' \(the server is gone\), after 12 of 20; what"):
        aw.ask_retriever(failing, QUERIES, "shop", concurrency=1, cache=cache)
    cache.write_bytes(cache.read_bytes() + b'{"key": "00')  # a kill in the middle of a line
    again = Counting()
    run = aw.ask_retriever(again, QUERIES, "shop", concurrency=1, cache=cache)
    assert again.asked == [f"question {i}" for i in range(12, 20)]
    assert run["q3"] == aw.ask_retriever(Counting(), QUERIES, "shop")["q3"]
    other = Counting()
    aw.ask_retriever(other, QUERIES, "another", concurrency=1, cache=cache)
    assert len(other.asked) == 20


def kept_in(cache):
    return len(cache.read_bytes().splitlines()) if cache.exists() else 0


def test_what_was_asked_before_a_failure_is_waited_for_and_kept(tmp_path):
    """A query that always fails first does not keep the others from being answered in the end."""
    cache, asked, together = tmp_path / "answers.jsonl", [], threading.Barrier(4, timeout=20)

    def retriever(text):
        asked.append(text)
        if len(asked) <= 4:
            together.wait()
        if text == "question 0":
            raise OSError("refused")
        time.sleep(0.05)
        return ["a"]

    with pytest.raises(AnglewiseError, match=r"'q0' \(refused\), after 3 of 20; what was answered"):
        aw.ask_retriever(retriever, QUERIES, "shop", concurrency=4, cache=cache)
    assert kept_in(cache) == 3
    for _ in range(8):
        with pytest.raises(AnglewiseError, match="refused"):
            aw.ask_retriever(retriever, QUERIES, "shop", concurrency=4, cache=cache)
    assert kept_in(cache) == len(set(asked)) - 1
    assert len(asked) - asked.count("question 0") == kept_in(cache)


def test_an_answer_that_is_none_loses_no_other(tmp_path):
    cache, together = tmp_path / "answers.jsonl", threading.Barrier(4, timeout=20)

    def retriever(text):
        together.wait()
        if text == "question 0":
            return None
        time.sleep(0.05)
        return ["a"]

    some = {query: QUERIES[query] for query in list(QUERIES)[:4]}
    with pytest.raises(ValuesError, match="the answer is a NoneType"):
        aw.ask_retriever(retriever, some, "shop", concurrency=4, cache=cache)
    assert kept_in(cache) == 3


def test_what_was_answered_before_ctrl_c_is_kept(tmp_path):
    cache, asked, numbers = tmp_path / "answers.jsonl", [], itertools.count(1)

    def retriever(text):
        asked.append(text)
        if next(numbers) == 12:
            _thread.interrupt_main()
        time.sleep(0.01)
        return ["a"]

    queries = {str(i): f"question {i}" for i in range(2_000)}
    with pytest.raises(KeyboardInterrupt):
        aw.ask_retriever(retriever, queries, "shop", concurrency=8, cache=cache)
    time.sleep(0.5)  # until no thread begins another
    end = time.monotonic() + 20
    while kept_in(cache) < len(asked) and time.monotonic() < end:
        time.sleep(0.05)
    assert 12 <= kept_in(cache) == len(asked) < 2_000


def line_of(places, query="q0", k=100):
    return json.dumps({"key": _key("shop", k, query, QUERIES[query]), "list": places}) + "\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (line_of([["a", float("nan")]]), "a finite number is due"),
        (line_of([["a", 10**400]]), "a finite number is due"),
        (line_of([["a", "1"]]), "a finite number is due"),
        (line_of([["a", True]]), "a finite number is due"),
        (line_of([["a", 1], ["b", 2]]), "place 2 scores 2"),
        (line_of([["a", 2], ["a", 1]]), "'a' is found twice"),
        (line_of([["", 2]]), "the one of row 0 is empty"),
        (line_of([["a", 2], ["b", 1]], k=1), "2 places, at most 1"),
        (line_of([[None, 1]]), "is no answer of a retriever"),
        (line_of([[["a"], 1]]), "is no answer of a retriever"),
        (line_of(["ab"]), "is no answer of a retriever"),
        (line_of({"a": 1}), "is no answer of a retriever"),
        ('{"key": [], "list": []}\n', "is no answer of a retriever"),
        ('{"key": 3, "list": []}\n', "is no answer of a retriever"),
        ("[]\n", "is no answer of a retriever"),
    ],
)
def test_an_answer_that_is_kept_is_checked_as_a_new_one(line, words, tmp_path):
    cache = tmp_path / "answers.jsonl"
    cache.write_text("\n" + line)
    counting = Counting()
    with pytest.raises(FileError, match=f"line 2.*{words}"):
        aw.ask_retriever(
            counting, QUERIES, "shop", k=1 if "at most 1" in words else 100, cache=cache
        )
    assert counting.asked == []


def test_no_two_askings_share_an_answer():
    assert _key("n", 100, "1\0x", "y") != _key("n", 100, "1", "x\0y")
    assert _key("n", 100, "1", "\ud800") != _key("n", 100, "1", "?")
    assert _key("n", 100, "1", "who?") == "6ea719ffaa24c20a87e5fce575cc7c6b"


def test_a_file_of_something_else_takes_no_answers(tmp_path):
    cache = tmp_path / "notes.txt"
    cache.write_text("my notes\n")
    with pytest.raises(FileError, match="line 1, is no answer of a retriever"):
        aw.ask_retriever(Counting(), QUERIES, "shop", cache=cache)
    cache.write_text(json.dumps({"key": "x"}) + "\n")
    with pytest.raises(FileError, match="another's"):
        aw.ask_retriever(Counting(), QUERIES, "shop", cache=cache)
    assert cache.read_text() == json.dumps({"key": "x"}) + "\n"


def test_a_retriever_that_hangs_is_given_up():
    start = time.monotonic()
    hangs = threading.Event()
    with pytest.raises(AnglewiseError, match=r"no answer for 0\.2 seconds after 0 of 20"):
        aw.ask_retriever(lambda _: hangs.wait(30), QUERIES, "shop", patience=0.2)
    hangs.set()
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (None, ValuesError, "the answer is a NoneType"),
        ("a", ValuesError, "the answer is a str"),
        (["a", "a"], ValuesError, "item 'a' is found twice"),
        ([("a", 1.0), ("b", 2.0)], ValuesError, "place 2 scores 2, place 1 1"),
        ([("a", float("nan"))], ValuesError, "a finite number is due"),
        ([("a", 10**400)], ValuesError, "a finite number is due"),
        ([("a", "3")], ValuesError, "a score is a str"),
        ([("a", 3j)], ValuesError, "a score is a complex"),
        ({"a": None}, ValuesError, "a score is a NoneType"),
        ({"a": True}, ValuesError, "a score is a bool"),
        ([passage("a", "high")], ValuesError, "a score is a str"),
        ([passage("a", np.float32(1)), passage("b", np.float32(2))], ValuesError, "place 2 scores"),
        ([("a", 1), "b", ("c", 2)], ValuesError, "place 3 scores 2, place 1 1"),
        ([object()], SpellingError, "has no id"),
        ([], TooFewError, "found nothing for any of 1 queries"),
    ],
)
def test_answers_that_are_none_are_refused(answer, error, words):
    with pytest.raises(error, match=words):
        aw.ask_retriever(lambda _: answer, {"q": "?"}, "shop")


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"retriever": 5}, WrongTypeError, "the retriever is an int"),
        ({"queries": {}}, TooFewError, "no query"),
        ({"queries": {1: "a", "1": "b"}}, TooFewError, "one id"),
        pytest.param(
            *({"queries": {"q": 5}}, WrongTypeError, "the text of query 'q'"),
            marks=pytest.mark.wrong_kinds,
        ),
        pytest.param(
            *({"queries": ["q"]}, WrongTypeError, "what is asked"), marks=pytest.mark.wrong_kinds
        ),
        ({"queries": aw.Space(items=aw.Embeddings([[1.0]]))}, SpellingError, "no texts"),
        ({"k": 0}, AnglewiseError, "k is"),
        ({"concurrency": 65}, SpellingError, "at most 64"),
        ({"patience": 0}, AnglewiseError, "patience"),
        ({"name": "a:b"}, SpellingError, "may not be called"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_asked(settings, error, words):
    counting = Counting()
    given = {"retriever": counting, "queries": QUERIES, "name": "shop"} | settings
    with pytest.raises(error, match=words):
        aw.ask_retriever(**given)
    assert counting.asked == []


def test_the_texts_of_a_space_are_asked():
    queries = aw.Embeddings([[1.0]], ids=["q"], metadata={"text": ["question 3"]})
    space = aw.Space(queries=queries, items=aw.Embeddings([[1.0]]))
    assert aw.ask_retriever(Counting(), space, "shop")["q"][0][0] == "d3"


def test_an_id_may_be_told():
    run = aw.ask_retriever(
        lambda _: [{"sku": 7}], {"q": "?"}, "shop", item_of=lambda found: found["sku"]
    )
    assert run["q"] == [("7", -1.0)]
