"""What tables of sqlite-vec and DuckDB do by default and nobody is told: avoided or reported."""

import sqlite3

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import MissingExtraError, SpellingError, StoreError
from anglewise.stores.vector_store import open_store
from stores.test_defaults_that_mislead import space


def by_sqlite_vec(path, vectors, columns="vector float[16]"):
    """As a program writes it: rows by their numbers."""
    import sqlite_vec

    from anglewise.stores.sqlite_vec_store import _sqlite

    connection = _sqlite().connect(str(path), isolation_level=None)
    connection.enable_load_extension(True)
    sqlite_vec.load(connection)
    connection.execute(f"CREATE VIRTUAL TABLE films USING vec0({columns})")
    connection.execute("BEGIN")
    for i, vector in enumerate(vectors):
        query = "INSERT INTO films (rowid, vector) VALUES (?, ?)"
        connection.execute(query, (i, vector.tobytes()))
    connection.execute("COMMIT")
    connection.close()
    return f"sqlite-vec://{path}/films"


def test_sqlite_vec_ranks_by_distance_unless_told_otherwise(tmp_path):
    made = space()
    address = by_sqlite_vec(tmp_path / "f.sqlite", made.items.vectors.astype(np.float32))
    found = aw.probe(address)
    assert (found.metric, found.says, found.index) == ("euclidean", "l2", "scan")
    told = aw.verify(address, made, "cosine")
    assert told.reasons == ("the store ranks by euclidean, where cosine is due (cosine)",)


@pytest.mark.parametrize(("word", "metric"), [("cosine", "cosine"), ("L1", "manhattan")])
def test_the_metric_of_sqlite_vec_is_that_of_its_column(tmp_path, word, metric):
    columns = f"vector float[16] distance_metric={word}, +title text"
    made = space()
    address = by_sqlite_vec(tmp_path / "f.sqlite", made.items.vectors.astype(np.float32), columns)
    assert aw.probe(address, scratch=True).metric == metric
    assert aw.verify(address, made, metric).recall == 1


def test_a_zero_vector_comes_first_by_the_cosine_of_sqlite_vec_and_export_avoids_it(tmp_path):
    """Its distance is NULL, which stands before all numbers."""
    made = space(zeros=5)
    path = tmp_path / "f.sqlite"
    columns = "vector float[16] distance_metric=cosine"
    address = by_sqlite_vec(path, made.items.vectors.astype(np.float32), columns)
    assert "place 1 of 14 with nan" in aw.probe(address, scratch=True).zero_vector
    told = aw.verify(address, made, "cosine")
    assert told.recall == pytest.approx(0.5)  # five of ten
    result = aw.export(made, "cosine", f"sqlite-vec://{path}/good")
    assert result.recall == 1
    assert result.way == "unit vectors, one coordinate more, euclidean"
    assert aw.verify(f"sqlite-vec://{path}/good", made).reasons == ()


def test_sqlite_vec_has_no_inner_product_and_export_prepares_for_distances(tmp_path):
    made = space()
    result = aw.export(made, "dot", f"sqlite-vec://{tmp_path}/f.sqlite/films")
    assert result.recall == 1
    assert "one coordinate more, euclidean" in result.way


def test_other_tables_of_the_file_stay(tmp_path):
    from anglewise.stores.sqlite_vec_store import _sqlite

    made, path = space(), tmp_path / "f.sqlite"
    connection = _sqlite().connect(str(path), isolation_level=None)
    for name in ("films_reviews", "films__x_chunks", "anglewise"):
        connection.execute(f"CREATE TABLE {name} (a)")
    address = f"sqlite-vec://{path}/films"
    aw.export(made, "cosine", address)
    aw.export(space(seed=1), "cosine", address, replace=True)
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    names = {name for (name,) in connection.execute(query)}
    connection.close()
    own = {"films", "films_info", "films_chunks", "films_rowids", "films_auxiliary"}
    own |= {"films_vector_chunks00", "anglewise_manifests"}
    assert names == own | {"films_reviews", "films__x_chunks", "anglewise"}


def test_what_is_no_table_of_vectors_is_refused(tmp_path):
    from anglewise.stores.sqlite_vec_store import _sqlite

    path = tmp_path / "f.sqlite"
    by_sqlite_vec(path, space().items.vectors.astype(np.float32))
    connection = _sqlite().connect(str(path))
    connection.execute("CREATE TABLE plain (vector)")
    connection.close()
    with pytest.raises(StoreError, match="none of sqlite-vec"):
        aw.probe(f"sqlite-vec://{path}/plain")
    with pytest.raises(StoreError, match="of sqlite-vec there are films"):
        aw.probe(f"sqlite-vec://{path}/flims")
    with pytest.raises(StoreError, match="no vectors 'v'"):
        aw.probe(f"sqlite-vec://{path}/films?vector=v")
    (tmp_path / "no.sqlite").write_bytes(b"no" * 999)
    with pytest.raises(StoreError, match="not a database"):
        aw.probe(f"sqlite-vec://{tmp_path}/no.sqlite/films")


def test_a_python_whose_sqlite_loads_no_extension_is_told_what_to_install(tmp_path, monkeypatch):
    address = by_sqlite_vec(tmp_path / "f.sqlite", space().items.vectors.astype(np.float32))

    class Closed:
        Connection = object

    monkeypatch.setattr("anglewise.stores.sqlite_vec_store.import_module", lambda _: Closed)
    for ask in (aw.probe, lambda place: aw.verify(place, space(), "cosine")):
        with pytest.raises(MissingExtraError, match=r"pip install 'anglewise\[sqlite-vec\]'"):
            ask(address)


def by_duckdb(path, vectors, index=""):
    """As a program writes it."""
    from anglewise.stores.address import read_address
    from anglewise.stores.duckdb_connection import connection_to

    connection = connection_to(read_address(f"duckdb://{path}/films"), writes=True)
    connection.execute("CREATE TABLE stored.films (id INTEGER, embedding FLOAT[16], title TEXT)")
    for i, vector in enumerate(vectors):
        values = [i, vector.tolist(), f"film {i}"]
        connection.execute("INSERT INTO stored.films VALUES (?, ?::FLOAT[16], ?)", values)
    if index:
        using = f"USING HNSW (embedding) WITH (metric = '{index}')"
        connection.execute(f"CREATE INDEX own ON stored.films {using}")
    connection.close()
    return f"duckdb://{path}/films?vector=embedding"


@pytest.mark.parametrize(
    ("index", "metric"), [("ip", "dot"), ("cosine", "cosine"), ("l2sq", "euclidean")]
)
def test_which_function_an_index_of_duckdb_answers_is_found_by_its_plan(tmp_path, index, metric):
    """The catalogue does not say with which metric an index was made."""
    made = space()
    address = by_duckdb(tmp_path / "f.duckdb", made.items.vectors, index)
    found = aw.probe(address, scratch=True)
    assert (found.metric, found.says, found.index) == (metric, index, "graph (hnsw)")
    assert aw.verify(address, made, metric).recall > 0.9


def test_another_function_of_duckdb_scans_without_a_word_and_is_told(tmp_path):
    made = space()
    address = by_duckdb(tmp_path / "f.duckdb", made.items.vectors, "ip")
    found = aw.probe(f"{address}&metric=l2sq")
    assert (found.metric, found.index) == ("euclidean", "scan")
    told = aw.verify(f"{address}&metric=l2sq", made, "dot")
    assert told.reasons == ("the store ranks by euclidean, where dot is due (dot)",)


def test_without_an_index_the_question_is_named_and_not_guessed(tmp_path):
    address = by_duckdb(tmp_path / "f.duckdb", space().items.vectors)
    with pytest.raises(StoreError, match="the question names the function"):
        aw.probe(address)
    assert aw.probe(f"{address}&metric=cosine").metric == "cosine"
    with pytest.raises(SpellingError, match="metrics are ip, cosine, l2sq"):
        aw.probe(f"{address}&metric=cosin")


def test_the_graph_of_duckdb_that_takes_the_name_is_the_one_that_was_proven(tmp_path):
    """It is built anew, since no table with an index is renamed: by one thread, so alike."""
    from anglewise.stores.address import read_address
    from anglewise.stores.duckdb_store import DuckdbStore
    from anglewise.stores.vector_store import Layout

    made = space(items=5_000)
    there = read_address(f"duckdb://{tmp_path}/f.duckdb/films")
    layout = Layout(16, "dot", "graph", {"m": 4, "ef_construction": 10})
    store = DuckdbStore.create(there.called("films__new"), layout)
    for start in range(0, 5_000, 1_000):
        rows = range(start, start + 1_000)
        store.add([str(i) for i in rows], made.items.vectors[rows.start : rows.stop])
    store.finish()
    queries = made.queries.vectors.astype(np.float32)
    before = store.search(queries, 20)
    store.take_place(there)
    assert store.search(queries, 20) == before
    store.close()
    with open_store(there) as again:
        assert again.search(queries, 20) == before
        assert again.described().index == "graph (hnsw)"


def test_an_extension_of_another_version_is_not_fetched(tmp_path, monkeypatch):
    address = by_duckdb(tmp_path / "f.duckdb", space().items.vectors)
    monkeypatch.setattr("anglewise.stores.duckdb_connection.duckdb_version", lambda: "2.0.0")
    with pytest.raises(MissingExtraError, match=r"vss of 1\.5\.5: take the same of both"):
        aw.probe(address)


def test_a_file_that_another_program_writes_is_told(tmp_path):
    import subprocess
    import sys

    address = by_duckdb(tmp_path / "f.duckdb", space().items.vectors, "ip")
    program = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "f.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(StoreError, match="lock"):
            aw.probe(address)
        other.communicate(b"\n")
    assert aw.probe(address).metric == "dot"


@pytest.mark.parametrize("place", ["sqlite-vec://{}/f.sqlite/", "duckdb://{}/f.duckdb/"])
def test_names_in_other_letters_are_one_table_and_never_replaced_unasked(tmp_path, place):
    """SQL takes Films and films for one."""
    made, start = space(), place.format(tmp_path)
    aw.export(made, "euclidean", f"{start}films")
    with pytest.raises(StoreError, match="--replace"):
        aw.export(space(seed=1), "euclidean", f"{start}Films")
    assert aw.verify(f"{start}FILMS", made).drifted is False
    aw.export(space(seed=1), "euclidean", f"{start}Films", replace=True)
    assert aw.verify(f"{start}films", space(seed=1)).drifted is False


@pytest.mark.parametrize("place", ["sqlite-vec://{}/f.sqlite/films", "duckdb://{}/f.duckdb/films"])
def test_what_cannot_be_proven_leaves_no_file(tmp_path, monkeypatch, place):
    monkeypatch.setattr("anglewise.stores.exact_lists.StoreLists.recall", np.zeros(60))
    with pytest.raises(StoreError, match="Nothing was changed"):
        aw.export(space(), "euclidean", place.format(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_exported_into_a_store_of_judgements(tmp_path):
    with pytest.raises(StoreError, match="where judgements are kept"):
        aw.export(space(), "cosine", f"sqlite-vec://{tmp_path}/judgements.sqlite/films")
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "marked.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 7")
    connection.execute("CREATE TABLE judgements (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="that of another program"):
        aw.export(space(), "cosine", f"sqlite-vec://{path}/films")
    assert path.read_bytes() == before
