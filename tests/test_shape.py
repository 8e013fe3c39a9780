"""The shape of the package gets no worse: today's figures against those in ``shape.json``.

Where a figure has fallen, or is meant to rise, ``python tests/shape.py --record`` renews the file.
"""

import json
import subprocess
import sys
from pathlib import Path

import shape
from shape_jobs import Probe

MADE = '''"""A module."""

# a comment
import os  # and code


def twice(x):
    """Two
    lines."""
    text = """not a
    docstring"""
    return [len(text) * y for y in (x,
        os.cpu_count())]


class Thing:
    size: int = twice(1)[0]
    """What explains a field is a docstring too."""

    def grow(self):
        return inner(lambda: twice(self.size))


def inner(work):
    return work()


thing = Thing()
'''


def test_no_figure_of_the_source_is_above_its_ceiling():
    assert shape.worse(shape.of_source(), json.loads(shape.CEILING.read_text())) == []


def test_no_job_enters_more_than_its_ceiling():
    assert shape.worse(shape.of_jobs(), json.loads(shape.CEILING.read_text())) == []


def test_a_figure_that_rose_is_named_with_its_goal():
    ceiling = {"rooms": 35, "longest file, lines": 287}
    assert shape.worse({"rooms": 36}, ceiling) == ["rooms: 36, at most 35 (goal: 22)"]
    assert shape.worse({"rooms": 35, "longest file, lines": 450}, ceiling) == []
    assert shape.worse({"longest file, lines": 451}, ceiling) != []
    assert shape.worse({"median file, lines": 275}, {"median file, lines": 99}) == []
    assert shape.worse({"median file, lines": 276}, {"median file, lines": 300}) != []


def test_the_table_holds_each_figure_at_the_start_its_goal_and_today():
    lines = shape.table({"rooms": 22, "files": 229, "of these for types alone": 3}).splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert cells[0] == ["figure", "at the start", "goal", "today"]
    assert cells[2:4] == [["rooms", "35", "22", "22"], ["files", "479", "180", "229"]]
    assert cells[4][1:] == ["-", "-", "3"]
    assert set(shape.START) <= set(shape.GOALS) <= set(json.loads(shape.CEILING.read_text()))


def test_every_goal_is_met_or_its_miss_explained():
    today = json.loads(shape.CEILING.read_text())
    assert set(shape.misses(today)) == set(shape.MISSED)
    assert shape.misses({"rooms": 22, "files": 181, "median file, lines": 250}) == ["files"]


def test_names_that_may_recur_are_no_finding():
    """Commands bear their names, and each framework has its retriever."""
    sources = [
        made("class Thing: ...\nclass AnglewiseRetriever: ...", shape.SRC / place)
        for place in ("cli/audit.py", "auditing/audit.py", "comparison/lists.py", "rag/lists.py")
    ]
    assert shape.shared_names(sources) == ["lists"]
    assert shape.twice_named(sources) == ["Thing"]


def made(text, path=Path("made.py")):
    source = shape.Source(path)
    source.__dict__["text"] = text
    return source


def test_lines_of_code_are_neither_blank_nor_comments_nor_docstrings():
    assert shape.code_lines(made(MADE)) == 13


def test_the_probe_counts_functions_that_run_after_importing(tmp_path):
    (tmp_path / "made.py").write_text(MADE)
    code = """
import json, sys
sys.path[:0] = sys.argv[1:]
from shape_jobs import Probe
def work():
    import made
    made.thing.grow()
print(json.dumps(Probe(sys.argv[1]).watch(work)))
"""
    folders = [str(tmp_path), str(Path(shape.__file__).parent)]
    run = subprocess.run(
        [sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True
    )
    # grow, inner, the lambda and twice, which also ran as the class was made
    assert json.loads(run.stdout) == {
        "files entered": 1,
        "functions": 4,
        "deepest stack": 4,
        "files loaded": 1,
    }
    assert Probe(str(tmp_path)).watch(lambda: None)["functions"] == 0


def test_arrows_are_found_in_functions_and_for_types_alone():
    text = """
from typing import TYPE_CHECKING
from anglewise.evaluation_metrics import other
if TYPE_CHECKING:
    from anglewise.nearest_neighbours import search as engine
    from anglewise.recommender_models.svd import svd

def late():
    import anglewise.recommender_models.svd
    from anglewise import errors
"""
    source = made(
        text, shape.SRC / "evaluation_metrics" / "made.py"
    )  # never written: its place is its room
    assert shape.arrows([source]) == {
        ("evaluation_metrics", "nearest_neighbours"): True,
        ("evaluation_metrics", "recommender_models"): False,
        ("evaluation_metrics", "errors"): False,
    }


def test_arrows_up_and_circles_are_seen():
    assert shape.going_up([("statistics", "cli"), ("cli", "statistics"), ("errors", "cli")]) == [
        ("statistics", "cli"),
        ("errors", "cli"),
    ]
    assert shape.going_up([("data_types", "errors"), ("errors", "data_types")]) == [
        ("errors", "data_types")
    ]
    assert shape.in_circles([("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]) == ["b", "c"]
