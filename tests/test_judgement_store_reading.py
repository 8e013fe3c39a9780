"""What the store holds as graded relevance, and when a space uses it."""

import numpy as np
import pytest

from anglewise import (
    Embeddings,
    Judged,
    Judgements,
    JudgementStore,
    Space,
    read_judgements,
    write_space,
)
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import FileError, IdsError, SpellingError, TooFewError
from anglewise.io.read import judgement_kind
from anglewise.judgements.combine import by_pair
from cli_run import anglewise, refused

__all__ = ["anglewise"]

RNG = np.random.default_rng(0)
SPACE = Space(
    queries=Embeddings(RNG.normal(size=(3, 4)), ["q0", "q1", "q2"]),
    items=Embeddings(RNG.normal(size=(5, 4)), [f"d{i}" for i in range(5)]),
)


def said(query, item, grade, judge="anna", **more):
    return Judged(query, item, grade, judge=judge, **more)


@pytest.fixture
def movies(tmp_path):
    """A space with judgements that were held out, and what was folded in."""
    held = Judgements(
        SparseRows.from_pairs([0, 1], [1, 1], shape=(3, 5)),
        source="held out",
        seen=SparseRows.from_pairs([0], [4], shape=(3, 5)),
    )
    write_space(SPACE, tmp_path / "movies", judgements={"queries-items": held})
    return tmp_path / "movies"


@pytest.fixture
def store(movies):
    with JudgementStore.open(movies / "judgements.sqlite") as opened:
        yield opened


def test_a_store_lines_up_with_its_space(store):
    store.add_many(
        [
            said("q0", "d1", 2),
            said("q0", "d0", 0),
            said("q1", "d3", -1),
            said("gone", "d0", 1),
            said("q2", "gone", 1),
            said("d0", "d1", 3, direction="items-items"),
        ]
    )
    judged = store.judgements(SPACE)
    assert judged.gains.row(0).tolist() == [0, 1]
    assert judged.gains.values.tolist() == [0, 2, -1]
    assert (judged.complaints.dropped, judged.missing_ids) == (1, ("gone",))
    assert judged.without_missing().complaints.dropped == 2
    assert judged.complaints.unknown_queries == ("gone",)
    assert judged.complaints.unknown_items == ("gone",)
    assert judged.complaints.queries_without_relevant == 1
    assert store.judgements(SPACE, "items-items").gains.shape == (5, 5)


def test_ways_to_combine_judges():
    rows = [said("q", "d", grade, judge) for grade, judge in [(0, "a"), (2, "b"), (2, "c")]]
    [by_majority] = by_pair(rows, combine="majority")
    [by_mean] = by_pair(rows, combine="mean")
    assert (by_majority.grade, by_mean.grade) == (2, pytest.approx(4 / 3))
    assert by_majority.disputed
    [tie] = by_pair(rows[:2], combine="majority")
    assert tie.grade == 0
    [decided] = by_pair([*rows, said("q", "d", 1, "adjudicator")])
    assert decided.grade == 1
    assert not decided.disputed
    [some] = by_pair(rows, judges=["a"])
    assert some.grade == 0


def test_the_order_of_judges_does_not_matter():
    rows = [said("q", "d", grade, f"j{i}") for i, grade in enumerate([0.1, 0.7, 0.2, 0.1, 3e9])]
    for combine in ("adjudicated", "majority", "mean"):
        [forwards], [backwards] = (
            by_pair(rows, combine=combine),
            by_pair(rows[::-1], combine=combine),
        )
        assert forwards.grade == backwards.grade


def test_people_are_not_outvoted_by_what_was_generated(store):
    store.add_many(
        [
            said("q0", "d1", 0),
            *(said("q0", "d1", 3, f"model {i}", source="generated") for i in range(3)),
            said("q0", "d2", 3, "model 0", source="generated"),
        ]
    )
    judged = store.judgements(SPACE)
    assert judged.gains.values.tolist() == [0, 3]
    assert "1 by people (anna), 1 generated (model 0)" in judged.source
    assert store.judgements(SPACE, sources=["human"]).gains.values.tolist() == [0]


def test_nothing_to_read_is_said(store):
    with pytest.raises(TooFewError, match="no judgements for queries-items"):
        store.judgements(SPACE)
    store.add(said("x", "y", 1))
    with pytest.raises(IdsError, match="not one of 1 judged pairs is known"):
        store.judgements(SPACE)
    with pytest.raises(TooFewError, match="by ben"):
        store.judgements(SPACE, judges=["ben"])
    with pytest.raises(SpellingError, match="rumour"):
        store.judgements(SPACE, sources=["rumour"])
    with pytest.raises(SpellingError, match="combine is 'loudest': known are"):
        store.judgements(SPACE, combine="loudest")
    with pytest.raises(SpellingError, match="one text"):
        store.judgements(SPACE, judges="anna")
    store.add(said("d1", "d1", 1, direction="items-items"))
    with pytest.raises(TooFewError, match="only against itself"):
        store.judgements(SPACE, "items-items")


def test_a_store_is_read_as_a_file(store, movies, tmp_path):
    store.add(said("q0", "d1", 2))
    path = movies / "judgements.sqlite"
    assert judgement_kind(path) == "judgements"
    assert read_judgements(path, SPACE).gains.values.tolist() == [2]
    store.close()
    other = path.rename(tmp_path / "by-hand.qrels")
    assert read_judgements(other, SPACE).gains.values.tolist() == [2]


def test_a_space_uses_its_store_where_something_was_judged(store, movies):
    assert read_judgements(movies, SPACE).source == "held out"  # the store is empty yet
    store.add(said("q0", "d2", 2))
    remarks = []
    judged = read_judgements(movies, SPACE, say=remarks.append)
    assert judged.gains.row(0).tolist() == [2]
    assert judged.seen.row(0).tolist() == [4]  # what was folded in stays out of the ranking
    assert "1 pair judged" in remarks[0]
    assert f"--qrels {movies / 'judgements'}" in remarks[1]
    assert read_judgements(movies / "judgements", SPACE).source == "held out"
    with pytest.raises(FileError, match="holds no judgements for items-items"):
        read_judgements(movies, SPACE, direction="items-items")


def test_compare_uses_the_store_of_a_space(store, movies, anglewise):
    store.add_many(said(f"q{i}", f"d{j}", (i + j) % 3) for i in range(3) for j in range(5))
    run = anglewise("compare", movies, "--measures", "dot,cosine", "--json", "-")
    assert run.code == 0
    assert '"judged": 15' in run.out
    assert "15 pairs judged, 15 by people (anna)" in run.err
    run = anglewise("compare", movies, "--qrels", movies / "judgements", "--json", "-", "--quiet")
    assert '"judged": 2' in run.out
    run = anglewise("compare", movies, "--qrels", movies / "judgements.sqlite", "--json", "-")
    assert '"judged": 15' in run.out


def test_a_space_is_not_replaced_over_its_store(store, movies):
    store.add(said("q0", "d2", 2))
    with pytest.raises(FileError, match=r"judgements.sqlite.* which replacing it would delete"):
        write_space(SPACE, movies)
    assert store.counts().standing == 1


def test_a_store_of_another_version_is_refused_by_commands(movies, anglewise):
    import sqlite3

    with JudgementStore.open(movies / "judgements.sqlite") as opened:
        opened.add(said("q0", "d1", 2))
    connection = sqlite3.connect(movies / "judgements.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert refused(anglewise("compare", movies), "newer anglewise", "upgrade")
