"""A comparison as Markdown, for a pull request or a notebook."""

import re
from collections.abc import Sequence

from anglewise.comparison.comparison_result import Comparison, Estimate
from anglewise.comparison.gates import Checked
from anglewise.core.text import visible
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
            _estimate(line.estimate),
            line.beats,
            line.difference,
            line.p,
            f"{'yes' if line.result.may_be_best else 'no'} ({line.chance})",
        ]
        if result.baseline is not None:
            row += [line.baseline, line.baseline_p]
        row += [_estimate(line.result.metrics[name]) for name in further]
        rows.append([line.letter, code(line.measure), *map(escaped, row)])
    sentences = [
        *_gates(checked),
        f"**{escaped(headline(result))}**: {escaped(result.verdict.reason)}",
        *(f"> {escaped(note)}" for note in result.notes),
        ruled([escaped(head) for head in heading], rows),
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
    """A table of cells that are Markdown; its first two columns are words, the others figures."""
    rule = ["---" if i < 2 else "---:" for i in range(len(heading))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, rule, *rows))


def block(text: str) -> str:
    """Commands as a block of code, which they cannot end."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{visible(text)}\n{fence}"


def _estimate(one: Estimate) -> str:
    return f"{number(one.mean)} {interval(one.low, one.high)}"


def escaped(text: str) -> str:
    r"""Text in which nothing is markup, on one line.

    >>> print(escaped("norm(0,*) <img> [x](http://y)"))
    norm(0,\*) &lt;img> [x\](http://y)
    """
    text = re.sub(r"[\\`*_|~]|\](?=[(\[:])", r"\\\g<0>", visible(text).replace("&", "&amp;"))
    return " ".join(text.splitlines()).replace("<", "&lt;")


def code(text: str) -> str:
    r"""Text as code on one line, also inside a table.

    >>> print(code("dot"), code("a|b"), code("a`b"))
    `dot` `a\|b` `` a`b ``
    """
    text = " ".join(visible(text).splitlines()).replace("|", r"\|")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"
