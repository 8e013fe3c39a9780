"""Called as implicit's models are: ``recommend(userid, user_items, N, ...)``."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.typing import Array
from anglewise.errors import SpellingError
from anglewise.recommend.filters import Filters
from anglewise.recommend.recommender import Recommender
from anglewise.recommend.rows_as_given import sparse_rows


@dataclass(frozen=True, eq=False)
class LikeImplicit:
    """A recommender behind the signature of implicit's ``recommend``: rows in, arrays out.

    Items of ``user_items`` are left out, not those of ``space.seen``. Where fewer than ``N`` are
    left, the rest of a row is ``-1`` with a score of ``-inf``.

    >>> from anglewise.core.embeddings import Embeddings, Space
    >>> from scipy.sparse import csr_matrix
    >>> space = Space(queries=Embeddings([[1.0]]), items=Embeddings([[1.0], [3.0], [2.0]]))
    >>> model = LikeImplicit(Recommender(space))
    >>> ids, scores = model.recommend(0, csr_matrix([[0, 1, 0]]), N=2)
    >>> ids.tolist(), scores.tolist()
    ([2, 0], [2.0, 1.0])
    """

    recommender: Recommender

    def recommend(  # noqa: PLR0917 the order of implicit's own signature
        self,
        userid: Any,
        user_items: Any,
        N: int = 10,
        filter_already_liked_items: bool = True,
        filter_items: Any = None,
        recalculate_user: bool = False,
        items: Any = None,
    ) -> tuple[Array, Array]:
        """The ``N`` best items of some user rows: ``(ids, scores)``, each ``users x N``.

        One row number gives one-dimensional arrays. ``user_items`` holds one row for each of
        ``userid``; with ``recalculate_user`` the users are folded in from it.

        Raises ``ShapeError`` for rows that do not fit, ``SpellingError`` for both filters at once.
        """
        if items is not None and filter_items is not None:
            raise SpellingError("items and filter_items exclude each other: give one of them")
        users = np.atleast_1d(np.asarray(userid)).astype(np.int64)
        liked = None
        if filter_already_liked_items or recalculate_user:
            width = len(self.recommender.space.items)
            liked = sparse_rows(user_items, len(users), width, "user_items")
        found = self.recommender.rank(
            users,
            N,
            left_out=liked if filter_already_liked_items else None,
            filters=Filters(_rows(items), _rows(filter_items)),
            used=liked if recalculate_user else None,
        )
        ids = found.indices.astype(np.int32)
        return (ids[0], found.scores[0]) if np.ndim(userid) == 0 else (ids, found.scores)


def _rows(items: Any) -> Array | None:
    return None if items is None else np.asarray(items, dtype=np.int64)
