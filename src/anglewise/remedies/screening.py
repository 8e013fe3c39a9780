"""Screen many candidates on few queries, then run the finalists on those that decide."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from anglewise.comparison.lists import RESAMPLES
from anglewise.core.text import counted
from anglewise.core.typing import Array, Int64
from anglewise.errors import AnglewiseError, ValuesError
from anglewise.metrics.evaluate import evaluate
from anglewise.remedies.candidate_list import RemedyCandidate, baselines
from anglewise.remedies.runner import CandidateLists, CandidateRunner, batches
from anglewise.remedies.training_data import OutOfTimeError, ScreeningSplit, judged_by, set_apart

Stopped: TypeAlias = Literal["", "time", "interrupt"]

FIRST = 32
"""Queries of the first round, at least."""


@dataclass(frozen=True)
class Screened:
    """How a candidate did among the queries set apart, in the last round that it reached."""

    candidate: str
    mean: float
    queries: int


@dataclass(eq=False)
class Screening:
    """What screening came to: the candidates that are left, best first, and why others are not.

    ``stopped`` says that it ended before it was through, and how: ``"time"``, ``"interrupt"`` or
    nothing.
    """

    table: dict[RemedyCandidate, Screened] = field(default_factory=dict[RemedyCandidate, Screened])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    stopped: Stopped = ""

    def best(self, of: Sequence[RemedyCandidate]) -> list[RemedyCandidate]:
        """Those that were screened, the furthest first and then the best."""
        known = [one for one in of if one in self.table]
        return sorted(
            known,
            key=lambda one: (
                -self.table[one].queries,
                -self.table[one].mean,
                one.simplicity,
            ),
        )


def screen(
    bench: CandidateRunner,
    among: Sequence[RemedyCandidate],
    rows: Int64[Array, " s"],
    *,
    finalists: int,
    kept_seconds: float,
) -> Screening:
    """Successive halving (Jamieson and Talwalkar 2016) over queries, down to some finalists.

    Each round asks twice the queries of the one before, and the better half of the candidates go
    on, though never fewer than ``finalists``. A candidate is not begun where it would leave less
    than ``kept_seconds`` of the budget.

    The rows are those set apart, in the order drawn; nothing else is looked at.
    """
    state = Screening()
    left = list(among)
    rivals = [one for one in baselines() if one not in left]
    queries = max(min(FIRST, len(rows)), len(rows) // 4)
    while not state.stopped:
        _round(bench, [*rivals, *left], rows[:queries], state, kept_seconds)
        left = state.best([one for one in left if one in state.table])
        if queries == len(rows) or state.stopped:
            break
        left = left[: max(finalists, -(-len(left) // 2))]
        bench.forget(left)
        if len(left) <= finalists:
            break
        queries = min(2 * queries, len(rows))
    return state


def _round(
    bench: CandidateRunner,
    left: Sequence[RemedyCandidate],
    rows: Int64[Array, " s"],
    state: Screening,
    kept_seconds: float,
) -> None:
    """One round; cheap candidates come first, so that time running out costs the dear ones."""
    lists: dict[RemedyCandidate, bytes] = {}
    try:
        for batch in sorted(batches(left), key=lambda one: bench.seconds(one, len(rows))):
            need, there = bench.seconds(batch, len(rows)), bench.budget.left - kept_seconds
            if need > there and not bench.is_kept(batch, rows):
                for one in batch:
                    state.left_out[str(one)] = too_long(need, there)
                continue
            for one, found in attempted(bench, batch, rows, state.left_out).items():
                mean = float(values_of(bench, {one: found}, rows)[0].mean())
                state.table[one] = Screened(str(one), mean, len(rows))
                lists[one] = found.lists.indices.tobytes()
    except OutOfTimeError:
        state.stopped = "time"
    except KeyboardInterrupt:
        state.stopped = "interrupt"
    _only_once(lists, state, len(rows))


def _only_once(lists: dict[RemedyCandidate, bytes], state: Screening, queries: int) -> None:
    """Of candidates that give the same lists the simplest goes on."""
    first: dict[bytes, RemedyCandidate] = {}
    for one in sorted(lists, key=_simplest):
        if one.needs == "judgements":  # on other queries it may choose otherwise
            continue
        alike = first.setdefault(lists[one], one)
        if alike is not one:
            del state.table[one]
            state.left_out[str(one)] = f"ranks as {alike} does, on all {queries} queries"


def _simplest(one: RemedyCandidate) -> tuple[int | str, ...]:
    return one.simplicity


def attempted(
    bench: CandidateRunner,
    batch: Sequence[RemedyCandidate],
    rows: Int64[Array, " some"],
    left_out: dict[str, str],
) -> dict[RemedyCandidate, CandidateLists]:
    """What a batch finds; a candidate that this space does not allow is left out with its reason.

    One that cannot be measured must not take the others of its batch along.
    """
    try:
        return bench.find(batch, rows)
    except AnglewiseError as error:
        if len(batch) == 1:
            left_out[str(batch[0])] = str(error)
            return {}
    found: dict[RemedyCandidate, CandidateLists] = {}
    for one in batch:
        found |= attempted(bench, [one], rows, left_out)
    return found


def values_of(
    bench: CandidateRunner,
    found: dict[RemedyCandidate, CandidateLists],
    rows: Int64[Array, " some"],
) -> Array:
    """The deciding metric of each candidate, query by query."""
    lists = {str(one): it.lists for one, it in found.items()}
    metric = bench.metrics[0]
    judged = judged_by(bench.judgements, rows)
    return evaluate(lists, judged, np.sort(rows), [metric])[str(metric)]


def too_long(need: float, there: float) -> str:
    """Why a candidate was not begun."""
    return (
        f"would take about {counted(max(round(need), 1), 'second')}, and "
        f"{max(there, 0):.0f} are left for it"
    )


STATISTICS = 2e-9
"""Seconds that resampling takes for each query, resample and pair of candidates, about."""
LARGEST_SHARE = 0.3
"""Of the budget, that is kept for statistics at most."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run found before any statistics.

    ``found`` begins with the baselines; ``rows`` are the queries that decide.
    """

    found: dict[RemedyCandidate, CandidateLists]
    rows: Int64[Array, " q"]
    screening_queries: int
    screened: tuple[Screened, ...]
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    stopped: Stopped = ""
    seconds: float = 0.0


def run(bench: CandidateRunner, among: Sequence[RemedyCandidate], finalists: int) -> Outcome:
    """Go as far as the budget lets, the surest things first.

    Raises ``ValuesError`` where it ends before raw cosine and raw dot are searched.
    """
    judged = bench.judgements.judged_rows
    apart = set_apart(judged, bench.seed, bench.parting)
    screened = [one for one in among if one.screens]
    if len(screened) <= finalists or not len(apart.screening):
        apart = ScreeningSplit(judged[:0], judged)
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


def _baselines(
    bench: CandidateRunner, apart: ScreeningSplit
) -> dict[RemedyCandidate, CandidateLists]:
    try:
        return bench.find(baselines(), apart.deciding)
    except OutOfTimeError:
        raise ValuesError(
            f"a budget of {bench.budget.seconds:g} seconds does not suffice to search for raw "
            "cosine and raw dot, which everything is compared with: give more"
        ) from None


def _decide(
    bench: CandidateRunner,
    order: Sequence[RemedyCandidate],
    apart: ScreeningSplit,
    found: dict[RemedyCandidate, CandidateLists],
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


def _finals(bench: CandidateRunner, apart: ScreeningSplit, finalists: int) -> float:
    """What the finalists will take if each is as slow as a baseline; at most half of what is left.

    Screening leaves this much.
    """
    expected = bench.seconds(baselines(), len(apart.deciding)) / len(baselines()) * finalists
    return min(expected, bench.budget.left / 2)


def _statistics(bench: CandidateRunner, queries: int, finalists: int) -> float:
    family = finalists + len(baselines())
    expected = STATISTICS * RESAMPLES * queries * (family + family**2 / 2)
    return min(expected, LARGEST_SHARE * bench.budget.seconds)
