"""Every reader and every command has an input that `make fuzz` starts from."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import anglewise
from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.program import COMMANDS
from test_fuzz_corpus import ON_LINUX, python

SOURCE = Path(anglewise.__file__).parent
BEGINNINGS = ("read_", "load_", "open_")
METHODS = ("load", "open", "of", "at")
LIBRARIES = {
    "stores/faiss_files.py:read_index": "faiss, in tests/stores",
    "recommender_models/training_state.py:read_checkpoint": "torch, in tests/training",
}
"""Readers of files by a library that is not installed here."""
WRITERS = {
    "io/destinations.py:open_output": "opens what is written",
}


def readers():
    """Functions that are called after reading and take a path first, and such class methods."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith(BEGINNINGS):
                if _takes_path(node):
                    yield f"{name}:{node.name}"
            elif isinstance(node, ast.ClassDef):
                for one in node.body:
                    if (
                        isinstance(one, ast.FunctionDef)
                        and one.name in METHODS
                        and _takes_path(one)
                    ):
                        yield f"{name}:{node.name}.{one.name}"


def _takes_path(node):
    kinds = [ast.unparse(one.annotation) for one in node.args.args[:2] if one.annotation]
    return any(re.search(r"\bPath(Like)?\b", kind) for kind in kinds)


@cache
def entered():
    run = python("-m", "fuzz.reached")
    assert run.returncode == 0, run.stderr[-2000:]
    return frozenset(json.loads(run.stdout))


@ON_LINUX
def test_every_reader_is_entered_by_an_input_to_start_from():
    assert sorted(set(readers()) - {*entered(), *LIBRARIES, *WRITERS}) == []


@ON_LINUX
def test_every_command_is_among_the_inputs_to_start_from():
    typed = {one for one in entered() if ":" not in one}
    due = {name for name in COMMANDS if name != "judge"} | {
        f"judge {one}" for one in JUDGE_COMMANDS
    }
    assert sorted(due - typed) == []


def test_what_is_left_out_is_there():
    assert {*LIBRARIES, *WRITERS} <= set(readers())
