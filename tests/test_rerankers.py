"""What scores texts for a query: ONNX files, sentence-transformers, servers, functions."""

import sys
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

import anglewise as aw
from anglewise.encoders.reranker import Reranker, reranker
from anglewise.encoders.scored_pairs import ScoredPairs
from anglewise.errors import EncoderError, FileError, MissingExtraError, SpellingError
from test_rankers import QUERIES, judged, made_space

# --- ONNX: a model of one layer, which sums what each token is worth, on each side its own

WORTH = {"[PAD]": 0, "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 4, "heist": 8, "voyage": 16}
SIDE = 100.0


def pair_tokenizer(path, longest=12):
    names = {word: number for number, word in enumerate(WORTH)}
    tokenizer = Tokenizer(models.WordLevel(names, unk_token="[UNK]"))  # noqa: S106 no secret
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    if longest:
        tokenizer.enable_truncation(longest)
    tokenizer.save(str(path))


def cross_encoder(folder, *, labels=1, inputs=("input_ids", "attention_mask", "token_type_ids")):
    """Logits: the sum over tokens of their worth times the mask, and 100 for each of the text."""
    folder.mkdir(parents=True, exist_ok=True)
    table = helper.make_tensor("table", TensorProto.FLOAT, [len(WORTH), 1], [*WORTH.values()])
    side = helper.make_tensor("side", TensorProto.FLOAT, [2, 1], [0.0, SIDE])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Gather", ["side", "token_type_ids"], ["sides"]),
        helper.make_node("Add", ["words", "sides"], ["each"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["each", "wide"], ["counted"]),
        helper.make_node("ReduceSum", ["counted", "axes"], ["sum"], keepdims=0),
        helper.make_node("Concat", ["sum"] * labels, ["logits"], axis=1),
    ]
    nodes += [helper.make_node("Identity", [name], [f"kept_{name}"]) for name in inputs[3:]]
    last = helper.make_tensor("last", TensorProto.INT64, [1], [2])
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", labels])]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "t"]) for n in inputs],
        outputs,
        [table, side, axes, last],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, folder / "model.onnx")
    pair_tokenizer(folder / "tokenizer.json")
    return folder


def by_hand(query, text):
    """[CLS] query [SEP] text [SEP], of which the text and the last one are of its side."""
    own = sum(WORTH.get(word, 0) for word in query.split()) + WORTH["[CLS]"] + WORTH["[SEP]"]
    words = text.split()
    return own + sum(WORTH.get(word, 0) + SIDE for word in words) + WORTH["[SEP]"] + SIDE


TEXTS = ["a heist", "voyage", "a voyage a heist", "unknown"]


def test_an_onnx_cross_encoder_reads_query_and_text_as_a_pair(tmp_path):
    made = reranker(f"onnx:{cross_encoder(tmp_path / 'model')}")
    expected = [by_hand("a voyage", text) for text in TEXTS]
    assert np.allclose(made("a voyage", TEXTS), expected)
    assert np.allclose(made("heist", TEXTS[:1]), [by_hand("heist", TEXTS[0])])
    again = reranker(made.spec)
    assert again.identity == made.identity
    assert again.spec == made.spec
    assert reranker(f"onnx:{tmp_path / 'model' / 'model.onnx'}").identity == made.identity


def test_an_onnx_cross_encoder_may_lie_in_a_folder_of_its_own(tmp_path):
    folder = cross_encoder(tmp_path / "model")
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    assert np.allclose(reranker(f"onnx:{folder}")("a", ["a"]), [by_hand("a", "a")])


def test_pairs_beyond_the_window_are_counted_and_said(tmp_path):
    made = reranker(f"onnx:{cross_encoder(tmp_path / 'model')}")
    assert made.window == 12
    assert made.tokens("a", ["a", "a " * 50]) == [5, 54]
    long = "voyage " * 50
    assert np.allclose(made("a", [long]), [by_hand("a", "voyage " * 8)])
    taken = ScoredPairs(made).of("q", "a", ["a", long, long], "")
    assert (taken.cut_off, taken.pairs) == (1, 2)
    wide = reranker(f"onnx:{tmp_path / 'model'}?window=80")
    assert np.allclose(wide("a", [long]), [by_hand("a", long)])
    pair_tokenizer(tmp_path / "model" / "tokenizer.json", longest=None)
    free = reranker(f"onnx:{tmp_path / 'model'}")
    assert free.window is free.tokens is None
    assert np.allclose(free("a", [long]), [by_hand("a", long)])


def test_a_comparison_says_what_was_cut_off(tmp_path):
    folder = cross_encoder(tmp_path / "model")
    space = made_space()
    result = aw.compare(space, judged(space), "dot,rerank(dot,4)", reranker=f"onnx:{folder}")
    count = 4 * QUERIES
    assert any(
        note.startswith(f"{count} of {count} pairs of rerank(dot,4) are longer than the 12 tokens")
        for note in result.notes
    )


def test_another_model_or_tokenizer_is_another_reranker(tmp_path):
    one = reranker(f"onnx:{cross_encoder(tmp_path / 'model')}").identity
    pair_tokenizer(tmp_path / "model" / "tokenizer.json", longest=9)
    assert reranker(f"onnx:{tmp_path / 'model'}").identity != one


def test_a_model_of_several_labels_is_refused(tmp_path):
    made = reranker(f"onnx:{cross_encoder(tmp_path / 'model', labels=3)}")
    with pytest.raises(EncoderError, match=r"shape \(2, 3\) for 2 pairs, where one number a pair"):
        made("a", ["a", "heist"])


def test_what_is_no_onnx_cross_encoder_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match=r"neither model\.onnx nor onnx/model\.onnx"):
        reranker(f"onnx:{tmp_path}/empty")
    with pytest.raises(FileError, match="does not exist"):
        reranker(f"onnx:{tmp_path}/nowhere")
    with pytest.raises(SpellingError, match="onnx needs a model"):
        reranker("onnx")
    with pytest.raises(SpellingError, match="no option 'pooling'"):
        reranker(f"onnx:{tmp_path}?pooling=cls")
    folder = cross_encoder(
        tmp_path / "more", inputs=("input_ids", "attention_mask", "token_type_ids", "pixels")
    )
    with pytest.raises(EncoderError, match="asks for pixels"):
        reranker(f"onnx:{folder}")("a", ["a"])


# --- sentence-transformers, by a stand-in that has what the adapter uses


class StandIn:
    """A cross-encoder that counts the words that query and text share."""

    max_seq_length = 6

    def __init__(self, place, device=None, *, trust_remote_code):
        assert trust_remote_code is False
        if place == "nowhere":
            raise OSError("not on the hub")
        self.place, self.device = place, device
        self.config = SimpleNamespace(_commit_hash="abc" if "hub" in place else None)

    def predict(self, pairs, batch_size, *, show_progress_bar, convert_to_numpy):
        assert convert_to_numpy
        assert not show_progress_bar
        assert batch_size
        shared = [len({*query.split()} & {*text.split()}) for query, text in pairs]
        scores = np.array(shared, dtype=np.float32)
        return np.stack([scores, scores], axis=1) if "labels" in self.place else scores

    @property
    def tokenizer(self):
        return pair_words if "images" in self.place else PairWords()


def pair_words(queries, texts, *, truncation, verbose):
    assert not truncation
    assert not verbose
    words = [(q.split(), t.split()) for q, t in zip(queries, texts, strict=True)]
    return {"input_ids": [[*query, *text, "", "", ""] for query, text in words]}


class PairWords:
    """A tokenizer as transformers has them."""

    __call__ = staticmethod(pair_words)

    def num_special_tokens_to_add(self, pair):
        return 3 if pair else 2


@pytest.fixture
def library(monkeypatch):
    stand_in = SimpleNamespace(CrossEncoder=StandIn, __version__="6.0.0")
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in)


@pytest.mark.usefixtures("library")
def test_a_cross_encoder_of_sentence_transformers_scores_pairs(tmp_path):
    made = reranker("sentence-transformers:hub/tiny?device=cpu")
    assert made("a heist", TEXTS).tolist() == [2, 0, 2, 0]
    assert made.window == 6
    assert made.tokens("a", ["a", "a heist of b"]) == [5, 8]
    assert ScoredPairs(made).of("q", "a", ["a", "a heist of b"], "").cut_off == 1
    assert made.identity.endswith("abc")
    assert reranker("sentence-transformers:images").window is None
    assert not reranker("sentence-transformers:unknown").identity
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    one = reranker(f"sentence-transformers:{tmp_path}").identity
    (tmp_path / "model.safetensors").write_bytes(b"others")
    assert one != reranker(f"sentence-transformers:{tmp_path}").identity != ""


@pytest.mark.usefixtures("library")
def test_a_cross_encoder_that_does_not_rerank_is_refused():
    several = ScoredPairs(reranker("sentence-transformers:labels"))
    with pytest.raises(EncoderError, match=r"it gave shape \(2, 2\)"):
        several.of("q", "a", ["a", "b"], "")
    with pytest.raises(EncoderError, match="not on the hub"):
        reranker("sentence-transformers:nowhere")
    with pytest.raises(SpellingError, match="needs a model"):
        reranker("sentence-transformers")


def test_old_versions_would_run_code_of_a_model(monkeypatch):
    stand_in = SimpleNamespace(CrossEncoder=StandIn, __version__="5.4.0")
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in)
    with pytest.raises(MissingExtraError, match="would run Python files"):
        reranker("sentence-transformers:x")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"anglewise\[sentence-transformers\]"):
        reranker("sentence-transformers:x")


# --- functions


def test_a_function_is_known_by_its_module():
    assert reranker(by_hand).spec == f"python:{__name__}:by_hand"
    assert reranker(lambda query, texts: [query in text for text in texts]).spec == "python:?"
    made = reranker(f"python:{__name__}:scores_of_nothing")
    assert made("a", ["b"]) == [0.0]
    assert made.identity == ""
    kept = reranker(f"python:{__name__}:KEPT")
    assert (kept.identity, kept.spec) == ("kept 1", f"python:{__name__}:KEPT")


def scores_of_nothing(_query, texts):
    return [0.0] * len(texts)


KEPT = Reranker(spec="kept", scores=scores_of_nothing, identity="kept 1")


@pytest.mark.parametrize(
    ("which", "words"),
    [
        pytest.param(3, "the reranker is an int", marks=pytest.mark.wrong_kinds),
        (aw.Encoder(spec="e", documents=len), "the reranker is an Encoder"),
        ("python:math:pi", "python:math:pi is a float"),
        ("python:nowhere:f", "cannot be imported"),
    ],
)
def test_what_is_no_reranker_is_refused(which, words):
    with pytest.raises(EncoderError, match=words):
        reranker(which)


@pytest.mark.parametrize("which", ["use", "openai:gpt", "reranker:x", "", "words:x"])
def test_what_encodes_does_not_rerank(which):
    with pytest.raises(SpellingError, match="no reranker is called"):
        reranker(which)


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 0}, {"patience": 0}, {"window": 3}, {"tokens": len}, {"window": 0, "tokens": len}],
)
def test_a_reranker_is_looked_at_when_it_is_built(wrong):
    with pytest.raises((SpellingError, ValueError)):
        Reranker(spec="x", scores=scores_of_nothing, **wrong)
