"""Documents as HTML pages that need no script, no network and no other file."""

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from anglewise.errors import MissingExtraError
from anglewise.report.document import (
    AnyCell,
    Bars,
    Block,
    Curves,
    Document,
    DrawnPicture,
    Entry,
    Findings,
    Folded,
    Line,
    Listing,
    Palette,
    Pictures,
    RankedLists,
    Table,
    TableColumn,
)
from anglewise.report.pictures import drawing, saved_figure

HALF = 100
"""Half the width of a drawn range, from -1 to 1."""
WIDE, HIGH = 360, 200
"""The size of curves."""
DASHED = ' stroke-dasharray="4 4"'
RAMP = '<p class="ramp"><span>cosine -1</span><span class="colours"></span><span>1</span></p>\n'


def page(document: Document) -> str:
    """The page as text; the same document gives the same bytes.

    The verdict comes first, then what to know before the numbers, then the chapters. Without
    matplotlib there are no pictures, and a sentence says why.
    """
    style = "".join(
        files("anglewise.report").joinpath(name).read_text("utf-8")
        for name in ("page.css", "audit.css")
    )
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.headline or document.question)} · anglewise</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n{_header(document)}<main>\n"
        f"{_gates(document)}{_notes(document)}{''.join(_blocks(document.chapters()))}</main>\n{_footer(document)}"
        "</body>\n</html>\n"
    )
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # as browsers read it; HTML holds none


def _header(document: Document) -> str:
    verdict = ""
    if document.headline:
        command = f"<p><code>{escape(document.command)}</code></p>" if document.command else ""
        verdict = (
            f'<div class="verdict {document.tone}"><strong>{escape(document.headline)}:</strong>\n'
            f"<p>{escape(document.reason)}</p>{command}</div>\n"
        )
    if document.facts:
        verdict += f'<p class="facts">{escape(" · ".join(document.facts))}</p>\n'
    return f"<header>\n<h1>{escape(document.question)}</h1>\n{verdict}</header>\n"


def _gates(document: Document) -> str:
    """Each gate with its sentence, those that failed first."""
    if not document.gates:
        return ""
    items = "".join(
        f"<li>{escape(gate.sentence)}</li>\n"
        for gate in sorted(document.gates, key=lambda gate: (gate.passed, gate.checked))
    )
    return f'<h2>Gates</h2>\n<ul class="notes">\n{items}</ul>\n'


def _notes(document: Document) -> str:
    texts = [*document.notes, *(f"left out: {text}" for text in document.left_out)]
    if not texts:
        return ""
    items = "".join(f"<li>{escape(text)}</li>\n" for text in texts)
    return f'<h2>Before the numbers</h2>\n<ul class="notes">\n{items}</ul>\n'


def _footer(document: Document) -> str:
    signature = f" · <code>{escape(document.signature)}</code>" if document.signature else ""
    return f"<footer>{escape(document.footer)}{signature}</footer>\n"


def _blocks(blocks: Iterable[Block]) -> Iterable[str]:
    missing = ""
    for block in blocks:
        if missing and isinstance(block, Pictures):
            continue
        try:
            yield WRITERS[type(block)](block)
        except MissingExtraError as error:
            missing = str(error)
            yield f'<p class="facts">No pictures: {escape(missing)}.</p>\n'


def _paragraph(block: Line) -> str:
    if block.tone == "heading":
        return f"<h2>{escape(block.text)}</h2>\n"
    kind = ' class="facts"' if block.tone == "dim" else ""
    return f"<p{kind}>{escape(block.text)}</p>\n"


def _findings(block: Findings) -> str:
    sections = "".join(
        f"<dt>{escape(title[:1].upper() + title[1:])}</dt>\n"
        + "".join(f"<dd>{escape(sentence)}</dd>\n" for sentence in sentences)
        for title, sentences in block.sections.items()
    )
    return f'<dl class="told">\n{sections}</dl>\n'


def _listing(block: Listing) -> str:
    items = "".join(f"<li>{escape(text)}</li>\n" for text in block.items)
    return f'<ol class="items">\n{items}</ol>\n'


def _folded(block: Folded) -> str:
    inside = "".join(_blocks(block.blocks))
    if block.grid:
        inside = f'<div class="lists">\n{inside}</div>\n'
    state = " open" if block.unfolded else ""
    return f"<details{state}>\n<summary>{escape(block.summary)}</summary>\n{inside}</details>\n"


def _table(table: Table) -> str:
    kind = f' class="{table.kind}"' if table.kind else ""
    heads = "".join(_head(column, table.kind) for column in table.columns)
    rows = "".join(_row(table.columns, row) for row in table.rows)
    return _framed(kind, table.caption, heads, rows)


def _framed(attributes: str, caption: str, heads: str, rows: str) -> str:
    """A table that may be wider than the screen, and can be moved with the keyboard then."""
    return (
        f'<div class="scroll" tabindex="0"><table{attributes}>\n'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table></div>\n"
    )


def _head(column: TableColumn, kind: str) -> str:
    if kind != "heat":
        return f'<th scope="col">{escape(column.head)}</th>'
    if not column.head:
        return "<td></td>"
    return f'<th scope="col"><span class="down">{escape(column.head)}</span></th>'


def _row(columns: Sequence[TableColumn], row: Sequence[AnyCell]) -> str:
    cells = (_cell(*pair) for pair in zip(columns, row, strict=True))
    return f"<tr>{''.join(cells)}</tr>\n"


def _cell(column: TableColumn, cell: AnyCell) -> str:
    if isinstance(cell, Bars):
        return f"<td>{_bars(cell)}</td>"
    if isinstance(cell, str):
        text = escape(cell.strip())
        frames = {"letter": "<td>{}</td>", "name": '<th scope="row">{}</th>'}
        return frames.get(column.kind, '<td class="n">{}</td>').replace("{}", text)
    if cell.share is not None:
        return f'<td style="--share:{100 * cell.share:.0f}%">{escape(cell.text)}</td>'
    beats = f"<sup>{escape(cell.beats)}</sup>" if cell.beats else ""
    detail = cell.interval or cell.detail
    also = f' <span class="also">{escape(detail)}</span>' if detail else ""
    return f'<td class="n">{escape(cell.text)}{beats}{also}</td>'


def _bars(bars: Bars) -> str:
    """The numbers beside it, drawn; hidden from screen readers, which read those numbers."""

    def across(ends: tuple[float, float]) -> str:
        left, right = (HALF * (1 + end) for end in ends)
        width = max(right - left, 4.0)
        return f'x="{(left + right - width) / 2:.1f}" width="{width:.1f}"'

    x = HALF * (1 + bars.value)
    return (
        f'<svg class="bar" aria-hidden="true" viewBox="-2 0 {2 * HALF + 4} 16">'
        f'<path class="axis" d="M0 8H{2 * HALF}M{HALF} 3V13"/>'
        f'<rect class="sure" {across(bars.wide)} y="7" height="2"/>'
        f'<rect class="random" {across(bars.narrow)} y="4" height="8"/>'
        f'<path class="given" d="M{x:.1f} 1V15"/></svg>'
    )


def _article(block: RankedLists) -> str:
    """One query: what it is, and its lists side by side."""
    remarks = "<br>".join(map(escape, block.remarks))
    heads = "".join(
        f'<th scope="col">{escape(ranked.head)}'
        + (f"<br><small>{escape(ranked.subhead)}</small>" if ranked.subhead else "")
        + "</th>"
        for ranked in block.lists
    )
    rows = "".join(
        f'<tr><th scope="row">{position + 1}</th>'
        + "".join(
            _entry(ranked.entries[position]) if position < len(ranked.entries) else "<td></td>"
            for ranked in block.lists
        )
        + "</tr>\n"
        for position in range(block.depth)
    )
    attributes = f' class="side" style="--columns:{len(block.lists)}"'
    return (
        f"<article>\n<h3>{escape(block.title)}</h3>\n<p><small>{remarks}</small></p>\n"
        + _framed(attributes, block.caption, f'<th scope="col">#</th>{heads}', rows)
        + "</article>\n"
    )


def _entry(entry: Entry) -> str:
    kind = {"": "", "relevant": " class=r", "shared": " class=a"}[entry.kind]
    tag = "b" if entry.good else "i"
    hint = f' title="{escape(entry.hint)}"' if entry.hint else ""
    mark = f" <{tag}{hint}>{escape(entry.mark)}</{tag}>" if entry.mark else ""
    return f"<td{kind}>{escape(entry.text)}{mark}</td>"


def _pictures(block: Pictures) -> str:
    if not block.pictures:
        return ""
    figures = "".join(_figure(svg(picture), picture.caption) for picture in block.pictures)
    ramp = RAMP if block.kind == "panels" else ""
    return f'<div class="{block.kind}">\n{figures}</div>\n{ramp}'


def _figure(picture: str, caption: str) -> str:
    return f"<figure>\n{picture}\n<figcaption>{escape(caption)}</figcaption>\n</figure>\n"


def _curves(block: Curves) -> str:
    lines = "".join(
        f'<polyline fill="none" stroke="currentColor" stroke-width="2"'
        f'{DASHED if dashed else ""} points="{_points(points)}"/>'
        for points, dashed in block.curves
    )
    caption = escape(block.caption)
    return _figure(
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{caption}" '
        f'width="{WIDE}">{lines}</svg>',
        block.caption,
    )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x * WIDE:.1f},{HIGH - y * HIGH:.1f}" for x, y in points)


WRITERS: dict[type, Callable[[Any], str]] = {
    Line: _paragraph,
    Table: _table,
    Findings: _findings,
    RankedLists: _article,
    Listing: _listing,
    Folded: _folded,
    Pictures: _pictures,
    Curves: _curves,
}
"""How a page writes each kind of block."""


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


def svg(picture: DrawnPicture) -> str:
    """A picture inside a page; raises ``MissingExtraError`` without matplotlib."""
    undated = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with drawing({"svg.fonttype": "none"}):
        written = saved_figure(picture.draw(PAGE), format="svg", transparent=True, metadata=undated)
    return _inline(written.decode(), picture)


def _inline(written: str, picture: DrawnPicture) -> str:
    body = written[written.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', body)
    inside = body[body.index(">") + 1 :]
    inside = re.sub(r"<metadata>.*?</metadata>", "", inside, flags=re.DOTALL)
    inside = re.sub(r"<!--.*?-->", "", inside, flags=re.DOTALL)
    inside = re.sub(r"<style.*?</style>", "", inside, flags=re.DOTALL)
    inside = re.sub(r"font: (?:\w+ )*([\d.]+)px [^;\"]*", r"font-size: \1px", inside)
    inside = re.sub(r" font-family: [^;\"]*;", "", inside)
    inside = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{picture.name}-", inside)  # unique there
    for ink, colour in INKS.items():
        inside = inside.replace(ink, colour)
    view = box[1] if box else "0 0 460 200"
    opening = f'<svg role="img" viewBox="{view}" aria-label="{escape(picture.text)}">'
    return re.sub(r"\n\s*", "\n", opening + inside).strip()
