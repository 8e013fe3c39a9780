"""Agreement of judges: against other programs and published examples, and how it is settled."""

import csv
import json
import math
import tracemalloc

import krippendorff
import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa as statsmodels_cohen
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss

from anglewise import Judged, JudgementStore
from anglewise.errors import TooFewError, ValuesError
from anglewise.labelling.agreement import agreement
from anglewise.report.check_documents import agreement_document
from anglewise.report.document import Table
from anglewise.report.plain_text import markdown
from anglewise.statistics.kappa import cohen_kappa, coincidences, fleiss_kappa, krippendorff_alpha
from cli_run import anglewise, refused
from real_data import real_data

__all__ = ["anglewise"]

KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, math.nan, math.nan, math.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, math.nan, 3],
        [math.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, math.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, math.nan],
    ]
)
"""Four observers, twelve units: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability."""

FLEISS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ],
    dtype=float,
)
"""Fourteen judges, ten subjects: the worked example of the article on Fleiss' kappa, 0.210."""


def counted(table):
    values = np.unique(table[~np.isnan(table)])
    return values, np.stack([(table == v).sum(axis=0) for v in values], axis=1).astype(float)


def alpha(table, level):
    values, counts = counted(table)
    met = coincidences(counts, np.ones((1, len(counts))))
    return krippendorff_alpha(met, values, level)[0]


def test_published_examples_come_out():
    assert alpha(KRIPPENDORFF, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert alpha(KRIPPENDORFF, "ordinal") == pytest.approx(0.815, abs=5e-4)
    assert alpha(KRIPPENDORFF, "interval") == pytest.approx(0.849, abs=5e-4)
    assert fleiss_kappa(FLEISS, np.ones((1, 10)))[0] == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_is_that_of_another_program(level):
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = rng.integers(0, 4, 30)
        table = np.clip(truth + rng.integers(-1, 2, (4, 30)), 0, 3).astype(float)
        table[rng.random(table.shape) < 0.3] = np.nan
        theirs = krippendorff.alpha(table, level_of_measurement=level)
        assert alpha(table, level) == pytest.approx(theirs, abs=1e-12)


def test_kappas_are_those_of_another_program():
    rng = np.random.default_rng(0)
    for _ in range(20):
        confusion = rng.integers(0, 30, (4, 4)).astype(float)
        for ours, theirs in [("none", None), ("linear", "linear"), ("quadratic", "fc")]:
            due = statsmodels_cohen(confusion, wt=theirs, return_results=False)
            assert cohen_kappa(confusion[None], ours)[0] == pytest.approx(due, abs=1e-12)
        counts = rng.multinomial(5, [0.2, 0.3, 0.5], size=25).astype(float)
        due = statsmodels_fleiss(counts)
        assert fleiss_kappa(counts, np.ones((1, 25)))[0] == pytest.approx(due, abs=1e-12)


def test_resampling_is_repeating():
    rng = np.random.default_rng(0)
    counts = rng.multinomial(3, [0.3, 0.3, 0.4], size=12).astype(float)
    times = rng.multinomial(12, np.ones(12) / 12, size=4).astype(float)
    values = np.array([0.0, 1.0, 3.0])
    for row, time in enumerate(times):
        repeated = np.repeat(counts, time.astype(int), axis=0)
        ones = np.ones((1, 12))
        whole = fleiss_kappa(repeated, ones)
        assert fleiss_kappa(counts, times)[row] == pytest.approx(whole[0])
        for level in ("nominal", "ordinal", "interval"):
            ours = krippendorff_alpha(coincidences(counts, times), values, level)[row]
            due = krippendorff_alpha(coincidences(repeated, ones), values, level)[0]
            assert ours == pytest.approx(due)


def table_rows(table, **more):
    return [
        Judged(f"q{unit}", "d", grade, judge=f"judge {judge}", **more)
        for judge, grades in enumerate(table)
        for unit, grade in enumerate(grades)
        if not math.isnan(grade)
    ]


def test_rows_give_what_tables_give():
    found = agreement(table_rows(KRIPPENDORFF), resamples=200)
    assert found.alpha["ordinal"].value == pytest.approx(0.815, abs=5e-4)
    assert np.isnan(found.alpha["ordinal"].low)  # of 11 queries
    twice = agreement(table_rows(np.tile(KRIPPENDORFF, 2).tolist()), resamples=200)
    assert twice.alpha["ordinal"].low < 0.815 < twice.alpha["ordinal"].high <= 1
    assert (found.pairs, found.shared) == (12, 11)
    assert (found.fleiss_judges, found.fleiss_pairs) == (4, 8)
    assert len(found.judge_pairs) == 6
    assert agreement(table_rows(KRIPPENDORFF)[::-1], resamples=200) == found


def test_perfect_and_no_agreement():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    alike = agreement(table_rows([truth.tolist()] * 3), resamples=100)
    for one in (*alike.alpha.values(), alike.fleiss, *alike.judge_pairs[0].kappa.values()):
        assert one.value == 1
        assert np.isnan([one.low, one.high]).all()  # resamples of what is alike cannot differ
    assert alike.disputes == ()
    by_chance = agreement(table_rows(rng.integers(0, 3, (2, 400)).tolist()), resamples=400)
    for one in (
        *by_chance.alpha.values(),
        by_chance.fleiss,
        *by_chance.judge_pairs[0].kappa.values(),
    ):
        assert abs(one.value) < 0.12
        assert one.low < 0 < one.high


def two_judges(queries, relevant, wrong, seed=0):
    """The first of so many queries are relevant, and on the first of these the second errs."""
    first = [1.0] * relevant + [0.0] * (queries - relevant)
    second = [1 - grade if row < wrong else grade for row, grade in enumerate(first)]
    return agreement(table_rows([first, second]), resamples=200, seed=seed)


@pytest.mark.parametrize(
    ("relevant", "wrong", "why"),
    [
        (9, 5, "rarer grades in 9 queries: 10 are due"),
        (1, 1, "rarer grades in 1 query: 10 are due"),
        (30, 4, "judges differ in 4 queries: 5 are due"),
        (30, 1, "judges differ in 1 query: 5 are due"),
        (10, 5, None),
    ],
)
def test_of_few_queries_that_matter_no_interval_is_given_and_it_is_said_why(relevant, wrong, why):
    """Resamples of what stands in a handful of queries held the truth in half of such sets."""
    found = two_judges(100, relevant, wrong)
    shown = markdown(agreement_document(found))
    for one in (*found.alpha.values(), found.fleiss, *found.judge_pairs[0].kappa.values()):
        assert np.isnan([one.low, one.high]).all() == (why is not None)
        assert (one.to_dict()["low"] is None) == (why is not None)
        if why is None:
            assert one.low < one.value < one.high
    assert why is None or shown.count(why) == 7


def test_an_interval_reaches_further_down_where_few_queries_carry_it():
    """By percentiles both ends were about as far from a high agreement."""
    kappa = two_judges(100, 12, 6).judge_pairs[0].kappa["none"]
    assert kappa.value - kappa.low > kappa.high - kappa.value


def test_one_grade_tells_nothing():
    found = agreement(table_rows([[1.0] * 9] * 2), resamples=20)
    assert math.isnan(found.alpha["nominal"].value)
    assert found.to_dict()["alpha"]["nominal"]["value"] is None


@pytest.mark.slow
def test_intervals_hold_what_they_promise():
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 3, 40_000)
    noisy = [np.where(rng.random(40_000) < 0.7, whole, rng.integers(0, 3, 40_000)) for _ in "ab"]
    truth = alpha(np.array(noisy, dtype=float), "nominal")
    held = 0
    for draw in range(200):
        some = rng.choice(40_000, 100, replace=False)
        table = [[float(grade) for grade in one[some]] for one in noisy]
        one = agreement(table_rows(table), resamples=400, seed=draw).alpha["nominal"]
        held += one.low <= truth <= one.high
    assert 0.9 <= held / 200 <= 0.99


def test_disputes_are_told_the_widest_first():
    rows = [
        Judged("q1", "d1", 0, judge="a"),
        Judged("q1", "d1", 3, judge="b"),
        Judged("q1", "d2", 1, judge="a"),
        Judged("q1", "d2", 2, judge="b"),
        Judged("q2", "d1", 2, judge="a"),
        Judged("q2", "d1", 2, judge="b"),
        Judged("q1", "d2", 2, judge="adjudicator"),
    ]
    found = agreement(rows, resamples=20)
    assert [(one.item_id, one.spread, one.decided) for one in found.disputes] == [
        ("d1", 3, None),
        ("d2", 1, 2),
    ]
    # the adjudicator is no opinion among others
    assert [one.first for one in found.judge_pairs] == ["a"]


def test_what_cannot_be_told_is_said():
    with pytest.raises(TooFewError, match="let a second person judge"):
        agreement([Judged("q", "d", 1, judge="a")])
    with pytest.raises(TooFewError, match="no pair"):
        agreement([Judged("q", "d", 1, judge="a"), Judged("q", "e", 1, judge="b")])
    with pytest.raises(ValuesError, match="round them"):
        agreement(Judged("q", str(i), i / 7, judge=judge) for i in range(99) for judge in "ab")


@pytest.mark.real
def test_judges_made_of_graded_pairs_agree_as_another_program_says():
    with real_data("stsb-en/pairs.csv").open(newline="") as file:
        scores = np.array([float(row["score"]) for row in csv.DictReader(file)][:400])
    rng = np.random.default_rng(0)
    table = np.stack([np.clip(np.round(scores + rng.normal(0, s, 400)), 0, 5) for s in (0.3, 0.9)])
    found = agreement(table_rows(table.tolist()), resamples=50)
    for level, agreed in found.alpha.items():
        due = krippendorff.alpha(table, level_of_measurement=level)
        assert agreed.value == pytest.approx(due, abs=1e-12)


def test_disputes_are_settled_from_the_command_line(tmp_path, anglewise):
    place = tmp_path / "judgements.sqlite"
    with JudgementStore.open(place) as store:
        store.add_many(table_rows(KRIPPENDORFF))
    run = anglewise("judge", "agreement", tmp_path, "--disputes", tmp_path / "open.csv")
    assert run.code == 0, run.err
    assert "Krippendorff's alpha, ordinal" in run.out
    assert "0.815" in run.out
    assert "3 pairs on which judges differ, 0 of them decided" in run.out
    with (tmp_path / "open.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["said"] == "judge 0 1, judge 1 2, judge 2 3, judge 3 4"
    for row in rows[:2]:
        row["grade"] = "2"
    with (tmp_path / "open.csv").open("w", newline="") as file:
        lines = csv.DictWriter(file, rows[0])
        lines.writeheader()
        lines.writerows(rows)
    run = anglewise("judge", "import", tmp_path, tmp_path / "open.csv", "--judge", "adjudicator")
    assert "2 recorded, 1 not graded yet" in run.out
    told = json.loads(anglewise("judge", "agreement", tmp_path, "--json", "-").out)
    assert [one["decided"] for one in told["disputes"]].count(2.0) == 2
    assert told["alpha"]["ordinal"]["value"] == pytest.approx(0.815, abs=5e-4)


def test_files_and_choices(tmp_path, anglewise):
    path = tmp_path / "rows.csv"
    lines = [f"q{i},d,{(i * j) % 3},judge {j}" for i in range(20) for j in (1, 2, 4)]
    path.write_text("\n".join(["query_id,item_id,grade,judge", *lines, "q1,d,oops,judge 1"]))
    run = anglewise("judge", "agreement", path, "--judges", "judge 1,judge 4", "--json", "-")
    assert run.code == 0, run.err
    assert "1 rows refused" in run.err
    assert json.loads(run.out)["judges"] == {"judge 1": 20, "judge 4": 20}
    assert refused(anglewise("judge", "agreement", path, "--judges", "judge 1"), "second person")
    assert refused(anglewise("judge", "agreement", path, "--sources", "rumour"), "rumour")
    assert refused(anglewise("judge", "agreement", tmp_path / "none.csv"), "none.csv")
    assert refused(anglewise("judge", "agreement", path, "--resample", "5"), "--resamples")


@pytest.mark.parametrize(("queries", "said"), [(1, "1 query: 20 are due"), (19, "19 queries: 20")])
def test_no_interval_of_agreement_has_no_width_or_comes_of_few_queries(queries, said):
    """Forty pairs of which judges dispute some, by queries that are resampled whole."""
    rows = [
        Judged(
            f"q{i % queries}", f"d{i}", (i // 2 + (judge == "b" and i % 7 == 0)) % 2, judge=judge
        )
        for i in range(40)
        for judge in "ab"
    ]
    found = agreement(rows, resamples=200)
    every = [*found.alpha.values(), found.fleiss, *found.judge_pairs[0].kappa.values()]
    assert all(np.isnan([one.low, one.high]).all() for one in every)
    assert found.to_dict()["alpha"]["ordinal"]["low"] is None
    [table] = [b for b in agreement_document(found).body[0] if isinstance(b, Table)]
    assert all(row[-1].startswith(said) for row in table.rows)


def crowd(judges, pairs=8):
    """Judges who all grade the same pairs; the later, the fewer of them."""
    return [
        Judged(f"q{i}", "d", (i + judge) % 2, judge=f"judge {judge:04}")
        for judge in range(judges)
        for i in range(pairs - judge * 4 // judges)
    ]


def test_of_a_crowd_the_judges_who_share_most_are_compared(monkeypatch):
    from anglewise.labelling import agreement as room

    few = agreement(crowd(12), resamples=20)
    assert len(few.judge_pairs) == 45
    assert few.more_judge_pairs
    monkeypatch.setattr(room, "MOST_JUDGE_PAIRS", 1000)
    every = agreement(crowd(12), resamples=20)
    assert len(every.judge_pairs) == 66
    assert not every.more_judge_pairs
    shared = sorted((-two.pairs, two.first, two.second) for two in every.judge_pairs)[:45]
    assert [(two.first, two.second) for two in few.judge_pairs] == sorted(p[1:] for p in shared)
    assert all(two in every.judge_pairs for two in few.judge_pairs)
    document = markdown(agreement_document(few))
    assert "of the 45 times two judges who share most pairs; more share some" in document
    assert "more share some" not in markdown(agreement_document(every))


def test_the_judges_who_share_most_are_those_of_all_pairs_of_judges(monkeypatch):
    """The search in blocks, which ends early, against all judges two by two."""
    from anglewise.labelling import agreement as room

    rng = np.random.default_rng(3)
    rows = [
        Judged(f"q{pair}", "d", 1, judge=f"j{judge:03}")
        for judge in range(120)
        for pair in rng.permutation(30)[: rng.integers(1, 12)]
    ]
    table = room._table(rows)
    given = np.zeros((120, len(table.pairs)), dtype=np.int64)
    given[table.judge, table.pair] = 1
    both, judged = given @ given.T, given.sum(axis=1)
    every = sorted(
        (-both[a, b], *sorted((a, b), key=lambda j: (-judged[j], j)))
        for a in range(120)
        for b in range(a)
        if both[a, b]
    )
    order = {judge: place for place, judge in enumerate(np.argsort(-judged, kind="stable"))}
    every.sort(key=lambda two: (two[0], order[two[1]], order[two[2]]))
    due = sorted(tuple(sorted(two[1:])) for two in every[:45])
    for cells in (1 << 20, 500):
        monkeypatch.setattr(room, "CELLS", cells)
        assert room._most_sharing(table) == (due, True)


def test_agreement_of_a_crowd_is_found_in_a_moment():
    """A judge for each of many pairs, and a thousand judges of the same pairs."""
    rows = crowd(1000)
    rows += [Judged(f"r{i}", "d", 1, judge=f"visitor {i}") for i in range(20_000)]
    tracemalloc.start()
    found = agreement(rows, resamples=20)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 200_000_000  # a table of pairs by judges would take 3.4 GB
    assert len(found.judge_pairs) == 45
    assert {two.pairs for two in found.judge_pairs} == {8}
    text = markdown(agreement_document(found))
    assert "and 20,980 more" in text
    assert max(map(len, text.splitlines())) < 2000
