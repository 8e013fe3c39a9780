"""The pictures of the tour, taken of what ``anglewise demo`` makes.

``python tests/page/tour.py demo docs/images``: the folder of a demo, and where pictures go. Needs
Debian's chromium and what ``make check-page`` installs; ``make tour`` does all of it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
MOST_BYTES = 200_000
SMALL: ViewportSize = {"width": 820, "height": 652}
"""Of reports, whose panels of cosines hardly shrink as PNG."""
WORKING = ("Looking at a sample", "Comparing measures")
"""What the overview says until its parts are computed."""


def take(demo: Path, images: Path) -> None:
    """Open the pages of a demo and the page of its films, and keep a picture of each stop."""
    anglewise = str(Path(sys.executable).with_name("anglewise"))
    command = [anglewise, "inspect", f"{demo.name}/films", "--no-open", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=demo.parent) as server:
        try:
            entrance = server.stdout.readline().strip()
            _stops(demo, images, entrance)
        finally:
            server.terminate()


def _stops(demo: Path, images: Path, entrance: str) -> None:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SMALL, reduced_motion="reduce")
        page.set_default_timeout(120_000)
        for name, picture in (("films-audit", "audit"), ("films-recommend", "verdict")):
            page.goto((demo / f"{name}.html").resolve().as_uri())
            _keep(page, images / f"tour-{picture}.png")
        page.set_viewport_size({"width": 1200, "height": 780})
        page.goto(entrance)
        for text in WORKING:
            page.wait_for_selector(f"text={text}", state="detached")
        _keep(page, images / "tour-overview.png")
        address = entrance.partition("/?")[0]
        page.goto(f"{address}/?direction=items-items&query=film-007")
        page.wait_for_selector("[data-moves] path", state="attached")
        _keep(page, images / "tour-neighbours.png")
        page.set_viewport_size({"width": 1200, "height": 1000})
        page.goto(f"{address}/gauge")
        page.wait_for_selector("[data-drawn]")
        page.wait_for_selector("[data-judged]")
        page.keyboard.press("x")  # the map of condition 2 that changes most
        page.wait_for_url("**worst=2**")
        page.wait_for_selector("[data-now][data-at='1']")
        page.wait_for_timeout(400)
        _keep(page, images / "tour-gauge.png")
        browser.close()


def _keep(page: Page, path: Path) -> None:
    page.screenshot(path=path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path} has {size:,} bytes, {MOST_BYTES:,} at most")


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(sys.argv[2]))
