"""What a stranger's folder links to or names is neither sent to a server nor kept."""

import os

import numpy as np
import pyarrow as pa
import pytest

from anglewise import Embeddings, Judgements, Space, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.encoders.document_files import files_in, read_documents
from anglewise.errors import FileError
from anglewise.io.arrow_files import saved_dataset
from anglewise.io.destinations import check_writable
from anglewise.io.ownership import check_whose_store
from anglewise.io.read import read_judgements, read_space
from anglewise.io.space_folder import judgements_of, read_space_folder
from anglewise.web_page.app import served
from anglewise.web_page.open_space import Inspected
from cli_run import anglewise, refused

__all__ = ["anglewise"]


@pytest.fixture(name="home")
def _home(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "key").write_text("PRIVATE KEY")
    (home / "mine.jsonl").write_text('{"_id": "q", "text": "my own question"}\n')
    return home


def test_a_link_out_of_a_folder_of_texts_is_refused(home, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("a text")
    (folder / "notes.txt").symlink_to(home / "key")
    with pytest.raises(FileError, match=r"notes\.txt is a link that leads out of"):
        read_documents(folder)


def test_a_link_inside_of_a_folder_is_read(tmp_path):
    folder = tmp_path / "docs"
    (folder / "store").mkdir(parents=True)
    (folder / "store" / "object").write_text("a text")
    (folder / "a.txt").symlink_to("store/object")
    assert read_documents(folder).words == ["a text"]


def test_questions_of_a_folder_are_its_own(home, tmp_path):
    folder = tmp_path / "beir"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text('{"_id": "d", "text": "a text"}\n')
    (folder / "queries.jsonl").symlink_to(home / "mine.jsonl")
    from anglewise.encoders.document_files import beir_files

    with pytest.raises(FileError, match="leads out of"):
        beir_files(folder)


def test_hidden_texts_are_left_out_and_named(tmp_path):
    folder = tmp_path / "docs"
    (folder / ".trash").mkdir(parents=True)
    (folder / "a.md").write_text("a")
    (folder / ".trash" / "old.md").write_text("thrown away")
    said = []
    assert [path.name for path in files_in(folder, {".md"}, said.append)] == ["a.md"]
    assert said == [f"{folder}: left out 1: .trash/old.md (hidden)"]


@pytest.fixture(name="work")
def _work(home, monkeypatch):
    """The current folder, which may come from a stranger, beside the user's own files."""
    folder = home.parent / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


COMMANDS_WITH_TEXTS = [
    ("encode", "queries"),
    ("calibrate", "foreign"),
    ("search", "image"),
    ("context", "item-texts"),
    ("judge from-text", "item-texts"),
    ("judge sample", "item-texts"),
    ("judge next", "query-texts"),
    ("inspect", "item-texts"),
    ("remedy", "items"),
    ("fit", "item-table"),
    ("compare", "item-texts"),
    ("compare", "spaces"),
]
"""Commands that send texts away or keep them, with an option that names some."""


@pytest.mark.parametrize("value", ["../home/mine.jsonl", "linked.jsonl", "absolute"])
@pytest.mark.parametrize(("command", "option"), COMMANDS_WITH_TEXTS)
def test_settings_of_a_folder_send_and_keep_no_file_of_elsewhere(
    command, option, value, anglewise, work
):
    home = work.parent / "home"
    (work / "linked.jsonl").symlink_to(home / "mine.jsonl")
    value = home / "mine.jsonl" if value == "absolute" else value
    section = command.replace(" ", ".")
    (work / "anglewise.toml").write_text(f"[{section}]\n{option} = '{value}'\n")
    done = anglewise(*command.split(), "data")
    assert refused(done, f"sets {option}", "outside of its folder, and its texts may")


@pytest.mark.parametrize(("command", "option"), COMMANDS_WITH_TEXTS)
def test_settings_of_a_folder_name_files_of_its_own(
    command, option, anglewise, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jsonl").write_text('{"_id": "q", "text": "a question"}\n')
    (tmp_path / "linked.jsonl").symlink_to("own.jsonl")
    section = command.replace(" ", ".")
    (tmp_path / "anglewise.toml").write_text(f"[{section}]\n{option} = 'linked.jsonl'\n")
    done = anglewise(*command.split(), "nothing-here")
    assert done.code == 2
    assert "outside of its folder" not in done.err


@pytest.mark.parametrize("value", ["a=../home/mine.jsonl", "~/mine.jsonl"])
def test_names_before_a_path_and_short_ones_of_homes_hide_nothing(
    value, anglewise, work, monkeypatch
):
    monkeypatch.setenv("HOME", str(work.parent / "home"))
    (work / "anglewise.toml").write_text(f"[search]\nimage = '{value}'\n")
    assert refused(anglewise("search", "data"), "outside of its folder")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="gives files to another account")
def test_a_store_that_another_account_laid_is_not_taken(tmp_path):
    tmp_path.chmod(0o1777)
    store = tmp_path / "a.npy.judgements.sqlite"
    store.write_bytes(b"")
    check_whose_store(store)
    os.chown(store, 12345, 12345)
    with pytest.raises(FileError, match="belongs to another account"):
        check_whose_store(store)
    os.chown(tmp_path, 12345, 12345)
    check_whose_store(store)


def test_a_file_on_another_device_than_its_folder_is_no_mount_point(tmp_path, monkeypatch):
    """As on overlays whose layers lie on two disks."""
    file = tmp_path / "x.json"
    file.write_text("{}")
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(file))
    check_writable(file)


def test_localhost_is_the_address_that_is_listened_at():
    space = Space(items=Embeddings([[1.0], [2.0]]))
    page = served(lambda: Inspected(space, {}, "space", None, 0, None), host="localhost")
    with page.listening:
        assert page.address.startswith("http://127.0.0.1:")


def test_a_space_of_pictures_reads_none_of_elsewhere(home, tmp_path):
    from anglewise.encoders.images import read_images

    folder = tmp_path / "pictures"
    folder.mkdir()
    (home / "private.png").write_bytes(b"x")
    (folder / "b.png").symlink_to(home / "private.png")
    with pytest.raises(FileError, match="leads out of"):
        read_images(folder)


def test_a_space_holds_no_part_of_another_one(tmp_path):
    """Each part in turn, and the folder of judgements, lies elsewhere, then in the folder."""
    space = Space(
        items=Embeddings(np.eye(3), ids=["a", "b", "c"]),
        queries=Embeddings(np.eye(3), ids=["d", "e", "f"]),
        seen=SparseRows.from_pairs([0], [0], [1.0], shape=(3, 3)),
    )
    gains = SparseRows.from_pairs([0, 1], [1, 2], [1.0, 1.0], shape=(3, 3))
    judged = Judgements(gains, "queries-items", judged_items=np.array([True, True, True]))
    path, folder = tmp_path / "space", tmp_path / "elsewhere"
    write_space(space, path, judgements={"queries-items": judged})
    parts = ["judgements", *(part.relative_to(path) for part in path.rglob("*.*"))]
    assert len(parts) == 7
    for part in parts:
        for inside, target in ((False, folder), (True, path / "kept")):
            (path / part).rename(target)
            (path / part).symlink_to(target)
            if inside:
                read_all(path)
            else:
                with pytest.raises(FileError, match="is a link that leads out of"):
                    read_all(path)
            (path / part).unlink()
            target.rename(path / part)
    path.rename(tmp_path / "moved")
    path.symlink_to("moved")
    read_all(path)


def read_all(path):
    space = read_space_folder(path)
    return judgements_of(path, "queries-items", space)


@pytest.mark.parametrize("name", ["items.csv", "items.npy", "qrels.tsv"])
def test_a_folder_of_vectors_holds_no_part_of_another_one(name, home, tmp_path):
    folder = tmp_path / "vectors"
    folder.mkdir()
    np.save(folder / "items.npy", np.eye(2))
    (folder / "items.csv").write_text("id,text\n0,one\n1,two\n")
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n0\t1\t1\n")
    space = read_space(folder)
    assert read_judgements(folder, space, direction="items-items") is not None
    (folder / name).rename(home / name)
    (folder / name).symlink_to(home / name)
    with pytest.raises(FileError, match="is a link that leads out of"):
        read_judgements(folder, read_space(folder), direction="items-items")


def test_a_data_set_holds_no_part_of_another_one(home, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    table = pa.table({"id": ["a", "b"], "text": ["one", "two"]})
    with (
        pa.OSFile(str(folder / "data.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as stream,
    ):
        stream.write_table(table)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    assert saved_dataset(folder).names == ("id", "text")
    (folder / "data.arrow").rename(home / "data.arrow")
    (folder / "data.arrow").symlink_to(home / "data.arrow")
    with pytest.raises(FileError, match="is a link that leads out of"):
        saved_dataset(folder)
