"""What every report of remedies shows: the same words and figures in two tables."""

from collections.abc import Iterator

from anglewise.comparison.comparison_result import Difference
from anglewise.remedies.remedy_result import Remedied, Remedy
from anglewise.report.lines import facts as compared
from anglewise.report.words import NOTHING, counted, number, p_value, percent, signed

SHOWN = 8
"""So many of those that were screened out are named in text."""


def facts(result: Remedy) -> list[str]:
    """What was compared on what, piece by piece."""
    spent = f"{duration(result.seconds)} of {duration(result.budget_seconds)}"
    return [*compared(result.comparison), spent]


def headline(result: Remedy) -> str:
    """The advice in a few words."""
    return f"{'Use' if result.advice.wins else 'Stay with'} {result.advice.candidate}"


def reason(result: Remedy) -> str:
    """The rest of the advice's sentence."""
    return result.advice.sentence.removeprefix(f"{headline(result)}: ")


def quality_heads(result: Remedy) -> list[str]:
    """The heading of the table of quality; an interval stands behind the metric."""
    return ["candidate", result.comparison.metric, "vs cosine", "p", "vs dot", "p", "best?"]


def quality_rows(result: Remedy) -> Iterator[list[str]]:
    """How good each candidate is, best first."""
    for row, one in zip(result.comparison.measures, result.candidates, strict=True):
        mean = number(row.metrics[result.comparison.metric].mean)
        apart = [cell for name in ("cosine", "dot") for cell in _apart(one.vs.get(name))]
        yield [one.candidate, mean, *apart, "yes" if row.may_be_best else "no"]


def cost_heads(result: Remedy) -> list[str]:
    """The heading of the table of what candidates take and whom they serve."""
    strata = [one.name for one in result.strata]
    return ["candidate", "training", "bytes", "served", *strata, "coverage", "Gini"]


def cost_rows(result: Remedy) -> Iterator[list[str]]:
    """What each candidate takes, how it does in each stratum, how much of a catalogue it shows."""
    for one in result.candidates:
        yield [
            one.candidate,
            _training(one),
            f"{one.cost.bytes_a_vector:,}",
            "yes" if one.cost.inner_product else "no",
            *(number(part.means[one.candidate]) for part in result.strata),
            percent(one.coverage.share),
            number(one.coverage.gini, 2),
        ]


def legend(result: Remedy) -> str:
    """How to read both tables."""
    over = "queries" if result.comparison.groups is None else "groups of queries"
    said = [
        (
            f"Intervals: 95%, over {over}. p: Holm-adjusted over all pairs. Best: whether it may "
            "be, at 95%. Bytes: of one prepared vector. Served: whether a vector store that knows "
            "inner products alone can serve it. Coverage: the share of "
            f"{counted(result.comparison.items, 'item')} in any list; Gini: 0 where all items are "
            "shown alike, near 1 where a few are."
        )
    ]
    if result.strata:
        parts = "; ".join(
            f"{one.name} {counted(one.items, 'item')} with {percent(one.use)} of all use"
            for one in result.strata
        )
        said.append(
            f"Head, middle, tail: {result.comparison.metric} if their items alone were relevant, "
            f"over the queries that have one ({parts})."
        )
    return " ".join(said)


def screened_out(result: Remedy) -> str:
    """Who did not get through the screening, best first; empty where nobody was screened out."""
    through = {one.candidate for one in result.candidates} | set(result.left_out)
    out = [one for one in result.screened if one.candidate not in through]
    if not out:
        return ""
    told = [f"{one.candidate} {number(one.mean)} ({one.queries})" for one in out[:SHOWN]]
    more = [f"{len(out) - SHOWN} more"] if len(out) > SHOWN else []
    return (
        f"Screened out, with their {result.comparison.metric} then (and on how many queries): "
        f"{', '.join([*told, *more])}."
    )


def left_out(result: Remedy) -> list[str]:
    """Who is not in the table, and why."""
    return [f"{name}: {why}" for name, why in result.left_out.items()]


def duration(seconds: float) -> str:
    """A time, no more exact than it deserves.

    >>> duration(0.3), duration(42.2), duration(600), duration(5400)
    ('<1 s', '42 s', '10 min', '1.5 h')
    """
    if seconds < 1:
        return "<1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"


def _training(one: Remedied) -> str:
    return duration(one.cost.making_seconds) if one.kind == "re-made" else NOTHING


def _apart(apart: Difference | None) -> tuple[str, str]:
    if apart is None:
        return NOTHING, NOTHING
    return signed(apart.difference), p_value(apart.p_adjusted)
