"""How often the intervals of ``judge agreement`` hold the agreement of all queries there could be.

Draws sets of made queries that two judges grade, and counts how often the 95% interval of each
coefficient holds what 40,000 such queries give; beside it plain percentiles of the same resamples,
as the intervals were before. Queries differ: in how much of them is relevant, and in how often
judges err. Where rare grades stand in fewer than 10 queries, or judges differ in fewer than 5,
there is no interval, and the share of sets that have one says how often that is.

    python benchmarks/agreement.py
"""

import argparse
from collections.abc import Callable

import numpy as np

from anglewise.judgements.records import Judged
from anglewise.labelling import agreement as room
from anglewise.labelling.agreement import Agreement, Coefficient, agreement

PAIRS = 5
"""Pairs of a query, on average."""
MANY = 40_000
"""Queries that stand for all there could be."""
RESAMPLES = 1000
NAMES = ("alpha, nominal", "alpha, ordinal", "kappa", "kappa, quadratic")


def main() -> None:
    """Print one row for each kind of set."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sets", type=int, default=100)
    given = options.parse_args()
    print(
        "| queries | relevant | judges err in | have an interval | "
        + " | ".join(NAMES)
        + " | percentiles |"
    )
    print("|---" * (5 + len(NAMES)) + "|")
    for queries in (20, 50, 100, 200):
        for relevant, wrong in ((0.3, 0.15), (0.1, 0.15), (0.03, 0.4), (0.3, 0.02)):
            _row(queries, relevant, wrong, given.sets)


def _row(queries: int, relevant: float, wrong: float, sets: int) -> None:
    rng = np.random.default_rng([queries, round(1000 * relevant), round(100 * wrong)])
    truth = [
        found.value for found in _all(_changed(drawn(rng, MANY, relevant, wrong), queries=MANY + 1))
    ]
    held, plain = np.zeros((len(NAMES), 2)), np.zeros((len(NAMES), 2))
    for _ in range(sets):
        rows = drawn(rng, queries, relevant, wrong)
        try:
            found = _all(agreement(rows, resamples=RESAMPLES))
            before = _all(_changed(rows, interval=_percentiles, rarer=1, disputed=1))
        except room.TooFewError:
            continue
        for i, due in enumerate(truth):
            for count, ends in ((held, found[i]), (plain, before[i])):
                count[i] += (ends.low <= due <= ends.high, not np.isnan(ends.low))
    shares = [f"{hits / all_of:.3f}" if all_of >= 20 else "-" for hits, all_of in held]
    worst = [hits / all_of for hits, all_of in plain if all_of >= 20]
    have = f"{held[:, 1].mean() / sets:.0%}"
    cells = [str(queries), f"{relevant:.0%}", f"{wrong:.0%}", have, *shares]
    cells.append(f"{min(worst):.3f}" if worst else "-")
    print(f"| {' | '.join(cells)} |", flush=True)


def _all(found: Agreement) -> list[Coefficient]:
    kappa = found.judge_pairs[0].kappa
    return [found.alpha["nominal"], found.alpha["ordinal"], kappa["none"], kappa["quadratic"]]


def _changed(
    rows: list[Judged],
    *,
    interval: Callable[..., np.ndarray] = room.bca,
    queries: int = room.FEWEST_RESAMPLED,
    rarer: int = room.FEWEST_OTHERWISE,
    disputed: int = room.FEWEST_DISPUTED,
) -> Agreement:
    """The same with other intervals, or from so many queries on."""
    changed = {
        "bca": interval,
        "FEWEST_RESAMPLED": queries,
        "FEWEST_OTHERWISE": rarer,
        "FEWEST_DISPUTED": disputed,
    }
    usual = {name: getattr(room, name) for name in changed}
    vars(room).update(changed)
    try:
        return agreement(rows, resamples=RESAMPLES)
    finally:
        vars(room).update(usual)


def _percentiles(drawn: np.ndarray, _estimate: object, _influence: object) -> np.ndarray:
    ends = np.quantile(drawn[:, 0], [0.025, 0.975])
    return np.array([ends if np.ptp(drawn) > 1e-12 else [np.nan, np.nan]])


def drawn(rng: np.random.Generator, queries: int, relevant: float, wrong: float) -> list[Judged]:
    """Grades 0 to 3 by two judges, of queries that differ in what is relevant and how clear."""
    share = rng.beta(4 * relevant, 4 * (1 - relevant), queries)
    errs = rng.beta(4 * wrong, 4 * (1 - wrong), queries)
    query = np.repeat(np.arange(queries), 1 + rng.poisson(PAIRS - 1, queries))
    true = np.where(rng.random(len(query)) < share[query], rng.integers(1, 4, len(query)), 0)
    chance = np.where(true > 0, errs[query], errs[query] * min(relevant / (1 - relevant), 1))
    rows: list[Judged] = []
    for judge in ("anna", "ben"):
        other = np.where(rng.random(len(query)) < 0.5, 0, rng.integers(1, 4, len(query)))
        grades = np.where(rng.random(len(query)) < chance, other, true)
        numbered = enumerate(zip(query.tolist(), grades.tolist(), strict=True))
        rows += [Judged(f"q{q}", f"d{pair}", grade, judge=judge) for pair, (q, grade) in numbered]
    return rows


if __name__ == "__main__":
    main()
