"""``search --all`` and ``recommend --all``: the table of all lists, whole or to go on with."""

import hashlib
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import Embeddings, Recommender, Space, read_run, search, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.io import list_parts
from cli_run import anglewise, refused

__all__ = ["anglewise"]


@pytest.fixture
def space():
    rng = np.random.default_rng(0)
    users = rng.standard_normal((20, 4))
    users[7] = 0
    return Space(
        queries=Embeddings(users, ids=[f"u{i}" for i in range(20)]),
        items=Embeddings(
            rng.standard_normal((9, 4)),
            ids=[f"i{i}" for i in range(9)],
            metadata={"kind": ["a", "b", "c"] * 3},
        ),
        trained_for="dot",
        seen=SparseRows.from_pairs([0, 0, 3], [1, 2, 4], shape=(20, 9)),
    )


@pytest.fixture
def folder(space, tmp_path):
    write_space(space, tmp_path / "space")
    return tmp_path / "space"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(list_parts, "ROWS", 30)


def rows_of(path):
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


def test_the_lists_of_all_users_are_those_of_each(anglewise, space, folder, tmp_path):
    target = tmp_path / "lists.parquet"
    run = anglewise(
        "recommend", folder, "--all", "-o", target, "-k", 4, "--popularity", 0.5, "--json", "-"
    )
    told = json.loads(run.out)
    assert (told["asking"], told["k"], told["measures"]) == (20, 4, ["norm(0,0.5)"])
    assert "1 user with zero vectors" in run.err
    lists = Recommender(space, "norm(0,0.5)").recommend(k=4).lists()
    due = [
        (f"u{user}", one.id, place, one.score)
        for user, ranked in enumerate(lists)
        for place, one in enumerate(ranked, start=1)
    ]
    assert rows_of(target) == due
    assert told["rows"] == len(due)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lists.parquet", "space"]
    assert read_run(target).name == "lists"


@pytest.mark.parametrize("direction", ["queries-items", "items-items", "queries-queries"])
def test_the_lists_of_a_search_are_those_of_search(anglewise, space, folder, tmp_path, direction):
    target = tmp_path / "lists.parquet"
    words = ["--measures", "dot,cosine", "--direction", direction, "-k", 3]
    assert anglewise("search", folder, "--all", "-o", target, *words).code == 0
    asking, ranked = space.sides(direction)
    found = search(space, "dot,cosine", k=3, direction=direction)
    due = {
        (name, str(asking.ids[row]), str(ranked.ids[item]), place, score)
        for name, lists in found.items()
        for row in range(len(asking))
        for place, (item, score) in enumerate(
            zip(lists.indices[row].tolist(), lists.scores[row].tolist(), strict=True), start=1
        )
        if item >= 0
    }
    assert set(rows_of(target)) == due
    assert len(rows_of(target)) == len(due)


def test_a_filter_holds_for_all(anglewise, folder, tmp_path):
    target = tmp_path / "lists.parquet"
    assert (
        anglewise(
            "search", folder, "--all", "-o", target, "--where", "kind = a", "--measures", "dot"
        ).code
        == 0
    )
    assert {row[1] for row in rows_of(target)} == {"i0", "i3", "i6"}


def breaking_off(monkeypatch):
    """Let the second part that is made break off the run; what was asked is noted."""
    make, calls = list_parts.lists_table, []

    def breaking(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return make(*given)

    monkeypatch.setattr(list_parts, "lists_table", breaking)
    return calls


def test_what_was_broken_off_goes_on(anglewise, folder, tmp_path, monkeypatch):
    target, words = tmp_path / "lists.parquet", ["-k", 3]
    assert anglewise("recommend", folder, "--all", "-o", tmp_path / "due.parquet", *words).code == 0
    calls = breaking_off(monkeypatch)
    assert anglewise("recommend", folder, "--all", "-o", target, *words).code != 0
    assert not target.exists()
    run = anglewise("recommend", folder, "--all", "-o", target, *words)
    assert run.code == 0
    assert "holds 1 of 2 parts already: going on" in run.err
    assert len(calls) == 3
    assert rows_of(target) == rows_of(tmp_path / "due.parquet")
    assert not (tmp_path / "lists.parquet.parts").exists()


def test_parts_of_other_lists_are_refused_and_kept(anglewise, folder, tmp_path, monkeypatch):
    target, parts = tmp_path / "lists.parquet", tmp_path / "lists.parquet.parts"
    breaking_off(monkeypatch)
    assert anglewise("recommend", folder, "--all", "-o", target, "-k", 3).code != 0
    before = {path.name: path.read_bytes() for path in parts.iterdir()}
    assert sorted(before) == ["000000.parquet", "about.json", "sums.json"]
    for words in (["-k", 4], ["-k", 3, "--measure", "cosine"], ["-k", 3, "--popularity", 1]):
        run = anglewise("recommend", folder, "--all", "-o", target, *words)
        assert refused(run, "parts of other lists", "remove it")
    assert {path.name: path.read_bytes() for path in parts.iterdir()} == before
    (parts / "about.json").unlink()
    assert refused(anglewise("recommend", folder, "--all", "-o", target, "-k", 3), "in the way")


def laid_other_columns(part):
    pq.write_table(pa.table({"x": [1]}), part)


def laid_a_folder(part):
    part.unlink()
    part.mkdir()


def laid_a_pipe(part):
    part.unlink()
    os.mkfifo(part)


def laid_a_link(part):
    part.rename(part.with_name("mine"))
    part.symlink_to("mine")


def laid_a_text_of_ten_gigabytes(part):
    rows = pa.array(np.zeros(100_000, np.int32))
    names = pa.DictionaryArray.from_arrays(rows, pa.array(["x" * 100_000]))
    pq.write_table(pa.table({"query_id": names}), part)


def laid_a_mark_without_end(part):
    part.with_name("about.json").write_text("[" + "[]," * 1_000_000 + "[]]")


@pytest.mark.parametrize(
    "laid",
    [
        laid_other_columns,
        laid_a_folder,
        laid_a_pipe,
        laid_a_link,
        laid_a_text_of_ten_gigabytes,
        laid_a_mark_without_end,
    ],
)
def test_parts_that_a_stranger_laid_are_refused(anglewise, folder, tmp_path, monkeypatch, laid):
    target = tmp_path / "lists.parquet"
    words = ["recommend", folder, "--all", "-o", target, "-k", 3]
    breaking_off(monkeypatch)
    assert anglewise(*words).code != 0
    part = tmp_path / "lists.parquet.parts" / "000000.parquet"
    laid(part)
    if part.is_file():  # with its digest, which a stranger makes too
        digest = hashlib.blake2b(part.read_bytes()).hexdigest()
        part.with_name("sums.json").write_text(json.dumps({part.name: digest}))
    refused(anglewise(*words), "lists.parquet.parts")
    assert not target.exists()


def test_lists_beyond_the_memory_are_not_called_damaged(anglewise, folder, tmp_path, monkeypatch):
    target = tmp_path / "lists.parquet"

    def is_short(*_):
        monkeypatch.setenv("ANGLEWISE_MEMORY", "100B")
        return make(*_)

    make = list_parts.lists_table
    monkeypatch.setattr(list_parts, "lists_table", is_short)
    run = anglewise("search", folder, "--all", "-o", target, "-k", 3)
    assert refused(run, "the lists of 3 queries, written at once", "ANGLEWISE_MEMORY", "-k")
    assert "damaged" not in run.err
    assert not list(tmp_path.glob("lists*"))


def test_a_part_that_was_shortened_is_not_taken_over(anglewise, folder, tmp_path, monkeypatch):
    target = tmp_path / "lists.parquet"
    words = ["recommend", folder, "--all", "-o", target, "-k", 3]
    breaking_off(monkeypatch)
    assert anglewise(*words).code != 0
    part = tmp_path / "lists.parquet.parts" / "000000.parquet"
    pq.write_table(pq.read_table(part).slice(0, 2), part)
    refused(anglewise(*words), "000000.parquet is not the part that was written")
    assert not target.exists()


def test_a_part_whose_digest_a_kill_left_out_is_made_again(
    anglewise, folder, tmp_path, monkeypatch
):
    target = tmp_path / "lists.parquet"
    words = ["recommend", folder, "--all", "-k", 3]
    assert anglewise(*words, "-o", tmp_path / "due.parquet").code == 0
    breaking_off(monkeypatch)
    assert anglewise(*words, "-o", target).code != 0
    (tmp_path / "lists.parquet.parts" / "sums.json").unlink()
    assert anglewise(*words, "-o", target).code == 0
    assert rows_of(target) == rows_of(tmp_path / "due.parquet")


def test_lists_of_other_metadata_or_biases_are_other_lists(space):
    def digest(kinds, **about):
        items = Embeddings(space.items.vectors, space.items.ids, {"kind": kinds})
        one = Space(queries=space.queries, items=items, seen=space.seen, about=about)
        return list_parts.identity_of(one, {})["space"]

    same = digest(["a", "b", "c"] * 3)
    assert digest(["a", "b", "c"] * 3) == same
    assert digest(["b", "a", "c"] * 3) != same  # a filter would let others pass
    assert digest(["a", "b", "c"] * 3, bias_columns=[3]) != same


def test_a_failure_before_the_first_part_leaves_nothing(anglewise, folder, tmp_path):
    target = tmp_path / "lists.parquet"
    run = anglewise("search", folder, "--all", "-o", target, "--where", "title = a")
    assert refused(run, "'title'")
    assert [path.name for path in tmp_path.iterdir()] == ["space"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["recommend", "--all"], ["--output"]),
        (["recommend", "--user", "u1", "-o", "a.parquet"], ["--all"]),
        (["recommend", "--all", "--user", "u1", "-o", "a.parquet"], ["one of them"]),
        (["recommend", "--all", "--explain", "-o", "a.parquet"], ["--explain", "one list"]),
        (["recommend", "--all", "-o", "a.csv"], [".parquet"]),
        (["recommend", "--all", "-o", "space/items.parquet"], ["space"]),
        (["search", "--all"], ["--output"]),
        (["search", "--all", "--text", "a", "-o", "a.parquet"], ["one of them"]),
        (["search", "--all", "--encoder", "use", "-o", "a.parquet"], ["--encoder"]),
    ],
)
def test_bad_use_is_said(anglewise, tmp_path, monkeypatch, words, parts):
    monkeypatch.chdir(tmp_path)
    assert refused(anglewise(words[0], "space", *words[1:]), *parts)
    assert [path.name for path in tmp_path.iterdir()] == ["space"]
