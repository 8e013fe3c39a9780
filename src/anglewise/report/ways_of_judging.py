"""Tables of the verdicts by other ways of judging and by other truths, beside a verdict."""

from collections.abc import Iterator

from anglewise.comparison.comparison_result import Comparison
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
        yield [
            Line(
                "In strata: among items of similar use; else among all. Support: so many users "
                "must have used both. Each verdict holds at 95% by itself.",
                "dim",
            )
        ]
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
        yield [Line(f"By {name}: {own.verdict.reason}.") for name, own in result.truths]


def _mean(result: Comparison, measure: str) -> str:
    """The figure of a measure by one truth."""
    row = next(row for row in result.measures if row.measure == measure)
    return number(row.metrics[result.metric].mean)
