"""Why the figures of a comparison allow no verdict, whatever the rule."""

import numpy as np

from anglewise.comparison.inference import Inference
from anglewise.data_types.text import counted

FEWEST_RESAMPLED = 20
"""Resamples of fewer pairs or queries vary too little to be believed."""
FEWEST_OTHER_GRADES = 40
"""Where most pairs have one grade, the others are what varies: of fewer too many ties are false."""
NAMED = 3
"""The number of measures that a sentence names."""


def why_no_verdict(inference: Inference, keep: int) -> str:
    """Why nothing can be said but to keep a measure for now; empty where something can."""
    few = _too_few(inference)
    until = f"{few}; until then keep {inference.scores.names[keep]}" if few else ""
    return _undefined(inference) or until or _backwards(inference)


def _too_few(inference: Inference) -> str:
    """Why the bootstrap says nothing, where it decides."""
    scores = inference.scores
    if inference.weighted() is not None:
        return ""
    clusters, others = len(scores.clusters), scores.other_grades
    decided = f"{scores.metric} is decided by the bootstrap, which says"
    if clusters < FEWEST_RESAMPLED:
        nouns = counted(clusters, scores.cluster_noun)
        return f"{decided} nothing of {nouns}: {FEWEST_RESAMPLED} are due"
    if others is not None and others < FEWEST_OTHER_GRADES:
        return (
            f"{decided} too little where all but {counted(others, scores.noun)} have one grade: "
            f"{FEWEST_OTHER_GRADES} with others are due"
        )
    return ""


def _undefined(inference: Inference) -> str:
    """Why nothing can be said, where figures are undefined."""
    scores = inference.scores
    undefined = [scores.names[i] for i in inference.order if not np.isfinite(inference.means[i])]
    if not undefined:
        return ""
    more = "" if len(undefined) <= NAMED else f" and {len(undefined) - NAMED} more"
    return (
        f"{scores.metric} of {', '.join(undefined[:NAMED])}{more} is undefined on these data: "
        f"leave {'it' if len(undefined) == 1 else 'them'} out, or give other judgements"
    )


def _backwards(inference: Inference) -> str:
    """Why nothing is to be used where each correlation is shown to be below 0."""
    scores = inference.scores
    if scores.statistic is None:
        return ""
    first = inference.order[0]
    if any(inference.interval(0, measure).high >= 0 for measure in inference.order):
        return ""
    best = inference.interval(0, first)
    return (
        f"every measure runs against the grades, {scores.names[first]} the least "
        f"({scores.metric} {best.mean:.3f} [{best.low:.3f}, {best.high:.3f}]): are these "
        "distances? Then give them with the other sign"
    )
