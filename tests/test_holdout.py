"""A split for any library: nobody is judged by what training saw; files are as written."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import load_npz

from anglewise import read_interactions
from anglewise.errors import FileError, TooFewError
from anglewise.io.holdout_folder import read_protocol, write_split
from anglewise.judgements.holdout_split import core_of, split_interactions
from cli_run import anglewise, refused

__all__ = ["anglewise"]

WAYS = [
    ["--how", "last"],
    ["--how", "time", "--share", "0.3"],
    ["--how", "users"],
    ["--how", "users", "--split", "time"],
    ["--how", "users", "--split", "last", "--k-core", "3"],
]


def written(path, rows, names=("user_id", "item_id", "rating", "timestamp")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return path


def drawn(seed=0, users=40, items=25, uses=600):
    """Uses with repeats, equal times, users of one item, and ids that a reader may guess at."""
    rng = np.random.default_rng(seed)
    who, what = rng.integers(users, size=uses), rng.integers(items, size=uses)
    rows = [
        (f"0{u}", f"i{i}", int(rng.integers(1, 6)), int(rng.integers(100, 200)))
        for u, i in zip(who, what, strict=True)
    ]
    return [*rows, ("alone", "i3", 5, 120)]


@pytest.fixture
def table(tmp_path):
    return written(tmp_path / "did.csv", drawn())


def pairs(path):
    content = pq.read_table(path).to_pydict()
    return list(zip(content["user_id"], content["item_id"], strict=True))


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_parts_are_apart_and_of_the_file_with_its_ids(anglewise, table, tmp_path, way):
    run = anglewise("holdout", table, "-o", tmp_path / "split", *way, "--json", "-")
    assert run.code == 0, run
    told, folder = json.loads(run.out), tmp_path / "split"
    every = {row[:2] for row in drawn()}
    train, test = pairs(folder / "train.parquet"), pairs(folder / "test.parquet")
    shown = pairs(folder / "fold-in.parquet") if "users" in way else []
    parts = [set(part) for part in (train, shown, test)]
    assert [len(part) for part in parts] == [len(train), len(shown), len(test)]
    assert not parts[0] & parts[1]
    assert not parts[1] & parts[2]
    assert not parts[0] & parts[2]
    assert set.union(*parts) <= every
    counts = told["counts"]
    assert counts["train"]["interactions"] == len(train)
    assert counts["fold_in"]["interactions"] == len(shown)
    assert counts["test"]["interactions"] == len(test)
    asked = {user for user, _ in test}
    if shown:
        assert asked == {user for user, _ in shown}
        assert not asked & {user for user, _ in train}
    else:
        assert asked <= {user for user, _ in train}
    assert {"alone"} & asked == set()


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_matrices_hold_what_the_tables_hold_row_by_row(anglewise, table, tmp_path, way):
    folder = tmp_path / "split"
    assert anglewise("holdout", table, "-o", folder, *way).code == 0
    items = pq.read_table(folder / "items.parquet")["item_id"].to_pylist()
    for matrix, users in (("train", "users"), ("fold-in", "fold-in-users")):
        if not (folder / f"{matrix}.npz").exists():
            continue
        used = load_npz(folder / f"{matrix}.npz").tocoo()
        ids = pq.read_table(folder / f"{users}.parquet")["user_id"].to_pylist()
        assert used.shape == (len(ids), len(items))
        named = {
            (ids[u], items[i]): w for u, i, w in zip(used.row, used.col, used.data, strict=True)
        }
        content = pq.read_table(folder / f"{matrix}.parquet").to_pydict()
        due = zip(content["user_id"], content["item_id"], content["weight"], strict=True)
        assert named == {(u, i): w for u, i, w in due}
        assert (used.getnnz(axis=1) > 0).all()
    assert set(items) == {item for _, item in pairs(folder / "train.parquet")}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 9)), min_size=4))
def test_the_item_that_came_last_is_to_be_found_and_nothing_later_trains(tmp_path_factory, uses):
    path = written(
        tmp_path_factory.mktemp("did") / "did.csv", uses, ("user_id", "item_id", "timestamp")
    )
    first = {}
    for user, item, time in uses:
        first[user, item] = min(time, first.get((user, item), 99))
    due = {u: max(t for (v, _), t in first.items() if v == u) for u, _ in first}
    many = {u for u in due if sum(v == u for v, _ in first) > 1}
    if not many:
        with pytest.raises(TooFewError, match="no user has two items"):
            split_interactions(read_interactions(path))
        return
    split = split_interactions(read_interactions(path), seed=3)
    test = split.test
    found = {
        int(test.user_ids[u]): int(test.item_ids[i])
        for u, i in zip(test.users, test.items, strict=True)
    }
    assert set(found) == many
    assert all(first[u, i] == due[u] for u, i in found.items())
    train = split.train
    for u, i, t in zip(train.users, train.items, train.times, strict=True):
        user, item = int(train.user_ids[u]), int(train.item_ids[i])
        assert t == first[user, item] <= due[user]


def test_of_a_rating_that_was_changed_training_knows_the_first(tmp_path):
    rows = [
        ("a", "x", 1, 10),
        ("a", "y", 2, 20),
        ("a", "x", 5, 30),
        ("b", "y", 3, 1),
        ("b", "x", 3, 2),
    ]
    split = split_interactions(read_interactions(written(tmp_path / "did.csv", rows)))
    train = split.train
    known = {
        (train.user_ids[u], train.item_ids[i]): (w, t)
        for u, i, w, t in zip(train.users, train.items, train.weights, train.times, strict=True)
    }
    assert known == {("a", "x"): (1, 10), ("b", "y"): (3, 1)}


def test_the_core_is_the_largest_part_in_which_all_have_enough(table):
    used = read_interactions(table)
    every = set(zip(used.user_ids[used.users], used.item_ids[used.items], strict=True))
    for k in (1, 5, 9):
        due = every
        while True:
            users, items = [u for u, _ in due], [i for _, i in due]
            less = {(u, i) for u, i in due if users.count(u) >= k and items.count(i) >= k}
            if less == due:
                break
            due = less
        if not due:
            with pytest.raises(TooFewError):
                core_of(used, k)
            continue
        core = core_of(used, k)
        assert set(zip(core.user_ids[core.users], core.item_ids[core.items], strict=True)) == due
    with pytest.raises(TooFewError, match="smaller k-core"):
        core_of(used, 26)


@pytest.mark.parametrize("how", ["last", "time", "users"])
def test_the_core_of_all_is_all_and_keeps_the_least_weight(table, how):
    used = read_interactions(table, min_weight=4)
    every, core = split_interactions(used, how), split_interactions(used, how, k_core=1)
    for part in ("train", "test"):
        one, other = getattr(every, part), getattr(core, part)
        assert one.weights.tolist() == other.weights.tolist()
        assert one.user_ids[one.users].tolist() == other.user_ids[other.users].tolist()
        assert one.weights.min() >= 4


def test_a_moment_parts_what_trains_from_what_was_newly_used(anglewise, table, tmp_path):
    folder = tmp_path / "split"
    run = anglewise("holdout", table, "-o", folder, "--how", "time", "--at", 150, "--json", "-")
    assert run.code == 0, run
    before = {row[:2] for row in drawn() if row[3] < 150}
    users = {user for user, _ in before}
    after = {row[:2] for row in drawn() if row[3] >= 150 and row[0] in users} - before
    assert set(pairs(folder / "train.parquet")) == before
    assert set(pairs(folder / "test.parquet")) == after
    assert json.loads(run.out)["at"] == 150


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_the_same_seed_gives_the_same_bytes_and_the_input_is_named(
    anglewise, table, tmp_path, form
):
    words = ["--how", "users", "--tables", form]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert anglewise("holdout", table, "-o", tmp_path / name, *words, "--seed", seed).code == 0
    a, b, c = ({f.name: f.read_bytes() for f in (tmp_path / n).iterdir()} for n in "abc")
    assert a == b != c
    manifest = json.loads(a["manifest.json"])
    assert manifest["source"]["file"] == "did.csv"
    assert (manifest["seed"], manifest["share"], manifest["split"]) == (1, 0.2, "random")
    assert set(manifest["sha256"]) == set(a) - {"manifest.json"}


def test_a_file_that_changed_or_is_gone_is_refused(anglewise, table, tmp_path):
    folder = tmp_path / "split"
    for name in ("test.parquet", "train.npz", "users.parquet", "train.parquet"):
        assert anglewise("holdout", table, "-o", folder).code == 0
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        with pytest.raises(FileError, match="not the file that was written"):
            read_protocol(folder)
        (folder / name).unlink()
        with pytest.raises(FileError, match="is not there"):
            read_protocol(folder)
    (folder / "manifest.json").write_text('{"command": "holdout"}')
    with pytest.raises(FileError, match=r"upgrade|damaged"):
        read_protocol(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(FileError, match="is no split"):
        read_protocol(folder)


def test_a_folder_of_something_else_is_left_alone(anglewise, table, tmp_path):
    folder = tmp_path / "split"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    assert refused(anglewise("holdout", table, "-o", folder), "not empty", "another name")
    (folder / "notes.txt").unlink()
    assert anglewise("holdout", table, "-o", folder).code == 0
    assert (
        anglewise("holdout", table, "-o", folder, "--how", "users").code == 0
    )  # a split: replaced
    assert (folder / "fold-in.npz").exists()
    (folder / "als.npz").write_text("mine")
    assert refused(anglewise("holdout", table, "-o", folder), "also holds als.npz")
    assert (folder / "als.npz").read_text() == "mine"


def test_what_is_read_is_not_written_over(anglewise, tmp_path):
    (tmp_path / "split").mkdir()
    table = written(tmp_path / "split" / "did.csv", drawn())
    assert refused(
        anglewise("holdout", table, "-o", tmp_path / "split"), "holds what this call reads"
    )
    assert table.exists()


def test_ids_that_a_csv_would_not_give_back_are_refused_there_alone(anglewise, tmp_path):
    rows = [("007", "=1+1", 1, 1), ("007", " b", 1, 2), ("8", "=1+1", 1, 1), ("8", " b", 1, 2)]
    table = written(
        tmp_path / "did.csv", [(u, f"'{i}" if i[0] == "=" else i, *r) for u, i, *r in rows]
    )
    used = read_interactions(table)
    write_split(split_interactions(used), tmp_path / "split")
    assert read_protocol(tmp_path / "split").train.item_ids.tolist() == used.item_ids[[1]].tolist()
    assert read_protocol(tmp_path / "split").train.user_ids.tolist() == ["007", "8"]
    assert refused(
        anglewise("holdout", table, "-o", tmp_path / "csv", "--tables", "csv"), "write parquet"
    )
    assert not (tmp_path / "csv").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--share", 0.2], ["--share", "--how users"]),
        (["--how", "users", "--share", 1], ["--share"]),
        (["--how", "last", "--split", "time"], ["--split", "--how users"]),
        (["--at", 3], ["--at", "--how time"]),
        (["--how", "time", "--at", 1], ["nothing happened before 1"]),
        (["--how", "tim"], ["--how"]),
        (["--k-core", 0], ["--k-core"]),
        (["--k-core", 1000], ["smaller k-core"]),
        (["--graded", "--min-weight", -1, "--weight", "nothing"], ["nothing"]),
        (["--time", "when"], ["when"]),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    anglewise, table, tmp_path, words, parts
):
    assert refused(anglewise("holdout", table, "-o", tmp_path / "split", *words), *parts)
    assert not (tmp_path / "split").exists()


def test_without_times_the_last_item_is_not_known(anglewise, tmp_path):
    table = written(tmp_path / "did.csv", [row[:2] for row in drawn()], ("user_id", "item_id"))
    assert refused(anglewise("holdout", table, "-o", tmp_path / "s"), "needs times", "--how users")
    assert anglewise("holdout", table, "-o", tmp_path / "s", "--how", "users").code == 0
    assert refused(
        anglewise("holdout", tmp_path / "none.csv", "-o", tmp_path / "s"),
        "none.csv",
        "does not exist",
    )


def test_gains_are_weights_where_grades_are_asked_for(anglewise, table, tmp_path):
    for words in ([], ["--how", "users"]):
        folder = tmp_path / "split"
        assert anglewise("holdout", table, "-o", folder, "--graded", *words).code == 0
        content = pq.read_table(folder / "test.parquet").to_pydict()
        assert content["gain"] == content["weight"]
        assert len({*content["gain"]}) > 1
