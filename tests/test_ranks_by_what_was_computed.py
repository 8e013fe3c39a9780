"""Lists follow the float64 score to twelve digits, however long, short or near vectors are."""

import json
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import anglewise as aw
from anglewise.comparison.list_notes import TIED_SHARE
from anglewise.data_types.neighbours import rounded, rounded_from
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ValuesError
from anglewise.io.runs import strictly_falling
from anglewise.nearest_neighbours import blocks, ranking, search
from anglewise.similarity_measures.formulas import Cosine, Dot
from cli_run import anglewise  # noqa: F401
from search_oracle import PLAIN, neighbours, pair_scores, same, scanners, twelve_digits, using

SCANNERS = pytest.mark.parametrize("scanner", scanners(), ids=lambda s: s.kind)


def cone(rng, shape, width=1e-4):
    """Vectors whose cosines lie within ``width`` squared of 1."""
    return 3 + width * rng.standard_normal(shape)


SIZES = {
    "in a narrow cone": cone,
    "in a narrower cone": lambda rng, shape: cone(rng, shape, 2e-6),
    "near 1e20": lambda rng, shape: 1e20 * rng.standard_normal(shape),
    "near 1e-23": lambda rng, shape: 1e-23 * rng.standard_normal(shape),
    "near 1e-40": lambda rng, shape: (1e-40 * rng.standard_normal(shape)).astype(np.float32),
    "from 1e-30 to 1e20": lambda rng, shape: (
        rng.standard_normal(shape) * 10.0 ** rng.uniform(-30, 20, (shape[0], 1))
    ),
    "near 1e-23 in a cone": lambda rng, shape: 1e-23 * cone(rng, shape),
    "near 1e20 in a cone": lambda rng, shape: 1e20 * cone(rng, shape),
}
KINDS = pytest.mark.parametrize("kind", SIZES)


def space_of(kind, items=500, queries=25, d=12, seed=0):
    rng = np.random.default_rng(seed)
    x, q = SIZES[kind](rng, (items, d)), SIZES[kind](rng, (queries, d))
    ids = rng.permutation(items)
    return aw.Space(queries=aw.Embeddings(q), items=aw.Embeddings(x, ids=ids))


def due(space, measure, k, direction="queries-items"):
    asking, ranked = space.sides(direction)
    itself = None if direction == "queries-items" else np.eye(len(ranked), dtype=bool)
    score = pair_scores(asking.vectors, ranked.vectors, measure)
    return neighbours(score, k, np.argsort(ranked.id_order), itself)


@SCANNERS
@KINDS
@pytest.mark.parametrize("direction", ["queries-items", "items-items", "queries-queries"])
def test_lists_are_those_of_float64(scanner, kind, direction):
    space = space_of(kind, items=150)
    with using(scanner, tile_rows=64, sample=16):
        found = aw.search(space, PLAIN, k=9, direction=direction)
    for measure in PLAIN:
        indices, scores, tied = due(space, measure, 9, direction)
        assert np.array_equal(found[measure].indices, indices), measure
        assert np.array_equal(found[measure].tied_at_cut, tied), measure
        np.testing.assert_allclose(found[measure].scores, scores, rtol=1e-15, err_msg=measure)


@KINDS
def test_the_order_is_that_of_numpy_where_scores_are_apart(kind):
    """An oracle that shares nothing with the engine: NumPy's own sums, and its own sort."""
    space = space_of(kind)
    q, x = (side.vectors.astype(np.float64) for side in (space.queries, space.items))
    exact = {
        "dot": q @ x.T,
        "cosine": (q / np.linalg.norm(q, axis=1, keepdims=True))
        @ (x / np.linalg.norm(x, axis=1, keepdims=True)).T,
        "euclidean": -np.linalg.norm(q[:, None] - x, axis=2),
        "manhattan": -np.abs(q[:, None] - x).sum(axis=2),
    }
    for measure, lists in aw.search(space, list(exact), k=10).items():
        score = exact[measure]
        order = np.argsort(-score, axis=1, kind="stable")
        best = np.take_along_axis(score, order[:, :11], axis=1)
        apart = (np.diff(best, axis=1) < -3e-12 * np.abs(best[:, 1:])).all(axis=1)
        assert np.array_equal(lists.indices[apart], order[apart, :10]), measure
        if kind != "in a narrower cone":
            assert apart.any(), measure


@KINDS
def test_engines_batches_and_threads_agree_to_the_last_id_and_bit(kind, monkeypatch):
    space, names = space_of(kind, items=400, queries=20), [*PLAIN, "dot@centred"]
    if kind != "in a narrow cone":
        names = PLAIN  # lengths beyond float32 are refused after a frame
    answers = [aw.search(space, names, k=6)]
    for scanner in scanners():
        with using(scanner, tile_rows=100, sample=64):
            answers.append(aw.search(space, names, k=6, threads=3))
    halves = [aw.search(space, names, k=6, rows=rows) for rows in (range(7), range(7, 20))]
    for name in names:
        assert all(same(answers[0][name], other[name]) for other in answers[1:])
        joined = np.concatenate([half[name].scores for half in halves])
        assert np.array_equal(joined, answers[0][name].scores)
        joined = np.concatenate([half[name].indices for half in halves])
        assert np.array_equal(joined, answers[0][name].indices)
    monkeypatch.setattr(search, "block_length", lambda *_: 13)
    monkeypatch.setattr(blocks, "AGAIN_QUERIES", 7)
    monkeypatch.setattr(blocks, "AGAIN_BYTES", 1)
    for crowd in (0, 2):
        monkeypatch.setattr(blocks, "CROWD", crowd)
        small = aw.search(space, names, k=6)
        assert all(same(answers[0][name], small[name]) for name in names)


@KINDS
def test_an_index_and_recommendations_give_the_lists_of_a_search(kind):
    space = space_of(kind)
    for measure in ("dot", "cosine", "euclidean"):
        indices, _, _ = due(space, measure, 5)
        wanted = space.items.ids[indices]
        hits = aw.Index(space.items, measure).search(space.queries.vectors, 5)
        assert np.array_equal([[hit.id for hit in hits_of] for hits_of in hits], wanted)
        recommended = aw.Recommender(space, measure).recommend(rows=range(25), k=5)
        assert np.array_equal(recommended.ids, wanted)


def nearest_judged(score, count):
    order = np.argsort(-score, axis=1, kind="stable")[:, :count]
    rows = np.repeat(np.arange(len(order)), count)
    return aw.Judgements(SparseRows.from_pairs(rows, order.ravel(), shape=score.shape))


@KINDS
@pytest.mark.parametrize("measure", ["dot", "cosine", "euclidean"])
def test_a_measure_whose_nearest_were_judged_is_found_perfect(kind, measure):
    space = space_of(kind)
    if kind == "in a narrower cone" and measure == "cosine":
        pytest.skip("cosines within 1e-11 of 1 tie to twelve digits")
    judged = nearest_judged(pair_scores(space.queries.vectors, space.items.vectors, measure), 5)
    result = aw.compare(space, judged, "dot,cosine,euclidean", "P@5")
    assert {row.measure: row.metrics["P@5"].mean for row in result.measures}[measure] == 1
    assert result.verdict.measure == measure or measure in {
        name for row in result.measures[:1] for name in row.alike
    }


def test_csls_takes_off_what_was_computed_in_a_narrow_cone():
    rng = np.random.default_rng(0)
    asked, items = (aw.Embeddings(cone(rng, (n, 12), 1e-3)) for n in (25, 500))
    q, x = (side.vectors.astype(np.float64) / side.norms[:, None] for side in (asked, items))
    cosines = q @ x.T
    score = 2 * cosines - np.sort(cosines, axis=0)[-5:].mean(axis=0)
    order = np.argsort(-score, axis=1)[:, :11]
    apart = (np.diff(np.take_along_axis(score, order, axis=1), axis=1) < -2e-11).all(axis=1)
    assert apart.mean() > 0.5
    found = aw.search(aw.Space(queries=asked, items=items), "csls(5)", k=10)["csls(5)"]
    assert np.array_equal(found.indices[apart], order[apart, :10])


def test_pairs_and_triplets_are_ordered_by_what_was_computed():
    rng = np.random.default_rng(0)
    x = cone(rng, (300, 8)).astype(np.float32)
    a, b, c = (
        rng.integers(100, size=300),
        100 + rng.integers(100, size=300),
        rng.integers(200, 300, 300),
    )
    exact = x.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    near, far = -((exact[a] - exact[b]) ** 2).sum(axis=1), -((exact[a] - exact[c]) ** 2).sum(axis=1)
    space = aw.Space(items=aw.Embeddings(x))
    pairs = aw.compare(space, aw.Pairs(a, b, near), "cosine,dot", "spearman")
    assert pairs.measures[0].measure == "cosine"
    assert pairs.measures[0].metrics["spearman"].mean > 0.9999
    nearer = near > far
    triplets = aw.Triplets(a, np.where(nearer, b, c), np.where(nearer, c, b))
    result = aw.compare(space, triplets, "cosine,dot")
    assert result.measures[0].measure == "cosine"
    assert result.measures[0].metrics["triplet-accuracy"].mean > 0.99


@given(st.floats(allow_nan=False), st.integers(-20, 20))
@settings(max_examples=400, deadline=None)
def test_scores_whose_twelve_digits_agree_tie_and_no_others(score, steps):
    """By the decimals that Python writes; scores below 2.3e-308 count as 0."""
    other = score * (1 + steps * 1e-13)
    if not np.isfinite(other) or 0 < min(abs(score), abs(other)) < 1e-300:
        return
    a, b = rounded(np.array([score, other])).tolist()
    assert (a == b) == (f"{score:.11e}" == f"{other:.11e}" or score == other == 0)
    assert (a < b) <= (score < other)
    assert a == pytest.approx(score, rel=5.1e-12, abs=0)


@SCANNERS
def test_the_engines_round_alike_to_the_last_bit(scanner):
    rng = np.random.default_rng(0)
    score = rng.standard_normal(20_000) * 10.0 ** rng.uniform(-290, 290, 20_000)
    halves = rng.integers(-40_000, 40_000, 20_000) / 4096
    tens = [10.0**e for e in range(-300, 300)]
    almost = [9.9999999999996 * 10.0**e for e in range(-300, 300)]
    score = np.r_[score, halves, tens, almost, 0.0, -0.0, np.inf, -np.inf]
    with using(scanner):
        ones = np.ones(len(score))
        came = ranking.scores(Dot(), np.zeros(len(score), dtype=np.int64), score, ones, ones)
    assert np.array_equal(came, rounded(score))
    assert not np.signbit(came[came == 0]).any()
    middle = (np.abs(score) > 1e-11) & (np.abs(score) < 1e12)
    assert np.array_equal(came[middle], twelve_digits(score[middle]))


def test_items_of_one_direction_tie_under_cosine_whatever_their_length():
    """Their cosines differ in the last bits alone: ids decide."""
    rng = np.random.default_rng(0)
    direction = rng.integers(1, 100, 24).astype(np.float64)
    items = direction * rng.permutation(np.arange(1, 41))[:, None]
    space = aw.Space(
        queries=aw.Embeddings(rng.standard_normal((5, 24))), items=aw.Embeddings(items)
    )
    raw = Cosine().score(
        *(np.asarray(v) for v in (
            space.queries.vectors.astype(float) @ space.items.vectors.astype(float).T,
            np.broadcast_to(space.queries.norms[:, None], (5, 40)),
            np.broadcast_to(space.items.norms, (5, 40)),
        ))
    )  # fmt: skip
    assert len(np.unique(raw[0])) > 1
    found = aw.search(space, "cosine", k=10)["cosine"]
    assert (found.indices == np.arange(10)).all()
    assert (found.tied_at_cut == 30).all()


def test_written_runs_keep_the_order_of_scores_that_float32_does_not_hold():
    for scale in (1e-60, 1e-46, 1e40, 1e70, 1.0):
        scores = scale * np.array([[3.0, 2.0, 2.0, 1.0, -1.0], [1.0, 0.0, 0.0, -2.0, -np.inf]])
        falling = strictly_falling(scores)
        assert falling.dtype == np.float32
        assert (np.diff(falling.astype(np.float64)[:, :4]) < 0).all()
        assert np.isfinite(falling[:, :4]).all()


BELOW = {
    "1e-50": np.array([[1.0, 2.0], [1e-50, 2e-50]]),
    "1e-40, rounded": np.array([[1.0, 2.0], [1.23456789e-40, 0.0]]),
}


@pytest.mark.parametrize("kind", BELOW)
def test_rows_below_the_range_of_float32_are_refused_as_rows_beyond_it_are(kind, tmp_path):
    x = BELOW[kind]
    with pytest.raises(ValuesError, match=r"row 1 holds no number above .*e-.*below what float32"):
        aw.Embeddings(x)
    with pytest.raises(ValuesError, match="row 1 holds"):
        aw.Space(items=x.tolist())
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", items=x)
    lines = [json.dumps({"id": str(i), "vector": row}) for i, row in enumerate(x.tolist())]
    (tmp_path / "x.jsonl").write_text("\n".join(lines) + "\n")
    words = [" ".join(["word", *map(repr, row)]) for row in x.tolist()]
    (tmp_path / "x.vec").write_text("\n".join(["2 2", *words]) + "\n")
    tabs = [line.replace(" ", "\t", 1) for line in words]
    (tmp_path / "slow.vec").write_text("\n".join(["2 2", *tabs]) + "\n")
    for name in ("x.npy", "x.npz", "x.jsonl", "x.vec", "slow.vec"):
        with pytest.raises(ValuesError, match="row 1 holds no number above"):
            aw.read_space(items=tmp_path / name)


def test_small_numbers_that_float32_holds_or_that_stand_beside_larger_ones_are_taken():
    tiny = np.array([[1.0, 1e-50], [0.0, 0.0], [1e-37, 1e-60]])
    assert aw.Embeddings(tiny).vectors.tolist()[:2] == [[1.0, 0.0], [0.0, 0.0]]
    held = np.array([[2.0**-140, 2.0**-149]])
    assert (aw.Embeddings(held).vectors == held).all()
    assert (aw.Embeddings(held.astype(np.float32)).vectors == held).all()


def tied(share, queries=40):
    """Under dot so many of the queries see all items alike; under euclidean none does."""
    rng = np.random.default_rng(0)
    items, asked = rng.standard_normal((60, 6)), rng.standard_normal((queries, 6))
    items[:, 5], asked[:, 5] = 0, 1
    asked[: round(share * queries), :5] = 0
    space = aw.Space(queries=aw.Embeddings(asked), items=aw.Embeddings(items))
    return space, nearest_judged(-np.linalg.norm(asked[:, None] - items, axis=2), 3)


SAID = "ties decide lists (8 of 40 for dot)"


def test_lists_that_ties_decide_are_said_beside_the_verdict(anglewise, tmp_path, monkeypatch):  # noqa: F811
    space, judged = tied(0.2)
    result = aw.compare(space, judged, "dot,euclidean", "P@10")
    (note,) = [note for note in result.notes if "ties" in note]
    assert note.startswith(SAID)
    assert note in result.to_dict()["notes"]
    few = aw.compare(*tied(TIED_SHARE), "dot,euclidean", "P@10")
    assert few.evidence.found["dot"].tied_at_cut.astype(bool).mean() == TIED_SHARE
    assert not any("ties" in note for note in few.notes)
    np.save(tmp_path / "q.npy", space.queries.vectors)
    np.save(tmp_path / "x.npy", space.items.vectors)
    rows, columns = judged.gains.rows, judged.gains.indices
    lines = [f"{q} 0 {x} 1" for q, x in zip(rows, columns, strict=True)]
    (tmp_path / "qrels.txt").write_text("\n".join(lines) + "\n")
    files = ["--queries", "q.npy", "--items", "x.npy", "--qrels", "qrels.txt"]
    out = ["--json", "out.json", "--html", "out.html"]
    monkeypatch.chdir(tmp_path)
    said = anglewise("compare", *files, "--measures", "dot,euclidean", "--metric", "P@10", *out)
    assert said.code == 0
    assert SAID in " ".join(said.out.split())
    assert SAID in (tmp_path / "out.html").read_text()
    assert any(SAID in note for note in json.loads((tmp_path / "out.json").read_text())["notes"])


TIED = {
    "one direction, different lengths": lambda rng, n, d: (
        rng.uniform(0.5, 2, (n, 1)) * rng.standard_normal(d)
    ),
    "one direction, both ways": lambda rng, n, d: (
        rng.uniform(0.5, 2, (n, 1)) * rng.choice([-1, 1], (n, 1)) * rng.standard_normal(d)
    ),
    "zeros of either sign": lambda rng, n, d: np.where(
        np.arange(d) > 0, rng.choice([0.0, -0.0], (n, d)), 1.0
    ),
    "axes": lambda rng, n, d: np.eye(d)[rng.integers(d, size=n)] * rng.uniform(0.5, 2, (n, 1)),
    "corners": lambda rng, n, d: rng.choice([-1.0, 1.0], (n, d)),
    "whole numbers": lambda rng, n, d: rng.integers(-1, 2, (n, d)) * rng.choice([1, 2], (n, 1)),
    "a narrow cone": lambda rng, n, d: (
        rng.standard_normal(d) + 1e-7 * rng.choice([0, 1, 3], (n, 1)) * rng.standard_normal((n, d))
    ),
}


@SCANNERS
@pytest.mark.parametrize("kind", TIED)
@given(
    seed=st.integers(0, 1000),
    sizes=st.tuples(
        st.sampled_from([1, 3, 9]), st.sampled_from([1, 7, 40]), st.sampled_from([16, 70, 1000])
    ),
)
@settings(max_examples=4, deadline=None)
def test_rows_that_tie_are_ranked_as_if_each_were_scored(scanner, kind, seed, sizes):
    d, k, length = sizes
    rng = np.random.default_rng(seed)
    x = TIED[kind](rng, 120, d).astype(np.float32)
    q = np.concatenate([x[:20], TIED[kind](rng, 18, d), np.zeros((2, d))])
    space = aw.Space(queries=aw.Embeddings(q), items=aw.Embeddings(x, ids=rng.permutation(120)))
    seen = rng.random((40, 120)) < rng.choice([0.0, 0.1, 0.9])
    names = ["dot", "cosine", "euclidean", "norm(0,0.5)", "norm(0.5,1)", "manhattan"]
    offered = scipy.sparse.csr_matrix(seen)
    small = mock.patch.multiple(blocks, AGAIN_BYTES=0, LEAST_AGAIN=length)
    with using(scanner), small:
        found = aw.search(space, names, k=k, exclude=offered, threads=1)
        among = aw.search(space, names, k=k, direction="items-items", threads=1)
    place = np.argsort(space.items.id_order)
    for name in names:
        lists = found[name], among[name]
        dues = (
            neighbours(pair_scores(space.queries.vectors, x, name), k, place, seen),
            due(space, name, k, "items-items"),
        )
        for got, expected in zip(lists, dues, strict=True):
            assert np.array_equal(got.indices, expected[0])
            assert np.array_equal(got.scores, expected[1])
            assert np.array_equal(got.tied_at_cut, expected[2])


@pytest.mark.parametrize("kind", ["one direction, different lengths", "one direction, both ways"])
def test_of_rows_that_tie_few_are_scored(kind):
    x = TIED[kind](np.random.default_rng(0), 2000, 8).astype(np.float32)
    scored = []
    scoring = blocks.QueryBlock.pair_scores

    def counting(block, measure, queries, rows):
        scored.append(len(rows))
        return scoring(block, measure, queries, rows)

    with mock.patch.object(blocks.QueryBlock, "pair_scores", counting):
        lists = aw.search(x, "cosine", k=10, direction="items-items")["cosine"]
    assert sum(scored) < 2000 * 20
    assert (lists.tied_at_cut > 900).all()


@given(score=st.floats(1e-200, 1e200), steps=st.floats(-2, 2))
def test_a_number_near_enough_to_a_rounded_one_is_rounded_to_it(score, steps):
    score = rounded(np.array([score, -score]))
    near = score + steps / 2 * rounded_from(score)
    assert np.array_equal(rounded(near), score)
    far = score - np.array([2.1, -2.1]) * rounded_from(score)
    assert (rounded(far) != score).all()
