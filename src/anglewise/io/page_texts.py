"""Files that are one document each: HTML, Markdown, plain text, and PDF page by page."""

import logging
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from time import thread_time
from typing import Any

from anglewise.data_types.text import Say, counted, quiet
from anglewise.errors import FileError, MissingExtraError
from anglewise.io.collection_texts import text_in
from anglewise.io.files import contents, existing_file, reading
from anglewise.io.html_texts import html_page
from anglewise.io.sizes import check_holds

Page = tuple[str, str, str, int | None]
"""The end of an id, a title, a text, and the number of a page where there are several."""

FRONT_MATTER = re.compile(
    r"---[ \t]*\r?\n(?:(.*?)\r?\n)?(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL
)
FRONT_TITLE = re.compile(r"title[ \t]*:[ \t](.*)", re.IGNORECASE)


def markdown_page(text: str) -> tuple[str, str]:
    r"""The title in the front matter, and what follows the front matter, as it stands.

    >>> markdown_page("---\ntitle: 'Heat'\ndate: 1995\n---\n# A heist\n")
    ('Heat', '# A heist\n')
    """
    front = FRONT_MATTER.match(text)
    if front is None:
        return "", text
    titles = (FRONT_TITLE.fullmatch(line.rstrip("\r")) for line in (front[1] or "").split("\n"))
    title = next((match[1].strip(" \t") for match in titles if match), "")
    if title[:1] in {"'", '"'} and title[-1:] == title[:1] and len(title) > 1:
        title = title[1:-1]
    return title, text[front.end() :]


def _html(path: Path, say: Say) -> list[Page]:
    del say
    return [("", *html_page(path), None)]


def _markdown(path: Path, say: Say) -> list[Page]:
    del say
    return [("", *markdown_page(text_in(path)), None)]


def _plain(path: Path, say: Say) -> list[Page]:
    del say
    return [("", "", text_in(path), None)]


PDF_LOG = "pypdf"


def pdf_pages(path: Path, say: Say = quiet) -> list[Page]:
    """The text of each page of a PDF; nothing outside of the file is opened.

    Raises ``FileError`` for one that needs a password, that is damaged, or whose pages hold no
    text, as scanned ones do; ``MissingExtraError`` without pypdf.
    """
    try:
        pypdf: Any = import_module("pypdf")
    except ImportError as error:
        raise MissingExtraError(
            f"{path} is PDF, and reading it needs pypdf ({error}): pip install 'anglewise[pdf]'"
        ) from error
    data = bytes(contents(existing_file(path)))
    pages: list[Page] = []
    size = 0
    check_time = _time_limit(path, len(data))
    with _warnings() as warnings, reading(path, "PDF"):
        reader = pypdf.PdfReader(BytesIO(data))
        if reader.is_encrypted and not _opens_without_password(reader):
            raise FileError(f"{path} needs a password: save it without one")
        for number, page in enumerate(reader.pages, start=1):
            text: str = page.extract_text(visitor_operand_before=check_time)
            check_time()
            size += len(text)
            check_holds(path, size)
            pages.append((f"#page={number}", "", text, number))
    if warnings:
        say(f"{path.name}: damaged, and read as far as pypdf could ({warnings[0]})")
    without = [number for _, _, text, number in pages if not text.strip()]
    if len(without) == len(pages):
        raise FileError(
            f"{path} holds no text on any of its {counted(len(pages), 'page')}: pages that were "
            "scanned need their text recognised first (OCR)"
        )
    if without:
        numbers = ", ".join(map(str, without[:5])) + (", ..." if len(without) > 5 else "")
        say(
            f"{path.name}: no text on {len(without):,} of {counted(len(pages), 'page')} ({numbers})"
        )
    return pages


SECONDS, SECONDS_A_MEGABYTE = 60.0, 60.0
"""Seconds of work that any PDF may take, and more for each megabyte: real ones take a tenth."""


def _time_limit(path: Path, size: int) -> Callable[..., None]:
    """What raises ``FileError`` once a PDF has taken longer than its size can make it take.

    A thousand pages may share one content, and a content draw a thousand times what takes seconds.
    The seconds are those of this thread's own work, so that a busy machine refuses nothing.
    """
    most = SECONDS + SECONDS_A_MEGABYTE * size / 1e6
    start = thread_time()

    def check(*_of_operator: Any) -> None:
        if thread_time() - start > most:
            raise FileError(
                f"{path} took more than {most:.0f} seconds to read, which none of its size does: "
                "it is made to take long, or draws the same again and again; print it into a new "
                "PDF, or take its text out by other means"
            )

    return check


def _opens_without_password(reader: Any) -> bool:
    """Whether an encrypted file opens for everybody, as in every viewer."""
    try:
        return bool(reader.decrypt(""))
    except Exception as error:
        name = type(error).__name__
        if name == "DependencyError":
            raise MissingExtraError(
                f"it is encrypted, and to open it pypdf needs more ({error}): save it without "
                "encryption, or pip install cryptography"
            ) from error
        raise


@contextmanager
def _warnings() -> Generator[list[str], None, None]:
    """What pypdf warns of in this block, which it would else print."""
    messages: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if len(messages) < 1:
                messages.append(record.getMessage()[:200])

    log, keeper = logging.getLogger(PDF_LOG), Keeper(logging.WARNING)
    before = log.propagate
    log.addHandler(keeper)
    log.propagate = False
    try:
        yield messages
    finally:
        log.removeHandler(keeper)
        log.propagate = before


READERS: Mapping[str, Callable[[Path, Say], list[Page]]] = {
    "HTML": _html,
    "Markdown": _markdown,
    "text": _plain,
    "PDF": pdf_pages,
}
