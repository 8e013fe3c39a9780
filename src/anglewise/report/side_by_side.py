"""The neighbours of the queries on which measures disagree most, side by side, as HTML."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np

from anglewise.comparison.comparison_result import Comparison, Evidence
from anglewise.core.embeddings import Embeddings
from anglewise.core.judgements import Judgements
from anglewise.io.texts import titles
from anglewise.metrics.breadth import disagreement
from anglewise.report.words import counted, number, percent, shortened

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
