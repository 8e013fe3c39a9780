"""Put what a benchmark measured between its marks on a page of the docs."""

import re
from pathlib import Path


def write_between(page: Path, mark: str, found: str) -> None:
    """Replace what stands between ``<!-- MARK -->`` and ``<!-- end -->``."""
    text = page.read_text()
    between = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not between.search(text):
        raise SystemExit(f"{page} has no mark <!-- {mark} -->")
    page.write_text(between.sub(lambda match: f"{match[1]}{found}\n{match[2]}", text))
