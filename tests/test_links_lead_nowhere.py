"""Links in a folder that came from others: what nobody named is never written through one."""

import os
from pathlib import Path

import numpy as np
import pytest

from anglewise import Embeddings, Judged, JudgementStore, Space, write_space
from cli_run import anglewise, refused

__all__ = ["anglewise"]

if os.name == "nt":
    pytest.skip("links need a right of their own there", allow_module_level=True)


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A space, and a store of somebody else's; the folder around both is the current one."""
    rng = np.random.default_rng(0)
    items = Embeddings(rng.standard_normal((12, 4)), [f"i{row}" for row in range(12)])
    queries = Embeddings(rng.standard_normal((6, 4)), [f"q{row}" for row in range(6)])
    write_space(Space(items=items, queries=queries), tmp_path / "theirs")
    with JudgementStore.open(tmp_path / "mine.sqlite") as store:
        for row in range(6):
            store.add(Judged(f"q{row}", f"i{row}", 1, judge="ann"))
    (tmp_path / "in.csv").write_text("query_id,item_id,grade,judge\nq1,i3,1,bob\n")
    (tmp_path / "used.csv").write_text("user,item\nq1,i3\nq2,i4\n")
    np.save(tmp_path / "v.npy", items.vectors)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "theirs"


def standing(path):
    with JudgementStore.open(path, read_only=True) as store:
        return store.counts().standing


WITH_STORE = [
    "judge import theirs in.csv",
    "judge from-interactions theirs used.csv",
    "judge export theirs out.csv",
    "judge agreement theirs",
    "judge lint theirs",
    "judge power theirs",
    "judge next theirs -o queue.csv",
    "judge sample theirs -o queue.csv",
    "compare theirs",
    "compare --spaces a=theirs b=theirs",
    "calibrate theirs",
    "remedy theirs --budget 1s",
    "inspect theirs --export copy",
]


@pytest.mark.parametrize("words", WITH_STORE)
def test_a_store_that_is_a_link_out_of_its_folder_is_neither_written_nor_read(
    words, theirs, anglewise
):
    (theirs / "judgements.sqlite").symlink_to("../mine.sqlite")
    run = anglewise(*words.split(), "--quiet")
    assert refused(run, "link that leads out", "mine.sqlite")
    assert standing("mine.sqlite") == 6


def test_a_link_to_a_store_that_is_not_there_yet_makes_none(theirs, anglewise):
    (theirs / "judgements.sqlite").symlink_to("../new.sqlite")
    assert refused(anglewise("judge", "import", theirs, "in.csv"), "link that leads out")
    assert not (theirs.parent / "new.sqlite").exists()


def test_a_store_that_is_named_itself_may_be_a_link(theirs, anglewise):
    link = theirs / "judgements.sqlite"
    link.symlink_to("../mine.sqlite")
    assert anglewise("judge", "import", link, "in.csv").code == 0
    assert standing("mine.sqlite") == 7


def test_a_link_to_another_file_of_the_folder_and_a_folder_that_is_a_link_are_taken(
    theirs, anglewise
):
    (theirs.parent / "link").symlink_to("theirs")
    (theirs / "judgements.sqlite").symlink_to("older.sqlite")
    assert anglewise("judge", "import", "link", "in.csv").code == 0
    assert standing(theirs / "older.sqlite") == 1


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("is_there", [True, False])
def test_what_lies_beside_a_store_leads_nowhere(end, is_there, theirs, anglewise):
    target = theirs.parent / "thesis.txt"
    if is_there:
        target.write_text("a thesis")
    (theirs / f"judgements.sqlite{end}").symlink_to("../thesis.txt")
    assert anglewise("judge", "import", theirs, "in.csv").code in {0, 2}
    assert target.exists() == is_there
    assert not is_there or target.read_text() == "a thesis"


def test_the_store_beside_vectors_is_no_link_out_of_their_folder(theirs, anglewise):
    link = theirs / "v.npy"
    Path("v.npy").rename(link)
    (theirs / "v.npy.judgements.sqlite").symlink_to("../mine.sqlite")
    run = anglewise("inspect", "--items", link, "--export", "copy")
    assert refused(run, "link that leads out", "mine.sqlite")


def test_a_default_folder_that_is_a_link_is_not_filled(theirs, anglewise):
    (theirs.parent / "mine").mkdir()
    (theirs.parent / "demo").symlink_to("mine")
    assert refused(anglewise("demo", "--quiet"), "demo is a link", "did not name")
    assert list((theirs.parent / "mine").iterdir()) == []


@pytest.mark.usefixtures("theirs")
def test_answers_of_a_model_go_through_no_link_that_nobody_named(tmp_path, anglewise):
    (tmp_path / "mine.jsonl").touch()
    (tmp_path / "out.answers.jsonl").symlink_to("mine.jsonl")
    words = "judge from-text theirs -o out --by model --model m --url http://127.0.0.1:1"
    assert refused(anglewise(*words.split()), "out.answers.jsonl is a link")
    assert refused(anglewise(*words.split(), "--cache", "out.answers.jsonl"), "give texts")


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize("is_there", [True, False])
def test_refused_rows_go_through_no_link_that_nobody_named(is_there, tmp_path, anglewise):
    if is_there:
        (tmp_path / "mine.csv").write_text("a thesis")
    (tmp_path / "in.csv.rejects.csv").symlink_to("mine.csv")
    (tmp_path / "in.csv").write_text("query_id,item_id,grade,judge\nq1,i3,1,bob\nq1,i4,x,bob\n")
    run = anglewise("judge", "import", "new.sqlite", "in.csv")
    assert run.code == 0
    assert "in.csv.rejects-2.csv" in run.out
    assert (tmp_path / "mine.csv").exists() == is_there
    assert not is_there or (tmp_path / "mine.csv").read_text() == "a thesis"
