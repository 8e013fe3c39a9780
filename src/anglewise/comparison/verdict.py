"""The verdict: the decision rule on the means of a comparison, and the sentence that says it."""

from collections.abc import Iterator

import numpy as np

from anglewise.comparison.comparison_result import Estimate, Plans, Verdict
from anglewise.comparison.dependence import MACHINE_RIGHT
from anglewise.comparison.inference import NAMED, Inference, why_no_verdict
from anglewise.comparison.pool_bias import pool_assumption
from anglewise.comparison.ranked_runs import RunCandidate
from anglewise.comparison.split import assumed_sizes
from anglewise.comparison.training_agreement import agreed, named, trained_alike
from anglewise.comparison.verdict_words import interval_words, lead_words, what_matters
from anglewise.data_types.text import at_least, at_most, counted, listed, p_words, rounded_up
from anglewise.statistics.decision import (
    LEVEL,
    RuleOutcome,
    Tolerance,
    decide,
    decide_by_resamples,
    winners_mean,
)
from anglewise.statistics.planning import Lead

FEWEST_TO_PLAN = 5
"""How much differences vary is nearly unknown from fewer queries, and not at all known from one."""
INTERVALS = "at 95%"
"""The level of every interval; one of several verdicts has a level of its own beside it."""
PLANNED = "in about four cases of five, where others vary as these do"
"""What a plan supposes, and how often it settles the question then."""


def verdict_of(
    inference: Inference,
    tolerance: Tolerance,
    *,
    baseline: int | None = None,
    role: str = "the baseline",
    largest: float = 1.0,
    level: float = LEVEL,
) -> Verdict:
    """Say what these data allow to say, against the baseline, or else the simplest measure.

    ``role`` says in the sentence what the baseline is. ``largest`` is the largest lead that a query
    of a kind not seen may have; it is of metrics whose values lie in [0, 1]. ``level`` is how
    often what is said may be wrong.
    """
    keep = inference.simplest[0] if baseline is None else baseline
    reason = why_no_verdict(inference, keep)
    if reason:
        name = inference.scores.names[keep]
        return Verdict("cannot-tell", name, (), None, None, reason, keep=name)
    if baseline is None:
        first = isinstance(inference.scores.measures[keep], RunCandidate)
        role = "the first of the runs" if first else "the simplest"
    return _Words(
        inference, tolerance, keep=keep, role=role, largest=largest, level=level
    ).verdict()


class _Words:
    """One decision, and the numbers that its sentence needs."""

    def __init__(
        self,
        inference: Inference,
        tolerance: Tolerance,
        *,
        keep: int,
        role: str,
        largest: float,
        level: float,
    ) -> None:
        self.inference, self.scores, self.tolerance = inference, inference.scores, tolerance
        self.largest, self.level = largest, level
        self.columns = list(inference.simplest)
        self.reference = int(inference.group_of[keep])
        self.columns[self.reference] = keep
        self.means = inference.means[self.columns]
        self.weighted = inference.weighted()
        self.trainings = self.scores.trainings
        self.outcome, self.disagreement = agreed(
            self._decide(), self.scores, self.columns, self.reference, tolerance=tolerance
        )
        self.leads = {j: self._lead(j) for j in range(len(self.columns)) if j != self.reference}
        self.estimate = self._estimate()
        self.kept = f"{self._name(self.reference)} ({role})"
        self.surely = f"at {100 * (1 - level):.4g}%"
        """At which level, as each of several verdicts may have one of its own."""
        self.weighed = "" if self.scores.weights is None else ", weighed by traffic"

    def _decide(self) -> RuleOutcome:
        drawn = self.inference.drawn[:, 0][:, self.columns]
        if self.weighted is None:
            return decide_by_resamples(
                drawn, self.means, self.reference, self.tolerance, level=self.level
            )
        weighted = type(self.weighted)(drawn, self.weighted.unseen)
        return decide(
            weighted,
            self.means,
            self.reference,
            self.tolerance,
            largest=self.largest,
            level=self.level,
        )

    def verdict(self) -> Verdict:
        outcome = self.outcome
        decision, chosen = outcome.decision, outcome.measure
        plans = None if decision in {"use", "tie"} else self._plans()
        leans, undone = (None, None) if decision != "cannot-tell" else self._lean()
        group = self.scores.groups[chosen]
        alike = [self.scores.names[i] for i in group if i != self.columns[chosen]]
        parts = {
            "use": self._use,
            "tie": self._tie,
            "better": self._better,
            "cannot-tell": self._cannot_tell,
        }[decision](plans, alike)
        if self.disagreement:
            keep = f"until then keep {self._name(self.reference)}"
            parts = [self.disagreement, *self._planned(None, ""), keep, *self._alike(alike)]
        words = [*parts, *self._hint(leans, undone), *self._assumption(), *self._chance()]
        if decision == "use":
            tied = [*map(self._name, outcome.as_good), *alike]
        else:
            left = self.inference.flips.may_be_best
            tied = [
                self.scores.names[i]
                for i in self.inference.order
                if i != self.columns[chosen] and left[self.inference.group_of[i]]
            ]
        return Verdict(
            decision=decision,
            measure=self._name(chosen),
            tied_with=tuple(tied),
            needed_queries=None if plans is None else plans.smaller,
            smallest_detectable=self._detectable(),
            reason="; ".join(words),
            keep=self._name(self.reference),
            plans=plans,
            leans_to=None if leans is None else self._name(leans),
            undone_by=undone,
            estimate=self.estimate,
            at_least=self._at_least(),
            largest_difference=self.largest,
            trainings_agree=None if self.trainings is None else not self.disagreement,
        )

    # what is known of leads

    def _lead(self, other: int) -> Lead:
        scores, clusters = self.scores, self.scores.clusters
        columns = [self.columns[other], self.columns[self.reference]]
        rows = clusters.influence(scores.deciding[columns])
        return Lead.of(rows[0] - rows[1], largest=self.largest * clusters.relative_largest)

    @property
    def leader(self) -> int:
        """The measure with the highest mean; the one to keep where it is among the highest."""
        best = int(np.argmax(self.means))
        return self.reference if self.means[self.reference] >= self.means[best] else best

    def _plans(self) -> Plans | None:
        """Both plans; None of correlations, from few queries, and of several trainings."""
        unplanned = self.trainings is not None or self.weighted is None
        if unplanned or len(self.scores.clusters) < FEWEST_TO_PLAN:
            return None
        least, leader, lead = self._least(), self.leader, None
        if leader != self.reference:
            gap = self.leads[leader]
            matters = self.tolerance.against(float(self.means[leader]))
            if self.outcome.decision == "better":  # the lead is shown: that it matters is not
                true = gap.shrunk - matters
                lead = gap.to_show(true, level=self.outcome.level) if true > 0 else None
                return Plans(lead, None)  # that all are equal is ruled out
            lead = gap.to_show(max(gap.shrunk, least), level=self.outcome.level)
        ties = [gap.to_show_tie(least, len(self.leads)) for gap in self.leads.values()]
        tie = None if None in ties else max(number for number in ties if number is not None)
        return Plans(lead, tie)

    def _least(self) -> float:
        """The least lead over the one to keep that matters."""
        return self.tolerance.over(float(self.means[self.reference]))

    def _lean(self) -> tuple[int | None, float | None]:
        """What the sign-flip test finds better than the one to keep."""
        lead = float(self.means[self.leader] - self.means[self.reference])
        if (
            self.trainings is not None
            or lead <= 0
            or self.inference.flips.may_be_best[self.reference]
        ):
            return None, None
        return self.leader, lead / (self.largest + lead)

    def _detectable(self) -> float | None:
        if self.trainings is not None:
            return None
        if self.weighted is None or not self.leads or len(self.scores.clusters) < FEWEST_TO_PLAN:
            return None
        clusters, level = len(self.scores.clusters), self.outcome.level
        hardest = max(lead.detectable(clusters, level=level) for lead in self.leads.values())
        return hardest if np.isfinite(hardest) else None

    def _at_least(self) -> float | None:
        """How much better the measure named is than the one to keep, or that than every other."""
        outcome = self.outcome
        if outcome.decision in {"use", "better"}:
            return float(outcome.above[outcome.measure])
        if outcome.decision == "tie" and self.leads:
            least = -max(float(outcome.most[j]) for j in self.leads)
            return least if least > 0 else None
        return None

    def _estimate(self) -> Estimate:
        """The metric of the measure named, corrected where it was chosen for its mean."""
        chosen = self.columns[self.outcome.measure]
        plain = self.inference.interval(0, chosen)
        if self.outcome.measure == self.reference or self.weighted is None:
            return plain
        low, high = self.weighted.winners_interval(chosen, self.columns)
        if self.trainings is not None:
            low, high = max(low, 0.0), min(high, 1.0)
        drawn = self.weighted.means / (1 - self.weighted.unseen)[:, None]
        mean = min(winners_mean(drawn, self.inference.means, self.columns), plain.mean)
        return Estimate(mean, min(low, mean), max(high, mean))

    # sentences

    def _name(self, column: int) -> str:
        return self.scores.names[self.columns[column]]

    def _use(self, _plans: Plans | None, alike: list[str]) -> Iterator[str]:
        outcome = self.outcome
        mean = float(self.means[outcome.measure])
        lead = lead_words(float(outcome.above[outcome.measure]), mean, self.tolerance, self.surely)
        yield f"{self._figure()}, better than {self.kept} by {lead}"
        if outcome.as_good:
            better = [self._name(j) for j in outcome.as_good]
            yield (
                f"{named(better)} {'is' if len(better) == 1 else 'are'} better than "
                f"{self._name(self.reference)} by more than matters too; which of these is the "
                "best was not tested by this rule"
            )
        yield from self._alike(alike)

    def _tie(self, _plans: Plans | None, alike: list[str]) -> Iterator[str]:
        yield self._figure(alone=not self.leads)
        if not self.leads:
            if not alike:
                yield "there is no other to compare with"
            yield from self._alike(alike)
            return
        most = sorted(self.leads, key=lambda j: -self.outcome.most[j])
        if self.outcome.most[most[0]] < 0:
            others = "every other" if len(most) > 1 else self._name(most[0])
            if len(most) > 1 and alike:
                others += " that ranks otherwise"
            least = at_least(-float(self.outcome.most[most[0]]))
            yield f"better than {others} by at least {least} {self.surely}"
            yield from self._alike(alike)
            return
        ahead = [j for j in most if self.outcome.most[j] > 0]
        ends = [f"{self._name(j)} by {at_most(float(self.outcome.most[j]))}" for j in ahead[:NAMED]]
        if len(ahead) > NAMED:
            ends.append(f"{len(ahead) - NAMED} more by less")
        if len(ahead) < len(most):
            ends.append(f"{counted(len(most) - len(ahead), 'other')} not at all")
        beyond = float(self.outcome.most[most[0]]) >= self._least()  # bounds of other figures
        bounds = "" if beyond else f": at most {listed(ends)}"
        each = "each " if bounds and len(most) > 1 else ""  # together they hold less often
        yield (
            f"no other is better by {self._matters()}, which would matter{bounds}, "
            f"{each}{self.surely}"
        )
        yield from self._alike(alike)

    def _better(self, plans: Plans | None, alike: list[str]) -> Iterator[str]:
        outcome = self.outcome
        matters = self._matters(float(self.means[outcome.measure]))
        yield (
            f"{self._figure()}, better than {self.kept} by at least "
            f"{at_least(float(outcome.above[outcome.measure]))} {self.surely}, but whether by "
            f"{matters}, which "
            "would matter, is open"
        )
        if outcome.as_good:
            better = [self._name(j) for j in outcome.as_good]
            yield (
                f"{named(better)} {'is' if len(better) == 1 else 'are'} better than "
                f"{self._name(self.reference)} too, {self.surely} for all together; which of "
                "these is the best was not tested by this rule"
            )
        yield from self._planned(plans, "the lead is as large as it looks")
        yield from self._alike(alike)

    def _cannot_tell(self, plans: Plans | None, alike: list[str]) -> Iterator[str]:
        clusters = len(self.scores.clusters)
        nouns = counted(clusters, self.scores.cluster_noun)
        if self.weighed:
            nouns += f"{self.weighed},"
        if self.trainings is not None:
            nouns += f" and {len(self.trainings)} trainings"
        shows = "does" if clusters == 1 and self.trainings is None else "do"
        leader, matters = self.leader, self._matters()
        if leader == self.reference:
            open_still = [j for j in self.leads if self.outcome.at_most[j] >= 0] or [*self.leads]
            rival = max(open_still, key=lambda j: self.outcome.most[j])
            name, most = self._name(rival), float(self.outcome.most[rival])
            due = f"where {matters} matters"
            if not np.isfinite(most):
                known = f"how much better {name} may be is not known, as the two never differ here"
            else:
                known = f"{name} may be better by up to {at_most(most)} {self.surely}"
                if self._least() and float(at_most(most)) < float(matters.split()[0]):
                    due = f"which may be more than {self.tolerance} of its own mean, and so matter"
            yield f"{nouns} {shows} not show a better one than {self.kept}, and {known}, {due}"
        else:
            lead = self.inference.difference(self.columns[leader], self.columns[self.reference])
            low, level = lead.low, INTERVALS
            if len(self.leads) > 1:  # the largest of several leads was chosen for being so
                low = min(low, float(self.outcome.least[leader]))
                level += ", corrected for the choice"
            yield (
                f"{nouns} {shows} not show{'' if self.level == LEVEL else f' {self.surely}'} "
                f"whether {self._name(leader)} is better than {self.kept}: ahead by "
                f"{lead.difference:.3f} {interval_words(low, lead.high, '+', level)}, where "
                f"{matters} matters"
            )
        real = leader != self.reference and self.leads[leader].shrunk > self._least()
        yield from self._planned(
            plans, "that lead is real" if real else "it is as large as what matters"
        )
        yield f"until then keep {self._name(self.reference)}"
        yield from self._alike(alike)

    def _planned(self, plans: Plans | None, condition: str) -> Iterator[str]:
        if self.trainings is not None:
            nouns = counted(2, self.scores.cluster_noun).split()[1]
            yield f"bring more trainings, or judge more {nouns}: how many is not planned here"
            return
        if plans is None:
            if self.weighted is not None:  # correlations have no plan at all
                nouns = counted(2, self.scores.cluster_noun).split()[1]
                known = len(self.scores.clusters)
                few = "one" if known == 1 else f"{known}, {FEWEST_TO_PLAN} are due"
                yield f"judge more {nouns}: how many is not known from {few}"
            return
        lead, tie = plans.to_show_the_lead, plans.to_show_that_nothing_matters
        parts: list[str] = []
        if lead:
            parts.append(f"about {rounded_up(lead):,} more show it if {condition}")
        if tie:
            parts.append(f"about {rounded_up(tie):,} more show a tie if all are equal")
        nouns = counted(2, self.scores.cluster_noun).split()[1]
        if parts:
            yield f"judge more {nouns}: {', '.join(parts)} ({PLANNED})"

    def _hint(self, leans: int | None, undone: float | None) -> Iterator[str]:
        if leans is None or undone is None:
            return
        p = float(self.inference.flips.p_best[self.reference])
        kind = "queries" if self.scores.weights is None else "the traffic"
        yield (
            f"it leans to {self._name(leans)} ({p_words(p)} by sign flips of all leads together, "
            "which take a difference for as likely with the other sign), which "
            f"{100 * undone:.2g}% of {kind} of a kind not seen could undo"
        )

    def _assumption(self) -> Iterator[str]:
        if self.weighted is None:
            nouns = counted(2, self.scores.noun).split()[1]
            yield f"by bootstrap, which knows nothing of kinds of {nouns} not in the sample"
            known = () if self.trainings is None else (trained_alike(self.trainings),)
            if supposed := [*known, *self.scores.supposed]:
                yield f"if {listed(supposed)}"
            return
        assumed: list[str] = []
        if self.largest < 1:
            assumed.append(
                f"no query of a kind not seen differs by more than {self.largest:g}{self._beyond()}"
            )
        scores = self.scores
        assumed += assumed_sizes(
            scores.split.clusters, scores.clusters, scores.weights, scores.largest_group
        )
        if self.trainings is not None:
            assumed.append(trained_alike(self.trainings))
        assumed += pool_assumption(scores, self._claimed())
        assumed += scores.supposed
        assumed += [MACHINE_RIGHT] if scores.by_machine else []
        if assumed:
            yield f"if {listed(assumed)}"

    def _claimed(self) -> list[tuple[int, int]]:
        """Of each claim the measure that is said to be the better one, or no worse, and the other.

        Where nothing can be told, how far the others may be ahead and behind is said of each.
        """
        outcome, keep = self.outcome, self.reference
        others = [j for j in range(len(self.columns)) if j != keep]
        if outcome.decision in {"use", "better"}:
            pairs = [(j, keep) for j in (outcome.measure, *outcome.as_good)]
        else:
            pairs = [(keep, j) for j in others]
            if outcome.decision == "cannot-tell" and self.leader != keep:
                pairs.append((self.leader, keep))
        return [(self.columns[better], self.columns[other]) for better, other in pairs]

    def _beyond(self) -> str:
        """How many of the queries that were seen differ by more than was assumed of others."""
        values = self.scores.deciding[self.columns]
        differences = np.abs(values - values[self.reference]).max(axis=0)
        beyond = int((differences > self.largest).sum())
        if not beyond:
            return ""
        largest = at_most(float(differences.max()))
        do = "does" if beyond == 1 else "do"
        return f" ({beyond:,} of the {len(differences):,} seen {do}, by up to {largest})"

    def _chance(self) -> Iterator[str]:
        """Whether any correlation is shown to be above 0."""
        if self.scores.statistic is None:
            return
        if not any(self.inference.interval(0, measure).low > 0 for measure in self.inference.order):
            yield f"{INTERVALS} no measure is shown to agree with the grades better than chance (0)"

    def _figure(self, *, alone: bool = False) -> str:
        """The metric of the measure named; with its level where nothing else says the same."""
        estimate = self.estimate
        level = INTERVALS if alone or self.level != LEVEL else ""
        interval = interval_words(estimate.low, estimate.high, level=level)
        chosen = self.outcome.measure != self.reference and len(self.columns) > 2
        corrected = ", corrected for the choice" if chosen and self.weighted is not None else ""
        if self.trainings is not None:
            corrected += f", mean of {len(self.trainings)} trainings"
        return f"{self.scores.metric} {estimate.mean:.3f} {interval}{corrected}{self.weighed}"

    def _matters(self, leader: float | None = None) -> str:
        """The least lead that matters, of a leader's mean, or else over the one to keep."""
        value = self._least() if leader is None else self.tolerance.against(leader)
        return what_matters(value, self.tolerance)

    def _alike(self, alike: list[str]) -> Iterator[str]:
        if alike:
            yield f"{named([self._name(self.outcome.measure), *alike])} rank alike here"
