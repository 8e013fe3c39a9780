"""An index answers as a search does, whatever was added and removed, whoever asks meanwhile."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

import anglewise
from anglewise import (
    Embeddings,
    Index,
    Judgements,
    Space,
    SparseVectors,
    search,
    write_space,
)
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import (
    FileError,
    IdsError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)
from anglewise.nearest_neighbours.index import Answering

MEASURES = ["dot", "cosine", "euclidean", "manhattan", "cosine@centred", "dot@whitened"]


def films(rows, seed=0, d=5, first=0):
    rng = np.random.default_rng(seed)
    ids = [f"f{i}" for i in range(first, first + rows)]
    about = {"title": [f"Film {i}" for i in ids], "year": list(range(1900, 1900 + rows))}
    return Embeddings(np.round(rng.standard_normal((rows, d)), 1), ids=ids, metadata=about)


def shown(lists):
    return [[(hit.id, hit.score) for hit in hits] for hits in lists]


def searched(space, measure, k):
    found = search(space, measure, k=k)[measure]
    ids = space.items.ids
    return [
        [(ids[row], score) for row, score in zip(rows, scores, strict=True)]
        for rows, scores in zip(found.indices.tolist(), found.scores.tolist(), strict=True)
    ]


def state(index):
    items = index.space.items
    return list(items.ids), items.vectors.tolist(), dict(items.metadata or {})


@pytest.mark.parametrize("measure", [*MEASURES, "cosine@balanced"])
def test_it_answers_exactly_as_search_does(measure):
    asking = Embeddings(np.random.default_rng(1).standard_normal((20, 5)))
    space = Space(items=films(60), queries=asking)
    assert shown(Index(space, measure).search(asking.vectors, 7)) == searched(space, measure, 7)


@pytest.mark.parametrize("measure", MEASURES)
def test_after_a_change_it_answers_as_if_it_had_been_made_so(measure):
    index = Index(films(40), measure)
    index.nearest(np.ones(5))
    index.add(films(20, seed=2, first=40))
    index.remove([f"f{i}" for i in range(10)])
    asking = Embeddings(np.random.default_rng(1).standard_normal((9, 5)))
    vectors = np.concatenate([films(40).vectors[10:], films(20, seed=2).vectors])
    anew = Embeddings(vectors, ids=[f"f{i}" for i in range(10, 60)])
    expected = searched(Space(items=anew, queries=asking), measure, 6)
    assert shown(index.search(asking.vectors, 6)) == expected


@given(st.integers(1, 12), st.integers(0, 99), st.sampled_from(MEASURES))
@settings(max_examples=20)
def test_adding_then_removing_is_the_identity(more, seed, measure):
    index = Index(films(15), measure)
    before, answers = state(index), shown(index.search(np.eye(5), 4))
    added = films(more, seed=seed, first=100)
    added.metadata["mood"] = ["gay"] * more
    index.add(added)
    assert len(index) == 15 + more
    assert index.nearest(added.vectors[0])[0].metadata.keys() >= {"mood", "title"}
    index.remove(added.ids)
    assert state(index) == before
    assert shown(index.search(np.eye(5), 4)) == answers


@pytest.mark.parametrize("measure", MEASURES)
def test_saving_then_loading_is_the_identity(measure, tmp_path):
    index = Index(films(30), measure)
    index.add(films(5, seed=3, first=30))
    index.save(tmp_path / "films")
    again = Index.load(tmp_path / "films")
    assert again.measure == measure
    assert again.search(np.eye(5), 6) == index.search(np.eye(5), 6)
    index.save(tmp_path / "films")  # over itself
    assert Index.load(tmp_path / "films", "dot").measure == "dot"


def test_a_hit_says_what_its_score_means_and_what_is_known():
    hit = Index(films(9), "cosine@centred").nearest(np.ones(5), 1)[0]
    assert hit.meaning == "cosine in [-1, 1] (after: centred)"
    assert hit.metadata["title"] == f"Film {hit.id}"


def test_a_filter_is_a_search_among_what_it_lets_through_in_the_frame_of_all():
    index = Index(films(50), "cosine@centred")
    whole = index.nearest(np.ones(5), 50)
    early = [hit for hit in whole if hit.metadata["year"] < 1910]
    assert index.nearest(np.ones(5), 50, where=lambda about: about["year"] < 1910) == early
    years = list(range(1900, 1910))
    assert index.nearest(np.ones(5), 50, where={"year": years}) == early
    assert index.nearest(np.ones(5), 3, where={"year": years}) == early[:3]
    assert index.nearest(np.ones(5), 3, where={"year": 1905, "title": "no"}) == []
    with pytest.raises(SpellingError, match="no metadata is called 'yaer'"):
        index.nearest(np.ones(5), where={"yaer": 1900})


@pytest.mark.parametrize(
    ("where", "held"),
    [
        ({"title": 0}, "text"),
        ({"title": ["Film f1", 1]}, "text"),
        ({"year": "1900"}, "numbers"),
        ({"year": True}, "numbers"),
        ({"year": {"$gt": "1900"}}, "numbers"),
        ({"year": float("nan")}, "numbers"),
        ({"is_old": 1}, "true or false"),
        ({"genres": "noir"}, "list"),
    ],
)
def test_a_filter_that_nothing_can_match_is_refused(where, held):
    index = Index(with_genres(), "dot")
    with pytest.raises(WrongTypeError, match=f"hold {held}, and"):
        index.nearest(np.ones(5), where=where)


def with_genres():
    plain = films(4)
    genres = [["noir"], ["noir", "crime"], [], None]
    return Embeddings(
        plain.vectors,
        ids=plain.ids,
        metadata={**plain.metadata, "is_old": [True, False, True, False], "genres": genres},
    )


def test_a_filter_takes_what_equals_a_cell_and_what_is_missing():
    index = Index(with_genres(), "dot")
    cases = {
        "f0": {"year": np.int64(1900)},
        "f1": {"year": 1901.0},
        "f2": {"is_old": True, "year": [1902, 1903]},
        "f3": {"genres": None},
    }
    for name, where in cases.items():
        assert [hit.id for hit in index.nearest(np.ones(5), where=where)] == [name]


def test_metadata_of_another_kind_than_the_index_holds_are_not_added():
    index = Index(films(2), "dot")
    for about in ({"title": [5]}, {"year": ["1900"]}, {"year": [True]}):
        with pytest.raises(WrongTypeError, match=r"hold (text|numbers), and"):
            index.add(Embeddings(np.ones((1, 5)), ids=["n"], metadata=about))
    index.add(Embeddings(np.ones((1, 5)), ids=["n"], metadata={"title": [None], "year": [0.5]}))
    assert list(index.ids) == ["f0", "f1", "n"]


def test_many_filtered_queries_are_answered_in_blocks(monkeypatch):
    index = Index(films(50), "dot")
    vectors = np.random.default_rng(0).standard_normal((23, 5))
    for where in ({"year": 1920}, {"year": {">": 1910}}):
        whole = index.search(vectors, 4, where=where)
        monkeypatch.setattr("anglewise.nearest_neighbours.index_state.EXCLUDED_AT_ONCE", 100)
        assert index.search(vectors, 4, where=where) == whole
        monkeypatch.undo()


def test_lists_are_shorter_where_fewer_items_are_there():
    assert len(Index(films(3), "dot").nearest(np.ones(5), 10)) == 3


@pytest.mark.parametrize("measure", ["dot", "dot@centred"])
def test_readers_see_whole_snapshots_while_one_writes(measure):
    """Every change adds or removes a pair of twins, one at each end of the axis."""
    pair = lambda n: Embeddings([[n, 1.0], [-n, 1.0]], ids=[f"+{n}", f"-{n}"])  # noqa: E731
    index = Index(pair(1), measure)
    torn, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            right, left = index.search([[1.0, 0.0], [-1.0, 0.0]], 1)
            if right[0].id[1:] != left[0].id[1:] or len(index) % 2:
                torn.append((right, left))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(2, 40):
        index.add(pair(n))
    for n in range(2, 40):
        index.remove([f"+{n}", f"-{n}"])
    stop.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert set(index.ids) == {"+1", "-1"}


def test_writers_at_once_lose_nothing():
    index = Index(films(1), "dot")
    writers = [
        threading.Thread(target=lambda n=n: [index.add(films(1, first=n * 100 + i + 1))
                                             for i in range(20)])
        for n in range(4)
    ]  # fmt: skip
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(index) == 81


def test_a_change_that_is_refused_changes_nothing():
    index = Index(films(5), "dot")
    before = state(index)
    with pytest.raises(IdsError, match="f4 is in the index already"):
        index.add(films(2, first=4))
    with pytest.raises(ShapeError, match="4 columns, the index 5"):
        index.add(films(2, d=4, first=10))
    with pytest.raises(IdsError, match="no item has the id 'nobody'"):
        index.remove(["f1", "nobody"])
    with pytest.raises(TooFewError, match="last item"):
        index.remove(index.ids)
    assert state(index) == before


@pytest.mark.parametrize(
    ("vectors", "error"),
    [
        (np.ones(4), ShapeError),
        (np.ones((2, 2, 5)), ShapeError),
        ([[float("nan")] * 5], ValuesError),
        ([["a"] * 5], ValuesError),
        (np.zeros((0, 5)), ShapeError),
    ],
)
def test_vectors_that_cannot_be_answered_are_refused(vectors, error):
    with pytest.raises(error):
        Index(films(5), "dot").search(vectors)


def test_no_neighbours_are_too_few():
    with pytest.raises(TooFewError, match="k is 0"):
        Index(films(5), "dot").search(np.ones(5), 0)


def test_vectors_are_given_by_id():
    index = Index(films(5), "dot")
    assert index.vectors(["f3", "f0"]).tolist() == films(5).vectors[[3, 0]].tolist()
    with pytest.raises(IdsError):
        index.vectors(["f9"])


def test_a_space_that_names_no_measure_needs_one(tmp_path):
    write_space(Space(items=films(3)), tmp_path / "films")
    with pytest.raises(SpellingError, match="names no measure"):
        Index.load(tmp_path / "films")
    assert len(Index.load(tmp_path / "films", "dot")) == 3


def test_saving_deletes_no_judgements(tmp_path):
    space = Space(items=films(3), queries=films(2, first=7))
    gains = SparseRows.from_pairs([0], [1], shape=(2, 3))
    write_space(space, tmp_path / "films", judgements={"queries-items": Judgements(gains)})
    with pytest.raises(FileError, match="judgements"):
        Index.load(tmp_path / "films", "dot").save(tmp_path / "films")


def test_it_is_what_a_store_must_be_to_stand_in_its_place():
    assert isinstance(anglewise.Index(films(3), "dot"), Answering)


@pytest.mark.parametrize("k", [2, 9])
def test_an_index_of_sparse_vectors_answers_as_a_search_among_what_passes(k):
    rng = np.random.default_rng(0)
    x = (rng.random((8, 12)) < 0.4) * rng.integers(1, 5, (8, 12))
    about = {"kind": list("aabbabab")}
    items = SparseVectors(csr_array(x), [f"d{i}" for i in range(8)], about)
    index, asked = Index(items, "dot"), SparseVectors(csr_array(x[:3]))
    whole = index.search(asked, 8)
    for kind in ("a", "b"):
        found = index.search(asked, k, where={"kind": kind})
        assert found == [[hit for hit in one if hit.metadata["kind"] == kind][:k] for one in whole]
    assert index.search(asked, k, where=lambda about: about["kind"] == "c") == [[], [], []]
