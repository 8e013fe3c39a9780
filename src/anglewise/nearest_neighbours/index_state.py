"""What an index holds at one moment: items prepared for a measure, and their metadata."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from anglewise.data_types.columns import NOTHING, cell_kind, cells_of_kinds, column
from anglewise.data_types.conversion import Vectors, as_array
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.representation import Representation
from anglewise.data_types.typing import Array, Bool, Direction, Ids, Int64
from anglewise.errors import IdsError, ShapeError, TooFewError
from anglewise.io.tables import listed
from anglewise.nearest_neighbours.search import search_prepared, search_vectors
from anglewise.nearest_neighbours.some_items import for_every, some_items
from anglewise.nearest_neighbours.tiles import PreparedItems
from anglewise.similarity_measures.formulas import FittedFormula, Measure

if TYPE_CHECKING:
    from anglewise.data_types.filters import Where
    from anglewise.data_types.passing import KnownColumns


@dataclass(frozen=True, eq=False)
class IndexState:
    """A space and a measure, the items prepared for it, and their metadata as lists.

    >>> films = Embeddings([[1.0]], ids=["a"], metadata={"title": ["Heat"]})
    >>> from anglewise.similarity_measures.measure import measure
    >>> IndexState(Space(items=films), measure("dot")).about(0)
    {'title': 'Heat'}
    """

    space: Space
    measure: Measure

    def questions(self, vectors: Vectors) -> Embeddings:
        """What asks, as rows of the kind that the items are of."""
        items = self.space.items
        if isinstance(items, Representation):
            return items.of_kind(vectors)
        x = as_array(vectors, "vectors")
        return Embeddings(x[None] if x.ndim == 1 else x)

    def nearest(
        self,
        queries: Embeddings,
        k: int,
        where: "Where | None",
        *,
        direction: Direction = "queries-items",
    ) -> Iterable[Neighbours]:
        """The nearest items of each query that pass a filter, some queries at a time."""
        items = self.space.items
        passing = None if where is None else self.filterable.passing(where)
        if isinstance(items, Representation):
            return [self._of_represented(items, queries, k, passing)]
        prepared = self.prepared if direction == "queries-items" else self.prepared_for_items
        if passing is None:
            return search_prepared(prepared, queries, k=min(k, len(items))).values()
        return search_passing(prepared, queries, passing, k)

    def _of_represented(
        self,
        items: Representation,
        queries: Embeddings,
        k: int,
        passing: Bool[Array, " items"] | None,
    ) -> Neighbours:
        rows = np.arange(len(items)) if passing is None else np.flatnonzero(passing)
        if not len(rows):
            return no_lists(str(self.measure), len(queries))
        space = self.space if passing is None else Space(items=items.take(rows))
        lists = search_vectors(space, queries, [self.measure], k=min(k, len(rows)))
        found = lists[str(self.measure)]
        return replace(found, indices=np.where(found.indices < 0, -1, rows[found.indices]))

    @cached_property
    def prepared(self) -> PreparedItems:
        """The items, prepared for the measure when they are first searched."""
        return PreparedItems.of(self.space, [self.measure])

    @cached_property
    def prepared_for_items(self) -> PreparedItems:
        """The items, prepared to be asked by items; the same where nothing is fitted on a side."""
        learns = self.measure.frames or isinstance(self.measure.formula, FittedFormula)
        if not learns and not self.space.named_biases:
            return self.prepared
        return PreparedItems.of(self.space, [self.measure], direction="items-items")

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """The metadata of the items, one list a column; read from the file now if need be."""
        return {} if self.space.items.metadata is None else _columns(self.space.items)

    def about(self, row: int) -> dict[str, Any]:
        """The metadata of one item."""
        return {name: values[row] for name, values in self.columns.items()}

    def rows(self, ids: Ids) -> Int64[Array, " ids"]:
        """The rows of some ids, one or several; ``IdsError`` names one that is not here."""
        return self.space.items.rows_of(ids, "item")

    @cached_property
    def filterable(self) -> "KnownColumns":
        """The metadata of the items, as filters read them."""
        from anglewise.data_types.passing import KnownColumns

        return KnownColumns(list(self.columns), self.columns.__getitem__, len(self.space.items))

    @cached_property
    def _kinds(self) -> dict[str, set[str]]:
        return {}

    def kinds(self, name: str) -> set[str]:
        """The kinds of cells in a column of the metadata; looked at once."""
        if name not in self._kinds:
            self._kinds[name] = set(map(cell_kind, self.columns[name]))
        return self._kinds[name]

    def with_more(self, items: Embeddings) -> "IndexState":
        """The state with some more items behind the others."""
        old = self.space.items
        if items.dimension != old.dimension:
            raise ShapeError(
                f"the new vectors have {items.dimension} columns, the index {old.dimension}: "
                "take both from one model"
            )
        twice = [str(name) for name in items.ids if name in old.row_of]
        if twice:
            raise IdsError(
                f"{listed(twice, 3)} {'is' if len(twice) == 1 else 'are'} in the index already: "
                "remove what is to be replaced first"
            )
        more = _columns(items)
        for name in [name for name in more if name in self.columns]:
            present = (cell for cell in more[name] if cell_kind(cell) != NOTHING)
            cells_of_kinds(name, present, self.kinds(name))
        metadata = {
            name: self.columns.get(name, [None] * len(old)) + more.get(name, [None] * len(items))
            for name in {**self.columns, **more}
        }
        ids = [*old.ids, *items.ids]
        if isinstance(old, Representation) and isinstance(items, Representation):
            return self._with_items(old.joined(items, ids, metadata or None))
        vectors = np.concatenate([old.vectors, items.vectors])
        return self._with_items(Embeddings(vectors, ids=ids, metadata=metadata or None))

    def without(self, ids: Ids) -> "IndexState":
        """The state without some items; columns that are now empty go with them."""
        stays = np.ones(len(self.space.items), dtype=bool)
        stays[self.rows(ids)] = False
        if not stays.any():
            raise TooFewError("this would remove the last item: an index holds at least one")
        rows = np.flatnonzero(stays)
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        items, metadata = self.space.items, _filled(columns) or None
        if isinstance(items, Representation):
            return self._with_items(items.take(rows).called(items.ids[rows], metadata))
        return self._with_items(Embeddings(items.vectors[rows], items.ids[rows], metadata))

    def _with_items(self, items: Embeddings) -> "IndexState":
        old = self.space
        space = Space(
            items=items,
            queries=None if old.one_sided else old.queries,
            trained_for=old.trained_for,
            about=old.about,
        )
        return IndexState(space, self.measure)


EXCLUDED_AT_ONCE = 1 << 23
"""Filtered queries are answered in blocks, so that what they must not be shown stays small."""


def search_passing(
    items: PreparedItems, vectors: Embeddings, passing: Bool[Array, " items"], k: int
) -> Iterator[Neighbours]:
    """Find the nearest neighbours among those prepared items that pass, block by block of vectors.

    The items are prepared for one measure. Of few that pass the vectors are copied; of many the
    others are excluded.
    """
    rows, name = np.flatnonzero(passing), items.measures[0]
    k = min(k, len(rows))
    if not k:
        yield no_lists(name, len(vectors))
    elif 2 * len(rows) < len(passing):
        nearest = search_prepared(some_items(items, rows), vectors, k=k)[name]
        yield replace(nearest, indices=np.where(nearest.indices < 0, -1, rows[nearest.indices]))
    else:
        excluded = np.flatnonzero(~passing)
        length = max(1, EXCLUDED_AT_ONCE // max(1, len(excluded)))
        for start in range(0, len(vectors), length):
            every = len(vectors) <= length  # these were checked: not twice
            some = vectors if every else Embeddings(vectors.vectors[start : start + length])
            exclude = for_every(excluded, len(some), len(passing))
            yield search_prepared(items, some, k=k, exclude=exclude)[name]


def no_lists(name: str, queries: int) -> Neighbours:
    """Lists without any place."""
    none = np.full((queries, 0), -1, dtype=np.int64)
    return Neighbours(name, none, none.astype(np.float64), np.zeros(queries, dtype=np.int64))


def _columns(items: Embeddings) -> dict[str, list[Any]]:
    """The columns of metadata that are not empty, without NumPy's numbers, which no JSON takes."""
    return _filled({name: _without_numpy(column(items, name)) for name in items.metadata_columns})


def _without_numpy(values: Iterable[Any]) -> list[Any]:
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def _filled(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        name: values
        for name, values in columns.items()
        if any(value is not None for value in values)
    }
