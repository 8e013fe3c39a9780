"""What a stranger's collection or address may do: be read, and nothing else."""

import contextlib
import io
import json
import os
import pickle
import sqlite3
import zipfile
from dataclasses import asdict, replace

import numpy as np
import pytest

from anglewise.errors import AnglewiseError, FileError, SpellingError, StoreError
from anglewise.stores.address import Address, read_address
from anglewise.stores.lance_files import BASE_PATH, BASES, MAGIC, check_goes_whole, check_table
from anglewise.stores.manifest import Fingerprint, Manifest, manifest_of
from anglewise.stores.probe import probe
from anglewise.stores.qdrant_files import MODELS, check_local_folder, is_local_folder
from anglewise.stores.query_transform import QueryTransform
from anglewise.stores.sql_rows import known_of
from anglewise.stores.vector_store import StoredRows, exported_for, saying
from memory_store import MemoryStore

SECRET = "geheim77"  # noqa: S105 none


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://anna:{SECRET}@db",
        f"postgresql://anna:{SECRET}@db:abc/x/y",
        f"postgresql://anna:ge#{SECRET}@db/x/y",
        f"postgresql://anna:ge/{SECRET}@db",
        f"postgresql://anna:{SECRET}@[::1/x/y",
        f"postgresql://anna:{SECRET}@db/x/y#z",
        f"postgresql://db?password={SECRET}",
        f"//anna:{SECRET}@db/x",
        f"lancedb://anna:{SECRET}@x/y/z",
        f"qdrant://anna:{SECRET}@x/y",
        f"posgresql://anna:{SECRET}@db/x/y",
        f"qdrant://h/x?api_key={SECRET}&api_key={SECRET}",
        f"postgresql://anna:{SECRET}@db/x/\0y",
        f"postgresql://anna:{SECRET}@db/x/%FF",
    ],
)
def test_an_address_that_cannot_be_read_shows_no_password(text):
    for read in (read_address, probe):
        with pytest.raises(SpellingError) as caught:
            read(text)
        assert SECRET not in str(caught.value)
        assert SECRET not in str(caught.value.__cause__)


@pytest.mark.parametrize("name", ["password", "sslpassword", "passfile", "api_key", "token"])
def test_options_that_hold_a_secret_are_never_shown(name):
    address = read_address(f"postgresql://db/x/y?{name}={SECRET}&vector=v")
    assert address.options[name] == SECRET
    assert SECRET not in str(address) + repr(address)
    assert f"{name}=***&vector=v" in str(address)
    with pytest.raises(StoreError) as caught, saying(address, "a store"):
        raise RuntimeError(f"no {name} is {SECRET}")
    assert SECRET not in str(caught.value)


def test_a_password_is_not_in_what_python_shows_of_an_address():
    assert SECRET not in repr(read_address(f"postgresql://anna:{SECRET}@db/x/y"))


def test_an_option_of_an_address_that_comes_twice_is_refused():
    with pytest.raises(SpellingError, match="twice"):
        read_address("lancedb:///f/t?metric=dot&metric=l2")


def manifest(**other):
    values = asdict(
        Manifest("dot", "queries-items", "dot", "dot", 2, 3, "t", "i", (1.0, 2.0), 0.1, recall=1.0)
    )
    return json.dumps({**values, "queries": 5, **other})


class WithManifest(MemoryStore):
    """A collection that brings a manifest."""

    effort_names = ("ef",)

    def __init__(self, text):
        super().__init__()
        self.text = text

    def manifest(self):
        return self.text


def test_a_manifest_as_export_writes_it_is_read():
    assert manifest_of(WithManifest(manifest(effort={"ef": 1024}, oversample=5))) is not None


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"way":' * 5_000, '{"way": ' + "1" * 6_000 + "}", "null", "[1]", "x"]
)
def test_a_text_that_is_no_manifest_is_none_however_deep(text):
    assert manifest_of(WithManifest(text)) is None
    assert exported_for(text) == ""


@pytest.mark.parametrize(
    "other",
    [
        {"sum": [10**400, 1.0]},
        {"sum": [float("nan"), 1.0]},
        {"sum": [True, 1.0]},
        {"slack": float("inf")},
        {"slack": float("nan")},
        {"slack": -1.0},
        {"slack": 10**400},
        {"recall": float("inf")},
        {"oversample": 1 << 39},
        {"oversample": True},
        {"effort": {"ef": 1 << 39}},
        {"effort": {"nprobe": 3}},
    ],
    ids=str,
)
def test_a_manifest_with_numbers_that_no_export_writes_is_refused(other):
    with pytest.raises(StoreError, match="was changed"):
        manifest_of(WithManifest(manifest(**other)))


def test_a_manifest_cannot_say_by_how_much_vectors_may_change():
    rows = [StoredRows(["a", "b"], np.array([[1, 0], [0, 1]], np.float32))]
    moved = [StoredRows(["a", "b"], np.array([[1, 0], [0.5, 1]], np.float32))]
    written = Fingerprint.of(rows)
    generous = Fingerprint(written.ids, written.count, written.sum, 1e300)
    assert Fingerprint.of(rows).same(generous)
    assert not Fingerprint.of(moved).same(generous)


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def lance_table(folder, name="films", bases=()):
    """A folder with the parts of a table whose data also lie at some places."""
    table = folder / f"{name}.lance"
    (table / "_versions").mkdir(parents=True)
    message = varint(3 << 3) + varint(300) + field(1, b"\x08\x01") + varint(7 << 3 | 1) + b"\0" * 8
    for base in bases:
        message += field(BASES, varint(1 << 3) + b"\x01" + field(BASE_PATH, base.encode()))
    data = b"old" + len(message).to_bytes(4, "little") + message
    footer = (3).to_bytes(8, "little") + b"\0\0\2\0" + MAGIC
    (table / "_versions" / "1.manifest").write_bytes(data + footer)
    return table


@pytest.mark.parametrize(
    "place",
    ["s3://bucket/x", "/etc/x.lance", "file:///etc/x.lance", "../../x", "memory://x", "az:/x/"],
)
def test_a_table_of_lance_that_keeps_data_elsewhere_is_not_opened(tmp_path, place):
    table = lance_table(tmp_path, bases=[str(tmp_path / "other.lance"), place])
    with pytest.raises(StoreError, match="lie elsewhere"):
        check_table(table, tmp_path)


def test_tables_of_one_folder_may_share_data(tmp_path):
    check_table(lance_table(tmp_path, bases=[str(tmp_path / "other.lance")]), tmp_path)


@pytest.mark.parametrize("seed", range(200))
def test_damaged_manifests_of_lance_end_well(tmp_path, seed):
    table = lance_table(tmp_path, bases=["s3://b/x"])
    path, rng = table / "_versions" / "1.manifest", np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for place in rng.integers(len(data) - 4, size=4):
        data[place] = rng.integers(256)
    path.write_bytes(bytes(data[: rng.integers(len(data))] if seed % 5 == 0 else data))
    with contextlib.suppress(StoreError):
        check_table(table, tmp_path)


def test_a_link_out_of_a_table_of_lance_is_refused(tmp_path):
    (tmp_path / "secret").mkdir()
    inside = tmp_path / "in"
    table = lance_table(inside)
    (table / "data").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="leads out"):
        check_table(table, inside)
    (inside / "films2.lance").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="leads out"):
        check_table(inside / "films2.lance", inside)


def test_a_table_of_lance_is_replaced_only_where_nothing_else_lies_in_it(tmp_path):
    table = lance_table(tmp_path)
    check_goes_whole(table)
    (table / "my notes.txt").write_text("mine")
    with pytest.raises(AnglewiseError, match=r"my notes\.txt"):
        check_goes_whole(table)


class Runs:
    """Makes a folder when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def qdrant_folder(
    folder, points, sql="CREATE TABLE points (id TEXT PRIMARY KEY, point BLOB)", name="c"
):
    folder.mkdir()
    (folder / "meta.json").write_text(json.dumps({"collections": {name: {}}, "aliases": {}}))
    (folder / "collection" / "c").mkdir(parents=True)
    connection = sqlite3.connect(folder / "collection" / "c" / "storage.sqlite")
    connection.execute(sql)
    if "VIEW" not in sql:
        rows = [(str(i), pickle.dumps(point)) for i, point in enumerate(points)]
        connection.executemany("INSERT INTO points VALUES (?, ?)", rows)
    connection.commit()
    connection.close()
    return folder


@pytest.mark.parametrize("deep", [False, True])
def test_a_pickle_in_a_folder_of_qdrant_never_runs(tmp_path, deep):
    evil = Runs(str(tmp_path / "ran"))
    folder = qdrant_folder(tmp_path / "q", [[1.0], {"payload": [evil]} if deep else evil])
    with pytest.raises(StoreError, match="could run code"):
        check_local_folder(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["os.system", "PointStruct.__init__", "BaseModel", "os"])
def test_points_name_nothing_but_points(tmp_path, name):
    at = f"c{MODELS}\n{name}\n.".encode()
    folder = qdrant_folder(tmp_path / "q", [])
    connection = sqlite3.connect(folder / "collection" / "c" / "storage.sqlite")
    connection.execute("INSERT INTO points VALUES ('a', ?)", [at])
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="could run code"):
        check_local_folder(folder)


def test_a_view_in_place_of_points_is_not_read(tmp_path):
    endless = (
        "CREATE VIEW points AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS id, x'' AS point FROM n"
    )
    with pytest.raises(StoreError, match="no table of points"):
        check_local_folder(qdrant_folder(tmp_path / "q", [], endless))


@pytest.mark.parametrize("name", ["../../elsewhere", "/opt/x", "a\\b", "..", ""])
def test_a_folder_of_qdrant_names_no_places_outside(tmp_path, name):
    with pytest.raises(StoreError, match="names a collection"):
        check_local_folder(qdrant_folder(tmp_path / "q", [], name=name))


def test_a_link_in_a_folder_of_qdrant_is_refused(tmp_path):
    folder = qdrant_folder(tmp_path / "q", [{"id": 1}])
    check_local_folder(folder)
    (folder / "collection" / "d").symlink_to(tmp_path)
    with pytest.raises(StoreError, match="is a link"):
        check_local_folder(folder)


def test_a_journal_that_removes_other_files_is_not_carried_out(tmp_path):
    folder = qdrant_folder(tmp_path / "q", [])
    journal = folder / "collection" / "c" / "storage.sqlite-journal"
    journal.write_bytes(b"\0" * 512 + b"/x" + bytes.fromhex("d9d505f920a163d7"))
    with pytest.raises(StoreError, match="would remove other files"):
        check_local_folder(folder)


@pytest.mark.parametrize("text", ["[" * 10**6, "{", '{"collections": [[1]]}', "[]", "\0"])
def test_what_qdrant_says_of_its_collections_may_be_damaged(tmp_path, text):
    folder = tmp_path / "q"
    folder.mkdir()
    (folder / "meta.json").write_text(text)
    assert is_local_folder(folder)
    with contextlib.suppress(AnglewiseError):
        check_local_folder(folder)


def test_a_folder_of_something_else_is_none_of_qdrants(tmp_path):
    assert not is_local_folder(tmp_path)
    assert read_address(f"qdrant://{tmp_path}/films") == Address(
        "qdrant", path=str(tmp_path), name="films"
    )


def test_a_collection_of_vectors_without_end_is_not_asked():
    class Wide(MemoryStore):
        def described(self):
            return replace(super().described(), dimension=1 << 26)

    with pytest.raises(StoreError, match="67,108,864 numbers"):
        probe(Wide().filled(["a", "b"], np.eye(2, dtype=np.float32)))


def saved_transform(path, **other):
    QueryTransform(np.zeros(3), appended=(1.0,)).save(path)
    with np.load(path) as held:
        arrays = {**held, **other}
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "other",
    [
        {"offset": np.array(["a", "b", "c"])},
        {"offset": np.zeros((3, 3))},
        {"offset": np.array([np.nan, 0, 0])},
        {"scale": np.zeros(5)},
        {"matrix": np.zeros((2, 2))},
        {"matrix": np.zeros(3)},
        {"appended": np.array(["x"])},
        {"about": np.array("[" * 10**5)},
        {"about": np.array(3.0)},
    ],
    ids=str,
)
def test_a_transform_that_was_changed_is_refused(tmp_path, other):
    saved_transform(tmp_path / "t.npz", **other)
    with pytest.raises(FileError):
        QueryTransform.load(tmp_path / "t.npz")


def test_a_transform_of_a_stranger_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "t.npz"
    saved_transform(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("offset.npy", header.getvalue())
    with pytest.raises(FileError, match="too few"):
        QueryTransform.load(path)


@pytest.mark.parametrize("cell", ["[" * 10**5, "no json", "3"])
def test_a_column_with_what_is_known_may_be_somebody_elses(cell):
    assert known_of({"metadata": cell}) == {"metadata": cell}
