"""An audit as one HTML page that needs no script and no network."""

from collections.abc import Callable, Sequence
from html import escape

from anglewise.auditing.audit_result import Audit
from anglewise.auditing.gauge_overlap import GaugeAgreement, Interval, Moved, PairReport
from anglewise.auditing.subject import NamedRow
from anglewise.auditing.trainings import RunReport
from anglewise.report.audit_figures import figures
from anglewise.report.audit_text import (
    Section,
    choice_table,
    facts,
    first_sections,
    headline,
    last_sections,
)
from anglewise.report.document import document, folded, framed, heads_of, table
from anglewise.report.words import counted, number, percent, ratio, shortened

ITEM, ASKED = 70, 160
HALF = 100
"""Half the width of a drawn interval, from -1 to 1."""


def between_measures(audit: Audit) -> str:
    """Overlap of the lists of all measures, two by two, in each direction."""
    told = (
        "<p>The share of the nearest that two measures have in common, on average over those who "
        "asked; the darker the more. In each direction every measure stands against every "
        "other.</p>\n"
    )
    return (
        "<h2>All measures among each other</h2>\n"
        + told
        + "".join(
            folded(
                f"{way}: {counted(one.queries, 'list')} of {one.k}",
                _heat(one),
                unfolded=place == 0,
            )
            for place, (way, one) in enumerate(audit.agreement.items())
        )
    )


def _heat(one: GaugeAgreement) -> str:
    names = list(one.overlap)
    heads = "".join(
        f'<th scope="col"><span class="down">{escape(name)}</span></th>' for name in names
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(_shaded(one.overlap[name].get(other)) for other in names)
        + "</tr>\n"
        for name in names
    )
    return framed(
        f"<caption>{escape(one.direction)}: kept of the nearest {one.k}, in per cent</caption>\n"
        f"<thead><tr><td></td>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n",
        ' class="heat"',
    )


def _shaded(share: float | None) -> str:
    if share is None:
        return '<td class="self">·</td>'
    return f'<td style="--share:{100 * share:.0f}%">{100 * share:.0f}</td>'


def examples(audit: Audit) -> str:
    """In each direction those whose lists move most between two equally good cosines."""
    return "<h2>The lists that move most</h2>\n" + "".join(
        folded(
            f"{way}: from cosine to {one.against}",
            '<div class="lists">\n'
            + "".join(_example(one, moved) for moved in one.moved)
            + "</div>\n",
            unfolded=place == 0,
        )
        for place, (way, one) in enumerate(audit.agreement.items())
    )


def _example(one: GaugeAgreement, moved: Moved) -> str:
    kind = "item" if one.direction == "items-items" else "query"
    told = f"{percent(moved.overlap)} stay"
    return _article(kind, moved.asked, told, (moved.before, moved.after), one.against)


def witnessed(audit: Audit, said: Sequence[Section]) -> str:
    """The item whose neighbours a map changed, with the proof that predictions stayed."""
    shown = audit.witness
    if shown is None:
        return ""
    told = "".join(
        f"<p>{escape(sentence[:1].upper() + sentence[1:])}.</p>\n"
        for section in said
        if section.title == "witness"
        for sentence in section.sentences
    )
    return (
        "<h2>The witness: same predictions, other neighbours</h2>\n"
        + told
        + _article(
            "item",
            shown.item,
            f"{percent(shown.overlap)} stay",
            (shown.before, shown.after),
            f"cosine after a map of condition {ratio(shown.condition)}",
        )
    )


def _article(
    kind: str,
    asked: NamedRow,
    told: str,
    lists: tuple[Sequence[NamedRow], Sequence[NamedRow]],
    name: str,
) -> str:
    before, after = lists
    known = asked.title is not None
    heading = shortened(str(asked), ASKED) if known else f"{kind} {asked.id}"
    key = f" · id {escape(asked.id)}" if known else ""
    old, new = {one.id for one in before}, {one.id for one in after}
    depth = max(len(before), len(after))
    rows = "".join(
        f'<tr><th scope="row">{place + 1}</th>'
        f"{_listed(before, place, new, '<i>- gone</i>')}"
        f"{_listed(after, place, old, '<b>+ new</b>')}</tr>\n"
        for place in range(depth)
    )
    return (
        f"<article>\n<h3>{escape(heading)}</h3>\n"
        f"<p><small>{escape(told)}{key}</small></p>\n"
        + framed(
            f"<caption>Nearest {depth}, before and after; grey: in both</caption>\n"
            f"<thead><tr>{heads_of(['#', 'cosine as given', name])}</tr></thead>\n"
            f"<tbody>\n{rows}</tbody>\n",
            ' class="side" style="--columns:2"',
        )
        + "</article>\n"
    )


def _listed(many: Sequence[NamedRow], place: int, others: set[str], mark: str) -> str:
    if place >= len(many):
        return "<td></td>"
    one = many[place]
    name = escape(shortened(str(one), ITEM))
    return f"<td class=a>{name}</td>" if one.id in others else f"<td>{name} {mark}</td>"


def pair_explorer(audit: Audit) -> str:
    """What gauges and maps can make of the cosine of two items."""
    if not audit.pairs and not audit.beside_witness:
        return ""
    given = "".join(_pair(one) for one in audit.pairs)
    beside = "".join(_pair(one) for one in audit.beside_witness)
    if beside:
        beside = folded(
            "The item of the witness and neighbours that it lost or won",
            beside,
            unfolded=not given,
        )
    return (
        "<h2>Pairs</h2>\n<p>The cosine of two items as given, in each equally good geometry, and "
        "under all maps of condition s: between the ends that no map passes and some map reaches "
        "(thin), and where the middle 90% of random maps leave it (thick); the stroke is "
        "the given cosine.</p>\n" + given + beside
    )


def _pair(pair: PairReport) -> str:
    name = f"{shortened(str(pair.one), ITEM)} and {shortened(str(pair.other), ITEM)}"
    points = {"cosine": pair.cosine, **pair.gauges}
    rows = [
        f'<tr><th scope="row">{escape(label)}</th><td class="n">{number(value, 2)}</td>'
        f"<td></td><td>{_bar(pair.cosine, Interval(value, value), Interval(value, value))}</td>"
        "</tr>\n"
        for label, value in points.items()
    ]
    rows += [
        f'<tr><th scope="row">maps of condition {s:g}</th>'
        f'<td class="n">{_ends(sure)}</td><td class="n">{_ends(random)}</td>'
        f"<td>{_bar(pair.cosine, sure, random)}</td></tr>\n"
        for s, sure, random in zip(pair.conditions, pair.certified, pair.random, strict=True)
    ]
    heads = heads_of(["", "cosine, or its certified ends", "middle 90% at random", "from -1 to 1"])
    return framed(
        f"<caption>{escape(name)}</caption>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{''.join(rows)}</tbody>\n",
        ' class="pair"',
    )


def _bar(given: float, sure: Interval, random: Interval) -> str:
    """The numbers beside it, drawn; said once is enough for those who listen."""

    def across(one: Interval) -> str:
        left, right = HALF * (1 + one.low), HALF * (1 + one.high)
        width = max(right - left, 4.0)
        return f'x="{(left + right - width) / 2:.1f}" width="{width:.1f}"'

    at = HALF * (1 + given)
    return (
        f'<svg class="bar" aria-hidden="true" viewBox="-2 0 {2 * HALF + 4} 16">'
        f'<path class="axis" d="M0 8H{2 * HALF}M{HALF} 3V13"/>'
        f'<rect class="sure" {across(sure)} y="7" height="2"/>'
        f'<rect class="random" {across(random)} y="4" height="8"/>'
        f'<path class="given" d="M{at:.1f} 1V15"/></svg>'
    )


def _ends(one: Interval) -> str:
    return f"[{number(one.low, 2)}, {number(one.high, 2)}]"


RUN: dict[str, Callable[[RunReport], str]] = {
    "vectors differ by": lambda run: percent(run.items.difference),
    "of it rotation": lambda run: percent(run.items.rotation),
    "gauge": lambda run: percent(run.items.gauge),
    "real": lambda run: percent(run.items.real),
    "condition of the map": lambda run: ratio(run.items.condition),
    "predictions differ by": lambda run: percent(run.predictions),
    "lists shared": lambda run: percent(run.overlap["given"]),
    "after the best map": lambda run: percent(run.overlap["linear"]),
    "both balanced": lambda run: percent(run.overlap["balanced"]),
    "dot lists": lambda run: percent(run.overlap["dot"]),
}


def other_runs(audit: Audit) -> str:
    """How much of the disagreement of runs is rotation, gauge, or real."""
    if not audit.runs:
        return ""
    rows = [[run.name, *(of(run) for of in RUN.values())] for run in audit.runs]
    return (
        "<h2>Other runs</h2>\n<p>Rotations change no cosine. What the best linear map takes away "
        "beyond them is gauge; the rest is real, for the predictions differ too.</p>\n"
        + table("The items of each run beside those audited", ["run", *RUN], rows)
    )


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
