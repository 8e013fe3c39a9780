"""Recommendations obey the measure, the filters and what was used; explanations add up."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from anglewise import Embeddings, Recommender, Space, fit_ease, gauge, search
from anglewise.data_types.sparse import SparseRows
from anglewise.equivalent_factorisations.gauge import bias_columns, without_biases
from anglewise.errors import (
    IdsError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)
from anglewise.experiment.catalogue import simulate
from anglewise.recommendation.fold_in import learn_fold_in
from anglewise.recommender_models.closed_form import fit_linear

MEASURES = ["dot", "cosine", "euclidean", "norm(0,0.5)", "cosine@balanced", "cosine@centred"]
PRODUCTS = ["dot", "cosine", "norm(0,0.5)", "norm(1,0.25)"]


@pytest.fixture(scope="module")
def films():
    """A linear model of a simulated catalogue; the last user has no history."""
    did = simulate(n_users=150, n_items=80, seed=1).interactions
    table = did.rows()
    some = np.flatnonzero(table.rows < 149)
    used = SparseRows.from_pairs(table.rows[some], table.indices[some], shape=table.shape)
    model = fit_linear(used.ones(), 12, penalty=20.0)
    return model.space(
        model.fold_in(used.ones()),
        user_ids=[f"u{i}" for i in range(150)],
        item_ids=[f"i{i}" for i in range(80)],
        item_metadata=did.item_metadata,
        seen=used,
    )


@pytest.fixture(scope="module")
def other():
    """Users that are no linear function of what they used."""
    rng = np.random.default_rng(0)
    users, items = rng.standard_normal((40, 6)), rng.standard_normal((30, 6))
    used = SparseRows.from_pairs(*np.nonzero(rng.random((40, 30)) < 0.2), shape=(40, 30))
    return Space(queries=Embeddings(users), items=Embeddings(items), trained_for="dot", seen=used)


@pytest.fixture(scope="module")
def biased():
    """``p . q + c_i`` as BPR writes it: 1 on the users' side."""
    rng = np.random.default_rng(2)
    users, items = rng.standard_normal((20, 4)), rng.standard_normal((30, 4))
    users[:, 3], items[:, 3] = 1, 5 * rng.standard_normal(30)
    return Space(queries=Embeddings(users), items=Embeddings(items), trained_for="dot")


@pytest.mark.parametrize("measure", MEASURES)
def test_lists_are_those_of_search(films, measure):
    ours = Recommender(films, measure).recommend(rows=range(100), k=7)
    theirs = search(films, measure, k=7, rows=np.arange(100))[measure]
    assert np.array_equal(ours.found.indices, theirs.indices)
    assert np.array_equal(ours.scores, theirs.scores)


@pytest.mark.parametrize("measure", [*MEASURES, "csls(3)"])
def test_a_recommender_that_answered_before_answers_the_same(films, measure):
    kept = Recommender(films, measure)
    for _ in range(2):
        for exponent in (None, 0.1, 0.2, 0.3, 0.4, 0.5):
            if exponent is not None and measure not in PRODUCTS:
                continue
            again = kept.recommend(["u5"], 9, popularity=exponent, forbidden="i3")
            fresh = Recommender(films, measure)
            first = fresh.recommend(["u5"], 9, popularity=exponent, forbidden="i3")
            assert again.ids.tolist() == first.ids.tolist()
            assert again.scores.tolist() == first.scores.tolist()
        near = kept.similar_items("i7", 5)
        due = search(films, measure, k=5, direction="items-items", rows=[7])[measure]
        assert near.found.indices.tolist() == due.indices.tolist()
        assert near.scores.tolist() == due.scores.tolist()
    copied = copy.deepcopy(kept)
    assert copied.recommend("u5", 4).ids.tolist() == kept.recommend("u5", 4).ids.tolist()


def test_a_measure_that_learns_from_items_learns_from_all_of_them_whatever_is_shown(films):
    recommender = Recommender(films, "csls(3)")
    whole = recommender.recommend("u5", 80).lists()[0]
    some = [one.id for one in whole[::4]]
    few = recommender.recommend("u5", 80, allowed=some).lists()[0]
    assert [(one.id, one.score) for one in few] == [(one.id, one.score) for one in whole[::4]]


def test_many_threads_may_ask_one_recommender(films):
    recommender = Recommender(films, "cosine@centred")
    users = [f"u{i}" for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda user: recommender.recommend(user, 5).ids.tolist(), users))
    alone = Recommender(films, "cosine@centred")
    assert found == [alone.recommend(user, 5).ids.tolist() for user in users]


def test_everybody_is_asked_by_default_and_rows_and_ids_are_one(films):
    recommender = Recommender(films)
    everybody = recommender.recommend(k=5)
    assert np.array_equal(everybody.ids[3:5], recommender.recommend(["u3", "u4"], 5).ids)
    assert np.array_equal(everybody.ids[3:5], recommender.recommend(rows=[3, 4], k=5).ids)
    assert list(everybody.asked) == list(films.queries.ids)


def test_a_whole_number_names_the_user_who_is_called_so_not_a_row():
    space = Space(
        queries=Embeddings(np.eye(3), ids=[2, 0, 1]), items=Embeddings(np.eye(3), ids=[10, 20, 30])
    )
    recommender = Recommender(space)
    for name in (2, "2", np.int64(2), [2], np.array([2]), ["2"]):
        assert recommender.recommend(name, 1).ids.tolist() == [["10"]]
        assert recommender.recommend(name, 1).asked.tolist() == ["2"]
    assert recommender.recommend(rows=[2], k=1).ids.tolist() == [["30"]]
    assert recommender.similar_items(20, 2, allowed=[30]).ids.tolist() == [["30"]]
    assert recommender.recommend(0, 2, forbidden=20).ids[0, 0] == "10"


def test_what_was_used_is_never_recommended_unless_asked_for(films):
    recommender = Recommender(films)
    found = recommender.recommend(k=80).found.indices
    for user in range(149):
        shown = found[user][found[user] >= 0]
        assert set(shown) == set(range(80)) - set(films.seen.row(user))
    again = recommender.recommend("u3", 80, with_seen=True).found.indices
    assert set(again[0]) == set(range(80))


@pytest.mark.parametrize("measure", MEASURES)
def test_a_filter_takes_items_out_and_reorders_nothing(films, measure):
    recommender = Recommender(films, measure)
    whole = recommender.recommend("u5", 80).ids[0]
    allowed = [f"i{i}" for i in range(0, 80, 3)]
    left = [name for name in whole if name is not None and name in allowed]
    few = recommender.recommend("u5", 80, allowed=allowed)
    assert [one.id for one in few.lists()[0]] == left
    forbidden = [f"i{i}" for i in range(80) if i % 3]
    assert [
        one.id for one in recommender.recommend("u5", 80, forbidden=forbidden).lists()[0]
    ] == left
    both = recommender.recommend("u5", 80, allowed=allowed, forbidden=left[:2])
    assert [one.id for one in both.lists()[0]] == left[2:]


def test_the_popularity_knob_is_the_norm_measure(films):
    turned = Recommender(films).recommend(k=5, popularity=0.5)
    assert turned.measure == "norm(0,0.5)"
    assert np.array_equal(turned.ids, Recommender(films, "norm(0,0.5)").recommend(k=5).ids)


def test_more_of_the_knob_recommends_shorter_items(films):
    recommender = Recommender(films)
    lengths = [
        films.items.norms[
            recommender.recommend(rows=range(149), k=5, popularity=b).found.indices
        ].mean()
        for b in (-0.5, 0, 0.5, 1, 2)
    ]
    assert np.all(np.diff(lengths) < 0)


def test_similar_items_and_users_leave_out_themselves(films):
    recommender = Recommender(films, "cosine")
    assert "i7" not in recommender.similar_items("i7", 79).ids
    assert "u7" not in recommender.similar_users("u7", 148).ids
    theirs = search(films, "cosine", k=4, direction="items-items", rows=np.array([7]))["cosine"]
    assert np.array_equal(recommender.similar_items("i7", 4).found.indices, theirs.indices)


def test_similar_items_agree_in_every_gauge_under_a_measure_that_does_not_depend_on_it(films):
    moved = gauge("item-orthonormal").apply(films)
    lists = [
        Recommender(s, "cosine@data-space").similar_items(rows=range(20), k=5).ids
        for s in (films, moved)
    ]
    assert np.array_equal(*lists)
    plain = [
        Recommender(s, "cosine").similar_items(rows=range(20), k=5).ids for s in (films, moved)
    ]
    assert not np.array_equal(*plain)


@pytest.mark.parametrize("name", ["balanced", "item-orthonormal", "user-orthonormal"])
def test_the_fold_in_of_a_linear_model_is_its_own_in_every_gauge(films, name):
    space = gauge(name).apply(films)
    fold_in = Recommender(space).fold_in
    assert fold_in.exact
    known = fold_in.vectors(films.seen.take(np.arange(20)))
    np.testing.assert_allclose(known, space.queries.vectors[:20], rtol=0, atol=1e-4)


def test_a_known_user_folded_in_is_recommended_the_same(films):
    recommender = Recommender(films)
    known = recommender.recommend("u3", 8)
    new = recommender.recommend_for(rows=films.seen.row(3), k=8)
    assert known.ids.tolist() == new.ids.tolist()
    assert list(new.asked) == ["new"]


def test_an_item_named_twice_counts_once(films):
    recommender = Recommender(films)
    once, twice = recommender.recommend_for(["i1"], 5), recommender.recommend_for(["i1", "i1"], 5)
    assert np.array_equal(once.scores, twice.scores)


@pytest.mark.parametrize("measure", PRODUCTS)
def test_explanations_of_a_linear_model_sum_to_the_score(films, measure):
    recommender = Recommender(films, measure)
    for user in range(0, 140, 20):
        for one in recommender.recommend(f"u{user}", 3).lists()[0]:
            why = recommender.explain(f"u{user}", one.id)
            assert why.exact
            assert {c.id for c in why.contributions} == {f"i{i}" for i in films.seen.row(user)}
            total = sum(c.value for c in why.contributions)
            assert why.score == pytest.approx(one.score, rel=1e-5)
            assert abs(why.rest) < 1e-4 * sum(abs(c.value) for c in why.contributions)
            assert why.score == pytest.approx(total + why.own + why.rest, rel=1e-12)


def test_without_one_item_a_linear_score_falls_by_its_contribution(films):
    recommender = Recommender(films)
    used = [f"i{i}" for i in films.seen.row(4)]
    why = recommender.explain_for(used, "i9")
    strongest = why.contributions[0]
    less = recommender.explain_for([name for name in used if name != strongest.id], "i9")
    assert why.score - less.score == pytest.approx(strongest.value, rel=1e-9)


def test_explanations_of_other_models_say_what_they_leave_unsaid(other):
    why = Recommender(other).explain(0, 0)
    assert not why.exact
    assert why.residual > 0.1
    score = float(other.queries.vectors[0].astype(float) @ other.items.vectors[0].astype(float))
    assert why.score == pytest.approx(score)
    total = sum(c.value for c in why.contributions) + why.own + why.rest
    assert total == pytest.approx(score)


def test_biases_count_in_products_and_in_no_angle(biased):
    assert bias_columns(biased) == (3,)
    without = without_biases(biased)
    assert without.items.dimension == 3
    dot = search(biased, "dot", k=5)["dot"].indices
    assert np.array_equal(Recommender(biased).recommend(k=5).found.indices, dot)
    for measure in ("cosine", "euclidean"):
        clean = search(without, measure, k=5)[measure].indices
        assert np.array_equal(Recommender(biased, measure).recommend(k=5).found.indices, clean)
    for measure in ("dot", "cosine", "cosine@balanced"):
        clean = search(without, measure, k=5, direction="items-items")[measure].indices
        ours = Recommender(biased, measure).similar_items(range(30), 5).found.indices
        assert np.array_equal(ours, clean)


def test_bias_columns_that_are_named_win_over_those_that_look_like_it(biased):
    sides = {"queries": biased.queries, "items": biased.items}
    assert bias_columns(Space(**sides, about={"bias_columns": []})) == ()
    assert bias_columns(Space(**sides, about={"bias_columns": [0, 3]})) == (0, 3)
    with pytest.raises(ShapeError, match="all 4 columns"):
        without_biases(Space(**sides, about={"bias_columns": [0, 1, 2, 3]}))


def test_a_new_user_of_a_biased_model_gets_the_biases(biased):
    rng = np.random.default_rng(5)
    used = SparseRows.from_pairs(*np.nonzero(rng.random((20, 30)) < 0.3), shape=(20, 30))
    space = Space(queries=biased.queries, items=biased.items, trained_for="dot", seen=used)
    recommender = Recommender(space)
    assert recommender.fold_in.vector([1, 2])[3] == pytest.approx(1)
    why = recommender.explain_for([1, 2], 7)
    assert why.own == pytest.approx(float(biased.items.vectors[7, 3]), rel=1e-6)
    assert why.rest == pytest.approx(0, abs=1e-9)


def test_a_user_without_history_gets_an_empty_list_and_is_named(films):
    recommender = Recommender(films)
    found = recommender.recommend(["u1", "u149"], 5)
    assert found.silent == ("u149",)
    assert [len(one) for one in found.lists()] == [5, 0]
    assert found.ids[1].tolist() == [None] * 5
    with pytest.raises(TooFewError, match="no history"):
        recommender.explain("u149", "i1")
    with pytest.raises(TooFewError, match="used nothing"):
        recommender.recommend_for([], 5)


def test_lists_are_shorter_where_fewer_are_left(films):
    recommender = Recommender(films)
    left = 80 - len(films.seen.row(3))
    assert len(recommender.recommend("u3", 1000).lists()[0]) == left
    unseen = [f"i{i}" for i in range(80) if i not in films.seen.row(3)][:2]
    assert len(recommender.recommend("u3", 10, allowed=unseen).lists()[0]) == 2
    seen = [f"i{i}" for i in films.seen.row(3)]
    assert recommender.recommend("u3", 10, allowed=seen).lists() == [[]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda r: r.recommend("u9999"), IdsError, "did you mean"),
        (lambda r: r.recommend("nobody at all"), IdsError, "ids are such as 'u0'"),
        (lambda r: r.recommend(rows=[150]), ShapeError, "row 150 is none of 0 to 149"),
        (lambda r: r.recommend(rows=np.array([-1])), ShapeError, "row -1"),
        (lambda r: r.recommend(2), IdsError, "no user has the id 2; .*rows=... rows"),
        (lambda r: r.recommend(np.array([2])), IdsError, "no user has the id 2; .*rows=... rows"),
        (lambda r: r.recommend(2.0), WrongTypeError, "an id is due, as text or whole number"),
        (lambda r: r.recommend([True]), WrongTypeError, "a bool"),
        (lambda r: r.recommend("u1", rows=[1]), SpellingError, "either by id or by rows"),
        (lambda r: r.similar_items(), SpellingError, "name each item either by id or by rows"),
        (lambda r: r.recommend(rows=["u1"]), WrongTypeError, "whole numbers are due"),
        (lambda r: r.recommend(rows=[1.0]), WrongTypeError, "whole numbers are due"),
        (lambda r: r.recommend(rows=[True]), WrongTypeError, "whole numbers are due"),
        (lambda r: r.similar_items(1), IdsError, "no item has the id 1"),
        (lambda r: r.recommend("u1", allowed=[1]), IdsError, "no item has the id 1"),
        (lambda r: r.explain("u1", 1), IdsError, "no item has the id 1"),
        (lambda r: r.explain(["u1", "u2"], "i1"), ShapeError, "one is due"),
        (lambda r: r.recommend("u1", 0), TooFewError, "k is 0"),
        (lambda r: r.recommend("u1", allowed=[]), TooFewError, "filters leave none"),
        (lambda r: r.recommend("u1", allowed=["x"]), IdsError, "no item has the id 'x'"),
        (lambda r: r.recommend("u1", popularity=float("nan")), ValuesError, "popularity is nan"),
        (lambda r: r.similar_items("x"), IdsError, "no item"),
        (lambda r: r.explain("u1", "x"), IdsError, "no item"),
    ],
)
def test_bad_questions_are_refused_with_a_hint(films, call, error, words):
    with pytest.raises(error, match=words):
        call(Recommender(films))


def test_what_a_measure_cannot_do_is_said(films):
    with pytest.raises(SpellingError, match="no exponent"):
        Recommender(films, "euclidean").recommend("u1", popularity=0.5)
    for measure in ("euclidean", "manhattan", "cosine@centred"):
        with pytest.raises(SpellingError, match="no plain product"):
            Recommender(films, measure).explain("u1", "i1")


def test_spaces_that_cannot_fold_in_or_have_no_users_say_so(films):
    unknown = Space(queries=films.queries, items=films.items, trained_for="dot")
    with pytest.raises(ValuesError, match="does not say what its users used"):
        Recommender(unknown).recommend_for(["i1"], 3)
    alone = Recommender(Space(items=films.items), "cosine")
    assert alone.similar_items("i1", 3).ids.shape == (1, 3)
    for call in (alone.recommend, lambda: alone.similar_users("i1"), lambda: alone.fold_in):
        with pytest.raises(ShapeError):
            call()


def test_item_weights_fold_in_a_row_as_it_is():
    rng = np.random.default_rng(0)
    table = (rng.random((60, 20)) < 0.3).astype(float)
    model = fit_ease(table, 5.0)
    seen = SparseRows.from_pairs(*table[:8].nonzero(), shape=(8, 20))
    space = model.space(model.fold_in(table[:8]), seen=seen)
    folded = learn_fold_in(space)
    assert folded.exact
    used = [2, 5, 11]
    row = np.zeros((1, 20))
    row[0, used] = 1
    scores = folded.vector(used) @ space.items.vectors.T
    assert np.allclose(scores, model.predict(row)[0], atol=1e-6)


def test_fewer_users_than_dimensions_teach_no_map():
    rng = np.random.default_rng(0)
    table = (rng.random((60, 20)) < 0.3).astype(float)
    model = fit_ease(table, 5.0, normalise="l2")
    seen = SparseRows.from_pairs(*table[:8].nonzero(), shape=(8, 20))
    with pytest.raises(TooFewError, match="8 users would teach a map of 20 dimensions"):
        learn_fold_in(model.space(model.fold_in(table[:8]), seen=seen))


@pytest.mark.parametrize("none", [{"users": []}, {"rows": []}])
def test_nobody_is_no_user(none):
    recommender = Recommender(Space(queries=Embeddings([[1.0]]), items=Embeddings([[1.0], [2.0]])))
    for recommend in (recommender.recommend, recommender.similar_users):
        with pytest.raises(TooFewError, match="no user was named"):
            recommend(**none)
