"""Similar items within strata: of several spaces, of remedies, and by what is learnt."""

from dataclasses import replace

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.conclusion import read_settings
from anglewise.comparison.lists import SearchedSpace, learnt_folds
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.judgements.co_use import co_use
from anglewise.recommender_models.fit import fit
from anglewise.similarity_measures.measure import measures_and_families

ITEMS = 260
NAMES = np.array([f"film {i:03d}" for i in range(ITEMS)])


@pytest.fixture(scope="module")
def used():
    rng = np.random.default_rng(5)
    chance = np.clip(np.linspace(0.9, 0.01, ITEMS) ** 2, 0.01, 1) * 0.3
    users, items = np.nonzero(rng.random((90, ITEMS)) < chance)
    return SparseRows.from_pairs(users, items, shape=(90, ITEMS))


@pytest.fixture(scope="module")
def judged(used):
    return co_use(UsedTogether(used))


def films(seed, rows=slice(None), dimension=6):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((ITEMS, dimension)) * np.linspace(3, 0.2, ITEMS)[:, None]
    return aw.Space(items=aw.Embeddings(vectors[rows], ids=NAMES[rows].tolist()))


def of_rows(used, rows):
    """The same use, of items in another order."""
    table = np.zeros(used.shape)
    table[used.rows, used.indices] = 1
    users, items = np.nonzero(table[:, rows])
    return co_use(UsedTogether(SparseRows.from_pairs(users, items, shape=(90, len(rows)))))


def by_id(result, measure):
    values = result.values()
    return dict(zip(values["query_id"], values[measure], strict=True))


def test_each_space_has_the_figures_within_strata_that_it_has_alone(judged):
    spaces = {"old": films(1), "new": films(2)}
    result = aw.compare_spaces(spaces, judged, "dot,cosine")
    assert result.within == "2 strata of similar use"
    for name, space in spaces.items():
        alone = aw.compare(space, judged, measures="dot,cosine")
        for measure in ("dot", "cosine"):
            assert by_id(result, f"{name}: {measure}") == by_id(alone, measure)
        for way, own in zip(result.ways, alone.ways, strict=True):
            assert (way.name, way.queries) == (own.name, own.queries)
            assert way.means[f"{name}: dot"] == pytest.approx(own.means["dot"])


def test_the_order_of_rows_in_a_space_changes_nothing(used, judged):
    rows = np.random.default_rng(0).permutation(ITEMS)
    moved = aw.compare_spaces(
        {"a": films(1), "b": films(2, rows)}, {"b": of_rows(used, rows)}, "dot,norm(0,*)"
    )
    plain = aw.compare_spaces({"a": films(1), "b": films(2)}, judged, "dot,norm(0,*)")
    for name in ("a: dot", "b: dot", "a: norm(0,*)", "b: norm(0,*)"):
        before, after = by_id(plain, name), by_id(moved, name)
        assert before.keys() == after.keys()
        if "*" not in name:  # halves are drawn by rows
            np.testing.assert_allclose([after[i] for i in before], list(before.values()))
    assert moved.within
    assert [way.name for way in moved.ways] == [way.name for way in plain.ways]


def test_an_item_that_a_space_lacks_counts_against_it_within_its_stratum(judged):
    kept = np.arange(ITEMS) % 10 > 0
    result = aw.compare_spaces(
        {"whole": films(1), "part": films(1, kept)}, {"whole": judged}, "cosine"
    )
    assert result.within
    part = by_id(result, "part: cosine")
    assert part.keys() <= set(NAMES[kept])
    shape = judged.gains.shape
    rows, columns = np.nonzero(np.broadcast_to(~kept, shape))
    hidden = replace(judged, seen=SparseRows.from_pairs(rows, columns, shape=shape))
    due = by_id(aw.compare(films(1), hidden, measures="cosine"), "cosine")
    np.testing.assert_allclose(list(part.values()), [due[name] for name in part])


def test_a_variant_is_judged_within_strata_and_rescored_there(judged):
    result = aw.compare_spaces(
        {"a": films(1, dimension=12)}, judged, "cosine", variants=["int8", "binary·rescore(260)"]
    )
    assert result.within
    exact, again = by_id(result, "a: cosine"), by_id(result, "a·binary·rescore(260): cosine")
    np.testing.assert_allclose(list(again.values()), list(exact.values()))


def test_a_space_beside_itself_ties_within_strata(judged):
    result = aw.compare_spaces({"a": films(1), "b": films(1)}, judged, "cosine")
    assert result.verdict.decision != "use"
    assert by_id(result, "a: cosine") == by_id(result, "b: cosine")


def test_runs_beside_several_spaces_are_judged_over_all_items_and_it_is_said(judged):
    run = aw.Run.from_dict({"film 000": {"film 001": 2.0}}, "theirs")
    result = aw.compare_spaces({"a": films(1), "b": films(2)}, judged, "dot", runs=run)
    assert not result.within
    assert "as other lists hold the first of all items" in " ".join(result.notes)


@pytest.mark.parametrize("word", ["cosine@adapted", "cosine@adapted-diagonal"])
def test_a_learnt_measure_is_judged_within_strata_by_what_other_queries_taught(judged, word):
    space = films(1)
    (adapted,) = measures_and_families([word])
    searched = SearchedSpace(space, judged, judged.judged_rows)
    folds = learnt_folds(searched, adapted, read_settings(Judgements, None))
    result = aw.compare(space, judged, measures=["cosine", word])
    assert result.within
    for fold in folds:
        alone = aw.compare(space, judged, measures=[fold.measure]).values()[word]
        np.testing.assert_allclose(result.values()[word][fold.positions], alone[fold.positions])


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(3)
    kind = rng.integers(6, size=ITEMS)
    popular = np.clip(np.linspace(0.8, 0.05, ITEMS), 0.05, 1)
    likes = rng.integers(6, size=400)
    chance = popular * np.where(likes[:, None] == kind, 0.5, 0.05)
    users, items = np.nonzero(rng.random((400, ITEMS)) < chance)
    did = Interactions(users, items, np.ones(len(users)), np.arange(400).astype(str), NAMES)
    return fit(did, components=6)


def test_a_remedy_has_the_figures_that_compare_has_within_strata(fitted):
    judged = fitted.judgements["items-items"]
    names = ["cosine@centred", "norm(0,*)", "cosine@data-space"]
    result = aw.remedy(fitted.space, judged, names)
    alone = aw.compare(fitted.space, judged, measures=["cosine", "dot", *names])
    found = result.comparison
    assert found.within == alone.within
    for measure in ("cosine", "dot", *names):
        assert by_id(found, measure) == by_id(alone, measure)
    assert [way.name for way in found.ways] == [way.name for way in alone.ways]
    assert [floor.name for floor in found.floors] == [floor.name for floor in alone.floors]
    assert not any("judged over all items" in note for note in result.notes)


def test_a_remedy_kept_on_disk_is_the_one_that_was_found(fitted, tmp_path):
    judged = fitted.judgements["items-items"]
    names = ["norm(0,*)", "cosine@centred", "product(10): cosine"]
    first = aw.remedy(fitted.space, judged, names, cache=tmp_path)
    again = aw.remedy(fitted.space, judged, names, cache=tmp_path)
    assert first.to_dict() == again.to_dict()
    jaccard = co_use(replace(judged.made_of, grade="jaccard"))
    other = aw.remedy(fitted.space, jaccard, names, cache=tmp_path)
    assert by_id(other.comparison, "cosine") != by_id(again.comparison, "cosine")


def test_remedies_are_screened_within_strata(fitted):
    judged = fitted.judgements["items-items"]
    names = ["cosine@centred", "norm(0,*)", "cosine@data-space", "cosine@whitened", "euclidean"]
    result = aw.remedy(fitted.space, judged, names, finalists=2)
    assert result.screening_queries
    assert result.comparison.within
    held = {one.candidate: one.mean for one in result.screened}
    rows = {row.measure: row.metrics["nDCG@10"].mean for row in result.comparison.measures}
    for name in held.keys() & rows.keys():
        assert held[name] == pytest.approx(rows[name], abs=0.1)


def test_lists_by_words_have_no_place_within_strata(fitted):
    space = fitted.space
    about = {"text": [f"words of {name}" for name in space.items.ids]}
    items = aw.Embeddings(space.items.vectors, ids=space.items.ids, metadata=about)
    with_texts = replace(space, items=items)
    judged = fitted.judgements["items-items"]
    result = aw.remedy(with_texts, judged, "cosine@centred, fusion(bm25,cosine)")
    assert "within strata of similar use" in result.left_out["fusion(bm25,cosine)"]
    assert result.comparison.within


def test_a_saved_winner_with_a_number_left_open_is_tuned_within_strata(fitted):
    from anglewise.remedies.remedy import _tuned

    judged = fitted.judgements["items-items"]
    (family,) = measures_and_families(["norm(0,*)"])
    best = _tuned(fitted.space, judged, family, "nDCG@10")
    tried = family.settings(lists=True)
    means = {
        row.measure: row.metrics["nDCG@10"].mean
        for row in aw.compare(fitted.space, judged, measures=tried).measures
    }
    assert means[str(best)] == max(means.values())
