"""What users were trained on is given once, by file or in memory, and leaves their lists."""

import json
import re
import types
from importlib import import_module

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

import anglewise as aw
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import FileError, IdsError, ShapeError, TooFewError, ValuesError
from cli_run import anglewise, refused
from inspect_site import site

__all__ = ["anglewise"]

USERS, ITEMS, D = 30, 60, 5
RNG = np.random.default_rng(4)
P, Q = RNG.normal(size=(USERS, D)), RNG.normal(size=(ITEMS, D)) * [5, 3, 2, 1, 0.5]
USER_IDS, ITEM_IDS = [f"u{i}" for i in range(USERS)], [f"i{i}" for i in range(ITEMS)]
ORDER = np.argsort(-(P @ Q.T), axis=1)
"""The items of each user by inner product: the first five trained on, every other of the next
judged relevant."""
TRAINED = [(user, int(item)) for user in range(USERS) for item in ORDER[user, :5]]
JUDGED = [(user, int(item)) for user in range(USERS) for item in ORDER[user, 5:15:2]]
MATRIX = sparse.csr_array(
    (np.ones(len(TRAINED)), np.array(TRAINED).T.tolist()), shape=(USERS, ITEMS)
)
FRAME = pd.DataFrame(
    {"user_id": [USER_IDS[u] for u, _ in TRAINED], "item_id": [ITEM_IDS[i] for _, i in TRAINED]}
)


def made_space(**known):
    users, items = aw.Embeddings(P, ids=USER_IDS), aw.Embeddings(Q, ids=ITEM_IDS)
    return aw.Space(queries=users, items=items, **{"trained_for": "dot", **known})


def table(path, pairs, columns="user_id,item_id", extra=()):
    lines = [f"{USER_IDS[user]},{ITEM_IDS[item]}" for user, item in pairs]
    path.write_text("\n".join([columns, *lines, *extra]) + "\n")
    return path


@pytest.fixture
def files(tmp_path):
    aw.write_space(made_space(), tmp_path / "space")
    table(tmp_path / "train.csv", TRAINED, extra=["u0,gone", "nobody,i0"])
    table(tmp_path / "judged.csv", JUDGED)
    return tmp_path


def same(table, other):
    return np.array_equal(table.indptr, other.indptr) and np.array_equal(
        table.indices, other.indices
    )


WHOLE = made_space(seen=MATRIX).seen


@pytest.mark.parametrize(
    "seen",
    [
        MATRIX,
        MATRIX.tocoo(),
        WHOLE,
        FRAME,
        pa.table(FRAME.to_dict("list")),
        pd.concat([FRAME, FRAME]),
        aw.read_interactions(FRAME),
    ],
    ids=["csr", "coo", "rows", "pandas", "arrow", "twice", "interactions"],
)
def test_every_form_in_memory_is_the_same_table(seen, tmp_path):
    assert same(made_space(seen=seen).seen, WHOLE)
    aw.write_space(made_space(), tmp_path / "space")
    assert same(aw.read_space(tmp_path / "space", seen=seen).seen, WHOLE)
    model = types.SimpleNamespace(user_factors=P, item_factors=Q, factors=D)
    imported = aw.from_model(model, user_ids=USER_IDS, item_ids=ITEM_IDS, seen=seen)
    assert same(imported.seen, WHOLE)


def test_a_file_is_read_in_every_format_of_interactions(files):
    space = files / "space"
    FRAME.assign(rating=3.0).to_parquet(files / "train.parquet")
    lines = [f"{u}::{i}::4::9" for u, i in FRAME.itertuples(index=False)]
    (files / "ratings.dat").write_text("\n".join(lines))
    sparse.save_npz(files / "train.npz", MATRIX.tocsc())
    for name in ("train.csv", "train.parquet", "ratings.dat", "train.npz"):
        assert same(aw.read_space(space, seen=files / name).seen, WHOLE), name


def compare(files, *words):
    return ("compare", files / "space", "--qrels", files / "judged.csv", *words)


def means(result):
    return [row["metrics"]["nDCG@10"]["mean"] for row in result["measures"]]


def test_compare_leaves_what_users_were_trained_on_out(anglewise, files):
    words = compare(files, "--measures", "dot,cosine", "--json", "-")
    without = json.loads(anglewise(*words).out)
    run = anglewise(*words, "--seen", files / "train.csv")
    given = json.loads(run.out)
    assert "train.csv: 150 of 152 pairs name a user and an item of this space" in run.err
    judged = aw.read_judgements(files / "judged.csv", made_space())
    right = aw.compare(made_space(seen=MATRIX), judged, "dot,cosine").to_dict()
    assert given["measures"] == right["measures"]
    mean = dict(zip([row["measure"] for row in given["measures"]], means(given), strict=True))
    assert mean["dot"] > means(without)[0] + 0.2
    assert mean["dot"] > mean["cosine"]


def test_several_spaces_each_leave_it_out(anglewise, files):
    aw.write_space(made_space(), files / "other")
    words = ("--spaces", files / "space", files / "other", "--qrels", files / "judged.csv")
    words = ("compare", *words, "--measures", "dot", "--json", "-", "--seen", files / "train.csv")
    found = means(json.loads(anglewise(*words).out))
    judged = aw.read_judgements(files / "judged.csv", made_space())
    assert found == means(aw.compare(made_space(seen=MATRIX), judged, "dot").to_dict()) * 2


def test_search_and_recommend_leave_it_out(anglewise, files):
    right = [ITEM_IDS[item] for item in ORDER[3, 5:9]]
    words = ("search", files / "space", "--query", "u3", "--measures", "dot", "-k", 4)
    run = anglewise(*words, "--seen", files / "train.csv", "--json", "-")
    [found] = json.loads(run.out)["measures"]
    assert [one["id"] for one in found["neighbours"]] == right
    words = ("recommend", files / "space", "--user", "u3", "-k", 4, "--json", "-")
    run = anglewise(*words, "--seen", files / "train.csv")
    assert [one["id"] for one in json.loads(run.out)["items"]] == right
    assert "nothing says" not in run.err
    bare = anglewise(*words)
    assert "nothing says which items a user was trained on (--seen FILE)" in bare.err


def test_the_audit_leaves_it_out(anglewise, files):
    words = ("audit", files / "space", "-k", 5, "--json", "-")
    given = json.loads(anglewise(*words, "--seen", files / "train.csv").out)
    right = aw.audit(made_space(seen=MATRIX), k=5, runs={"same": made_space()})
    lists = aw.search(made_space(seen=MATRIX), "cosine,cosine@balanced", k=5)
    first, second = (lists[name].indices for name in ("cosine", "cosine@balanced"))
    shared = np.mean([len({*a} & {*b}) / 5 for a, b in zip(first, second, strict=True)])
    for overlaps in (
        given["overlap@5"]["queries-items"],
        right.agreement["queries-items"].overlap,
    ):
        assert overlaps["cosine"]["cosine@balanced"] == pytest.approx(shared)
    assert right.runs[0].overlap["dot"] == 1
    bare = json.loads(anglewise(*words).out)
    bare, given = bare["overlap@5"], given["overlap@5"]
    assert bare["queries-items"] != given["queries-items"]
    assert bare["items-items"] == given["items-items"]


def test_who_was_trained_on_all_items_asks_for_none_in_the_audit():
    used = MATRIX.tolil()
    used[3] = 1
    result = aw.audit(made_space(seen=used.tocsr()), k=5)
    assert result.agreement["queries-items"].queries == USERS - 1


def test_the_remedy_leaves_it_out_and_repeats_it_in_its_command(anglewise, files):
    """Both sides are moved by one vector, so that only centred products rank as before."""
    mean = Q.mean(axis=0)
    away = [P - mean + 9, Q - mean + 9]
    users, items = (
        aw.Embeddings(x, ids=i) for x, i in zip(away, (USER_IDS, ITEM_IDS), strict=True)
    )
    aw.write_space(aw.Space(queries=users, items=items, trained_for="dot"), files / "space")
    moved = aw.Space(queries=users, items=items, trained_for="dot", seen=MATRIX)
    words = ("remedy", files / "space", "--qrels", files / "judged.csv", "--no-keep", "--json", "-")
    words = (*words, "--candidates", "dot@centred", "--seen", files / "train.csv")
    given = json.loads(anglewise(*words).out)
    judged = aw.read_judgements(files / "judged.csv", moved)
    assert means(given) == means(aw.remedy(moved, judged, "dot@centred", cache=None).to_dict())
    assert given["advice"]["wins"]
    assert f"--seen {files / 'train.csv'}" in given["command_line"]


def test_the_page_leaves_it_out(anglewise, files, monkeypatch):
    opened = []
    app = import_module("anglewise.web_page.app")
    monkeypatch.setattr(app, "served", lambda read, **_: opened.append(read()) or STOP)
    anglewise("inspect", files / "space", "--no-open", "--seen", files / "train.csv")
    page = site(opened[0]).get("/?direction=queries-items&query=u3&measures=dot&k=5").text
    shown = re.findall(r"query=(i\d+)", page)
    right = [ITEM_IDS[item] for item in ORDER[3]]
    assert right[5] in shown
    assert not set(right[:5]) & set(shown)


class Stopped:
    address = "http://127.0.0.1:1/"

    def run(self):
        raise KeyboardInterrupt


STOP = Stopped()

COMMANDS = {
    "compare": ("--qrels", "judged.csv"),
    "audit": (),
    "search": ("--query", "u3"),
    "recommend": ("--user", "u3"),
    "remedy": ("--qrels", "judged.csv", "--no-keep"),
    "inspect": ("--no-open", "--export", "copy"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_names_nobody_here_is_refused(anglewise, files, monkeypatch, command):
    monkeypatch.chdir(files)
    words = (command, "space", *COMMANDS[command], "--seen")
    (files / "other.csv").write_text("user_id,item_id\nu0,film\nann,i0\n")
    assert refused(anglewise(*words, "other.csv"), "other.csv: not one of 2 pairs names a user and")
    (files / "columns.csv").write_text("a,b\nu0,i0\n")
    assert refused(anglewise(*words, "columns.csv"), "call them user_id and item_id")
    sparse.save_npz(files / "small.npz", MATRIX[:4])
    assert refused(anglewise(*words, "small.npz"), "small.npz is (4, 60), the space (30, 60)")
    assert refused(anglewise(*words, "gone.csv"), "gone.csv")
    aw.write_space(aw.Space(items=made_space().items), files / "space")
    if command not in {"compare", "remedy", "recommend"}:
        words = tuple("i3" if word == "u3" else word for word in words)
        assert refused(anglewise(*words, "other.csv"), "this space has no users")
    assert not (files / "copy").exists()


def test_rows_that_are_counted_from_one_are_refused():
    nameless = {"queries": P, "items": Q}
    used = pd.DataFrame({"user_id": [1, USERS], "item_id": [3, 4]})
    with pytest.raises(IdsError, match="counted from 1"):
        aw.Space(**nameless, seen=used)
    with pytest.raises(ValuesError, match="user_id"):
        made_space(seen=FRAME.rename(columns={"user_id": "who"}))
    with pytest.raises(ShapeError, match="the space"):
        made_space(seen=MATRIX[:, :9])


def test_a_file_stands_in_place_of_what_the_space_brings_and_that_is_said(anglewise, files):
    brought = sparse.csr_array(([1.0], ([0], [0])), shape=(USERS, ITEMS))
    aw.write_space(made_space(seen=brought), files / "space")
    run = anglewise(*compare(files, "--measures", "dot", "--seen", files / "train.csv"))
    assert "train.csv: taken in place of the 1 pair that the space brings" in run.err
    said = []
    assert same(aw.read_space(files / "space", seen=MATRIX, say=said.append).seen, WHOLE)
    assert said[0].startswith("seen: taken in place of")


def notes(space, judged):
    return " ".join(aw.compare(space, judged, "dot").notes)


WARNING = "nothing says which items the users were trained on (--seen FILE)"


def test_users_judged_without_it_are_a_warning(anglewise, files):
    judged = aw.read_judgements(files / "judged.csv", made_space())
    assert judged.of_users
    for trained_for in ("dot", "unknown"):
        assert WARNING in notes(made_space(trained_for=trained_for), judged)
        assert WARNING not in notes(made_space(trained_for=trained_for, seen=MATRIX), judged)
    words = anglewise(*compare(files, "--measures", "dot,cosine"))
    assert WARNING in " ".join(words.out.split())
    assert "penalises the measures that fit the training best" in " ".join(words.out.split())
    given = json.loads(
        anglewise(
            "remedy", *compare(files, "--no-keep", "--json", "-")[1:], "--candidates", "dot"
        ).out
    )
    assert any(WARNING in note for note in given["notes"])


def test_what_was_made_of_interactions_is_of_users(anglewise, files):
    aw.write_space(made_space(trained_for="unknown"), files / "space")
    assert anglewise("judge", "from-interactions", files / "space", files / "judged.csv").code == 0
    run = anglewise("compare", files / "space", "--measures", "dot,cosine", "--json", "-")
    assert any(WARNING in note for note in json.loads(run.out)["notes"])


def test_questions_are_no_users():
    pairs = [(USER_IDS[u], ITEM_IDS[i]) for u, i in JUDGED]
    judged = aw.Judgements.from_pairs(pairs, made_space())
    assert WARNING in notes(made_space(), judged)
    assert WARNING not in notes(made_space(trained_for="unknown"), judged)
    assert WARNING not in notes(made_space(about={"encoder": "use"}), judged)
    titled = aw.Embeddings(P, ids=USER_IDS, metadata={"text": ["why?"] * USERS})
    space = aw.Space(queries=titled, items=made_space().items, trained_for="dot")
    assert WARNING not in notes(space, judged)


def test_relevant_items_that_were_trained_on_are_named():
    pairs = [(USER_IDS[u], ITEM_IDS[i]) for u, i in [*JUDGED, *TRAINED[:7]]]
    judged = aw.Judgements.from_pairs(pairs, made_space())
    words = notes(made_space(seen=MATRIX), judged)
    assert "7 of 157 relevant pairs were used in training: they are left out of the lists" in words
    assert "used in training" not in notes(made_space(), judged)


def test_where_no_user_asks_that_is_said(anglewise, files):
    words = ("search", files / "space", "--query", "i3", "--direction", "items-items")
    run = anglewise(*words, "--seen", files / "train.csv")
    assert "train.csv: no user asks here (items-items)" in run.err


def test_models_that_hold_it_bring_it():
    trainset = types.SimpleNamespace(
        global_mean=3.5,
        to_raw_uid=USER_IDS.__getitem__,
        to_raw_iid=ITEM_IDS.__getitem__,
        all_ratings=lambda: ((u, i, 4.0) for u, i in TRAINED),
    )
    surprise = types.SimpleNamespace(pu=P, qi=Q, biased=False, trainset=trainset)
    dataset = types.SimpleNamespace(
        user_id_map=types.SimpleNamespace(external_ids=USER_IDS),
        item_id_map=types.SimpleNamespace(external_ids=ITEM_IDS),
        interactions=types.SimpleNamespace(
            df=pd.DataFrame([*TRAINED, TRAINED[0]], columns=["user_id", "item_id"])
        ),
    )
    rectools = types.SimpleNamespace(get_vectors=lambda: (P, Q))
    said = []
    for space in (
        aw.from_model(surprise, say=said.append),
        aw.from_model(rectools, dataset=dataset, say=said.append),
    ):
        assert same(space.seen, WHOLE)
    assert [words.split()[0] for words in said] == ["Surprise", "RecTools"]
    one = sparse.csr_array(([1.0], ([0], [0])), shape=(USERS, ITEMS))
    given = aw.from_model(surprise, seen=one, say=said.append)
    assert given.seen.indices.tolist() == [0]
    assert said[-1] == "seen: taken in place of the interactions that Surprise holds"


def test_a_data_set_of_other_users_than_the_vectors_is_refused():
    trainset = types.SimpleNamespace(
        global_mean=3.5,
        to_raw_uid=USER_IDS.__getitem__,
        to_raw_iid=ITEM_IDS.__getitem__,
        all_ratings=lambda: [(USERS + 3, 0, 4.0)],
    )
    with pytest.raises(ShapeError, match="outside"):
        aw.from_model(types.SimpleNamespace(pu=P, qi=Q, trainset=trainset))


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(FileError):
        aw.read_space(tmp_path, seen=tmp_path / "gone.csv")
    assert SparseRows is type(WHOLE)


def test_an_audit_says_where_no_item_is_left_to_rank():
    rng = np.random.default_rng(0)
    queries = aw.Embeddings(rng.standard_normal((12, 4)))
    items = aw.Embeddings(rng.standard_normal((25, 4)))

    def space(used):
        return aw.Space(
            queries=queries, items=items, trained_for="dot", seen=sparse.csr_array(used)
        )

    with pytest.raises(TooFewError, match="has used all 25 items: no item is left to rank"):
        aw.audit(space(np.ones((12, 25))), k=5)
    used = np.ones((12, 25))
    used[0, 3] = used[1:4, :8] = 0
    report = aw.audit(space(used), k=5)
    assert report.agreement["queries-items"].queries == 4
    assert any("to 1 of 4 queries no more than 5 items are left" in note for note in report.notes)
    used[:, :8] = 0
    assert not any("are left beside" in note for note in aw.audit(space(used), k=5).notes)
