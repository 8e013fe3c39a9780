"""JSON Schemas of the files in JSON that anglewise writes and reads again."""

from typing import Any

from anglewise.data_types.complaints import Complaints
from anglewise.data_types.typing import DIRECTIONS
from anglewise.report.json_schema import (
    ANYTHING,
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
)
from anglewise.report.schemas_of_comparisons import DIRECTION, SUM, TEXTS, comparison, named
from anglewise.report.schemas_of_retrieval import TRAINED_FOR
from anglewise.stores.manifest import Manifest

KEY = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
DIGEST = {"type": "string", "pattern": "^[0-9a-f]{16}$"}


def space() -> dict[str, Any]:
    """``space.json``, beside the tables of a space; ``about`` is what its maker says of it.

    Versions before this one leave out what they did not know.
    """
    rare = ["stale", "unchecked", "by_overlap", "of_longer", "by_machine", "of_sources"]
    told = of(Complaints, without=["other_form", "stale_pairs", *rare])
    complaints = joined(told, record({}, dict.fromkeys(rare, COUNT)))
    weights = {"heaviest": NUMBER, "heaviest_left": NUMBER}
    made_of = record(
        {
            "sets": COUNT,
            "grade": TEXT,
            "min_support": COUNT,
            "of_users": FLAG,
            "seed": WHOLE,
            "gains_stored": FLAG,
        }
    )
    judged = record(
        {"source": TEXT, "entries": COUNT, "leaves_out": FLAG, "complaints": complaints},
        {
            "relevant_from": NUMBER,
            "not_itself": words_true(),
            "of_users": words_true(),
            "of_documents": words_true(),
            "chances_unknown": TEXT,
            "drawn": record({"draws": TEXTS, "queries": COUNT, **weights}),
            "made_of": made_of,
        },
    )
    return record(
        {
            "format": {"enum": [1, 2, 3, 4]},
            "written_by": TEXT,
            "trained_for": TRAINED_FOR,
            "dimension": COUNT,
            "items": COUNT,
            "queries": nullable(COUNT),
            "seen": nullable(COUNT),
            "judgements": mapped(judged, DIRECTIONS),
            "about": mapped(ANYTHING),
            "sha256": mapped(SUM),
        }
    )


def words_true() -> dict[str, Any]:
    """What is said only where it holds."""
    return {"const": True}


def demo() -> dict[str, Any]:
    """What ``demo`` writes: each of its comparisons, by name."""
    own = record({"output": TEXT, "comparisons": mapped(demo_comparison())})
    return joined(named("demo"), own)


def demo_comparison() -> dict[str, Any]:
    """A comparison as it lies in the folder, with the call that made it."""
    call = record({"words": TEXTS, "inputs": mapped(SUM)})
    return joined(comparison(), record({"call": call}))


def demo_mark() -> dict[str, Any]:
    """What marks the folder of a demo."""
    return named("demo")


def copy_mark() -> dict[str, Any]:
    """What marks the folder of a copy of the page."""
    return record({"direction": DIRECTION, "queries": COUNT})


def transform() -> dict[str, Any]:
    """What is to be done to a query before a store is asked."""
    numbers = listed({"type": "number"})
    return record(
        {
            "measure": TEXT,
            "way": TEXT,
            "metric": TEXT,
            "format": WHOLE,
            "unit": FLAG,
            "digest": DIGEST,
            "offset": numbers,
            "appended": numbers,
        },
        {"scale": numbers, "matrix": listed(numbers)},
    )


def manifest() -> dict[str, Any]:
    """What an export left with its collection."""
    return of(Manifest)


def grades() -> dict[str, Any]:
    """A line of the answers of ``judge grade``."""
    return record({"key": KEY, "grade": COUNT, "model": TEXT})


def answers() -> dict[str, Any]:
    """A line of the answers of ``judge from-text``."""
    return record({"key": KEY, "model": TEXT, "answer": TEXT})


def scores() -> dict[str, Any]:
    """A line of the scores of a reranker."""
    return record({"key": KEY, "seconds": NUMBER, "scores": mapped({"type": "number"})})


def history() -> dict[str, Any]:
    """A row of the parquet file of a history, as JSON would have it.

    Histories of 0.1 lack the column ``kept``, and may lack others that came later.
    """
    moment = {"type": ["string", "null"], "format": "date-time"}
    text, number, count = nullable(TEXT), NUMBER, nullable(COUNT)
    return record(
        {
            "run": {"type": "integer", "minimum": 1},
            "at": moment,
            **dict.fromkeys(["label", "version", "signature", "direction", "metric"], text),
            "measure": TEXT,
            **dict.fromkeys(["mean", "low", "high"], number),
            "queries": count,
            "judged": count,
            "judgements": text,
            "decision": text,
            "gates_held": nullable(FLAG),
            "query_ids": nullable(listed(TEXT)),
            "values": nullable(listed(number)),
            "rule": count,
            "place": count,
            "named": nullable(FLAG),
            "kept": nullable(FLAG),
        }
    )
