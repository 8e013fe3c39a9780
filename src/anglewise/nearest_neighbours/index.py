"""An index of items that answers exactly while it grows and shrinks; saved as a space folder."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from numpy.typing import ArrayLike

from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Embeddings, Space, as_embeddings, as_space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import COUNT
from anglewise.data_types.representation import Representation
from anglewise.data_types.text import as_path
from anglewise.data_types.typing import Array, Float32, Ids
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.io.files import PathLike
from anglewise.io.space_folder import read_space_folder, write_space
from anglewise.nearest_neighbours.index_state import IndexState
from anglewise.nearest_neighbours.represented import check_rank
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure as read_measure

if TYPE_CHECKING:
    from anglewise.data_types.filters import Where


@dataclass(frozen=True)
class Hit:
    """One item that an index found.

    Attributes
    ----------
    id
        Its name.
    score
        Larger is nearer, in the unit of the measure.
    meaning
        What the score means, in words.
    metadata
        The item's metadata: its title, its text, …

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
    """What finds the nearest items: :class:`anglewise.Index`, or the adapter of a store.

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
        self, vectors: ArrayLike, k: int = 10, *, where: "Where | None" = None
    ) -> list[list[Hit]]:
        """One list for each vector; a single vector is given one list."""
        ...

    def vectors(self, ids: Ids) -> Float32[Array, "ids d"]:
        """The vectors of some items, in the order asked for; ``IdsError`` for unknown ids."""
        ...


class Index:
    """Items among which the nearest of a vector are found, exactly, while items come and go.

    A search gives what :func:`anglewise.search` gives on the items that the index then holds.
    So a measure with a frame (``cosine@centred``) is fitted anew after every change, at the next
    search, and scores before and after a change may differ.

    Any number of threads may search while others add and remove: a search sees the items as they
    were when it began, all of a change or nothing of it. A change copies the vectors; add many
    items at once rather than one by one. The first search after a change makes the items ready for
    the following ones, which is a second copy of the vectors, of at most 1 GiB; what exceeds that
    is made ready again for each search.

    Parameters
    ----------
    of
        A space, whose items are searched; embeddings; or an array or frame. Metadata comes along.
        Queries of a space are kept for the measures that need them (``cosine@balanced``).
    measure
        A spelling or a measure.

    Raises
    ------
    SpellingError
        A measure that is not known, or does not rank what the items are.

    Examples
    --------
    >>> films = Embeddings([[1.0, 0.0], [3.0, 3.0]], ids=["7", "9"], metadata={"title": ["A", "B"]})
    >>> index = Index(films, "cosine")
    >>> [(hit.id, round(hit.score, 3), hit.metadata["title"]) for hit in index.nearest([2.0, 0.0])]
    [('7', 1.0, 'A'), ('9', 0.707, 'B')]
    >>> index.add(Embeddings([[0.0, 1.0]], ids=["12"]))
    >>> index.remove(["7"])
    >>> list(index.ids)
    ['9', '12']
    """

    def __init__(self, of: Space | Embeddings | Vectors, measure: str | Measure) -> None:
        space, measure = as_space(of), read_measure(measure)
        check_rank(space.items, [measure])
        self._state = IndexState(space, measure)
        self._writing = threading.Lock()
        self._kept: tuple[IndexState, str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied are the items; the copy makes them ready anew."""
        return Index, (self._state.space, self._state.measure)

    @classmethod
    def load(cls, folder: PathLike, measure: str | Measure | None = None) -> "Index":
        """Read what :meth:`save` wrote, or the items of any space folder under a measure.

        Raises ``FileError`` for a folder that is missing or damaged, ``SpellingError`` if neither
        it nor you names the measure.
        """
        if measure is not None:
            measure = read_measure(measure)
        space, spelling = read_index(folder, None if measure is None else str(measure))
        index = cls(space, spelling if measure is None else measure)
        index._kept = index._state, str(as_path(folder, "a folder"))
        return index

    def save(self, folder: PathLike) -> None:
        """Write a space folder that also names the measure; whole or not at all.

        What is written is what the index held when this began. Raises ``FileError`` where it
        cannot be written, or would delete what an index does not hold.
        """
        state = self._state
        write_index(state.space, str(state.measure), folder)
        self._kept = state, str(as_path(folder, "a folder"))

    @property
    def folder(self) -> str | None:
        """The folder that this index was loaded from or saved to, unless it changed since."""
        return self._kept[1] if self._kept is not None and self._kept[0] is self._state else None

    def __len__(self) -> int:
        return len(self._state.space.items)

    def __contains__(self, name: object) -> bool:
        known = self._state.space.items.row_of
        return name in known or (isinstance(name, Integral) and str(name) in known)

    def __repr__(self) -> str:
        items = self._state.space.items
        return f"Index({len(items)} x {items.dimension}, {self.measure})"

    @property
    def measure(self) -> str:
        """The spelling of the measure."""
        return str(self._state.measure)

    @property
    def meaning(self) -> str:
        """What a score means, in words."""
        measure = self._state.measure
        frames = ", ".join(map(str, measure.frames))
        return measure.formula.meaning + (f" (after: {frames})" if frames else "")

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return self._state.space.items.dimension

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the items, in the order in which they came."""
        return tuple(str(name) for name in self._state.space.items.ids)

    @property
    def space(self) -> Space:
        """What the index holds now; it does not change when the index does."""
        return self._state.space

    def search(
        self, vectors: Vectors, k: int = 10, *, where: "Where | None" = None
    ) -> list[list[Hit]]:
        """The ``k`` nearest items of each vector, one list a vector, near to far.

        Parameters
        ----------
        vectors
            ``queries x d``, or one vector, which is given one list; of an index of lists of token
            vectors lists of matrices, or one matrix; of sparse vectors a sparse matrix.
        k
            How many; lists are shorter where fewer items are there or allowed.
        where
            What their metadata must be: ``{"year": {">=": 1995}}``, ``{"genre": ["noir",
            "crime"]}``, ``"year >= 1995"``, or a function of an item's metadata; see
            :mod:`anglewise.data_types.filters`. Where no item passes, lists are empty.

        Raises
        ------
        ShapeError, ValuesError
            Vectors of another dimension, or not finite.
        TooFewError
            ``k`` below one.
        SpellingError
            A filter that cannot be read, or by metadata that the items do not have.
        WrongTypeError
            A value in a filter that no item can have: a number where there are texts.
        """
        state = self._state
        queries = state.questions(vectors)
        COUNT.check("k", k, TooFewError)
        return self._hits(state, state.nearest(queries, k, where))

    def similar_items(
        self, ids: Ids, k: int = 10, *, where: "Where | None" = None
    ) -> list[list[Hit]]:
        """The ``k`` nearest other items of some items, one list an item, near to far.

        What :func:`anglewise.search` gives in the direction ``items-items``: a frame such as
        ``@data-space`` moves those that ask as items. ``where`` as in :meth:`search`; raises as it
        does, and ``IdsError`` for an id that is not there.

        >>> index = Index(Embeddings([[1.0, 0.0], [3.0, 3.0]], ids=["7", "9"]), "cosine")
        >>> [[hit.id for hit in hits] for hits in index.similar_items("7")]
        [['9']]
        """
        state = self._state
        rows = state.rows(ids)
        COUNT.check("k", k, TooFewError)
        asking = state.space.items.take(rows)
        found = state.nearest(asking, k + 1, where, direction="items-items")
        names = (str(name) for name in asking.ids)
        return [
            [hit for hit in hits if hit.id != name][:k]
            for name, hits in zip(names, self._hits(state, found), strict=True)
        ]

    def _hits(self, state: IndexState, found: Iterable[Neighbours]) -> list[list[Hit]]:
        items, meaning = state.space.items, self.meaning
        return [
            [
                Hit(str(items.ids[row]), score, meaning, state.about(row))
                for row, score in zip(rows, scores, strict=True)
                if row >= 0
            ]
            for lists in found
            for rows, scores in zip(lists.indices.tolist(), lists.scores.tolist(), strict=True)
        ]

    def nearest(self, vector: Vectors, k: int = 10, *, where: "Where | None" = None) -> list[Hit]:
        """The ``k`` nearest items of one vector, as :meth:`search` gives them."""
        answers = self.search(vector, k, where=where)
        if len(answers) != 1:
            raise ShapeError(
                f"{len(answers)} vectors came where one is due: take search for several"
            )
        return answers[0]

    def vectors(self, ids: Ids) -> Float32[Array, "ids d"]:
        """The vectors of some items, in the order asked for; ``IdsError`` for unknown ids."""
        state = self._state
        return state.space.items.vectors[state.rows(ids)]

    def add(self, items: Embeddings | Vectors) -> None:
        """Add some items with their metadata: all of them or none.

        A frame's index names its rows; those of an array have no ids but their numbers.

        Raises ``IdsError`` if one is there already, ``ShapeError`` for another dimension,
        ``WrongTypeError`` for metadata of another kind than a column holds, which no file could
        keep.
        """
        with self._writing:
            own = self._state.space.items
            more = own.of_kind(items) if isinstance(own, Representation) else as_embeddings(items)
            self._state = self._state.with_more(more)

    def remove(self, ids: Ids) -> None:
        """Remove some items: all of them or none.

        Raises ``IdsError`` if one is not there, ``TooFewError`` if none would be left.
        """
        with self._writing:
            self._state = self._state.without(ids)


def write_index(space: Space, measure: str, folder: PathLike) -> None:
    """Write the space with its measure; ``FileError`` if judgements lie where it would go."""
    about = {**space.about, "index": {"measure": measure}}
    queries = None if space.one_sided else space.queries
    write_space(
        Space(items=space.items, queries=queries, trained_for=space.trained_for, about=about),
        folder,
    )


def read_index(folder: PathLike, measure: str | None) -> tuple[Space, str]:
    """Read the space, and the measure that it was saved with unless another is named."""
    space = read_space_folder(folder)
    about: Any = space.about.get("index")
    stored = cast("dict[str, Any]", about).get("measure") if isinstance(about, dict) else None
    if measure is None and not isinstance(stored, str):
        raise SpellingError(
            f"{folder} is a space that names no measure: name one (Index.load(folder, 'cosine')); "
            "anglewise compare says which"
        )
    return space, measure or str(stored)
