"""Whether anything that an audit finds without labels tells which measure is better.

    python benchmarks/label_free.py [--data ../shared/data] [-w docs/reference/audit.md]

Runs what `label_free_protocol.md` lays down, and nothing else: its block of JSON is read for the
data sets, the models, the findings and the settings. Every model is audited and, apart from that,
judged by what was held out; then `label_free_rules.py` asks whether a finding predicts which of
two measures is better. What is done is kept in `--cache`, so that a run that was broken off goes
on; the figures go to `label_free_results.json`, with the protocol's SHA-256. Needs scikit-learn,
implicit, and the encoders that `real_texts.py` names. One process; threads are set to one.

`--trial` tries the code on made data that are not in the protocol, and writes nothing.
`--tables` writes the section of a page from the results that are there.
"""

import argparse
import hashlib
import json
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from time import process_time
from typing import Any

import label_free_tables
from label_free_rules import Case, Cases, analysed
from label_free_spaces import Judged, pairs
from threadpoolctl import threadpool_limits

from anglewise.auditing.audit import audit
from anglewise.comparison.conclusion import read_settings
from anglewise.comparison.lists import SearchedSpace
from anglewise.comparison.scoring import score_spaces
from anglewise.comparison.similar_items import uses_of
from anglewise.comparison.split import QUERIES
from anglewise.comparison.strata_values import JudgedInStrata, strata_values
from anglewise.comparison.without_vectors import of_space
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.errors import AnglewiseError
from anglewise.similarity_measures.measure import measures_and_families

HERE = Path(__file__).parent
PROTOCOL, RESULTS = HERE / "label_free_protocol.md", HERE / "label_free_results.json"
PRIMARY = ("dot", "cosine")
SECONDARY = ("euclidean", "cosine")
TRIAL: Mapping[str, Any] = {
    f"trial {kind} {seed}": {"kind": kind, "made": True, "seed": 900 + seed, **sizes}
    for kind, sizes in {
        "interactions": {"users": 300, "items": 150},
        "texts": {"texts": 200, "queries": 40},
        "table": {"rows": 120, "queries": 120},
    }.items()
    for seed in range(2)
}
"""Made data on which the code is tried; none of it is in the protocol."""
LIBRARIES = ("anglewise", "numpy", "scipy", "scikit-learn", "implicit", "onnxruntime")


def main() -> None:
    """Run the protocol, keep and print what came out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--cache", type=Path, default=HERE.parents[1] / "build" / "label-free")
    parser.add_argument("--trial", action="store_true")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("-w", "--write", type=Path)
    options = parser.parse_args()
    protocol = protocol_of(PROTOCOL)
    if options.trial:
        protocol = protocol | {"data": TRIAL, "trial": True}
    if options.tables:
        found = json.loads(RESULTS.read_text())
    else:
        kept = options.cache / ("trial" if options.trial else digest(PROTOCOL)[:12])
        kept.mkdir(parents=True, exist_ok=True)
        with threadpool_limits(1):
            found = results(protocol, list(run(protocol, options.data, kept)))
        if not options.trial:
            deviations = json.loads(RESULTS.read_text())["deviations"] if RESULTS.exists() else []
            found["deviations"] = deviations
            RESULTS.write_text(as_text(found))
    section = label_free_tables.section(found)
    print(section)
    if options.write is not None and not options.trial:
        options.write.write_text(label_free_tables.written(options.write.read_text(), section))


def protocol_of(path: Path) -> dict[str, Any]:
    """The block of JSON in the protocol."""
    [block] = re.findall(r"^```json\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    return json.loads(block)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(protocol: Mapping[str, Any], data: Path, kept: Path) -> Iterator[dict[str, Any]]:
    """What was found of each model, and what its measures reached; kept ones are read."""
    for name, model, make in pairs(data, protocol, kept):
        place = kept / f"{re.sub(r'[^a-z0-9]+', '-', f'{name} {model}'.lower())}.json"
        if not place.exists():
            started = process_time()
            try:
                found = looked_at(protocol, name, model, make())
            except (AnglewiseError, ValueError, ArithmeticError) as error:  # excluded, and named
                traceback.print_exc()
                found = {"error": f"{type(error).__name__}: {error}"[:300], "cases": []}
            found |= {"data": name, "model": model, "seconds": round(process_time() - started, 1)}
            place.write_text(json.dumps(found))
        found = json.loads(place.read_text())
        state = found.get("error", f"{len(found['cases'])} cases")
        print(f"{name}, {model}: {state}, {found['seconds']} s", flush=True)
        yield found


def looked_at(protocol: Mapping[str, Any], name: str, model: str, judged: Judged) -> dict[str, Any]:
    """The findings of a model without labels, then what each measure reaches by them."""
    space, judgements = judged
    report = audit(space, sample=protocol["sample"], k=protocol["k"], seed=protocol["seed"])
    audited = json.loads(json.dumps(report.to_dict()))
    cases = []
    for direction, truth in judgements.items():
        means, queries = reached(space, truth, protocol["measures"], protocol["seed"])
        case = Case(
            data=name,
            set=protocol["data"][name].get("set", name),
            model=model,
            direction=direction,
            made=protocol["data"][name]["made"],
            trained_for=space.trained_for,
            unit=audited["norms"]["items"]["unit"],
            queries=queries,
            reached={measure: means[measure] for measure in protocol["measures"].split(",")},
            findings={
                finding: number_of(audited, path.format(direction=direction))
                for finding, path in protocol["findings"].items()
            },
        )
        cases.append(asdict(case))
    return {"cases": cases}


def reached(
    space: Space, truth: Judgements, measures: str, seed: int
) -> tuple[dict[str, float], int]:
    """The mean nDCG@10 of each measure and the number of queries, as ``compare`` gives them.

    Without its intervals, verdicts and floors, which take most of the time and are not used here.
    """
    read = measures_and_families(measures)
    settings = read_settings(Judgements, None, (), candidates=len(read), seed=seed)
    settings = settings.for_queries(space, truth, QUERIES, None)
    searched = SearchedSpace(space, truth, truth.judged_rows)
    uses = uses_of(truth, of_space(space, truth).uses)
    metric = str(settings.metrics[0])
    if uses is None:
        scores = score_spaces([searched], [read], read, truth, settings)
        values = scores.values[metric]
    else:
        judged = JudgedInStrata.by(truth, uses, settings.metrics[0])
        # the first way of judging decides; the other supports are not used here
        judged = replace(judged, supports=judged.supports[:1], among=judged.among[:1])
        found = strata_values(searched, read, judged, settings)
        values = found.values[0][metric]
    return dict(
        zip(measures.split(","), map(float, values.mean(axis=1)), strict=True)
    ), values.shape[1]


def number_of(audited: Mapping[str, Any], path: str) -> float | None:
    """A number of an audit by its path in the JSON; None where it is not there or not finite.

    ``a - b`` and ``a / b`` of two paths; ``a == word`` is 1 or 0; ``a*`` is the least of all keys
    that begin so; ``lit(findings)`` counts the findings that are not ok, the gauge apart.

    >>> number_of({"a": {"b": 3.0, "b2": 1}, "c": 2}, "a.b / c"), number_of({"a": None}, "a")
    (1.5, None)
    >>> number_of({"a": {"b": 3.0, "b2": 1}}, "a.b*"), number_of({"a": "x"}, "a == x")
    (1.0, 1.0)
    """
    if path == "lit(findings)":
        lights = [one for one in audited["findings"] if one["name"] != "gauge"]
        return float(sum(one["state"] in {"look", "fix"} for one in lights))
    for sign in (" - ", " / ", " == "):
        left, found, right = path.partition(sign)
        if not found:
            continue
        if sign == " == ":
            return float(_at(audited, left) == right)
        a, b = number_of(audited, left), number_of(audited, right)
        if a is None or b is None or (sign == " / " and b == 0):
            return None
        return a - b if sign == " - " else a / b
    value = _at(audited, path)
    if isinstance(value, int | float) and isfinite(value):
        return float(value)
    return None


def _at(audited: Any, path: str) -> Any:
    *parents, last = path.split(".")
    for key in parents:
        audited = audited.get(key) if isinstance(audited, Mapping) else None
    if not isinstance(audited, Mapping):
        return None
    if not last.endswith("*"):
        return audited.get(last)
    fitting = [value for key, value in audited.items() if key.startswith(last[:-1])]
    return min((value for value in fitting if value is not None), default=None)


def results(protocol: Mapping[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole of what is published: cases, exclusions, and the analyses of the protocol.

    The findings of a case are numbers in the order of the protocol.
    """
    cases = [Case(**shortened(one)) for model in found for one in model["cases"]]
    reasons = [excluded(case, protocol["fewest_queries"]) for case in cases]
    left = [case for case, reason in zip(cases, reasons, strict=True) if not reason]
    analyses, main = analyses_of(protocol, left)
    failed = [
        {"data": one["data"], "model": one["model"], "reason": one["error"]}
        for one in found
        if "error" in one
    ]
    return {
        "protocol": {"file": PROTOCOL.name, "sha256": digest(PROTOCOL)},
        "deviations": [],
        "versions": {name: version(name) for name in LIBRARIES},
        "seconds": round(sum(one["seconds"] for one in found)),
        "pairs": len({(case.data, case.model) for case in main}),
        "failed": failed,
        "analyses": analyses,
        "cases": [
            {f.name: getattr(case, f.name) for f in fields(case)}
            | {"findings": list(case.findings.values()), "excluded": reason}
            for case, reason in zip(cases, reasons, strict=True)
        ],
    }


def analyses_of(protocol: Mapping[str, Any], left: list[Case]) -> tuple[dict[str, Any], list[Case]]:
    """All analyses of the cases that are not excluded, and the cases of the main one."""
    main = [case for case in left if protocol.get("trial", False) or not case.made]
    questions = {"primary": (main, PRIMARY), "euclidean": (main, SECONDARY)}
    for direction in ("queries-items", "items-items"):
        questions[direction] = [case for case in main if case.direction == direction], PRIMARY
    if len(left) > len(main):
        questions["with made data"] = left, PRIMARY
    settings = {key: protocol[key] for key in ("tie", "draws", "seed")}
    names = list(protocol["findings"])
    found = {
        question: analysed(Cases(cases, pair), names, **settings)
        for question, (cases, pair) in questions.items()
    }
    return shortened(found), main


def as_text(found: Mapping[str, Any]) -> str:
    """JSON with a line for each case, so that a change of one is seen."""
    cases = ",\n".join(json.dumps(case) for case in found["cases"])
    rest = json.dumps({key: value for key, value in found.items() if key != "cases"}, indent=1)
    return f'{rest[:-2]},\n "cases": [\n{cases}\n]}}\n'


def excluded(case: Case, fewest: int) -> str:
    """Why a case is not analysed, by the rules of the protocol; else nothing."""
    if case.unit:
        return "items of length one: the measures rank alike"
    if case.queries < fewest:
        return f"fewer than {fewest} queries"
    return ""


def shortened(value: Any) -> Any:
    """The same with numbers of six digits."""
    if isinstance(value, Mapping):
        return {key: shortened(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
