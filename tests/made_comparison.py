"""A comparison made by hand, so that reports are tested without any search or statistics."""

import numpy as np

from anglewise import Comparison, Embeddings, Judgements, Neighbours, Space
from anglewise.comparison.comparison_result import (
    Difference,
    Estimate,
    MeasureResult,
    Verdict,
)
from anglewise.comparison.evidence import Evidence
from anglewise.data_types.sparse import SparseRows

NAMES = ("cosine", "euclidean", "cosine@centred", "norm(0,0.5)", "dot", "manhattan")
VERDICTS = {
    "use": Verdict("use", "cosine", (), None, 0.008, "nDCG@10 0.299 [0.269, 0.329] (p < .001)"),
    "tie": Verdict("tie", "cosine", ("euclidean",), None, 0.008, "they differ by less than 0.010"),
    "cannot-tell": Verdict("cannot-tell", "cosine", ("euclidean",), 340, 0.03, "judge more"),
}
TITLE = "flow <b>& heat</b> in a long title about a wing in a slipstream"


def made(
    measures=6,
    *,
    queries=30,
    items=200,
    k=10,
    rows=None,
    decision="use",
    evidence=True,
    baseline=None,
    **changes,
):
    """Measures whose means fall by .012, with evidence in which they disagree more and more."""
    names = [*NAMES, *(f"norm(0,0.{i:02d})" for i in range(50))][:measures]
    settings = {
        "direction": "queries-items",
        "metric": "nDCG@10",
        "k": k,
        "queries": queries,
        "items": items,
        "judged": 8 * queries,
        "seed": 0,
        "measures": rows or tuple(_row(i, names, baseline) for i in range(len(names))),
        "verdict": VERDICTS[decision],
        "signature": "nDCG@10|q=30|seed=0",
        "baseline": baseline,
        "notes": ("2 of 200 items are zero vectors: cosine scores them 0",),
        "evidence": _evidence(names, queries, items, k) if evidence else None,
    }
    return Comparison(**(settings | changes))


def _row(i, names, baseline):
    mean = 0.299 - 0.012 * i
    down = Difference(-0.012 * i, -0.012 * i - 0.01, -0.012 * i + 0.01, 0.2 / 4**i, 0.5 / 4**i)
    return MeasureResult(
        names[i],
        {"nDCG@10": Estimate(mean, mean - 0.03, mean + 0.03), "R@100": Estimate(0.5, 0.4, 0.6)},
        vs_best=down if i else None,
        best_probability=(0.61, 0.388)[i] if i < 2 else 0.001,
        may_be_best=i < 2,
        vs_baseline=None if baseline in (None, names[i]) else down,
        beats=tuple(names[i + 2 :]),
        unjudged_share=0.3,
    )


def _evidence(names, queries, items, k):
    rng = np.random.default_rng(0)
    judged = [rng.choice(items, 8, replace=False) for _ in range(queries)]
    gains = SparseRows.from_pairs(
        np.repeat(np.arange(queries), 8),
        np.concatenate(judged),
        rng.integers(0, 4, 8 * queries).astype(float),
        shape=(queries, items),
    )
    agreed = np.array([np.roll(rng.permutation(items), -i)[:k] for i in range(queries)])
    agreed[:, 0] = [row[0] for row in judged]
    found = {name: _found(name, agreed, j, items, rng) for j, name in enumerate(names)}
    return Evidence(
        space=Space(
            items=Embeddings(
                rng.normal(size=(items, 4)), metadata={"title": [TITLE] + ["plain"] * (items - 1)}
            ),
            queries=Embeddings(
                rng.normal(size=(queries, 4)),
                ids=[f"q{i}" for i in range(queries)],
                metadata={"text": [f"what is <i>question {i}</i>" for i in range(queries)]},
            ),
        ),
        judgements=Judgements(gains, source="qrels.tsv"),
        rows=np.arange(queries),
        found=found,
        values={"nDCG@10": rng.random((len(names), queries))},
        measures=tuple(names),
    )


def _found(name, agreed, measure, items, rng):
    lists = agreed.copy()
    for query, row in enumerate(lists):  # later queries are disputed in more places
        places = np.flatnonzero(rng.random(len(row)) < query / len(lists) * min(measure, 4) / 4)
        others = np.setdiff1d(np.arange(items), row)
        row[places] = rng.choice(others, len(places), replace=False)
    scores = np.tile(np.linspace(1, 0, agreed.shape[1], dtype=np.float32), (len(lists), 1))
    return Neighbours(name, lists, scores, np.zeros(len(lists), np.int64))
