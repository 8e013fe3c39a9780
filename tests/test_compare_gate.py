"""Gates: what must hold, or the build fails."""

from dataclasses import replace

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, compare
from anglewise.comparison.gates import check, gate
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError
from anglewise.statistics.decision import WeightedMeans
from anglewise.statistics.resampling import Clusters, bca, bootstrap


@pytest.fixture(scope="module")
def compared():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 8))
    q = x + 0.5 * rng.standard_normal((80, 8))
    items = Embeddings(x * rng.uniform(0.3, 3, (80, 1)))
    own = SparseRows.from_pairs(np.arange(80), np.arange(80), shape=(80, 80))
    space = Space(queries=Embeddings(q), items=items)
    return compare(space, Judgements(own), "dot,cosine,norm(0,0.9)")


def mean(compared, name):
    return next(one.metrics["nDCG@10"].mean for one in compared.measures if one.measure == name)


@pytest.mark.parametrize(
    ("spelling", "passed"),
    [
        ("cosine>=dot", True),
        ("cosine >= dot - 0.01", True),
        ("cosine>=dot+0.05", True),
        ("dot>=cosine-0.01", False),
        ("dot<=cosine", True),
        ("cosine<=dot+.01", False),
        ("dot>=dot", True),
        ("cosine>=0.3", True),
        ("cosine>=1", False),
        ("norm(0,0.9)>=dot-0.5", True),
    ],
)
def test_a_gate_holds_as_the_means_do(compared, spelling, passed):
    checked = check(compared, spelling)
    assert checked.passed is passed
    assert ("holds" if passed else "fails") in checked.sentence


def test_the_limit_itself_passes(compared):
    apart = mean(compared, "dot") - mean(compared, "cosine")
    assert check(compared, replace(gate("dot>=cosine"), level=apart)).passed
    assert not check(compared, replace(gate("dot>=cosine"), level=apart + 1e-6)).passed


def test_the_sentence_gives_the_figures(compared):
    apart = mean(compared, "dot") - mean(compared, "cosine")
    sentence = check(compared, "dot>=cosine-0.01").sentence
    assert sentence.startswith(
        f"gate dot>=cosine-0.01 fails: nDCG@10 of dot less cosine is {apart:.3f} ["
    )
    assert "otherwise" not in sentence


def test_a_gate_that_chance_decides_is_said_to_be_one(compared):
    apart = round(mean(compared, "norm(0,0.9)") - mean(compared, "cosine"), 3)
    sentence = check(compared, f"norm(0,0.9)>=cosine{apart:+}").sentence
    assert sentence.endswith("so other queries might decide otherwise")


def test_the_interval_is_that_of_the_table(compared):
    best, *others = compared.measures
    for one in others:
        sentence = check(compared, f"{one.measure}>={best.measure}").sentence
        assert f"[{one.vs_best.low:.3f}, {one.vs_best.high:.3f}]" in sentence
        figure = check(compared, f"{one.measure}>={best.measure}").figure
        assert (figure.low, figure.high) == (one.vs_best.low, one.vs_best.high)


def test_the_interval_is_that_of_weighted_means_of_values_in_a_known_range(compared):
    best, *others = compared.measures
    values, names = compared.evidence.values["nDCG@10"], compared.evidence.measures
    drawn = WeightedMeans.of(values)
    for one in others:
        figure = check(compared, f"{one.measure}>={best.measure}").figure
        low, high = drawn.difference(names.index(one.measure), names.index(best.measure))
        assert (figure.low, figure.high) == (low, high)
        assert figure.low < figure.mean < figure.high


def test_values_of_a_range_that_is_not_known_are_resampled(compared):
    name, sampled = "nDCG@10", "DCG(sampled)@10"
    rows = tuple(replace(one, metrics={sampled: one.metrics[name]}) for one in compared.measures)
    evidence = replace(compared.evidence, values={sampled: compared.evidence.values[name]})
    now = replace(compared, metric=sampled, measures=rows, evidence=evidence)
    inside, resampled = (check(one, "cosine>=dot").figure for one in (compared, now))
    lead = np.subtract(
        *(evidence.values[sampled][evidence.measures.index(one)] for one in ("cosine", "dot"))
    )
    drawn = bootstrap(Clusters.each(80).means(lead[None]), 80, seed=0)
    low, high = bca(drawn, lead.mean(keepdims=True), lead[None])[0]
    assert (resampled.low, resampled.high) == (low, high)
    assert inside.low < resampled.low < resampled.high < inside.high


@pytest.mark.parametrize("spelling", ["cosine", "cosine>dot", "cosine>=", ">=dot", "cosine>=dot-x"])
def test_what_is_no_gate_is_refused(compared, spelling):
    with pytest.raises(SpellingError):
        check(compared, spelling)


def test_only_what_was_compared_can_be_gated(compared):
    with pytest.raises(SpellingError, match="names manhattan, but compared were"):
        check(compared, "manhattan>=dot")


@pytest.mark.parametrize(
    "spelling", ["cosine>=dot-0.01", "dot>=0.3", "cosine@centred<=norm(0,0.5)+0.2", "dot>=cosine"]
)
def test_gates_are_written_as_they_are_read(spelling):
    assert str(gate(spelling)) == spelling
    assert gate(str(gate(spelling))) == gate(spelling)
