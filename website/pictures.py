"""Make the pictures of the gallery that are no pictures of the page: python website/pictures.py.

The page's own come from ``make check-page`` (tests/page). These are made by commands on generated
data, in a folder that is removed again, and by chromium, which draws what a browser shows.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "docs" / "images"
ANGLEWISE = Path(sys.executable).with_name("anglewise")
WIDTH = 1100


def main() -> None:
    """Run the commands and keep what they draw."""
    browser = shutil.which("chromium") or sys.exit("chromium is missing: apt-get install chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, ANGLEWISE, "demo", "-o", "demo")
        run(folder, ANGLEWISE, "audit", "demo/films", "--html", "audit.html")
        run(folder, ANGLEWISE, "study", "--small", "-o", "study")
        shutil.copyfile(folder / "study" / "study.svg", IMAGES / "study.svg")
        for page, picture, height in (
            (folder / "demo" / "films-similar.html", "report-comparison", 900),
            (folder / "audit.html", "report-audit", 1000),
        ):
            shot = folder / f"{picture}.png"
            run(
                folder,
                *(browser, "--headless", "--no-sandbox", "--hide-scrollbars"),
                *(f"--window-size={WIDTH},{height}", f"--screenshot={shot}", page.as_uri()),
            )
            shutil.copyfile(shot, IMAGES / shot.name)


def run(folder: Path, *words: str | Path) -> None:
    """Run a program in a folder, in silence; its failure is ours."""
    subprocess.run(words, check=True, capture_output=True, cwd=folder)  # noqa: S603


if __name__ == "__main__":
    main()
