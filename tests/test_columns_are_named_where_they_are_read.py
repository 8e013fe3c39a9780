"""A column that is named is read, or refused: an option never passes without a word."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import anglewise as aw
from anglewise.encoders.document_files import read_documents
from anglewise.errors import SpellingError
from cli_run import anglewise, refused  # noqa: F401 (a fixture)

rng = np.random.default_rng(0)
WHERE = ["--vector-column", "--id-column"]
WHAT = ["--query-column", "--item-column", "--gain-column"]


@pytest.fixture
def space(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {side: [f"{side[0]}{i}" for i in range(8)] for side in ("queries", "items")}
    vectors = {side: rng.standard_normal((8, 4)).astype("f4") for side in names}
    sides = {side: aw.Embeddings(vectors[side], ids=names[side]) for side in names}
    made = aw.Space(**sides)
    aw.write_space(made, "sp")
    gains = {f"q{i}": {f"i{i}": 1.0} for i in range(8)}
    aw.write_space(
        made, "judged", judgements={"queries-items": aw.Judgements.from_dict(gains, made)}
    )
    lines = [f"q{i} 0 i{i} 1" for i in range(8)]
    (tmp_path / "qrels.txt").write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "qrels.csv").write_text(
        "query_id,item_id,gain\n" + "".join(f"q{i},i{i},1\n" for i in range(8))
    )
    np.save("i.npy", vectors["items"])
    columns = {"name": names["items"], "vec": list(vectors["items"])}
    pq.write_table(pa.table(columns), "i.parquet")
    return made


@pytest.mark.parametrize("option", WHERE)
@pytest.mark.parametrize(
    "words",
    [
        ("compare", "sp", "--qrels", "qrels.txt"),
        ("audit", "sp"),
        ("search", "sp", "--query", "q1"),
        ("judge", "lint", "sp", "--qrels", "qrels.csv"),
        ("audit", "--items", "i.npy"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("space")
def test_columns_of_vectors_and_ids_are_refused_where_none_are_read(words, option, anglewise):  # noqa: F811
    assert refused(anglewise(*words, option, "nosuch"), option, "leave it out")


@pytest.mark.parametrize("option", WHAT)
@pytest.mark.parametrize(
    "words",
    [("compare", "judged"), ("judge", "lint", "judged"), ("compare", "sp", "--qrels", "qrels.txt")],
    ids=" ".join,
)
@pytest.mark.usefixtures("space")
def test_columns_of_judgements_are_refused_where_none_are_read(words, option, anglewise):  # noqa: F811
    refused(anglewise(*words, option, "nosuch"), "column")


def test_a_column_of_one_side_may_be_named_where_the_other_has_none(space):
    np.save("q.npy", space.queries.vectors)
    read = aw.read_space(items="i.parquet", queries="q.npy", vector_column="vec", id_column="name")
    assert list(read.items.ids) == list(space.items.ids)
    with pytest.raises(SpellingError, match=r"id_column='name'.*leave it out"):
        aw.read_space(items="i.npy", queries="q.npy", id_column="name")


@pytest.mark.parametrize(
    ("head", "line"), [("id_a,id_b,score", "q{0},i{1},{0}"), ("anchor,near,far", "q{0},i{1},i{2}")]
)
@pytest.mark.usefixtures("space")
def test_a_direction_beside_pairs_and_triplets_is_refused(head, line, anglewise, tmp_path):  # noqa: F811
    rows = [line.format(i, i, (i + 2) % 8) for i in range(8)]
    (tmp_path / "named.csv").write_text("\n".join([head, *rows]) + "\n")
    words = ("compare", "sp", "--qrels", "named.csv")
    assert anglewise(*words).code == 0
    assert refused(anglewise(*words, "--direction", "items-items"), "--direction", "leave it out")


@pytest.mark.usefixtures("space")
def test_a_direction_that_labels_do_not_judge_is_refused(anglewise, tmp_path):  # noqa: F811
    rows = [f"i{i},{i % 2}" for i in range(8)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,label", *rows]) + "\n")
    words = ("compare", "sp", "--qrels", "labels.csv", "--direction")
    assert anglewise(*words, "items-items").code == 0
    assert refused(anglewise(*words, "queries-items"), "--direction", "items-items")


@pytest.mark.parametrize("words", [{"id_column": "nosuch"}, {"text_column": "nosuch"}])
def test_columns_of_a_folder_of_texts_are_refused(words, tmp_path):
    (tmp_path / "a.txt").write_text("a heist")
    with pytest.raises(SpellingError, match="leave it out"):
        read_documents(tmp_path, **words)
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "text": "a heist"}\n')
    with pytest.raises(SpellingError, match="nosuch"):
        read_documents(tmp_path / "corpus.jsonl", **words)
