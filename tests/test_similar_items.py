"""Similar items by what is used together: grades, strata of similar use, and what is told."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

import anglewise as aw
from anglewise.cli import main
from anglewise.comparison.judged_as import disagreement
from anglewise.comparison.next_judgements import unjudged
from anglewise.data_types.drawn import QueryDraw
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.io.space_folder import judgements_of, write_space
from anglewise.judgements.co_use import co_use, strata_of_use, support_of
from anglewise.recommender_models.fit import fit

ITEMS = 260


@pytest.fixture(scope="module")
def used():
    rng = np.random.default_rng(5)
    chance = np.clip(np.linspace(0.9, 0.01, ITEMS) ** 2, 0.01, 1) * 0.3
    users, items = np.nonzero(rng.random((90, ITEMS)) < chance)
    return SparseRows.from_pairs(users, items, shape=(90, ITEMS))


@pytest.fixture(scope="module")
def judged(used):
    return co_use(UsedTogether(used))


@pytest.fixture(scope="module")
def space():
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((ITEMS, 6)) * np.linspace(3, 0.2, ITEMS)[:, None]
    return aw.Space(items=aw.Embeddings(vectors))


def dense(table):
    return csr_array((table.values, table.indices, table.indptr), shape=table.shape).toarray()


def by_hand(used, grade, min_support=1):
    """The definition, set by set."""
    sets = [set(used.row(u).tolist()) for u in range(used.shape[0])]
    items = used.shape[1]
    c = np.bincount(used.indices, minlength=items)
    weighted, both = np.zeros((items, items)), np.zeros((items, items))
    for one in sets:
        for i in one:
            for j in one - {i}:
                weighted[i, j] += 1 / (len(one) - 1)
                both[i, j] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        gains = weighted / c if grade == "weighted" else both / (c[:, None] + c - both)
    return np.where(both >= min_support, gains, 0.0), both


@pytest.mark.parametrize("grade", ["weighted", "jaccard"])
@pytest.mark.parametrize("min_support", [1, 3])
def test_grades_are_those_of_the_definition(used, grade, min_support):
    gains, both = by_hand(used, grade, min_support)
    made_of = UsedTogether(used, grade=grade, min_support=min_support)
    table = co_use(made_of)
    np.testing.assert_allclose(dense(table.gains), gains, atol=1e-14)
    support = support_of(table, made_of)
    assert np.array_equal(support, both[table.gains.rows, table.gains.indices])


def test_gains_lie_between_0_and_1(judged):
    assert judged.gains.values.min() > 0
    assert judged.gains.values.max() <= 1


def test_of_too_many_pairs_those_of_some_items_are_kept_and_it_is_said(used):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anglewise.judgements.co_use.BLOCK_CELLS", 20 * ITEMS)
        few, all_pairs = co_use(UsedTogether(used), most_pairs=0), co_use(UsedTogether(used))
    assert "; 20 of 260 items ask, drawn at random" in few.source
    whole = dense(all_pairs.gains)
    for row in few.judged_rows:
        assert np.array_equal(dense(few.gains)[row], whole[row])


def test_nothing_is_made_of_users_of_one_item():
    alone = SparseRows.from_pairs([0, 1], [0, 1], shape=(2, 3))
    with pytest.raises(TooFewError, match="no two items are shared"):
        co_use(UsedTogether(alone))


def test_strata_hold_so_many_and_keep_equal_use_together():
    rng = np.random.default_rng(0)
    for _ in range(50):
        uses = rng.integers(0, 30, rng.integers(1, 900)).astype(float)
        strata = strata_of_use(uses)
        counts = np.bincount(strata)
        assert len(counts) == 1 or counts.min() >= 100
        for one in np.unique(uses):
            assert len(np.unique(strata[uses == one])) == 1
        order = np.argsort(-uses, kind="stable")
        assert (np.diff(strata[order]) >= 0).all()


def oracle(gains, strata, score, k=10):
    """nDCG@10 averaged over strata with a relevant item, in float64."""
    discount = 1 / np.log2(np.arange(2, k + 2))
    values = {}
    for i in range(len(gains)):
        own = []
        for s in range(strata.max() + 1):
            items = [j for j in np.flatnonzero(strata == s) if j != i]
            ideal = np.sort(gains[i, items])[::-1][:k]
            if not len(ideal) or ideal[0] <= 0:
                continue
            best = sorted(items, key=lambda j: -score[i, j])[:k]
            reached = (gains[i, best] * discount[: len(best)]).sum()
            own.append(reached / (ideal * discount[: len(ideal)]).sum())
        if own:
            values[i] = np.mean(own)
    return values


@pytest.mark.parametrize("measure", ["dot", "cosine", "euclidean"])
def test_values_within_strata_are_those_of_an_oracle(space, judged, used, measure):
    result = aw.compare(space, judged, measures=["dot", "cosine", "euclidean"])
    x = space.items.vectors.astype(np.float64)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    squares = (x**2).sum(axis=1)
    score = {
        "dot": x @ x.T,
        "cosine": unit @ unit.T,
        "euclidean": -(squares[:, None] + squares - 2 * x @ x.T),
    }[measure]
    gains, _ = by_hand(used, "weighted")
    due = oracle(gains, strata_of_use(judged.made_of.uses), score)
    values = result.values()
    got = dict(zip(map(int, values["query_id"]), values[measure], strict=True))
    assert got.keys() == due.keys()
    np.testing.assert_allclose([got[i] for i in due], list(due.values()), atol=1e-9)
    assert result.within == "2 strata of similar use"


def test_the_other_ways_stand_beside_it_with_their_own_figures(space, judged, used):
    result = aw.compare(space, judged, measures="dot,cosine")
    names = [way.name for way in result.ways]
    stem = "in strata, support "
    assert names == [f"{stem}1", f"{stem}2", f"{stem}5", "without strata"]
    x = space.items.vectors.astype(np.float64)
    for way, support in zip(result.ways, (1, 2, 5), strict=False):
        gains, _ = by_hand(used, "weighted", support)
        due = oracle(gains, strata_of_use(judged.made_of.uses), x @ x.T)
        assert way.queries == len(due)
        assert way.means["dot"] == pytest.approx(np.mean(list(due.values())), abs=1e-9)
    gains, _ = by_hand(used, "weighted")
    every = oracle(gains, np.zeros(ITEMS, dtype=int), x @ x.T)
    assert result.ways[-1].means["dot"] == pytest.approx(np.mean(list(every.values())), abs=1e-9)
    assert {"ways", "within"} <= result.to_dict().keys()


def test_what_only_knows_how_much_is_used_wins_nothing_within_strata_at_support_1():
    rng = np.random.default_rng(3)
    chance = np.geomspace(0.2, 0.01, 400)
    users, items = np.nonzero(rng.random((400, 400)) < chance)  # nobody has a taste
    judged = co_use(UsedTogether(SparseRows.from_pairs(users, items, shape=(400, 400))))
    by_use = np.column_stack([150 * chance, rng.standard_normal((400, 4))])
    result = aw.compare(aw.Space(items=aw.Embeddings(by_use)), judged, measures="dot,cosine")
    leads = {way.name[-9:]: way.means["dot"] - way.means["cosine"] for way in result.ways}
    assert abs(leads["support 1"]) < 0.01
    assert leads["support 5"] > 0.05


def test_both_fixed_lists_stand_beside_it(space, judged):
    floors = {floor.name for floor in aw.compare(space, judged, measures="dot,cosine").floors}
    assert {"random", "most used items", "least used items"} <= floors


def test_few_queries_and_near_lists_are_said(space):
    sets = SparseRows.from_pairs([0, 0, 0, 1, 1], [0, 1, 2, 1, 2], shape=(2, ITEMS))
    result = aw.compare(space, co_use(UsedTogether(sets)), measures="dot,cosine")
    assert any(
        note.startswith("3 queries with a relevant item within strata") for note in result.notes
    )


def test_a_folder_hands_on_who_used_what_and_makes_the_same_judgements(space, judged, tmp_path):
    write_space(space, tmp_path / "films", judgements={"items-items": judged})
    again = judgements_of(tmp_path / "films", "items-items")
    assert again.gains.values.tobytes() == judged.gains.values.tobytes()
    assert np.array_equal(again.gains.indices, judged.gains.indices)
    assert again.made_of.uses.tolist() == judged.made_of.uses.tolist()
    first, second = (aw.compare(space, one, measures="dot,cosine") for one in (judged, again))
    assert first.to_dict() == second.to_dict()


def test_gains_that_were_changed_since_are_stored_as_they_are(space, judged, tmp_path):
    fewer = judged.where(judged.gains.values > np.median(judged.gains.values))
    write_space(space, tmp_path / "films", judgements={"items-items": fewer})
    again = judgements_of(tmp_path / "films", "items-items")
    assert again.gains.values.tobytes() == fewer.gains.values.tobytes()


def test_fit_holds_out_who_used_what_with_support_1():
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((80, 30)) < 0.2)
    did = Interactions(users, items, np.ones(len(users)), np.arange(80), np.arange(30))
    fitted = fit(did, components=4, penalty=1.0)
    judged = fitted.judgements["items-items"]
    assert judged.made_of.min_support == 1
    assert judged.made_of.sets.shape == (16, 30)
    assert judged.of_users


def test_sets_of_other_items_are_refused(used):
    with pytest.raises(ShapeError, match="sets of the same items"):
        Judgements(
            SparseRows.from_pairs([0], [1], shape=(9, 9)), "items-items", made_of=UsedTogether(used)
        )


def test_judgements_of_an_earlier_version_are_read_and_it_is_said(space):
    old = Judgements(
        SparseRows.from_pairs([0, 1], [1, 0], [3.0, 3.0], shape=(ITEMS, ITEMS)),
        "items-items",
        "items used together by at least 5 of 48 held-out users, gain 3, 2, 1 for the 5, 10, 20 "
        "nearest of either item by jaccard",
    )
    result = aw.compare(space, old, measures="dot,cosine")
    assert not result.within
    assert result.notes[0].startswith("judged over all items, by pairs with a floor of support")


def test_runs_are_judged_over_all_items_and_it_is_said(space, judged):
    run = aw.Run.from_dict({"0": {"1": 2.0, "elsewhere": 1.0}}, "theirs")
    result = aw.compare(space, judged, measures="dot,cosine", runs=run)
    assert not result.within
    assert "as other lists hold the first of all items, and too few of each stratum" in " ".join(
        result.notes
    )


def test_a_filter_holds_within_strata(judged):
    rng = np.random.default_rng(1)
    kind = rng.integers(2, size=ITEMS)
    vectors = rng.standard_normal((ITEMS, 6))
    items = aw.Embeddings(vectors, metadata={"kind": kind.tolist()})
    own = aw.compare(
        aw.Space(items=items), judged, measures="dot,cosine", where="kind = 1", missing="drop"
    )
    gains = dense(judged.gains) * (kind == 1)
    x = items.vectors.astype(np.float64)
    score = np.where(kind == 1, x @ x.T, -np.inf)
    due = oracle(gains, strata_of_use(judged.made_of.uses), score)
    values = own.values()
    got = dict(zip(map(int, values["query_id"]), values["dot"], strict=True))
    np.testing.assert_allclose([got[i] for i in due], list(due.values()), atol=1e-9)


def test_judgements_by_people_are_judged_over_all_items(space):
    rng = np.random.default_rng(0)
    people = Judgements(
        SparseRows.from_pairs(np.arange(50), rng.permutation(50) + 50, shape=(ITEMS, ITEMS)),
        "items-items",
        "qrels.tsv",
    )
    result = aw.compare(space, people, measures="dot,cosine")
    assert not result.within
    assert not result.ways


def test_a_tuned_measure_is_tuned_within_strata(space, judged):
    result = aw.compare(space, judged, measures=["norm(0,*)", "dot", "cosine"])
    tuned = next(row for row in result.measures if row.measure == "norm(0,*)")
    assert len(tuned.settings) == 2
    fixed = aw.compare(space, judged, measures=[*dict.fromkeys(tuned.settings)])
    values, of_fixed = result.values()["norm(0,*)"], fixed.values()
    either = [np.isclose(values, of_fixed[name]) for name in dict.fromkeys(tuned.settings)]
    assert np.logical_or.reduce(either).all()


def test_verdicts_that_name_different_measures_tell_nothing(space, judged):
    result = aw.compare(space, judged, measures="dot,cosine")
    words = disagreement([(way.name, way.verdict) for way in result.ways])
    assert (result.verdict.decision == "cannot-tell") or not words


def test_lists_that_are_alike_over_all_items_are_not_called_alike_within_strata():
    rng = np.random.default_rng(0)
    kinds, each = 40, 12
    kind = np.repeat(np.arange(kinds), each)
    centres = rng.standard_normal((kinds, 24))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    x = centres[kind] + 0.02 * rng.standard_normal((len(kind), 24))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    lengths = np.exp(rng.uniform(-0.05, 0.05, kinds))[kind]  # alike within a kind
    chance = np.tile(np.geomspace(0.25, 0.01, each), kinds)  # not so the use
    users, items = np.nonzero(rng.random((400, len(kind))) < chance)
    judged = co_use(UsedTogether(SparseRows.from_pairs(users, items, shape=(400, len(kind)))))
    space = aw.Space(items=aw.Embeddings(x * lengths[:, None]))
    result = aw.compare(space, judged, measures=["dot", "cosine", "norm(0,1)", "norm(0,0)"])
    values = result.values()
    rows = {row.measure: row for row in result.measures}
    assert not np.array_equal(values["dot"], values["cosine"])
    assert "cosine" not in rows["dot"].alike
    assert set(rows["dot"].alike) == {"norm(0,0)"}
    assert set(rows["cosine"].alike) == {"norm(0,1)"}
    assert "dot, cosine, norm(0,0) and 1 more rank alike" in result.ways[-1].verdict.reason


def test_what_to_judge_next_is_not_told_within_strata(space, judged):
    with pytest.raises(SpellingError, match="lists over all items, and these are within 2 strata"):
        unjudged(aw.compare(space, judged, measures="dot,cosine"))


def test_use_of_other_items_is_refused(used):
    with pytest.raises(ShapeError, match="one number for each is due"):
        UsedTogether(used, of_users=False, use=np.ones(3))


def test_groups_of_items_are_judged_over_all_items_and_it_is_said(judged):
    rng = np.random.default_rng(1)
    kind = rng.integers(2, size=ITEMS).astype(str).tolist()
    items = aw.Embeddings(rng.standard_normal((ITEMS, 6)), metadata={"kind": kind})
    space = aw.Space(items=items)
    result = aw.compare(space, judged, measures="dot,cosine", slices="items:kind")
    assert result.within
    assert any("by kind: judged over all items, not within strata" in n for n in result.notes)
    by_query = aw.compare(space, judged, measures="dot,cosine", slices="kind")
    assert not any("judged over all items" in note for note in by_query.notes)


def test_lists_that_are_written_are_over_all_items_and_it_is_said(space, judged, tmp_path, capsys):
    write_space(space, tmp_path / "films", judgements={"items-items": judged})
    command = ["compare", tmp_path / "films", "--direction", "items-items", "--measures", "dot"]
    assert main([*map(str, command), "--run-out", str(tmp_path / "dot.run")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "lists over all items, while the figures are within 2 strata" in said


@pytest.mark.parametrize("way", ["by lot", "by traffic", "missing"])
def test_judgements_of_some_pairs_alone_are_judged_over_all_items_and_it_is_said(
    space, judged, way
):
    changed = {
        "by lot": {"chances_unknown": "a draw that was not kept"},
        "by traffic": {"drawn": QueryDraw(np.linspace(0.2, 1, ITEMS), np.ones(ITEMS))},
        "missing": {
            "missing": SparseRows.from_pairs([0], [0], shape=(ITEMS, 1)),
            "missing_ids": ("gone",),
        },
    }[way]
    result = aw.compare(space, replace(judged, **changed), measures="dot,cosine")
    assert not result.within
    assert "judged over all items, as not every pair of the space could be judged" in " ".join(
        result.notes
    )


def test_what_is_hidden_of_an_item_is_in_none_of_its_lists_within_strata(space, judged, used):
    x = space.items.vectors.astype(np.float64)
    score, gains = x @ x.T, by_hand(used, "weighted")[0]
    score[gains == 0] = -np.inf
    hidden = SparseRows.from_pairs(*np.nonzero(gains == 0), shape=gains.shape)
    result = aw.compare(space, replace(judged, seen=hidden), measures="dot,cosine")
    due = oracle(gains, strata_of_use(judged.made_of.uses), score)
    values = result.values()
    got = dict(zip(map(int, values["query_id"]), values["dot"], strict=True))
    np.testing.assert_allclose([got[i] for i in due], list(due.values()), atol=1e-9)
    assert result.within


def test_no_floor_knows_what_held_out_users_used():
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((80, 30)) < 0.2)
    did = Interactions(users, items, np.ones(len(users)), np.arange(80), np.arange(30))
    fitted = fit(did, components=4, penalty=1.0, holdout=0.3)
    space, judged = fitted.space, fitted.judgements["items-items"]
    trained = np.array([cell == "train" for cell in space.queries.metadata["split"]])
    assert not trained.all()
    assert set(space.seen.rows) & set(np.flatnonzero(~trained))
    without = aw.Space(
        queries=space.queries,
        items=space.items,
        seen=space.seen.where(trained[space.seen.rows]),
        trained_for="dot",
    )
    for compared in (
        lambda one: aw.compare(one, judged, "dot,cosine"),
        lambda one: aw.compare_spaces({"a": one, "b": one}, {"a": judged}, "dot"),
    ):
        floors = {floor.name: floor.mean for floor in compared(space).floors}
        assert "item-kNN" in floors
        assert floors == {floor.name: floor.mean for floor in compared(without).floors}
