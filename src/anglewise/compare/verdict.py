"""The answer: use this one, a tie, or cannot tell."""

from math import isfinite

import numpy as np

from anglewise.compare.inference import LEVEL, Inference
from anglewise.compare.result import Verdict
from anglewise.core.text import counted, listed, p_words, rounded_up
from anglewise.statistics.planning import Design, planning_critical, smallest_detectable


def decide(of: Inference, tolerance: float) -> Verdict:
    """Say what these data allow to say at 95%.

    ``use``: all groups of measures but one are ruled out as the best. ``tie``: several are left,
    and a true difference of ``tolerance`` between the best and any of them would have been seen
    with 80% power. ``cannot-tell``: several are left and it would not.
    """
    leader = int(np.argmax(of.means[of.simplest]))
    left = [g for g in range(len(of.simplest)) if of.flips.may_be_best[g]]
    others = [g for g in left if g != leader]
    if not others:
        return _use(of, leader)
    seen = _detectable(of, leader, others)
    if seen is not None and seen <= tolerance:
        return _tie(of, left, seen, tolerance)
    return _cannot_tell(of, leader, left, seen, tolerance)


def _use(of: Inference, leader: int) -> Verdict:
    group = of.scores.groups[leader]
    name, *alike = (of.scores.names[i] for i in group)
    said = [_figure(of, group[0])]
    rivals = [g for g in range(len(of.simplest)) if g != leader]
    seen = None
    if rivals:
        rival = max(rivals, key=lambda g: of.means[of.simplest[g]])
        seen = _detectable(of, leader, [rival])
        said.append(_lead(of, leader, rival))
    if alike:
        said.append(f"{listed([name, *alike])} rank alike")
    elif not rivals:
        said.append("there is no other to compare with")
    return Verdict("use", name, tuple(alike), None, seen, ", ".join(said))


def _tie(of: Inference, left: list[int], seen: float, tolerance: float) -> Verdict:
    members = [i for i in of.order if of.group_of[i] in left]
    simplest = min(members, key=lambda i: of.scores.measures[i].simplicity)
    tied = tuple(of.scores.names[i] for i in members if i != simplest)
    reason = (
        f"{_figure(of, simplest)}, {listed(tied)} may be as good or better, "
        f"but a difference of {tolerance:g} would have been seen"
    )
    return Verdict("tie", of.scores.names[simplest], tied, None, seen, reason)


def _cannot_tell(
    of: Inference, leader: int, left: list[int], seen: float | None, tolerance: float
) -> Verdict:
    members = [i for i in of.order if of.group_of[i] in left]
    best = of.order[0] if of.order[0] in members else of.simplest[leader]
    names = [of.scores.names[i] for i in members]
    needed = _needed(of, tolerance)
    noun = of.scores.unit_noun
    units = len(of.scores.units)
    if needed is None:
        judge = f"judge more {counted(2, noun).split()[1]}"
    else:
        judge = f"judge about {needed:,} more {counted(2, noun).split()[1]}"
    limit = (
        f"{counted(units, noun)} cannot tell any two measures apart"
        if seen is None
        else f"only a difference of {seen:.3f} would have been seen"
    )
    reason = f"{judge}; {listed(names, 'or')} may be the best, and {limit}"
    tied = tuple(name for name in names if name != of.scores.names[best])
    return Verdict("cannot-tell", of.scores.names[best], tied, needed, seen, reason)


def _figure(of: Inference, measure: int) -> str:
    estimate = of.interval(0, measure)
    return f"{of.scores.metric} {estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _lead(of: Inference, leader: int, rival: int) -> str:
    one, other = of.simplest[leader], of.simplest[rival]
    versus = of.difference(one, other)
    ahead = f"{versus.difference:.3f} better than {of.scores.names[other]}"
    if versus.p_adjusted <= LEVEL:
        return f"{ahead} ({p_words(versus.p_adjusted)})"
    return f"{ahead} ({p_words(float(of.flips.p_best[rival]))} for that one being the best)"


def _detectable(of: Inference, leader: int, rivals: list[int]) -> float | None:
    """The smallest difference to the leader seen with 80% power, for the hardest of some rivals."""
    units = len(of.scores.units)
    apart = smallest_detectable(
        of.differences.spread[leader, rivals], of.flips.critical[rivals], units
    )
    hardest = float(np.max(apart))
    return hardest if isfinite(hardest) else None


def _needed(of: Inference, tolerance: float) -> int | None:
    design = Design(
        means=of.means[of.simplest],
        drawn=of.drawn[:, 0][:, of.simplest],
        differences=of.differences,
        critical=planning_critical(of.flips.critical),
    )
    total = design.needed(tolerance)
    return None if total is None else rounded_up(total - of.differences.queries)
