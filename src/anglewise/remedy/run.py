"""The work itself: baselines, screening, and the finalists on the queries that decide."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from anglewise.comparison.lists import RESAMPLES
from anglewise.core.typing import Array, Int64
from anglewise.errors import ValuesError
from anglewise.remedy.apart import Apart, set_apart
from anglewise.remedy.bench import Bench, Found, batches
from anglewise.remedy.budget import OutOfTimeError
from anglewise.remedy.contender import Contender
from anglewise.remedy.defaults import baselines
from anglewise.remedy.screening import Screened, Screening, Stopped, attempted, screen, too_long

STATISTICS = 2e-9
"""Seconds that resampling takes for each query, resample and pair of candidates, about."""
LARGEST_SHARE = 0.3
"""Of the budget, that is kept for statistics at most."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run found before any statistics.

    ``found`` begins with the baselines; ``rows`` are the queries that decide.
    """

    found: dict[Contender, Found]
    rows: Int64[Array, " q"]
    screening_queries: int
    screened: tuple[Screened, ...]
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    stopped: Stopped = ""
    seconds: float = 0.0


def run(bench: Bench, among: Sequence[Contender], finalists: int) -> Outcome:
    """Go as far as the budget lets, the surest things first.

    Raises ``ValuesError`` where it ends before raw cosine and raw dot are searched.
    """
    judged = bench.judgements.judged_rows
    apart = set_apart(judged, bench.seed, bench.parting)
    screened = [one for one in among if one.screens]
    if len(screened) <= finalists or not len(apart.screening):
        apart = Apart(judged[:0], judged)
        finalists = len(among)
    bench.budget.kept = _statistics(bench, len(apart.deciding), min(finalists, len(among)))
    found = _baselines(bench, apart)
    if len(apart.screening):
        state = screen(
            bench,
            screened,
            apart.screening,
            finalists=finalists,
            kept_seconds=_finals(bench, apart, finalists),
        )
        order = state.best([one for one in screened if one in state.table])[:finalists]
        order += [one for one in among if not one.screens]
    else:
        queries = len(apart.deciding)
        state = Screening()
        order = sorted(among, key=lambda one: bench.seconds([one], queries))  # surest first
    stopped = state.stopped
    if stopped != "interrupt":
        stopped = _decide(bench, order, apart, found, state) or stopped
    for one in among:
        if one not in found and (one in order or one not in state.table):
            state.left_out.setdefault(str(one), "not reached before the end")
    return Outcome(
        found,
        apart.deciding,
        len(apart.screening),
        tuple(state.table[one] for one in state.best(among)),
        state.left_out,
        stopped,
        bench.budget.spent,
    )


def _baselines(bench: Bench, apart: Apart) -> dict[Contender, Found]:
    try:
        return bench.find(baselines(), apart.deciding)
    except OutOfTimeError:
        raise ValuesError(
            f"a budget of {bench.budget.seconds:g} seconds does not suffice to search for raw "
            "cosine and raw dot, which everything is compared with: give more"
        ) from None


def _decide(
    bench: Bench,
    order: Sequence[Contender],
    apart: Apart,
    found: dict[Contender, Found],
    state: Screening,
) -> Stopped:
    """Search the finalists for the queries that decide, in their order; ``found`` grows."""
    rows = apart.deciding
    try:
        for batch in batches(order):
            need, there = bench.seconds(batch, len(rows)), bench.budget.left
            if need > there and not bench.is_kept(batch, rows):
                state.left_out |= {str(one): too_long(need, there) for one in batch}
                continue
            found |= attempted(bench, batch, rows, state.left_out)
    except OutOfTimeError:
        return "time"
    except KeyboardInterrupt:
        return "interrupt"
    return ""


def _finals(bench: Bench, apart: Apart, finalists: int) -> float:
    """What the finalists will take if each is as slow as a baseline; at most half of what is left.

    Screening leaves this much.
    """
    expected = bench.seconds(baselines(), len(apart.deciding)) / len(baselines()) * finalists
    return min(expected, bench.budget.left / 2)


def _statistics(bench: Bench, queries: int, finalists: int) -> float:
    family = finalists + len(baselines())
    expected = STATISTICS * RESAMPLES * queries * (family + family**2 / 2)
    return min(expected, LARGEST_SHARE * bench.budget.seconds)
