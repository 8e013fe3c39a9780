"""Gates for continuous integration, held against this run and the last one of a history."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from math import isfinite

import numpy as np

from anglewise.comparison.candidates import canonical
from anglewise.comparison.comparison_result import Comparison, Estimate
from anglewise.comparison.dependence import MACHINE_RIGHT
from anglewise.comparison.history import NOTHING_YET, History, Past, identity
from anglewise.comparison.inference import FEWEST_RESAMPLED, SAME
from anglewise.comparison.split import assumed_sizes
from anglewise.comparison.training_agreement import trained_alike
from anglewise.data_types.drawn import effective_number
from anglewise.data_types.numbers import read_number, shown
from anglewise.data_types.text import counted, listed, percent
from anglewise.data_types.typing import Array, Float64
from anglewise.errors import IdsError, SpellingError
from anglewise.evaluation_metrics.evaluate import metric
from anglewise.evaluation_metrics.pools import POOL_DEPTH, POOL_GAP
from anglewise.statistics.decision import DRAWS, RULE, WeightedMeans
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


def gate(spelling: str, runs: Collection[str] = ()) -> Gate:
    """Read a gate: a candidate, ``>=`` or ``<=``, and what it is held against.

    That is another candidate, ``last`` (the same one in the last run of the history that held its
    gates) or ``last(LABEL)`` (in the last such run of that label), each plus or less a number; or
    a number alone. A candidate is a measure, of several spaces ``new: cosine``, or one of the
    ``runs``, by its name.

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
    left, right = canonical(parts["left"], runs), parts["right"].strip()
    at_most = parts["relation"] == "<="
    if right in runs:
        return Gate(left, right, 0.0, at_most)
    if _LEVEL.fullmatch(right):
        return Gate(left, None, _number(right), at_most)
    other = _OTHER.fullmatch(right)
    name, slack = (other["name"].strip(), other["slack"]) if other else (right, None)
    last = _LAST.fullmatch(name)
    against = canonical(name, runs) if last is None else Last(last["label"])
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


ROUNDING = 1e-9
UNKNOWN = float("nan")
UNDEFINED = Estimate(UNKNOWN, UNKNOWN, UNKNOWN)


@dataclass(frozen=True)
class Checked:
    """Whether a gate held, and the sentence that says so with its figures.

    ``figure`` is what was held against the limit, its interval NaN where none is known, all of it
    NaN where it is undefined; None in the first run, where there was nothing to hold it against:
    then the gate is not ``checked``, and the build does not fail for it.
    """

    gate: Gate
    passed: bool
    sentence: str
    figure: Estimate | None = None

    @property
    def checked(self) -> bool:
        """Whether there was anything to hold it against."""
        return self.figure is not None


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
    then other queries might have decided otherwise; and what the figures suppose of places that
    nobody judged and of a machine that graded. Rounding is forgiven up to 1e-9. A figure that is
    undefined fails.

    ``cosine>=last-0.01`` asks the history. Both runs are compared on the queries that both
    judged, pair by pair; where the history has kept the mean alone, means are compared, and the
    sentence says that there is no interval. Before the first run that kept its gates there is
    nothing to hold it against: it is not checked, and the sentence says so.

    Raises ``SpellingError`` for what was not compared, now or in the history, ``IdsError`` for a
    history of other queries.
    """
    names = [row.measure for row in comparison.measures]
    wanted = gate(spelling, names) if isinstance(spelling, str) else spelling
    figure = _figure(comparison, wanted, history)
    if figure is None:
        which = "no run before kept its gates" if history.runs else "first run"
        return Checked(
            wanted, True, f"gate {wanted} is unchecked: {which}, nothing to hold it against"
        )
    mean, low, high = figure.estimate.mean, figure.estimate.low, figure.estimate.high
    if not isfinite(mean):
        undefined = f"gate {wanted} fails: {comparison.metric} of {figure.subject} is undefined"
        return Checked(wanted, False, "; ".join([undefined, *figure.remarks]), UNDEFINED)
    above = mean - wanted.level
    passed = (-above if wanted.at_most else above) >= -ROUNDING
    outcome = f"gate {wanted} {'holds' if passed else 'fails'}"
    within = low <= wanted.level <= high
    level = "" if within else " at 95%"  # what is said of the limit names it
    interval = f" [{low:.3f}, {high:.3f}]{level}" if isfinite(low) and isfinite(high) else ""
    measured = f"{comparison.metric} of {figure.subject} is {_beside(mean, wanted.level)}{interval}"
    words = [f"{outcome}: {measured}", *figure.remarks]
    if len(comparison.truths) > 1:
        words.append(f"by {comparison.truths[0][0]} alone, of {len(comparison.truths)} truths")
    if within:
        limit = spelled(wanted.level)
        others = "queries" if comparison.direction is not None else "judgements"
        others = f"groups of {others}" if comparison.groups is not None else others
        others += " or trainings" if comparison.trainings else ""
        words.append(f"the 95% interval holds {limit}, so other {others} might decide otherwise")
    elif not interval and not figure.remarks:
        words.append("no interval of it is known")
    words += _supposed(comparison, wanted, left_ahead=passed != wanted.at_most)
    return Checked(wanted, passed, "; ".join(words), figure.estimate)


def _supposed(comparison: Comparison, wanted: Gate, *, left_ahead: bool) -> list[str]:
    """What outcome and interval take for granted: what nobody judged, other groups or trainings.

    Two candidates are told where the one that came out behind was judged less; a candidate against
    a number or an earlier run, of whose lists nothing is known, where much of it was not judged.
    """
    evidence, supposed = comparison.evidence, list[str]()
    if evidence is None:
        return supposed
    if evidence.outside_pool is not None:
        shares = dict(zip(evidence.measures, evidence.outside_pool.tolist(), strict=True))
        ahead, behind = wanted.left, wanted.left
        if isinstance(wanted.right, str):
            ahead, behind = (
                (wanted.left, wanted.right) if left_ahead else (wanted.right, wanted.left)
            )
        if shares[behind] > (shares[ahead] if ahead != behind else 0.0) + POOL_GAP:
            depth = min(metric(comparison.metric).depth or POOL_DEPTH, POOL_DEPTH)
            against = f", against {percent(shares[ahead])} for {ahead}" if ahead != behind else ""
            supposed.append(
                f"what nobody judged is not relevant (of the first {depth} places "
                f"{percent(shares[behind])} for {behind}{against})"
            )
    supposed += assumed_sizes(
        evidence.clusters, evidence.chance_over, evidence.weights, evidence.largest_group
    )
    if evidence.trainings is not None:
        supposed.append(trained_alike(evidence.trainings))
    supposed += evidence.supposed
    if evidence.by_machine:
        supposed.append(MACHINE_RIGHT)
    return [f"if {listed(supposed, 'and')}"] if supposed else []


MOST_DIGITS = 12


def _beside(mean: float, level: float) -> str:
    """A figure with three digits, or as many as show on which side of the level it lies.

    >>> _beside(0.2997, 0.3), _beside(0.3, 0.3), _beside(0.31249, 0.3)
    ('0.2997', '0.300', '0.312')
    """
    digits = 3
    while digits < MOST_DIGITS and abs(mean - level) > ROUNDING:
        shown = float(f"{mean:.{digits}f}")
        if (shown > level) == (mean > level) and shown != level:
            break
        digits += 1
    return f"{mean:.{digits}f}" if abs(mean - level) > ROUNDING else f"{mean:.3f}"


def _figure(comparison: Comparison, wanted: Gate, history: History) -> _Figure | None:
    """What a gate is about; None in the first run, without one to hold it against."""
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
    if evidence is None or not isfinite(mean):
        return _Figure(Estimate(mean, UNKNOWN, UNKNOWN), subject)
    rows = [evidence.measures.index(name) for name in (left, right)]
    pair = evidence.values[comparison.metric][rows]
    moved: Float64[Array, "draws 2"] | None = None
    if evidence.trainings is not None:
        every = list(evidence.values)
        offsets = evidence.trainings.offsets(DRAWS, seed=comparison.seed)
        moved = offsets[:, every.index(comparison.metric)][:, rows]
    return _Figure(_paired(comparison, pair, mean, evidence.chance_over, moved), subject)


def _since(comparison: Comparison, name: str, mean: float, past: Past) -> _Figure:
    """Hold a candidate against itself in an earlier run."""
    remarks: list[str] = []
    identity_now, before = identity(comparison), past.values
    if identity_now is None or identity_now.queries is None or before is None or not isfinite(mean):
        estimate = Estimate(mean - past.mean, UNKNOWN, UNKNOWN)
        if isfinite(estimate.mean):
            remarks.append("of that run the history has the mean alone, so there is no interval")
        elif isfinite(mean):
            remarks.append("it was undefined in that run")
        if past.queries is not None and past.queries != comparison.queries:
            remarks.append(f"it had {counted(past.queries, 'query')}, not {comparison.queries:,}")
    else:
        both = [column for column, query in enumerate(identity_now.queries) if query in before]
        if not both:
            raise IdsError(
                f"the history holds other queries ({_some(list(before))}) than were judged "
                f"now ({_some(identity_now.queries)}): keep one file for each set of queries"
            )
        then = np.array([before[identity_now.queries[column]] for column in both])
        pair = np.stack([identity_now.values(name, comparison.metric)[both], then])
        clusters = identity_now.evidence.of_columns(np.array(both))
        difference = float(clusters.mean(pair[:1] - pair[1:])[0])
        estimate = _paired(comparison, pair, difference, clusters)
        if len(both) < max(len(identity_now.queries), len(before)):
            remarks.append(f"on the {counted(len(both), 'query')} that both runs judged")
    if identity_now is not None and past.judgements not in {None, identity_now.judgements}:
        remarks.append("what is judged has changed since")
    if past.rule != RULE:
        remarks.append("the rule of verdicts has changed since that run")
    called = "" if past.name == name else f", which called it {past.name},"
    return _Figure(estimate, f"{name} less that of {past.run_words}{called}", tuple(remarks))


def _paired(
    comparison: Comparison,
    pair: Float64[Array, "2 q"],
    mean: float,
    clusters: Clusters,
    moved: Float64[Array, "draws 2"] | None = None,
) -> Estimate:
    """The mean of paired differences with its 95% interval.

    Values in [0, 1] have bounds that allow for a query of a kind not seen, so that their interval
    is never without width; values of a range that is not known are resampled. ``moved`` is what
    several trainings add to both figures in each draw.
    """
    seed = comparison.seed
    if metric(comparison.metric).bounded and pair.min() >= 0 and pair.max() <= 1:
        drawn = WeightedMeans.of(
            clusters.sums(pair), clusters.sizes, largest=clusters.largest, seed=seed
        )
        if moved is not None:
            drawn = WeightedMeans(drawn.means + moved, drawn.unseen)
        low, high = drawn.difference(0, 1)
    elif effective_number(clusters.sizes) < FEWEST_RESAMPLED - SAME:
        low, high = UNKNOWN, UNKNOWN
    else:
        lead = pair[:1] - pair[1:]
        drawn = bootstrap(clusters.means(lead), len(clusters), seed=seed)
        if moved is not None:
            drawn = drawn + (moved[:, :1] - moved[:, 1:])
        low, high = bca(drawn, np.array([mean]), clusters.influence(lead))[0].tolist()
    return Estimate(mean, float(np.minimum(low, mean)), float(np.maximum(high, mean)))


def _some(names: list[str]) -> str:
    return listed([repr(name) for name in names[:3]])
