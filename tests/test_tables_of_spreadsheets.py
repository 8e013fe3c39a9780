"""Tables as spreadsheets write them: read right where that is certain, else refused."""

import codecs

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

import anglewise as aw
from anglewise.errors import AnglewiseError
from anglewise.io.delimited import open_sheet
from anglewise.io.ids import read_ids
from anglewise.io.interactions import read_interactions
from anglewise.io.judgement_files import read_judgements
from anglewise.io.judgement_formats import read_judged
from anglewise.io.judgement_rows import Assumed
from anglewise.io.texts import read_texts

TABLE = "user_id;item_id;rating\r\nu1;café, noir;3\r\nu2;b;4.5\r\n"


def written(tmp_path, text, encoding="utf-8", name="ratings.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("start", ["", "sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_a_table_is_read_as_it_was_meant(tmp_path, encoding, start):
    used = read_interactions(written(tmp_path, start + TABLE, encoding))
    assert set(used.item_ids) == {"café, noir", "b"}
    assert sorted(used.weights) == [3, 4.5]


def test_what_the_first_line_says_wins_over_what_is_frequent(tmp_path):
    text = "sep=|\nid|title, year, country\n1|Alien, 1979, UK\n"
    sheet = open_sheet(written(tmp_path, text))
    assert sheet.names == ("id", "title, year, country")
    assert sheet.location(0) == "line 3"
    with pytest.raises(AnglewiseError, match="says in its first line that 'x' parts its cells"):
        open_sheet(written(tmp_path, "sep=x\nidxtitle\n"))


def test_utf_16_big_end_first(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_bytes(codecs.BOM_UTF16_BE + "é\nb\n".encode("utf-16-be"))
    assert read_ids(path, 2) == ["é", "b"]
    path = written(tmp_path, '{"_id": "é", "title": "Été"}\n', "utf-16", "corpus.jsonl")
    assert read_texts(path, ["é"])["title"] == ["Été"]


def test_utf_16_without_a_mark_and_cut_off_are_refused(tmp_path):
    with pytest.raises(AnglewiseError, match="UTF-16 that begins with its byte order mark"):
        read_interactions(written(tmp_path, TABLE, "utf-16-le"))
    path = tmp_path / "cut.csv"
    path.write_bytes(TABLE.encode("utf-16")[:-1])
    with pytest.raises(AnglewiseError, match="text in UTF-16, as its first bytes say"):
        read_interactions(path)


@pytest.mark.parametrize("header", ["user_id;item_id;rating\n", "sep=;\nuser_id;item_id;rating\n"])
def test_a_decimal_comma_is_refused(tmp_path, header):
    path = written(tmp_path, header + "u1;a;3\nu1;b;4,5\n")
    with pytest.raises(AnglewiseError, match=r"'4,5' in 'rating'.*decimals with a point"):
        read_interactions(path)


def test_a_first_row_of_decimal_commas_is_no_header(tmp_path):
    sheet = open_sheet(written(tmp_path, "u1;a;3,5\nu1;b;4,5\n"))
    assert sheet.names is None
    with pytest.raises(AnglewiseError, match="a comma may part cells or decimals"):
        open_sheet(written(tmp_path, "a;3,5\nb;4,5\n"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("start", ["", "sep=;\n"])
def test_judgements(tmp_path, encoding, start):
    text = start + "query;item;grade\nq;é;2\n"
    path = written(tmp_path, text, encoding)
    x = np.eye(2)
    space = aw.Space(queries=aw.Embeddings(x, ["q", "r"]), items=aw.Embeddings(x, ["é", "b"]))
    assert read_judgements(path, space).gains.values.tolist() == [2]
    judged = read_judged(path, assumed=Assumed(judge="anna")).judged
    assert [(row.item_id, row.grade) for row in judged] == [("é", 2)]


@pytest.mark.parametrize("text", ["sep=;\r\n", "sep=;\n\n\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_nothing_but_the_line_that_says_at_what_to_cut_is_refused(tmp_path, text, encoding):
    path = written(tmp_path, text, encoding, "judged.csv")
    with pytest.raises(AnglewiseError, match="holds no"):
        list(read_judged(path, assumed=Assumed("ann", "queries-items")).judged)
    with pytest.raises(AnglewiseError, match="judged"):
        open_sheet(path)


@pytest.mark.parametrize("name", ["zero.feather", "zero.jsonl"])
def test_a_table_without_columns_is_refused(tmp_path, name):
    path = tmp_path / name
    if name.endswith("jsonl"):
        path.write_text("{}\n{}\n")
    else:
        feather.write_feather(pa.table({"a": [1, 2]}).select([]), path)
    space = aw.Space(items=aw.Embeddings(np.eye(2)))
    with pytest.raises(AnglewiseError, match="holds no"):
        read_judgements(path, space, direction="items-items")
    with pytest.raises(AnglewiseError, match="holds no"):
        read_ids(path, 2)
