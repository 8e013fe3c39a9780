"""Screen many candidates on few queries, then run the finalists on those that decide."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal, TypeAlias

import numpy as np

from anglewise.comparison.scoring import list_key
from anglewise.data_types.drawn import means_over_queries
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import AnglewiseError, ValuesError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.interface import Metric
from anglewise.remedies.candidate_list import RemedyCandidate, baselines
from anglewise.remedies.runner import CandidateLists, CandidateRunner, batches
from anglewise.remedies.training_data import OutOfTimeError, ScreeningSplit, judged_by, set_apart
from anglewise.statistics.decision import DRAWS

Stopped: TypeAlias = Literal["", "time", "interrupt"]

FIRST = 32
"""Queries of the first round, at least."""


@dataclass(frozen=True)
class Screened:
    """How a candidate did among the queries set apart, in the last round that it reached.

    Queries that were drawn with unequal chances weigh in the mean as where the finalists meet.
    """

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

    def best(self, among: Sequence[RemedyCandidate]) -> list[RemedyCandidate]:
        """Those that were screened, the furthest first and then the best."""

        def order(candidate: RemedyCandidate) -> tuple[float, float, tuple[int | str, ...]]:
            screened = self.table[candidate]
            return -screened.queries, -screened.mean, candidate.simplicity

        return sorted((candidate for candidate in among if candidate in self.table), key=order)


def screen(
    runner: CandidateRunner,
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
    rivals = [baseline for baseline in baselines() if baseline not in left]
    queries = max(min(FIRST, len(rows)), len(rows) // 4)
    while not state.stopped:
        _round(runner, [*rivals, *left], rows[:queries], state, kept_seconds)
        left = state.best(left)
        if queries == len(rows) or state.stopped:
            break
        left = left[: max(finalists, -(-len(left) // 2))]
        runner.forget(left)
        if len(left) <= finalists:
            break
        queries = min(2 * queries, len(rows))
    return state


def _round(
    runner: CandidateRunner,
    left: Sequence[RemedyCandidate],
    rows: Int64[Array, " s"],
    state: Screening,
    kept_seconds: float,
) -> None:
    """One round; cheap candidates come first, so that time running out costs the dear ones."""
    lists: dict[RemedyCandidate, Hashable] = {}
    metric = runner.settings.metrics[0]
    judged, ordered = judged_by(runner.judgements, rows), np.sort(rows)
    weights = judged.weights(ordered)
    in_order = sorted(batches(left), key=lambda batch: runner.seconds(batch, len(rows)))
    try:
        for results in _affordable(runner, in_order, rows, state.left_out, kept_seconds):
            for candidate, held in results.items():
                name = str(candidate)
                values = _values(held, judged, ordered, metric)
                (mean,) = means_over_queries(values, weights).tolist()
                state.table[candidate] = Screened(name, mean, len(rows))
                lists[candidate] = (
                    list_key(held.lists) if held.within is None else held.within.keys[0]
                )
    except OutOfTimeError:
        state.stopped = "time"
    except KeyboardInterrupt:
        state.stopped = "interrupt"
    # Of candidates that give the same lists the simplest goes on; what learns from judgements may
    # choose otherwise on other queries.
    first: dict[Hashable, RemedyCandidate] = {}
    for candidate in sorted(lists, key=attrgetter("simplicity")):
        alike = candidate
        if candidate.needs != "judgements":
            alike = first.setdefault(lists[candidate], candidate)
        if alike is not candidate:
            del state.table[candidate]
            state.left_out[str(candidate)] = f"ranks as {alike} does, on all {len(rows)} queries"


def _values(
    held: CandidateLists, judged: Judgements, rows: Int64[Array, " s"], metric: Metric
) -> Float64[Array, "1 s"]:
    """The metric for each query: within strata where candidates are judged there."""
    if held.within is not None:
        return held.within.values[0][str(metric)]
    return evaluate({"it": held.lists}, judged, rows, [metric])[str(metric)]


def _affordable(
    runner: CandidateRunner,
    batches: Sequence[Sequence[RemedyCandidate]],
    rows: Int64[Array, " some"],
    left_out: dict[str, str],
    kept_seconds: float = 0.0,
) -> Iterator[dict[RemedyCandidate, CandidateLists]]:
    """What each batch finds; those that would take too long are left out with their reason."""
    for batch in batches:
        need, left = runner.seconds(batch, len(rows)), runner.budget.left - kept_seconds
        if need > left and not runner.is_cached(batch, rows):
            reason = (
                f"would take about {counted(max(round(need), 1), 'second')}, and "
                f"{max(left, 0):.0f} are left for it"
            )
            left_out |= {str(candidate): reason for candidate in batch}
        else:
            yield _attempted(runner, batch, rows, left_out)


def _attempted(
    runner: CandidateRunner,
    batch: Sequence[RemedyCandidate],
    rows: Int64[Array, " some"],
    left_out: dict[str, str],
) -> dict[RemedyCandidate, CandidateLists]:
    """What a batch finds; a candidate that this space does not allow is left out with its reason.

    One that cannot be measured must not take the others of its batch along.
    """
    try:
        return runner.find(batch, rows)
    except AnglewiseError as error:
        if len(batch) == 1:
            left_out[str(batch[0])] = str(error)
            return {}
    results: dict[RemedyCandidate, CandidateLists] = {}
    for candidate in batch:
        results |= _attempted(runner, [candidate], rows, left_out)
    return results


STATISTICS = 2e-9
"""Seconds that resampling takes for each query, resample and pair of candidates, about."""
LARGEST_PROPORTION = 0.3
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


def run(runner: CandidateRunner, among: Sequence[RemedyCandidate], finalists: int) -> Outcome:
    """Go as far as the budget lets, the surest things first.

    Raises ``ValuesError`` where it ends before raw cosine and raw dot are searched.
    """
    judged, budget = runner.judgements.judged_rows, runner.budget
    queries = set_apart(judged, runner.settings.seed, runner.settings.split)
    screens = [candidate for candidate in among if candidate.screens]
    if len(screens) <= finalists or not len(queries.screening):
        queries = ScreeningSplit(judged[:0], judged)
        finalists = len(among)
    deciding = queries.deciding
    family = min(finalists, len(among)) + len(baselines())
    statistics = STATISTICS * DRAWS * len(deciding) * (family + family**2 / 2)
    budget.kept = min(statistics, LARGEST_PROPORTION * budget.seconds)
    try:
        results = runner.find(baselines(), deciding)
    except OutOfTimeError:
        raise ValuesError(
            f"a budget of {budget.seconds:g} seconds does not suffice to search for raw "
            "cosine and raw dot, which everything is compared with: give more"
        ) from None
    if len(queries.screening):
        # what the finalists will take if each is as slow as a baseline
        expected = runner.seconds(baselines(), len(deciding)) / len(baselines()) * finalists
        state = screen(
            runner,
            screens,
            queries.screening,
            finalists=finalists,
            kept_seconds=min(expected, budget.left / 2),
        )
        order = state.best(screens)[:finalists]
        order += [candidate for candidate in among if not candidate.screens]
    else:
        state = Screening()
        order = sorted(among, key=lambda candidate: runner.seconds([candidate], len(deciding)))
    stopped = state.stopped
    if stopped != "interrupt":
        try:
            for lists in _affordable(runner, batches(order), deciding, state.left_out):
                results |= lists
        except OutOfTimeError:
            stopped = "time"
        except KeyboardInterrupt:
            stopped = "interrupt"
    for candidate in among:
        if candidate not in results and (candidate in order or candidate not in state.table):
            state.left_out.setdefault(str(candidate), "not reached before the end")
    return Outcome(
        results,
        deciding,
        len(queries.screening),
        tuple(state.table[candidate] for candidate in state.best(among)),
        state.left_out,
        stopped,
        budget.spent,
    )
