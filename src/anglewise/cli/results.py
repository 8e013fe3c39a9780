"""Where the results of a comparison go: files first, so that a failed one leaves no half answer."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anglewise.cli.options import Results
from anglewise.cli.talk import Talk
from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.gates import Checked
from anglewise.errors import FileError, SpellingError

if TYPE_CHECKING:
    from anglewise.cli.console import PatientConsole
    from anglewise.comparison.unjudged import Sequential, Unjudged


def write_results(
    result: Comparison, checked: Sequence[Checked], results: Results, talk: Talk
) -> None:
    """Write the page, the Markdown, the gates and the runs, each whole or not at all."""
    from anglewise.io.outputs import write_text

    if results.html is not None:
        from anglewise.report.comparison_html import page

        write_text(results.html, page(result))
        talk.say(f"wrote {results.html}")
    if results.markdown is not None:
        from anglewise.report.comparison_text import markdown

        write_text(results.markdown, markdown(result, checked))
        talk.say(f"wrote {results.markdown}")
    if results.junit is not None:
        from anglewise.report.comparison_text import junit

        write_text(results.junit, junit(result, checked))
        talk.say(f"wrote {results.junit}")
    if results.run_out is not None:
        for path in _write_runs(result, results.run_out):
            talk.say(f"wrote {path}")


def show_result(
    result: Comparison,
    checked: Sequence[Checked],
    console: "PatientConsole",
    until: "Sequential | None" = None,
    rest: "Unjudged | None" = None,
) -> None:
    """The table for people, what else was asked for, and last whether the gates held."""
    from anglewise.report.comparison_text import show_comparison

    show_comparison(result, console)
    if until is not None:
        console.print(f"\nSequentially, {until}", soft_wrap=True)
    if rest is not None:
        from anglewise.report.comparison_text import show_unjudged

        console.print()
        show_unjudged(rest, console)
    if checked:
        console.print()
    for one in checked:
        console.print(one.sentence, style="green" if one.passed else "bold red")


def _write_runs(result: Comparison, to: Path) -> list[Path]:
    from anglewise.io.runs import write_run

    evidence = result.evidence
    if evidence is None or result.direction is None or not evidence.found:
        raise SpellingError("--run-out: pairs and triplets have no ranked lists to write")
    asking, ranked = evidence.space.sides(result.direction)
    paths = _paths(to, list(evidence.found))
    for path, found in zip(paths, evidence.found.values(), strict=True):
        write_run(path, found, asking.ids[evidence.rows], ranked.ids)
    return paths


def _paths(to: Path, measures: list[str]) -> list[Path]:
    """One file for each measure in a folder; a single measure may name its file."""
    if len(measures) == 1 and to.suffix and not to.is_dir():
        return [to]
    if to.exists() and not to.is_dir():
        raise FileError(f"{to} is a file: {len(measures)} runs need a folder")
    to.mkdir(parents=True, exist_ok=True)
    plain = (re.sub(r"[^\w.@-]+", "_", name).strip("_") for name in measures)
    return [to / f"{name}.run" for name in plain]
