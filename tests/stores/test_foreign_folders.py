"""Folders and files of stores that lead elsewhere, never end, or break the engine that reads them.

Nothing outside of a collection is read, written or removed for it, and each ends in one sentence.
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import AnglewiseError, StoreError
from anglewise.stores.graph_files import check_hnswlib, check_usearch
from anglewise.stores.vector_store import open_store

ROWS, DIMENSION = 60, 8
FOLDERS = {
    "qdrant-edge": "qdrant-edge://{}/films",
    "zvec": "zvec://{}/films",
    "chroma": "chroma://{}/films",
    "milvus": "milvus://{}/f.db/films",
}
COMMAND = "import sys; from anglewise.cli import main; sys.exit(main())"


def space(seed=0):
    rng = np.random.default_rng(seed)
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(10, DIMENSION))),
        items=aw.Embeddings(rng.normal(size=(ROWS, DIMENSION))),
    )


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    """One good collection of each kind, to be copied."""
    made = {}
    for kind, address in FOLDERS.items():
        folder = tmp_path_factory.mktemp(kind)
        aw.export(space(), "dot", address.format(folder))
        made[kind] = folder
    return made


def copied(collections, kind, tmp_path):
    shutil.copytree(collections[kind], tmp_path / "sent")
    return tmp_path / "sent", FOLDERS[kind].format(tmp_path / "sent")


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_link_in_a_collection_is_neither_read_nor_written(kind, collections, tmp_path):
    folder, address = copied(collections, kind, tmp_path)
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size):
        mine = tmp_path / "mine"
        mine.write_bytes(path.read_bytes() if path.suffix != ".bin" else b"my settings\n" * 999)
        before, content = mine.read_bytes(), path.read_bytes()
        path.unlink()
        path.symlink_to(mine)
        with pytest.raises(AnglewiseError, match="is a link"):
            aw.read_space(address)
        assert mine.read_bytes() == before
        path.unlink()
        path.write_bytes(content)
    assert len(aw.read_space(address).items.ids) == ROWS


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_pipe_in_a_collection_is_not_waited_for(kind, collections, tmp_path):
    folder, address = copied(collections, kind, tmp_path)
    path = max(
        (p for p in folder.rglob("*") if p.is_file() and p.name != "chroma.sqlite3"),
        key=lambda p: p.stat().st_size,
    )
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(AnglewiseError, match="neither a file nor a folder"):
        aw.read_space(address)


@pytest.mark.parametrize("kind", ["qdrant-edge", "zvec"])
def test_a_collection_that_is_a_link_out_of_its_folder_is_not_opened(kind, collections, tmp_path):
    folder, address = copied(collections, kind, tmp_path)
    (folder / "films").rename(tmp_path / "mine")
    (folder / "films").symlink_to(tmp_path / "mine")
    with pytest.raises(StoreError, match="leads out"):
        aw.read_space(address)


def journal_that_removes(path, other):
    """A journal of SQLite of nothing, which names another one to be removed after it."""
    magic = bytes.fromhex("d9d505f920a163d7")
    pages = path.stat().st_size // 4096
    head = (magic + struct.pack(">IIIII", 0, 1, pages, 512, 4096)).ljust(512, b"\0")
    name = str(other).encode()
    tail = struct.pack(">I", 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    path.with_name(f"{path.name}-journal").write_bytes(head + tail)


@pytest.mark.parametrize("kind", ["sqlite-vec", "chroma"])
@pytest.mark.parametrize("attack", ["journal", "-wal", "-shm", "-journal"])
def test_what_lies_beside_a_file_of_sqlite_does_nothing_elsewhere(
    kind, attack, collections, tmp_path
):
    if kind == "chroma":
        folder, address = copied(collections, kind, tmp_path)
        path = folder / "chroma.sqlite3"
    else:
        path = tmp_path / "f.sqlite"
        address = f"sqlite-vec://{path}/films"
        aw.export(space(), "cosine", address, index="scan")
    mine = tmp_path / "mine"
    mine.write_text("my settings\n" * 100)
    if attack == "journal":
        journal_that_removes(path, mine)
    else:
        path.with_name(path.name + attack).symlink_to(mine)
    with pytest.raises(StoreError, match=r"would remove other files|no plain file"):
        aw.read_space(address)
    assert mine.read_text() == "my settings\n" * 100


def test_a_pipe_called_as_a_journal_is_not_waited_for(tmp_path):
    path = tmp_path / "f.sqlite"
    aw.export(space(), "cosine", f"sqlite-vec://{path}/films", index="scan")
    os.mkfifo(tmp_path / "f.sqlite-journal")
    with pytest.raises(StoreError, match="no plain file"):
        aw.read_space(f"sqlite-vec://{path}/films")


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("manifest.json", lambda c: c["partitions"].update({"../../x": {"data_files": []}})),
        ("manifest.json", lambda c: c["partitions"]["_default"].update(data_files=["/x.parquet"])),
        ("manifest.json.prev", lambda c: c["partitions"]["_default"].update(data_files=["a/../b"])),
        (
            "schema.json",
            lambda c: c.update(
                functions=[
                    {
                        "name": "ask",
                        "function_type": 2,
                        "input_field_names": ["id"],
                        "output_field_names": ["vector"],
                        "params": {"provider": "openai", "base_url": "http://127.0.0.1:9"},
                    }
                ]
            ),
        ),
    ],
)
def test_a_folder_of_milvus_names_no_places_and_no_servers(file, change, collections, tmp_path):
    folder, address = copied(collections, "milvus", tmp_path)
    (path,) = folder.rglob(file)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"lies elsewhere|asks a server"):
        aw.read_space(address)


def test_an_alias_of_milvus_removes_no_other_folder(collections, tmp_path):
    """An export that takes the place of another removes what the alias meant before."""
    folder, address = copied(collections, "milvus", tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    (schema,) = folder.rglob("schema.json")
    shutil.copy(schema, mine)
    inner = folder / "f.db" / "collections" / "films__x"
    inner.mkdir()
    alias = f"films__x/../../../../{mine.name}"
    (folder / "f.db" / "aliases.json").write_text(json.dumps({"films": alias}))
    with pytest.raises(StoreError, match="lies elsewhere"):
        aw.export(space(), "cosine", address, replace=True)
    assert (mine / "schema.json").is_file()


def test_a_parquet_file_in_a_folder_of_milvus_does_not_fill_the_memory(collections, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder, address = copied(collections, "milvus", tmp_path)
    (path,) = folder.rglob("*.parquet")
    rows = pa.array(np.zeros(100_000, np.int32))
    names = pa.DictionaryArray.from_arrays(rows, pa.array(["x" * 100_000]))
    pq.write_table(pa.table({"id": names}), path)
    with pytest.raises(AnglewiseError, match=r"holds|takes"):
        aw.read_space(address)


ENDLESS = (
    "VIEW films AS WITH RECURSIVE n(i) AS (SELECT 1::BIGINT UNION ALL SELECT i + 1 FROM n) "
    "SELECT i::VARCHAR AS id, [i, 1, 2]::FLOAT[3] AS vector FROM n"
)
COMPUTED = (
    "TABLE films (id VARCHAR, vector FLOAT[3], "
    "sum BIGINT GENERATED ALWAYS AS (list_sum(range(len(id)))::BIGINT))"
)


@pytest.mark.parametrize("made", [ENDLESS, COMPUTED])
def test_what_duckdb_computes_is_not_asked(made, tmp_path):
    import duckdb

    path = tmp_path / "sent.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE {made}")
    with pytest.raises(StoreError, match=r"is a view|is computed"):
        aw.read_space(f"duckdb://{path}/films?metric=l2sq")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE collections RENAME TO others",
        "CREATE TRIGGER t AFTER UPDATE ON collections BEGIN DELETE FROM collections; END",
    ],
)
def test_a_file_of_chroma_that_computes_is_not_opened(statement, collections, tmp_path):
    folder, address = copied(collections, "chroma", tmp_path)
    connection = sqlite3.connect(folder / "chroma.sqlite3")
    connection.execute(statement)
    if "others" in statement:
        connection.execute(
            "CREATE VIEW collections AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
            "SELECT i + 1 FROM n) SELECT i AS name FROM n"
        )
    connection.commit()
    connection.close()
    for read in (address, folder):
        with pytest.raises(StoreError, match="is computed"):
            aw.read_space(read)


def saved(kind, folder):
    address = f"{kind}://{folder}/films.index"
    aw.export(space(), "dot", address)
    for beside in folder.glob("*.items.jsonl"):
        beside.unlink()
    return folder / "films.index", address + ("?metric=ip" if kind == "hnswlib" else "")


@pytest.mark.parametrize("kind", ["hnswlib", "usearch"])
def test_a_graph_whose_links_lead_nowhere_is_not_searched(kind, tmp_path):
    """Numbers that no row has, laid over every eleventh number of the file in turn."""
    path, address = saved(kind, tmp_path)
    check = check_hnswlib if kind == "hnswlib" else check_usearch
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content) - 4, 44):
        changed = bytearray(content)
        changed[place : place + 4] = b"\xff\xff\xff\x7f"
        path.write_bytes(bytes(changed))
        try:
            check(path)
        except AnglewiseError:
            refused += 1
            continue
        if place % 440 == 0:  # what passes is read and asked
            with open_store(address) as store:
                store.search(space().queries.vectors, 10)
    assert refused > len(content) // 440


def test_items_that_were_marked_as_deleted_are_no_damage(tmp_path):
    from hnswlib import Index

    path, address = saved("hnswlib", tmp_path)
    index = Index(space="ip", dim=DIMENSION)
    index.load_index(str(path))
    index.mark_deleted(3)
    index.save_index(str(path))
    with open_store(address) as store:
        assert sum(len(part.ids) for part in store.rows()) == ROWS - 1


def test_room_for_rows_that_hnswlib_is_told_of_is_bounded(tmp_path):
    path, address = saved("hnswlib", tmp_path)
    content = bytearray(path.read_bytes())
    content[8:16] = (1 << 33).to_bytes(8, "little")
    path.write_bytes(bytes(content))
    with pytest.raises(AnglewiseError, match=r"room for 8,589,934,592 rows"):
        open_store(address)


def test_a_manifest_that_is_no_text_ends_in_one_sentence(collections, tmp_path):
    folder, address = copied(collections, "zvec", tmp_path)
    (folder / "films" / "anglewise.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(AnglewiseError, match="manifest"):
        aw.verify(address, space())


def run(*words):
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_an_engine_that_breaks_ends_the_command_in_one_sentence(collections, tmp_path):
    folder, address = copied(collections, "zvec", tmp_path)
    (path,) = folder.rglob("manifest.*")
    content = path.read_bytes()
    codes = set()
    for place in range(0, len(content), 31):
        changed = bytearray(content)
        changed[place] ^= 0x41
        path.write_bytes(bytes(changed))
        ended = run("probe", address)
        codes.add(ended.returncode)
        assert "Traceback" not in ended.stderr
    assert codes <= {0, 2}


def test_what_a_watched_command_is_told_is_handed_on(collections, tmp_path):
    """Killed, it leaves no child behind; its exit is that of the signal."""
    _, address = copied(collections, "zvec", tmp_path)
    sleeps = "import time, anglewise.cli.program as p; p._main = lambda words: time.sleep(60)"
    code = f"{sleeps}; {COMMAND}"
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        with subprocess.Popen([sys.executable, "-c", code, "probe", address]) as process:
            child = None
            while child is None and process.poll() is None:
                text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
                child = int(text.split()[0]) if text.split() else None
            process.send_signal(number)
            code_of = process.wait(20)
        assert code_of in {-number, 130, 1}, code_of
        for _ in range(200):
            if is_gone(child):
                break
            time.sleep(0.05)
        assert is_gone(child), number


def is_gone(child):
    """Whether a process has ended, be it that nobody has asked for its code yet."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True
