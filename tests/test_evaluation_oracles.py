"""The numbers are trec_eval's, wherever no scores tie."""

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Judgements, Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.evaluation_metrics.evaluate import evaluate
from real_data import real_data

DEPTHS = (1, 3, 10, 100)
TREC = {"nDCG": "ndcg_cut", "R": "recall", "P": "P", "AP": "map_cut"}
OURS = [f"{name}@{depth}" for name in TREC for depth in DEPTHS]


def as_neighbours(indices):
    indices = np.asarray(indices, dtype=np.int64)
    scores = np.tile(-np.arange(indices.shape[1], dtype=np.float32), (len(indices), 1))
    return Neighbours("dot", indices, scores, np.zeros(len(indices), dtype=np.int64))


def random_lists(rng, queries, items, depth):
    return np.stack([rng.permutation(items)[:depth] for _ in range(queries)])


def as_run(indices, rows):
    """Strictly falling scores, so that no one breaks a tie."""
    return {
        str(row): {str(item): float(-rank) for rank, item in enumerate(items) if item >= 0}
        for row, items in zip(rows, indices, strict=True)
    }


def as_qrels(gains):
    return {
        str(row): {
            str(item): int(gain)
            for item, gain in zip(
                gains.row(row),
                gains.values[gains.indptr[row] : gains.indptr[row + 1]],
                strict=True,
            )
        }
        for row in np.flatnonzero(gains.counts)
    }


def assert_equal_to_trec_eval(indices, judgements, rows):
    ours = evaluate({"dot": as_neighbours(indices)}, judgements, rows, OURS)
    theirs = pytrec_eval.RelevanceEvaluator(
        as_qrels(judgements.gains),
        {f"{name}.{','.join(map(str, DEPTHS))}" for name in TREC.values()},
    ).evaluate(as_run(indices, rows))
    for metric, values in ours.items():
        name, depth = metric.split("@")
        due = [theirs[str(row)][f"{TREC[name]}_{depth}"] for row in rows]
        np.testing.assert_allclose(values[0], due, rtol=0, atol=1e-12, err_msg=metric)


def assert_equal_to_ir_measures(indices, judgements, rows):
    names = ["RR@3", "RR@10", "Judged@3", "Judged@10", "nDCG@10", "AP@100"]
    ours = evaluate({"dot": as_neighbours(indices)}, judgements, rows, names)
    theirs = {name: {str(row): 0.0 for row in rows} for name in names}
    asked = [ir_measures.parse_measure(name) for name in names]
    for one in ir_measures.iter_calc(asked, as_qrels(judgements.gains), as_run(indices, rows)):
        theirs[str(one.measure)][one.query_id] = one.value
    for name in names:
        due = [theirs[name][str(row)] for row in rows]
        np.testing.assert_allclose(ours[name][0], due, rtol=0, atol=1e-12, err_msg=name)


def cranfield():
    """Judgements by row of query and document, and the vectors of both sides."""
    folder = real_data("cranfield")
    vectors = folder / "vectors" / "paraphrase-L3"
    query_ids = (vectors / "queries.txt").read_text().split()
    item_ids = (vectors / "items.txt").read_text().split()
    query_row = {name: row for row, name in enumerate(query_ids)}
    item_row = {name: row for row, name in enumerate(item_ids)}
    lines = (folder / "qrels.tsv").read_text().splitlines()[1:]
    query, item, grade = zip(*(line.split() for line in lines), strict=True)
    gains = SparseRows.from_pairs(
        [query_row[name] for name in query],
        [item_row[name] for name in item],
        [float(one) for one in grade],
        shape=(len(query_ids), len(item_ids)),
    )
    queries, items = (np.load(vectors / f"{side}.npy") for side in ("queries", "items"))
    return Judgements(gains), queries.astype(float), items.astype(float)


@pytest.mark.real
def test_numbers_equal_trec_eval_on_cranfield_ranked_by_cosine_and_by_dot():
    judgements, queries, items = cranfield()
    rows = judgements.judged_rows
    lengths = np.linalg.norm(items, axis=1)
    for scores in (queries @ items.T, queries @ items.T / lengths):
        indices = np.argsort(-scores, axis=1)[rows, :100]
        assert_equal_to_trec_eval(indices, judgements, rows)
        assert_equal_to_ir_measures(indices, judgements, rows)


@pytest.mark.real
def test_numbers_equal_trec_eval_on_cranfield_ranked_at_random():
    judgements, *_ = cranfield()
    rows = judgements.judged_rows[::-1]
    indices = random_lists(np.random.default_rng(0), len(rows), 1400, 300)
    assert_equal_to_trec_eval(indices, judgements, rows)
    assert_equal_to_ir_measures(indices, judgements, rows)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    queries=st.integers(1, 40),
    items=st.integers(1, 150),
    judged=st.floats(0.01, 1),
    lowest=st.integers(-2, 1),
    highest=st.integers(1, 5),
)
def test_numbers_equal_trec_eval_on_any_run(*, seed, queries, items, judged, lowest, highest):
    rng = np.random.default_rng(seed)
    table = rng.random((queries, items)) < judged
    table[:, 0] = True  # every query has a judgement
    row, item = np.nonzero(table)
    grades = rng.integers(lowest, highest + 1, len(row)).astype(float)
    # trec_eval reads beside its memory when all grades of a query are negative.
    grades[item == 0] = np.abs(grades[item == 0])
    judgements = Judgements(SparseRows.from_pairs(row, item, grades, shape=(queries, items)))
    rows = rng.permutation(queries)[: max(1, queries // 2)]
    indices = random_lists(rng, len(rows), items, min(items, 120))
    short = rng.integers(1, indices.shape[1] + 1, len(rows))
    indices[np.arange(indices.shape[1]) >= short[:, None]] = -1
    assert_equal_to_trec_eval(indices, judgements, rows)
    assert_equal_to_ir_measures(indices, judgements, rows)
