"""A space folder gives back what was written, byte for byte, or says why not."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from anglewise import Embeddings, Judgements, Space, read_space, write_space
from anglewise.data_types.complaints import Complaints
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import FileError, ShapeError, ValuesError
from anglewise.io import outputs as atomic
from anglewise.io.read import judgements_of, stored_directions
from anglewise.io.space_folder import check_destination
from anglewise.web_page.metadata import with_own_columns

ABOUT = {"model": "linear", "penalty": np.float64(1000.0), "gauge": "balanced", "sizes": (2, 3)}


def _space(seed=0, queries=7, items=5, d=3):
    rng = np.random.default_rng(seed)
    return Space(
        queries=Embeddings(rng.standard_normal((queries, d)), [f"u{i}" for i in range(queries)]),
        items=Embeddings(
            rng.standard_normal((items, d)),
            metadata={"title": [f"T{i}" for i in range(items)], "popularity": list(range(items))},
        ),
        trained_for="dot",
        seen=SparseRows.from_pairs([0, 6], [1, 4], [1.0, 2.5], shape=(queries, items)),
        about=ABOUT,
    )


def _judged(space, direction="queries-items"):
    asking, ranked = space.sides(direction)
    shape = (len(asking), len(ranked))
    return Judgements(
        SparseRows.from_pairs([0, 0, 2], [1, 3, 4], [1.0, 0.0, 3.0], shape=shape),
        direction,
        "held out: a fifth of the users",
        Complaints(unknown_queries=("x",), dropped=4, gains_all_equal=False),
        SparseRows.from_pairs([2], [0], shape=shape),
    )


def _same(one: SparseRows, other: SparseRows):
    return one.shape == other.shape and all(
        np.array_equal(getattr(one, part), getattr(other, part))
        for part in ("indptr", "indices", "values")
    )


def _bytes(folder: Path):
    return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_what_was_written_is_read_back(tmp_path):
    space = _space()
    write_space(space, tmp_path / "s", judgements={"queries-items": _judged(space)})
    back = read_space(tmp_path / "s")
    for side in ("queries", "items"):
        one, other = getattr(space, side), getattr(back, side)
        assert one.vectors.tobytes() == other.vectors.tobytes()
        assert one.ids.tolist() == other.ids.tolist()
    assert back.items.metadata["title"].to_pylist() == space.items.metadata["title"]
    assert back.items.metadata["popularity"].to_pylist() == space.items.metadata["popularity"]
    assert back.queries.metadata is None
    assert back.trained_for == "dot"
    assert _same(back.seen, space.seen)
    assert back.about == {**ABOUT, "sizes": [2, 3]}


def test_judgements_are_read_back_with_what_they_leave_out_and_complain_of(tmp_path):
    space = _space()
    judged = _judged(space)
    write_space(space, tmp_path / "s", judgements={"queries-items": judged})
    assert stored_directions(tmp_path / "s") == ("queries-items",)
    back = judgements_of(tmp_path / "s", "queries-items", space)
    assert _same(back.gains, judged.gains)
    assert _same(back.seen, judged.seen)
    assert back.source == judged.source
    assert asdict(back.complaints) == asdict(judged.complaints)
    with pytest.raises(FileError, match="only for queries-items"):
        judgements_of(tmp_path / "s", "items-items")


def test_judgements_that_leave_nothing_out_come_back_so(tmp_path):
    space = _space()
    judged = _judged(space, "items-items")
    plain = Judgements(judged.gains, "items-items", "by hand")
    write_space(space, tmp_path / "s", judgements={"items-items": plain})
    assert judgements_of(tmp_path / "s", "items-items").seen is None
    assert judgements_of(tmp_path / "s", "items-items").judged_items is None


def test_which_items_were_judged_for_every_query_comes_back(tmp_path):
    space = _space()
    chosen = np.array([True, False, True, True, False])
    judged = Judgements(_judged(space, "items-items").gains, "items-items", judged_items=chosen)
    for _ in range(2):  # a second time over the first
        write_space(space, tmp_path / "s", judgements={"items-items": judged})
    assert np.array_equal(judgements_of(tmp_path / "s", "items-items").judged_items, chosen)


def test_one_sided_spaces_have_no_queries_file(tmp_path):
    write_space(Space(items=_space().items), tmp_path / "s")
    assert read_space(tmp_path / "s").one_sided
    assert not (tmp_path / "s" / "queries.parquet").exists()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(1, 40))
def test_writing_what_was_read_gives_the_same_bytes(seed, queries, items, d):
    import tempfile

    rng = np.random.default_rng(seed)
    space = Space(
        queries=Embeddings(rng.standard_normal((queries, d))),
        items=Embeddings(rng.standard_normal((items, d)), metadata={"n": rng.random(items)}),
        seen=SparseRows.from_pairs([queries - 1], [items - 1], shape=(queries, items)),
    )
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "a", Path(folder) / "b"
        write_space(space, first)
        write_space(read_space(first), second)
        assert _bytes(first) == _bytes(second)


def test_a_folder_may_be_assembled_by_hand(tmp_path):
    folder = tmp_path / "s"
    (folder / "judgements").mkdir(parents=True)
    columns = {"id": [1, 2], "vector": [[1.0, 0.0], [0.0, 1.0]], "title": ["One", "Two"]}
    parquet.write_table(pa.table(columns), folder / "items.parquet")
    judged = pa.table({"query_id": [1], "item_id": [2], "gain": [3]})
    parquet.write_table(judged, folder / "judgements" / "items-items.parquet")
    (folder / "space.json").write_text('{"format": 1, "trained_for": "cosine"}')
    space = read_space(folder)
    assert space.one_sided
    assert space.trained_for == "cosine"
    assert space.items.ids.tolist() == ["1", "2"]
    assert stored_directions(folder) == ("items-items",)
    found = judgements_of(folder, "items-items", space)
    assert found.gains.values.tolist() == [3]
    assert found.seen is None


def test_metadata_may_be_any_table(tmp_path):
    items = Embeddings(np.eye(2), metadata=pa.table({"title": ["a", None], "year": [1999, 2001]}))
    write_space(Space(items=items), tmp_path / "s")
    back = read_space(tmp_path / "s").items.metadata
    assert back["title"].to_pylist() == ["a", None]
    assert back["year"].to_pylist() == [1999, 2001]


def test_a_space_is_replaced_and_nothing_is_left_beside(tmp_path):
    write_space(_space(seed=0), tmp_path / "s", judgements={"queries-items": _judged(_space())})
    with pytest.raises(FileError, match="judgements for queries-items"):
        write_space(_space(seed=1), tmp_path / "s")
    write_space(_space(seed=1), tmp_path / "s", judgements={"queries-items": _judged(_space())})
    assert np.array_equal(read_space(tmp_path / "s").items.vectors, _space(seed=1).items.vectors)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_space_can_be_written_over_itself(tmp_path):
    write_space(_space(), tmp_path / "s")
    before = _bytes(tmp_path / "s")
    write_space(read_space(tmp_path / "s"), tmp_path / "s")
    assert _bytes(tmp_path / "s") == before


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "s").mkdir()
    write_space(_space(), tmp_path / "s")
    assert len(read_space(tmp_path / "s").items) == 5


def test_a_folder_that_is_no_space_is_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(FileError, match="is no space"):
        write_space(_space(), tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"
    assert [p.name for p in tmp_path.iterdir()] == ["thesis"]


def test_where_no_space_can_be_written_is_said_beforehand(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    with pytest.raises(FileError, match="is no space"):
        check_destination(tmp_path / "thesis")
    with pytest.raises(FileError, match="is a file"):
        check_destination(tmp_path / "thesis" / "chapter.tex")
    with pytest.raises(FileError, match="make it first"):
        check_destination(tmp_path / "no" / "s")
    check_destination(tmp_path / "new")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis"]


def test_what_others_put_into_a_space_is_not_deleted(tmp_path):
    write_space(_space(), tmp_path / "s")
    (tmp_path / "s" / "notes.md").write_text("mine")
    with pytest.raises(FileError, match=r"notes\.md"):
        write_space(_space(), tmp_path / "s")
    assert (tmp_path / "s" / "notes.md").exists()


def test_a_link_to_a_space_stays_a_link(tmp_path):
    write_space(_space(seed=0), tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_space(_space(seed=1), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert np.array_equal(read_space(tmp_path / "real").items.vectors, _space(1).items.vectors)


def test_a_failure_halfway_leaves_the_old_space_as_it_was(tmp_path, monkeypatch):
    write_space(_space(seed=0), tmp_path / "s")
    before = _bytes(tmp_path / "s")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("anglewise.io.space_folder.write_description", full)
    with pytest.raises(FileError, match="the disk is full"):
        write_space(_space(seed=1), tmp_path / "s")
    assert _bytes(tmp_path / "s") == before
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_failing_swap_brings_the_old_space_back(tmp_path, monkeypatch):
    write_space(_space(seed=0), tmp_path / "s")
    before = _bytes(tmp_path / "s")
    rename = Path.rename

    def fails_for_the_new(path, target):
        if (path / "space.json").exists() and Path(target).name == "s" and "old" not in seen:
            seen.append("old")
            raise OSError(5, "Input/output error")
        return rename(path, target)

    seen = []
    monkeypatch.setattr(atomic, "exchange", lambda *_: False)  # as where the system cannot
    monkeypatch.setattr(Path, "rename", fails_for_the_new)
    with pytest.raises(FileError, match="could not be written"):
        write_space(_space(seed=1), tmp_path / "s")
    assert seen == ["old"]
    assert _bytes(tmp_path / "s") == before


@pytest.mark.parametrize("name", ["items.parquet", "queries.parquet", "seen.parquet"])
def test_a_changed_file_is_noticed(name, tmp_path):
    write_space(_space(), tmp_path / "s")
    data = bytearray((tmp_path / "s" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "s" / name).write_bytes(data)
    with pytest.raises(FileError, match=f"{name} is not the file that was written"):
        read_space(tmp_path / "s")


def test_a_missing_file_is_noticed(tmp_path):
    write_space(_space(), tmp_path / "s")
    (tmp_path / "s" / "queries.parquet").unlink()
    with pytest.raises(FileError, match=r"queries\.parquet does not exist"):
        read_space(tmp_path / "s")


def test_a_newer_format_is_refused_politely(tmp_path):
    write_space(_space(), tmp_path / "s")
    path = tmp_path / "s" / "space.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "format": 5, "written_by": "anglewise 9.9"}))
    with pytest.raises(FileError, match=r"anglewise 9\.9 in format 5; .* upgrade"):
        read_space(tmp_path / "s")


def test_keys_that_a_later_version_adds_are_no_hindrance(tmp_path):
    write_space(_space(), tmp_path / "s")
    path = tmp_path / "s" / "space.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": "blue"}))
    assert len(read_space(tmp_path / "s").items) == 5


@pytest.mark.parametrize(
    ("about", "metadata", "error", "says"),
    [
        ({"model": object()}, None, ValuesError, "about"),
        ({"gap": float("inf")}, None, ValuesError, "gap"),
        ({}, {"id": [1, 2]}, ValuesError, "'id'"),
        ({}, {"title": ["a"]}, ShapeError, "title"),
        ({}, {"title": ["a", 3]}, ValuesError, "title"),
    ],
)
def test_what_cannot_be_stored_is_named_and_nothing_is_written(
    about, metadata, error, says, tmp_path
):
    with pytest.raises(error, match=says):
        write_space(
            Space(items=Embeddings(np.eye(2), metadata=metadata), about=about), tmp_path / "s"
        )
    assert not list(tmp_path.iterdir())


def test_judgements_of_another_space_are_refused(tmp_path):
    with pytest.raises(ShapeError, match="this space"):
        write_space(
            _space(items=9), tmp_path / "s", judgements={"queries-items": _judged(_space())}
        )
    with pytest.raises(ShapeError, match="stored as items-items"):
        write_space(_space(), tmp_path / "s", judgements={"items-items": _judged(_space())})


def test_a_description_is_short_or_refused_both_ways(tmp_path):
    write_space(_space(), tmp_path / "s")
    file = tmp_path / "s" / "space.json"
    description = json.loads(file.read_text())
    description["about"] = {"x": [{}] * 1_500_000}
    file.write_text(json.dumps(description))
    with pytest.raises(FileError, match=r"space\.json has .* bytes, and at most"):
        read_space(tmp_path / "s")
    space = replace(_space(), about={"x": "y" * 5_000_000})
    with pytest.raises(ValuesError, match=r"about takes .* bytes"):
        write_space(space, tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_a_folder_called_like_a_home_is_read_where_it_is(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    Path("~").mkdir()
    for folder, title in ((home, "elsewhere"), (tmp_path / "~", "here")):
        table = {"id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 1.0]], "title": [title, title]}
        parquet.write_table(pa.table(table), folder / "items.parquet")
    space = read_space(items="~/items.parquet")
    for items in (space.items, with_own_columns(space, {}).items):
        assert [str(title) for title in items.metadata["title"]] == ["here", "here"]
