"""Laws of what is learnt from judgements: it helps where it can, and nobody grades their own."""

import numpy as np
import pytest

from anglewise import (
    Embeddings,
    Judgements,
    Pairs,
    Space,
    Triplets,
    adapter,
    compare,
    compare_spaces,
    measure,
)
from anglewise.comparison.split import folds
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.similarity_measures.adapter import learn_adapter
from anglewise.similarity_measures.adapter_training import (
    ContrastiveLoss,
    Diagonal,
    Full,
    LowRank,
    TrainingPairs,
    training_batch,
)
from anglewise.similarity_measures.measure import measures_and_families

SHAPES = (Full(6), Diagonal(6), LowRank(6, 2))
WORDS = ("cosine@adapted", "cosine@adapted(3)", "cosine@adapted-diagonal")
QUERIES, ITEMS = 280, 160


def noisy(seed=0, noise=2.0):
    """Half of the columns hold nothing but noise on the queries' side."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ITEMS, 8))
    own = rng.integers(ITEMS, size=QUERIES)
    spread = np.where(np.arange(8) < 4, noise, 0.3)
    q = x[own] + spread * rng.standard_normal((QUERIES, 8))
    return Space(queries=Embeddings(q), items=Embeddings(x)), own


def judged(own, items=ITEMS):
    """The own item is relevant, four others are not."""
    rows = np.repeat(np.arange(len(own)), 5)
    columns = (own[:, None] + np.array([0, 1, 5, 11, 17])) % items
    gains = np.tile([1.0, 0, 0, 0, 0], len(own))
    shape = (len(own), items)
    return Judgements(SparseRows.from_pairs(rows, columns.ravel(), gains, shape=shape))


def known_of(space, judgements, *, itself=False):
    asking, ranked = space.sides(judgements.direction)
    sides = (side.vectors.astype(np.float64) for side in (asking, ranked))
    return TrainingPairs(*sides, judgements.gains, (), itself)


@pytest.fixture(scope="module")
def graded():
    space, own = noisy()
    return compare(space, judged(own), ["cosine", *WORDS], "RR@10")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("shared", [False, True])
def test_the_slope_is_that_of_the_loss(shape, shared):
    rng = np.random.default_rng(0)
    known = TrainingPairs(
        rng.standard_normal((40, 6)),
        rng.standard_normal((30, 6)),
        SparseRows.from_pairs(np.arange(40), np.arange(40) % 30, shape=(40, 30)),
        (SparseRows.from_pairs([0, 1], [5, 6], shape=(40, 30)),),
        False,
    )
    whole = training_batch(known, np.ones(40, dtype=bool), np.ones(30, dtype=bool), rng)
    contrast = ContrastiveLoss(whole, shape, shared, ridge=0.3)
    free = contrast.start() + 0.1 * rng.standard_normal(len(contrast.start()))
    slope = contrast(free)[1]
    step = 1e-2
    for i in rng.permutation(len(free))[:12]:
        there = step * (np.arange(len(free)) == i)
        numeric = (contrast(free + there)[0] - contrast(free - there)[0]) / (2 * step)
        assert slope[i] == pytest.approx(numeric, rel=2e-2, abs=2e-3)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda one: type(one).__name__)
def test_a_map_moves_rows_as_its_matrix_does_and_starts_at_the_identity(shape):
    rng = np.random.default_rng(0)
    start = shape.start(rng.standard_normal((6, 6)))
    assert np.array_equal(shape.matrix(start), np.eye(6))
    free, x = start + rng.standard_normal(len(start)), rng.standard_normal((5, 6))
    assert np.allclose(shape.apply(free, x), x @ shape.matrix(free))
    assert shape.ridge(free)[0] == pytest.approx(np.square(shape.matrix(free) - np.eye(6)).sum())


def test_a_learnt_map_helps_where_a_map_can(graded):
    values = {one.measure: one.metrics["RR@10"].mean for one in graded.measures}
    assert all(values[word] > values["cosine"] + 0.05 for word in WORDS)
    assert any("learnt 5 times" in note and "of other queries" in note for note in graded.notes)


@pytest.mark.slow
def test_random_judgements_teach_nothing():
    space, _ = noisy()
    gains = []
    for seed in range(3):
        own = np.random.default_rng(seed).integers(ITEMS, size=QUERIES)
        result = compare(space, judged(own), "cosine,cosine@adapted", "RR@10", seed=seed)
        values = {one.measure: one.metrics["RR@10"].mean for one in result.measures}
        gains.append(values["cosine@adapted"] - values["cosine"])
    assert abs(np.mean(gains)) < 0.02


@pytest.mark.parametrize("word", WORDS)
def test_no_query_is_scored_by_a_map_that_saw_it(graded, word):
    """Poisoned judgements of one fold move the lists of the others, and none of its own."""
    space, own = noisy()
    part = folds(QUERIES, 5, seed=0)[2]
    poisoned = own.copy()
    poisoned[part] = (own[part] + 60) % ITEMS
    after = compare(space, judged(poisoned), [word], "RR@10").evidence.found[word]
    before = graded.evidence.found[word]
    same = (before.scores == after.scores).all(axis=1)
    assert same[part].all()
    assert not same[np.delete(np.arange(QUERIES), part)].any()


def test_items_that_ask_are_not_seen_from_the_other_side_either():
    rng = np.random.default_rng(0)
    groups = rng.integers(40, size=240)
    x = rng.standard_normal((40, 6))[groups] + rng.standard_normal((240, 6))
    space = Space(items=Embeddings(x))
    rows, columns = np.nonzero((groups[:, None] == groups) & ~np.eye(240, dtype=bool))
    learners = rng.random(240) < 0.9
    seen = known_of(space, Judgements(_table(rows, columns), "items-items"), itself=True)
    unseen = learners[rows] & learners[columns]
    kept = _table(rows[unseen], columns[unseen])
    blind = known_of(space, Judgements(kept, "items-items"), itself=True)
    first, second = (learn_adapter(one, learners, Full(6), 0) for one in (seen, blind))
    assert np.array_equal(first.items, second.items)
    assert np.array_equal(first.items, first.queries)


def _table(rows, columns):
    return SparseRows.from_pairs(rows, columns, shape=(240, 240))


def test_an_adapted_space_has_unit_rows_and_remembers_what_was_learnt():
    space, own = noisy()
    learnt_here = adapter(space, judged(own))
    moved = learnt_here.apply(space)
    assert np.allclose(moved.items.norms, 1, atol=1e-6)
    assert moved.trained_for == "cosine"
    assert moved.about["adapter"]["judgements"] == 5 * QUERIES
    before, after = moved.about["adapter"]["held_out_loss"]
    assert after < before
    with pytest.raises(ShapeError, match="adapter 8"):
        learnt_here.apply(Space(items=Embeddings([[1.0]])))


def test_the_same_seed_learns_the_same():
    space, own = noisy()
    first, second = (adapter(space, judged(own), rank=2, seed=3) for _ in range(2))
    assert np.array_equal(first.queries, second.queries)
    assert np.linalg.matrix_rank(first.queries - np.eye(8), tol=1e-8) <= 2


def test_spaces_are_adapted_each_by_itself():
    space, own = noisy()
    order = np.random.default_rng(1).permutation(ITEMS)
    other = Space(queries=space.queries, items=space.items.take(order))
    result = compare_spaces({"a": space, "b": other}, judged(own), WORDS[2:], "RR@10")
    a, b = (result.evidence.found[f"{name}: {WORDS[2]}"] for name in "ab")
    assert (a.indices[:, 0] == b.indices[:, 0]).mean() > 0.95


def test_too_few_judgements_are_named():
    space, own = noisy()
    few = judged(own[:190])
    gains = SparseRows(
        np.append(few.gains.indptr, np.full(QUERIES - 190, few.gains.indptr[-1])),
        few.gains.indices,
        few.gains.values,
        (QUERIES, ITEMS),
    )
    with pytest.raises(TooFewError, match=r"950 judgements to learn from.*at least 1,000"):
        adapter(space, Judgements(gains))
    with pytest.raises(TooFewError, match="880 judgements"):
        learn_adapter(known_of(space, judged(own)), np.arange(QUERIES) < 176, Full(8), 0)


def test_pairs_and_triplets_teach_no_map():
    space, _ = noisy()
    three = np.arange(3)
    for other in (Pairs(three, three, three / 3), Triplets(three, three, three + 1)):
        with pytest.raises(SpellingError, match="pairs and triplets will not do"):
            compare(space, other, "cosine,cosine@adapted")


@pytest.mark.parametrize("word", [*WORDS, "dot@centred@adapted(2)"])
def test_learnt_measures_are_read_as_they_are_written(word):
    (one,) = measures_and_families([word])
    assert str(one) == word
    with pytest.raises(SpellingError, match="learnt from judgements"):
        measure(word)


@pytest.mark.parametrize(
    "word", ["cosine@adapted(0)", "cosine@adapted(1.5)", "cosine@adapted@centred", "adapted"]
)
def test_other_adapted_words_are_refused(word):
    with pytest.raises(SpellingError):
        measures_and_families([word])


def wide(dimension):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ITEMS, dimension))
    own = rng.integers(ITEMS, size=QUERIES)
    return Space(queries=x[own] + 0.1, items=x), judged(own)


@pytest.mark.parametrize(
    ("options", "size"), [({}, "77 MB"), ({"rank": 99}, "59 MB"), ({"diagonal": True}, "6.4 MB")]
)
def test_what_is_learnt_asks_the_memory_that_is_allowed(monkeypatch, options, size):
    space, judgements = wide(316)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "5MB")
    with pytest.raises(
        ValuesError, match=rf"learning a map of 316 dimensions takes {size}, 5.0 MB are allowed"
    ) as refused:
        adapter(space, judgements, **options)
    assert ("adapted-diagonal" in str(refused.value)) is (options == {})


def test_a_comparison_refuses_a_map_that_would_fill_the_memory(monkeypatch):
    space, judgements = wide(316)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "40MB")
    with pytest.raises(ValuesError, match=r"learning a map of 316.*take vectors of fewer"):
        compare(space, judgements, measures=["cosine", "cosine@adapted"])
    learnt = compare(space, judgements, measures=["cosine", "cosine@adapted-diagonal"])
    assert len(learnt.measures) == 2


@pytest.mark.parametrize("count", [999, 1000])
def test_a_map_is_learnt_from_a_thousand_judgements_and_no_fewer(count):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 4))
    own = rng.integers(50, size=200)
    space = Space(queries=Embeddings(x[own] + 0.3), items=Embeddings(x))
    judgements = judged(own, items=50)
    gains = judgements.gains
    judgements = Judgements(gains.where(np.arange(len(gains.values)) < count))
    if count < 1000:
        with pytest.raises(TooFewError, match="at least 1,000"):
            adapter(space, judgements, diagonal=True)
    else:
        assert adapter(space, judgements, diagonal=True).about["judgements"] == 1000


def test_a_correction_shared_by_both_sides_starts_along_the_slope_of_both():
    space, own = noisy()
    known = known_of(space, judged(own))
    every, some = np.ones(QUERIES, bool), np.ones(ITEMS, bool)
    batch = training_batch(known, every, some, np.random.default_rng(0))
    whole = Full(8)
    loss = ContrastiveLoss(batch, whole, shared=True)
    identity = loss.start()
    slope = loss(identity)[1][1:].reshape(8, 8)
    few = LowRank(8, 2)
    started = ContrastiveLoss(batch, few, shared=True).start()[1:]
    assert np.allclose(np.abs(started), np.abs(few.start(slope)), rtol=1e-3, atol=1e-4)
