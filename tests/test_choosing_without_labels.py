"""Choosing without labels: the protocol came first, and what is published follows from its run."""

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.similarity_measures.measure import FORMULAS, FRAMES

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import label_free
import label_free_rules as rules
import label_free_spaces
import label_free_tables
from planted_faults import FAULTS

ROOT = Path(__file__).parents[1]
PROTOCOL, RESULTS = label_free.PROTOCOL, label_free.RESULTS
PAGE = ROOT / "docs" / "reference" / "audit.md"


@pytest.fixture(scope="module")
def published():
    return json.loads(RESULTS.read_text())


@pytest.fixture(scope="module")
def protocol():
    return label_free.protocol_of(PROTOCOL)


def git(*words):
    run = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout.strip()


def test_the_results_are_of_the_protocol_that_stands_here(published):
    assert published["protocol"]["sha256"] == label_free.digest(PROTOCOL)
    assert published["protocol"]["file"] == PROTOCOL.name


def test_the_protocol_was_committed_before_the_results():
    code, shallow = git("rev-parse", "--is-shallow-repository")
    if code:
        pytest.skip("no git repository here, as in an unpacked source distribution")
    if shallow == "true":
        pytest.skip("a shallow clone, which holds no history")
    _, changed = git("log", "--format=%H", "--", str(PROTOCOL))
    _, added = git("log", "--format=%H", "--diff-filter=A", "--", str(RESULTS))
    if not changed or not added:
        pytest.skip("protocol or results are not committed in this repository")
    [only] = changed.splitlines()  # never changed since
    first = added.splitlines()[-1]
    assert only != first
    assert git("merge-base", "--is-ancestor", only, first)[0] == 0


def test_every_pair_of_the_protocol_is_in_the_results_and_no_other(protocol, published):
    due = {
        (name, model)
        for name, settings in protocol["data"].items()
        for model in protocol["models"][settings["kind"]]
    }
    found = Counter((case["data"], case["model"]) for case in published["cases"])
    failed = {(one["data"], one["model"]) for one in published["failed"]}
    assert due == set(found) | failed
    assert not set(found) & failed
    for (name, _), cases in found.items():
        assert cases == (2 if protocol["data"][name]["kind"] == "interactions" else 1)
    real = {pair for pair in found if not protocol["data"][pair[0]]["made"]}
    assert len(real) >= 30
    assert all(len(case["findings"]) == len(protocol["findings"]) for case in published["cases"])


def test_what_is_published_follows_from_its_cases(protocol, published):
    names = [field.name for field in fields(rules.Case)]
    cases = [
        rules.Case(**{name: one[name] for name in names}) for one in named(published, protocol)
    ]
    reasons = [label_free.excluded(case, protocol["fewest_queries"]) for case in cases]
    assert reasons == [one["excluded"] for one in published["cases"]]
    left = [case for case, reason in zip(cases, reasons, strict=True) if not reason]
    analyses, main = label_free.analyses_of(protocol, left)
    assert alike(json.loads(json.dumps(analyses)), published["analyses"])
    assert published["pairs"] == len({(case.data, case.model) for case in main})


def named(published, protocol):
    """The cases with the names of their findings, which stand in the order of the protocol."""
    for case in published["cases"]:
        findings = dict(zip(protocol["findings"], case["findings"], strict=True))
        yield {**case, "findings": findings}


def alike(one, other):
    """The same up to the last digits, which another machine may round otherwise."""
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, int | float):
        return one == pytest.approx(other, rel=1e-4, abs=1e-6)
    return one == other


def test_the_page_shows_the_figures_of_the_results(published):
    page = PAGE.read_text()
    assert label_free_tables.written(page, label_free_tables.section(published)) == page


@pytest.mark.parametrize("kind", ["interactions", "table"])
def test_figures_are_those_of_compare(kind, tmp_path):
    sizes = {"users": 200, "items": 240, "rows": 60, "queries": 30}
    settings = {"kind": kind, "made": True, "seed": 7, **sizes}
    maker, model = {
        "interactions": (label_free_spaces.Recommended, "linear, product"),
        "table": (label_free_spaces.Tabled, "raw"),
    }[kind]
    space, judged = maker("made", settings, tmp_path, tmp_path, 0).space(model)
    for truth in judged.values():
        means, queries = label_free.reached(space, truth, "dot,cosine,euclidean", 0)
        result = aw.compare(space, truth, "dot,cosine,euclidean", seed=0)
        assert queries == result.queries
        for one in result.measures:
            assert means[one.measure] == pytest.approx(one.metrics["nDCG@10"].mean, abs=1e-12)


ABOUT_LENGTHS_AND_DIRECTIONS = [
    fault for fault in FAULTS if {"lengths", "offset", "columns"} & set(fault.lights)
]


@pytest.mark.parametrize("unit", [True, False], ids=["of length one", "of all lengths"])
@pytest.mark.parametrize("fault", ABOUT_LENGTHS_AND_DIRECTIONS, ids=lambda fault: fault.name)
def test_no_finding_names_a_measure_to_take(fault, unit):
    """What helps is to mend the vectors, or a comparison: no finding tells which measure wins."""
    rng = np.random.default_rng(0)
    queries, items = (rng.normal(size=(rows, 12)) for rows in (90, 120))
    if unit:
        items /= np.linalg.norm(items, axis=1, keepdims=True)
    lit = []
    for trained_for in ("dot", "cosine"):
        planted = fault.plant(aw.Space(items=items, queries=queries, trained_for=trained_for), rng)
        if planted is not None:
            found = aw.audit(planted, k=5, sample=90).findings
            lit += [one for one in found if one.name in fault.lights and one.state != "ok"]
    assert lit
    for light in lit:
        advice = re.sub(r"anglewise compare SPACE --qrels FILE --measures \S+", "", light.do)
        named = set(re.findall(r"\w+", advice)) & {*FORMULAS, *FRAMES}
        assert not named, light.do
        assert "rank by" not in advice, light.do


def cases_of(lead, finding, *, sets=8, models=6, trained_for="unknown", seed=0):
    """Made cases: the lead and the finding are functions of the data set and a random number."""
    rng = np.random.default_rng(seed)
    made = []
    for place in range(sets):
        for model in range(models):
            by = rng.normal()
            made.append(
                rules.Case(
                    data=f"set {place}",
                    set=f"set {place}",
                    model=f"model {model}",
                    direction="queries-items",
                    made=False,
                    trained_for=trained_for,
                    unit=False,
                    queries=100,
                    reached={"dot": 0.5 + lead(by), "cosine": 0.5},
                    findings={"told": finding(by, rng), "noise": rng.normal()},
                )
            )
    return rules.Cases(made, ("dot", "cosine"))


def analysed(cases, draws=200):
    return rules.analysed(cases, ["told", "noise"], 0.005, draws, 0)


def test_a_finding_that_tells_is_found_and_noise_is_not():
    found = analysed(cases_of(lambda by: 0.1 * by, lambda by, _: by**3))
    assert found["answer"] == "yes"
    assert "noise" not in found["predict"]
    assert found["findings"]["told"]["right"] > 0.9
    assert found["findings"]["told"]["within"]["spearman"] == pytest.approx(1)
    assert found["findings"]["noise"]["within"]["p"] > 0.05


def test_where_nothing_tells_yes_is_rare_and_hardly_is_not():
    """The page says of this: hardly comes up to a fifth of the times, yes next to never."""
    answers = Counter(
        analysed(cases_of(lambda by: 0.1 * by, lambda _, rng: rng.normal(), seed=seed), 9)["answer"]
        for seed in range(150)
    )
    assert answers["yes"] <= 3
    assert answers["hardly"] <= 30


def test_what_training_says_too_is_hardly_an_answer():
    both = [
        cases_of(lambda _: 0.1, lambda _, rng: 1 + rng.random(), trained_for="dot").of,
        cases_of(lambda _: -0.1, lambda _, rng: rng.random()).of,
    ]
    found = analysed(rules.Cases([case for some in both for case in some], ("dot", "cosine")))
    assert found["rules"]["as trained"]["regret"] == 0
    assert found["findings"]["told"]["regret"] < 0.01
    assert found["answer"] == "hardly"


def test_a_rule_never_learns_from_the_data_set_that_it_is_judged_on():
    cases = cases_of(lambda by: 0.1 * by, lambda by, _: by)
    before = rules.left_out(cases, "told")
    turned = [
        rules.Case(
            **{
                **{field.name: getattr(case, field.name) for field in fields(case)},
                "reached": {"dot": 1 - case.reached["dot"], "cosine": 0.5}
                if case.set == "set 0"
                else case.reached,
            }
        )
        for case in cases.of
    ]
    after = rules.left_out(rules.Cases(turned, cases.pair), "told")
    own = cases.data == "set 0"
    assert (before[own] == after[own]).all()


def test_where_a_finding_is_not_known_the_constant_stands_in():
    cases = cases_of(lambda _: -0.1, lambda _, __: None)
    assert not rules.left_out(cases, "told").any()
    assert (rules.left_out(cases, "told") == rules.left_out(cases, None)).all()


def test_signs_of_data_sets_are_flipped_exactly():
    gains = np.array([[0.1], [0.2], [0.3]])
    assert rules.flips(gains).tolist() == [1 / 8]
    assert rules.flips(np.zeros((3, 1))).tolist() == [1]
    # the best of many is held against the best of many
    assert rules.flips(np.column_stack([gains, -gains]))[0] == 2 / 8


def test_no_constant_loses_less_than_the_one_in_hindsight():
    cases = cases_of(lambda by: 0.1 * by + 0.02, lambda by, _: by)
    leads, data = cases.leads, cases.data
    losses = [
        np.mean(list(rules.by_data(rules.lost(taken, leads), data).values()))
        for taken in (np.ones(len(data), bool), np.zeros(len(data), bool))
    ]
    best = rules.lost(rules.in_hindsight(cases), leads)
    assert np.mean(list(rules.by_data(best, data).values())) == min(losses)


def test_numbers_are_read_by_their_path():
    audited = {
        "a": {"b": 3.0, "c": 1, "cosine@x": 0.4, "cosine@y": 0.2, "none": None},
        "findings": [
            {"name": "gauge", "state": "look"},
            {"name": "offset", "state": "look"},
            {"name": "ids", "state": "ok"},
        ],
    }
    read = {
        "a.b": 3.0,
        "a.b - a.c": 2.0,
        "a.b / a.c": 3.0,
        "a.cosine@*": 0.2,
        "a.none": None,
        "a.none - a.b": None,
        "z.y": None,
        "lit(findings)": 1.0,
    }
    assert {path: label_free.number_of(audited, path) for path in read} == read
