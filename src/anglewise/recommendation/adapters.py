"""Called as other libraries call their models: implicit's, RecTools' rankers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array
from anglewise.errors import ShapeError, SpellingError
from anglewise.recommendation.recommender import Filters, Recommender


def sparse_rows(table: Any, rows: int, columns: int, name: str) -> SparseRows:
    """Which cells a CSR table stores, each once; ``ShapeError`` if it is not ``rows x columns``.

    >>> from scipy.sparse import csr_matrix
    >>> sparse_rows(csr_matrix([[0, 2, 1]]), 1, 3, "user_items").row(0).tolist()
    [1, 2]
    """
    if getattr(table, "format", None) != "csr" or table.shape != (rows, columns):
        came = f"{getattr(table, 'format', type(table).__name__)} {getattr(table, 'shape', '')}"
        raise ShapeError(
            f"{name} is {came.strip()}: a CSR matrix of {rows} x {columns}, one row for each of "
            "those who ask, is due"
        )
    cells = np.repeat(np.arange(rows), np.diff(table.indptr)) * columns + table.indices
    cells = np.asarray(cells, dtype=np.int64)
    if np.any(cells[1:] <= cells[:-1]):
        cells = np.unique(cells)
    indptr = np.searchsorted(cells, np.arange(rows + 1, dtype=np.int64) * columns)
    indices = cells % columns
    return SparseRows(indptr.astype(np.int64), indices, np.ones(len(cells)), (rows, columns))


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
