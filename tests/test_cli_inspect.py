"""``anglewise inspect`` as it is typed."""

import json
import re
import socket
import sys
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import uvicorn

import anglewise as anglewise_package
from anglewise import inspect, write_space
from anglewise.cli.inspect import _read
from anglewise.cli.options import Vectors
from anglewise.errors import FileError, MissingExtraError
from anglewise.web_page.allowed_origin import ANY_NOTEBOOK
from anglewise.web_page.app import Inspection, Served
from anglewise.web_page.copy import script, write_copy
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.state import AppState
from cli_run import anglewise, refused  # noqa: F401 a fixture
from inspect_site import NASTY, films, made_judgements, made_space, one_sided


@pytest.fixture
def folder(tmp_path):
    space = made_space()
    write_space(space, tmp_path / "films", judgements={"items-items": made_judgements(space)})
    return tmp_path / "films"


def test_it_prints_its_address_and_stops(anglewise, folder, monkeypatch):  # noqa: F811
    def interrupted(self):
        self.listening.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Served, "run", interrupted)
    run = anglewise("inspect", folder, "--no-open", "--json", "-")
    assert run.code == 0
    told = json.loads(run.out)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", told["address"])


def test_the_browser_is_opened_unless_told_not_to(anglewise, folder, monkeypatch):  # noqa: F811
    opened = []
    monkeypatch.setattr(Served, "run", lambda self: self.listening.close())
    monkeypatch.setattr(Served, "open_browser", lambda self: opened.append(self.address))
    anglewise("inspect", folder, "--quiet")
    anglewise("inspect", folder, "--quiet", "--no-open")
    assert len(opened) == 1


def test_bad_use_is_told_in_one_line(anglewise, folder, tmp_path):  # noqa: F811
    assert refused(anglewise("inspect", tmp_path / "none"), "none")
    assert refused(anglewise("inspect", folder, "--prot", "1"), "--prot")
    assert refused(anglewise("inspect", folder, "--port", "0"))
    assert refused(anglewise("inspect", folder, "--host", "256.1.1.1", "--no-open"), "--host")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(anglewise("inspect", folder, "--port", port, "--no-open"), "another --port")


def test_a_copy_is_whole_and_speaks_to_nobody(anglewise, folder, tmp_path):  # noqa: F811
    run = anglewise(
        "inspect", folder, "--export", tmp_path / "copy", "--export-queries", "7", "--json", "-"
    )
    assert json.loads(run.out)["queries"] == 7
    pages = sorted((tmp_path / "copy").glob("q*.html"))
    assert len(pages) == 7
    for page in [*pages, tmp_path / "copy" / "index.html"]:
        text = page.read_text()
        for target in re.findall(r'(?:href|src)="([^"#]+)"', text):
            assert (tmp_path / "copy" / target).is_file(), target
        assert not re.search(r"https?://|fetch\(", text)
    assert pages[0].read_text().count("data-row=") == 30


def test_a_copy_replaces_a_copy_and_nothing_else(anglewise, folder, tmp_path):  # noqa: F811
    words = ("inspect", folder, "--export", tmp_path / "copy", "--export-queries", "3", "--quiet")
    assert anglewise(*words).code == 0
    assert anglewise(*words).code == 0
    (tmp_path / "copy" / "copy.json").unlink()
    assert refused(anglewise(*words), "holds no copy")


@pytest.mark.parametrize("name", ["notes.txt", "q1.html", ".git/config", "old/q0000.html"])
def test_a_copy_beside_which_anything_else_lies_is_not_replaced(
    name,
    anglewise,  # noqa: F811
    folder,
    tmp_path,
    monkeypatch,
):
    words = ("inspect", folder, "--export", tmp_path / "copy", "--export-queries", "3", "--quiet")
    assert anglewise(*words).code == 0
    other = tmp_path / "copy" / name
    other.parent.mkdir(exist_ok=True)
    other.write_text("mine")
    assert refused(anglewise(*words), f"also holds {name.partition('/')[0]}")
    monkeypatch.chdir(tmp_path)
    Path("anglewise.toml").write_text('[inspect]\nexport = "copy"\nexport-queries = 3\n')
    assert refused(anglewise("inspect", folder), "which is there already")
    assert other.read_text() == "mine"


@pytest.mark.parametrize("mark", ["{}", "no JSON", '{"direction": "items-items"}'])
def test_a_folder_is_a_copy_only_where_its_mark_says_so(mark, anglewise, folder, tmp_path):  # noqa: F811
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "copy.json").write_text(mark)
    (tmp_path / "site" / "index.html").write_text("mine")
    assert refused(anglewise("inspect", folder, "--export", tmp_path / "site"), "holds no copy")
    assert (tmp_path / "site" / "index.html").read_text() == "mine"


def test_titles_in_a_copy_are_text(tmp_path):
    seen = Inspected(one_sided(NASTY))
    write_copy(AppState(lambda: seen), tmp_path / "copy", direction="items-items", measures=["dot"])
    for page in (tmp_path / "copy").glob("*.html"):
        text = page.read_text()
        assert "<script>alert" not in text
        assert 'onmouseover="' not in text


def test_what_a_copy_says_to_its_script_cannot_end_it(tmp_path):
    titles = [f"</script><script>alert({i})</script>" for i in range(60)]
    seen = Inspected(made_space(metadata={"title": titles}))
    write_copy(
        AppState(lambda: seen),
        tmp_path / "copy",
        direction="items-items",
        measures=["dot"],
        queries=2,
    )
    for page in (tmp_path / "copy").glob("*.html"):
        assert "<script>alert" not in page.read_text()


def test_a_copy_carries_small_pictures_and_nothing_that_is_none(tmp_path):
    start = b"\x89PNG\r\n\x1a\n"
    kinds = [start + b"small", start + b"x" * 40_000, b"<svg onload=alert(1)>", None]
    seen = Inspected(made_space(metadata={"image": kinds * 15}))
    write_copy(
        AppState(lambda: seen),
        tmp_path / "copy",
        direction="items-items",
        measures=["dot"],
        queries=3,
    )
    pictures = [
        source
        for page in (tmp_path / "copy").glob("q*.html")
        for source in re.findall(r'<img class="thumb" src="([^"]*)"', page.read_text())
    ]
    assert set(pictures) == {"data:image/png;base64," + b64encode(kinds[0]).decode()}


def test_a_copy_goes_nowhere_over_other_files(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(FileError, match="holds no copy"):
        write_copy(AppState(films), tmp_path / "mine", direction="items-items", measures=["dot"])
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


def test_the_script_of_a_copy_holds_every_constant_once():
    names = re.findall(r"^(?:const|let|function|async function) (\w+)", script(), re.MULTILINE)
    assert len(names) == len(set(names))
    assert not re.search(r"^(?:import|export) ", script(), re.MULTILINE)


@pytest.mark.parametrize("library", ["uvicorn", "starlette", "jinja2"])
def test_without_a_library_of_the_page_its_extra_is_named(library, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("anglewise.web_page")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(vars(anglewise_package), "inspect", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    for name in [name for name in sys.modules if name.startswith(f"{library}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"page needs \S+: pip install 'anglewise\[insp"):
        anglewise_package.inspect(made_space())


def test_a_notebook_shows_the_page_in_its_place(monkeypatch):
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    page = inspect(made_space(), judgements={}, name="films")
    assert isinstance(page, Inspection)
    assert page._repr_html_().startswith(f'<iframe src="{page.address}"')
    assert page._served.origin.framed_by == ANY_NOTEBOOK
    page.stop()


def test_other_vectors_have_another_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.npy", "b.npy", "deep/a.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / name, np.eye(3, dtype=np.float32))

    def store_of(items, *given):
        said = []
        talk = SimpleNamespace(say=said.append)
        opened = _read(None, Vectors(items=Path(items)), 0, *(given or (None,)), talk)
        return opened.store, said

    assert store_of("a.npy")[0] == tmp_path / "a.npy.judgements.sqlite"
    assert store_of("b.npy")[0] == tmp_path / "b.npy.judgements.sqlite"
    assert store_of("deep/a.npy")[0] == tmp_path / "deep" / "a.npy.judgements.sqlite"
    assert store_of("a.npy", Path("mine.sqlite"))[0] == Path("mine.sqlite")
    (tmp_path / "judgements.sqlite").touch()
    assert "--store judgements.sqlite takes it" in store_of("a.npy")[1][-1]
