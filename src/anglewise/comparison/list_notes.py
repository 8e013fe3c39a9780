"""What a reader should know of the lists: which are empty, and which end among equal scores."""

from collections.abc import Iterator

import numpy as np

from anglewise.comparison.inference import Scores
from anglewise.comparison.ranked_runs import RunCandidate
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.text import counted, listed

TIED_SHARE = 0.1
"""Beyond this share of lists that are cut among equal scores, ties are named."""
MOST_NAMED = 5
"""So many measures are named beside each other."""


def tie_notes(scores: Scores) -> Iterator[str]:
    """Where the order of ids, not the measure, says which items are in many of the lists."""
    many: list[str] = []
    runs = {str(c) for c in scores.measures if isinstance(c, RunCandidate)}
    or_ranks = ""
    for name, lists in scores.found.items():
        tied, count = int((lists.tied_at_cut > 0).sum()), len(lists.indices)
        if tied > TIED_SHARE * count:
            many.append(f"{tied:,} of {count:,} for {name}")
            if name in runs:
                or_ranks = " (in a run, its ranks, if it gives any)"
    if len(many) > MOST_NAMED:
        many[MOST_NAMED:] = [counted(len(many) - MOST_NAMED, "more measure")]
    if many:
        yield (
            f"ties decide lists ({listed(many)}): more items score the same as the last one, and "
            f"ids{or_ranks} say which are in"
        )


def empty_notes(asking: Embeddings, scores: Scores) -> Iterator[str]:
    """For which queries a candidate lists nothing: a run without a list, words that nobody has."""
    for name, lists in scores.found.items():
        empty = np.flatnonzero((lists.indices < 0).all(axis=1))
        if len(empty):
            examples = listed([repr(str(name)) for name in asking.ids[scores.rows[empty[:3]]]])
            yield (
                f"{name} has no list for {len(empty):,} of "
                f"{counted(len(scores.rows), 'judged query')}, such as {examples}: they count as "
                "lists without any item"
            )
