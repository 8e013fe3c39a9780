"""The lists of the queries on which measures disagree most, side by side."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.evidence import Evidence
from anglewise.data_types.columns import titles
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import counted, percent, shortened
from anglewise.evaluation_metrics.breadth import disagreement
from anglewise.report.document import Block, Entry, Line, RankedList, RankedLists
from anglewise.report.words import number

QUERIES, DEPTH, MEASURES = 20, 10, 8
"""What fits on a page that a person reads to its end."""
ITEM, QUERY, LISTED = 70, 300, 6


def side_by_side(result: Comparison) -> Iterator[Block]:
    """The lists of the queries on which measures disagree most; none without two rankings."""
    evidence = result.evidence
    if evidence is None or not isinstance(evidence.judgements, Judgements):
        return  # pairs and triplets have no lists
    if len(evidence.found) < 2:
        return
    measures = [row.measure for row in result.measures if row.measure in evidence.found][:MEASURES]
    cases = _Cases(result.metric, evidence, evidence.judgements, measures)
    differing = disagreement([evidence.found[name] for name in measures], DEPTH)
    order = [
        i for i in np.argsort(-differing, kind="stable")[:QUERIES].tolist() if differing[i] > 0
    ]
    yield Line("Neighbours side by side", "heading")
    if not order:
        yield Line(
            f"The {len(measures)} measures that are shown have the same {cases.depth} neighbours, "
            "perhaps in another order, for all that was judged "
            f"({counted(len(differing), 'query', 'queries')})."
        )
        return
    yield Line(
        f"The {counted(len(order), 'query')} on which the measures disagree most, of "
        f"{len(differing):,} that were judged. On average two measures share "
        f"{percent(1 - float(differing.mean()))} of their nearest {cases.depth}. A green cell with "
        "✓ was judged relevant, ✗ was judged and is not; what has no mark was not judged. "
        "Items that every measure lists are grey."
    )
    if result.within:
        yield Line(
            f"Lists are over all items. The {result.metric} beside a list is not of it: it is the "
            "query's mean over strata of similar use, as in the table."
        )
    if len(measures) < len(evidence.found):
        yield Line(f"Shown are the best {len(measures)} of {len(evidence.found)} measures.")
    for i in order:
        yield cases.lists(i, float(differing[i]))


@dataclass(frozen=True, eq=False)
class _Cases:
    """What the lists of a query need: who asks, what is ranked, what was judged, which metric."""

    metric: str
    evidence: Evidence
    judgements: Judgements
    measures: list[str]

    @property
    def depth(self) -> int:
        """How many neighbours are shown."""
        return min([DEPTH, *(self.evidence.found[name].k for name in self.measures)])

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

    def lists(self, position: int, differing: float) -> RankedLists:
        """One query and its lists; ``differing`` is the share in which they do."""
        row = int(self.evidence.rows[position])
        key, texts = str(self.sides[0].ids[row]), self.titles[0]
        gains = self._gains(row)
        ranked = {
            name: [item for item in rows.indices[position, : self.depth].tolist() if item >= 0]
            for name in self.measures
            for rows in (self.evidence.found[name],)
        }
        first, *other_lists = ranked.values()
        shared = set(first).intersection(*other_lists)
        values = self.evidence.values[self.metric][:, position]
        value_of = dict(zip(self.evidence.measures, values.tolist(), strict=True))
        lists = [
            RankedList(
                name,
                [self._entry(item, gains.get(item), item in shared) for item in items],
                f"{self.metric} {number(value_of[name])}",
            )
            for name, items in ranked.items()
        ]
        missed = sorted(
            (-gain, item)
            for item, gain in gains.items()
            if gain > 0 and not any(item in items for items in ranked.values())
        )
        remarks = [
            f"{percent(differing)} apart" + ("" if texts is None else f" · id {key}"),
            *self._remark("known of it", self._used(row)),
            *self._remark("relevant, but in no list", [item for _, item in missed]),
        ]
        return RankedLists(
            lists,
            f"query {key}" if texts is None else shortened(texts[row], QUERY),
            remarks,
            f"Nearest {self.depth} under each measure",
        )

    def _entry(self, item: int, gain: float | None, shared: bool) -> Entry:
        text = self._item(item)
        if gain is not None and gain > 0:
            grade = f"{gain:.3g}" if self.graded else ""
            return Entry(text, mark=f"✓{grade}", hint="relevant", good=True, kind="relevant")
        everywhere = self.judgements.judged_items
        judged = gain is not None or (everywhere is not None and bool(everywhere[item]))
        mark, hint = ("✗", "judged, not relevant") if judged else ("", "")
        return Entry(text, mark=mark, hint=hint, kind="shared" if shared else "")

    def _item(self, item: int) -> str:
        texts = self.titles[1]
        return shortened(str(self.sides[1].ids[item]) if texts is None else texts[item], ITEM)

    def _gains(self, row: int) -> dict[int, float]:
        judged = self.judgements.gains
        start, end = judged.indptr[row], judged.indptr[row + 1]
        items, gains = judged.indices[start:end], judged.values[start:end]
        return dict(zip(items.tolist(), map(float, gains), strict=True))

    def _used(self, row: int) -> list[int]:
        """What is known to have been used by who asks."""
        used = self.judgements.seen
        if used is None:
            used = self.evidence.space.seen
        if used is None or self.judgements.direction != "queries-items":
            return []
        if self.judgements.parts is not None:  # these are documents, and passages are left out
            return []
        names = self.sides[1].ids
        return [item for item in used.row(row).tolist() if names[item] != self.sides[0].ids[row]]

    def _remark(self, what: str, items: list[int]) -> list[str]:
        if not items:
            return []
        names = Counter(self._item(item) for item in items)
        shown = [*names.items()][:LISTED]
        texts = "; ".join(name if n == 1 else f"{name} ({n} times)" for name, n in shown)
        left = len(items) - sum(n for _, n in shown)
        return [f"{what}: {texts}" + (f" and {left} more" if left else "")]
