"""How often a validation set was looked at before, and what that leaves of a verdict."""

from collections.abc import Iterable
from dataclasses import dataclass

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.history import History, Identity, identity, name_parts, or_null
from anglewise.data_types.text import counted
from anglewise.io.runs import HistoryTable
from anglewise.statistics.decision import LEVEL


@dataclass(frozen=True)
class Looks:
    """How often a validation set was looked at, this run included, and at how many candidates.

    ``candidate_sets`` counts those that differ in a variant, a measure or a figure.
    ``other_judgements`` counts earlier runs in which some of these queries were judged otherwise:
    fewer of them, as where judging goes on, or by other settings.
    """

    times: int
    candidate_sets: int
    other_judgements: int = 0

    @property
    def wrong_at_most(self) -> float:
        """The chance that any verdict so far is wrong, at most, each being so in 5%.

        It is of candidates that were named before any of these looks: of those that were made or
        chosen after one nothing is known, as they may owe their figures to these queries.

        >>> Looks(7, 3).wrong_at_most, Looks(40, 30).wrong_at_most
        (0.15, 1.0)
        """
        return min(round(LEVEL * self.candidate_sets, 9), 1.0)

    @property
    def says_something(self) -> bool:
        """Whether a verdict is more than the first look at these queries."""
        return self.candidate_sets > 1 or self.other_judgements > 0

    def __str__(self) -> str:
        parts = [self._at_candidates()] if self.candidate_sets > 1 else []
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
        return (
            f"This validation set was looked at {self.times:,} times, at "
            f"{counted(self.candidate_sets, 'set')} of candidates: looking often at one set makes "
            "the best look better than it is, on average, and no interval here allows for that. "
            f"With each verdict at 95%, the chance that any of them is wrong {most} if all "
            "candidates were named before the first look, and not known if some were chosen by "
            "what these queries showed: then judge others to confirm it"
        )


def looks(now: Comparison, history: History) -> Looks | None:
    """Count the runs on the same queries and judgements; None where these are not known."""
    own = identity(now)
    if own is None:
        return None
    sets = {_figures((row.measure, row.metrics[now.metric].mean) for row in now.measures)}
    if history.table is None:
        return Looks(1, 1)
    same = {"judgements": own.judgements, "queries": now.queries}
    rows = history.table.rows(same, ["run", "metric", "measure", "mean"], failed=True)
    runs: dict[int, list[tuple[str, float | None]]] = {row["run"]: [] for row in rows}
    for row in rows:
        if row["metric"] == now.metric and row["measure"] is not None:
            runs[row["run"]].append((row["measure"], row["mean"]))
    sets.update(_figures(figures) for figures in runs.values() if figures)
    return Looks(1 + len(runs), len(sets), _on_other_judgements(now, own, history.table))


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
