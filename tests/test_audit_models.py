"""The audit of trained models and encoders, made and real: it says what is there, no more."""

from functools import cache

import pytest

import planted
from anglewise import Space, audit, read_interactions, read_space
from anglewise.recommender_models.fit import fit
from real_data import real_data

marks_both = pytest.mark.parametrize(
    "source", ["made", pytest.param("real", marks=pytest.mark.real)]
)


@cache
def films(source, objective):
    if source == "made":
        interactions, components, penalty = planted.ratings(), 8, {"product": 50.0, "factors": 2.0}
    else:
        interactions = read_interactions(real_data("ml-100k/interactions.csv.gz"))
        components, penalty = 32, {"product": 1000.0, "factors": 10.0}
    fitted = fit(
        interactions, components=components, objective=objective, penalty=penalty[objective]
    )
    return audit(fitted.space, judgements=fitted.judgements, sample=300, threads=1)


@marks_both
def test_a_loss_of_products_leaves_the_films_arbitrary(source):
    report = films(source, "product")
    assert report.verdict.cosine == "arbitrary"
    assert report.agreement["items-items"].least < 0.9
    assert report.predictions_moved < 1e-12
    assert report.geometry.sides["items"].popularity_spearman > 0.9


@marks_both
def test_weight_decay_pins_them(source):
    report = films(source, "factors")
    assert report.verdict.cosine == "pinned-by-training"
    assert report.gauge_gap == pytest.approx(1, abs=0.05)
    assert report.agreement["items-items"].gauges["cosine@balanced"] > 0.95


@marks_both
def test_judgements_are_followed_along_the_path(source):
    path = films(source, "product").path["items-items"]
    assert len(path.score) == len(path.powers) == len(path.overlap)
    assert max(path.score) > min(path.score)
    assert path.overlap[5] == max(path.overlap)  # fit leaves the items where t is one half


@pytest.mark.parametrize("unit", [True, False])
def test_no_alarm_is_raised_over_vectors_trained_for_cosine(unit):
    space, _ = planted.unit_lengths() if unit else planted.angles_matter()
    declared = Space(queries=space.queries, items=space.items, trained_for="cosine")
    assert audit(declared, sample=100, threads=1).verdict.cosine == "determined"
    report = audit(space, sample=100, threads=1)
    assert report.verdict.cosine in {"unknown", "determined"}
    assert report.reading.unit == unit
    assert ("rows of unit length suggest cosine" in report.verdict.reason) == (
        unit and report.verdict.cosine == "unknown"
    )


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
