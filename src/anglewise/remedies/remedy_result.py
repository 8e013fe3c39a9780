"""The result of remedies: what each candidate scores and costs, and what to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from shlex import quote
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.comparison.comparison_result import Comparison, Difference, Verdict
from anglewise.comparison.conclusion import conclude
from anglewise.comparison.inference import Inference, Scores, infer
from anglewise.comparison.legend import how_to_read
from anglewise.comparison.notes import notes
from anglewise.comparison.rankers import Ranker
from anglewise.comparison.scoring import list_key, score_lists
from anglewise.comparison.similar_items import (
    InStrata,
    in_strata,
    with_ways_and_floors,
)
from anglewise.comparison.strata_values import beside
from anglewise.comparison.without_vectors import of_space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import counted, html_table, percent
from anglewise.evaluation_metrics.breadth import Coverage, Stratum, by_stratum, coverage
from anglewise.geometry.norms import known_uses
from anglewise.remedies.candidate_list import BASELINES, RemedyCandidate
from anglewise.remedies.runner import CandidateLists, CandidateRunner
from anglewise.remedies.screening import Outcome, Screened
from anglewise.remedies.training_data import judged_by

MEASURES = "--measures"
RAW = "cosine"
"""What a remedy must beat."""

Kind: TypeAlias = Literal["as it is", "re-measured", "re-made", "fused"]
NO_SPACE = "fuses lists, which no vectors hold, so that no space can be saved of it"


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
    ``recipe`` is the measure with what builds its space.
    """

    candidate: str
    kind: Kind
    cost: Cost
    vs: Mapping[str, Difference]
    coverage: Coverage
    recipe: RemedyCandidate = field(repr=False)


@dataclass(frozen=True)
class Advice:
    """What to do, by the verdict of the comparison, in which raw cosine is the one to keep.

    ``wins`` says whether the candidate is a remedy that is better than raw cosine by as much as
    matters. ``options`` are those of the command that makes it, none if nothing is to be made; of
    a fusion, which no space holds, those of the comparison that writes its lists. The sentence
    begins with the headline, which says so where more queries may say otherwise.
    """

    candidate: str
    wins: bool
    sentence: str
    options: tuple[str, ...] = ()
    headline: str = ""

    def command(self, source: str, save: str = "better/") -> str:
        """The command that writes the winner as a space, or the lists of a fusion.

        It is empty where nothing wins.
        """
        if not self.options:
            return ""
        if self.options[0] == MEASURES:
            return " ".join(["anglewise compare", source, *self.options, "--run-out lists/"])
        return " ".join(["anglewise remedy", source, *self.options, "--save", save])


@dataclass(frozen=True, eq=False)
class Remedy:
    """Candidates against raw cosine and raw dot, on queries that no choice was made on.

    Attributes
    ----------
    comparison
        All that reached the end, as one family of tests; outside of it the floors, lists that need
        no model.
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
        plain: dict[str, Any] = self.comparison.to_dict()
        plain |= {"command": "remedy", "notes": list(self.notes)}
        more = {remedied.candidate: self._more(remedied) for remedied in self.candidates}
        plain["measures"] = [row | more[row["measure"]] for row in plain["measures"]]
        return plain | {
            "advice": asdict(self.advice) | {"options": list(self.advice.options)},
            "strata": [
                {
                    "stratum": part.name,
                    "items": part.items,
                    "use": part.use,
                    "queries": part.queries,
                }
                for part in self.strata
            ],
            "screening": {
                "queries": self.screening_queries,
                "candidates": [asdict(screened) for screened in self.screened],
            },
            "left_out": dict(self.left_out),
            "budget_seconds": self.budget_seconds,
            "seconds": self.seconds,
            "stopped": self.stopped,
        }

    def _more(self, remedied: Remedied) -> dict[str, Any]:
        return {
            "kind": remedied.kind,
            "cost": asdict(remedied.cost),
            "vs": {name: asdict(lead) for name, lead in remedied.vs.items()},
            "coverage": asdict(remedied.coverage),
            "strata": {part.name: part.means[remedied.candidate] for part in self.strata},
        }

    def _repr_html_(self) -> str:
        rows = zip(self.comparison.measures, self.candidates, strict=True)
        metric = self.comparison.metric
        return html_table(
            [*self.notes, self.advice.sentence, how_to_read(self.comparison)],
            ["candidate", metric, *self.candidates[0].vs, "bytes a vector", "coverage"],
            [
                [
                    row.measure,
                    f"{row.metrics[metric].mean:.3f}",
                    *(f"{lead.difference:+.3f}" for lead in remedied.vs.values()),
                    f"{remedied.cost.bytes_a_vector:,}",
                    percent(remedied.coverage.share),
                ]
                for row, remedied in rows
            ],
        )


def advise(comparison: Comparison, candidates: Sequence[Remedied]) -> Advice:
    """Say in the words of the verdict what to use; stay with raw cosine where it names no other."""
    verdict = comparison.verdict
    chosen = next(candidate for candidate in candidates if candidate.candidate == verdict.measure)
    if verdict.decision == "use" and chosen.kind != "as it is":
        sentence = f"{verdict}; {cost_words(chosen)}"
        option = MEASURES if chosen.kind == "fused" else "--candidates"
        options = option, quote(chosen.candidate)
        return Advice(chosen.candidate, True, sentence, options, verdict.headline)
    if verdict.decision == "use":
        return Advice(chosen.candidate, False, str(verdict), headline=verdict.headline)
    open_still = "" if verdict.decision == "tie" else " for now"
    headline = f"Stay with {verdict.keep}{open_still}"
    return Advice(verdict.keep, False, f"{headline}: {_stay(verdict)}", headline=headline)


def _stay(verdict: Verdict) -> str:
    """Why nothing is worth a change, or may not be."""
    if verdict.decision == "better":
        return f"{verdict.headline}, but it may not matter: {verdict.reason}"
    return verdict.reason


def cost_words(remedied: Remedied) -> str:
    """What a candidate costs, in words."""
    cost = remedied.cost
    if remedied.kind == "fused":
        return (
            f"it {NO_SPACE}: nothing is trained, a search by words stands beside one of "
            f"{counted(cost.bytes_a_vector, 'byte')} a vector"
        )
    made = (
        "nothing is trained"
        if remedied.kind != "re-made"
        else f"trained in {seconds_words(cost.making_seconds)}"
    )
    served = "ranks" if cost.inner_product else "does not rank"
    return (
        f"{made}, {counted(cost.bytes_a_vector, 'byte')} a vector, the inner product of prepared "
        f"vectors {served} as it does"
    )


def seconds_words(seconds: float) -> str:
    """A time as it stands in a sentence.

    >>> seconds_words(0.04), seconds_words(3.2), seconds_words(150)
    ('under 1 second', '3 seconds', '2.5 minutes')
    """
    if seconds < 1:
        return "under 1 second"
    return counted(round(seconds), "second") if seconds < 100 else f"{seconds / 60:.1f} minutes"


def assemble_result(
    runner: CandidateRunner, outcome: Outcome, finalists: int, over_all: str = ""
) -> Remedy:
    """Put what a run found to the test, and say what to do; nothing is searched again.

    ``over_all`` says why candidates are judged over all items, where that is to be said.
    """
    settings, direction = runner.settings, runner.judgements.direction
    judged = judged_by(runner.judgements, outcome.rows)
    scores = _family(runner, outcome.found, judged)
    within = _within(runner, outcome, scores)
    scores = scores if within is None else within.scores
    inference = infer(scores, seed=settings.seed, threads=settings.threads)
    keep = inference.scores.names.index(RAW)
    comparison = with_ways_and_floors(
        conclude(inference, runner.space, judged, settings, keep=keep),
        within,
        of_space(runner.space, judged),
        settings=settings,
        scores=scores,
        baseline=None,
        keep=keep,
    )
    sides = runner.space.sides(direction)
    by_name = {str(candidate): candidate for candidate in outcome.found}
    candidates = tuple(
        _remedied(
            by_name[row.measure], outcome.found[by_name[row.measure]], inference, len(sides[1])
        )
        for row in comparison.measures
    )
    return Remedy(
        comparison=comparison,
        candidates=candidates,
        advice=advise(comparison, candidates),
        strata=_strata(runner, comparison, judged),
        screened=outcome.screened,
        screening_queries=outcome.screening_queries,
        left_out=outcome.left_out,
        budget_seconds=runner.budget.seconds,
        seconds=outcome.seconds,
        stopped=outcome.stopped,
        notes=(
            *([over_all] if over_all else []),
            *comparison.notes,
            *_run_notes(outcome, finalists),
            *notes(runner.space, judged, scores),
        ),
    )


def _family(
    runner: CandidateRunner,
    results: Mapping[RemedyCandidate, CandidateLists],
    judged: Judgements,
) -> Scores:
    """Evaluate all lists on the queries that decide, as one family of tests.

    Candidates with the same lists rank alike, whatever space they come from.
    """
    lists = {
        name: replace(held.lists, measure=name)
        for name, held in zip(map(str, results), results.values(), strict=True)
    }
    keys = [list_key(neighbours) for neighbours in lists.values()]
    chosen = {str(candidate): held.settings for candidate, held in results.items() if held.settings}
    settings = replace(runner.settings, split=runner.split_of(judged.judged_rows))
    return score_lists(list(results), lists, judged, settings, keys=keys, chosen=chosen)


def _within(runner: CandidateRunner, outcome: Outcome, scores: Scores) -> InStrata | None:
    """The same candidates within strata of similar use, where these are judged there."""
    each = [held.within for held in outcome.found.values() if held.within is not None]
    if runner.uses is None:
        return None
    return in_strata(beside(each, apart=False), scores, runner.judged_in(outcome.rows))


def _remedied(
    candidate: RemedyCandidate, result: CandidateLists, inference: Inference, items: int
) -> Remedied:
    name, names = str(candidate), inference.scores.names
    kind: Kind = "re-made" if candidate.builder is not None else "re-measured"
    kind = "fused" if isinstance(candidate.measure, Ranker) else kind
    return Remedied(
        candidate=name,
        kind="as it is" if name in BASELINES else kind,
        cost=Cost(
            result.making,
            result.searching,
            result.dimension,
            np.dtype(np.float32).itemsize * result.dimension,
            result.inner_product,
        ),
        vs={
            baseline: inference.difference(names.index(name), names.index(baseline))
            for baseline in BASELINES
            if baseline != name
        },
        coverage=coverage(result.lists.indices, items),
        recipe=candidate,
    )


def _strata(
    runner: CandidateRunner, comparison: Comparison, judged: Judgements
) -> tuple[Stratum, ...]:
    """Head, middle and tail of the ranked side, where it is known how much is used."""
    uses, evidence = known_uses(runner.space, judged.direction), comparison.evidence
    if evidence is None or uses is None:
        return ()
    metric = runner.settings.metrics[0]
    weights = None if evidence.weights is None else evidence.weights.values
    return by_stratum(evidence.found, judged, evidence.rows, metric, uses, weights=weights)


def _run_notes(outcome: Outcome, finalists: int) -> Iterator[str]:
    """Whether the run came to its end, and which queries its numbers come from."""
    done = counted(len(outcome.found) - len(BASELINES), "candidate")
    if outcome.stopped == "interrupt":
        yield f"interrupted: {done} had reached the end; the same command goes on from here"
    elif outcome.stopped == "time":
        yield f"time ran out: {done} had reached the end; a larger budget goes on from here"
    among = sum(candidate.screens for candidate in outcome.found if str(candidate) not in BASELINES)
    if not outcome.screening_queries and among > finalists:
        yield (
            f"all {among} candidates are compared, more than {finalists} finalists: of "
            f"{counted(len(outcome.rows), 'judged query')} none can be set apart to screen them on"
        )
    if outcome.screening_queries:
        yield (
            f"{counted(len(outcome.screened), 'candidate')} screened on "
            f"{counted(outcome.screening_queries, 'query')} set apart; all numbers come from the "
            f"other {len(outcome.rows):,}"
        )
