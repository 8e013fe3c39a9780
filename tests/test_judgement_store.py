"""The store of judgements: nothing that was acknowledged is ever lost, changed or mixed up."""

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from anglewise import Judged, JudgementStore
from anglewise.errors import FileError, IdsError, SpellingError, ValuesError
from anglewise.judgements import connection as schema
from anglewise.judgements.records import judged_from, new_uuid
from anglewise.labelling.judged_set import record


@pytest.fixture
def path(tmp_path):
    return tmp_path / "judgements.sqlite"


def judged(query="q", item="d", grade=1.0, judge="anna", **more):
    return Judged(query, item, grade, judge=judge, **more)


def grades(store, **chosen):
    return [(row.judge, row.item_id, row.grade) for row in store.rows(**chosen)]


def test_what_was_added_is_there_when_opened_again(path):
    said = judged(
        grade=2.5,
        context={"dot": {"rank": 1}},
        probability=0.25,
        note="Ähnlich\n„wie“ 日本",
        direction="items-items",
        source="generated",
    )
    with JudgementStore.open(path) as store:
        store.add(said)
    with JudgementStore.open(path, read_only=True) as store:
        assert list(store.rows()) == [said]


def test_the_latest_row_of_each_judge_stands(path):
    with JudgementStore.open(path) as store:
        store.add_many([judged(grade=1, time=9.0), judged(grade=0, judge="ben")])
        store.add(judged(grade=3, time=1.0))  # by a clock that is late
        assert grades(store) == [("ben", "d", 0.0), ("anna", "d", 3.0)]
        assert grades(store, judge="anna") == [("anna", "d", 3.0)]
        assert grades(store, direction="items-items") == []


def test_a_retraction_lets_the_earlier_row_stand_again(path):
    first, second = judged(grade=1), judged(grade=2)
    with JudgementStore.open(path) as store:
        store.add_many([first, second])
        store.retract(second.uuid, judge="anna")
        store.retract(second.uuid, judge="anna")
        assert list(store.rows()) == [first]
        assert list(store.rows(retracted=True)) == [second]
        store.retract(first.uuid, judge="ben")
        assert list(store.rows()) == []
        counts = store.counts()
    assert (counts.standing, counts.replaced, counts.taken_back) == (0, 0, 2)


def test_counts_tell_what_stands_and_what_does_not(path):
    with JudgementStore.open(path) as store:
        store.add_many([judged(), judged(grade=0), judged(judge="m", source="generated")])
        counts = store.counts()
    assert (counts.standing, counts.replaced, counts.taken_back) == (2, 1, 0)
    assert counts.by_judge == {"anna": 1, "m": 1}
    assert counts.by_source == {"human": 1, "generated": 1}
    assert counts.by_direction == {"queries-items": 2}


def test_sending_twice_records_once(path):
    said = judged()
    with JudgementStore.open(path) as store:
        store.add(said)
        store.add(replace(said, time=said.time + 60))
        assert list(store.rows()) == [said]


def test_a_uuid_never_gets_another_meaning(path):
    said = judged()
    with JudgementStore.open(path) as store:
        store.add(said)
        with pytest.raises(IdsError, match="another grade"):
            store.add(replace(said, grade=0))
        with pytest.raises(IdsError, match="no judgement"):
            store.retract(new_uuid(), judge="anna")
        assert list(store.rows()) == [said]


def test_many_are_added_together_or_not_at_all(path):
    said = judged()
    with JudgementStore.open(path) as store:
        store.add(said)
        with pytest.raises(IdsError):
            store.add_many([judged(item="other"), replace(said, note="changed")])
        assert list(store.rows()) == [said]


@pytest.mark.parametrize(
    "wrong",
    [
        {"grade": float("nan")},
        {"grade": "2"},
        {"judge": " "},
        {"query_id": ""},
        {"item_id": "\ud800"},
        {"probability": 0},
        {"probability": 1.5},
        {"context": {"score": float("inf")}},
        {"context": {"score": object()}},
        {"note": "x" * (1 << 20 | 1)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_no_judgement_is_refused(wrong):
    fields = {"query_id": "q", "item_id": "d", "grade": 1, "judge": "anna"}
    with pytest.raises(ValuesError):
        judged_from(fields | wrong)


@pytest.mark.parametrize(
    "wrong", [{"direction": "up"}, {"source": ["human"]}, {"uuid": 7}, {"colour": "red"}], ids=str
)
def test_words_that_mean_nothing_are_refused(wrong):
    fields = {"query_id": "q", "item_id": "d", "grade": 1, "judge": "anna"}
    with pytest.raises(SpellingError):
        judged_from(fields | wrong)
    with pytest.raises(SpellingError, match="'judge' is missing"):
        judged_from({name: fields[name] for name in fields if name != "judge"})


def test_rows_are_never_changed_or_removed(path):
    with JudgementStore.open(path) as store:
        store.add(judged())
    with sqlite3.connect(path) as connection:
        for deed in ("UPDATE judgements SET grade = 3", "DELETE FROM judgements"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                connection.execute(deed)
    connection.close()


@pytest.mark.skipif(os.name == "nt", reason="files that are open cannot be removed there")
@pytest.mark.parametrize("linked", [False, True])
def test_nothing_is_acknowledged_without_the_file_in_which_it_lies_first(path, linked):
    real = path.with_name("real.sqlite") if linked else path
    if linked:
        path.symlink_to(real)
    with JudgementStore.open(path) as store:
        store.add(judged())
        real.with_name(real.name + "-wal").unlink()
        with pytest.raises(FileError, match="-wal was removed"):
            store.add(judged(item="e"))


def test_threads_share_a_store(path):
    with JudgementStore.open(path) as store:

        def judge(name):
            for item in range(40):
                store.add(judged(item=str(item), judge=name))

        threads = [threading.Thread(target=judge, args=[name]) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.counts().by_judge == dict.fromkeys("abcd", 40)


def test_a_reader_sees_what_others_add_meanwhile(path):
    with (
        JudgementStore.open(path) as writer,
        JudgementStore.open(path, read_only=True) as reader,
    ):
        assert list(reader.rows()) == []
        writer.add(judged())
        assert len(list(reader.rows())) == 1
        with pytest.raises(FileError, match="may only be read"):
            reader.add(judged())


def test_a_locked_file_is_waited_for_and_then_named(path):
    with JudgementStore.open(path, patience=0.1) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(FileError, match="another program holds the file locked"):
            store.add(judged())
        other.execute("ROLLBACK")
        other.close()
        store.add(judged())
        assert store.counts().standing == 1


def test_a_full_disk_leaves_the_file_whole(path):
    with JudgementStore.open(path) as store:
        store.add(judged())
        connection = store._connection
        connection.execute("PRAGMA max_page_count = 20")
        recorded = 1

        def fill():
            nonlocal recorded
            for item in range(1000):
                store.add(judged(item=str(item), note="x" * 5000))
                recorded += 1

        with pytest.raises(FileError, match=r"disk is full.*recorded before is safe.*free"):
            fill()
        assert 1 < recorded < 1000
        connection.execute("PRAGMA max_page_count = 100000")
        assert store.counts().standing == recorded
        store.add(judged(item="after"))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


LAST_OF_ALL = (
    "INSERT INTO judgements (number, uuid, direction, query_id, item_id, grade, judge, time) "
    "VALUES (9223372036854775807, 'u', 'queries-items', 'q', 'i', 1, 'eve', 0)"
)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE sqlite_sequence SET seq = 9223372036854775807",
        "UPDATE sqlite_sequence SET seq = '9223372036854775807'",
        LAST_OF_ALL,
    ],
)
def test_a_store_without_a_number_for_another_judgement_is_called_damaged(path, spoil):
    with JudgementStore.open(path) as store:
        store.add(judged())
    other = sqlite3.connect(path)
    other.execute(spoil)
    other.commit()
    other.close()
    with pytest.raises(FileError, match=r"damaged .*counted to 9,223,372,036,854,775,807"):
        JudgementStore.open(path)
    with JudgementStore.open(path, read_only=True) as store:
        assert store.counts().standing >= 1


def test_what_is_no_store_is_named_and_left_alone(tmp_path):
    text = tmp_path / "qrels.tsv"
    text.write_text("q1 0 d7 2\n" * 20)
    with pytest.raises(FileError, match="not a store of judgements"):
        JudgementStore.open(text)
    assert text.read_text() == "q1 0 d7 2\n" * 20
    with pytest.raises(FileError, match="folder"):
        JudgementStore.open(tmp_path)
    with pytest.raises(FileError, match="does not exist: nothing was judged"):
        JudgementStore.open(tmp_path / "none.sqlite", read_only=True)
    with pytest.raises(FileError, match=r"folder .* does not exist"):
        JudgementStore.open(tmp_path / "none" / "judgements.sqlite")
    assert [file.name for file in tmp_path.iterdir()] == ["qrels.tsv"]


def test_the_file_of_another_program_is_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    for read_only in (True, False):
        with pytest.raises(FileError, match="of another program"):
            JudgementStore.open(path, read_only=read_only)
    assert path.read_bytes() == before


def test_a_damaged_file_is_named(path):
    with JudgementStore.open(path) as store:
        store.add_many(judged(item=str(item), note="x" * 999) for item in range(100))
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(FileError, match=r"damaged .* backup"), JudgementStore.open(path) as store:
        list(store.rows())


def test_an_empty_file_becomes_a_store(path):
    path.touch()
    with JudgementStore.open(path) as store:
        store.add(judged())
        assert store.counts().standing == 1


def test_a_newer_file_is_refused_and_left_alone(path):
    with JudgementStore.open(path) as store:
        store.add(judged())
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    for read_only in (True, False):
        with pytest.raises(FileError, match=r"newer anglewise.*upgrade anglewise; nothing was"):
            JudgementStore.open(path, read_only=read_only)
    assert path.read_bytes() == before


VERSION_1 = """
    PRAGMA journal_mode = WAL;
    PRAGMA application_id = 1634625388;
    CREATE TABLE judgements (
        number INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,
        takes_back TEXT UNIQUE, direction TEXT, query_id TEXT, item_id TEXT, grade REAL,
        judge TEXT NOT NULL, time REAL NOT NULL, source TEXT, context TEXT NOT NULL DEFAULT '{}',
        probability REAL, note TEXT NOT NULL DEFAULT '',
        CHECK ((takes_back IS NULL) = (grade IS NOT NULL))
    );
    CREATE INDEX of_pair ON judgements (direction, query_id, item_id, judge);
    CREATE TRIGGER never_changed BEFORE UPDATE ON judgements
    BEGIN SELECT RAISE(ABORT, 'judgements are never changed: add a row'); END;
    CREATE TRIGGER never_removed BEFORE DELETE ON judgements
    BEGIN SELECT RAISE(ABORT, 'judgements are never removed: add a retraction'); END;
    PRAGMA user_version = 1;
    INSERT INTO judgements VALUES
        (1, '00000000-0000-0000-0000-000000000001', NULL, 'queries-items', 'q', 'd', 1.0, 'anna',
         100.0, 'human', '{"dot":{"rank":3}}', 0.5, 'hm'),
        (2, '00000000-0000-0000-0000-000000000002', NULL, 'queries-items', 'q', 'd', 2.0, 'anna',
         101.0, 'human', '{}', NULL, '');
    INSERT INTO judgements (number, uuid, takes_back, judge, time) VALUES
        (3, '00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000002',
         'anna', 102.0);
"""
"""What version 1 wrote, by its own words: never to be changed with the program."""


@pytest.mark.parametrize("released", [VERSION_1], ids=["1"])
def test_files_of_every_released_version_are_read_and_written(path, released):
    connection = sqlite3.connect(path)
    connection.executescript(released)
    connection.close()
    with JudgementStore.open(path) as store:
        [row] = store.rows()
        assert (row.grade, row.context, row.probability, row.note, row.time) == (
            1.0,
            {"dot": {"rank": 3}},
            0.5,
            "hm",
            100.0,
        )
        assert [row.grade for row in store.rows(retracted=True)] == [2.0]
        store.add(judged(item="new"))
        assert store.counts().standing == 2
        assert schema.version_of(store._connection) == schema.VERSION


def test_a_migration_keeps_every_row(path):
    with JudgementStore.open(path) as store:
        said = judged()
        store.add(said)
    more = (*schema.MIGRATIONS, "ALTER TABLE judgements ADD COLUMN colour TEXT;")
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, (*more, "CREATE TABLE judgements (broken TEXT);"))
    assert schema.version_of(connection) == schema.VERSION  # half of a migration is none
    schema.migrate(connection, more)
    schema.migrate(connection, more)
    assert schema.version_of(connection) == len(more)
    assert connection.execute("SELECT uuid, colour FROM judgements").fetchall() == [
        (said.uuid, None)
    ]
    connection.close()


def test_what_several_record_at_once_is_recorded_once(tmp_path):
    path, start = tmp_path / "judgements.sqlite", threading.Barrier(4)
    JudgementStore.open(path).close()

    def bring(_):
        rows = [Judged(f"q{i}", "d", i % 3, judge="anna") for i in range(500)]
        with JudgementStore.open(path) as store:
            start.wait()
            return record(store, rows)

    with ThreadPoolExecutor(4) as hands:
        recorded = list(hands.map(bring, range(4)))
    assert sorted((one.added, one.already) for one in recorded) == [(0, 500)] * 3 + [(500, 0)]
    with JudgementStore.open(path, read_only=True) as store:
        assert (store.counts().standing, store.counts().replaced) == (500, 0)
