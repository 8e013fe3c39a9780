"""The demo does what it shows, and shows what to type next."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

from anglewise.errors import MissingExtraError
from cli_run import anglewise, refused

__all__ = ["anglewise"]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A smaller catalogue, without the digits, in an empty folder."""

    def missing():
        raise MissingExtraError("the digits need anglewise[sklearn]")

    monkeypatch.setattr("anglewise.cli.demo.USERS", 400)
    monkeypatch.setattr("anglewise.cli.demo.FILMS", 120)
    monkeypatch.setattr("anglewise.experiment.catalogue.digits", missing)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return {file.name: file.read_bytes() for file in folder.glob("*.*")}


def test_what_is_shown_was_run_and_gives_the_same_again(small, anglewise):
    run = anglewise("demo", "--quiet", "--seed", 1)
    assert run.code == 0
    shown = [shlex.split(line)[2:] for line in run.out.splitlines() if line.startswith("$ ")]
    assert [words[0] for words in shown] == ["fit", "compare", "compare", "audit", "compare"]
    for words in shown[:2]:
        again = anglewise(*words)
        assert again.code == 0
        assert again.out.strip() in run.out
    assert "left out: the digits need anglewise[sklearn]" in run.out
    last = run.out.rsplit("For your own data:", 1)[1]
    assert set(re.findall(r"^ +anglewise (\w+)", last, re.MULTILINE)) == {
        "fit",
        "compare",
        "search",
        "audit",
        "remedy",
        "inspect",
    }
    made = files(small / "demo")
    told = json.loads(anglewise("demo", "--json", "-", "--seed", 1).out)
    assert set(told["comparisons"]) == {"films-recommend", "films-similar", "guides"}
    assert {one["seed"] for one in told["comparisons"].values()} == {1}
    assert files(small / "demo") == made


def test_the_page_is_not_opened_where_nobody_is_at_a_terminal(small, anglewise, monkeypatch):
    monkeypatch.setattr("anglewise.web_page.app.served", None)  # nothing may be served
    run = anglewise("demo", "--quiet", "--open")
    assert run.code == 0
    assert "gauge slider" in run.out
    assert run.out.endswith("To open it: anglewise inspect demo/films\n")
    assert json.loads((small / "demo" / "films-audit.json").read_text())["command"] == "audit"
    assert "gauge slider" not in anglewise("demo", "--quiet").out


@pytest.mark.usefixtures("small")
def test_whoever_is_at_a_terminal_gets_the_page(anglewise, monkeypatch):
    opened = []
    monkeypatch.setattr("anglewise.cli.demo._somebody_is_there", lambda: True)
    monkeypatch.setattr("anglewise.cli.demo._run", lambda words, *_: opened.append(words))
    monkeypatch.setattr("anglewise.cli.demo._read", lambda *_: {})
    monkeypatch.setattr("anglewise.cli.demo._films", lambda *_: [])
    monkeypatch.setattr("anglewise.cli.demo._guides", lambda *_: [])
    assert anglewise("demo", "--quiet", "--open").code == 0
    assert opened == [["inspect", "demo/films"]]


@pytest.mark.parametrize("missing", ["stdin", "stdout", "CI"])
def test_a_person_is_whoever_reads_and_types_outside_of_ci(missing, monkeypatch):
    from anglewise.cli.demo import _somebody_is_there

    monkeypatch.delenv("CI", raising=False)
    for name in ("stdin", "stdout"):
        stream = SimpleNamespace(closed=False, isatty=lambda name=name: name != missing)
        monkeypatch.setattr(f"anglewise.cli.demo.sys.{name}", stream)
    if missing == "CI":
        assert _somebody_is_there()
        monkeypatch.setenv("CI", "true")
    assert not _somebody_is_there()


def test_an_output_that_is_a_file_is_refused(small, anglewise):
    (small / "demo").write_text("")
    run = anglewise("demo")
    assert (run.code, run.out) == (2, "")
    assert "demo" in run.err


@pytest.mark.parametrize("name", ["films.csv", "digits.html", "films/space.json", "demo.json"])
def test_nothing_but_an_older_demo_is_written_over(name, small, anglewise):
    file = small / "own" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    for _ in range(2):
        assert refused(anglewise("demo", "-o", "own"), name.partition("/")[0], "no demo.json")
    assert file.read_text() == "mine"
    assert sum(1 for path in (small / "own").rglob("*") if path.is_file()) == 1


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    "name",
    ["films/space.json", "guides/x.json", "digits/more/x.json", "FILMS/../films/x.json", "films"],
)
def test_an_output_within_what_the_demo_makes_is_refused_before_any_work(
    name, there, small, anglewise
):
    if there:
        (small / "made").mkdir()
        (small / "made" / "demo.json").write_text('{"command": "demo"}')
    before = sorted(small.rglob("*"))
    run = anglewise("demo", "-o", "made", "--json", f"made/{name}")
    assert refused(run, f"--json made/{name}", "choose another")
    assert sorted(small.rglob("*")) == before


@pytest.mark.slow
def test_the_tour_says_what_the_demo_says(tmp_path, monkeypatch, anglewise):
    monkeypatch.chdir(tmp_path)
    assert anglewise("demo", "--quiet").code == 0
    made = {
        name: json.loads((tmp_path / "demo" / f"{name}.json").read_text())
        for name in ("films-audit", "films-recommend", "films-similar", "digits", "guides")
    }
    verdicts = {name: content["verdict"] for name, content in made.items()}
    assert verdicts["films-audit"]["cosine"] == "arbitrary"
    assert "39% of the nearest 10 stay (queries to queries)" in verdicts["films-audit"]["reason"]
    told = [(verdicts[name]["decision"], verdicts[name]["measure"]) for name in [*made][1:]]
    assert [decision for decision, _ in told] == ["tie", "cannot-tell", "use", "cannot-tell"]
    assert (told[0][1], told[2][1]) == ("dot", "euclidean")
    assert "at least 0.049 at 95%" in verdicts["films-recommend"]["reason"]
    assert "nothing is shown to beat item-kNN" in verdicts["films-recommend"]["reason"]
    assert "ways of judging disagree" in verdicts["films-similar"]["reason"]
    assert "about 260 more" in verdicts["guides"]["reason"]
    page = next((Path(__file__).parents[1] / "docs").rglob("tour.md")).read_text()
    for figure in ("39%", "4,000", "600", "32", "0.049", "260"):
        assert figure in page
