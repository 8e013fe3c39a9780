"""``anglewise search --text``, ``calibrate`` and ``context``: from files to passages."""

import csv
import json

import numpy as np
import pytest

from anglewise import Embeddings, Encoder, Judgements, Space, encode, read_space, write_space
from anglewise.cli.inputs import questions_in
from anglewise.data_types.columns import column
from anglewise.data_types.sparse import SparseRows
from anglewise.rag.thresholds import RECALLS
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


def test_bytes_that_are_no_text_are_refused(anglewise, space):
    """They were replaced by blanks in silence, and other results came."""
    ask = ["--encoder", MINE, "--quiet"]
    assert refused(anglewise("search", space, "--text", "wing\udcff", *ask), "no text in UTF-8")
    assert refused(anglewise("context", space, "--prompt", "wing\udcff", *ask), "no text in UTF-8")


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
    assert "measure: cosine, as the vectors are declared as trained for it" in run.err
    assert anglewise("context", space, *words, "--quiet").err == ""


def test_what_is_beyond_most_is_counted(anglewise, space):
    words = ["--prompt", "wing flow heat", "--encoder", MINE, "--budget", 2000]
    every = anglewise("context", space, *words, "--json", "-")
    found = len(json.loads(every.out)["passages"])
    run = anglewise("context", space, *words, "--most", 1)
    assert found > 1
    assert f"{found - 1} beyond --most" in run.err


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
    assert run.out.startswith("No passage was found that seems relevant enough")
    assert run.err.startswith("nothing relevant enough: d")
    content = {**json.loads(learned.read_text()), "drawn_unequally": True}
    learned.write_text(json.dumps(content))
    run = anglewise("context", space, "--prompt", "where is my card", *ask)
    assert "learned from questions that were drawn with unequal chances" in run.err
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


def other_counts(texts):
    """Another encoder of the same dimension."""
    return counts(texts)[:, ::-1]


def test_what_was_learned_is_refused_in_another_space_and_by_another_encoder(
    anglewise, space, learned, tmp_path
):
    ask = ["--relevance", learned, "--prompt", "wing flow"]
    assert anglewise("context", space, *ask, "--encoder", MINE).code == 0
    other = ["context", space, *ask, "--encoder", "python:test_cli_context:other_counts"]
    assert refused(anglewise(*other), f"space encoded by {MINE} (60 x 11", "other_counts is to")
    grown = read_space(space)
    rows = np.r_[np.arange(60), 0]
    items = Embeddings(
        grown.items.vectors[rows],
        [*grown.items.ids, "new"],
        {"text": [*column(grown.items, "text"), "one more"]},
    )
    write_space(Space(items=items, trained_for="cosine"), tmp_path / "grown")
    ask += ["--encoder", MINE]
    assert refused(
        anglewise("context", tmp_path / "grown", *ask), "learned from the scores of space",
        "(61 x 11",
    )  # fmt: skip


def test_a_file_that_does_not_say_where_it_belongs_is_used_and_that_is_said(
    anglewise, space, learned, tmp_path
):
    content = json.loads(learned.read_text())
    assert content["origin"]["name"] == "space"
    del content["origin"], content["at_least"], content["turned_away"], content["only_irrelevant"]
    (tmp_path / "old.json").write_text(json.dumps(content))
    ask = ["context", space, "--prompt", "wing flow", "--encoder", MINE, "--relevance"]
    assert "old.json does not say which space" in anglewise(*ask, tmp_path / "old.json").err
    assert "does not say" not in anglewise(*ask, learned).err
    files = [tmp_path / "items.npy", tmp_path / "queries.npy"]
    held = read_space(space)
    for file, side in zip(files, (held.items, held.queries), strict=True):
        np.save(file, side.vectors)
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{n}\t{n}\t1\n" for n in range(30)))
    words = ["--items", files[0], "--queries", files[1], "--qrels", qrels, "--depth", 20]
    run = anglewise("calibrate", *words, "-o", tmp_path / "bare.json")
    assert "nothing says which encoder made these vectors" in run.err
    run = anglewise("calibrate", *words, "-o", tmp_path / "by.json", "--encoder", MINE)
    assert "nothing says" not in run.err
    assert json.loads((tmp_path / "by.json").read_text())["origin"]["encoder"] == MINE


def test_the_price_list_is_printed_and_its_figures_are_in_the_json(anglewise, space, tmp_path):
    (tmp_path / "foreign.txt").write_text("where is my card\nwho pays\nwing\n")
    words = ["calibrate", space, "--depth", 20, "--encoder", MINE]
    words += ["--foreign", tmp_path / "foreign.txt"]
    run = anglewise(*words, "--prices", "--quiet")
    told = json.loads(anglewise(*words, "--prices", "--json", "-").out)
    assert [price["recall"] for price in told["prices"]] == list(RECALLS)
    table = run.out[run.out.index("\nrecall ") :].split("\n\n")[0]  # the legend has shares too
    lines = [line.split() for line in table.splitlines()]
    for price in told["prices"]:
        [line] = [line for line in lines if line[:1] == [f"{100 * price['recall']:g}%"]]
        assert price["false_contexts"]["of"] == 3
        shares = (price["kept"], price["only_irrelevant"], price["turned_away"])
        figures = [f"{share['value']:.3f}" for share in shares]
        assert line[3:6] == figures
        assert line[7] == f"{price['false_contexts']['value']:.3f}"
        assert (line[1] == line[0]) == (price["at_least"] == price["recall"])
    assert json.loads(anglewise(*words, "--json", "-").out)["prices"] is None
    without = anglewise("calibrate", space, "--depth", 20)
    assert "False contexts: not known without questions from elsewhere (--foreign)" in without.out


def test_a_column_of_no_questions_is_refused(anglewise, space):
    assert refused(anglewise("calibrate", space, "--text-column", "text"), "--foreign")


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


def test_beneath_a_filter_nothing_is_promised_of_what_was_learned(anglewise, space, learned):
    note = column(read_space(space).items, "text")[0]
    ask = ["--encoder", MINE, "--relevance", learned, "--prompt", "wing flow heat"]
    run = anglewise("context", space, *ask, "--where", f"text = {note}", "--json", "-")
    assert "hold among those that pass the filter is not known" in run.err
    assert any("pass the filter is not known" in one for one in json.loads(run.out)["notes"])
    plain = anglewise("context", space, *ask, "--json", "-")
    assert not json.loads(plain.out)["notes"], plain.err
    told = anglewise("calibrate", space, "--quiet").out
    assert "what a filter, a budget, --most or a repetition then" in " ".join(told.split())
