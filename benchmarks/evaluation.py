"""Per-query nDCG@10, R@100 and RR of 100,000 ranked lists: ours and others', in one run.

    python benchmarks/evaluation.py [--queries 100000] [--without-ranx]

CPU seconds of the process (all its threads), medians of runs in turn. Each is given its own
input ready made, and what it takes to make that input is shown apart: ours reads the arrays
that a search returns, the others read dictionaries of names. ranx is timed as it is called,
and once more on the lists that each call first converts its dictionaries to.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.evaluation_metrics.evaluate import evaluate

METRICS = ("nDCG@10", "R@100", "RR@100")
DEPTH, ITEMS, JUDGED, GRADES = 100, 100_000, 10, 4
GOAL, TIMES = 20, 5


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
    ours = Ours(lambda: evaluate(found, judgements, rows, METRICS))
    print(f"{'CPU seconds of':44s} {'other':>9s} {'anglewise':>9s} {'ratio':>7s}")

    names = [f"{row:07d}" for row in range(max(ITEMS, len(lists)))]
    making, (qrels, run) = timed(lambda: as_dictionaries(lists, gains, names))
    line("making dictionaries of names", making)
    for rival in (pytrec_eval, ir_measures, *(() if options.without_ranx else (ranx,))):
        rival(qrels, run, names[: len(lists)], ours)


class Ours:
    """Our own work, run in turn with the others' so that both meet the same machine."""

    def __init__(self, work: Callable[[], dict[str, np.ndarray]]) -> None:
        self.work = work
        values = work()
        self.values = np.stack([values[metric][0] for metric in METRICS])

    def against(self, name: str, work: Callable[[], Any], read: Callable[[Any], Any]) -> float:
        """Print and return the ratio of medians; ``read`` makes the other's values an array."""
        theirs: list[float] = []
        mine: list[float] = []
        result = None
        for _ in range(TIMES):
            took, result = timed(work)
            theirs.append(took)
            time.sleep(0.1)  # until the threads that they started no longer wait busily
            mine.extend(timed(self.work)[0] for _ in range(3))
        apart = float(np.abs(self.values - read(result)).max())
        return line(name, statistics.median(theirs), statistics.median(mine), apart)


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


def pytrec_eval(qrels: dict, run: dict, names: list[str], ours: Ours) -> None:
    """trec_eval through its Python binding."""
    from pytrec_eval import RelevanceEvaluator

    judge = RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.100", "recip_rank"})
    keys = ("ndcg_cut_10", "recall_100", "recip_rank")
    ours.against(
        "pytrec_eval",
        lambda: judge.evaluate(run),
        lambda values: [[values[name][key] for name in names] for key in keys],
    )


def ir_measures(qrels: dict, run: dict, names: list[str], ours: Ours) -> None:
    """ir_measures, which asks pytrec_eval."""
    import ir_measures as library

    judge = library.evaluator([library.parse_measure(metric) for metric in METRICS], qrels)
    row = {name: number for number, name in enumerate(names)}

    def read(values: list) -> np.ndarray:
        theirs = np.zeros((len(METRICS), len(names)))
        for one in values:
            theirs[METRICS.index(str(one.measure)), row[one.query_id]] = one.value
        return theirs

    ours.against("ir_measures", lambda: list(judge.iter_calc(run)), read)


def ranx(qrels: dict, run: dict, names: list[str], ours: Ours) -> None:
    """Ranx: its dictionaries, a first call that compiles, warm calls, and its bare kernels."""
    warnings.simplefilter("ignore")
    importing, library = timed(lambda: __import__("ranx"))
    line("ranx: import", importing)
    # What compiles is compiled on two queries, so that building is timed without it.
    few = names[:2]
    library.Qrels({name: qrels[name] for name in few})
    library.Run({name: run[name] for name in few})
    building, (theirs_qrels, theirs_run) = timed(lambda: (library.Qrels(qrels), library.Run(run)))
    line("ranx: Qrels and Run from dictionaries", building)

    def call(qrels: Any, run: Any) -> Callable[[], dict]:
        asked = ["ndcg@10", "recall@100", "mrr"]
        return lambda: library.evaluate(
            qrels, run, asked, return_mean=False, save_results_in_run=False
        )

    def read(values: dict) -> np.ndarray:
        return np.stack(list(values.values()))

    first, _ = timed(call(theirs_qrels, theirs_run))
    line("ranx: evaluate, first call", first)
    warm = ours.against("ranx: evaluate, warm", call(theirs_qrels, theirs_run), read)
    lists = theirs_qrels.to_typed_list(), theirs_run.to_typed_list()
    call(*lists)()
    ours.against("ranx: its kernels alone, on converted lists", call(*lists), read)
    print(f"ranx warm / anglewise: {warm:.1f} (goal: at least {GOAL})")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of all threads, and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def line(name: str, theirs: float, ours: float = np.nan, apart: float = np.nan) -> float:
    """One line of the table; returns the ratio."""
    if np.isnan(ours):
        print(f"{name:44s} {theirs:9.3f}", flush=True)
        return np.nan
    numbers = f"{theirs:9.3f} {ours:9.3f} {theirs / ours:7.1f}"
    print(f"{name:44s} {numbers}   largest difference {apart:.1e}", flush=True)
    return theirs / ours


if __name__ == "__main__":
    main()
