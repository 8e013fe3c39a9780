"""Commands run in this process: quick, and what they print is caught."""

from dataclasses import dataclass

import pytest

from anglewise.cli import main


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


@pytest.fixture
def anglewise(capsys, monkeypatch):
    """Run ``anglewise`` with some words; give the exit code and what was printed."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Run(code, *capsys.readouterr())

    return run


def refused(run, *parts):
    """Exit 2, one line on standard error that holds the parts, nothing on standard output."""
    assert run.code == 2, run
    assert run.out == ""
    lines = run.err.strip().splitlines()
    assert lines[-1].startswith("anglewise: ")
    assert "Traceback" not in run.err
    for part in parts:
        assert part in lines[-1], (part, lines[-1])
    return True
