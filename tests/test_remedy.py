"""Remedies as laws: what screens does not decide, time is kept, what is finished stays."""

import errno
import io
import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import planted
from anglewise import Embeddings, Judgements, Pairs, Space, compare, remedy, search
from anglewise.comparison.lists import EvaluationSettings
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.breadth import by_stratum, coverage
from anglewise.evaluation_metrics.evaluate import metric
from anglewise.remedies import result_cache, runner
from anglewise.remedies.candidate_list import read_candidates, rounded, sensible_candidates
from anglewise.remedies.remedy import winner
from anglewise.remedies.result_cache import ResultCache
from anglewise.remedies.screening import run
from anglewise.remedies.training_data import Budget, judged_by, training_of
from anglewise.report.remedy_document import remedy_document
from remedy_space import Clock, Slow, fitted

MANY = "euclidean, cosine@centred, cosine@whitened, norm(0,0.5), norm(0,0.25), dot@centred"


@pytest.fixture(scope="module")
def made():
    return fitted()


@pytest.fixture(scope="module")
def space(made):
    return made.space


@pytest.fixture(scope="module")
def judged(made):
    return made.judgements["queries-items"]


def without_times(result):
    told = result.to_dict()
    told.pop("seconds")
    for row in told["measures"]:
        row["cost"] = {k: v for k, v in row["cost"].items() if "seconds" not in k}
    return told


@pytest.fixture
def searched(monkeypatch):
    """What is searched for: the spellings and the rows of each search."""
    calls, real = [], runner.candidate_lists

    def noted(searched, asked, *words):
        calls.append(([str(one) for one in asked], set(searched.queries.tolist())))
        return real(searched, asked, *words)

    monkeypatch.setattr(runner, "candidate_lists", noted)
    return calls


def test_no_query_that_screens_decides(space, judged, searched):
    result = remedy(space, judged, MANY, finalists=2)
    deciding = set(result.comparison.evidence.rows.tolist())
    screening = set.union(*(rows for _, rows in searched if not rows <= deciding))
    assert screening.isdisjoint(deciding)
    assert len(screening) <= result.screening_queries
    assert screening | deciding <= set(judged.judged_rows.tolist())
    assert result.comparison.queries == len(deciding) == len(judged.judged_rows) * 3 // 4
    finals = {name for names, rows in searched if rows == deciding for name in names}
    assert finals == {row.measure for row in result.comparison.measures}
    assert len(finals) == 4  # two finalists and both baselines


def test_later_rounds_ask_more_queries_of_fewer():
    made = fitted(holdout=0.4)
    result = remedy(made.space, made.judgements["queries-items"], MANY, finalists=2)
    by_queries = {}
    for one in result.screened:
        by_queries.setdefault(one.queries, []).append(one.mean)
    sizes = sorted(by_queries)
    assert len(sizes) > 1
    assert all(b <= 2 * a for a, b in pairwise(sizes))
    through = [row.measure for row in result.comparison.measures]
    furthest = [one.candidate for one in result.screened if one.queries == sizes[-1]]
    assert set(furthest[:2]) <= set(through)


def test_few_candidates_are_compared_as_compare_does_on_all_queries(space, judged):
    result = remedy(space, judged, "euclidean, norm(0,*)")
    plain = compare(space, judged, "cosine,dot,euclidean,norm(0,*)", baseline="cosine")
    assert result.screening_queries == 0
    assert result.comparison.signature == plain.signature
    assert {one.measure: one.metrics for one in result.comparison.measures} == {
        one.measure: one.metrics for one in plain.measures
    }
    said = result.comparison.verdict
    assert replace(said, reason="") == replace(plain.verdict, reason="")
    first = said.reason.replace("(as it is)", "(the baseline)").split(";")[0]
    assert first == plain.verdict.reason.split(";")[0]


def test_the_baselines_are_always_there_and_all_are_held_against_them(space, judged):
    result = remedy(space, judged, "euclidean, cosine")
    names = {one.candidate: set(one.vs) for one in result.candidates}
    assert names == {"euclidean": {"cosine", "dot"}, "cosine": {"dot"}, "dot": {"cosine"}}
    means = {row.measure: row.metrics["nDCG@10"].mean for row in result.comparison.measures}
    for one in result.candidates:
        for name, apart in one.vs.items():
            assert apart.difference == pytest.approx(means[one.candidate] - means[name])


@pytest.mark.parametrize("way", ["queries-items", "items-items"])
def test_every_sensible_candidate_runs_on_a_tiny_space(made, way):
    training = training_of(made.space)
    every = sensible_candidates(made.space, training, way, enough=True)
    bench = runner.CandidateRunner(
        made.space,
        made.judgements[way],
        EvaluationSettings([metric("nDCG@10")], threads=1),
        training,
        Budget(600.0),
        ResultCache(None),
        "",
    )
    outcome = run(bench, every, finalists=100)
    for name, why in outcome.left_out.items():  # the table is that small
        assert "judgements" in why or name.startswith("factors(30)"), (name, why)
    assert len(outcome.found) == len(every) + 2 - len(outcome.left_out)
    assert not outcome.stopped
    for found in outcome.found.values():
        assert (found.lists.indices >= 0).any()
        assert found.dimension > 0


def test_the_kind_of_each_candidate_is_told(space, judged):
    result = remedy(space, judged, "product(3): dot, csls(10)")
    kinds = {one.candidate: one.kind for one in result.candidates}
    assert kinds == {
        "product(3): dot": "re-made",
        "csls(10)": "re-measured",
        "dot": "as it is",
        "cosine": "as it is",
    }


def test_the_budget_holds_when_promises_are_kept(space, judged):
    clock = Clock()
    makers = [Slow(f"slow-{i}", clock, 7.0) for i in range(6)]
    result = remedy(space, judged, makers, budget_seconds=30, finalists=3, clock=clock)
    assert result.seconds <= 33
    assert clock.now - 100 <= 33
    done = [maker for maker in makers if maker.made]
    assert 1 <= len(done) < 6
    assert any("would take about" in why for why in result.left_out.values())
    assert all(maker.made <= 1 for maker in makers)


def test_the_budget_holds_when_a_maker_takes_longer_than_it_promised(space, judged):
    clock = Clock()
    endless = Slow("endless", clock, 500.0, promised=1.0, steps=500)
    result = remedy(
        space, judged, ["euclidean", endless, Slow("other", clock, 1.0)],
        budget_seconds=30, clock=clock,
    )  # fmt: skip
    assert clock.now - 100 <= 33
    assert result.stopped == "time"
    assert "endless: dot" in result.left_out
    assert {row.measure for row in result.comparison.measures} >= {"cosine", "dot", "euclidean"}
    assert any("time ran out" in note for note in result.notes)


def test_a_budget_too_small_for_the_baselines_is_refused(space, judged):
    with pytest.raises(ValuesError, match="does not suffice"):
        remedy(space, judged, "euclidean", budget_seconds=2.0, clock=Clock(look=1.5))


def test_the_same_run_again_searches_and_makes_nothing(space, judged, searched, tmp_path):
    asked = f"{MANY}, product(3)"
    first = remedy(space, judged, asked, finalists=3, cache=tmp_path)
    assert searched
    searched.clear()
    second = remedy(space, judged, asked, finalists=3, cache=tmp_path)
    assert not searched
    assert second.to_dict() == first.to_dict()


def test_what_cannot_be_kept_is_done_without(space, judged, tmp_path, monkeypatch):
    due = remedy(space, judged, "euclidean")
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_, **__):
        raise full

    for name in ("fsync", "mkdir"):
        said = []
        with monkeypatch.context() as patch:
            patch.setattr(os, name, refuse)
            found = remedy(space, judged, "euclidean", cache=tmp_path / name, say=said.append)
        assert without_times(found) == without_times(due)
        assert len(said) == 1
        assert "not kept for another time" in said[0]


def test_a_larger_budget_goes_on_from_what_was_found(space, judged, searched, tmp_path):
    first = remedy(space, judged, MANY, finalists=3, cache=tmp_path, budget_seconds=600)
    searched.clear()
    second = remedy(space, judged, MANY, finalists=3, cache=tmp_path, budget_seconds=700)
    assert not searched
    assert without_times(second) | {"budget_seconds": 600} == without_times(first)


def test_broken_cache_entries_are_found_out_and_made_again(space, judged, searched, tmp_path):
    first = remedy(space, judged, MANY, finalists=3, cache=tmp_path)
    for place, file in enumerate(sorted(tmp_path.iterdir())):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data if place % 2 else data[: len(data) // 3])
    searched.clear()
    again = remedy(space, judged, MANY, finalists=3, cache=tmp_path)
    assert searched
    assert without_times(again) == without_times(first)


@pytest.mark.parametrize("row", [1_000_000, -2])
def test_kept_lists_with_rows_that_are_not_there_are_made_again(
    row, space, judged, searched, tmp_path
):
    first = remedy(space, judged, "euclidean", cache=tmp_path)
    changed = 0
    for file in sorted(tmp_path.iterdir()):
        about, arrays = result_cache._unpacked(file.read_bytes())
        if "indices" in arrays:
            arrays["indices"][0, 0] = row
            ResultCache(tmp_path).put(file.stem, about, **arrays)
            changed += 1
    searched.clear()
    again = remedy(space, judged, "euclidean", cache=tmp_path)
    assert changed
    assert searched
    assert without_times(again) == without_times(first)


def test_other_vectors_judgements_or_seeds_are_other_entries(space, judged, searched, tmp_path):
    remedy(space, judged, "euclidean", cache=tmp_path)
    moved = Space(
        queries=space.queries,
        items=space.items.with_vectors(space.items.vectors * 1.5 + 0.1),
        seen=space.seen,
    )
    fewer = Judgements(judged.gains, seen=space.seen)
    gains = judged.gains
    half = SparseRows(gains.indptr, gains.indices, np.full(len(gains.values), 0.5), gains.shape)
    drawn = replace(judged, chances=half)
    others = ((moved, judged, 0), (space, fewer, 0), (space, drawn, 0), (space, judged, 1))
    for it, by, seed in others:
        searched.clear()
        remedy(it, by, "euclidean", cache=tmp_path, seed=seed)
        assert searched


def test_an_interrupted_run_keeps_what_is_finished_and_goes_on_later(space, judged, tmp_path):
    class Stopped(Slow):
        def make(self, training, budget):
            if self.seconds:
                raise KeyboardInterrupt
            return super().make(training, budget)

    clock = Clock()
    stopper = Stopped("stopper", clock, 1.0)
    result = remedy(space, judged, ["euclidean", stopper], cache=tmp_path, clock=clock)
    assert result.stopped == "interrupt"
    assert "euclidean" in [row.measure for row in result.comparison.measures]
    assert "interrupted: 1 candidate had reached the end" in result.notes[0]
    assert "stopper: dot" in result.left_out
    stopper.seconds = 0.0
    later = remedy(space, judged, ["euclidean", stopper], cache=tmp_path, clock=clock)
    assert not later.stopped
    assert "stopper: dot" in [row.measure for row in later.comparison.measures]


def test_an_interrupt_while_screening_ends_the_screening_only(space, judged, monkeypatch):
    real, count = runner.candidate_lists, [0]

    def stops(*words, **options):
        count[0] += 1
        if count[0] == 4:
            raise KeyboardInterrupt
        return real(*words, **options)

    monkeypatch.setattr(runner, "candidate_lists", stops)
    result = remedy(space, judged, MANY, finalists=2)
    assert result.stopped == "interrupt"
    assert {row.measure for row in result.comparison.measures} == {"cosine", "dot"}
    assert result.screened


def test_the_same_seed_gives_the_same_but_for_the_times(space, judged):
    one, other = (
        remedy(space, judged, f"{MANY}, product(3)", finalists=3, threads=threads)
        for threads in (1, 2)
    )
    assert without_times(one) == without_times(other)


def test_candidates_that_rank_alike_are_screened_once(space, judged):
    again = ", ".join(f"norm(0,{x})" for x in (1, 0))
    result = remedy(space, judged, f"{MANY}, {again}", finalists=2)
    assert result.left_out["norm(0,1)"].startswith("ranks as cosine does")
    assert result.left_out["norm(0,0)"].startswith("ranks as dot does")


def test_strata_and_coverage_come_from_the_lists_of_the_comparison(space, judged):
    result = remedy(space, judged, "euclidean, product(3): dot")
    evidence = result.comparison.evidence
    uses = np.bincount(space.seen.indices, minlength=len(space.items)).astype(float)
    expected = by_stratum(evidence.found, evidence.judgements, evidence.rows, "nDCG@10", uses)
    assert [one.means for one in result.strata] == [one.means for one in expected]
    for one in result.candidates:
        lists = evidence.found[one.candidate].indices
        assert one.coverage == coverage(lists, len(space.items))
        assert one.coverage.share == len(set(lists.ravel().tolist())) / len(space.items)


def test_nothing_is_learned_from_users_that_are_held_out(space):
    training = training_of(space)
    held = np.array([cell != "train" for cell in space.queries.metadata["split"]])
    assert training.learned.counts[held].sum() == 0
    assert training.visible.counts[held].sum() > 0
    assert training.table.shape[0] == (~held).sum()


@pytest.mark.parametrize("name", ["product(3): dot", "tf-idf·product(3): dot", "ease(9): dot"])
def test_what_held_out_users_show_moves_no_item(space, name):
    held = np.array([cell != "train" for cell in space.queries.metadata["split"]])
    keep = ~held[space.seen.rows] | (np.arange(len(space.seen.indices)) % 2 == 0)
    fewer = SparseRows.from_pairs(
        space.seen.rows[keep], space.seen.indices[keep], shape=space.seen.shape
    )
    less = Space(queries=space.queries, items=space.items, seen=fewer)
    (one,) = read_candidates(name, "queries-items")
    made = [one.builder.make(training_of(it), Budget(1e9)) for it in (space, less)]
    assert np.array_equal(made[0].items.vectors, made[1].items.vectors)
    assert not np.array_equal(made[0].queries.vectors, made[1].queries.vectors)


@pytest.mark.parametrize(
    "name",
    [
        "norm(0,0.5)",
        "norm(0,*)",
        "cosine@whitened",
        "euclidean@centred",
        "csls(3)",
        "manhattan",
        "product(3): cosine",
        "bm25·factors(1): dot",
        "raw-data: dot",
    ],
)
def test_a_saved_winner_ranks_as_the_winner_did(space, judged, name):
    result = remedy(space, judged, name)
    object.__setattr__(result.advice, "wins", True)
    object.__setattr__(result.advice, "candidate", name)
    saved, measure = winner(space, judged, result)
    evidence = result.comparison.evidence
    found = search(saved, [measure], k=10, rows=evidence.rows, exclude=judged.seen)
    same = (found[str(measure)].indices == evidence.found[name].indices).mean()
    assert same > (0.8 if "*" in name else 0.99)  # float32 may swap what all but ties
    if "manhattan" not in name:
        assert str(measure) == "dot"
        assert saved.about["index"]["measure"] == "dot"


def test_between_items_a_winner_that_needs_two_sets_of_vectors_keeps_its_measure(made):
    judged = made.judgements["items-items"]
    for name, left in {"csls(3)": "csls(3)", "cosine@centred": "dot"}.items():
        result = remedy(made.space, judged, name)
        object.__setattr__(result.advice, "wins", True)
        object.__setattr__(result.advice, "candidate", name)
        saved, measure = winner(made.space, judged, result)
        assert str(measure) == left
        rows = result.comparison.evidence.rows
        found = search(saved, [measure], k=10, direction="items-items", rows=rows)
        expected = result.comparison.evidence.found[name].indices
        assert (found[left].indices == expected).mean() > 0.99


def test_a_winner_is_better_than_raw_cosine_and_the_sentence_says_by_how_much():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 8))
    items = 3 + x * rng.uniform(0.5, 2, (120, 1))
    asking = x + 3 + 0.5 * rng.standard_normal(x.shape)
    off = Space(queries=Embeddings(asking), items=Embeddings(items))
    own = Judgements(SparseRows.from_pairs(np.arange(120), np.arange(120), shape=(120, 120)))
    result = remedy(off, own, "cosine@centred, manhattan")
    advice = result.advice
    assert advice.wins
    assert advice.candidate == "cosine@centred"
    verdict = result.comparison.verdict
    assert (verdict.decision, verdict.keep) == ("use", "cosine")
    assert advice.sentence.startswith(f"{verdict}; ")
    assert f"better than cosine (as it is) by at least {verdict.at_least:.3f}" in advice.sentence
    assert "nothing is trained, 32 bytes a vector" in advice.sentence
    assert advice.command("off/") == (
        "anglewise remedy off/ --candidates cosine@centred --save better/"
    )


def test_the_headline_is_the_verdict_of_its_own_table(space, judged):
    """Version 0.1 named one that lost to another of the same table."""
    result = remedy(space, judged, "euclidean,manhattan,norm(0,0.5)")
    verdict = result.comparison.verdict
    named = verdict.measure if verdict.decision == "use" else verdict.keep
    assert result.advice.candidate == named
    assert verdict.reason in result.advice.sentence


def test_where_nothing_wins_raw_cosine_stays_and_nothing_is_to_be_run(space, judged):
    few = judged_by(judged, judged.judged_rows[:12])
    result = remedy(space, few, "euclidean")
    assert not result.advice.wins
    assert result.advice.candidate == "cosine"
    assert result.comparison.verdict.decision == "cannot-tell"
    assert result.advice.headline == "Stay with cosine for now"
    assert result.advice.sentence.startswith("Stay with cosine for now: ")
    assert result.comparison.verdict.reason in result.advice.sentence
    assert result.advice.command("x/") == ""
    with pytest.raises(TooFewError, match="Stay with cosine for now: there is no remedy to make"):
        winner(space, few, result)


@pytest.mark.parametrize(
    ("word", "near"),
    [("prodct(10)", "product"), ("cosin", "cosine"), ("esae", "ease"), ("bm52·product(3)", "bm25")],
)
def test_a_typo_in_a_candidate_names_the_nearest(space, judged, word, near):
    with pytest.raises(SpellingError, match=f"did you mean '{near}'"):
        remedy(space, judged, word)


def test_spellings_are_read_back_as_they_are_written():
    words = "cosine@centred, product(10): dot, bm25·factors(3): cosine, ease(*): dot, raw-data: dot"
    read = read_candidates(words, "queries-items")
    assert ", ".join(map(str, read)) == words
    assert read_candidates(map(str, read), "queries-items") == read
    typed = read_candidates(
        "bm25+factors(3): cosine, ease: dot, Product(10) : dot", "queries-items"
    )
    assert [str(one) for one in typed] == [
        "bm25·factors(3): cosine",
        "ease(*): dot",
        "product(10): dot",
    ]


@pytest.mark.parametrize("word", ["product(10,2)", "factors(3,1)", "ease(5,6)", "raw-data(3)"])
def test_numbers_that_a_builder_does_not_take_are_refused(word):
    with pytest.raises(SpellingError, match="does not take these numbers"):
        read_candidates(word, "queries-items")


def test_without_interactions_nothing_is_made_again(judged, space):
    bare = Space(queries=space.queries, items=space.items)
    assert all(
        one.builder is None
        for one in sensible_candidates(bare, None, "queries-items", enough=False)
    )
    with pytest.raises(TooFewError, match="learns from interactions, and the space holds none"):
        remedy(bare, judged, "cosine@centred, product(10): dot")


def test_what_this_space_does_not_allow_is_left_out_with_its_reason(space, judged):
    result = remedy(space, judged, "cosine@data-space, euclidean, cosine@without-top(99)")
    assert set(result.left_out) == {"cosine@data-space", "cosine@without-top(99)"}
    assert "take fewer directions" in result.left_out["cosine@without-top(99)"]


def test_other_judgements_and_bad_numbers_are_refused(space, judged):
    pairs = Pairs(np.array([0]), np.array([1]), np.array([1.0]))
    with pytest.raises(SpellingError, match="pairs or triplets"):
        remedy(space, pairs)
    with pytest.raises(ValuesError, match="finalists"):
        remedy(space, judged, finalists=0)
    with pytest.raises(ValuesError, match="budget"):
        remedy(space, judged, budget_seconds=0)
    empty = Judgements(SparseRows.from_pairs([], [], shape=judged.gains.shape))
    with pytest.raises(TooFewError, match="no query is judged"):
        remedy(space, empty)


def test_penalties_that_are_made_up_can_be_typed():
    assert [rounded(x) for x in (1.0, 4.99, 0.3, 7e5)] == [1.0, 2.0, 0.2, 500_000.0]


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"said": "{}"},
        {"said": "[1"},
        {"said": "[" * 100_000},
        {"said": '{"settings": 1}', "indices": np.zeros((2, 2))},
        {"other": np.zeros(3)},
    ],
)
def test_a_cache_of_something_else_counts_as_not_there(held, tmp_path):
    cache = ResultCache(tmp_path)
    data = io.BytesIO()
    np.savez(data, **{name: np.array(value) for name, value in held.items()})
    content = data.getvalue()
    for body in (content, b"rubbish", b""):
        (tmp_path / "a1.remedy").write_bytes(result_cache.digest([body]) + body)
        got = cache.get("a1")
        assert got is None or (body == content and set(got[1]) == set(held) - {"said"})
    packed = io.BytesIO()
    np.savez_compressed(packed, said=np.array("{}"), rows=np.zeros(10_000_000))
    (tmp_path / "a1.remedy").write_bytes(
        result_cache.digest([packed.getvalue()]) + packed.getvalue()
    )
    assert cache.get("a1") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
def test_what_is_kept_goes_to_no_pipe_and_through_no_link(tmp_path):
    os.mkfifo(tmp_path / "pipe.remedy")
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "link.remedy").symlink_to(tmp_path / "mine.txt")
    cache = ResultCache(tmp_path)
    for key in ("pipe", "link"):
        assert cache.get(key) is None
        cache.put(key, {"said": key})
        assert cache.get(key) == ({"said": key}, {})
        assert (tmp_path / f"{key}.remedy").is_file()
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_where_too_few_are_judged_to_screen_it_is_said_that_all_are_compared(space, judged):
    few = judged_by(judged, judged.judged_rows[:12])
    result = remedy(space, few, "euclidean,manhattan,norm(0,0.5)", finalists=2)
    assert len(result.candidates) == 5
    said = (
        "all 3 candidates are compared, more than 2 finalists: of 12 judged queries none can be "
        "set apart to screen them on"
    )
    assert result.notes[0] == said
    assert said not in remedy(space, few, "euclidean,manhattan", finalists=2).notes
    assert said not in remedy(space, judged, "euclidean,manhattan,norm(0,0.5)", finalists=2).notes


def test_raw_dot_that_wins_is_to_be_used_in_headline_and_sentence():
    result = remedy(*planted.lengths_matter(), "euclidean")
    assert (result.comparison.verdict.decision, result.advice.candidate) == ("use", "dot")
    document = remedy_document(result)
    assert document.headline == "Use dot"
    assert not document.reason.startswith("Use")


def test_what_nobody_judged_is_said_below_the_tables_of_a_remedy(space, judged):
    result = remedy(space, judged, "euclidean")
    legend = remedy_document(result).body[-1][-1].text
    assert "was never judged and counts as not relevant." in legend
    assert "was never judged and counts as not relevant." in result._repr_html_()


@pytest.mark.parametrize("used", ["all", "one item", "one use"])
def test_a_table_of_which_weighing_leaves_nothing_gives_no_weighed_candidates(used):
    table = np.ones((30, 20))
    if used != "all":
        table[:, 1:] = 0
    if used == "one use":
        table[1:] = 0
    seen = SparseRows.from_pairs(*np.nonzero(table), shape=table.shape)
    rng = np.random.default_rng(0)
    users, items = (Embeddings(rng.standard_normal((size, 4))) for size in table.shape)
    space = Space(queries=users, items=items, seen=seen)
    every = sensible_candidates(space, training_of(space), "queries-items", enough=False)
    assert every


def test_a_penalty_is_rounded_down_wherever_it_lies():
    for penalty in np.geomspace(1e-300, 1e300, 2000).tolist() + [10.0**k for k in range(-99, 99)]:
        assert 0.39 * penalty < rounded(penalty) <= penalty * (1 + 1e-9)


def test_queries_without_a_relevant_item_are_counted_among_those_that_decide():
    """Those set apart to screen are in none of the numbers, nor in what is said of them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 6))
    space = Space(queries=Embeddings(x + 0.3), items=Embeddings(x * rng.uniform(0.5, 2, (80, 1))))
    gains = (np.arange(80) % 4 > 0).astype(float)  # one query in four has none
    own = SparseRows.from_pairs(np.arange(80), np.arange(80), gains, shape=(80, 80))
    result = remedy(space, Judgements(own), MANY, finalists=1)
    assert result.screening_queries > 0
    rows = result.comparison.evidence.rows
    (note,) = [note for note in result.notes if "without any relevant item" in note]
    assert note.startswith(f"{int((gains[rows] == 0).sum())} judged queries without")
