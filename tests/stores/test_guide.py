"""The page that takes a measure into three stores shows what its commands print."""

import re
import shutil
import sys
from pathlib import Path

from console_blocks import page_steps
from stores.guide import PAGE, folder_of_page, printed
from test_console_blocks import matches


def without_figures(text):
    """Graph indexes are built a little differently each time."""
    return re.sub(r"\b[01]\.\d\d+\b", "0.000", text)


def test_the_guide_shows_what_is_printed(postgres, monkeypatch):
    monkeypatch.setenv("PGHOST", postgres.removeprefix("host="))
    assert shutil.which("anglewise", path=str(Path(sys.executable).parent))
    with folder_of_page() as folder:
        for command, shown in page_steps(PAGE):
            came = printed(command, folder)
            assert matches(without_figures(shown), without_figures(came)), f"$ {command}\n{came}"
