"""Check the built site: every link within it leads somewhere, and no page needs another host.

    python website/check.py build/site

Prints what is wrong, a line each, and ends with 1; with 0 where nothing is.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
"""What a browser fetches by itself, and by which attribute; links of a page are its `rel`."""
FETCHED = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "manifest"}
OWN_CODE = re.compile(r"url\(\s*['\"]?(https?:)?//|@import\s+['\"]?(https?:)?//")


class Page(HTMLParser):
    """The names of one page, where it leads, and what it fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids, links and what is loaded."""
        of = {name: value or "" for name, value in attrs}
        self.ids |= {of[name] for name in ("id", "name") if name in of}
        if tag == "a" and "href" in of:
            self.links.append(of["href"])
        if tag == "link" and FETCHED & set(of.get("rel", "").split()):
            self.fetched.append(of.get("href", ""))
        if tag in LOADS and LOADS[tag] in of:
            self.fetched.append(of[LOADS[tag]])


def faults(site: Path) -> list[str]:
    """Every dead link, missing name and foreign host of a site."""
    pages = {page: Page(page.read_text("utf-8")) for page in sorted(site.rglob("*.html"))}
    if not pages:
        return [f"no page in {site}: build it first"]
    found = [
        fault
        for page, read in pages.items()
        for link, is_fetched in [
            *((one, False) for one in read.links),
            *((one, True) for one in read.fetched),
        ]
        if (fault := fault_of(link, page, pages, site, is_fetched=is_fetched))
    ]
    found += [
        f"{style.relative_to(site)}: fetches from another host"
        for style in sorted(site.rglob("*.css"))
        if OWN_CODE.search(style.read_text("utf-8"))
    ]
    return found


def fault_of(
    link: str, page: Path, pages: dict[Path, Page], site: Path, *, is_fetched: bool
) -> str | None:
    """What is wrong with one link of one page, if anything."""
    parts = urlsplit(link)
    here = page.relative_to(site)
    if parts.scheme in {"http", "https"} or parts.netloc:
        return f"{here}: fetches {link}" if is_fetched else None
    if parts.scheme:
        return None  # mailto, data
    folder = site if parts.path.startswith("/") else page.parent
    target = page if not parts.path else (folder / unquote(parts.path).lstrip("/")).resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        # 404.html stands at no place of its own
        return None if page.name == "404.html" else f"{here}: {link} leads nowhere"
    name = unquote(parts.fragment)
    if name and target in pages and name not in pages[target].ids:
        return f"{here}: {link} names no place of that page"
    return None


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]).resolve())
    print(*found or ["every link of the site leads somewhere; no other host is asked"], sep="\n")
    sys.exit(1 if found else 0)
