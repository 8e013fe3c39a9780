"""JSON Schemas of what compares: ``compare``, ``remedy`` and what plans further judging."""

from typing import Any

from anglewise.comparison.assisted_result import (
    AssistedComparison,
    AssistedDifference,
    MachineAgreement,
)
from anglewise.comparison.candidates import RerankingCost, SearchCost, SpaceFacts
from anglewise.comparison.comparison_result import Comparison, MeasureResult, Verdict
from anglewise.comparison.dry_run import Forecast
from anglewise.comparison.floors import Floor
from anglewise.comparison.judged_as import JudgedAs
from anglewise.comparison.next_judgements import LeadBounds, ToJudge, Unjudged
from anglewise.comparison.power import Power
from anglewise.comparison.slices import Slice
from anglewise.comparison.stopping import Sequential
from anglewise.data_types.typing import DIRECTIONS
from anglewise.evaluation_metrics.breadth import Coverage
from anglewise.remedies.remedy_result import Advice, Cost, Kind
from anglewise.remedies.screening import Screened
from anglewise.report.json_schema import (
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    joined,
    listed,
    mapped,
    nullable,
    of,
    of_annotation,
    record,
    words,
)

TEXTS = listed(TEXT)
DIRECTION = words(*DIRECTIONS)
SUM = {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"}


def _call() -> dict[str, Any]:
    """The call that made a report, and the SHA-256 of each file that it read."""
    return record({"words": TEXTS, "inputs": mapped(SUM)})


def named(command: str) -> dict[str, Any]:
    """The beginning of every result: the command, and the version that wrote it."""
    return record({"command": words(command), "version": TEXT})


def with_call(content: dict[str, Any]) -> dict[str, Any]:
    """A result that says, in a file, by which call it was made."""
    return joined(content, record({}, {"call": _call()}))


def measure_row() -> dict[str, Any]:
    """One measure in the table; ``seconds`` stand there by ``--breadth`` alone."""
    row = of(
        MeasureResult,
        without=["trainings", "reranking", "search"],
        vs_best=nullable(_difference()),
        vs_baseline=nullable(_difference()),
    )
    seconds = mapped(NUMBER)
    search = joined(of(SearchCost, without=["seconds"]), record({}, {"seconds": seconds}))
    reranking = joined(of(RerankingCost, without=["seconds"]), record({}, {"seconds": seconds}))
    trainings = of_annotation(_trainings())
    return joined(
        row,
        record({"search": nullable(search)}, {"trainings": trainings, "reranking": reranking}),
    )


def _difference() -> dict[str, Any]:
    from anglewise.comparison.comparison_result import Difference

    return of(Difference)


def _trainings() -> Any:
    from anglewise.statistics.trainings import TrainingSpread

    return dict[str, TrainingSpread]


def verdict() -> dict[str, Any]:
    """A verdict; whether trainings agree stands there if there are several."""
    content = of(Verdict, without=["trainings_agree"])
    return {**joined(content, record({}, {"trainings_agree": FLAG})), "title": "Verdict"}


def _weights() -> dict[str, Any]:
    return record(
        {
            "by": words("traffic"),
            "effective_queries": NUMBER,
            "lowest": NUMBER,
            "highest": NUMBER,
            "highest_unseen": NUMBER,
            "highest_unseen_is_known": FLAG,
        }
    )


def comparison(command: str = "compare", row: dict[str, Any] | None = None) -> dict[str, Any]:
    """A comparison; what stands there only where it was asked for is optional."""
    facts = of(
        Comparison,
        without=[
            *("evidence", "spaces", "split", "runs", "where", "trainings", "within", "ways"),
            "truths",
        ],
        measures=listed(measure_row() if row is None else row, minItems=1),
        verdict=verdict(),
        floors=listed(of(Floor)),
        slices=listed(of(Slice, verdict=verdict(), means=mapped(NUMBER))),
    )
    split = record({"by": TEXT, "groups": nullable(COUNT)}, {"largest_group": COUNT})
    own = record(
        {"how_to_read": TEXT},
        {
            "spaces": listed(of(SpaceFacts)),
            "runs": TEXTS,
            "where": TEXT,
            "trainings": TEXTS,
            "within": TEXT,
            "ways": listed(of(JudgedAs, verdict=verdict())),
            "split": split,
            "weights": _weights(),
        },
    )
    return joined(named(command), facts, own)


def _truths() -> dict[str, Any]:
    """Each truth by itself: a comparison without what is the same for all of them."""
    whole = comparison()
    left_out = {"command", "version", "how_to_read", "slices", "spaces", "baseline", "seed"}
    fields = {name: each for name, each in whole["properties"].items() if name not in left_out}
    needed = {name: fields[name] for name in whole["required"] if name in fields}
    rest = {name: each for name, each in fields.items() if name not in needed}
    return listed(record({"truth": TEXT, "source": TEXT, **needed}, rest))


def _gate() -> dict[str, Any]:
    figures = dict.fromkeys(("mean", "low", "high"), NUMBER)
    return record({"gate": TEXT, "passed": FLAG, "checked": FLAG, "sentence": TEXT, **figures})


def _further() -> dict[str, Any]:
    """What ``compare`` adds where it was asked for."""
    protocol = record({"folder": TEXT, "sentence": TEXT, "manifest_sha256": SUM, "remarks": TEXTS})
    return record(
        {},
        {
            "truths": _truths(),
            "protocol": protocol,
            "gates": listed(_gate()),
            "looks": nullable(COUNT),
            "candidate_sets": nullable(COUNT),
            "verdicts": nullable(COUNT),
            "wrong_at_most": NUMBER,
            "other_judgements": nullable(COUNT),
            "sequential": of(Sequential),
            "unjudged": unjudged(),
        },
    )


def unjudged() -> dict[str, Any]:
    """How far what nobody judged could move a verdict."""
    own = of(
        Unjudged,
        bounds=listed(of(LeadBounds)),
        to_judge=listed(of(ToJudge)),
    )
    return {**joined(own, record({"safe": FLAG, "reason": TEXT})), "title": "Unjudged"}


def _assisted() -> dict[str, Any]:
    """A comparison by few grades of people and many of a machine."""
    interval = record(dict.fromkeys(("mean", "low", "high"), NUMBER))
    savings = record(
        {
            "as_good_as_queries": NUMBER,
            "their_grades": NUMBER,
            "grades_by_people": COUNT,
            "labels_ratio": NUMBER,
            "without_machine_as_good_as_queries": NUMBER,
            "machine_helped": FLAG,
        }
    )
    difference = joined(
        of(AssistedDifference, without=["corrected", "by_machine", "bias", "savings", "too_few"]),
        record(
            {
                "difference": interval,
                "by_machine_alone": NUMBER,
                "bias_of_machine": interval,
                "savings": nullable(savings),
                "too_few": nullable(TEXT),
            }
        ),
    )
    renamed = ["differences", "not_graded", "people", "unused", "ndcg", "ndcg_queries"]
    verdict_of_it = record({"decision": TEXT, "measure": nullable(TEXT), "better_than": TEXTS})
    own = record(
        {
            "command": words("compare"),
            "assisted": words_of_true(),
            "not_graded_by_machine": COUNT,
            "graded_by_people": COUNT,
            "grades_not_used": COUNT,
            "differences": listed(difference),
            "agreement": nullable(of(MachineAgreement)),
            "ndcg": record({"queries": COUNT, "means": mapped(NUMBER)}),
            "verdict": verdict_of_it,
        }
    )
    return joined(of(AssistedComparison, without=[*renamed, "agreement"]), own)


def words_of_true() -> dict[str, Any]:
    """What says which of several results this is."""
    return {"const": True}


def compare() -> dict[str, Any]:
    """What ``compare`` writes: a comparison, a forecast (``--dry-run``) or an assisted one."""
    forecast = joined(
        record({"command": words("compare"), "dry_run": words_of_true()}),
        of(Forecast),
        record({"reason": TEXT}),
    )
    whole = with_call(joined(comparison(), _further()))
    return {"anyOf": [whole, with_call(forecast), with_call(_assisted())]}


def remedy() -> dict[str, Any]:
    """A comparison of remedies, with what each costs and what to do."""
    more = record(
        {
            "kind": of_annotation(Kind),
            "cost": of(Cost),
            "vs": mapped(_difference()),
            "coverage": of(Coverage),
            "strata": mapped(NUMBER),
        }
    )
    stratum = record({"stratum": TEXT, "items": COUNT, "use": NUMBER, "queries": COUNT})
    own = record(
        {
            "advice": of(Advice),
            "strata": listed(stratum),
            "screening": record({"queries": COUNT, "candidates": listed(of(Screened))}),
            "left_out": mapped(TEXT),
            "budget_seconds": NUMBER,
            "seconds": NUMBER,
            "stopped": words("", "time", "interrupt"),
            "command_line": TEXT,
            "saved": nullable(TEXT),
        },
        {"truths": _truths()},
    )
    return joined(comparison("remedy", joined(measure_row(), more)), own)


def judge_power() -> dict[str, Any]:
    """What difference the judgements can detect."""
    own = record({"command": words("judge power"), "reason": TEXT, "notes": TEXTS})
    return joined(own, of(Power))


def judge_next() -> dict[str, Any]:
    """The pairs that would do most for the decision."""
    return joined(record({"command": words("judge next"), "notes": TEXTS}), unjudged())
