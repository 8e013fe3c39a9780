"""The engine finds what an exhaustive search in float64 finds, whatever comes."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, Space, search
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError, TooFewError
from anglewise.nearest_neighbours.search import engine_kind, search_vectors
from search_oracle import FIVE, PLAIN, neighbours, pair_scores, same, scanners, using

SCANNERS = pytest.mark.parametrize("scanner", scanners(), ids=lambda s: s.kind)


def check(space, measures, k, hidden=None, **settings):
    found = search(space, measures, k=k, **settings)
    place = np.argsort(space.items.id_order)
    for measure in measures:
        score = pair_scores(space.queries.vectors, space.items.vectors, measure)
        indices, scores, tied = neighbours(score, k, place, hidden)
        # twelve digits times a power of ten: the last bit may differ where that has no exact float
        np.testing.assert_allclose(found[measure].scores, scores, rtol=1e-15, err_msg=measure)
        assert np.array_equal(found[measure].indices, indices), measure
        assert np.array_equal(found[measure].tied_at_cut, tied), measure


KINDS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "few whole numbers": lambda rng, shape: rng.integers(-1, 2, shape),
    "duplicates": lambda rng, shape: rng.standard_normal(shape)[
        rng.integers(0, shape[0], shape[0])
    ],
    "zero rows": lambda rng, shape: rng.standard_normal(shape) * rng.integers(0, 2, (shape[0], 1)),
    "far from zero": lambda rng, shape: 1e4 + rng.standard_normal(shape),
    "norms over six decades": lambda rng, shape: (
        rng.standard_normal(shape) * 10 ** rng.uniform(-3, 3, (shape[0], 1))
    ),
    "hardly different": lambda rng, shape: 1 + 1e-6 * rng.standard_normal(shape),
    "beyond float32 sums": lambda rng, shape: rng.standard_normal(shape) * 1e25,
    "below float32 products": lambda rng, shape: rng.standard_normal(shape) * 1e-30,
    "one coordinate": lambda rng, shape: rng.standard_normal((shape[0], 1)),
    "all the same": lambda _, shape: np.ones(shape),
    "nothing": lambda _, shape: np.zeros(shape),
}


@SCANNERS
@pytest.mark.parametrize("kind", KINDS)
def test_the_engine_finds_what_exhaustive_search_finds(scanner, kind):
    rng = np.random.default_rng(0)
    items = KINDS[kind](rng, (900, 9))
    queries = KINDS[kind](rng, (40, 9))
    space = Space(queries=Embeddings(queries), items=Embeddings(items))
    with using(scanner, tile_rows=1, sample=128, keep=lambda k: k + 2):
        check(space, PLAIN, 7, threads=1)


@SCANNERS
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(sorted(KINDS)),
    shape=st.tuples(st.integers(1, 300), st.integers(1, 20), st.integers(1, 40)),
    k=st.integers(1, 300),
    hidden=st.floats(0, 1),
)
@settings(max_examples=40, deadline=None)
def test_any_shape_any_kind(*, scanner, seed, kind, shape, k, hidden):
    items, queries, d = shape
    rng = np.random.default_rng(seed)
    ids = rng.permutation(1000)[:items]
    x, q = KINDS[kind](rng, (items, d)), KINDS[kind](rng, (queries, d))
    out = rng.random((queries, items)) < hidden
    seen = SparseRows.from_pairs(*np.nonzero(out), shape=out.shape)
    space = Space(queries=Embeddings(q), items=Embeddings(x, ids=ids), seen=seen)
    with using(scanner, sample=16):
        check(space, PLAIN, min(k, items), hidden=out, threads=1)


@SCANNERS
def test_a_larger_table_with_a_sample_and_many_tiles(scanner):
    rng = np.random.default_rng(1)
    space = Space(
        queries=Embeddings(rng.standard_normal((30, 12))),
        items=Embeddings(rng.standard_normal((6000, 12)) * rng.lognormal(0, 0.5, (6000, 1))),
    )
    with using(scanner, sample=1024, tile_rows=1500):
        check(space, FIVE, 10, threads=2)


@SCANNERS
def test_who_asks_is_not_its_own_neighbour_and_further_rows_can_be_left_out(scanner):
    rng = np.random.default_rng(2)
    space = Space(items=Embeddings(rng.integers(-2, 3, (120, 4))))
    also = rng.random((120, 120)) < 0.3
    exclude = SparseRows.from_pairs(*np.nonzero(also), shape=also.shape)
    with using(scanner):
        for direction in ("items-items", "queries-queries"):
            check(space, PLAIN, 5, hidden=np.eye(120, dtype=bool), direction=direction)
            hidden = also | np.eye(120, dtype=bool)
            check(space, PLAIN, 5, hidden=hidden, direction=direction, exclude=exclude)
        check(space, PLAIN, 5)


def test_what_was_used_in_training_is_left_out_unless_told_otherwise():
    seen = SparseRows.from_pairs([0], [1], shape=(1, 3))
    space = Space(
        queries=Embeddings([[1.0, 1.0]]), items=Embeddings([[1, 0], [5, 5], [0, 1.5]]), seen=seen
    )
    assert search(space, "dot", k=2)["dot"].indices.tolist() == [[2, 0]]
    assert search(space, "dot", k=2, use_seen=False)["dot"].indices.tolist() == [[1, 2]]
    short = search(space, "dot", k=3)["dot"]
    assert short.indices.tolist() == [[2, 0, -1]]
    assert short.scores[0, 2] == -np.inf


def test_some_rows_are_answered_as_all_would_be():
    rng = np.random.default_rng(3)
    shown = rng.random((30, 50)) < 0.2
    space = Space(
        queries=Embeddings(rng.standard_normal((30, 3))),
        items=Embeddings(rng.standard_normal((50, 3))),
        seen=SparseRows.from_pairs(*np.nonzero(shown), shape=shown.shape),
    )
    rows = np.array([7, 3, 3, 29])
    for measure, found in search(space, PLAIN, k=4, rows=rows).items():
        whole = search(space, measure, k=4)[measure]
        assert np.array_equal(found.indices, whole.indices[rows])
        assert np.array_equal(found.scores, whole.scores[rows])


def test_vectors_from_elsewhere_are_answered_as_if_they_were_in_the_space():
    rng = np.random.default_rng(4)
    items, queries = Embeddings(rng.standard_normal((80, 5)) + 3), rng.standard_normal((9, 5))
    space = Space(queries=Embeddings(queries), items=items)
    names = [*PLAIN, "cosine@centred", "dot@whitened", "manhattan@without-top(1)"]
    inside = search(space, names, k=6)
    outside = search_vectors(space, Embeddings(queries), names, k=6)
    assert all(same(inside[name], outside[name]) for name in names)


def test_answers_come_in_the_order_asked_for_under_their_spellings():
    space = Space(items=Embeddings([[1.0]]))
    assert list(search(space, "manhattan, cosine@centred,dot", k=1)) == [
        "manhattan",
        "cosine@centred",
        "dot",
    ]


def test_a_zero_query_ties_with_everything_and_ids_decide():
    space = Space(
        queries=Embeddings([[0.0, 0.0]]),
        items=Embeddings(np.eye(2).repeat(3, 0), ids=list("fedcba")),
    )
    for measure in ("dot", "cosine", "norm(0.5,0.5)"):
        found = search(space, measure, k=2)[measure]
        assert found.indices.tolist() == [[5, 4]]
        assert found.scores.tolist() == [[0, 0]]
        assert found.tied_at_cut.tolist() == [4]


def test_too_many_neighbours_are_refused_with_both_numbers():
    space = Space(items=Embeddings(np.eye(5)))
    with pytest.raises(TooFewError, match="10 neighbours asked of 5 items"):
        search(space, "dot")
    with pytest.raises(TooFewError, match="neighbours is 0"):
        search(space, "dot", k=0)


def test_tables_and_rows_that_do_not_fit_are_refused():
    space = Space(items=Embeddings(np.eye(5)))
    with pytest.raises(ShapeError, match="exclude"):
        search(space, "dot", k=1, exclude=SparseRows.from_pairs([0], [0], shape=(2, 5)))
    with pytest.raises(ShapeError, match="query row 5 is none of 0 to 4"):
        search(space, "dot", k=1, rows=np.array([5]))
    with pytest.raises(ShapeError, match="3 columns, the space 5"):
        search_vectors(space, Embeddings(np.eye(3)), "dot", k=1)


def test_progress_rises_to_the_whole():
    heard = []
    space = Space(items=Embeddings(np.random.default_rng(0).standard_normal((700, 2))))
    search(space, "dot,manhattan,dot@centred", progress=lambda *at: heard.append(at))
    assert heard == sorted(heard)
    assert heard[-1][0] == heard[-1][1]


def test_the_kind_of_engine_can_be_named():
    assert engine_kind().split()[0] in {"compiled", "numpy"}


def test_equal_vectors_take_memory_for_some_pairs_at_a_time():
    """All of them tie at the cut of every query, so that each pair is looked at again."""
    items = Embeddings(np.tile(np.float32([1, 2]), (30_000, 1)))
    space = Space(items=items, queries=Embeddings(np.tile(np.float32([1, 2]), (128, 1))))
    search(space, ["dot"], k=2)  # what is kept beyond a search is there now
    tracemalloc.start()
    try:
        search(space, ["cosine"], k=2, threads=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150_000_000, peak
