"""From interactions to a space with its judgements; and the law of gauges on real data."""

from dataclasses import replace

import numpy as np
import pytest

from anglewise import compare, read_interactions, search
from anglewise.data_types.sparse import Interactions
from anglewise.errors import SpellingError, ValuesError
from anglewise.recommender_models.closed_form import fit_linear
from anglewise.recommender_models.fit import fit
from real_data import real_data

GAUGES = ["item-orthonormal", "tied-weights", "balanced", "raw-users", "user-orthonormal"]


@pytest.fixture(scope="module")
def films():
    """300 people with four tastes, 60 films, popular and rare."""
    rng = np.random.default_rng(0)
    taste = rng.dirichlet(np.ones(4), 300)[:, np.arange(60) % 4]
    chance = np.minimum(1, 3 * taste * (1 + np.arange(60) // 4) ** -0.5)
    who, what = np.nonzero(rng.random((300, 60)) < chance)
    return Interactions(
        users=who,
        items=what,
        weights=np.ones(len(who)),
        user_ids=np.arange(300),
        item_ids=np.arange(60),
        item_metadata={"title": [f"film {i}" for i in range(60)]},
    )


@pytest.fixture(scope="module")
def fitted(films):
    return fit(films, components=8, penalty=20.0)


def test_all_users_and_items_stand_in_the_order_of_the_file(films, fitted):
    space = fitted.space
    assert space.queries.ids.tolist() == [str(i) for i in films.user_ids]
    assert space.items.ids.tolist() == [str(i) for i in films.item_ids]
    assert space.trained_for == "dot"
    splits = space.queries.metadata["split"]
    assert splits.count("held-out") == 60
    judged = fitted.judgements["queries-items"].judged_rows
    assert {splits[row] for row in judged} == {"held-out"}


def test_items_keep_what_is_known_and_gain_their_popularity_in_training(films, fitted):
    about = fitted.space.items.metadata
    assert about["title"] == films.item_metadata["title"]
    training = np.array(fitted.space.queries.metadata["split"])[films.users] == "train"
    assert about["popularity"] == np.bincount(films.items[training], minlength=60).tolist()


def test_what_was_seen_and_what_is_judged_never_meet(films, fitted):
    def cells(rows):
        return set(zip(rows.rows.tolist(), rows.indices.tolist(), strict=True))

    seen, judged = cells(fitted.space.seen), cells(fitted.judgements["queries-items"].gains)
    assert not seen & judged
    assert seen | judged == set(zip(films.users.tolist(), films.items.tolist(), strict=True))


def test_held_out_users_leave_no_trace_in_the_items(films, fitted):
    held_out = np.array(fitted.space.queries.metadata["split"]) == "held-out"
    other = np.where(held_out[films.users], (films.items + 1) % 60, films.items)
    again = fit(replace(films, items=other), components=8, penalty=20.0)
    assert np.array_equal(again.space.items.vectors, fitted.space.items.vectors)
    assert not np.array_equal(again.space.queries.vectors, fitted.space.queries.vectors)


def test_users_stand_where_the_model_folds_them_in(fitted):
    folded = fitted.model.fold_in(fitted.space.seen.ones())
    assert np.array_equal(folded.astype(np.float32), fitted.space.queries.vectors)


def test_without_holding_out_everybody_trains_and_nothing_is_judged(films):
    everybody = fit(films, components=8, penalty=20.0, holdout=0)
    assert not everybody.judgements
    assert set(everybody.space.queries.metadata["split"]) == {"train"}
    assert len(everybody.space.seen.indices) == len(films.users)


def test_weights_do_not_matter(films, fitted):
    heavy = fit(replace(films, weights=films.weights * 5), components=8, penalty=20.0)
    assert np.array_equal(heavy.space.items.vectors, fitted.space.items.vectors)


def test_the_same_seed_gives_the_same_bytes(films, fitted):
    again = fit(films, components=8, penalty=20.0)
    assert again.space.queries.vectors.tobytes() == fitted.space.queries.vectors.tobytes()
    assert again.judgements["items-items"].gains.values.tobytes() == (
        fitted.judgements["items-items"].gains.values.tobytes()
    )


def test_what_fell_away_is_said():
    who, what = np.nonzero(np.random.default_rng(0).random((40, 9)) < 0.6)
    who, what = np.append(who, [40]), np.append(what, [9])  # one user of one item, alone on it
    did = Interactions(who, what, np.ones(len(who)), np.arange(41), np.arange(10))
    for seed in range(30):
        found = fit(did, components=12, penalty=1.0, holdout=0.1, seed=seed)
        if found.space.queries.metadata["split"][40] == "held-out":
            break
    assert found.notes[0].endswith("fewer than two items: 1 of 4 held-out users")
    assert found.notes[1].startswith("9 of 12 dimensions are left")
    assert found.notes[2].endswith("their vectors are zero: 1 of 10 items")


@pytest.mark.parametrize("holdout", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(films, holdout):
    with pytest.raises(ValuesError, match="holdout is"):
        fit(films, holdout=holdout)


@pytest.mark.parametrize("rule", ["standardised", "l2", "tf-idf", "bm25", "propensity"])
def test_held_out_users_are_folded_in_as_training_users_were_weighed(films, rule):
    found = fit(films, components=8, penalty=1.0, normalise=rule)
    train = np.array(found.space.queries.metadata["split"]) == "train"
    by_hand = fit_linear(
        found.space.seen.take(np.flatnonzero(train)).ones(), 8, penalty=1.0, normalise=rule
    )
    assert np.allclose(found.space.items.vectors, by_hand.item_factors, atol=1e-6)
    users = by_hand.fold_in(found.space.seen.ones())
    assert np.allclose(found.space.queries.vectors, users, atol=1e-5)
    assert found.space.about["normalise"] == rule


@pytest.mark.parametrize("objective", ["ease", "raw-data"])
def test_where_vectors_are_as_long_as_the_table_only_held_out_users_ask(films, fitted, objective):
    found = fit(films, objective=objective)
    held_out = np.flatnonzero(np.array(fitted.space.queries.metadata["split"]) == "held-out")
    assert found.space.queries.ids.tolist() == fitted.space.queries.ids[held_out].tolist()
    judged = found.judgements["queries-items"]
    expected = fitted.judgements["queries-items"].gains.take(held_out)
    assert np.array_equal(judged.gains.indices, expected.indices)
    assert np.array_equal(found.space.seen.indices, fitted.space.seen.take(held_out).indices)
    assert judged.gains.shape == found.space.seen.shape == (60, 60)
    assert found.space.items.dimension == (60 if objective == "ease" else 240)
    assert len(fit(films, objective=objective, holdout=0).space.queries) == 300


def test_item_weights_tell_how_their_penalty_was_chosen(films):
    found = fit(films, objective="ease")
    assert found.notes[0].startswith(f"penalty {found.space.about['penalty']:g}: the best of")
    assert fit(films, objective="ease", penalty=7.0).space.about["penalty"] == 7


def test_items_that_everybody_used_are_named_where_columns_are_standardised(films):
    users, items = np.append(films.users, np.arange(300)), np.append(films.items, np.full(300, 60))
    grown = replace(
        films,
        users=users,
        items=items,
        weights=np.ones(len(users)),
        item_ids=np.arange(61),
        item_metadata=None,
    )
    found = fit(grown, components=4, penalty=1.0, normalise="standardised")
    assert found.notes[-1].endswith("standardised to zero: 1 of 61 items")
    assert not found.space.items.vectors[60].any()


def test_wrong_options_are_named(films):
    with pytest.raises(SpellingError, match="leaves the gauge no choice"):
        fit(films, objective="factors", gauge="raw-users")
    with pytest.raises(SpellingError, match="take one of random, time, last"):
        fit(films, split="newest")
    with pytest.raises(SpellingError, match="did you mean 'bm25'"):
        fit(films, normalise="bm26")
    with pytest.raises(SpellingError, match="objective 'ease' has no components"):
        fit(films, objective="ease", components=3)


def mean_ndcg(fitted, measure, direction):
    """nDCG@10 with linear gain, by hand."""
    judgements = fitted.judgements[direction]
    rows = judgements.judged_rows
    found = search(fitted.space, measure, k=10, direction=direction, rows=rows)[measure]
    gains = judgements.gains.take(rows)
    table = np.zeros(gains.shape)
    table[gains.rows, gains.indices] = gains.values
    discount = 1 / np.log2(np.arange(2, 12))
    ideal = np.sort(table, axis=1)[:, :-11:-1] @ discount
    return float(np.mean(np.take_along_axis(table, found.indices, axis=1) @ discount / ideal))


@pytest.fixture(scope="module")
def rated():
    return read_interactions(real_data("ml-100k") / "interactions.csv.gz")


@pytest.fixture(scope="module")
def by_gauge(rated):
    return {gauge: fit(rated, components=32, penalty=100.0, gauge=gauge) for gauge in GAUGES}


@pytest.mark.real
def test_on_real_data_no_gauge_moves_what_dot_recommends(by_gauge):
    model = by_gauge["balanced"].model
    users = by_gauge["balanced"].space.seen.ones()
    predictions = model.fold_in(users) @ model.item_factors.T
    for other in by_gauge.values():
        moved = other.model.fold_in(users) @ other.model.item_factors.T
        assert np.abs(moved - predictions).max() < 1e-12
    values = [mean_ndcg(one, "dot", "queries-items") for one in by_gauge.values()]
    assert np.ptp(values) < 1e-9
    assert min(values) > 0.4


@pytest.mark.real
@pytest.mark.parametrize("measure", ["cosine", "euclidean"])
def test_on_real_data_the_gauge_alone_moves_other_recommendations(by_gauge, measure):
    values = [mean_ndcg(one, measure, "queries-items") for one in by_gauge.values()]
    assert np.ptp(values) > 0.1


@pytest.mark.real
def test_on_real_data_the_gauge_alone_moves_similar_items(by_gauge):
    """Judged within strata of similar use, as everywhere."""
    results = [
        compare(one.space, one.judgements["items-items"], "cosine") for one in by_gauge.values()
    ]
    values = [result.measures[0].metrics["nDCG@10"].mean for result in results]
    worst, *_, best = values
    assert min(values) == worst  # orthonormal items
    assert max(values) == best  # orthonormal users: the items' geometry of the predictions
    assert best - worst > 0.02


@pytest.mark.real
def test_on_real_data_the_truncated_objective_is_that_of_a_dense_decomposition(rated):
    X = rated.rows().ones().toarray()
    fitted = fit(rated, components=64, penalty=500.0, holdout=0)
    sigma, right = np.linalg.svd(X, full_matrices=False)[1:]
    V = right[:64].T
    product = V * (1 / (1 + 500.0 / sigma[:64] ** 2)) @ V.T
    found = fitted.model.encoder @ fitted.model.item_factors.T

    def loss(weights):
        return np.sum((X - X @ weights) ** 2) + 500.0 * np.sum(weights**2)

    assert abs(loss(found) / loss(product) - 1) < 1e-10
