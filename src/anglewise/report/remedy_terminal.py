"""Remedies in the terminal: what to do, the command, and two tables."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.remedies.remedy_result import Remedy
from anglewise.report.remedy_lines import (
    cost_heads,
    cost_rows,
    facts,
    headline,
    left_out,
    legend,
    quality_heads,
    quality_rows,
    reason,
    screened_out,
)
from anglewise.report.whiskers import DRAWN, PLAIN, Axis
from anglewise.report.words import broken, number

WIDTH = 100
"""No line is longer, so that a table can be pasted."""
AXIS = range(11, 26)
"""How many characters an interval's axis may have."""
NAME = 32


def show_remedy(result: Remedy, console: Console, command: str = "") -> None:
    """Print what to know first, the advice with its command, quality, then cost and breadth."""
    width = min(WIDTH, console.width)
    console.print(Text(" · ".join(facts(result)), style="dim"), width=width)
    for note in result.notes:
        console.print(Text.assemble(("note: ", "bold yellow"), note), width=width)
    for line in left_out(result):
        console.print(Text.assemble(("left out: ", "bold yellow"), line), width=width)
    console.print()
    colour = "bold green" if result.advice.wins else "bold cyan"
    console.print(Text.assemble((headline(result), colour), ": ", reason(result)), width=width)
    if command:
        console.print(Text(f"  {command}", style="bold"), soft_wrap=True)
    console.print()
    console.print(_quality(result, console, width), width=width)
    console.print()
    console.print(_costs(result), width=width)
    console.print()
    for sentence in (screened_out(result), legend(result)):
        if sentence:
            console.print(Text(sentence, style="dim"), width=width)
    for line in broken(result.comparison.signature, width):
        console.print(Text(line, style="dim"), width=width)


def _quality(result: Remedy, console: Console, width: int) -> Table:
    pens = DRAWN if "utf" in console.encoding.lower() else PLAIN
    rows = list(quality_rows(result))
    estimates = [row.metrics[result.comparison.metric] for row in result.comparison.measures]
    name, metric, *others = quality_heads(result)
    longest = min(NAME, max(len(row[0]) for row in [[name], *rows]))
    taken = longest + len(metric) + sum(max(len(head), 6) + 2 for head in others) + 4
    axis = Axis.around(estimates, max(AXIS[0], min(AXIS[-1], width - taken)))
    ends = number(axis.low), number(axis.high)
    table = _table(name)
    table.add_column(metric, no_wrap=True)
    table.add_column(ends[0] + ends[1].rjust(axis.width - len(ends[0])), no_wrap=True)
    for head in others:
        table.add_column(head, justify="right", no_wrap=True)
    for (one, mean, *cells), estimate in zip(rows, estimates, strict=True):
        style = "" if cells[-1] == "yes" else "dim"
        table.add_row(one, mean, axis.draw(estimate, pens), *cells, style=style)
    return table


def _costs(result: Remedy) -> Table:
    name, *heads = cost_heads(result)
    table = _table(name)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for row in cost_rows(result):
        table.add_row(*row)
    return table


def _table(name: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(name, max_width=NAME, overflow="fold")
    return table
