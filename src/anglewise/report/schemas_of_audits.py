"""JSON Schemas of audits, of the study, and of what is said of an installation or a report."""

from typing import Any

from anglewise.auditing.audit_result import Audit, AuditVerdict
from anglewise.auditing.certified import WitnessReport
from anglewise.auditing.dimension_meter import DimensionMeter
from anglewise.auditing.findings import STATES, GateState, State
from anglewise.auditing.gauge_overlap import GaugePath, Moved, PairReport, RunReport
from anglewise.auditing.geometry import SideGeometry
from anglewise.auditing.reachable import Reachable
from anglewise.auditing.subject import Reading
from anglewise.data_types.typing import DIRECTIONS
from anglewise.encoders.declared import Declared
from anglewise.equivalent_factorisations.gap import GaugeGap
from anglewise.experiment.claims import Relation
from anglewise.experiment.setup import Size
from anglewise.geometry.crowding import Hubness, NearDuplicates
from anglewise.geometry.dimensions import RankCondition
from anglewise.report.json_schema import (
    ANYTHING,
    COUNT,
    DIALECT,
    FLAG,
    NUMBER,
    TEXT,
    WHOLE,
    joined,
    listed,
    mapped,
    nullable,
    of,
    of_annotation,
    record,
    words,
)
from anglewise.report.schemas_of_comparisons import DIRECTION, TEXTS, named, with_call

NUMBERS = listed(NUMBER)


def by_direction(entry: dict[str, Any]) -> dict[str, Any]:
    """One entry for each direction that there is."""
    return mapped(entry, DIRECTIONS)


def audit() -> dict[str, Any]:
    """What ``audit`` writes; fields that hang on the depth of lists are called ``overlap@10``."""
    renamed = ["reading", "gap", "agreement", "chance", "beside_witness", "panels", "geometry"]
    also = ["relevance", "certificates", "path", "reachable", "witness", "runs", "pairs"]
    rest = ["declared", "findings", "verdict", "biases"]
    facts = of(Audit, without=[*renamed, *also, *rest])
    matrix = mapped(mapped(NUMBER))
    own = record(
        {
            "freedom": words("gauge", "rotation", "unknown"),
            "reading": of(Reading),
            "gauge_gap": NUMBER,
            "gap": nullable(joined(of(GaugeGap), record({"pinned": FLAG}))),
            "biases": listed(WHOLE),
            **_geometry(),
            "moved": by_direction(listed(of(Moved))),
            "certificates": nullable(_certificates(all_directions=True)),
            "path": by_direction(of(GaugePath)),
            "reachable": nullable(_reachable()),
            "witness": nullable(of(WitnessReport, without=["space"])),
            "runs": listed(of(RunReport)),
            "pairs": listed(_pair()),
            "relevance_dimension": nullable(of(DimensionMeter, part=TEXTS)),
            "declared": nullable(of(Declared)),
            "findings": listed(_light()),
            "counts": record(dict.fromkeys(STATES, COUNT)),
            "verdict": joined(of(AuditVerdict), record({"invariant": by_direction(TEXTS)})),
            "gate": nullable(_gate()),
        },
        patterns={
            r"^overlap@\d+$": by_direction(matrix),
            r"^rank_biased_overlap@\d+$": by_direction(matrix),
        },
    )
    return with_call(joined(named("audit"), facts, own))


def _geometry() -> dict[str, Any]:
    """The look of the vectors, side by side."""
    side = of(SideGeometry)["properties"]
    sides = {"items": "items", "queries": "queries"}
    norms = record(
        {"items": side["norms"], "popularity": nullable(TEXT), "popularity_spearman": NUMBER},
        {"queries": side["norms"]},
    )
    parts = {
        "isotropy": "isotropy",
        "dimensions": "dimensions",
        "conditioning": "conditioning",
        "duplicates": "exact_duplicates",
    }
    return {
        "norms": norms,
        **{name: mapped(side[field], [*sides]) for name, field in parts.items()},
        "near_duplicates": by_direction(of(NearDuplicates)),
        "hubness": by_direction(of(Hubness)),
        "rank_condition": nullable(of(RankCondition)),
    }


def _certificates(*, all_directions: bool) -> dict[str, Any]:
    members = record(
        {
            "certified": NUMBERS,
            "by_rank": listed(NUMBERS),
            "lists_by_members": listed(listed(COUNT)),
            "half_lost": NUMBER,
        }
    )
    one = record(
        {
            "s": NUMBERS,
            "top_k_certified": NUMBERS,
            "half_lost": NUMBER,
            "members": members,
            "monte_carlo_overlap": NUMBERS,
            "monte_carlo_low": NUMBERS,
            "monte_carlo_high": NUMBERS,
            "queries": COUNT,
            "asked_again": COUNT,
        }
    )
    if not all_directions:
        return one
    each = _certificates(all_directions=False)
    return joined(one, record({"directions": by_direction(each)}))


def _reachable() -> dict[str, Any]:
    return joined(of(Reachable), record({"direction": words("items-items")}))


def _pair() -> dict[str, Any]:
    chance = {"above_random": NUMBER, "random_pairs": nullable(COUNT)}
    return joined(of(PairReport), record(chance))


def _light() -> dict[str, Any]:
    return record(
        {
            "name": TEXT,
            "state": of_annotation(State),
            "what": TEXT,
            "number": NUMBER,
            "bound": NUMBER,
            "changes": NUMBER,
            "try": TEXT,
        }
    )


def _gate() -> dict[str, Any]:
    state = of_annotation(GateState)
    return record({"state": state, "accepted": TEXTS, "passed": FLAG, "failing": TEXTS})


def study() -> dict[str, Any]:
    """The experiment on simulated users, or by ``--on`` on a table of one's own."""
    check = record(
        {
            "figure": WHOLE,
            "name": TEXT,
            "value": NUMBER,
            "relation": of_annotation(Relation),
            "bound": NUMBER,
            "held": FLAG,
        }
    )
    similarity = record(
        {
            "name": TEXT,
            "auc": NUMBER,
            "within": NUMBER,
            "between": NUMBER,
            "overlap@10": NUMBER,
        }
    )
    both = record({"seed": WHOLE, "interactions": COUNT, "held": FLAG, "acceptance": listed(check)})
    simulated = record(
        {
            "dimensions": record({"product": COUNT, "factors": COUNT}),
            "similarities": listed(similarity),
        }
    )
    lists = record(
        {
            "direction": DIRECTION,
            "gauge": TEXT,
            "measure": TEXT,
            "queries": COUNT,
            "overlap": NUMBER,
            "overlap@10": NUMBER,
            "score": NUMBER,
            "nDCG@10": NUMBER,
        }
    )
    own = record(
        {
            "on": TEXT,
            "components": COUNT,
            "penalty": NUMBER,
            "users": COUNT,
            "items": COUNT,
            "dimensions": COUNT,
            "lists": listed(lists),
        }
    )
    begun = joined(named("study"), both)
    return {"anyOf": [joined(begun, of(Size), simulated), joined(begun, own)]}


def verify_report() -> dict[str, Any]:
    """Whether a report is made again from its inputs, and where not."""
    figure = record({"place": TEXT, "reported": ANYTHING, "computed": ANYTHING})
    own = record(
        {
            "report": TEXT,
            "of": words("compare", "audit"),
            "made_by": TEXT,
            "inputs": COUNT,
            "holds": FLAG,
            "differ": COUNT,
            "differ_in_rounding": COUNT,
            "differences": listed(figure),
        }
    )
    return joined(named("verify-report"), own)


def doctor() -> dict[str, Any]:
    """What an installation has."""
    extra = record({"library": TEXT, "version": nullable(TEXT), "for": TEXT})
    own = record(
        {
            "python": TEXT,
            "engine": TEXT,
            "libraries": mapped(nullable(TEXT)),
            "extras": mapped(extra),
        }
    )
    return joined(named("doctor"), own)


def schema() -> dict[str, Any]:
    """The names of all schemas, or one of them."""
    names = joined(named("schema"), record({"schemas": mapped(TEXT)}))
    one = {"$ref": DIALECT, "required": ["$schema", "$id", "title"]}
    return {"anyOf": [names, one]}
