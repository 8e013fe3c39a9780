"""What it costs that a collection has lost the lengths of its vectors, where that was tested."""

from collections.abc import Mapping

import numpy as np

from anglewise.stores.diagnosis import BF16, LookedAt
from anglewise.stores.exact_lists import ExactLists
from anglewise.stores.shown_forms import NAMES

UNIT = 1e-3
"""How far from 1 a length may be that counts as 1: vectors may be kept in half precision."""


def has_lost_lengths(looked: LookedAt, exact: ExactLists) -> bool:
    """Whether the vectors of a space came back with length 1, had others, and these may matter.

    They may where the space was trained for the inner product, or is asked by it.
    """
    vectors = looked.vectors
    there = vectors.there & ~np.isnan(vectors.turned)
    if not there.any() or not vectors.unit_length[there].all():
        return False
    if not (vectors.turned[there] <= BF16).all():  # other vectors, which is another finding
        return False
    ranked = exact.space.sides(exact.direction)[1]
    had_others = bool((np.abs(ranked.norms[there] - 1) > UNIT).any())
    return had_others and (exact.space.trained_for == "dot" or by_dot(exact))


def by_dot(exact: ExactLists) -> bool:
    """Whether lists are those by the plain inner product."""
    return str(exact.measure) == "dot"


def lost_lengths(
    looked: LookedAt, exact: ExactLists, means: Mapping[str, Mapping[str, float]]
) -> str:
    """The finding; ``means`` are those of the lists by dot, exactly, and by the store."""
    ranked = exact.space.sides(exact.direction)[1]
    before = ranked.norms[looked.vectors.there]
    metric, trained = looked.metric, exact.space.trained_for
    by = "by a metric that is not known" if metric == "unknown" else f"by {NAMES[metric]}"
    spread = f"from {before.min():.3g} to {before.max():.3g}, median {np.median(before):.3g}"
    declared = (
        "nothing says for what the model was trained"
        if trained == "unknown"
        else f"the model is declared as trained for {trained}"
    )
    figures = ", ".join(
        f"{name} by dot would be {mean['exact']:.3f}, is {mean['store']:.3f}"
        for name, mean in means.items()
    )
    return (
        f"This collection ranks {by}; all lengths in it are 1, and those of the space ({spread}) "
        f"are gone; {declared}: {figures or 'what that costs tell judgements (--qrels)'}"
    )
