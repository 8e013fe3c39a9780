"""Where the results of a comparison go: files first, then the table, then the gates."""

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anglewise.cli.console import Talk
from anglewise.cli.options import HistoryOptions, Results
from anglewise.comparison.comparison_result import Comparison, Evidence
from anglewise.comparison.gates import (
    NOTHING_YET,
    Checked,
    Gate,
    History,
    Last,
    check,
    gate,
    rows_of,
)
from anglewise.core.text import check_number
from anglewise.core.typing import Direction
from anglewise.errors import FileError, SpellingError
from anglewise.io.outputs import check_new_file, filled_folder
from anglewise.io.runs import append_history, read_history

if TYPE_CHECKING:
    from anglewise.cli.inputs import Judged
    from anglewise.core.embeddings import Space
    from anglewise.report.document import Document


@dataclass(frozen=True)
class Gates:
    """The conditions that must hold, and the history; read before any work is done."""

    conditions: tuple[Gate, ...]
    history: History

    @classmethod
    def read(cls, results: Results, history: HistoryOptions) -> "Gates":
        """Read gates and history.

        Raises ``SpellingError`` for options that need one another, ``FileError`` for a history
        that cannot be read or written.
        """
        check_number(len(set(results.gate)), "gate")
        conditions = tuple(dict.fromkeys(map(gate, results.gate)))
        if results.junit is not None and not conditions:
            raise SpellingError(f"--junit {results.junit} writes gates, and there are none: --gate")
        if history.history is None:
            _needs_history(conditions, history)
            return cls(conditions, NOTHING_YET)
        _time(history.at)
        return cls(conditions, _history(history.history))

    def check(self, result: Comparison) -> list[Checked]:
        """Hold a comparison against all of them."""
        return [check(result, condition, self.history) for condition in self.conditions]


def remember(
    result: Comparison, checked: Sequence[Checked], history: HistoryOptions, talk: Talk
) -> None:
    """Add the run to the history, if there is one, with whether its gates held."""
    if history.history is None:
        return
    gates_held = all(gate.passed for gate in checked) if checked else None
    rows = rows_of(result, label=history.label, at=_time(history.at), gates_held=gates_held)
    run = append_history(history.history, rows)
    talk.say(f"added run {run} to {history.history}")


def gate_content(checked: Checked) -> dict[str, Any]:
    """A gate for machines; without an earlier run, or an interval, the figures are null."""
    figure = checked.figure
    return {
        "gate": str(checked.gate),
        "passed": checked.passed,
        "sentence": checked.sentence,
        "mean": None if figure is None else figure.mean,
        "low": None if figure is None else figure.low,
        "high": None if figure is None else figure.high,
    }


def _history(path: Path) -> History:
    check_new_file(path)
    return History(read_history(path)) if path.exists() else NOTHING_YET


def _needs_history(conditions: Sequence[Gate], history: HistoryOptions) -> None:
    for condition in conditions:
        if isinstance(condition.right, Last):
            raise SpellingError(f"the gate {condition} asks for an earlier run: add --history FILE")
    for name, value in {"label": history.label, "at": history.at}.items():
        if value is not None:
            raise SpellingError(f"--{name} {value} stands in a history: add --history FILE")


def _time(text: str | None) -> datetime | None:
    """A time without a zone is taken as UTC."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the zone may lead out of all years
        raise SpellingError(
            f"--at {text!r} is no time: write it as 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None


def write_results(result: Comparison, document: "Document", results: Results, talk: Talk) -> None:
    """Write the page, the Markdown, the gates and the runs, each whole or not at all."""
    from anglewise.report import html_page, plain_text

    evidence, run_out = result.evidence, results.run_out
    runs = [] if run_out is None or evidence is None else _paths(run_out, list(evidence.found))
    for path, render in (
        (results.html, html_page.page),
        (results.markdown, plain_text.markdown),
        (results.junit, plain_text.junit),
    ):
        if path is not None:
            talk.write(path, render(document))
    if run_out is not None and evidence is not None and result.direction is not None:
        _write_runs(evidence, result.direction, run_out, runs)
        for path in runs:
            talk.say(f"wrote {path}")


def check_run_out(run_out: Path | None, space: "Space", judged: "Judged") -> None:
    """Refuse before any work what ``--run-out`` could not write after it.

    Raises ``SpellingError`` for judgements without ranked lists, ``IdsError`` for ids that a TREC
    run cannot hold.
    """
    from anglewise.core.judgements import Judgements
    from anglewise.io.runs import check_run_ids

    if run_out is None:
        return
    if not isinstance(judged, Judgements):
        raise SpellingError("--run-out: pairs and triplets have no ranked lists to write")
    if run_out.suffix == ".parquet":
        return
    asking, ranked = space.sides(judged.direction)
    check_run_ids(run_out, asking.ids[judged.judged_rows])
    check_run_ids(run_out, ranked.ids)


def _write_runs(
    evidence: Evidence, direction: Direction, path_or_folder: Path, paths: list[Path]
) -> None:
    from anglewise.io.runs import write_run

    asking, ranked = evidence.space.sides(direction)
    with filled_folder(path_or_folder) if paths != [path_or_folder] else nullcontext():
        for path, neighbours in zip(paths, evidence.found.values(), strict=True):
            write_run(path, neighbours, asking.ids[evidence.rows], ranked.ids)


def _paths(path_or_folder: Path, measures: list[str]) -> list[Path]:
    """One file for each measure in a folder; a single measure may name its file."""
    if len(measures) == 1 and path_or_folder.suffix and not path_or_folder.is_dir():
        return [path_or_folder]
    if path_or_folder.exists() and not path_or_folder.is_dir():
        raise FileError(f"{path_or_folder} is a file: {len(measures)} runs need a folder")
    plain = (re.sub(r"[^\w.@-]+", "_", name).strip("_") for name in measures)
    return [path_or_folder / f"{name}.run" for name in plain]
