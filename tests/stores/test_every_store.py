"""What every store has to do: one suite, run by each of them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import anglewise as aw
from anglewise.errors import AnglewiseError, ShapeError, SpellingError, StoreError
from anglewise.stores.address import read_address
from anglewise.stores.vector_store import SCRATCH, Layout, VectorStore, open_store, store_class
from stores.conftest import NO_SCAN

MEASURES = (
    "dot",
    "cosine",
    "euclidean",
    "norm(0,0.5)",
    "csls(5)",
    "cosine@centred",
    "dot@balanced",
)


def space(items=600, dimension=16, seed=0, **settings):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(items, dimension)) * rng.lognormal(0, 0.5, (items, 1)) + 0.3
    q = rng.normal(size=(40, dimension))
    names = settings.get("ids") or [f"d{i}" for i in range(items)]
    return aw.Space(
        queries=aw.Embeddings(q, [f"q{i}" for i in range(40)]),
        items=aw.Embeddings(x, names, settings.get("metadata")),
        trained_for="dot",
    )


def written(address, metric, vectors, ids=None, index=None):
    """A collection filled by the adapter alone."""
    read = read_address(address)
    kind = store_class(read.kind)
    index = index or ("graph" if read.kind in NO_SCAN else "scan")
    beside = read.called(f"{read.name}_new") if read.name else read
    store = kind.create(beside, Layout(vectors.shape[1], metric, index))
    names = [str(i) for i in range(len(vectors))] if ids is None else ids
    store.add(names, np.asarray(vectors, np.float32))
    store.finish()
    store.take_place(read)
    store.close()
    return address


def metrics_of(place):
    return list(store_class(place.kind).supported)


@pytest.mark.parametrize("spelling", MEASURES)
def test_a_measure_survives_the_way_into_a_store(place, spelling):
    made = space()
    exported = aw.export(made, spelling, place("films"), min_recall=0.98)
    assert exported.recall >= 0.98
    checked = aw.verify(place("films"), made, min_recall=0.98)
    assert (checked.passed, checked.drifted) == (True, False)
    assert checked.recall == pytest.approx(exported.recall, abs=0.02)
    assert checked.measure == spelling


def test_a_probe_finds_the_metric_and_writes_nothing(place):
    made = space()
    due = {"euclidean": {"euclidean", "squared-euclidean"}}
    for metric in metrics_of(place):
        if place.kind == "postgresql" and metric == "manhattan":
            continue  # this pgvector has no index for it
        address = place(metric.replace("-", ""))
        written(address, metric, made.items.vectors, index="graph")
        with open_store(address) as store:
            before = store.described()
        started = time.monotonic()
        found = aw.probe(address)
        assert time.monotonic() - started < 5
        assert found.metric in due.get(metric, {metric}), found.evidence
        assert found.shown_as
        with open_store(address) as store:
            assert store.described() == before
            assert store.scratches() == []


def test_a_test_collection_is_removed_and_so_is_what_a_killed_test_left(place):
    address = written(place("films"), metrics_of(place)[0], space().items.vectors, index="graph")
    with open_store(address) as store:
        if not place.tests_in_memory:
            store.twin(SCRATCH + "left").close()
    found = aw.probe(address, scratch=True)
    assert found.precision.startswith("float32")
    assert found.zero_vector != "unknown"
    with open_store(address) as store:
        assert store.scratches() == []
    if not place.tests_in_memory:
        assert "left" in found.notes[0]


def test_some_vectors_are_those_that_stand_among_all(place):
    made = space()
    ids = [f'it\'s "{i}" ü' for i in range(len(made.items))]
    address = written(place("films"), metrics_of(place)[0], made.items.vectors, ids)
    aw.export(aw.Space(items=aw.Embeddings(made.items.vectors, ids)), "dot", place("named"))
    for one in (place("named"), *([] if place.in_memory else [address])):
        with open_store(
            f"{one}{'&' if '?' in one else '?'}operator=%3C%23%3E"
            if place.kind == "postgresql"
            else one
        ) as store:
            wanted = [ids[3], ids[599], ids[0]]
            some = store.vectors_of(wanted)
            among = VectorStore.vectors_of(store, wanted)
        assert set(some) == set(among) == set(wanted)
        for name in wanted:
            np.testing.assert_array_equal(some[name], among[name])


def test_going_on_with_nothing_is_said(place):
    said = []
    aw.export(
        space(items=50), "dot", place("films"), index=place.scan, resume=True, say=said.append
    )
    assert any("nothing was left to go on with" in sentence for sentence in said)


def test_lengths_are_lost_where_qdrant_ranks_by_cosine(place):
    if place.kind != "qdrant":
        pytest.skip("of Qdrant")
    address = written(place("films"), "cosine", space().items.vectors)
    assert aw.probe(address, scratch=True).normalises.startswith("on write")


def test_a_zero_vector_is_told(place):
    """It vanishes from lists in LanceDB, and is nan in pgvector (stores.md)."""
    x = space().items.vectors.copy()
    if "cosine" not in metrics_of(place):
        pytest.skip("no cosine")
    address = written(place("films"), "cosine", x, index="graph")
    told = aw.probe(address, scratch=True).zero_vector
    words = {"lancedb": "missing", "qdrant": "with 0", "postgresql": "missing"}
    words |= {"usearch": "with 1", "chroma": "with 1", "sqlite-vec": "place 1 of 14 with nan"}
    words |= {"duckdb": "place 14 of 14 with 2", "hnswlib": "with 1"}
    words |= {"milvus": "with 0", "qdrant-edge": "with 0", "zvec": "with 1"}
    assert words[place.kind] in told or "nan" in told


def test_nothing_existing_is_replaced_unless_asked(place):
    made, other = space(), space(seed=1)
    aw.export(made, "dot", place("films"))
    with pytest.raises(StoreError, match="--replace"):
        aw.export(other, "dot", place("films"))
    assert aw.verify(place("films"), made).drifted is False
    again = aw.export(other, "dot", place("films"), replace=True)
    assert again.count == 600
    assert aw.verify(place("films"), other, min_recall=0.9).passed
    assert list(left_over(place)) == []
    worse = aw.verify(place("films"), made)
    assert worse.recall < 0.5
    assert "another model" in " ".join(worse.reasons)


def test_what_cannot_be_proven_leaves_all_as_it_was(place, monkeypatch):
    made = space()
    aw.export(made, "dot", place("films"))
    with open_store(place("films")) as store:
        before = store.manifest()
    monkeypatch.setattr("anglewise.stores.exact_lists.StoreLists.recall", np.zeros(40))
    with pytest.raises(StoreError, match="Nothing was changed"):
        aw.export(space(seed=1), "dot", place("films"), replace=True)
    monkeypatch.undo()
    with open_store(place("films")) as store:
        assert store.manifest() == before
    assert aw.verify(place("films"), made).drifted is False
    assert list(left_over(place)) == []


def left_over(place):
    """What stands beside the collection."""
    read = read_address(place("films"))
    if place.in_memory:
        files = read.folder.parent.iterdir()
        own = [read.folder.name, *(f.name for f in files if ".items.jsonl" in f.name)]
        yield from (f.name for f in read.folder.parent.iterdir() if f.name not in own)
        return
    with open_store(place("films")) as store:
        if place.kind == "chroma":
            names = store._names()
        elif place.kind == "duckdb":
            names = [name for (name,) in store._execute("SELECT table_name FROM duckdb_tables()")]
        elif place.kind == "sqlite-vec":
            names = [name for name, sql in store._tables() if "vec0" in sql]
        elif place.kind == "lancedb":
            names = store.tables()
        elif place.kind in {"qdrant-edge", "zvec"}:
            names = store.collections()
        elif place.kind == "milvus":
            names = set(store.collections()) - set(store._aliases().values())
        elif place.kind == "qdrant":
            aliased = {a.collection_name for a in store.client.get_aliases().aliases}
            names = [c for c in store._collections() if c not in aliased]
        else:
            found = store._execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            names = [name for (name,) in found if name.startswith(f"{read.name}__")]
    yield from (name for name in names if "__" in name)


def test_ids_and_what_is_known_of_items_come_back(place):
    ids = ["ä/ß", "東京", " blank ", "quote\"'", "tab\t", "9" * 40, "0", "1.0"]
    known = {
        "title": ["a", None, "c", "ü", "e", "f", "g", "h"],
        "year": [1, 2, 3, 4, 5, 6, 7, 8],
        "tags": [["x"], [], ["y", "z"], ["x"], ["x"], ["x"], ["x"], ["x"]],
    }
    made = space(items=8, dimension=4, ids=ids, metadata=known)
    aw.export(made, "dot", place("films"), index=place.scan)
    with open_store(place("films")) as store:
        rows = list(store.rows())
    about = {n: m for part in rows for n, m in zip(part.ids, part.metadata, strict=True)}
    assert set(about) == set(ids)
    assert about["東京"]["title"] is None
    assert about["quote\"'"]["tags"] == ["x"]
    assert about["1.0"]["year"] == 8
    lengths = np.linalg.norm(made.items.vectors, axis=1)
    for name, length in zip(ids, lengths, strict=True):
        assert about[name]["anglewise_length"] == pytest.approx(length, rel=1e-6)


def test_names_of_rows_that_an_earlier_version_wrote_are_read(place):
    """One line for each row."""
    if place.kind != "faiss":
        pytest.skip("of faiss")
    made = space(30, 4, metadata={"year": list(range(30))})
    aw.export(made, "dot", place("films"), index="scan")
    (beside,) = read_address(place("films")).folder.parent.glob("*.items.jsonl")
    first, line = beside.read_text().splitlines()
    rows = json.loads(line)
    lines = [
        json.dumps({"id": name, "about": about})
        for name, about in zip(rows["ids"], rows["about"], strict=True)
    ]
    beside.write_text("\n".join([first, *lines]) + "\n")
    assert aw.verify(place("films"), made).drifted is False
    with open_store(place("films")) as store:
        (part,) = store.rows()
    assert part.ids[7] == "d7"
    assert part.metadata[7]["year"] == 7


def test_equal_vectors_count_in_whatever_order_the_store_lists_them(place):
    made = space()
    x = made.items.vectors.copy()
    x[100:160] = x[100]
    made = aw.Space(queries=made.queries, items=aw.Embeddings(x, made.items.ids))
    aw.export(made, "dot", place("films"), index=place.scan)
    assert aw.verify(place("films"), made).recall == 1


def test_the_metric_that_matters_is_told(place):
    made = space()
    gains = {f"q{i}": {f"d{j}": 1 for j in range(30)} for i in range(40)}
    judged = aw.Judgements.from_dict(gains, made)
    aw.export(made, "cosine", place("films"), judgements=judged)
    told = aw.verify(place("films"), made, judgements=judged).metrics["nDCG@10"]
    due = aw.compare(made, judged, "cosine").measures[0].metrics["nDCG@10"].mean
    assert told["exact"] == pytest.approx(due)
    assert told["store"] == pytest.approx(due, abs=0.02)


def test_rows_that_change_are_noticed(place):
    made = space()
    aw.export(made, "dot", place("films"))
    read = read_address(place("films"))
    if place.in_memory:
        changed_by_another_program(place.kind, str(read.folder))
        with pytest.raises(StoreError, match="those of another index"):
            aw.verify(place("films"), made)
        return
    with open_store(place("films")) as store:
        store.add(["new"], next(store.rows()).vectors[:1] * 2)
    result = aw.verify(place("films"), made)
    assert result.drifted
    assert "1 id are there" in " ".join(result.reasons) or "the space does not have" in " ".join(
        result.reasons
    )


def changed_by_another_program(kind, path):
    """One row more in an index, written by the library itself."""
    if kind == "faiss":
        import faiss

        index = faiss.read_index(path)
        index.add(np.ones((1, index.d), np.float32))
        faiss.write_index(index, path)
    elif kind == "hnswlib":
        from hnswlib import Index

        from anglewise.stores.graph_files import check_hnswlib

        index = Index(space="ip", dim=check_hnswlib(Path(path)))
        index.load_index(path, max_elements=2_000)
        index.add_items(np.ones((1, index.dim)), [index.element_count])
        index.save_index(path)
    elif kind == "usearch":
        from usearch.index import Index

        index = Index.restore(path)
        index.add(len(index), np.ones(index.ndim, np.float32))
        index.save(path)


def test_bad_questions_are_refused(place):
    made = space()
    with pytest.raises(AnglewiseError):
        aw.probe(place("nothing"))
    aw.export(made, "dot", place("films"))
    with pytest.raises(SpellingError, match="was exported for dot"):
        aw.verify(place("films"), made, "cosine")
    narrow = space(dimension=8)
    with pytest.raises(ShapeError, match=r"holds vectors of 1[67] numbers"):
        aw.verify(place("films"), narrow)


def rows_amiss(told):
    """What is said of rows that are missing or repeated, and not of an index that loses some."""
    loses = "vectors and metric are right"
    rows = (why for why in told.reasons if not why.startswith(loses))
    return [why for why in rows if "repeat" in why or "missing" in why]


PROGRAM = """
import sys, numpy as np, anglewise as aw
sys.path.insert(0, {tests!r})
from stores.test_every_store import space
aw.export(space(items={items}, seed={seed}), "dot", {address!r}, replace=True, resume={resume})
"""


def exporting(address, items, seed, *, resume=False):
    tests = str(Path(__file__).parents[1])
    program = PROGRAM.format(tests=tests, items=items, seed=seed, address=address, resume=resume)
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], stderr=subprocess.PIPE)


def test_a_killed_export_leaves_the_old_one_and_can_be_gone_on_with(place):
    fewer = {"qdrant": 3_000, "milvus": 3_000, "duckdb": 10_000}
    made, items = space(), fewer.get(place.kind, 20_000)
    before = aw.export(made, "dot", place("films")).recall
    process = exporting(place("films"), items, 1)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and not begun(place):
        time.sleep(0.05)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was done before it was killed"
    result = aw.verify(place("films"), made)
    assert (result.recall, result.drifted) == (before, False)
    if not place.in_memory:  # whose index is in memory until it is whole
        again = exporting(place("films"), items, 1)
        assert "--resume" in again.communicate()[1].decode()
    more = exporting(place("films"), items, 1, resume=True)
    told = more.communicate()[1].decode()
    assert more.returncode == 0, told
    result = aw.verify(place("films"), space(items=items, seed=1))
    assert result.recall >= 0.98
    assert result.drifted is False
    assert not rows_amiss(result)


def begun(place):
    """Whether a second collection is there, as far as that shows without opening it."""
    read = read_address(place("films"))
    if place.in_memory:
        return True
    if place.kind == "duckdb":  # which lets in one program at a time
        return read.folder.with_name(f"{read.folder.name}.wal").exists()
    if place.kind in {"postgresql", "sqlite-vec"}:
        return any(left_over(place))
    if place.kind == "chroma":  # one folder for each collection, beside the file of SQLite
        return len(list(read.folder.iterdir())) > 2
    inside = {
        "lancedb": ".",
        "qdrant": "collection",
        "milvus": "collections",
        "qdrant-edge": ".",
        "zvec": ".",
    }
    folder = read.folder / inside[place.kind]
    return any("__" in file.name for file in folder.iterdir()) and (
        place.kind not in {"qdrant", "milvus"} or len(list(folder.iterdir())) > 1
    )


def test_two_exports_of_the_same_do_not_mix(place):
    """One of them is refused, or both write the same: what answers is whole in the end."""
    first, second = (exporting(place("films"), 3_000, 2) for _ in range(2))
    errors = [process.communicate()[1].decode() for process in (first, second)]
    assert 0 in {first.returncode, second.returncode}, errors
    result = aw.verify(place("films"), space(items=3_000, seed=2))
    assert result.drifted is False
    assert result.recall > 0.97
    assert not any("repeat" in why for why in result.reasons)


def test_an_agent_asks_tables_in_its_folder(place, tmp_path):
    from anglewise.integrations.agent_tools import answer
    from anglewise.integrations.readable_folder import ReadableFolder

    if place.kind != "lancedb":
        pytest.skip("of LanceDB")
    made = space()
    aw.export(made, "cosine", place("films"))
    aw.write_space(made, tmp_path / "space")
    folder = ReadableFolder.at(tmp_path)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    address = "lancedb://lancedb/films"
    assert answer("probe", {"address": address}, folder)["metric"] == "cosine"
    told = answer("verify", {"address": address, "space": "space"}, folder)
    assert told["recall@10"] >= 0.98
    assert told["address"] == address
    told = answer("audit", {"space": address}, folder)
    assert address in json.dumps(told)
    assert str(tmp_path) not in json.dumps(told)
    found = answer("search", {"space": address, "query": "d3", "measures": "cosine"}, folder)
    assert found["direction"] == "items-items"
    assert "d3" not in {one["id"] for one in found["measures"][0]["neighbours"]}
    qrels = "".join(f"q{i} 0 d{j} 1\n" for i in range(40) for j in range(5))
    (tmp_path / "qrels.txt").write_text(qrels)
    before.append(str(tmp_path / "qrels.txt"))
    rows = {"id": [f"q{i}" for i in range(40)], "vector": made.queries.vectors.tolist()}
    pq.write_table(pa.table(rows), tmp_path / "queries.parquet")
    before.append(str(tmp_path / "queries.parquet"))
    asked = {"space": address, "queries": "queries.parquet", "judgements": "qrels.txt"}
    told = answer("compare", asked, folder)
    assert {one["measure"] for one in told["measures"]} == {"dot", "cosine", "euclidean"}
    assert sorted(str(path) for path in tmp_path.rglob("*")) == sorted(before)


def test_the_commands_say_the_same(place, tmp_path, capsys):
    from anglewise.cli import main

    made = space()
    aw.write_space(made, tmp_path / "space")
    words = [str(tmp_path / "space"), "--measure", "cosine", "--to", place("films")]
    assert main(["export", *words, "--json", "-", "--transform", str(tmp_path / "q.npz")]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert exported["recall@10"] >= 0.98
    space_folder = str(tmp_path / "space")
    assert main(["verify", place("films"), space_folder, "--json", "-", "--min-recall", "0.9"]) == 0
    verified = json.loads(capsys.readouterr().out)
    assert verified["recall@10"] >= 0.9
    assert main(["export", *words]) == 2
    assert "--replace" in capsys.readouterr().err
    words[2] = "dot"
    assert main(["export", *words, "--replace", "--json", "-"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert main(["probe", place("films"), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["metric"] == exported["metric"]
    assert main(["verify", place("films"), space_folder, "--min-recall", "1.5"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_export_that_ends_while_it_builds_its_index_goes_on_without_writing_twice(
    place, monkeypatch
):
    if place.in_memory:
        pytest.skip("what is in memory is gone")
    made, kind = space(), store_class(place.kind)
    finish = kind.finish

    def broken(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(kind, "finish", broken)
    with pytest.raises(KeyboardInterrupt):
        aw.export(made, "dot", place("films"))
    monkeypatch.setattr(kind, "finish", finish)
    aw.export(made, "dot", place("films"), resume=True)
    told = aw.verify(place("films"), made)
    assert told.recall >= 0.98
    assert not rows_amiss(told)
