"""Judgements until the decision stands: the most telling pairs against pairs by chance.

Replays the judgements of real sets as if they were given one batch after the other, and stops
when one measure is the best on these queries with a chance of 95%. Reads Cranfield and SciFact
from a folder (see CONTRIBUTING), and prints a table.

    python benchmarks/judging.py ../shared/data
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

import anglewise as aw
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.pools import Pool, PoolState

BATCH = 20
SETS = (
    ("cranfield", "paraphrase-L3", "dot,cosine,euclidean"),
    ("cranfield", "paraphrase-L3", "dot,cosine"),
    ("cranfield", "glove50-sum", "dot,cosine,euclidean"),
    ("scifact", "glove50-sum", "dot,cosine,euclidean,cosine@centred"),
)


def main() -> None:
    """Print one row a set."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data"))
    options.add_argument("--seeds", type=int, default=5)
    given = options.parse_args()
    if not given.folder.is_dir():
        print(f"{given.folder} is not there: name the folder that holds cranfield and scifact")
        return
    print("| set | measures | pool | telling | by chance (median) | share | right |")
    print("|---|---|---|---|---|---|---|")
    for name, vectors, measures in SETS:
        replay = Replay(given.folder / name, vectors, measures)
        telling, best = replay.until_decided(lambda now, _: now.most_informative(BATCH))
        chance = [replay.until_decided(by_chance(seed)) for seed in range(given.seeds)]
        median = float(np.median([count for count, _ in chance]))
        right = best == replay.truth and all(one == replay.truth for _, one in chance)
        print(
            f"| {name}, {vectors} | {measures} | {replay.size:,} | {telling:,} | {median:,.0f} "
            f"| {telling / median:.0%} | {'all' if right else 'not all'} |"
        )


class Replay:
    """A judged set whose judgements are given one batch after the other."""

    def __init__(self, folder: Path, vectors: str, measures: str) -> None:
        space = aw.read_space(
            queries=folder / "vectors" / vectors / "queries.npy",
            items=folder / "vectors" / vectors / "items.npy",
            query_ids=folder / "vectors" / vectors / "queries.txt",
            item_ids=folder / "vectors" / vectors / "items.txt",
        )
        given = aw.read_judgements(folder / "qrels.tsv", space)
        self.rows = given.judged_rows
        self.found = aw.search(space, measures, k=10, rows=self.rows)
        self.pool = Pool.of(self.found, given, self.rows)
        self.shape = given.gains.shape
        values = evaluate(self.found, self.known(np.ones(self.size, bool)), self.rows, "nDCG@10")
        self.truth = int(values["nDCG@10"].mean(axis=1).argmax())

    @property
    def size(self) -> int:
        """How many pairs are in the pool."""
        return len(self.pool.items)

    def known(self, judged: np.ndarray) -> Judgements:
        """What is known of the pool; as in the original, what nobody listed is not relevant."""
        pool = self.pool
        rows = self.rows[pool.lists[judged]]
        return Judgements(
            SparseRows.from_pairs(rows, pool.items[judged], pool.gains[judged], shape=self.shape)
        )

    def until_decided(
        self, choose: Callable[[PoolState, np.ndarray], np.ndarray]
    ) -> tuple[int, int]:
        """How many judgements it took, and which measure was then the best."""
        judged = np.zeros(self.size, dtype=bool)
        while True:
            known = self.known(judged)
            now = PoolState.of(Pool.of(self.found, known, self.rows), known, self.rows)
            decided = judged.any() and now.chance_best.max() >= 0.95
            if decided or judged.all() or not now.worth.any():
                return int(judged.sum()), int(now.means.argmax())
            judged[choose(now, judged)] = True


def by_chance(seed: int) -> Callable[[PoolState, np.ndarray], np.ndarray]:
    """A judge who takes what comes."""
    rng = np.random.default_rng(seed)
    return lambda _, judged: rng.permutation(np.flatnonzero(~judged))[:BATCH]


if __name__ == "__main__":
    main()
