"""An audit as one HTML page that needs nothing else: no script, no network."""

from collections.abc import Sequence
from html import escape

from anglewise.auditing.audit_result import Audit
from anglewise.report.audit_figures import figures
from anglewise.report.audit_lines import (
    Section,
    choice_table,
    facts,
    first_sections,
    headline,
    last_sections,
)
from anglewise.report.audit_tables import (
    between_measures,
    examples,
    other_runs,
    pair_explorer,
    witnessed,
)
from anglewise.report.document import document, table

ELSEWHERE = {"witness", "pairs", "runs"}
"""Sections that have a chapter of their own in the page."""


def audit_page(result: Audit) -> str:
    """The page as text; the same audit gives the same bytes.

    The verdict comes first, then what to know before the numbers, the sentences, the figures
    (with matplotlib) each with its numbers, the lists that move, the witness and pairs.
    """
    last = last_sections(result)
    body = (
        _verdict(result),
        _notes(result),
        _sentences([*first_sections(result), *last]),
        _choice(result),
        figures(result),
        between_measures(result),
        examples(result),
        witnessed(result, last),
        pair_explorer(result),
        other_runs(result),
        f"</main>\n<footer>anglewise audit · {escape(' · '.join(facts(result)))}</footer>\n",
    )
    return document(headline(result), "".join(body), ("page.css", "audit.css"))


def _verdict(result: Audit) -> str:
    return (
        "<header>\n<h1>Is the cosine real?</h1>\n"
        f'<div class="verdict {result.verdict.cosine}"><strong>{escape(headline(result))}:'
        f"</strong>\n<p>{escape(result.verdict.reason)}</p></div>\n"
        f'<p class="facts">{escape(" · ".join(facts(result)))}</p>\n</header>\n<main>\n'
    )


def _notes(result: Audit) -> str:
    if not result.notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>\n" for note in result.notes)
    return f'<h2>Before the numbers</h2>\n<ul class="notes">\n{items}</ul>\n'


def _sentences(sections: Sequence[Section]) -> str:
    told = "".join(
        f"<dt>{escape(one.title.capitalize())}</dt>\n"
        + "".join(f"<dd>{escape(sentence)}</dd>\n" for sentence in one.sentences)
        for one in sections
        if one.title not in ELSEWHERE
    )
    return f'<h2>What was found</h2>\n<dl class="told">\n{told}</dl>\n'


def _choice(result: Audit) -> str:
    depth = next(iter(result.agreement.values())).k
    rival = "an equally good cosine" if result.certificates else "cosine about the mean"
    caption = (
        f"The share of the nearest {depth} by cosine that another measure, or {rival}, finds too; "
        "in brackets rank-biased overlap, where the front counts more"
    )
    return "<h2>How much the choice matters</h2>\n" + table(caption, *choice_table(result))
