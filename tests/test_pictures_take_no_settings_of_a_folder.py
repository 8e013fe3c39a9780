"""A file of matplotlib's settings in the current folder, which may be a stranger's, is no order."""

import os
import subprocess
import sys

import matplotlib as mpl
import pytest

HOSTILE = {
    "runs a program": lambda rc: rc.write_text("text.usetex: True\n"),
    "never ends": getattr(os, "mkfifo", None),
    "writes to the terminal": lambda rc: rc.write_bytes(b"\x1b]0;PWN\x07\x1b[31mevil: x\n"),
    "draws otherwise": lambda rc: rc.write_text("axes.facecolor: black\n"),
}
PICTURE = """
from anglewise.report.document import DrawnPicture
from anglewise.report.html_page import svg
from anglewise.report.pictures import ComparisonDisplay

def draw(palette):
    return ComparisonDisplay("ndcg", [], [], 0.1).plot(palette=palette).figure_

drawn = svg(DrawnPicture("a", draw, "none", ""))
"""


def drawn_in(folder):
    code = f"{PICTURE}\nprint(drawn)"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, timeout=60, check=True
    )


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return drawn_in(tmp_path_factory.mktemp("usual"))


@pytest.mark.skipif(os.name == "nt", reason="no pipes there")
@pytest.mark.parametrize("how", HOSTILE)
def test_settings_of_the_current_folder_change_no_picture(how, tmp_path, usual):
    HOSTILE[how](tmp_path / "matplotlibrc")
    run = drawn_in(tmp_path)
    assert run.stdout == usual.stdout
    assert run.stderr == usual.stderr
    assert b"<path" in run.stdout


def test_settings_of_this_process_change_no_picture_and_stay(usual):
    drawn = {}
    with mpl.rc_context({"text.usetex": True, "axes.facecolor": "black"}):
        exec(PICTURE, drawn)  # noqa: S102 as it runs above
        assert mpl.rcParams["axes.facecolor"] == "black"
    assert drawn["drawn"] == usual.stdout.decode().rstrip("\n")
