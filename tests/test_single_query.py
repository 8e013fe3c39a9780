"""One query is answered by one call of the compiled part, with the list that it has among many."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, Index, Recommender, Space
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import AnglewiseError
from anglewise.nearest_neighbours import single_query
from anglewise.nearest_neighbours.ranking import KERNEL
from anglewise.nearest_neighbours.search import search_prepared
from anglewise.nearest_neighbours.single_query import single_list
from anglewise.nearest_neighbours.tiles import PreparedItems
from anglewise.similarity_measures.formulas import Dot, Measure
from anglewise.similarity_measures.measure import measures
from search_oracle import FIVE, scanners, using
from test_search import KINDS

COMPILED = [one for one in scanners() if one.kind != "numpy"]
SCANNERS = pytest.mark.parametrize("scanner", COMPILED, ids=lambda one: one.kind)
NAMES = [
    *FIVE,
    "norm(0.5,1)",
    "norm(0.3,0.7)",
    "csls(3)",
    "cosine@centred",
    "dot@standardised",
    "euclidean@whitened",
]
pytestmark = pytest.mark.skipif(KERNEL is None, reason="nothing is compiled here")


def among_many(items, vector, hidden, k):
    """The list of a vector that stands twice in a block, so that nobody takes it for one."""
    both = Embeddings(np.stack([vector, vector]))
    pairs = np.repeat([0, 1], len(hidden)), np.tile(hidden, 2)
    out = SparseRows.from_pairs(*pairs, shape=(2, len(items.ranked)))
    found = search_prepared(items, both, k=k, exclude=out, threads=1)[items.measures[0]]
    return found.indices[0], found.scores[0], int(found.tied_at_cut[0])


def check_alike(items, vector, hidden, k):
    """Whether the one call answered; then its list is that of the many to the byte."""
    one = single_list(items, vector, hidden, k=k, threads=1)
    if one is None:
        return False
    indices, scores, tied = among_many(items, vector, hidden, k)
    assert one[0].tobytes() == indices.tobytes()
    assert one[1].tobytes() == scores.tobytes()
    assert one[2] == tied
    return True


@SCANNERS
@pytest.mark.parametrize("name", NAMES)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(sorted(KINDS)),
    shape=st.tuples(st.integers(2, 300), st.integers(1, 40)),
    k=st.integers(1, 300),
    hidden=st.floats(0, 1),
)
@settings(max_examples=12, deadline=None)
def test_one_is_answered_as_among_many(*, scanner, name, seed, kind, shape, k, hidden):
    rng = np.random.default_rng(seed)
    x, q = KINDS[kind](rng, shape), KINDS[kind](rng, (3, shape[1]))
    ids = rng.permutation(1000)[: shape[0]]
    with using(scanner, sample=16, tile_rows=64):
        try:
            items = PreparedItems.of(Space(items=Embeddings(x, ids=ids)), measures(name))
            asked = Embeddings(np.concatenate([q, x[:1]])).vectors
            out = np.flatnonzero(rng.random(shape[0]) < hidden)
            for vector in asked:
                check_alike(items, vector, out, min(k, shape[0]))
        except AnglewiseError:  # what a frame takes out of float32 is refused both ways
            return


@SCANNERS
@pytest.mark.parametrize("name", NAMES)
def test_the_one_call_proves_nearly_all_lists(scanner, name):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((20_000, 24)) * rng.lognormal(0, 0.5, (20_000, 1))
    with using(scanner):
        items = PreparedItems.of(Space(items=Embeddings(x)), measures(name))
        asked = Embeddings(rng.standard_normal((60, 24))).vectors
        out = np.flatnonzero(rng.random(20_000) < 0.1)
        assert sum(check_alike(items, vector, out, 10) for vector in asked) >= 57


def test_what_cannot_be_proven_is_left_to_the_many():
    rng = np.random.default_rng(2)
    x = Embeddings(np.ones((200, 4)))
    items = PreparedItems.of(Space(items=x), measures("dot"))
    none = np.zeros(0, dtype=np.int64)
    assert single_list(items, x.vectors[0], none, k=3, threads=1) is None
    found = search_prepared(items, x.take(np.array([0])), k=3, threads=1)["dot"]
    assert (found.indices.tolist(), found.tied_at_cut.tolist()) == ([[0, 1, 2]], [197])
    spread = PreparedItems.of(Space(items=Embeddings(rng.normal(size=(99, 4)))), measures("dot"))
    for wrong in (np.array([3, 2]), np.array([1, 1]), np.array([99]), np.array([-1])):
        assert single_list(spread, x.vectors[0], wrong, k=3, threads=1) is None
    assert single_list(spread, x.vectors[0], none, k=3, threads=1) is not None


def test_a_formula_of_ones_own_and_what_is_not_kept_are_answered_as_among_many():
    class Halved(Dot):
        def score(self, product, query_norms, item_norms):
            return super().score(product / 2, query_norms, item_norms)

    space = Space(items=Embeddings(np.random.default_rng(3).normal(size=(50, 4))))
    none = np.zeros(0, dtype=np.int64)
    for items in (
        PreparedItems.of(space, [Measure(Halved())]),
        PreparedItems.of(space, measures("manhattan")),
        PreparedItems.of(space, measures("dot,cosine")),
        PreparedItems.of(space, measures("dot"), room=0),
    ):
        assert single_list(items, space.items.vectors[0], none, k=3, threads=1) is None
    halved = PreparedItems.of(space, [Measure(Halved())])
    found = search_prepared(halved, Embeddings(space.items.vectors[:1]), k=1)["dot"]
    score = float(space.items.vectors[0].astype(float) @ space.items.vectors[found.indices[0, 0]])
    assert found.scores[0, 0] == pytest.approx(score / 2)


@pytest.mark.parametrize("name", ["dot", "cosine", "euclidean", "norm(0,0.5)", "cosine@balanced"])
def test_a_recommender_and_an_index_give_the_lists_that_they_gave(name):
    rng = np.random.default_rng(4)
    seen = SparseRows.from_pairs(*np.nonzero(rng.random((30, 400)) < 0.3), shape=(30, 400))
    users = rng.normal(size=(30, 8)).round(1)
    users[3] = 0
    items = rng.normal(size=(400, 8)).round(1)
    items[5] = items[6] = items[7]
    space = Space(queries=Embeddings(users), items=Embeddings(items), seen=seen)

    def lists():
        recommender, index = Recommender(space, name, threads=1), Index(space, name)
        for row in range(30):
            for k in (1, 10, 500):
                yield recommender.recommend(rows=[row], k=k)
                yield recommender.recommend(str(row), k, with_seen=True)
                yield recommender.similar_items(rows=[row], k=k)
                yield recommender.similar_users(rows=[row], k=k)
            yield index.search(users[row], 7)

    def shown(found):
        if isinstance(found, list):
            return found
        return (
            found.asked.tolist(),
            found.ids.tolist(),
            found.scores.tobytes(),
            found.found.tied_at_cut.tolist(),
            (found.silent, found.meaning, found.measure, found.found.direction),
        )

    alone = list(map(shown, lists()))
    with mock.patch.object(single_query, "single_query", return_value=None):
        assert list(map(shown, lists())) == alone


@pytest.mark.wrong_kinds
def test_bad_questions_about_one_are_refused_as_about_many():
    space = Space(items=Embeddings(np.eye(3)))
    recommender = Recommender(space)
    for k in (0, -1, 1.5, True, "3"):
        with pytest.raises(AnglewiseError):
            recommender.similar_items(rows=[0], k=k)
    for rows in ([3], [-1], [0.5], ["0"], [True]):
        with pytest.raises(AnglewiseError):
            recommender.similar_items(rows=rows)
    assert recommender.similar_items(rows=[0], k=np.int64(2)).ids.tolist() == [["1", "2"]]


def test_buffers_that_do_not_fit_are_refused_by_the_compiled_part():
    space = Space(items=Embeddings(np.random.default_rng(5).normal(size=(50, 4))))
    items = PreparedItems.of(space, measures("dot"))
    none = np.zeros(0, dtype=np.int64)
    single_list(items, space.items.vectors[0], none, k=3, threads=1)
    (single,) = items.alone.values()
    rows, scores, vector = np.empty(3, dtype=np.int64), np.empty(3), space.items.vectors[0]
    call = single.kernel.single
    with pytest.raises(ValueError, match="came"):
        call(single.held, False, vector[:3].copy(), vector, 1.0, 3, 11, none, rows, scores)
    with pytest.raises(ValueError, match="came"):
        call(single.held, False, vector, vector, 1.0, 4, 11, none, rows, scores)
    with pytest.raises(ValueError, match="sizes"):
        call(single.held, False, vector, vector, 1.0, 3, 2, none, rows, scores)
    with pytest.raises(ValueError, match="PyCapsule"):
        call(object(), False, vector, vector, 1.0, 3, 11, none, rows, scores)
    with pytest.raises(ValueError, match="missing"):
        single.kernel.prepare(4, 4, 50, 1, 0, 0.4, (), [])
