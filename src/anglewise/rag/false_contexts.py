"""How often passages are given for questions that no passage answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from anglewise.engine.index_state import Answering
from anglewise.rag.relevance import Relevance
from anglewise.statistics.calibration import Share, share


@dataclass(frozen=True)
class FalseContexts:
    """Of questions that the items cannot answer, how many are given something all the same.

    ``threshold`` is the probability from which on a passage is given, ``recall`` the share of
    answerable questions that keep a relevant passage at it, held out.
    """

    rate: Share
    threshold: float
    recall: Share


def false_contexts(
    index: Answering, vectors: ArrayLike, relevance: Relevance, threshold: float | None = None
) -> FalseContexts:
    """Ask questions from elsewhere, and count those whose nearest item passes for relevant.

    ``vectors`` are ``questions x d``, encoded as questions are; the threshold is by default that
    of ``relevance``.
    """
    least = relevance.threshold if threshold is None else threshold
    best = np.array([hits[0].score if hits else -np.inf for hits in index.search(vectors, 1)])
    given = int(np.sum(relevance(best) >= least))
    return FalseContexts(share(given, len(best)), least, relevance.held_out_recall)
