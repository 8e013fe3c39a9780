"""A model under a split: what belongs together is put together, and nothing else is taken."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.sparse import load_npz

from anglewise import (
    Embeddings,
    Space,
    by_protocol,
    compare,
    fit_ease,
    holdout,
    read_interactions,
    read_protocol,
    write_space,
)
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import IdsError, ShapeError, TooFewError, ValuesError
from anglewise.experiment.catalogue import simulate
from anglewise.recommender_models.closed_form import fit_linear
from cli_run import anglewise, refused

__all__ = ["anglewise"]

WIDTH = 12


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A simulated catalogue in which every use has a time."""
    did = simulate(n_users=300, n_items=70, seed=4).interactions
    times = np.random.default_rng(0).permutation(len(did.users))
    path = tmp_path_factory.mktemp("past") / "did.csv"
    with path.open("w", newline="") as file:
        rows = [
            (f"u{u:03}", f"{i:04}", t) for u, i, t in zip(did.users, did.items, times, strict=True)
        ]
        csv.writer(file).writerows([("user_id", "item_id", "timestamp"), *rows])
    return read_interactions(path)


@pytest.fixture(scope="module", params=["last", "time", "users"])
def split(request, used, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "split"
    holdout(used, folder, request.param, seed=1)
    return folder


@pytest.fixture(scope="module")
def folding(used, tmp_path_factory):
    folder = tmp_path_factory.mktemp("users") / "split"
    holdout(used, folder, "users", seed=1)
    return folder


def trained(split):
    """What a library makes of ``train.npz``: rows without ids, here by the closed form."""
    model = fit_linear(load_npz(split / "train.npz"), WIDTH, penalty=20.0)
    return model, model.fold_in(load_npz(split / "train.npz"))


def save(path, users, items):
    np.savez(
        path, user_factors=np.asarray(users, np.float32), item_factors=items.astype(np.float32)
    )
    return path


def oracle(split, users, items):
    """nDCG@10 of inner products, by plain arrays and the tables of the split."""
    columns = pq.read_table(split / "items.parquet")["item_id"].to_pylist()
    rows = pq.read_table(split / "users.parquet")["user_id"].to_pylist()
    used = load_npz(split / "train.npz").toarray() != 0
    if (split / "fold-in.npz").exists():
        rows += pq.read_table(split / "fold-in-users.parquet")["user_id"].to_pylist()
        used = np.concatenate([used, load_npz(split / "fold-in.npz").toarray() != 0])
    wanted = {}
    content = pq.read_table(split / "test.parquet").to_pydict()
    for user, item in zip(content["user_id"], content["item_id"], strict=True):
        wanted.setdefault(user, set()).add(item)
    discounts = 1 / np.log2(np.arange(2, 12))
    values = []
    for user, due in wanted.items():
        row = rows.index(user)
        scores = np.where(used[row], -np.inf, users[row] @ items.T)
        best = np.argsort(-scores)[:10]
        gain = np.array([columns[i] in due for i in best]) @ discounts[: len(best)]
        values.append(gain / discounts[: min(len(due), 10)].sum())
    return float(np.mean(values))


def every_user(split, model, users):
    if not (split / "fold-in.npz").exists():
        return users
    return np.concatenate([users, model.fold_in(load_npz(split / "fold-in.npz"))])


def test_rows_of_the_training_are_judged_as_plain_arrays_say(anglewise, split, tmp_path):
    model, users = trained(split)
    file = save(tmp_path / "als.npz", users, model.item_factors)
    run = anglewise(
        "compare", "--protocol", split, "--model", file, "--measures", "dot", "--json", "-"
    )
    assert run.code == 0, run
    told = json.loads(run.out)
    due = oracle(split, every_user(split, model, users), model.item_factors)
    assert told["measures"][0]["metrics"]["nDCG@10"]["mean"] == pytest.approx(due, abs=1e-6)
    assert told["protocol"]["folder"] == str(split)
    assert told["queries"] == read_protocol(split).manifest["counts"]["test"]["users"]


def test_python_takes_a_model_object_a_path_or_a_space(split, tmp_path):
    model, users = trained(split)
    file = save(tmp_path / "als.npz", users, model.item_factors)
    vectors = users.astype(np.float32), model.item_factors.astype(np.float32)
    forms = [
        file,
        str(file),
        SimpleNamespace(user_factors=vectors[0], item_factors=vectors[1], factors=WIDTH),
        Space(queries=Embeddings(vectors[0]), items=Embeddings(vectors[1]), trained_for="dot"),
    ]
    means = set()
    for form in forms:
        ready = by_protocol(split, form)
        result = compare(ready.space, ready.judgements, "dot")
        means.add(result.measures[0].metrics["nDCG@10"].mean)
    assert len(means) == 1


def test_a_model_with_ids_is_told_by_them_in_any_order(split):
    model, users = trained(split)
    read = read_protocol(split)
    plain = by_protocol(
        read, Space(queries=Embeddings(users), items=Embeddings(model.item_factors))
    )
    rng = np.random.default_rng(0)
    u, i = rng.permutation(len(users)), rng.permutation(len(model.item_factors))
    mixed = Space(
        queries=Embeddings(users[u], ids=read.train.user_ids[u]),
        items=Embeddings(
            model.item_factors[i],
            ids=read.train.item_ids[i],
            metadata={"title": [f"film {name}" for name in read.train.item_ids[i]]},
        ),
    )
    named = by_protocol(read, mixed)
    assert np.allclose(named.space.items.vectors, plain.space.items.vectors)
    assert np.allclose(named.space.queries.vectors, plain.space.queries.vectors, atol=1e-5)
    assert named.space.items.metadata["title"][3] == f"film {read.train.item_ids[3]}"
    assert named.judgements.gains.indices.tolist() == plain.judgements.gains.indices.tolist()


def test_what_trained_and_what_folds_in_is_not_recommended_again(split):
    model, users = trained(split)
    ready = by_protocol(
        split, Space(queries=Embeddings(users), items=Embeddings(model.item_factors))
    )
    due = load_npz(split / "train.npz").toarray()
    if (split / "fold-in.npz").exists():
        due = np.concatenate([due, load_npz(split / "fold-in.npz").toarray()])
    seen = np.zeros(due.shape)
    seen[ready.space.seen.rows, ready.space.seen.indices] = ready.space.seen.values
    assert (seen == due).all()
    gains = ready.judgements.gains
    assert not (seen[gains.rows, gains.indices] > 0).any()


def test_held_out_users_of_a_linear_model_are_where_it_puts_them(folding):
    model, users = trained(folding)
    space = Space(
        queries=Embeddings(users), items=Embeddings(model.item_factors), trained_for="dot"
    )
    ready = by_protocol(folding, space)
    due = model.fold_in(load_npz(folding / "fold-in.npz"))
    assert np.allclose(ready.space.queries.vectors[len(users) :], due, atol=1e-4)
    assert "exact" in ready.remarks[0]
    assert ready.space.queries.metadata["split"] == ["train"] * len(users) + ["held-out"] * len(due)


def test_held_out_users_of_another_model_are_refused_unless_it_brings_them(folding):
    rng = np.random.default_rng(0)
    read = read_protocol(folding)
    users, items = (rng.standard_normal((n, WIDTH)) for n in read.train.shape)
    with pytest.raises(ValuesError, match=r"no map is found.*recalculate_user.*--how last"):
        by_protocol(read, Space(queries=users, items=items))
    own = rng.standard_normal((len(read.held_out_ids), WIDTH))
    ready = by_protocol(read, Space(queries=np.concatenate([users, own]), items=items))
    assert np.allclose(ready.space.queries.vectors[len(users) :], own.astype(np.float32))
    ids = [*read.train.user_ids, *read.held_out_ids]
    named = Space(
        queries=Embeddings(np.concatenate([users, own]), ids=ids),
        items=Embeddings(items, ids=read.train.item_ids),
    )
    assert np.allclose(by_protocol(read, named).space.queries.vectors, ready.space.queries.vectors)
    some = Space(queries=Embeddings(named.queries.vectors[:-1], ids=ids[:-1]), items=named.items)
    with pytest.raises(IdsError, match="all of them, or none"):
        by_protocol(read, some)
    few = Space(
        queries=rng.standard_normal((len(users), 400)), items=rng.standard_normal((len(items), 400))
    )
    with pytest.raises(TooFewError, match="recalculate_user"):
        by_protocol(read, few)


def test_weights_from_item_to_item_fold_in_by_the_columns_that_they_have(folding):
    read = read_protocol(folding)
    table = load_npz(folding / "train.npz")
    model = fit_ease(table, 50.0)
    ids = {"user_ids": read.train.user_ids, "item_ids": read.train.item_ids}
    space = model.space(model.fold_in(table), **ids)
    ready = by_protocol(read, space)
    due = model.fold_in(load_npz(folding / "fold-in.npz"))
    due = due.toarray() if hasattr(due, "toarray") else due
    assert np.allclose(ready.space.queries.vectors[table.shape[0] :], due, atol=1e-4)
    turned = np.roll(np.arange(table.shape[1]), 1)
    items = Embeddings(space.items.vectors[turned], ids=read.train.item_ids[turned])
    mixed = Space(queries=space.queries, items=items, trained_for="dot", about=space.about)
    assert np.allclose(by_protocol(read, mixed).space.items.vectors, space.items.vectors)
    # columns of users in another order are not the items of the split
    columns = Embeddings(space.queries.vectors[:, turned], ids=read.train.user_ids)
    with pytest.raises(ValuesError, match="no map is found"):
        by_protocol(read, Space(queries=columns, items=space.items, about=space.about))


def test_rows_that_are_not_those_of_the_training_are_refused(split):
    read = read_protocol(split)
    users, items = read.train.shape
    q, x = np.ones((users, 3)), np.ones((items, 3))
    for wrong in (
        (q[1:], x),
        (q, x[1:]),
        (np.ones((users + 1, 3)), x),
        (q, np.ones((items + 1, 3))),
    ):
        with pytest.raises(ShapeError, match="which row is whose cannot be told"):
            by_protocol(split, Space(queries=wrong[0], items=wrong[1]))
    with pytest.raises(ShapeError, match="sides are swapped"):
        by_protocol(split, Space(queries=x, items=q))
    with pytest.raises(ShapeError, match="has no users"):
        by_protocol(split, Space(items=x))


def test_ids_that_the_training_does_not_hold_are_refused(split):
    read = read_protocol(split)
    model, users = trained(split)
    ids = read.train.user_ids, read.train.item_ids

    def space(user_ids=ids[0], item_ids=ids[1]):
        return Space(
            queries=Embeddings(users[: len(user_ids)], ids=user_ids),
            items=Embeddings(model.item_factors[: len(item_ids)], ids=item_ids),
        )

    with pytest.raises(IdsError, match=r"items that the training .* does not hold, such as '0'"):
        by_protocol(split, space(item_ids=[str(int(name)) for name in ids[1]]))  # as pandas guesses
    with pytest.raises(IdsError, match=r"1 user that the training .* 'nobody'"):
        by_protocol(split, space(user_ids=["nobody", *ids[0][1:]]))
    with pytest.raises(IdsError, match="lacks 1 of the"):
        by_protocol(split, space(user_ids=ids[0][:-1]))


def test_items_that_a_model_dropped_count_as_missed(split):
    read = read_protocol(split)
    model, users = trained(split)
    asked = set(map(str, read.test_items))
    kept = np.array([n for n, name in enumerate(read.train.item_ids) if name != max(asked)])
    less = Space(
        queries=Embeddings(users, ids=read.train.user_ids),
        items=Embeddings(model.item_factors[kept], ids=read.train.item_ids[kept]),
    )
    if read.fold_in is not None:
        more = model.fold_in(load_npz(split / "fold-in.npz"))
        ids = [*read.train.user_ids, *read.held_out_ids]
        less = Space(queries=Embeddings(np.concatenate([users, more]), ids=ids), items=less.items)
    ready = by_protocol(read, less)
    assert any("lacks 1 of the" in remark for remark in ready.remarks)
    assert max(asked) in ready.judgements.missing_ids
    judged = len(ready.judgements.gains.indices) + len(ready.judgements.missing.indices)
    assert judged == len(read.gains)


def test_who_is_folded_in_by_no_item_of_the_model_is_not_guessed(folding):
    read, shown = read_protocol(folding), load_npz(folding / "fold-in.npz").tocsr()
    fewest = int(np.argmin(np.diff(shown.indptr)))
    kept = np.setdiff1d(np.arange(shown.shape[1]), shown[fewest].indices)
    train = load_npz(folding / "train.npz").tocsr()[:, kept]
    model = fit_linear(train, WIDTH, penalty=20.0)
    less = Space(
        queries=Embeddings(model.fold_in(train), ids=read.train.user_ids),
        items=Embeddings(model.item_factors, ids=read.train.item_ids[kept]),
    )
    with pytest.raises(ValuesError, match="lacks all items by which some of 54 held-out users"):
        by_protocol(read, less)


def test_a_model_that_says_it_was_trained_on_the_answers_is_refused(split):
    read = read_protocol(split)
    model, users = trained(split)
    if read.fold_in is not None:
        users = np.concatenate([users, model.fold_in(load_npz(split / "fold-in.npz"))])
    ids = [*map(str, read.train.user_ids), *read.held_out_ids]
    queries, items = (
        Embeddings(users, ids=ids),
        Embeddings(model.item_factors, ids=read.train.item_ids),
    )
    known = [n for n, name in enumerate(read.test_items) if str(name) in items.row_of][:1]
    row, column = queries.row_of[read.test_users[known[0]]], items.row_of[read.test_items[known[0]]]
    seen = SparseRows.from_pairs([row], [column], shape=(len(ids), len(items)))
    with pytest.raises(ValuesError, match=r"trained on 1 of .* it knows the answers"):
        by_protocol(read, Space(queries=queries, items=items, seen=seen))


def test_a_space_of_ours_that_was_fitted_to_the_training_is_taken(anglewise, folding, tmp_path):
    words = ["--holdout", 0, "--components", WIDTH, "--penalty", 20]
    assert anglewise("fit", folding / "train.parquet", "-o", tmp_path / "ours", *words).code == 0
    model, users = trained(folding)
    file = save(tmp_path / "foreign.npz", users, model.item_factors)
    spaces = [f"ours={tmp_path / 'ours'}", f"foreign={file}"]
    words = ["--protocol", folding, "--spaces", *spaces, "--measures", "dot", "--json", "-"]
    run = anglewise("compare", *words)
    assert run.code == 0, run
    ours, foreign = (row["metrics"]["nDCG@10"]["mean"] for row in json.loads(run.out)["measures"])
    assert ours == pytest.approx(foreign, abs=1e-6)


def test_a_split_that_changed_judges_nothing(anglewise, split, tmp_path):
    import shutil

    model, users = trained(split)
    file = save(tmp_path / "als.npz", users, model.item_factors)
    changed = tmp_path / "changed"
    shutil.copytree(split, changed)
    content = pq.read_table(changed / "test.parquet")
    pq.write_table(content.slice(1), changed / "test.parquet")
    assert refused(
        anglewise("compare", "--protocol", changed, "--model", file),
        "test.parquet is not the file that was written",
    )


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--model", "als.npz"], ["--model", "give --protocol"]),
        (["--protocol", "split"], ["what was trained on the split", "--model FILE", "--spaces"]),
        (["als.npz", "--protocol", "split"], ["als.npz came beside --protocol"]),
        (
            ["--protocol", "split", "--model", "als.npz", "--qrels", "q.tsv"],
            ["--qrels came beside"],
        ),
        (
            ["--protocol", "split", "--model", "als.npz", "--seen", "did.csv"],
            ["--seen came beside"],
        ),
        (
            ["--protocol", "split", "--model", "als.npz", "--direction", "queries-queries"],
            ["or similar items (items-items)"],
        ),
        (
            ["--protocol", "split", "--model", "als.npz", "--spaces", "a"],
            ["what was trained on the split", "--model FILE"],
        ),
        (["--protocol", "split", "--model", "none.npz"], ["none.npz does not exist"]),
        (["--protocol", ".", "--model", "als.npz"], ["is no split", "anglewise holdout"]),
        (["--protocl", "split"], ["--protocl"]),
    ],
)
def test_what_does_not_belong_together_is_refused(anglewise, words, parts):
    assert refused(anglewise("compare", *words), *parts)


@pytest.fixture
def here(split, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "split").symlink_to(split)
    model, users = trained(split)
    save(tmp_path / "als.npz", users, model.item_factors)
    (tmp_path / "q.tsv").write_text("query-id\tcorpus-id\tscore\nu001\t0001\t1\n")
    (tmp_path / "did.csv").write_text("user_id,item_id\nu001,0001\n")


def test_a_model_is_saved_with_its_split_and_judged_again(folding, tmp_path):
    model, users = trained(folding)
    ready = by_protocol(folding, Space(queries=users, items=model.item_factors, trained_for="dot"))
    write_space(ready.space, tmp_path / "kept", judgements={"queries-items": ready.judgements})
    from anglewise import read_judgements, read_space

    again = read_space(tmp_path / "kept")
    judged = read_judgements(tmp_path / "kept", again, direction="queries-items")
    one, two = (
        compare(space, labels, "dot,cosine").to_dict()["measures"]
        for space, labels in ((ready.space, ready.judgements), (again, judged))
    )
    assert one == two
