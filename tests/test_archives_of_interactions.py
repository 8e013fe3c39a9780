"""Interactions in zip archives, and the lines of MSWeb: which file is read, and what is refused."""

import json
import zipfile

import numpy as np
import pytest
from scipy.io import mmwrite

from anglewise import Embeddings, Space, read_interactions
from anglewise.errors import AnglewiseError, FileError, ValuesError
from anglewise.io.interactions import with_seen
from cli_run import anglewise, refused

__all__ = ["anglewise"]

RATINGS = "user_id,item_id,rating\nann,up,5\nbob,it,3\n"
SOME = "user_id,item_id\n" + "".join(f"u{u},{i}\n" for u in range(20) for i in "abc")


@pytest.fixture
def archive(tmp_path):
    def write(files, name="films.zip", method=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / name, "w", method) as packed:
            for inside, text in files:
                packed.writestr(inside, text)
        return tmp_path / name

    return write


def test_the_only_file_of_an_archive_is_read_and_named(archive):
    said = []
    path = archive([("ml/", ""), ("ml/ratings.csv", RATINGS), ("__MACOSX/ml/._ratings.csv", "x")])
    found = read_interactions(path, say=said.append)
    assert found.user_ids.tolist() == ["ann", "bob"]
    assert found.weights.tolist() == [5, 3]
    assert said[0] == "films.zip: read ml/ratings.csv"
    assert said[1].startswith("ratings.csv: users from 'user_id'")


def test_of_several_files_none_is_guessed(archive):
    path = archive([("ml/ratings.csv", RATINGS), ("ml/README.txt", "x"), ("b/x.csv", RATINGS)])
    with pytest.raises(FileError, match=r"3 files \(ml/ratings\.csv, .*films\.zip/ml/ratings\.csv"):
        read_interactions(path)
    for name in ("ml/ratings.csv", "ratings.csv"):
        assert read_interactions(path / name).weights.tolist() == [5, 3]
    with pytest.raises(FileError, match=r"no such file, but ml/ratings\.csv, ml/README\.txt"):
        read_interactions(path / "ratings")


def test_an_end_that_two_files_have_names_neither(archive):
    path = archive([("a/x.csv", RATINGS), ("b/x.csv", RATINGS)])
    with pytest.raises(FileError, match="2 files so called"):
        read_interactions(path / "x.csv")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_stands_twice_is_refused(archive):
    path = archive([("x.csv", RATINGS), ("x.csv", "user_id,item_id\na,b\n")])
    with pytest.raises(FileError):
        read_interactions(path)
    with pytest.raises(FileError):
        read_interactions(path / "x.csv")


def test_a_name_of_an_archive_leads_nowhere(archive, tmp_path):
    outside = tmp_path / "outside.csv"
    for name in ("../outside.csv", str(outside), "a/../../../outside.csv", "..\\outside.csv"):
        found = read_interactions(archive([(name, RATINGS)]))
        assert found.weights.tolist() == [5, 3]
        assert not outside.exists()
    with pytest.raises(FileError, match="names no file"):
        read_interactions(archive([("a/..", RATINGS)]) / "a/..")


def test_an_archive_holds_what_is_allowed(archive, monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    path = archive([("x.csv", RATINGS + "ann,up,5\n" * 1_000_000)])
    assert path.stat().st_size < 100_000
    with pytest.raises(FileError, match=r"films\.zip weighs .*ANGLEWISE_MEMORY"):
        read_interactions(path)


def test_an_archive_that_lies_about_its_size_is_refused(archive):
    path = archive([("x.csv", RATINGS + "ann,up,5\n" * 1000)])
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (40).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(AnglewiseError, match=r"films\.zip"):
        read_interactions(path)


def test_an_archive_of_too_many_files_is_refused(archive, monkeypatch):
    monkeypatch.setattr("anglewise.io.archives.MOST", 3)
    assert read_interactions(archive([("x.csv", RATINGS), ("b", ""), ("c", "")]) / "x.csv")
    with pytest.raises(FileError, match="more than 3 files"):
        read_interactions(archive([(name, "") for name in "abcd"]) / "a")


def test_a_file_without_a_name_is_none(archive):
    path = archive([("x", RATINGS)])
    path.write_bytes(path.read_bytes().replace(b"x", b"\0"))
    with pytest.raises(FileError, match="holds 0 files: one is due"):
        read_interactions(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_ways_to_pack_are_refused(archive, method):
    with pytest.raises(FileError, match="packed in a way that is not read here"):
        read_interactions(archive([("x.csv", RATINGS)], method=method))


def test_a_password_is_refused(archive):
    path = archive([("x.csv", RATINGS)])
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match="password"):
        read_interactions(path)


@pytest.mark.parametrize("length", [3, 20, 60, 150])
def test_archives_that_end_early_are_refused(archive, length):
    path = archive([("ratings.csv", RATINGS)])
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(FileError, match=r"films\.zip cannot be read as a zip archive"):
        read_interactions(path)


def test_faults_within_are_named_by_their_place_in_the_archive(archive):
    path = archive([("ml/x.csv", "user_id,item_id,rating\nann,up,good\n")])
    with pytest.raises(ValuesError) as raised:
        read_interactions(path)
    assert str(raised.value).startswith(f"{path}/ml/x.csv, line 2: 'good' in 'rating'")


def test_every_format_stands_in_an_archive(archive, tmp_path):
    mmwrite(tmp_path / "m.mtx", np.array([[1.0, 0], [0, 2]]))
    path = archive([("m.mtx", (tmp_path / "m.mtx").read_bytes())])
    assert read_interactions(path).weights.tolist() == [1, 2]
    path = archive([("b.txt", "a b c\na b\n")])
    assert len(read_interactions(path, format="baskets").users) == 5


def test_what_users_were_trained_on_may_be_an_archive(archive):
    space = Space(
        queries=Embeddings(np.eye(2), ["ann", "bob"]), items=Embeddings(np.eye(2), ["up", "it"])
    )
    seen = with_seen(space, archive([("ratings.csv", RATINGS)])).seen
    assert [seen.row(0).tolist(), seen.row(1).tolist()] == [[0], [1]]


def test_tables_that_are_archives_or_workbooks_are_called_so(archive):
    workbook = archive([("xl/workbook.xml", "<x/>")], name="ratings.xlsx")
    with pytest.raises(FileError, match=r"a workbook of a spreadsheet: .*CSV in UTF-8"):
        read_interactions(workbook)


def test_the_command_reads_an_archive_and_writes_over_none(anglewise, archive, tmp_path):
    path = archive([("ml/ratings.csv", SOME), ("ml/x.txt", "")])
    run = anglewise(
        "holdout", path / "ratings.csv", "-o", tmp_path / "h", "--how", "users", "--json", "-"
    )
    assert not run.code, run
    source = json.loads(run.out)["source"]
    assert source["file"] == "films.zip/ratings.csv"
    assert "films.zip: read ml/ratings.csv" in run.err
    refused(anglewise("holdout", path / "nothing.csv", "-o", tmp_path / "h"), "no such file")
    again = anglewise("fit", path / "ratings.csv", "-o", path, "--holdout", 0)
    refused(again, "films.zip")


MSWEB = """I,4,"www.microsoft.com","created by getlog.pl"
T,1,"VRoot",0,0,"VRoot"
N,0,"0"
A,1287,1,"International AutoRoute","/autoroute"
A,1288,1,"library, all","/library"
A,1289,1,"Master Chef","/masterchef"
C,"10001",10001
V,1287,1
V,1288,1
C,"10002",10002
C,"10003",10003
V,1287,1
"""


def test_msweb_names_users_what_they_opened_and_its_titles(tmp_path):
    path, said = tmp_path / "anonymous-msweb.data", []
    path.write_text(MSWEB)
    found = read_interactions(path, say=said.append)
    rows = zip(found.users, found.items, strict=True)
    pairs = {(found.user_ids[u], found.item_ids[i]) for u, i in rows}
    assert pairs == {("10001", "1287"), ("10001", "1288"), ("10003", "1287")}
    assert found.item_metadata == {"title": ["International AutoRoute", "library, all"]}
    assert "every item counts 1; 1 user without a visit left out" in said[0]
    assert read_interactions(path, format="msweb").shape == (2, 2)


@pytest.mark.parametrize("line", ["V,5,1", "C,", "Q,1", "A,12", "V,", '"V,5'])
def test_lines_that_msweb_has_not_are_named(tmp_path, line):
    path = tmp_path / "x.data"
    path.write_text(f'A,1287,1,"a","b"\n{line}\n')
    with pytest.raises(ValuesError, match=r"x\.data, line 2"):
        read_interactions(path, format="msweb")


def test_lines_of_letters_are_no_msweb(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("A,B\nC,D\nE,F\n")
    found = read_interactions(path, format="user,item")
    assert found.user_ids.tolist() == ["A", "C", "E"]
