"""Vectors beyond the memory that is allowed: the same lists, from files that are gone through."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import anglewise as aw
from anglewise.cli.program import main
from anglewise.data_types import mapped, memory
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.mapped import as_float32, forget, mapped_by, new_matrix
from anglewise.data_types.memory import VARIABLE, budget, fits_memory
from anglewise.nearest_neighbours.memory_plan import MemoryPlan, plan_search

ITEMS, QUERIES, D = 20_000, 40, 24


def clustered(rows, seed):
    """Vectors in clusters, some of them twice, so that lists have ties."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(30, D))
    x = centres[rng.integers(30, size=rows)] + rng.normal(size=(rows, D))
    x[::50] = x[0]
    return x.astype(np.float32)


def write_npy(path, x):
    np.save(path, x)


def write_wide(path, x):
    np.save(path, np.asfortranarray(x, dtype=np.float64))


def write_big_endian(path, x):
    np.save(path, x.astype(">f4"))


def write_parquet(path, x):
    ids = [f"item-{row}" for row in range(len(x))]
    pq.write_table(pa.table({"id": ids, "vector": x.tolist()}), path)


def write_fixed(path, x):
    flat = pa.array(x.reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, D)
    pq.write_table(pa.table({"vector": column}), path, row_group_size=len(x))


WRITERS = {
    "f4.npy": write_npy,
    "f8.npy": write_wide,
    "big.npy": write_big_endian,
    "ids.parquet": write_parquet,
    "fixed.parquet": write_fixed,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Each kind of file of the same items, and those who ask."""
    folder = tmp_path_factory.mktemp("vectors")
    items = clustered(ITEMS, 0)
    for name, write in WRITERS.items():
        write(folder / name, items)
    np.save(folder / "queries.npy", clustered(QUERIES, 1))
    rng = np.random.default_rng(2)
    lines = [f"{q}\titem-{i}\t1" for q in range(QUERIES) for i in rng.integers(ITEMS, size=5)]
    (folder / "qrels.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n")
    return folder


@pytest.fixture
def small(monkeypatch):
    """Everything beyond a hundred kilobytes is mapped."""
    monkeypatch.setenv(VARIABLE, "100MB")
    monkeypatch.setattr(memory, "machine_memory", lambda: 400_000)


def lists_of(files, name, target, *words):
    asked = ["--queries", str(files / "queries.npy"), "--all", "-o", str(target), "--quiet"]
    code = main(["search", "--items", str(files / name), *asked, *words])
    return code, target.read_bytes() if target.exists() else None


@pytest.mark.parametrize("name", WRITERS)
def test_lists_of_what_is_mapped_are_those_of_memory_to_the_byte(
    files, name, tmp_path, monkeypatch
):
    words = "--measures", "dot,cosine,euclidean,cosine@centred,manhattan,csls(5)"
    inside = lists_of(files, name, tmp_path / "inside.parquet", *words)
    monkeypatch.setenv(VARIABLE, "100MB")
    monkeypatch.setattr(memory, "machine_memory", lambda: 400_000)
    space = aw.read_space(items=files / name)
    assert mapped_by(space.items.vectors) is not None
    outside = lists_of(files, name, tmp_path / "outside.parquet", *words)
    assert inside == outside
    assert inside[0] == 0


@pytest.mark.parametrize("command", ["compare", "audit"])
def test_results_of_what_is_mapped_are_those_of_memory(files, command, tmp_path, monkeypatch):
    words = [command, "--items", str(files / "ids.parquet"), "--queries"]
    words += [str(files / "queries.npy"), "--quiet"]
    words += ["--qrels", str(files / "qrels.tsv")] if command == "compare" else ["--sample", "30"]
    results = []
    for place in ("memory", "disk"):
        if place == "disk":
            monkeypatch.setattr(memory, "machine_memory", lambda: 400_000)
            monkeypatch.setenv(VARIABLE, "100MB")
        assert main([*words, "--json", str(tmp_path / place)]) == 0
        results.append((tmp_path / place).read_text().replace(place, ""))
    assert results[0] == results[1]


def test_a_budget_maps_what_is_beyond_a_quarter_of_it_and_ends(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with budget("4MB"):
        assert fits_memory(1_000_000)
        assert not fits_memory(1_000_001)
    assert fits_memory(1_000_001)
    assert VARIABLE not in memory.os.environ


def test_what_needs_more_than_the_budget_is_refused_before_anything_is_written(
    files, tmp_path, capsys
):
    target = tmp_path / "lists.parquet"
    code, written = lists_of(files, "f4.npy", target, "--memory", "200MB")
    assert code == 2
    assert written is None
    assert list(tmp_path.iterdir()) == []
    words = capsys.readouterr().err
    assert "--memory allows 200 MB" in words
    assert "the program 220 MB" in words


@pytest.mark.parametrize("setting", ["much", "-1GB", "", "0"])
def test_a_budget_that_is_no_number_of_bytes_is_refused(files, tmp_path, setting, capsys):
    code, _ = lists_of(files, "f4.npy", tmp_path / "l.parquet", f"--memory={setting}")
    assert code == 2
    assert "--memory" in capsys.readouterr().err


def test_a_budget_that_suffices_gives_the_same_lists(files, tmp_path):
    usual = lists_of(files, "f4.npy", tmp_path / "a.parquet")
    assert usual == lists_of(files, "f4.npy", tmp_path / "b.parquet", "--memory", "2GB")


def test_ids_that_do_not_fit_are_refused_before_they_are_read(files, tmp_path, capsys):
    code, _ = lists_of(files, "ids.parquet", tmp_path / "l.parquet", "--memory", "4MB")
    assert code == 2
    assert "20,000 ids take about 5.0 MB" in capsys.readouterr().err


@pytest.mark.usefixtures("small")
def test_a_plan_counts_what_lies_in_memory_and_not_what_is_mapped(files):
    mapped_space = aw.read_space(items=files / "f4.npy", queries=files / "queries.npy")
    plan = plan_search(mapped_space, "queries-items", measures=2, k=10)
    assert plan.parts["vectors in memory"] == 4 * QUERIES * D
    assert plan.parts["lists"] == 100 * QUERIES * 10 * 2
    in_memory = aw.Space(items=clustered(ITEMS, 0), queries=mapped_space.queries)
    more = plan_search(in_memory, "queries-items", measures=2, k=10)
    assert more.total - plan.total == 4 * ITEMS * D


def test_a_plan_names_the_largest_part_first():
    with pytest.raises(aw.AnglewiseError, match=r"300 B.* b 200 B, a 100 B; .*--memory 100MB"):
        MemoryPlan({"a": 100, "b": 200}).check(299)


@pytest.mark.usefixtures("small")
def test_numbers_in_a_temporary_file_stay_when_their_memory_is_given_up():
    x = new_matrix(60_000, 3)
    assert mapped_by(x) is not None
    x[:] = np.arange(180_000).reshape(-1, 3)
    forget(x)
    assert np.array_equal(x, np.arange(180_000).reshape(-1, 3))
    assert np.array_equal(as_float32(x[:, ::-1]), x[:, ::-1])
    assert mapped_by(as_float32(x[:, ::-1])) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="tells of the memory of a process")
@pytest.mark.usefixtures("small")
def test_what_is_given_up_takes_no_memory():
    def held():
        return int(Path("/proc/self/statm").read_text().split()[2]) * 4096

    x = new_matrix(5_000_000, 4)
    x[:] = 1
    before = held()
    forget(x)
    assert before - held() > 0.9 * x.nbytes


def test_changes_in_a_map_of_somebody_else_stay(files):
    x = np.load(files / "f4.npy", mmap_mode="c")
    x[:] *= 2
    aw.search(aw.Space(items=x, queries=clustered(3, 1)), "dot", k=2)
    assert np.array_equal(x, 2 * clustered(ITEMS, 0))


@pytest.mark.usefixtures("small")
def test_a_disk_without_room_is_said(monkeypatch):
    monkeypatch.setattr(mapped.shutil, "disk_usage", lambda _: type("Use", (), {"free": 10**8})())
    with pytest.raises(aw.AnglewiseError, match=r"TMPDIR"):
        new_matrix(60_000, 3)


def test_ids_that_are_row_numbers_are_found_as_given_ones_are():
    numbered = Embeddings(np.ones((12, 1)))
    named = Embeddings(np.ones((12, 1)), ids=[str(row) for row in range(12)])
    for name in ("0", "11", "12", "07", "-1", "1.0", "", " 1", "١"):  # noqa: RUF001 a digit
        assert numbered.row_of.get(name) == named.row_of.get(name)
        assert (name in numbered.row_of) == (name in named.row_of)
    assert dict(numbered.row_of) == named.row_of
    assert numbered.ids_at(np.array([3, 0])) == named.ids_at(np.array([3, 0])) == ["3", "0"]
