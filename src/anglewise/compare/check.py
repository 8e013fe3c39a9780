"""Whether gates hold, on what was compared and on what runs before it had."""

from dataclasses import dataclass

import numpy as np

from anglewise.compare.gate import Gate, Last, gate, spelled
from anglewise.compare.history import NOTHING_YET, History, Past, identity
from anglewise.compare.result import Comparison, Estimate
from anglewise.core.text import counted, listed
from anglewise.core.typing import Array, Float64
from anglewise.errors import IdsError, SpellingError
from anglewise.statistics.clusters import Units
from anglewise.statistics.resampling import bca, bootstrap

ROUNDING = 1e-9
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Checked:
    """Whether a gate held, and the sentence that says so with its figures.

    ``figure`` is what was held against the limit, its interval NaN where none is known; None where
    there was no earlier run to hold it against, so that nothing was checked and the gate passed.
    """

    gate: Gate
    passed: bool
    sentence: str
    figure: Estimate | None = None


@dataclass(frozen=True)
class _Finding:
    """A figure, of what it is, and what must be said about it."""

    figure: Estimate
    subject: str
    remarks: tuple[str, ...] = ()


def check(comparison: Comparison, spelling: str | Gate, history: History = NOTHING_YET) -> Checked:
    """Decide a gate on the means, the numbers that the table shows.

    ``cosine>=dot-0.01`` holds if the mean of cosine is at least the mean of dot less 0.01. The
    sentence adds the 95% interval of the difference, and says so where that holds the limit, for
    then other queries might have decided otherwise. Rounding is forgiven up to 1e-9.

    ``cosine>=last-0.01`` asks the history. Both runs are compared on the queries that both
    judged, pair by pair; where the history has kept the mean alone, means are compared, and the
    sentence says that there is no interval. Without an earlier run the gate passes, and says so.

    Raises ``SpellingError`` for what was not compared, ``IdsError`` for a history of other queries.
    """
    wanted = gate(spelling) if isinstance(spelling, str) else spelling
    found = _find(comparison, wanted, history)
    if found is None:
        asked = wanted.right.label if isinstance(wanted.right, Last) else None
        named = "" if asked is None else f" labelled {asked}"
        return Checked(
            wanted,
            True,
            f"gate {wanted} passes unchecked: the history has no earlier run{named} of "
            f"{wanted.left} by {comparison.metric}",
        )
    figure = found.figure
    above = figure.mean - wanted.level
    passed = (-above if wanted.at_most else above) >= -ROUNDING
    outcome = f"gate {wanted} {'holds' if passed else 'fails'}"
    measured = f"{comparison.metric} of {found.subject} is {figure.mean:.3f}{_interval(figure)}"
    said = [f"{outcome}: {measured}", *found.remarks]
    if figure.low <= wanted.level <= figure.high:
        level = spelled(wanted.level)
        said.append(f"the interval holds {level}, so other queries might decide otherwise")
    return Checked(wanted, passed, "; ".join(said), figure)


def _interval(figure: Estimate) -> str:
    return "" if np.isnan(figure.low) else f" [{figure.low:.3f}, {figure.high:.3f}]"


def _find(comparison: Comparison, wanted: Gate, history: History) -> _Finding | None:
    compared = {one.measure: one.metrics[comparison.metric] for one in comparison.measures}
    right = wanted.left if wanted.right is None or isinstance(wanted.right, Last) else wanted.right
    for name in (wanted.left, right):
        if name not in compared:
            raise SpellingError(
                f"the gate {wanted} names {name}, but compared were {listed(compared)}: add it"
            )
    if wanted.right is None:
        return _Finding(compared[wanted.left], wanted.left)
    if isinstance(wanted.right, Last):
        past = history.last(comparison, wanted.left, wanted.right.label)
        return None if past is None else _since(comparison, wanted.left, past)
    return _Finding(_difference(comparison, wanted.left, right), f"{wanted.left} less {right}")


def _difference(comparison: Comparison, left: str, right: str) -> Estimate:
    mean = {one.measure: one.metrics[comparison.metric].mean for one in comparison.measures}
    apart = mean[left] - mean[right]
    evidence = comparison.evidence
    if evidence is None:
        return Estimate(apart, UNKNOWN, UNKNOWN)
    values = evidence.values[comparison.metric]
    lead = values[evidence.measures.index(left)] - values[evidence.measures.index(right)]
    return _paired(lead, apart, comparison.seed, evidence.units)


def _since(comparison: Comparison, name: str, past: Past) -> _Finding:
    """Hold a candidate against itself in an earlier run."""
    mean = next(
        one.metrics[comparison.metric].mean for one in comparison.measures if one.measure == name
    )
    subject = f"{name} less that of {past.run_words}"
    remarks: list[str] = []
    known = identity(comparison)
    if known is None or past.values is None:
        figure = Estimate(mean - past.mean, UNKNOWN, UNKNOWN)
        remarks.append("of that run the history has the mean alone, so there is no interval")
        if past.queries != comparison.queries:
            remarks.append(f"it had {counted(past.queries, 'query')}, not {comparison.queries:,}")
    else:
        now = dict(zip(known.queries, known.values(name, comparison.metric), strict=True))
        both = [query for query in now if query in past.values]
        if not both:
            raise IdsError(
                f"the history holds other queries ({_some(list(past.values))}) than were judged "
                f"now ({_some(list(now))}): keep one file for each set of queries"
            )
        lead = np.array([now[query] - past.values[query] for query in both])
        figure = _paired(lead, float(lead.mean()), comparison.seed, _units(comparison, both))
        if len(both) < max(len(now), len(past.values)):
            remarks.append(f"on the {counted(len(both), 'query')} that both runs judged")
    if known is not None and past.judgements not in {None, known.judgements}:
        remarks.append("what is judged has changed since")
    return _Finding(figure, subject, tuple(remarks))


def _units(comparison: Comparison, queries: list[str]) -> Units | None:
    """The groups of some queries, where the split is by groups."""
    evidence, known = comparison.evidence, identity(comparison)
    if evidence is None or evidence.units is None or known is None:
        return None
    place = {query: column for column, query in enumerate(known.queries)}
    return evidence.units.take(np.array([place[query] for query in queries]))


def _paired(lead: Float64[Array, " q"], apart: float, seed: int, units: Units | None) -> Estimate:
    units = units or Units.each(len(lead))
    drawn = bootstrap(units.means(lead[None]), len(units), seed=seed)
    low, high = bca(drawn, np.array([apart]), units.influence(lead[None]))[0]
    return Estimate(apart, min(float(low), apart), max(float(high), apart))


def _some(names: list[str]) -> str:
    return listed([repr(name) for name in names[:3]])
