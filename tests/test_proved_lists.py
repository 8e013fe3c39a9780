"""Complete lists that say what they leave out, and a check that catches lists that are wrong."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import anglewise as aw
from anglewise.cli.program import main
from anglewise.data_types.neighbours import rounded
from anglewise.distributed.lists_check import check_lists, check_shards
from anglewise.distributed.proved_lists import proved_lists, proved_shards
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.similarity_measures.measure import measure as read_measure

MEASURES = ("dot", "cosine", "euclidean", "manhattan", "norm(0,0.5)")
N, Q, D = 700, 12, 6


def grid(rows, seed):
    """Small whole numbers: many scores are equal."""
    return np.random.default_rng(seed).integers(-2, 3, size=(rows, D)).astype(np.float32)


@pytest.fixture(scope="module")
def space():
    ids = [f"i{row:03d}" for row in range(N)]
    return aw.Space(items=aw.Embeddings(grid(N, 0), ids=ids), queries=aw.Embeddings(grid(Q, 1)))


@pytest.fixture(scope="module")
def table(space):
    return proved_lists(space, MEASURES, k=5)


@pytest.fixture
def files(space, tmp_path):
    """The space as two files, and as three shards."""
    np.save(tmp_path / "queries.npy", space.queries.vectors)
    whole = pa.table({"id": space.items.ids.tolist(), "vector": space.items.vectors.tolist()})
    pq.write_table(whole, tmp_path / "items.parquet")
    (tmp_path / "shards").mkdir()
    for number, start in enumerate(range(0, N, 300)):
        pq.write_table(whole.slice(start, 300), tmp_path / "shards" / f"{number}.parquet")
    return tmp_path


def written(table, folder):
    pq.write_table(table, folder / "lists.parquet")
    return folder / "lists.parquet"


@pytest.mark.parametrize("name", MEASURES)
def test_all_that_scores_as_the_last_is_listed_and_the_best_of_the_rest_is_told(space, table, name):
    measure = read_measure(name)
    rows = table.filter(pa.compute.equal(table["measure"], name)).to_pylist()
    beyond = 0
    for query in range(Q):
        every = rounded(score_pairs(space, [measure], np.full(N, query), np.arange(N))[0])
        cut = np.sort(every)[-5]
        own = [row for row in rows if row["query_id"] == str(query)]
        assert {row["item_id"] for row in own} == {
            space.items.ids[i] for i in np.flatnonzero(every >= cut)
        }
        assert {row["next_score"] for row in own} == {every[every < cut].max()}
        assert [row["rank"] for row in own] == list(range(1, len(own) + 1))
        beyond += len(own) - 5
    assert beyond > 0


def test_what_is_right_holds(space, table, tmp_path):
    found = check_lists(written(table, tmp_path), space)
    assert found.faults == ()
    assert found.holds
    assert found.lists == Q * len(MEASURES)


def without(table, at):
    rows = table.to_pylist()
    del rows[at]
    return rows


def changed(table, at, **values):
    rows = table.to_pylist()
    rows[at] = {**rows[at], **values}
    return rows


def left_out(table):
    """An item of the last score is left out, and the list closed up."""
    rows = table.to_pylist()
    last = next(i for i, row in enumerate(rows) if row["rank"] > 5)
    return [row for i, row in enumerate(rows) if i != last or row["rank"] == 0]


def replaced(table):
    """Another item in place of a listed one, with its score."""
    listed = {row["item_id"] for row in table.to_pylist() if row["query_id"] == "0"}
    other = next(f"i{row:03d}" for row in range(N) if f"i{row:03d}" not in listed)
    return changed(table, 0, item_id=other)


def next_changed(table, by):
    first = table.to_pylist()[0]
    rows = table.to_pylist()
    for row in rows:
        if (row["measure"], row["query_id"]) == (first["measure"], first["query_id"]):
            row["next_score"] += by
    return rows


WRONG = {
    "an item is left out": lambda table: without(table, 0),
    "an item of the last score is left out": left_out,
    "another item stands there": replaced,
    "a score is off": lambda table: changed(table, 0, score=table["score"][0].as_py() + 1e-9),
    "the next score is too high": lambda table: next_changed(table, 1e-9),
    "the next score is too low": lambda table: next_changed(table, -1e-9),
    "an id that is no item's": lambda table: changed(table, 0, item_id="nobody"),
    "a query that is none": lambda table: changed(table, 0, query_id="nobody"),
    "a list is missing": lambda table: [row for row in table.to_pylist() if row["query_id"] != "3"],
    "a list stands twice": lambda table: table.to_pylist() + table.to_pylist()[:5],
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_list_is_caught(space, table, tmp_path, what):
    rows = pa.Table.from_pylist(WRONG[what](table), schema=table.schema)
    found = check_lists(written(rows, tmp_path), space)
    assert not found.holds
    assert found.wrong >= len(found.faults) > 0


def test_lists_over_shards_are_those_of_one_search(space, table, files):
    over = proved_shards(files / "shards", space.queries, MEASURES, k=5, workers=1)
    key = [(name, "ascending") for name in ("measure", "query_id", "rank")]
    assert over.sort_by(key).equals(table.sort_by(key), check_metadata=True)
    assert check_shards(written(over, files), files / "shards", space.queries).holds


def test_a_wrong_list_over_shards_is_caught(space, table, files):
    rows = pa.Table.from_pylist(without(table, 7), schema=table.schema)
    assert not check_shards(written(rows, files), files / "shards", space.queries).holds


def test_all_items_may_be_listed_and_nothing_is_left_out(tmp_path):
    small = aw.Space(items=grid(4, 3), queries=grid(2, 4))
    table = proved_lists(small, "dot", k=4)
    assert table.num_rows == 8
    assert set(table["next_score"].to_pylist()) == {-np.inf}
    assert check_lists(written(table, tmp_path), small).holds


def test_what_was_seen_and_an_item_itself_is_no_part_of_a_list(tmp_path):
    seen = np.zeros((Q, N))
    seen[:, :600] = 1
    from scipy.sparse import csr_array

    with_seen = aw.Space(items=grid(N, 0), queries=grid(Q, 1), seen=csr_array(seen))
    assert check_lists(written(proved_lists(with_seen, "dot", k=3), tmp_path), with_seen).holds
    one_sided = aw.Space(items=grid(200, 0))
    table = proved_lists(one_sided, "cosine", k=3, direction="items-items")
    assert all(row["query_id"] != row["item_id"] for row in table.to_pylist())
    assert check_lists(written(table, tmp_path), one_sided).holds


def test_measures_that_are_fitted_are_refused(space):
    for name in ("cosine@centred", "csls(5)"):
        with pytest.raises(aw.AnglewiseError, match="fitted on all items"):
            proved_lists(space, name)


def search(files, *words):
    sides = ["--items", str(files / "items.parquet"), "--queries", str(files / "queries.npy")]
    return main(["search", *sides, "--quiet", *words])


def test_the_command_writes_and_checks(files, capsys):
    target = files / "lists.parquet"
    assert search(files, "--all", "--proof", "-k", "5", "-o", str(target)) == 0
    assert search(files, "--check-proof", str(target)) == 0
    assert "holds: 36 lists" in " ".join(capsys.readouterr().out.split())
    queries = ["--queries", str(files / "queries.npy"), "--quiet"]
    shards = ["--shards", str(files / "shards"), *queries]
    assert main(["search", *shards, "--check-proof", str(target)]) == 0
    over = files / "over.parquet"
    words = ["--all", "--proof", "-k", "5", "--workers", "1", "-o", str(over)]
    assert main(["search", *shards, *words]) == 0
    assert search(files, "--check-proof", str(over)) == 0
    capsys.readouterr()
    table = pq.read_table(target)
    pq.write_table(pa.concat_tables([table[:3], table[4:]]), target)
    assert search(files, "--check-proof", str(target)) == 1
    assert "does not hold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--proof", "--query", "0"), "give --all"),
        (("--check-proof", "LISTS", "-k", "5"), "-k has no meaning"),
        (("--check-proof", "LISTS", "--all", "-o", "x.parquet"), "has no meaning"),
        (("--check-proof", "nothing.parquet"), "does not exist"),
        (("--check-proof", "ITEMS"), "holds no lists with a proof"),
    ],
)
def test_what_means_nothing_is_refused(files, table, capsys, words, said):
    names = {"LISTS": str(written(table, files)), "ITEMS": str(files / "items.parquet")}
    assert search(files, *(names.get(word, word) for word in words)) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_table_of_other_vectors_is_refused(table, tmp_path):
    other = aw.Space(items=grid(N + 1, 0), queries=grid(Q, 1))
    with pytest.raises(aw.AnglewiseError, match="of 12 who ask and 700 items, and here are 12 and"):
        check_lists(written(table, tmp_path), other)
