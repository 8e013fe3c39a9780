"""Documents as Markdown and their gates as JUnit XML; results as JSON. Same content, same bytes."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from anglewise.data_types.text import counted, visible_json
from anglewise.errors import visible
from anglewise.report.document import AnyCell, Cell, Document, Line, Table, TableColumn

if TYPE_CHECKING:
    from anglewise.comparison.gates import Checked


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


def markdown(document: Document) -> str:
    """The gates, the verdict, the notes and the tables, as GitHub's Markdown.

    Gates that failed come first, since whoever opens the page wants to know why the build is red.
    """
    return "\n\n".join(_paragraphs(document)) + "\n"


def _paragraphs(document: Document) -> Iterator[str]:
    if document.gates:
        yield from _gates(document.gates)
    yield f"**{escaped(document.headline)}**: {escaped(document.reason)}"
    if document.command:
        yield code_block(document.command)
    yield from (f"> {escaped(note)}" for note in document.notes)
    yield from (f"> left out: {escaped(text)}" for text in document.left_out)
    groups = [*document.body, *document.afterwards]
    for block in (block for group in groups for block in group):
        if isinstance(block, Table):
            yield _table(block)
        elif isinstance(block, Line):
            yield escaped(f"Beats: {block.letters} {block.text}" if block.letters else block.text)
    yield escaped(f"{' · '.join(document.facts)} · signature {document.signature}")


def _gates(gates: "Sequence[Checked]") -> tuple[str, str]:
    failed = sum(not gate.passed for gate in gates)
    unchecked = sum(not gate.checked for gate in gates)
    held = len(gates) - failed - unchecked
    total = counted(len(gates), "gate")
    summary = (
        f"{failed} of {total} failed"
        if failed
        else f"{held} of {total} held"
        if unchecked
        else "All gates held"
    )
    remark = f", {unchecked} unchecked" if unchecked else ""
    items = (
        f"- {('✅' if gate.passed else '❌') if gate.checked else '❔'} {escaped(gate.sentence)}"
        for gate in sorted(gates, key=lambda gate: (gate.passed, gate.checked))
    )
    return f"**{summary}{remark}**", "\n".join(items)


def _table(table: Table) -> str:
    """A table whose first two columns stand left, the others right."""
    columns = table.columns
    heads = [head for column in columns for head in _heads(column)]
    rows = [
        [text for pair in zip(columns, row, strict=True) for text in _cells(*pair)]
        for row in table.rows
    ]
    rule = ["---" if i < 2 else "---:" for i in range(len(heads))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


def _heads(column: TableColumn) -> list[str]:
    head = escaped(column.head) + " [95%]" * (column.kind == "estimate")
    return [head, "beats"] if column.beats else [head]


def _cells(column: TableColumn, cell: AnyCell) -> list[str]:
    if isinstance(cell, str):
        return [code(cell) if column.kind == "name" else escaped(cell)]
    if not isinstance(cell, Cell):
        raise TypeError(f"{type(cell).__name__} is for pages")
    text = f"{cell.text} {cell.interval}" if cell.interval else cell.text
    return [escaped(text), cell.beats] if column.beats else [escaped(text)]


def code_block(text: str) -> str:
    """Commands as a block of code, which they cannot end."""
    fence = "`" * max(3, _longest_run_of_ticks(text) + 1)
    return f"{fence}sh\n{visible(text)}\n{fence}"


def escaped(text: str) -> str:
    r"""Text in which nothing is markup, on one line.

    >>> print(escaped("norm(0,*) <img> [x](http://y)"))
    norm(0,\*) &lt;img> [x\](http://y)
    """
    text = re.sub(r"[\\`*_|~]|\](?=[(\[:])", r"\\\g<0>", visible(text).replace("&", "&amp;"))
    return " ".join(text.splitlines()).replace("<", "&lt;")


def code(text: str) -> str:
    r"""Text as code on one line, also inside a table.

    >>> print(code("dot"), code("a|b"), code("a`b"))
    `dot` `a\|b` `` a`b ``
    """
    text = " ".join(visible(text).splitlines()).replace("|", r"\|")
    longest = _longest_run_of_ticks(text)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


def _longest_run_of_ticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def junit(document: Document) -> str:
    """The gates as XML.

    A gate that fails is a failure with its sentence, one that had no earlier run to be held
    against is skipped.
    """
    gates = document.gates
    failed, skipped = (
        sum(not gate.passed for gate in gates),
        sum(not gate.checked for gate in gates),
    )
    counts = f'tests="{len(gates)}" failures="{failed}" errors="0" time="0"'
    properties = [
        ("signature", document.signature),
        ("verdict", f"{document.headline}: {document.reason}"),
        ("intervals", "95%, each by itself"),
        *(("note", note) for note in document.notes),
    ]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="anglewise" {counts}>',
        f'  <testsuite name="{_xml(document.subject)}" {counts} skipped="{skipped}">',
        "    <properties>",
        *(f'      <property name="{name}" value="{_xml(value)}"/>' for name, value in properties),
        "    </properties>",
        *(line for gate in gates for line in _test_case(gate)),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _test_case(gate: "Checked") -> list[str]:
    sentence = _xml(gate.sentence)
    if not gate.passed:
        inside = f'<failure type="gate" message="{sentence}">{sentence}</failure>'
    elif not gate.checked:
        inside = f'<skipped message="{sentence}"/>'
    else:
        inside = f"<system-out>{sentence}</system-out>"
    return [
        f'    <testcase classname="anglewise.compare" name="{_xml(str(gate.gate))}" time="0">',
        f"      {inside}",
        "    </testcase>",
    ]


def _xml(text: str) -> str:
    """Escaped, without the control characters that XML cannot hold."""
    return escape("".join(c if c.isprintable() else " " for c in text))
