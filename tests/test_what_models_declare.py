"""What the files of a model say of its vectors is read, never run, and held against them."""

import json

import numpy as np
import pytest

import anglewise as aw
from anglewise.auditing.encoder_facts import recorded
from anglewise.encoders.declared import declared_beside, read_declared, used_otherwise
from anglewise.errors import FileError, ValuesError
from cli_run import anglewise, refused

__all__ = ["anglewise"]

LAYERS = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")


def model(folder, *, layers=LAYERS, pooling="cls_token", sentences=None, **files):
    """A folder as sentence-transformers writes it, without weights."""
    kind = "sentence_transformers.models"
    listed = [{"type": f"{kind}.{name}", "path": path} for name, path in layers]
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    settings = {"word_embedding_dimension": 8, f"pooling_mode_{pooling}": True}
    contents = {
        "modules.json": listed,
        "1_Pooling/config.json": settings,
        "config_sentence_transformers.json": sentences or {},
        **{name.replace("__", "."): content for name, content in files.items()},
    }
    for name, content in contents.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text)
    return folder


def test_layers_pooling_prompts_and_shorter_dimensions_are_read(tmp_path):
    asked = {
        "similarity_fn_name": "cosine",
        "prompts": {"query": "query: ", "passage": "passage: "},
    }
    card = 'trained with `{"matryoshka_dims": [8, 4, 2]}`'
    found = read_declared(model(tmp_path, sentences=asked, README__md=card))
    assert (found.similarity, found.normalises, found.pooling) == ("cosine", True, "cls")
    assert (found.dimension, found.shorter) == (8, (8, 4, 2))
    assert (found.query_prompt, found.document_prompt) == ("query: ", "passage: ")
    assert found.asymmetric
    assert found.trained_for == "cosine"
    assert read_declared(model(tmp_path, layers=LAYERS[:2])).normalises is False


def test_a_dense_layer_says_how_wide_vectors_are(tmp_path):
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "config.json").write_text('{"in_features": 8, "out_features": 3}')
    found = read_declared(model(tmp_path, layers=(*LAYERS[:2], ("Dense", "2_Dense"))))
    assert found.dimension == 3


def test_a_card_of_mteb_is_read_and_what_contradicts_is_told(tmp_path):
    said = {"similarity_fn_name": "ScoringFunction.DOT_PRODUCT", "embed_dim": 8, "max_tokens": 512}
    (tmp_path / "model_meta.json").write_text(json.dumps(said | {"use_instructions": True}))
    alone = read_declared(tmp_path / "model_meta.json")
    assert (alone.similarity, alone.dimension, alone.window) == ("dot", 8, 512)
    assert alone.instructions
    assert alone.trained_for == "dot"
    both = read_declared(model(tmp_path, sentences={"similarity_fn_name": "cosine"}))
    assert both.disagree == (
        "similarity: cosine in config_sentence_transformers.json, dot in model_meta.json",
    )


def test_files_beside_an_onnx_file_speak_for_it_and_what_is_used_otherwise_is_told(tmp_path):
    model(tmp_path, sentences={"prompts": {"query": "query: "}})
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"")
    spec = f"onnx:{tmp_path / 'onnx' / 'model.onnx'}"
    found = declared_beside(spec)
    assert found.pooling == "cls"
    assert found.trained_for == "cosine"
    pooled, prompted = used_otherwise(spec, found, asked=True)
    assert pooled.endswith("its files say cls pooling, and mean is taken: pooling=cls")
    assert "'query: ' stands before a query, and nothing is put there" in prompted
    given = f"{spec}?pooling=cls&query_prompt=query: "
    assert used_otherwise(given, found, asked=True) == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("modules.json", "[{}]", "cannot be read as a list of layers"),
        ("modules.json", '[{"type": "a.Pooling", "path": "../../etc"}]', "outside of the model"),
        ("modules.json", '[{"type": "a.Pooling", "path": "/etc"}]', "outside of the model"),
        (
            "modules.json",
            json.dumps([{"type": "a.Pooling", "path": "0" * 3000}]),
            "cannot be read as a list of layers",
        ),
        ("config.json", "[]", "where an object is due"),
        ("config.json", "{", "cannot be read as settings of a model"),
        ("config.json", "[" * 5000, "deep"),
    ],
)
def test_broken_files_of_a_model_are_named(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(FileError, match=says):
        read_declared(tmp_path)


def test_a_folder_that_says_nothing_is_no_model(tmp_path):
    (tmp_path / "README.md").write_text("A readme.")
    with pytest.raises(FileError, match="says nothing of a model's vectors"):
        read_declared(tmp_path)


def space_of(vectors, **settings):
    return aw.Space(items=aw.Embeddings(vectors), **settings)


VECTORS = np.random.default_rng(0).normal(size=(40, 8))
UNIT = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)


def test_what_a_model_declares_is_taken_where_the_space_says_nothing(tmp_path):
    folder = model(tmp_path)
    told = aw.audit(space_of(UNIT), model=folder)
    assert told.verdict.cosine == "determined"
    assert told.notes[0].startswith("trained for cosine, as the files of its model declare")
    other = aw.audit(space_of(UNIT, trained_for="euclidean"), model=folder)
    assert "declare cosine" in other.notes[0]
    assert "euclidean, which is taken" in other.notes[0]


def test_encode_records_what_the_files_of_a_model_declare_and_the_audit_reads_it(tmp_path):
    declared = read_declared(model(tmp_path)).to_dict()
    about = {"encoding": {"model": json.loads(json.dumps(declared))}}
    assert aw.audit(space_of(UNIT, about=about)).to_dict()["declared"] == declared
    for name, odd in (("normalises", "yes"), ("shorter", ["a"]), ("source", 3), ("files", 3)):
        with pytest.raises(ValuesError, match=f"records {name} of its model"):
            recorded(declared | {name: odd})


def test_queries_are_a_sample_and_their_rank_is_no_gap():
    """30 questions cannot reach 40 dimensions, and nothing follows from that."""
    rng = np.random.default_rng(0)
    items, few, many = (rng.normal(size=(n, 40)) for n in (60, 30, 80))
    for asked, is_few in ((few, True), (many, False)):
        told = aw.audit(aw.Space(queries=aw.Embeddings(asked), items=aw.Embeddings(items)))
        assert told.reading.few_queries == is_few
        assert any("a sample says nothing of directions" in note for note in told.notes) == is_few
        assert not any("carry no prediction" in note for note in told.notes)
    for asked in (few, many):  # where no map of both sides is open, nothing is said at all
        trained = {"trained_for": "cosine"}
        queries, ranked = aw.Embeddings(asked), aw.Embeddings(items)
        told = aw.audit(aw.Space(queries=queries, items=ranked, **trained))
        assert not any("directions" in note for note in told.notes)
    flat = many.copy()
    flat[:, 3] = 0  # enough of them, and none reaches a direction: that is of the model
    told = aw.audit(aw.Space(queries=aw.Embeddings(flat), items=aw.Embeddings(items)))
    assert "1 direction of the items carry no prediction" in " ".join(told.notes)


def test_a_pair_is_held_against_random_pairs_also_where_no_map_is_open():
    narrow = VECTORS + 3
    told = aw.audit(space_of(narrow, trained_for="cosine"), pairs=[("0", "1")])
    (pair,) = told.to_dict()["pairs"]
    unit = narrow / np.linalg.norm(narrow, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[~np.eye(40, dtype=bool)]
    assert pair["above_random"] == pytest.approx(
        (cosines < pair["cosine"] - 1e-6).mean(), abs=0.002
    )
    assert (pair["random_pairs"], pair["gauges"], pair["certified"]) == (40 * 39, {}, [])


def test_the_command_reads_a_model_and_a_pair(anglewise, tmp_path):
    np.save(tmp_path / "items.npy", UNIT)
    words = ["audit", tmp_path / "items.npy", "-k", 5, "--pair", "0", "1", "--quiet"]
    run = anglewise(*words, "--model", model(tmp_path / "model"))
    assert run.code == 0
    assert "0 and 1: cosine" in run.out
    assert "of all 1,560 pairs" in run.out
    assert "trained for cosine, as the files of its model declare" in run.out
    assert refused(anglewise(*words, "--model", tmp_path / "modle"), "modle")


def test_nothing_is_declared_beside_a_name_longer_than_any_disk_has():
    assert declared_beside(f"onnx:{'x' * 3000}.onnx") is None
