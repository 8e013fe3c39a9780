"""What a reader should know of labels: what is wrong with them, who gave them, how they read."""

from collections.abc import Iterator

import numpy as np

from anglewise.data_types.complaints import Complaints
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Bool, Int64

MIXED = (
    "nDCG of a machine's and people's grades together is biased, as the best list moves with them"
)


def judged_notes(judgements: Judgements) -> Iterator[str]:
    """What is wrong with graded relevance as it came, and how it is read."""
    yield from label_notes(judgements.complaints)
    yield from relevance_notes(judgements)


def label_notes(wrong: Complaints) -> Iterator[str]:
    """What is wrong with the labels as they came."""
    for noun, missing in (("query", wrong.unknown_queries), ("item", wrong.unknown_items)):
        if missing:
            yield f"judgements name {noun} ids that the space does not hold, such as " + listed(
                [repr(name) for name in missing]
            )
    if wrong.other_form:
        yield wrong.other_form.removeprefix("; ")
    yield from _span_notes(wrong)
    if wrong.dropped:
        yield f"{counted(wrong.dropped, 'judgement')} could not be used"
    if wrong.duplicates:
        yield f"{counted(wrong.duplicates, 'judgement')} came more than once"
    if wrong.by_machine:
        mixed = "" if wrong.by_machine == wrong.of_sources else f"; {MIXED}"
        yield (
            f"{wrong.machine_words}: whatever follows holds as far as its grades do, which nothing "
            f"here tests (anglewise judge agreement, compare --assisted){mixed}"
        )


def _span_notes(wrong: Complaints) -> Iterator[str]:
    """What became of judgements of characters in this cutting of the documents."""
    if wrong.stale:
        yield (
            f"{counted(wrong.stale, 'judgement')} of passages whose text is another by now: not "
            "counted"
        )
    if wrong.unchecked:
        yield (
            f"{counted(wrong.unchecked, 'judgement')} of passages of which nothing tells whether "
            "their text is still what was judged: counted"
        )
    if wrong.by_overlap:
        longer = (
            f"; {wrong.of_longer:,} of them relevant by longer passages, of which they may be an "
            "irrelevant part"
            if wrong.of_longer
            else ""
        )
        yield (
            f"{counted(wrong.by_overlap, 'pair')} graded by what was judged of other passages of "
            f"the same text, which was cut otherwise{longer}"
        )


def relevance_notes(judgements: Judgements) -> Iterator[str]:
    """Whether there is anything to find, anything to grade, and what is left out or cannot be."""
    gains, level = judgements.graded, judgements.relevant_from
    rows = judgements.judged_rows
    if judgements.missing is not None:
        lacking = len(judgements.missing.indices)
        relevant = int((judgements.missing.values > 0).sum())
        yield (
            f"{counted(lacking, 'judgement')} of items that the space does not hold; relevant, and "
            f"so counted as missed as in trec_eval: {relevant:,} (--missing drop leaves them out)"
        )
    without = _without(gains, gains.values > 0, rows)
    if without:
        yield f"{counted(without, 'judged query')} without any relevant item: every measure gets 0"
    if level is not None:
        yield (
            f"relevant to R, P, RR, AP, bpref and infAP are grades from {level:g} on, to nDCG all "
            f"above 0: {counted(_without(gains, judgements.relevant, rows), 'judged query')} "
            "without any of them, for which those metrics are 0"
        )
    if judgements.complaints.gains_all_equal:
        yield (
            f"all gains are {gains.values.max():g}: nothing tells the more relevant from the less, "
            "or what was judged and is not relevant"
        )


def _without(gains: SparseRows, relevant: Bool[Array, " entries"], rows: Int64[Array, " q"]) -> int:
    """How many of these queries have none of the relevant entries."""
    return int((np.bincount(gains.rows[relevant], minlength=gains.shape[0])[rows] == 0).sum())
