"""Few vectors of many dimensions: work in the span of the rows, with the results of all columns."""

import tracemalloc

import numpy as np
import pytest

import anglewise as aw
from anglewise.data_types.memory import check_square
from anglewise.equivalent_factorisations.certificates import witness
from anglewise.equivalent_factorisations.gauge import (
    random_pair,
    random_pair_in_span,
    row_cosines,
)
from anglewise.equivalent_factorisations.maps import root
from anglewise.errors import ValuesError
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.nearest_neighbours import passes
from anglewise.nearest_neighbours.passes import triangular
from anglewise.nearest_neighbours.search import search_vectors
from anglewise.similarity_measures import frames
from anglewise.similarity_measures.biases import WithoutBiases
from anglewise.similarity_measures.frames import Standardised, Whitened, fit_frames
from anglewise.similarity_measures.measure import measure, prepare

WIDE = 3_000


def space(dimension, *, one_sided=False):
    rng = np.random.default_rng(0)
    items, queries = (rng.normal(size=(n, dimension)) + 0.2 for n in (40, 20))
    return aw.Space(
        items=aw.Embeddings(items), queries=None if one_sided else aw.Embeddings(queries)
    )


def peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MEASURES = [
    "cosine@whitened",
    "cosine@whitened(0.1)",
    "euclidean@without-top(2)",
    "cosine@standardised",
    "manhattan@standardised",
    "cosine@standardised@whitened(0.2)",
    "cosine@without-top(1)@whitened(0.1)",
    "mutual-proximity",
]


@pytest.mark.parametrize("name", [*MEASURES, "cosine@balanced", "cosine@random(30,1)"])
def test_no_measure_takes_the_square_of_the_dimension(name):
    wide = space(WIDE)
    assert peak(lambda: aw.search(wide, name, k=5)) < WIDE**2 * 8 / 2  # half of one square


def test_an_audit_takes_no_square_of_the_dimension(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "50MB")  # of which a quarter goes to fitted maps
    wide = space(WIDE)
    assert peak(lambda: aw.audit(wide, sample=10)) < WIDE**2 * 8


@pytest.mark.parametrize("direction", ["queries-items", "items-items"])
@pytest.mark.parametrize("name", MEASURES[:-1])
def test_scores_in_the_span_are_those_in_all_columns(name, direction):
    """Rows of zeros on the asking side make the rows more than the columns, and change no list."""
    few = space(90)
    filled = np.concatenate([few.queries.vectors, np.zeros((100, 90), np.float32)])
    many = aw.Space(items=few.items, queries=aw.Embeddings(filled))
    if direction == "items-items":  # only the ranked side is asked: compare with vectors outside
        vectors = few.items.vectors
        (expected,) = search_vectors(few, vectors, name, k=40, direction=direction).values()
        (found,) = aw.search(few, name, k=39, direction=direction).values()
        for row in range(40):
            kept = expected.indices[row] != row
            assert found.indices[row].tolist() == expected.indices[row][kept].tolist()
            assert np.allclose(found.scores[row], expected.scores[row][kept], rtol=1e-6, atol=1e-6)
        return
    (found,) = aw.search(few, name, k=9).values()
    (expected,) = aw.search(many, name, k=9, rows=range(20)).values()
    assert found.indices.tolist() == expected.indices.tolist()
    assert np.allclose(found.scores, expected.scores, rtol=1e-6, atol=1e-6)


def test_the_root_of_few_rows_is_a_root():
    x = np.random.default_rng(1).normal(size=(7, 30))
    x[3] = x[2]
    few = root(x)
    assert few.matrix.shape == (6, 30)
    assert np.allclose(few.matrix.T @ few.matrix, x.T @ x, atol=1e-12)
    assert few.probe == pytest.approx((1 / np.arange(1, 8)) @ x)


@pytest.mark.parametrize("condition", [4.0, 1e4])
def test_a_random_map_in_the_span_is_distributed_as_a_whole_one(condition):
    x = np.random.default_rng(1).normal(size=(4, 24))
    basis = np.linalg.qr(x.T)[0]

    def cosines(draw, span):
        rng = np.random.default_rng(draw)
        pair = (
            random_pair_in_span(basis, condition, rng) if span else random_pair(24, condition, rng)
        )
        assert np.allclose((x @ pair.queries) @ (x @ pair.items).T, x @ x.T)
        return float(row_cosines((x @ pair.items)[:1], (x @ pair.items)[1:2])[0])

    drawn = np.array([[cosines(draw, span) for draw in range(600)] for span in (False, True)])
    error = drawn.std(axis=1).max() / np.sqrt(600)
    assert abs(drawn[0].mean() - drawn[1].mean()) < 5 * error
    assert drawn[0].std() == pytest.approx(drawn[1].std(), rel=0.2)


def test_a_witness_in_few_directions_keeps_every_prediction():
    few = space(300)
    result = witness(few.items.vectors, 0, k=5, condition=1.5)
    assert result.overlap < 1
    assert result.pair.condition <= 1.5
    moved = result.pair.apply(few)
    before, after = (s.queries.vectors @ s.items.vectors.T for s in (few, moved))
    assert moved.items.dimension == 300
    assert np.allclose(before, after, atol=1e-3)


def test_standardised_columns_are_counted_without_those_that_are_constant():
    x = np.random.default_rng(0).normal(size=(5, 9))
    x[:, 4] = 3.0
    maps = fit_frames((Standardised(),), aw.Space(items=aw.Embeddings(x)), "items-items")
    moved = maps.ranked(x)
    assert maps.ranked.columns == 8
    assert not moved[:, 4].any()
    assert np.allclose(np.delete(moved, 4, axis=1).std(axis=0), 1)


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("rows", [5, 60])
def test_shrunk_whitening_has_all_columns_and_plain_whitening_those_that_vary(rows, new):
    space_of_rows = aw.Space(items=aw.Embeddings(np.random.default_rng(0).normal(size=(rows, 9))))
    shrunk, plain, one = (
        fit_frames((Whitened(share),), space_of_rows, "items-items", new_vectors=new).ranked.columns
        for share in (0.3, 0, 1)
    )
    assert (shrunk, plain, one) == (9, min(9, rows - 1), 9)


def test_a_map_of_all_directions_asks_the_memory_that_is_allowed(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "200MB")
    with pytest.raises(ValuesError, match=r"4,096 dimensions takes 671 MB, 200 MB are allowed"):
        check_square(4_096)
    wide, shrunk = space(4_096, one_sided=True), measure("cosine@whitened(0.1)")
    with pytest.raises(ValuesError, match="dimensions"):  # new vectors may lie outside the span
        prepare(shrunk, wide, "items-items")


def test_a_frame_of_few_rows_is_not_turned_and_ranks_as_if_it_were(monkeypatch):
    few = space(400)
    names = ["cosine@random(30,1)", "euclidean@random(30,1)", "dot@balanced"]
    lists = aw.search(few, names, k=5)
    maps = fit_frames(measure(names[0]).frames, few, "queries-items", new_vectors=False)
    assert triangular(maps, 10) is maps
    turned = triangular(maps, 10_000)
    assert not np.triu(turned.ranked.matrix, 1).any()
    monkeypatch.setattr(passes, "triangular", lambda maps, _: triangular(maps, 10_000))
    for name, due in aw.search(few, names, k=5).items():
        assert np.array_equal(lists[name].indices, due.indices)
        assert np.allclose(lists[name].scores, due.scores, rtol=1e-9)


def test_an_audit_of_few_rows_keeps_no_maps_that_it_drew():
    few = space(300)
    aw.audit(few, k=3)
    kept = list(frames._FITTED.spaces[few])
    assert kept
    assert not any("random" in str(frame) for fitted_frames, *_ in kept for frame in fitted_frames)


DOORS = [
    "cosine@random(30,1)",
    "euclidean@random(30,1)",
    "dot@random(30,1)",
    "mutual-proximity@random(30,1)",
    "mutual-proximity@whitened(0.1)",
]
ALONG_AXES = [
    "manhattan@random(30,1)",
    "manhattan@without-top(1)",
    "manhattan@whitened(0.1)",
    "manhattan@whitened",
]


@pytest.mark.parametrize("direction", ["queries-items", "items-items"])
@pytest.mark.parametrize("name", [*DOORS, *ALONG_AXES])
def test_a_row_and_the_same_vector_anew_are_answered_alike(name, direction):
    few = space(90)
    asking = few.sides(direction)[0].vectors
    (by_row,) = aw.search(few, name, k=5, direction=direction).values()
    (by_vector,) = search_vectors(few, asking, name, k=40, direction=direction).values()
    for row in range(len(asking)):
        others = by_vector.indices[row] != (row if direction == "items-items" else -1)
        assert by_row.indices[row].tolist() == by_vector.indices[row][others][:5].tolist()
        assert by_row.scores[row] == pytest.approx(by_vector.scores[row][others][:5], rel=1e-6)


@pytest.mark.parametrize("name", ALONG_AXES)
def test_pairs_are_scored_along_the_axes_of_the_search(name):
    few = space(90)
    (found,) = aw.search(few, name, k=1).values()
    rows, items = np.arange(20), found.indices[:, 0]
    (scores,) = score_pairs(few, [measure(name)], rows, items)
    assert scores == pytest.approx(found.scores[:, 0], rel=1e-9)


def test_a_random_map_of_few_rows_keeps_biases_and_every_product():
    rng = np.random.default_rng(0)
    queries, items = rng.normal(size=(5, 30)), rng.normal(size=(7, 30))
    queries[:, 3], items[1] = 1.0, items[0]
    few = aw.Space(queries=aw.Embeddings(queries), items=aw.Embeddings(items))
    due = few.queries.vectors.astype(float) @ few.items.vectors.T
    frames = measure("dot@random(30,1)").frames
    for new in (False, True):
        maps = fit_frames(frames, few, "queries-items", new_vectors=new)
        asked, ranked = maps.asking(few.queries.vectors), maps.ranked(few.items.vectors)
        assert np.allclose(asked @ ranked.T, due, atol=1e-10)
        assert (np.abs(asked - 1).max(axis=0) < 1e-12).sum() == 1  # the column of biases stays


BLOWN_UP = [
    ("cosine@without-top(1)@standardised", "cosine@without-top(1)@whitened"),
    ("cosine@whitened(0.1)@standardised", "cosine@whitened"),
]


@pytest.mark.parametrize(("rows", "dimension", "rank"), [(30, 64, 64), (200, 16, 5)])
@pytest.mark.parametrize(("name", "same"), BLOWN_UP)
def test_directions_of_rounding_are_not_standardised(name, same, rows, dimension, rank):
    """Columns behind such a frame are principal directions: to standardise them is to whiten."""
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.normal(size=(dimension, rank)))[0].T
    items, queries = (rng.normal(size=(n, rank)) @ plane for n in (rows, 50))
    made = aw.Space(items=aw.Embeddings(items), queries=aw.Embeddings(queries))
    found, due = (aw.search(made, one, k=5)[one] for one in (name, same))
    assert found.indices.tolist() == due.indices.tolist()
    assert np.allclose(found.scores, due.scores, atol=1e-5)


@pytest.mark.parametrize("frame", ["standardised", "centred@standardised"])
def test_columns_that_no_frame_mixed_keep_their_own_unit(frame):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3)) * [1e-12, 1e6, 1] + [0, 0, 5]
    x[:, 2] = 5
    made = aw.Space(items=aw.Embeddings(x))
    moved = fit_frames(measure(f"dot@{frame}").frames, made, "items-items").ranked(
        made.items.vectors
    )
    assert moved.std(axis=0) == pytest.approx([1, 1, 0])


def test_leaving_biases_out_of_wide_vectors_asks_the_memory_that_is_allowed(monkeypatch):
    wide = aw.Space(items=aw.Embeddings(np.ones((3, 600))), about={"bias_columns": [2]})
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    with pytest.raises(ValuesError, match="600 dimensions"):
        fit_frames((WithoutBiases(),), wide, "items-items")


@pytest.mark.parametrize("order", [1, -1])
def test_pairs_are_scored_the_same_whoever_is_scored_beside_them(order):
    """A random gauge of few rows is drawn whole for measures that read the axes alone."""
    sides = space(90)
    wide = aw.Space(items=sides.items.take(np.arange(5)), queries=sides.queries.take(np.arange(4)))
    a, b = np.array([0, 1, 2]), np.array([2, 0, 1])
    both = [measure("manhattan@random(9,1)"), measure("cosine@random(9,1)")][::order]
    together = score_pairs(wide, both, a, b)
    alone = np.concatenate([score_pairs(wide, [one], a, b) for one in both])
    assert together == pytest.approx(alone, rel=1e-9)
