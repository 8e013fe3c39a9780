"""What trackers of experiments are given: finite numbers under flat names, and texts."""

from dataclasses import replace
from math import isfinite

import pytest

import anglewise as aw
from made_comparison import made


def test_each_figure_of_the_table_is_a_metric():
    result = made(3)
    metrics = result.to_mlflow()["metrics"]
    for row in result.measures:
        for metric, estimate in row.metrics.items():
            name = f"{metric}/{row.measure}".replace("@", "_at_")
            assert metrics[f"{name}/mean"] == estimate.mean
            assert metrics[f"{name}/low"] == estimate.low
            assert metrics[f"{name}/high"] == estimate.high


def test_both_trackers_are_given_the_same():
    result = made(3)
    mlflow, wandb = result.to_mlflow(), result.to_wandb()
    assert list(mlflow) == ["metrics", "params", "tags"]
    assert list(wandb) == ["metrics", "config", "summary"]
    assert list(mlflow.values()) == list(wandb.values())


def test_what_is_undefined_is_named_and_never_a_number():
    result = made(2)
    name = result.metric
    first, second = result.measures
    odd = replace(first.metrics[name], low=float("nan"), high=float("inf"))
    rows = (replace(first, metrics={name: odd}), second)
    tracked = replace(result, measures=rows).to_mlflow()
    assert all(map(isfinite, tracked["metrics"].values()))
    assert "nDCG_at_10/cosine/mean" in tracked["metrics"]
    undefined = "nDCG_at_10/cosine/low, nDCG_at_10/cosine/high"
    assert tracked["tags"]["anglewise_undefined"] == undefined
    assert "anglewise_undefined" not in result.to_mlflow()["tags"]


def test_texts_are_texts_under_names_of_ours():
    tracked = made(2, baseline="cosine").to_mlflow()
    for name, text in {**tracked["params"], **tracked["tags"]}.items():
        assert name.startswith("anglewise_")
        assert isinstance(text, str)
    assert tracked["params"]["anglewise_baseline"] == "cosine"
    assert tracked["tags"]["anglewise_verdict"].startswith("Use cosine: ")
    assert tracked["tags"]["anglewise_how_to_read"].startswith("Intervals: 95%, each by itself")


def test_a_long_text_ends_with_what_is_left_out():
    notes = ("x" * 10_000,)
    text = made(2, notes=notes).to_mlflow()["tags"]["anglewise_notes"]
    assert text == "x" * 4000 + "… (6,000 more characters)"


def test_two_candidates_of_one_name_are_refused():
    result = made(2)
    rows = [
        replace(row, measure=name)
        for row, name in zip(result.measures, ("bm25 v1", "bm25+v1"), strict=True)
    ]
    with pytest.raises(aw.AnglewiseError, match="would all be tracked as 'bm25_v1'"):
        replace(result, measures=tuple(rows)).to_wandb()
