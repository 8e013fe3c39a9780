"""A space made ready once answers as if it were searched anew, and makes its tiles once."""

import weakref
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest

from anglewise import Embeddings, Index, Space, search
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
