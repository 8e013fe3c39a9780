"""Remedies as Markdown, for a pull request or a page."""

from collections.abc import Sequence

from anglewise.remedies.remedy_result import Remedy
from anglewise.report.markdown import block, code, escaped, ruled
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
from anglewise.report.words import interval


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
