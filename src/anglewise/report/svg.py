"""A picture as SVG inside a page: same bytes every time, colours and font of the page."""

import io
import re
from html import escape
from typing import Any

from anglewise.report.plots import ComparisonDisplay, Kind, Palette

INKS = {
    "#010101": "var(--ink)",
    "#020202": "var(--faint)",
    "#030303": "var(--accent)",
    "#040404": "var(--band)",
    "#050505": "var(--page)",
}
"""Colours that stand in for those of the page, which knows whether it is light or dark."""

PAGE = Palette(*INKS)
"""What a picture for a page is drawn with."""


def svg(display: ComparisonDisplay, kind: Kind, text: str) -> str:
    """One picture; ``text`` is its alternative for those who do not see it.

    Raises ``MissingExtraError`` without matplotlib.
    """
    display.plot(kind=kind, palette=PAGE)
    return inline(display.figure_, kind, text)


def inline(figure: Any, name: str, text: str) -> str:
    """A figure of matplotlib that was drawn with the colours of ``PAGE``, for a page.

    ``name`` is its own in the page; ``text`` is its alternative.
    """
    import matplotlib as mpl

    drawn = io.StringIO()
    still: Any = {"svg.hashsalt": "anglewise", "svg.fonttype": "none"}
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context(still):
        figure.savefig(drawn, format="svg", transparent=True, metadata=nothing)
    return _for_page(drawn.getvalue(), name, text)


def _for_page(drawn: str, name: str, text: str) -> str:
    body = drawn[drawn.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', body)
    inside = body[body.index(">") + 1 :]
    inside = re.sub(r"<metadata>.*?</metadata>", "", inside, flags=re.DOTALL)
    inside = re.sub(r"<!--.*?-->", "", inside, flags=re.DOTALL)
    inside = re.sub(r"<style.*?</style>", "", inside, flags=re.DOTALL)
    inside = re.sub(r"font: (?:\w+ )*([\d.]+)px [^;\"]*", r"font-size: \1px", inside)
    inside = re.sub(r" font-family: [^;\"]*;", "", inside)
    inside = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", inside)  # unique in the page
    for ink, colour in INKS.items():
        inside = inside.replace(ink, colour)
    view = box[1] if box else "0 0 460 200"
    opening = f'<svg role="img" viewBox="{view}" aria-label="{escape(text)}">'
    return re.sub(r"\n\s*", "\n", opening + inside).strip()
