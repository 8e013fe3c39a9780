"""What is said of a change of model."""

from anglewise.data_types.text import counted
from anglewise.report.document import Document, Line, Table
from anglewise.report.words import interval, number, signed
from anglewise.stores.migration_result import Foretold, MetricLoss, Migration

WIDTHS = (
    "Intervals have no stated level: how wide they are was set by migrations whose truth is known, "
    "of which nearly all lay within (docs/how-to/models.md), and they know nothing of other "
    "queries. What is measured is of these queries too, and no difference was tested."
)
LEARNT = (
    "Measured, on the items that the map was learnt from, which are all: of items that come later "
    "lists may hold less. It is of these queries, and no difference was tested."
)
KINDS = 5
"""So many kinds of maps are shown."""


def migration_document(result: Migration) -> Document:
    """What lists keep and lose, of what that is an interval, and whether more pairs would help."""
    head = Line(
        f"{counted(result.items, 'old item')}, {counted(result.pairs, 'pair')} to learn from, "
        f"{counted(result.queries, 'new query', 'new queries')}, {result.measure}.",
        "dim",
    )
    everything = result.pairs >= result.items
    hold = "hold" if everything else "would hold"
    lines = [
        Line(
            f"Lists of mapped old vectors {hold} {_figure(result.recall, everything)} of the "
            f"{result.k} nearest of items encoded anew (recall@{result.k})."
        )
    ]
    if everything:
        lines.append(Line(LEARNT))
    elif result.recall.measured is not None:
        lines.append(Line(f"Measured, with all new vectors: {result.recall.measured:.3f}."))
    if result.loss is not None:
        lines += _of_metric(result.loss, everything)
    foretold = (
        f"Foretold for these queries and all {result.items:,} items, from the pairs: for items "
        "that are like them, as a random draw is. No new vector of another item was looked at."
    )
    notes = [
        *([] if everything else [Line(foretold, "dim"), Line(WIDTHS, "dim")]),
        *[Line(f"{note[0].upper()}{note[1:]}.", "dim") for note in result.notes],
    ]
    best = sorted(result.correlations.items(), key=lambda entry: -entry[1])[:KINDS]
    kinds = Table.of(
        ("map", "held-out rank correlation of scores"),
        [[name, number(value)] for name, value in best],
    )
    return Document(
        [
            [head],
            lines,
            [Line(f"The map: {result.map_name}."), kinds],
            _curve(result),
            notes,
        ]
    )


def _figure(value: Foretold, everything: bool = False) -> str:
    """A figure with its interval; as measured and without one where nothing is foretold."""
    if everything:
        return f"{value.mean if value.measured is None else value.measured:.3f}"
    return f"{value.mean:.3f} {interval(value.low, value.high)}"


def _of_metric(loss: MetricLoss, everything: bool) -> list[Line]:
    known = f"{loss.metric} of mapped vectors is {loss.mapped:.3f}, measured"
    if loss.old is not None:
        known += f"; of the old model {loss.old:.3f}"
    ends = "" if everything else f" {interval(loss.loss.low, loss.loss.high)}"
    gives = "gives" if everything else "would give"
    lines = [
        Line(f"{known}."),
        Line(
            f"Encoding anew {gives} {_figure(loss.encoded, everything)}, a difference of "
            f"{signed(loss.loss.mean)}{ends}."
        ),
    ]
    if everything:
        return lines
    if loss.encoded.measured is not None and loss.loss.measured is not None:
        lines.append(
            Line(
                f"Measured, with all new vectors: {loss.encoded.measured:.3f}, a difference of "
                f"{signed(loss.loss.measured)}."
            )
        )
    return lines


def _curve(result: Migration) -> list[Line | Table]:
    """The learning curve, and what the last doubling gained."""
    if result.last_gain is None:
        return []
    rows = [[f"{step.pairs:,}", number(step.recall)] for step in result.curve]
    table = Table.of(("learnt from", f"recall@{result.curve_k} among pairs"), rows)
    before, last = result.curve[-2].pairs, result.curve[-1].pairs
    mean, low, high = result.last_gain
    says = f"From {before:,} to {last:,} pairs: {signed(mean)} {interval(low, high)}"
    if low > 0:
        helps = "the last doubling helped, so that twice as many is the next step to try"
    elif high < 0:
        helps = "the last doubling did not help"
    else:
        helps = "whether the last doubling helped cannot be told"
    what = (
        f"Measured by maps of fewer pairs, on pairs that these never saw: among {result.pairs:,} "
        "candidates, not among all items. The interval, 95%, is over queries, for these draws of "
        "pairs. What more pairs than these would give was not measured."
    )
    return [table, Line(f"{says}; {helps}."), Line(what, "dim")]
