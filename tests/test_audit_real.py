"""The audit on real vectors: it says what is there, alarming or not."""

from functools import cache

import pytest

from anglewise import audit, read_interactions, read_space
from anglewise.models.fit import fit
from real_data import real_data


@cache
def films(objective):
    path = real_data("ml-100k/interactions.csv.gz")
    penalty = {"product": 1000.0, "factors": 10.0}[objective]
    fitted = fit(read_interactions(path), components=32, objective=objective, penalty=penalty)
    return audit(fitted.space, judgements=fitted.judgements, sample=300, threads=1)


@pytest.mark.real
def test_a_loss_of_products_leaves_the_films_arbitrary():
    report = films("product")
    assert report.verdict.cosine == "arbitrary"
    assert report.agreement["items-items"].least < 0.9
    assert report.predictions_moved < 1e-12
    assert report.geometry.sides["items"].popularity_spearman > 0.9


@pytest.mark.real
def test_weight_decay_pins_them():
    report = films("factors")
    assert report.verdict.cosine == "pinned-by-training"
    assert report.gauge_gap == pytest.approx(1, abs=0.05)
    assert report.agreement["items-items"].gauges["cosine@balanced"] > 0.95


@pytest.mark.real
def test_judgements_are_followed_along_the_path():
    path = films("product").path["items-items"]
    assert len(path.score) == len(path.powers) == len(path.overlap)
    assert max(path.score) > min(path.score)
    assert path.overlap[5] == max(path.overlap)  # fit leaves the items where t is one half


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["use", "paraphrase-L3", "glove50-sum"])
def test_no_alarm_is_raised_over_an_encoder_trained_for_cosine(encoder):
    folder = real_data("cranfield/vectors") / encoder
    declared = read_space(folder, trained_for="cosine")
    assert audit(declared, sample=100, threads=1).verdict.cosine == "determined"
    report = audit(read_space(folder), sample=100, threads=1)
    assert report.verdict.cosine in {"unknown", "determined"}
    assert report.reading.unit == (encoder == "use")
