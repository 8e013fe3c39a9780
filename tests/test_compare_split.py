"""Queries that belong together stand together, and chance is over groups of them."""

import json
import re

import numpy as np
import pytest

from anglewise import AnglewiseError, Embeddings, Judgements, Pairs, Space, compare, compare_spaces
from anglewise.comparison.gates import check
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.power import power
from anglewise.comparison.split import ALONE, QuerySplit, query_split
from anglewise.comparison.stopping import sequential
from anglewise.data_types.sparse import SparseRows
from anglewise.similarity_measures.measure import measures
from anglewise.statistics.resampling import Clusters
from anglewise.statistics.sign_flip import sign_flips
from cli_run import anglewise, refused  # noqa: F401
from test_compare_tuned import popular, row

QUERIES = 120


def about(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "topic": [f"t{i}" for i in rng.integers(0, 30, QUERIES)],
        "own": [f"o{i}" for i in range(QUERIES)],
        "one": ["same"] * QUERIES,
        "holes": ["x", None, " ", float("nan")] * (QUERIES // 4),
        "day": rng.permutation(QUERIES).tolist(),
        "date": [f"2026-{1 + i % 12:02d}-01" for i in range(QUERIES)],
        "words": ["soon"] * QUERIES,
    }


@pytest.fixture(scope="module")
def known():
    space, judgements = popular(QUERIES)
    named = Embeddings(space.queries.vectors, metadata=about())
    return Space(queries=named, items=space.items), judgements


@pytest.fixture(scope="module")
def compared(known):
    return {
        split: compare(*known, "dot,cosine,norm(0,*)", split=split)
        for split in ("queries", "group(own)", "group(topic)", "time(day)")
    }


def apart(split, seed=0):
    asking = Embeddings(
        np.random.default_rng(1).standard_normal((QUERIES, 6)), metadata=about(seed)
    )
    return query_split(split, asking, np.arange(QUERIES), seed=seed)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("split", ["group(topic)", "clusters(20)"])
def test_no_group_is_on_both_sides(split, seed):
    parted = apart(split, seed)
    of = parted.clusters.of
    half = parted.half(QUERIES, seed)
    assert not set(of[half]) & set(of[~half])
    assert 0 < half.sum() < QUERIES
    for part in parted.folds(QUERIES, 5, seed):
        assert not set(of[part]) & set(np.delete(of, part))


@pytest.mark.parametrize("split", ["queries", "group(own)", "group(topic)", "clusters(20)"])
def test_every_query_is_reported_once(split):
    parted = apart(split)
    folds = parted.folds(QUERIES, 5, seed=3)
    assert len(folds) == 5
    assert sorted(np.concatenate(folds)) == list(range(QUERIES))
    assert parted.reported(QUERIES).tolist() == list(range(QUERIES))


def test_groups_of_one_are_parted_as_queries_are():
    alone = apart("group(own)")
    assert alone.half(QUERIES, 7).tolist() == ALONE.half(QUERIES, 7).tolist()
    mine, usual = alone.folds(QUERIES, 5, 7), ALONE.folds(QUERIES, 5, 7)
    assert [part.tolist() for part in mine] == [part.tolist() for part in usual]


def test_one_query_a_group_gives_the_usual_result_to_the_bit(compared):
    usual, alone = compared["queries"], compared["group(own)"]
    assert alone.measures == usual.measures
    assert str(alone.verdict) == str(usual.verdict).replace(" queries", " groups")
    assert alone.signature == usual.signature.replace("|rule", f"|split:group(own).{QUERIES}|rule")


def test_a_verdict_over_groups_says_how_large_the_largest_may_be(compared, known):
    """What larger groups would say cannot be known from a sample that holds none."""
    grouped, alone = compared["group(topic)"], compared["group(own)"]
    largest = grouped.evidence.clusters.sizes.max()
    assert grouped.verdict.reason.endswith(f"; if no group has more than {largest} queries")
    assert "if no" not in alone.verdict.reason
    both = compare(*known, "dot,cosine", split="group(topic)", largest_difference=0.3)
    assert "; if no query of a kind not seen differs by more than 0.3 (" in both.verdict.reason
    assert both.verdict.reason.endswith(f") and no group has more than {largest} queries")


def test_a_declared_largest_group_stands_in_the_sentence_and_widens_every_bound(compared, known):
    grouped = compared["group(topic)"]
    largest = int(grouped.evidence.clusters.sizes.max())
    settings = {"split": "group(topic)", "slices": "date", "baseline": "dot"}
    same, larger = (
        compare(*known, "dot,cosine", largest_group=n, **settings) for n in (largest, 4 * largest)
    )
    assert same.verdict.reason.endswith(f"; if no group has more than {largest} queries (declared)")
    assert f"no group has more than {4 * largest} queries (declared)" in larger.verdict.reason
    assert larger.to_dict()["split"]["largest_group"] == 4 * largest
    assert f"|largest-group:{4 * largest}|" in larger.signature
    for name in ("dot", "cosine"):
        narrow, wide = (row(result, name).metrics["nDCG@10"] for result in (same, larger))
        assert narrow == row(grouped, name).metrics["nDCG@10"]
        assert (wide.low, -wide.high) < (narrow.low, -narrow.high)
    narrow, wide = (row(result, "cosine").vs_baseline for result in (same, larger))
    assert (wide.low, -wide.high) < (narrow.low, -narrow.high)
    assert check(larger, "cosine>=dot").figure.low == pytest.approx(wide.low)
    assert power(larger, wanted=0.2).needed > power(same, wanted=0.2).needed
    floors = zip(same.floors, larger.floors, strict=True)
    assert all(other.high > one.high for one, other in floors)
    parts = zip(same.slices, larger.slices, strict=True)
    assert all(b.verdict.estimate.high > a.verdict.estimate.high for a, b in parts)


def test_a_largest_group_that_cannot_be_is_refused(known):
    space, judgements = known
    largest = int(compare(*known, "dot", split="group(topic)").evidence.clusters.sizes.max())
    with pytest.raises(AnglewiseError, match=rf"has {largest}: declare that many at least"):
        compare(*known, "dot", split="group(topic)", largest_group=largest - 1)
    for split in ("queries", "time(date)"):
        with pytest.raises(AnglewiseError, match="is of queries in groups"):
            compare(*known, "dot", split=split, largest_group=9)
    with pytest.raises(AnglewiseError, match="these are pairs or triplets: leave it out"):
        compare(space, Pairs(np.arange(9), np.arange(9), np.arange(9.0)), "dot", largest_group=9)
    spaces = {"a": space, "b": space}
    several = compare_spaces(spaces, judgements, "dot", split="group(topic)", largest_group=50)
    assert "no group has more than 50 queries (declared)" in several.verdict.reason


def test_only_another_split_is_told(compared):
    usual, grouped = compared["queries"], compared["group(topic)"]
    assert "split" not in usual.signature
    assert "split" not in usual.to_dict()
    assert usual.groups is None
    assert grouped.to_dict()["split"] == {"by": "group(topic)", "groups": grouped.groups}
    assert f"split:group(topic).{grouped.groups}|" in grouped.signature
    assert any(f"chance is over {grouped.groups} groups" in note for note in grouped.notes)
    assert grouped.queries == QUERIES


def test_the_mean_stays_that_of_queries(compared):
    for one in compared["group(topic)"].measures[1:]:
        if one.settings:
            continue
        same = row(compared["queries"], one.measure)
        assert one.metrics["nDCG@10"].mean == pytest.approx(same.metrics["nDCG@10"].mean)


def test_no_group_is_reported_by_what_was_tuned_on_it(known):
    space, judgements = known
    parted = query_split("group(topic)", space.queries, np.arange(QUERIES), seed=4)
    half = parted.half(QUERIES, seed=4)
    gains = judgements.gains
    before = row(compare(*known, "norm(0,*)", split="group(topic)", seed=4), "norm(0,*)").settings
    for place, part in enumerate((half, ~half)):
        turned = np.where(part[gains.rows], (gains.indices + 1) % 150, gains.indices)
        other = Judgements(SparseRows.from_pairs(gains.rows, turned, shape=gains.shape))
        after = compare(space, other, "norm(0,*)", split="group(topic)", seed=4)
        assert before[place] == row(after, "norm(0,*)").settings[place]
        assert before[1 - place] != row(after, "norm(0,*)").settings[1 - place]


def test_later_queries_tune_nothing(known, compared):
    space, judgements = known
    days = np.array(space.queries.metadata["day"])
    result = compared["time(day)"]
    assert sorted(days[result.evidence.rows]) == list(range(60, 120))
    gains = judgements.gains
    for part, same in ((days >= 60, True), (days < 60, False)):
        turned = np.where(part[gains.rows], (gains.indices + 1) % 150, gains.indices)
        other = Judgements(SparseRows.from_pairs(gains.rows, turned, shape=gains.shape))
        after = compare(space, other, "dot,cosine,norm(0,*)", split="time(day)")
        settings = row(after, "norm(0,*)").settings
        assert (settings == row(result, "norm(0,*)").settings) is same
        if not same:  # the earlier are reported by nothing
            assert row(after, "dot").metrics == row(result, "dot").metrics
    assert any("the earlier 60 queries are for tuning" in note for note in result.notes)


@pytest.mark.parametrize("copies", [1, 3, 80])
def test_one_moment_is_on_one_side(copies):
    times = np.array([0.0] * copies + list(range(1, 41)))
    asking = Embeddings(np.ones((len(times), 2)), metadata={"at": times.tolist()})
    later = query_split("time(at)", asking, np.arange(len(times))).later
    assert times[~later].max() < times[later].min()
    assert 0 < later.sum() < len(times)


def test_dates_are_times():
    later = apart("time(date)").later
    months = np.array([int(one[5:7]) for one in about()["date"]])
    assert sorted(set(months[later])) == [7, 8, 9, 10, 11, 12]


def test_what_is_learnt_sees_no_group_and_no_later_query_of_its_own(monkeypatch, known):
    from anglewise.comparison import lists

    space, judgements = known
    calls = []
    plain = lists.learn_adapter

    def watched(knows, learners, shape, seed):
        calls.append(learners)
        return plain(knows, learners, shape, seed)

    monkeypatch.setattr(lists, "learn_adapter", watched)
    monkeypatch.setattr("anglewise.similarity_measures.adapter.FEWEST", 10)
    compare(space, judgements, "cosine@adapted(1)", split="group(topic)")
    of = query_split("group(topic)", space.queries, np.arange(QUERIES)).clusters.of
    reported = [~one for one in calls]
    assert len(calls) == 5
    assert (np.sum(reported, axis=0) == 1).all()
    for out in reported:
        assert not set(of[out]) & set(of[~out])
    calls.clear()
    result = compare(space, judgements, "cosine@adapted(1),dot", split="time(day)")
    days = np.array(space.queries.metadata["day"])
    assert [one.tolist() for one in calls] == [(days < 60).tolist()]
    assert result.queries == 60


def test_the_same_seed_gives_the_same_bytes(known, compared):
    again = compare(*known, "dot,cosine,norm(0,*)", split=" group( topic )", threads=1)
    assert again.to_dict() == compared["group(topic)"].to_dict()


def test_spaces_are_split_as_one_is(known, compared):
    space, judgements = known
    one = compare_spaces({"a": space}, judgements, "dot,cosine,norm(0,*)", split="group(topic)")
    assert one.groups == compared["group(topic)"].groups
    theirs = {row.measure.removeprefix("a: "): row.metrics for row in one.measures}
    assert theirs == {row.measure: row.metrics for row in compared["group(topic)"].measures}
    later = compare_spaces({"a": space}, judgements, "dot,norm(0,*)", split="time(day)")
    assert later.queries == 60


def test_a_plan_counts_groups(compared):
    plan = power(compared["group(topic)"], 0.001)
    assert (plan.queries, plan.noun) == (compared["group(topic)"].groups, "group")
    assert f"{plan.queries} groups would show" in str(plan)
    assert re.search(r"vary as these do, if no group has more than \d+ queries\)$", str(plan))
    with pytest.raises(AnglewiseError, match=r"groups by group\(topic\).*leave the split out"):
        sequential(compared["group(topic)"])


def test_a_gate_draws_groups(compared):
    usual, grouped = (check(compared[s], "dot>=cosine").figure for s in ("queries", "group(topic)"))
    own = check(compared["group(own)"], "dot>=cosine").figure
    assert own == usual
    assert grouped.mean == pytest.approx(usual.mean)
    assert (grouped.low, grouped.high) != (usual.low, usual.high)


def test_a_resample_of_groups_has_the_mean_of_its_queries():
    rng = np.random.default_rng(0)
    units, values = Clusters.named(rng.integers(0, 7, 40)), rng.random((3, 40))
    assert np.allclose(units.scaled(values).mean(axis=1), values.mean(axis=1))
    assert np.allclose(units.influence(values).mean(axis=1), values.mean(axis=1))
    counts = rng.multinomial(7, np.full(7, 1 / 7), size=20)
    expected = [np.repeat(values, drawn[units.of], axis=1).mean(axis=1) for drawn in counts]
    assert np.allclose(units.means(values)(counts), expected)


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("group(nothing)", "nothing is known about queries under 'nothing': there is topic, own"),
        ("group(one)", "all 120 judged queries are one group by group(one)"),
        ("group(holes)", "column 'holes' is empty for 90 judged queries, such as '1', '2' and '3'"),
        ("time(one)", "'same', which is no time"),
        ("time(words)", "holds 'soon', which is no time"),
        ("time(holes)", "column 'holes' is empty"),
        ("clusters(1)", "one group by clusters(1)"),
        ("clusters(500)", "500 clusters of 120 rows"),
        ("groups(topic)", "'groups(topic)' is no split: write queries, group(COLUMN)"),
        ("group()", "is no split"),
    ],
)
def test_a_split_that_cannot_be_is_refused(known, split, said):
    with pytest.raises(AnglewiseError, match=re.escape(said)):
        compare(*known, "dot,cosine", split=split)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (
            ["20240101", "2024-W01", "20240103"],
            "'20240101' for query 'a' and the date '2024-W01' for query 'b'",
        ),
        (["2024-01-01", "2024-01-02", 7.0], "number '7.0' for query 'c' and the date '2024-01-01'"),
        (["1", "1_0", "3"], "query 'b': column 'at' holds '1_0', which is no time"),
        (["1", "2", "٣"], "query 'c': column 'at' holds '٣', which is no time"),
        (["2024-01-01", "2024-01-02", "٢٠٢٤-01-03"], "query 'c': .* which is no time"),
        ([1, True, 3], "query 'b': column 'at' holds 'True', which is no time"),
        (["1", "true", "3"], "query 'b': column 'at' holds 'true', which is no time"),
    ],
)
def test_times_of_several_kinds_in_one_column_are_refused_by_name(times, says):
    asking = Embeddings(np.eye(3), ids=list("abc"), metadata={"at": times})
    with pytest.raises(AnglewiseError, match=says):
        query_split("time(at)", asking, np.arange(3))


def test_one_moment_alone_and_pairs_are_refused(known):
    asking = Embeddings(np.ones((4, 2)), metadata={"at": [5] * 4})
    with pytest.raises(AnglewiseError, match="all 4 judged queries have one at"):
        query_split("time(at)", asking, np.arange(4))
    space, _ = known
    pairs = Pairs(np.arange(9), np.arange(9), np.arange(9.0))
    with pytest.raises(AnglewiseError, match="these are pairs or triplets: leave it out"):
        compare(space, pairs, "dot", split="group(topic)")


@pytest.mark.parametrize("cell", [10**400, -(10**400)])
def test_a_time_that_no_number_holds_is_refused(cell):
    asking = Embeddings(np.ones((4, 2)), metadata={"at": [cell, 1, 2, 3]})
    with pytest.raises(AnglewiseError, match="at"):
        query_split("time(at)", asking, np.arange(4))


def test_too_few_groups_to_learn_from_are_refused():
    few = QuerySplit("group(x)", Clusters(np.arange(30) % 4))
    with pytest.raises(AnglewiseError, match=r"4 groups by group\(x\).*needs 5 at least"):
        few.folds(30, 5, 0)


def test_the_command_takes_a_split(anglewise, tmp_path):  # noqa: F811
    space, judgements = popular(QUERIES)
    ids = [f"q{i}" for i in range(QUERIES)]
    np.save(tmp_path / "q.npy", space.queries.vectors)
    np.save(tmp_path / "d.npy", space.items.vectors)
    (tmp_path / "q.txt").write_text("\n".join(ids))
    lines = [f"{q},{t},{d}" for q, t, d in zip(ids, about()["topic"], about()["date"], strict=True)]
    (tmp_path / "known.csv").write_text("id,topic,asked\n" + "\n".join(lines))
    gains = judgements.gains
    judged = [f"q{q},{i},1" for q, i in zip(gains.rows, gains.indices, strict=True)]
    (tmp_path / "qrels.csv").write_text("query_id,item_id,gain\n" + "\n".join(judged))
    words = ["compare", "--queries", tmp_path / "q.npy", "--query-ids", tmp_path / "q.txt"]
    words += ["--items", tmp_path / "d.npy", "--qrels", tmp_path / "qrels.csv"]
    words += ["--query-texts", tmp_path / "known.csv", "--measures", "dot,cosine"]
    ran = anglewise(*words, "--split", "group(topic)")
    assert ran.code == 0, ran
    assert re.search(r"120 queries in \d+ groups", ran.out)
    assert "over groups of queries" in ran.out
    assert "split:group(topic)" in ran.out
    assert anglewise(*words, "--split", "time(asked)").code == 0
    declared = anglewise(*words, "--split", "group(topic)", "--largest-group", 40)
    assert "no group has more than 40 queries (declared)" in " ".join(declared.out.split())
    few = anglewise(*words, "--split", "group(topic)", "--largest-group", 1)
    assert refused(few, "is declared to have 1 query")
    assert refused(anglewise(*words, "--largest-group", 40), "--split")
    assert refused(anglewise(*words, "--split", "group(topics)"), "'topics'", "topic, asked")
    assert refused(anglewise(*words, "--split", "grup(topic)"), "is no split")
    assert refused(anglewise(*words, "--spilt", "group(topic)"), "--spilt")
    plan = anglewise("judge", "power", *words[1:], "--split", "group(topic)")
    assert re.search(r"^\d+ groups would show", plan.out)
    assert re.search(r"^ *groups +show", plan.out, re.MULTILINE)
    power_words = ["judge", "power", *words[1:], "--largest-group", 40]
    declared = anglewise(*power_words, "--split", "group(topic)", "--json", "-")
    content = json.loads(declared.out)
    assert content["assumed"] == ["no group has more than 40 queries (declared)"]
    assert content["largest_group"] == 40
    assert "if no group has more than 40 queries (declared))" in content["reason"]
    assert refused(anglewise(*power_words), "--split")
    assert refused(anglewise(*power_words, "--split", "time(asked)"), "--split")


def related(rng, groups, each, correlation=0.7):
    """Two measures, equally good, whose differences go together within a group."""
    of = np.repeat(np.arange(groups), rng.integers(1, 2 * each, groups))
    shared, own = rng.standard_normal(groups)[of], rng.standard_normal(len(of))
    apart = 0.1 * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
    return Clusters(of), np.stack([0.5 + apart / 2, 0.5 - apart / 2])


def inferred(values, units, seed=0):
    scores = Scores(
        measures=tuple(measures("dot,cosine")),
        values={"nDCG@10": values},
        keys=(0, 1),
        resamples=1000,
        rows=np.arange(values.shape[1]),
        judged=1,
        split=QuerySplit("group(x)", units),
    )
    return infer(scores, seed=seed)


def test_rephrasings_of_every_query_add_nothing():
    values = np.random.default_rng(0).random((2, 40))
    once = inferred(values, Clusters.each(40))
    thrice = inferred(np.tile(values, 3), Clusters(np.tile(np.arange(40), 3)))
    assert np.allclose(thrice.flips.p, once.flips.p)
    assert np.allclose(thrice.flips.critical, once.flips.critical)
    for mine, usual in zip(
        [thrice.difference(0, 1), thrice.interval(0, 1)],
        [once.difference(0, 1), once.interval(0, 1)],
        strict=True,
    ):
        assert (mine.low, mine.high) == pytest.approx((usual.low, usual.high))


@pytest.mark.slow
def test_queries_that_go_together_fool_the_default_and_not_the_groups():
    rng = np.random.default_rng(5)
    sets = 600
    wrong, right, covered = 0, 0, 0
    for seed in range(sets):
        units, values = related(rng, groups=30, each=8)
        wrong += sign_flips(values, flips=999, seed=seed).p[0, 1] <= 0.05
        of = inferred(values, units, seed)
        right += of.flips.p[0, 1] <= 0.05
        apart = of.difference(0, 1)
        covered += apart.low <= 0 <= apart.high
    noise = 2 * np.sqrt(0.05 * 0.95 / sets)
    assert wrong / sets > 0.3
    assert right / sets <= 0.05 + noise
    assert covered / sets >= 0.95 - 0.02 - noise
