"""Run the page that takes a measure into three stores, in a folder of its own.

``python tests/stores/guide.py`` writes anew what the page shows.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console_blocks import BLOCK, ROOT, run, steps, tidy

PAGE = ROOT / "docs" / "how-to" / "stores.md"
SHOWN = "/srv/films/store"
"""The folder as the page has it: as long as a temporary one, so that lines break alike."""


@contextmanager
def folder_of_page() -> Iterator[Path]:
    """A folder with the page's programs, and the folders in which two stores lie."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        assert len(name) == len(SHOWN)
        folder = Path(name)
        (folder / "examples").symlink_to(ROOT / "examples")
        for program in re.findall(r"^```py\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
            (folder / program.split("\n")[0].removeprefix("# ")).write_text(program)
        for store in ("qdrant", "lancedb"):
            (folder / store).mkdir()
        yield folder


def printed(command: str, folder: Path) -> str:
    """What a command of the page prints, the folder called as there."""
    return tidy(run(command.replace(SHOWN, str(folder)), folder).replace(str(folder), SHOWN))


def rewritten() -> str:
    """The page with what its commands print."""
    with folder_of_page() as folder:

        def anew(match: re.Match[str]) -> str:
            return "".join(
                f"$ {written}\n{printed(command, folder)}".rstrip() + "\n"
                for written, command, _ in steps(match[0])
            )

        return BLOCK.sub(anew, PAGE.read_text())


if __name__ == "__main__":
    import os

    import pgserver

    with tempfile.TemporaryDirectory() as place:
        server = pgserver.get_server(place, cleanup_mode="stop")
        os.environ["PGHOST"] = place
        PAGE.write_text(rewritten())
        server.cleanup()
    sys.exit(0)
