"""What must not matter, does not: tiles, threads, the order of the items, who computes."""

from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, Measure, Space, search
from anglewise.errors import ShapeError, ValuesError
from anglewise.nearest_neighbours import blocks, equal_rows
from anglewise.nearest_neighbours.passes import bounds, passes
from anglewise.nearest_neighbours.ranking import KERNEL, Candidates
from anglewise.nearest_neighbours.scanners import scanner as scanner_here
from anglewise.nearest_neighbours.tiles import tile
from anglewise.similarity_measures.formulas import BlockFormula
from anglewise.similarity_measures.measure import measures
from search_oracle import FIVE, PLAIN, same, scanners, using

NAMES = [*PLAIN, "cosine@centred", "cosine@whitened", "euclidean@whitened", "manhattan@whitened"]
SCANNERS = pytest.mark.parametrize("scanner", scanners(), ids=lambda s: s.kind)


def space_of(seed, items=800, queries=40, d=6):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((items, d)) * rng.lognormal(0, 1, (items, 1)) + rng.integers(0, 2)
    if seed % 2:
        x = np.round(x)
    return Space(queries=Embeddings(rng.standard_normal((queries, d))), items=Embeddings(x))


@SCANNERS
@given(seed=st.integers(0, 1000), tile_rows=st.integers(1, 900), keep=st.integers(0, 30))
@settings(max_examples=6, deadline=None)
def test_tile_size_and_number_of_candidates_do_not_matter(scanner, seed, tile_rows, keep):
    space = space_of(seed)
    with using(scanner, tile_rows=1 << 20):
        whole = search(space, NAMES, k=9, threads=1)
    with using(scanner, tile_rows=tile_rows, sample=100, keep=lambda k: k + keep):
        tiled = search(space, NAMES, k=9, threads=1)
    assert all(same(whole[name], tiled[name]) for name in NAMES)


@SCANNERS
@pytest.mark.parametrize("seed", [0, 1])
def test_threads_do_not_matter(scanner, seed):
    space = space_of(seed, items=3000)
    with using(scanner, tile_rows=700):
        one = search(space, NAMES, k=9, threads=1)
        assert all(
            same(one[name], found)
            for threads in (2, 5)
            for name, found in search(space, NAMES, k=9, threads=threads).items()
        )


@SCANNERS
@given(seed=st.integers(0, 1000))
@settings(max_examples=6, deadline=None)
def test_the_order_of_the_items_does_not_matter(scanner, seed):
    space = space_of(seed, items=400)
    order = np.random.default_rng(seed).permutation(400)
    moved = Space(queries=space.queries, items=space.items.take(order))
    with using(scanner, sample=64):
        before = search(space, PLAIN, k=9)
        after = search(moved, PLAIN, k=9)
    for name in PLAIN:
        assert np.array_equal(order[after[name].indices], before[name].indices)
        assert np.array_equal(after[name].scores, before[name].scores)
        assert np.array_equal(after[name].tied_at_cut, before[name].tied_at_cut)


@pytest.mark.skipif(KERNEL is None, reason="the compiled part was not built here")
@given(seed=st.integers(0, 1000))
@settings(max_examples=6, deadline=None)
def test_who_computes_does_not_matter(seed):
    space = space_of(seed)
    answers = []
    for scanner in scanners():
        with using(scanner, sample=100):
            answers.append(search(space, NAMES, k=9))
    assert all(same(answers[0][name], other[name]) for other in answers[1:] for name in NAMES)


@SCANNERS
def test_one_query_is_answered_as_among_many(scanner):
    space = space_of(4)
    with using(scanner):
        many = search(space, NAMES, k=5)
        for row in (0, 31):
            alone = search(space, NAMES, k=5, rows=np.array([row]))
            for name in NAMES:
                assert np.array_equal(alone[name].indices[0], many[name].indices[row])
                assert np.array_equal(alone[name].scores[0], many[name].scores[row])


@SCANNERS
def test_measures_together_are_answered_as_each_alone(scanner):
    space = space_of(5)
    with using(scanner):
        together = search(space, NAMES, k=5)
        assert all(same(together[name], search(space, name, k=5)[name]) for name in NAMES)


def test_unit_vectors_rank_alike_under_dot_cosine_and_euclidean():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((200, 8))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    found = search(Space(items=Embeddings(x)), FIVE, k=10, direction="items-items")
    overlap = found["dot"].indices == found["euclidean"].indices
    assert overlap.mean() > 0.99


def test_dot_ranking_survives_rescaling_of_a_query():
    space = space_of(8)
    longer = Space(queries=Embeddings(space.queries.vectors * 8), items=space.items)
    for name in FIVE[:2]:
        assert np.array_equal(search(space, name)[name].indices, search(longer, name)[name].indices)


def test_euclidean_neighbours_survive_a_common_offset():
    rng = np.random.default_rng(9)
    x, q = rng.integers(-64, 64, (2000, 8)) / 64, rng.integers(-64, 64, (40, 8)) / 64
    near = search(Space(queries=Embeddings(q), items=Embeddings(x)), "euclidean")["euclidean"]
    far = Space(queries=Embeddings(q + 8192), items=Embeddings(x + 8192))
    assert same(near, search(far, "euclidean")["euclidean"])


@dataclass(frozen=True)
class Overlap(BlockFormula):
    meaning = "shared mass"
    broken: str = ""

    def __str__(self):
        return "overlap"

    def block(self, queries, items):
        score = np.minimum(queries[:, None], items[None]).sum(axis=2)
        if self.broken == "shape":
            return score[:, :-1]
        return score * np.nan if self.broken == "nan" else score


def test_a_measure_of_ones_own_is_searched_exactly():
    space = space_of(3, items=700)
    measure = Measure(Overlap())
    found = search(space, [measure, "dot"], k=12)["overlap"]
    score = (
        Overlap()
        .block(space.queries.vectors.astype(np.float64), space.items.vectors.astype(np.float64))
        .astype(np.float32)
    )
    order = np.argsort(-score, axis=1, kind="stable")[:, :12]
    assert np.array_equal(found.indices, order)
    last = np.take_along_axis(score, order[:, -1:], axis=1)
    inside = np.take_along_axis(score, order, axis=1) == last
    assert np.array_equal(found.tied_at_cut, (score == last).sum(1) - inside.sum(1))


@pytest.mark.parametrize(("broken", "error"), [("shape", ShapeError), ("nan", ValuesError)])
def test_a_measure_of_ones_own_that_misbehaves_is_named(broken, error):
    with pytest.raises(error, match="overlap"):
        search(space_of(0, items=20), [Measure(Overlap(broken=broken))], k=1)


def test_a_block_that_spans_sizes_does_not_spoil_the_bound():
    """Rounding noise beside real vectors: for cosine no item reaches further than its norm is."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 4)) * np.where(np.arange(24) < 12, 1e-18, 1.0)[:, None]
    space = Space(items=Embeddings(x))
    (shared,) = passes(measures("cosine"), space, "items-items")
    made = tile(shared, space.items, range(24), scanner_here())
    lever = made.reach[2]
    assert 0.99 < lever[np.isfinite(lever)].max() < 1.01


def test_a_cut_is_found_where_items_of_no_length_tie():
    """Tiny queries among zeros: all distances are nearly theirs, and the cut lies just below 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)) * np.where(np.arange(400) < 40, 0.0, 3.0)[:, None]
    space = Space(queries=Embeddings(rng.normal(size=(5, 4)) * 0.01), items=Embeddings(x))
    (shared,) = passes(measures("euclidean"), space, "queries-items")
    made = tile(shared, space.items, range(400), scanner_here())
    (bound,) = bounds(made.reach, shared.formulas, space.queries.norms, 4, True)
    near = np.zeros(5, dtype=np.float32)
    cut = bound.cut(near, -space.queries.norms)
    assert np.isfinite(cut).all()
    assert (cut > -0.01).all()


def repeated(seed, distinct=7, items=600, d=6):
    """A space of few vectors that recur often, under ids in no order, with rows seen before."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((distinct, d)) * rng.lognormal(0, 1, (distinct, 1))
    x = np.concatenate([x, rng.standard_normal((40, d))])
    which = np.concatenate([rng.integers(distinct, size=items), distinct + np.arange(40)])
    ids = [f"i{number}" for number in rng.permutation(items + 40)]
    queries = np.concatenate([x[:distinct], rng.standard_normal((33, d))])
    seen = rng.random((len(queries), items + 40)) < 0.3
    return Space(
        queries=Embeddings(queries), items=Embeddings(x[rng.permutation(which)], ids)
    ), scipy.sparse.csr_matrix(seen)


@SCANNERS
@pytest.mark.parametrize("collisions", [False, True])
@given(seed=st.integers(0, 1000), distinct=st.integers(1, 30), k=st.sampled_from([1, 9, 130]))
@settings(max_examples=3, deadline=None)
def test_equal_rows_rank_as_if_each_were_scored_by_itself(scanner, collisions, seed, distinct, k):
    space, seen = repeated(seed, distinct)
    names = ["dot", "cosine", "euclidean", "manhattan", "cosine@whitened", "csls(5)"]
    calls = [
        {"space": space, "k": k, "exclude": seen},
        {"space": space, "k": k, "direction": "items-items", "rows": np.arange(0, 600, 7)},
    ]
    for call in calls:
        with using(scanner, sample=100), mock.patch.object(blocks, "FEW", 1 << 30):
            alone = search(measures=names, threads=1, **call)
        with (
            using(scanner, sample=100),
            mock.patch.object(blocks, "FEW", 0),
            mock.patch.object(equal_rows, "_hashes", wraps=equal_rows._hashes) as hashes,
        ):
            if collisions:
                hashes.side_effect = lambda ranked, _: np.arange(len(ranked), dtype=np.uint64) % 5
            grouped = search(measures=names, threads=1, **call)
        assert hashes.called
        assert all(same(alone[name], grouped[name]) for name in names)


def test_of_equal_rows_none_is_scored_again():
    x = np.tile(np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32), (3000, 1))
    scored = []
    scoring = blocks.QueryBlock.pair_scores

    def counting(block, measure, queries, rows):
        scored.append(len(rows))
        return scoring(block, measure, queries, rows)

    with mock.patch.object(blocks.QueryBlock, "pair_scores", counting):
        neighbours = search(x, "cosine", k=10, direction="items-items")["cosine"]
    assert sum(scored) == 0  # what surely ties goes by the order of ids
    assert neighbours.indices[5].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert (neighbours.tied_at_cut == 2999 - 10).all()


@pytest.mark.parametrize("seed", range(6))
def test_candidates_are_the_best_of_all_that_were_added_and_the_cut_is_above_the_others(seed):
    rng = np.random.default_rng(seed)
    keep, queries, items = 700, 3, 6000  # so many are not sorted on the way
    values = rng.standard_normal((queries, items)).astype(np.float32)
    found = Candidates.none(queries, 1, keep)
    for part in np.split(rng.permutation(items), sorted(rng.integers(1, items, 6))):
        rows = np.repeat(np.arange(queries), len(part))
        offered = values[:, part].ravel()
        above = offered > found.cut[rows, 0]
        found.add(0, rows[above], offered[above], np.tile(part, queries)[above])
    found.finish()
    for query in range(queries):
        kept = found.rows[query, 0]
        others = np.setdiff1d(np.arange(items), kept)
        assert len(set(kept.tolist())) == keep
        assert values[query, kept].min() >= values[query, others].max()
        assert found.cut[query, 0] >= values[query, others].max()
        assert found.cut[query, 0] <= values[query, kept].min()
