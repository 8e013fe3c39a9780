"""What is said of vector stores as documents: probes, exports, verifications."""

from collections.abc import Mapping, Sequence

from anglewise.data_types.text import counted, listed
from anglewise.report.document import Document, Line, Table, TableColumn
from anglewise.report.words import number
from anglewise.stores.exact_lists import reaches
from anglewise.stores.export import Export
from anglewise.stores.identify import EXACT
from anglewise.stores.probe import Probe
from anglewise.stores.shown_forms import NAMES
from anglewise.stores.verify import Verification, in_words

FOUND = 10
"""So many ids are named."""
SEEN = TableColumn("seen", align="left", wraps=True)


def probe_document(result: Probe) -> Document:
    """What it computes, what showed it, and what is not known."""
    if result.metric == "unknown":
        headline = "Which distance this computes is not known"
    else:
        name = NAMES[result.metric]
        headline = f"This computes {name}, shown as {result.shown_as}"
        if not result.of_vectors:
            headline = (
                f"With the length of a query its numbers move as {name} does, shown as "
                f"{result.shown_as}; whether it is that, and of which vectors, is not known"
            )
        elif (result.off_by or 0.0) > EXACT:
            headline = (
                f"This computes about {name}, shown as {result.shown_as}: numbers are up to "
                f"{100 * (result.off_by or 0.0):.2g}% of the largest off, as where vectors are "
                "kept coarsely, or the formula is another one near to it"
            )
    nearer = {
        "larger": "larger is nearer",
        "smaller": "smaller is nearer",
        "unknown": "whether larger or smaller numbers are nearer is not known",
    }[result.nearer]
    of = ""
    if result.count is not None and result.dimension is not None:
        vectors = counted(result.count, "vector")
        of = f", {vectors} of {counted(result.dimension, 'number')}"
    rows = [
        ["what answers", result.index],
        ["lengths are lost", result.normalises],
        ["a zero vector", result.zero_vector],
        ["digits", result.precision],
        ["equal vectors are listed", result.ties],
    ]
    if result.says:
        rows.insert(0, ["the store's own word", result.says])
    lines = [Line(f"{headline}; {nearer}."), Line(f"{result.evidence}.", "dim")]
    return Document(
        [
            [Line(f"{result.address}{of}, {result.store}".strip(", "), "dim")]
            if result.address
            else [],
            lines,
            [Table([TableColumn("", "name"), SEEN], rows)],
            [Line(f"{note}.", "dim") for note in result.notes],
        ]
    )


def export_document(result: Export) -> Document:
    """Where it is, how it is asked, and what was measured on the way."""
    rows = [
        [
            attempt.way,
            attempt.metric,
            _effort(attempt.effort, attempt.oversample),
            number(attempt.recall),
            number(attempt.recall_low),
        ]
        for attempt in result.attempts
    ]
    if not result.proven:
        return _of_files(result)
    heads = ("vectors", "metric", "effort", f"recall@{result.k}", "at least")
    asked = _effort(result.effort, result.oversample)
    return Document(
        [
            [
                Line(
                    f"{result.address} holds {counted(result.count, 'vector')} for "
                    f"{result.measure}: {in_words(result)}."
                ),
                Line(
                    f"Ask it by {result.metric} with prepared queries ({result.way}), effort: "
                    f"{asked}; what answers: {result.index}.",
                    "dim",
                ),
            ],
            [Table.of(heads, rows), *map(Line, _beyond(result)), Line(AT_LEAST, "dim")],
            _notes(result.notes),
        ]
    )


AT_LEAST = (
    "At least: over queries like these, at 95% for all that was tried together, as what was taken "
    "is the first that sufficed."
)


def _notes(notes: Sequence[str]) -> list[Line]:
    return [Line(f"Note: {note}.") for note in notes]


def _beyond(result: Export | Verification) -> list[str]:
    """What is shown of other queries, where that is less than was asked of these."""
    least = result.min_recall
    if least is None or result.recall_low >= least or not reaches(result.recall, least):
        return []
    these = "this query" if result.queries == 1 else "these queries"
    shown = f"over queries like them no more than {result.recall_low:.3f} is shown, at 95%"
    return [f"On {these} {least:g} is reached; {shown}."]


def _of_files(result: Export) -> Document:
    """What was written for a server, and that nobody asked it."""
    vectors, queries = counted(result.count, "vector"), counted(result.queries, "query", "queries")
    return Document(
        [
            [
                Line(
                    f"{result.address} holds {vectors}, prepared to rank as {result.measure}. Not "
                    "proven: no server was asked; load the files, then verify there."
                ),
                Line(
                    f"A scan of the files by the documented formula has a recall@{result.k} of "
                    f"{result.recall:.3f} on {queries}. Ask by {result.metric} with prepared "
                    f"queries ({result.way}).",
                    "dim",
                ),
            ],
            _notes(result.notes),
        ]
    )


def _effort(effort: Mapping[str, int], oversample: int) -> str:
    words = [f"{name} {value}" for name, value in effort.items()]
    words += [f"{oversample} times as many, re-ranked exactly"] if oversample > 1 else []
    return ", ".join(words) or "the store's own"


def verification_document(result: Verification) -> Document:
    """The recall, the worst query, what it does to the metric, and why."""
    lines = [Line(f"{in_words(result)}: {result.address} against {result.measure}.")]
    lines += [Line(f"{result.finding}.")] if result.finding else []
    if result.recall < 1:
        name, worst = result.worst
        lines.append(Line(f"The worst query is {name!r} with {worst:.2f}."))
    lines += [
        Line(f"{metric} {means['exact']:.3f} exact, {means['store']:.3f} from the store.")
        for metric, means in result.metrics.items()
    ]
    if result.never_listed:
        some = listed([repr(name) for name in result.never_listed[:FOUND]])
        lines.append(
            Line(
                f"{counted(len(result.never_listed), 'item')} due in some list of these "
                f"{'stands' if len(result.never_listed) == 1 else 'stand'} in none, such as {some}."
            )
        )
    why = [Line(f"{reason[0].upper()}{reason[1:]}.") for reason in result.reasons]
    notes = _notes(result.notes)
    if result.drifted:
        notes.append(Line("Ids or vectors are others than when the export was measured."))
    if result.drifted is None:
        notes.append(Line("There is no manifest: whether it changed cannot be said.", "dim"))
    if result.passed is not None:
        state = "holds" if result.passed else "FAILED"
        notes.append(Line(f"gate recall@{result.k} >= {result.min_recall:g}: {state}"))
        notes += map(Line, _beyond(result))
    return Document([lines, why, notes])
