"""A machine grades, people grade a drawn part, and the comparison holds for people's grades."""

import csv
import importlib
import io
import json
import shutil
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from anglewise import JudgementStore, read_space
from anglewise.comparison.assisted import compare_assisted
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.judgements.records import Judged
from anglewise.labelling.double_draw import double_chances, draw_by_query, sample_double
from anglewise.labelling.sample import sample
from anglewise.nearest_neighbours.search import search
from anglewise.report.assisted_document import assisted_document
from anglewise.statistics.prediction_powered import MeanInterval
from assisted_space import MEASURES, fill_in, judge_that_errs, made_space
from cli_run import anglewise, refused
from grader_stub import grader
from real_data import SHARED, real_data

__all__ = ["anglewise", "grader"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A space, and the true grade of each pair."""
    folder = tmp_path_factory.mktemp("assisted") / "space"
    return folder, made_space(folder)


@pytest.fixture
def truth(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "space")
    return made[1]


@pytest.fixture
def space(truth, tmp_path):
    del truth
    return tmp_path / "space"


def machine_rows(space, said, judge="m", measures=MEASURES, depth=10):
    """Grades of the whole pools by a machine."""
    drawn = sample(read_space(space), measures, budget=10_000, depth=depth)
    asking, ranked = read_space(space).sides("queries-items")
    names = zip(asking.ids[drawn.rows].tolist(), ranked.ids[drawn.items].tolist(), strict=True)
    return [Judged(*pair, said[pair], judge=judge, source="generated") for pair in names]


def erring(truth, accuracy=0.8, seed=1):
    rng = np.random.default_rng(seed)
    return {
        pair: grade if rng.random() < accuracy else int((grade + rng.integers(1, 4)) % 4)
        for pair, grade in truth.items()
    }


def peoples_rows(draw, truth, judge="anna"):
    return [
        Judged(
            query,
            item,
            truth[query, item],
            judge=judge,
            probability=float(draw.chances[pair]),
            context=draw.context,
        )
        for pair in draw.chosen.tolist()
        for query, item in [draw.frame.names[pair]]
    ]


def true_difference(space, truth, rows):
    """DCG@10 of cosine less that of dot by people's grades of everything."""
    loaded = read_space(space)
    queries = sorted({row.query_id for row in rows})
    places = np.array([loaded.queries.row_of[query] for query in queries])
    lists = search(loaded, MEASURES, k=10, rows=places)
    discounts = 1 / np.log2(np.arange(10) + 2)
    ids = loaded.items.ids

    def gain(name):
        return np.mean(
            [
                sum(d * truth[q, str(ids[i])] for d, i in zip(discounts, row, strict=True))
                for q, row in zip(queries, lists[name].indices, strict=True)
            ]
        )

    return gain("cosine") - gain("dot")


def test_the_whole_way_from_a_pool_to_a_verdict(space, truth, tmp_path, anglewise, grader):
    grader.grade = judge_that_errs(truth)
    pool, people = tmp_path / "pool.csv", tmp_path / "people.csv"
    measures = ["--measures", MEASURES]
    assert anglewise("judge", "sample", space, "-o", pool, *measures, "--budget", "999").code == 0
    words = ["judge", "grade", space, pool, "--model", "small", "--url", grader.url]
    assert anglewise(*words).code == 0
    run = anglewise("judge", "sample", space, "-o", people, *measures, "--double", "150")
    assert run.code == 0, run.err
    assert "keep the columns probability and context" in " ".join(run.out.split())
    count = fill_in(people, truth)
    assert abs(count - 150) < 20
    assert anglewise("judge", "import", space, people, "--judge", "anna").code == 0
    run = anglewise("compare", space, "--assisted")
    assert run.code == 0, run.err
    assert "cosine is better than dot: cosine is ahead of dot by" in run.out
    assert "as good as about" in run.out
    told = json.loads(anglewise("compare", space, "--assisted", "--json", "-").out)
    assert told["verdict"] == {"decision": "better", "measure": "cosine", "better_than": ["dot"]}
    assert told["graded_by_people"] == count
    [dcg, precision] = told["differences"]
    assert (dcg["metric"], precision["metric"]) == ("DCG(sampled)@10", "P@10")
    rows = [Judged(query, "d0", 0, judge="x") for query, _ in truth]
    real = true_difference(space, truth, rows)
    assert dcg["difference"]["low"] < real < dcg["difference"]["high"]
    assert dcg["bias_of_machine"]["mean"] == pytest.approx(
        dcg["by_machine_alone"] - dcg["difference"]["mean"]
    )
    assert 0.6 < told["agreement"]["alike"] < 0.95
    assert 0 < dcg["savings"]["labels_ratio"] < 0.9
    assert dcg["savings"]["machine_helped"]
    page = tmp_path / "page.html"
    assert anglewise("compare", space, "--assisted", "--html", page).code == 0
    assert "Cohen" in page.read_text()


def test_the_same_seed_draws_and_says_the_same(space, truth):
    rows = machine_rows(space, erring(truth))
    first, again, other = (
        sample_double(read_space(space), rows, MEASURES, count=100, seed=seed) for seed in (3, 3, 4)
    )
    assert np.array_equal(first.chosen, again.chosen)
    assert not np.array_equal(first.chosen, other.chosen)
    judged = [*rows, *peoples_rows(first, truth)]
    results = [compare_assisted(read_space(space), judged).to_dict() for _ in range(2)]
    assert results[0] == results[1]


def test_pairs_come_with_the_chances_that_are_said():
    rng = np.random.default_rng(0)
    lists = np.repeat(np.arange(12), 9)
    spread = np.where(rng.random(108) < 0.2, 0.0, rng.random(108))
    chances = double_chances(spread, rng.integers(0, 4, 108).astype(float), 30)
    assert chances.sum() == pytest.approx(30)
    assert ((chances == 0) == (spread == 0)).all()
    assert chances[spread > 0].min() >= 0.05
    counts = np.zeros(108)
    draws = 4000
    for _ in range(draws):
        chosen = draw_by_query(lists, chances, rng)
        assert len(np.unique(chosen)) == len(chosen)
        counts[chosen] += 1
    error = np.sqrt(chances * (1 - chances) / draws)
    assert (np.abs(counts / draws - chances) <= 4.5 * error + 1e-9).all()


def test_what_is_drawn_of_one_query_says_nothing_of_another():
    rng = np.random.default_rng(1)
    lists, chances = np.array([0, 0, 1, 1]), np.array([0.3, 0.4, 0.5, 0.2])
    both = first = second = 0
    for _ in range(6000):
        chosen = set(draw_by_query(lists, chances, rng).tolist())
        first, second = first + (0 in chosen), second + (2 in chosen)
        both += {0, 2} <= chosen
    assert both / 6000 == pytest.approx(first * second / 6000**2, abs=0.02)


def test_where_measures_agree_nobody_need_grade(space, truth):
    rows = machine_rows(space, erring(truth))
    drawn = sample_double(read_space(space), rows, "dot,norm(0,0.1)", count=10_000)
    assert (~drawn.frame.differ).sum() > 20
    assert not (drawn.chances[~drawn.frame.differ] > 0).any()
    with pytest.raises(TooFewError, match="alike"):
        sample_double(read_space(space), rows, "dot,norm(0,0)", count=5)


def test_if_people_grade_all_that_differs_the_machine_does_not_matter(space, truth):
    """And the figure is that of plain DCG by people's grades, to rounding."""
    estimates = []
    for accuracy in (1.0, 0.0):
        rows = machine_rows(space, erring(truth, accuracy))
        draw = sample_double(read_space(space), rows, MEASURES, count=10_000)
        result = compare_assisted(read_space(space), [*rows, *peoples_rows(draw, truth)])
        estimates.append(result.differences[0].corrected)
    assert estimates[0].mean == pytest.approx(estimates[1].mean)
    assert estimates[0].low == pytest.approx(estimates[1].low)
    assert estimates[0].mean == pytest.approx(true_difference(space, truth, rows))


def test_a_machine_that_says_nothing_is_said_to_have_saved_nothing(space, truth):
    rng = np.random.default_rng(2)
    rows = machine_rows(space, {pair: int(rng.integers(0, 4)) for pair in truth})
    draw = sample_double(read_space(space), rows, MEASURES, count=150)
    result = compare_assisted(read_space(space), [*rows, *peoples_rows(draw, truth)])
    assert not result.differences[0].savings.machine_helped
    words = " ".join(line.text for group in assisted_document(result).body[1:] for line in group)
    assert "the machine saved nothing" in words


def test_a_machine_that_favours_a_measure_is_named_and_does_not_sway(space, truth):
    loaded = read_space(space)
    lists = search(loaded, MEASURES, k=10)
    by_dot = {
        (f"q{row}", str(loaded.items.ids[item]))
        for row, items in enumerate(lists["dot"].indices)
        for item in items
    }
    rows = machine_rows(space, {pair: 3 if pair in by_dot else 0 for pair in truth})
    draw = sample_double(loaded, rows, MEASURES, count=200)
    result = compare_assisted(loaded, [*rows, *peoples_rows(draw, truth)])
    one = result.differences[0]
    assert one.by_machine < 0 < one.corrected.mean
    assert one.bias.high < 0
    words = " ".join(line.text for group in assisted_document(result).body[1:] for line in group)
    assert "The machine favours dot over cosine" in words


def test_too_few_relevant_is_said_in_place_of_an_interval(space, truth):
    nothing = dict.fromkeys(truth, 0)
    rows = machine_rows(space, nothing)
    draw = sample_double(read_space(space), rows, MEASURES, count=100)
    result = compare_assisted(read_space(space), [*rows, *peoples_rows(draw, nothing)])
    assert "too few for an interval" in result.differences[0].too_few
    assert result.decision == ("cannot-tell", None)
    content = result.to_dict()["differences"][0]
    assert content["difference"]["low"] is None
    assert content["savings"] is None


def test_of_twenty_queries_or_fewer_less_is_said(tmp_path):
    truth = made_space(tmp_path / "space", queries=12)
    rows = machine_rows(tmp_path / "space", truth)
    draw = sample_double(read_space(tmp_path / "space"), rows, MEASURES, count=60)
    result = compare_assisted(read_space(tmp_path / "space"), [*rows, *peoples_rows(draw, truth)])
    assert "12 queries are too few" in result.differences[0].too_few


def test_ndcg_is_given_where_a_querys_whole_pool_is_human_alone(space, truth):
    rows = machine_rows(space, erring(truth))
    draw = sample_double(read_space(space), rows, MEASURES, count=150)
    people = peoples_rows(draw, truth)
    assert compare_assisted(read_space(space), [*rows, *people]).ndcg_queries == 0
    whole = [
        Judged(row.query_id, row.item_id, truth[row.query_id, row.item_id], judge="anna")
        for row in rows
        if row.query_id in {"q1", "q2"}
        and (row.query_id, row.item_id) not in {(p.query_id, p.item_id) for p in people}
    ]
    result = compare_assisted(read_space(space), [*rows, *people, *whole])
    assert result.ndcg_queries == 2
    assert set(result.ndcg) == {"dot", "cosine"}
    assert all(0 < value <= 1 for value in result.ndcg.values())
    assert result.unused == len(whole)


def test_several_measures_hold_together_and_some_of_them_may_be_compared(space, truth):
    measures = "dot,cosine,euclidean"
    rows = machine_rows(space, erring(truth), measures=measures)
    draw = sample_double(read_space(space), rows, measures, count=200)
    judged = [*rows, *peoples_rows(draw, truth)]
    result = compare_assisted(read_space(space), judged, baseline="cosine")
    assert result.level == 0.975
    assert [one.measure for one in result.deciding] == ["dot", "euclidean"]
    first = compare_assisted(read_space(space), judged, "dot,cosine,euclidean")
    assert [one.measure for one in first.deciding if one.leads > 0] == ["cosine"]
    assert assisted_document(first).headline == "cosine is better than dot"
    lead = first.deciding[0]
    both = replace(first, differences=(lead, replace(lead, measure="euclidean")))
    assert both.behind == ("dot",)
    assert both.to_dict()["verdict"]["better_than"] == ["dot"]
    assert (
        "cosine and euclidean were not compared with each other" in assisted_document(both).reason
    )
    lost = replace(lead, corrected=MeanInterval(-0.2, -0.3, -0.1))
    behind = replace(first, differences=(lost, replace(lost, measure="euclidean")))
    assert assisted_document(behind).headline == "dot is better than cosine and euclidean"
    assert assisted_document(behind).reason == (  # by so much, and not by less than nothing
        "cosine is behind dot by 0.200 [0.100, 0.300]; euclidean is behind dot by 0.200 "
        "[0.100, 0.300], each at 97.5%, in DCG(sampled)@10"
    )
    two = compare_assisted(read_space(space), judged, "cosine,dot", depth=5)
    assert two.level == 0.95
    assert [one.metric for one in two.differences] == ["DCG(sampled)@5", "P@5"]


def changed(rows, **fields):
    return [replace(row, **fields) for row in rows]


def test_what_would_break_the_chances_is_refused(space, truth):
    loaded = read_space(space)
    rows = machine_rows(space, erring(truth))
    draw = sample_double(loaded, rows, MEASURES, count=100)
    people = peoples_rows(draw, truth)
    with pytest.raises(TooFewError, match=r"people graded [0-9]+ of the [0-9]+ pairs drawn"):
        compare_assisted(loaded, [*rows, *people[1:]])
    with pytest.raises(ValuesError, match="came without their chance"):
        compare_assisted(loaded, [*rows, *changed(people, probability=None)])
    with pytest.raises(TooFewError, match="says how it was drawn"):
        compare_assisted(loaded, [*rows, *changed(people, context={})])
    with pytest.raises(TooFewError, match="no machine graded"):
        sample_double(loaded, people, MEASURES, count=10)
    with pytest.raises(ValuesError, match="other lists"):
        compare_assisted(loaded, [*(row for row in rows if row.query_id != "q3"), *people])
    other = sample_double(loaded, rows, MEASURES, count=100, seed=9)
    with pytest.raises(ValuesError, match="2 draws"):
        compare_assisted(loaded, [*rows, *people, *peoples_rows(other, truth)])
    with pytest.raises(SpellingError, match="euclidean had no part in the draw"):
        compare_assisted(loaded, [*rows, *people], "dot,euclidean")
    with pytest.raises(SpellingError, match="the first 10 places, 20"):
        compare_assisted(loaded, [*rows, *people], depth=20)
    with pytest.raises(SpellingError, match="2 machines"):
        sample_double(loaded, [*rows, *changed(rows, judge="n")], MEASURES, count=10)
    with pytest.raises(ValuesError, match="by lot"):
        sample_double(loaded, changed(rows, probability=0.5), MEASURES, count=10)
    with pytest.raises(ValuesError, match="by traffic"):
        sample_double(loaded, changed(rows, context={"drawn": {}}), MEASURES, count=10)
    with pytest.raises(ValuesError, match="by lot"):
        compare_assisted(loaded, [*changed(rows[:1], probability=0.5), *rows[1:], *people])
    with pytest.raises(ValuesError, match="by traffic"):
        compare_assisted(loaded, [*changed(rows[:1], context={"drawn": {}}), *rows[1:], *people])


def test_pairs_without_a_grade_by_the_machine_count_as_its_mean_one(space, truth):
    rows = machine_rows(space, erring(truth))
    some = [row for number, row in enumerate(rows) if number % 5]
    draw = sample_double(read_space(space), some, MEASURES, count=150)
    result = compare_assisted(read_space(space), [*some, *peoples_rows(draw, truth)])
    assert result.not_graded > 0
    graded = {(row.query_id, row.item_id) for row in some}
    both = sum(draw.frame.names[pair] in graded for pair in draw.chosen.tolist())
    assert 0 < both < len(draw)
    assert result.agreement.pairs == both
    one = result.differences[0].corrected
    assert one.low < true_difference(space, truth, rows) < one.high


@pytest.fixture
def graded_space(space, truth):
    rows = machine_rows(space, erring(truth))
    draw = sample_double(read_space(space), rows, MEASURES, count=100)
    with JudgementStore.open(space / "judgements.sqlite") as store:
        store.add_new([*rows, *peoples_rows(draw, truth)])
    return space


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--metric", "nDCG@10"], ["nDCG is not linear"]),
        (["--metric", "P@0"], ["--metric"]),
        (["--gate", "cosine>=dot"], ["--gate", "--assisted"]),
        (["--sequential"], ["--sequential"]),
        (["--spaces", "a", "b"], ["--spaces"]),
        (["--tolerance", "0.01"], ["--tolerance"]),
        (["--tolerance", "0"], ["--tolerance"]),
        (["--where", "a = b"], ["--where"]),
        (["--truths", "co-use"], ["--truths"]),
        (["--trainings", "a", "b"], ["--trainings"]),
        (["--missing", "drop"], ["--missing"]),
        (["--measures", "dot"], ["one measure alone"]),
        (["--measures", "dot,manhattan"], ["manhattan had no part"]),
        (["--baseline", "euclidean"], ["baseline"]),
        (["--qrels", "none.sqlite"], ["none.sqlite"]),
        (["--direction", "items-items"], ["items-items"]),
    ],
)
def test_bad_use_of_compare_is_refused(words, parts, graded_space, anglewise):
    assert refused(anglewise("compare", graded_space, "--assisted", *words), *parts)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--double", "0"], ["--double"]),
        (["--double", "9", "--budget", "9"], ["--budget", "--double"]),
        (["--double", "9", "--by", "disagreement"], ["--by", "--double"]),
        (["--double", "9", "--runs", "a.run"], ["--runs", "--double"]),
        (["--double", "9", "--machine", "n"], ["no machine is called", "there is m"]),
        (["--machine", "m"], ["--machine", "--double"]),
    ],
)
def test_bad_use_of_double_is_refused(words, parts, graded_space, tmp_path, anglewise):
    out = tmp_path / "out.csv"
    run = anglewise("judge", "sample", graded_space, "-o", out, "--measures", MEASURES, *words)
    assert refused(run, *parts)
    assert not out.exists()


def test_a_store_without_draws_or_a_space_without_a_store_is_told_what_to_do(
    space, tmp_path, anglewise
):
    assert refused(anglewise("compare", space, "--assisted"), "judge grade")
    words = ["judge", "sample", space, "-o", tmp_path / "o.csv", "--double", "9"]
    assert refused(anglewise(*words), "judge grade")
    file = tmp_path / "q.tsv"
    file.write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    assert refused(anglewise("compare", space, "--assisted", "--qrels", file), "how it was drawn")


def test_a_table_that_lost_its_context_is_refused(graded_space, tmp_path, anglewise):
    out = tmp_path / "all.csv"
    assert anglewise("judge", "export", graded_space, out).code == 0
    assert anglewise("compare", graded_space, "--assisted", "--qrels", out).code == 0
    names, *rows = csv.reader(io.StringIO(out.read_text()))
    rows = [
        [cell if name != "context" else "" for name, cell in zip(names, row, strict=True)]
        for row in rows
    ]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([names, *rows])
    out.write_text(text.getvalue())
    run = anglewise("compare", graded_space, "--assisted", "--qrels", out)
    assert refused(run, "says how it was drawn")


# simulated, a thinned set of benchmarks/assisted.py


@pytest.fixture
def world(monkeypatch):
    """The functions of the benchmark."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("assisted")


COVERAGE = 0.93


def check(found, trials):
    assert abs(found.bias) < 4
    if found.told > 0.05:
        told = trials * found.told
        assert found.coverage >= COVERAGE - 3 * sqrt(COVERAGE * (1 - COVERAGE) / told)
    assert found.labels <= 1.1 * found.without  # never worse, but for chance of the simulation


@pytest.mark.slow
@pytest.mark.parametrize(
    "machine", ["80% right", "90% right", "favouring one", "random", "reversed"]
)
@pytest.mark.parametrize("name", ["made, many relevant", "made, few relevant"])
@pytest.mark.parametrize(("queries", "part"), [(30, 0.25), (60, 0.1)])
def test_intervals_hold_whatever_the_machine_and_it_never_costs(
    world, name, machine, queries, part
):
    trials = 600
    graded = world.graded_sets(SHARED)[name]()
    found = world.outcome(graded, world.MACHINES[machine], queries, part, trials=trials)
    check(found, trials)
    most = {"80% right": 0.75, "90% right": 0.5}.get(machine)
    if most is not None:
        assert found.labels <= most * 1.15


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("machine", ["80% right", "90% right", "random", "reversed"])
@pytest.mark.parametrize("name", ["Cranfield", "SciFact"])
def test_intervals_hold_on_real_pools(world, name, machine):
    real_data(name.lower())
    graded = world.graded_sets(SHARED)[name]()
    found = world.outcome(graded, world.MACHINES[machine], 60, 0.25, trials=600)
    check(found, 600)
    most = {"80% right": 0.75, "90% right": 0.5}.get(machine)
    if most is not None:
        assert found.labels <= most * 1.15
