"""Trainings from beginning to end, on a catalogue of four tastes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from anglewise import search
from anglewise.errors import FileError, TrainingError, ValuesError
from anglewise.recommender_models import training as running
from anglewise.recommender_models.fit import fit
from anglewise.recommender_models.training import Trainer, train
from anglewise.recommender_models.training_state import Settings
from taste import interactions, tastes

TASTES = tastes()
SHORT = {"components": 8, "epochs": 6, "validation": 0.1, "patience": 6}


def same(a, b):
    return np.array_equal(a.item_factors, b.item_factors) and a.history == b.history


@pytest.mark.parametrize("measure", ["cosine", "dot", "euclidean"])
def test_training_finds_what_was_hidden_far_better_than_chance(measure):
    told = Trainer(Settings(epochs=40))
    fitted = fit(interactions(TASTES), objective=measure, components=8, trainer=told)
    assert fitted.space.trained_for == fitted.space.about["objective"] == measure
    judged = fitted.judgements["queries-items"]
    rows = judged.judged_rows
    found = next(iter(search(fitted.space, measure, k=10, rows=rows).values())).indices
    hits = np.mean(
        [np.isin(judged.gains.row(row), best).mean() for row, best in zip(rows, found, strict=True)]
    )
    assert hits > 0.5  # 10 of some 55 would be 0.18
    assert any("nDCG@10" in note for note in fitted.notes)


def test_under_cosine_every_vector_has_length_one():
    model = train(TASTES.ones(), Settings("cosine", **SHORT))
    users = model.fold_in(TASTES.ones())
    for vectors in (model.item_factors, users[TASTES.counts > 0]):
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert not users[TASTES.counts == 0].any()


@pytest.mark.parametrize("negatives", [5000, 20])
def test_the_same_seed_gives_the_same_bytes(negatives):
    settings = Settings(**SHORT, negatives=negatives, learn_temperature=True)
    first, second = (train(TASTES.ones(), settings) for _ in range(2))
    assert same(first, second)
    assert first.about == second.about
    other = train(TASTES.ones(), Settings(**{**settings.to_dict(), "seed": 1}))
    assert not same(first, other)


def test_threads_do_not_change_the_bytes():
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(train(TASTES.ones(), Settings(**SHORT)))
    finally:
        torch.set_num_threads(before)
    assert same(*found)


def test_global_settings_of_pytorch_are_left_as_they_were():
    before = torch.are_deterministic_algorithms_enabled()
    train(TASTES.ones(), Settings(**{**SHORT, "epochs": 1}))
    assert torch.are_deterministic_algorithms_enabled() == before


def test_a_learned_temperature_moves_and_is_told():
    model = train(TASTES.ones(), Settings(**SHORT, learn_temperature=True))
    assert model.about["temperature"] != pytest.approx(0.1, rel=1e-3)
    assert train(TASTES.ones(), Settings(**SHORT)).about["temperature"] == 0.1


def test_training_stops_when_users_kept_aside_are_served_no_better():
    told = Settings(components=8, epochs=400, patience=3, learning_rate=0.05)
    model = train(TASTES.ones(), told)
    values = [epoch.ndcg for epoch in model.history]
    assert len(values) < 400
    assert model.about["epoch"] == 1 + int(np.argmax(values)) == len(values) - 3
    assert model.about["validation_ndcg"] == max(values)


def test_without_validation_every_epoch_is_trained_and_the_last_one_kept():
    model = train(TASTES.ones(), Settings(components=8, epochs=4, validation=0))
    assert [epoch.ndcg for epoch in model.history] == [None] * 4
    assert model.about["epoch"] == 4


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_training_that_was_stopped_ends_in_the_same_bytes(tmp_path, stop_after):
    settings = Settings(**SHORT, learn_temperature=True, negatives=20)
    whole = train(TASTES.ones(), settings)
    file = tmp_path / "training.npz"
    seen = []

    def stop(epoch, _most):
        seen.append(epoch)
        if epoch.number == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TASTES.ones(), settings, checkpoint=file, report=stop)
    assert same(train(TASTES.ones(), settings, checkpoint=file), whole)
    assert same(train(TASTES.ones(), settings, checkpoint=file), whole)  # nothing is left to do


def test_a_training_that_was_stopped_within_an_epoch_ends_in_the_same_bytes(tmp_path, monkeypatch):
    settings, file = Settings(**SHORT), tmp_path / "training.npz"
    whole = train(TASTES.ones(), settings)
    monkeypatch.setattr(running, "SECONDS", 0.0)  # a checkpoint after each step
    written, write = [], running.write_checkpoint

    def few(path, state, print_of):
        write(path, state, print_of)
        written.append(state.at)
        if len(written) == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(running, "write_checkpoint", few)
    with pytest.raises(KeyboardInterrupt):
        train(TASTES.ones(), settings, checkpoint=file)
    assert written[-1] > 0
    monkeypatch.undo()
    assert same(train(TASTES.ones(), settings, checkpoint=file), whole)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from taste import tastes
from anglewise.recommender_models.training_state import Settings
from anglewise.recommender_models.training import train
settings = Settings(components=8, epochs=25, validation=0.1, patience=25)
train(tastes().ones(), settings, checkpoint=Path({file!r}))
"""


def test_a_killed_training_goes_on_from_a_whole_file(tmp_path):
    file = tmp_path / "training.npz"
    code = KILLED.format(folder=str(Path(__file__).parents[1]), file=str(file))
    process = subprocess.Popen([sys.executable, "-c", code])
    while not file.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    settings = Settings(components=8, epochs=25, validation=0.1, patience=25)
    assert same(train(TASTES.ones(), settings, checkpoint=file), train(TASTES.ones(), settings))


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    file = tmp_path / "training.npz"
    train(TASTES.ones(), Settings(**SHORT), checkpoint=file)
    with pytest.raises(FileError, match=r"differs in interactions:"):
        train(tastes(seed=1).ones(), Settings(**SHORT), checkpoint=file)
    with pytest.raises(FileError, match=r"differs in seed, temperature:"):
        train(TASTES.ones(), Settings(**SHORT, seed=1, temperature=0.2), checkpoint=file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(FileError, match="damaged"):
        train(TASTES.ones(), Settings(**SHORT), checkpoint=file)
    with pytest.raises(FileError, match="does not exist"):
        train(TASTES.ones(), Settings(**SHORT), checkpoint=tmp_path / "no" / "where.npz")


def spoiled(monkeypatch, at, spoil):
    """The loss is spoiled at a step, counted from 1."""
    real, calls = running.loss_of, []

    def loss_of(*arguments):
        calls.append(arguments)
        return spoil(real(*arguments)) if len(calls) in at else real(*arguments)

    monkeypatch.setattr(running, "loss_of", loss_of)


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    settings, file = Settings(**SHORT), tmp_path / "training.npz"
    whole = train(TASTES.ones(), settings)
    spoiled(monkeypatch, {30}, lambda loss: loss * float("nan"))
    with pytest.raises(TrainingError, match=r"loss is nan at step 30, in epoch 3: .*training.npz"):
        train(TASTES.ones(), settings, checkpoint=file)
    monkeypatch.undo()
    assert same(train(TASTES.ones(), settings, checkpoint=file), whole)
    spoiled(monkeypatch, {1}, lambda loss: loss * float("inf"))
    with pytest.raises(TrainingError, match=r"inf at step 1, in epoch 1: .* nothing is kept"):
        train(TASTES.ones(), settings)


def test_a_learning_rate_without_measure_stops_in_words():
    with pytest.raises(TrainingError, match="smaller learning rate"):
        train(TASTES.ones(), Settings("dot", learning_rate=1e30, components=8, epochs=5))


def test_where_memory_runs_out_steps_are_halved_and_it_is_said(monkeypatch):
    said = []

    def out(_loss):
        raise torch.OutOfMemoryError("CUDA out of memory")

    spoiled(monkeypatch, {3, 4}, out)
    model = train(TASTES.ones(), Settings(**SHORT, batch=64), say=said.append)
    assert said == [
        "out of memory: steps of 32 users from here on",
        "out of memory: steps of 16 users from here on",
    ]
    assert model.about["batch"] == 16
    assert len(model.history) == 6


def test_a_device_without_memory_for_one_user_is_told(monkeypatch):
    def out(_loss):
        raise torch.OutOfMemoryError("CUDA out of memory")

    spoiled(monkeypatch, range(1, 99), out)
    with pytest.raises(TrainingError, match="no memory for a single user"):
        train(TASTES.ones(), Settings(**SHORT))


def test_a_device_that_is_not_there_is_refused():
    missing = "cuda" if not torch.cuda.is_available() else "xpu:99"
    with pytest.raises(ValuesError, match="cannot be used"):
        train(TASTES.ones(), Settings(**SHORT, device=missing))


def test_drawing_a_part_of_the_catalogue_serves_nearly_as_well():
    told = {"components": 8, "epochs": 30, "patience": 30}
    whole = train(TASTES.ones(), Settings(**told)).about["validation_ndcg"]
    part = train(TASTES.ones(), Settings(**told, negatives=20)).about["validation_ndcg"]
    assert part > whole - 0.05


def test_uncorrected_draws_push_popular_items_down():
    popularity = np.bincount(TASTES.indices, minlength=60)
    told = {"components": 8, "epochs": 30, "validation": 0, "popularity": 1.0}
    means = {}
    for log_q in (True, False):
        model = train(TASTES.ones(), Settings("dot", **told, log_q=log_q))
        scores = model.fold_in(TASTES.ones()) @ model.item_factors.T
        means[log_q] = np.corrcoef(scores.mean(axis=0), popularity)[0, 1]
    assert means[False] < means[True] - 0.1


@pytest.mark.parametrize("measure", ["cosine", "dot", "euclidean"])
def test_weights_change_what_is_learned_and_equal_ones_do_not(measure):
    settings, weighed = (Settings(measure, **SHORT, weighted=w) for w in (False, True))
    plain = train(TASTES.ones(), settings)
    assert same(plain, train(TASTES.ones(), weighed))
    table = TASTES.ones()
    table.data = np.random.default_rng(0).uniform(0.1, 5, len(table.data))
    assert same(plain, train(table, settings))
    other = train(table, weighed)
    assert not same(plain, other)
    assert other.about["weighted"] is True
    assert "weighted" not in plain.about


def test_what_weighs_more_is_found_first():
    """Two kinds of items that each user used alike often, one of them ten times the weight."""
    rng = np.random.default_rng(1)
    table = (rng.random((200, 60)) < 0.3).astype(float)
    heavy = np.arange(60) % 2 == 0
    weighed = np.where(heavy, 10.0, 1.0) * table
    settings = Settings("dot", components=8, epochs=10, validation=0, weighted=True)
    model = train(weighed, settings)
    scores = model.fold_in(weighed) @ model.item_factors.T
    plain = train(weighed, Settings("dot", components=8, epochs=10, validation=0))
    before = plain.fold_in(weighed) @ plain.item_factors.T
    lead = scores[:, heavy].mean() - scores[:, ~heavy].mean()
    assert lead > before[:, heavy].mean() - before[:, ~heavy].mean() + 0.5


def test_a_fit_learns_from_weights_where_it_is_asked_to():
    did = interactions(TASTES)
    weights = np.random.default_rng(0).integers(1, 6, len(did.users)).astype(float)
    did = type(did)(did.users, did.items, weights, did.user_ids, did.item_ids)
    told = Trainer(Settings(epochs=3))
    plain, weighed = (
        fit(did, objective="cosine", components=8, trainer=told, confidence=c) for c in (None, 1)
    )
    assert not np.array_equal(plain.space.items.vectors, weighed.space.items.vectors)
    assert any(note.startswith("weights from 1 to 5 are not learned from") for note in plain.notes)
    assert not any(note.startswith("weights from") for note in weighed.notes)
    assert weighed.space.about["confidence"] == 1
