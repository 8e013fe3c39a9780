"""Several trainings of one model: intervals cover trainings as well as queries."""

import json

import numpy as np
import pytest
from scipy import stats

from anglewise import (
    Embeddings,
    Judgements,
    Space,
    audit,
    compare,
    compare_trainings,
    write_space,
)
from anglewise.comparison import compare_trainings as trainings_room
from anglewise.comparison.filtered import filtered
from anglewise.comparison.gates import check
from anglewise.comparison.inference import _over_trainings
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.judgements.co_use import co_use
from anglewise.report.comparison_document import comparison_document
from anglewise.report.plain_text import markdown
from anglewise.statistics.decision import WeightedMeans
from anglewise.statistics.sign_flip import sign_flips
from anglewise.statistics.trainings import TrainingMeans
from cli_run import anglewise, refused

__all__ = ["anglewise"]

QUERIES = 150
IDS = [f"q{row:03}" for row in range(QUERIES)], [f"i{row:03}" for row in range(QUERIES)]
X = np.random.default_rng(0).standard_normal((QUERIES, 8))
OWN = Judgements(
    SparseRows.from_pairs(np.arange(QUERIES), np.arange(QUERIES), shape=(QUERIES, QUERIES))
)


def trained(seed, noise=0.3, lengths=4.0):
    """A model in which cosine finds each query's own item, and lengths mislead dot."""
    rng = np.random.default_rng(seed)
    items = X + noise * rng.standard_normal(X.shape)
    items *= rng.uniform(1, lengths, (QUERIES, 1))
    return Space(queries=Embeddings(X, ids=IDS[0]), items=Embeddings(items, ids=IDS[1]))


def alike(count=3, **settings):
    return {f"seed {seed}": trained(seed, **settings) for seed in range(count)}


def test_each_figure_is_the_mean_over_trainings_with_their_spread():
    models = alike()
    result = compare_trainings(models, OWN, "dot,cosine", metrics="R@5")
    for row in result.measures:
        for metric in ("nDCG@10", "R@5"):
            own = [
                compare(space, OWN, row.measure, metric).measures[0].metrics[metric].mean
                for space in models.values()
            ]
            assert row.metrics[metric].mean == pytest.approx(np.mean(own))
            spread = row.trainings[metric]
            assert spread.values == pytest.approx(own)
            assert spread.sd == pytest.approx(np.std(own, ddof=1))
            assert (spread.low, spread.high) == pytest.approx((min(own), max(own)))
    assert result.trainings == tuple(models)
    assert json.loads(json.dumps(result.to_dict()))["trainings"] == list(models)


def test_trainings_that_are_the_same_add_nothing_to_an_interval():
    same = {name: trained(0) for name in "ab"}
    one, two = compare(trained(0), OWN, "dot,cosine"), compare_trainings(same, OWN, "dot,cosine")
    assert two.verdict.decision == one.verdict.decision == "use"
    for first, second in zip(one.measures, two.measures, strict=True):
        assert second.metrics["nDCG@10"].low == pytest.approx(first.metrics["nDCG@10"].low)
        assert second.metrics["nDCG@10"].high == pytest.approx(first.metrics["nDCG@10"].high)
        assert second.trainings["nDCG@10"].sd == 0


def test_trainings_that_differ_widen_what_is_said():
    models = {"a": trained(1, noise=0.2), "b": trained(2, noise=0.5), "c": trained(3, noise=0.8)}
    wide = compare_trainings(models, OWN, "dot,cosine").measures[0]
    alone = [compare(space, OWN, wide.measure).measures[0] for space in models.values()]
    width = max(row.metrics["nDCG@10"].high - row.metrics["nDCG@10"].low for row in alone)
    assert wide.metrics["nDCG@10"].high - wide.metrics["nDCG@10"].low > 1.5 * width
    assert 0 <= wide.metrics["nDCG@10"].low <= wide.metrics["nDCG@10"].high <= 1


def test_where_trainings_disagree_about_the_best_one_cannot_tell():
    models = alike(5, noise=0.1, lengths=8.0)
    agreeing = compare_trainings(models, OWN, "dot,cosine", tolerance=0.0)
    assert (agreeing.verdict.decision, agreeing.verdict.trainings_agree) == ("use", True)
    # one in which dot is a hair ahead: the others by far outweigh it
    turned = trained(9, noise=0.1, lengths=8.0)
    vectors = turned.items.vectors / np.linalg.norm(turned.items.vectors, axis=1, keepdims=True)
    models["odd"] = Space(
        queries=turned.queries,
        items=Embeddings(np.round(vectors, 3), ids=IDS[1]),
    )
    dot, cosine = (
        compare(models["odd"], OWN, name).measures[0].metrics["nDCG@10"].mean
        for name in ("dot", "cosine")
    )
    assert dot >= cosine
    verdict = compare_trainings(models, OWN, "dot,cosine", tolerance=0.0).verdict
    assert (verdict.decision, verdict.trainings_agree) == ("cannot-tell", False)
    assert "trainings disagree about which is best" in verdict.reason
    assert "5 of 6, and not in odd" in verdict.reason


def test_a_tie_needs_every_training_to_bear_it_out():
    models = {}
    for name, space in alike(12).items():  # of one length dot and cosine are nearly the same
        x = space.items.vectors / np.linalg.norm(space.items.vectors, axis=1, keepdims=True)
        models[name] = Space(queries=space.queries, items=Embeddings(np.round(x, 3), ids=IDS[1]))
    even = compare_trainings(models, OWN, "dot,cosine", tolerance=0.15)
    assert (even.verdict.decision, even.verdict.trainings_agree) == ("tie", True)
    models["odd"] = trained(20, lengths=8.0)
    result = compare_trainings(models, OWN, "dot,cosine", tolerance=0.15)
    leads = np.subtract(
        *(
            next(row for row in result.measures if row.measure == name).trainings["nDCG@10"].values
            for name in ("cosine", "dot")
        )
    )
    assert leads[-1] > 0.15
    assert (result.verdict.decision, result.verdict.trainings_agree) == ("cannot-tell", False)
    assert "by odd alone cosine is ahead of dot by as much as matters" in result.verdict.reason


def test_two_trainings_far_apart_decide_nothing():
    models = {"a": trained(1, noise=0.1, lengths=1.5), "b": trained(2, noise=0.1, lengths=20.0)}
    assert compare(models["b"], OWN, "dot,cosine").verdict.decision == "use"
    result = compare_trainings(models, OWN, "dot,cosine")
    assert result.verdict.decision == "cannot-tell"
    assert result.verdict.plans is None
    assert (
        "trainings vary as draws of a normal distribution do (2 were seen)" in result.verdict.reason
    )
    assert not result.measures[0].beats  # nor is any p-value of the queries alone shown


def test_what_trainings_add_is_students_t_of_their_spread():
    means = np.random.default_rng(3).normal(0.5, 0.1, (4, 1, 2))
    drawn = TrainingMeans(tuple("abcd"), means).offsets(200_000, seed=5)[:, 0]
    lead = means[:, 0, 0] - means[:, 0, 1]
    scale = lead.std(ddof=1) / 2
    ends = np.quantile((drawn[:, 0] - drawn[:, 1]) / scale, [0.025, 0.5, 0.975])
    assert ends == pytest.approx([-3.182, 0, 3.182], abs=0.06)  # t with 3 degrees


@pytest.mark.parametrize(("count", "sd"), [(2, 0.05), (3, 0.05), (3, 0.01), (5, 0.05)])
def test_intervals_cover_the_mean_over_queries_and_trainings(count, sd):
    """Where those of the queries alone cover .15 to .85 of the time."""
    rng, covered, draws, sets = np.random.default_rng(count), 0, 1000, 120
    for number in range(sets):
        base = 0.3 + 0.4 * rng.beta(2, 3, 300)
        moved = rng.normal(0, sd, (count, 2, 1))
        values = base + rng.normal(0, 0.08, (1, 2, 300)) + moved
        values = np.clip(values + rng.normal(0, 0.05, (count, 2, 300)), 0, 1)
        means = TrainingMeans(tuple(map(str, range(count))), values.mean(axis=2)[:, None])
        drawn = WeightedMeans.of(values.mean(axis=0), draws=draws, seed=number)
        both = drawn.means + means.offsets(draws, seed=number)[:, 0]
        low, high = WeightedMeans(both, drawn.unseen).difference(0, 1)
        covered += low <= 0 <= high
    assert covered / sets >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / sets)


def test_gates_and_floors_know_of_trainings_too():
    models = {"a": trained(1, noise=0.1, lengths=1.5), "b": trained(2, noise=0.1, lengths=20.0)}
    result = compare_trainings(models, OWN, "dot,cosine")
    gate = check(result, "dot>=cosine-0.5")
    assert gate.figure.low < -0.5  # two trainings so far apart say next to nothing
    assert "queries or trainings" in gate.sentence
    narrow = check(compare(models["a"], OWN, "dot,cosine"), "dot>=cosine-0.5")
    assert narrow.figure.high - narrow.figure.low < gate.figure.high - gate.figure.low
    assert [floor.name for floor in result.floors] == ["random"]


def test_the_table_says_how_far_trainings_lie_apart():
    result = compare_trainings(alike(), OWN, "dot,cosine")
    text = markdown(comparison_document(result))
    assert "over 3 trainings" in text
    assert "mean of 3 trainings" in text
    own = result.measures[0].trainings["nDCG@10"]
    assert f"{own.low:.3f} to {own.high:.3f} (sd {own.sd:.3f})" in text
    assert "Welch's t over queries and trainings" in text


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in range(3):
        write_space(trained(seed), f"seed{seed}", judgements={"queries-items": OWN})
    return ["seed0", "seed1", "seed2"]


def test_the_command_says_what_the_function_finds(anglewise, folders):
    first, *others = folders
    words = ["--measures", "dot,cosine", "--json", "-"]
    run = anglewise("compare", first, "--trainings", *others, *words)
    assert run.code == 0, run
    told = json.loads(run.out)
    assert told == json.loads(anglewise("compare", "--trainings", *folders, *words).out)
    due = compare_trainings({f: trained(n) for n, f in enumerate(folders)}, OWN, "dot,cosine")
    assert told == json.loads(json.dumps(due.to_dict()))
    named = anglewise("compare", "--trainings", "a=seed0", "b=seed1", *words)
    assert json.loads(named.out)["trainings"] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--trainings", "seed0"], ["1 training came", "by another seed"]),
        (["seed0", "--trainings", "seed0"], ["seed0"]),
        (["seed0", "--trainings", "none"], ["none does not exist"]),
        (["--trainings", "seed0", "seed1", "--spaces", "seed2"], ["--spaces", "--trainings"]),
        (["--trainings", "seed0", "seed1", "--run-out", "runs"], ["--run-out", "--trainings"]),
        (["--trainings", "seed0", "seed1", "--history", "h.parquet"], ["--history"]),
        (["--trainings", "seed0", "seed1", "--dry-run"], ["--dry-run", "--trainings"]),
        (["--trainings", "seed0", "seed1", "--sequential"], ["--sequential"]),
        (["--trainings", "seed0", "seed1", "--measures", "rerank(cosine,5)"], ["rerank"]),
        (["--trainings", "seed0", "seed1", "--baseline", "manhattan"], ["manhattan"]),
    ],
)
@pytest.mark.usefixtures("folders")
def test_what_makes_no_sense_of_trainings_is_refused(anglewise, words, parts):
    assert refused(anglewise("compare", *words), *parts)


def test_what_is_used_together_is_judged_within_strata_over_all_trainings():
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((60, QUERIES)) < np.linspace(0.4, 0.05, QUERIES))
    judged = co_use(UsedTogether(SparseRows.from_pairs(users, items, shape=(60, QUERIES))))
    models = {name: Space(items=trained(seed).items) for seed, name in enumerate("ab")}
    result = compare_trainings(models, judged, "dot,cosine")
    assert result.within
    alone = [compare(model, judged, "dot,cosine") for model in models.values()]
    for measure in ("dot", "cosine"):
        mean = np.mean([own.values()[measure] for own in alone], axis=0)
        np.testing.assert_allclose(result.values()[measure], mean)
    for way, first, second in zip(result.ways, *(own.ways for own in alone), strict=True):
        assert way.name == first.name
        both = (first.means["dot"] + second.means["dot"]) / 2
        assert way.means["dot"] == pytest.approx(both)


def test_a_filter_is_of_one_space():
    kinds = ["x", "y"] * (QUERIES // 2)
    space = trained(0)
    items = Embeddings(space.items.vectors, ids=IDS[1], metadata={"kind": kinds})
    space = Space(queries=space.queries, items=items)
    allowed, _ = filtered(OWN, space, "kind = x", "count")
    with pytest.raises(SpellingError, match="a filter is of one space, and several trainings"):
        compare_trainings({"a": space, "b": space}, allowed, "dot,cosine")


def test_what_nobody_judged_is_that_of_all_trainings():
    gains = np.ones(2 * QUERIES)
    gains[QUERIES:] = 0.0  # so that one may know that the rest was not judged
    rows = np.tile(np.arange(QUERIES), 2)
    columns = np.concatenate([np.arange(QUERIES), (np.arange(QUERIES) + 1) % QUERIES])
    judged = Judgements(SparseRows.from_pairs(rows, columns, gains, shape=(QUERIES, QUERIES)))
    models = {"a": trained(1), "b": trained(2, noise=2.0)}
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        real = trainings_room.infer
        patch.setattr(trainings_room, "infer", lambda s, **k: (seen.append(s), real(s, **k))[1])
        compare_trainings(models, judged, "dot,cosine")
    (scores,) = seen
    assert scores.outside_pool.shape == (2,)
    assert scores.outside_pool.tolist() == scores.unjudged.tolist()


def test_trainings_are_called_as_they_were_named_whatever_that_is():
    own = {"training-2": trained(0), "training-1": trained(1)}
    wrong = Judgements(SparseRows.from_pairs([0], [1], shape=(5, 5)))
    with pytest.raises(ShapeError, match="the judgements of training-2 are"):
        compare_trainings(own, {"training-2": wrong}, "dot,cosine")
    with pytest.raises(SpellingError, match="given for training-1: the spaces are a, b"):
        compare_trainings({"a": trained(0), "b": trained(1)}, {"training-1": OWN}, "dot,cosine")
    lacking = Space(
        queries=own["training-1"].queries, items=own["training-1"].items.take(np.arange(2))
    )
    result = compare_trainings({**own, "training-1": lacking}, OWN, "dot,cosine")
    assert any("training-1" in note for note in result.notes)
    assert not any("training-2 lacks" in note for note in result.notes)


def test_one_training_tells_nothing_of_others():
    with pytest.raises(TooFewError, match="by another seed"):
        compare_trainings({"a": trained(0)}, OWN)


def test_an_audit_calls_other_trainings_by_both_names(anglewise, folders, monkeypatch):
    told = {
        name: anglewise("audit", "seed0", name, "seed1", "--sample", 50, "--json", "-").out
        for name in ("--trainings", "--runs")
    }
    assert json.loads(told["--trainings"])["runs"][0]["name"] == "seed1"
    assert told["--trainings"] == told["--runs"]
    monkeypatch.setenv("ANGLEWISE_AUDIT_RUNS", "seed1")
    assert anglewise("audit", "seed0", "--sample", 50, "--json", "-").out == told["--runs"]
    space = Space(queries=X, items=X[:40] * np.arange(1, 9), trained_for="dot")
    others = {"other": Space(queries=X, items=X[:40], trained_for="dot")}
    one, two = audit(space, trainings=others), audit(space, runs=others)
    assert one.to_dict() == two.to_dict()
    with pytest.raises(SpellingError, match="older name"):
        audit(space, runs=others, trainings=others)
    assert folders


@pytest.mark.parametrize("queries", [2, 3, 40])
def test_trainings_that_agree_leave_students_t_of_the_queries(queries):
    same = TrainingMeans(("a", "b", "c"), np.full((3, 1, 2), 0.5))
    leads = np.array([[0.0, 0.1], [-0.1, 0.0]])
    found = same.p_values([0, 1], leads, np.full((2, 2), 0.05), queries)
    assert found[0, 1] == pytest.approx(2 * stats.t.sf(2.0, queries - 1), rel=1e-9)


def test_queries_that_never_differ_leave_students_t_of_the_trainings():
    means = np.array([[[0.4, 0.5]], [[0.45, 0.5]], [[0.3, 0.55]], [[0.5, 0.6]]])
    found = TrainingMeans(tuple("abcd"), means)
    leads = (means[:, 0, None, :] - means[:, 0, :, None]).mean(axis=0).T
    p = found.p_values([0, 1], leads, np.zeros((2, 2)), 50)
    assert p[0, 1] == pytest.approx(stats.ttest_rel(means[:, 0, 0], means[:, 0, 1]).pvalue)


def test_over_trainings_no_chance_is_above_one_and_the_leaders_is_one():
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 1, (4, 30)).clip(0, 1) + np.arange(4)[:, None] * 0.01
    means = values.mean(axis=1) + 0.02 * rng.standard_normal((3, 1, 4))
    flips = sign_flips(values)
    found = _over_trainings(flips, values, TrainingMeans(("a", "b", "c"), means), [0, 1, 2, 3])
    assert found.p_best.max() == found.p_best[values.mean(axis=1).argmax()] == 1
    assert (found.p_best >= flips.p_best).all()
    assert (found.p >= flips.p).all()
    assert np.nanmax(found.p) <= 1
