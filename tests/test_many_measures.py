"""However many measures, metrics and variants are named, memory and time stay within bounds."""

import tracemalloc

import numpy as np
import pytest

import anglewise as aw
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import MOST
from anglewise.errors import SpellingError, ValuesError
from anglewise.evaluation_metrics.evaluate import read_metrics
from anglewise.remedies.candidate_list import read_candidates
from anglewise.similarity_measures import frames
from anglewise.similarity_measures.measure import measures
from anglewise.statistics import decision, sign_flip
from anglewise.statistics.decision import WeightedMeans
from anglewise.statistics.sign_flip import sign_flips
from cli_run import anglewise, refused

__all__ = ["anglewise"]

MANY = [f"norm(0,{n / 1000})" for n in range(MOST + 1)]


def space(queries=12, items=20, dimension=4):
    rng = np.random.default_rng(0)
    return aw.Space(
        queries=aw.Embeddings(rng.standard_normal((queries, dimension))),
        items=aw.Embeddings(rng.standard_normal((items, dimension))),
    )


def judged(queries=12, items=20):
    rows = np.arange(queries)
    return aw.Judgements(SparseRows.from_pairs(rows, rows, shape=(queries, items)))


def peak(work):
    """The megabytes that some work took at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


# What is held at once


def test_tests_of_many_measures_keep_no_pattern_longer_than_needed():
    values = np.random.default_rng(0).random((40, 60))
    assert peak(lambda: sign_flips(values, flips=100_000)) < 50  # all patterns take 32 MB, thrice


@pytest.mark.parametrize("queries", [9, 40])
def test_critical_values_are_those_of_all_patterns(queries, monkeypatch):
    values = np.random.default_rng(1).random((6, queries))
    whole = sign_flips(values, flips=2000)
    monkeypatch.setattr(sign_flip, "CELLS", 300)
    parts = sign_flips(values, flips=2000)
    for name in ("p", "p_best", "critical"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name
    assert (whole.patterns, whole.exact) == (parts.patterns, parts.exact)


def test_the_highest_of_parts_are_the_highest_of_all(monkeypatch):
    monkeypatch.setattr(sign_flip, "CELLS", 8)
    table = np.random.default_rng(2).random((500, 3)).round(1)
    for count in (1, 7, 499, 500):
        highest = sign_flip._Highest(count, 3)
        for start in range(0, 500, 9):
            highest.add(table[start : start + 9])
        assert np.array_equal(highest.last(), np.sort(table, axis=0)[-count])


def test_weights_of_many_measures_are_not_held_at_once(monkeypatch):
    values = np.random.default_rng(0).random((80, 5000))
    assert peak(lambda: WeightedMeans.of(values)) < 40  # all weights at once: 400 MB
    few = WeightedMeans.of(values[:4, :50]).means
    monkeypatch.setattr(decision, "_CELLS", 1000)
    assert np.array_equal(WeightedMeans.of(values[:4, :50]).means, few)


def test_frames_of_many_measures_are_not_held_at_once(monkeypatch):
    monkeypatch.setattr(frames._FITTED, "room", 1)
    there = space(300, 300, 128)
    spelled = [f"cosine@random(3,{seed})" for seed in range(40)]
    assert peak(lambda: aw.search(there, spelled, k=1, threads=1)) < 20


def test_lists_that_fill_the_memory_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "90MB")
    there = space(1000, 1000, 2)
    spelled = MANY[:6]
    with pytest.raises(ValuesError, match=r"6 measures take 96 MB, 90 MB are allowed: .*=192MB"):
        aw.search(there, spelled, k=1000)
    assert len(aw.search(there, spelled[:5], k=1000)) == 5


# How many may be named


@pytest.mark.parametrize(
    "work",
    [
        lambda: measures(",".join(MANY)),
        lambda: measures(MANY),
        lambda: read_metrics([f"R@{k + 1}" for k in range(MOST + 1)]),
        lambda: aw.search(space(), MANY, k=1),
        lambda: aw.compare(space(), judged(), MANY),
        lambda: aw.compare_spaces({"one": space()}, judged(), MANY),
        lambda: aw.compare_spaces({"one": space(), "two": space()}, judged(), MANY[:51]),
        lambda: aw.compare_spaces(
            {"one": space()}, judged(), "dot", variants=[f"[:{k}]" for k in range(1, MOST + 2)]
        ),
        lambda: read_candidates(MANY, "queries-items"),
        lambda: read_candidates(",".join(f"product({n})" for n in range(1, 61)), "queries-items"),
    ],
)
def test_more_than_can_be_compared_is_refused_with_both_numbers(work):
    with pytest.raises(SpellingError, match=rf"\d+ \w+ are named, {MOST} at most"):
        work()


def test_as_many_as_are_allowed_are_searched():
    assert len(aw.search(space(), MANY[:MOST], k=1)) == MOST


def test_measures_times_metrics_are_bounded():
    spelled = [f"R@{k + 1}" for k in range(50)]
    with pytest.raises(SpellingError, match=r"30 candidates under 51 metrics are 1,530 figures"):
        aw.compare(space(), judged(), MANY[:30], metrics=spelled)
    with pytest.raises(SpellingError, match=r"30 candidates under 51 metrics are 1,530 figures"):
        aw.compare_spaces({"one": space()}, judged(), MANY[:30], metrics=spelled)


def test_the_command_line_refuses_too_many(tmp_path, anglewise):
    aw.write_space(space(), tmp_path / "space")
    (tmp_path / "qrels.tsv").write_text("query\titem\tgain\n0\t1\t1\n1\t2\t1\n")
    judged = ["--qrels", tmp_path / "qrels.tsv"]
    for command, option, further in (
        ("compare", "--measures", judged),
        ("remedy", "--candidates", judged),
        ("search", "--measures", ["--query", "0"]),
    ):
        run = anglewise(command, tmp_path / "space", option, ",".join(MANY), *further)
        refused(run, "101", "100 at most")
