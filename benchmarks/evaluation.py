"""Per-query nDCG@10, R@100 and RR of 100,000 ranked lists: ours and others', in one run.

    python benchmarks/evaluation.py [--queries 100000] [--without-ranx]

CPU seconds of the process (all its threads), medians of repeated runs. Each is given its own
input ready made, and what it takes to make that input is shown apart: ours reads the arrays
that a search returns, the others read dictionaries of names.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from anglewise.evaluation.evaluate import evaluate
from anglewise.judgements.judgements import Judgements
from anglewise.neighbours import Neighbours
from anglewise.sparse import SparseRows

METRICS = ("nDCG@10", "R@100", "RR@100")
DEPTH, ITEMS, JUDGED, GRADES = 100, 100_000, 10, 4
GOAL = 20


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--without-ranx", action="store_true", help="it takes minutes to set up")
    options = parser.parse_args()
    lists, gains = a_run(options.queries, np.random.default_rng(0))
    print(f"{options.queries:,} queries x {DEPTH} results, {len(gains.values):,} judgements")

    judgements = Judgements(gains)
    scores = np.broadcast_to(-np.arange(DEPTH, dtype=np.float32), lists.shape)
    found = {"dot": Neighbours("dot", lists, scores, np.zeros(len(lists), np.int64))}
    rows = np.arange(len(lists))
    seconds, values = timed(lambda: evaluate(found, judgements, rows, METRICS), times=11)
    ours = np.stack([values[metric][0] for metric in METRICS])
    table("anglewise", seconds, seconds)

    names = [f"{row:07d}" for row in range(max(ITEMS, len(lists)))]
    making, (qrels, run) = timed(lambda: as_dictionaries(lists, gains, names))
    table("making the dictionaries of names", making, seconds)
    for rival in (pytrec_eval, ir_measures, *(() if options.without_ranx else (ranx,))):
        rival(qrels, run, names[: len(lists)], ours, seconds)


def a_run(queries: int, rng: np.random.Generator) -> tuple[np.ndarray, SparseRows]:
    """Random lists without repetition, half of the judged items in them."""
    lists = np.empty((queries, DEPTH), dtype=np.int64)
    for row in range(queries):
        lists[row] = rng.choice(ITEMS, DEPTH, replace=False, shuffle=True)
    rows = np.repeat(np.arange(queries), JUDGED)
    inside = np.argsort(rng.random((queries, DEPTH)), axis=1)[:, :JUDGED]
    columns = np.take_along_axis(lists, inside, axis=1)
    anywhere = rng.integers(0, ITEMS, columns.shape)
    columns = np.where(rng.random(columns.shape) < 0.5, columns, anywhere).ravel()
    once = np.unique(rows * ITEMS + columns)
    grades = rng.integers(0, GRADES, len(once)).astype(float)
    shape = (queries, ITEMS)
    return lists, SparseRows.from_pairs(once // ITEMS, once % ITEMS, grades, shape=shape)


def as_dictionaries(lists: np.ndarray, gains: SparseRows, names: list[str]) -> tuple[dict, dict]:
    """The form that the others read, for them with strictly falling scores."""
    qrels: dict[str, dict[str, int]] = {names[row]: {} for row in range(len(lists))}
    entries = zip(gains.rows.tolist(), gains.indices.tolist(), gains.values.tolist(), strict=True)
    for row, column, gain in entries:
        qrels[names[row]][names[column]] = int(gain)
    falling = [float(DEPTH - rank) for rank in range(DEPTH)]
    run = {
        names[row]: dict(zip([names[item] for item in items], falling, strict=True))
        for row, items in enumerate(lists.tolist())
    }
    return qrels, run


def pytrec_eval(qrels: dict, run: dict, names: list[str], ours: np.ndarray, seconds: float) -> None:
    """trec_eval through its Python binding."""
    from pytrec_eval import RelevanceEvaluator

    judge = RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.100", "recip_rank"})
    took, values = timed(lambda: judge.evaluate(run), times=3)
    keys = ("ndcg_cut_10", "recall_100", "recip_rank")
    theirs = np.array([[values[name][key] for name in names] for key in keys])
    table("pytrec_eval", took, seconds, ours - theirs)


def ir_measures(qrels: dict, run: dict, names: list[str], ours: np.ndarray, seconds: float) -> None:
    """ir_measures, which asks pytrec_eval."""
    import ir_measures as library

    judge = library.evaluator([library.parse_measure(metric) for metric in METRICS], qrels)
    took, values = timed(lambda: list(judge.iter_calc(run)), times=3)
    row = {name: number for number, name in enumerate(names)}
    theirs = np.zeros_like(ours)
    for one in values:
        theirs[METRICS.index(str(one.measure)), row[one.query_id]] = one.value
    table("ir_measures", took, seconds, ours - theirs)


def ranx(qrels: dict, run: dict, names: list[str], ours: np.ndarray, seconds: float) -> None:
    """Ranx: its dictionaries, a first call that compiles, warm calls, and its bare kernels."""
    warnings.simplefilter("ignore")
    importing, library = timed(lambda: __import__("ranx"))
    table("ranx: import", importing, seconds)
    # What compiles is compiled on two queries, so that building is timed without it.
    few = names[:2]
    library.Qrels({name: qrels[name] for name in few})
    library.Run({name: run[name] for name in few})
    building, (theirs_qrels, theirs_run) = timed(lambda: (library.Qrels(qrels), library.Run(run)))
    table("ranx: Qrels and Run from dictionaries", building, seconds)

    def call(qrels: Any, run: Any) -> Callable[[], dict]:
        asked = ["ndcg@10", "recall@100", "mrr"]
        return lambda: library.evaluate(
            qrels, run, asked, return_mean=False, save_results_in_run=False
        )

    first, _ = timed(call(theirs_qrels, theirs_run))
    table("ranx: evaluate, first call", first, seconds)
    warm, values = timed(call(theirs_qrels, theirs_run), times=5)
    table("ranx: evaluate, warm", warm, seconds, ours - np.stack(list(values.values())))
    lists = theirs_qrels.to_typed_list(), theirs_run.to_typed_list()
    call(*lists)()
    kernels, _ = timed(call(*lists), times=5)
    table("ranx: its kernels alone, on converted lists", kernels, seconds)
    print(f"ranx warm / anglewise: {warm / seconds:.1f} (goal: at least {GOAL})")


def timed(work: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """Median CPU seconds and the last result."""
    took: list[float] = []
    result = None
    for _ in range(times):
        start = time.process_time()
        result = work()
        took.append(time.process_time() - start)
    return statistics.median(took), result


def table(name: str, took: float, ours: float, difference: np.ndarray | None = None) -> None:
    """One line: CPU seconds, the ratio to ours, and how far the numbers are apart."""
    apart = "" if difference is None else f"  largest difference {np.abs(difference).max():.1e}"
    print(f"{name:46s} {took:9.3f} s {took / ours:9.1f} x{apart}", flush=True)


if __name__ == "__main__":
    main()
