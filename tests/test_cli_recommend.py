"""``anglewise recommend``: a list for one user, with reasons, from a folder or a saved model."""

import json

import numpy as np
import pytest

import good_files
from anglewise import Recommender, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.experiment.catalogue import simulate
from anglewise.recommender_models.closed_form import fit_linear
from cli_run import anglewise, refused

__all__ = ["anglewise"]


@pytest.fixture(scope="module")
def space():
    did = simulate(n_users=60, n_items=40, seed=2).interactions
    table = did.rows()
    some = np.flatnonzero(table.rows < 59)
    used = SparseRows.from_pairs(table.rows[some], table.indices[some], shape=table.shape)
    model = fit_linear(used.ones(), 8, penalty=10.0)
    return model.space(
        model.fold_in(used.ones()),
        user_ids=[f"u{i}" for i in range(60)],
        item_ids=[f"i{i}" for i in range(40)],
        item_metadata=did.item_metadata,
        seen=used,
    )


@pytest.fixture(scope="module")
def folder(space, tmp_path_factory):
    path = tmp_path_factory.mktemp("films") / "space"
    write_space(space, path)
    return path


def told(run):
    assert run.code == 0, run
    return json.loads(run.out)


def test_the_list_is_that_of_the_recommender(anglewise, folder, space):
    found = told(anglewise("recommend", folder, "--user", "u3", "-k", 4, "--json", "-"))
    theirs = Recommender(space).recommend("u3", 4)
    assert [one["id"] for one in found["items"]] == theirs.ids[0].tolist()
    assert found["measure"] == "dot"
    assert found["items"][0]["title"] == theirs.lists()[0][0].title


def test_reasons_sum_to_the_score(anglewise, folder):
    words = ["--explain", "--popularity", 0.5, "--json", "-"]
    found = told(anglewise("recommend", folder, "--user", "u3", *words))
    assert found["measure"] == "norm(0,0.5)"
    for one in found["items"]:
        why = one["why"]
        assert why["exact"]
        assert sum(c["value"] for c in why["contributions"]) == pytest.approx(
            one["score"], rel=1e-4
        )


def test_a_new_user_is_folded_in(anglewise, folder, space):
    used = ",".join(f"i{i}" for i in space.seen.row(5))
    words = ["-k", 3, "--json", "-"]
    new = told(anglewise("recommend", folder, "--used", used, *words))
    known = told(anglewise("recommend", folder, "--user", "u5", *words))
    assert [one["id"] for one in new["items"]] == [one["id"] for one in known["items"]]
    assert new["used"] == used.split(",")
    assert new["user"] is None


def test_people_are_shown_titles_and_as_many_reasons_as_asked(anglewise, folder, space):
    run = anglewise("recommend", folder, "--user", "u3", "-k", 2, "--explain", "--reasons", 1)
    assert run.code == 0
    first = Recommender(space).recommend("u3", 2).lists()[0][0]
    assert first.title in run.out
    assert run.out.count("the other") == 2
    assert "they sum to it" in run.out


def test_files_of_ids_filter(anglewise, folder, space, tmp_path):
    unseen = [f"i{i}" for i in range(40) if i not in space.seen.row(3)]
    (tmp_path / "some.txt").write_text("\n".join(unseen[:3]) + "\n")
    words = ["recommend", folder, "--user", "u3", "--json", "-"]
    only = anglewise(*words, "--allowed", tmp_path / "some.txt")
    assert {one["id"] for one in told(only)["items"]} == set(unseen[:3])
    assert "3 of 10: no more are left" in only.err
    none = told(anglewise(*words, "--forbidden", tmp_path / "some.txt"))
    assert not {one["id"] for one in none["items"]} & set(unseen[:3])


def test_a_saved_model_recommends_without_a_history(anglewise, tmp_path):
    run = anglewise("recommend", good_files.implicit_npz(tmp_path), "--user", "2", "--json", "-")
    assert len(told(run)["items"]) == 5
    assert "bias columns: 3" in run.err
    explained = anglewise("recommend", tmp_path / "bpr.npz", "--user", "2", "--explain")
    assert refused(explained, "has no history")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["--user ID, --used"]),
        (["--user", "u1", "--used", "i1"], ["--user ID, --used"]),
        (["--user", "u99"], ["'u99'", "did you mean"]),
        (["--used", "i1,film"], ["'film'"]),
        (["--user", "u59"], ["'u59' has no history", "--used"]),
        (["--user", "u1", "--measure", "cosin"], ["did you mean 'cosine'"]),
        (["--user", "u1", "--measure", "euclidean", "--explain"], ["no plain product"]),
        (["--user", "u1", "--measure", "euclidean", "--popularity", "1"], ["no exponent"]),
        (["--user", "u1", "-k", "0"], ["at least 1"]),
        (["--user", "u1", "--reasons", "0"], ["--reasons", "at least 1"]),
        (["--user", "u1", "--allowed", "nowhere.txt"], ["does not exist"]),
    ],
)
def test_bad_use_is_said_in_one_line(anglewise, folder, words, parts):
    assert refused(anglewise("recommend", folder, *words), *parts)


def test_a_file_without_ids_is_refused(anglewise, folder, tmp_path):
    (tmp_path / "none.txt").write_text("\n \n")
    run = anglewise("recommend", folder, "--user", "u1", "--allowed", tmp_path / "none.txt")
    assert refused(run, "names no id")
