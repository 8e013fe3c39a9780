"""Tuning of stores that really run."""

import json

import numpy as np
import pytest

import anglewise as aw
from anglewise.cli import main
from anglewise.stores.vector_store import open_store


def space(items=3_000, dimension=16):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(items, dimension)) * rng.lognormal(0, 0.3, (items, 1))
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(40, dimension)), [f"q{i}" for i in range(40)]),
        items=aw.Embeddings(x, [f"d{i}" for i in range(items)]),
        trained_for="dot",
    )


@pytest.fixture
def filled(place):
    """A collection that was exported, and its space."""
    made = space(600 if place.kind == "qdrant" else 3_000)
    aw.export(made, "cosine", place("films"), min_recall=0.5)
    return place, made


def test_every_store_is_tuned_and_none_is_changed(filled):
    place, made = filled
    with open_store(place("films")) as store:
        before = store.described(), store.manifest()
    result = aw.tune(place("films"), made, runs=1)
    with open_store(place("films")) as store:
        assert (store.described(), store.manifest()) == before
        assert store.scratches() == []
    assert result.chosen is not None
    assert result.chosen.recall >= 0.98
    assert not any("was refused" in note for note in result.notes), result.notes
    assert result.settings[0].effort == {}
    told = place.kind in {"faiss", "qdrant", "lancedb", "postgresql"}
    assert told == (result.settings[0].stored_bytes is not None)
    assert not told or result.settings[0].stored_bytes > made.items.nbytes / 2
    if place.kind == "chroma":  # whose effort is the collection's own
        assert len(result.settings) == 1
    elif result.index != "scan":  # a folder of Qdrant is scanned, and so is sqlite-vec
        assert len(result.settings) > 3
        low, high = result.settings[1].recall, max(one.recall for one in result.settings)
        assert low <= high


def test_other_indices_are_built_and_removed(filled, monkeypatch):
    place, made = filled
    with open_store(place("films")) as store:
        parameters = store.build_parameters
        kind = type(store)
    if not parameters or place.kind == "qdrant":
        pytest.skip("no parameters of an index")
    few = {name: values[-1:] for name, values in parameters.items()}
    monkeypatch.setattr(kind, "build_parameters", few)
    result = aw.tune(place("films"), made, runs=1, scratch=True)
    built = [one for one in result.settings if one.build]
    assert built
    assert all(one.built_in > 0 for one in built)
    assert max(one.recall for one in built) > 0.9
    with open_store(place("films")) as store:
        assert store.scratches() == []
    assert aw.verify(place("films"), made).drifted is False


def test_the_command_says_the_same(filled, tmp_path, capsys):
    place, made = filled
    aw.write_space(made, tmp_path / "space")
    words = ["tune", place("films"), str(tmp_path / "space"), "--runs", "1", "--json", "-"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["chosen"]["recall"] >= 0.98
    assert main(["tune", place("nothing"), str(tmp_path / "space")]) == 2
    assert "Traceback" not in capsys.readouterr().err
