"""Outputs are named for what they are, fit their folder, and go where the caller opened a way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, write_space
from anglewise.cli.paths import options_of
from anglewise.data_types.sparse import SparseRows
from anglewise.io.output_checks import check_ending, handle_of
from anglewise.io.outputs import new_file
from anglewise.io.temporary_files import part_path
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore
from cli_run import anglewise, refused
from test_no_option_is_ignored import functions

__all__ = ["anglewise"]


@pytest.fixture
def space(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    made = Space(
        queries=Embeddings(rng.normal(size=(8, 4)), ids=[f"q{row}" for row in range(8)]),
        items=Embeddings(rng.normal(size=(20, 4)), ids=[f"i{row}" for row in range(20)]),
    )
    rows = np.repeat(np.arange(8), 2)
    gains = SparseRows.from_pairs(rows, (rows * 3 + np.tile([0, 1], 8)) % 20, shape=(8, 20))
    write_space(made, tmp_path / "space", judgements={"queries-items": Judgements(gains)})
    with JudgementStore.open(tmp_path / "judged.sqlite") as store:
        store.add_new([Judged("q1", f"i{item}", item % 3, judge="ann") for item in range(9)])
    return tmp_path / "space"


LIES = [
    "compare space --per-query values.csv",
    "compare space --per-query values.txt",
    "compare space --per-query values",
    "compare space --html page.pdf",
    "compare space --markdown table.html",
    "compare space --json result.csv",
    "compare space --json result.json.gz",
    "compare space --gate dot>=0 --junit gates.json",
    "calibrate space -o relevance.csv",
    "calibrate space --plot curve.gif",
    "judge power space --plot curve.csv",
    "judge agreement judged.sqlite --disputes open.xlsx",
    "compare space --measures dot --run-out runs.csv",
    "compare space --measures dot --run-out dot.run.gz",
    "judge export judged.sqlite grades.parquet --format csv",
    "judge export judged.sqlite grades.csv --format parquet",
    "judge export judged.sqlite grades.csv --format argilla",
]


@pytest.mark.parametrize("words", LIES)
def test_an_output_called_as_another_kind_of_file_is_refused_before_any_work(
    words, space, anglewise
):
    before = sorted(path for path in space.parent.rglob("*") if ".sqlite-" not in path.name)
    assert refused(anglewise(*words.split(), "--quiet"), "no such file: call it")
    after = sorted(path for path in space.parent.rglob("*") if ".sqlite-" not in path.name)
    assert before == after


@pytest.mark.parametrize(
    "words",
    ["--per-query v.parquet", "--html page.HTML", "--html page", "--markdown t.txt", "--json r.of"],
)
@pytest.mark.usefixtures("space")
def test_other_names_are_taken(words, anglewise):
    assert anglewise("compare", "space", "--quiet", *words.split()).code == 0


WRITERS = [
    "compare space --json",
    "compare space --html",
    "compare space --markdown",
    "compare space --measures dot --run-out",
    "calibrate space -o",
    "judge agreement judged.sqlite --disputes",
    "judge export judged.sqlite --format csv",
    "judge export judged.sqlite --format trec",
]


@pytest.mark.parametrize("name", ["thesis.tex", "nb.ipynb", "model.onnx", "video.mp4", "notes.of"])
@pytest.mark.parametrize("words", WRITERS)
def test_what_is_there_under_the_name_of_any_other_kind_stays(words, name, space, anglewise):
    file = space.parent / name
    file.write_bytes(b"mine")
    run = anglewise(*words.split(), name, "--quiet")
    assert refused(run, f"{name} is there already and does not end in", "another kind")
    assert file.read_bytes() == b"mine"


@pytest.mark.parametrize("words", [words for words in WRITERS if "disputes" not in words])
def test_a_new_name_and_an_empty_file_may_end_in_anything(words, space, anglewise):
    (space.parent / "temporary.of").touch()  # as mktemp makes it
    for name in ("new.of", "temporary.of"):
        assert anglewise(*words.split(), name, "--quiet").code == 0
        assert (space.parent / name).stat().st_size > 0


@pytest.mark.usefixtures("space")
def test_a_link_is_called_as_what_it_leads_to(anglewise, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / "result.json").symlink_to("thesis.tex")
    run = anglewise("compare", "space", "--json", "result.json")
    assert refused(run, "result.json leads to", "thesis.tex, which is there already")
    assert (tmp_path / "thesis.tex").read_text() == "mine"
    (tmp_path / "result-7.json").write_text("{}")
    (tmp_path / "latest").symlink_to("result-7.json")
    assert anglewise("compare", "space", "--json", "latest", "--quiet").code == 0
    assert json.loads((tmp_path / "result-7.json").read_text())["command"] == "compare"


def test_every_file_that_is_written_has_a_kind_or_is_checked_by_its_command():
    checked = {("judge_sample", "--output"), ("judge_next", "--output"), ("judge_export", "FILE")}
    plain = {
        (name, option.name)
        for name, function in functions().items()
        for option in options_of(function)
        if option.role is not None and option.role.does == "writes" and not option.role.endings
    }
    assert plain == checked


def test_an_ending_that_says_nothing_is_any_kind():
    check_ending(Path("notes.of"), [".html"])
    check_ending(Path("notes"), [".html"])


@pytest.mark.usefixtures("space")
def test_runs_whose_names_are_too_long_are_refused_before_any_work(tmp_path, anglewise):
    words = ["--spaces", f"{'a' * 250}=space", "b=space", "--run-out", "runs"]
    run = anglewise("compare", *words, "--html", "page.html", "--json", "all.json", "--quiet")
    assert refused(run, "bytes, at most 255 fit")
    assert not any((tmp_path / name).exists() for name in ("page.html", "all.json", "runs"))


@pytest.mark.usefixtures("space")
def test_a_store_whose_companions_had_too_long_names_is_refused(anglewise):
    name = "g" * 244 + ".sqlite"
    Path("grades.csv").write_text("query_id,item_id,grade\nq1,i1,1\n")
    assert refused(anglewise("judge", "import", name, "grades.csv"), "at most 255 fit")


def test_a_name_of_long_letters_leaves_room_for_a_temporary_one(tmp_path):
    target = tmp_path / ("日" * 83 + ".json")
    assert len(os.fsencode(part_path(target).name)) <= 255
    with new_file(target) as file:
        file.write(b"{}")
    assert target.read_bytes() == b"{}"


# What a caller opened.

ON_UNIX = pytest.mark.skipif(os.name == "nt", reason="handles have no names there")


def start(*words, **how):
    code = "import sys; from anglewise.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, timeout=60, check=False, **how
    )


@ON_UNIX
@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd", "/proc/self/../self/fd"])
@pytest.mark.usefixtures("space")
def test_a_handle_that_nobody_gave_is_refused_at_once(folder):
    if not Path(folder).is_dir():
        pytest.skip("no such folder on this system")
    calls = [
        (option, f"{folder}/{number}") for number in range(3, 9) for option in ("--json", "--qrels")
    ]
    code = (
        "from anglewise.cli import main; [print(main(['compare', 'space', *words])) for words in "
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}{calls}]"], capture_output=True, timeout=60, check=False
    )
    assert done.stdout.split() == len(calls) * [b"2"]
    assert done.stderr.count(b"nothing was opened as") == len(calls)


@ON_UNIX
@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_a_handle_that_was_given_is_written_to(folder, space):
    if not Path(folder).is_dir():
        pytest.skip("no such folder on this system")
    reading, writing = os.pipe()
    done = start("compare", "space", "--quiet", "--json", f"{folder}/{writing}", pass_fds=[writing])
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert json.loads(pipe.read())["command"] == "compare"
    assert done.returncode == 0
    file = space.parent / "kept.json"
    with file.open("wb") as opened:
        before = file.stat().st_ino
        number = opened.fileno()
        path = f"{folder}/{number}"
        assert start("compare", "space", "--json", path, pass_fds=[number]).returncode == 0
    assert file.stat().st_ino == before
    assert json.loads(file.read_bytes())["command"] == "compare"
    with file.open("rb") as opened:
        number = opened.fileno()
        done = start("compare", "space", "--json", f"{folder}/{number}", pass_fds=[number])
    assert done.returncode == 2
    assert b"cannot be used to write" in done.stderr


@ON_UNIX
def test_a_link_to_a_handle_is_that_handle(tmp_path):
    (tmp_path / "link").symlink_to("/dev/fd/7")
    assert handle_of(tmp_path / "link") == 7
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert handle_of(tmp_path / "circle") is None
    assert handle_of(tmp_path / "7") is None


# The rows that an import refuses.

BAD = "query_id,item_id,grade\nq1,i1,1\nq1,i2,high\n"


@pytest.mark.usefixtures("space")
def test_refused_rows_take_the_place_of_nothing_that_somebody_changed(tmp_path, anglewise):
    (tmp_path / "in.csv").write_text(BAD)
    words = ["judge", "import", "new.sqlite", "in.csv"]
    assert anglewise(*words).code == 0
    usual = tmp_path / "in.csv.rejects.csv"
    written = usual.read_bytes()
    assert anglewise(*words).code == 0  # the same rows again
    assert sorted(path.name for path in tmp_path.glob("*rejects*")) == [usual.name]

    usual.write_bytes(written.replace(b"high", b"3"))
    mended = usual.read_bytes()
    run = anglewise(*words)
    assert run.code == 0
    assert f"{usual.name} is there already and stays as it is" in run.err
    assert usual.read_bytes() == mended
    further = tmp_path / "in.csv.rejects-2.csv"
    assert further.read_bytes() == written
    assert further.name in run.out
    assert anglewise(*words).code == 0
    assert len(list(tmp_path.glob("*rejects*"))) == 2


@pytest.mark.usefixtures("space")
def test_no_other_output_may_have_a_name_that_refused_rows_may_get(tmp_path, anglewise):
    (tmp_path / "in.csv").write_text(BAD)
    (tmp_path / "in.csv.rejects.csv").write_text("mended")
    words = ["judge", "import", "new.sqlite", "in.csv", "--json"]
    os.link(tmp_path / "in.csv.rejects.csv", tmp_path / "in.json")
    assert refused(anglewise(*words, "in.json"), "in.csv.rejects.csv")
    assert not (tmp_path / "new.sqlite").exists()
