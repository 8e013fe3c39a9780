"""JSON Schemas of what makes, checks, records and exports judgements."""

from typing import Any

from anglewise.judgements.records import Dispute
from anglewise.labelling.agreement import Coefficient
from anglewise.labelling.lint_checks import SEVERITIES, Finding
from anglewise.report.json_schema import (
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    WHOLE,
    joined,
    listed,
    mapped,
    nullable,
    of,
    record,
    words,
)
from anglewise.report.schemas_of_comparisons import DIRECTION, TEXTS, words_of_true


def _begun(command: str) -> dict[str, Any]:
    return record({"command": words(f"judge {command}")})


def sample() -> dict[str, Any]:
    """The pairs that were chosen to be judged, or by ``--double`` drawn for people to grade."""
    chosen = record(
        {
            "file": TEXT,
            "direction": DIRECTION,
            "by": TEXT,
            "traffic": nullable(TEXT),
            "by_lot": FLAG,
            "depth": COUNT,
            "measures": TEXTS,
            "spaces": TEXTS,
            "runs": TEXTS,
            "notes": TEXTS,
            "pairs": COUNT,
            "queries": COUNT,
            "strata": mapped(COUNT),
            "seed": WHOLE,
        }
    )
    double = record(
        {
            "file": TEXT,
            "double": words_of_true(),
            "direction": DIRECTION,
            "machine": TEXT,
            "measures": TEXTS,
            "depth": COUNT,
            "pairs": COUNT,
            "expected": NUMBER,
            "queries": COUNT,
            "pool": COUNT,
            "differing": COUNT,
            "not_graded_by_machine": COUNT,
            "lowest_chance": NUMBER,
            "seed": WHOLE,
            "spaces": TEXTS,
        }
    )
    return {"anyOf": [joined(_begun("sample"), one) for one in (chosen, double)]}


def lint() -> dict[str, Any]:
    """What is wrong with a set of judgements."""
    own = record(
        {
            "direction": DIRECTION,
            "source": TEXT,
            "queries": COUNT,
            "judged": COUNT,
            "findings": listed(of(Finding)),
            "counts": record(dict.fromkeys(SEVERITIES, COUNT)),
            "checks": TEXTS,
        }
    )
    return joined(_begun("lint"), own)


def agreement() -> dict[str, Any]:
    """How far judges agree."""
    coefficient = of(Coefficient)
    fleiss = joined(coefficient, record({"judges": COUNT, "pairs": COUNT}))
    kappa = record(
        {
            "judges": {**TEXTS, "minItems": 2, "maxItems": 2},
            "pairs": COUNT,
            "alike": NUMBER,
            **dict.fromkeys(("none", "linear", "quadratic"), coefficient),
        }
    )
    span = record({}, {"document": TEXT, "start": COUNT, "end": COUNT})
    dispute = joined(of(Dispute, without=["span", "digest"]), span)
    own = record(
        {
            "judges": mapped(COUNT),
            "pairs": COUNT,
            "judged_by_several": COUNT,
            "alpha": mapped(coefficient),
            "fleiss_kappa": fleiss,
            "cohen_kappa": listed(kappa),
            "cohen_kappa_of_more": FLAG,
            "disputes": listed(dispute),
        }
    )
    return joined(_begun("agreement"), own)


def imported() -> dict[str, Any]:
    """What was recorded from a file, and what was refused."""
    refused = record({"row": TEXT, "reason": TEXT, "remedy": TEXT, "content": TEXT})
    own = record(
        {
            "file": TEXT,
            "format": TEXT,
            "store": TEXT,
            "recorded": COUNT,
            "replaced": mapped(COUNT),
            "there_already": COUNT,
            "repeated": COUNT,
            "set_aside": mapped(COUNT),
            "refused": COUNT,
            "rejects": nullable(TEXT),
            "first_refused": listed(refused, maxItems=5),
            "standing": COUNT,
            "located": COUNT,
        }
    )
    return joined(_begun("import"), own)


def exported() -> dict[str, Any]:
    """What was written for another program, and what it has no place for."""
    own = record(
        {
            "store": TEXT,
            "file": TEXT,
            "format": TEXT,
            "judgements": COUNT,
            "written": COUNT,
            "left_out": TEXTS,
        }
    )
    return joined(_begun("export"), own)


def made(command: str) -> dict[str, Any]:
    """What was made of what users did, or of classes."""
    own = record(
        {
            "store": TEXT,
            "direction": DIRECTION,
            "source": TEXT,
            "queries": COUNT,
            "recorded": COUNT,
            "there_already": COUNT,
            "replaced": mapped(COUNT),
            "remarks": TEXTS,
            "standing": COUNT,
        }
    )
    return joined(_begun(command), own)


def from_interactions() -> dict[str, Any]:
    """Judgements of what users did."""
    return made("from-interactions")


def from_labels() -> dict[str, Any]:
    """Judgements of classes."""
    return made("from-labels")


def from_text() -> dict[str, Any]:
    """Queries of which the answer is known."""
    own = record(
        {
            "by": TEXT,
            "judge": TEXT,
            "queries": COUNT,
            "left_out": COUNT,
            "output": TEXT,
            "examples": {**mapped(TEXT), "maxProperties": 3},
        }
    )
    return joined(_begun("from-text"), own)


def grade() -> dict[str, Any]:
    """What a model graded, or by ``--dry-run`` what it would cost."""
    instructions = record({"name": TEXT, "digest": TEXT, "highest": COUNT})
    tokens = record({"sent": COUNT, "answered": COUNT})
    both = record({"model": TEXT, "url": TEXT, "instructions": instructions, "tokens": tokens})
    dry = record({"dry_run": words_of_true(), "pairs": COUNT, "to_ask": COUNT, "price": NUMBER})
    graded = record(
        {
            "judge": nullable(TEXT),
            "direction": nullable(DIRECTION),
            "store": TEXT,
            "source": words("generated"),
            "graded": COUNT,
            "grades": mapped(COUNT),
            "recorded": COUNT,
            "not_graded": COUNT,
            "reasons": mapped(COUNT),
            "spent": NUMBER,
            "standing": COUNT,
        }
    )
    return {"anyOf": [joined(_begun("grade"), both, one) for one in (graded, dry)]}
