"""Gates for continuous integration: ``cosine>=dot-0.01`` must hold, or the build fails."""

import re
from dataclasses import dataclass

import numpy as np

from anglewise.compare.result import Comparison, Estimate
from anglewise.compare.words import listed
from anglewise.errors import SpellingError
from anglewise.measures.family import measures_and_families
from anglewise.statistics.bootstrap import Means, bootstrap
from anglewise.statistics.intervals import bca

ROUNDING = 1e-9
_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
_GATE = re.compile(
    rf"(?P<left>[^<>=]+)(?P<relation>>=|<=)(?:(?P<right>[a-z].*?)(?P<slack>[+-]{_NUMBER})?|"
    rf"(?P<level>-?{_NUMBER}))"
)


@dataclass(frozen=True)
class Gate:
    """What must hold: ``left >= right + level``, or ``left >= level`` where ``right`` is None.

    ``at_most`` turns the relation round.
    """

    left: str
    right: str | None
    level: float
    at_most: bool = False

    def __str__(self) -> str:
        relation = "<=" if self.at_most else ">="
        if self.right is None:
            return f"{self.left}{relation}{self.level:g}"
        return f"{self.left}{relation}{self.right}{f'{self.level:+g}' if self.level else ''}"


@dataclass(frozen=True)
class Checked:
    """Whether a gate held, and the sentence that says so with its figures."""

    gate: Gate
    passed: bool
    sentence: str


def gate(spelling: str) -> Gate:
    """Read a gate: a measure, ``>=`` or ``<=``, and a measure, a measure plus or less, or a level.

    Raises ``SpellingError`` for anything else.

    >>> gate("cosine >= dot - 0.01")
    Gate(left='cosine', right='dot', level=-0.01, at_most=False)
    >>> str(gate("cosine@without-top(3)>=0.3"))
    'cosine@without-top(3)>=0.3'
    """
    found = _GATE.fullmatch("".join(spelling.lower().split()))
    if found is None:
        raise SpellingError(f"{spelling!r} is no gate: write cosine>=dot-0.01 or dot>=0.3")
    right = None if found["right"] is None else _named(found["right"])
    level = float(found["level"] or found["slack"] or 0)
    return Gate(_named(found["left"]), right, level, found["relation"] == "<=")


def check(comparison: Comparison, spelling: str | Gate) -> Checked:
    """Decide a gate on the means, the numbers that the table shows.

    ``cosine>=dot-0.01`` holds if the mean of cosine is at least the mean of dot less 0.01. The
    sentence adds the 95% interval of the difference, and says so where that holds the limit, for
    then other queries might have decided otherwise. Rounding is forgiven up to 1e-9.

    Raises ``SpellingError`` for a measure that was not compared.
    """
    wanted = gate(spelling) if isinstance(spelling, str) else spelling
    figure = _figure(comparison, wanted)
    above = figure.mean - wanted.level
    passed = (-above if wanted.at_most else above) >= -ROUNDING
    subject = wanted.left if wanted.right is None else f"{wanted.left} less {wanted.right}"
    sentence = (
        f"gate {wanted} {'holds' if passed else 'fails'}: {comparison.metric} of {subject} is "
        f"{figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
    )
    if figure.low <= wanted.level <= figure.high:
        sentence += (
            f"; the interval holds {wanted.level:g}, so other queries might decide otherwise"
        )
    return Checked(wanted, passed, sentence)


def _named(spelling: str) -> str:
    return str(measures_and_families([spelling])[0])


def _figure(comparison: Comparison, wanted: Gate) -> Estimate:
    compared = {one.measure: one.metrics[comparison.metric] for one in comparison.measures}
    for name in (wanted.left, wanted.right or wanted.left):
        if name not in compared:
            raise SpellingError(
                f"the gate {wanted} names {name}, but compared were {listed(compared)}: add it"
            )
    if wanted.right is None:
        return compared[wanted.left]
    return _difference(comparison, wanted.left, wanted.right)


def _difference(comparison: Comparison, left: str, right: str) -> Estimate:
    mean = {one.measure: one.metrics[comparison.metric].mean for one in comparison.measures}
    apart = mean[left] - mean[right]
    evidence = comparison.evidence
    if evidence is None:
        return Estimate(apart, apart, apart)
    values = evidence.values[comparison.metric]
    lead = values[[evidence.measures.index(left)]] - values[[evidence.measures.index(right)]]
    drawn = bootstrap(Means(lead), lead.shape[1], seed=comparison.seed)
    low, high = bca(drawn, np.array([apart]), lead)[0]
    return Estimate(apart, min(float(low), apart), max(float(high), apart))
