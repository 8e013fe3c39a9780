"""The pieces of every page: the document itself, tables, figures. One file, no script."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files


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
