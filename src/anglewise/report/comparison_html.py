"""A comparison as one HTML page that needs no script and no network."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np

from anglewise.comparison.comparison_result import Comparison, Estimate, Evidence
from anglewise.core.embeddings import Embeddings
from anglewise.core.judgements import Judgements
from anglewise.errors import MissingExtraError
from anglewise.io.texts import titles
from anglewise.metrics.breadth import disagreement
from anglewise.report.comparison_text import Line, facts, further_metrics, headline, legend, lines
from anglewise.report.document import document, figure, svg
from anglewise.report.plots import ComparisonDisplay
from anglewise.report.words import counted, interval, number, percent, shortened

QUERIES, DEPTH, MEASURES = 20, 10, 8
"""What fits on a page that a person reads to its end."""
ITEM, QUERY, LISTED = 70, 300, 6


def side_by_side(result: Comparison) -> str:
    """The section of the page; empty without evidence or with a single measure."""
    evidence = result.evidence
    if evidence is None or not isinstance(evidence.judgements, Judgements):
        return ""  # pairs and triplets have no lists
    if len(evidence.found) < 2:
        return ""
    shown = [one.measure for one in result.measures if one.measure in evidence.found][:MEASURES]
    cases = _Cases(result.metric, evidence, evidence.judgements, shown)
    apart = disagreement([evidence.found[name] for name in shown], DEPTH)
    order = [int(i) for i in np.argsort(-apart, kind="stable")[:QUERIES] if apart[i] > 0]
    heading = "<h2>Neighbours side by side</h2>\n"
    if not order:
        return (
            heading + f"<p>The measures give the same {DEPTH} neighbours for every query that was "
            "judged: there is nothing to choose between them here.</p>\n"
        )
    told = (
        f"<p>The {counted(len(order), 'query', 'queries')} on which the measures disagree most, of "
        f"{len(apart):,} that were judged. On average two measures share "
        f"{percent(1 - float(apart.mean()))} of their nearest {cases.depth}. A green cell with "
        "✓ was judged relevant, ✗ was judged and is not; what has no mark was not judged. "
        "Items that every measure lists are grey.</p>\n"
    )
    if len(shown) < len(evidence.found):
        told += f"<p>Shown are the best {len(shown)} of {len(evidence.found)} measures.</p>\n"
    return heading + told + "".join(cases.article(i, float(apart[i])) for i in order)


@dataclass(frozen=True, eq=False)
class _Cases:
    """What an article needs: who asks, what is ranked, what was judged, how it was measured."""

    metric: str
    evidence: Evidence
    judgements: Judgements
    shown: list[str]

    @property
    def depth(self) -> int:
        """How many neighbours are shown."""
        return min([DEPTH, *(self.evidence.found[name].k for name in self.shown)])

    @cached_property
    def sides(self) -> tuple[Embeddings, Embeddings]:
        """Who asks and who is ranked."""
        return self.evidence.space.sides(self.judgements.direction)

    @cached_property
    def graded(self) -> bool:
        """Whether some items are more relevant than others."""
        gains = self.judgements.gains.values
        return len(np.unique(gains[gains > 0])) > 1

    @cached_property
    def titles(self) -> tuple[Sequence[str] | None, Sequence[str] | None]:
        """The titles of both sides, where there are any."""
        asking, ranked = self.sides
        return titles(asking, QUERY), titles(ranked, 4 * ITEM)

    def article(self, place: int, apart: float) -> str:
        """One query: what it is, and its lists."""
        row = int(self.evidence.rows[place])
        key, known = escape(str(self.sides[0].ids[row])), self.titles[0]
        name = f"query {key}" if known is None else escape(shortened(known[row], QUERY))
        key = "" if known is None else f" · id {key}"
        listed = {m: self.evidence.found[m].indices[place, : self.depth] for m in self.shown}
        lists = {m: [int(i) for i in items if i >= 0] for m, items in listed.items()}
        return (
            f"<article>\n<h3>{name}</h3>\n<p><small>{percent(apart)} apart{key}"
            f"{self._given(row)}{self._missed(row, lists)}</small></p>\n"
            f'<div class="scroll" tabindex="0"><table class="side" '
            f'style="--columns:{len(self.shown)}">\n'
            f"<caption>Nearest {self.depth} under each measure</caption>\n"
            f'<thead><tr><th scope="col">#</th>{self._heads(place)}</tr></thead>\n<tbody>\n'
            f"{''.join(self._ranks(row, lists))}</tbody>\n</table></div>\n</article>\n"
        )

    def _heads(self, place: int) -> str:
        values = self.evidence.values[self.metric][:, place]
        value_of = dict(zip(self.evidence.measures, values, strict=True))
        return "".join(
            f'<th scope="col">{escape(name)}<br><small>{escape(self.metric)} '
            f"{number(float(value_of[name]))}</small></th>"
            for name in self.shown
        )

    def _ranks(self, row: int, lists: dict[str, list[int]]) -> Iterable[str]:
        gains = self._gains(row)
        first, *others = lists.values()
        everywhere = set(first).intersection(*others)
        for rank in range(self.depth):
            cells = (
                self._cell(items[rank], gains, everywhere) if rank < len(items) else "<td></td>"
                for items in lists.values()
            )
            yield f'<tr><th scope="row">{rank + 1}</th>{"".join(cells)}</tr>\n'

    def _cell(self, item: int, gains: dict[int, float], everywhere: set[int]) -> str:
        gain = gains.get(item)
        if gain is not None and gain > 0:
            grade = f"{gain:.3g}" if self.graded else ""
            return f'<td class=r>{self._item(item)} <b title="relevant">✓{grade}</b></td>'
        mark = ' <i title="judged, not relevant">✗</i>' if self._judged(item, gain) else ""
        shared = " class=a" if item in everywhere else ""
        return f"<td{shared}>{self._item(item)}{mark}</td>"

    def _judged(self, item: int, gain: float | None) -> bool:
        everywhere = self.judgements.judged_items
        return gain is not None or (everywhere is not None and bool(everywhere[item]))

    def _item(self, item: int) -> str:
        known = self.titles[1]
        name = str(self.sides[1].ids[item]) if known is None else known[item]
        return escape(shortened(name, ITEM))

    def _gains(self, row: int) -> dict[int, float]:
        judged = self.judgements.gains
        start, end = judged.indptr[row], judged.indptr[row + 1]
        pairs = zip(judged.indices[start:end], judged.values[start:end], strict=True)
        return {int(item): float(gain) for item, gain in pairs}

    def _given(self, row: int) -> str:
        seen = self.judgements.seen
        if seen is None:
            seen = self.evidence.space.seen
        if seen is None or self.judgements.direction != "queries-items":
            return ""
        return self._listing("known of it", [int(i) for i in seen.row(row)])

    def _missed(self, row: int, lists: dict[str, list[int]]) -> str:
        found = {item for items in lists.values() for item in items}
        wanted = sorted(
            (-gain, item)
            for item, gain in self._gains(row).items()
            if gain > 0 and item not in found
        )
        return self._listing("relevant, but in no list", [item for _, item in wanted])

    def _listing(self, what: str, items: list[int]) -> str:
        if not items:
            return ""
        names = Counter(self._item(item) for item in items)
        shown = [*names.items()][:LISTED]
        told = "; ".join(name if n == 1 else f"{name} ({n} times)" for name, n in shown)
        left = len(items) - sum(n for _, n in shown)
        return f"<br>{what}: {told}" + (f" and {left} more" if left else "")


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
