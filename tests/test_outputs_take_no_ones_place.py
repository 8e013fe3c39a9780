"""No output takes the place of what the call reads, of another output, or of what people judged."""

import importlib.util
import inspect
import json
import os
import re
import stat
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, get_args, get_origin

import numpy as np
import pytest

from anglewise import Embeddings, Index, Judged, JudgementStore, Space, read_space, write_space
from anglewise.cli import paths, program
from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.paths import options_of as read_options_of
from anglewise.cli.program import COMMANDS
from anglewise.errors import FileError
from anglewise.io.outputs import check_new_file, check_new_folder, new_file, new_folder, write_text
from anglewise.io.space_folder import check_destination, judgements_of, stored_directions
from anglewise.judgements import store_files
from anglewise.judgements.store_files import STORE_NAME
from cli_run import anglewise, refused

__all__ = ["anglewise"]

LEAVES = [
    *([command] for command in COMMANDS if command != "judge"),
    *(["judge", command] for command in JUDGE_COMMANDS),
]
options_of = cache(read_options_of)
NO_PATHS = {"--judge", "--model", "--text", "--text-column", "--image-column", "--format"}
"""Options whose help speaks of files and that name none themselves."""


def function(words):
    return _function(tuple(words))


@cache
def _function(words):
    app = program.program()
    for word in words:
        app = app[word]
    return app.default_command


def holds_path(hint):
    if get_origin(hint) is Annotated:
        return holds_path(get_args(hint)[0])
    return hint is Path or any(map(holds_path, get_args(hint)))


def help_of(words):
    app = program.program()
    for word in words:
        app = app[word]
    found = app.assemble_argument_collection(parse_docstring=True)
    return {name: one.parameter.help or "" for one in found for name in one.names}


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_option_with_a_path_says_what_is_done_with_it(words):
    told = help_of(words)
    for one in options_of(function(words)):
        speaks = re.search(r"\b(file|folder|FILE|FOLDER)s?\b", told.get(one.name, ""))
        if holds_path(one.type) or (one.type in {str, str | None} and speaks):
            assert one.role is not None or one.name in NO_PATHS, (
                f"{one.name} of {' '.join(words)} names a path: give it a role of cli/paths.py"
            )


def space_at(path, seed=0):
    rng = np.random.default_rng(seed)
    items = Embeddings(rng.standard_normal((4, 3)), list("abcd"))
    write_space(Space(items=items), path)
    return path


def typed(words, given):
    """A command line with some options given, and the others that must be."""
    function_of = function(words)
    usual = {"encoder": "use", "prompt": "why?"}
    positional, named = [], []
    options = options_of(function_of)
    places = [i for i, one in enumerate(options) if one.name.isupper() and one.parameter in given]
    for place, one in enumerate(options):
        parameter = inspect.signature(function_of).parameters[one.within or one.parameter]
        due = parameter.default is parameter.empty
        due |= one.name.isupper() and place < max(places, default=0)  # what stands before it
        if one.parameter not in given and not due:
            continue
        value = given.get(one.parameter) or usual.get(one.parameter, f"{one.parameter}-x")
        if one.name.isupper():
            positional.append(value)
        else:
            named += [one.name, value]
    return [*positional, *named]


def pairs():
    """Every output of every command, with every input and every other output of it."""
    for words in LEAVES:
        options = [one for one in options_of(function(words)) if one.role is not None]
        for output in options:
            if output.role.does not in {"writes", "replaces folder"}:
                continue
            for other in options:
                if other is output or other.parameter in {"encoder", "reranker"}:
                    continue
                yield pytest.param(
                    (words, output, other), id=f"{' '.join(words)}: {output.name} {other.name}"
                )


@pytest.mark.parametrize("case", list(pairs()))
def test_an_output_is_nothing_else_that_the_call_names(case, tmp_path, anglewise, monkeypatch):
    words, output, other = case
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.sqlite").write_text("q1 0 a 1\n")
    address = other.role in {paths.STORED, paths.TO_STORE}
    named = "faiss://there.sqlite" if address else "there.sqlite"
    given = {output.parameter: "there.sqlite", other.parameter: named}
    run = anglewise(*words, *typed(words, given))
    assert refused(run, "choose another name")
    assert (tmp_path / "there.sqlite").read_text() == "q1 0 a 1\n"


WAYS = {
    "as it is": lambda file: file,
    "with dots": lambda file: file.parent / "deep" / ".." / file.name,
    "by a link": lambda file: linked(file, os.symlink),
    "by a hard link": lambda file: linked(file, os.link),
    "through a linked folder": lambda file: (
        linked(file.parent, os.symlink, file.parent.parent / "way") / file.name
    ),
}


def linked(path, link, name=None):
    other = name or path.with_name("other")
    link(path, other)
    return other


@pytest.mark.parametrize("way", WAYS)
def test_one_file_is_known_however_it_is_written(way, tmp_path, anglewise):
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    qrels = inside / "qrels.tsv"
    qrels.write_text("q1 0 a 1\n")
    out = WAYS[way](qrels)
    run = anglewise("compare", space_at(tmp_path / "s"), "--qrels", qrels, "--json", out)
    assert refused(run, "--json", "--qrels")
    assert qrels.read_text() == "q1 0 a 1\n"
    new = anglewise(
        "compare", tmp_path / "s", "--html", inside / "n", "--json", inside / "deep/../n"
    )
    assert refused(new, "--html", "--json")


@pytest.mark.parametrize("name", ["space.json", "items.parquet", "judgements/x.json", STORE_NAME])
def test_no_part_of_a_space_is_overwritten(name, tmp_path, anglewise):
    space = space_at(tmp_path / "s")
    before = {file.name: file.read_bytes() for file in space.iterdir()}
    for words in (["doctor", "--json"], ["compare", space, "--html"], ["demo", "-o"]):
        assert refused(anglewise(*words, space / name))
    with pytest.raises(FileError), new_file(space / name):
        pass
    assert {file.name: file.read_bytes() for file in space.iterdir()} == before
    check_new_file(space / "report.html")  # which does a space no harm


@pytest.mark.parametrize("end", ["", "-wal"])
def test_a_store_is_never_overwritten(end, tmp_path, anglewise):
    for name in (STORE_NAME, "anna.db"):
        file = tmp_path / name
        with JudgementStore.open(file) as store:
            store.add(Judged("q", "d", 1, judge="anna"))
            out = file.with_name(name + end)
            for words in (["judge", "export", tmp_path, out, "--format", "csv"],):
                assert refused(anglewise(*words), "choose another name")
            assert refused(anglewise("doctor", "--json", out), "choose another name")
            with pytest.raises(FileError), new_file(out):
                pass
            store.add(Judged("q", "e", 1, judge="anna"))
        with JudgementStore.open(file, read_only=True) as store:
            assert len(list(store.rows())) == 2


def test_a_folder_that_holds_an_input_or_lies_in_one_is_no_output(tmp_path, anglewise):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("some words")
    table = space_at(tmp_path / "old") / "items.parquet"
    for words in (
        ["encode", docs, "--encoder", "use", "-o", docs / "new"],
        ["fit", "ratings.csv", "--item-table", table, "-o", tmp_path / "old"],
        ["remedy", tmp_path / "old", "--save", tmp_path / "old"],
        ["fit", "ratings.csv", "-o", tmp_path / "new", "--json", tmp_path / "new/fit.json"],
        ["encode", docs, "--encoder", "use", "-o", tmp_path / "n", "--json", docs / "a.txt"],
    ):
        assert refused(anglewise(*words), "choose another name"), words
    read_space(tmp_path / "old")


def test_runs_are_not_written_over_what_is_read(tmp_path, anglewise):
    qrels = tmp_path / "runs" / "dot.run"
    qrels.parent.mkdir()
    qrels.write_text("a 0 b 1\n")
    space = space_at(tmp_path / "s")
    for given, out in ((qrels, qrels.parent), (linked(qrels, os.link), qrels.parent)):
        run = anglewise("compare", space, "--qrels", given, "--run-out", out)
        assert refused(run, "--run-out")
    for report in (tmp_path / "new.run", tmp_path / "runs" / "new.run"):
        run = anglewise("compare", space, "--json", report, "--run-out", qrels.parent)
        assert (report.parent == qrels.parent) == ("--run-out" in run.err)


def test_the_settings_and_a_history_are_no_output(tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Path("anglewise.toml")
    settings.write_text('[compare]\nhistory = "h.parquet"\n')
    assert refused(anglewise("compare", "s", "--json", "anglewise.toml"), "anglewise.toml")
    assert refused(anglewise("compare", "s", "--json", "./h.parquet"), "--history")


def test_bad_rows_have_a_file_of_their_own(tmp_path, anglewise):
    file = tmp_path / "qrels.txt"
    file.write_text("q 0 d x\n")
    bad = f"{file}.rejects.csv"
    run = anglewise("judge", "import", space_at(tmp_path / "s"), file, "--json", bad)
    assert refused(run, "--json")


def test_standard_output_and_devices_may_be_named_twice(tmp_path, anglewise):
    run = anglewise("judge", "lint", space_at(tmp_path / "s"), "--html", os.devnull, "--json", "-")
    assert "choose another name" not in run.err
    run = anglewise("doctor", "--json", os.devnull)
    assert run.code == 0


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "/", "loop/x"])
def test_a_path_that_cannot_be_is_refused(path, tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    for words in (
        ["doctor", "--json", path],
        ["fit", "r.csv", "-o", path],
        ["compare", path],
        ["compare", "s", "--qrels", path],
        ["judge", "export", path, "x.csv"],
        ["judge", "sample", "s", "-o", path],
    ):
        assert refused(anglewise(*words)), words
    for check in (check_new_file, lambda path: check_new_folder(path, print)):
        with pytest.raises(FileError):
            check(path)


def test_a_space_that_is_open_for_judging_is_not_replaced(tmp_path, anglewise):
    space = space_at(tmp_path / "s")
    ratings = tmp_path / "ratings.csv"
    ratings.write_text("user_id,item_id\nu,a\nu,b\nv,a\nv,b\n")
    with JudgementStore.open(space / STORE_NAME):
        assert refused(anglewise("fit", ratings, "-o", space), "open for judging")
        with pytest.raises(FileError):
            space_at(space, seed=1)
    assert (space / STORE_NAME).exists()


@pytest.fixture
def words(tmp_path, monkeypatch):
    """A folder with an encoder of words, whose words lie in a file of their own."""
    monkeypatch.chdir(tmp_path)
    np.save("vectors.npy", np.eye(3, dtype=np.float32))
    Path("words.txt").write_text("wing\nheat\nflow\n")
    Path("texts.csv").write_text("id,text\na,wing heat\nb,flow\nc,heat\n")
    return "words:vectors.npy?words=words.txt"


@pytest.mark.parametrize("output", ["words.txt", "vectors.npy"])
@pytest.mark.parametrize("path", ["vectors.npy", "vectors%2Enpy", "~/vectors.npy"])
@pytest.mark.usefixtures("words")
def test_no_file_of_an_encoder_is_overwritten(path, output, anglewise, monkeypatch):
    monkeypatch.setenv("HOME", str(Path.cwd()))
    monkeypatch.setenv("USERPROFILE", str(Path.cwd()))
    before = Path(output).read_bytes()
    encoder = f"words:{path}?words=words.txt"
    encode = ("encode", "texts.csv", "-o", "space", "--no-cache", "--encoder", encoder)
    assert refused(anglewise(*encode, "--json", output), "choose another name")
    assert Path(output).read_bytes() == before
    assert not Path("space").exists()


def test_no_file_of_the_encoder_of_a_space_is_overwritten(words, anglewise):
    assert (
        anglewise("encode", "texts.csv", "-o", "space", "--no-cache", "--encoder", words).code == 0
    )
    search = ("search", "space", "--text", "wing", "-k", "1")
    assert anglewise(*search, "--json", "out.json").code == 0
    before = Path("words.txt").read_bytes()
    assert refused(anglewise(*search, "--json", "words.txt"), "choose another name")
    assert Path("words.txt").read_bytes() == before


def test_the_tokenizer_beside_a_model_is_no_output(tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("model.onnx", "tokenizer.json"):
        Path(name).write_text("{}")
    Path("texts.csv").write_text("id,text\na,wing\n")
    encode = ("encode", "texts.csv", "-o", "space", "--encoder", "onnx:model.onnx")
    assert refused(anglewise(*encode, "--json", "tokenizer.json"), "choose another name")
    assert Path("tokenizer.json").read_text() == "{}"


def test_settings_are_no_output_be_they_there_or_not(tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = space_at(tmp_path / "space")
    own = tmp_path / "config" / "anglewise" / "config.toml"
    own.parent.mkdir(parents=True)
    own.write_text("[search]\nk = 2\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for output in (own, "anglewise.toml"):
        run = anglewise("search", space, "--query", "a", "--json", output)
        assert refused(run, "the settings", "choose another name")
    assert own.read_text() == "[search]\nk = 2\n"
    assert not Path("anglewise.toml").exists()


@pytest.mark.parametrize("kind", ["python", "python-images"])
@pytest.mark.parametrize("file", ["mine.py", "pack/inner.py", "bare/of.py"])
def test_the_module_of_an_encoder_is_no_output(kind, file, tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("mine.py", "pack/__init__.py", "pack/inner.py", "bare/of.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("raise RuntimeError('imported')\n")
    Path("texts.csv").write_text("id,text\na,one\nb,two\n")
    encoder = f"{kind}:{file.removesuffix('.py').replace('/', '.')}:f"
    encode = ("encode", "texts.csv", "-o", "space", "--no-cache", "--encoder", encoder)
    refused(anglewise(*encode, "--json", file), "choose another name")
    assert Path(file).read_text() == "raise RuntimeError('imported')\n"


OWN = """
import json, helper
from anglewise.encoders.encoder import Encoder
with open("first.json") as file:
    first = json.load(file)
def numbers(texts):
    import late
    with open(b"later.json") as file:
        more = json.load(file)
    return [[float(len(text)), first["x"] + more["x"] + helper.X] for text in texts]
def count(texts):
    with open("words.json") as file:
        each = json.load(file)["x"]
    return [len(text.split()) * each for text in texts]
e = Encoder(spec="own", documents=numbers, window=3, tokens=count)
"""
OWN_FILES = {
    "own.py": OWN,
    "helper.py": "X = 1.0\n",
    "late.py": "",
    **dict.fromkeys(["first.json", "later.json", "words.json"], '{"x": 1}'),
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with an encoder of one's own that imports another module and reads data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in OWN_FILES.items():
        Path(name).write_text(text)
    Path("texts.csv").write_text("id,text\na,one two three four\nb,two\n")
    yield "python:own:e"
    forget_own()


def forget_own():
    for name in ("own", "helper", "late"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("file", [*OWN_FILES, "out.json"])
def test_what_an_encoder_of_ones_own_imports_or_reads_is_no_output(file, own, anglewise):
    Path("out.json").write_text("of an earlier run")
    encode = ("encode", "texts.csv", "--no-cache", "--encoder", own)
    for time in ("first", "second"):  # when Python reads compiled modules in place of sources
        forget_own()
        run = anglewise(*encode, "-o", f"space-{time}", "--json", file)
        if file == "out.json":
            assert run.code == 0
        else:
            assert refused(run, file, "choose another name")
            assert Path(file).read_text() == OWN_FILES[file]


def test_a_hard_link_to_a_part_of_a_space_that_is_read_is_no_output(tmp_path, anglewise):
    space = space_at(tmp_path / "s")
    outside = tmp_path / "out.json"
    os.link(space / "items.parquet", outside)
    before = outside.read_bytes()
    assert refused(
        anglewise("search", space, "--query", "a", "-k", "1", "--json", outside), "another name"
    )
    assert outside.read_bytes() == before


def test_no_module_of_this_program_is_an_output(tmp_path, anglewise):
    module = tmp_path / "fresh_module.py"
    module.write_text("")
    linked = tmp_path / "linked.json"
    linked.symlink_to(module)
    spec = importlib.util.spec_from_file_location("fresh_module", module)
    sys.modules["fresh_module"] = importlib.util.module_from_spec(spec)
    try:
        assert refused(anglewise("doctor", "--json", linked), "choose another name")
    finally:
        del sys.modules["fresh_module"]
    assert module.read_text() == ""


def by_device_folder(path):
    """The same place, written as if it lay among the devices."""
    return f"/dev/../{path.resolve().relative_to('/')}"


@pytest.mark.skipif(os.name == "nt", reason="no folder of devices here")
@pytest.mark.parametrize("name", ["qrels.tsv", "s/items.parquet", "s/space.json", "j.sqlite"])
@pytest.mark.parametrize("option", ["--json", "--html", "--junit"])
def test_what_lies_below_the_devices_is_a_file_as_any_other(option, name, tmp_path, anglewise):
    space = space_at(tmp_path / "s")
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text("a 0 b 1\nb 0 c 1\nc 0 d 1\n")
    JudgementStore.open(tmp_path / "j.sqlite").close()
    before = (tmp_path / name).read_bytes()
    out = by_device_folder(tmp_path / name)
    assert refused(anglewise("compare", space, "--qrels", qrels, option, out), "another name")
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="no folder of devices here")
def test_one_output_below_the_devices_is_written_once_and_whole(tmp_path, anglewise):
    out = by_device_folder(tmp_path / "out.json")
    assert refused(anglewise("compare", "s", "--json", out, "--html", out), "another name")
    (tmp_path / "out.json").write_text("before")
    with pytest.raises(ZeroDivisionError), new_file(out) as file:
        file.write(b"%d" % (1 / 0))
    assert (tmp_path / "out.json").read_text() == "before"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may")
def test_what_is_replaced_keeps_its_owner(tmp_path, anglewise):
    (tmp_path / "r.json").touch()
    space = space_at(tmp_path / "s")
    for path in (tmp_path / "r.json", space, *space.iterdir()):
        os.chown(path, 12345, 12346)
    assert anglewise("doctor", "--json", tmp_path / "r.json").code == 0
    space_at(space, seed=1)
    for path in (tmp_path / "r.json", space, *space.iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, anglewise):
    for name in ("r.json", "s.json"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o600)
    assert anglewise("doctor", "--json", tmp_path / "r.json").code == 0
    assert (tmp_path / "r.json").stat().st_mode & 0o777 == 0o600
    space = space_at(tmp_path / "s")
    space.chmod(0o700)
    (space / "items.parquet").chmod(0o600)
    with check_mode_of_parts(tmp_path):
        space_at(space, seed=1)
    assert space.stat().st_mode & 0o777 == 0o700
    assert (space / "items.parquet").stat().st_mode & 0o777 == 0o600


@contextmanager
def check_mode_of_parts(folder):
    """Nobody else may read what is on its way to a private place."""
    original = os.fsync
    seen = []

    def fsync(handle):
        seen.extend(part.stat().st_mode & 0o077 for part in folder.glob(".*.part"))
        original(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield
    assert set(seen) == {0}


@pytest.mark.skipif(os.name == "nt", reason="modes are others there")
def test_what_may_only_be_read_is_not_replaced(tmp_path, anglewise, monkeypatch):
    def may(path, mode, **_):
        wanted = Path(path).stat().st_mode
        return not (mode & os.W_OK) or bool(wanted & 0o200)

    monkeypatch.setattr(os, "access", may)  # the rights of who is not root
    protected = tmp_path / "r.json"
    protected.write_text("kept")
    protected.chmod(0o444)
    assert refused(anglewise("doctor", "--json", protected), "may only be read")
    assert protected.read_text() == "kept"
    for part in (".", "items.parquet"):
        space = space_at(tmp_path / f"s-{len(part)}")
        (space / part).chmod(0o555)
        with pytest.raises(FileError, match="may only be read"):
            space_at(space, seed=1)
        with pytest.raises(FileError, match="may only be read"):
            check_destination(space)
        (space / part).chmod(0o755)


@pytest.mark.parametrize("kind", ["folder of a volume", "file"])
def test_what_is_mounted_is_refused_before_the_work(kind, tmp_path, monkeypatch):
    target = tmp_path / "out é"
    if kind == "file":
        target.touch()
    else:
        target.mkdir()
    table = tmp_path / "mountinfo"
    table.write_text(f"1 2 0:3 / {str(target).replace(' ', chr(92) + '040')} rw - ext4 x rw\n")
    monkeypatch.setattr(store_files, "MOUNTS", table)
    with pytest.raises(FileError, match="cannot be replaced"):
        (check_new_file if kind == "file" else check_destination)(target)


def every_value():
    for words in LEAVES:
        for option in options_of(function(words)):
            flag = option.type is bool or bool in get_args(option.type)
            if not flag and option.name not in {"--pair", "--slices"}:  # two words; --slice
                yield pytest.param(words, option, id=f"{' '.join(words)}: {option.name}")


@pytest.mark.parametrize(("words", "option"), list(every_value()))
def test_an_empty_value_is_refused_and_no_other_is_taken(
    words, option, anglewise, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    line = typed(words, {option.parameter: "EMPTY"})
    run = anglewise(*words, *["" if word == "EMPTY" else word for word in line])
    name = {"--k": "-k"}.get(option.name, option.name)
    assert refused(run, f"{name} is empty: give it a value, or leave it out")
    assert not list(tmp_path.iterdir())


def test_an_empty_setting_or_variable_is_refused_too(anglewise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("anglewise.toml").write_text('[compare]\nqrels = ""\n')
    assert refused(anglewise("compare", "s"), "--qrels is empty", "anglewise.toml")
    Path("anglewise.toml").unlink()
    monkeypatch.setenv("ANGLEWISE_COMPARE_QRELS", "")
    assert refused(anglewise("compare", "s"), "--qrels is empty", "env")
    assert refused(anglewise("audit", "s", "--pair", "", "a"), "--pair is empty")


def test_a_space_without_a_folder_is_no_space(anglewise):
    assert refused(anglewise("compare", "--spaces", "a=", "b=s"), "a= names no folder")


@pytest.fixture
def fitted(tmp_path, anglewise):
    """A space with judgements and what training saw, and the ratings that it was learnt from."""
    rng = np.random.default_rng(0)
    ratings = tmp_path / "ratings.csv"
    rows = [f"u{u},m{m}" for u in range(40) for m in rng.choice(20, 8, replace=False)]
    ratings.write_text("\n".join(["user_id,item_id", *rows]) + "\n")
    assert anglewise("fit", ratings, "-o", tmp_path / "fitted", "--quiet").code == 0
    return tmp_path / "fitted"


def contents_of(folder):
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_judgements_of_a_space_are_not_dropped_by_writing_it_again(fitted, anglewise):
    before = contents_of(fitted)
    assert {"seen.parquet", "queries-items.parquet"} <= set(before)
    space = read_space(fitted)
    with pytest.raises(FileError, match="judgements for queries-items"):
        write_space(space, fitted)
    with pytest.raises(FileError, match="what training saw"):
        Index(space, "cosine").save(fitted)
    texts = fitted.parent / "texts.csv"
    texts.write_text("id,text\na,heist\n")
    run = anglewise("encode", texts, "-o", fitted, "--encoder", "use")
    assert refused(run, "judgements for queries-items and", "choose another name")
    run = anglewise("fit", fitted.parent / "ratings.csv", "-o", fitted, "--holdout", "0")
    assert refused(run, "judgements for queries-items")
    assert contents_of(fitted) == before


def test_a_space_that_brings_its_own_judgements_takes_the_place_of_the_older(fitted, anglewise):
    run = anglewise("fit", fitted.parent / "ratings.csv", "-o", fitted, "--seed", 1, "--quiet")
    assert run.code == 0
    judged = {name: judgements_of(fitted, name) for name in stored_directions(fitted)}
    write_space(read_space(fitted), fitted, judgements=judged)
    assert stored_directions(fitted) == tuple(judged)


@pytest.mark.parametrize("out", ["~/out.json", "~", "~root/out.json", "./~/out.json"])
def test_no_folder_called_like_a_home_is_made(out, tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(anglewise("doctor", f"--json={out}"), "begins with ~")
    assert refused(anglewise("compare", "s", f"--run-out={out}"), "begins with ~")
    assert not list(tmp_path.iterdir())


def test_a_file_whose_name_begins_like_a_home_may_be_written(tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for out in ("~out.json", f"{tmp_path}/~"):
        assert anglewise("doctor", f"--json={out}").code == 0


def allowed(_folder):
    """Whatever lies in a folder may be replaced."""


@pytest.mark.skipif(os.name == "nt", reason="modes and links are others there")
@pytest.mark.parametrize("how", ["link", "linked folder", "pipe", "moved"])
def test_what_another_account_puts_into_a_new_folder_gets_no_mode(how, tmp_path):
    private = tmp_path / "private"
    private.write_text("secret")
    private.chmod(0o600)
    (tmp_path / "home").mkdir()
    old = tmp_path / "old"
    old.mkdir()
    (old / "items").write_text("old")
    (old / "items").chmod(0o666)
    old.chmod(0o2777)

    def fill(part):
        assert part.stat().st_mode & 0o777 == 0o700  # nobody else gets in while it is filled
        if how == "link":
            (part / "items").symlink_to(private)
        elif how == "linked folder":
            (part / "items").symlink_to(tmp_path)
        elif how == "pipe":
            os.mkfifo(part / "items")
        else:
            (name,) = tmp_path.glob(".old.*.part")
            name.rename(tmp_path / "elsewhere")
            name.symlink_to(tmp_path / "home")
            (part / "items").write_text("new")
            write_text(part / "more", "new")

    with pytest.raises(FileError, match="choose another folder"), new_folder(old, allowed) as made:
        fill(made)
    assert private.stat().st_mode & 0o777 == 0o600
    assert (old / "items").read_text() == "old"
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="owners and links are others there")
@pytest.mark.parametrize("written", ["out.json", "folder/out.json", "folder"])
@pytest.mark.parametrize(
    ("mode", "theirs", "follows"),
    [
        (0o1777, True, False),
        (0o777, True, False),
        (0o2775, True, False),
        (0o755, True, True),
        (0o1777, False, True),
        (0o777, False, True),
    ],
)
def test_a_link_of_another_account_where_all_may_write_is_not_followed(  # noqa: PLR0917
    written, mode, theirs, follows, tmp_path, monkeypatch
):
    shared, private = tmp_path / "shared", tmp_path / "private"
    shared.mkdir()
    private.mkdir()
    (private / "out.json").write_text("mine")
    link = shared / written.split("/")[0]
    link.symlink_to(private if link.name == "folder" else private / "out.json")
    shared.chmod(mode)
    if theirs:
        if os.geteuid() == 0:
            os.lchown(link, 65534, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 65534)
            follows = False  # for then the folder is another account's too

    def write():
        if written == "folder":
            with new_folder(shared / written, allowed) as made:
                (made / "out.json").write_text("{}")
        else:
            write_text(shared / written, "{}")

    if follows:
        write()
        assert (private / "out.json").read_text() == "{}"
    else:
        with pytest.raises(FileError, match="is a link of another account"):
            write()
        assert (private / "out.json").read_text() == "mine"


@pytest.mark.skipif(sys.platform != "linux", reason="handles have names there")
@pytest.mark.parametrize("over", ["qrels.tsv", "space/items.parquet", "both"])
def test_an_open_handle_is_no_way_around(over, fitted, anglewise, tmp_path):
    space = fitted.rename(tmp_path / "space")
    ids = read_space(space)
    user, item = ids.queries.ids[0], ids.items.ids[0]
    (tmp_path / "qrels.tsv").write_text(f"query_id\titem_id\tgrade\n{user}\t{item}\t1\n")
    (tmp_path / "both").write_text("")
    target = tmp_path / over
    before = target.read_bytes()
    with target.open("r+b") as first, target.open("r+b") as second:
        os.set_inheritable(first.fileno(), True)  # as one that was handed to the program
        os.set_inheritable(second.fileno(), True)
        words = ["compare", space, "--qrels", tmp_path / "qrels.tsv"]
        words += ["--json", f"/dev/fd/{first.fileno()}"]
        if over == "both":
            words += ["--markdown", f"/dev/fd/{second.fileno()}"]
        assert refused(anglewise(*words))
    assert target.read_bytes() == before


def test_what_cannot_be_written_into_a_new_folder_is_named_as_it_was_asked_for(tmp_path):
    with pytest.raises(FileError) as raised, new_folder(tmp_path / "space", allowed) as made:
        write_text(made / "deep" / "space.json", "{}")
    assert str(raised.value).startswith(f"{tmp_path}/space/deep/space.json cannot be written: ")


@pytest.mark.skipif(os.name == "nt", reason="modes are others there")
def test_a_folder_that_a_group_shares_stays_shared(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "items").write_text("old")
    (old / "items").chmod(0o640)
    old.chmod(0o2770)
    with new_folder(old, allowed) as part:
        (part / "items").write_text("new")
        (part / "more").write_text("new")
    assert stat.S_IMODE(old.stat().st_mode) == 0o2770
    assert stat.S_IMODE((old / "items").stat().st_mode) == 0o640
    new = tmp_path / "new"
    with new_folder(new, allowed):
        pass
    usual = tmp_path / "usual"
    usual.mkdir()
    assert new.stat().st_mode == usual.stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="links are others there")
@pytest.mark.parametrize(
    ("words", "held"),
    [
        (("demo",), ("demo.json", "films")),
        (("demo", "-o", "demo"), ("demo.json", "films.csv")),
        (("study", "--small", "-o", "study"), ("study.json", "study.png")),
        (("compare", "s", "--qrels", "qrels.tsv", "--run-out", "runs"), ("x.json", "dot.run")),
    ],
    ids=lambda value: value[-1],
)
def test_a_link_in_a_folder_that_is_filled_leads_nowhere(
    words, held, tmp_path, anglewise, monkeypatch
):
    mark, name = held
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / name).write_text("thesis")
    folder = tmp_path / (words[-1] if "-o" in words or "--run-out" in words else "demo")
    folder.mkdir()
    (folder / mark).write_text(json.dumps({"command": words[0]}))
    (folder / name).symlink_to(mine / name)
    space_at(tmp_path / "s")
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ti1\t1\n")
    assert refused(anglewise(*words), name, "as a link")
    assert (mine / name).read_text() == "thesis"
    assert {path.name for path in folder.iterdir()} == {mark, name}
