"""The files of a store: what SQLite may not see, and what is noticed before an answer is lost."""

import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress

import pytest

from anglewise import Judged, JudgementStore
from anglewise.errors import FileError, IdsError
from anglewise.io.destinations import is_sqlite
from anglewise.judgements import connection as opening
from anglewise.judgements import store as keeping
from anglewise.judgements import store_files, store_locks
from anglewise.web_page.answers import Store
from inspect_site import FROM_HERE, made_space, site

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="told by Linux alone")
POSIX = pytest.mark.skipif(os.name == "nt", reason="files that are open stay there")
ROOT = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root gives files to other accounts"
)

ADDS = """
import sys
from anglewise import Judged, JudgementStore
with JudgementStore.open(sys.argv[1]) as store:
    for item in sys.argv[2:]:
        store.add(Judged("q", item, 1, judge="ben"))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "judgements.sqlite"


def judged(item="d", **more):
    return Judged("q", item, 1, judge="anna", **more)


def add(path, *items):
    """Add to a store, and close it."""
    with JudgementStore.open(path) as store:
        store.add_many(judged(item) for item in items)


def added_elsewhere(path, *items):
    """Add to a store in another process, which ends then."""
    return subprocess.run(
        [sys.executable, "-c", ADDS, path, *items], capture_output=True, text=True, check=False
    )


def items_of(path):
    with JudgementStore.open(path, read_only=True) as store:
        return {row.item_id for row in store.rows()}


def beside(path, end):
    return path.with_name(path.name + end)


def is_locked(path):
    """Whether another process sees that the store is open here."""
    code = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+')\n"
        "try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)\n"
        "except OSError: print('locked')\n"
    )
    command = [sys.executable, "-c", code, path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout != ""


def with_super_journal(path, victim):
    """Lay a journal beside a store, after which SQLite removes a file that the journal names."""
    add(path, "old")
    in_mode_delete(path)
    lay_super_journal(path, victim)


def in_mode_delete(path):
    """Have SQLite write without a ``-wal``, as a program may that changed the store since."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def lay_super_journal(path, victim):
    """Lay a journal beside a store that is there."""
    whole = path.read_bytes()
    size, pages = struct.unpack(">H", whole[16:18])[0], struct.unpack(">I", whole[28:32])[0]
    magic, name = bytes.fromhex("d9d505f920a163d7"), os.fsencode(victim)
    head = magic + struct.pack(">IIIII", 0, 0, pages, 512, size)
    tail = struct.pack(">I", 0x4000_0000 // size + 1) + name
    tail += struct.pack(">II", len(name), sum(name)) + magic
    beside(path, "-journal").write_bytes(head.ljust(512, b"\0") + tail)


@pytest.mark.parametrize("read_only", [False, True])
def test_no_journal_of_others_is_carried_out(path, tmp_path, read_only):
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    with_super_journal(path, victim)
    with pytest.raises(FileError, match="-journal lies beside the store"):
        JudgementStore.open(path, read_only=read_only)
    assert victim.read_text() == "years of work"


@LINUX
@pytest.mark.parametrize(
    ("mode", "late"),
    [("wal", False), ("wal", True), ("delete", False), ("delete", True), ("empty", False)],
)
def test_no_journal_is_carried_out_that_is_laid_after_the_look(
    path, tmp_path, monkeypatch, mode, late
):
    """By who waits for the moment in which the store is opened; or after SQLite's first look."""
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    if mode == "empty":
        path.touch()
    else:
        add(path, "old")
    if mode == "delete":
        in_mode_delete(path)
    name = "check_sound" if late else "_connected"
    then = getattr(opening, name)

    def meanwhile(*args, **more):
        if path.stat().st_size and not beside(path, "-journal").exists():
            lay_super_journal(path, victim)
        return then(*args, **more)

    monkeypatch.setattr(opening, name, meanwhile)
    monkeypatch.setattr(store_files, "_SOUND", {})
    with suppress(FileError):
        JudgementStore.open(path).close()
    with pytest.raises(FileError, match="-journal lies beside the store"):
        JudgementStore.open(path)
    assert victim.read_text() == "years of work"
    monkeypatch.undo()
    beside(path, "-journal").unlink(missing_ok=True)
    with JudgementStore.open(path) as store:
        assert {row.item_id for row in store.rows()} == (set() if mode == "empty" else {"old"})


@POSIX
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_without_such_locks_no_store_is_opened_where_others_may_lay_a_journal(
    path, tmp_path, monkeypatch, mode
):
    add(path, "old")
    monkeypatch.setattr(store_locks, "_shared_lock", lambda *_, **__: None)
    tmp_path.chmod(mode)
    with pytest.raises(FileError, match="folder to which other accounts may write"):
        JudgementStore.open(path)
    assert items_of(path) == {"old"}
    tmp_path.chmod(0o755)
    add(path, "new")
    assert items_of(path) == {"old", "new"}


@POSIX
@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("empty", [False, True])
def test_a_new_store_takes_nothing_that_lies_beside_its_name(path, end, empty):
    if empty:
        path.touch()
    beside(path, end).write_text("a diary")
    with pytest.raises(FileError, match=f"{end} beside it belongs to a store that was here"):
        JudgementStore.open(path)
    assert beside(path, end).read_text() == "a diary"
    assert path.exists() == empty
    beside(path, end).unlink()
    add(path, "d")
    assert items_of(path) == {"d"}


@pytest.mark.parametrize("read_only", [False, True])
def test_no_file_of_another_kind_is_taken_for_a_log(path, read_only):
    add(path, "old")
    beside(path, "-wal").write_text("a diary")
    with pytest.raises(FileError, match="-wal is not what SQLite writes"):
        JudgementStore.open(path, read_only=read_only)
    assert beside(path, "-wal").read_text() == "a diary"


@POSIX
def test_what_a_killed_program_recorded_outlives_a_new_store_of_that_name(path, tmp_path):
    code = ADDS + "    import os; os._exit(0)"
    subprocess.run([sys.executable, "-c", code, path, "d", "e"], check=True)
    path.rename(tmp_path / "old.sqlite")
    with pytest.raises(FileError, match="put that store back, or move this along to it"):
        JudgementStore.open(path)
    (tmp_path / "old.sqlite").rename(path)
    assert items_of(path) == {"d", "e"}


@ROOT
@pytest.mark.parametrize("end", ["-wal", "-shm"])
@pytest.mark.parametrize("read_only", [False, True])
def test_what_another_account_lays_beside_a_store_of_ours_is_refused(path, end, read_only):
    add(path, "old")
    beside(path, end).touch()
    os.chown(beside(path, end), 12345, -1)
    with pytest.raises(FileError, match=f"{end} belongs to another account"):
        JudgementStore.open(path, read_only=read_only)


@ROOT
def test_a_log_that_another_account_lays_after_the_look_comes_into_no_store(
    path, tmp_path, monkeypatch
):
    """It is not copied into the store either when that is closed again."""
    code = ADDS + "    import os; os._exit(0)"
    subprocess.run([sys.executable, "-c", code, path, "d", "e"], check=True)
    log = beside(path, "-wal").rename(tmp_path / "log")
    beside(path, "-shm").unlink()
    os.chown(log, 12345, -1)
    before = path.read_bytes()
    connected = opening._connected

    def meanwhile(*args):
        if log.exists():
            log.rename(beside(path, "-wal"))
        return connected(*args)

    monkeypatch.setattr(opening, "_connected", meanwhile)
    with pytest.raises(FileError, match="-wal belongs to another account"):
        JudgementStore.open(path)
    assert path.read_bytes() == before


@POSIX
@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_mixed_with_the_log_of_another_is_refused(path, tmp_path, read_only):
    """The log of a killed program lies there, and a backup was put in the place of the store."""
    add(tmp_path / "backup", *(f"z{item}" for item in range(3000)))
    add(path, *(f"k{item}" for item in range(20)))
    code = ADDS + "    import os; os._exit(0)"
    items = [f"m{item}" for item in range(300)]
    subprocess.run([sys.executable, "-c", code, path, *items], check=True)
    (tmp_path / "backup").replace(path)
    restored = path.read_bytes()
    for _ in range(2):
        with pytest.raises(FileError, match=r"damaged|belongs to another store"):
            JudgementStore.open(path, read_only=read_only)
    if sys.platform == "linux":  # what is refused stays as it is, and is sound without the log
        assert path.read_bytes() == restored
        beside(path, "-wal").unlink()
        beside(path, "-shm").unlink(missing_ok=True)
        assert len(items_of(path)) == 3000


@POSIX
@pytest.mark.parametrize("how", [shutil.copyfile, os.replace])
@pytest.mark.parametrize("waited", [False, True])
@pytest.mark.parametrize("sizes", [(30, 31), (10, 1), (60, 60), (290, 280)])
def test_a_log_that_hides_judgements_of_another_store_is_refused(
    path, tmp_path, sizes, waited, how
):
    """It may hold all pages of its own, so that what is read is sound, and not the one that came.

    Also after the pause in which it was copied into the store to which it belongs.
    """
    other, (ours, theirs) = tmp_path / "other", sizes
    add(other, *(f"z{item}" for item in range(theirs)))
    add(path, *(f"k{item}" for item in range(ours)))
    code = ADDS + f"    import os, time; time.sleep({1.5 * waited}); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, path, "m"], check=True)
    kept = tmp_path / "kept"
    kept.mkdir()
    for file in (path, beside(path, "-wal")):
        shutil.copyfile(file, kept / file.name)
    how(other, path)
    for read_only in (True, False):
        with pytest.raises(FileError, match=r"-wal, -shm\) belongs to another store"):
            JudgementStore.open(path, read_only=read_only)
    beside(path, "-wal").unlink()
    beside(path, "-shm").unlink(missing_ok=True)
    assert items_of(path) == {f"z{item}" for item in range(theirs)}
    assert items_of(kept / path.name) == {*(f"k{item}" for item in range(ours)), "m"}


@POSIX
def test_another_store_copied_over_an_open_one_whose_log_holds_all_is_noticed(path, tmp_path):
    add(tmp_path / "other", *(f"z{item}" for item in range(31)))
    add(path, *(f"k{item}" for item in range(30)))
    store = JudgementStore.open(path)
    store.add(judged("m"))
    shutil.copyfile(tmp_path / "other", path)
    with pytest.raises(FileError, match="was written over since it was opened"):
        store.add(judged("n"))
    store.close()


@LINUX
def test_the_log_of_another_program_is_not_copied_into_its_file(path):
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('pragma journal_mode=wal'); c.execute('create table t(a)');"
        "c.execute('insert into t values(1)'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    theirs = path.read_bytes()
    with pytest.raises(FileError, match="another program"):
        JudgementStore.open(path)
    assert path.read_bytes() == theirs
    assert beside(path, "-wal").stat().st_size > 0


def copied(path):
    """The items in a copy of the file alone, as who knows nothing of its ``-wal`` makes one."""
    copy = shutil.copyfile(path, path.with_name("copy.sqlite"))
    items = items_of(copy)
    for end in ("", "-wal", "-shm"):
        beside(copy, end).unlink(missing_ok=True)
    return items


def test_the_file_itself_soon_holds_what_was_acknowledged(path, monkeypatch):
    with JudgementStore.open(path) as store:
        assert copied(path) == set()  # and not: was written by an older version
        monkeypatch.setattr(keeping, "PAUSE", 0.01)
        for items in ["ab", "cd"]:
            for item in items:
                store.add(judged(item))
            end = time.monotonic() + 10
            while items[1] not in copied(path) and time.monotonic() < end:
                time.sleep(0.05)
        assert copied(path) == {*"abcd"}
        monkeypatch.setattr(keeping, "PAUSE", 1000.0)
        for item in range(200):
            store.add(judged(str(item)))
        assert len(copied(path)) > 175
        assert beside(path, "-wal").stat().st_size < 800_000
    assert items_of(path) == {*"abcd", *map(str, range(200))}


@POSIX
def test_nothing_is_copied_into_a_store_that_was_written_over(path):
    """Which would mix what others put there with the rows of the log."""
    with JudgementStore.open(path) as store:
        store.add(judged())
        before = path.read_bytes()
        os.utime(path)
        store._copy_log()
        assert path.read_bytes() == before
        store.add(judged("e"))  # it is looked at again, and found whole
        store._copy_log()
        assert copied(path) == {"d", "e"}


@POSIX
@pytest.mark.parametrize("closed", [False, True])
def test_no_store_is_closed_over_answers_that_it_lacks(path, tmp_path, closed):
    """Its log was removed, and it cannot be completed: here since somebody wrote into it."""
    store = JudgementStore.open(path)
    store.add_many(judged(str(item), note="=1+1") for item in range(5))
    [first, *_] = store.rows()
    store.retract(first.uuid, judge="anna")
    kept = {row.uuid for row in store.rows()}
    beside(path, "-wal").unlink()
    os.utime(path)
    if closed:
        with pytest.raises(FileError, match=r"lacks .*6 of which it lacks.* judge import"):
            store.close()
        store.close()  # once is enough
    else:
        with pytest.warns(RuntimeWarning, match="6 of which it lacks"):
            del store
    assert items_of(path) == set()
    [saved] = tmp_path.glob("judgements.rescued.*.sqlite")
    with JudgementStore.open(saved) as store:
        assert {row.uuid for row in store.rows()} == kept
        assert [row.uuid for row in store.rows(retracted=True)] == [first.uuid]
        store.add(judged("later"))


@POSIX
@pytest.mark.parametrize("full", [False, True])
def test_what_cannot_be_saved_beside_a_store_is_saved_elsewhere_or_called_lost(
    path, tmp_path, monkeypatch, full
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    make = tempfile.mkstemp

    def refused(ending, start, folder):
        if full or folder is not None:
            raise OSError(28, "No space left on device")
        return make(ending, start, folder)

    monkeypatch.setattr(tempfile, "mkstemp", refused)
    store = JudgementStore.open(path)
    store.add(judged())
    beside(path, "-wal").unlink()
    os.utime(path)
    words = r"the 1 rows .* are lost" if full else r"1 of which it lacks.*elsewhere/judgements.resc"
    with pytest.raises(FileError, match=words):
        store.close()
    if full:
        return
    [saved] = elsewhere.iterdir()
    assert items_of(saved) == {"d"}


@POSIX
def test_a_page_that_is_ended_says_which_answers_its_store_lacks(path):
    """Where nobody closes the store, and the program just ends."""
    code = """
import os, sys
from anglewise import Judged, JudgementStore
store = JudgementStore.open(sys.argv[1])
store.add(Judged("q", "d", 1, judge="anna"))
os.unlink(sys.argv[1] + "-wal")
os.utime(sys.argv[1])
kept = sys.modules["kept"] = [store]
kept.append(kept)
"""
    command = [sys.executable, "-c", code, path]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 of which it lacks" in run.stderr
    [saved] = path.parent.glob("*.rescued.*")
    assert items_of(saved) == {"d"}


@POSIX
def test_a_store_that_was_removed_is_closed_in_silence(path):
    store = JudgementStore.open(path)
    store.add(judged())
    for end in ("", "-wal", "-shm"):
        beside(path, end).unlink()
    store.close()
    assert list(path.parent.iterdir()) == []


def test_a_store_takes_nothing_back_before_it_comes(path):
    """A store of others may hold retractions of judgements that are recorded later."""
    add(path, "old")
    mine = [judged(item) for item in "abc"]
    connection = sqlite3.connect(path)
    for number, judgement in enumerate(mine[:2]):
        connection.execute(
            "INSERT INTO judgements (uuid, takes_back, judge, time) VALUES (?, ?, 'zoe', 1.0)",
            [f"x{number}", judgement.uuid],
        )
    connection.commit()
    connection.close()
    with JudgementStore.open(path) as store:
        with pytest.raises(IdsError, match=r"takes back 2 of these judgements .*nothing was rec"):
            store.add_new(mine)
        with pytest.raises(IdsError, match="takes back 1 of these"):
            store.add(mine[0])
        store.add(mine[2])
        store.retract(mine[2].uuid, judge="anna")
        store.add(mine[2])  # sent again by who heard no answer: it was taken back since
        assert {row.item_id for row in store.rows()} == {"old"}


def test_making_a_store_lays_no_journal_beside_it(tmp_path):
    """Or else one would stay where the program is killed then, and the store be refused."""
    seen, made = set(), threading.Event()

    def watch():
        while not made.is_set():
            seen.update(file.name for file in tmp_path.glob("*-journal"))

    watching = threading.Thread(target=watch)
    watching.start()
    for number in range(12):
        path = tmp_path / f"{number}.sqlite"
        if number % 2:
            path.touch()
        JudgementStore.open(path).close()
    made.set()
    watching.join()
    assert seen == set()


@POSIX
@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_of_two_names_is_refused(path, tmp_path, read_only):
    add(path, "old")
    os.link(path, tmp_path / "other.sqlite")
    for name in (path, tmp_path / "other.sqlite"):
        with pytest.raises(FileError, match=r"2 names \(hard links\)"):
            JudgementStore.open(name, read_only=read_only)


@POSIX
@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_a_second_name_is_noticed_before_the_next_answer(path, tmp_path, end):
    with JudgementStore.open(path) as store:
        store.add(judged())
        os.link(beside(path, end), tmp_path / "other")
        with pytest.raises(FileError, match=r"2 names \(hard links\)"):
            store.add(judged("e"))
        (tmp_path / "other").unlink()
        store.add(judged("f"))
    assert items_of(path) == {"d", "f"}


@POSIX
@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_no_file_of_others_stands_in_for_a_part_of_a_store(path, tmp_path, end):
    add(path, "old")
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    os.link(victim, beside(path, end))
    with pytest.raises(FileError, match=r"2 names \(hard links\)"):
        JudgementStore.open(path)
    assert victim.read_text() == "years of work"
    beside(path, end).unlink()
    os.mkfifo(beside(path, end))
    with pytest.raises(FileError, match="no plain file"):
        JudgementStore.open(path)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_that_is_mounted_alone_is_refused(path, tmp_path, monkeypatch, read_only):
    add(path, "old")
    table = tmp_path / "mountinfo"
    table.write_text(f"1 2 0:3 / {path} rw - ext4 x rw\n")
    monkeypatch.setattr(store_files, "MOUNTS", table)
    with pytest.raises(FileError, match=r"mounted as a single file.*mount the folder"):
        JudgementStore.open(path, read_only=read_only)
    table.write_text(f"1 2 0:3 / {tmp_path} rw - ext4 x rw\n")
    JudgementStore.open(path, read_only=read_only).close()


TRIGGERS = {
    "takes back": """AFTER INSERT ON judgements WHEN NEW.takes_back IS NULL BEGIN INSERT INTO
        judgements (uuid, takes_back, judge, time) VALUES ('x' || NEW.uuid, NEW.uuid, 'x', 1.0);
        END""",
    "ignores": "BEFORE INSERT ON judgements BEGIN SELECT RAISE(IGNORE); END",
}


@pytest.mark.parametrize("trigger", TRIGGERS.values(), ids=TRIGGERS)
@pytest.mark.parametrize("name", ["of_pair", "judgements", "sqlite_autoindex_judgements_1"])
def test_no_trigger_hides_under_a_name_that_is_there_already(path, trigger, name):
    add(path, "old")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    row = ("trigger", name, "judgements", 0, f"CREATE TRIGGER {name} {trigger}")
    rows = connection.execute("SELECT * FROM sqlite_master").fetchall()
    connection.execute("DELETE FROM sqlite_master WHERE type = 'index' AND name = 'of_pair'")
    connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
    [index] = [other for other in rows if other[1] == "of_pair"]
    connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", index)
    connection.commit()
    connection.close()
    with pytest.raises(FileError, match="is missing, changed or added"):
        JudgementStore.open(path)


@POSIX
@pytest.mark.parametrize("end", ["-wal", "-shm"])
@pytest.mark.parametrize("killed", [False, True])
def test_no_file_beside_a_store_is_replaced_unseen(path, end, killed):
    """Two processes that hold different files of one name know nothing of each other."""
    add(path, "old")
    code = """
import os, sys
from anglewise import Judged, JudgementStore
from anglewise.errors import FileError
store = JudgementStore.open(sys.argv[1])
for item in "abcd":
    sys.stdin.readline()
    try:
        store.add(Judged("q", item, 1, judge="anna"))
        print("kept", flush=True)
    except FileError as error:
        print(error, flush=True)
sys.stdin.readline()
os._exit(1) if sys.argv[2] == "True" else store.close()
"""
    command = [sys.executable, "-c", code, path, str(killed)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as page:

        def ask():
            page.stdin.write("\n")
            page.stdin.flush()
            return page.stdout.readline().strip()

        assert ask() == "kept"
        if end == "-wal":  # what lies in it would be lost with it
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            connection.close()
        beside(path, end).unlink()
        there = added_elsewhere(path, "e", "f")
        assert there.returncode == 0, there.stderr
        assert f"{end} was removed or replaced" in ask()
        assert added_elsewhere(path, "g").returncode == 0
        assert f"{end} was removed or replaced" in ask()
        page.stdin.write("\n\n")
        page.stdin.close()
        page.wait(30)
    assert items_of(path) == {"old", "a", "e", "f", "g"}
    with JudgementStore.open(path) as store:
        store.add(judged("after"))


@POSIX
def test_who_closes_a_store_removes_no_log_with_answers_of_others(path):
    """Also where each of them lost its ``-shm``, and the other was killed."""
    store = JudgementStore.open(path)
    store.add(judged())
    beside(path, "-shm").unlink()
    code = ADDS + "    import os; os._exit(0)"
    subprocess.run([sys.executable, "-c", code, path, "e", "f"], check=True)
    beside(path, "-shm").unlink()
    store.close()
    assert items_of(path) == {"d", "e", "f"}


@POSIX
def test_what_was_recorded_before_its_log_was_removed_is_kept(path):
    store = JudgementStore.open(path)
    store.add_many(judged(str(item)) for item in range(50))
    for end in ("-wal", "-shm"):
        beside(path, end).unlink()
    with pytest.raises(FileError, match="-wal was removed"):
        store.add(judged("e"))
    copy = shutil.copyfile(path, path.with_name("copy.sqlite"))  # as it is where it is killed now
    assert items_of(copy) == {str(item) for item in range(50)}
    store.close()
    assert items_of(path) == {str(item) for item in range(50)}


@POSIX
def test_a_log_that_is_removed_while_an_answer_is_recorded_leaves_it_unacknowledged(path):
    with JudgementStore.open(path) as store:
        store.add(judged())
        with pytest.raises(FileError, match="-wal was removed"):
            store.add_new([judged("e")], lambda _: beside(path, "-wal").unlink())


@POSIX
@pytest.mark.parametrize("ends", [["-wal"], ["-wal", "-shm"]], ids=len)
@pytest.mark.parametrize("looked_at", [False, True])
def test_who_closes_a_store_completes_it_from_a_log_that_was_removed(path, ends, looked_at):
    add(path, "old")
    store = JudgementStore.open(path)
    store.add(judged())
    for end in ends:
        beside(path, end).unlink()
    if looked_at:  # which lays an empty one in its place
        added_elsewhere(path)
    store.close()
    assert items_of(path) == {"old", "d"}


@POSIX
@pytest.mark.parametrize("more", [0, 1, 20, 200, 2000])
@pytest.mark.parametrize("kept", [False, True])
def test_a_copy_restored_in_place_loses_no_later_answer(path, tmp_path, more, kept):
    add(path, *(f"k{item}" for item in range(20)))
    shutil.copyfile(path, tmp_path / "backup")
    add(path, *(f"m{item}" for item in range(more)))
    store = JudgementStore.open(path)
    if kept:
        store.add(judged("before"))
    shutil.copyfile(tmp_path / "backup", path)
    acknowledged = []
    for item in range(10):
        try:
            store.add(judged(f"x{item}"))
        except FileError as error:
            assert "was written over since it was opened" in str(error)  # noqa: PT017
            break
        acknowledged.append(f"x{item}")
    store.close()
    if acknowledged:
        assert len(acknowledged) == 10
        assert {*acknowledged} <= items_of(path)
    else:
        for end in ("-wal", "-shm"):
            beside(path, end).unlink()
        shutil.copyfile(tmp_path / "backup", path)
        assert items_of(path) == {f"k{item}" for item in range(20)}
    if more and not kept:
        assert not acknowledged  # the last row that was there is gone


def test_what_others_copy_into_a_store_is_no_fault(path):
    with JudgementStore.open(path) as store:
        store.add(judged())
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        store.add(judged("e"))
        assert added_elsewhere(path, *map(str, range(20))).returncode == 0
        store.add(judged("f"))
    assert items_of(path) == {"d", "e", "f", *map(str, range(20))}


def test_a_store_that_was_opened_twice_keeps_its_locks(path):
    first, second = JudgementStore.open(path), JudgementStore.open(path)
    acknowledged = set()
    for turn in range(3):
        for name, store in (("a", first), ("b", second)):
            for item in range(20):
                store.add(judged(f"{name}{turn}.{item}"))
                acknowledged.add(f"{name}{turn}.{item}")
        others = [f"c{turn}.{item}" for item in range(20)]
        assert added_elsewhere(path, *others).returncode == 0
        acknowledged |= {*others}
    first.close()
    second.close()
    assert items_of(path) == acknowledged


@LINUX
def test_nothing_that_reads_a_store_takes_its_locks_away(path):
    add(path, "old")
    with JudgementStore.open(path) as store:
        for _ in range(2):
            assert is_sqlite(path)
            assert not is_sqlite(beside(path, "-shm"))
            assert items_of(path) == {"old"}
            shutil.copyfile(path, path.with_name("copy"))  # by other code of this process
            assert is_locked(path)
        again = JudgementStore.open(path)
        store.close()
        assert is_locked(path)
        again.close()
    assert not is_locked(path)
    assert not beside(path, "-wal").exists()


@LINUX
def test_a_store_that_nobody_closed_holds_no_lock(path):
    store = JudgementStore.open(path)
    store.add(judged())
    del store
    assert not is_locked(path)
    assert items_of(path) == {"d"}


@POSIX
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_go_on_with_a_store(path):
    store = JudgementStore.open(path)
    store.add(judged())
    child = os.fork()
    if not child:
        refused = 0
        for work in (
            lambda: store.add(judged("child")),
            lambda: list(store.rows()),
            lambda: JudgementStore.open(path),
            lambda: JudgementStore.open(path, read_only=True),
        ):
            try:
                work()
            except FileError as error:
                refused += "from which this one was forked" in str(error)
        store.close()
        del store
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
    assert added_elsewhere(path, "e").returncode == 0
    store.add(judged("f"))
    assert sys.platform != "linux" or is_locked(path)
    store.close()
    assert items_of(path) == {"d", "e", "f"}


def test_threads_open_and_close_one_store(path):
    add(path, "old")
    faults = []

    def work(name):
        try:
            for turn in range(8):
                add(path, f"{name}{turn}")
                assert is_sqlite(path)
                assert "old" in items_of(path)
        except Exception as error:  # noqa: BLE001 shown below
            faults.append(error)

    threads = [threading.Thread(target=work, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert items_of(path) == {"old", *(f"{name}{turn}" for name in "abcd" for turn in range(8))}


@POSIX
def test_a_store_is_not_opened_again_over_files_that_are_gone(path):
    store = JudgementStore.open(path)
    store.add(judged())
    beside(path, "-shm").unlink()
    with pytest.raises(FileError, match="-shm was removed"):
        JudgementStore.open(path)
    store.close()
    with JudgementStore.open(path) as store:
        assert {row.item_id for row in store.rows()} == {"d"}


def damaged_free_list(path):
    """Give a store free pages, one of which is said to be a page that is in use."""
    add(path, "old")
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE x (a)")
    connection.executemany("INSERT INTO x VALUES (?)", [("y" * 4000,)] * 60)
    connection.execute("DROP TABLE x")
    connection.commit()
    connection.close()
    whole = bytearray(path.read_bytes())
    size, trunk = struct.unpack(">H", whole[16:18])[0], struct.unpack(">I", whole[32:36])[0]
    start = (trunk - 1) * size
    count = struct.unpack(">I", whole[start + 4 : start + 8])[0]
    last = start + 8 + 4 * (count - 1)
    whole[last : last + 4] = struct.pack(">I", 5)
    path.write_bytes(whole)


@pytest.mark.parametrize("known", [False, True])
def test_a_store_that_would_write_over_its_rows_takes_no_answers(path, known):
    if known:  # found sound here before
        add(path, "older")
        path.unlink()
    damaged_free_list(path)
    before = path.read_bytes()
    with pytest.raises(FileError, match=r"damaged .*page 5.* backup"):
        JudgementStore.open(path)
    assert path.read_bytes() == before
    assert items_of(path) == {"old"}


def test_a_page_that_reads_its_space_again_goes_on_with_its_store(tmp_path):
    from anglewise.web_page.open_space import Inspected

    path = tmp_path / "judged.sqlite"
    client = site(Inspected(made_space(), store=path))
    app = client.app.app.state.app
    before = app.store.opened()
    before.add(judged())
    assert client.post("/reload", headers=FROM_HERE, follow_redirects=False).status_code == 303
    assert app.store.opened() is before
    assert added_elsewhere(path, "e").returncode == 0
    before.add(judged("f"))
    before.close()
    assert items_of(path) == {"d", "e", "f"}


@POSIX
def test_a_page_opens_its_store_again_where_its_files_were_replaced(path):
    store = Store(path)
    store.opened().add(judged())
    assert store.at(path) is store
    beside(path, "-shm").unlink()
    again = store.at(path)
    again.opened().add(judged("e"))
    assert {row.item_id for row in again.opened().rows()} == {"d", "e"}
    assert again.at(path.with_name("other.sqlite")).path == path.with_name("other.sqlite")
