"""Similar items by several truths: tables of labels beside what is used together."""

import json

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.next_judgements import unjudged
from anglewise.comparison.stopping import sequential
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import FileError, IdsError, SpellingError, TooFewError
from anglewise.io.space_folder import write_space
from anglewise.judgements.co_use import co_use
from cli_run import anglewise  # noqa: F401 (a fixture)

KINDS, EACH = 20, 12
ITEMS = KINDS * EACH


def world(seed=0):
    """Items of a few kinds, vectors that know them but for their length, and users with a taste."""
    rng = np.random.default_rng(seed)
    kind = np.arange(ITEMS) % KINDS
    centres = rng.standard_normal((KINDS, 16))
    lengths = rng.lognormal(0, 1, ITEMS)[:, None]
    vectors = (centres[kind] + 0.3 * rng.standard_normal((ITEMS, 16))) * lengths
    taste = rng.integers(KINDS, size=300)
    likes = rng.random((300, ITEMS)) < np.where(taste[:, None] == kind, 0.5, 0.01)
    users, items = np.nonzero(likes)
    space = aw.Space(items=aw.Embeddings(vectors, ids=[f"i{i}" for i in range(ITEMS)]))
    return space, SparseRows.from_pairs(users, items, shape=(300, ITEMS)), kind


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truths")
    space, used, kind = world()
    write_space(space, folder / "films", judgements={"items-items": co_use(UsedTogether(used))})
    rows = [f"i{i},k{k}" for i, k in enumerate(kind)]
    (folder / "labels.csv").write_text("\n".join(["id,label", *rows]))
    shuffled = np.random.default_rng(1).permutation(kind)
    rows = [f"i{i},k{k},some" for i, k in enumerate(shuffled)]
    (folder / "wrong.csv").write_text("\n".join(["id,chance,other", *rows]))
    return folder


def test_labels_of_one_row_and_of_several_are_the_same(tmp_path):
    space = aw.Space(items=aw.Embeddings(np.eye(4), ids=list("abcd")))
    (tmp_path / "one.csv").write_text("id,genre\na,x|y\nb,y\nc,x | z\nd,\n")
    (tmp_path / "rows.csv").write_text("id,genre\na,x\na,y\na,y\nb,y\nc,x\nc,z\nq,x\n")
    said = []
    one, rows = (
        aw.read_item_sets(tmp_path / name, space, say=said.append)
        for name in ("one.csv", "rows.csv")
    )
    assert one.gains.values.tolist() == rows.gains.values.tolist()
    assert one.gains.values.tolist() == [1 / 2, 1 / 3, 1 / 2, 1 / 3]
    assert said[0].endswith("rows left out: 1 without a label")
    assert said[1].endswith("rows left out: 1 of items that the space lacks")


def test_what_is_no_table_of_labels_is_refused(made, tmp_path):
    space = aw.read_space(made / "films")
    with pytest.raises(FileError, match="cannot tell which column holds the labels among"):
        aw.read_item_sets(made / "wrong.csv", space)
    with pytest.raises(SpellingError, match="no column 'genre' beside the ids"):
        aw.read_item_sets(made / "wrong.csv", space, column="genre")
    (tmp_path / "alien.csv").write_text("id,label\nq,x\n")
    with pytest.raises(IdsError, match="not one of 1 ids is an item of the space, such as 'q'"):
        aw.read_item_sets(tmp_path / "alien.csv", space)
    (tmp_path / "alone.csv").write_text("id,label\ni0,x\ni1,y\n")
    with pytest.raises(TooFewError, match="no two items are shared by 1 label"):
        aw.read_item_sets(tmp_path / "alone.csv", space)
    (tmp_path / "empty.csv").write_text("id,label\ni0,\ni1,\n")
    with pytest.raises(FileError, match="no item of the space has a label"):
        aw.read_item_sets(tmp_path / "empty.csv", space)


def test_truths_that_agree_leave_the_verdict(made):
    space, used, _ = world()
    labels = aw.read_item_sets(made / "labels.csv", space)
    judged = co_use(UsedTogether(used))
    result = aw.compare(space, judged, measures="dot,cosine", truths={"labels": labels})
    alone = aw.compare(space, judged, measures="dot,cosine")
    assert result.verdict == alone.verdict
    assert (result.verdict.decision, result.verdict.measure) == ("use", "cosine")
    assert [name for name, _ in result.truths] == ["co-use", "labels"]
    assert all(own.verdict.measure == "cosine" for _, own in result.truths)


def test_every_truth_is_taken_within_the_strata_of_the_same_use(made):
    space, used, _ = world()
    labels = aw.read_item_sets(made / "labels.csv", space)
    judged = co_use(UsedTogether(used))
    result = aw.compare(space, judged, measures="dot,cosine", truths={"labels": labels})
    assert {own.within for _, own in result.truths} == {alone_within(space, judged)}


def alone_within(space, judged):
    return aw.compare(space, judged, measures="dot,cosine").within


def test_a_truth_that_does_not_tell_leaves_nothing_told(made):
    space, used, _ = world()
    chance = aw.read_item_sets(made / "wrong.csv", space, column="chance")
    judged = co_use(UsedTogether(used))
    result = aw.compare(space, judged, measures="dot,cosine", truths={"chance": chance})
    assert dict(result.truths)["co-use"].verdict.decision == "use"
    assert dict(result.truths)["chance"].verdict.decision != "use"
    assert result.verdict.decision == "cannot-tell"
    assert "wins" not in result.verdict.reason  # a measure that is kept in a tie has not won
    assert "co-use: use cosine" in result.verdict.reason


def test_truths_are_between_items():
    space, used, _ = world()
    judged = co_use(UsedTogether(used))
    asked = aw.Judgements(SparseRows.from_pairs([0], [1], shape=(ITEMS, ITEMS)), "queries-items")
    with pytest.raises(SpellingError, match="the truth people is of queries-items"):
        aw.compare(space, judged, truths={"people": asked})


def test_the_command_lays_truths_beside_each_other(made, anglewise):  # noqa: F811
    command = ["compare", str(made / "films"), "--direction", "items-items"]
    options = ["--measures", "dot,cosine", "--quiet", "--json", str(made / "out.json")]
    labels = str(made / "labels.csv")
    assert anglewise(*command, "--truths", f"co-use,{labels}", *options).code == 0
    content = json.loads((made / "out.json").read_text())
    assert [truth["truth"] for truth in content["truths"]] == ["co-use", "labels.csv"]
    assert all(truth["verdict"]["measure"] == "cosine" for truth in content["truths"])
    assert content["verdict"]["decision"] == "use"
    wrong = f"{made / 'wrong.csv'}:chance"
    assert anglewise(*command, "--truths", f"co-use,{wrong}", *options).code == 0
    content = json.loads((made / "out.json").read_text())
    assert content["verdict"]["decision"] == "cannot-tell"
    assert content["truths"][1]["truth"] == "wrong.csv:chance"
    assert anglewise(*command, "--truths", labels, *options).code == 0


@pytest.mark.parametrize(
    ("truths", "words"),
    [
        ("co-use,nowhere.csv", "nowhere.csv does not exist"),
        ("co-use,co-use", "names a truth twice"),
        ("couse", "couse does not exist: give co-use"),
        ("co-use,,x", "a word is missing"),
    ],
)
def test_a_typo_in_truths_is_refused(made, anglewise, truths, words):  # noqa: F811
    command = ["compare", str(made / "films"), "--direction", "items-items", "--truths", truths]
    result = anglewise(*command)
    assert result.code == 2
    assert words in " ".join(result.err.split())


def test_truths_are_of_similar_items(made, anglewise):  # noqa: F811
    result = anglewise("compare", str(made / "films"), "--truths", "co-use")
    assert result.code == 2
    assert "--truths is of similar items" in " ".join(result.err.split())


def test_what_is_said_of_grades_holds_for_labels_too(made, anglewise):  # noqa: F811
    command = ["compare", str(made / "films"), "--direction", "items-items", "--truths"]
    options = ["--measures", "dot,cosine", "--metric", "P@5", "--quiet", "--json", "-"]
    (made / "several.csv").write_text(
        "\n".join(["id,label", *[f"i{i},k{i % KINDS}|m{i % 3}" for i in range(ITEMS)]])
    )
    told = [
        json.loads(anglewise(*command, str(made / "several.csv"), *options, *more).out)
        for more in ([], ["--relevant-from", "0.6"])
    ]
    means = [own["measures"][0]["metrics"]["P@5"]["mean"] for own in told]
    assert means[0] != means[1]
    assert "relevant-from:0.6" in told[1]["signature"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--label-queries", "5"], "--label-queries is of co-use"),
        (["--gain-column", "x"], "a name of a column of judgements is of co-use"),
        (["--missing", "drop"], "--missing is of co-use"),
        (["--qrels", "films"], "is of co-use"),
    ],
)
def test_what_is_of_judgements_is_refused_beside_labels_alone(made, anglewise, words, part):  # noqa: F811
    command = ["compare", str(made / "films"), "--direction", "items-items"]
    result = anglewise(*command, "--truths", str(made / "labels.csv"), *words)
    assert result.code == 2
    assert part in " ".join(result.err.split())


def test_what_is_said_by_the_first_truth_alone_says_so(made, anglewise):  # noqa: F811
    command = ["compare", str(made / "films"), "--direction", "items-items", "--quiet"]
    options = ["--measures", "dot,cosine", "--gate", "cosine>=dot", "--json", "-"]
    files = ["--junit", str(made / "gates.xml")]
    names = f"co-use,{made / 'wrong.csv'}:chance"
    content = json.loads(anglewise(*command, "--truths", names, *options, *files).out)
    assert content["verdict"]["decision"] == "cannot-tell"
    assert "; by co-use alone, of 2 truths" in content["gates"][0]["sentence"]
    assert "by co-use alone, of 2 truths" in (made / "gates.xml").read_text()
    assert content["notes"][0].startswith("by co-use alone, of 2 truths: every figure, slice and")
    content = json.loads(anglewise(*command, "--truths", "co-use", *options).out)
    assert "truths" not in content["gates"][0]["sentence"]


@pytest.mark.parametrize("option", ["--sequential", "--unjudged"])
def test_what_goes_by_one_truth_is_refused_beside_several(made, anglewise, option):  # noqa: F811
    command = ["compare", str(made / "films"), "--direction", "items-items", option]
    result = anglewise(*command, "--truths", f"co-use,{made / 'labels.csv'}")
    assert result.code == 2
    assert f"{option} goes by one truth" in " ".join(result.err.split())
    space, used, _ = world()
    labels = aw.read_item_sets(made / "labels.csv", space)
    several = aw.compare(space, co_use(UsedTogether(used)), "dot,cosine", truths={"k": labels})
    with pytest.raises(SpellingError, match="one truth, and these are co-use and k"):
        {"--sequential": sequential, "--unjudged": unjudged}[option](several)


def test_judgements_are_called_what_they_are_and_by_a_name_of_their_own(made):
    space, used, _ = world()
    labels = aw.read_item_sets(made / "labels.csv", space)
    rows = np.arange(100)
    people = aw.Judgements(
        SparseRows.from_pairs(rows, rows + KINDS, shape=(ITEMS, ITEMS)), "items-items", "people"
    )
    result = aw.compare(space, people, "dot,cosine", truths={"labels": labels})
    assert [name for name, _ in result.truths] == ["judgements", "labels"]
    with pytest.raises(SpellingError, match="a truth is called co-use, and so are the judgements"):
        aw.compare(space, co_use(UsedTogether(used)), truths={"co-use": labels})


def test_a_run_within_strata_and_one_over_all_items_are_judged_otherwise(made, anglewise):  # noqa: F811
    run = made / "theirs.run"
    run.write_text("".join(f"i{i} Q0 i{(i + KINDS) % ITEMS} 1 1.0 x\n" for i in range(ITEMS)))
    command = ["compare", str(made / "films"), "--direction", "items-items", "--quiet"]
    options = ["--measures", "dot,cosine", "--history", str(made / "h.parquet"), "--json", "-"]
    assert anglewise(*command, *options).code == 0
    over_all = ["--runs", str(run), "--gate", "cosine>=last-1"]
    content = json.loads(anglewise(*command, *options, *over_all).out)
    assert "what is judged has changed since" in content["gates"][0]["sentence"]
    content = json.loads(anglewise(*command, *options, "--gate", "dot>=last-1").out)
    assert "what is judged has changed since" in content["gates"][0]["sentence"]
    content = json.loads(anglewise(*command, *options, "--gate", "dot>=last-1").out)
    assert "what is judged has changed since" not in content["gates"][0]["sentence"]


def test_what_is_to_be_known_of_a_further_truth_stands_beside_its_verdict(made, anglewise):  # noqa: F811
    (made / "few.csv").write_text("id,label\ni0,a\ni1,a\ni2,b\ni3,b\n")
    words = ["compare", made / "films", "--direction", "items-items", "--measures", "dot,cosine"]
    words += ["--truths", f"co-use,{made / 'few.csv'}"]
    told = json.loads(anglewise(*words, "--json", "-").out)
    [own] = [truth for truth in told["truths"] if truth["truth"] == "few.csv"]
    shown = " ".join(anglewise(*words, "--quiet").out.split())
    further = [note for note in own["notes"] if note not in told["notes"]]
    assert any("queries only: too few for sign flips" in note for note in further)
    assert all(f"note on few.csv: {note}" in shown for note in further)
