"""Measures with an open number: tuned on one half, reported on the other."""

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Pairs, Space, Triplets, compare
from anglewise.comparison.split import choices, first_half
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, TooFewError
from anglewise.similarity_measures.measure import GRID, Family, measures_and_families


def popular(queries=120, items=150, best=0.5, seed=0):
    """What is relevant scores highest when a part of the length, ``best``, is divided out."""
    rng = np.random.default_rng(seed)
    q, x = rng.standard_normal((queries, 6)), rng.standard_normal((items, 6))
    x *= rng.lognormal(0, 1, (items, 1))
    scores = q @ x.T / np.linalg.norm(x, axis=1) ** best
    scores += 0.3 * rng.standard_normal(scores.shape)
    columns = np.argsort(-scores, axis=1)[:, :5]
    rows = np.repeat(np.arange(queries), 5)
    gains = SparseRows.from_pairs(rows, columns.ravel(), shape=scores.shape)
    return Space(queries=Embeddings(q), items=Embeddings(x)), Judgements(gains)


def row(result, name):
    return next(one for one in result.measures if one.measure == name)


def test_an_open_number_finds_its_best():
    space, judgements = popular()
    result = compare(space, judgements, "dot,cosine,norm(0,*)")
    tuned = row(result, "norm(0,*)")
    assert result.measures[0] is tuned
    assert set(tuned.settings) <= {"norm(0,0.3)", "norm(0,0.4)", "norm(0,0.5)", "norm(0,0.6)"}
    assert any("tuned on one half of the queries" in note for note in result.notes)
    assert row(result, "dot").settings == ()


def test_no_query_is_reported_by_what_was_tuned_on_it():
    space, judgements = popular()
    half = first_half(120, seed=4)
    for part in (half, ~half):
        # Other judgements for one half may change the setting of the other half alone.
        gains = judgements.gains
        turned = np.where(part[gains.rows], (gains.indices + 1) % 150, gains.indices)
        other = Judgements(SparseRows.from_pairs(gains.rows, turned, shape=gains.shape))
        before, after = (
            row(compare(space, labels, "dot,norm(0,*)", seed=4), "norm(0,*)").settings
            for labels in (judgements, other)
        )
        fixed = 0 if part is half else 1
        assert before[fixed] == after[fixed]
        assert before[1 - fixed] != after[1 - fixed]


def test_values_and_lists_are_those_of_the_setting_used_for_the_query():
    space, judgements = popular(best=0.55, queries=60)
    seed = next(
        s for s in range(50)
        if len(set(row(compare(space, judgements, "norm(0,*)", seed=s), "norm(0,*)").settings)) == 2
    )  # fmt: skip
    result = compare(space, judgements, "norm(0,*)", seed=seed)
    inside, outside = row(result, "norm(0,*)").settings
    fixed = compare(space, judgements, [inside, outside]).evidence
    half, found = first_half(60, seed), result.evidence.found["norm(0,*)"]
    for on, name in ((half, inside), (~half, outside)):
        at = fixed.measures.index(name)
        values = result.evidence.values["nDCG@10"]
        assert np.array_equal(values[0, on], fixed.values["nDCG@10"][at, on])
        assert np.array_equal(found.indices[on], fixed.found[name].indices[on])
        assert np.array_equal(found.scores[on], fixed.found[name].scores[on])
    assert found.measure == "norm(0,*)"


def test_each_part_is_given_the_best_of_the_other():
    half = np.array([True, False, True, False])
    quality = {True: np.array([0.0, 3.0, 3.0]), False: np.array([1.0, 0.0, 0.0])}
    assert choices(lambda on: quality[bool(on[0])], half) == (0, 1)


def test_halves_follow_the_seed_alone():
    assert np.array_equal(first_half(31, 5), first_half(31, 5))
    assert not np.array_equal(first_half(31, 5), first_half(31, 6))
    assert first_half(31, 5).sum() == 15


def test_one_query_cannot_be_halved():
    space, judgements = popular(queries=1)
    with pytest.raises(TooFewError, match="at least 2"):
        compare(space, judgements, "norm(0,*)")


def test_a_query_exponent_reorders_no_list():
    space, judgements = popular(queries=30)
    result = compare(space, judgements, "norm(*,*),norm(0,*)")
    assert result.verdict.tied_with  # they rank alike
    assert row(result, "norm(*,*)").settings == row(result, "norm(0,*)").settings


def test_pairs_can_be_tuned_in_both_exponents():
    rng = np.random.default_rng(0)
    q, x = rng.standard_normal((60, 6)), rng.standard_normal((60, 6))
    q, x = q * rng.lognormal(0, 1, (60, 1)), x * rng.lognormal(0, 1, (60, 1))
    a, b = rng.integers(60, size=(2, 400))
    lengths = np.linalg.norm(q[a], axis=1) ** 0.8 * np.linalg.norm(x[b], axis=1) ** 0.2
    grades = (q[a] * x[b]).sum(axis=1) / lengths + 0.05 * rng.standard_normal(400)
    space = Space(queries=Embeddings(q), items=Embeddings(x))
    result = compare(space, Pairs(a, b, grades), "dot,cosine,norm(*,*)", metrics="pearson")
    assert (result.verdict.decision, result.verdict.measure) == ("use", "norm(*,*)")
    for setting in row(result, "norm(*,*)").settings:
        assert setting in {f"norm({p},{r})" for p in (0.7, 0.8, 0.9) for r in (0.1, 0.2, 0.3)}
    assert row(result, "norm(*,*)").metrics["spearman"].mean > 0.9
    for metric, values in result.evidence.values.items():
        for name, mean in zip(result.evidence.measures, values.mean(axis=1), strict=True):
            assert row(result, name).metrics[metric].mean == pytest.approx(mean, abs=1e-9)


def test_triplets_can_be_tuned():
    space, _ = popular(queries=60)
    rng = np.random.default_rng(0)
    anchors, near, far = rng.integers(60, size=(3, 4000))
    q, x = space.queries.vectors[anchors].astype(float), space.items.vectors.astype(float)
    scores = [(q * x[i]).sum(axis=1) / np.linalg.norm(x[i], axis=1) ** 0.5 for i in (near, far)]
    near, far = np.where(scores[0] > scores[1], [near, far], [far, near])
    result = compare(space, Triplets(anchors, near, far), "dot,norm(0,*)")
    assert row(result, "norm(0,*)").settings == ("norm(0,0.5)", "norm(0,0.5)")


@pytest.mark.parametrize(
    "spelling", ["norm(0,*)", "norm(*,1)", "norm(*,*)@centred", "norm(0,*)@centred@whitened"]
)
def test_families_are_read_as_they_are_written(spelling):
    (family,) = measures_and_families([spelling])
    assert isinstance(family, Family)
    assert str(family) == spelling
    assert measures_and_families([family]) == [family]


@pytest.mark.parametrize("spelling", ["dot*", "norm(*)", "norm(0,1*)", "csls(*)", "*", "norm(*,x)"])
def test_other_stars_are_refused(spelling):
    with pytest.raises(SpellingError):
        measures_and_families([spelling])


def test_a_family_holds_its_grid():
    assert [setting.formula.item for setting in Family(0, None).settings()] == list(GRID)
    assert len(Family(None, None).settings()) == len(GRID) ** 2
    assert len(Family(None, None).settings(lists=True)) == len(GRID)
