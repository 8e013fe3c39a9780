"""The JSON Schema of every result and of every file in JSON that is read again, by name."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anglewise.data_types.numbers import shown
from anglewise.errors import SpellingError
from anglewise.report import (
    schemas_of_audits,
    schemas_of_comparisons,
    schemas_of_files,
    schemas_of_judging,
    schemas_of_retrieval,
    schemas_of_stores,
)
from anglewise.report.json_schema import whole_schema


@dataclass(frozen=True)
class NamedSchema:
    """One schema: what it is of, and what makes it."""

    what: str
    make: Callable[[], dict[str, Any]]


COMMANDS: dict[str, Callable[[], dict[str, Any]]] = {
    "encode": schemas_of_retrieval.encode,
    "fit": schemas_of_retrieval.fit,
    "holdout": schemas_of_retrieval.holdout,
    "audit": schemas_of_audits.audit,
    "judge sample": schemas_of_judging.sample,
    "judge next": schemas_of_comparisons.judge_next,
    "judge power": schemas_of_comparisons.judge_power,
    "judge lint": schemas_of_judging.lint,
    "judge import": schemas_of_judging.imported,
    "judge export": schemas_of_judging.exported,
    "judge agreement": schemas_of_judging.agreement,
    "judge from-interactions": schemas_of_judging.from_interactions,
    "judge from-labels": schemas_of_judging.from_labels,
    "judge from-text": schemas_of_judging.from_text,
    "judge grade": schemas_of_judging.grade,
    "compare": schemas_of_comparisons.compare,
    "remedy": schemas_of_comparisons.remedy,
    "search": schemas_of_retrieval.search,
    "inspect": schemas_of_retrieval.inspect,
    "recommend": schemas_of_retrieval.recommend,
    "replay": schemas_of_retrieval.replay,
    "calibrate": schemas_of_retrieval.calibrate,
    "context": schemas_of_retrieval.context,
    "probe": schemas_of_stores.probe,
    "export": schemas_of_stores.export,
    "verify": schemas_of_stores.verify,
    "verify-report": schemas_of_audits.verify_report,
    "tune": schemas_of_stores.tune,
    "migrate": schemas_of_stores.migrate,
    "study": schemas_of_audits.study,
    "demo": schemas_of_files.demo,
    "doctor": schemas_of_audits.doctor,
    "schema": schemas_of_audits.schema,
}
"""From a command to what makes the schema of what its ``--json`` writes."""

FILES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "space.json": ("what a space says of itself", schemas_of_files.space),
    "relevance.json": ("what calibrate -o writes", schemas_of_retrieval.relevance),
    "manifest.json": ("what a folder of holdout says of itself", schemas_of_retrieval.manifest),
    "study.json": ("what study -o writes", schemas_of_audits.study),
    "demo.json": ("what marks the folder of a demo", schemas_of_files.demo_mark),
    "copy.json": ("what marks a copy of the page", schemas_of_files.copy_mark),
    "transform.json": ("what export --transform writes", schemas_of_files.transform),
    "collection": ("what export leaves with a collection", schemas_of_files.manifest),
    "messages": ("what context --messages prints", schemas_of_retrieval.messages),
    "grades.jsonl": ("a line of the answers of judge grade", schemas_of_files.grades),
    "answers.jsonl": ("a line of the answers of judge from-text", schemas_of_files.answers),
    "scores.jsonl": ("a line of the scores of a reranker", schemas_of_files.scores),
    "history": ("a row of what --history keeps", schemas_of_files.history),
}
"""From a name to what it is, and what makes its schema."""

SCHEMAS: dict[str, NamedSchema] = {
    **{
        name: NamedSchema(f"what anglewise {name} --json writes", make)
        for name, make in COMMANDS.items()
    },
    **{name: NamedSchema(what, make) for name, (what, make) in FILES.items()},
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a result or a file, by its name.

    Raises ``SpellingError`` for a name that is not among ``SCHEMAS``.

    >>> schema("doctor")["$id"]
    'urn:anglewise:schema:doctor'
    """
    if name not in SCHEMAS:
        near = difflib.get_close_matches(name, SCHEMAS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SpellingError(
            f"there is no schema of {shown(name)!r}: {hint}anglewise schema lists all of them"
        )
    return whole_schema(name, SCHEMAS[name].what, SCHEMAS[name].make())
