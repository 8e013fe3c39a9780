"""A comparison as one HTML page that needs nothing else: no script, no network."""

from html import escape

from anglewise.comparison.comparison_result import Comparison, Estimate
from anglewise.errors import MissingExtraError
from anglewise.report.document import document, figure
from anglewise.report.lines import Line, facts, further_metrics, headline, legend, lines
from anglewise.report.plots import ComparisonDisplay
from anglewise.report.side_by_side import side_by_side
from anglewise.report.svg import svg
from anglewise.report.words import interval, number


def page(result: Comparison) -> str:
    """The page as text; the same comparison gives the same bytes.

    The verdict comes first, then what to know before the numbers, charts (with matplotlib), the
    table of the same numbers, and the neighbours of the queries on which measures disagree most.
    """
    told = lines(result)
    body = (
        _verdict(result),
        _notes(result),
        "<h2>The measures, best first</h2>\n",
        charts(result),
        _table(result, told),
        _settings(result),
        side_by_side(result),
        f"</main>\n<footer>anglewise · <code>{escape(result.signature)}</code></footer>\n",
    )
    return document(headline(result), "".join(body))


def _verdict(result: Comparison) -> str:
    return (
        "<header>\n<h1>Which similarity measure should be used?</h1>\n"
        f'<div class="verdict {result.verdict.decision}"><strong>{escape(headline(result))}:'
        f"</strong>\n<p>{escape(result.verdict.reason)}</p></div>\n"
        f'<p class="facts">{escape(" · ".join(facts(result)))}</p>\n</header>\n<main>\n'
    )


def _notes(result: Comparison) -> str:
    if not result.notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>\n" for note in result.notes)
    return f'<h2>Before the numbers</h2>\n<ul class="notes">\n{items}</ul>\n'


def charts(result: Comparison) -> str:
    """Means and differences as pictures, with matplotlib; without it, a sentence that says so."""
    display = ComparisonDisplay.from_result(result)
    means = f"Intervals of {result.metric}: " + "; ".join(
        f"{bar.measure} {number(bar.mean)} {interval(bar.low, bar.high)}" for bar in display.means
    )
    apart = f"Differences of {result.metric} to the best: " + "; ".join(
        f"{bar.measure} {number(bar.mean)} {interval(bar.low, bar.high)}"
        for bar in display.differences[1:]
    )
    try:
        drawn = figure(
            svg(display, "means", means),
            "Full points may be the best; hollow ones are not, at 95%. "
            "The table below has the same numbers.",
        )
        if len(display.differences) > 1:
            drawn += figure(
                svg(display, "differences", apart),
                "Paired, query by query: often far narrower than the intervals of the means.",
            )
    except MissingExtraError as missing:
        return f'<p class="facts">No charts: {escape(str(missing))}.</p>\n'
    return f'<div class="charts">\n{drawn}</div>\n'


def _table(result: Comparison, told: list[Line]) -> str:
    further = further_metrics(result)
    columns = ["", "measure", result.metric, "vs best", "p", "may be best"]
    if result.baseline is not None:
        columns += [f"vs {result.baseline}", "p"]
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in [*columns, *further])
    rows = "".join(_row(result, line, further) for line in told)
    return (
        '<div class="scroll" tabindex="0"><table>\n'
        f"<caption>{escape(result.metric)}: mean over queries with its 95% interval. "
        "Superscripts name the measures that a measure beats.</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
        f'<p class="facts">{escape(legend(result))}</p>\n'
    )


def _row(result: Comparison, line: Line, further: list[str]) -> str:
    one = line.result
    beats = f"<sup>{escape(line.beats)}</sup>" if line.beats else ""
    vs_best = line.difference
    if one.vs_best is not None:
        vs_best += f' <span class="also">{interval(one.vs_best.low, one.vs_best.high)}</span>'
    cells = [
        _estimate(line.estimate, beats),
        vs_best,
        escape(line.p),
        f"{'yes' if one.may_be_best else 'no'} ({escape(line.chance)})",
    ]
    if result.baseline is not None:
        cells += [line.baseline, escape(line.baseline_p)]
    cells += [_estimate(one.metrics[name]) for name in further]
    return (
        f'<tr><td>{line.letter}</td><th scope="row">{escape(line.measure)}</th>'
        + "".join(f'<td class="n">{cell}</td>' for cell in cells)
        + "</tr>\n"
    )


def _estimate(one: Estimate, beats: str = "") -> str:
    return f'{number(one.mean)}{beats} <span class="also">{interval(one.low, one.high)}</span>'


def _settings(result: Comparison) -> str:
    verdict = result.verdict
    told: dict[str, str] = {}
    if verdict.smallest_detectable is not None:
        told["What this set can see"] = (
            f"A difference of {number(verdict.smallest_detectable)} in {result.metric} would be "
            f"noticed four times out of five; {number(result.tolerance)} is the difference that "
            "was said to matter."
        )
    if result.evidence is not None and result.evidence.judgements.source:
        told["Judged by"] = result.evidence.judgements.source
    if not told:
        return ""
    items = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>\n" for term, text in told.items()
    )
    return f"<h2>How sure this is</h2>\n<dl>\n{items}</dl>\n"
