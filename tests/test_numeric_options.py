"""Every option that is a number, of every command, meets every number that is none or too much."""

import resource
from functools import cache

import numpy as np
import pytest
from cyclopts import Token

from anglewise import Embeddings, Judgements, Space, write_space
from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.options import _Reader
from anglewise.cli.program import COMMANDS, program
from anglewise.data_types.sparse import SparseRows
from cli_run import anglewise
from processor_time import at_most

__all__ = ["anglewise"]

NUMBERS = [
    "nan", "-1", "0", "1", "0.5", "1.5", "1e308", "1e-90", "1e90", "2147483648",
    "9223372036854775808", "999999999999999999",
]  # fmt: skip
SPELLED = [
    "inf", "-inf", "1e-320", "1e1", "1_0", "0x10", "-0", "+1", "\uff11", "", " ", "one", "9" * 5000,
]  # fmt: skip
"""What the one reader of numbers knows or refuses: each is met by one option of each command."""
NO_NUMBERS = {"nan", "inf", "1e308", "1e-320", "1_0", "0x10", "-0", "", "one", "9" * 5000}
SEEDS = {"-1", "0", "1", "0.5", "1.5", "2147483648", "999999999999999999"}
SECONDS, BYTES = 30, 6 << 30
LEAVES = [
    *([command] for command in COMMANDS if command != "judge"),
    *(["judge", command] for command in JUDGE_COMMANDS),
]


@cache
def options_of(words):
    """The options of a command that are numbers, by name."""
    app = program()
    for word in words:
        app = app[word]
    numbers = {}
    for argument in app.assemble_argument_collection():
        if "int" in words_of(argument.hint) or "float" in words_of(argument.hint):
            numbers[argument.name] = argument
    return numbers


def options(words):
    return options_of(tuple(words))


def words_of(hint):
    return str(hint).replace("[", " ").replace("]", " ").replace("'", " ").replace(",", " ").split()


OPTIONS = [(leaf, name) for leaf in LEAVES for name in options(leaf)]


every_option = pytest.mark.parametrize(
    ("leaf", "name"), OPTIONS, ids=lambda one: one if isinstance(one, str) else " ".join(one)
)


def count(texts):
    return np.array([[text.count(letter) for letter in "aeioust"] for text in texts], float) + 0.1


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What each command needs before its options are looked at."""
    there = tmp_path_factory.mktemp("numbers")
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("aeioust "), 30)) for _ in range(40)]
    asks = texts[:20]
    gains = SparseRows.from_pairs(np.arange(20), np.arange(20), np.ones(20), shape=(20, 40))
    space = Space(
        queries=Embeddings(count(asks), metadata={"text": asks}),
        items=Embeddings(count(texts), metadata={"text": texts, "kind": ["a", "b"] * 20}),
        seen=SparseRows.from_pairs(np.arange(20), np.arange(20, 40), shape=(20, 40)),
    )
    write_space(space, there / "space", judgements={"queries-items": Judgements(gains)})
    who, what = np.nonzero(rng.random((30, 12)) < 0.4)
    lines = [f"{u},{i},{1 + u % 3},{n}" for n, (u, i) in enumerate(zip(who, what, strict=True))]
    (there / "did.csv").write_text("user,item,weight,time\n" + "\n".join(lines) + "\n")
    (there / "texts.csv").write_text("id,text\na,some words\nb,other words\n")
    folder, did = there / "space", there / "did.csv"
    return {
        "encode": [there / "texts.csv", "--encoder", "test_numeric_options:count", "-o", "{out}"],
        "fit": [did, "-o", "{out}"],
        "audit": [folder],
        "compare": [folder],
        "remedy": [folder, "--budget", "2s"],
        "search": [folder, "--query", "0"],
        "inspect": [folder, "--export", "{out}.html"],
        "recommend": [folder, "--user", "0"],
        "replay": [did],
        "calibrate": [folder, "-o", "{out}.json"],
        "context": [folder, "--prompt", "aa", "--encoder", "test_numeric_options:count"],
        "study": ["--on", did],
        "judge sample": [folder, "-o", "{out}.csv"],
        "judge next": [folder, "-o", "{out}.csv"],
        "judge power": [folder],
        "judge import": [folder, there / "none.csv"],
        "judge export": [folder, "{out}.csv"],
        "judge lint": [folder],
        "judge agreement": [folder],
        "judge from-interactions": [folder, did],
        "judge from-labels": [folder, "--label", "kind"],
        "judge from-text": [folder],
    }


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bounded():
    """So much memory, not more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@every_option
def test_every_number_is_read_by_the_one_parser(leaf, name):
    assert isinstance(options(leaf)[name].parameter.converter, _Reader)


def refused_by_the_reader(leaf, name):
    """Which spellings the reader of this option refuses; every command asks it before any work."""
    reader = options(leaf)[name].parameter.converter
    refused = {}
    for text in NUMBERS + SPELLED:
        try:
            reader(None, [Token(keyword=name, value=text)])
        except ValueError as error:
            refused[text] = str(error)
    for text, message in refused.items():
        assert len(message.splitlines()) == 1, text
        assert len(message) < 1000, text
    return list(refused)


@every_option
@pytest.mark.usefixtures("bounded", "elsewhere")
def test_no_number_is_a_fault_of_ours(leaf, name, given, anglewise, tmp_path):
    """What the reader refuses ends each command alike: one number and one spelling show it.

    All of them go through one whole command.
    """
    words = given.get(" ".join(leaf))
    refused = refused_by_the_reader(leaf, name)
    assert set(refused) >= NO_NUMBERS
    first = next(option for command, option in OPTIONS if command == leaf)
    one_of_each = {refused[0], next(text for text in refused if text in SPELLED)}
    for place, text in enumerate(NUMBERS + SPELLED * (name == first)):
        if not words and text in SEEDS:
            continue  # these commands do much without words
        if text in refused and text not in one_of_each and (leaf, name) != OPTIONS[0]:
            continue
        base = [str(word).replace("{out}", str(tmp_path / f"out{place}")) for word in words or ()]
        with at_most(SECONDS):
            run = anglewise(*leaf, *base, f"{name}={text}")
        assert run.code in {0, 1, 2}, (text, run.err[-2000:])
        assert "Traceback" not in run.err
        assert len(run.err.splitlines()[-1] if run.err else "") < 1000
        assert "nan" not in run.out.lower().split()
        if text in refused:
            assert run.code == 2, (text, run)
            assert run.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ["search", "--query", "0"],
        ["search", "--query", "0", "--direction", "items-items"],
    ],
)
def test_a_small_space_gives_all_its_items_where_nobody_asked_for_a_number(
    anglewise, tmp_path, words
):
    x = np.random.default_rng(0).standard_normal((6, 4))
    write_space(Space(items=Embeddings(x), queries=Embeddings(x[::-1])), tmp_path / "s")
    command, *options = words
    run = anglewise(command, tmp_path / "s", *options)
    assert run.code == 0
    assert "the space has 6 items, and all are listed" in run.err
    assert "6 of 10: no more are left" in anglewise("recommend", tmp_path / "s", "--user", "1").err
    assert anglewise(command, tmp_path / "s", *options, "-k", "3").code == 0
    assert anglewise(command, tmp_path / "s", *options, "-k", "10").code == 2


@pytest.mark.parametrize("words", ["search", "recommend", "audit", "replay", "judge lint"])
def test_how_long_lists_are_is_asked_for_alike(words):
    assert options(words.split())["-k"].names == ("-k", "--k")
