"""What is wrong with a set of judgements, for terminals and as a page."""

from html import escape
from typing import Any

from rich.console import Console

from anglewise.judging.lint_checks import Lint
from anglewise.report.document import document, table

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
