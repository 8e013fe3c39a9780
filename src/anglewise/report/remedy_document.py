"""A remedy as a document: the advice, how good each candidate is, and what it takes."""

from collections.abc import Iterator, Sequence
from functools import partial

from anglewise.comparison.legend import unjudged_words
from anglewise.data_types.text import counted, percent
from anglewise.remedies.remedy_result import Remedied, Remedy
from anglewise.report.comparison_document import (
    charts,
    difference,
    estimate_cell,
    facts,
    floors,
)
from anglewise.report.disputed_queries import side_by_side
from anglewise.report.document import Block, Cell, Document, Group, Line, Table, TableColumn
from anglewise.report.ways_of_judging import ways_and_truths
from anglewise.report.words import NOTHING, number

SHOWN = 8
"""So many of those that were screened out are named in text."""
NAME = 32
AXIS = (11, 25)


def remedy_document(result: Remedy, command: str = "") -> Document:
    """The advice with its command, and the candidates, best first."""
    advice, comparison = result.advice, result.comparison
    spent = f"{duration(result.seconds)} of {duration(result.budget_seconds)}"
    quality, cost = _quality(result), _cost(result)
    legend = [Line(text, "dim") for text in (_screened_out(result), _legend(result)) if text]
    beneath = [*floors(comparison), *ways_and_truths(comparison)]
    return Document(
        question="What should be used instead of cosine?",
        facts=[*facts(comparison), spent],
        notes=result.notes,
        left_out=[
            f"{name}: {why}"
            for name, why in result.left_out.items()
            if name not in {row.measure for row in comparison.measures}  # there it is compared
        ],
        headline=advice.headline,
        reason=advice.sentence.removeprefix(f"{advice.headline}: "),
        tone="use" if advice.wins else "tie",
        command=command,
        body=[[quality], *beneath, [cost], legend],
        chapters=partial(_chapters, result, quality, beneath, cost, legend),
        footer="anglewise remedy",
        signature=comparison.signature,
    )


def _chapters(
    result: Remedy,
    quality: Table,
    beneath: Sequence[Group],
    cost: Table,
    legend: list[Line],
) -> Iterator[Block]:
    yield Line("The candidates, best first", "heading")
    yield charts(result.comparison)
    yield quality
    for group in beneath:
        yield from group
    yield Line("What they take, and whom they serve", "heading")
    yield cost
    yield from legend
    yield from side_by_side(result.comparison)


def _quality(result: Remedy) -> Table:
    metric = result.comparison.metric
    heads = ("vs cosine", "p", "vs dot", "p", "best?")
    columns = [TableColumn("candidate", "name", widest=NAME), TableColumn(metric, "estimate")]
    columns += [TableColumn(head, room=6) for head in heads]
    rows: list[list[str | Cell]] = []
    for row, candidate in zip(result.comparison.measures, result.candidates, strict=True):
        cells: list[str | Cell] = [candidate.candidate, estimate_cell(row.metrics[metric])]
        for name in ("cosine", "dot"):
            cells += difference(candidate.vs.get(name))
        cells.append("yes" if row.may_be_best else "no")
        rows.append(cells)
    tones = ["" if row.may_be_best else "dim" for row in result.comparison.measures]
    by = "" if result.comparison.weights is None else ", weighed by traffic"
    return Table(columns, rows, f"{metric} with its 95% interval over queries{by}", tones, AXIS)


def _cost(result: Remedy) -> Table:
    """What each candidate takes, how it does in each stratum, how much of a catalogue it shows."""
    strata = [stratum.name for stratum in result.strata]
    heads = ("training", "bytes", "served", *strata, "coverage", "Gini")
    columns = [TableColumn("candidate", "name", widest=NAME), *map(TableColumn, heads)]
    rows = [
        [
            candidate.candidate,
            _training(candidate),
            f"{candidate.cost.bytes_a_vector:,}",
            "yes" if candidate.cost.inner_product else "no",
            *(number(stratum.means[candidate.candidate]) for stratum in result.strata),
            percent(candidate.coverage.share),
            number(candidate.coverage.gini, 2),
        ]
        for candidate in result.candidates
    ]
    return Table(columns, rows, "Costs and breadth of each candidate")


def _training(candidate: Remedied) -> str:
    return duration(candidate.cost.making_seconds) if candidate.kind == "re-made" else NOTHING


def _legend(result: Remedy) -> str:
    """How to read both tables."""
    over = "queries" if result.comparison.groups is None else "groups of queries"
    if result.comparison.weights is not None:
        over += ", weighed by traffic"
    text = (
        f"Intervals: 95%, each by itself, over {over}. p: by sign flips, Holm-adjusted over all "
        "pairs. Best: whether sign flips leave it, at 95%; they assume that a difference might as "
        "well have the other sign. Bytes: of one prepared vector. Served: whether a vector store "
        "that knows inner products alone can serve it. Coverage: the share of "
        f"{counted(result.comparison.items or 0, 'item')} in any list; Gini: 0 where all items are "
        "shown alike, near 1 where a few are. At least and at most: from one side."
    )
    text = " ".join([text, *unjudged_words(result.comparison)])
    if result.comparison.within:
        text += " Coverage and what follows are of lists over all items."
    if not result.strata:
        return text
    parts = "; ".join(
        f"{stratum.name} {counted(stratum.items, 'item')} with {percent(stratum.use)} of all use"
        for stratum in result.strata
    )
    return (
        f"{text} Head, middle, tail: {result.comparison.metric} if their items alone were "
        f"relevant, over the queries that have one ({parts}); no difference of these, of coverage "
        "or of Gini was tested."
    )


def _screened_out(result: Remedy) -> str:
    """Who did not get through the screening, best first; empty where nobody was screened out."""
    through = {candidate.candidate for candidate in result.candidates} | set(result.left_out)
    out = [candidate for candidate in result.screened if candidate.candidate not in through]
    if not out:
        return ""
    names = [
        f"{candidate.candidate} {number(candidate.mean)} ({candidate.queries})"
        for candidate in out[:SHOWN]
    ]
    remainder = [f"{len(out) - SHOWN} more"] if len(out) > SHOWN else []
    return (
        f"Screened out, with their {result.comparison.metric} then, on some of the queries set "
        f"apart (and on how many): {', '.join([*names, *remainder])}. These queries are not those "
        "of the table, so that its figures and these do not compare."
    )


def duration(seconds: float) -> str:
    """A time, no more exact than it deserves.

    >>> duration(0.3), duration(42.2), duration(600), duration(5400)
    ('<1 s', '42 s', '10 min', '1.5 h')
    """
    if seconds < 1:
        return "<1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"
