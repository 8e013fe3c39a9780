"""Interactions of every format come out the same, whatever the order of their lines."""

import numpy as np
import pytest

import good_files
from anglewise import AnglewiseError, read_interactions
from anglewise.errors import FileError, SpellingError, TooFewError


def _triples(x):
    return sorted(
        zip(x.user_ids[x.users].tolist(), x.item_ids[x.items].tolist(), x.weights, strict=True)
    )


DUE = sorted(zip(good_files.USERS, good_files.ITEMS, good_files.RATINGS, strict=True))


@pytest.mark.parametrize("maker", good_files.INTERACTIONS, ids=lambda m: m.__name__)
def test_every_format_gives_the_same_interactions(maker, tmp_path):
    found = read_interactions(maker(tmp_path))
    assert _triples(found) == DUE
    assert found.times is not None
    assert sorted(found.times) == good_files.TIMES


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_sparse_matrices_are_named_by_row_and_column(form, tmp_path):
    found = read_interactions(good_files.sparse_matrix(tmp_path, form))
    assert found.shape == (3, 3)
    assert found.rows().row(1).tolist() == [0, 2]
    assert found.weights.tolist() == good_files.RATINGS
    assert found.user_ids.tolist() == ["0", "1", "2"]


def test_the_order_of_the_lines_does_not_matter(tmp_path):
    path = good_files.csv(tmp_path)
    first = read_interactions(path)
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *rows[::-1]]))
    second = read_interactions(path)
    for name in ("users", "items", "weights", "times", "user_ids", "item_ids"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_ids_stay_as_they_are_written(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user_id,item_id\n007,1e5\n7,NA\n007,null\n")
    found = read_interactions(path)
    assert found.user_ids.tolist() == ["007", "7"]
    assert set(found.item_ids) == {"1e5", "NA", "null"}
    assert found.weights.tolist() == [1, 1, 1]


def test_the_last_of_repeated_pairs_by_time_is_kept_and_that_is_said(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user,item,rating,time\nu,i,5,30\nu,i,1,10\nu,j,2,5\nu,i,3,20\n")
    said = []
    found = read_interactions(path, say=said.append)
    assert found.weights.tolist() == [5, 2]
    assert said[-1] == "x.csv: 2 repeated pairs: the last by time is kept"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("timed", [True, False])
def test_the_last_is_kept_as_a_dictionary_would(timed, seed, tmp_path):
    rng = np.random.default_rng(seed)
    rows = [
        (f"u{u}", f"i{i}", float(w), float(t))
        for u, i, w, t in zip(*rng.integers(0, [[5], [4], [99], [6]], (4, 60)), strict=True)
    ]
    names = ["user", "item", "rating", "time"][: 3 + timed]
    path = tmp_path / "x.csv"
    lines = [",".join(map(str, row[: len(names)])) for row in rows]
    path.write_text("\n".join([",".join(names), *lines]))
    ordered = sorted(rows, key=lambda row: row[3]) if timed else rows  # equal times: by line
    due = {(user, item): weight for user, item, weight, _ in ordered}
    assert _triples(read_interactions(path)) == sorted((*pair, w) for pair, w in due.items())


def test_without_times_the_last_in_the_file_is_kept(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user,item,rating\nu,i,5\nu,j,2\nu,i,1\n")
    assert read_interactions(path).weights.tolist() == [1, 2]


def test_a_threshold_leaves_no_user_or_item_without_interactions(tmp_path):
    found = read_interactions(good_files.csv(tmp_path), min_weight=3)
    assert _triples(found) == [row for row in DUE if row[2] >= 3]
    assert found.user_ids.tolist() == ["ann", "bob"]
    assert found.item_ids.tolist() == ["x", "y"]
    with pytest.raises(TooFewError, match="largest is 5"):
        read_interactions(good_files.csv(tmp_path), min_weight=6)


def test_a_threshold_looks_at_the_last_rating_of_a_pair(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user,item,rating,time\nu,i,5,1\nu,i,1,2\nu,j,4,3\n")
    found = read_interactions(path, min_weight=4)
    assert found.item_ids.tolist() == ["j"]


def test_columns_with_names_of_their_own_are_given_by_option(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("who,what,much\nu,i,2\n")
    with pytest.raises(AnglewiseError, match="users among who, what, much"):
        read_interactions(path)
    found = read_interactions(path, user="who", item="what", weight="much")
    assert found.weights.tolist() == [2]


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["1970-01-01 00:01:00", "1970-01-02 00:00:00"], [60, 86400]),
        (["1970-01-01", "1970-01-02"], [0, 86400]),
        (["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"], [1, 2]),
        (["5", "6.5"], [5, 6.5]),
    ],
)
def test_dates_become_seconds(cells, seconds, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"user,item,date\nu,i,{cells[0]}\nu,j,{cells[1]}\n")
    assert read_interactions(path).times.tolist() == seconds


def test_titles_of_items_are_lined_up(tmp_path):
    table = tmp_path / "movies.csv"
    table.write_text('movieId,title,genres\nz,"Zodiac, a film",Crime\nx,X,Horror\n')
    said = []
    path = good_files.csv(tmp_path)
    found = read_interactions(path, item_table=table, say=said.append)
    assert found.item_metadata["title"] == ["X", None, "Zodiac, a film"]
    assert "movies.csv says nothing about 1 of 3 ids" in said


def test_movielens_titles_are_latin_1(tmp_path):
    good_files.ratings_dat(tmp_path)
    (tmp_path / "movies.dat").write_bytes("x::Amélie (2001)::Comedy\n".encode("latin-1"))
    found = read_interactions(tmp_path / "ratings.dat", item_table=tmp_path / "movies.dat")
    assert found.item_metadata["title"][0] == "Amélie (2001)"


def test_whole_numbers_that_parquet_holds_as_floats_are_ids_without_a_point(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"user_id": [1.0, 2.0], "item_id": [10, 20]}), path)
    found = read_interactions(path)
    assert found.user_ids.tolist() == ["1", "2"]
    assert found.item_ids.tolist() == ["10", "20"]


def test_nanoseconds_of_parquet_are_times(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    times = [1_700_000_000_000_000_001, 1_700_000_001_000_000_000]
    table = pa.table({"user_id": ["u", "u"], "item_id": ["i", "j"], "ts": times})
    parquet.write_table(table, path)
    assert read_interactions(path).times.tolist() == [float(time) for time in times]
    moments = pa.array(times, pa.timestamp("ns"))
    parquet.write_table(table.set_column(2, "ts", moments), path)
    assert read_interactions(path).times.tolist() == [1_700_000_000, 1_700_000_001]


def test_categories_of_parquet_are_ids(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    users = pa.array(["u", "v", "u"]).dictionary_encode()
    parquet.write_table(pa.table({"user_id": users, "item_id": ["i", "j", "k"]}), path)
    assert read_interactions(path).user_ids.tolist() == ["u", "v"]


@pytest.mark.parametrize("option", ["item", "weight", "time"])
def test_a_column_named_for_two_things_is_refused(option, tmp_path):
    file = tmp_path / "who.csv"
    file.write_text("user,item,rating,time\n1,x,5,1\n2,y,3,2\n")
    with pytest.raises(SpellingError, match="cannot hold both"):
        read_interactions(file, **{option: "user"})


def test_of_two_columns_of_a_name_none_is_taken(tmp_path):
    file = tmp_path / "who.csv"
    file.write_text("user,item,rating,rating\n1,x,5,1\n2,y,3,2\n")
    with pytest.raises(FileError, match="2 columns called 'rating'"):
        read_interactions(file)
