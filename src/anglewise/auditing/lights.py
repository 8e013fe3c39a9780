"""What an audit looks at before anybody trusts a list: the gauge, ids, models, and the vectors."""

from collections.abc import Sequence

from anglewise.auditing.audit_result import STAYS, AuditVerdict
from anglewise.auditing.findings import Light, State, in_order
from anglewise.auditing.id_checks import belonging
from anglewise.auditing.vector_lights import (
    ENCODE,
    Looked,
    columns,
    copies,
    cut_rows,
    lengths,
    offset,
    precision,
    zeros,
)
from anglewise.data_types.text import percent


def lights_of(looked: Looked, more: Sequence[Light] = ()) -> tuple[Light, ...]:
    """Every light, the worst first; ``more`` are those that others lit."""
    checks = (ids, one_model, lengths, zeros, copies, columns, offset, precision, cut_rows)
    return in_order([*more, *(check(looked) for check in checks)])


BELONGS, BELONGS_WELL = 0.6, 0.75
"""Shares below which ids and vectors belong to other rows, or partly do."""


def ids(looked: Looked) -> Light:
    """Whether ids and vectors belong together, by training, judgements or words."""
    found = belonging(looked.subject, looked.cosine, looked.judged)
    if not found:
        return Light(
            "ids",
            "unknown",
            "nothing here tells whether ids and vectors belong together: no interactions, no "
            "judgements, no texts",
            do="anglewise audit SPACE --seen FILE (interactions), or a space with texts or "
            "judgements",
        )
    worst = min(found, key=lambda one: one.share)
    by = {
        "training": "what was used together in training fits better than exchanged",
        "judgements": "what was judged relevant fits better than exchanged",
        "words": f"{worst.side} share more words with their nearest than with a random one",
    }[worst.by]
    sure = worst.by != "words" or looked.encoder
    state: State = "ok"
    if worst.share < BELONGS_WELL:
        state = "fix" if worst.share < BELONGS and sure else "look"
    says = "" if state == "ok" else ": ids were shuffled or shifted, or rows are of another model"
    return Light(
        "ids",
        state,
        f"{by} in {percent(worst.share)} of cases (half by chance){says}",
        worst.share,
        BELONGS_WELL,
        changes=min(1.0, 2 * (1 - worst.share)),
        do=""
        if state == "ok"
        else "write ids and vectors again, in one order: anglewise encode keeps them together",
    )


ACROSS, AXES, OPPOSITE = 0.06, 0.15, -0.5
"""Parts with fewer neighbours across, and less alike axes, are of two models; of a part that was
negated the means are opposite."""


def one_model(looked: Looked) -> Light:
    """Whether all rows lie in the axes of one model."""
    known = {name: part for name, part in looked.parts.items() if part is not None}
    if not known:
        return Light(
            "one model", "unknown", "too few rows to tell whether all are of one model: 200 are due"
        )
    name, part = min(known.items(), key=lambda entry: entry[1].across + max(entry[1].axes, 0))
    split = (
        f"{percent(part.share)} of the {name} have "
        f"{percent(part.across)} of the neighbours among the others that chance would give, and "
        f"vary along {'other' if part.axes < AXES else 'the same'} axes"
    )
    mended = f"encode all {name} with one model: {ENCODE}"
    if part.across < ACROSS and part.axes < AXES:
        return Light(
            "one model",
            "fix",
            f"{split}: as rows of two models do, or of one that was rotated in part",
            part.axes,
            AXES,
            changes=2 * part.share * (1 - part.share),
            do=mended,
        )
    if not looked.subject.gauged and part.across < ACROSS and part.means < OPPOSITE:
        return Light(
            "one model",
            "fix",
            f"{split}, in opposite directions: as where the sign of some rows was lost",
            part.means,
            OPPOSITE,
            changes=2 * part.share * (1 - part.share),
            do=mended,
        )
    both = looked.both
    if both is not None and not looked.subject.gauged and both.axes < AXES:
        return Light(
            "one model",
            "fix",
            f"queries and items vary along unrelated axes (correlation {both.axes:.2f}): as "
            "vectors of two models do",
            both.axes,
            AXES,
            changes=1.0,
            do=f"encode queries and items with one model: {ENCODE} --queries FILE",
        )
    return Light("one model", "ok", f"no part stands by itself: {split}", part.axes, AXES)


def gauge(looked: Looked, verdict: AuditVerdict) -> Light:
    """What the loss left open, as the verdict has it; that is no fault of anybody."""
    kept = min((lists.least for lists in looked.agreement.values()), default=1.0)
    states: dict[str, State] = {"arbitrary": "look", "unknown": "unknown"}
    state = states.get(verdict.cosine, "ok")
    helps = {
        "look": "anglewise compare SPACE --measures dot,cosine,cosine@balanced",
        "unknown": "anglewise audit SPACE --trained-for cosine (or dot), or --model FOLDER: what "
        "the model was trained for",
    }
    return Light(
        "gauge",
        state,
        f"cosine is {verdict.cosine}",
        kept,
        STAYS,
        changes=1 - kept if state == "look" else 0.0,
        do=helps.get(state, ""),
    )
