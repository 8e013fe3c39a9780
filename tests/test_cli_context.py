"""``anglewise search --text``, ``calibrate`` and ``context``: from files to passages."""

import csv
import json

import numpy as np
import pytest

from anglewise import Embeddings, Encoder, Judgements, Space, encode, write_space
from anglewise.cli.inputs import questions_in
from anglewise.core.sparse import SparseRows
from cli_run import anglewise, refused

__all__ = ["anglewise"]

WORDS = ["wing", "flow", "heat", "plate", "shock", "drag", "nose", "cone", "wake", "tube"]


def counts(texts):
    """How often each word stands in a text; one more number for texts that hold none."""
    found = np.array([[t.lower().split().count(w) for w in WORDS] for t in texts], dtype=float)
    return np.column_stack([found, found.sum(axis=1) == 0])


MINE = "python:test_cli_context:counts"


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """60 notes of six words; 30 questions of three words from a note that answers them."""
    rng = np.random.default_rng(0)
    notes = [" ".join(rng.choice(WORDS, 6, replace=False)) for _ in range(60)]
    asks = [" ".join(note.split()[:3]) for note in notes[:30]]
    made = encode(
        {f"d{i}": note for i, note in enumerate(notes)},
        Encoder(spec=MINE, documents=counts, similarity="cosine"),
        queries={f"q{i}": ask for i, ask in enumerate(asks)},
    )
    right = SparseRows.from_pairs(list(range(30)), list(range(30)), shape=(30, 60))
    folder = tmp_path_factory.mktemp("notes") / "space"
    write_space(made, folder, judgements={"queries-items": Judgements(right)})
    return folder


@pytest.fixture
def learned(anglewise, space, tmp_path):
    run = anglewise("calibrate", space, "-o", tmp_path / "relevance.json", "--depth", 20)
    assert run.code == 0, run
    return tmp_path / "relevance.json"


def test_a_text_is_answered_as_the_query_of_the_same_words(anglewise, space):
    words = ["-k", 4, "--json", "-", "--measures", "dot,cosine@centred"]
    asks = json.loads(anglewise("search", space, "--query", "q3", *words).out)
    text = asks["query"]["title"]
    told = json.loads(anglewise("search", space, "--text", text, "--encoder", MINE, *words).out)
    assert told["measures"] == asks["measures"]
    assert told["query"] == {"id": None, "title": text}


def test_a_text_heads_its_neighbours(anglewise, space):
    run = anglewise("search", space, "--text", "wing flow", "--encoder", MINE, "-k", 2)
    assert run.out.startswith("text: wing flow\n")


def test_bytes_that_are_no_text_do_no_harm(anglewise, space):
    ask = ["--encoder", MINE, "--quiet"]
    assert anglewise("search", space, "--text", "wing\udcff", *ask).code == 0
    assert anglewise("context", space, "--prompt", "wing\udcff", *ask).code == 0


def test_one_asks_by_id_or_by_words(anglewise, space):
    assert refused(anglewise("search", space), "--query", "--text")
    assert refused(anglewise("search", space, "--query", "q1", "--text", "x"), "--text")
    assert refused(anglewise("search", space, "--query", "q1", "--encoder", MINE), "--text")
    assert refused(anglewise("search", space, "--text", " ", "--encoder", MINE), "empty")


def test_code_that_a_space_names_is_not_run_unasked(anglewise, space):
    assert refused(anglewise("search", space, "--text", "wing"), MINE, "--encoder")
    assert refused(anglewise("context", space, "--prompt", "wing"), MINE, "--encoder")


def test_passages_come_ready_to_paste(anglewise, space):
    words = ["--prompt", "wing flow heat", "--encoder", MINE, "--budget", 200]
    run = anglewise("context", space, *words)
    assert run.code == 0, run
    assert run.out.startswith("Answer the question from the numbered passages")
    assert "\n\n[1] d" in run.out
    assert run.out.endswith("\n\nQuestion: wing flow heat\n")
    assert "of 200 tokens" in run.err
    assert "measure: cosine, as the vectors were trained for it" in run.err
    assert anglewise("context", space, *words, "--quiet").err == ""


def test_passages_come_as_messages(anglewise, space):
    words = ["--prompt", "wing flow heat", "--encoder", MINE, "--most", 2]
    messages = json.loads(anglewise("context", space, *words, "--messages").out)
    assert [one["role"] for one in messages] == ["system", "user"]
    told = json.loads(anglewise("context", space, *words, "--json", "-").out)
    assert told["messages"] == messages
    assert len(told["passages"]) == 2
    assert told["passages"][0]["probability"] is None
    assert told["meaning"] == "cosine in [-1, 1]"


def test_what_was_learned_is_shown_and_used(anglewise, space, learned, tmp_path):
    (tmp_path / "foreign.txt").write_text("where is my card\n\nwho pays\n")
    words = ["--depth", 20, "--foreign", tmp_path / "foreign.txt", "--encoder", MINE]
    run = anglewise("calibrate", space, *words, "--plot", tmp_path / "x.svg")
    assert run.code == 0, run
    assert "False contexts: 0 of 2 questions from elsewhere" in run.out
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")
    told = json.loads(anglewise("calibrate", space, *words, "--json", "-").out)
    assert told["false_contexts"]["of"] == 2
    assert {"threshold", "held_out_recall", "reliability", "curve"} <= told.keys()
    ask = ["--encoder", MINE, "--relevance", learned]
    run = anglewise("context", space, "--prompt", "where is my card", *ask)
    assert run.out.startswith("Nothing relevant")
    assert run.err.startswith("nothing relevant: d")
    told = json.loads(
        anglewise("context", space, "--prompt", "wing flow heat", *ask, "--json", "-").out
    )
    assert all(one["probability"] >= told["threshold"] for one in told["passages"])


def test_the_same_seed_learns_the_same(anglewise, space, tmp_path):
    for name in ("a.json", "b.json"):
        anglewise("calibrate", space, "-o", tmp_path / name, "--depth", 20, "--seed", 3)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_what_they_cannot_use_is_one_message(anglewise, space, learned, tmp_path):
    ask = ["context", space, "--encoder", MINE, "--prompt"]
    assert refused(anglewise(*ask, "wing " * 900, "--budget", 300), "the budget is 300")
    assert refused(anglewise(*ask, "  "), "prompt is empty")
    assert refused(anglewise(*ask, "wing", "--threshold", 0.5), "relevance")
    wrong = ["--relevance", learned, "--measure", "dot"]
    assert refused(anglewise(*ask, "wing", *wrong), "scores of cosine")
    (tmp_path / "no.json").write_text("{}")
    assert refused(anglewise(*ask, "wing", "--relevance", tmp_path / "no.json"), "no.json")
    (tmp_path / "cut.json").write_text('{"kind": ')
    assert refused(anglewise(*ask, "wing", "--relevance", tmp_path / "cut.json"), "cut.json")
    assert refused(anglewise("calibrate", space, "--recall", 2), "--recall", "at most 1")
    assert refused(anglewise("calibrate", space, "--plot", tmp_path / "x.bmp"), ".bmp")


def test_vectors_without_texts_or_encoder_are_said(anglewise, tmp_path):
    write_space(Space(items=Embeddings(np.eye(11))), tmp_path / "bare")
    ask = ["context", tmp_path / "bare", "--prompt", "wing"]
    assert refused(anglewise(*ask), "does not say which encoder")
    assert refused(anglewise(*ask, "--encoder", MINE), "no text")


def test_questions_need_no_ids(tmp_path):
    (tmp_path / "q.txt").write_text("one?\n\n two? \n")
    with (tmp_path / "q.csv").open("w") as file:
        csv.writer(file).writerows([["text", "label"], ["one?", "a"], ["", "b"], ["two?", "b"]])
    (tmp_path / "q.jsonl").write_text('{"_id": "1", "text": "one?"}\n{"_id": "2", "text": "two?"}')
    found = [questions_in(tmp_path / f"q.{kind}") for kind in ("txt", "csv", "jsonl")]
    assert found == [["one?", "two?"]] * 3
    assert questions_in(tmp_path / "q.csv", "label") == ["a", "b", "b"]
