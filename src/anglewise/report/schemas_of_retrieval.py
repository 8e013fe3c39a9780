"""JSON Schemas of what makes spaces, searches them and gives passages."""

from typing import Any

from anglewise.data_types.typing import DIRECTIONS
from anglewise.encoders.declared import Declared
from anglewise.rag.origin import Origin
from anglewise.rag.prompt import LeftOut, Passages
from anglewise.rag.relevance import Relevance
from anglewise.rag.thresholds import Price
from anglewise.recommendation.fold_in import Explanation
from anglewise.recommendation.replay import Replay
from anglewise.recommender_models.training_state import Epoch, Settings
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
    words,
)
from anglewise.report.schemas_of_comparisons import DIRECTION, SUM, TEXTS, named
from anglewise.statistics.calibration import Logistic, Proportion, Reliability

TRAINED_FOR = words("dot", "cosine", "euclidean", "unknown")
TITLE = nullable(TEXT)


def encode() -> dict[str, Any]:
    """What was encoded, by what, and where it lies."""
    taken = record({"path": TEXT, "kind": TEXT, "documents": COUNT})
    left = record({"path": TEXT, "reason": TEXT})
    files = record({"taken": listed(taken), "left_out": listed(left)})
    own = record(
        {
            "output": TEXT,
            "encoder": TEXT,
            "trained_for": TRAINED_FOR,
            "trained_for_given": FLAG,
            "dimensions": COUNT,
            "items": COUNT,
            "queries": nullable(COUNT),
            "unit_length": FLAG,
            "files": mapped(files, ["documents", "queries"]),
            "judgements": nullable(record({"source": TEXT, "entries": COUNT})),
        }
    )
    begun = joined(named("encode"), own)
    return {"anyOf": [joined(begun, encoding()), joined(begun, encoding_of_images())]}


def encoding() -> dict[str, Any]:
    """How texts were encoded."""
    left_out = record({"documents": TEXTS, "queries": TEXTS})
    return record(
        {
            "identity": TEXT,
            "declares": TRAINED_FOR,
            "model": nullable(of(Declared)),
            "window": nullable(COUNT),
            "chunk": {"anyOf": [COUNT, words("auto", "none")]},
            "documents": COUNT,
            "cut": COUNT,
            "left_out": left_out,
        }
    )


def encoding_of_images() -> dict[str, Any]:
    """How images were encoded."""
    return record({"identity": TEXT, "declares": TRAINED_FOR, "images": COUNT})


def fit() -> dict[str, Any]:
    """What was learnt, and what was kept aside."""
    judged = record({"queries": COUNT, "judged": COUNT, "source": TEXT})
    return joined(
        named("fit"),
        record(
            {
                "output": TEXT,
                "objective": TEXT,
                "components": nullable(COUNT),
                "penalty": NUMBER,
                "gauge": nullable(TEXT),
                "normalise": TEXT,
                "training": nullable(_training()),
                "holdout": NUMBER,
                "split": TEXT,
                "graded": FLAG,
                "confidence": NUMBER,
                "seed": WHOLE,
                "users": COUNT,
                "items": COUNT,
                "interactions": COUNT,
                "dimensions": COUNT,
                "judgements": mapped(judged, DIRECTIONS),
                "notes": TEXTS,
            }
        ),
    )


def _training() -> dict[str, Any]:
    """The settings and the epochs of a model that was trained by steps."""
    own = record(
        {
            "model": TEXT,
            "objective": TEXT,
            "trained_for": TRAINED_FOR,
            "epoch": COUNT,
            "loss": NUMBER,
            "validation_ndcg": NUMBER,
            "anglewise": TEXT,
            "history": listed(of(Epoch)),
        },
        {"weighted": FLAG},
    )
    return joined(of(Settings, without=["measure", "weighted"]), own)


def manifest() -> dict[str, Any]:
    """What a folder of ``holdout`` says of itself."""
    trained = record({"users": COUNT, "items": COUNT, "interactions": COUNT})
    shown = record({"users": COUNT, "interactions": COUNT})
    tested = record({"users": COUNT, "interactions": COUNT, "not_in_training": COUNT})
    return record(
        {
            "command": words("holdout"),
            "format": WHOLE,
            "written_by": TEXT,
            "how": TEXT,
            "share": NUMBER,
            "at": NUMBER,
            "split": nullable(TEXT),
            "k_core": nullable(COUNT),
            "graded": FLAG,
            "seed": WHOLE,
            "read": trained,
            "sentence": TEXT,
            "tables": TEXT,
            "counts": record({"train": trained, "fold_in": shown, "test": tested}),
            "not_judged": mapped(COUNT),
            "sha256": mapped(SUM),
        },
        {"source": record({"file": TEXT, "sha256": SUM}), "min_weight": NUMBER},
    )


def holdout() -> dict[str, Any]:
    """What was split, and how."""
    return joined(manifest(), record({"output": TEXT}))


def search() -> dict[str, Any]:
    """The neighbours of one query, where those of all were written, or whether such lists hold."""
    neighbour = record(
        {"rank": COUNT, "id": TEXT, "title": TITLE, "score": NUMBER, "above_random": NUMBER}
    )
    ranking = record(
        {
            "measure": TEXT,
            "meaning": TEXT,
            "tied_at_cut": COUNT,
            "random_pairs": nullable(COUNT),
            "neighbours": listed(neighbour),
        }
    )
    one = record(
        {
            "direction": DIRECTION,
            "k": COUNT,
            "query": record({"id": TITLE, "title": TITLE}),
            "measures": listed(ranking, minItems=1),
        },
        {"where": TEXT},
    )
    checked = record(
        {
            "checked": TEXT,
            "lists": COUNT,
            "pairs": COUNT,
            "holds": FLAG,
            "wrong": COUNT,
            "faults": TEXTS,
        }
    )
    whole = [joined(named("search"), part) for part in (one, checked)]
    return {"anyOf": [*whole, _all_lists("search")]}


def _all_lists(command: str) -> dict[str, Any]:
    """Where the lists of all were written; the engine is named where there are several."""
    own = record(
        {"output": TEXT, "asking": COUNT, "rows": COUNT, "k": COUNT, "measures": TEXTS},
        {"engine": TEXT},
    )
    return joined(named(command), own)


def recommend() -> dict[str, Any]:
    """The items for one user, or by ``--all`` where those for all were written."""
    part = record({"id": TEXT, "title": TITLE, "value": NUMBER})
    why = of(Explanation, contributions=listed(part))
    item = record({"rank": COUNT, "id": TEXT, "title": TITLE, "score": NUMBER}, {"why": why})
    one = record(
        {
            "user": nullable(TEXT),
            "used": nullable(TEXTS),
            "k": COUNT,
            "measure": TEXT,
            "meaning": TEXT,
            "items": listed(item),
        }
    )
    return {"anyOf": [joined(named("recommend"), one), _all_lists("recommend")]}


def replay() -> dict[str, Any]:
    """What followed a moment, and how far each measure recommended it."""
    measure = record(
        {"measure": TEXT, "coverage": NUMBER, "popularity": NUMBER},
        patterns={r"^nDCG@\d+$": _interval()},
    )
    facts = of(Replay, measures=listed(measure, minItems=1), users=COUNT)
    own = record({"seed": WHOLE, "components": COUNT, "penalty": NUMBER})
    return joined(named("replay"), facts, own)


def _interval() -> dict[str, Any]:
    return record({"mean": NUMBER, "low": NUMBER, "high": NUMBER})


def relevance() -> dict[str, Any]:
    """A file of relevance: the curve, its threshold, and what was measured held out.

    Files of earlier versions lack what they did not measure.
    """
    isotonic = record({"scores": listed(NUMBER), "probabilities": listed(NUMBER)})
    whole = of(
        Relevance,
        without=["prices"],
        curve={"anyOf": [isotonic, of(Logistic)]},
        held_out_recall=of(Proportion),
        reliability=of(Reliability),
        origin=nullable(of(Origin)),
    )
    own = record({"kind": words("isotonic", "logistic"), "confidence": NUMBER})
    return joined(whole, own)


def calibrate() -> dict[str, Any]:
    """What was learned of relevance, and what it costs."""
    prices = nullable(listed(of(Price)))
    own = record(
        {
            "depth": COUNT,
            "notes": TEXTS,
            "false_contexts": nullable(of(Proportion)),
            "prices": prices,
        }
    )
    return joined(named("calibrate"), relevance(), own)


def context() -> dict[str, Any]:
    """The passages for a prompt, with the messages to send."""
    passage = record(
        {
            "id": TEXT,
            "title": TITLE,
            "score": NUMBER,
            "probability": NUMBER,
            "text": TEXT,
            "metadata": mapped(ANYTHING),
        }
    )
    facts = of(
        Passages,
        passages=listed(passage),
        best=nullable(passage),
        left_out=of(LeftOut),
    )
    own = record({"nothing_relevant": FLAG, "notes": TEXTS, "messages": messages()})
    return joined(named("context"), facts, own, record({}, {"where": TEXT}))


def messages() -> dict[str, Any]:
    """What a chat takes, as ``context --messages`` prints it."""
    return listed(record({"role": words("system", "user"), "content": TEXT}))


def inspect() -> dict[str, Any]:
    """The address of the page, or the copy or the table that was written."""
    page = record({"address": TEXT})
    copy = record({"export": TEXT, "direction": DIRECTION, "queries": COUNT})
    table = record(
        {
            "atlas": TEXT,
            "direction": DIRECTION,
            "rows": COUNT,
            "columns": TEXTS,
            "use": nullable(TEXT),
            "explained": NUMBER,
        }
    )
    return {"anyOf": [joined(named("inspect"), one) for one in (page, copy, table)]}
