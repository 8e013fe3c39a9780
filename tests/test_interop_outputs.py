"""Outputs appear whole or not at all, and runs keep our order in the tools of others."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from pyarrow import parquet

from anglewise import Neighbours
from anglewise.errors import FileError, IdsError, ShapeError
from anglewise.io.outputs import filled_folder, new_file, new_folder, write_text
from anglewise.io.runs import strictly_falling, write_run


def _found(indices, scores):
    indices = np.array(indices, dtype=np.int64)
    return Neighbours(
        "dot", indices, np.array(scores, dtype=np.float32), np.zeros(len(indices), dtype=np.int64)
    )


def test_a_failure_leaves_the_old_file_as_it_was(tmp_path):
    path = tmp_path / "out.json"
    write_text(path, "old")

    def write_half():
        with new_file(path) as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_an_interrupt_leaves_nothing(tmp_path):
    def interrupted():
        with new_folder(tmp_path / "s", may_replace=print) as folder:
            (folder / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_new_files_and_folders_have_ordinary_permissions(tmp_path):
    mask = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "x")
        with new_folder(tmp_path / "folder", may_replace=print):
            pass
    finally:
        os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "x"


def test_devices_are_written_to_and_never_replaced():
    write_text("/dev/null", "x")
    assert not Path("/dev/null").is_file()
    with pytest.raises(FileError, match="the disk is full"):
        write_text("/dev/full", "x")
    assert Path("/dev/full").is_char_device()


def test_a_pipe_can_be_written_to():
    code = "from anglewise.io.outputs import write_text; write_text('/dev/stdout', 'hello')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "hello"


def test_output_that_the_shell_sent_to_a_file_goes_into_that_file(tmp_path):
    code = "from anglewise.io.outputs import write_text; write_text('/dev/stdout', 'hello')"
    with (tmp_path / "out").open("wb") as out:
        before = os.fstat(out.fileno()).st_ino
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "hello"
    assert (tmp_path / "out").stat().st_ino == before


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("missing/out.json", "does not exist; make it first"),
        ("file/out.json", "is a file, not a folder"),
        ("file/deeper/out.json", "is a file, not a folder"),
        ("folder", "add a file name"),
        ("n" * 300, "name is too long"),
    ],
)
def test_where_nothing_can_be_written_is_said(place, says, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match=says):
        write_text(tmp_path / place, "x")


def test_a_full_disk_leaves_neither_a_space_nor_a_run_half_written(tmp_path):
    """A limit on the size of files stands for the end of the disk."""
    code = """
import resource, sys
import numpy as np
from anglewise import Embeddings, Space
from anglewise.errors import FileError
from anglewise import write_space
from anglewise.io.runs import write_run
from anglewise import Neighbours
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
x = Embeddings(np.random.default_rng(0).standard_normal((2000, 16)))
zeros = np.zeros((2000, 1), dtype=np.int64)
found = Neighbours("dot", zeros, zeros.astype("f4"), zeros[:, 0])
for write in (
    lambda: write_space(Space(items=x), "space"),
    lambda: write_run("a.run", found, x.ids, x.ids),
    lambda: write_run("a.parquet", found, [str(i) * 9 for i in np.random.rand(2000)], x.ids),
):
    try:
        write()
    except FileError as error:
        print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    lines = run.stdout.splitlines()
    assert len(lines) == 3, run.stderr
    assert all("could not be written: the file would grow" in line for line in lines)
    assert not list(tmp_path.iterdir())


def test_runs_hold_every_neighbour_in_order(tmp_path):
    path = tmp_path / "dot.run"
    found = _found([[2, 0, 1], [1, -1, -1]], [[3, 1.5, -2], [0.25, -np.inf, -np.inf]])
    write_run(path, found, ["q1", "q2"], ["a", "b", "c"], tag="mine")
    assert path.read_text().splitlines() == [
        "q1 Q0 c 1 3.0 mine",
        "q1 Q0 a 2 1.5 mine",
        "q1 Q0 b 3 -2.0 mine",
        "q2 Q0 b 1 0.25 mine",
    ]


def test_trec_eval_keeps_our_order_where_scores_tie(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"d{i}" for i in rng.permutation(40)]
    scores = -np.sort(-rng.integers(0, 4, (6, 40)).astype("f4"), axis=1)
    indices = np.array([rng.permutation(40) for _ in range(6)])
    path = tmp_path / "ties.run"
    write_run(path, _found(indices, scores), [f"q{i}" for i in range(6)], names)
    run = {}
    for line in path.read_text().splitlines():
        query, _, item, _, score, _ = line.split()
        run.setdefault(query, {})[item] = float(score)
    for row, (query, scored) in enumerate(run.items()):
        best = {query: {names[indices[row, 3]]: 1}}  # relevant: the one that we rank fourth
        judged = pytrec_eval.RelevanceEvaluator(best, {"recip_rank"}).evaluate({query: scored})
        assert judged[query]["recip_rank"] == 0.25


def test_scores_are_moved_by_single_steps_only():
    scores = np.array([[5, 5, 5, 1, 0, 0]], dtype=np.float32)
    assert np.all(np.diff(strictly_falling(scores)) < 0)
    assert np.allclose(strictly_falling(scores), scores, rtol=1e-6, atol=1e-44)
    assert strictly_falling(scores)[0, 3] == 1


def test_parquet_runs_keep_the_scores(tmp_path):
    write_run(tmp_path / "r.parquet", _found([[0, 1]], [[2, 2]]), ["q 1"], ["a b", "c"])
    assert parquet.read_table(tmp_path / "r.parquet").to_pylist() == [
        {"query_id": "q 1", "item_id": "a b", "rank": 1, "score": 2.0},
        {"query_id": "q 1", "item_id": "c", "rank": 2, "score": 2.0},
    ]


def test_ids_with_blanks_cannot_stand_in_a_run(tmp_path):
    with pytest.raises(IdsError, match="'a b'"):
        write_run(tmp_path / "r.run", _found([[0]], [[2]]), ["q"], ["a b"])
    with pytest.raises(ShapeError, match="2 ids for 1"):
        write_run(tmp_path / "r.run", _found([[0]], [[2]]), ["q", "r"], ["a"])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_made_for_nothing_is_gone_again(tmp_path):
    def fail(folder):
        with filled_folder(folder):
            raise FileError("the disk is full")

    with pytest.raises(FileError):
        fail(tmp_path / "new")
    (tmp_path / "old").mkdir()
    with pytest.raises(FileError):
        fail(tmp_path / "old")
    with filled_folder(tmp_path / "filled"):
        (tmp_path / "filled" / "file").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["filled", "old"]
