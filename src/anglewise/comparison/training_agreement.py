"""Whether every training of a model bears out by itself what is said over all of them."""

from collections.abc import Sequence
from dataclasses import replace

from anglewise.comparison.inference import NAMED, Scores
from anglewise.data_types.text import listed
from anglewise.statistics.decision import RuleOutcome, Tolerance
from anglewise.statistics.trainings import TrainingMeans


def agreed(
    outcome: RuleOutcome,
    scores: Scores,
    columns: Sequence[int],
    reference: int,
    *,
    tolerance: Tolerance,
) -> tuple[RuleOutcome, str]:
    """The outcome if every training bears it out; else that one cannot tell, and why.

    Of a measure that is better, each training is to have it ahead by its means; of a tie, none is
    to have another ahead by as much as matters. Of one training the outcome as it is.
    """
    trainings = scores.trainings
    if trainings is None or outcome.decision == "cannot-tell":
        return outcome, ""
    kept = columns[reference]
    if outcome.decision == "tie":
        words = _against_a_tie(trainings, scores, columns, kept, tolerance)
    else:
        words = _against(trainings, scores, columns[outcome.measure], kept)
    if not words:
        return outcome, ""
    open_outcome = replace(outcome, decision="cannot-tell", measure=reference, as_good=())
    return open_outcome, f"trainings disagree about which is best: {words}"


def _against(trainings: TrainingMeans, scores: Scores, chosen: int, kept: int) -> str:
    """In which trainings the chosen one is not ahead; empty where it is in all."""
    ahead = trainings.leads(chosen, kept) > 0
    behind = [name for name, is_so in zip(trainings.names, ahead, strict=True) if not is_so]
    if not behind:
        return ""
    return (
        f"{scores.names[chosen]} is ahead of {scores.names[kept]} in {int(ahead.sum())} of "
        f"{len(ahead)}, and not in {named(behind)}"
    )


def _against_a_tie(
    trainings: TrainingMeans,
    scores: Scores,
    columns: Sequence[int],
    kept: int,
    tolerance: Tolerance,
) -> str:
    """Which other is ahead of the one to keep by what matters in which training; empty if none."""
    others = [column for column in columns if column != kept]
    for row, name in enumerate(trainings.names):
        least = tolerance.over(float(trainings.spread(0, kept)[row]))
        for column in others:
            if trainings.leads(column, kept)[row] >= least:
                return (
                    f"by {name} alone {scores.names[column]} is ahead of {scores.names[kept]} by "
                    "as much as matters"
                )
    return ""


def trained_alike(trainings: TrainingMeans) -> str:
    """What is assumed of trainings that were not seen."""
    return f"trainings vary as draws of a normal distribution do ({len(trainings)} were seen)"


def named(names: Sequence[str]) -> str:
    """Some names, and how many more there are.

    >>> named(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return listed([*names[:NAMED], *more])
