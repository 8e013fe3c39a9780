"""The pytest plugin: a gate is a test, and one that cannot be evaluated is a failing one."""

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.history import rows_of
from anglewise.io.runs import append_history

pytest_plugins = ["pytester"]


@pytest.fixture(scope="module")
def _imported():
    """What a comparison imports, else imported anew in each of the runs within a test."""
    space = aw.Space(items=np.eye(3, dtype=np.float32))
    judged = aw.Judgements.from_pairs([("0", "1"), ("1", "2")], space, direction="items-items")
    aw.compare(space, judged, "dot,cosine")


@pytest.fixture
def with_space(pytester, _imported):
    """A folder of tests with a space in which cosine finds what dot does not, and its qrels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 8)).astype(np.float32)
    ids = [f"d{i}" for i in range(60)]
    queries = aw.Embeddings(x, ids=[f"q{i}" for i in range(60)])
    items = aw.Embeddings(x * rng.uniform(0.2, 5, (60, 1)).astype(np.float32), ids=ids)
    aw.write_space(aw.Space(queries=queries, items=items), pytester.path / "space")
    lines = [f"q{i} 0 d{i} 1\n" for i in range(60)]
    (pytester.path / "qrels.txt").write_text("".join(lines))
    pytester.makeini("[pytest]\naddopts = --strict-markers\n")
    return pytester


MARKED = """
import pytest

@pytest.mark.anglewise({arguments})
def test_gate():
    {body}
"""
FILES = 'space="space", judgements="qrels.txt"'


def outcome(pytester, arguments, body="pass", *options):
    pytester.makepyfile(MARKED.format(arguments=arguments, body=body))
    return pytester.runpytest("-p", "no:cacheprovider", *options)


def test_a_gate_that_holds_is_a_test_that_passes(with_space):
    result = outcome(with_space, f'"cosine>=dot-0.01", "cosine>=0.5", {FILES}', "pass", "-rP")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "gate cosine>=dot-0.01 holds: nDCG@10 of cosine less dot is 0.*",
            "gate cosine>=0.5 holds: nDCG@10 of cosine is 1.000 *",
        ]
    )


def test_no_warning_comes_of_the_plugin_in_a_run_of_its_own(with_space):
    with_space.makepyfile(MARKED.format(arguments=f'"cosine>=dot", {FILES}', body="pass"))
    run = with_space.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    run.assert_outcomes(passed=1)


def test_a_gate_that_fails_is_a_test_that_fails_with_the_sentence_of_the_gate(with_space):
    result = outcome(with_space, f'gate="dot>=cosine", {FILES}', "raise SystemExit")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["gate dot>=cosine fails: nDCG@10 of dot less cosine is -0.*"])
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (f'"cosine>dot", {FILES}', "'cosine>dot' is no gate: write *"),
        (f'"cosine>=manhattan", {FILES}', "the gate cosine>=manhattan names manhattan, but *"),
        (f'"cosine>=last", {FILES}', "the gate cosine>=last asks for an earlier run: *"),
        (f'"cosine>=last", history="none.parquet", {FILES}', "*none.parquet does not exist*"),
        ('"cosine>=dot", space="spce", judgements="qrels.txt"', "*spce does not exist*"),
        ('"cosine>=dot", judgements="qrels.txt"', "no space is named: *"),
        ('"cosine>=dot", space="space"', "*judgement*"),
        (f'"cosine>=dot", meausres="dot", {FILES}', "the marker anglewise has no option *"),
    ],
)
def test_a_gate_that_cannot_be_evaluated_fails(with_space, arguments, message):
    result = outcome(with_space, arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"gate * cannot be evaluated: {message}"])


def test_a_gate_against_no_earlier_run_fails(with_space):
    space = aw.read_space(with_space.path / "space")
    judged = aw.read_judgements(with_space.path / "qrels.txt", space)
    result = aw.compare(space, judged, "dot,cosine")
    history = with_space.path / "runs.parquet"
    append_history(history, rows_of(result, gates_held=False))
    failing = outcome(with_space, f'"cosine>=last", history="runs.parquet", {FILES}')
    failing.assert_outcomes(failed=1)
    says = "gate cosine>=last is unchecked: no run before kept its gates, *"
    failing.stdout.fnmatch_lines([says])
    append_history(history, rows_of(result, gates_held=True))
    outcome(with_space, f'"cosine>=last", history="runs.parquet", {FILES}').assert_outcomes(
        passed=1
    )


@pytest.mark.parametrize(
    "arguments", ["", FILES, f"gate=(), {FILES}", f"gate=(3,), {FILES}", f"gate=3, {FILES}"]
)
def test_a_marker_without_a_gate_fails(with_space, arguments):
    result = outcome(with_space, arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*gate is *: write @pytest.mark.anglewise(*"])


def test_a_class_may_carry_gates_and_its_tests_more(with_space):
    with_space.makepyfile(
        f"""
import pytest

@pytest.mark.anglewise("cosine>=dot", {FILES})
class TestSearch:
    def test_plain(self):
        pass

    @pytest.mark.anglewise("dot>=0.99999", {FILES})
    def test_strict(self):
        pass
"""
    )
    result = with_space.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["gate dot>=0.99999 fails: *"])


def test_a_comparison_of_ones_own_is_held_by_the_fixture(with_space):
    with_space.makepyfile(
        """
import anglewise as aw
import pytest

@pytest.fixture
def comparison(request):
    root = request.config.rootpath
    space = aw.read_space(root / "space")
    return aw.compare(space, aw.read_judgements(root / "qrels.txt", space), "dot,cosine")

def test_holds(comparison, anglewise_gate):
    [checked] = anglewise_gate(comparison, "cosine>=dot")
    assert checked.figure.mean > 0

def test_fails(comparison, anglewise_gate):
    anglewise_gate(comparison, "cosine>=dot", "dot>=cosine")
"""
    )
    result = with_space.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["gate cosine>=dot holds: *", "gate dot>=cosine fails: *"])


def test_the_sentences_stand_in_junit(with_space):
    outcome(with_space, f'"cosine>=dot", {FILES}', "pass", "--junitxml=out.xml")
    written = (with_space.path / "out.xml").read_text()
    assert 'name="anglewise" value="gate cosine&gt;=dot holds: ' in written


def test_the_example_of_the_page_prints_what_the_page_shows(with_space):
    page = (Path(__file__).parents[1] / "docs" / "how-to" / "gates.md").read_text()
    section = page.partition("## Gates as tests of pytest")[2]
    code, shown = re.findall(r"^```(?:python|text)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[
        :2
    ]
    with_space.makepyfile(code)
    result = with_space.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    assert shown in result.stdout.str()


def test_the_plugin_is_known_to_pytest():
    [plugin] = entry_points(group="pytest11", name="anglewise")
    assert plugin.value == "anglewise.integrations.pytest_plugin"


def test_loading_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, anglewise.integrations.pytest_plugin;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert not {"numpy", "scipy", "pyarrow", "rich", "jaxtyping"} & set(shown.split())
