"""An option that would be ignored is refused, with a sentence that says why."""

import shutil

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, write_space
from anglewise.auditing.audit import audit
from anglewise.cli.fit import TrainingOptions, _less_used
from anglewise.cli.judge import FILES
from anglewise.cli.option_needs import NEEDS
from anglewise.cli.options import USUAL_COLUMNS, _Reader
from anglewise.cli.paths import options_of
from anglewise.cli.program import COMMANDS
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.errors import SpellingError
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore
from cli_run import anglewise, refused
from test_numeric_options import OPTIONS, options

__all__ = ["anglewise"]


def functions():
    """The function of each command, by its name."""
    from importlib import import_module

    names = [name.replace("-", "_") for name in COMMANDS if name != "judge"]
    every = {name: getattr(import_module(f"anglewise.cli.{name}"), name) for name in names}
    for file, commands in FILES.items():
        module = import_module(f"anglewise.cli.{file}")
        names = [f"judge_{command.replace('-', '_')}" for command in commands]
        every |= {name: getattr(module, name) for name in names}
    return every


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    there = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(0)
    queries = Embeddings(
        rng.normal(size=(8, 4)),
        ids=[f"q{row}" for row in range(8)],
        metadata={"lang": ["de", "en"] * 4},
    )
    items = Embeddings(rng.normal(size=(20, 4)), ids=[f"i{row}" for row in range(20)])
    used = SparseRows.from_pairs(np.arange(8), np.arange(12, 20), shape=(8, 20))
    space = Space(queries=queries, items=items, trained_for="dot", seen=used)
    rows = np.repeat(np.arange(8), 2)
    gains = SparseRows.from_pairs(rows, (rows * 3 + np.tile([0, 1], 8)) % 20, shape=(8, 20))
    write_space(space, there / "space", judgements={"queries-items": Judgements(gains)})
    write_space(space, there / "judged")
    with JudgementStore.open(there / "judged" / "judgements.sqlite") as store:
        store.add_new([Judged("q1", f"i{item}", item % 3, judge="ann") for item in range(9)])
    np.save(there / "items.npy", items.vectors)
    (there / "ids.txt").write_text("\n".join(map(str, items.ids)) + "\n")
    (there / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ti1\t1\n")
    (there / "grades.csv").write_text("query_id,item_id,grade,judge\nq1,i1,1,ann\nq1,i2,0,bob\n")
    (there / "words.csv").write_text("query_id,item_id,grade\nq1,i1,good\nq1,i2,0\n")
    who, what = np.nonzero(rng.random((30, 12)) < 0.4)
    lines = [f"u{u},m{i},{n}" for n, (u, i) in enumerate(zip(who, what, strict=True))]
    (there / "did.csv").write_text("user,item,time\n" + "\n".join(lines) + "\n")
    lines = [f"u{u},m{i},{n % 5},{n}" for n, (u, i) in enumerate(zip(who, what, strict=True))]
    (there / "rated.csv").write_text("user,item,stars,time\n" + "\n".join(lines) + "\n")
    (there / "used.csv").write_text("user,item\nq0,i1\nq1,i2\n")
    (there / "stars.csv").write_text("user,item,stars,when\nq0,i1,3,1\nq1,i2,4,2\n")
    (there / "same.csv").write_text("query_id,item_id,grade\ni1,i2,1\ni1,i3,0\ni2,i1,1\n")
    (there / "texts.csv").write_text("id,text\na,some words\nb,other words\n")
    return there


@pytest.fixture
def given(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


ENCODE = "encode texts.csv -o out --encoder use"
VECTORS = "--items items.npy --item-ids ids.txt"
IGNORED = [
    (f"{ENCODE} --cache kept --no-cache", "--cache", "--no-cache"),
    (f"{ENCODE} --chunk none --overlap 10", "--overlap", "--chunk none"),
    ("fit did.csv -o out --holdout 0 --split time", "--split", "--holdout 0"),
    ("fit did.csv -o out --objective cosine --validation 0 --patience 3", "--patience", "leave"),
    ("fit did.csv -o out --objective cosine --popularity 0 --no-log-q", "log-q", "--popularity 0"),
    ("replay did.csv --weight time", "--weight", "--min-weight"),
    ("judge from-interactions space used.csv --graded", "--graded", "--weight"),
    ("judge from-interactions space stars.csv --weight stars", "--weight", "--graded"),
    ("judge from-interactions space stars.csv --time when", "--time", "--graded"),
    (
        "compare space --qrels same.csv --direction items-items --not-itself",
        "--not-itself",
        "leave",
    ),
    (
        "judge lint space --qrels same.csv --direction items-items --not-itself",
        "--not-itself",
        "own",
    ),
    ("remedy space --cache kept --no-keep", "--cache", "--no-keep"),
    ("recommend space --user q1 --reasons 3", "--reasons", "--explain"),
    ("replay did.csv --at 0 --share 0.3", "--share", "--at"),
    ("calibrate space --encoder use", "--encoder", "--foreign"),
    ("study --small --components 64", "--components", "--on"),
    ("study --small --penalty 3", "--penalty", "--on"),
    ("study --small --min-weight 3", "--min-weight", "--on"),
    ("mcp --root space --json out.json", "--json", "client"),
    ("inspect space --export copy --host 0.0.0.0", "--host", "--export"),
    ("inspect space --export copy --port 99", "--port", "--export"),
    ("inspect space --export copy --store s.sqlite", "--store", "--export"),
    ("inspect space --export copy --queue qrels.tsv", "--queue", "--export"),
    ("inspect space --export copy --open", "--open", "--export"),
    ("inspect space --measures manhattan", "--measures", "--export"),
    ("inspect space --export-queries 100", "--export-queries", "--export"),
    ("inspect space --direction items-items", "--direction", "--queue"),
    ("judge export judged out.csv --combine mean", "--combine", "leave it out"),
    ("judge export judged out --format parquet --combine majority", "--combine", "leave it out"),
    ("judge from-interactions space did.csv --min-support 5", "--min-support", "items-items"),
    (
        "judge from-interactions space did.csv --direction items-items --graded",
        "--graded",
        "leave one",
    ),
    ("judge from-text space -o out --url http://127.0.0.1", "--url", "--model"),
    ("judge from-text space -o out --key KEY", "--key", "--model"),
    ("judge from-text space -o out --cache kept", "--cache", "--model"),
    ("judge lint space --relevant-from 2", "--relevant-from", "leave it out"),
    ("judge next space --relevant-from 2", "--relevant-from", "nDCG"),
    ("judge power space --relevant-from 2", "--relevant-from", "nDCG"),
    ("judge lint judged --label-queries 3", "--label-queries", "holds none"),
    ("judge lint space --qrels grades.csv --label-queries 3", "--label-queries", "holds none"),
    ("judge import new.sqlite grades.csv --question nosuch", "--question", "Argilla"),
    ("judge import new.sqlite grades.csv --grades x=1", "--grades", "no grade"),
    ("judge import new.sqlite judged/judgements.sqlite --gain-column x", "--gain-column", "leave"),
    (f"audit {VECTORS} --condition 3", "condition", "one side"),
    ("search space --query q1 --trained-for cosine", "--trained-for", "changes nothing"),
    ("judge sample space -o out.csv --trained-for dot", "--trained-for", "changes nothing"),
    ("judge lint space --trained-for dot", "--trained-for", "changes nothing"),
    ("judge next space --trained-for dot", "--trained-for", "changes nothing"),
    ("judge power space --trained-for dot", "--trained-for", "changes nothing"),
    ("judge from-text space -o out --trained-for dot", "--trained-for", "changes nothing"),
    (
        "recommend space --user q1 --measure dot --trained-for cosine",
        "--trained-for",
        "one is named",
    ),
    ("calibrate space --measure dot --trained-for cosine", "--trained-for", "one is named"),
    (
        "context space --prompt words --measure dot --trained-for cosine",
        "--trained-for",
        "one is named",
    ),
    (
        "context space --prompt words --relevance learnt.json --trained-for cosine",
        "--trained-for",
        "one is named",
    ),
]


def files_in(folder):
    """All but the files that a store has while it is read."""
    return sorted(path for path in folder.rglob("*") if ".sqlite-" not in path.name)


@pytest.mark.parametrize(("words", "parts"), [(words, parts) for words, *parts in IGNORED])
def test_an_option_that_would_be_ignored_is_refused(words, parts, given, anglewise, monkeypatch):
    monkeypatch.setattr("anglewise.web_page.app.served", None)  # nothing may be served
    before = files_in(given)
    assert refused(anglewise(*words.split(), "--quiet"), *parts)
    assert files_in(given) == before


WITH_MEANING = [
    "recommend space --user q1 --reasons 1 --explain",
    "inspect space --export copy --measures manhattan --export-queries 2 --direction queries-items",
    "inspect space --export copy --no-open",
    "replay did.csv --at 40",
    "replay did.csv --share 0.3",
    "judge export judged out.tsv --combine majority",
    "judge power space --relevant-from 1 --metric R@5",
    "judge import new.sqlite words.csv --grades good=1",
    "compare space --slice lang",
    "judge from-interactions space stars.csv --weight stars --graded --time when",
    "judge from-interactions space stars.csv --weight stars --min-weight 4",
    "replay rated.csv --weight stars --min-weight 1",
    "compare space --qrels same.csv --direction items-items",
    "recommend space --user q1 --trained-for cosine",
]


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize("words", WITH_MEANING)
def test_the_same_option_is_taken_where_it_has_a_meaning(words, anglewise):
    assert anglewise(*words.split(), "--quiet").code == 0


@pytest.mark.usefixtures("given")
def test_settings_are_refused_like_words_that_are_typed(anglewise, monkeypatch):
    monkeypatch.setenv("ANGLEWISE_RECOMMEND_REASONS", "3")
    assert refused(anglewise("recommend", "space", "--user", "q1", "--quiet"), "--reasons")


def test_every_need_is_of_an_option_that_its_command_has():
    every = functions()
    for name, needs in NEEDS.items():
        assert set(needs) <= {option.parameter for option in options_of(every[name])}


@pytest.mark.usefixtures("given")
def test_words_that_no_row_has_and_what_every_row_says_are_named(anglewise):
    run = anglewise("judge", "import", "new.sqlite", "words.csv", "--grades", "good=1,bad=0")
    assert run.code == 0
    assert "no grade of words.csv is bad" in run.err
    words = ["--judge", "zoe", "--direction", "items-items"]
    run = anglewise("judge", "import", "new.sqlite", "grades.csv", *words)
    assert run.code == 0
    assert "--judge zoe: not used" in run.err
    assert "--direction" not in run.err


OVERRULED = "space says that it was trained for dot: cosine is taken, as given"


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize(
    "words",
    [
        "audit space",
        "compare space",
        "remedy space --candidates cosine --no-keep",
        "recommend space --user q1",
        "inspect space --export copy",
    ],
)
def test_what_contradicts_the_training_that_a_space_names_is_said_once(words, anglewise):
    assert anglewise(*words.split(), "--trained-for", "cosine").err.count(OVERRULED) == 1
    assert "is taken" not in anglewise(*words.split(), "--trained-for", "dot").err


FIT = "fit did.csv -o out --components 2"
LESS_USED = [
    ("--weight time", "--weight time: kept with what users did"),
    ("--weight time --min-weight 1", None),
    ("--time time", "--time time: used for pairs that come several times alone"),
    ("--time time --split last", None),
]


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize(("options", "says"), LESS_USED)
def test_what_fit_uses_for_less_than_one_might_think_is_said(options, says, anglewise):
    run = anglewise(*FIT.split(), *options.split())
    assert run.code == 0
    remarks = [part for part in ("kept with what", "times alone") if part in run.err]
    assert len(remarks) == (says is not None)
    assert says is None or says in run.err


DRAWN = [
    ({"popularity": 0.5}, True),
    ({"popularity": 0.5, "negatives": 5}, False),
    ({"popularity": 0.5, "log_q": False}, False),
    ({"negatives": 5}, False),
]


@pytest.mark.parametrize(("options", "says"), DRAWN)
def test_a_popularity_by_which_nothing_is_drawn_is_named(options, says):
    table = Interactions(np.arange(12), np.arange(12), np.ones(12), np.arange(12), np.arange(12))
    remarks = list(_less_used(table, "random", USUAL_COLUMNS, TrainingOptions(**options)))
    assert [remark.startswith("--popularity 0.5: not used") for remark in remarks] == [True] * says


@pytest.mark.usefixtures("given")
def test_a_column_that_is_named_twice_is_one_slice(anglewise):
    once = anglewise("compare", "space", "--slice", "lang", "--quiet")
    assert once.code == 0
    for again in ("lang", "queries:lang"):
        assert anglewise("compare", "space", "--slice", "lang", "--slice", again, "--quiet") == once


def test_a_condition_without_a_gauge_is_refused_in_python():
    with pytest.raises(SpellingError, match="condition"):
        audit(np.eye(12), condition=3.0)


@pytest.mark.usefixtures("given")
def test_blanks_around_a_number_mean_nothing_in_every_option_that_is_one(anglewise):
    once = anglewise("search", "space", "--query", "q1", "-k", "3", "--quiet")
    assert anglewise("search", "space", "--query", "q1", "-k", " 3 ", "--quiet") == once
    for leaf, name in OPTIONS:
        assert isinstance(options(leaf)[name].parameter.converter, _Reader)
    assert anglewise(*ENCODE.split(), "--chunk", " none ", "--overlap", "3").code == 2
