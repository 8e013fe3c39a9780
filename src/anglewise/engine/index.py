"""An index of items that answers exactly while it grows and shrinks; saved as a space folder."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import COUNT
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float32, Int64
from anglewise.engine.index_state import Hit, IndexState, Where
from anglewise.engine.search import search_ready
from anglewise.errors import FileError, ShapeError, SpellingError, TooFewError
from anglewise.io.files import PathLike
from anglewise.io.space_folder import read_space_folder, stored_directions, write_space
from anglewise.io.space_json import is_space_folder
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import measure as read_measure


def write_index(space: Space, measure: str, folder: PathLike) -> None:
    """Write the space with its measure; ``FileError`` if judgements lie where it would go."""
    there = Path(folder)
    if is_space_folder(there) and (stored_directions(there) or (there / "seen.parquet").exists()):
        raise FileError(
            f"{folder} holds judgements or training items, which saving an index would delete: "
            "choose another folder"
        )
    about = {**space.about, "index": {"measure": measure}}
    queries = None if space.one_sided else space.queries
    write_space(
        Space(items=space.items, queries=queries, trained_for=space.trained_for, about=about),
        folder,
    )


def read_index(folder: PathLike, measure: str | None) -> tuple[Space, str]:
    """Read the space, and the measure that it was saved with unless another is named."""
    space = read_space_folder(folder)
    said: Any = space.about.get("index")
    found = cast("dict[str, Any]", said).get("measure") if isinstance(said, dict) else None
    if measure is None and not isinstance(found, str):
        raise SpellingError(
            f"{folder} is a space that names no measure: name one (Index.load(folder, 'cosine')); "
            "anglewise compare says which"
        )
    return space, measure or str(found)


LEFT_OUT_AT_ONCE = 1 << 23
"""Filtered queries are answered in blocks, so that what they may not be shown stays small."""


class Index:
    """Items that answer vectors with the nearest of them: exactly, by the engine.

    At every moment it answers as :func:`anglewise.search` does on the items that it then holds.
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
        A space, whose items answer, or embeddings. Metadata comes along. Queries of a space are
        kept for the measures that need them (``cosine@balanced``).
    measure
        How near is measured: a spelling or a measure.

    Raises
    ------
    SpellingError
        A measure that is not known.

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

    def __init__(self, of: Space | Embeddings, measure: str | Measure) -> None:
        self._measure = read_measure(measure)
        self._held = IndexState(of if isinstance(of, Space) else Space(items=of))
        self._writing = threading.Lock()

    @classmethod
    def load(cls, folder: PathLike, measure: str | Measure | None = None) -> "Index":
        """Read what :meth:`save` wrote, or the items of any space folder under a measure.

        Raises ``FileError`` for a folder that is missing or damaged, ``SpellingError`` if neither
        it nor you names the measure.
        """
        space, said = read_index(folder, None if measure is None else str(measure))
        return cls(space, said if measure is None else measure)

    def save(self, folder: PathLike) -> None:
        """Write a space folder that also names the measure; whole or not at all.

        What is written is what the index held when this began. Raises ``FileError`` where it
        cannot be written, or would delete what an index does not hold.
        """
        write_index(self._held.space, str(self._measure), folder)

    def __len__(self) -> int:
        return len(self._held.space.items)

    def __contains__(self, name: object) -> bool:
        return name in self._held.space.items.row_of

    def __repr__(self) -> str:
        items = self._held.space.items
        return f"Index({len(items)} x {items.dimension}, {self._measure})"

    @property
    def measure(self) -> str:
        """The spelling of the measure."""
        return str(self._measure)

    @property
    def meaning(self) -> str:
        """What a score means, in words."""
        frames = ", ".join(map(str, self._measure.frames))
        return self._measure.formula.meaning + (f" (after: {frames})" if frames else "")

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return self._held.space.items.dimension

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the items, in the order in which they came."""
        return tuple(str(name) for name in self._held.space.items.ids)

    @property
    def space(self) -> Space:
        """What the index holds now; it does not change when the index does."""
        return self._held.space

    def search(
        self, vectors: ArrayLike, k: int = 10, *, where: Where | None = None
    ) -> list[list[Hit]]:
        """The ``k`` nearest items of each vector, one list a vector, near to far.

        Parameters
        ----------
        vectors
            ``queries x d``, or one vector, which is given one list.
        k
            How many; lists are shorter where fewer items are there or allowed.
        where
            What their metadata must be: ``{"year": 1995}``, ``{"genre": ["noir", "crime"]}``, or
            a function of an item's metadata.

        Raises
        ------
        ShapeError, ValuesError
            Vectors of another dimension, or not finite.
        TooFewError
            ``k`` below one.
        SpellingError
            A filter by what is not known about the items.
        """
        held = self._held
        asked = _asked(vectors)
        COUNT.check("k", k, TooFewError)
        through = None if where is None else held.allowed(where)
        meaning = self.meaning
        return [
            hits
            for found in self._found(held, asked, k, through)
            for hits in _hits(held, found, meaning)
        ]

    def nearest(self, vector: ArrayLike, k: int = 10, *, where: Where | None = None) -> list[Hit]:
        """The ``k`` nearest items of one vector, as :meth:`search` gives them."""
        found = self.search(vector, k, where=where)
        if len(found) != 1:
            raise ShapeError(f"{len(found)} vectors came where one is due: take search for several")
        return found[0]

    def vectors(self, ids: Iterable[str]) -> Float32[Array, "ids d"]:
        """The vectors of some items, in the order asked for; ``IdsError`` for unknown ids."""
        held = self._held
        return held.space.items.vectors[held.rows(ids)]

    def add(self, items: Embeddings) -> None:
        """Take in some items with what is known about them: all of them or none.

        Raises ``IdsError`` if one is there already, ``ShapeError`` for another dimension.
        """
        with self._writing:
            self._held = self._held.with_more(items)

    def remove(self, ids: Iterable[str]) -> None:
        """Let some items go: all of them or none.

        Raises ``IdsError`` if one is not there, ``TooFewError`` if none would be left.
        """
        with self._writing:
            self._held = self._held.without(ids)

    def _found(
        self, held: IndexState, asked: Embeddings, k: int, through: Bool[Array, " items"] | None
    ) -> Iterable[Neighbours]:
        space = held.space
        hidden = np.zeros(0, dtype=np.int64) if through is None else np.flatnonzero(~through)
        length = max(1, LEFT_OUT_AT_ONCE // max(1, len(hidden)))
        for start in range(0, len(asked), length):
            some = Embeddings(asked.vectors[start : start + length])
            yield search_ready(
                held.ready(self._measure),
                some,
                k=min(k, len(space.items)),
                exclude=_excluded(hidden, len(some), len(space.items)),
            )[str(self._measure)]


def _asked(vectors: ArrayLike) -> Embeddings:
    x: Any = np.asarray(vectors)
    return Embeddings(cast("ArrayLike", x[None] if x.ndim == 1 else x))


def _excluded(hidden: Int64[Array, " hidden"], queries: int, items: int) -> SparseRows | None:
    if not len(hidden):
        return None
    indptr = np.arange(queries + 1, dtype=np.int64) * len(hidden)
    entries = np.tile(hidden, queries)
    return SparseRows(indptr, entries, np.ones(len(entries)), (queries, items))


def _hits(held: IndexState, found: Neighbours, meaning: str) -> Iterable[list[Hit]]:
    ids = held.space.items.ids
    for rows, scores in zip(found.indices.tolist(), found.scores.tolist(), strict=True):
        yield [
            Hit(str(ids[row]), score, meaning, held.about(row))
            for row, score in zip(rows, scores, strict=True)
            if row >= 0
        ]
