"""What agents may ask: one folder is read and none written, answers are bounded, errors are one."""

import hashlib
import json

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import AnglewiseError
from anglewise.integrations.agent_tools import TOOLS, answer
from anglewise.integrations.bounded_output import bounded
from anglewise.integrations.readable_folder import ReadableFolder

ODD = "ESC\x1b[2J \u202eodd"


def space(**about):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 6)).astype(np.float32)
    titles = [ODD, *(f"title {i}" for i in range(1, 30))]
    items = aw.Embeddings(x, [f"d{i}" for i in range(30)], {"title": titles})
    queries = aw.Embeddings(x * rng.uniform(0.3, 4, (30, 1)), [f"q{i}" for i in range(30)])
    return aw.Space(queries=queries, items=items, about=about)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    aw.write_space(space(), folder / "space")
    lines = "".join(f"q{i} 0 d{i} 1\n" for i in range(30))
    (folder / "qrels.txt").write_text(lines)
    (tmp_path / "outside.txt").write_text(lines)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "qrels.txt").write_text(lines)
    return folder


def ask(root, name, /, **given):
    return answer(name, given, ReadableFolder.at(root))


def compared(root, judgements):
    return ask(root, "compare", space="space", judgements=judgements)


@pytest.mark.parametrize(
    "judgements",
    ["../outside.txt", "space/../../outside.txt", "{tmp}/outside.txt", "link.txt", "in/qrels.txt"],
)
def test_what_lies_outside_is_refused(root, tmp_path, judgements):
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "in").symlink_to(tmp_path / "folder")
    with pytest.raises(AnglewiseError, match="outside of the folder that may be read"):
        compared(root, judgements.format(tmp=tmp_path))


def test_what_lies_inside_is_read_by_whatever_name(root):
    (root / "link.txt").symlink_to("qrels.txt")
    results = [compared(root, name) for name in ("qrels.txt", "./space/../qrels.txt", "link.txt")]
    results.append(compared(root, str(root / "qrels.txt")))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("where", ["items.parquet", "more/items.parquet", "folder"])
def test_a_folder_with_a_link_that_leads_out_is_refused(root, tmp_path, where):
    link = root / "space" / where
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path / ("folder" if where == "folder" else "outside.txt"))
    with pytest.raises(AnglewiseError, match="a link that lies outside of the folder"):
        ask(root, "audit", space="space")


def test_links_behind_links_are_looked_through(root, tmp_path):
    (root / "other").mkdir()
    (root / "other" / "out").symlink_to(tmp_path / "folder")
    (root / "space" / "within").symlink_to(root / "other")
    with pytest.raises(AnglewiseError, match="outside of the folder"):
        ask(root, "audit", space="space")


def test_a_log_beside_a_file_may_not_lead_out(root, tmp_path):
    (root / "judged.sqlite").write_bytes(b"SQLite format 3\0" + bytes(100))
    (root / "judged.sqlite-wal").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(AnglewiseError, match=r"judged.sqlite-wal', a link that lies outside"):
        compared(root, "judged.sqlite")


@pytest.mark.parametrize("path", ["", "a\0b", "loop"])
def test_what_is_no_path_is_refused(root, path):
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(AnglewiseError):
        compared(root, path)


def test_no_file_changes_where_a_store_is_read(root):
    """But for the two by which SQLite keeps readers and writers apart: no answer stands in them."""
    judged = [aw.Judged(f"q{i}", f"d{i}", 1, judge="ann") for i in range(30)]
    with aw.JudgementStore.open(root / "space" / "judgements.sqlite") as store:
        store.add_many(judged)

    def state():
        files = [path for path in sorted(root.rglob("*")) if path.is_file()]
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    locks = {root / "space" / f"judgements.sqlite-{end}" for end in ("shm", "wal")}
    assert ask(root, "compare", space="space")["judged"] == 30
    ask(root, "audit", space="space")
    ask(root, "search", space="space", query="q1")
    after = state()
    assert set(after) - set(before) <= locks
    assert {path: after[path] for path in before} == before
    assert all(path.stat().st_size == 0 for path in locks if path.name.endswith("-wal"))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("openai:model?url=http://127.0.0.1:9", "no text is sent to one from here"),
        ("python:subprocess:call", "may run code that the space brings"),
        ("sentence-transformers:{root}/model", "may run code that the space brings"),
        ("words:{tmp}/words.npy?words={tmp}/outside.txt", "outside of the folder"),
        ("model2vec:{tmp}/folder", "outside of the folder"),
        ("onnx:{root}/model.onnx", "outside of the folder"),
    ],
)
def test_encoders_that_run_code_or_ask_servers_or_read_elsewhere_are_refused(
    root, tmp_path, monkeypatch, encoder, message
):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    (tmp_path / "words.npy").write_bytes(b"")
    (root / "model.onnx").write_bytes(b"")
    spelled = encoder.format(root=root, tmp=tmp_path)
    aw.write_space(space(encoder=spelled), root / "encoded")
    with pytest.raises(AnglewiseError, match=message):
        ask(root, "search", space="encoded", text="some words")


def test_a_text_asks_by_the_encoder_of_the_space(root):
    films = {"a": "a heist in three acts", "b": "a voyage to the moon", "c": "cooking rice"}
    aw.write_space(aw.encode(films, "use"), root / "encoded")
    found = ask(root, "search", space="encoded", text="a robbery\x1b", measures="cosine")
    assert found["query"] == {"id": None, "title": "a robbery\\x1b"}
    assert found["measures"][0]["neighbours"][0]["id"] == "a"
    with pytest.raises(AnglewiseError, match="asks nothing"):
        ask(root, "search", space="encoded", text=" \n")


def test_an_answer_is_that_of_the_library(root):
    loaded = aw.read_space(root / "space")
    judged = aw.read_judgements(root / "qrels.txt", loaded)
    ours = compared(root, "qrels.txt")
    same = json.loads(json.dumps(aw.compare(loaded, judged, "dot,cosine,euclidean").to_dict()))
    remarks = ours.pop("remarks", [])
    assert ours == same
    assert all(isinstance(remark, str) for remark in remarks)
    verdict = json.loads(json.dumps(aw.audit(loaded).to_dict()["verdict"]))
    assert ask(root, "audit", space="space")["verdict"] == verdict


def test_titles_cannot_command_a_terminal(root):
    found = ask(root, "search", space="space", query="q0", measures="cosine")
    assert found["measures"][0]["neighbours"][0]["title"] == "ESC\\x1b[2J \\u202eodd"


@pytest.mark.parametrize("tool", TOOLS)
def test_arguments_are_those_of_the_schema(root, tool):
    schema = TOOLS[tool].schema
    due = {"space": "space", "address": "lancedb://space/table"}
    needed = {name: due[name] for name in schema["required"]}
    assert needed.keys() <= due.keys()
    for name, form in schema["properties"].items():
        wrong = {"string": 3, "integer": "3", "array": "a"}[form["type"]]
        with pytest.raises(AnglewiseError, match=f"{name} is "):
            ask(root, tool, **(needed | {name: wrong}))
    with pytest.raises(AnglewiseError, match="there is no argument 'nothing'"):
        ask(root, tool, **needed, nothing=1)
    with pytest.raises(AnglewiseError, match=f"{next(iter(needed))} is missing"):
        ask(root, tool)


@pytest.mark.parametrize("tool", ["probe", "verify"])
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("lancedb://../folder/t", "outside of the folder that may be read"),
        ("lancedb:///etc/t", "outside of the folder that may be read"),
        ("lancedb://in/t", "outside of the folder that may be read"),
        ("qdrant://localhost:6333/films", "cannot be asked from here"),
        ("postgresql://localhost/db/films", "cannot be asked from here"),
        ("faiss://space/x.index", "cannot be asked from here"),
        ("space", "no store is called"),
    ],
)
def test_collections_are_asked_in_the_folder_alone(root, tmp_path, tool, address, words):
    (root / "in").symlink_to(tmp_path / "folder")
    more = {"space": "space"} if tool == "verify" else {}
    with pytest.raises(AnglewiseError, match=words):
        ask(root, tool, address=address, **more)


@pytest.mark.parametrize("tool", ["audit", "compare", "search", "verify"])
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("lancedb://../folder/t", "outside of the folder that may be read"),
        ("lancedb://in/t", "outside of the folder that may be read"),
        ("qdrant://localhost:6333/films", "cannot be asked from here"),
        ("postgresql://me:s3cret@localhost/db/films", "cannot be asked from here"),
        ("http://localhost/search", "no store is called"),
        ("faiss://space/x.index", "cannot be asked from here"),
    ],
)
def test_a_space_of_an_agent_is_a_table_in_the_folder_or_none(root, tmp_path, tool, address, words):
    (root / "in").symlink_to(tmp_path / "folder")
    more = {"search": {"query": "d1"}, "verify": {"address": "lancedb://space/t"}}.get(tool, {})
    with pytest.raises(AnglewiseError, match=words) as refused:
        ask(root, tool, space=address, **more)
    assert "s3cret" not in str(refused.value)


def test_those_who_ask_a_table_lie_in_the_folder_too(root, tmp_path):
    np.save(tmp_path / "outside.npy", np.eye(6))
    (root / "link.npy").symlink_to(tmp_path / "outside.npy")
    for queries in ("../outside.npy", "link.npy", str(tmp_path / "outside.npy")):
        with pytest.raises(AnglewiseError, match="outside of the folder that may be read"):
            ask(root, "audit", space="lancedb://space/t", queries=queries)
    with pytest.raises(AnglewiseError, match="a space of files has its own"):
        ask(root, "audit", space="space", queries="qrels.txt")


@pytest.mark.parametrize("value", [True, 1.0])
def test_a_number_that_is_no_whole_one_is_refused(root, value):
    with pytest.raises(AnglewiseError, match="a whole number is due"):
        ask(root, "audit", space="space", k=value)


def test_a_gate_without_an_earlier_run_does_not_hold(root):
    gates = ask(
        root, "compare", space="space", judgements="qrels.txt", gates=["cosine>=last", "dot>=0"]
    )["gates"]
    assert [gate["holds"] for gate in gates] == [False, True]


LONG = {
    "command": "compare",
    "verdict": {"reason": "use cosine"},
    "measures": [{"measure": f"m{i}", "at": list(range(30))} for i in range(40)],
    "slices": [{"slice": "x" * 50} for _ in range(200)],
    "notes": ["a note"],
}


@pytest.mark.parametrize("most_characters", [1000, 3000, 10_000, 100_000])
@pytest.mark.parametrize("most_rows", [1, 7, 1000])
def test_an_answer_is_no_longer_than_allowed_and_keeps_the_verdict(most_rows, most_characters):
    short = bounded(LONG, most_rows, most_characters)
    assert len(json.dumps(short, ensure_ascii=False)) <= most_characters
    assert short["verdict"] == LONG["verdict"]
    assert all(len(value) <= most_rows for value in (short.get("measures", []), short["notes"]))
    if (most_rows, most_characters) == (1000, 100_000):
        assert short == LONG
    else:
        assert short["cut"][-1].startswith("ask for less")


def test_what_goes_is_named_with_its_length():
    assert bounded(LONG, 1000, 10_000)["cut"][0] == "slices: left out, 13,000 characters"
    assert bounded({"ids": list("abc")}, 2, 1000)["cut"][0] == "ids: the first 2 of 3"


def test_a_place_is_resolved_once_so_that_a_later_link_does_not_matter(root):
    (root / "link.txt").symlink_to("qrels.txt")
    assert ReadableFolder.at(root).path("link.txt") == root.resolve() / "qrels.txt"
