"""Gates for continuous integration, held against this run and the history of earlier ones."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np

from anglewise.comparison.candidates import canonical
from anglewise.comparison.comparison_result import Comparison, Estimate
from anglewise.core.judgements import Judgements
from anglewise.core.numbers import read_number, shown
from anglewise.core.sparse import SparseRows
from anglewise.core.text import counted, listed
from anglewise.core.typing import Array, Float64
from anglewise.errors import IdsError, SpellingError
from anglewise.io.history_files import HistoryTable
from anglewise.statistics.resampling import Clusters, bca, bootstrap

_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_GATE = re.compile(r"(?P<left>[^<>=]+)(?P<relation>>=|<=)(?P<right>[^<>=]+)")
_LEVEL = re.compile(rf"-?\s*{_NUMBER}")
_OTHER = re.compile(rf"(?P<name>.*?)(?P<slack>[+-]\s*{_NUMBER})?")
_LAST = re.compile(r"last(?:\(\s*(?P<label>\S|\S.*\S)\s*\))?", re.IGNORECASE)


@dataclass(frozen=True)
class Last:
    """What the same candidate had in the last run of the history, or in the last with a label.

    >>> str(Last()), str(Last("v1.0"))
    ('last', 'last(v1.0)')
    """

    label: str | None = None

    def __str__(self) -> str:
        return "last" if self.label is None else f"last({self.label})"


@dataclass(frozen=True)
class Gate:
    """What must hold: ``left >= right + level``, or ``left >= level`` where ``right`` is None.

    ``at_most`` turns the relation round.
    """

    left: str
    right: str | Last | None
    level: float
    at_most: bool = False

    def __str__(self) -> str:
        relation = "<=" if self.at_most else ">="
        if self.right is None:
            return f"{self.left}{relation}{spelled(self.level)}"
        slack = f"{'+' * (self.level > 0)}{spelled(self.level)}" if self.level else ""
        return f"{self.left}{relation}{self.right}{slack}"


def spelled(level: float) -> str:
    """A level as a gate may spell it: every digit, no exponent.

    >>> spelled(0.123456789), spelled(-1e-7), spelled(3.0)
    ('0.123456789', '-0.0000001', '3')
    """
    return np.format_float_positional(level, trim="-")


def gate(spelling: str) -> Gate:
    """Read a gate: a candidate, ``>=`` or ``<=``, and what it is held against.

    That is another candidate, ``last`` (the same one in the last run of the history that held its
    gates) or ``last(LABEL)`` (in the last such run of that label), each plus or less a number; or
    a number alone. A candidate is a measure, or of several spaces ``new: cosine``.

    Raises ``SpellingError`` for anything else.

    >>> gate("cosine >= dot - 0.01")
    Gate(left='cosine', right='dot', level=-0.01, at_most=False)
    >>> str(gate("cosine@without-top(3)>=0.3")), str(gate("New: dot >= last(v1.0) - .02"))
    ('cosine@without-top(3)>=0.3', 'New: dot>=last(v1.0)-0.02')
    """
    found = _GATE.fullmatch(spelling)
    if found is None or not found["left"].strip() or not found["right"].strip():
        raise SpellingError(
            f"{spelling!r} is no gate: write cosine>=dot-0.01, dot>=0.3 or cosine>=last-0.01"
        )
    left, right = canonical(found["left"]), found["right"].strip()
    at_most = found["relation"] == "<="
    if _LEVEL.fullmatch(right):
        return Gate(left, None, _number(right), at_most)
    other = _OTHER.fullmatch(right)
    name, slack = (other["name"].strip(), other["slack"]) if other else (right, None)
    last = _LAST.fullmatch(name)
    against = canonical(name) if last is None else Last(last["label"])
    return Gate(left, against, 0.0 if slack is None else _number(slack), at_most)


def _number(text: str) -> float:
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text.removeprefix("+"))
    size = read_number(digits.strip())
    if size is None or (sign and not size):
        raise SpellingError(
            f"{shown(text)!r} is no number that can be used in a gate: write cosine>=0.3 or "
            "cosine>=dot-0.01"
        )
    return -float(size) if sign else float(size)


PAIRS_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class Past:
    """A candidate in an earlier run; ``values`` by query, where the file has kept them."""

    run: int
    label: str | None
    mean: float
    queries: int
    judgements: str | None
    values: Mapping[str, float] | None

    @property
    def run_words(self) -> str:
        """The run as a sentence names it."""
        return f"run {self.run}" + ("" if self.label is None else f" ({self.label})")


@dataclass(frozen=True, eq=False)
class History:
    """Earlier runs, oldest first, as ``read_history`` gives them."""

    table: HistoryTable | None = None

    def last(self, now: Comparison, name: str, label: str | None = None) -> Past | None:
        """The newest run of a candidate by the same metric that kept its gates, if there is one.

        Runs whose gates failed are passed over: or else what failed once would be the standard.
        """
        if self.table is None:
            return None
        row = self.table.last(
            {"measure": name, "metric": now.metric, "direction": now.direction or ""}
            | ({} if label is None else {"label": label})
        )
        if row is None:
            return None
        values = row["values"]
        return Past(
            run=row["run"],
            label=row["label"] or None,
            mean=row["mean"],
            queries=row["queries"],
            judgements=row["judgements"] or None,
            values=None if values is None else dict(zip(row["query_ids"], values, strict=True)),
        )


NOTHING_YET = History()


@dataclass(frozen=True, eq=False)
class Identity:
    """By what the values of a run are known again: its queries, and what was judged."""

    comparison: Comparison
    queries: list[str]
    judgements: str

    def values(self, name: str, metric: str) -> list[float]:
        """The values of a candidate, in the order of the queries."""
        return self._rows[metric][self._places[name]].tolist()

    @cached_property
    def _places(self) -> dict[str, int]:
        evidence = self.comparison.evidence
        return {} if evidence is None else {n: i for i, n in enumerate(evidence.measures)}

    @cached_property
    def _rows(self) -> Mapping[str, Float64[Array, "m q"]]:
        evidence = self.comparison.evidence
        return {} if evidence is None else evidence.values


def identity(comparison: Comparison) -> Identity | None:
    """The queries of a comparison and a digest of what is judged; None for pairs and triplets.

    Their values are what each pair adds to a correlation, and mean nothing in another run.
    """
    evidence = comparison.evidence
    if evidence is None or not isinstance(evidence.judgements, Judgements):
        return None
    judged = evidence.judgements
    asking, ranked = evidence.space.sides(judged.direction)
    return Identity(
        comparison,
        asking.ids[evidence.rows].tolist(),
        _digest(judged.gains, asking.ids, ranked.ids),
    )


def _digest(gains: SparseRows, queries: Array, items: Array) -> str:
    """Twelve letters for what is judged, whatever the order of rows."""
    queries, by_query = _in_order(queries, gains.rows)
    items, by_item = _in_order(items, gains.indices)
    order = np.lexsort((by_item, by_query))
    found = sha256()
    for start in range(0, len(order), PAIRS_AT_ONCE):
        some = order[start : start + PAIRS_AT_ONCE]
        columns = queries[by_query[some]], items[by_item[some]], gains.values[some]
        pairs = zip(*(column.tolist() for column in columns), strict=True)
        found.update("".join(f"{q}\t{item}\t{gain:g}\n" for q, item, gain in pairs).encode())
    return found.hexdigest()[:12]


def _in_order(ids: Array, rows: Array) -> tuple[Array, Array]:
    """The ids of some rows, as text in order, and where each row stands among them."""
    there = np.unique(rows)
    names, places = np.unique(ids[there].astype(str), return_inverse=True)
    return names, places[np.searchsorted(there, rows)]


def rows_of(
    comparison: Comparison,
    *,
    label: str | None = None,
    at: datetime | None = None,
    gates_held: bool | None = None,
) -> list[dict[str, Any]]:
    """One row a measure and metric, for ``append_history``.

    ``at`` is written only where it is given, so that the same comparison gives the same bytes;
    ``gates_held`` is None for a run without gates.
    """
    known = identity(comparison)
    return [
        {
            "at": at,
            "label": label or "",
            "version": version("anglewise"),
            "signature": comparison.signature,
            "direction": comparison.direction or "",
            "metric": metric,
            "measure": one.measure,
            "mean": estimate.mean,
            "low": estimate.low,
            "high": estimate.high,
            "queries": comparison.queries,
            "judged": comparison.judged,
            "judgements": "" if known is None else known.judgements,
            "decision": comparison.verdict.decision,
            "gates_held": gates_held,
            "query_ids": None if known is None else known.queries,
            "values": None if known is None else known.values(one.measure, metric),
        }
        for one in comparison.measures
        for metric, estimate in one.metrics.items()
    ]


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
    return _paired(lead, apart, comparison.seed, evidence.clusters)


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
        figure = _paired(lead, float(lead.mean()), comparison.seed, _clusters(comparison, both))
        if len(both) < max(len(now), len(past.values)):
            remarks.append(f"on the {counted(len(both), 'query')} that both runs judged")
    if known is not None and past.judgements not in {None, known.judgements}:
        remarks.append("what is judged has changed since")
    return _Finding(figure, subject, tuple(remarks))


def _clusters(comparison: Comparison, queries: list[str]) -> Clusters | None:
    """The groups of some queries, where the split is by groups."""
    evidence, known = comparison.evidence, identity(comparison)
    if evidence is None or evidence.clusters is None or known is None:
        return None
    place = {query: column for column, query in enumerate(known.queries)}
    return evidence.clusters.take(np.array([place[query] for query in queries]))


def _paired(
    lead: Float64[Array, " q"], apart: float, seed: int, clusters: Clusters | None
) -> Estimate:
    clusters = clusters or Clusters.each(len(lead))
    drawn = bootstrap(clusters.means(lead[None]), len(clusters), seed=seed)
    low, high = bca(drawn, np.array([apart]), clusters.influence(lead[None]))[0]
    return Estimate(apart, min(float(low), apart), max(float(high), apart))


def _some(names: list[str]) -> str:
    return listed([repr(name) for name in names[:3]])
