"""Similar items of a model under a split: by what was taken together outside of the training."""

import csv
import json

import numpy as np
import pytest
from scipy.sparse import load_npz

from anglewise import (
    Embeddings,
    Space,
    by_protocol,
    compare,
    holdout,
    read_interactions,
    read_protocol,
)
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import SpellingError, TooFewError
from anglewise.experiment.catalogue import simulate
from anglewise.judgements.co_use import co_use
from anglewise.recommender_models.closed_form import fit_linear
from cli_run import anglewise, refused

__all__ = ["anglewise"]

WIDTH, ITEMS = 12, 240


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    did = simulate(n_users=500, n_items=ITEMS, seed=4).interactions
    times = np.random.default_rng(0).permutation(len(did.users))
    path = tmp_path_factory.mktemp("past") / "did.csv"
    with path.open("w", newline="") as file:
        each = zip(did.users, did.items, times, strict=True)
        rows = [(f"u{u:03}", f"i{i:04}", t) for u, i, t in each]
        csv.writer(file).writerows([("user_id", "item_id", "timestamp"), *rows])
    return read_interactions(path)


def split_by(used, how, folder):
    holdout(used, folder / how, how, seed=1)
    return folder / how


@pytest.fixture(scope="module")
def folding(used, tmp_path_factory):
    return split_by(used, "users", tmp_path_factory.mktemp("users"))


@pytest.fixture(scope="module")
def by_time(used, tmp_path_factory):
    return split_by(used, "time", tmp_path_factory.mktemp("time"))


def trained(split):
    table = load_npz(split / "train.npz")
    model = fit_linear(table, WIDTH, penalty=20.0)
    return model.fold_in(table), model.item_factors


def space_of(split):
    users, items = trained(split)
    return Space(queries=users, items=items)


def saved(split, path):
    users, items = trained(split)
    np.savez(path, user_factors=users.astype(np.float32), item_factors=items.astype(np.float32))
    return path


def sets_of(split, *, shown_too):
    """Who took what, by plain dicts."""
    read = read_protocol(split)
    sets = {}
    for user, item in zip(read.test_users, read.test_items, strict=True):
        sets.setdefault(str(user), set()).add(str(item))
    if shown_too:
        for user, item in zip(read.fold_in.users, read.fold_in.items, strict=True):
            owner = str(read.fold_in.user_ids[user])
            sets.setdefault(owner, set()).add(str(read.fold_in.item_ids[item]))
    return sets


def co_use_of(sets, items):
    pairs = [
        (row, items.row_of[name])
        for row, own in enumerate(sets.values())
        for name in own
        if name in items.row_of
    ]
    table = SparseRows.from_pairs(*np.array(pairs).T, shape=(len(sets), len(items)))
    return co_use(UsedTogether(table))


@pytest.mark.parametrize("how", ["users", "time"])
def test_similar_items_are_those_that_users_took_outside_of_the_training(how, used, tmp_path):
    split = split_by(used, how, tmp_path)
    ready = by_protocol(split, space_of(split), direction="items-items")
    due = co_use_of(sets_of(split, shown_too=how == "users"), ready.space.items)
    assert ready.judgements.direction == "items-items"
    for own, wanted in zip(
        (ready.judgements.gains.indptr, ready.judgements.gains.indices),
        (due.gains.indptr, due.gains.indices),
        strict=True,
    ):
        assert np.array_equal(own, wanted)
    np.testing.assert_allclose(ready.judgements.gains.values, due.gains.values)
    assert compare(ready.space, ready.judgements, "dot,cosine").within


def test_what_a_model_may_have_been_trained_on_is_not_judged_by(folding):
    users, items = trained(folding)
    read = read_protocol(folding)
    ids = [*map(str, read.train.user_ids), *read.held_out_ids]
    more = np.random.default_rng(0).normal(size=(len(read.held_out_ids), WIDTH))
    model = Space(
        queries=Embeddings(np.concatenate([users, more]), ids=ids),
        items=Embeddings(items, ids=read.train.item_ids),
    )
    ready = by_protocol(folding, model, direction="items-items")
    due = co_use_of(sets_of(folding, shown_too=False), ready.space.items)
    np.testing.assert_allclose(ready.judgements.gains.values, due.gains.values)


def test_items_that_a_model_lacks_are_left_out_of_similar_ones_and_it_is_said(by_time):
    users, items = trained(by_time)
    read = read_protocol(by_time)
    kept = np.arange(len(items)) % 7 > 0
    model = Space(
        queries=Embeddings(users, ids=read.train.user_ids),
        items=Embeddings(items[kept], ids=read.train.item_ids[kept]),
    )
    ready = by_protocol(by_time, model, direction="items-items")
    due = co_use_of(sets_of(by_time, shown_too=False), ready.space.items)
    np.testing.assert_allclose(ready.judgements.gains.values, due.gains.values)
    assert any("that the model lacks are left out" in remark for remark in ready.remarks)


def test_the_last_item_of_everybody_says_of_no_two_that_they_belong_together(used, tmp_path):
    split = split_by(used, "last", tmp_path)
    with pytest.raises(TooFewError, match="no user is left with two items outside of the training"):
        by_protocol(split, space_of(split), direction="items-items")


def test_a_split_says_nothing_of_similar_users(folding, anglewise, tmp_path):
    with pytest.raises(SpellingError, match="queries-items or items-items is due"):
        by_protocol(folding, space_of(folding), direction="queries-queries")
    file = saved(folding, tmp_path / "m.npz")
    words = ["--protocol", folding, "--model", file, "--direction", "queries-queries"]
    assert refused(anglewise("compare", *words), "or similar items (items-items)")


def test_a_second_truth_is_laid_beside_what_the_split_says(folding, anglewise, tmp_path):
    file = saved(folding, tmp_path / "m.npz")
    kinds = tmp_path / "kinds.csv"
    rows = [f"i{row:04},{'abcdef'[row % 6]}|{'xyz'[row % 3]}" for row in range(ITEMS)]
    kinds.write_text("\n".join(["item_id,kind", *rows]) + "\n")
    words = ["--protocol", folding, "--model", file, "--direction", "items-items"]
    words += ["--measures", "dot,cosine", "--json", "-"]
    both = json.loads(anglewise("compare", *words, "--truths", f"co-use,{kinds}").out)
    alone = json.loads(anglewise("compare", *words).out)
    labels = json.loads(anglewise("compare", *words, "--truths", str(kinds)).out)
    assert [truth["truth"] for truth in both["truths"]] == ["co-use", "kinds.csv"]
    assert both["truths"][0]["measures"] == alone["measures"]
    assert both["protocol"]["manifest_sha256"] == alone["protocol"]["manifest_sha256"]
    assert "truths" not in labels
    assert labels["queries"] == both["truths"][1]["queries"]


def test_several_models_of_one_split_are_judged_within_strata(folding, anglewise, tmp_path):
    file = saved(folding, tmp_path / "m.npz")
    words = ["--protocol", folding, "--direction", "items-items", "--measures", "cosine"]
    run = anglewise("compare", *words, "--spaces", f"a={file}", f"b={file}", "--json", "-")
    assert run.code == 0, run
    content = json.loads(run.out)
    assert content["within"]
    first, second = (row["metrics"]["nDCG@10"]["mean"] for row in content["measures"])
    assert first == second
