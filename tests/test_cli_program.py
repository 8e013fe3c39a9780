"""The command line as a whole: help, bad use, interruption, pipes, settings, start-up."""

import inspect
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from importlib.metadata import metadata, version
from io import StringIO
from pathlib import Path

import pytest

from anglewise.cli import console, program
from anglewise.cli.console import Talk
from anglewise.cli.doctor import EXTRAS
from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.options import Always
from anglewise.cli.program import COMMANDS
from anglewise.errors import FileError
from anglewise.io.files import reading
from cli_run import anglewise, refused

__all__ = ["anglewise"]

BIN = Path(sys.executable).parent / "anglewise"

LEAVES = [
    *([command] for command in COMMANDS if command != "judge"),
    *(["judge", command] for command in JUDGE_COMMANDS),
]
"""Commands that do something themselves."""


def leaf(words):
    app = program.program()
    for word in words:
        app = app[word]
    return app


def test_the_list_of_commands_says_what_each_is_for(anglewise):
    run = anglewise("--help")
    assert run.code == 0
    for command, purpose in COMMANDS.items():
        assert re.search(rf"{command} +{re.escape(purpose)}", run.out)
    assert anglewise().out == run.out


def test_the_list_of_judging_commands_says_what_each_is_for(anglewise):
    run = anglewise("judge", "--help")
    assert run.code == 0
    for command, purpose in JUDGE_COMMANDS.items():
        assert re.search(rf"{command} +{re.escape(purpose)}", run.out)


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_option_is_documented(command, anglewise):
    app = leaf(command)
    arguments = app.assemble_argument_collection(parse_docstring=True)
    shown = [one for one in arguments if one.show]
    assert shown
    for one in shown:
        assert one.parameter.help, f"{command} {one.name} has no help"
    text = anglewise(*command, "--help").out
    for one in shown:
        assert one.name in text


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_takes_json_seed_and_quiet(command):
    names = {one.name for one in leaf(command).assemble_argument_collection()}
    assert {"--json", "--seed", "--quiet"} <= names


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_docstrings_name_no_option_that_is_gone(command):
    app = leaf(command)
    function = app.default_command
    told = re.findall(r"^    (\w+)\n        \S", inspect.getdoc(function) or "", re.MULTILINE)
    assert set(told) <= set(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["compre"], ["compre", 'Did you mean "compare"']),
        (["compare", "x", "--metrc", "nDCG@10"], ["--metrc", "Did you mean --metric"]),
        (["compare", "x", "--direction", "item-items"], ["item-items", '"items-items"']),
        (["compare", "x", "--tolerance", "much"], ["--tolerance", "much"]),
        (["compare", "x", "y"], ["y"]),
        (["search", "x"], ["--query"]),
        (["search", "x", "--query"], ["--query"]),
        (["fit", "x", "-o", "y", "--split", "randm"], ["randm", "random"]),
        (["doctor", "--seed", "one"], ["--seed", "one"]),
        (["doctor", "--seed", "-1"], ["--seed", "at least 0"]),
        (["compare", "x", "--tolerance", "-0.1"], ["--tolerance", "at least 0"]),
    ],
)
def test_bad_use_gets_one_message_with_a_hint(words, says, anglewise):
    assert refused(anglewise(*words), *says)


def test_a_fault_of_ours_is_not_taken_for_a_failed_gate(anglewise, monkeypatch):
    monkeypatch.setattr("anglewise.cli.program.engine", lambda: 1 / 0)
    run = anglewise("doctor")
    assert run.code == 70
    assert "ZeroDivisionError" in run.err
    assert "not yours" in run.err


def test_what_the_system_refuses_is_one_message(anglewise, monkeypatch):
    def full():
        raise OSError(28, "No space left on device", "x.json")

    monkeypatch.setattr("anglewise.cli.program.engine", full)
    assert refused(anglewise("doctor"), "x.json: No space left on device")


def test_too_little_memory_is_one_message(anglewise, monkeypatch):
    def much():
        raise MemoryError

    monkeypatch.setattr("anglewise.cli.program.engine", much)
    assert refused(anglewise("doctor"), "more memory")


def test_an_interrupt_exits_with_130(anglewise, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("anglewise.cli.program.engine", interrupted)
    run = anglewise("doctor")
    assert (run.code, run.out, run.err) == (130, "", "")


def test_control_c_ends_a_running_command_with_130(tmp_path):
    words = ["study"]
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # even if
        "from anglewise.cli import main; print(flush=True); "  # a shell's & ignores it
        f"sys.exit(main({words}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        process.stdout.readline()  # now it begins
        time.sleep(1)  # it is at work for some seconds more
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, b"")


def test_version_names_the_engine(anglewise):
    assert re.fullmatch(
        rf"anglewise {re.escape(version('anglewise'))}, engine: (numpy|compiled.*)\n",
        anglewise("--version").out,
    )


def test_doctor_tells_engine_libraries_and_every_extra(anglewise):
    content = json.loads(anglewise("doctor", "--json", "-").out)
    assert content["command"] == "doctor"
    assert content["libraries"]["numpy"]
    assert set(content["extras"]) == set(EXTRAS)
    text = anglewise("doctor").out
    assert all(f"[{extra}]" in text for extra in EXTRAS)


def test_doctor_knows_the_extras_that_are_installable():
    assert set(metadata("anglewise").get_all("Provides-Extra")) == set(EXTRAS)


def test_doctor_says_how_to_get_what_is_missing(anglewise, monkeypatch):
    monkeypatch.setitem(EXTRAS, "plot", ("no-such-library", "charts"))
    assert "missing: pip install 'anglewise[plot]'" in anglewise("doctor").out


def test_json_goes_to_a_file_beside_the_text_or_alone_to_standard_output(anglewise, tmp_path):
    file = tmp_path / "x.json"
    beside = anglewise("doctor", "--json", file)
    assert "engine" in beside.out
    assert file.read_text() == anglewise("doctor", "--json", "-").out


def test_settings_come_from_the_file_then_the_environment_then_what_is_typed(
    anglewise, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("anglewise.toml").write_text('[doctor]\njson = "file.json"\n')
    anglewise("doctor")
    assert Path("file.json").exists()
    monkeypatch.setenv("ANGLEWISE_DOCTOR_JSON", "environment.json")
    anglewise("doctor")
    assert Path("environment.json").exists()
    assert anglewise("doctor", "--json", "-").out.startswith("{")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[docter]\nseed = 1\n", ["docter", "did you mean [doctor]"]),
        ("seed = 1\n", ["'seed'", "no command"]),
        ("[doctor]\nsede = 1\n", ["[sede]", "anglewise.toml"]),
        ("[doctor\n", ["TOML"]),
    ],
)
def test_a_setting_that_means_nothing_is_refused(content, says, anglewise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("anglewise.toml").write_text(content)
    assert refused(anglewise("doctor"), *says)


def test_a_reader_that_leaves_early_stops_the_text_and_not_the_command(tmp_path):
    script = (
        "from anglewise.cli.console import standard_output\n"
        "import sys\n"
        "out = standard_output()\n"
        "for i in range(2000):\n"
        "    out.print('line', i, 'x' * 80)\n"
        "out.write('more')\n"
        f"open({str(tmp_path / 'done')!r}, 'w').write('yes')\n"
    )
    pipe = f'{sys.executable} -c "$SCRIPT" | head -1; exit ${{PIPESTATUS[0]}}'
    run = subprocess.run(
        ["bash", "-c", pipe],
        env=os.environ | {"SCRIPT": script, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, f"line 0 {'x' * 80}\n", "")
    assert (tmp_path / "done").exists()


def test_nobody_need_listen_where_the_result_goes_to_a_file(tmp_path):
    line = f"{BIN} doctor --json {tmp_path}/doctor.json >&-"
    run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert (tmp_path / "doctor.json").exists()


def test_help_is_printed_as_far_as_somebody_reads():
    line = f"{BIN} --help | true; exit ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("listener", ["2>&-", "2>/dev/full", ">&- 2>&-", "2>&1 | true"])
@pytest.mark.parametrize("words", ["context nowhere", "compare nowhere", "nosuch", "doctor --x"])
def test_bad_use_ends_with_2_whoever_listens(words, listener):
    """1 would mean that a gate failed."""
    line = f"{BIN} {words} {listener}; exit ${{PIPESTATUS[0]}}"
    assert subprocess.run(["bash", "-c", line], capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        "doctor",
        "doctor --json -",
        "--help",
        "--version",
        "audit {space}",
        "search {space} --query 0",
        "compare {space} --qrels {labels}",
        "fit {ratings} -o {out}",
        "judge export {space} {out}",
    ],
)
def test_a_result_that_nobody_can_read_is_refused(tmp_path, words):
    """Before any work; the files that these calls name need not be there."""
    names = {name: tmp_path / name for name in ("space", "labels", "ratings", "out")}
    run = subprocess.run(
        ["bash", "-c", f"{BIN} {words.format(**names)} >&-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "standard output, which is closed" in run.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("words", ["doctor", "doctor --json -", "--help", "--version"])
def test_a_result_for_which_there_is_no_room_is_refused(words):
    run = subprocess.run(
        ["bash", "-c", f"{BIN} {words} >/dev/full"], capture_output=True, text=True, check=False
    )
    message = "anglewise: standard output could not be written (No space left on device): "
    assert run.returncode == 2
    assert run.stderr == f"{message}make room, or send it elsewhere\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("options", ["", "--json -"])
def test_what_was_recorded_is_said_where_it_cannot_be_printed(options, tmp_path):
    (tmp_path / "in.csv").write_text("query_id,item_id,grade,judge\nq1,i3,1,bob\n")
    run = subprocess.run(
        ["bash", "-c", f"{BIN} judge import s.sqlite in.csv {options} >/dev/full"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 2
    assert run.stderr.startswith(
        "anglewise: 1 judgement recorded in s.sqlite; standard output could not be written"
    )


def test_nothing_is_made_where_a_demo_cannot_be_shown(tmp_path):
    run = subprocess.run(
        ["bash", "-c", f"{BIN} demo -o made >&-"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 2
    assert "standard output, which is closed" in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("DOCTOR_JSN", "did you mean ANGLEWISE_DOCTOR_JSON?"),
        ("DOCTOR_JSON_X", "did you mean ANGLEWISE_DOCTOR_JSON?"),
        ("DOCTOR_ALWAYS_JSON", "sets nothing"),
        ("DOCTOR_NOSUCH", "sets nothing: write ANGLEWISE_COMMAND_OPTION"),
        ("NOSUCH", "sets nothing: write ANGLEWISE_COMMAND_OPTION"),
        ("MEMRY", "did you mean ANGLEWISE_MEMORY?"),
        ("COMPRE_METRIC", "sets nothing"),
    ],
)
def test_a_variable_that_sets_nothing_is_refused(anglewise, monkeypatch, name, near):
    monkeypatch.setenv(f"ANGLEWISE_{name}", "x")
    assert refused(anglewise("doctor"), f"ANGLEWISE_{name}", near)


@pytest.mark.parametrize("name", ["DOCTOR_SEED", "COMPARE_NOSUCH", "MEMORY"])
def test_variables_of_this_and_of_other_commands_are_left_alone(anglewise, monkeypatch, name):
    monkeypatch.setenv(f"ANGLEWISE_{name}", "7")
    assert anglewise("doctor").code == 0


def test_the_checks_of_the_project_set_no_variable_that_the_command_refuses():
    root = Path(__file__).parents[1]
    files = [root / ".ci" / "run", root / "Makefile", *root.glob(".github/workflows/*.yml")]
    named = {word for file in files for word in re.findall(r"ANGLEWISE_\w+", file.read_text())}
    assert named <= {*program.VARIABLES}


def test_text_that_the_terminal_cannot_write_is_replaced():
    code = "from anglewise.cli.console import standard_output as o; o().print('caf\\u00e9 \\u2713')"
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert run.stdout == b"caf? ?\n"


def test_piped_text_is_100_wide_unless_columns_says_otherwise(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console.standard_output().width == 100
    monkeypatch.setenv("COLUMNS", "72")
    assert console.standard_output().width == 72


def test_a_bar_runs_on_a_terminal_and_nowhere_else(monkeypatch):
    screen = StringIO()
    terminal = console.PatientConsole(file=screen, force_terminal=True, width=80)
    monkeypatch.setattr("anglewise.cli.console.standard_error", lambda: terminal)
    with Talk(Always()).progress("searching", then="testing") as step:
        step(1, 2)
        step(2, 2)
    assert "testing" in screen.getvalue()
    with Talk(Always(quiet=True)).progress("searching") as step:
        assert step is None
    monkeypatch.undo()
    with Talk(Always()).progress("searching") as step:
        assert step is None


def test_help_starts_quickly():
    """0.2 s of CPU on the machine where it was written; the bound leaves room for slow ones."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([BIN, "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


@pytest.mark.parametrize(("error", "code"), [(SystemExit(1), 2), (BaseException("x"), 70)])
def test_code_one_is_left_to_gates(error, code, monkeypatch, capsys):
    def fails(_):
        raise error

    monkeypatch.setattr("anglewise.cli.program.run", fails)
    assert program.main([]) == code
    assert "anglewise: " in capsys.readouterr().err


def test_a_lack_of_threads_is_one_message(anglewise, monkeypatch, tmp_path):
    def start(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("anglewise.cli.program.engine", start)
    assert refused(anglewise("doctor"), "no further thread", "ulimit -u")
    with pytest.raises(FileError, match="for lack of threads"), reading(tmp_path, "parquet"):
        raise OSError("Failed to launch worker thread: Resource temporarily unavailable")


def test_a_current_folder_that_is_gone_is_named(anglewise, monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    run = anglewise("audit", tmp_path / "s")
    monkeypatch.chdir(tmp_path)
    assert refused(run, "the current folder was removed")
