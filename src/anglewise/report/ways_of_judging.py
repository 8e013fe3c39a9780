"""Tables of the verdicts by other ways of judging and by other truths, beside a verdict."""

from collections.abc import Iterator

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.dependence import MACHINE_RIGHT, POOL
from anglewise.data_types.text import counted, listed
from anglewise.report.document import Group, Line, Table
from anglewise.report.words import number

SHOWN = 3
"""Measures in the tables."""


def ways_and_truths(result: Comparison) -> Iterator[Group]:
    """The verdict of each way of judging, and of each truth, where there are several."""
    measures = [row.measure for row in result.measures[:SHOWN]]
    if result.ways:
        rows = [
            [
                way.name,
                f"{way.queries:,}",
                way.verdict.headline,
                *(number(way.means[measure]) for measure in measures),
            ]
            for way in result.ways
        ]
        heads = ["judged", "queries", "verdict", *measures]
        yield [Table.of(heads, rows, "The verdict of each way of judging by use")]
        support = any("support" in way.name for way in result.ways)
        of_support = " Support: so many users must have used both." if support else ""
        strata = "In strata: among items of similar use; else among all."
        each = f"Each verdict holds at 95% by itself{supposed_words(result)}."
        yield [Line(f"{strata}{of_support} {each}", "dim")]
    if result.truths:
        rows = [
            [
                name,
                f"{own.queries:,}",
                own.verdict.headline,
                *(_mean(own, measure) for measure in measures),
            ]
            for name, own in result.truths
        ]
        heads = ["truth", "queries", "verdict", *measures]
        yield [Table.of(heads, rows, "The verdict by each truth")]
        for name, own in result.truths:
            notes = [note for note in own.notes if note not in result.notes]
            yield [
                Line(f"By {name}: {own.verdict.reason}."),
                *(Line(f"note on {name}: {note}", "dim") for note in notes),
            ]


def supposed_words(result: Comparison) -> str:
    """What the verdicts of groups and of other ways suppose, as their headlines do not say it."""
    supposed: list[str] = []
    largest, evidence = result.verdict.largest_difference, result.evidence
    if largest < 1:
        supposed.append(f"no query of a kind not seen differs by more than {largest:g}")
    declared = None if evidence is None else evidence.largest_group
    if declared is not None:
        supposed.append(f"no group by {result.split} has more than {counted(declared, 'query')}")
    elif result.groups is not None:
        supposed.append(f"no group by {result.split} has more queries there than the largest seen")
    if any(POOL in note for note in result.notes):
        supposed.append("what nobody judged is not relevant")
    if evidence is not None:
        supposed += [*evidence.supposed, *([MACHINE_RIGHT] if evidence.by_machine else [])]
    return f", if {listed(supposed)}" if supposed else ""


def _mean(result: Comparison, measure: str) -> str:
    """The figure of a measure by one truth."""
    row = next(row for row in result.measures if row.measure == measure)
    return number(row.metrics[result.metric].mean)
