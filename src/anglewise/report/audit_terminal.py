"""An audit in the terminal: at most forty lines for one space."""

from collections.abc import Iterable
from textwrap import wrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.auditing.audit_result import Audit
from anglewise.auditing.certified import Certificates
from anglewise.core.typing import Direction
from anglewise.report.audit_lines import (
    Section,
    certificate_table,
    choice_table,
    facts,
    first_sections,
    half_lost,
    headline,
    last_sections,
    moved_most,
)

WIDTH = 100
"""No line is longer, so that a report can be pasted."""
HEADING = 10
COLOURS = {
    "determined": "bold green",
    "pinned-by-training": "bold cyan",
    "arbitrary": "bold red",
    "unknown": "bold yellow",
}


def show_audit(audit: Audit, console: Console) -> None:
    """Print what was audited, what to know first, the verdict, and the sentences behind it."""
    width = min(WIDTH, console.width)
    console.print(Text(" · ".join(facts(audit)), style="dim"), width=width)
    for note in audit.notes:
        console.print(Text.assemble(("note: ", "bold yellow"), note), width=width)
    console.print()
    colour = COLOURS[audit.verdict.cosine]
    verdict = Text.assemble((headline(audit), colour), ": ", audit.verdict.reason)
    console.print(verdict, width=width)
    console.print()
    _say(first_sections(audit), console, width)
    console.print()
    console.print(_table(*choice_table(audit)), width=width)
    _say([Section("moved", tuple(moved_most(audit))[:1])], console, width)
    between: Direction = "items-items"
    if between in audit.certificates:
        certificates: dict[Direction, Certificates] = {between: audit.certificates[between]}
        console.print()
        console.print(_table(*certificate_table(certificates)), width=width)
        console.print(Text(half_lost(certificates), style="dim"), width=width)
    console.print()
    _say(last_sections(audit), console, width)


def _say(sections: Iterable[Section], console: Console, width: int) -> None:
    """Sentences under a heading of one word, later lines indented."""
    for section in sections:
        for place, sentence in enumerate(section.sentences):
            told = wrap(sentence, width - HEADING, break_on_hyphens=False)
            for row, line in enumerate(told):
                heading = section.title if place == row == 0 else ""
                console.print(Text.assemble((heading.ljust(HEADING), "bold"), line), width=width)


def _table(heads: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(heads[0], no_wrap=True)
    for head in heads[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
