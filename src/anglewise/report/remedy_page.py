"""Remedies as one HTML page that needs nothing else: no script, no network."""

from html import escape

from anglewise.remedies.remedy_result import Remedy
from anglewise.report.document import document, table
from anglewise.report.page import charts
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
from anglewise.report.side_by_side import side_by_side
from anglewise.report.words import interval


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
