"""``anglewise remedy``: from a folder to a sentence, a command that runs, and pages."""

import json
import shlex

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, read_space, write_space
from anglewise.data_types.sparse import SparseRows
from cli_run import anglewise, refused  # noqa: F401 a fixture
from remedy_space import fitted

FEW = "euclidean, product(3): dot"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = fitted()
    path = tmp_path_factory.mktemp("remedy") / "movies"
    write_space(made.space, path, judgements=made.judgements)
    return path


@pytest.fixture(autouse=True)
def caches(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches"


def test_the_advice_comes_before_two_tables_none_too_wide(anglewise, folder):  # noqa: F811
    run = anglewise("remedy", folder, "--candidates", FEW, "--quiet")
    assert run.code == 0
    lines = run.out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("queries-items · nDCG@10 · 80 queries · 60 items")
    advice = next(i for i, line in enumerate(lines) if line.startswith(("Use ", "Stay with ")))
    heads = [i for i, line in enumerate(lines) if line.startswith("candidate ")]
    assert advice < heads[0] < heads[1]
    for word in ("vs cosine", "vs dot", "best?"):
        assert word in lines[heads[0]]
    for word in ("training", "bytes", "served", "head", "middle", "tail", "coverage", "Gini"):
        assert word in lines[heads[1]]


def test_json_has_the_keys_of_compare_and_more(anglewise, folder):  # noqa: F811
    told = json.loads(anglewise("remedy", folder, "--candidates", FEW, "--json", "-").out)
    assert told["command"] == "remedy"
    assert {"verdict", "advice", "screening", "left_out", "strata", "stopped"} <= told.keys()
    (row,) = (one for one in told["measures"] if one["measure"] == "product(3): dot")
    assert set(row["vs"]) == {"cosine", "dot"}
    assert set(row["strata"]) == {"head", "middle", "tail"}
    assert row["cost"]["bytes_a_vector"] == 32
    assert row["kind"] == "re-made"
    assert 0 < row["coverage"]["share"] <= 1


@pytest.fixture(scope="module")
def off_centre(tmp_path_factory):
    """Vectors that lie far from the origin, where cosine sees little but the way there."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 8))
    items = 3 + x * rng.uniform(0.5, 2, (120, 1))
    asking = x + 3 + 0.5 * rng.standard_normal(x.shape)
    own = SparseRows.from_pairs(np.arange(120), np.arange(120), shape=(120, 120))
    space = Space(queries=Embeddings(asking), items=Embeddings(items))
    path = tmp_path_factory.mktemp("off") / "off centre"
    write_space(space, path, judgements={"queries-items": Judgements(own)})
    return path


def test_the_command_of_a_winner_writes_it_and_it_is_found_again(anglewise, off_centre, tmp_path):  # noqa: F811
    words = ["remedy", off_centre, "--metric", "RR@10", "--candidates", "euclidean,cosine@centred"]
    told = json.loads(anglewise(*words, "--json", "-").out)
    assert told["advice"]["candidate"] == "cosine@centred"
    command = told["command_line"]
    assert f"  {command}" in anglewise(*words).out.splitlines()
    typed = shlex.split(command)
    assert typed[0] == "anglewise"
    better = tmp_path / "better"
    typed[typed.index("better/")] = str(better)
    again = json.loads(anglewise(*typed[1:], "--json", "-").out)
    for key in ("candidate", "wins", "options"):
        assert again["advice"][key] == told["advice"][key]
    assert again["saved"] == str(better)
    saved = read_space(better)
    assert saved.about["prepared_for"] == "cosine@centred"
    assert saved.about["index"] == {"measure": "dot"}
    compared = json.loads(anglewise("compare", better, "--metric", "RR@10", "--json", "-").out)
    means = {one["measure"]: one["metrics"]["RR@10"]["mean"] for one in compared["measures"]}
    (row,) = (one for one in told["measures"] if one["measure"] == "cosine@centred")
    assert means["dot"] == pytest.approx(row["metrics"]["RR@10"]["mean"])


def test_a_second_run_says_the_same(anglewise, folder, caches):  # noqa: F811
    words = ["remedy", folder, "--candidates", FEW, "--json", "-"]
    first, second = anglewise(*words), anglewise(*words)
    assert first.out == second.out
    assert list((caches / "anglewise" / "remedies").glob("*.remedy"))


def test_nothing_is_kept_where_that_is_not_wanted(anglewise, folder, caches):  # noqa: F811
    assert anglewise("remedy", folder, "--candidates", "euclidean", "--no-keep").code == 0
    assert not caches.exists()


def test_pages_hold_the_advice_and_both_tables(anglewise, folder, tmp_path):  # noqa: F811
    html, markdown = tmp_path / "page.html", tmp_path / "page.md"
    words = ["remedy", folder, "--candidates", FEW, "--html", html, "--markdown", markdown]
    assert anglewise(*words).code == 0
    page, text = html.read_text(), markdown.read_text()
    assert page.count("<table") >= 2
    assert "What should be used instead of cosine?" in page
    assert "<script" not in page
    for word in ("product(3): dot", "coverage", "Head, middle, tail"):
        assert word in page
        assert word in text
    rows = [line.count("|") for line in text.splitlines() if line.startswith("| ")]
    assert len(set(rows)) == 2  # two tables, each of one width


def test_no_winner_no_space(anglewise, folder, tmp_path):  # noqa: F811
    words = ["remedy", folder, "--candidates", "euclidean", "--save", tmp_path / "none"]
    run = anglewise(*words)
    assert run.code == 0
    assert "Use dot: " in run.out
    assert "Stay with" not in run.out  # raw dot is the better one
    assert "Use dot: there is no remedy to make, so nothing was written" in run.err
    assert not (tmp_path / "none").exists()


def test_bad_use_is_refused_in_one_line(anglewise, folder, tmp_path):  # noqa: F811
    refused(anglewise("remedy", folder, "--budgt", "1m"), "--budgt")
    refused(anglewise("remedy", folder, "--budget", "soon"), "90s, 10m or 1h")
    refused(anglewise("remedy", folder, "--candidates", "prodct(3)"), "did you mean 'product'")
    refused(anglewise("remedy", tmp_path / "nowhere"), "nowhere")
    refused(anglewise("remedy", folder, "--save", folder / "items.parquet"), "a part of the space")
    refused(anglewise("remedy", folder, "--html", tmp_path), "folder")


def test_an_interrupt_shows_what_is_finished_and_exits_130(anglewise, folder, monkeypatch):  # noqa: F811
    from anglewise.remedies.builders import ClosedForm

    def stop(*_words):
        raise KeyboardInterrupt

    monkeypatch.setattr(ClosedForm, "make", stop)
    run = anglewise("remedy", folder, "--candidates", FEW)
    assert run.code == 130
    assert "interrupted: 1 candidate had reached the end" in run.out
    assert "euclidean" in run.out
