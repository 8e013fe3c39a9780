"""The estimator keeps scikit-learn's promises; the command writes what it learned."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from anglewise import TrainedEmbedding
from anglewise.io.space_folder import read_space_folder
from cli_run import anglewise
from taste import tastes

__all__ = ["anglewise"]

TASTES = tastes()


def estimator(**told):
    return TrainedEmbedding(n_components=6, epochs=4, **told)


def test_training_users_land_where_they_stood():
    X = TASTES.ones()
    fitted = estimator().fit(X)
    assert np.array_equal(fitted.transform(X), fitted.user_factors_)
    assert np.array_equal(fitted.transform(X.toarray()[:5]), fitted.user_factors_[:5])
    assert fitted.item_factors_.shape == (60, 6)
    assert len(fitted.history_) == 4
    assert fitted.get_feature_names_out().tolist() == [f"trainedembedding{i}" for i in range(6)]


def test_clones_and_pipelines_learn_the_same():
    X = TASTES.ones()
    first = estimator(measure="euclidean", random_state=3).fit_transform(X)
    again = clone(estimator(measure="euclidean", random_state=3))
    assert np.array_equal(make_pipeline(again).fit_transform(X), first)


def test_the_space_is_trained_for_the_measure():
    space = estimator(measure="dot").fit(TASTES.ones()).space(seen=TASTES)
    assert space.trained_for == "dot"
    assert (len(space.queries), len(space.items)) == TASTES.shape
    assert space.seen is TASTES


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "used.csv"
    pairs = zip(TASTES.rows, TASTES.indices, strict=True)
    path.write_text("user_id,item_id\n" + "".join(f"u{u},i{i}\n" for u, i in pairs))
    return path


def test_the_command_says_how_it_trained_and_goes_on_from_a_checkpoint(anglewise, table):
    out, file = table.parent / "space", table.parent / "training.npz"
    words = ["fit", table, "-o", out, "--objective", "cosine", "--components", "6"]
    words += ["--checkpoint", file, "--json", "-", "--seed", "2"]
    first = json.loads(anglewise(*words, "--epochs", "3").out)
    assert first["training"]["trained_for"] == "cosine"
    assert [epoch["number"] for epoch in first["training"]["history"]] == [1, 2, 3]
    assert any(note.startswith("epoch ") for note in first["notes"])
    more = json.loads(anglewise(*words, "--epochs", "4").out)
    assert more["training"]["history"][:3] == first["training"]["history"]
    space = read_space_folder(out)
    assert space.trained_for == "cosine"
    assert space.about["temperature"] == 0.1
    held_out = np.array([one == "held-out" for one in space.queries.metadata["split"].to_pylist()])
    assert np.linalg.norm(space.queries.vectors[held_out], axis=1) == pytest.approx(1, abs=1e-5)


def test_the_command_is_written_in_words(anglewise, table):
    out = table.parent / "space"
    run = anglewise("fit", table, "-o", out, "--objective", "dot", "--epochs", "2")
    assert run.code == 0, run
    assert "dimensions by dot" in run.out
    assert "temperature 1" in run.out
