"""The result of a comparison: verdict, table, and what it says of itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from anglewise.comparison.plain_content import plain_json, without_seconds
from anglewise.data_types.drawn import QueryWeights
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import figure, html_table, listed, p_value
from anglewise.data_types.typing import Array, Direction
from anglewise.errors import MissingExtraError, SpellingError, ValuesError
from anglewise.evaluation_metrics.breadth import Coverage
from anglewise.statistics.decision import Decision
from anglewise.statistics.trainings import TrainingSpread

if TYPE_CHECKING:
    from anglewise.comparison.candidates import RerankingCost, SearchCost, SpaceFacts
    from anglewise.comparison.evidence import Evidence
    from anglewise.comparison.floors import Floor
    from anglewise.comparison.judged_as import JudgedAs
    from anglewise.comparison.slices import Slice


@dataclass(frozen=True)
class Estimate:
    """A mean over queries with its 95% interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A mean paired difference with its 95% interval and p-values, raw and Holm-adjusted.

    The family of the adjustment is all pairs of measures, since the best is chosen by looking.
    """

    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float


@dataclass(frozen=True)
class MeasureResult:
    """One row of the table: a measure, its metrics, how it stands to the best.

    Attributes
    ----------
    best_probability
        The share of draws, weights or resamples of the queries, in which it comes out best; ties
        are split. No test: draws know nothing of what is not in the sample.
    may_be_best, p_best
        Whether it is in the 95% set of measures that may be the best by sign flips, and the p-value
        of "this one is the best" behind that.
    beats
        Measures that it beats at 95% by sign flips, Holm-adjusted.
    unjudged_share
        Of the places that the metric reads, the share that nobody judged, weighed as means are.
    alike
        Measures with the same lists for the judged queries, which count as one with it.
    settings
        Of a tuned measure, the setting used for each half of the queries.
    coverage, strata
        Where there are lists: how much of what is ranked stands in any, and the metric if only
        the head, the middle or the tail of use were relevant (empty where use is not known).
    search
        What it took to search for it, where there are lists.
    reranking
        What it took to rerank; None where nothing is reranked, and then not in JSON.
    trainings
        Of several trainings of one model, each metric in every one of them, whose mean is the
        figure; else None, and then not in JSON.
    """

    measure: str
    metrics: Mapping[str, Estimate]
    vs_best: Difference | None
    best_probability: float
    may_be_best: bool
    vs_baseline: Difference | None = None
    beats: tuple[str, ...] = ()
    unjudged_share: float | None = None
    p_best: float = 1.0
    alike: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    coverage: Coverage | None = None
    strata: Mapping[str, float] = field(default_factory=dict[str, float])
    search: "SearchCost | None" = None
    reranking: "RerankingCost | None" = None
    trainings: Mapping[str, TrainingSpread] | None = None


@dataclass(frozen=True)
class Plans:
    """How many more queries, or groups of them, would settle a question; None where none would.

    ``to_show_the_lead`` if it is real, ``to_show_that_nothing_matters`` if all are equal: in about
    four sets of five, where others vary as these do.
    """

    to_show_the_lead: int | None
    to_show_that_nothing_matters: int | None

    @property
    def smaller(self) -> int | None:
        """The smaller of the two."""
        both = (self.to_show_the_lead, self.to_show_that_nothing_matters)
        return min((plan for plan in both if plan is not None), default=None)


@dataclass(frozen=True)
class Verdict:
    """What to do, in one word and in one sentence, at 95%.

    Attributes
    ----------
    decision
        ``use``: a measure is better than the one to keep by as much as matters. ``tie``: no other
        is, so keep it, whether it is better than they are or not. ``better``: one is better,
        whether by as much as matters is open.
        ``cannot-tell``: nothing of this is shown.
    measure
        The measure that the decision names; of a tie and where one cannot tell, the one to keep.
    tied_with
        Of ``use``, others that are better than the one to keep by as much, or rank alike; else the
        others that are not ruled out.
    needed_queries
        The smaller of the plans.
    smallest_detectable
        The true lead over the one to keep that would have been shown in about four sets of five.
    keep
        The measure to take without evidence: the baseline, else the simplest.
    plans
        How many more queries would settle it.
    leans_to, undone_by
        A hint where one cannot tell: what the sign-flip test finds better, and the share of
        queries of a kind not seen that could turn it round.
    estimate
        The metric of ``measure``; of one that was chosen for its mean, corrected for that.
    at_least
        By how much ``measure`` is better than the one to keep, at least; in a tie by how much that
        is better than every other, None where it need not be.
    largest_difference
        What was assumed of queries of a kind not seen; 1 assumes nothing.
    trainings_agree
        Of several trainings, whether what is said holds in each of them by its means; where it
        does not, one cannot tell. None of one training, and then not in JSON.
    """

    decision: Decision
    measure: str
    tied_with: tuple[str, ...]
    needed_queries: int | None
    smallest_detectable: float | None
    reason: str
    keep: str = ""
    plans: Plans | None = None
    leans_to: str | None = None
    undone_by: float | None = None
    estimate: Estimate | None = None
    at_least: float | None = None
    largest_difference: float = 1.0
    trainings_agree: bool | None = None

    @property
    def headline(self) -> str:
        """The decision in two or three words."""
        if self.decision == "tie" and self.at_least is not None:
            return f"Keep {self.measure}"
        return {
            "use": f"Use {self.measure}",
            "tie": f"Tie, keep {self.measure}",
            "better": f"{self.measure} is better",
            "cannot-tell": "Cannot tell",
        }[self.decision]

    def __str__(self) -> str:
        return f"{self.headline}: {self.reason}"


NO_INTERVAL = "no resample differs"
"""Why a figure has no interval: what never varies does not tell how far it may be off."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Measures ranked on a validation set, best first.

    ``notes`` are sentences to be read before the numbers (broken labels, unit vectors, zero
    rows). ``evidence`` holds what the numbers came from, for pages and run files. ``spaces`` are
    those of a comparison of several; each of its measures is then called ``space: measure``.
    ``floors`` are what lists without a model reach, ``floor_notes`` what is to be said of them,
    ``slices`` the verdicts of groups of queries and of items. ``runs`` names the ranked lists of
    other systems among the measures.
    ``tolerance`` is the least lead over the measure to keep that matters, ``tolerance_given`` how
    it was asked for. ``split`` says which queries belong together, or came before the others,
    ``where`` which items were ranked, ``within`` of what each list was taken, where not of all.
    ``trainings`` names those of one model whose means these are. ``ways`` are the verdicts by other
    ways of judging, ``truths`` those by other judgements.
    """

    direction: Direction | None
    metric: str
    k: int | None
    queries: int
    items: int | None
    judged: int
    seed: int
    measures: tuple[MeasureResult, ...]
    verdict: Verdict
    signature: str
    tolerance: float = 0.01
    tolerance_given: str = "0.01"
    baseline: str | None = None
    notes: tuple[str, ...] = ()
    evidence: "Evidence | None" = field(default=None, repr=False)
    spaces: "tuple[SpaceFacts, ...]" = ()
    split: str = "queries"
    floors: "tuple[Floor, ...]" = ()
    floor_notes: tuple[str, ...] = ()
    slices: "tuple[Slice, ...]" = ()
    runs: tuple[str, ...] = ()
    where: str = ""
    trainings: tuple[str, ...] = ()
    within: str = ""
    ways: "tuple[JudgedAs, ...]" = ()
    truths: "tuple[tuple[str, Comparison], ...]" = ()

    def __str__(self) -> str:
        return str(self.verdict)

    def to_dict(self, *, timed: bool = False) -> dict[str, Any]:
        """Plain JSON types with stable keys, as ``compare --json`` writes them.

        ``timed`` adds the seconds of each search, as ``--breadth`` does: they are other ones in
        every run, and all else is the same.
        """
        from anglewise.comparison.judged_as import judged_content
        from anglewise.comparison.legend import how_to_read

        factory = plain_json if timed else without_seconds
        return {
            "command": "compare",
            "version": version("anglewise"),
            "signature": self.signature,
            "direction": self.direction,
            "metric": self.metric,
            "k": self.k,
            "queries": self.queries,
            "items": self.items,
            "judged": self.judged,
            "seed": self.seed,
            "tolerance": self.tolerance,
            "tolerance_given": self.tolerance_given,
            "baseline": self.baseline,
            "notes": list(self.notes),
            "how_to_read": how_to_read(self),
            "measures": [asdict(row, dict_factory=factory) for row in self.measures],
            "verdict": asdict(self.verdict, dict_factory=plain_json),
            "floors": [asdict(floor) for floor in self.floors],
            "floor_notes": list(self.floor_notes),
            "slices": [asdict(part, dict_factory=plain_json) for part in self.slices],
            **({"spaces": [asdict(space) for space in self.spaces]} if self.spaces else {}),
            **({"runs": list(self.runs)} if self.runs else {}),
            **({"where": self.where} if self.where else {}),
            **({"trainings": list(self.trainings)} if self.trainings else {}),
            **judged_content(self, plain_json),
            **self._split(),
            **self._weights(),
        }

    @property
    def by(self) -> str:
        """The metric that decides, and the direction where there is one."""
        return self.metric if self.direction is None else f"{self.metric} ({self.direction})"

    @property
    def weights(self) -> "QueryWeights | None":
        """What each query counts in means, where they were drawn with unequal chances."""
        return None if self.evidence is None else self.evidence.weights

    @property
    def groups(self) -> int | None:
        """How many groups of queries chance is over; None where each stands for itself."""
        clusters = None if self.evidence is None else self.evidence.clusters
        return None if clusters is None else len(clusters)

    def _split(self) -> dict[str, Any]:
        if self.split == "queries":
            return {}
        declared = None if self.evidence is None else self.evidence.largest_group
        more = {} if declared is None else {"largest_group": declared}
        return {"split": {"by": self.split, "groups": self.groups, **more}}

    def _weights(self) -> dict[str, Any]:
        weights = self.weights
        if weights is None:
            return {}
        return {"weights": {"by": "traffic", **weights.to_dict()}}

    def to_mlflow(self) -> dict[str, dict[str, Any]]:
        """``metrics``, ``params`` and ``tags``, for ``mlflow.log_metrics`` and its kin.

        Metrics are called ``nDCG_at_10/cosine/mean``, ``low`` and ``high``. What is undefined is
        left out and named in the tag ``anglewise_undefined``. Raises ``SpellingError`` where two
        candidates would have one name.
        """
        metrics, params, tags = self._tracked()
        return {"metrics": metrics, "params": params, "tags": tags}

    def to_wandb(self) -> dict[str, dict[str, Any]]:
        """``metrics``, ``config`` and ``summary``: for ``wandb.log``, and to update the others.

        As :meth:`to_mlflow`; what is undefined is named in ``anglewise_undefined`` of the summary.
        """
        metrics, params, tags = self._tracked()
        return {"metrics": metrics, "config": params, "summary": tags}

    def _tracked(self) -> tuple[dict[str, float], dict[str, str], dict[str, str]]:
        from anglewise.comparison.tracking import numbers, outcome, settings

        metrics, undefined = numbers(self)
        return metrics, settings(self), outcome(self, undefined)

    def to_frame(self) -> Any:
        """One row a measure, best first, as a pandas DataFrame.

        Raises ``MissingExtraError`` without pandas.
        """
        rows = [_row(row, self.metric) for row in self.measures]
        return _pandas("to_frame", "to_dict()").DataFrame(rows)

    def per_query(self, metric: str | None = None) -> Any:
        """The values behind the means, one row a query, as a pandas DataFrame for other tests.

        The index holds the ids of the queries, a column is a measure (of several spaces
        ``space: measure``), the best first; the mean of a column is the figure in the table, by
        ``weights.values`` where queries weigh. Of graded pairs and triplets a row is one of these
        by its number; a pair's value is what it adds to the correlation, so that only means of all
        pairs are correlations.

        Parameters
        ----------
        metric
            One of those that were evaluated; by default the one that decides.

        Raises
        ------
        SpellingError
            A metric that was not evaluated.
        ValuesError
            A comparison without evidence.
        MissingExtraError
            Without pandas; ``evidence.values`` holds the same as arrays.
        """
        index, *_ = columns = self.values(metric)
        ids = columns.pop(index)
        return _pandas("per_query", "evidence.values").DataFrame(columns, index=ids)

    def values(self, metric: str | None = None) -> dict[str, Array]:
        """The same without pandas: ``query_id``, or ``row`` of pairs, then a column a measure.

        Raises ``ValuesError`` for a comparison without evidence, ``SpellingError`` for a metric
        that was not evaluated.
        """
        from anglewise.evaluation_metrics.evaluate import metric as read_metric

        evidence = self.evidence
        if evidence is None:
            raise ValuesError("this comparison has no evidence, so no value of a query: compare")
        first, ids = "row", evidence.rows
        if isinstance(evidence.judgements, Judgements):
            asking, _ = evidence.space.sides(evidence.judgements.direction)
            first, ids = "query_id", asking.ids[ids]
        name = self.metric if metric is None else str(read_metric(metric))
        if name not in evidence.values:
            raise SpellingError(
                f"{name} was not evaluated, but {listed(evidence.values)}: compare with "
                f"metrics={name!r}"
            )
        values = dict(zip(evidence.measures, evidence.values[name], strict=True))
        return {first: ids} | {row.measure: values[row.measure] for row in self.measures}

    def _repr_html_(self) -> str:
        from anglewise.comparison.legend import how_to_read

        rows = [
            (row.measure, row.metrics[self.metric], row.vs_best, row.may_be_best)
            for row in self.measures
        ]
        return html_table(
            [*self.notes, str(self.verdict), how_to_read(self)],
            ["measure", self.metric, "95% interval", "vs best", "p (Holm)", "may be best"],
            [
                [
                    name,
                    figure(estimate.mean),
                    f"{figure(estimate.low)} to {figure(estimate.high)}",
                    figure(versus.difference, "+") if versus else "",
                    p_value(versus.p_adjusted) if versus else "",
                    "yes" if may else "no",
                ]
                for name, estimate, versus, may in rows
            ],
        )


def _pandas(method: str, instead: str) -> Any:
    """Import pandas, or say which extra brings it; ``MissingExtraError``."""
    try:
        import pandas as pd
    except ImportError as missing:
        raise MissingExtraError(
            f"{method} needs pandas: pip install 'anglewise[pandas]', or read {instead}"
        ) from missing
    return pd


def _row(row: MeasureResult, metric: str) -> dict[str, Any]:
    versus = row.vs_best
    return {
        "measure": row.measure,
        **asdict(row.metrics[metric]),
        "difference": versus.difference if versus else 0.0,
        "p_adjusted": versus.p_adjusted if versus else None,
        "best_probability": row.best_probability,
        "may_be_best": row.may_be_best,
        **{name: estimate.mean for name, estimate in row.metrics.items() if name != metric},
    }
