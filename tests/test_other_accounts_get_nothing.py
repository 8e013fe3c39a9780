"""Accounts that may write to the folder of an output neither lose us a file nor get one."""

import os
import stat
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from anglewise import Embeddings, Space, write_space
from anglewise.errors import FileError
from anglewise.io.answer_log import append_line
from anglewise.io.outputs import (
    check_new_file,
    check_new_folder,
    filled_folder,
    new_file,
    new_folder,
    write_text,
)
from cli_run import anglewise, refused

__all__ = ["anglewise"]

if sys.platform != "linux" or os.geteuid() != 0:
    pytest.skip("only root may play another account", allow_module_level=True)

THEIRS = 12345


def anything(_folder):
    """Whatever lies in a folder may be replaced."""


def as_other_account(act):
    """Do it in a child process that belongs to another account; give whether it was allowed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(THEIRS)
            os.setuid(THEIRS)
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


@pytest.fixture
def shared():
    """A folder in which everybody may write, and which another account can reach."""
    with tempfile.TemporaryDirectory() as reachable:  # which the test's own folder is not
        Path(reachable).chmod(0o711)
        folder = Path(reachable) / "shared"
        folder.mkdir()
        os.chown(folder, THEIRS, THEIRS)
        folder.chmod(0o777)
        yield folder


@pytest.fixture
def thesis(shared):
    """A folder of ours that the other account can rename, and neither read nor delete."""
    folder = shared / "thesis"
    folder.mkdir(0o700)
    (folder / "all.txt").write_text("mine")
    return folder


def is_safe(folder):
    return [path.read_text() for path in folder.rglob("all.txt")] == ["mine"]


def write_folder(path):
    with new_folder(path, anything) as made:
        (made / "a.txt").write_text("new")


def write_file(path):
    write_text(path, "new")


@pytest.mark.parametrize("write", [write_folder, write_file])
@pytest.mark.parametrize("mode", [0o777, 0o1777])
@pytest.mark.parametrize("around", ["theirs", "ours"])
def test_a_folder_that_another_account_calls_as_a_left_over_is_not_removed(
    write, mode, around, shared, thesis
):
    if around == "ours":
        os.chown(shared, 0, 0)
    shared.chmod(mode)
    moved = shared / ".ex.0badcafe.part"
    may = as_other_account(lambda: thesis.rename(moved))
    assert may == (mode == 0o777 or around == "theirs")
    assert not as_other_account((moved / "all.txt").unlink)
    write(shared / "ex")
    assert is_safe(shared)


@pytest.mark.parametrize("inside", ["new", "mark"])
def test_nobody_else_can_mark_a_folder_as_a_left_over(inside, shared, thesis):
    """Not where it is open to others: what they lay in it is no mark of ours."""
    thesis.chmod(0o777)
    (thesis / "new").mkdir(0o700)
    (thesis / "all.txt").rename(thesis / "new" / "all.txt")
    if inside == "mark":
        mark = thesis / f"made-by-anglewise.{(thesis / 'new').stat().st_ino}"
        assert as_other_account(mark.touch)
    assert as_other_account(lambda: thesis.rename(shared / ".ex.0badcafe.part"))
    write_folder(shared / "ex")
    assert is_safe(shared)


def test_a_left_over_file_of_another_account_is_not_removed(shared):
    theirs = shared / ".r.json.0badcafe.part"
    assert as_other_account(theirs.touch)
    ours = shared / ".r.json.00000000.part"
    ours.touch()
    write_file(shared / "r.json")
    assert sorted(path.name for path in shared.iterdir()) == [theirs.name, "r.json"]


@pytest.mark.parametrize("older", [False, True])
def test_a_folder_that_takes_the_name_of_the_one_that_is_filled_is_not_removed(
    older, shared, thesis
):
    if older:
        write_folder(shared / "ex")
    (before,) = (set(shared.iterdir()) - {thesis, shared / "ex"}) or {None}

    def swap():
        (part,) = shared.glob(".ex.*.part")
        part.rename(shared / ".away")
        thesis.rename(part)

    def write():
        with new_folder(shared / "ex", anything) as made:
            (made / "a.txt").write_text("new")
            assert as_other_account(swap)

    assert before is None
    with pytest.raises(FileError, match="choose another folder"):
        write()
    assert is_safe(shared)
    assert (shared / "ex").exists() == older
    assert not [path for path in (shared / ".away").rglob("*") if path.is_file()]


def test_a_file_that_takes_the_name_of_the_one_that_is_written_is_not_taken_for_it(shared):
    ours = shared / "notes.txt"
    ours.write_text("mine")

    def swap():
        (part,) = shared.glob(".r.json.*.part")
        part.rename(shared / "away")
        ours.rename(part)

    def write():
        with new_file(shared / "r.json") as file:
            file.write(b"{}")
            assert as_other_account(swap)

    with pytest.raises(FileError, match="was moved while it was written"):
        write()
    assert not (shared / "r.json").exists()
    assert [path.read_text() for path in shared.glob(".r.json.*.part")] == ["mine"]


def test_a_folder_that_comes_in_place_of_one_that_was_looked_at_is_not_removed(shared, thesis):
    write_folder(shared / "ex")
    asked = []

    def swap():
        (shared / "ex").rename(shared / "away")
        thesis.rename(shared / "ex")

    def look(_folder):
        asked.append(1)
        if len(asked) == 2:
            assert as_other_account(swap)

    with (
        pytest.raises(FileError, match="was moved while it was replaced"),
        new_folder(shared / "ex", look) as made,
    ):
        (made / "b.txt").write_text("newer")
    assert is_safe(shared)
    assert (shared / "ex" / "b.txt").read_text() == "newer"
    assert not list(shared.glob(".*"))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_in_place_of_the_folder_around_leads_nowhere(kind, shared, tmp_path):
    private = tmp_path / "private"
    private.mkdir(0o700)
    around = shared / "around"
    assert as_other_account(around.mkdir)

    def swap():
        around.rename(shared / "away")
        around.symlink_to(private)

    def write():
        opens = new_file(around / "r") if kind == "file" else new_folder(around / "r", anything)
        with opens:
            assert as_other_account(swap)

    with pytest.raises(FileError, match="around was moved while it was written to"):
        write()
    assert not list(private.iterdir())


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o1777])
@pytest.mark.parametrize("written", ["out.json", "folder/out.json"])
def test_a_link_in_a_folder_of_another_account_is_not_followed(mode, written, shared, tmp_path):
    private = tmp_path / "private"
    private.mkdir(0o700)
    (private / "out.json").write_text("mine")
    link = shared / written.split("/")[0]
    to = private if link.name == "folder" else private / "out.json"
    assert as_other_account(lambda: link.symlink_to(to))
    shared.chmod(mode)
    for write in (write_file, check_new_file, lambda path: check_new_folder(path, anything)):
        with pytest.raises(FileError, match="is a link of another account"):
            write(shared / written)
    assert (private / "out.json").read_text() == "mine"


def test_a_link_to_a_pipe_is_a_link_as_any_other(shared, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert as_other_account(lambda: (shared / "out.json").symlink_to(tmp_path / "pipe"))
    with pytest.raises(FileError, match="is a link of another account"):
        check_new_file(shared / "out.json")


@pytest.mark.parametrize("whose", ["theirs", "ours"])
def test_a_link_that_comes_into_a_folder_while_it_is_filled_is_not_followed(
    whose, shared, tmp_path
):
    mine = tmp_path / "films.html"
    mine.write_text("mine")
    demo, link = shared / "demo", shared / "demo" / "films.html"
    assert as_other_account(demo.mkdir)
    ours = shared / "latest"
    ours.symlink_to(mine)
    with filled_folder(demo):
        write_file(demo / "films.csv")
        assert as_other_account(
            lambda: link.symlink_to(mine) if whose == "theirs" else ours.rename(link)
        )
        for write in (write_file, write_folder):
            with pytest.raises(FileError, match=r"films\.html is a link"):
                write(link)
    assert mine.read_text() == "mine"
    if whose == "ours":
        write_file(link)  # which was typed
        assert mine.read_text() == "new"


def test_our_own_link_in_a_folder_of_another_account_is_followed_where_it_was_typed(
    shared, tmp_path, monkeypatch
):
    (shared / "out.json").symlink_to(tmp_path / "out.json")
    write_file(shared / "out.json")
    assert (tmp_path / "out.json").read_text() == "new"
    assert as_other_account(lambda: (shared / "theirs.json").symlink_to(tmp_path / "out.json"))
    monkeypatch.setenv("SUDO_UID", str(THEIRS))  # the account that called sudo is the user's own
    write_file(shared / "theirs.json")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o1770])
@pytest.mark.parametrize("kind", ["file", "folder", "pipe"])
def test_what_another_account_laid_where_all_may_write_is_not_replaced(mode, kind, shared):
    os.chown(shared, 0, THEIRS)
    out = shared / "out"
    make = {"file": out.touch, "folder": out.mkdir, "pipe": lambda: os.mkfifo(out)}[kind]
    assert as_other_account(make)
    shared.chmod(mode)
    before = out.lstat()
    write, check = (write_file, check_new_file)
    if kind == "folder":
        write, check = write_folder, lambda path: check_new_folder(path, anything)
    for act in (check, write):
        with pytest.raises(FileError, match="out belongs to another account"):
            act(out)
    assert os.path.samestat(out.lstat(), before)


def test_no_line_is_appended_to_what_another_account_laid(shared):
    log = shared / "answers.jsonl"
    os.chown(shared, 0, 0)
    assert as_other_account(log.touch)
    with pytest.raises(FileError, match="belongs to another account"):
        append_line(log, {"answer": 1})
    assert log.read_text() == ""


def test_what_another_account_laid_meanwhile_gets_nothing(shared):
    os.chown(shared, 0, 0)
    for lay, write in (
        ((shared / "r.json").touch, lambda: new_file(shared / "r.json")),
        ((shared / "ex").mkdir, lambda: new_folder(shared / "ex", anything)),
    ):
        with pytest.raises(FileError, match="belongs to another account"), write():
            assert as_other_account(lay)
    assert {path.stat().st_uid for path in shared.iterdir()} == {THEIRS}


def test_in_a_folder_of_a_group_it_is_replaced_and_not_given_away(shared):
    os.chown(shared, 0, THEIRS)
    shared.chmod(0o2770)
    report = shared / "r.json"

    def lay():
        report.touch()
        report.chmod(0o666)

    assert as_other_account(lay)
    before = os.umask(0o077)
    try:
        write_file(report)
    finally:
        os.umask(before)
    status = report.stat()
    assert (status.st_uid, status.st_gid) == (0, THEIRS)
    assert stat.S_IMODE(status.st_mode) == 0o660


def test_root_writes_in_the_folder_of_another_account_as_in_any_other(shared, anglewise):
    """As in a container, into which a folder of the user's is mounted."""
    shared.chmod(0o755)
    assert anglewise("doctor", "--json", shared / "new.json").code == 0
    assert (shared / "new.json").stat().st_uid == 0
    assert as_other_account(lambda: (shared / "theirs.json").write_text("{}"))
    for _ in range(2):
        assert anglewise("doctor", "--json", shared / "theirs.json").code == 0
        assert (shared / "theirs.json").stat().st_uid == THEIRS
    for seed in range(2):
        vectors = np.random.default_rng(seed).standard_normal((4, 3))
        write_space(Space(items=Embeddings(vectors)), shared / "space")
        for path in (shared / "space", *(shared / "space").iterdir()):
            os.chown(path, THEIRS, THEIRS)
    assert {path.name for path in shared.iterdir()} == {"new.json", "theirs.json", "space"}


def test_the_command_says_it_in_one_line(shared, anglewise):
    os.chown(shared, 0, 0)
    assert as_other_account((shared / "r.json").touch)
    run = anglewise("doctor", "--json", shared / "r.json")
    assert refused(run, "belongs to another account", "choose another name")
    assert (Path(shared) / "r.json").read_text() == ""
