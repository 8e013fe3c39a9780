"""A comparison as a document: the verdict, the measures, and the lists that differ most."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from string import ascii_lowercase

import numpy as np

from anglewise.comparison.comparison_result import (
    Comparison,
    Difference,
    Estimate,
    Evidence,
    MeasureResult,
)
from anglewise.comparison.gates import Checked
from anglewise.comparison.history import Looks
from anglewise.comparison.next_judgements import Sequential, Unjudged
from anglewise.core.embeddings import Embeddings
from anglewise.core.judgements import Judgements
from anglewise.io.texts import titles
from anglewise.metrics.breadth import disagreement
from anglewise.report.document import (
    Block,
    Cell,
    Document,
    DrawnPicture,
    Entry,
    Findings,
    Group,
    Line,
    Pictures,
    RankedList,
    RankedLists,
    Table,
    TableColumn,
)
from anglewise.report.pictures import ComparisonDisplay
from anglewise.report.words import (
    NOTHING,
    counted,
    interval,
    number,
    p_value,
    percent,
    shortened,
    signed,
)

LETTERS = ascii_lowercase.replace("q", "")  # there is no common superscript q
NAME = 28
"""Characters of a measure's name on one line of a terminal."""
AXIS = (13, 31)


def comparison_document(
    result: Comparison,
    gates: Sequence[Checked] = (),
    sequential: Sequential | None = None,
    unjudged: Unjudged | None = None,
    looks: Looks | None = None,
) -> Document:
    """What was compared, the verdict, the measures best first, and whether the gates held.

    ``looks`` are said beside the verdict once the same judgements were used to look at other
    candidates too.

    >>> from anglewise.comparison.comparison_result import Verdict
    >>> verdict = Verdict("use", "dot", (), None, None, "")
    >>> comparison_document(
    ...     Comparison(None, "spearman", None, 9, 9, 9, 0, (), verdict, "")
    ... ).headline
    'Use dot'
    """
    verdict = result.verdict
    remark = f". {looks}" if looks is not None and looks.candidate_sets > 1 else ""
    table = _measures(result)
    cells = (cell for row in table.rows for cell in row)
    beats = any(isinstance(cell, Cell) and cell.beats for cell in cells)
    legend = Line(_legend(result), "dim", letters=beats)
    afterwards: list[Group] = []
    if sequential is not None:
        notes = [Line(f"{note}.", "dim") for note in sequential.notes]
        afterwards.append([Line(f"Sequentially, {sequential}", unbroken=True), *notes])
    if unjudged is not None:
        from anglewise.report.check_documents import unjudged_document

        afterwards += unjudged_document(unjudged).body
    return Document(
        subject=f"compare by {result.metric}",
        question="Which similarity measure should be used?",
        facts=facts(result),
        notes=result.notes,
        headline=verdict.headline,
        reason=verdict.reason + remark,
        tone=verdict.decision,
        body=[[table], [legend]],
        afterwards=afterwards,
        gates=gates,
        chapters=partial(_chapters, result, table, legend),
        footer="anglewise",
        signature=result.signature,
    )


def facts(result: Comparison) -> list[str]:
    """What was compared on what, piece by piece."""
    if result.direction is None:
        sizes = [counted(result.judged, "judgement")]
    else:
        groups = "" if result.groups is None else f" in {counted(result.groups, 'group')}"
        sizes = [
            counted(result.queries, "query", "queries") + groups,
            counted(result.items, "item"),
            counted(result.judged, "judgement"),
        ]
    direction = [] if result.direction is None else [result.direction]
    originals = [space for space in result.spaces if space.made_of is None]
    if len(originals) > 1:
        sizes.insert(0, counted(len(originals), "space"))
    return [*direction, result.metric, *sizes, f"seed {result.seed}"]


def _measures(result: Comparison) -> Table:
    """The measures, best first: letters name them in the superscripts of those that beat them."""
    further = [name for row in result.measures[:1] for name in row.metrics if name != result.metric]
    columns = [
        TableColumn("", "letter", room=1, wraps=True),
        TableColumn("measure", "name", widest=NAME),
        TableColumn(result.metric, "estimate", beats=True),
        TableColumn("vs best", room=7),
        TableColumn("p", room=5),
        TableColumn("may be best", short="best?", room=8),
    ]
    if result.baseline is not None:
        columns.append(
            TableColumn(f"vs {result.baseline}", short=f"vs {shortened(result.baseline, 12)}")
        )
        columns.append(TableColumn("p", room=5))
    columns += [TableColumn(name, "estimate", further=True) for name in further]
    letters = {
        row.measure: LETTERS[position] if position < len(LETTERS) else ""
        for position, row in enumerate(result.measures)
    }
    rows = [_row(result, row, letters, further) for row in result.measures]
    tones = ["" if row.may_be_best else "dim" for row in result.measures]
    caption = (
        f"{result.metric}: mean over queries with its 95% interval. Superscripts name the measures "
        "that a measure beats."
    )
    return Table(columns, rows, caption, tones, AXIS)


def _row(
    result: Comparison, row: MeasureResult, letters: Mapping[str, str], further: Sequence[str]
) -> list[str | Cell]:
    beats = runs([letters[name] for name in row.beats if name in letters])
    best = row.vs_best
    chance, may = percent(row.best_probability), "yes" if row.may_be_best else "no"
    cells: list[str | Cell] = [
        letters[row.measure],
        row.measure,
        estimate_cell(row.metrics[result.metric], beats),
        Cell(difference(best)[0], detail="" if best is None else interval(best.low, best.high)),
        difference(best)[1],
        Cell(f"{may} ({chance})", short=f"{may} {chance:>4}"),
    ]
    if result.baseline is not None:
        cells += difference(row.vs_baseline)
    cells += [estimate_cell(row.metrics[name]) for name in further]
    return cells


def estimate_cell(estimate: Estimate, beats: str = "") -> Cell:
    """A mean with its interval, and the letters of those that it beats."""
    return Cell(number(estimate.mean), estimate, beats)


def difference(difference: Difference | None) -> tuple[str, str]:
    """A difference and its p-value; hyphens where there is none."""
    if difference is None:
        return NOTHING, NOTHING
    return signed(difference.difference), p_value(difference.p_adjusted)


def runs(letters: Iterable[str]) -> str:
    """Letters in order, neighbours joined.

    >>> runs(["c", "b", "d"]), runs(["a", "b"]), runs(["a", "c", "d", "e"])
    ('b-d', 'ab', 'ac-e')
    """
    positions = sorted(LETTERS.index(letter) for letter in letters if letter)
    text: list[str] = []
    while positions:
        length = next(
            (i for i in range(1, len(positions)) if positions[i] != positions[0] + i),
            len(positions),
        )
        run = [LETTERS[position] for position in positions[:length]]
        text.append(f"{run[0]}-{run[-1]}" if length > 2 else "".join(run))
        positions = positions[length:]
    return "".join(text)


def _legend(result: Comparison) -> str:
    """How to read the table, in a few sentences."""
    over = "queries" if result.groups is None else "groups of queries"
    sentences = ["Intervals: 95%." if result.direction is None else f"Intervals: 95%, over {over}."]
    if len(result.measures) > 1:
        sentences.append("p: against the best, by sign flips, Holm-adjusted.")
        sentences.append(
            "Best: whether sign flips leave it, at 95%, and the share of draws in which it is."
        )
        sentences.append("Sign flips assume that a difference might as well have the other sign.")
    shares = [row.unjudged_share for row in result.measures if row.unjudged_share is not None]
    if any(shares):
        least, most = percent(min(shares)), percent(max(shares))
        ends = least if least == most else f"{least} to {most}"
        sentences.append(f"Of what is ranked, {ends} was never judged and counts as not relevant.")
    return " ".join(sentences)


def _chapters(result: Comparison, table: Table, legend: Line) -> Iterator[Block]:
    yield Line("The measures, best first", "heading")
    yield charts(result)
    yield table
    yield legend
    sections = _sureness(result)
    if sections:
        yield Line("How sure this is", "heading")
        yield Findings(sections)
    yield from side_by_side(result)


def charts(result: Comparison) -> Pictures:
    """Means and differences as pictures."""
    display = ComparisonDisplay.from_result(result)
    shown = {"means": display.means, "differences": display.differences}
    texts = {
        kind: "; ".join(
            f"{bar.measure} {number(bar.mean)} {interval(bar.low, bar.high)}" for bar in bars
        )
        for kind, bars in (("means", display.means), ("differences", display.differences[1:]))
    }
    pictures = [
        DrawnPicture(
            "means",
            lambda palette: display.plot(kind="means", palette=palette).figure_,
            f"Intervals of {result.metric}: {texts['means']}",
            "Full points may be the best; hollow ones are not, at 95%. "
            "The table below has the same numbers.",
        ),
        DrawnPicture(
            "differences",
            lambda palette: display.plot(kind="differences", palette=palette).figure_,
            f"Differences of {result.metric} to the best: {texts['differences']}",
            "Paired, query by query: often far narrower than the intervals of the means.",
        ),
    ]
    return Pictures(pictures if len(shown["differences"]) > 1 else pictures[:1])


def _sureness(result: Comparison) -> dict[str, tuple[str, ...]]:
    sections: dict[str, tuple[str, ...]] = {}
    smallest = result.verdict.smallest_detectable
    if smallest is not None:
        sentence = (
            f"A lead of {number(smallest)} in {result.metric} over {result.verdict.keep} would be "
            f"shown four times out of five; {number(result.tolerance)} is what matters "
            f"({result.tolerance_given})."
        )
        sections["What this set can see"] = (sentence,)
    if result.evidence is not None and result.evidence.judgements.source:
        sections["Judged by"] = (result.evidence.judgements.source,)
    return sections


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
            f"The measures give the same {DEPTH} neighbours for every query that was "
            "judged: there is nothing to choose between them here."
        )
        return
    yield Line(
        f"The {counted(len(order), 'query', 'queries')} on which the measures disagree most, of "
        f"{len(differing):,} that were judged. On average two measures share "
        f"{percent(1 - float(differing.mean()))} of their nearest {cases.depth}. A green cell with "
        "✓ was judged relevant, ✗ was judged and is not; what has no mark was not judged. "
        "Items that every measure lists are grey."
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
        return used.row(row).tolist()

    def _remark(self, what: str, items: list[int]) -> list[str]:
        if not items:
            return []
        names = Counter(self._item(item) for item in items)
        shown = [*names.items()][:LISTED]
        texts = "; ".join(name if n == 1 else f"{name} ({n} times)" for name, n in shown)
        left = len(items) - sum(n for _, n in shown)
        return [f"{what}: {texts}" + (f" and {left} more" if left else "")]
