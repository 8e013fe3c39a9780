"""A recommender: a space, a measure, filters, and the lists that it returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Direction, Float32, Float64, Int64, Shaped
from anglewise.errors import ShapeError, TooFewError
from anglewise.io.texts import titles
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import measure as read_measure
from anglewise.recommendation.fold_in import Explanation, FoldIn, explain
from anglewise.recommendation.nearest import (
    One,
    RecommenderView,
    Views,
    Who,
    at_popularity,
    nearest,
    rows_of,
)


@dataclass(frozen=True, eq=False)
class Filters:
    """Ids or rows that alone may be shown, and those that may not; ``None`` filters nothing."""

    allowed: Who | None = None
    forbidden: Who | None = None

    def shown(self, side: Embeddings, kind: str) -> Bool[Array, " rows"] | None:
        """Which rows of a side may be shown; ``None`` where all may.

        Raises ``IdsError`` for an unknown id.

        >>> films = Embeddings([[1.0], [2.0], [3.0]], ids=["heat", "dune", "tron"])
        >>> Filters(allowed=["heat", "tron"], forbidden="tron").shown(films, "item").tolist()
        [True, False, False]
        """
        if self.allowed is None and self.forbidden is None:
            return None
        mask = np.full(len(side), self.allowed is None)
        if self.allowed is not None:
            mask[rows_of(self.allowed, side, kind)] = True
        if self.forbidden is not None:
            mask[rows_of(self.forbidden, side, kind)] = False
        return mask


@dataclass(frozen=True)
class RecommendedItem:
    """One place of a list: an id, its score (larger is nearer) and its title, where one is known.

    >>> RecommendedItem("7", 0.5).title is None
    True
    """

    id: str
    score: float
    title: str | None = None


@dataclass(frozen=True, eq=False)
class Recommended:
    """Lists for those who asked, nearest first.

    Attributes
    ----------
    asked
        The ids of those who asked; ``"new"`` for a new user.
    found
        Rows of the ranked side and scores, ``asked x k``; ``-1`` and ``-inf`` where a list is
        shorter: fewer were left after the filters, or nothing is known about who asked.
    ranked
        The side whose rows these are.
    meaning
        What a score means.
    silent
        Ids of those whose vector is zero, so that every order would be as good: their lists are
        empty.
    """

    asked: Shaped[Array, " asked"]
    found: Neighbours
    ranked: Embeddings
    meaning: str
    silent: tuple[str, ...] = ()

    @property
    def measure(self) -> str:
        """The spelling of the measure that ranked."""
        return self.found.measure

    @property
    def scores(self) -> Float32[Array, "asked k"]:
        """Larger is nearer; ``-inf`` where a list is shorter."""
        return self.found.scores

    @property
    def ids(self) -> Shaped[Array, "asked k"]:
        """The ids of what is recommended; ``None`` where a list is shorter."""
        rows = self.found.indices
        names = self.ranked.ids[np.maximum(rows, 0)]
        names[rows < 0] = None
        return names

    def lists(self) -> list[list[RecommendedItem]]:
        """One list for each who asked, without gaps, with titles where they are known."""
        ids = self.ranked.ids
        known: Sequence[str | None] = titles(self.ranked) or [None] * len(self.ranked)
        return [
            [
                RecommendedItem(str(ids[row]), float(score), known[int(row)])
                for row, score in zip(rows, scores, strict=True)
                if row >= 0
            ]
            for rows, scores in zip(
                self.found.indices.tolist(), self.found.scores.tolist(), strict=True
            )
        ]


NEW = "new"
TO_ITEMS: Direction = "queries-items"


@dataclass(frozen=True, eq=False)
class Recommender:
    """Items for users, items like items, users like users, all under one measure, exactly.

    Users and items are named by id (text) or by row (whole numbers). Every list is that of
    :func:`anglewise.search`: exact, equal scores in the order of ids. What users used in training
    (``space.seen``) is left out. Bias columns count in the product of a user and an item (``dot``,
    ``norm``), and nowhere else: not in an angle or a distance, not between two items or two users.

    Parameters
    ----------
    space
        Users (queries) and items; items alone recommend similar items.
    measure
        A spelling or a measure; ``anglewise compare`` tells which.
    threads
        Threads that search at once; one for each core if not given.

    Raises
    ------
    SpellingError
        A measure that is not known.

    Examples
    --------
    >>> films = Embeddings([[1.0, 0.0], [3.0, 3.0], [0.0, 2.0]], ids=["heat", "dune", "tron"])
    >>> seen = SparseRows.from_pairs([0], [1], shape=(1, 3))
    >>> space = Space(queries=Embeddings([[2.0, 1.0]], ids=["ann"]), items=films, seen=seen)
    >>> recommender = Recommender(space)
    >>> recommender.recommend("ann", 2).ids.tolist()
    [['heat', 'tron']]
    >>> recommender.similar_items("tron", 1).ids.tolist()
    [['dune']]
    """

    space: Space
    measure: str | Measure = "dot"
    threads: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "measure", read_measure(self.measure))

    def recommend(
        self,
        users: Who | None = None,
        k: int = 10,
        *,
        allowed: Who | None = None,
        forbidden: Who | None = None,
        popularity: float | None = None,
        with_seen: bool = False,
    ) -> Recommended:
        """The ``k`` nearest items of each user, without those that were used in training.

        Parameters
        ----------
        users
            Ids or rows; everybody if not given.
        k
            How many; lists are shorter where fewer are left.
        allowed, forbidden
            Items that alone may be shown, and items that may not.
        popularity
            The exponent of the item's length that divides its score: 0 as learnt, 1 none of it,
            more to hold popular items back (``norm(0, popularity)``).
        with_seen
            Whether items used in training may come again.

        Raises
        ------
        IdsError
            An unknown id or row.
        TooFewError
            ``k`` below one, or filters that leave no item.
        SpellingError
            ``popularity`` with a measure that does not divide by lengths.
        """
        measure = self._at(popularity)
        view = self._views.through(measure, TO_ITEMS)
        asking, names = view.space.queries, self._users.ids
        seen = None if with_seen else self.space.seen
        if users is not None:
            rows = rows_of(users, self._users, "user")
            asking, names = Embeddings(asking.vectors[rows]), names[rows]
            seen = None if seen is None else seen.take(rows)
        filters = Filters(allowed, forbidden)
        return self._answer(measure, TO_ITEMS, asking, names, k=k, left_out=seen, filters=filters)

    def recommend_for(
        self,
        items: Who,
        k: int = 10,
        *,
        allowed: Who | None = None,
        forbidden: Who | None = None,
        popularity: float | None = None,
    ) -> Recommended:
        """The ``k`` nearest items of a new user who used these items, which are left out.

        The user is folded in (:attr:`fold_in`). Raises ``TooFewError`` if no items are named, and
        else as :meth:`recommend` and :attr:`fold_in` do.
        """
        measure = self._at(popularity)
        rows = np.unique(rows_of(items, self.space.items, "item"))
        place = self._views.through(measure, TO_ITEMS).fold_in.vector(rows)
        shape = (1, len(self.space.items))
        used = SparseRows.from_pairs(np.zeros(len(rows), np.int64), rows, shape=shape)
        new, names = Embeddings(place[None]), np.array([NEW], dtype=object)
        filters = Filters(allowed, forbidden)
        return self._answer(measure, TO_ITEMS, new, names, k=k, left_out=used, filters=filters)

    def similar_items(
        self, items: Who, k: int = 10, *, allowed: Who | None = None, forbidden: Who | None = None
    ) -> Recommended:
        """The ``k`` items most like each of these, itself left out; raises as :meth:`recommend`."""
        return self._alike("items-items", items, k, Filters(allowed, forbidden))

    def similar_users(
        self, users: Who, k: int = 10, *, allowed: Who | None = None, forbidden: Who | None = None
    ) -> Recommended:
        """The ``k`` users most like each of these, itself left out; raises as :meth:`recommend`."""
        return self._alike("queries-queries", users, k, Filters(allowed, forbidden))

    def rank(
        self,
        users: Int64[Array, " users"],
        k: int,
        *,
        left_out: SparseRows | None = None,
        filters: Filters | None = None,
        used: SparseRows | None = None,
    ) -> Neighbours:
        """Rows of items for rows of users, for adapters: nothing is left out that is not named.

        ``left_out`` and ``used`` hold one row for each of ``users``; who stands in ``used`` is
        folded in from it. Raises as :meth:`recommend` does.
        """
        view = self._views.through(self._measure, TO_ITEMS)
        rows = rows_of(users, self._users, "user")
        vectors = view.space.queries.vectors[rows] if used is None else view.fold_in.vectors(used)
        return nearest(
            view.space,
            self._measure,
            Embeddings(vectors),
            direction=TO_ITEMS,
            k=k,
            left_out=left_out,
            shown=(filters or Filters()).shown(self.space.items, "item"),
            threads=self.threads,
        )

    @property
    def fold_in(self) -> FoldIn:
        """Where new users stand; ``fold_in.exact`` says whether it is the model's own map.

        Raises ``ValuesError`` where the space does not hold what its users used.
        """
        return self._views.whole.fold_in

    def explain(self, user: One, item: One, *, popularity: float | None = None) -> Explanation:
        """Which of the items that a user used speak for this one.

        Raises ``TooFewError`` for a user without history, ``SpellingError`` for measures whose
        score is no product (``anglewise.recommendation.fold_in``).
        """
        row = int(rows_of(user, self._users, "user")[0])
        seen = self.space.seen
        if seen is None or not len(seen.row(row)):
            raise TooFewError(
                f"user {str(self._users.ids[row])!r} has no history here: nothing that was used "
                "can speak for an item"
            )
        measure = self._at(popularity)
        view = self._views.through(measure, TO_ITEMS)
        place = view.space.queries.vectors[row].astype(np.float64)
        return self._explained(view, measure, place, used=seen.row(row), item=item)

    def explain_for(self, items: Who, item: One, *, popularity: float | None = None) -> Explanation:
        """Which of these items speak for this one, for a new user who used them."""
        rows, measure = np.unique(rows_of(items, self.space.items, "item")), self._at(popularity)
        view = self._views.through(measure, TO_ITEMS)
        return self._explained(view, measure, view.fold_in.vector(rows), used=rows, item=item)

    @property
    def _measure(self) -> Measure:
        return cast("Measure", self.measure)

    def _at(self, popularity: float | None) -> Measure:
        return self._measure if popularity is None else at_popularity(self._measure, popularity)

    @property
    def _users(self) -> Embeddings:
        if self.space.one_sided:
            raise ShapeError("this space has items alone, no users: ask for similar_items")
        return self.space.queries

    @cached_property
    def _views(self) -> Views:
        return Views(self.space)

    def _explained(
        self,
        view: RecommenderView,
        measure: Measure,
        place: Float64[Array, " d"],
        *,
        used: Int64[Array, " used"],
        item: One,
    ) -> Explanation:
        row = int(rows_of(item, self.space.items, "item")[0])
        return explain(view.space, measure, view.fold_in, user=place, used=used, item=row)

    def _alike(self, way: Direction, who: Who, k: int, filters: Filters) -> Recommended:
        side = self._users if way == "queries-queries" else self.space.items
        rows = rows_of(who, side, _kind(way))
        vectors = self._views.through(self._measure, way).space.sides(way)[0].vectors[rows]
        itself = SparseRows.from_pairs(np.arange(len(rows)), rows, shape=(len(rows), len(side)))
        asking = Embeddings(vectors)
        names = side.ids[rows]
        return self._answer(
            self._measure, way, asking, names, k=k, left_out=itself, filters=filters
        )

    def _answer(
        self,
        measure: Measure,
        way: Direction,
        asking: Embeddings,
        names: Shaped[Array, " asked"],
        *,
        k: int,
        left_out: SparseRows | None,
        filters: Filters,
    ) -> Recommended:
        ranked, silent = self.space.sides(way)[1], asking.zero_rows
        found = nearest(
            self._views.through(measure, way).space,
            measure,
            asking,
            direction=way,
            k=k,
            left_out=left_out,
            shown=filters.shown(ranked, _kind(way)),
            threads=self.threads,
        )
        found.indices[silent], found.scores[silent], found.tied_at_cut[silent] = -1, -np.inf, 0
        frames = ", ".join(map(str, measure.frames))
        meaning = measure.formula.meaning + (f" (after: {frames})" if frames else "")
        return Recommended(names, found, ranked, meaning, tuple(map(str, names[silent])))


def _kind(way: Direction) -> str:
    return "user" if way == "queries-queries" else "item"
