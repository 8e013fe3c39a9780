"""Lists over many files are those of one search, whoever does the work."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import search_shards
from anglewise.distributed.engines import ATTEMPTS, Processes, results
from anglewise.distributed.sharded_lists import ShardSearch
from anglewise.distributed.shards import LookAtIds, Shard, ShardFolder, check_ids
from anglewise.errors import (
    FileError,
    IdsError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
)
from anglewise.io.side_files import write_side
from cli_run import anglewise, refused
from sharded import MEASURES, EndsOnce, at_once, planted, same, written

__all__ = ["anglewise"]


@dataclass(frozen=True)
class Here:
    """An engine that does the work in this process, the last shard first."""

    def map(self, work, shards, say):
        del say
        return (work(shard) for shard in reversed(shards))


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr(
        "anglewise.distributed.search_shards.started", lambda *_: nullcontext(Here())
    )


NAMES = {
    "numbers": None,
    "text": [f"item {chr(955)}{row}" for row in range(60)],
    "numbers in the first shard alone": [str(90 - row) for row in range(20)]
    + [f"{row}b" for row in range(40)],
    "long numbers": [str(10**25 - row) for row in range(60)],
}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("k", [1, 4, 30, 60])
def test_lists_are_those_of_one_search(tmp_path, names, k):
    queries, items = planted(ids=NAMES[names])
    folder = written(tmp_path / "items", items, [1, 20, 27, 59])
    assert same(search_shards(folder, queries, MEASURES, k=k), at_once(queries, items, k))


def test_joining_is_associative_and_commutative(tmp_path):
    queries, items = planted(3)
    shards = ShardFolder.of(written(tmp_path / "items", items, [2, 9, 10, 40]))
    by_number = check_ids(shards, [LookAtIds(shards)(shard) for shard in shards.shards])
    work = ShardSearch(shards, queries, ("dot", "euclidean"), 6, by_number)
    lists = [work(shard) for shard in shards.shards]
    due = at_once(queries, items, 6, "dot,euclidean")
    rng = np.random.default_rng(0)
    for _ in range(10):
        a, b, c, d, e = (lists[i] for i in rng.permutation(5))
        in_a_row = reduce(work.joined, [a, b, c, d, e])
        as_a_tree = work.joined(work.joined(a, b), work.joined(c, work.joined(d, e)))
        for joined in (in_a_row, as_a_tree):
            assert same(dict(zip(due, joined, strict=True)), due)


def test_processes_give_the_same(tmp_path):
    queries, items = planted(1)
    folder = written(tmp_path / "items", items, [10, 30])
    done = []
    lists = search_shards(
        folder, queries, "cosine", k=5, workers=2, progress=lambda *step: done.append(step)
    )
    assert same(lists, at_once(queries, items, 5, "cosine"))
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_a_part_whose_process_was_killed_is_begun_again(tmp_path):
    shards = [Shard(Path(f"{name}"), first, 1) for first, name in enumerate("abc")]
    said = []
    found = list(results(Processes(2), EndsOnce(tmp_path), shards, said.append))
    assert sorted(found) == [0, 1, 2]
    assert any("begun again" in line for line in said)


def test_a_part_that_ends_every_process_is_given_up(tmp_path):
    with pytest.raises(FileError, match=f"ended early {ATTEMPTS} times"):
        list(results(Processes(2), EndsOnce(tmp_path, ATTEMPTS), [Shard(Path("a"), 0, 1)]))


def test_a_refusal_of_a_worker_is_raised_as_it_was(tmp_path):
    queries, items = planted()
    folder = written(tmp_path / "items", items, [30])
    with pytest.raises(ShapeError, match="the vectors have 2 columns, the space 3"):
        search_shards(folder, queries.vectors[:, :2], "dot", workers=1)


@pytest.mark.usefixtures("in_this_process")
def test_parts_without_ids_are_numbered_through(tmp_path):
    queries, items = planted()
    folder = tmp_path / "items"
    folder.mkdir()
    for name, rows in (("a", slice(0, 25)), ("b", slice(25, 60))):
        pq.write_table(
            pa.table({"vector": items.vectors[rows].tolist()}), folder / f"{name}.parquet"
        )
    said = []
    lists = search_shards(folder, queries, "dot", k=9, say=said.append)
    unnamed = type(items)(items.vectors)
    assert same(lists, at_once(queries, unnamed, 9, "dot"))
    assert any("called 0, 1, 2" in line for line in said)


@pytest.mark.usefixtures("in_this_process")
def test_an_empty_part_is_named_and_passed_over(tmp_path):
    queries, items = planted()
    folder = written(tmp_path / "items", items, [30])
    schema = pq.read_schema(folder / "shard-000.parquet")
    pq.write_table(schema.empty_table(), folder / "shard-002.parquet")
    said = []
    lists = search_shards(folder, queries, "dot", k=5, say=said.append)
    assert same(lists, at_once(queries, items, 5, "dot"))
    assert any("no row in shard-002.parquet" in line for line in said)


def _table(folder, name, **columns):
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")


ONE = {"id": ["a", "b"], "vector": [[1.0, 2.0], [0.0, 1.0]]}
BAD = {
    "another kind of ids": ({"id": [1, 2], "vector": ONE["vector"]}, FileError, "write all shards"),
    "no ids": ({"vector": ONE["vector"]}, FileError, "lacks it"),
    "another name": ({"id": ["c"], "embedding": [[1.0, 2.0]]}, FileError, "lacks it"),
    "an id of another shard": ({"id": ["b"], "vector": [[1.0, 2.0]]}, IdsError, "in two shards"),
    "an id twice": ({"id": ["c", "c"], "vector": ONE["vector"]}, IdsError, "'c' stands twice"),
    "another length": ({"id": ["c"], "vector": [[1.0]]}, ShapeError, "columns"),
    "nan": ({"id": ["c"], "vector": [[1.0, float("nan")]]}, ValuesError, "b.parquet: row 0 .*NaN"),
}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("kind", BAD)
def test_parts_that_do_not_fit_together_are_refused(tmp_path, kind):
    table, error, words = BAD[kind]
    _table(tmp_path / "items", "a", **ONE)
    _table(tmp_path / "items", "b", **table)
    with pytest.raises(error, match=words):
        search_shards(tmp_path / "items", [[1.0, 0.0]], "dot", k=1)


def test_parts_that_have_ids_after_one_that_has_none_are_refused(tmp_path):
    _table(tmp_path / "items", "a", vector=ONE["vector"])
    _table(tmp_path / "items", "b", **ONE)
    with pytest.raises(FileError, match="has a column of ids"):
        ShardFolder.of(tmp_path / "items")


@pytest.mark.parametrize("measure", ["cosine@centred", "csls(10)", "dot@whitened"])
def test_measures_that_are_fitted_on_all_items_are_refused(tmp_path, measure):
    with pytest.raises(SpellingError, match="fitted on all items"):
        search_shards(tmp_path, [[1.0]], measure)


def test_a_folder_without_parts_and_one_without_rows_are_refused(tmp_path):
    with pytest.raises(FileError, match="holds no parquet file"):
        search_shards(tmp_path, [[1.0]])
    _table(tmp_path / "items", "a", **{name: pa.array(v)[:0] for name, v in ONE.items()})
    with pytest.raises(TooFewError, match="no file holds a row"):
        search_shards(tmp_path / "items", [[1.0]])


def test_an_engine_that_is_not_known_is_refused(tmp_path):
    _table(tmp_path / "items", "a", **ONE)
    with pytest.raises(SpellingError, match="engine is 'dask': known are processes, ray, spark"):
        search_shards(tmp_path / "items", [[1.0, 0.0]], k=1, engine="dask")
    with pytest.raises(TooFewError, match="3 neighbours asked of 2 items"):
        search_shards(tmp_path / "items", [[1.0, 0.0]], k=3)


@pytest.fixture
def made(tmp_path):
    """Shards, the same items in one file, and queries."""
    queries, items = planted()
    written(tmp_path / "items", items, [10, 30])
    write_side(tmp_path / "items.parquet", items)
    np.save(tmp_path / "queries.npy", queries.vectors)
    return tmp_path


def test_the_table_is_that_of_one_search(made, anglewise):
    words = ["--queries", made / "queries.npy", "--all", "-k", 5, "--quiet"]
    run = anglewise("search", "--shards", made / "items", *words, "-o", made / "a.parquet")
    assert run.code == 0, run.err
    assert "105 rows: of each of 7 who ask the first 5, by dot" in " ".join(run.out.split())
    assert anglewise("search", "--items", made / "items.parquet", *words, "-o", made / "b.parquet")
    assert (made / "a.parquet").read_bytes() == (made / "b.parquet").read_bytes()


REFUSED = {
    "a filter": (["--where", "a = b"], "--where has no meaning beside --shards"),
    "a space": (["{made}/items.parquet"], "a space has no meaning beside --shards"),
    "items": (["--items", "{made}/items.parquet"], "--items has no meaning beside --shards"),
    "an output among the items": (["-o", "{made}/items/lists.parquet"], "among the items"),
    "an engine that is not there": (["--engine", "ray"], "anglewise[ray]"),
    "an engine that is not known": (["--engine", "dask"], "--engine"),
    "no worker": (["--workers", "0"], "--workers"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_meaning_beside_shards_is_refused(made, anglewise, kind):
    more, words = REFUSED[kind]
    more = [word.format(made=made) for word in more]
    out = [] if "-o" in more else ["-o", made / "lists.parquet"]
    ask = ["--shards", made / "items", "--queries", made / "queries.npy", "--all"]
    assert refused(anglewise("search", *more, *ask, *out), words)
    assert not list(made.rglob("lists.parquet*"))


def test_shards_need_queries_and_all(made, anglewise):
    run = anglewise("search", "--shards", made / "items", "--query", "1")
    assert refused(run, "--all")
    run = anglewise("search", "--shards", made / "items", "--all", "-o", made / "lists.parquet")
    assert refused(run, "--queries FILE")
    run = anglewise("search", "--items", made / "items.parquet", "--query", "1", "--workers", 2)
    assert refused(run, "--shards")


@pytest.mark.parametrize("look", [LookAtIds, None])
def test_a_shard_of_as_many_rows_that_was_laid_there_meanwhile_is_refused(tmp_path, look):
    queries, items = planted(1)
    files = ShardFolder.of(written(tmp_path / "items", items, [10, 30]))
    work = (
        ShardSearch(files, queries, ("dot",), 5, by_number=False) if look is None else look(files)
    )
    first, second = files.shards[0].path, files.shards[1]
    work(second)
    table = pq.read_table(second.path)
    pq.write_table(table.set_column(0, "id", [[f"other {i}" for i in range(second.rows)]]), first)
    first.replace(second.path)
    with pytest.raises(FileError, match="was replaced meanwhile"):
        work(second)


@pytest.mark.parametrize("named", [None, "vector"])
@pytest.mark.parametrize("doubled", ["vector", "id"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_shard_with_two_columns_of_a_name_that_is_taken_is_refused(
    tmp_path, named, doubled, place
):
    folder = written(tmp_path / "items", planted(1)[1], [10])
    file = sorted(folder.glob("*.parquet"))[place]
    table = pq.read_table(file)
    pq.write_table(table.append_column(doubled, table[doubled]), file)
    with pytest.raises(FileError, match=r"2 columns|columns .* and|twice|several"):
        ShardFolder.of(folder, vector_column=named)
