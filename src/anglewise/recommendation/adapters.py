"""A recommender behind the interfaces of implicit's models and RecTools' rankers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.data_types.conversion import as_rows
from anglewise.data_types.sparse import as_sparse_rows
from anglewise.data_types.typing import Array, Bool
from anglewise.errors import SpellingError
from anglewise.recommendation.recommender import Recommender


@dataclass(frozen=True, eq=False)
class LikeImplicit:
    """A recommender behind the signature of implicit's ``recommend``: rows in, arrays out.

    Items of ``user_items`` are left out, not those of ``space.seen``. Where fewer than ``N`` items
    are left, the rest of a row is ``-1`` with a score of ``-inf``.

    >>> from anglewise.data_types.embeddings import Embeddings, Space
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

        Raises ``ShapeError`` for rows that do not fit, ``WrongTypeError`` for what is no number of
        a row, ``TooFewError`` for no user, ``SpellingError`` for both filters at once.
        """
        if items is not None and filter_items is not None:
            raise SpellingError("items and filter_items exclude each other: give one of them")
        users = self.recommender.user_rows(userid)
        liked = None
        if filter_already_liked_items or recalculate_user:
            width = len(self.recommender.space.items)
            liked = as_sparse_rows(user_items, "user_items", (len(users), width))
        neighbours = self.recommender.rank(
            users,
            N,
            left_out=liked if filter_already_liked_items else None,
            shown=_allowed_items(self.recommender, items, filter_items),
            used=liked if recalculate_user else None,
        )
        ids = neighbours.indices.astype(np.int32)
        scores = neighbours.scores.astype(np.float32)
        return (ids[0], scores[0]) if np.ndim(userid) == 0 else (ids, scores)


def _allowed_items(
    recommender: Recommender, allowed: Any, forbidden: Any = None
) -> Bool[Array, " items"] | None:
    """Whether each item may be recommended, from the rows of allowed or of forbidden items."""
    rows = forbidden if allowed is None else allowed
    if rows is None:
        return None
    count = len(recommender.space.items)
    is_allowed = np.full(count, allowed is None)
    is_allowed[as_rows(rows, count, "item")] = allowed is not None
    return is_allowed


@dataclass(frozen=True, eq=False)
class RectoolsRanker:
    """A recommender behind RecTools' ``Ranker`` protocol, whose subjects are rows of users.

    Larger scores are nearer under every measure; distances are negated.

    >>> from anglewise.data_types.embeddings import Embeddings, Space
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
            The number of items for each; all if not given.
        filter_pairs_csr
            The items that each subject must not get, one row for each of ``subject_ids``.
        sorted_object_whitelist
            Rows of the only items that may be recommended.
        """
        users = self.recommender.user_rows(subject_ids)
        items = len(self.recommender.space.items)
        hidden = None
        if filter_pairs_csr is not None:
            hidden = as_sparse_rows(filter_pairs_csr, "filter_pairs_csr", (len(users), items))
        neighbours = self.recommender.rank(
            users,
            items if k is None else k,
            left_out=hidden,
            shown=_allowed_items(self.recommender, sorted_object_whitelist),
        )
        filled = neighbours.indices >= 0
        subjects = np.repeat(users, filled.sum(axis=1))
        return subjects, neighbours.indices[filled], neighbours.scores[filled]
