"""How often a validation set was looked at before, and what that leaves of a verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.history import History, Identity, identity, name_parts, or_null
from anglewise.data_types.text import counted
from anglewise.io.runs import HistoryTable
from anglewise.statistics.decision import LEVEL


@dataclass(frozen=True)
class Looks:
    """How often a validation set was looked at, this run included, and for how many verdicts.

    ``candidate_sets`` counts those that differ in a variant, a measure or a figure; ``verdicts``
    those that differ in the candidates, or in what they are held against: metric, baseline,
    tolerance, groups, or the largest difference. ``other_judgements`` counts earlier runs in which
    some of these queries were judged otherwise: fewer of them, as where judging goes on, or by
    other settings. ``baseline_unknown`` counts those of an older version, which did not note their
    baseline: those of the same candidates count as one verdict. Verdicts by groups, by ways of
    judging and by further truths are not among these; ``not_counted`` says that this run has some.
    """

    times: int
    candidate_sets: int
    verdicts: int
    other_judgements: int = 0
    baseline_unknown: int = 0
    not_counted: bool = False

    @property
    def wrong_at_most(self) -> float:
        """The chance that any verdict so far is wrong, at most, each being so in 5%.

        It is of what was asked before any of these looks: of candidates that were made or chosen
        after one, and of a baseline that was, nothing is known, as they may owe their figures to
        these queries.

        >>> Looks(7, 3, 3).wrong_at_most, Looks(40, 3, 30).wrong_at_most
        (0.15, 1.0)
        """
        return min(round(LEVEL * self.verdicts, 9), 1.0)

    @property
    def says_something(self) -> bool:
        """Whether a verdict is more than the first look at these queries."""
        return self.verdicts > 1 or self.other_judgements > 0

    def __str__(self) -> str:
        parts = [self._at_candidates()] if self.verdicts > 1 else []
        if self.other_judgements:
            others = counted(self.other_judgements, "earlier run")
            parts.append(
                f"{others} {'was' if self.other_judgements == 1 else 'were'} on other judgements "
                "of some of these queries: a verdict is for queries and judgements fixed "
                "beforehand, and its 95% do not hold where judging goes on until it comes "
                "(--sequential is for that)"
            )
        return ". ".join(part[0].upper() + part[1:] for part in parts)

    def _at_candidates(self) -> str:
        most = "has no bound below 1"
        if self.wrong_at_most < 1:
            most = f"is up to {self.wrong_at_most:.0%}"
        sets = counted(self.candidate_sets, "set")
        best = (
            "looking often at one set makes the best look better than it is, on average, and no "
            "interval here allows for that"
        )
        if self.verdicts != self.candidate_sets:
            sets += (
                f" of candidates, for {self.verdicts:,} verdicts (of other candidates, or against "
                "another baseline, or by another metric, tolerance or grouping)"
            )
        else:
            sets += " of candidates"
        if self.candidate_sets == 1:
            best = "no interval here allows for asking until an answer pleases"
        unknown = ""
        if self.baseline_unknown:
            runs = counted(self.baseline_unknown, "earlier run")
            unknown = f" (against which baseline {runs} asked is not known)"
        return (
            f"This validation set was looked at {self.times:,} times, at {sets}{unknown}: {best}. "
            f"With each verdict at 95%, the chance that any of them is wrong {most} if all "
            "candidates and baselines were named before the first look, and not known if some "
            "were chosen by what these queries showed: then judge others to confirm it"
            + ("; verdicts by groups, ways or truths are not counted" if self.not_counted else "")
        )


def looks(now: Comparison, history: History) -> Looks | None:
    """Count the runs on the same queries and judgements; None where these are not known."""
    own = identity(now)
    if own is None:
        return None
    figures = {row.measure: row.metrics[now.metric].mean for row in now.measures}
    sets = {_figures(figures.items())}
    asked = {_asked(now.signature, figures, now.verdict.keep)}
    not_counted = bool(now.slices or now.ways or len(now.truths) > 1)
    if history.table is None:
        return Looks(1, 1, 1, not_counted=not_counted)
    same = {"judgements": own.judgements, "queries": now.queries}
    columns = ["run", "metric", "measure", "mean", "kept", "signature"]
    runs: dict[int, list[Mapping[str, Any]]] = {}
    for row in history.table.rows(same, columns, failed=True):
        runs.setdefault(row["run"], []).append(row)
    unknown = 0
    for rows in runs.values():
        by_metric = _means(rows, now.metric)
        if by_metric:
            sets.add(_figures(by_metric.items()))
        signature = rows[0]["signature"] or ""
        deciding = _means(rows, _settings(signature).get("metric", ""))
        kept = next((row["measure"] for row in rows if row["kept"]), None)
        if deciding:
            unknown += kept is None
            asked.add(_asked(signature, deciding, kept))
    others = _on_other_judgements(now, own, history.table)
    return Looks(1 + len(runs), len(sets), len(asked), others, unknown, not_counted)


def _means(rows: Iterable[Mapping[str, Any]], metric: str) -> dict[str, float | None]:
    """What the candidates of a run had by a metric."""
    return {
        row["measure"]: row["mean"]
        for row in rows
        if row["metric"] == metric and row["measure"] is not None
    }


NO_QUESTION = {"measures", "queries", "intervals", "tests", "seed", "version"}
"""Settings that make no other question: candidates are known by their figures, chance by none."""


def _settings(signature: str) -> dict[str, str]:
    parts = (part.partition(":") for part in signature.split("|"))
    return {name: value for name, _, value in parts if name not in NO_QUESTION}


def _asked(
    signature: str, figures: Mapping[str, float | None], kept: str | None
) -> tuple[frozenset[Any], ...]:
    """What a verdict is about: its settings, its candidates, and which of them was to be kept."""
    against = {} if kept is None or kept not in figures else {kept: figures[kept]}
    return (
        frozenset(_settings(signature).items()),
        _figures(figures.items()),
        _figures(against.items()),
    )


def _on_other_judgements(now: Comparison, own: Identity, table: HistoryTable) -> int:
    """How many runs by the same metric had other judgements of some of these queries.

    Runs of which the history has the means alone are not counted: nobody knows their queries.
    """
    if own.queries is None:
        return 0
    queries = {*own.queries}
    same = {"metric": now.metric, "direction": now.direction or ""}
    rows = table.rows(same, ["run", "judgements", "queries", "query_ids"], failed=True)
    return len(
        {
            row["run"]
            for row in rows
            if (row["judgements"], row["queries"]) != (own.judgements, now.queries)
            and not queries.isdisjoint(row["query_ids"] or ())
        }
    )


def _figures(
    figures: Iterable[tuple[str, float | None]],
) -> frozenset[tuple[str, str, float | None]]:
    """Variants, measures and their figures, whatever the spaces are called."""
    rounded = ((name, or_null(mean)) for name, mean in figures)
    return frozenset(
        (*name_parts(name)[1:], None if mean is None else round(mean, 9)) for name, mean in rounded
    )
