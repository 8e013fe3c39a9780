"""A ``-wal`` that a killed program left does not count for a file in its store's place."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from anglewise import Judged, JudgementStore
from anglewise.errors import FileError

KILLED = """
import os, sys
from anglewise import Judged, JudgementStore
store = JudgementStore.open(sys.argv[1])
store.add_many(Judged("q", f"{sys.argv[2]}{n}", 1, judge="anna") for n in range(int(sys.argv[3])))
for n in range(int(sys.argv[4])):
    store.add(Judged("q", f"last{n}", 1, judge="anna"))
os.kill(os.getpid(), 9)
"""


def keeps_marks(folder):
    """Whether this system and the disk of a folder keep extended attributes."""
    try:
        os.setxattr(folder, "user.anglewise.try", b"x")
    except (AttributeError, OSError):
        return False
    return True


@pytest.fixture(name="path")
def _path(tmp_path):
    folder = tmp_path / "space"
    folder.mkdir()
    return folder / "judgements.sqlite"


@pytest.fixture(name="marked")
def _marked(tmp_path):
    if not keeps_marks(tmp_path):
        pytest.skip("this disk keeps no marks of files")


pytestmark = pytest.mark.skipif(os.name == "nt", reason="files that are open stay there")


def fill(path, name, many):
    with JudgementStore.open(path) as store:
        store.add_many(Judged("q", f"{name}{n}", 1, judge="zoe") for n in range(many))


def fill_and_be_killed(path, name="anna", many=10, more=1):
    subprocess.run([sys.executable, "-c", KILLED, path, name, str(many), str(more)], check=False)
    assert log_of(path).stat().st_size


def log_of(path):
    return path.with_name(path.name + "-wal")


def items_of(path, *, read_only=True):
    with JudgementStore.open(path, read_only=read_only) as store:
        return {row.item_id for row in store.rows()}


def named(name, many):
    return {f"{name}{n}" for n in range(many)}


def contents_of(folder):
    return {f.name: f.read_bytes() for f in folder.iterdir() if not f.name.endswith("-shm")}


def unlink_and_copy(source, target):
    target.unlink()
    shutil.copyfile(source, target)


def unlink_and_copy_all(source, target):
    target.unlink()
    shutil.copy2(source, target)


def copy_beside_and_rename(source, target):
    shutil.copy2(source, target.with_name("restored"))
    target.with_name("restored").replace(target)


PUT = [os.replace, unlink_and_copy, unlink_and_copy_all, copy_beside_and_rename]
"""Ways by which a file comes into the place of another: mv, git, cp --remove-destination, rsync."""


@pytest.mark.parametrize("put", PUT)
@pytest.mark.parametrize("sizes", [(10, 1, 10), (1000, 5, 900), (30, 1, 31)])
@pytest.mark.usefixtures("marked")
def test_another_store_in_the_place_of_a_killed_one_is_refused(put, sizes, path, tmp_path):
    ours, last, theirs = sizes
    fill_and_be_killed(path, "anna", ours, last)
    fill(tmp_path / "other", "zoe", theirs)
    saved = shutil.copytree(path.parent, tmp_path / "saved")
    put(tmp_path / "other", path)
    before = contents_of(path.parent)
    for read_only in (True, False, True):
        with pytest.raises(FileError, match=r"-shm\) belongs to another store.* put that store"):
            JudgementStore.open(path, read_only=read_only)
    assert contents_of(path.parent) == before
    # either way that the message names loses nothing
    log_of(path).rename(tmp_path / "kept")
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    assert items_of(path, read_only=False) == named("zoe", theirs)
    assert items_of(saved / path.name) == named("anna", ours) | named("last", last)


@pytest.mark.parametrize("put", [os.replace, copy_beside_and_rename])
@pytest.mark.usefixtures("marked")
def test_an_older_backup_of_a_killed_store_is_not_replaced_by_its_log(put, path, tmp_path):
    """All that the backup holds stands in the log too, so that its rows tell nothing."""
    fill(path, "first", 5)
    shutil.copy2(path, tmp_path / "backup")
    fill_and_be_killed(path)
    put(tmp_path / "backup", path)
    for read_only in (True, False):
        with pytest.raises(FileError, match="belongs to another store"):
            JudgementStore.open(path, read_only=read_only)
    log_of(path).unlink()
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    assert items_of(path) == named("first", 5)


@pytest.mark.usefixtures("marked")
def test_the_old_file_put_back_opens_with_its_log(path, tmp_path):
    fill_and_be_killed(path)
    fill(tmp_path / "other", "zoe", 10)
    path.rename(tmp_path / "aside")
    (tmp_path / "other").rename(path)
    with pytest.raises(FileError, match="belongs to another store"):
        JudgementStore.open(path)
    (tmp_path / "aside").replace(path)
    assert items_of(path, read_only=False) == named("anna", 10) | {"last0"}


def nothing(folder):
    return folder


def copied(folder):
    return shutil.copytree(folder, folder.with_name("copy"), copy_function=shutil.copyfile)


def copied_with_all(folder):
    """As ``cp -a`` does: with the marks."""
    return shutil.copytree(folder, folder.with_name("copy"), copy_function=shutil.copy2)


def copied_log_first(folder):
    new = folder.with_name("copy")
    new.mkdir()
    for file in sorted(folder.iterdir(), reverse=True):
        shutil.copy2(file, new / file.name)
    return new


def zipped(folder):
    with zipfile.ZipFile(folder.with_name("x.zip"), "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    with zipfile.ZipFile(folder.with_name("x.zip")) as archive:
        archive.extractall(folder.with_name("copy"))
    return folder.with_name("copy")


def renamed(folder):
    return folder.rename(folder.with_name("renamed"))


def each_renamed(folder):
    new = folder.with_name("copy")
    new.mkdir()
    for file in list(folder.iterdir()):
        file.rename(new / file.name)
    return new


def touched(folder):
    for file in folder.iterdir():
        file.chmod(0o600)
        os.utime(file, (1e9, 1e9))
    return folder


def without_index(folder):
    """As git leaves it that ignores ``-shm``, or a restart that clears what was not written."""
    (folder / "judgements.sqlite-shm").unlink()
    return folder


def put_back(folder):
    """Copied there and back, file by file, as from a backup of the whole folder."""
    new = copied_with_all(folder)
    for file in new.iterdir():
        file.replace(folder / file.name)
    return folder


HONEST = [
    nothing,
    copied,
    copied_with_all,
    copied_log_first,
    zipped,
    renamed,
    each_renamed,
    touched,
    without_index,
    put_back,
]


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("happens", HONEST)
def test_a_killed_store_with_its_own_log_opens(happens, read_only, path):
    fill(path, "first", 3)
    fill_and_be_killed(path)
    moved = happens(path.parent) / path.name
    due = named("first", 3) | named("anna", 10) | {"last0"}
    assert items_of(moved, read_only=read_only) == due
    assert items_of(moved, read_only=False) == due
    fill(moved, "zoe", 2)
    fill_and_be_killed(moved, "again", 4, 0)
    assert items_of(moved, read_only=False) == due | named("zoe", 2) | named("again", 4)


@pytest.mark.usefixtures("marked")
def test_who_copied_a_whole_killed_store_is_told_too_where_one_is_replaced_later(path, tmp_path):
    fill_and_be_killed(path)
    moved = copied_with_all(path.parent) / path.name
    fill_and_be_killed(moved, "more", 3, 0)
    fill(tmp_path / "other", "zoe", 10)
    (tmp_path / "other").replace(moved)
    with pytest.raises(FileError, match="belongs to another store"):
        JudgementStore.open(moved)


def test_a_disk_without_marks_opens_stores_as_ever(path, monkeypatch):
    def refused(*_, **__):
        raise OSError("not supported")

    for name in ("setxattr", "getxattr"):
        monkeypatch.setattr(os, name, refused, raising=False)
    fill_and_be_killed(path)
    assert items_of(path, read_only=False) == named("anna", 10) | {"last0"}
