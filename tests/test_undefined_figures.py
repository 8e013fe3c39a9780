"""A figure that is undefined fails its gate, and no surface prints it as a number."""

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from anglewise import Embeddings, Judgements, Space, compare
from anglewise.cli.results import gate_content
from anglewise.comparison.comparison_result import Difference, Estimate
from anglewise.comparison.gates import check
from anglewise.comparison.history import History, rows_of
from anglewise.comparison.inference import Scores, infer
from anglewise.data_types.sparse import SparseRows
from anglewise.io.runs import append_history, read_history
from anglewise.report import terminal
from anglewise.report.plain_text import as_json
from anglewise.similarity_measures.measure import measure
from rendered import document, junit, markdown, page

NAN = float("nan")
SIZE = 40


def defined():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SIZE, 6))
    space = Space(queries=Embeddings(x + rng.standard_normal(x.shape)), items=Embeddings(x))
    rows = np.arange(SIZE)
    own = SparseRows.from_pairs(rows, rows, shape=(SIZE, SIZE))
    return compare(space, Judgements(own), "dot,cosine,manhattan", baseline="dot")


def undefined(comparison, name="manhattan"):
    """The same, but for one measure: of one query its value is undefined, and so is its mean."""
    nothing = Difference(NAN, NAN, NAN, NAN, NAN)
    measures = tuple(
        replace(
            row,
            metrics=dict.fromkeys(row.metrics, Estimate(NAN, NAN, NAN)),
            vs_best=row.vs_best and nothing,
            vs_baseline=row.vs_baseline and nothing,
        )
        if row.measure == name
        else row
        for row in comparison.measures
    )
    values = {metric: each.copy() for metric, each in comparison.evidence.values.items()}
    for each in values.values():
        each[comparison.evidence.measures.index(name), 3] = NAN
    evidence = replace(comparison.evidence, values=values)
    return replace(comparison, measures=measures, evidence=evidence)


@pytest.fixture(scope="module")
def sound():
    return defined()


@pytest.fixture(scope="module")
def broken(sound):
    return undefined(sound)


GATES = ["manhattan>=0.1", "manhattan<=0.9", "manhattan>=cosine-1", "cosine<=manhattan+1"]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "history.parquet"


@pytest.fixture
def checked(broken, sound, file):
    append_history(file, rows_of(sound))
    history = History(read_history(file))
    return [check(broken, one, history) for one in [*GATES, "manhattan>=last-1"]]


def no_number(text):
    return "nan" not in text.lower().replace("manhattan", "")


def test_a_gate_on_what_is_undefined_fails_and_says_so(checked):
    for one in checked:
        assert not one.passed
        assert one.checked
        assert "fails: nDCG@10 of " in one.sentence
        assert " is undefined" in one.sentence
        assert no_number(one.sentence)


def test_other_gates_of_the_run_are_held_as_ever(broken):
    assert check(broken, "cosine>=0.01").passed


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_terminal_prints_no_number(broken, checked, width):
    file = io.StringIO()
    terminal.print_document(document(broken, checked), Console(file=file, width=width))
    assert no_number(file.getvalue())


def test_markdown_junit_and_the_page_print_no_number(broken, checked):
    for text in (markdown(broken, checked), junit(broken, checked)):
        assert "is undefined" in text
        assert no_number(text)
    root = ET.fromstring(junit(broken, checked))  # noqa: S314 our own words
    assert root.get("failures") == "5"
    assert no_number(page(broken, checked).partition("data:image")[0])


def test_a_notebook_shows_no_number(broken):
    assert no_number(broken._repr_html_())


@pytest.mark.parametrize("first", [True, False])
def test_what_is_undefined_stands_last_and_takes_nothing_from_the_others(sound, first):
    evidence = sound.evidence
    values = evidence.values["nDCG@10"].copy()
    values[0 if first else -1, 3] = NAN
    rows = evidence.rows
    scores = Scores(
        tuple(map(measure, evidence.measures)), {"nDCG@10": values}, ("a", "b", "c"), rows, SIZE
    )
    table = infer(scores, seed=0).rows(0)
    defined = values[1:] if first else values[:-1]
    assert [one.metrics["nDCG@10"].mean for one in table[:2]] == pytest.approx(
        sorted(defined.mean(axis=1), reverse=True)
    )
    last = table[2]
    assert np.isnan([last.metrics["nDCG@10"].mean, last.vs_best.p, last.vs_best.p_adjusted]).all()
    assert not last.beats
    assert table[0].may_be_best
    shares = [one.best_probability for one in table]
    assert sum(shares[:2]) == pytest.approx(1)
    assert np.isnan(shares[2])


def test_json_holds_null(broken, checked):
    (row,) = [row for row in broken.to_dict()["measures"] if row["measure"] == "manhattan"]
    assert row["metrics"]["nDCG@10"] == {"mean": None, "low": None, "high": None}
    assert row["vs_baseline"]["p"] is None
    text = as_json({**broken.to_dict(), "gates": [gate_content(one) for one in checked]})
    json.loads(text, parse_constant=pytest.fail)
    for one in map(gate_content, checked):
        assert (one["checked"], one["mean"], one["low"], one["high"]) == (True, None, None, None)


def test_a_history_holds_null_and_a_later_gate_says_so(broken, sound, file):
    append_history(file, rows_of(broken))
    (row,) = [row for row in pq.read_table(file).to_pylist() if row["measure"] == "manhattan"]
    cells = ("mean", "low", "high", "values", "query_ids")
    assert [row[name] for name in cells] == [None] * 5
    history = History(read_history(file))
    checked = check(sound, "manhattan>=last-1", history)
    assert not checked.passed
    assert "is undefined; it was undefined in that run" in checked.sentence
    assert check(sound, "cosine>=last", history).passed


def test_a_figure_that_older_histories_call_nan_is_undefined_too(sound, file):
    rows = [row | {"mean": NAN, "values": None, "query_ids": None} for row in rows_of(sound)]
    append_history(file, rows)
    checked = check(sound, "cosine>=last-1", History(read_history(file)))
    assert not checked.passed
    assert no_number(checked.sentence)
