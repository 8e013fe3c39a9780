"""Lists of token vectors: MaxSim by a plain NumPy oracle, on every path and any threads."""

from itertools import product

import numpy as np
import pytest

import anglewise as aw
from anglewise.data_types.neighbours import rounded
from anglewise.errors import (
    IdsError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)
from anglewise.nearest_neighbours.token_search import pair_scores
from search_oracle import same, scanners, using

BOTH = ("maxsim", "maxsim-cosine")


def lists(rng, rows, d, most=40, least=1):
    counts = rng.integers(least, most + 1, rows)
    return [rng.standard_normal((count, d)).astype(np.float32) for count in counts]


def exact(queries, items, name):
    """The score of every query with every item, in float64."""
    scores = np.zeros((len(queries), len(items)))
    for i, j in product(range(len(queries)), range(len(items))):
        q, x = (side.row(row).astype(np.float64) for side, row in ((queries, i), (items, j)))
        if name == "maxsim-cosine":
            q, x = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (q, x))
        scores[i, j] = (q @ x.T).max(axis=1).sum()
    return rounded(scores)


def space(seed=0, *, queries=9, items=120, d=24, most=40):
    rng = np.random.default_rng(seed)
    return aw.Space(
        queries=aw.TokenVectors(lists(rng, queries, d, 70)),
        items=aw.TokenVectors(lists(rng, items, d, most)),
    )


@pytest.mark.parametrize("scanner", scanners(), ids=lambda scanner: scanner.kind)
@pytest.mark.parametrize("d", [1, 7, 24, 128])
def test_maxsim_is_the_sum_of_the_largest_products(scanner, d):
    tokens = space(d, d=d)
    with using(scanner):
        found = aw.search(tokens, BOTH, k=10, threads=1)
    for name in BOTH:
        scores = exact(tokens.queries, tokens.items, name)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        np.testing.assert_array_equal(found[name].indices, best)
        np.testing.assert_allclose(
            found[name].scores, np.take_along_axis(scores, best, 1), rtol=1e-11
        )


@pytest.mark.parametrize("measure", BOTH)
def test_every_path_and_number_of_threads_gives_the_same_bits(measure):
    tokens = space(3, items=400)
    answers = []
    for scanner in scanners():
        with using(scanner):
            answers += [aw.search(tokens, measure, k=15, threads=t)[measure] for t in (1, 2, 5)]
    assert all(same(answer, answers[0]) for answer in answers)


def test_lists_of_one_token_rank_as_single_vectors_to_the_bit():
    rng = np.random.default_rng(1)
    x, q = rng.standard_normal((300, 17)).astype("f4"), rng.standard_normal((20, 17)).astype("f4")
    single = aw.search(aw.Space(items=x, queries=q), "dot,cosine", k=20)
    tokens = aw.Space(
        items=aw.TokenVectors(x, np.arange(301)), queries=aw.TokenVectors(q, np.arange(21))
    )
    found = aw.search(tokens, BOTH, k=20)
    assert same(found["maxsim"], single["dot"])
    assert same(found["maxsim-cosine"], single["cosine"])


@pytest.mark.parametrize("measure", BOTH)
def test_the_order_of_tokens_moves_no_bit(measure):
    rng = np.random.default_rng(5)
    queries, items = lists(rng, 12, 16, 50), lists(rng, 90, 16)
    mixed = [[rng.permutation(row) for row in side] for side in (queries, items)]
    first, second = (
        aw.search(aw.Space(queries=aw.TokenVectors(q), items=aw.TokenVectors(x)), measure, k=20)[
            measure
        ]
        for q, x in ((queries, items), mixed)
    )
    assert same(first, second)


def test_the_order_of_tokens_moves_no_bit_of_a_sum_before_it_is_rounded():
    rng = np.random.default_rng(7)
    (query,), items = lists(rng, 1, 16, 50, 50), aw.TokenVectors(lists(rng, 60, 16))
    rows, none = np.arange(60), np.zeros(60, dtype=np.int64)
    for name in BOTH:
        sums = [
            pair_scores(items, aw.TokenVectors([asking]), aw.measure(name), none, rows).tolist()
            for asking in (query, query[::-1], rng.permutation(query))
        ]
        assert sums[0] == sums[1] == sums[2]


@pytest.mark.parametrize("measure", BOTH)
@pytest.mark.parametrize("scale", [1, 512])
def test_scores_that_float32_cannot_tell_apart_are_ranked_by_float64(measure, scale):
    rng = np.random.default_rng(8)
    base, queries = rng.standard_normal((6, 96)).astype("f4"), lists(rng, 5, 96, 40, 20)
    base = scale * np.tile(base, (3, 1))  # several tokens of an item are as near the largest
    near = [base + rng.integers(-2, 3, base.shape) * np.spacing(base) for _ in range(150)]
    tokens = aw.Space(queries=aw.TokenVectors(queries), items=aw.TokenVectors(near))
    best = np.argsort(-exact(tokens.queries, tokens.items, measure), axis=1, kind="stable")[:, :8]
    for scanner in scanners():
        with using(scanner):
            found = aw.search(tokens, measure, k=8)[measure]
        np.testing.assert_array_equal(found.indices, best)


def test_equal_scores_fall_in_the_order_of_ids_and_ties_are_counted():
    rng = np.random.default_rng(2)
    one = rng.standard_normal((5, 8)).astype("f4")
    items = aw.TokenVectors([one[::-1], one, one * 2, one], ids=["30", "4", "5", "100"])
    found = aw.search(aw.Space(items=items, queries=aw.TokenVectors([one])), "maxsim", k=2)
    assert items.ids[found["maxsim"].indices[0]].tolist() == ["5", "4"]
    assert found["maxsim"].tied_at_cut.tolist() == [2]


def test_a_token_twice_in_an_item_changes_nothing_and_in_a_query_counts_twice():
    rng = np.random.default_rng(4)
    items, query = lists(rng, 30, 6), lists(rng, 1, 6, 9)
    doubled = [np.concatenate([row, row]) for row in items]
    scores = [
        aw.search(aw.Space(queries=aw.TokenVectors(q), items=aw.TokenVectors(x)), "maxsim", k=30)[
            "maxsim"
        ]
        for q, x in (
            (query, items),
            (query, doubled),
            ([np.concatenate([query[0], query[0]])], items),
        )
    ]
    assert same(scores[0], scores[1])
    np.testing.assert_allclose(scores[2].scores, 2 * scores[0].scores, rtol=1e-11)


def test_a_zero_token_has_cosine_0_and_never_nan():
    items = aw.TokenVectors([[[0.0, 0.0]], [[-1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]])
    queries = aw.TokenVectors([[[2.0, 0.0], [0.0, 0.0]]])
    found = aw.search(aw.Space(items=items, queries=queries), "maxsim-cosine", k=3)
    assert found["maxsim-cosine"].indices.tolist() == [[2, 0, 1]]
    assert found["maxsim-cosine"].scores.tolist() == [[1.0, 0.0, -1.0]]


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1.0, 1e15])
def test_scores_that_float32_can_hardly_hold_are_exact(scale):
    rng = np.random.default_rng(6)
    queries = aw.TokenVectors([row * np.float32(scale) for row in lists(rng, 4, 12)])
    items = aw.TokenVectors([row * np.float32(scale) for row in lists(rng, 60, 12)])
    for scanner, name in product(scanners(), BOTH):
        with using(scanner):
            found = aw.search(aw.Space(queries=queries, items=items), name, k=8)[name]
        best = np.argsort(-exact(queries, items, name), axis=1, kind="stable")[:, :8]
        np.testing.assert_array_equal(found.indices, best)


def test_scores_beyond_float32_are_refused():
    large = aw.TokenVectors([np.full((2, 3), 1e25, "f4"), np.full((1, 3), -1e25, "f4")])
    with pytest.raises(ValuesError, match="divide all token vectors by one number"):
        aw.search(large, "maxsim", k=1, direction="items-items")


def test_what_is_excluded_and_the_row_itself_stand_in_no_list():
    tokens = space(8, queries=6, items=20)
    one_sided = aw.search(tokens.items, "maxsim", k=19, direction="items-items")["maxsim"]
    assert not (one_sided.indices == np.arange(20)[:, None]).any()
    from anglewise.data_types.sparse import SparseRows

    hidden = SparseRows.from_pairs(
        np.repeat(np.arange(6), 18), np.tile(np.arange(18), 6), shape=(6, 20)
    )
    found = aw.search(tokens, "maxsim", k=3, exclude=hidden)["maxsim"]
    assert set(found.indices[:, :2].ravel().tolist()) == {18, 19}
    assert (found.indices[:, 2] == -1).all()


def test_little_memory_gives_the_same_lists(monkeypatch):
    tokens = space(9, queries=12)
    whole = aw.search(tokens, "maxsim", k=5)["maxsim"]
    monkeypatch.setenv("ANGLEWISE_MEMORY", "9kB")
    assert same(aw.search(tokens, "maxsim", k=5)["maxsim"], whole)


def test_blocks_of_queries_change_no_list(monkeypatch):
    tokens = space(11, queries=12)
    whole = aw.search(tokens, "maxsim", k=5)["maxsim"]
    monkeypatch.setattr("anglewise.nearest_neighbours.token_search.QUERY_TOKENS", 40)
    for scanner in scanners():
        with using(scanner):
            assert same(aw.search(tokens, "maxsim", k=5)["maxsim"], whole)


def test_progress_ends_at_the_whole():
    seen = []
    aw.search(space(1), BOTH, k=3, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (18, 18)
    assert seen == sorted(seen)


def test_lists_come_from_matrices_offsets_nested_lists_and_arrow_columns():
    pa = pytest.importorskip("pyarrow")
    nested = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]
    matrix = np.array([[1, 2], [3, 4], [5, 6]], dtype="f4")
    ways = [
        aw.TokenVectors(nested),
        aw.TokenVectors([np.array(row) for row in nested]),
        aw.TokenVectors(matrix, [0, 2, 3]),
        aw.TokenVectors(pa.table({"tokens": nested})["tokens"]),
    ]
    for way in ways:
        assert way.tokens.tolist() == matrix.tolist()
        assert way.offsets.tolist() == [0, 2, 3]
    assert np.shares_memory(ways[2].tokens, matrix)
    assert len(ways[0]) == 2
    assert ways[0].counts.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("tokens", "offsets", "error", "words"),
    [
        ([np.ones((2, 3)), np.full((1, 3), np.nan)], None, ValuesError, "token 0 of '1'"),
        ([np.ones((2, 3)), np.ones((1, 4))], None, ShapeError, "row 1 has tokens of 4 numbers"),
        ([np.ones((2, 3)), np.ones((0, 3))], None, ValuesError, "row 1 has no token"),
        ([np.ones((2, 3)), []], None, ValuesError, "row 1 has no token"),
        ([], None, ShapeError, "no rows"),
        ([np.ones(3)], None, ShapeError, "tokens x d is due"),
        ("items.npz", None, WrongTypeError, "a list of matrices is due"),
        ([None], None, ValuesError, "row 0 is missing"),
        (np.ones((4, 2)), [0, 3, 2, 4], ShapeError, "offsets go down after row 1, from 3 to 2"),
        (np.ones((4, 2)), [0, 3], ShapeError, "from 0 to 3, and there are 4 tokens"),
        (np.ones((4, 2)), [1, 4], ShapeError, "from 1 to 4"),
        (np.ones((4, 2)), [0, 2, 2, 4], ValuesError, "row 1 has no token"),
        (np.ones((4, 2)), [0.0, 4.0], ShapeError, "whole numbers are due"),
        (np.ones((4, 2)), [0], ShapeError, "whole numbers are due"),
        (np.array([["a", "b"]]), [0, 1], ValuesError, "real numbers are due"),
    ],
)
def test_lists_that_are_none_are_refused_with_what_is_due(tokens, offsets, error, words):
    with pytest.raises(error, match=words):
        aw.TokenVectors(tokens, offsets)


def test_ids_and_metadata_are_checked_as_those_of_embeddings():
    with pytest.raises(IdsError):
        aw.TokenVectors([[[1.0]], [[2.0]]], ids=["a", "a"])
    with pytest.raises(ShapeError):
        aw.TokenVectors([[[1.0]], [[2.0]]], metadata={"title": ["one"]})


def test_measures_of_single_vectors_do_not_rank_lists_nor_the_other_way():
    tokens = space(0, queries=2, items=5)
    for name in ("dot", "cosine", "euclidean", "norm(0,0.5)", "maxsim@centred"):
        with pytest.raises(SpellingError, match="ranked by maxsim"):
            aw.search(tokens, name, k=2)
    with pytest.raises(SpellingError, match="ranks lists of token vectors"):
        aw.search(np.eye(3), "maxsim", k=1)
    with pytest.raises(SpellingError, match="ranks lists of token vectors"):
        aw.Index(np.eye(3), "maxsim").search(np.eye(3), 1)
    with pytest.raises(TooFewError):
        aw.search(tokens, "maxsim", k=6)


def test_what_reads_single_vectors_refuses_lists_and_says_what_takes_them():
    tokens = space(0, queries=20, items=20)
    for work in (aw.audit, aw.gauge("balanced").apply, lambda s: s.items.zero_rows):
        with pytest.raises(WrongTypeError, match="search, compare and Index"):
            work(tokens)


def test_both_sides_are_of_one_kind():
    with pytest.raises(WrongTypeError, match="both sides are to be of one kind"):
        aw.Space(items=aw.TokenVectors([[[1.0, 2.0]]]), queries=[[1.0, 2.0]])
    with pytest.raises(ShapeError, match="take both from one model"):
        aw.Space(items=aw.TokenVectors([[[1.0, 2.0]]]), queries=aw.TokenVectors([[[1.0]]]))
