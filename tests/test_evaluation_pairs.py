"""Graded pairs and triplets."""

import csv
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.spatial.distance as exact
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import anglewise as aw
from anglewise import Embeddings, Measure, Pairs, Space, Triplets
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation_metrics.evaluate import evaluate_triplets, score_pairs
from anglewise.evaluation_metrics.metrics import Pearson, Spearman, TripletAccuracy
from anglewise.similarity_measures.formulas import BlockFormula, Dot
from anglewise.similarity_measures.frames import Affine, Frame, Maps
from anglewise.similarity_measures.measure import measures
from real_data import real_data

ORACLES = {Spearman(): scipy.stats.spearmanr, Pearson(): scipy.stats.pearsonr}
BOTH = pytest.mark.parametrize("metric", ORACLES, ids=str)


def a_sample(rng, pairs, levels=5, noise=1.0):
    """Scores of two measures that go with grades of a few levels, low ones more often."""
    gold = np.floor(levels * rng.random(pairs) ** 3)
    scores = gold + noise * rng.standard_normal((2, pairs))
    return scores.astype(np.float32).astype(float).round(1), gold


@BOTH
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), pairs=st.integers(5, 200), levels=st.integers(3, 300))
def test_correlations_equal_scipys_with_ties(metric, seed, pairs, levels):
    rng = np.random.default_rng(seed)
    scores, gold = a_sample(rng, pairs, levels)
    gold[:2] = 0, 1
    due = [ORACLES[metric](row, gold).statistic for row in scores]
    np.testing.assert_allclose(metric.of(scores, gold), due, atol=1e-12)


@BOTH
def test_resampling_by_counts_equals_correlating_the_sample_itself(metric):
    rng = np.random.default_rng(1)
    scores, gold = a_sample(rng, 60)
    drawn = rng.integers(0, 60, (20, 60))
    counts = np.stack([np.bincount(row, minlength=60) for row in drawn]).astype(float)
    due = [metric.of(scores[:, row], gold[row]) for row in drawn]
    np.testing.assert_allclose(metric.resampled(scores, gold, counts), due, atol=1e-12)


@BOTH
def test_the_mean_of_what_pairs_contribute_is_the_correlation(metric):
    scores, gold = a_sample(np.random.default_rng(2), 300)
    contributed = metric.per_pair(scores, gold)
    np.testing.assert_allclose(contributed.mean(axis=1), metric.of(scores, gold), atol=1e-12)


@BOTH
@pytest.mark.parametrize("levels", [2, 5, 400])
def test_what_a_pair_contributes_is_what_leaving_it_out_changes(metric, levels):
    """To first order: the pseudo-values of the jackknife differ by a term in 1/n."""
    n = 400
    scores, gold = a_sample(np.random.default_rng(3), n, levels, noise=levels / 4)
    without = metric.resampled(scores, gold, 1.0 - np.eye(n)).T
    pseudo = n * metric.of(scores, gold)[:, None] - (n - 1) * without
    assert np.abs(metric.per_pair(scores, gold) - pseudo).max() < 0.1 * pseudo.std()


@BOTH
def test_the_spread_of_contributions_is_the_spread_of_resamples(metric):
    rng = np.random.default_rng(4)
    scores, gold = a_sample(rng, 500)
    counts = rng.multinomial(500, np.full(500, 1 / 500), 3000).astype(float)
    resampled = metric.resampled(scores, gold, counts)
    for of, compared in ((lambda v: v[0], "one measure"), (lambda v: v[0] - v[1], "difference")):
        due = of(resampled.T).std()
        ours = of(metric.per_pair(scores, gold)).std() / np.sqrt(500)
        assert ours == pytest.approx(due, rel=0.06), compared


@BOTH
def test_nothing_varies_nothing_correlates(metric):
    flat, rising = np.ones((1, 4)), np.arange(4.0)
    assert metric.of(flat, rising) == [0.0]
    assert metric.of(rising[None], flat[0]) == [0.0]
    assert not metric.per_pair(flat, rising).any()


def test_noise_below_float32_breaks_no_ties():
    grades = np.array([0.0, 1.0, 2.0])
    noisy = np.array([[0.3, 0.1 + 0.2, 1.0]])
    assert Spearman().of(noisy, grades) == Spearman().of(np.array([[0.3, 0.3, 1.0]]), grades)


def test_scores_of_pairs_are_the_measures_of_the_textbook():
    rng = np.random.default_rng(5)
    q, x = rng.standard_normal((7, 4)), rng.standard_normal((9, 4)) + 2
    x[3] = 0
    space = Space(queries=Embeddings(q), items=Embeddings(x))
    q, x = q.astype(np.float32).astype(float), x.astype(np.float32).astype(float)
    a, b = rng.integers(0, 7, 20), rng.integers(0, 9, 20)
    b[0] = 3
    lengths = np.linalg.norm(x, axis=1)
    dot, centre = q @ x.T, x.mean(axis=0)
    with np.errstate(invalid="ignore"):
        due = {
            "dot": dot,
            "cosine": np.nan_to_num(1 - exact.cdist(q, x, "cosine")),
            "euclidean": -exact.cdist(q, x),
            "manhattan": -exact.cdist(q, x, "cityblock"),
            "norm(0,0.5)": np.nan_to_num(dot / np.sqrt(lengths)),
            "euclidean@centred": -exact.cdist(q, x),
            "cosine@centred": 1 - exact.cdist(q - centre, x - centre, "cosine"),
            "dot@centred": (q - centre) @ (x - centre).T,
        }
    ours = score_pairs(space, measures(due), a, b)
    for row, (name, table) in zip(ours, due.items(), strict=True):
        np.testing.assert_allclose(row, table[a, b], atol=1e-12, err_msg=name)


def test_near_vectors_of_great_length_keep_their_distance():
    space = Space(items=Embeddings(np.array([[1e6, 1.0], [1e6, 1.25], [1e6, 2.0]], np.float32)))
    a, b = np.array([0, 0]), np.array([1, 2])
    assert score_pairs(space, measures("euclidean"), a, b).tolist() == [[-0.25, -1.0]]


def test_pairs_are_scored_alike_in_any_blocks(monkeypatch):
    rng = np.random.default_rng(6)
    space = Space(items=Embeddings(rng.standard_normal((30, 3))))
    a, b = rng.integers(0, 30, (2, 100))
    asked = measures("dot,cosine,manhattan,cosine@whitened")
    whole = score_pairs(space, asked, a, b)
    monkeypatch.setattr("anglewise.evaluation_metrics.evaluate.BLOCK", 7)
    np.testing.assert_allclose(score_pairs(space, asked, a, b), whole, atol=1e-14)


@dataclass(frozen=True)
class Chebyshev(BlockFormula):
    meaning = "negated largest difference"

    def __str__(self):
        return "chebyshev"

    def block(self, queries, items):
        return -np.abs(queries[:, None] - items[None]).max(axis=2)


def test_pairs_are_scored_by_a_formula_of_ones_own():
    rng = np.random.default_rng(7)
    space = Space(items=Embeddings(rng.standard_normal((30, 4))))
    a, b = rng.integers(0, 30, (2, 50))
    scores = score_pairs(space, [Measure(Dot()), Measure(Chebyshev())], a, b)
    x = space.items.vectors.astype(np.float64)
    assert np.array_equal(scores[1], -np.abs(x[a] - x[b]).max(axis=1))
    assert np.allclose(scores[0], (x[a] * x[b]).sum(axis=1))


def test_triplets_count_one_a_half_or_nothing():
    space = Space(items=Embeddings([[1.0, 0.0], [5.0, 0.0], [1.0, 1.0], [2.0, 0.0]]))
    triplets = Triplets(np.array([0, 0, 0]), np.array([1, 1, 2]), np.array([2, 3, 1]))
    values = evaluate_triplets(space, "cosine,euclidean", triplets)["triplet-accuracy"]
    assert values.tolist() == [[1.0, 0.5, 0.0], [0.0, 0.0, 1.0]]


def test_noise_below_float32_does_not_decide_a_triplet():
    near, far = np.array([[0.1 + 0.2]]), np.array([[0.3]])
    assert TripletAccuracy().per_triplet(near, far) == 0.5


@dataclass(frozen=True)
class Lopsided(Frame):
    """Doubles those who ask, turns round those who are ranked."""

    def __str__(self):
        return "lopsided"

    def fit(self, sides):
        still = np.zeros(sides.ranked.embeddings.dimension)
        return Maps(*(Affine(still, by * np.eye(len(still))) for by in (2.0, -1.0)))


def test_a_frame_moves_each_side_its_own_way():
    space = Space(queries=Embeddings([[3.0, 1.0]]), items=Embeddings([[1.0, 1.0]]))
    row = np.zeros(1, np.int64)
    dot = Measure(Dot()).at(Lopsided())
    assert score_pairs(space, [dot], row, row) == -8


def test_metrics_of_another_kind_are_refused_and_so_are_too_few_pairs():
    space = Space(items=Embeddings(np.eye(3)))
    none, one = np.empty(0, np.int64), np.zeros(1, np.int64)
    with pytest.raises(SpellingError, match="does not read graded pairs"):
        aw.compare(space, Pairs(*[np.arange(3)] * 2, np.ones(3)), metric="nDCG@10")
    with pytest.raises(SpellingError, match="does not read triplets"):
        evaluate_triplets(space, "dot", Triplets(one, one, one), "spearman")
    with pytest.raises(TooFewError, match="a correlation needs three"):
        aw.compare(space, Pairs(none, none, np.empty(0)), metric="spearman")


@pytest.mark.real
def test_grades_of_real_sentence_pairs_correlate_as_scipy_says():
    """Sentences as sums of hashed words: crude, real grades, many ties."""
    with (real_data("stsb-en") / "pairs.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))[:1500]
    rows = {line[side]: 0 for line in lines for side in ("sentence1", "sentence2")}
    vectors = np.zeros((len(rows), 256))
    for row, sentence in enumerate(rows):
        rows[sentence] = row
        for word in sentence.lower().split():
            vectors[row, sum(map(ord, word)) % 256] += 1
    a, b = (np.array([rows[line[side]] for line in lines]) for side in ("sentence1", "sentence2"))
    grades = np.array([float(line["score"]) for line in lines])
    scores = score_pairs(Space(items=Embeddings(vectors)), measures("cosine,euclidean"), a, b)
    values = Spearman().per_pair(scores, grades)
    cosines = [1 - exact.cosine(*pair) for pair in zip(vectors[a], vectors[b], strict=True)]
    due = scipy.stats.spearmanr(np.float32(cosines), grades).statistic
    assert values[0].mean() == pytest.approx(due, abs=1e-6)
    assert values[0].mean() > values[1].mean()
