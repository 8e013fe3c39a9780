"""Where the results of a comparison go: files first, then the table, then the gates."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anglewise.cli.console import Talk
from anglewise.cli.options import HistoryOptions, Results
from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.evidence import Evidence
from anglewise.comparison.gates import Checked, Gate, Last, check, gate
from anglewise.comparison.history import NOTHING_YET, History, rows_of
from anglewise.comparison.looks import Looks, looks
from anglewise.data_types.text import check_number
from anglewise.data_types.typing import Direction
from anglewise.errors import FileError, SpellingError
from anglewise.io.output_checks import check_ending, check_name_fits
from anglewise.io.outputs import check_new_file, filled_folder
from anglewise.io.runs import HistoryTable, append_history, read_history

if TYPE_CHECKING:
    from anglewise.cli.inputs import Judged
    from anglewise.comparison.rankers import Ranker
    from anglewise.data_types.embeddings import Space
    from anglewise.report.document import Document


@dataclass(frozen=True)
class Gates:
    """The conditions that must hold, and the history; read before any work is done."""

    conditions: tuple[Gate, ...]
    history: History
    looks_count: bool = False

    @classmethod
    def read(
        cls,
        results: Results,
        history: HistoryOptions,
        spaces: Sequence[str] = (),
        runs: Sequence[str] = (),
    ) -> "Gates":
        """Read gates and history; ``spaces`` are folders or, with a name given, NAME=FOLDER.

        ``runs`` are the names of runs, which gates may name too.

        Raises ``SpellingError`` for options that need one another and for a label that the history
        has not, ``FileError`` for a history that cannot be read or written.
        """
        check_number(len(set(results.gate)), "gate")
        conditions = tuple(dict.fromkeys(gate(word, runs) for word in results.gate))
        if results.junit is not None and not conditions:
            raise SpellingError(f"--junit {results.junit} writes gates, and there are none: --gate")
        if history.history is None:
            _needs_history(conditions, history)
            return cls(conditions, NOTHING_YET)
        _time(history.at)
        named = frozenset(word.partition("=")[0] for word in spaces if "=" in word)
        earlier = History(_history(history.history), history.label, named)
        for condition in conditions:
            if isinstance(condition.right, Last):
                earlier.check_label(condition.right.label)
        return cls(conditions, earlier, looks_count=True)

    def check(self, result: Comparison) -> list[Checked]:
        """Hold a comparison against all of them."""
        return [check(result, condition, self.history) for condition in self.conditions]

    def looks(self, result: Comparison) -> Looks | None:
        """How often the validation set was looked at, as far as a history was given."""
        return looks(result, self.history) if self.looks_count else None


def remember(
    result: Comparison,
    gates: Gates,
    checked: Sequence[Checked],
    options: HistoryOptions,
    talk: Talk,
) -> None:
    """Add the run to the history, if there is one, with whether its gates held."""
    if options.history is None:
        return
    outcomes = [gate.passed for gate in checked if gate.checked]
    rows = rows_of(
        result,
        label=options.label,
        at=_time(options.at),
        gates_held=all(outcomes) if outcomes else None,
        named=gates.history.named,
    )
    run = append_history(options.history, rows)
    talk.say(f"added run {run} to {options.history}")


def gate_content(checked: Checked) -> dict[str, Any]:
    """A gate for machines; the figures are null where nothing was checked or they are undefined."""
    figure = checked.figure
    return {
        "gate": str(checked.gate),
        "passed": checked.passed,
        "checked": checked.checked,
        "sentence": checked.sentence,
        **{
            name: None if figure is None or isnan(value := getattr(figure, name)) else value
            for name in ("mean", "low", "high")
        },
    }


def looks_content(looks: Looks | None) -> dict[str, Any]:
    """How often the validation set was looked at, for machines; nulls where that is not known."""
    return {
        "looks": None if looks is None else looks.times,
        "candidate_sets": None if looks is None else looks.candidate_sets,
        "verdicts": None if looks is None else looks.verdicts,
        "wrong_at_most": None if looks is None else looks.wrong_at_most,
        "other_judgements": None if looks is None else looks.other_judgements,
    }


def _history(path: Path) -> HistoryTable | None:
    check_new_file(path)
    return read_history(path) if path.exists() else None


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
    if results.per_query is not None:
        from anglewise.io.judgement_export import write_values

        values = result.values()
        if result.weights is not None:
            values["weight"] = result.weights.values
        write_values(results.per_query, values)
        talk.say(f"wrote {results.per_query}")
    if run_out is not None and evidence is not None and result.direction is not None:
        _write_runs(evidence, result.direction, run_out, runs)
        if result.within:
            talk.say(
                f"{run_out}: lists over all items, while the figures are within {result.within}"
            )
        for path in runs:
            talk.say(f"wrote {path}")


def check_run_out(
    run_out: Path | None,
    spaces: "Mapping[str, Space]",
    judged: "Mapping[str, Judged]",
    measures: "str | Sequence[Ranker] | tuple[str, ...]",
    *,
    variants: str | tuple[()] = (),
    runs: Sequence[str] = (),
) -> None:
    """Refuse before any work what ``--run-out`` could not write after it.

    A space that is alone has the name ``""``. Raises ``SpellingError`` for judgements without
    ranked lists and for runs that would fall onto one file, ``FileError`` for a file that is
    somebody else's, ``IdsError`` for ids that a TREC run cannot hold.
    """
    from anglewise.comparison.candidates import sources, space_candidates
    from anglewise.comparison.rankers import split_rankers
    from anglewise.data_types.judgements import Judgements
    from anglewise.io.runs import check_run_ids
    from anglewise.similarity_measures.measure import measures_and_families

    if run_out is None:
        return
    rankers, plain = split_rankers(measures, runs)
    read = measures_and_families(plain)
    names = [*map(str, read), *map(str, rankers)]
    if "" not in spaces:
        names = [*map(str, space_candidates(sources(spaces, variants), spaces, read))]
    _paths(run_out, [*names, *runs])
    for name, labels in judged.items():
        if not isinstance(labels, Judgements):
            raise SpellingError("--run-out: pairs and triplets have no ranked lists to write")
        if run_out.suffix != ".parquet":
            asking, ranked = spaces[name].sides(labels.direction)
            check_run_ids(run_out, asking.ids[labels.judged_rows])
            check_run_ids(run_out, ranked.ids)


def _write_runs(
    evidence: Evidence, direction: Direction, path_or_folder: Path, paths: list[Path]
) -> None:
    from anglewise.io.runs import write_run

    asking, ranked = evidence.space.sides(direction)
    with filled_folder(path_or_folder) if paths != [path_or_folder] else nullcontext():
        for path, neighbours in zip(paths, evidence.found.values(), strict=True):
            write_run(path, neighbours, asking.ids[evidence.rows], ranked.ids)


RUN_ENDINGS = (".run", ".trec", ".txt", ".parquet")
"""What a file of ranked lists is called."""


def _paths(path_or_folder: Path, measures: list[str]) -> list[Path]:
    """One file for each measure in a folder; a single measure may name its file."""
    if len(measures) == 1 and path_or_folder.suffix and not path_or_folder.is_dir():
        check_ending(path_or_folder, RUN_ENDINGS, "what --run-out writes")
        return [path_or_folder]
    if path_or_folder.exists() and not path_or_folder.is_dir():
        raise FileError(f"{path_or_folder} is a file: {len(measures)} runs need a folder")
    paths: dict[str, Path] = {}
    names: dict[str, str] = {}
    for measure in measures:
        name = _file_name(measure)
        other = names.setdefault(unicodedata.normalize("NFC", name).casefold(), measure)
        if other != measure:
            raise SpellingError(
                f"--run-out: {other!r} and {measure!r} would be written to one file, {name}.run: "
                "give the spaces names that differ in letters or digits"
            )
        paths[measure] = path_or_folder / f"{name}.run"
        check_name_fits(paths[measure])
        _check_is_ours(paths[measure], name)
    return list(paths.values())


def _file_name(measure: str) -> str:
    return re.sub(r"[^\w.@-]+", "_", measure).strip("_.")


def _check_is_ours(path: Path, name: str) -> None:
    """Refuse to replace, under a name that nobody typed, what is no run of this name."""
    from anglewise.io.destinations import first_bytes

    if not path.is_file() or path.stat().st_size == 0:
        return
    words = first_bytes(path, 1 << 16).partition(b"\n")[0].decode(errors="replace").split()
    if len(words) != 6 or words[1] != "Q0" or _file_name(words[-1]) != name:
        raise FileError(
            f"{path} is there and is no run that anglewise wrote for {name}: name another folder "
            "(--run-out), or move it elsewhere"
        )
