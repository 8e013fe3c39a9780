"""What an audit looks at before anybody trusts a list: the gauge, ids, models, and the vectors."""

import shlex
from collections.abc import Sequence

from anglewise.auditing.audit_result import STAYS, AuditVerdict
from anglewise.auditing.findings import Light, State, in_order
from anglewise.auditing.id_checks import Belonging
from anglewise.auditing.one_model import LEANING, strangeness
from anglewise.auditing.vector_lights import (
    COMPARE,
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
JUDGED, JUDGED_WELL = 0.55, 0.6
"""The same where judgements tell: a model need not know what is relevant."""
STRANGERS, MANY_STRANGERS = 0.1, 0.25
"""Shares of items to which their own users are no nearer than others, from where on it is worth a
look, and wrong."""
WRONG_IDS = "ids were shuffled or shifted, or rows are of another model"
IDS_DO = (
    "write ids and vectors again in one order, as anglewise encode and fit do; see what is near"
)


def ids(looked: Looked) -> Light:
    """Whether ids and vectors belong together, by training, judgements or words."""
    found = looked.belongs
    if not found:
        return Light(
            "ids",
            "unknown",
            "whether ids and vectors belong together: no interactions, judgements or texts here",
            do="anglewise audit SPACE --seen FILE (what users used), or a space with texts",
        )
    worst = min(found, key=lambda one: one.share)
    strangers = max(one.strangers or 0.0 for one in found)
    by = {
        "training": "pairs of training fit better than exchanged ones",
        "judgements": "relevant pairs fit better than exchanged ones",
        "words": f"{worst.side} share more words with their nearest than with a random one",
    }[worst.by]
    said = f"{by} in {percent(worst.share)} of cases (by chance half)"
    sure = worst.by != "words" or looked.encoder
    wrong, well = _bounds(worst)
    if worst.share < well:
        return Light(
            "ids",
            "fix" if worst.share < wrong and sure else "look",
            f"{said}: {WRONG_IDS}",
            worst.share,
            well,
            changes=min(1.0, 2 * (1 - worst.share)),
            do=f"{IDS_DO}: {_first_few(found)}",
        )
    if strangers > STRANGERS:
        return Light(
            "ids",
            "fix" if strangers > MANY_STRANGERS else "look",
            f"to {percent(strangers)} of the items their own users are no nearer than others: "
            f"{WRONG_IDS}, or the model learned little of them",
            strangers,
            STRANGERS,
            changes=strangers,
            do=f"{IDS_DO}: {_first_few(found)}",
        )
    return Light("ids", "ok", said, worst.share, well)


def _first_few(found: Sequence[Belonging]) -> str:
    """The command that shows the neighbours of the row that fits least."""
    for one in sorted(found, key=lambda one: one.share):
        if one.furthest:
            way = "queries-queries" if one.side == "queries" else "items-items"
            return f"anglewise search SPACE --query {shlex.quote(one.furthest)} --direction {way}"
    return "anglewise inspect SPACE"


def _bounds(found: Belonging) -> tuple[float, float]:
    return (JUDGED, JUDGED_WELL) if found.by == "judgements" else (BELONGS, BELONGS_WELL)


def _trained_together(looked: Looked) -> bool:
    """Whether training explains the vectors: then parts apart are used by other people."""
    return any(
        found.by == "training"
        and found.share >= BELONGS_WELL
        and (found.strangers is None or found.strangers <= STRANGERS)
        for found in looked.belongs
    )


ACROSS, AXES = 0.06, 0.15
"""Parts with fewer neighbours across, and less alike axes, are of two models."""
MIRRORED = 0.1
"""The share of rows that may be nearer to the opposite of a row than to any."""


def one_model(looked: Looked) -> Light:
    """Whether all rows lie in the axes of one model."""
    known = {name: part for name, part in looked.parts.items() if part is not None}
    if not known:
        return Light(
            "one model", "unknown", "too few rows to tell whether all are of one model: 200 are due"
        )
    name, part = min(known.items(), key=lambda entry: strangeness(entry[1]))
    of_one = looked.encoder or not looked.subject.gauged
    split = (
        f"{percent(part.share)} of the {name} have "
        f"{percent(part.across)} of the neighbours among the others that chance would give, and "
        f"vary along {'other' if part.axes < AXES else 'the same'} axes"
    )
    mended = f"make all {name} with one model: {looked.again}"
    apart = part.across < ACROSS and part.axes < AXES
    explained = _trained_together(looked)
    if apart and not part.related and not explained:
        return Light(
            "one model",
            "fix",
            f"{split}: as rows of two models do, or of one that was rotated in part",
            part.axes,
            AXES,
            changes=2 * part.share * (1 - part.share),
            do=mended,
        )
    turned = max(known, key=lambda side: known[side].mirrored)
    mirrored = known[turned].mirrored
    if of_one and mirrored > MIRRORED:
        return Light(
            "one model",
            "fix",
            f"{percent(mirrored)} of the {turned} are nearer to the opposite of a row than to any "
            "row: as where the sign of some rows was lost",
            mirrored,
            MIRRORED,
            changes=2 * mirrored * (1 - mirrored),
            do=f"make all {turned} with one model: {looked.again}",
        )
    both = looked.both
    if both is not None and of_one and both[0] < AXES and both[1] < LEANING:
        return Light(
            "one model",
            "fix",
            f"queries and items vary along unrelated axes (correlation {both[0]:.2f}): "
            "as vectors of two models do",
            both[0],
            AXES,
            changes=1.0,
            do=f"make queries and items with one model: {looked.again}",
        )
    why = "training explains" if explained else "topics of one model do: their columns are the same"
    found = f"{split}, as {why}" if apart else f"no part stands by itself: {split}"
    return Light("one model", "ok", found, part.axes, AXES)


def gauge(looked: Looked, verdict: AuditVerdict) -> Light:
    """What the loss left open, as the verdict has it; that is no fault of anybody."""
    kept = min((lists.least for lists in looked.agreement.values()), default=1.0)
    states: dict[str, State] = {"arbitrary": "look", "unknown": "unknown"}
    state = states.get(verdict.cosine, "ok")
    said, helps = f"cosine is {verdict.cosine}", ""
    if state == "look":
        said = f"cosine is arbitrary: {percent(kept)} of a list stay in another answer as good"
        helps = f"{COMPARE} dot,cosine,cosine@balanced"
    elif state == "unknown":
        said, helps = _not_known(looked)
    return Light(
        "gauge",
        state,
        said,
        kept,
        STAYS,
        changes=1 - kept if state == "look" else 0.0,
        do=helps,
    )


def _not_known(looked: Looked) -> tuple[str, str]:
    """Why nothing is said of the cosine, and what would tell."""
    space = looked.subject.space
    if space.trained_for == "unknown":
        return (
            "nobody says what it was trained for, which decides whether cosine means anything",
            "anglewise audit SPACE --trained-for cosine (or dot), or --model FOLDER: its files",
        )
    if space.trained_for == "euclidean":
        return (
            "trained for distance, which leaves the origin open, and cosine depends on it",
            f"{COMPARE} euclidean,cosine,cosine@centred",
        )
    if space.one_sided:
        return (
            "the side that these were trained with is missing, and the freedom is between both",
            "anglewise audit --queries FILE --items FILE",
        )
    return (
        "declared with weight decay, and the vectors are not where that ends",
        "anglewise audit SPACE --optimiser als (or gd, sgd, adam, bpr): what such trainings keep",
    )
