"""Reports about judgements: agreement of judges, lint."""

from html import escape
from typing import Any

from rich.console import Console
from rich.table import Table

from anglewise.judging.agreement import Agreed, Agreement
from anglewise.judging.lint_checks import Lint
from anglewise.report.document import document, table

SHOWN = 10


def show_agreement(found: Agreement, console: Console) -> None:
    """Coefficients with intervals, judges two by two, and the widest disputes."""
    judges = ", ".join(f"{name} {count:,}" for name, count in found.judges.items())
    console.print(f"{found.pairs:,} pairs ({judges}), {found.shared:,} judged by several")
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("", "on", "agreement", "95% interval"):
        rows.add_column(head, justify="left" if not head else "right")
    shared = f"{found.shared:,} pairs"
    for level, agreed in found.alpha.items():
        rows.add_row(f"Krippendorff's alpha, {level}", shared, *_cells(agreed))
    judges_of = f"{found.fleiss_pairs:,} by {found.fleiss_judges}"
    rows.add_row("Fleiss' kappa", judges_of, *_cells(found.fleiss))
    for two in found.two:
        for kind, agreed in two.kappa.items():
            how = "" if kind == "none" else f", {kind} weights"
            name = f"Cohen's kappa of {two.first} and {two.second}{how}"
            rows.add_row(name, f"{two.pairs:,} pairs", *_cells(agreed))
    console.print(rows)
    open_ = [one for one in found.disputes if one.decided is None]
    console.print(
        f"{len(found.disputes):,} pairs on which judges differ, "
        f"{len(found.disputes) - len(open_):,} of them decided"
    )
    for one in open_[:SHOWN]:
        grades = ", ".join(f"{judge} {grade:g}" for judge, grade in one.grades.items())
        console.print(f"  {one.query_id} {one.item_id}: {grades}", soft_wrap=True)
    if len(open_) > SHOWN:
        console.print(f"  and {len(open_) - SHOWN:,} more", style="dim")


def _cells(agreed: Agreed) -> tuple[str, str]:
    if agreed.value != agreed.value:
        return "-", "all gave one grade"
    return f"{agreed.value:.3f}", f"{agreed.low:.3f} to {agreed.high:.3f}"


PENS = {"error": "bold red", "warning": "yellow", "note": "dim"}
WIDE, HIGH = 360, 200


def show_lint(found: Lint, console: Console) -> None:
    """Findings, the worst first; then how many looks were made."""
    console.print(facts(found), soft_wrap=True)
    for one in found.findings:
        console.print(f"{one.severity}: {one.what}", style=PENS[one.severity], soft_wrap=True)
        if one.do:
            console.print(f"  {one.do}", style="dim", soft_wrap=True)
    console.print(summary(found), style="bold")


def facts(found: Lint) -> str:
    """What was looked at, in one line."""
    return (
        f"{found.direction}: {found.queries:,} queries with {found.judged:,} judgements "
        f"({found.source})"
    )


def summary(found: Lint) -> str:
    """How much was found, in one line.

    >>> summary(Lint("queries-items", "", 1, 1, (), ("ids", "grades")))
    '2 looks: nothing found'
    """
    counts = found.to_dict()["counts"]
    words = [f"{n} {name}{'s' * (n > 1)}" for name, n in counts.items() if n]
    return f"{len(found.checks)} looks: {', '.join(words) or 'nothing found'}"


def lint_page(found: Lint) -> str:
    """Findings and the picture of the skew as one page without scripts."""
    rows = [(one.severity, one.check, one.what, one.do) for one in found.findings]
    curves = [one.numbers["curve"] for one in found.findings if "curve" in one.numbers]
    body = (
        f"<header>\n<h1>What is wrong with these judgements?</h1>\n"
        f'<p class="facts">{escape(facts(found))}</p>\n</header>\n<main>\n'
        f"<p>{escape(summary(found))}</p>\n"
        + (table("Findings", ["severity", "look", "finding", "to do"], rows) if rows else "")
        + "".join(_picture(curve) for curve in curves)
        + f"</main>\n<footer>anglewise · looks: {escape(', '.join(found.checks))}</footer>\n"
    )
    return document("judgements", body)


def _picture(curve: dict[str, Any]) -> str:
    """Two distribution functions, as steps over quantiles of the catalogue."""
    told = (
        "Share of items up to each popularity, left to right from rare to popular: relevant "
        "items (full) against the catalogue (dashed)."
    )
    lines = "".join(
        f'<polyline fill="none" stroke="currentColor" stroke-width="2"{dash} '
        f'points="{_points(curve["catalogue"], curve[name])}"/>'
        for name, dash in (("judged", ""), ("catalogue", ' stroke-dasharray="4 4"'))
    )
    return (
        f'<figure><svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{escape(told)}" '
        f'width="{WIDE}">{lines}</svg>\n<figcaption>{escape(told)}</figcaption></figure>\n'
    )


def _points(across: list[float], up: list[float]) -> str:
    pairs = zip([0.0, *across], [0.0, *up], strict=True)
    return " ".join(f"{x * WIDE:.1f},{HIGH - y * HIGH:.1f}" for x, y in pairs)
