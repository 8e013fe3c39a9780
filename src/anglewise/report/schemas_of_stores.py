"""JSON Schemas of what is said of vector stores and of a change of model."""

from typing import Any

from anglewise.report.json_schema import (
    COUNT,
    NUMBER,
    TEXT,
    joined,
    listed,
    mapped,
    nullable,
    of,
    record,
)
from anglewise.report.schemas_of_comparisons import TEXTS, named
from anglewise.stores.export import Attempt, Export
from anglewise.stores.migration_result import Foretold, LearningStep, MetricLoss, Migration
from anglewise.stores.probe import Probe
from anglewise.stores.tune import Tuning
from anglewise.stores.verify import Verification

RECALLS = {r"^recall@\d+$": NUMBER, r"^recall@\d+_low$": NUMBER}


def probe() -> dict[str, Any]:
    """Which distance a store or a function computes."""
    return joined(named("probe"), of(Probe))


def export() -> dict[str, Any]:
    """What was filled, and how well it lists."""
    facts = of(
        Export,
        without=["recall", "recall_low", "transform"],
        attempts=listed(of(Attempt)),
    )
    return joined(named("export"), facts, record({"transform": TEXT}, patterns=RECALLS))


def verify() -> dict[str, Any]:
    """How the answers of a store stand to the exact lists."""
    worst = record({"query": TEXT, "recall": NUMBER})
    facts = of(Verification, without=["recall", "recall_low"], worst=worst)
    return joined(named("verify"), facts, record({}, patterns=RECALLS))


def tune() -> dict[str, Any]:
    """Recall, latency and memory over the parameters of an index."""
    return joined(named("tune"), of(Tuning))


def migrate() -> dict[str, Any]:
    """What mapped old vectors lose against those of a new model."""
    foretold = of(Foretold)
    loss = of(MetricLoss, encoded=foretold, loss=foretold)
    gain = record({"mean": NUMBER, "low": NUMBER, "high": NUMBER})
    curve = record(
        {"last_gain": nullable(gain)}, patterns={r"^recall@\d+$": listed(of(LearningStep))}
    )
    renamed = ["map_name", "recall", "curve", "curve_k", "last_gain", "map", "mapped"]
    facts = of(
        Migration,
        without=[*renamed, "loss", "notes"],
        correlations=mapped(NUMBER),
    )
    own = record(
        {
            "map": TEXT,
            "loss": nullable(loss),
            "learning_curve": curve,
            "notes": TEXTS,
            "digest": TEXT,
            "seed": COUNT,
        },
        patterns={r"^recall@\d+$": foretold},
    )
    return joined(named("migrate"), facts, own)
