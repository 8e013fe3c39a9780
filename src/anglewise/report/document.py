"""Parts of every report: JSON, HTML documents with tables and figures, inline SVG."""

import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from anglewise.core.text import visible_json
from anglewise.report.plots import ComparisonDisplay, Kind, Palette


def as_json(content: Mapping[str, Any]) -> str:
    """JSON text, indented, in the order given; what is not a finite number is null.

    >>> print(as_json({"mean": float("nan"), "low": 0.5}), end="")
    {
      "mean": null,
      "low": 0.5
    }
    """
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    return visible_json(text) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def document(title: str, body: str, styles: Iterable[str] = ("page.css",)) -> str:
    """A whole page that needs no other file.

    >>> document("Cosine is <arbitrary>", "<main></main>").splitlines()[5]
    '<title>Cosine is &lt;arbitrary&gt; · anglewise</title>'
    """
    here = files("anglewise.report")
    style = "".join(here.joinpath(name).read_text("utf-8") for name in styles)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · anglewise</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text whose first column names the rows.

    >>> print(table("Sizes", ["side", "rows"], [["items", "<9"]]), end="")
    <div class="scroll" tabindex="0"><table>
    <caption>Sizes</caption>
    <thead><tr><th scope="col">side</th><th scope="col">rows</th></tr></thead>
    <tbody>
    <tr><th scope="row">items</th><td class="n">&lt;9</td></tr>
    </tbody>
    </table></div>
    """
    cells = ("".join(f'<td class="n">{escape(cell)}</td>' for cell in row[1:]) for row in rows)
    names = (f'<th scope="row">{escape(row[0].strip())}</th>' for row in rows)
    return framed(
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{heads_of(heads)}</tr></thead>\n<tbody>\n"
        + "".join(f"<tr>{name}{rest}</tr>\n" for name, rest in zip(names, cells, strict=True))
        + "</tbody>\n"
    )


def framed(inside: str, attributes: str = "") -> str:
    """A table that may be wider than the screen, and can be moved with the keyboard then."""
    return f'<div class="scroll" tabindex="0"><table{attributes}>\n{inside}</table></div>\n'


def heads_of(names: Iterable[str]) -> str:
    """The cells of a heading row."""
    return "".join(f'<th scope="col">{escape(name)}</th>' for name in names)


def folded(summary: str, inside: str, *, unfolded: bool = False) -> str:
    """What is long, behind a line that opens it."""
    state = " open" if unfolded else ""
    return f"<details{state}>\n<summary>{escape(summary)}</summary>\n{inside}</details>\n"


def figure(picture: str, caption: str) -> str:
    """A picture over its caption."""
    return f"<figure>\n{picture}\n<figcaption>{escape(caption)}</figcaption>\n</figure>\n"


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
