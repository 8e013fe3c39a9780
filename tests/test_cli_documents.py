"""A command hands a document to the renderers; none prints a report line by line."""

import ast
from pathlib import Path

import pytest

from cli_run import anglewise
from test_architecture import SRC

__all__ = ["anglewise"]


def printers(source: Path) -> set[str]:
    """Functions, named or not, that are handed a console."""
    return {
        f"{source.stem}:{node.lineno}"
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.Lambda)
        and any(argument.arg == "console" for argument in node.args.args)
    }


def test_no_command_prints_a_report_by_hand():
    assert set().union(*map(printers, (SRC / "cli").glob("*.py"))) == set()


@pytest.mark.parametrize("line", ["wrote a folder", "next: which measure?"])
def test_what_fit_says_is_a_document(monkeypatch, tmp_path, anglewise, line):
    given = []
    monkeypatch.setattr("anglewise.cli.console.Talk.give", lambda *result: given.append(result[2]))
    monkeypatch.chdir(tmp_path)
    rows = [f"u{user},i{(user * step) % 7}" for user in range(30) for step in (1, 2, 3)]
    Path("ratings.csv").write_text("user_id,item_id\n" + "\n".join(rows) + "\n")
    assert anglewise("fit", "ratings.csv", "-o", "a folder", "--components", "2").code == 0
    (document,) = given
    assert line in [block.text for group in document.body for block in group]
