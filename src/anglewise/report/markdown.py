"""A comparison as Markdown, for a pull request or a notebook."""

from collections.abc import Sequence

from anglewise.compare import Comparison, Estimate
from anglewise.compare.check import Checked
from anglewise.report.lines import facts, further_metrics, headline, legend, lines
from anglewise.report.words import counted, interval, number


def markdown(result: Comparison, checked: Sequence[Checked] = ()) -> str:
    """The gates, the verdict, the notes and the table, as GitHub's Markdown.

    Gates that failed come first, since whoever opens the page wants to know why the build is red.
    The same comparison gives the same bytes.
    """
    told = lines(result)
    further = further_metrics(result)
    heading = ["", "measure", f"{result.metric} [95%]", "beats", "vs best", "p", "may be best"]
    if result.baseline is not None:
        heading += [f"vs {result.baseline}", "p"]
    heading += [f"{name} [95%]" for name in further]
    rows: list[list[str]] = []
    for line in told:
        row = [
            line.letter,
            f"`{line.measure}`",
            _estimate(line.estimate),
            line.beats,
            line.difference,
            line.p,
            f"{'yes' if line.result.may_be_best else 'no'} ({line.chance})",
        ]
        if result.baseline is not None:
            row += [line.baseline, line.baseline_p]
        rows.append([*row, *(_estimate(line.result.metrics[name]) for name in further)])
    sentences = [
        *_gates(checked),
        f"**{headline(result)}**: {escaped(result.verdict.reason)}",
        *(f"> {escaped(note)}" for note in result.notes),
        ruled(heading, rows),
        escaped(legend(result)),
        escaped(f"{' · '.join(facts(result))} · signature {result.signature}"),
    ]
    return "\n\n".join(sentences) + "\n"


def _gates(checked: Sequence[Checked]) -> list[str]:
    if not checked:
        return []
    failed = sum(not one.passed for one in checked)
    told = f"{failed} of {counted(len(checked), 'gate')} failed" if failed else "All gates held"
    signs = {True: "✅", False: "❌"}
    items = (
        f"- {signs[one.passed]} {escaped(one.sentence)}"
        for one in sorted(checked, key=lambda one: one.passed)
    )
    return [f"**{told}**", "\n".join(items)]


def ruled(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; its first two columns are words, the others figures."""
    rule = ["---" if i < 2 else "---:" for i in range(len(heading))]
    cells = [[cell.replace("<", "&lt;") for cell in row] for row in (heading, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:]))


def _estimate(one: Estimate) -> str:
    return f"{number(one.mean)} {interval(one.low, one.high)}"


def escaped(text: str) -> str:
    """Text in which nothing is markup."""
    return "".join(f"\\{c}" if c in "*_|`" else c for c in text).replace("<", "&lt;")
