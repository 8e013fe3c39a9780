"""A recommender, made of a space and a measure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from anglewise.data_types.conversion import Vectors, as_rows, check_array
from anglewise.data_types.embeddings import Embeddings, Space, as_space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import check_flag, check_kind, check_threads
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import (
    Array,
    Bool,
    Direction,
    Float64,
    Ids,
    Int64,
    Rows,
    Shaped,
)
from anglewise.equivalent_factorisations.gauge import without_biases
from anglewise.errors import ShapeError, TooFewError
from anglewise.nearest_neighbours.single_query import NONE_HIDDEN
from anglewise.recommendation.fold_in import Explanation, FoldIn, explain, learn_fold_in
from anglewise.recommendation.nearest import (
    PreparedSides,
    at_popularity,
    nearest,
    nearest_of_one,
    reads_biases,
    rows_named,
    shown_rows,
    single_row,
    some_rows,
)
from anglewise.recommendation.recommended import Recommended
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure as read_measure

NEW = "new"
TO_ITEMS: Direction = "queries-items"


@dataclass(frozen=True, eq=False)
class Recommender:
    """Items for users, similar items and similar users, under one measure, exactly.

    Users and items are given by id, as text or whole number: 2 and ``"2"`` are the same user; by
    row only with ``rows=``. Every list is that of :func:`anglewise.search`: exact, equal scores in
    the order of ids. Items that users used in training (``space.seen``) are left out. Bias columns
    count in the product of a user and an item (``dot``, ``norm``), and nowhere else: not in an
    angle or a distance, not between two items or two users.

    The first list makes the ranked side ready for the following ones, which is a second copy of its
    vectors, of at most 1 GiB. Any number of threads may ask.

    Parameters
    ----------
    space
        Users (queries) and items; items alone, also as a plain array or frame, recommend similar
        items.
    measure
        A spelling or a measure; ``anglewise compare`` says which one suits.
    threads
        Threads of the search; one for each core if not given.

    Raises
    ------
    SpellingError
        An unknown measure.

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
    >>> recommender.similar_items(rows=[2], k=1).ids.tolist()
    [['dune']]
    """

    space: Space | Vectors
    measure: str | Measure = "dot"
    threads: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", as_space(self.space))
        object.__setattr__(self, "measure", read_measure(self.measure))
        check_threads(self.threads)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied is what it was made of; the copy makes it ready anew."""
        return Recommender, (self.space, self.measure, self.threads)

    def recommend(
        self,
        users: Ids | None = None,
        k: int = 10,
        *,
        rows: Rows | None = None,
        allowed: Ids | None = None,
        forbidden: Ids | None = None,
        popularity: float | None = None,
        with_seen: bool = False,
    ) -> Recommended:
        """The ``k`` nearest items of each user, without those that were used in training.

        Parameters
        ----------
        users
            Ids; all users if neither these nor rows are given.
        k
            The number of items; lists are shorter where fewer are left.
        rows
            The rows of users, instead of ids.
        allowed, forbidden
            Ids of the only items that may be recommended, and of items that may not.
        popularity
            The exponent of the item's length that divides its score: 0 keeps lengths as learnt, 1
            removes them, more penalises popular items (``norm(0, popularity)``).
        with_seen
            Whether items used in training may be recommended.

        Raises
        ------
        IdsError
            An unknown id.
        ShapeError
            A row out of bounds.
        TooFewError
            ``k`` below one, or filters that leave no item.
        SpellingError
            ``popularity`` with a measure that does not divide by lengths; ids and rows at once.
        """
        measure, users_side = self._measure_at(popularity), self._users
        asking, names = self._space_for(measure, TO_ITEMS).queries, users_side.ids
        check_flag(with_seen, "with_seen")
        seen = None if with_seen else self.space.seen
        if users is not None or rows is not None:
            user_rows = some_rows(users_side, "user", users, rows)
            if len(user_rows) == 1 and allowed is None and forbidden is None:
                hidden = NONE_HIDDEN if seen is None else seen.row(user_rows[0])
                single = self._single(measure, TO_ITEMS, user_rows, k, hidden)
                if single is not None:
                    return single
            asking, names = Embeddings(asking.vectors[user_rows]), names[user_rows]
            seen = None if seen is None else seen.take(user_rows)
        shown = shown_rows(self.space.items, "item", allowed, forbidden)
        return self._answer(measure, TO_ITEMS, asking, names, k=k, left_out=seen, shown=shown)

    def recommend_for(
        self,
        items: Ids | None = None,
        k: int = 10,
        *,
        rows: Rows | None = None,
        allowed: Ids | None = None,
        forbidden: Ids | None = None,
        popularity: float | None = None,
    ) -> Recommended:
        """The ``k`` nearest items of a new user who used these items, which are left out.

        The user is folded in (:attr:`fold_in`). Items are given by id or by ``rows``. Raises
        ``TooFewError`` for no items, else as :meth:`recommend` and :attr:`fold_in` do.
        """
        measure = self._measure_at(popularity)
        used_rows = np.unique(rows_named(self.space.items, "item", items, rows))
        vector = self._fold_in_for(measure, TO_ITEMS).vector(used_rows)
        shape = (1, len(self.space.items))
        used = SparseRows.from_pairs(np.zeros(len(used_rows), np.int64), used_rows, shape=shape)
        new, names = Embeddings(vector[None]), np.array([NEW], dtype=object)
        shown = shown_rows(self.space.items, "item", allowed, forbidden)
        return self._answer(measure, TO_ITEMS, new, names, k=k, left_out=used, shown=shown)

    def similar_items(
        self,
        items: Ids | None = None,
        k: int = 10,
        *,
        rows: Rows | None = None,
        allowed: Ids | None = None,
        forbidden: Ids | None = None,
    ) -> Recommended:
        """The ``k`` nearest items of each of these, without itself; raises as :meth:`recommend`."""
        chosen = some_rows(self.space.items, "item", items, rows)
        shown = shown_rows(self.space.items, "item", allowed, forbidden)
        return self._similar("items-items", self.space.items, chosen, k, shown)

    def similar_users(
        self,
        users: Ids | None = None,
        k: int = 10,
        *,
        rows: Rows | None = None,
        allowed: Ids | None = None,
        forbidden: Ids | None = None,
    ) -> Recommended:
        """The ``k`` nearest users of each of these, without itself; raises as :meth:`recommend`."""
        chosen = some_rows(self._users, "user", users, rows)
        shown = shown_rows(self._users, "user", allowed, forbidden)
        return self._similar("queries-queries", self._users, chosen, k, shown)

    def user_rows(self, rows: Any) -> Int64[Array, " users"]:
        """Checked row numbers of users, for adapters: none is guessed from text or fractions."""
        return some_rows(self._users, "user", None, rows)

    def rank(
        self,
        users: Int64[Array, " users"],
        k: int,
        *,
        left_out: SparseRows | None = None,
        shown: Bool[Array, " items"] | None = None,
        used: SparseRows | None = None,
    ) -> Neighbours:
        """Rows of items for rows of users, for adapters; ``space.seen`` is not left out.

        ``left_out`` and ``used`` hold one row for each of ``users``; with ``used`` users are folded
        in from it. ``shown`` says whether each item may be recommended. Raises as
        :meth:`recommend` does.
        """
        space = self._space_for(self._measure, TO_ITEMS)
        rows = as_rows(users, len(self._users), "user")
        for name, table in (("left_out", left_out), ("used", used)):
            if table is not None:
                check_kind(table, SparseRows, name, "SparseRows")
        if shown is not None:
            check_array(shown, "shown", (len(self.space.items),), kinds="b")
        if used is None:
            vectors = space.queries.vectors[rows]
        else:
            vectors = self._fold_in_for(self._measure, TO_ITEMS).vectors(used)
        return nearest(
            space,
            self._measure,
            Embeddings(vectors),
            direction=TO_ITEMS,
            k=k,
            left_out=left_out,
            shown=shown,
            threads=self.threads,
            sides=self._sides,
        )

    @cached_property
    def fold_in(self) -> FoldIn:
        """The map from the items of a new user to a vector; ``exact`` if it is the model's own map.

        Raises ``ValuesError`` for a space that does not hold what its users used.
        """
        return learn_fold_in(self.space)

    def explain(self, user: Ids, item: Ids, *, popularity: float | None = None) -> Explanation:
        """The score of an item for a user, split into the parts of the items that the user used.

        Both are given by id. Raises ``TooFewError`` for a user without history, ``SpellingError``
        for measures whose score is no product (``anglewise.recommendation.fold_in``).
        """
        row = single_row(self._users, "user", user)
        seen = self.space.seen
        if seen is None or not len(seen.row(row)):
            raise TooFewError(
                f"user {str(self._users.ids[row])!r} has no history here: nothing that was used "
                "can speak for an item"
            )
        measure = self._measure_at(popularity)
        vector = self._space_for(measure, TO_ITEMS).queries.vectors[row].astype(np.float64)
        return self._explained(measure, vector, used=seen.row(row), item=item)

    def explain_for(self, items: Ids, item: Ids, *, popularity: float | None = None) -> Explanation:
        """The score of an item for a new user, split into the parts of the items they used."""
        used, measure = (
            np.unique(self.space.items.rows_of(items, "item")),
            self._measure_at(popularity),
        )
        vector = self._fold_in_for(measure, TO_ITEMS).vector(used)
        return self._explained(measure, vector, used=used, item=item)

    @property
    def _measure(self) -> Measure:
        return cast("Measure", self.measure)

    def _measure_at(self, popularity: float | None) -> Measure:
        return self._measure if popularity is None else at_popularity(self._measure, popularity)

    @property
    def _users(self) -> Embeddings:
        if self.space.one_sided:
            raise ShapeError("this space has items alone, no users: ask for similar_items")
        return self.space.queries

    @cached_property
    def _sides(self) -> PreparedSides:
        return PreparedSides()

    @cached_property
    def _unbiased(self) -> Space:
        return without_biases(self.space)

    @cached_property
    def _unbiased_fold_in(self) -> FoldIn:
        return self.fold_in if self._unbiased is self.space else learn_fold_in(self._unbiased)

    def _space_for(self, measure: Measure, direction: Direction) -> Space:
        """The space, with its bias columns only where they belong to the score."""
        return self.space if reads_biases(measure, direction) else self._unbiased

    def _fold_in_for(self, measure: Measure, direction: Direction) -> FoldIn:
        return self.fold_in if reads_biases(measure, direction) else self._unbiased_fold_in

    def _explained(
        self,
        measure: Measure,
        user: Float64[Array, " d"],
        *,
        used: Int64[Array, " used"],
        item: Ids,
    ) -> Explanation:
        row = single_row(self.space.items, "item", item)
        space, fold_in = self._space_for(measure, TO_ITEMS), self._fold_in_for(measure, TO_ITEMS)
        return explain(space, measure, fold_in, user=user, used=used, item=row)

    def _similar(
        self,
        direction: Direction,
        side: Embeddings,
        rows: Int64[Array, " some"],
        k: int,
        shown: Bool[Array, " side"] | None,
    ) -> Recommended:
        vectors = self._space_for(self._measure, direction).sides(direction)[0].vectors[rows]
        if len(rows) == 1 and shown is None:
            single = self._single(self._measure, direction, rows, k, rows)
            if single is not None:
                return single
        itself = SparseRows.from_pairs(np.arange(len(rows)), rows, shape=(len(rows), len(side)))
        asking, names = Embeddings(vectors), side.ids[rows]
        return self._answer(
            self._measure, direction, asking, names, k=k, left_out=itself, shown=shown
        )

    def _single(
        self,
        measure: Measure,
        direction: Direction,
        row: Int64[Array, " one"],
        k: int,
        hidden: Int64[Array, " hidden"],
    ) -> Recommended | None:
        """The list of one row of the asking side; None for one that is answered among many."""
        space = self._space_for(measure, direction)
        asking, number = space.sides(direction)[0], int(row[0])
        if asking.norms[number] == 0:
            return None
        neighbours = nearest_of_one(
            space,
            measure,
            asking.vectors[number],
            direction=direction,
            k=k,
            hidden=hidden,
            threads=self.threads,
            sides=self._sides,
        )
        if neighbours is None:
            return None
        names = self.space.sides(direction)[0].ids[row]
        return self._recommended(measure, direction, names, neighbours)

    def _answer(
        self,
        measure: Measure,
        direction: Direction,
        asking: Embeddings,
        names: Shaped[Array, " asked"],
        *,
        k: int,
        left_out: SparseRows | None,
        shown: Bool[Array, " ranked"] | None,
    ) -> Recommended:
        silent = asking.zero_rows
        neighbours = nearest(
            self._space_for(measure, direction),
            measure,
            asking,
            direction=direction,
            k=k,
            left_out=left_out,
            shown=shown,
            threads=self.threads,
            sides=self._sides,
        )
        neighbours.indices[silent], neighbours.scores[silent] = -1, -np.inf
        neighbours.tied_at_cut[silent] = 0
        return self._recommended(measure, direction, names, neighbours, names[silent])

    def _recommended(
        self,
        measure: Measure,
        direction: Direction,
        names: Shaped[Array, " asked"],
        neighbours: Neighbours,
        silent: Iterable[Any] = (),
    ) -> Recommended:
        frames = ", ".join(map(str, measure.frames))
        return Recommended(
            asked=names,
            found=neighbours,
            ranked=self.space.sides(direction)[1],
            meaning=measure.formula.meaning + (f" (after: {frames})" if frames else ""),
            silent=tuple(map(str, silent)),
        )
