"""How to read the table of a comparison, wherever it is shown."""

from collections.abc import Iterator
from math import isfinite, isnan

from anglewise.comparison.comparison_result import NO_INTERVAL, Comparison
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import percent
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.evaluation_metrics.interface import RankingMetric


def how_to_read(result: Comparison) -> str:
    """What stands behind the figures of a table, in a few sentences, wherever it is shown."""
    over = "queries" if result.groups is None else "groups of queries"
    if result.weights is not None:
        over += ", weighed by traffic"
    if result.trainings:
        over += f" and {len(result.trainings)} trainings"
    over_what = "" if result.direction is None else f", over {over}"
    sentences = [f"Intervals: 95%, each by itself{over_what}."]
    figures = [row.metrics[result.metric] for row in result.measures]
    ends = [(figure.mean, figure.low) for figure in figures]
    ends += [(row.vs_best.difference, row.vs_best.low) for row in result.measures if row.vs_best]
    if any(isfinite(mean) and isnan(low) for mean, low in ends):
        sentences.append(f"Where no interval stands, {NO_INTERVAL}, so that none is known.")
    if len(result.measures) > 1:
        together = any(row.alike for row in result.measures)
        shared = ", divided among those that rank alike" if together else ""
        tests = "both tests" if result.trainings else "sign flips"
        sentences += [
            (
                "p: against the best, the larger one of sign flips over queries and of Welch's t "
                "over queries and trainings, Holm-adjusted."
                if result.trainings
                else "p: against the best, by sign flips, Holm-adjusted."
            ),
            (
                f"Best: whether {tests} leave it, at 95%, and the share of draws in which it is"
                f"{shared}; draws know nothing of what is not in the sample."
            ),
            "Sign flips assume that a difference might as well have the other sign.",
            "At least and at most: from one side.",
        ]
    return " ".join([*sentences, *unjudged_words(result)])


def unjudged_words(result: Comparison) -> Iterator[str]:
    """How much of the lists nobody judged, and what that counts as."""
    shares = [row.unjudged_share for row in result.measures if row.unjudged_share is not None]
    if any(shares):
        least, most = percent(min(shares)), percent(max(shares))
        ends = least if least == most else f"{least} to {most}"
        weighed = "" if result.weights is None else ", weighed by traffic,"
        yield f"Of what is ranked{weighed or ','} {ends} was never judged{_counts_as(result)}."


def _counts_as(result: Comparison) -> str:
    """What the metric that decides makes of an item that nobody judged."""
    kind, judgements = read_metric(result.metric), result.evidence and result.evidence.judgements
    drawn = isinstance(judgements, Judgements) and judgements.chances is not None
    counts_as = kind.unjudged if isinstance(kind, RankingMetric) else ""
    if counts_as == "stood for" and not drawn:
        counts_as = "not relevant"
    return {
        "": "",
        "not relevant": " and counts as not relevant",
        "passed over": f"; {kind} passes over it",
        "stood for": (
            "; pairs that were drawn stand for it, by their chances, in lists that had a part in "
            "the draw"
        ),
    }[counts_as]
