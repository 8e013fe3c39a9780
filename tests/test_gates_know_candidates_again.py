"""A candidate is held against itself in earlier runs, though its space is called otherwise now."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from anglewise import Embeddings, Judgements, Space, compare, compare_spaces
from anglewise.comparison.gates import check
from anglewise.comparison.history import History, rows_of
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError
from anglewise.io.runs import LATER, append_history, read_history
from cli_run import anglewise, refused

__all__ = ["anglewise"]

SIZE = 40
ROWS = np.arange(SIZE)
OWN = Judgements(SparseRows.from_pairs(ROWS, ROWS, shape=(SIZE, SIZE)))


def space(noise):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SIZE, 6))
    return Space(queries=Embeddings(x + noise * rng.standard_normal(x.shape)), items=Embeddings(x))


GOOD, POOR = space(0.3), space(1.5)


def spaces(variants=(), **named):
    return compare_spaces(named, OWN, "cosine", variants=variants)


def alone(which=GOOD):
    return compare(which, OWN, "cosine")


def mean(result, name):
    return next(one.metrics["nDCG@10"].mean for one in result.measures if one.measure == name)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "history.parquet"


def held(now, gate, file, named=()):
    return check(now, gate, History(read_history(file), named=named))


def without_later_columns(file):
    table = pq.read_table(file)
    pq.write_table(table.drop_columns(list(LATER)), file)


def test_a_folder_with_another_name_is_the_same_space(file):
    before, now = spaces(old=POOR, new=GOOD), spaces(july=POOR, august=POOR)
    append_history(file, rows_of(before))
    checked = held(now, "august: cosine>=last", file)
    assert not checked.passed
    assert checked.figure.mean == pytest.approx(
        mean(now, "august: cosine") - mean(before, "new: cosine")
    )
    assert "less that of run 1, which called it new: cosine, is -0." in checked.sentence


@pytest.mark.parametrize("older", [False, True])
def test_the_one_space_of_earlier_is_the_first_of_several(file, older):
    before, now = alone(), spaces("int8", old=POOR, new=GOOD)
    append_history(file, rows_of(before))
    if older:
        without_later_columns(file)
    checked = held(now, "old: cosine>=last-0.01", file, named={"old", "new"})
    assert not checked.passed
    assert "which called it cosine," in checked.sentence
    for other in ("new: cosine", "old·int8: cosine"):
        with pytest.raises(SpellingError, match=rf"no run of {other} by .*, and cosine by nDCG@10"):
            held(now, f"{other}>=last", file)


def test_the_first_of_several_is_the_one_space_of_later(file):
    append_history(file, rows_of(spaces("int8", old=POOR, new=GOOD), named={"old", "new"}))
    assert held(alone(POOR), "cosine>=last", file).figure.mean == 0


@pytest.mark.parametrize("older", [False, True])
def test_variants_of_a_renamed_space_are_known_again(file, older):
    append_history(file, rows_of(spaces("int8,:3", space=GOOD)))
    if older:
        without_later_columns(file)
    now = spaces("int8,:3", embeddings=GOOD)
    for name in ("embeddings: cosine", "embeddings·int8: cosine", "embeddings[:3]: cosine"):
        checked = held(now, f"{name}>=last", file)
        assert checked.figure.mean == 0
        assert f"which called it {name.replace('embeddings', 'space')}," in checked.sentence


def test_a_name_that_both_runs_have_is_that_of_one_space_whatever_its_place(file):
    append_history(file, rows_of(spaces(old=POOR, new=GOOD)))
    now = spaces(new=GOOD, old=POOR)
    for name in ("old: cosine", "new: cosine"):
        assert held(now, f"{name}>=last", file).figure.mean == 0


def test_an_earlier_run_by_the_name_comes_before_a_later_one_by_the_place(file):
    append_history(file, rows_of(spaces("int8", a=GOOD)))
    append_history(file, rows_of(spaces("int8", b=POOR)))
    checked = held(spaces("int8", a=GOOD), "a: cosine>=last", file)
    assert "run 1 is 0.000" in checked.sentence


def test_names_that_somebody_gave_are_not_given_up_for_a_place(file):
    append_history(file, rows_of(spaces(one=GOOD, two=POOR), named={"one", "two"}))
    now = spaces(one=GOOD, three=POOR)
    with pytest.raises(SpellingError, match="no run of three: cosine by"):
        held(now, "three: cosine>=last", file, named={"one", "three"})
    assert held(now, "three: cosine>=last", file).checked  # a folder's name stands for nothing


def test_a_place_that_another_space_left_is_refused(file):
    append_history(file, rows_of(spaces(a=GOOD, b=POOR)))
    with pytest.raises(SpellingError, match=r"which candidate of run 1 .* a, which stood in its"):
        held(spaces(c=GOOD, a=GOOD), "c: cosine>=last", file)


def test_an_older_history_of_several_spaces_does_not_say_which_came_first(file):
    append_history(file, rows_of(spaces(a=GOOD, b=POOR)))
    without_later_columns(file)
    assert held(spaces(b=GOOD, a=GOOD), "a: cosine>=last", file).checked
    with pytest.raises(SpellingError, match=r"cannot be known: .*--spaces NAME=FOLDER"):
        held(spaces(c=GOOD, d=GOOD), "c: cosine>=last", file)


def test_an_older_history_is_read_and_added_to(file):
    append_history(file, rows_of(alone()))
    without_later_columns(file)
    checked = held(alone(), "cosine>=last", file)
    assert checked.passed
    assert "; the rule of verdicts has changed since that run;" in checked.sentence
    append_history(file, rows_of(alone()))
    table = pq.read_table(file)
    assert [table[name].to_pylist() for name in LATER] == [
        [None, 2],
        [None, 0],
        [None, False],
        [None, True],
    ]
    assert "rule" not in held(alone(), "cosine>=last", file).sentence


def written(folder, which):
    folder.mkdir()
    for side in ("queries", "items"):
        vectors = getattr(which, side).vectors
        np.save(folder / f"{side}.npy", vectors)
        names = (f"{side[0]}{i}\n" for i in range(len(vectors)))
        (folder / f"{side}.txt").write_text("".join(names))


@pytest.fixture
def folders(tmp_path):
    written(tmp_path / "march", GOOD)
    written(tmp_path / "april", POOR)
    (tmp_path / "qrels.txt").write_text("".join(f"q{i} 0 i{i} 1\n" for i in range(SIZE)))
    return tmp_path


def run(anglewise, folder, *words):
    own = ["--qrels", folder / "qrels.txt", "--measures", "cosine"]
    return anglewise("compare", *words, *own, "--history", folder / "h.parquet")


def test_a_renamed_folder_does_not_orphan_the_past(anglewise, folders):
    first = run(anglewise, folders, folders / "march", "--variants", "int8")
    assert first.code == 0
    (folders / "march").rename(folders / "may")
    gates = ["--gate", "may: cosine>=last", "--gate", "may·int8: cosine>=last", "--json", "-"]
    second = run(anglewise, folders, folders / "may", "--variants", "int8", *gates)
    gates = json.loads(second.out)["gates"]
    assert [(one["checked"], one["mean"]) for one in gates] == [(True, 0.0)] * 2
    assert "which called it march·int8: cosine" in gates[1]["sentence"]


def test_the_history_notes_which_names_somebody_gave(anglewise, folders):
    words = ["--spaces", f"live={folders / 'march'}", folders / "april"]
    assert run(anglewise, folders, *words).code == 0
    rows = pq.read_table(folders / "h.parquet").to_pylist()
    noted = {row["measure"]: (row["place"], row["named"]) for row in rows}
    assert noted == {"live: cosine": (0, True), "april: cosine": (1, False)}
    words = ["--spaces", f"next={folders / 'march'}", folders / "april"]
    assert refused(run(anglewise, folders, *words, "--gate", "next: cosine>=last"), "next: cosine")


def test_a_label_or_candidate_that_the_history_lacks_is_one_message_and_nothing_written(
    anglewise, folders
):
    gate = ["--gate", "cosine>=last(v9)"]
    assert refused(run(anglewise, folders, folders / "march", *gate), "begin with --label v9")
    assert not (folders / "h.parquet").exists()
    assert run(anglewise, folders, folders / "march", *gate, "--label", "v9").code == 0
    before = (folders / "h.parquet").read_bytes()
    unknown = ["--gate", "cosine>=last(v8)", "--label", "v8", "--junit", folders / "x.xml"]
    assert refused(run(anglewise, folders, "nowhere", *unknown), "v8", "the labels v9, and cosine")
    metric = ["--gate", "cosine>=last", "--metric", "R@5"]
    assert refused(run(anglewise, folders, folders / "march", *metric), "cosine by nDCG@10 (")
    assert (folders / "h.parquet").read_bytes() == before
    assert not (folders / "x.xml").exists()


def test_a_gate_that_was_not_checked_is_no_gate_that_held(anglewise, folders):
    gate = ["--gate", "cosine>=last", "--json", "-"]
    (first,) = json.loads(run(anglewise, folders, folders / "march", *gate).out)["gates"]
    assert (first["passed"], first["checked"], first["mean"]) == (True, False, None)
    (second,) = json.loads(run(anglewise, folders, folders / "march", *gate).out)["gates"]
    assert (second["passed"], second["checked"], second["mean"]) == (True, True, 0.0)
    assert pq.read_table(folders / "h.parquet")["gates_held"].to_pylist() == [None, True]
