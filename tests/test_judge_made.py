"""Judgements that nobody made: from interactions, classes and texts."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import Embeddings, JudgementStore, Space, write_space
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.encoders.json_requests import Patience
from anglewise.errors import EncoderError, IdsError, SpellingError, ValuesError
from anglewise.labelling.generated import classes_of, from_classes, from_interactions
from anglewise.labelling.known_items import chat_asker, known_items
from chat_stub import chat
from cli_run import anglewise, refused
from real_data import real_data

__all__ = ["anglewise", "chat"]

RNG = np.random.default_rng(0)
ABOUT = {
    "title": ["On the lift of wings", "Heat", "Flow past a plate", "Flow past a plate", ""],
    "text": [
        "Wings lift by 1.5 of their weight. More follows.",
        "Heat flows from warm bodies to cold",
        "",
        "A plate! In a stream.",
        "空気の流れを測る。次の文。 more words here",
    ],
    "sport": ["run", "run", "swim", "swim", "run"],
    "kind": ["shoe", "shoe", "cap", "cap", "shirt"],
    "code": list("abcde"),
}


@pytest.fixture
def space(tmp_path):
    items = Embeddings(RNG.normal(size=(5, 3)), [f"d{i}" for i in range(5)], metadata=ABOUT)
    users = Embeddings(RNG.normal(size=(3, 3)), ["u0", "u1", "u2"])
    seen = SparseRows.from_pairs([0, 1], [0, 1], shape=(3, 5))
    write_space(Space(queries=users, items=items, seen=seen), tmp_path / "space")
    return tmp_path / "space"


def rows(place):
    path = place / "judgements.sqlite"
    with JudgementStore.open(path, read_only=True) as store:
        return {(row.query_id, row.item_id): (row.grade, row.source) for row in store.rows()}


def test_what_users_did_after_the_training_is_relevant(space, tmp_path, anglewise):
    path = tmp_path / "later.csv"
    path.write_text("user,item,rating\nu0,d0,5\nu0,d1,4\nu2,d3,1\nu9,d1,5\nu1,d9,5\n")
    run = anglewise("judge", "from-interactions", space, path, "--graded")
    assert run.code == 0, run.err
    assert rows(space) == {("u0", "d1"): (4, "interaction"), ("u2", "d3"): (1, "interaction")}
    assert "2 interactions are of users or items that the space does not hold" in run.err
    assert "1 interactions were seen in training" in run.err
    again = anglewise("judge", "from-interactions", space, path, "--graded", "--json", "-")
    told = json.loads(again.out)
    assert (told["recorded"], told["there_already"], told["source"]) == (0, 2, "interaction")


def test_items_used_together_are_relevant_to_each_other(space, tmp_path, anglewise):
    path = tmp_path / "together.csv"
    lines = [f"v{user},d{item}" for user in range(6) for item in ((0, 1) if user % 2 else (2, 3))]
    path.write_text("\n".join(["user,item", *lines]))
    words = ["--direction", "items-items", "--min-support", "3"]
    run = anglewise("judge", "from-interactions", space, path, *words)
    assert run.code == 0, run.err
    assert set(rows(space)) == {("d0", "d1"), ("d1", "d0"), ("d2", "d3"), ("d3", "d2")}


def test_the_finer_the_common_class_the_higher_the_grade(space, anglewise):
    words = ["--label", "kind", "--hierarchy", "sport"]
    run = anglewise("judge", "from-labels", space, *words)
    assert run.code == 0, run.err
    found = rows(space)
    assert found["d0", "d1"] == (2, "label")
    assert found["d0", "d4"] == (1, "label")
    assert ("d0", "d2") not in found
    assert len(found) == 3 * 2 + 2


@pytest.mark.parametrize("columns", ["kind", "sport,sport", "sport, kind"])
@pytest.mark.parametrize("table", [False, True])
def test_a_column_of_classes_that_is_named_twice_is_refused(
    columns, table, space, tmp_path, anglewise
):
    (tmp_path / "classes.csv").write_text("id,kind,sport\nd0,cap,run\nd1,cap,run\n")
    words = [tmp_path / "classes.csv"] if table else []
    words += ["--label", "kind", "--hierarchy", columns]
    run = anglewise("judge", "from-labels", space, *words)
    assert refused(run, "--hierarchy", "' more than once")
    assert not (space / "judgements.sqlite").exists()


def test_a_fine_class_of_one_name_under_two_coarse_ones_is_two_classes():
    space = Space(items=Embeddings(np.eye(3), ["a", "b", "c"]))
    classes = {"a": ("run", "cap"), "b": ("run", "cap"), "c": ("swim", "cap")}
    made = from_classes(space, classes, now=0.0)
    assert {(row.query_id, row.item_id) for row in made.judged} == {("a", "b"), ("b", "a")}


def test_a_sample_of_items_asks(space, anglewise):
    words = ["judge", "from-labels", space, "--label", "sport", "--queries", "2"]
    run = anglewise(*words, "--json", "-")
    assert json.loads(run.out)["queries"] == 2
    assert "2 of 5 items ask (seed 0)" in run.err


def test_labels_come_from_a_table(space, tmp_path, anglewise):
    path = tmp_path / "labels.csv"
    path.write_text("id,label\nd0,x\nd3,x\nd9,x\n")
    run = anglewise("judge", "from-labels", space, path)
    assert run.code == 0, run.err
    assert set(rows(space)) == {("d0", "d3"), ("d3", "d0")}


def test_titles_and_first_sentences_ask_for_their_item(space, tmp_path, anglewise):
    run = anglewise("judge", "from-text", space, "-o", tmp_path / "made")
    assert run.code == 0, run.err
    lines = (tmp_path / "made" / "queries.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"_id": "known-d0", "text": "On the lift of wings"}  # d2 and d3 ask alike, d1 is too short
    ]
    assert rows(tmp_path / "made") == {("known-d0", "d0"): (1, "generated")}
    assert "known-d0\td0\t1" in (tmp_path / "made" / "qrels" / "test.tsv").read_text()
    anglewise("judge", "from-text", space, "-o", tmp_path / "first", "--by", "sentence")
    lines = (tmp_path / "first" / "queries.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == [
        "Wings lift by 1.5 of their weight.",
        "Heat flows from warm bodies to cold",
    ]


def test_the_same_seed_makes_the_same_queries():
    items = Embeddings(
        np.eye(30), metadata={"title": [f"A title of number {i}" for i in range(30)]}
    )
    one, again = (known_items(items, "title", 5, seed=3) for _ in range(2))
    assert one == again
    assert one.queries != known_items(items, "title", 5, seed=4).queries


def answered(words):
    return json.dumps({"choices": [{"message": {"content": words}}]}).encode()


def test_a_model_is_asked_once_for_each_item(space, tmp_path, chat, anglewise, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    chat.pieces = [answered('"How much do wings carry?"\n')]
    words = ["judge", "from-text", space, "--by", "model", "--model", "small", "--url", chat.url]
    words += ["--number", "1", "--seed", "3"]
    run = anglewise(*words, "-o", tmp_path / "made", "--json", "-")
    assert run.code == 0, run.err
    assert json.loads(run.out)["judge"] == "small"
    [query] = json.loads(run.out)["examples"].values()
    assert query == "How much do wings carry?"
    asked = chat.asked[0]
    assert asked["model"] == "small"
    assert "Do not copy phrases" in asked["messages"][0]["content"]
    assert chat.headers[0]["Authorization"] == "Bearer secret"
    assert list(rows(tmp_path / "made").values()) == [(1, "generated")]
    kept = tmp_path / "made.answers.jsonl"
    assert "answers already" not in run.err
    assert "secret" not in kept.read_text()
    run = anglewise(*words, "-o", tmp_path / "again", "--cache", kept)
    assert f"what {kept} answers already is taken from there" in run.err
    assert run.code == 0
    assert len(chat.asked) == 1


def test_a_broken_line_of_the_cache_is_asked_again(tmp_path, chat):
    chat.pieces = [answered("Which wing?")]
    cache = tmp_path / "answers.jsonl"
    chat_asker(chat.url, "small", key=None, cache=cache)("A text.")
    whole = cache.read_text()
    cache.write_text(whole + whole[:20])
    chat_asker(chat.url, "small", key=None, cache=cache)("A text.")
    assert len(chat.asked) == 1
    cache.write_text(whole[:20] + "\n")
    chat_asker(chat.url, "small", key=None, cache=cache)("A text.")
    assert len(chat.asked) == 2


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [
        (200, b"{}", "without words"),
        (200, b'{"choices": [{"message": {"content": " "}}]}', "without words"),
        (200, b"<html>", "no JSON"),
        (401, b'{"error": {"message": "bad key"}}', "bad key"),
        (503, b"", "asked 2 times"),
    ],
)
def test_an_endpoint_that_does_not_answer_is_named(status, body, part, tmp_path, chat):
    chat.status, chat.pieces = status, [body]
    patience = Patience(tries=2, sleep=lambda _: None)
    ask = chat_asker(chat.url, "m", key=None, cache=tmp_path / "x.jsonl", patience=patience)
    with pytest.raises(EncoderError, match=part):
        ask("A text.")
    assert not (tmp_path / "x.jsonl").exists()


def test_only_http_is_asked(tmp_path):
    with pytest.raises(SpellingError, match="http"):
        chat_asker("file:///etc", "m", key=None, cache=tmp_path / "x.jsonl")


@pytest.mark.real
def test_classes_of_real_texts(anglewise, tmp_path):
    table = real_data("banking77/texts.csv")
    with table.open(newline="", encoding="utf-8") as file:
        some = list(csv.DictReader(file))[:400]
    names = [row.get("id") or str(place) for place, row in enumerate(some)]
    items = Embeddings(RNG.normal(size=(400, 4)), names)
    items.metadata = {"label": [row["label"] for row in some]}
    write_space(Space(items=items), tmp_path / "bank")
    run = anglewise("judge", "from-labels", tmp_path / "bank", "--queries", "20", "--json", "-")
    assert run.code == 0, run.err
    told = json.loads(run.out)
    assert told["queries"] == 20
    assert told["direction"] == "items-items"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["from-interactions", "SPACE", "none.csv"], ["none.csv"]),
        (["from-interactions", "SPACE", "SEEN"], ["training saw every one"]),
        (["from-interactions", "SPACE", "OTHERS"], ["not one of 1 interactions"]),
        (["from-interactions", "SPACE", "SEEN", "--direction", "items-items"], ["no two items"]),
        (["from-labels", "SPACE"], ["no column 'label'", "--hierarchy"]),
        (["from-labels", "SPACE", "--label", "code"], ["no two items share a class"]),
        (
            ["from-labels", "SPACE", "--label", "text"],
            ["column 'text' is empty", "'d2'"],
        ),
        (["from-labels", "SPACE", "--queries", "0"], ["--queries", "at least 1"]),
        (["from-text", "SPACE", "-o", "SPACE"], ["also reads"]),
        (["from-text", "SPACE", "-o", "new", "--by", "model"], ["--model"]),
        (["from-text", "SPACE", "-o", "new", "--model", "x"], ["--by model"]),
        (["from-text", "SPACE", "-o", "new", "--by", "titel"], ["titel", "title"]),
        (["from-text", "SPACE"], ["--output"]),
    ],
)
def test_bad_use_is_refused(words, says, space, tmp_path, anglewise):
    places = {"SPACE": space}
    for name, text in [("SEEN", "u0,d0,1"), ("OTHERS", "x,y,1")]:
        places[name] = tmp_path / f"{name}.csv"
        places[name].write_text(f"user,item,rating\n{text}\n")
    run = anglewise("judge", *(places.get(word, word) for word in words))
    assert refused(run, *says)


def test_many_judgements_are_announced_with_their_size_before_they_are_recorded(
    space, anglewise, monkeypatch
):
    monkeypatch.setattr("anglewise.cli.judge_make.MANY_BYTES", 1_600)
    words = ["--label", "sport"]
    run = anglewise("judge", "from-labels", space, *words)
    assert run.code == 0, run.err
    count = len(rows(space))
    store = space / "judgements.sqlite"
    size = f"about {(200 + 2.2 * 4) * count / 1000:.1f} kB in {store}"
    assert f"{count} judgements to record: {size}" in run.err
    monkeypatch.setattr("anglewise.cli.judge_make.MANY_BYTES", 1_700)
    assert "to record" not in anglewise("judge", "from-labels", space, *words).err


def test_the_size_that_is_announced_is_that_of_the_store(tmp_path, anglewise):
    ids = [f"a rather long name of an item {item}" for item in range(60)]
    items = Embeddings(np.eye(60), ids, metadata={"label": ["all"] * 60})
    write_space(Space(items=items), tmp_path / "space")
    made = from_classes(Space(items=items), dict.fromkeys(ids, ("all",)), now=0.0)
    assert anglewise("judge", "from-labels", tmp_path / "space").code == 0
    size = (tmp_path / "space" / "judgements.sqlite").stat().st_size
    assert made.stored_bytes == pytest.approx(size, rel=0.25)


@pytest.mark.parametrize("direction", ["queries-items", "items-items"])
def test_more_judgements_than_the_memory_allowed_are_refused(direction, monkeypatch):
    items = Embeddings(np.eye(6), list("abcdef"))
    space = Space(queries=np.eye(6), items=items)
    users, used = np.divmod(np.arange(35), 6)  # the last took all but one: not all are alike
    did = Interactions(users, used, np.ones(35), np.array(list("012345")), np.array(list("abcdef")))
    made = from_interactions(space, did, direction=direction, now=0.0)
    assert len(made.judged) == (35 if direction == "queries-items" else 30)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "30kB")
    with pytest.raises(ValuesError, match=rf"making {len(made.judged)} judgements.*fewer users"):
        from_interactions(space, did, direction=direction, now=0.0)


def test_labels_that_make_more_than_the_memory_allowed_name_how_many_may_ask(monkeypatch):
    space = Space(items=Embeddings(np.eye(6), list("abcdef")))
    monkeypatch.setenv("ANGLEWISE_MEMORY", "22kB")
    with pytest.raises(ValuesError, match=r"30 pairs share a class, 20 fit: let about 4 ask"):
        from_classes(space, dict.fromkeys("abcdef", ("all",)), now=0.0)
    assert len(from_classes(space, dict.fromkeys("abcdef", ("all",)), queries=4, now=0.0).judged)


NAN = float("nan")
NO_CLASSES = [
    (["a", "a", None, "b", "b"], "empty"),
    (["a", "a", " ", "b", "b"], "empty"),
    ([1.0, 1.0, NAN, 2.0, NAN], "empty"),
    ([2.0**53, 2.0**53 + 2, 1.0, 1.0, 1.0], "float"),
    ([True, True, False, False, True], "text or"),
    ([[1], [1], [2], [2], [1]], "list"),
]


@pytest.mark.parametrize(("cells", "says"), NO_CLASSES)
@pytest.mark.parametrize("level", ["label", "coarse"])
def test_cells_that_name_no_class_are_refused(cells, says, level, tmp_path, anglewise):
    """In a table as ``compare --qrels`` refuses them, and so in a column of the space."""
    ids = [f"d{row}" for row in range(5)]
    plain = {"label": list("xxyyy"), "coarse": list("ppppp")}
    pq.write_table(pa.table({"id": ids} | plain | {level: cells}), tmp_path / "labels.parquet")
    items = Embeddings(np.eye(5), ids)
    write_space(Space(items=items), tmp_path / "space")
    words = ["judge", "from-labels", tmp_path / "space", "--hierarchy", "coarse"]
    run = anglewise(*words, tmp_path / "labels.parquet")
    assert refused(run, "labels.parquet", *([] if says == "list" else [level, says]))
    assert not (tmp_path / "space" / "judgements.sqlite").exists()
    with pytest.raises((ValuesError, IdsError), match=f"{level}.*{says}"):
        classes_of(Embeddings(np.eye(5), ids, plain | {level: cells}), ["coarse", "label"])


@pytest.mark.parametrize("numbers", [np.float32([2**24, 2**24 + 2]), [2.0**53, 2.0**53 + 2]])
def test_classes_whose_last_digits_are_lost_are_refused(numbers, tmp_path, anglewise):
    write_space(Space(items=Embeddings(np.eye(2), ["a", "b"])), tmp_path / "space")
    pq.write_table(pa.table({"id": ["a", "b"], "label": numbers}), tmp_path / "labels.parquet")
    run = anglewise("judge", "from-labels", tmp_path / "space", tmp_path / "labels.parquet")
    assert refused(run, "'label'", "lost their last digits")


def test_an_item_of_two_labels_is_refused(space, tmp_path, anglewise):
    path = tmp_path / "labels.csv"
    path.write_text("id,label\nd0,x\nd1,x\nd0,y\n")
    run = anglewise("judge", "from-labels", space, path)
    assert refused(run, "line 4", "'d0' has the label 'y' here and 'x' before: keep one")


def test_items_without_a_label_are_left_out_aloud(space, tmp_path, anglewise):
    path = tmp_path / "labels.csv"
    path.write_text("id,label\nd0,x\nd3,x\nd9,x\n")
    run = anglewise("judge", "from-labels", space, path)
    assert "3 of 5 items have no label: left out" in run.err
    assert "1 labelled ids are not in the space" in run.err
