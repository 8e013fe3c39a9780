"""Remedies in the terminal, in Markdown and as an HTML page."""

from collections.abc import Iterator, Sequence
from html import escape

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.comparison.comparison_result import Difference
from anglewise.remedies.remedy_result import Remedied, Remedy
from anglewise.report.comparison_html import charts, side_by_side
from anglewise.report.comparison_text import block, code, escaped, ruled
from anglewise.report.comparison_text import facts as compared
from anglewise.report.document import document, table
from anglewise.report.words import (
    DRAWN,
    NOTHING,
    PLAIN,
    Axis,
    broken,
    counted,
    interval,
    number,
    p_value,
    percent,
    signed,
)

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


def remedy_markdown(result: Remedy, command: str = "") -> str:
    """The advice, the notes and both tables; the same result gives the same bytes."""
    heads = quality_heads(result)
    heads[1] += " [95%]"
    estimates = [row.metrics[result.comparison.metric] for row in result.comparison.measures]
    rows = [
        [name, f"{mean} {interval(one.low, one.high)}", *rest]
        for (name, mean, *rest), one in zip(quality_rows(result), estimates, strict=True)
    ]
    sentences = [
        f"**{escaped(headline(result))}**: {escaped(reason(result))}",
        block(command) if command else "",
        *(f"> {escaped(note)}" for note in result.notes),
        *(f"> left out: {escaped(line)}" for line in left_out(result)),
        ruled([escaped(head) for head in heads], _named(rows)),
        ruled([escaped(head) for head in cost_heads(result)], _named(list(cost_rows(result)))),
        escaped(screened_out(result)),
        escaped(legend(result)),
        escaped(f"{' · '.join(facts(result))} · signature {result.comparison.signature}"),
    ]
    return "\n\n".join(sentence for sentence in sentences if sentence) + "\n"


def _named(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[code(row[0]), *map(escaped, row[1:])] for row in rows]


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
    console.print(_terminal_quality(result, console, width), width=width)
    console.print()
    console.print(_costs(result), width=width)
    console.print()
    for sentence in (screened_out(result), legend(result)):
        if sentence:
            console.print(Text(sentence, style="dim"), width=width)
    for line in broken(result.comparison.signature, width):
        console.print(Text(line, style="dim"), width=width)


def _terminal_quality(result: Remedy, console: Console, width: int) -> Table:
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


def remedy_page(result: Remedy, command: str = "") -> str:
    """The page as text; the same result gives the same bytes.

    The advice comes first, then what to know before the numbers, charts (with matplotlib), the
    tables of quality and of cost, and the neighbours on which candidates disagree most.
    """
    body = (
        _advice(result, command),
        _notes(result),
        "<h2>The candidates, best first</h2>\n",
        charts(result.comparison),
        _quality(result),
        "<h2>What they take, and whom they serve</h2>\n",
        table("Costs and breadth of each candidate", cost_heads(result), list(cost_rows(result))),
        *(
            f'<p class="facts">{escape(said)}</p>\n'
            for said in (screened_out(result), legend(result))
            if said
        ),
        side_by_side(result.comparison),
        "</main>\n<footer>anglewise remedy · <code>",
        f"{escape(result.comparison.signature)}</code></footer>\n",
    )
    return document(headline(result), "".join(body))


def _advice(result: Remedy, command: str) -> str:
    tone = "use" if result.advice.wins else "tie"
    run = f"<p><code>{escape(command)}</code></p>" if command else ""
    return (
        "<header>\n<h1>What should be used instead of cosine?</h1>\n"
        f'<div class="verdict {tone}"><strong>{escape(headline(result))}:</strong>\n'
        f"<p>{escape(reason(result))}</p>{run}</div>\n"
        f'<p class="facts">{escape(" · ".join(facts(result)))}</p>\n</header>\n<main>\n'
    )


def _notes(result: Remedy) -> str:
    said = [*result.notes, *(f"left out: {line}" for line in left_out(result))]
    if not said:
        return ""
    items = "".join(f"<li>{escape(note)}</li>\n" for note in said)
    return f'<h2>Before the numbers</h2>\n<ul class="notes">\n{items}</ul>\n'


def _quality(result: Remedy) -> str:
    metric = result.comparison.metric
    estimates = [row.metrics[metric] for row in result.comparison.measures]
    rows = [
        [name, f"{mean} {interval(one.low, one.high)}", *rest]
        for (name, mean, *rest), one in zip(quality_rows(result), estimates, strict=True)
    ]
    return table(f"{metric} with its 95% interval over queries", quality_heads(result), rows)
