"""The map for embedding-atlas: every column is what it says, and the file is written as all are."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import anglewise as aw
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.integrations import atlas as maps
from cli_run import anglewise, refused

__all__ = ["anglewise"]


@pytest.fixture
def space():
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 8), [30, 20, 10], axis=0) + 0.1 * rng.normal(size=(60, 8))
    vectors *= rng.uniform(0.5, 3, (60, 1))
    ids = [f"i{row}" for row in range(60)]
    about = {"title": [f"Film {row}" for row in range(60)], "popularity": list(range(60))}
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(9, 8))),
        items=aw.Embeddings(vectors, ids, metadata=about),
    )


def test_every_column_is_what_it_says(space):
    atlas = aw.to_atlas(space, k=5, clusters=3)
    lists = aw.search(space, "dot,cosine,euclidean", k=5, direction="items-items")
    columns = atlas.columns
    assert len(atlas) == 60
    assert columns["id"][7] == "i7"
    assert columns["title"][7] == "Film 7"
    assert np.array_equal(columns["length"], space.items.norms)
    assert (atlas.use, columns["use"][7]) == ("popularity", 7)
    listed = np.bincount(lists["cosine"].indices.ravel(), minlength=60)
    assert np.array_equal(columns["in_lists"], listed)
    sets = [{name: set(found.indices[row]) for name, found in lists.items()} for row in range(60)]
    pairs = [("dot", "cosine"), ("dot", "euclidean"), ("cosine", "euclidean")]
    apart = [np.mean([1 - len(row[a] & row[b]) / 5 for a, b in pairs]) for row in sets]
    assert columns["disagreement"] == pytest.approx(apart)
    assert np.bincount(columns["cluster"]).tolist() == [30, 20, 10]
    assert columns["neighbors"][7]["ids"] == lists["cosine"].indices[7].tolist()
    cosines = 1 - lists["cosine"].scores[7].astype(float)
    assert columns["neighbors"][7]["distances"] == pytest.approx(cosines)


def test_the_plane_shows_the_variance_that_it_says(space):
    atlas = aw.to_atlas(space)
    unit = space.items.vectors / space.items.norms[:, None]
    around = unit - unit.mean(axis=0)
    shown = np.square(np.column_stack([atlas.columns["x"], atlas.columns["y"]])).sum()
    assert shown / np.square(around).sum() == pytest.approx(atlas.explained, rel=1e-5)
    assert 0.5 < atlas.explained < 1


def test_one_measure_disagrees_with_nobody(space):
    assert not aw.to_atlas(space, measures="cosine").columns["disagreement"].any()


def test_queries_are_mapped_where_they_are_asked_for(space):
    atlas = aw.to_atlas(space, direction="queries-queries", k=3)
    assert len(atlas) == 9
    assert "use" not in atlas.columns
    assert "title" not in atlas.columns
    with pytest.raises(SpellingError, match="queries-queries"):
        aw.to_atlas(space, direction="queries-items")


def test_the_length_of_texts_is_not_called_use():
    about = {"text": ["a", "bb", "ccc", "dddd"]}
    space = aw.Space(items=aw.Embeddings(np.eye(4), metadata=about))
    columns = aw.to_atlas(space, k=2).columns
    assert "use" not in columns
    assert columns["text_length"].tolist() == [1, 2, 3, 4]


def test_rows_of_one_column_and_zero_vectors_have_a_place():
    flat = aw.to_atlas(aw.Space(items=aw.Embeddings([[1.0], [2.0], [-1.0], [0.0]])), k=2)
    assert np.isfinite(flat.columns["x"]).all()
    assert not flat.columns["y"].any()
    with pytest.raises(TooFewError, match="nothing to map"):
        aw.to_atlas(aw.Space(items=aw.Embeddings(np.zeros((4, 2)))))


def test_the_file_is_read_again_and_is_the_same_again(space, tmp_path):
    atlas = aw.to_atlas(space, tmp_path / "a.parquet")
    aw.to_atlas(space, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column_names == list(atlas.columns)
    assert table["neighbors"][0].as_py() == atlas.columns["neighbors"][0]
    with pytest.raises(SpellingError, match=r"NAME\.parquet"):
        aw.to_atlas(space, tmp_path / "a.csv")


# The command


@pytest.fixture
def folder(space, tmp_path):
    aw.write_space(space, tmp_path / "films")
    return tmp_path


def test_inspect_writes_a_map_and_ends(anglewise, folder):
    run = anglewise("inspect", folder / "films", "--atlas", folder / "a.parquet")
    assert run.code == 0
    assert run.out.startswith(f"embedding-atlas {folder / 'a.parquet'}".split("/")[0])
    assert pq.read_table(folder / "a.parquet").num_rows == 60
    run = anglewise(
        "inspect", folder / "films", "--atlas", folder / "b.parquet", "--json", "-", "--quiet"
    )
    told = json.loads(run.out)
    assert (told["rows"], told["use"], told["direction"]) == (60, "popularity", "items-items")


def test_a_map_takes_nothings_place_and_no_option_of_the_page(anglewise, folder):
    films, file = folder / "films", folder / "a.parquet"
    assert refused(anglewise("inspect", films, "--atlas", folder / "a.csv"), ".parquet")
    items = films / "items.parquet"
    assert refused(anglewise("inspect", films, "--atlas", items))
    for words in (
        ("--port", 8000),
        ("--export", folder / "copy"),
        ("--queue", folder / "q.csv"),
        ("--runs", folder / "r.run"),
        ("--open",),
        ("--export-queries", 3),
    ):
        assert refused(anglewise("inspect", films, "--atlas", file, *words))
    assert refused(anglewise("inspect", films, films, "--atlas", file), "one space")
    assert not file.exists()
    assert refused(anglewise("inspect", films, "--measures", "dot"), "--atlas")


def test_long_lists_and_wide_vectors_take_no_more_memory_than_is_allowed(space, monkeypatch):
    due = aw.to_atlas(space, k=5).columns["disagreement"]
    monkeypatch.setattr(maps, "ENTRIES", 60)
    assert np.array_equal(aw.to_atlas(space, k=5).columns["disagreement"], due)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "30MB")
    with pytest.raises(ValuesError, match=r"a map of all directions of 1,000 dimensions"):
        aw.to_atlas(np.random.default_rng(0).normal(size=(20, 1000)))
