"""Documents in the terminal: no line is longer than 100 characters, so that it can be pasted.

Everything that colour says is said by characters too.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.console import Console
from rich.console import Group as Lines
from rich.table import Table as RichTable
from rich.text import Text

from anglewise.data_types.text import shortened
from anglewise.report.document import (
    AnyCell,
    Cell,
    Document,
    Findings,
    Group,
    Line,
    RankedList,
    RankedLists,
    Table,
    TableColumn,
)
from anglewise.report.words import number

if TYPE_CHECKING:
    from anglewise.comparison.comparison_result import Estimate

WIDTH = 100
HEADING = 10
NARROWEST = 26
"""A column with a score and a title that still says something."""
STYLES = {
    "use": "bold green",
    "better": "bold green",
    "determined": "bold green",
    "tie": "bold cyan",
    "pinned-by-training": "bold cyan",
    "cannot-tell": "bold yellow",
    "unknown": "bold yellow",
    "arbitrary": "bold red",
    "failed": "bold red",
    "error": "bold red",
    "warning": "yellow",
    "note": "dim",
    "fix": "bold red",
    "look": "yellow",
    "strong": "bold",
}
"""Of tones; any other tone is its own style."""


def print_document(document: Document, console: Console) -> None:
    """Print what was compared, what to know first, the verdict, and what stands behind it."""
    width = min(WIDTH, console.width)
    if document.facts:
        _line(Line(" · ".join(document.facts), "dim"), console, width)
    for label, notes in (("note: ", document.notes), ("left out: ", document.left_out)):
        for note in notes:
            console.print(Text.assemble((label, "bold yellow"), note), width=width)
    if document.headline:
        console.print()
        headline = document.headline, STYLES.get(document.tone, document.tone)
        console.print(Text.assemble(headline, ": ", document.reason), width=width)
    if document.command:
        console.print(Text(f"  {document.command}", style="bold"), soft_wrap=True)
    _groups(document.body, console, width, first=not (document.facts or document.headline))
    if document.signature:
        for line in signature_lines(document.signature, width):
            console.print(Text(line, style="dim"), width=width)
    _groups(document.afterwards, console, width)
    if document.gates:
        console.print()
    for gate in document.gates:
        outcome = "green" if gate.passed else "bold red"
        console.print(Text(gate.sentence, style=outcome if gate.checked else "yellow"))


def _groups(groups: Sequence[Group], console: Console, width: int, *, first: bool = False) -> None:
    """Print blocks, with a free line before each group unless it is the ``first`` of all."""
    for position, group in enumerate(groups):
        if position or not first:
            console.print()
        for block in group:
            match block:
                case Line():
                    _line(block, console, width)
                case Table():
                    _tables(block, console, width)
                case Findings():
                    _findings(block, console, width)
                case RankedLists():
                    _lists(block.lists, console, width)
                case _:
                    raise TypeError(f"{type(block).__name__} is for pages")


def _line(line: Line, console: Console, width: int) -> None:
    opening = f"Raised letters: {line.letters} " if line.letters else ""
    words = line.text if line.most_lines is None else shortened(line.text, line.most_lines * width)
    text = Text(opening + words, style=STYLES.get(line.tone, line.tone))
    text.append(line.alert, style=STYLES["failed"])
    console.print(text, width=None if line.unbroken else width, soft_wrap=line.unbroken)


def _findings(findings: Findings, console: Console, width: int) -> None:
    """Sentences under a heading of one word, later lines indented."""
    for title, sentences in findings.sections.items():
        heading = title
        for sentence in sentences:
            for line in wrap(sentence, max(width - HEADING, 1), break_on_hyphens=False):
                console.print(Text.assemble((heading.ljust(HEADING), "bold"), line), width=width)
                heading = ""


def signature_lines(signature: str, width: int) -> list[str]:
    """A signature on several lines, none broken inside a setting.

    >>> signature_lines("metric:nDCG@10|seed:0|version:0.1.0", 24)
    ['metric:nDCG@10|seed:0|', 'version:0.1.0']
    """
    lines = [""]
    for setting in signature.split("|"):
        if lines[-1] and len(lines[-1]) + len(setting) + 1 > width:
            lines.append("")
        lines[-1] += f"{setting}|"
    return [*lines[:-1], lines[-1].removesuffix("|")]


DRAWN, PLAIN = "─├┤●", "-||o"
"""The line of an interval, its ends and its mean; the plain ones for those who know ASCII alone."""

_RAISED = str.maketrans("abcdefghijklmnoprstuvwxyz-", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ⁻")


def raised(letters: str, pens: str) -> str:
    """Letters as a superscript.

    >>> raised("b-d", DRAWN), raised("b-d", PLAIN), raised("", PLAIN)
    ('ᵇ⁻ᵈ', '^b-d', '')
    """
    if pens == DRAWN:
        return letters.translate(_RAISED)
    return f"^{letters}" if letters else ""


@dataclass(frozen=True)
class Axis:
    """Where a value stands among ``width`` characters.

    >>> from anglewise.comparison.comparison_result import Estimate
    >>> axis = Axis(0.0, 1.0, 11)
    >>> axis.draw(Estimate(0.5, 0.2, 0.9), PLAIN)
    '  |--o---| '
    """

    low: float
    high: float
    width: int

    @classmethod
    def around(cls, estimates: "Iterable[Estimate]", width: int) -> "Axis":
        """The axis that holds every interval."""
        ends = [
            end for estimate in estimates for end in (estimate.low, estimate.mean, estimate.high)
        ]
        ends = [end for end in ends if math.isfinite(end)]
        low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
        return cls(low, high if high > low else low + 1.0, width)

    @property
    def heading(self) -> str:
        """Both ends, as far apart as they are."""
        low, high = number(self.low), number(self.high)
        return low + high.rjust(self.width - len(low))

    def draw(self, estimate: "Estimate", pens: str) -> str:
        """One interval with its mean; the mean alone without ends, nothing without a mean."""
        if math.isnan(estimate.mean):
            return " " * self.width
        has_interval = math.isfinite(estimate.low) and math.isfinite(estimate.high)
        ends = (estimate.low, estimate.high) if has_interval else (estimate.mean, estimate.mean)
        start, point, end = (
            round((value - self.low) / (self.high - self.low) * (self.width - 1))
            for value in (ends[0], estimate.mean, ends[1])
        )
        drawn = [" "] * self.width
        line, left, right, middle = pens
        drawn[start : end + 1] = line * (end + 1 - start)
        drawn[start], drawn[end], drawn[point] = left, right, middle
        return "".join(drawn)


def _tables(table: Table, console: Console, width: int) -> None:
    """The table, and a second one of the columns for which the first has no room."""
    main = [i for i, column in enumerate(table.columns) if not column.further]
    console.print(_rich_table(table, main, console, width), width=width)
    further = [i for i, column in enumerate(table.columns) if column.further]
    if further:
        console.print()
        named = [i for i in main if table.columns[i].kind in {"letter", "name"}]
        second = Table(table.columns, table.rows)
        console.print(_rich_table(second, [*named, *further], console, width), width=width)


def _rich_table(table: Table, picked: list[int], console: Console, width: int) -> RichTable:
    pens = DRAWN if "utf" in console.encoding.lower() else PLAIN
    columns = [table.columns[i] for i in picked]
    rows = [[row[i] for i in picked] for row in table.rows]
    texts = [[_text(cell, pens, with_interval=table.axis is None) for cell in row] for row in rows]
    drawn = RichTable(
        box=None,
        pad_edge=False,
        padding=(0, table.gap, 0, 0),
        header_style=table.header,
        show_header=any(column.head for column in columns),
    )
    position = None if table.axis is None else [c.kind for c in columns].index("estimate")
    axis = Axis(0.0, 1.0, 0)
    if position is not None and table.axis is not None:
        cells = (row[position] for row in rows)
        estimates = [c.estimate for c in cells if isinstance(c, Cell) and c.estimate is not None]
        least, most = table.axis
        room = width - _used_width(columns, texts)
        axis = Axis.around(estimates, max(least, min(most, room)))
        for row, estimate in zip(texts, estimates, strict=True):
            row.insert(position + 1, axis.draw(estimate, pens))
    for i, column in enumerate(columns):
        drawn.add_column(
            _heading(column.short or column.head),
            justify="left" if column.kind != "figure" else column.align,
            no_wrap=column.widest is None and not column.wraps,
            max_width=column.widest,
            overflow="fold" if column.widest else "ellipsis",
        )
        if i == position:
            drawn.add_column(axis.heading, no_wrap=True)
    tones = table.tones or [""] * len(texts)
    for cells, tone in zip(texts, tones, strict=True):
        drawn.add_row(*cells, style=STYLES.get(tone, tone))
    return drawn


def _heading(text: str) -> str | Lines:
    """A heading, each of its lines printed by itself, as the console asks for."""
    return Lines(*text.split("\n")) if "\n" in text else text


def _used_width(columns: Sequence[TableColumn], texts: Sequence[Sequence[str]]) -> int:
    """Characters that all but the axis takes, with what is free beside each column."""
    width = 2
    for i, column in enumerate(columns):
        room = max(len(column.short or column.head), column.room)
        if column.kind in {"name", "estimate"}:
            room = max([room, *(len(row[i]) for row in texts)])
        width += 2 + min(room, column.widest or room)
    return width


def _text(cell: AnyCell, pens: str, *, with_interval: bool) -> str:
    """What stands in a cell; ``with_interval`` adds the interval, where nothing draws it."""
    if isinstance(cell, str):
        return cell
    if not isinstance(cell, Cell):
        raise TypeError(f"{type(cell).__name__} is for pages")
    text = (cell.short or cell.text) + raised(cell.beats, pens)
    return f"{text} {cell.interval}" if with_interval and cell.interval else text


def _lists(lists: Sequence[RankedList], console: Console, width: int) -> None:
    """Ranked lists side by side, as many as fit, then the others under them."""
    together = max(1, (width - 4) // NARROWEST)
    for start in range(0, len(lists), together):
        if start:
            console.print()
        console.print(_list_table(lists[start : start + together], width), width=width)


def _list_table(lists: Sequence[RankedList], width: int) -> RichTable:
    scores = (max((len(e.score) for e in ranked.entries), default=0) for ranked in lists)
    room = (width - 3 - sum(score + 4 for score in scores)) // len(lists)
    table = RichTable(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", justify="right", no_wrap=True)
    for ranked in lists:
        table.add_column("", justify="right", no_wrap=True)
        table.add_column(shortened(ranked.head, room), width=room)
    for position in range(max(len(ranked.entries) for ranked in lists)):
        cells: list[str] = []
        for ranked in lists:
            if position < len(ranked.entries):
                entry = ranked.entries[position]  # two lines, broken at words
                cells += [f"  {entry.score}", shortened(entry.text, 2 * room - 8)]
            else:
                cells += ["", ""]
        table.add_row(str(position + 1), *cells)
    return table
