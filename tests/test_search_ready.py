"""A space made ready once answers as if it were searched anew, and makes its tiles once."""

import weakref
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest

from anglewise import Embeddings, Index, Space, search
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import IdsError
from anglewise.nearest_neighbours import tiles
from anglewise.nearest_neighbours.search import search_prepared, search_vectors
from anglewise.nearest_neighbours.tiles import PreparedItems
from anglewise.similarity_measures.measure import measures
from search_oracle import same, scanners, using

PLAIN = ["dot", "cosine", "euclidean", "csls(3)", "manhattan"]


def a_space(items=900, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((items, 6)) * rng.lognormal(0, 1, (items, 1))
    return Space(items=Embeddings(x)), Embeddings(rng.standard_normal((20, 6)))


@pytest.mark.parametrize("scanner", scanners(), ids=lambda one: one.kind)
@pytest.mark.parametrize("room", [0, 20_000, 1 << 30])
@pytest.mark.parametrize("names", [PLAIN, ["cosine@whitened"]], ids=["plain", "framed"])
def test_what_is_kept_changes_no_answer(scanner, room, names):
    space, asked = a_space()
    with using(scanner, tile_rows=128, sample=100):
        prepared = PreparedItems.of(space, measures(names), room=room)
        anew = search_vectors(space, asked, names, k=7)
        for some in (asked, asked.take(np.array([3])), asked):
            found = search_prepared(prepared, some, k=7)
            if some is asked:
                assert all(same(found[name], anew[name]) for name in names)
            else:
                assert all(
                    np.array_equal(found[name].indices[0], anew[name].indices[3]) for name in names
                )
    assert sum(tile.vectors.nbytes for tile in prepared.tiles.values()) <= room
    assert prepared.room >= 0


@pytest.mark.parametrize("ask", ["search", "search_vectors"])
def test_the_maps_of_many_frames_are_not_held_together(ask):
    space, asked = a_space(60)
    names = [f"dot@without-top({n})" for n in range(1, 6)]
    held, most, prepare = weakref.WeakSet(), [], PreparedItems

    def noted(*given, **named):
        items = prepare(*given, **named)
        held.update(move for shared in items.passes for move in (shared.asking, shared.ranked))
        most.append(len(held))
        return items

    with mock.patch("anglewise.nearest_neighbours.search.PreparedItems", noted):
        if ask == "search":
            search(space, names, k=3, direction="items-items", threads=1)
        else:
            search_vectors(space, asked, names, k=3, threads=1)
    assert len(most) == len(names)
    assert max(most) <= 4


def test_tiles_are_made_once():
    space, asked = a_space()
    prepared = PreparedItems.of(space, measures("cosine"))
    with mock.patch.object(tiles, "tile", wraps=tiles.tile) as made:
        for _ in range(3):
            search_prepared(prepared, asked, k=3, threads=1)
        assert made.call_count == len(prepared.tiles) == 1


def test_an_index_that_grew_answers_with_what_it_holds_now():
    space, asked = a_space(50)
    index = Index(space, "cosine@centred")
    before = index.nearest(asked.vectors[0], 3)
    index.add(Embeddings(asked.vectors[:1] * 3, ids=["new"]))
    assert index.nearest(asked.vectors[0], 1)[0].id == "new"
    index.remove(["new"])
    assert index.nearest(asked.vectors[0], 3) == before


def test_many_threads_may_ask_at_once():
    space, asked = a_space()
    index = Index(space, "cosine")
    alone = [index.nearest(vector, 5) for vector in asked.vectors]
    fresh = Index(space, "cosine")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda vector: fresh.nearest(vector, 5), asked.vectors)) == alone


AMONG_ITEMS = ["dot", "csls(3)", "cosine@centred", "cosine@balanced", "cosine@data-space"]


@pytest.mark.parametrize("name", AMONG_ITEMS)
def test_items_ask_an_index_as_items(name):
    rng = np.random.default_rng(1)
    items = Embeddings(rng.standard_normal((60, 6)) + 1)
    space = Space(queries=Embeddings(rng.standard_normal((30, 6))), items=items)
    lists = search(space, name, k=7, direction="items-items")[name]
    found = Index(space, name).similar_items([str(row) for row in range(60)], 7)
    for row, hits in enumerate(found):
        assert [int(hit.id) for hit in hits] == lists.indices[row].tolist()
        assert [hit.score for hit in hits] == lists.scores[row].tolist()


def test_items_that_ask_are_held_to_a_filter_and_never_find_themselves():
    x = np.array([[1.0, 0], [1, 0], [2, 1], [0, 1]])
    index = Index(Embeddings(x, metadata={"kind": ["a", "b", "a", "b"]}), "cosine")
    assert [hit.id for hit in index.similar_items("0", 2)[0]] == ["1", "2"]
    assert [hit.id for hit in index.similar_items("0", 9, where="kind = a")[0]] == ["2"]
    assert [hit.id for hit in index.similar_items("1", 1, where="kind = a")[0]] == ["0"]
    with pytest.raises(IdsError, match="nobody"):
        index.similar_items("nobody")


@pytest.mark.parametrize("queries", [1, 3, 4, 5, 13])
@pytest.mark.parametrize("name", ["dot", "cosine", "euclidean", "manhattan", "cosine@whitened"])
def test_few_queries_find_what_many_find(queries, name):
    rng = np.random.default_rng(2)
    x = (rng.standard_normal((20_000, 8)) * rng.lognormal(0, 1, (20_000, 1))).round(1)
    asked = Embeddings(rng.standard_normal((40, 8)).round(1))
    hidden = SparseRows.from_pairs(*np.nonzero(rng.random((40, 20_000)) < 0.2), shape=(40, 20_000))
    space = Space(items=Embeddings(x))
    many = search_vectors(space, asked, name, k=9, exclude=hidden, threads=1)[name]
    some = np.arange(queries)
    few = search_vectors(space, asked.take(some), name, k=9, exclude=hidden.take(some))[name]
    assert np.array_equal(few.indices, many.indices[:queries])
    assert np.array_equal(few.scores, many.scores[:queries])
    assert np.array_equal(few.tied_at_cut, many.tied_at_cut[:queries])


def test_hidden_items_stay_hidden_however_near_they_are():
    rng = np.random.default_rng(3)
    x, asked = rng.standard_normal((3_000, 6)), rng.standard_normal((25, 6))
    order = np.argsort(-asked @ x.T, axis=1)
    depth = rng.integers(0, 2_990, 25)
    pairs = [(row, item) for row in range(25) for item in order[row, : depth[row]]]
    hidden = SparseRows.from_pairs(*np.array(pairs).T, shape=(25, 3_000))
    found = search_vectors(Space(items=Embeddings(x)), asked, "dot", k=10, exclude=hidden)["dot"]
    for row in range(25):
        assert found.indices[row].tolist() == order[row, depth[row] : depth[row] + 10].tolist()
