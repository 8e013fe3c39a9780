"""How often a validation set was looked at stands beside the verdict."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Pairs, Space, Triplets, compare
from anglewise.comparison.history import History, rows_of
from anglewise.comparison.looks import Looks, looks
from anglewise.data_types.sparse import SparseRows
from anglewise.io.runs import append_history, read_history
from anglewise.report.comparison_document import comparison_document
from cli_run import anglewise

__all__ = ["anglewise"]

SIZE = 40
ROWS = np.arange(SIZE)


def compared(noise, *, gain=1.0, measures="dot,cosine", metric=None, groups=None, **asked):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SIZE, 6))
    known = None if groups is None else {"group": groups}
    queries = Embeddings(x + noise * rng.standard_normal(x.shape), metadata=known)
    space = Space(queries=queries, items=Embeddings(x))
    own = SparseRows.from_pairs(ROWS, ROWS, np.full(SIZE, gain), shape=(SIZE, SIZE))
    return compare(space, Judgements(own), measures, metric, **asked)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "history.parquet"


def looked(now, file):
    seen = looks(now, History(read_history(file)))
    return seen.times, seen.candidate_sets


def test_runs_on_the_same_judgements_are_looks_and_other_candidates_are_counted(file):
    assert looks(compared(0.5), History()).times == 1
    append_history(file, rows_of(compared(0.5)))
    assert looked(compared(0.5), file) == (2, 1)  # the same candidates
    append_history(file, rows_of(compared(0.9), gates_held=False))
    assert looked(compared(0.5), file) == (3, 2)
    assert looked(compared(0.5, measures="cosine"), file) == (3, 3)
    assert looked(compared(0.5, gain=2.0), file) == (1, 1)  # other judgements
    assert looked(compared(0.5, metric="R@5"), file) == (3, 1)  # what it had by that is not known


def test_verdicts_add_up_what_each_may_be_wrong_by():
    """Whatever the looks have in common: it is no product, which would need independent ones."""
    bounds = [Looks(9, 1, verdicts).wrong_at_most for verdicts in (1, 5, 19, 20, 40)]
    assert bounds == [0.05, 0.25, 0.95, 1, 1]
    assert "is wrong is up to 25% if" in str(Looks(9, 5, 5))
    assert "is wrong has no bound below 1 if" in str(Looks(50, 40, 40))
    assert "not known if some were chosen by what these queries showed" in str(Looks(9, 5, 5))


def test_the_same_candidates_against_other_baselines_are_other_verdicts(file):
    """Whoever asks against each baseline in turn gets as many verdicts, each wrong in 5%."""
    ways = [{}, {"baseline": "cosine"}, {"tolerance": "5%"}, {"metric": "R@5"}]
    for number, way in enumerate(ways, start=1):
        now = compared(0.5, **way)
        seen = looks(now, History(read_history(file) if file.exists() else None))
        assert (seen.times, seen.verdicts) == (number, number)
        append_history(file, rows_of(now))
    again = looks(compared(0.5, baseline="cosine"), History(read_history(file)))
    assert (again.times, again.candidate_sets, again.verdicts) == (5, 1, 4)
    assert again.wrong_at_most == 0.2
    said = (
        "looked at 5 times, at 1 set of candidates, for 4 verdicts (of other candidates, or "
        "against another baseline, or by another metric, tolerance or grouping): no interval here "
        "allows for asking until an answer pleases. With each verdict at 95%, the chance that any "
        "of them is wrong is up to 20% if all candidates and baselines were named before"
    )
    assert said in str(again)
    assert str(again) in comparison_document(compared(0.5), looks=again).reason
    same_seed = looks(compared(0.5, seed=7), History(read_history(file)))
    assert same_seed.verdicts == 4


def test_verdicts_by_groups_are_said_not_to_be_counted():
    assert str(Looks(2, 2, 2, not_counted=True)).endswith(
        "to confirm it; verdicts by groups, ways or truths are not counted"
    )
    now = compared(0.5, groups=["a", "b"] * (SIZE // 2), slices="group")
    assert len(now.slices) == 2
    assert looks(now, History()).not_counted
    assert not looks(compared(0.5), History()).not_counted


def test_of_runs_that_did_not_note_their_baseline_it_is_said_that_it_is_not_known(file):
    """A history of an older version, which has no column for what was kept."""
    older = [{**row, "kept": None} for row in rows_of(compared(0.5))]
    append_history(file, older)
    seen = looks(compared(0.5), History(read_history(file)))
    assert (seen.times, seen.verdicts, seen.baseline_unknown) == (2, 2, 1)
    assert "(against which baseline 1 earlier run asked is not known)" in str(seen)


@pytest.mark.parametrize("kind", ["pairs", "triplets"])
def test_looks_at_pairs_and_triplets_are_counted_too(kind, file):
    def judged(shift):
        last = (ROWS[2:] + shift) % SIZE
        if kind == "triplets":
            return Triplets(ROWS[2:], ROWS[:-2], last)
        return Pairs(ROWS[2:], ROWS[:-2], last / 10)

    rng = np.random.default_rng(1)
    spaces = [Space(items=Embeddings(rng.standard_normal((SIZE, 4)))) for _ in range(2)]
    append_history(file, rows_of(compare(spaces[0], judged(5), "dot,cosine")))
    assert looked(compare(spaces[0], judged(5), "dot,cosine"), file) == (2, 1)
    assert looked(compare(spaces[1], judged(5), "dot,cosine"), file) == (2, 2)
    assert looked(compare(spaces[0], judged(6), "dot,cosine"), file) == (1, 1)


def test_rows_without_a_measure_are_no_candidates(file):
    rows = rows_of(compared(0.5))
    append_history(file, [row | {"measure": None} for row in rows])
    assert looked(compared(0.5), file) == (2, 1)


SENTENCE = "This validation set was looked at 3 times, at 2 sets of candidates: "


def test_looks_stand_beside_the_verdict_from_the_second_set_of_candidates_on(anglewise, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SIZE, 6))
    for name, noise in {"one": 0.4, "two": 1.2}.items():
        (tmp_path / name).mkdir()
        queries = x + noise * rng.standard_normal(x.shape)
        for side, vectors in {"queries": queries, "items": x}.items():
            np.save(tmp_path / name / f"{side}.npy", vectors)
            ids = "".join(f"{side[0]}{i}\n" for i in range(SIZE))
            (tmp_path / name / f"{side}.txt").write_text(ids)
    (tmp_path / "qrels.txt").write_text("".join(f"q{i} 0 i{i} 1\n" for i in range(SIZE)))
    words = ["--qrels", tmp_path / "qrels.txt", "--history", tmp_path / "h.parquet"]
    files = {name: tmp_path / f"out.{name}" for name in ("json", "markdown", "html")}
    files["junit"] = tmp_path / "out.xml"
    for name, path in files.items():
        words += [f"--{name}", path]
    words += ["--gate", "dot>=0.01"]

    def run(model):
        ran = anglewise("compare", tmp_path / model, *words)
        assert ran.code == 0
        told = json.loads(files["json"].read_text())
        shown = [" ".join(ran.out.split())]
        shown += [files[name].read_text() for name in ("markdown", "html")]
        root = ET.parse(files["junit"]).getroot()  # noqa: S314 our own words
        shown.append(root.find(".//property[@name='verdict']").get("value"))
        return (told["looks"], told["candidate_sets"]), shown

    for times in (1, 2):
        told, shown = run("one")
        assert told == (times, 1)
        assert not any("looked at" in text for text in shown)
    told, shown = run("two")
    assert told == (3, 2)
    assert all(SENTENCE in text for text in shown)
    assert all("makes the best look better than it is" in text for text in shown)
    most = "the chance that any of them is wrong is up to 10% if all candidates and baselines were"
    assert all(most in text for text in shown)
    assert json.loads(files["json"].read_text())["wrong_at_most"] == 0.1
    bare = anglewise("compare", tmp_path / "one", *words[:2], "--json", "-")
    assert "looks" not in json.loads(bare.out)  # without a history nobody counts


def judged_so_far(count):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SIZE, 6))
    space = Space(queries=Embeddings(x + 0.5 * rng.standard_normal(x.shape)), items=Embeddings(x))
    own = SparseRows.from_pairs(ROWS[:count], ROWS[:count], shape=(SIZE, SIZE))
    return compare(space, Judgements(own), "dot,cosine")


def test_a_set_that_grows_until_the_verdict_comes_is_looked_at_each_time(file):
    """A verdict at 95% after every ten queries is wrong in more than 5%: it is said that it is."""
    for count in (10, 20, 30):
        append_history(file, rows_of(judged_so_far(count)))
    now = judged_so_far(40)
    seen = looks(now, History(read_history(file)))
    assert (seen.times, seen.candidate_sets, seen.other_judgements) == (1, 1, 3)
    assert seen.says_something
    assert str(seen).startswith("3 earlier runs were on other judgements of some of these queries")
    assert "its 95% do not hold where judging goes on until it comes (--sequential" in str(seen)
    assert str(seen) in comparison_document(now, looks=seen).reason
    assert "set of candidates" not in str(seen)


def test_runs_on_other_queries_or_by_another_metric_are_no_looks_at_these(file):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SIZE, 6))
    names = [f"other{i}" for i in range(SIZE)]
    space = Space(queries=Embeddings(x, ids=names), items=Embeddings(x))
    own = Judgements(SparseRows.from_pairs(ROWS, ROWS, shape=(SIZE, SIZE)))
    append_history(file, rows_of(compare(space, own, "dot,cosine")))
    append_history(file, rows_of(compared(0.5, gain=2.0, metric="R@5")))
    seen = looks(compared(0.5), History(read_history(file)))
    assert (seen.times, seen.other_judgements, seen.says_something) == (1, 0, False)
    assert str(Looks(3, 2, 2, 1)).count("This validation set was looked at 3 times") == 1
    assert ". 1 earlier run was on other judgements" in str(Looks(3, 2, 2, 1))
