"""A space is replaced in one step: killed runs, readers and judges find a whole one."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import nullcontext
from pathlib import Path
from random import Random
from threading import Event, Thread

import numpy as np
import pytest

from anglewise import Embeddings, Judged, JudgementStore, Space, read_space, write_space
from anglewise.errors import FileError
from anglewise.io import outputs as atomic
from anglewise.io import temporary_files
from anglewise.io.files import existing
from anglewise.io.outputs import exchange, folder_part, new_file, new_folder
from anglewise.io.space_folder import check_destination
from anglewise.judgements.folder_lock import replacing
from anglewise.judgements.store_files import STORE_NAME
from cli_run import anglewise

__all__ = ["anglewise"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks and signals of Linux")

REFITS = """
import sys
from pathlib import Path
import numpy as np
from anglewise import Embeddings, Space
from anglewise.errors import FileError
from anglewise import write_space
for seed in range(int(sys.argv[2])):
    rng = np.random.default_rng(seed)
    try:
        write_space(Space(items=Embeddings(rng.standard_normal((4, 3)))), Path(sys.argv[1]))
    except FileError as error:
        print("refused", error, flush=True)
    else:
        print("wrote", flush=True)
"""


def space_at(path, seed=0):
    rng = np.random.default_rng(seed)
    write_space(Space(items=Embeddings(rng.standard_normal((4, 3)))), path)
    return path


def refits(path, times):
    words = [sys.executable, "-c", textwrap.dedent(REFITS), str(path), str(times)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def left_over(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def test_a_space_is_always_there_though_its_writers_are_killed(tmp_path):
    space = space_at(tmp_path / "s")
    rng = Random(0)  # noqa: S311 no secret
    for _ in range(12):
        process = refits(space, 10_000)
        assert process.stdout.readline() == "wrote\n"
        end = time.monotonic() + rng.uniform(0, 0.05)
        while time.monotonic() < end:
            assert (space / "space.json").is_file()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert len(read_space(space).items) == 4
    space_at(space)
    assert left_over(tmp_path) == []


def test_who_reads_while_a_space_is_replaced_reads_a_whole_one(tmp_path):
    space = space_at(tmp_path / "s")
    process = refits(space, 60)
    read = 0
    while process.poll() is None:
        assert len(read_space(space).items) == 4
        read += 1
    assert process.communicate()[0] == "wrote\n" * 60
    assert read > 5


def test_folders_change_places_in_one_step_or_in_two(tmp_path, monkeypatch):
    for seed, can in ((1, exchange), (2, lambda *_: False)):
        monkeypatch.setattr(atomic, "exchange", can)
        space_at(tmp_path / "s", seed=0)
        space_at(tmp_path / "s", seed=seed)
        due = np.random.default_rng(seed).standard_normal((4, 3)).astype("float32")
        assert np.array_equal(read_space(tmp_path / "s").items.vectors, due)
        assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_folders_change_places_where_open_ones_have_no_paths(tmp_path, monkeypatch):
    """As on macOS, and in a root folder without ``/proc``."""
    monkeypatch.setattr(temporary_files, "HANDLES", "/nowhere")
    killed_while_filling(tmp_path / "s")
    for seed in (0, 1):
        space_at(tmp_path / "s", seed=seed)
        with new_file(tmp_path / "s.json") as file:
            file.write(b"{}")
    due = np.random.default_rng(1).standard_normal((4, 3)).astype("float32")
    assert np.array_equal(read_space(tmp_path / "s").items.vectors, due)
    assert {path.name for path in tmp_path.iterdir()} == {"s", "s.json"}


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from anglewise import Embeddings, Space, write_space
from anglewise.io import outputs
outputs.exchange = lambda *_: False  # as on NFS, SMB and most of FUSE
rename, left = Path.rename, int(sys.argv[2])
def killed(path, to):
    global left
    done = rename(path, to)
    left -= 1
    if not left:
        os._exit(9)
    return done
Path.rename = killed
write_space(Space(items=Embeddings(np.eye(4))), Path(sys.argv[1]))
"""


def killed_after(renames, space):
    words = [sys.executable, "-c", KILLED, str(space), str(renames)]
    assert subprocess.run(words, check=False).returncode == 9


def killed_while_filling(target):
    code = (
        "import os, sys; from anglewise.io.outputs import new_folder\n"
        "with new_folder(sys.argv[1], print) as part:\n"
        "    (part / 'items.parquet').touch()\n"
        "    os._exit(9)"
    )
    words = [sys.executable, "-c", code, str(target)]
    assert subprocess.run(words, check=False).returncode == 9


def test_no_run_removes_the_older_folder_of_one_that_was_killed_between_two_renames(tmp_path):
    space = space_at(tmp_path / "s")
    killed_after(1, space)
    assert not space.exists()
    (older,) = tmp_path.glob(".s.*.old")
    for write in (space_at, check_destination):
        with pytest.raises(FileError, match=rf"called {older.name}: rename that to s,"):
            write(space)
    older.rename(space)
    due = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
    assert np.array_equal(read_space(space).items.vectors, due)
    space_at(space)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_who_reads_hears_of_the_older_folder_too(tmp_path, anglewise):
    space = space_at(tmp_path / "s")
    killed_after(1, space)
    (older,) = tmp_path.glob(".s.*.old")
    says = rf"{space} is missing, .* beside it, called {older.name}: rename that to s,"
    for path in (space, space / "space.json", space / "deeper" / "texts.csv"):
        with pytest.raises(FileError, match=says):
            existing(path)
    with pytest.raises(FileError, match=says):
        read_space(space)
    for read_only in (True, False):
        with pytest.raises(FileError, match=says):
            JudgementStore.open(space / STORE_NAME, read_only=read_only)
    run = anglewise("audit", space)
    assert run.code == 2
    assert f"called {older.name}: rename that to s," in run.err
    older.rename(space)
    read_space(space)
    with pytest.raises(FileError, match="does not exist"):
        existing(space / "space.jsom")


def test_who_reads_waits_for_a_run_that_is_alive_between_two_renames(tmp_path):
    older, locked = space_at(tmp_path / ".s.0123abcd.old"), Event()

    def put_back():
        with replacing(older):
            locked.set()
            time.sleep(0.3)
            older.rename(tmp_path / "s")

    thread = Thread(target=put_back)
    thread.start()
    locked.wait()
    assert len(read_space(tmp_path / "s").items) == 4
    thread.join()


def test_a_folder_that_was_set_aside_stays_where_its_successor_is_in_place(tmp_path):
    space = space_at(tmp_path / "s")
    killed_after(2, space)
    assert np.array_equal(read_space(space).items.vectors, np.eye(4))
    (older,) = tmp_path.glob(".s.*.old")
    space_at(space)
    assert sorted(path.name for path in tmp_path.iterdir()) == [older.name, "s"]


def test_a_run_that_is_alive_between_two_renames_is_waited_for(tmp_path):
    older, locked = space_at(tmp_path / ".s.0123abcd.old"), Event()

    def put_back():
        with replacing(older):
            locked.set()
            time.sleep(0.3)
            older.rename(tmp_path / "s")

    thread = Thread(target=put_back)
    thread.start()
    locked.wait()
    check_destination(tmp_path / "s")
    thread.join()
    assert (tmp_path / "s" / "space.json").is_file()


def test_what_is_judged_while_a_space_is_replaced_is_there_or_the_run_is_refused(tmp_path):
    for turn in range(3):
        space = space_at(tmp_path / f"s{turn}")
        process = refits(space, 40)
        process.stdout.readline()
        time.sleep(0.01 * turn)
        acknowledged = set()
        with JudgementStore.open(space / STORE_NAME) as store:
            for item in range(20):
                one = Judged("q", str(item), 1, judge="anna")
                store.add(one)
                acknowledged.add(one.uuid)
        said = process.communicate()[0]
        assert "refused" in said
        with JudgementStore.open(space / STORE_NAME, read_only=True) as store:
            assert {row.uuid for row in store.rows()} == acknowledged


def test_a_judge_who_comes_when_the_run_was_checked_already_keeps_the_folder(tmp_path):
    space = space_at(tmp_path / "s")
    stores = []

    def judge_meanwhile():
        with new_folder(space, lambda _: None):
            stores.append(JudgementStore.open(space / STORE_NAME))
            stores[0].add(Judged("q", "d", 1, judge="anna"))

    with pytest.raises(FileError, match="open for judging"):
        judge_meanwhile()
    stores[0].close()
    with JudgementStore.open(space / STORE_NAME) as again:
        assert [row.judge for row in again.rows()] == ["anna"]


def test_what_a_folder_holds_is_looked_at_again_before_it_is_replaced(tmp_path):
    space = space_at(tmp_path / "s")

    def refuse_notes(folder):
        if (folder / "notes.txt").exists():
            raise FileError("notes would be lost")

    with pytest.raises(FileError, match="notes"), new_folder(space, refuse_notes):
        (space / "notes.txt").touch()
    assert (space / "notes.txt").is_file()


@pytest.mark.parametrize("how", ["removed", "replaced", "folder moved"])
def test_nothing_is_acknowledged_into_a_store_that_is_gone(how, tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    # what another store took the place of is told of and saved when this one is closed
    lost = (
        pytest.raises(FileError, match="lacks judgements") if how == "replaced" else nullcontext()
    )
    with lost, JudgementStore.open(folder / STORE_NAME) as store:
        store.add(Judged("q", "d", 1, judge="anna"))
        if how == "folder moved":
            folder.rename(tmp_path / "away")
        else:
            (folder / STORE_NAME).unlink()
        if how == "replaced":
            with pytest.raises(FileError, match="belong to a store that was here"):
                JudgementStore.open(folder / STORE_NAME)
            JudgementStore.open(tmp_path / STORE_NAME).close()
            (tmp_path / STORE_NAME).rename(folder / STORE_NAME)
        for _ in range(2):
            with pytest.raises(FileError, match="removed or replaced"):
                store.add(Judged("q", "e", 1, judge="anna"))


def test_a_store_that_goes_while_it_is_written_is_not_acknowledged(tmp_path):
    file = tmp_path / STORE_NAME

    def remove_meanwhile(store):
        with store._transaction():
            file.unlink()

    store = JudgementStore.open(file)
    with pytest.raises(FileError, match="removed or replaced"):
        remove_meanwhile(store)
    store.close()


def test_parts_of_the_dead_are_cleared_and_nothing_else(tmp_path):
    killed_while_filling(tmp_path / "s")
    assert len(left_over(tmp_path)) == 1
    kept = [".s.part", ".s.0123ABCD.part", ".other.0123abcd.part", "s.0123abcd.part", ".s.01.part"]
    for name in kept:
        (tmp_path / name).touch()
    pipe = tmp_path / ".s.0000aaaa.part"
    os.mkfifo(pipe)
    link = tmp_path / ".s.0000bbbb.part"
    link.symlink_to(tmp_path / ".s.part")
    unmarked = tmp_path / ".s.0000cccc.part"
    unmarked.mkdir(0o700)
    (unmarked / "new").mkdir()
    (unmarked / "new" / "items.parquet").touch()
    with folder_part(tmp_path / "s") as living:
        space_at(tmp_path / "s")
        there = {path.name for path in tmp_path.iterdir()}
        assert there == {*kept, "s", pipe.name, link.name, unmarked.name, living.path.name}


def test_the_older_folder_of_one_that_was_killed_after_the_swap_is_cleared(tmp_path):
    space = space_at(tmp_path / "s")
    code = (
        "import os, shutil, sys; from anglewise.io.outputs import new_folder\n"
        "with new_folder(sys.argv[1], lambda _: None) as part:\n"
        "    (part / 'items.parquet').touch()\n"
        "    shutil.rmtree = lambda *_, **__: os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(space)], check=False).returncode == 9
    (part,) = tmp_path.glob(".s.*.part")
    assert list(part.rglob("space.json"))
    with new_folder(space, lambda _: None):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_file_of_the_dead_is_cleared_by_the_next_good_one(tmp_path):
    (tmp_path / ".r.json.0123abcd.part").touch()
    with pytest.raises(ValueError, match="no"), new_file(tmp_path / "r.json"):
        raise ValueError("no")
    assert left_over(tmp_path) == [".r.json.0123abcd.part"]
    with new_file(tmp_path / "r.json") as file:
        file.write(b"{}")
    assert left_over(tmp_path) == []


def test_what_was_made_is_kept_where_a_folder_cannot_be_replaced(tmp_path, monkeypatch):
    """As on the layers of a container's image."""

    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    write_space(Space(items=Embeddings([[1.0, 0.0]], ids=["old"])), tmp_path / "s")
    monkeypatch.setattr(atomic, "exchange", refuse)
    with pytest.raises(FileError, match="what was made is in") as refused:
        write_space(Space(items=Embeddings([[1.0, 0.0]], ids=["new"])), tmp_path / "s")
    (kept,) = (path for path in tmp_path.iterdir() if path.name != "s")
    assert str(kept) in str(refused.value)
    assert [read_space(path).items.ids[0] for path in (tmp_path / "s", kept)] == ["old", "new"]


@pytest.mark.skipif(os.name == "nt", reason="folders are moved otherwise there")
@pytest.mark.parametrize("check", [check_destination, "write"])
def test_a_folder_that_cannot_move_is_refused_before_the_work(tmp_path, monkeypatch, check):
    space = Space(items=Embeddings([[1.0, 0.0]], ids=["old"]))
    write_space(space, tmp_path / "s")
    rename = Path.rename

    def refuse(path, to):
        if path.name == "s":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", refuse)
    monkeypatch.setattr(atomic, "exchange", pytest.fail)
    with pytest.raises(FileError, match="cannot be replaced here"):
        write_space(space, tmp_path / "s") if check == "write" else check(tmp_path / "s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert read_space(tmp_path / "s").items.ids[0] == "old"
