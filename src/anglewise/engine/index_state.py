"""The state of an index at one moment, and what any index has to answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.typing import Array, Bool, Float32, Int64
from anglewise.engine.search import Ready
from anglewise.errors import IdsError, ShapeError, SpellingError, TooFewError
from anglewise.io.tables import listed
from anglewise.io.texts import column, columns_of
from anglewise.measures.formulas import Measure

Where: TypeAlias = Mapping[str, Any] | Callable[[Mapping[str, Any]], bool]
"""Which items may answer: values (or lists of values) of their metadata, or a question to it."""


@dataclass(frozen=True)
class Hit:
    """One item that an index found.

    Attributes
    ----------
    id
        Its name.
    score
        How near it is, larger is nearer, in the unit of the measure.
    meaning
        What the score means, in words.
    metadata
        What is known about the item: its title, its text, …

    Examples
    --------
    >>> Hit("7", 0.5, "cosine in [-1, 1]").score
    0.5
    """

    id: str
    score: float
    meaning: str
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@runtime_checkable
class Answering(Protocol):
    """What answers with the nearest items: :class:`anglewise.Index`, or the adapter of a store.

    An interface. Scores are of ``measure``, larger is nearer; lists run from near to far, equal
    scores in the order of ids, and are shorter than ``k`` where fewer items are there or allowed.
    """

    @property
    def measure(self) -> str:
        """The spelling of the measure of the scores."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        ...

    def __len__(self) -> int:
        """How many items there are."""
        ...

    def search(
        self, vectors: ArrayLike, k: int = 10, *, where: Where | None = None
    ) -> list[list[Hit]]:
        """One list for each vector; a single vector is given one list."""
        ...

    def vectors(self, ids: Iterable[str]) -> Float32[Array, "ids d"]:
        """The vectors of some items, in the order asked for; ``IdsError`` for unknown ids."""
        ...


@dataclass(frozen=True, eq=False)
class IndexState:
    """A space, and its items' metadata as lists.

    >>> held = IndexState(Space(items=Embeddings([[1.0]], ids=["a"], metadata={"title": ["Heat"]})))
    >>> held.about(0)
    {'title': 'Heat'}
    """

    space: Space

    @cached_property
    def _ready(self) -> dict[Measure, Ready]:
        return {}

    def ready(self, measure: Measure) -> Ready:
        """The space made ready for a measure, when it is first searched by it."""
        if measure not in self._ready:
            self._ready.setdefault(measure, Ready.of(self.space, [measure]))
        return self._ready[measure]

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """What is known about the items, one list a column; read from the file now if need be.

        A column in which nothing stands is as good as none.
        """
        items = self.space.items
        found = {name: _plain(column(items, name)) for name in columns_of(items)}
        return {name: values for name, values in found.items() if _says_anything(values)}

    def about(self, row: int) -> dict[str, Any]:
        """What is known about one item."""
        return {name: values[row] for name, values in self.columns.items()}

    def rows(self, ids: Iterable[str]) -> Int64[Array, " ids"]:
        """The rows of some ids; ``IdsError`` names those that are not here."""
        wanted = [str(name) for name in ids]
        row_of = self.space.items.row_of
        unknown = [name for name in wanted if name not in row_of]
        if unknown:
            raise IdsError(
                f"the index has no {listed(unknown, 3)}: its ids are such as "
                f"{listed([str(name) for name in self.space.items.ids[:3]], 3)}"
            )
        return np.array([row_of[name] for name in wanted], dtype=np.int64)

    def allowed(self, where: Where) -> Bool[Array, " items"]:
        """Which items a filter lets through."""
        if not isinstance(where, Mapping):
            answers = (bool(where(self.about(row))) for row in range(len(self.space.items)))
            return np.fromiter(answers, dtype=bool, count=len(self.space.items))
        through = np.ones(len(self.space.items), dtype=bool)
        for name, value in cast("Mapping[str, Any]", where).items():
            if name not in self.columns:
                raise SpellingError(
                    f"no metadata is called {name!r}: there is {listed(list(self.columns), 5)}"
                )
            good = _several(value)
            through &= np.array([one in good for one in self.columns[name]], dtype=bool)
        return through

    def with_more(self, items: Embeddings) -> "IndexState":
        """The same and some more items behind them."""
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
        more = IndexState(Space(items=items)).columns
        metadata = {
            name: self.columns.get(name, [None] * len(old)) + more.get(name, [None] * len(items))
            for name in {**self.columns, **more}
        }
        return self._holding(
            np.concatenate([old.vectors, items.vectors]), [*old.ids, *items.ids], metadata
        )

    def without(self, ids: Iterable[str]) -> "IndexState":
        """The same but for some items; columns that nobody fills any more go with them."""
        gone = self.rows(ids)
        stays = np.ones(len(self.space.items), dtype=bool)
        stays[gone] = False
        if not stays.any():
            raise TooFewError("this would remove the last item: an index holds at least one")
        rows = np.flatnonzero(stays)
        kept = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        metadata = {name: values for name, values in kept.items() if _says_anything(values)}
        items = self.space.items
        return self._holding(items.vectors[rows], list(items.ids[rows]), metadata)

    def _holding(
        self, vectors: Array, ids: Sequence[str], metadata: Mapping[str, list[Any]]
    ) -> "IndexState":
        space = self.space
        return IndexState(
            Space(
                items=Embeddings(vectors, ids=ids, metadata=metadata or None),
                queries=None if space.one_sided else space.queries,
                trained_for=space.trained_for,
                about=space.about,
            )
        )


def _several(value: Any) -> Sequence[Any]:
    listed_ = isinstance(value, list | tuple | set | frozenset)
    return list(cast("Iterable[Any]", value)) if listed_ else [value]


def _says_anything(values: list[Any]) -> bool:
    return any(value is not None for value in values)


def _plain(values: list[Any]) -> list[Any]:
    """Without NumPy's own kinds of numbers, which no JSON takes."""
    return [one.item() if isinstance(one, np.generic) else one for one in values]
