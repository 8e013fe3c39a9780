"""Collections that a stranger made, under the libraries that read them."""

import contextlib
import json
import pickle
import sqlite3

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import AnglewiseError, NoCollectionError, StoreError
from anglewise.stores.export import export
from anglewise.stores.probe import probe
from anglewise.stores.vector_store import open_store
from anglewise.stores.verify import verify

ROWS, DIMENSION = 60, 8


@pytest.fixture
def space():
    rng = np.random.default_rng(0)
    return aw.Space(items=aw.Embeddings(rng.normal(size=(ROWS, DIMENSION))))


def vectors():
    return np.random.default_rng(1).normal(size=(ROWS, DIMENSION)).astype(np.float32)


def test_an_export_takes_no_names_of_an_index_whose_name_goes_on(space, tmp_path):
    """films.faiss and films.faiss.old stand side by side, each with its names and manifest."""
    both = [f"faiss://{tmp_path}/films.faiss{end}" for end in ("", ".old")]
    for address in both:
        export(space, "cosine", address, index="scan")
    export(space, "dot", both[0], index="scan", replace=True)
    assert [verify(address, space).measure for address in both] == ["dot", "cosine"]
    with open_store(both[0]) as store:
        store.drop()
    assert verify(both[1], space).recall == 1


def faiss_with_lists_in(folder, lists):
    import faiss

    index = faiss.index_factory(DIMENSION, "IVF4,Flat")
    index.train(vectors())
    index.add(vectors())
    apart = faiss.OnDiskInvertedLists(4, index.code_size, str(lists))
    apart.merge_from_1(index.invlists)
    index.replace_invlists(apart)
    faiss.write_index(index, str(folder / "films.faiss"))
    return f"faiss://{folder}/films.faiss"


def test_an_index_of_faiss_names_no_file_outside_of_its_folder(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    address = faiss_with_lists_in(inside, tmp_path / "elsewhere")
    with pytest.raises(AnglewiseError, match="elsewhere"):
        probe(address)
    (inside / "link").symlink_to(tmp_path / "elsewhere")
    content = (inside / "films.faiss").read_bytes()
    named = str(tmp_path / "elsewhere").encode()
    through = str(inside / "link").encode()
    padded = content.replace(
        len(named).to_bytes(8, "little") + named, len(through).to_bytes(8, "little") + through
    )
    (inside / "films.faiss").write_bytes(padded)
    with pytest.raises(AnglewiseError, match="outside of its folder"):
        probe(address)


def test_lists_beside_their_index_are_read(tmp_path):
    assert probe(faiss_with_lists_in(tmp_path, tmp_path / "lists")).metric == "squared-euclidean"


def names_beside(folder):
    (path,) = folder.glob("*.items.jsonl")
    return path, path.read_text().splitlines()


@pytest.mark.parametrize(
    "row",
    [
        '{"id": 5, "about": {}}',
        '{"id": "a", "about": 3}',
        "[" * 10**5,
        "{}",
        '{"id": "0", "about": {}}',
    ],
)
def test_names_of_rows_that_were_changed_are_refused(space, tmp_path, row):
    address = f"faiss://{tmp_path}/films.faiss"
    export(space, "dot", address, index="scan")
    path, lines = names_beside(tmp_path)
    path.write_text("\n".join([*lines[:-1], row]) + "\n")
    with pytest.raises(AnglewiseError):
        probe(address)


def test_names_of_too_few_rows_are_refused(space, tmp_path):
    address = f"faiss://{tmp_path}/films.faiss"
    export(space, "dot", address, index="scan")
    path, lines = names_beside(tmp_path)
    batch = json.loads(lines[-1])
    fewer = {**batch, "ids": batch["ids"][:-3], "about": batch["about"][:-3]}
    path.write_text("\n".join([*lines[:-1], json.dumps(fewer)]) + "\n")
    with pytest.raises(StoreError, match="was changed"):
        probe(address)


@pytest.mark.parametrize("kind", ["IVF4,Flat", "Flat,RFlat", "IDMap,Flat", "HNSW8", "PCA4,Flat"])
def test_damaged_indices_of_faiss_end_in_one_sentence(tmp_path, kind):
    """Numbers of every size are laid over the first places of an index."""
    import faiss

    index = faiss.index_factory(DIMENSION, kind)
    index.train(vectors())
    if kind.startswith("IDMap"):
        index.add_with_ids(vectors(), np.arange(ROWS))
    else:
        index.add(vectors())
    content = bytes(faiss.serialize_index(index))
    path = tmp_path / "films.faiss"
    for place in range(4, 120, 5):
        for number in (-1, 1 << 40, 3):
            broken = bytearray(content)
            broken[place : place + 8] = number.to_bytes(8, "little", signed=True)
            path.write_bytes(bytes(broken))
            with contextlib.suppress(AnglewiseError):
                probe(f"faiss://{path}")


def lance(folder, name="films", **columns):
    import lancedb
    import pyarrow as pa

    flat = pa.array(vectors().ravel())
    table = {"id": [str(i) for i in range(ROWS)], **columns}
    table["vector"] = pa.FixedSizeListArray.from_arrays(flat, DIMENSION)
    lancedb.connect(str(folder)).create_table(name, pa.table(table))
    return f"lancedb://{folder}/{name}"


def test_a_table_whose_data_lie_elsewhere_is_not_read(tmp_path):
    import lancedb

    lance(tmp_path / "private")
    lancedb.connect(str(tmp_path / "sent")).clone_table(
        "films", str(tmp_path / "private" / "films.lance")
    )
    with pytest.raises(StoreError, match="lie elsewhere"):
        probe(f"lancedb://{tmp_path}/sent/films")


def test_a_clone_in_the_same_folder_is_read(tmp_path):
    import lancedb

    lance(tmp_path)
    lancedb.connect(str(tmp_path)).clone_table("clone", str(tmp_path / "films.lance"))
    assert probe(f"lancedb://{tmp_path}/clone").metric == "squared-euclidean"


@pytest.mark.parametrize("name", ["doc id", "doc-id", "Id", "select"])
def test_ids_may_stand_in_a_column_of_any_name(tmp_path, name):
    address = lance(tmp_path, **{name: [f"d{i}" for i in range(ROWS)]})
    assert probe(f"{address}?id={name.replace(' ', '%20')}").metric == "squared-euclidean"


@pytest.mark.parametrize("cell", ["no json", "[" * 10**5, '"a"', 5, {"a": 1}], ids=repr)
def test_a_column_called_metadata_may_be_somebody_elses(tmp_path, cell):
    address = lance(tmp_path, metadata=[cell] * ROWS)
    assert probe(address).metric == "squared-euclidean"


def test_ids_and_vectors_are_two_columns(tmp_path):
    with pytest.raises(StoreError, match="name two"):
        probe(lance(tmp_path) + "?id=vector")


def test_rows_of_lance_that_cannot_be_read_end_in_one_sentence(tmp_path):
    address = lance(tmp_path)
    (data,) = (tmp_path / "films.lance" / "data").iterdir()
    for place in range(0, data.stat().st_size, 97):
        content = bytearray(data.read_bytes())
        content[place] ^= 255
        data.write_bytes(bytes(content))
        with contextlib.suppress(AnglewiseError):
            probe(address)


def test_what_lies_in_a_table_of_lance_is_not_removed_with_it(space, tmp_path):
    address = f"lancedb://{tmp_path}/films"
    export(space, "dot", address, index="scan")
    (tmp_path / "films.lance" / "notes.txt").write_text("mine")
    with pytest.raises(AnglewiseError, match=r"notes\.txt"):
        export(space, "cosine", address, index="scan", replace=True)
    assert (tmp_path / "films.lance" / "notes.txt").read_text() == "mine"
    assert verify(address, space).measure == "dot"
    assert [path.name for path in tmp_path.iterdir()] == ["films.lance"]


class Runs:
    """Writes a file when it is read from a pickle."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_folder_of_qdrant_runs_no_code(space, tmp_path):
    folder = tmp_path / "q"
    folder.mkdir()
    address = f"qdrant://{folder}/films"
    export(space, "dot", address, index="scan")
    assert verify(address, space).recall == 1
    (points,) = folder.glob("collection/*/storage.sqlite")
    connection = sqlite3.connect(points)
    evil = pickle.dumps(Runs(str(tmp_path / "ran")))
    connection.execute("INSERT INTO points VALUES ('z', ?)", [evil])
    connection.commit()
    connection.close()
    calls = (
        lambda: probe(address),
        lambda: verify(address, space),
        lambda: export(space, "cosine", address, index="scan", replace=True),
        lambda: export(space, "cosine", f"qdrant://{folder}/another", index="scan"),
    )
    for call in calls:
        with pytest.raises(StoreError, match="could run code"):
            call()
    assert not (tmp_path / "ran").exists()


def test_asking_a_folder_that_is_not_qdrants_leaves_nothing_there(tmp_path):
    with pytest.raises(NoCollectionError):
        probe(f"qdrant://{tmp_path}/films")
    assert not list(tmp_path.iterdir())


def test_a_collection_that_another_alias_names_stays(space, tmp_path):
    from qdrant_client import QdrantClient, models

    address = f"qdrant://{tmp_path}/films"
    export(space, "dot", address, index="scan")
    client = QdrantClient(path=str(tmp_path))
    (first,) = [one.name for one in client.get_collections().collections]
    client.update_collection_aliases(
        change_aliases_operations=[
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=first, alias_name="production")
            )
        ]
    )
    client.close()
    export(space, "cosine", address, index="scan", replace=True)
    assert verify(f"qdrant://{tmp_path}/production", space).measure == "dot"


def test_a_manifest_in_a_table_is_read_as_a_strangers(space, tmp_path):
    import lancedb

    address = f"lancedb://{tmp_path}/films"
    export(space, "dot", address, index="scan")
    with open_store(address) as store:
        content = json.loads(store.manifest())
    table = lancedb.connect(str(tmp_path)).open_table("films")
    for text in ("[" * 10**5, json.dumps({**content, "oversample": 1 << 30})):
        table.update_field_metadata({"path": "vector", "metadata": {"anglewise": text}})
        with pytest.raises(AnglewiseError):
            verify(address, space)


def test_a_collection_of_chroma_makes_no_encoder(tmp_path, monkeypatch):
    """It may name one that runs code: its configuration is read, and never carried out."""
    import chromadb
    from chromadb.api.types import EmbeddingFunction
    from chromadb.utils import embedding_functions

    made = []

    class Encoder(EmbeddingFunction):
        def __init__(self):
            pass

        def __call__(self, input):  # noqa: A002 Chroma's word
            return [np.zeros(DIMENSION) for _ in input]

        @staticmethod
        def name():
            return "a-stranger"

        def get_config(self):
            return {}

        @staticmethod
        def build_from_config(config):
            made.append(config)
            return Encoder()

    known = embedding_functions.known_embedding_functions
    monkeypatch.setitem(known, "a-stranger", Encoder)
    client = chromadb.PersistentClient(str(tmp_path))
    collection = client.create_collection("films", embedding_function=Encoder())
    collection.add(ids=[str(i) for i in range(ROWS)], embeddings=vectors().tolist())
    made.clear()
    assert probe(f"chroma://{tmp_path}/films").metric == "squared-euclidean"
    assert not made


def test_a_view_of_duckdb_reads_no_other_file(tmp_path):
    import duckdb

    private = tmp_path / "private.csv"
    private.write_text("id,a\n" + "".join(f"d{i},{i}\n" for i in range(ROWS)))
    file = tmp_path / "sent.duckdb"
    connection = duckdb.connect(str(file))
    row = "SELECT id, [a, 1, 2]::FLOAT[3] AS vector FROM "
    for made in (
        "VIEW films AS " + row + f"read_csv('{private}')",
        "TABLE own AS " + row + f"(SELECT 'd' || i AS id, i AS a FROM range({ROWS}) t(i))",  # noqa: S608 a test
    ):
        connection.execute(f"CREATE {made}")
    connection.close()
    with pytest.raises(StoreError):
        probe(f"duckdb://{file}/films?metric=l2sq")
    assert probe(f"duckdb://{file}/own?metric=l2sq").metric == "euclidean"
