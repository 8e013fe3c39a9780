"""What RecTools calls a Ranker: ``rank(subject_ids, k, filter_pairs_csr, ...)``."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.typing import Array
from anglewise.recommend.filters import Filters
from anglewise.recommend.recommender import Recommender
from anglewise.recommend.rows_as_given import sparse_rows


@dataclass(frozen=True, eq=False)
class RectoolsRanker:
    """A recommender as RecTools' ``Ranker`` protocol asks for it: subjects are users, by row.

    Scores grow with nearness under every measure, distances are negated.

    >>> from anglewise.core.embeddings import Embeddings, Space
    >>> space = Space(queries=Embeddings([[1.0]]), items=Embeddings([[1.0], [3.0], [2.0]]))
    >>> users, items, scores = RectoolsRanker(Recommender(space)).rank([0], k=2)
    >>> users.tolist(), items.tolist(), scores.tolist()
    ([0, 0], [1, 2], [3.0, 2.0])
    """

    recommender: Recommender

    def rank(
        self,
        subject_ids: Iterable[int],
        k: int | None = None,
        filter_pairs_csr: Any = None,
        sorted_object_whitelist: Any = None,
    ) -> tuple[Array, Array, Array]:
        """Three columns, one row for each recommendation: subject, object, score.

        Parameters
        ----------
        subject_ids
            Rows of users.
        k
            How many for each; all if not given.
        filter_pairs_csr
            What each subject must not be shown, one row for each of ``subject_ids``.
        sorted_object_whitelist
            Rows of items that alone may be shown.
        """
        users = np.array(list(subject_ids), dtype=np.int64)
        items = len(self.recommender.space.items)
        hidden = None
        if filter_pairs_csr is not None:
            hidden = sparse_rows(filter_pairs_csr, len(users), items, "filter_pairs_csr")
        allowed = None
        if sorted_object_whitelist is not None:
            allowed = np.asarray(sorted_object_whitelist, dtype=np.int64)
        found = self.recommender.rank(
            users, items if k is None else k, left_out=hidden, filters=Filters(allowed)
        )
        there = found.indices >= 0
        subjects = np.repeat(users, there.sum(axis=1))
        return subjects, found.indices[there], found.scores[there]
