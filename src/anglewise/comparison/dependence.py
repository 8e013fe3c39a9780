"""Where what chance takes as independent is not: shared items, queries that are answers."""

from collections.abc import Iterable, Iterator

import numpy as np

from anglewise.comparison.inference import Scores
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.text import counted

SHARED_SHARE = 0.1
"""Beyond this share of pairs that share an item with another, that they depend is said; likewise of
queries that are answers to others."""

DEPENDENT = "intervals and tests take each"
BY_LOT = "pairs were drawn by lot to be judged"


def lasting_notes(notes: Iterable[str]) -> tuple[str, ...]:
    """Of the notes on a comparison those that hold for whatever is made of it."""
    return tuple(note for note in notes if DEPENDENT in note or BY_LOT in note)


def answer_notes(judgements: Judgements, scores: Scores) -> Iterator[str]:
    """Whether queries are relevant to queries that chance takes as independent of them.

    So it is where items ask each other, as by labels: what is relevant to one asks itself.
    """
    if judgements.direction == "queries-items" or judgements.parts is not None:
        return
    gains = judgements.gains
    group = np.full(gains.shape[0], -1, dtype=np.int32)
    group[scores.rows] = scores.clusters.of
    asking, answer = group[gains.rows], group[gains.indices]
    other = (gains.values > 0) & (asking >= 0) & (answer >= 0) & (asking != answer)
    answers, count = len(np.unique(gains.indices[other])), len(scores.rows)
    if answers > SHARED_SHARE * count:
        noun = scores.cluster_noun
        yield (
            f"{answers:,} of {counted(count, 'query')} {'is' if answers == 1 else 'are'} relevant "
            f"to other queries too: {DEPENDENT} {noun} as independent of the others, and may claim "
            "too much"
        )


def shared_notes(space: Space, judged: Pairs | Triplets) -> Iterator[str]:
    """Whether pairs or triplets have items in common, so that they are not independent."""
    noun = "pair" if isinstance(judged, Pairs) else "triplet"
    columns = (
        (judged.rows_a, judged.rows_b)
        if isinstance(judged, Pairs)
        else (judged.anchors, judged.near, judged.far)
    )
    entries = np.stack(columns).astype(np.int64)
    if not space.one_sided:
        entries[0] += len(space.items)  # rows of the other side
    shared = (np.bincount(entries.ravel())[entries] > 1).any(axis=0)
    sharing, count = int(np.count_nonzero(shared)), entries.shape[1]
    if sharing > SHARED_SHARE * count:
        yield (
            f"{sharing:,} of {counted(count, noun)} share an item with another "
            f"{noun}: {DEPENDENT} {noun} as independent of the others, and may claim too much"
        )
