"""``anglewise.toml`` may lie beside data from a stranger: it names data, never code or doors."""

import os
from pathlib import Path

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, write_space
from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.program import COMMANDS, program
from anglewise.cli.settings import ADDED_TO, PLAIN, READS, WRITES, YOURS, users_file
from anglewise.comparison import compare as comparison
from anglewise.data_types.sparse import SparseRows
from cli_run import anglewise, refused
from processor_time import at_most

__all__ = ["anglewise"]

EVERY = [(name,) for name in COMMANDS if name != "judge"]
EVERY += [("judge", name) for name in JUDGE_COMMANDS]


def options_of(command):
    app = program()
    for word in command:
        app = app[word]
    found = app.assemble_argument_collection(parse_docstring=False)
    return [one for one in found if one.index is None and one.name != "*"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with data, and a user whose settings stand elsewhere."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (folder / "texts.csv").write_text("id,text\na,heist\nb,voyage\n")
    return folder


def settings(text):
    Path("anglewise.toml").write_text(text)


def own_settings(text):
    file = users_file()
    file.parent.mkdir(parents=True)
    file.write_text(text)


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_option_says_whether_a_folder_may_set_it(command):
    for one in options_of(command):
        name = one.name.lstrip("-")
        kinds = [kind for kind in (READS, WRITES, YOURS, PLAIN) if name in kind]
        assert len(kinds) == 1, f"{name}: enter it in anglewise/cli/settings.py"
        if "Path" in str(one.hint):
            assert kinds[0] in (READS, WRITES, YOURS), f"{name} is a path"


def test_no_list_of_options_names_what_is_none():
    there = {one.name.lstrip("-") for command in EVERY for one in options_of(command)}
    assert there == READS | WRITES | YOURS | PLAIN


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (command, one.name.lstrip("-"))
        for command in EVERY
        for one in options_of(command)
        if one.name.lstrip("-") in YOURS
    ],
)
def test_what_is_the_users_alone_is_refused_from_a_folder(command, name, anglewise, home):
    settings(f'[{".".join(command)}]\n{name} = "http://127.0.0.1:9"\n')
    run = anglewise(*command)
    assert refused(run, f"{home}/anglewise.toml", f"sets {name} under [{'.'.join(command)}]")
    assert refused(run, f"type --{name}", f"{users_file()}")


def test_a_folder_runs_no_function(anglewise, home, monkeypatch):
    settings('[encode]\nencoder = "python:shutil:rmtree"\n')
    assert refused(anglewise("encode", "texts.csv", "-o", "space"), "ANGLEWISE_ENCODE_ENCODER")
    # what is typed wins over the file, as ever; so do the environment and the user's own file
    good = f"words:{home}/words.txt"
    Path("words.txt").write_text("heist 1 0\nvoyage 0 1\n")
    words = ["encode", "texts.csv", "-o", "space", "--no-cache"]
    assert anglewise(*words, "--encoder", good).code == 0
    monkeypatch.setenv("ANGLEWISE_ENCODE_ENCODER", good)
    assert anglewise(*words).code == 0


def test_the_users_own_file_names_encoders_and_comes_last(anglewise, home):
    Path("words.txt").write_text("heist 1 0\nvoyage 0 1\n")
    own_settings(f'[encode]\nencoder = "words:{home}/words.txt"\noutput = "own"\nno-cache = true\n')
    assert anglewise("encode", "texts.csv").code == 0
    assert Path("own/space.json").exists()
    settings('[encode]\noutput = "of-the-folder"\n')
    assert anglewise("encode", "texts.csv").code == 0
    assert Path("of-the-folder/space.json").exists()


@pytest.mark.parametrize("wrong", ["[encod]\nseed = 1\n", "[encode\n"])
@pytest.mark.usefixtures("home")
def test_the_users_own_file_is_checked_too(wrong, anglewise):
    own_settings(wrong)
    assert refused(anglewise("doctor"), str(users_file()))


def test_a_relative_place_for_settings_is_nobodys(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("APPDATA", raising=False)
    for base in ("", "config", "./x"):
        monkeypatch.setenv("XDG_CONFIG_HOME", base)
        assert users_file() == tmp_path / ".config" / "anglewise" / "config.toml"
    monkeypatch.setenv("HOME", "here")
    assert users_file() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("json", "../out.json"),
        ("json", "{tmp}/out.json"),
        ("json", "link/out.json"),
        ("json", "linked.json"),
        ("json", "loop/out.json"),
        ("json", "a/../../out.json"),
        ("json", "//evil/share/out.json"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_folder_writes_nothing_outside_of_itself(name, value, anglewise, tmp_path):
    (tmp_path / "else").mkdir()
    Path("link").symlink_to(tmp_path / "else")
    Path("linked.json").symlink_to(tmp_path / "else" / "out.json")
    Path("loop").symlink_to("loop")
    before = sorted(tmp_path.rglob("*"))
    settings(f"[doctor]\n{name} = '{value.format(tmp=tmp_path)}'\n")
    assert refused(anglewise("doctor"), f"sets {name} under [doctor]", "--json")
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "anglewise.toml"] == before


@pytest.mark.usefixtures("home")
def test_a_folder_writes_inside_of_itself(anglewise):
    Path("reports").mkdir()
    settings('[doctor]\njson = "reports/out.json"\n')
    assert anglewise("doctor").code == 0
    assert Path("reports/out.json").exists()
    settings('[doctor]\njson = "-"\n')
    assert anglewise("doctor").out.startswith("{")


@pytest.mark.parametrize("value", ["//evil/share/x.npy", r"\\evil\share\x.npy"])
@pytest.mark.usefixtures("home")
def test_a_folder_reads_from_no_other_machine(value, anglewise):
    settings(f"[audit]\nitems = '{value}'\n")
    assert refused(anglewise("audit"), "on another machine")
    settings(f"[compare]\nspaces = ['a', 'b={value}']\n")
    assert refused(anglewise("compare"), "on another machine")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda file: file.mkdir(), "is no file"),
        (os.mkfifo, "is no file"),
        (lambda file: file.symlink_to("/dev/zero"), "is no file"),
        (lambda file: file.symlink_to("nowhere"), "cannot be read"),
        (lambda file: file.symlink_to(file.name), "cannot be read"),
        (lambda file: file.write_bytes(b"[doctor]\n" + b"# and on\n" * 200_000), "16,384 bytes"),
        (lambda file: file.write_bytes(b'[doctor]\njson = "\xe9"\n'), "not UTF-8"),
        (lambda file: file.write_bytes(b"[doctor]\x00\n"), "no TOML"),
        (lambda file: file.write_bytes(b"\x7fELF\x02\x01"), "no TOML"),
        (lambda file: file.write_text('[doctor]\njson = "a\\u0000b"\n'), "null character"),
        (lambda file: file.write_text("[doctor]\nseed = " + "[" * 10_000), "no TOML"),
        (lambda file: file.write_text("[doctor]\nseed = " + "9" * 5_000 + "\n"), "no TOML"),
        (lambda file: file.write_text("doctor = 1\n"), "must be a mapping"),
        (lambda file: file.write_text("[doctor]\nseed = {a = 1}\n"), "seed"),
        (lambda file: file.write_text("[doctor]\nseed = [1, 2]\n"), "seed"),
        (lambda file: file.write_text("[doctor]\nseed = 2026-01-01\n"), "seed"),
    ],
)
def test_what_is_no_file_of_settings_is_one_message(make, says, anglewise, home):
    make(home / "anglewise.toml")
    assert refused(anglewise("doctor"), says)


def test_help_says_what_a_folder_may_not_set(anglewise):
    told = " ".join(anglewise("--help").out.split())
    assert "~/.config/anglewise/config.toml" in told
    assert "not taken from anglewise.toml" in told


@pytest.mark.parametrize("parts", [5, 400, 3000, 100_000])
def test_settings_that_nest_end_at_once(parts, anglewise, home):
    (home / "anglewise.toml").write_text(f"[search]\n{'.'.join(['a'] * parts)} = 1\n")
    with at_most(5):
        assert refused(anglewise("search", "space", "--query", "a"), "anglewise.toml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_folder_names_no_pipe_to_wait_for(anglewise, home):
    os.mkfifo(home / "f")
    settings('[compare]\nhtml = "f"\n')
    assert refused(anglewise("compare", "s", "--qrels", "q"), "a pipe or a device", "type --html")


@pytest.mark.parametrize("name", ["thesis.txt", "result.json"])
def test_a_folder_replaces_no_file(anglewise, home, name):
    (home / name).write_text("mine")
    settings(f'[compare]\njson = "{name}"\n')
    run = anglewise("compare", "s", "--qrels", "q")
    assert refused(run, "which is there already", "type --json")
    assert (home / name).read_text() == "mine"
    settings('[doctor]\njson = "new.json"\n')
    assert anglewise("doctor").code == 0
    assert refused(anglewise("doctor"), "which is there already")
    settings('[doctor]\njson = "-"\n')
    assert anglewise("doctor").code == 0


def test_a_folder_fills_no_folder_that_holds_something(anglewise, home):
    (home / "pages").mkdir()
    settings('[encode]\noutput = "pages"\n')
    assert "which is there already" not in anglewise("encode", "nowhere").err
    (home / "pages" / "mine.txt").write_text("mine")
    assert refused(anglewise("encode", "nowhere"), "which is there already", "--output")


def test_what_is_added_to_is_an_output():
    assert ADDED_TO < WRITES


ON_UNIX = pytest.mark.skipif(os.name == "nt", reason="no owners and modes there")


def give_away(path, monkeypatch):
    """Let a path belong to another account: by its owner, or by who asks."""
    if os.geteuid() == 0:
        os.lchown(path, 65534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 65534)


@ON_UNIX
@pytest.mark.parametrize("what", ["file", "link", "folder"])
def test_settings_of_another_account_are_named_and_not_obeyed(what, anglewise, home, monkeypatch):
    settings('[doctor]\njson = "new.json"\n')
    file = home / "anglewise.toml"
    if what == "link":
        file.rename(home / "own.toml")
        file.symlink_to("own.toml")
    give_away(home if what == "folder" else file, monkeypatch)
    run = anglewise("doctor")
    assert refused(run, f"{file} is not obeyed", "belongs to another account", f"{users_file()}")
    assert not (home / "new.json").exists()


@ON_UNIX
@pytest.mark.parametrize("mode", [0o666, 0o602, 0o664])
def test_settings_that_others_may_write_are_named_and_not_obeyed(
    mode, anglewise, home, monkeypatch
):
    import grp

    settings('[doctor]\njson = "new.json"\n')
    file = home / "anglewise.toml"
    file.chmod(mode)
    shared = grp.struct_group(("shared", "x", file.stat().st_gid, ["anna", "ben"]))
    monkeypatch.setattr(grp, "getgrgid", lambda _: shared)
    assert refused(anglewise("doctor"), "other accounts may write to it", "chmod go-w")
    assert not (home / "new.json").exists()
    file.chmod(0o644)
    assert anglewise("doctor").code == 0


@ON_UNIX
def test_settings_that_only_ones_own_group_may_write_count(anglewise, home, monkeypatch):
    import grp
    import pwd

    settings('[doctor]\njson = "new.json"\n')
    file = home / "anglewise.toml"
    file.chmod(0o664)
    me = pwd.getpwuid(os.geteuid())
    own = grp.struct_group((me.pw_name, "x", me.pw_gid, []))
    monkeypatch.setattr(grp, "getgrgid", lambda _: own)
    os.chown(file, -1, me.pw_gid)
    assert anglewise("doctor").code == 0


@ON_UNIX
def test_below_sudo_the_callers_settings_count(anglewise, home, monkeypatch):
    settings('[doctor]\njson = "new.json"\n')
    if os.geteuid() != 0:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        caller = (home / "anglewise.toml").stat().st_uid
    else:
        os.chown(home / "anglewise.toml", caller := 65534, -1)
    monkeypatch.setenv("SUDO_UID", str(caller))
    assert anglewise("doctor").code == 0
    monkeypatch.setenv("SUDO_UID", "of nobody")
    assert refused(anglewise("doctor"), "belongs to another account")


@ON_UNIX
def test_the_users_own_file_counts_whatever_its_mode(anglewise, home):
    own_settings('[doctor]\njson = "new.json"\n')
    users_file().chmod(0o666)
    assert anglewise("doctor").code == 0
    assert (home / "new.json").is_file()


@pytest.fixture
def compared(home, monkeypatch):
    """Something that happens while a comparison is made."""
    write_space_with_judgements(home / "s")
    happens = []
    computed = comparison.compare

    def compare(*given, **options):
        for happening in happens:
            happening()
        return computed(*given, **options)

    monkeypatch.setattr(comparison, "compare", compare)
    return happens


def write_space_with_judgements(folder):
    vectors = np.random.default_rng(0).normal(size=(6, 3))
    judged = Judgements(SparseRows.from_pairs(np.arange(6), np.arange(6), shape=(6, 6)))
    both = Space(queries=Embeddings(vectors), items=Embeddings(vectors[::-1].copy()))
    write_space(both, folder, judgements={"queries-items": judged})


def test_what_a_folder_named_stays_inside_of_it_until_it_is_written(
    anglewise, home, compared, tmp_path
):
    private = tmp_path / "private"
    private.mkdir()
    (private / "index.html").write_text("mine")
    (home / "d").mkdir()
    settings('[compare]\nhtml = "d/index.html"\n')

    def lay_link():
        (home / "d").rmdir()
        (home / "d").symlink_to(private)

    compared.append(lay_link)
    run = anglewise("compare", "s", "--quiet")
    assert (private / "index.html").read_text() == "mine"
    assert run.code == 2
    assert "stays inside of it" in run.err


def test_what_a_folder_named_replaces_nothing_that_came_meanwhile(anglewise, home, compared):
    settings('[compare]\nhtml = "index.html"\n')
    compared.append(lambda: (home / "index.html").write_text("mine"))
    run = anglewise("compare", "s", "--quiet")
    assert (home / "index.html").read_text() == "mine"
    assert run.code == 2
    assert "came to be while this call ran" in run.err
    assert anglewise("compare", "s", "--quiet", "--html", "index.html").code == 0


@pytest.mark.usefixtures("compared")
def test_runs_of_a_folder_are_written_where_nothing_lies(anglewise, home):
    settings('[compare]\nrun-out = "runs"\n')
    assert anglewise("compare", "s", "--quiet").code == 0
    assert len(list((home / "runs").iterdir())) == 3
