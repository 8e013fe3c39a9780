"""The result of remedies, and its finalists as one family of tests."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.comparison.comparison_result import Comparison, Difference
from anglewise.comparison.inference import Scores, kinds
from anglewise.comparison.lists import RESAMPLES, judged_metric
from anglewise.core.text import html_table
from anglewise.core.typing import Array, Int64
from anglewise.metrics.breadth import Coverage, Stratum
from anglewise.metrics.evaluate import evaluate
from anglewise.remedies.candidate_list import RemedyCandidate
from anglewise.remedies.runner import CandidateLists, CandidateRunner
from anglewise.remedies.screening import Screened
from anglewise.remedies.training_data import judged_by

Kind: TypeAlias = Literal["as it is", "re-measured", "re-made"]


@dataclass(frozen=True)
class Cost:
    """What a candidate takes.

    Attributes
    ----------
    making_seconds
        To make its space, if it alone were made; 0 for what only measures anew.
    searching_seconds
        To search for the judged queries.
    dimension, bytes_a_vector
        Columns of a prepared vector, and what a store needs for it as float32.
    inner_product
        Whether the inner product of prepared vectors ranks as it does, so that any vector store
        can serve it.
    """

    making_seconds: float
    searching_seconds: float
    dimension: int
    bytes_a_vector: int
    inner_product: bool


@dataclass(frozen=True)
class Remedied:
    """One candidate of the final comparison, beside its row there.

    ``vs`` holds the differences to raw cosine and raw dot, each with the test of the whole family;
    ``contender`` is the measure with what made its space.
    """

    candidate: str
    kind: Kind
    cost: Cost
    vs: Mapping[str, Difference]
    coverage: Coverage
    contender: RemedyCandidate = field(repr=False)


@dataclass(frozen=True)
class Advice:
    """What to do.

    ``wins`` says whether the candidate beats raw cosine and raw dot at 95%; without a winner it is
    the better of the two. ``options`` are those of the command that makes it, none if nothing is
    to be made.
    """

    candidate: str
    wins: bool
    sentence: str
    options: tuple[str, ...] = ()

    def command(self, source: str, save: str = "better/") -> str:
        """The command that writes the winner as a space; empty where nothing wins."""
        if not self.options:
            return ""
        return " ".join(["anglewise remedy", source, *self.options, "--save", save])


@dataclass(frozen=True, eq=False)
class Remedy:
    """Candidates against raw cosine and raw dot, on queries that no choice was made on.

    Attributes
    ----------
    comparison
        All that reached the end, as one family of tests.
    candidates
        What each of them costs and covers, in the order of the comparison.
    advice
        What to do.
    strata
        The metric for head, middle and tail; empty where nobody knows what is used.
    screened
        How the candidates did on the queries set apart, best first.
    screening_queries
        How many these are.
    left_out
        From candidate to why it is not in the table.
    stopped
        ``"time"`` or ``"interrupt"`` where the run ended before it was through.
    """

    comparison: Comparison
    candidates: tuple[Remedied, ...]
    advice: Advice
    strata: tuple[Stratum, ...]
    screened: tuple[Screened, ...]
    screening_queries: int
    left_out: Mapping[str, str]
    budget_seconds: float
    seconds: float
    stopped: Literal["", "time", "interrupt"] = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.advice.sentence

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types: the keys of a comparison, more for each measure, and the advice."""
        told: dict[str, Any] = self.comparison.to_dict()
        told |= {"command": "remedy", "notes": list(self.notes)}
        more = {one.candidate: one for one in self.candidates}
        told["measures"] = [row | self._more(more[row["measure"]]) for row in told["measures"]]
        return told | {
            "advice": asdict(self.advice) | {"options": list(self.advice.options)},
            "strata": [
                {"stratum": one.name, "items": one.items, "use": one.use, "queries": one.queries}
                for one in self.strata
            ],
            "screening": {
                "queries": self.screening_queries,
                "candidates": [asdict(one) for one in self.screened],
            },
            "left_out": dict(self.left_out),
            "budget_seconds": self.budget_seconds,
            "seconds": self.seconds,
            "stopped": self.stopped,
        }

    def _more(self, one: Remedied) -> dict[str, Any]:
        return {
            "kind": one.kind,
            "cost": asdict(one.cost),
            "vs": {name: asdict(apart) for name, apart in one.vs.items()},
            "coverage": asdict(one.coverage),
            "strata": {part.name: part.means[one.candidate] for part in self.strata},
        }

    def _repr_html_(self) -> str:
        rows = zip(self.comparison.measures, self.candidates, strict=True)
        metric = self.comparison.metric
        return html_table(
            [*self.notes, self.advice.sentence],
            ["candidate", metric, *self.candidates[0].vs, "bytes a vector", "coverage"],
            [
                [
                    row.measure,
                    f"{row.metrics[metric].mean:.3f}",
                    *(f"{apart.difference:+.3f}" for apart in one.vs.values()),
                    f"{one.cost.bytes_a_vector:,}",
                    f"{one.coverage.share:.0%}",
                ]
                for row, one in rows
            ],
        )


def family(
    bench: CandidateRunner,
    found: Mapping[RemedyCandidate, CandidateLists],
    rows: Int64[Array, " q"],
) -> Scores:
    """Evaluate all lists on the queries that decide; nothing is searched again."""
    lists = {str(one): replace(it.lists, measure=str(one)) for one, it in found.items()}
    judged_at = judged_metric(bench.metrics)
    judged = judged_by(bench.judgements, rows)
    values = evaluate(lists, judged, rows, [*bench.metrics, judged_at])
    wanted = {str(one): values[str(one)] for one in bench.metrics}
    parting = bench.parting_of(rows)
    return Scores(
        measures=tuple(found),
        values=wanted,
        statistic=parting.means(np.concatenate(list(wanted.values()))),
        resamples=RESAMPLES,
        kinds=_alike(bench, found),
        noun="query",
        rows=rows,
        judged=len(judged.gains.values),
        found=lists,
        settings={str(one): it.settings for one, it in found.items() if it.settings},
        unjudged=1 - values[str(judged_at)].mean(axis=1),
        parting=parting,
    )


def _alike(
    bench: CandidateRunner, found: Mapping[RemedyCandidate, CandidateLists]
) -> Int64[Array, " m"]:
    """One number for candidates with the same lists, whatever space they come from.

    Of the space as it came also for those that must rank alike, as ``kinds`` says.
    """
    own = [one for one in found if one.maker is None]
    ranked = bench.space.sides(bench.judgements.direction)[1]
    held = {one: it.lists.indices.tobytes() for one, it in found.items()}
    groups = kinds([one.measure for one in own], [held[one] for one in own], ranked.is_unit())
    first: dict[int, bytes] = {}
    for one, group in zip(own, groups.tolist(), strict=True):
        held[one] = first.setdefault(group, held[one])
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(it, len(numbers)) for it in held.values()], dtype=np.int64)
