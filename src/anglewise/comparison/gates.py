"""Gates for continuous integration, held against this run and the history of earlier ones."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np

from anglewise.comparison.candidates import canonical
from anglewise.comparison.comparison_result import Comparison, Estimate, Evidence
from anglewise.core.judgements import Judgements
from anglewise.core.numbers import read_number, shown
from anglewise.core.sparse import SparseRows
from anglewise.core.text import counted, listed
from anglewise.core.typing import Array, Float64
from anglewise.errors import IdsError, SpellingError
from anglewise.io.runs import HistoryTable
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
    parts = _GATE.fullmatch(spelling)
    if parts is None or not parts["left"].strip() or not parts["right"].strip():
        raise SpellingError(
            f"{spelling!r} is no gate: write cosine>=dot-0.01, dot>=0.3 or cosine>=last-0.01"
        )
    left, right = canonical(parts["left"]), parts["right"].strip()
    at_most = parts["relation"] == "<="
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

    evidence: Evidence
    queries: list[str]
    judgements: str

    def values(self, name: str, metric: str) -> Float64[Array, " q"]:
        """The values of a candidate, in the order of the queries."""
        return self.evidence.values[metric][self.evidence.measures.index(name)]


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
        evidence,
        asking.ids[evidence.rows].tolist(),
        _digest(judged.gains, asking.ids, ranked.ids),
    )


def _digest(gains: SparseRows, queries: Array, items: Array) -> str:
    """Twelve letters for what is judged, whatever the order of rows."""
    queries, by_query = _in_order(queries, gains.rows)
    items, by_item = _in_order(items, gains.indices)
    order = np.lexsort((by_item, by_query))
    digest = sha256()
    for start in range(0, len(order), PAIRS_AT_ONCE):
        some = order[start : start + PAIRS_AT_ONCE]
        columns = queries[by_query[some]], items[by_item[some]], gains.values[some]
        pairs = zip(*(column.tolist() for column in columns), strict=True)
        digest.update("".join(f"{q}\t{item}\t{gain:g}\n" for q, item, gain in pairs).encode())
    return digest.hexdigest()[:12]


def _in_order(ids: Array, rows: Array) -> tuple[Array, Array]:
    """The ids of some rows, as text in order, and the number of each row among them."""
    there = np.unique(rows)
    names, numbers = np.unique(ids[there].astype(str), return_inverse=True)
    return names, numbers[np.searchsorted(there, rows)]


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
    own = identity(comparison)
    return [
        {
            "at": at,
            "label": label or "",
            "version": version("anglewise"),
            "signature": comparison.signature,
            "direction": comparison.direction or "",
            "metric": metric,
            "measure": row.measure,
            "mean": estimate.mean,
            "low": estimate.low,
            "high": estimate.high,
            "queries": comparison.queries,
            "judged": comparison.judged,
            "judgements": "" if own is None else own.judgements,
            "decision": comparison.verdict.decision,
            "gates_held": gates_held,
            "query_ids": None if own is None else own.queries,
            "values": None if own is None else own.values(row.measure, metric).tolist(),
        }
        for row in comparison.measures
        for metric, estimate in row.metrics.items()
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
class _Figure:
    """An estimate, of what it is, and what must be said about it."""

    estimate: Estimate
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
    figure = _figure(comparison, wanted, history)
    if figure is None:
        label = wanted.right.label if isinstance(wanted.right, Last) else None
        labelled = "" if label is None else f" labelled {label}"
        return Checked(
            wanted,
            True,
            f"gate {wanted} passes unchecked: the history has no earlier run{labelled} of "
            f"{wanted.left} by {comparison.metric}",
        )
    mean, low, high = figure.estimate.mean, figure.estimate.low, figure.estimate.high
    above = mean - wanted.level
    passed = bool(np.isfinite(mean)) and (-above if wanted.at_most else above) >= -ROUNDING
    outcome = f"gate {wanted} {'holds' if passed else 'fails'}"
    interval = "" if np.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    measured = f"{comparison.metric} of {figure.subject} is {mean:.3f}{interval}"
    words = [f"{outcome}: {measured}", *figure.remarks]
    if low <= wanted.level <= high:
        level = spelled(wanted.level)
        words.append(f"the interval holds {level}, so other queries might decide otherwise")
    return Checked(wanted, passed, "; ".join(words), figure.estimate)


def _figure(comparison: Comparison, wanted: Gate, history: History) -> _Figure | None:
    """What a gate is about; None without an earlier run to hold it against."""
    compared = {row.measure: row.metrics[comparison.metric] for row in comparison.measures}
    left, right = wanted.left, wanted.right
    for name in (left, right):
        if isinstance(name, str) and name not in compared:
            raise SpellingError(
                f"the gate {wanted} names {name}, but compared were {listed(compared)}: add it"
            )
    if right is None:
        return _Figure(compared[left], left)
    if isinstance(right, Last):
        past = history.last(comparison, left, right.label)
        return None if past is None else _since(comparison, left, compared[left].mean, past)
    subject = f"{left} less {right}"
    mean = compared[left].mean - compared[right].mean
    evidence = comparison.evidence
    if evidence is None:
        return _Figure(Estimate(mean, UNKNOWN, UNKNOWN), subject)
    values = dict(zip(evidence.measures, evidence.values[comparison.metric], strict=True))
    lead = values[left] - values[right]
    return _Figure(_paired(lead, mean, comparison.seed, evidence.clusters), subject)


def _since(comparison: Comparison, name: str, mean: float, past: Past) -> _Figure:
    """Hold a candidate against itself in an earlier run."""
    remarks: list[str] = []
    own, before = identity(comparison), past.values
    if own is None or before is None:
        estimate = Estimate(mean - past.mean, UNKNOWN, UNKNOWN)
        remarks.append("of that run the history has the mean alone, so there is no interval")
        if past.queries != comparison.queries:
            remarks.append(f"it had {counted(past.queries, 'query')}, not {comparison.queries:,}")
    else:
        both = [column for column, query in enumerate(own.queries) if query in before]
        if not both:
            raise IdsError(
                f"the history holds other queries ({_some(list(before))}) than were judged "
                f"now ({_some(own.queries)}): keep one file for each set of queries"
            )
        then = np.array([before[own.queries[column]] for column in both])
        lead = own.values(name, comparison.metric)[both] - then
        clusters = own.evidence.clusters
        clusters = None if clusters is None else clusters.take(np.array(both))
        estimate = _paired(lead, float(lead.mean()), comparison.seed, clusters)
        if len(both) < max(len(own.queries), len(before)):
            remarks.append(f"on the {counted(len(both), 'query')} that both runs judged")
    if own is not None and past.judgements not in {None, own.judgements}:
        remarks.append("what is judged has changed since")
    return _Figure(estimate, f"{name} less that of {past.run_words}", tuple(remarks))


def _paired(
    lead: Float64[Array, " q"], mean: float, seed: int, clusters: Clusters | None
) -> Estimate:
    """The mean of paired differences with its 95% interval."""
    clusters = clusters or Clusters.each(len(lead))
    drawn = bootstrap(clusters.means(lead[None]), len(clusters), seed=seed)
    low, high = bca(drawn, np.array([mean]), clusters.influence(lead[None]))[0]
    return Estimate(mean, min(float(low), mean), max(float(high), mean))


def _some(names: list[str]) -> str:
    return listed([repr(name) for name in names[:3]])
