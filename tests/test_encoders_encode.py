"""From texts to a space: order, passages, what is kept, what is said."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from anglewise import Embeddings, Encoder, Space, encode, encoder, read_space, write_space
from anglewise.encoders.batches import encode_texts, open_cache
from anglewise.encoders.document_files import read_documents
from anglewise.encoders.documents import Documents
from anglewise.encoders.load import encoder_of
from anglewise.errors import (
    EncoderError,
    FileError,
    IdsError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
)


class Counting:
    """An encoder that remembers what it was asked."""

    def __init__(self, scale=1.0):
        self.batches = []
        self.scale = scale

    def __call__(self, texts):
        self.batches.append(list(texts))
        return np.array([[len(t) * self.scale, sum(map(ord, t)) % 97, 1.0] for t in texts])

    @property
    def asked(self):
        return [text for batch in self.batches for text in batch]


def named(function, **more):
    return Encoder(spec="counting", documents=function, identity="counting 1", **more)


def texts(n):
    rng = np.random.default_rng(0)
    return [" ".join(["word"] * int(k)) + f" {i}" for i, k in enumerate(rng.integers(1, 40, n))]


def test_vectors_stand_in_the_order_of_the_texts_and_long_ones_go_first():
    counting = Counting()
    given = texts(50)
    found = encode_texts(given, named(counting), batch=7)
    assert np.array_equal(found, Counting()(given).astype(np.float32))
    lengths = [len(text) for text in counting.asked]
    assert lengths == sorted(lengths, reverse=True)
    assert {len(batch) for batch in counting.batches} == {7, 1}


def test_a_text_that_comes_twice_is_encoded_once():
    counting = Counting()
    found = encode_texts(["a", "bb", "a", "a"], named(counting))
    assert sorted(counting.asked) == ["a", "bb"]
    assert found[:, 0].tolist() == [1, 2, 1, 1]


def test_progress_ends_where_the_work_ends():
    steps = []
    encode_texts(texts(20), named(Counting()), batch=8, progress=lambda *s: steps.append(s))
    assert steps == [(8, 20), (16, 20), (20, 20)]


def test_vectors_are_never_normalised():
    space = encode(["a", "bb"], lambda given: [[3.0 * len(t), 4.0 * len(t)] for t in given])
    assert space.items.norms.tolist() == [5.0, 10.0]


def test_what_was_encoded_once_is_not_encoded_again(tmp_path):
    first, second = Counting(), Counting()
    one = encode(texts(30), named(first), cache=tmp_path / "kept", batch=4)
    two = encode([*texts(30), "another"], named(second), cache=tmp_path / "kept", batch=4)
    assert second.asked == ["another"]
    assert np.array_equal(one.items.vectors, two.items.vectors[:30])


def test_questions_and_documents_of_one_text_are_kept_apart(tmp_path):
    both = named(Counting(), queries=Counting(scale=2.0))
    for _ in range(2):
        space = encode(["same"], both, queries=["same"], cache=tmp_path)
        assert space.items.vectors[0, 0] == 4
        assert space.queries.vectors[0, 0] == 8


def test_an_encoder_that_does_not_name_its_weights_is_not_kept(tmp_path):
    heard = []
    for scale in (1.0, 2.0):
        space = encode(["word"], Counting(scale), cache=tmp_path, say=heard.append)
        assert space.items.vectors[0, 0] == 4 * scale
    assert "does not name its weights" in heard[0]
    assert not list(tmp_path.iterdir())


def test_no_text_is_written_into_the_cache(tmp_path):
    encode(["a very private sentence"], named(Counting()), cache=tmp_path)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"private" not in file.read_bytes()


KILLED = """
import os, signal, sys
import numpy as np
from anglewise import encode
from anglewise import Encoder

calls = []
def vectors(texts):
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(texts)
    return np.array([[len(t), sum(map(ord, t)) % 97, 1.0] for t in texts])

encode(TEXTS, Encoder(spec="counting", documents=vectors, identity="counting 1"), batch=5,
       cache=PATH)
"""


def test_a_kill_loses_at_most_the_batch_it_falls_into(tmp_path):
    given = texts(40)
    script = f"TEXTS = {given!r}\nPATH = {str(tmp_path / 'kept')!r}\n{KILLED}"
    run = subprocess.run([sys.executable, "-c", script], check=False)
    assert run.returncode == -signal.SIGKILL
    counting = Counting()
    space = encode(given, named(counting), batch=5, cache=tmp_path / "kept")
    assert len(counting.asked) == 25
    assert np.array_equal(space.items.vectors, Counting()(given).astype(np.float32))


def test_whatever_is_torn_from_a_kept_file_only_that_is_encoded_again(tmp_path):
    given = texts(12)
    encode(given, named(Counting()), batch=4, cache=tmp_path)
    (file,) = tmp_path.rglob("*.vectors")
    whole = file.read_bytes()
    batch = len(whole) // 3
    for size in (0, 3, batch - 1, batch, batch + 20, len(whole) - 1):
        file.write_bytes(whole[:size])
        kept = open_cache(tmp_path, named(len))
        assert len(kept.entries) == 4 * (size // batch)
    flipped = bytearray(whole)
    flipped[batch + 60] ^= 1
    file.write_bytes(bytes(flipped))
    counting = Counting()
    space = encode(given, named(counting), batch=4, cache=tmp_path)
    assert len(counting.asked) == 8
    assert np.array_equal(space.items.vectors, Counting()(given).astype(np.float32))


def test_two_runs_may_keep_vectors_at_once(tmp_path):
    one, two = (open_cache(tmp_path, named(len)) for _ in range(2))
    one.add([b"1" * 16], np.ones((1, 3), np.float32))
    two.add([b"2" * 16], np.zeros((1, 3), np.float32))
    one.close()
    two.close()
    assert set(open_cache(tmp_path, named(len)).entries) == {b"1" * 16, b"2" * 16}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda given: Counting()(given)[:-1], r"2 vectors, where one vector for each is due"),
        (lambda given: Counting()(given)[:, :2], "vectors of 2 numbers, 3 are due"),
        (lambda given: Counting()(given) * np.nan, "NaN or infinity"),
        (lambda given: Counting()(given) * 1e60, "NaN or infinity"),
        (lambda _: "a string", "something else than numbers"),
        (lambda _: [[1.0], [1.0, 2.0]], "something else than numbers"),
        (lambda given: [["a", "b", "c"]] * len(given), "something else than numbers"),
        (lambda _: None, "something else than numbers"),
        (lambda given: np.ones((len(given), 0)), "vectors of 0 numbers"),
        (lambda given: np.ones(len(given)), r"shape \(3,\)"),
        (lambda _: 1 / 0, r"an error \(division by zero\)"),
    ],
)
def test_a_wrong_answer_names_the_text_and_keeps_only_what_was_right(answer, says, tmp_path):
    def broken(given):
        return answer(given) if "a" in given else Counting()(given)

    given = ["some long text", "another long text", "a third long text", "a", "b", "c"]
    docs = {f"doc{i}": text for i, text in enumerate(given)}
    with pytest.raises(EncoderError, match=says) as refused:
        encode(docs, named(broken), batch=3, cache=tmp_path)
    assert "'doc3'" in str(refused.value)
    assert len(open_cache(tmp_path, named(broken)).entries) == 3


def test_an_error_of_ours_is_not_wrapped():
    def vectors(_):
        raise SpellingError("just this")

    with pytest.raises(SpellingError, match=r"^just this$"):
        encode(["a"], vectors)


def test_empty_texts_are_named_and_left_out():
    heard = []
    given = {"a": "text", "b": "", "c": " \n\x00 ", "d": "more"}
    space = encode(given, Counting(), queries={"q": "", "r": "what"}, say=heard.append)
    assert space.items.ids.tolist() == ["a", "d"]
    assert space.queries.ids.tolist() == ["r"]
    assert "2 documents are empty and left out: b, c" in heard
    assert "one query is empty and left out: q" in heard
    assert space.about["encoding"]["left_out"] == {"documents": ["b", "c"], "queries": ["q"]}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([], TooFewError),
        (["", "  "], TooFewError),
        ("one text", ValuesError),
        (iter([1, 2]), ValuesError),
    ],
)
def test_what_is_no_collection_of_texts_is_refused(given, error):
    with pytest.raises(error):
        encode(given, Counting())


def test_ids_that_come_twice_are_refused_before_anything_is_encoded():
    with pytest.raises(IdsError, match="'a' comes more than once"):
        Documents(["a", "a"], ["x", "y"])
    with pytest.raises(ShapeError, match="titles"):
        Documents(["a", "b"], ["x", "y"], titles=["x"])


def test_control_characters_become_blanks_and_other_languages_stay():
    counting = Counting()
    encode(["a\x00b\x1b[0m", "日本語。\ud800", "שלום", "emoji 🎬", "tab\tand\nline"], counting)
    assert set(counting.asked) == {
        "a b [0m",
        "日本語。",
        "שלום",
        "emoji 🎬",
        "tab\tand\nline",
    }


def test_titles_are_read_before_texts_but_not_twice():
    films = Documents(["1", "2", "3"], ["A heist.", "Heat is a film", ""], ["Heat", "Heat", "Heat"])
    assert films.words == ["Heat A heist.", "Heat is a film", "Heat"]


def test_a_document_beyond_the_window_is_said_and_cut():
    heard = []
    long = " ".join(f"Sentence {i} here." for i in range(20))
    model = named(Counting(), window=12)
    space = encode({"short": "Two words.", "long": long}, model, say=heard.append)
    names = space.items.ids.tolist()
    assert names[:2] == ["short", "long#0"]
    assert "1 of 2 documents are longer than the 12 tokens" in heard[0]
    about = space.items.metadata
    for name, text, start, end in zip(
        names[1:], about["text"][1:], about["start"][1:], about["end"][1:], strict=True
    ):
        assert name.startswith("long#")
        assert long[start:end] == text
        assert len(text.split()) <= 12
    assert about["document"] == ["short"] + ["long"] * (len(names) - 1)
    whole = encode({"long": long}, model, chunk="none")
    assert whole.items.ids.tolist() == ["long"]


def test_a_number_cuts_and_names_every_document_alike():
    model = named(Counting())
    given = {"a": "one two three four five six", "b": "one two"}
    space = encode(given, model, chunk=4, overlap=1)
    assert space.items.ids.tolist() == ["a#0", "a#1", "b#0"]
    assert space.items.metadata["text"][:2] == ["one two three four", "four five six"]
    longer = encode(given | {"a": given["a"] + " seven"}, model, chunk=4, overlap=1)
    assert longer.items.metadata["text"][0] == space.items.metadata["text"][0]


def test_passages_carry_their_title_unless_it_takes_too_much_room():
    counting = Counting()
    films = Documents(["1"], ["one two three four five six"], ["Heat"])
    encode(films, named(counting), chunk=4, overlap=0)
    assert sorted(counting.asked) == ["Heat four five six", "Heat one two three"]
    counting = Counting()
    films = Documents(["1"], ["one two three four five six"], ["A title of five words"])
    encode(films, named(counting), chunk=4, overlap=0)
    assert sorted(counting.asked) == ["five six", "one two three four"]


@pytest.mark.parametrize(("chunk", "overlap"), [(0, None), (5, 5), (5, -1), (100, None)])
def test_a_chunking_that_makes_no_sense_is_refused(chunk, overlap):
    with pytest.raises((SpellingError, ValuesError)):
        encode(["one two three"], named(Counting(), window=50), chunk=chunk, overlap=overlap)


def unit(given):
    return [[0.6, 0.8] if len(t) % 2 else [1.0, 0.0] for t in given]


@pytest.mark.parametrize(
    ("function", "says", "stated", "recorded", "heard"),
    [
        (unit, "cosine", None, "cosine", ""),
        (unit, "dot", None, "dot", "every vector has length one"),
        (unit, "unknown", None, "unknown", "rank alike"),
        (Counting(), "cosine", None, "cosine", ""),
        (Counting(), "dot", None, "dot", ""),
        (Counting(), "unknown", None, "unknown", "lengths differ"),
        (Counting(), "cosine", "dot", "dot", "trained for cosine: dot is taken, as given"),
        (unit, "cosine", "dot", "dot", "it is said to be trained for dot"),
    ],
)
def test_what_the_encoder_declares_is_recorded_and_doubted(function, says, stated, recorded, heard):
    words = []
    space = encode(
        ["a", "bb"], named(function, similarity=says), trained_for=stated, say=words.append
    )
    assert space.trained_for == recorded
    assert bool(words) == bool(heard)
    assert heard in " ".join(words)


def test_an_encoder_that_only_claims_to_normalise_is_doubted():
    words = []
    encode(["a", "bb"], named(Counting(), similarity="cosine", normalises=True), say=words.append)
    assert "says that its vectors have length one" in words[0]


def test_zero_vectors_are_named():
    words = []
    encode({"a": "x", "b": "yy"}, lambda given: [[len(t) - 1, 0] for t in given], say=words.append)
    assert any("1 of 2 texts have zero vectors" in word and word.endswith(": a") for word in words)


def test_a_space_knows_its_encoder_after_a_round_trip(tmp_path):
    space = encode({"a": "x", "b": "yy"}, "python:test_encoders_encode:unit", queries=["what"])
    write_space(space, tmp_path / "space")
    back = read_space(tmp_path / "space")
    assert back.about["encoder"] == "python:test_encoders_encode:unit"
    assert list(back.items.metadata["text"].to_pylist()) == ["x", "yy"]
    with pytest.raises(EncoderError, match="not run unasked"):
        encoder_of(back)


def test_other_weights_than_then_are_noticed():
    encoding = {"identity": "use 0.0.1"}
    space = Space(items=Embeddings([[1.0]]), about={"encoder": "use", "encoding": encoding})
    with pytest.raises(EncoderError, match="other weights"):
        encoder_of(space)
    with pytest.raises(EncoderError, match="does not say which encoder"):
        encoder_of(Space(items=Embeddings([[1.0]])))


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("word2vec:x", SpellingError),
        ("use?fast=1", SpellingError),
        ("words", SpellingError),
        ("python:nonsense", SpellingError),
        ("python:os:nowhere", EncoderError),
        ("python:no_such_module:f", EncoderError),
        ("python:os:name", EncoderError),
        ("onnx:x.onnx?pooling", SpellingError),
    ],
)
def test_a_spelling_that_makes_no_sense_is_refused(spec, error):
    with pytest.raises(error):
        encoder(spec)


@pytest.mark.parametrize("spelling", ["use:model", "python:.:f", "python:..a:f"])
def test_a_spelling_of_more_than_there_is_is_refused(spelling):
    with pytest.raises(SpellingError):
        encoder(spelling)


def test_texts_under_one_name_twice_are_refused(tmp_path):
    file = tmp_path / "texts.csv"
    file.write_text("id,text,text\na,wing,heat\n")
    with pytest.raises(FileError, match="2 columns called 'text'"):
        read_documents(file)
