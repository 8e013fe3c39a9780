"""How results show themselves in notebooks."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(
    sentences: Iterable[str], heading: Sequence[str], rows: Iterable[Sequence[str]]
) -> str:
    """Sentences and a plain table as HTML, every text escaped.

    >>> print(html_table(["a < b"], ["x"], [["1"]]))
    <p>a &lt; b</p>
    <table><tr><th>x</th></tr>
    <tr><td>1</td></tr></table>
    """
    said = [f"<p>{escape(sentence)}</p>" for sentence in sentences]
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    body = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    lines = "\n".join(f"<tr>{row}</tr>" for row in (head, *body))
    return "\n".join([*said, f"<table>{lines}</table>"])
