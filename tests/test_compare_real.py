"""The comparison on real retrieval: figures that were seen before are found again."""

import csv

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, compare
from anglewise.data_types.sparse import SparseRows
from real_data import real_data


def cranfield(encoder):
    folder = real_data("cranfield")
    vectors = folder / "vectors" / encoder
    queries, items = (
        Embeddings(
            np.load(vectors / f"{side}.npy"), ids=(vectors / f"{side}.txt").read_text().split()
        )
        for side in ("queries", "items")
    )
    with (folder / "qrels.tsv").open() as file:
        judged = [list(row.values()) for row in csv.DictReader(file, delimiter="\t")]
    gains = SparseRows.from_pairs(
        [queries.row_of[row[0]] for row in judged],
        [items.row_of[row[1]] for row in judged],
        [float(row[2]) for row in judged],
        shape=(len(queries), len(items)),
    )
    return Space(queries=queries, items=items), Judgements(gains)


@pytest.mark.real
@pytest.mark.parametrize(
    ("encoder", "seen"),
    [
        ("paraphrase-L3", {"dot": 0.260, "cosine": 0.299, "euclidean": 0.296}),
        ("use", {"dot": 0.215, "cosine": 0.215, "euclidean": 0.215}),
        ("glove50-sum", {"dot": 0.008, "cosine": 0.094}),
    ],
)
def test_cranfield_figures_are_found_again(encoder, seen):
    result = compare(*cranfield(encoder), metrics="nDCG(exp)@10")
    assert (result.queries, result.items, result.judged) == (225, 1400, 1837)
    for one in result.measures:
        if one.measure in seen:
            estimate = one.metrics["nDCG@10"]
            assert estimate.low <= seen[one.measure] <= estimate.high
    if encoder == "paraphrase-L3":  # the figures that were seen have the exponential gain
        for one in result.measures:
            assert one.metrics["nDCG(exp)@10"].mean == pytest.approx(seen[one.measure], abs=1e-3)


@pytest.mark.real
def test_unit_vectors_of_cranfield_rank_alike_but_for_two_lists():
    """Lengths are 1 to within 0.00004: where two items are as near as that, lists part."""
    result = compare(*cranfield("use"))
    assert "223 of 225 lists of dot, cosine and euclidean are the same" in result.notes[0]
    assert (result.verdict.decision, result.verdict.measure) == ("cannot-tell", "dot")  # 2 of 225
    alike = {row.measure: row.alike for row in result.measures}
    assert alike == {"dot": (), "cosine": ("euclidean",), "euclidean": ("cosine",)}


@pytest.mark.real
def test_word_vectors_of_cranfield_want_the_cosine():
    result = compare(*cranfield("glove50-sum"))
    assert (result.verdict.decision, result.verdict.measure) == ("use", "cosine")
    assert any("2 of 1,400 items are zero vectors" in note for note in result.notes)
