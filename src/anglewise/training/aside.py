"""Users kept aside from a training, to see when it should stop."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.sparse import Interactions, SparseRows
from anglewise.core.typing import Array, Float32, Int64
from anglewise.engine.search import search
from anglewise.errors import TooFewError
from anglewise.judgements.constructed import hold_out
from anglewise.metrics.evaluate import evaluate

METRIC = "nDCG@10"
MOST = 2000
"""More users than this would say it no better, and take longer than an epoch of a small table."""


@dataclass(frozen=True, eq=False)
class Aside:
    """What users kept aside show, and what is to be found for them.

    Attributes
    ----------
    visible
        What they show, one row each.
    judgements
        What they hide.
    """

    visible: SparseRows
    judgements: Judgements

    def ndcg(
        self, users: Float32[Array, "users d"], items: Float32[Array, "items d"], measure: str
    ) -> float:
        """The mean of nDCG@10 when items are ranked for these users, what they show left out."""
        space = Space(queries=Embeddings(users), items=Embeddings(items), seen=self.visible)
        rows = np.arange(len(users))
        found = search(space, measure, k=10, rows=rows)
        return float(evaluate(found, self.judgements, rows, METRIC)[METRIC].mean())


def keep_aside(
    used: SparseRows, share: float, seed: int
) -> tuple[Aside | None, Int64[Array, " training"]]:
    """Keep a share of the users aside, and say which rows are left to train on.

    Who used fewer than two items can neither be asked nor learned from, and is left out of both.
    Raises ``TooFewError`` where nobody is left on either side.
    """
    able = np.flatnonzero(used.counts >= 2)
    if not len(able):
        raise TooFewError(
            "no user used two items, so none can be shown one and asked for the other: "
            "bring users who did more"
        )
    if share == 0:
        return None, able
    theirs = used.take(able)
    if len(able) < 2:
        raise TooFewError(
            "the validation split has no positives: one user alone used two items, and is needed "
            "for training; set validation to 0, or bring users who did more"
        )
    held = hold_out(_interactions(theirs), share=share, how="random", seed=seed)
    asked = held.judgements.judged_rows[:MOST]
    aside = Aside(
        visible=held.visible.rows().take(asked),
        judgements=Judgements(held.judgements.gains.take(asked)),
    )
    return aside, able[~held.held_out]


def _interactions(used: SparseRows) -> Interactions:
    names: Any = [np.arange(n) for n in used.shape]
    return Interactions(used.rows, used.indices, np.ones(len(used.indices)), *names)
