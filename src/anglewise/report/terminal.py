"""A comparison in the terminal: the verdict, a table with drawn intervals, what it means."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.comparison.comparison_result import Comparison
from anglewise.report.lines import Line, facts, further_metrics, headline, legend, lines
from anglewise.report.whiskers import DRAWN, PLAIN, Axis, Pens, raised
from anglewise.report.words import broken, interval, number, shortened

WIDTH = 100
"""No line is longer, so that a table can be pasted."""
AXIS = range(13, 32)
"""How many characters an interval's axis may have."""
MEASURE = 28
COLOURS = {"use": "bold green", "tie": "bold cyan", "cannot-tell": "bold yellow"}


def show_comparison(result: Comparison, console: Console) -> None:
    """Print what was compared, what to know first, the verdict and the table, best first.

    Everything that colour says is said by characters too, and no line is longer than 100.
    """
    pens = DRAWN if "utf" in console.encoding.lower() else PLAIN
    width = min(WIDTH, console.width)
    console.print(Text(" · ".join(facts(result)), style="dim"), width=width)
    for note in result.notes:
        console.print(Text.assemble(("note: ", "bold yellow"), note), width=width)
    console.print()
    console.print(
        Text.assemble(
            (headline(result), COLOURS[result.verdict.decision]), ": ", result.verdict.reason
        ),
        width=width,
    )
    console.print()
    told = lines(result)
    console.print(_table(result, told, pens, width), width=width)
    if further_metrics(result):
        console.print()
        console.print(_further(result, told), width=width)
    console.print()
    raised_letters = "Raised letters: the measures that this one beats. "
    letters = raised_letters if any(line.beats for line in told) else ""
    console.print(Text(letters + legend(result), style="dim"), width=width)
    for line in broken(result.signature, width):
        console.print(Text(line, style="dim"), width=width)


def _table(result: Comparison, told: list[Line], pens: Pens, width: int) -> Table:
    means = [line.mean + raised(line.beats, pens) for line in told]
    baseline = f"vs {shortened(result.baseline, 12)}" if result.baseline is not None else None
    taken = (
        len("a  ")
        + min(MEASURE, max(len(word) for word in ("measure", *(line.measure for line in told))))
        + max(len(word) for word in (result.metric, *means))
        + len("    vs best      p  yes 100%    ")
        + (0 if baseline is None else len(baseline) + len("    <.001"))
    )
    axis = Axis.around([line.estimate for line in told], max(AXIS[0], min(AXIS[-1], width - taken)))
    ends = number(axis.low), number(axis.high)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("measure", max_width=MEASURE, overflow="fold")
    table.add_column(result.metric, no_wrap=True)
    table.add_column(ends[0] + ends[1].rjust(axis.width - len(ends[0])), no_wrap=True)
    for heading in ("vs best", "p", "best?", *([] if baseline is None else [baseline, "p"])):
        table.add_column(heading, justify="right", no_wrap=True)
    for line, mean in zip(told, means, strict=True):
        may = line.result.may_be_best
        chance = f"{'yes' if may else 'no'} {line.chance:>4}"
        drawn = axis.draw(line.estimate, pens)
        cells = [line.letter, line.measure, mean, drawn, line.difference, line.p, chance]
        if baseline is not None:
            cells += [line.baseline, line.baseline_p]
        table.add_row(*cells, style="" if may else "dim")
    return table


def _further(result: Comparison, told: list[Line]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("measure", max_width=MEASURE, overflow="fold")
    for name in further_metrics(result):
        table.add_column(name)
    for line in told:
        estimates = (line.result.metrics[name] for name in further_metrics(result))
        cells = (f"{number(one.mean)} {interval(one.low, one.high)}" for one in estimates)
        table.add_row(line.letter, line.measure, *cells)
    return table
