"""Remedies on queries that come in groups: no group both screens and decides."""

import re

import numpy as np
import pytest

from anglewise import AnglewiseError, Embeddings, Space, remedy
from anglewise.comparison.split import ALONE, QuerySplit, assumed_sizes, chance_over
from anglewise.data_types.drawn import QueryWeights
from anglewise.remedies import runner
from anglewise.remedies.training_data import set_apart
from anglewise.statistics.resampling import Clusters
from remedy_space import fitted

MEASURES = "euclidean, cosine@centred, norm(0,*)"


@pytest.fixture(scope="module")
def grouped():
    made = fitted()
    asking = made.space.queries
    own = [f"u{row}" for row in range(len(asking))]
    about = {**asking.metadata, "own": own, "team": [f"t{row % 9}" for row in range(len(asking))]}
    space = Space(
        items=made.space.items,
        queries=Embeddings(asking.vectors, ids=asking.ids, metadata=about),
        seen=made.space.seen,
    )
    return space, made.judgements["queries-items"]


def told(result):
    found = result.comparison
    return found.measures, result.advice.candidate, [one.mean for one in result.screened]


def test_one_query_a_group_gives_the_usual_result(grouped):
    usual = remedy(*grouped, MEASURES, finalists=2)
    alone = remedy(*grouped, MEASURES, finalists=2, split="group(own)")
    assert usual.screening_queries > 0
    assert told(alone) == told(usual)
    assert "split" not in usual.comparison.signature
    assert re.search(r"\|split:group\(own\)\.\d+\|", alone.comparison.signature)


def test_no_group_both_screens_and_decides(grouped):
    space, judgements = grouped
    result = remedy(*grouped, MEASURES, finalists=2, split="group(team)")
    team = np.array(space.queries.metadata["team"])
    decide = set(team[result.comparison.evidence.rows])
    screen = set(team[np.setdiff1d(judgements.judged_rows, result.comparison.evidence.rows)])
    assert result.screening_queries > 0
    assert not decide & screen
    assert result.comparison.groups == len(decide)


def test_what_is_tuned_on_the_way_knows_the_groups(grouped, monkeypatch):
    space, _ = grouped
    team, real, calls = np.array(space.queries.metadata["team"]), runner.candidate_lists, []

    def noted(searched, measures, judgements, settings):
        calls.append((searched.queries, settings.split.clusters))
        return real(searched, measures, judgements, settings)

    monkeypatch.setattr(runner, "candidate_lists", noted)
    remedy(*grouped, MEASURES, finalists=2, split="group(team)")
    assert len(calls) > 2
    for rows, units in calls:
        assert units.of.tolist() == Clusters.named(team[rows]).of.tolist()


def test_whole_groups_screen_and_no_more_queries_than_before():
    for seed in range(20):
        sizes = np.random.default_rng(seed).integers(1, 12, 30)
        units = Clusters(np.repeat(np.arange(30), sizes))
        judged = np.arange(100, 100 + sizes.sum())
        apart = set_apart(judged, seed, QuerySplit("group(x)", units))
        screen, decide = (set(units.of[rows - 100]) for rows in (apart.screening, apart.deciding))
        assert not screen & decide
        assert len(apart.screening) <= len(judged) // 4
        assert sorted([*apart.screening, *apart.deciding]) == judged.tolist()
    alone = QuerySplit("group(own)", Clusters.each(len(judged)))
    mine, usual = set_apart(judged, 3, alone), set_apart(judged, 3, ALONE)
    assert mine.screening.tolist() == usual.screening.tolist()


def test_what_is_kept_is_kept_for_its_split(grouped, tmp_path):
    first = remedy(*grouped, MEASURES, finalists=2, split="group(team)", cache=tmp_path)
    other = remedy(*grouped, MEASURES, finalists=2, cache=tmp_path)
    again = remedy(*grouped, MEASURES, finalists=2, split="group(team)", cache=tmp_path)
    assert told(again) == told(first) != told(other)


def test_a_split_by_time_is_refused(grouped):
    space, judgements = grouped
    about = {"day": list(range(len(space.queries)))}
    dated = Space(items=space.items, queries=Embeddings(space.queries.vectors, metadata=about))
    with pytest.raises(AnglewiseError, match=r"time\(day\) is for compare"):
        remedy(dated, judgements, MEASURES, split="time(day)")


def test_a_declared_largest_group_stands_in_the_advice_and_widens_what_is_said(grouped):
    settings = {"finalists": 2, "split": "group(team)"}
    seen, declared = (
        remedy(*grouped, "euclidean", largest_group=n, **settings) for n in (None, 400)
    )
    assert "no group has more than 400 queries (declared)" in declared.advice.sentence
    assert "(declared)" not in seen.advice.sentence
    assert "|largest-group:400|" in declared.comparison.signature
    assert declared.to_dict()["split"]["largest_group"] == 400
    ends = [result.comparison.verdict.estimate for result in (seen, declared)]
    assert ends[1].low < ends[0].low < ends[0].high < ends[1].high


@pytest.mark.parametrize(
    ("split", "largest", "message"),
    [
        ("queries", 9, "name the groups by split"),
        ("time(own)", 9, "name the groups by split"),
        ("group(team)", 1, "declared to have 1 query"),
        ("group(team)", 0, "largest group"),
    ],
)
def test_a_largest_group_that_cannot_be_is_refused(grouped, split, largest, message):
    space, judged = grouped
    about = {**space.queries.metadata, "own": list(range(len(space.queries)))}
    asking = Embeddings(space.queries.vectors, ids=space.queries.ids, metadata=about)
    timed = Space(items=space.items, queries=asking, seen=space.seen)
    with pytest.raises(AnglewiseError, match=message):
        remedy(timed, judged, "euclidean", split=split, largest_group=largest)


def test_a_group_that_screened_is_known_to_be_as_large_as_it_is():
    """A larger group than any that decides was seen: others may be as large."""
    groups = Clusters.named(np.repeat(["a", "b", "c"], [8, 2, 2]))
    some = QuerySplit("group(x)", groups).take(np.arange(8, 12))
    assert some.clusters.sizes.tolist() == [2, 2]
    chance = chance_over(some.clusters, 4, None)
    assert chance.largest == 8
    assert list(assumed_sizes(some.clusters, chance)) == ["no group has more than 8 queries"]
    weights = QueryWeights(np.ones(4), 1.5)
    assert chance_over(some.clusters, 4, weights).largest == 12
    assert chance_over(groups.take(np.arange(12)), 12, None).largest == 8
