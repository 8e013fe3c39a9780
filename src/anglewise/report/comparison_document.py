"""A comparison as a document: the verdict, the measures, and what stands beside them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from string import ascii_lowercase

from anglewise.comparison.comparison_result import (
    Comparison,
    Difference,
    Estimate,
    MeasureResult,
)
from anglewise.comparison.gates import Checked
from anglewise.comparison.legend import how_to_read
from anglewise.comparison.looks import Looks
from anglewise.comparison.next_judgements import Unjudged
from anglewise.comparison.slices import agreement
from anglewise.comparison.stopping import Sequential
from anglewise.data_types.text import counted, listed, p_value, percent, shortened
from anglewise.report.disputed_queries import side_by_side
from anglewise.report.document import (
    Block,
    Cell,
    Document,
    DrawnPicture,
    Findings,
    Group,
    Line,
    Pictures,
    Table,
    TableColumn,
)
from anglewise.report.pictures import ComparisonDisplay
from anglewise.report.ways_of_judging import supposed_words, ways_and_truths
from anglewise.report.words import BEATEN, BEATEN_BY_BOTH, NOTHING, interval, number, signed

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
    *,
    breadth: bool = False,
) -> Document:
    """What was compared, the verdict, the measures best first, and whether the gates held.

    ``looks`` are said beside the verdict once the same judgements were used to look at other
    candidates too; ``breadth`` adds how much the measures show, and how they do head to tail.

    >>> from anglewise.comparison.comparison_result import Verdict
    >>> verdict = Verdict("use", "dot", (), None, None, "")
    >>> comparison_document(
    ...     Comparison(None, "spearman", None, 9, 9, 9, 0, (), verdict, "")
    ... ).headline
    'Use dot'
    """
    verdict = result.verdict
    remark = f". {looks}" if looks is not None and looks.says_something else ""
    table = _measures(result)
    cells = (cell for row in table.rows for cell in row)
    beats = any(isinstance(cell, Cell) and cell.beats for cell in cells)
    beaten = BEATEN_BY_BOTH if result.trainings else BEATEN
    legend = Line(how_to_read(result), "dim", letters=beaten if beats else "")
    beside = [
        *floors(result),
        *ways_and_truths(result),
        *_reranking(result, timed=breadth),
        *(_breadth(result) if breadth else ()),
        *_slices(result),
    ]
    afterwards: list[Group] = []
    if sequential is not None:
        notes = [Line(f"{note}.", "dim") for note in sequential.notes]
        afterwards.append([Line(f"Sequentially, {sequential}", unbroken=True), *notes])
    if unjudged is not None:
        from anglewise.report.check_documents import unjudged_document

        afterwards += unjudged_document(unjudged).body
    return Document(
        subject=f"compare by {result.metric}",
        question=(
            "Which of these systems should be used?"
            if len(result.runs) == len(result.measures)
            else "Which similarity measure should be used?"
        ),
        facts=facts(result),
        notes=result.notes,
        headline=verdict.headline,
        reason=verdict.reason + remark,
        tone=verdict.decision,
        body=[[table], *beside, [legend]],
        afterwards=afterwards,
        gates=gates,
        chapters=partial(_chapters, result, table, beside, legend, afterwards),
        footer="anglewise",
        signature=result.signature,
    )


def facts(result: Comparison) -> list[str]:
    """What was compared on what, piece by piece."""
    if result.direction is None:
        sizes = [counted(result.judged, "judgement")]
    else:
        groups = "" if result.groups is None else f" in {counted(result.groups, 'group')}"
        weights = result.weights
        weighed = (
            "" if weights is None else f" weighed by traffic (as {weights.effective:.0f} alike)"
        )
        sizes = [
            counted(result.queries, "query") + groups + weighed,
            *([] if result.items is None else [counted(result.items, "item")]),
            counted(result.judged, "judgement"),
        ]
    if result.trainings:
        sizes.insert(0, counted(len(result.trainings), "training"))
    direction = [] if result.direction is None else [result.direction]
    originals = [space for space in result.spaces if space.made_of is None]
    if len(originals) > 1:
        sizes.insert(0, counted(len(originals), "space"))
    within = [f"within {result.within}"] if result.within else []
    return [*direction, result.metric, *within, *sizes, f"seed {result.seed}"]


def _measures(result: Comparison) -> Table:
    """The measures, best first: letters name them in the superscripts of those that beat them."""
    further = [name for row in result.measures[:1] for name in row.metrics if name != result.metric]
    spread = bool(result.trainings)
    columns = [
        TableColumn("", "letter", room=1, wraps=True),
        TableColumn("measure", "name", widest=NAME),
        TableColumn(result.metric, "estimate", beats=True),
        *(
            [TableColumn(f"over {len(result.trainings)} trainings", short="trainings")]
            if spread
            else []
        ),
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
    by = "" if result.weights is None else ", weighed by traffic,"
    over = f"queries and {len(result.trainings)} trainings" if spread else "queries"
    mean = "" if result.direction is None else f": mean over {over}{by}"
    if result.within:
        mean += " of the mean over strata of similar use with a relevant item"
    caption = (
        f"{result.metric}{mean} with its 95% interval. Superscripts name the measures that a "
        f"measure beats, by {'both tests' if result.trainings else 'sign flips'} at 95%."
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
        *([spread_of(row, result.metric)] if result.trainings else []),
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


def spread_of(row: MeasureResult, metric: str) -> Cell:
    """The lowest and the highest of several trainings, and their standard deviation."""
    if row.trainings is None:
        return Cell(NOTHING)
    own = row.trainings[metric]
    ends = f"{number(own.low)} to {number(own.high)}"
    return Cell(f"{ends} (sd {number(own.sd)})", short=ends.replace(" to ", "-"))


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


def floors(result: Comparison) -> Iterator[Group]:
    """What lists without a model reach."""
    if result.floors:
        parts = [
            f"{floor.name} {number(floor.mean)} {interval(floor.low, floor.high)}"
            for floor in result.floors
        ]
        remarks = "".join(f" {note}." for note in result.floor_notes)
        yield [Line(f"Without a model: {', '.join(parts)}.{remarks}")]


def _reranking(result: Comparison, *, timed: bool) -> Iterator[Group]:
    """What reranking costs, beside what it gains."""
    lines: list[str] = []
    for row in result.measures:
        cost = row.reranking
        if cost is not None and cost.queries:
            pairs, calls = (
                f"{count / cost.queries:,.1f}".removesuffix(".0")
                for count in (cost.pairs, cost.calls)
            )
            noun = "call" if calls == "1" else "calls"
            seconds = f", {_duration(cost.seconds['a_query'])} of its time" if timed else ""
            lines.append(f"{row.measure} {pairs} pairs in {calls} {noun} a query{seconds}")
    if lines:
        spec = next(row.reranking.reranker for row in result.measures if row.reranking)
        why = "" if timed else " --breadth shows the seconds."
        yield [Line(f"Asked of {spec}: {'; '.join(lines)}.{why}")]


def _breadth(result: Comparison) -> Iterator[Group]:
    """How much of what is ranked each measure shows, by stratum of use, and what it costs."""
    strata = [*result.measures[0].strata] if result.measures else []
    sizes = {row.measure: row.search.bytes_a_vector for row in result.measures if row.search}
    differ = len(set(sizes.values())) > 1
    rows = [
        [
            row.measure,
            percent(row.coverage.share),
            number(row.coverage.gini, 2),
            *(number(row.strata[name]) for name in strata),
            *([f"{sizes[row.measure]:,}"] if differ else []),
        ]
        for row in result.measures
        if row.coverage is not None
    ]
    if rows:
        heads = ["measure", "coverage", "Gini", *strata, *(["bytes a vector"] if differ else [])]
        yield [Table.of(heads, rows, "What the measures show")]
        yield [
            Line(
                "Coverage: the share of what is ranked that stands in any list; Gini: 0 where all "
                "of it is shown alike, near 1 where a few are."
                + (
                    f" {listed(strata)}: {result.metric} if their items alone were relevant."
                    if strata
                    else ""
                )
                + " These figures are of these lists: no interval of them is given, and no "
                "difference between them was tested.",
                "dim",
            )
        ]
        yield [Line(sentence) for sentence in _search_costs(result)]


def _search_costs(result: Comparison) -> Iterator[str]:
    """How long each pass of the search took; shares of a pass were not measured."""
    passes: dict[tuple[float, int, int], list[str]] = {}
    for row in result.measures:
        if row.search is not None:
            key = row.search.seconds["pass"], row.search.queries, row.search.together
            passes.setdefault(key, []).append(row.measure)
    for (seconds, queries, together), names in passes.items():
        shared = f", in one pass for {together} measures" if together > 1 else ""
        yield (
            f"{listed(names)}: searched for {counted(queries, 'query', 'queries')} in "
            f"{_duration(seconds)}{shared}, {_duration(seconds / queries)} a query."
        )
    sizes = {row.search.bytes_a_vector for row in result.measures if row.search is not None}
    if len(sizes) == 1:
        yield f"A vector takes {sizes.pop():,} bytes."
    if passes:
        yield (
            "Times are those of this run, on the machine that ran it, of exact search over float32 "
            "vectors. What one measure of a pass takes alone, or a store takes, was not measured."
        )


def _duration(seconds: float) -> str:
    """A time in seconds or thousandths of them.

    >>> _duration(0.25), _duration(0.000083)
    ('0.25 s', '0.083 ms')
    """
    return f"{seconds:.2g} s" if seconds >= 0.001 else f"{1000 * seconds:.2g} ms"


def _slices(result: Comparison) -> Iterator[Group]:
    """The verdict of each group of queries or items, and whether the groups disagree."""
    supposed = supposed_words(result)
    for side, column in dict.fromkeys((part.side, part.column) for part in result.slices):
        parts = [part for part in result.slices if (part.side, part.column) == (side, column)]
        of_items = side == "items"
        rows = [
            [
                part.value,
                *([f"{part.items:,}"] if part.items is not None else []),
                f"{part.queries:,}",
                part.verdict.headline,
                *(number(part.means[row.measure]) for row in result.measures[:SHOWN]),
            ]
            for part in parts
        ]
        measures = [row.measure for row in result.measures[:SHOWN]]
        sentence = f"What is said of the groups of one column holds at 95% together{supposed}."
        if not of_items:
            heads = [column, "queries", "verdict", *measures]
            yield [Table.of(heads, rows, f"The verdict for each {column}")]
            yield [Line(f"By {column}, {agreement(parts)}. {sentence}")]
            continue
        heads = [f"items whose {column} is", "items", "queries", "verdict", *measures]
        yield [Table.of(heads, rows, f"The verdict for items of each {column}")]
        yield [
            Line(
                f"By {column} of the items, {agreement(parts)}. {sentence} For each group its own "
                "items alone count as judged, over the queries with a relevant one; all items are "
                "ranked."
            )
        ]


SHOWN = 4
"""Measures in the table of groups."""


def _chapters(
    result: Comparison,
    table: Table,
    beside: Sequence[Group],
    legend: Line,
    afterwards: Sequence[Group],
) -> Iterator[Block]:
    yield Line("The measures, best first", "heading")
    yield charts(result)
    yield table
    for group in beside:
        yield from group
    yield legend
    sections = _sureness(result)
    if sections:
        yield Line("How sure this is", "heading")
        yield Findings(sections)
    if afterwards:
        yield Line("What more judgements could do", "heading")
        for group in afterwards:
            yield from group
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
            "Full points may be the best; hollow ones are ruled out by "
            f"{'both tests' if result.trainings else 'sign flips'} at 95%. The table below has the "
            "same numbers.",
        ),
        DrawnPicture(
            "differences",
            lambda palette: display.plot(kind="differences", palette=palette).figure_,
            f"Differences of {result.metric} to the best: {texts['differences']}",
            f"Paired, {'judgement by judgement' if result.direction is None else 'query by query'}"
            ", with 95% intervals: not those of the means.",
        ),
    ]
    return Pictures(pictures if len(shown["differences"]) > 1 else pictures[:1])


def _sureness(result: Comparison) -> dict[str, tuple[str, ...]]:
    sections: dict[str, tuple[str, ...]] = {}
    smallest = result.verdict.smallest_detectable
    if smallest is not None:
        keep, supposed = result.verdict.keep, supposed_words(result).replace(", if", " and if", 1)
        share = " of the measure that leads" if str(result.tolerance_given).endswith("%") else ""
        sentence = (
            f"A lead of {number(smallest)} in {result.metric} over {keep} would be shown about "
            f"four times out of five, if differences vary as they do here{supposed}; a lead over "
            f"{keep} matters from {number(result.tolerance)} on ({result.tolerance_given}{share})."
        )
        sections["What this set can see"] = (sentence,)
    if result.evidence is not None and result.evidence.judgements.source:
        sections["Judged by"] = (result.evidence.judgements.source,)
    return sections
