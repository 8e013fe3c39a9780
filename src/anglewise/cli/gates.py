"""From options to gates that held or did not, and to the history that they are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anglewise.cli.options import Kept, Results
from anglewise.cli.talk import Talk
from anglewise.comparison.comparison_result import Comparison
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
from anglewise.errors import SpellingError
from anglewise.io.history_files import append_history, read_history
from anglewise.io.outputs import check_new_file


@dataclass(frozen=True)
class Gates:
    """What must hold, and what earlier runs had; read before any work is done."""

    wanted: tuple[Gate, ...]
    history: History

    @classmethod
    def read(cls, results: Results, kept: Kept) -> "Gates":
        """Read gates and history.

        Raises ``SpellingError`` for options that need one another, ``FileError`` for a history
        that cannot be read or written.
        """
        wanted = tuple(gate(spelling) for spelling in results.gate)
        if results.junit is not None and not wanted:
            raise SpellingError(f"--junit {results.junit} writes gates, and there are none: --gate")
        if kept.history is None:
            _needs_history(wanted, kept)
            return cls(wanted, NOTHING_YET)
        _time(kept.at)
        return cls(wanted, _history(kept.history))

    def check(self, result: Comparison) -> list[Checked]:
        """Hold a comparison against all of them."""
        return [check(result, one, self.history) for one in self.wanted]


def remember(result: Comparison, checked: Sequence[Checked], kept: Kept, talk: Talk) -> None:
    """Add the run to the history, if there is one, with whether its gates held."""
    if kept.history is None:
        return
    held = all(one.passed for one in checked) if checked else None
    rows = rows_of(result, label=kept.label, at=_time(kept.at), gates_held=held)
    run = append_history(kept.history, rows)
    talk.say(f"added run {run} to {kept.history}")


def as_told(one: Checked) -> dict[str, Any]:
    """A gate for machines; without an earlier run, or an interval, the figures are null."""
    figure = one.figure
    return {
        "gate": str(one.gate),
        "passed": one.passed,
        "sentence": one.sentence,
        "mean": None if figure is None else figure.mean,
        "low": None if figure is None else figure.low,
        "high": None if figure is None else figure.high,
    }


def _history(path: Path) -> History:
    check_new_file(path)
    return History(read_history(path)) if path.exists() else NOTHING_YET


def _needs_history(wanted: Sequence[Gate], kept: Kept) -> None:
    for one in wanted:
        if isinstance(one.right, Last):
            raise SpellingError(f"the gate {one} asks for an earlier run: add --history FILE")
    for name, value in {"label": kept.label, "at": kept.at}.items():
        if value is not None:
            raise SpellingError(f"--{name} {value} stands in a history: add --history FILE")


def _time(at: str | None) -> datetime | None:
    """A time without a zone is taken as UTC."""
    if at is None:
        return None
    try:
        time = datetime.fromisoformat(at)
    except ValueError:
        raise SpellingError(
            f"--at {at!r} is no time: write it as 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None
    return time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)
