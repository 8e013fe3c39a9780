"""Checks as documents: the study's claims, agreement of judges, lint, power, what is unjudged."""

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import isfinite, isnan
from typing import Any, Literal

import numpy as np

from anglewise.comparison.next_judgements import LeadBounds, Unjudged
from anglewise.comparison.power import Power
from anglewise.data_types.text import counted, listed, percent
from anglewise.data_types.typing import Array, Float64
from anglewise.experiment.claims import Check
from anglewise.experiment.own_data import MovedLists, OwnStudy
from anglewise.experiment.study import Study
from anglewise.labelling.agreement import (
    FEWEST_DISPUTED,
    FEWEST_OTHERWISE,
    FEWEST_RESAMPLED,
    Agreement,
    Coefficient,
)
from anglewise.labelling.lint_checks import Lint
from anglewise.report.document import Block, Curves, Document, Group, Line, Table, TableColumn
from anglewise.report.pictures import drawing, new_figure, saved_figure
from anglewise.report.words import NOTHING, number

PANELS = {
    "item-orthonormal": "(1), B = V\nitem-orthonormal",
    "tied-weights": "(1), D = I\ntied weights",
    "raw-users": "(1), A = V\nraw users",
    "balanced": "(1), P'P = Q'Q\nbalanced",
    "data-space": "(1), data space\ncolumns of XAB'",
    "objective (2)": "(2)\nno choice left",
}
MOST_ITEMS = {"png": 500, "svg": 100}
"""Of more, every second, third, ... is drawn: a screen shows no more, a page wants a light SVG."""
SHADES = 32
"""Colours of a panel in the SVG: nobody sees more there, and it is a tenth of the size."""


def study_figure(result: Study, kind: Literal["png", "svg"]) -> bytes:
    """Draw it; the same study gives the same bytes.

    Items by cluster, within it the popular ones first. Raises ``MissingExtraError`` without
    matplotlib.
    """
    undated = dict.fromkeys(("Date", "Creator", "Format", "Type")) if kind == "svg" else {}
    title = {"Title": "Item-item cosine after one training, under choices that nobody made"}
    with drawing({"svg.fonttype": "none"}):
        figure = _panels(result, every=-(-len(result.clusters) // MOST_ITEMS[kind]))
        written = saved_figure(figure, format=kind, dpi=200, metadata={**undated, **title})
    return _light(written) if kind == "svg" else written


def _panels(result: Study, every: int) -> Any:
    figure = new_figure((14.4, 2.9))
    axes = figure.subplots(1, len(PANELS) + 1)
    clusters = result.clusters[::every]
    _panel(axes[0], np.where(clusters[:, None] == clusters, 1.0, 0.0), "true clusters\n", clusters)
    for ax, (name, title) in zip(axes[1:], PANELS.items(), strict=True):
        _panel(ax, result.cosines[name][::every, ::every], title, clusters)
        area = next(similarity.auc for similarity in result.similarities if similarity.name == name)
        ax.set_xlabel(f"cluster AUC {area:.3f}", fontsize=8)
    figure.colorbar(axes[-1].images[0], ax=axes[-1], shrink=0.8, label="cosine")
    return figure


def _light(svg: bytes) -> bytes:
    """The same picture with few shades in its panels, and without what no reader sees."""
    from PIL import Image

    def fewer(match: re.Match[bytes]) -> bytes:
        panel = Image.open(io.BytesIO(base64.b64decode(match[1])))
        packed = io.BytesIO()
        panel.convert("RGB").quantize(SHADES).save(packed, format="png", optimize=True)
        return b"base64," + base64.b64encode(packed.getvalue())

    svg = re.sub(rb"base64,\s*([^\"]+)", fewer, svg)
    return re.sub(rb"\n\s*", b"\n", re.sub(rb"<!--.*?-->", b"", svg, flags=re.DOTALL))


def _panel(ax: Any, values: Float64[Array, "p p"], title: str, clusters: Array) -> None:
    ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
    edges = np.flatnonzero(np.diff(clusters)) + 0.5
    across = np.tile([-0.5, len(clusters) - 0.5, np.nan], len(edges))
    along = np.repeat(edges, 3)
    ax.autoscale(False)
    ax.plot(across, along, along, across, color="black", lw=0.3)
    ax.set_title(title, fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])


NAMES = {
    "item-orthonormal": "(1) B = V, item-orthonormal",
    "tied-weights": "(1) D = I, tied-weights",
    "raw-users": "(1) A = V, raw-users",
    "balanced": "(1) balanced",
    "user-orthonormal": "(1) P'P = I, user-orthonormal",
    "data-space": "(1) data-space",
}


def study_document(result: Study) -> Document:
    """The experiment, and every claim as it came out."""
    size = result.size
    first, second = result.dimensions
    settings = (
        f"{counted(size.users, 'user')}, {counted(len(result.clusters), 'item')}, "
        f"{counted(size.clusters, 'cluster')}, {counted(result.interactions, 'interaction')}, "
        f"seed {result.seed}; objective (1): penalty {size.product_penalty:g}, "
        f"{counted(first, 'dimension')}; (2): penalty {size.factors_penalty:g}, {second}"
    )
    rows: list[list[str]] = []
    for similarity in result.similarities:
        figures = (similarity.auc, similarity.within, similarity.between, similarity.overlap)
        rows.append([NAMES.get(similarity.name, similarity.name), *map(number, figures)])
    legend = (
        "AUC: how often two items of one cluster are more alike than two of different ones. "
        "Within, between: mean cosines. Overlap: with the ten nearest in the balanced gauge. Every "
        "(1) predicts the same."
    )
    heads = ("item-item cosine", "cluster AUC", "within", "between", "overlap@10")
    return Document(
        [
            [Line(settings, "dim")],
            [_table(heads, rows), Line(legend, "dim")],
            _checks(result.checks),
        ]
    )


def own_study_document(result: OwnStudy) -> Document:
    """What the gauges of one model do to its lists, direction by direction."""
    settings = (
        f"{counted(result.users, 'user')}, {counted(result.items, 'item')}, "
        f"{counted(result.interactions, 'interaction')}; objective (1), "
        f"{counted(result.dimensions, 'dimension')}"
    )
    legend = (
        "Overlap: the share of each list of ten that the same measure finds in the balanced "
        "gauge. The predictions are the same in all. Figures are of these lists alone: no interval "
        "is given, and no difference between gauges or measures was tested."
    )
    body: list[list[Block]] = [[Line(settings, "dim")]]
    body += [
        _direction([entry for entry in result.moved if entry.direction == direction])
        for direction in dict.fromkeys(entry.direction for entry in result.moved)
    ]
    body[-1].append(Line(legend, "dim"))
    return Document([*body, _checks(result.checks)])


def _direction(moved: Sequence[MovedLists]) -> list[Block]:
    measures = list(dict.fromkeys(entry.measure for entry in moved))
    heads = ["\ngauge", *(f"overlap\n{name}" for name in measures)]
    if moved[0].score is not None:
        heads += [f"nDCG@10\n{name}" for name in measures]
    rows: list[list[str]] = []
    for gauge in dict.fromkeys(entry.gauge for entry in moved):
        lists = [entry for entry in moved if entry.gauge == gauge]
        scores = [number(entry.score) for entry in lists if entry.score is not None]
        rows.append([gauge, *(number(entry.overlap) for entry in lists), *scores])
    title = f"{moved[0].direction}, {counted(moved[0].queries, 'list')}"
    return [Line(title, "strong"), _table(heads, rows)]


def _checks(checks: Sequence[Check]) -> Group:
    rows = [
        [
            f"{check.figure} {check.name}",
            _shown_value(check),
            f"{check.relation} {short_number(check.bound)}",
            "held" if check.held else "FAILED",
        ]
        for check in checks
    ]
    tones = ["" if check.held else "failed" for check in checks]
    failed = sum(not check.held for check in checks)
    summary = f"{len(checks) - failed} of {counted(len(checks), 'figure')} held"
    alert = f", {failed} FAILED" if failed else ""
    return [_table(("claim", "value", "bound", ""), rows, tones), Line(summary, alert=alert)]


NOISE, NOISY = 1e-13, 1e-9
"""Below this what is held to a bound as small as that is rounding, and differs by machine."""


def _shown_value(check: Check) -> str:
    """The value; of what is rounding alone, that it is below what rounding makes."""
    if 0 < check.bound <= NOISY and abs(check.value) < NOISE:
        return f"<{short_number(NOISE)}"
    return short_number(check.value)


def _table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    tones: Sequence[str] = (),
    header: str = "bold",
) -> Table:
    name, *figures = heads
    columns = [
        TableColumn(name, "name", wraps=True),
        *(TableColumn(head, wraps=True) for head in figures),
    ]
    return Table(columns, rows, tones=tones, header=header)


def short_number(value: float) -> str:
    """A figure, in powers of ten where it is tiny.

    >>> short_number(0.1573), short_number(4.28e-16), short_number(0.0), short_number(0.97)
    ('0.157', '4e-16', '0', '0.970')
    """
    if value == 0:
        return "0"
    return f"{value:.0e}" if abs(value) < 5e-4 else number(value)


SHOWN = 10
"""So many disputes are named."""
LISTED = 20
"""So many judges are named, of all and of a dispute."""
MORE_JUDGES = (
    "Cohen's kappa: of the {} times two judges who share most pairs; more share some, and were not "
    "compared two by two. --judges names those to compare."
)
OVER_QUERIES = (
    "Intervals: by resampling whole queries, as the pairs of one depend on each other. 95% is "
    "aimed at; of made sets of 20 to 200 queries 90% and more of them held the truth "
    "(benchmarks/agreement.py). They know nothing of kinds of queries that are not among these."
)


def agreement_document(agreement: Agreement) -> Document:
    """Coefficients with intervals, judges two by two, and the widest disputes."""
    judges = _first_of([f"{name} {count:,}" for name, count in agreement.judges.items()])
    shared = f"{agreement.shared:,} pairs"
    rows = [
        [f"Krippendorff's alpha, {level}", shared, *_coefficient(coefficient)]
        for level, coefficient in agreement.alpha.items()
    ]
    several = f"{agreement.fleiss_pairs:,} by {agreement.fleiss_judges}"
    rows.append(["Fleiss' kappa", several, *_coefficient(agreement.fleiss)])
    for judge_pair in agreement.judge_pairs:
        for kind, agreed in judge_pair.kappa.items():
            weights = "" if kind == "none" else f", {kind} weights"
            name = f"Cohen's kappa of {judge_pair.first} and {judge_pair.second}{weights}"
            rows.append([name, f"{judge_pair.pairs:,} pairs", *_coefficient(agreed)])
    undecided = [entry for entry in agreement.disputes if entry.decided is None]
    lines = [
        Line(
            f"{len(agreement.disputes):,} pairs on which judges differ, "
            f"{len(agreement.disputes) - len(undecided):,} of them decided"
        )
    ]
    for dispute in undecided[:SHOWN]:
        grades = _first_of([f"{judge} {grade:g}" for judge, grade in dispute.grades.items()])
        lines.append(Line(f"  {dispute.query_id} {dispute.item_id}: {grades}", unbroken=True))
    if len(undecided) > SHOWN:
        lines.append(Line(f"  and {len(undecided) - SHOWN:,} more", "dim"))
    first = f"{agreement.pairs:,} pairs ({judges}), {agreement.shared:,} judged by several"
    table = _table(("", "on", "agreement", "interval"), rows, header="dim")
    notes = [Line(OVER_QUERIES, "dim")]
    if agreement.more_judge_pairs:
        notes.append(Line(MORE_JUDGES.format(len(agreement.judge_pairs)), "dim"))
    return Document([[Line(first), table, *notes, *lines]])


def _first_of(parts: Sequence[str]) -> str:
    """What is listed, cut where it is long."""
    more = [f"and {len(parts) - LISTED:,} more"] if len(parts) > LISTED else []
    return ", ".join([*parts[:LISTED], *more])


def _coefficient(coefficient: Coefficient) -> tuple[str, str]:
    if isnan(coefficient.value):
        return NOTHING, "all gave one grade"
    if isnan(coefficient.low):
        why = "not known: no resample differs"
        if coefficient.queries < FEWEST_RESAMPLED:
            why = f"{counted(coefficient.queries, 'query')}: {FEWEST_RESAMPLED} are due"
        elif coefficient.queries_otherwise < FEWEST_OTHERWISE:
            rare = counted(coefficient.queries_otherwise, "query")
            why = f"rarer grades in {rare}: {FEWEST_OTHERWISE} are due"
        elif coefficient.queries_disputed < FEWEST_DISPUTED:
            differ = counted(coefficient.queries_disputed, "query")
            why = f"judges differ in {differ}: {FEWEST_DISPUTED} are due"
        return f"{coefficient.value:.3f}", why
    return f"{coefficient.value:.3f}", f"{coefficient.low:.3f} to {coefficient.high:.3f}"


def lint_document(lint: Lint) -> Document:
    """Findings, the worst first; then how many looks were made.

    >>> document = lint_document(Lint("queries-items", "", 1, 1, (), ("ids", "grades")))
    >>> document.body[0][-1].text
    '2 looks: nothing found'
    """
    fact = (
        f"{lint.direction}: {counted(lint.queries, 'query')} with "
        f"{counted(lint.judged, 'judgement')} ({lint.source})"
    )
    counts = [f"{n} {name}{'s' * (n > 1)}" for name, n in lint.to_dict()["counts"].items() if n]
    summary = f"{counted(len(lint.checks), 'look')}: {', '.join(counts) or 'nothing found'}"
    lines = [Line(fact, unbroken=True)]
    for finding in lint.findings:
        lines.append(Line(f"{finding.severity}: {finding.what}", finding.severity, unbroken=True))
        if finding.do:
            lines.append(Line(f"  {finding.do}", "dim", unbroken=True))
    lines.append(Line(summary, "strong"))
    return Document(
        [lines],
        question="What is wrong with these judgements?",
        chapters=partial(_lint_chapters, lint, fact, summary),
        footer=f"anglewise · looks: {', '.join(lint.checks)}",
    )


def _lint_chapters(lint: Lint, fact: str, summary: str) -> Iterator[Block]:
    yield Line(fact, "dim")
    yield Line(summary)
    if lint.findings:
        rows = [
            [finding.severity, finding.check, finding.what, finding.do] for finding in lint.findings
        ]
        heads = ("severity", "look", "finding", "to do")
        yield Table.of(heads, rows, "Findings")
    caption = (
        "Share of items up to each popularity, left to right from rare to popular: relevant "
        "items (full) against the catalogue (dashed)."
    )
    for finding in lint.findings:
        if "curve" in finding.numbers:
            curve = finding.numbers["curve"]
            full, dashed = (
                [(0.0, 0.0), *zip(curve["catalogue"], curve[name], strict=True)]
                for name in ("judged", "catalogue")
            )
            yield Curves([(full, False), (dashed, True)], caption)


SURE = 0.0001
"""A chance by an approximation is not told as nearer to certainty than this."""


def power_document(plan: Power) -> Document:
    """What lead so many queries show, for each number of them, and what that takes for granted."""
    many = "queries" if plan.noun == "query" else "groups"
    settling = any(point.settles is not None for point in plan.curve)
    heads = (many, "show a lead of", *(["show this lead"] if settling else []))
    rows: list[list[str]] = []
    for point in plan.curve:
        settles = "" if point.settles is None else percent(min(max(point.settles, SURE), 1 - SURE))
        mark = " now" if point.queries == plan.queries else ""
        lead = f"{point.detectable:.3f}" if isfinite(point.detectable) else "none"
        rows.append([f"{point.queries:,}{mark}", lead, *([settles] if settling else [])])
    legend = (
        f"A lead in {plan.metric} of {plan.best} over {plan.rival} that would be shown in about "
        "four sets of five"
        + (
            f"; how likely so many {many} show it if it is as large as it looks now"
            if settling
            else ""
        )
        + f", where other {many} vary as these do"
        + (f", and if {listed(plan.assumed)}." if plan.assumed else ".")
    )
    table = Table([*map(TableColumn, heads)], rows, header="")
    return Document([[Line(str(plan), unbroken=True)], [table], [Line(legend, "dim")]])


NO_TEXTS: Mapping[str, str] = {}
UNJUDGED_TEXT = 48
WORTH = (
    "Worth: the share of the doubt about which measure comes out best that a judgement would take "
    "away, if pairs not judged are relevant as often as the judged ones."
)


def _whatever(bound: LeadBounds, unjudged: Unjudged) -> str:
    """Between which ends a lead stays; nothing where no pair is left to be judged."""
    if unjudged.judged == unjudged.pairs:
        return ""
    tuned = {bound.measure, unjudged.best} & {*unjudged.tuned}
    as_now = ", with the lists as tuned now" if tuned else ""
    return (
        f", between {bound.low:+.3f} and {bound.high:+.3f} whatever the rest of them says in "
        f"grades up to {unjudged.highest_gain:g}{as_now}"
    )


def unjudged_document(
    unjudged: Unjudged, queries: Mapping[str, str] = NO_TEXTS, items: Mapping[str, str] = NO_TEXTS
) -> Document:
    """The sentence, the bounds of each lead and the pairs, with their texts where known."""
    body: list[Group] = [[Line(str(unjudged), unbroken=True)]]
    if unjudged.bounds:
        body.append(
            [
                Line(f"lead over {bound.measure}: {bound.lead:+.3f}{_whatever(bound, unjudged)}")
                for bound in unjudged.bounds
            ]
        )
    if unjudged.to_judge:
        heads = ("query", "item", "ranks")
        columns = [TableColumn("worth", wraps=True)]
        columns += [TableColumn(head, align="left", wraps=True) for head in heads]
        rows = [
            [
                f"{pair.worth:.1%}",
                _named(pair.query_id, queries),
                _named(pair.item_id, items),
                ", ".join(f"{name} {rank}" for name, rank in pair.ranks.items()),
            ]
            for pair in unjudged.to_judge
        ]
        body.append([Line("to judge next:"), Table(columns, rows, header=""), Line(WORTH, "dim")])
    return Document(body)


def _named(key: str, texts: Mapping[str, str]) -> str:
    text = " ".join(texts.get(key, "").split())
    if not text:
        return key
    return f"{key}: {text if len(text) <= UNJUDGED_TEXT else text[: UNJUDGED_TEXT - 1] + '…'}"
