"""Judgements, graded pairs, triplets and labels; which document each passage belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Direction, Float64, Int64
from anglewise.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Parts:
    """The documents of a space, and the one that each item is a passage of.

    Attributes
    ----------
    documents
        The ids of the documents, each once.
    of
        For each item its document, by its place in ``documents``.

    Examples
    --------
    >>> parts = Parts.named(["a", "b", "a"])
    >>> parts.documents, parts.of.tolist(), parts.first.tolist()
    (('a', 'b'), [0, 1, 0], [0, 1])
    """

    documents: tuple[str, ...]
    of: Int64[Array, " items"]

    def __post_init__(self) -> None:
        held = np.unique(self.of)
        if not np.array_equal(held, np.arange(len(self.documents))):
            raise ShapeError(
                f"{len(self.documents)} documents, and passages of {len(held)}: every document "
                "has a passage, every passage a document"
            )

    def __len__(self) -> int:
        return len(self.documents)

    @classmethod
    def named(cls, documents: Sequence[str]) -> "Parts":
        """From the id of the document of each item, in the order of first appearance."""
        place = {name: i for i, name in enumerate(dict.fromkeys(documents))}
        return cls(tuple(place), np.array([place[name] for name in documents], dtype=np.int64))

    @cached_property
    def first(self) -> Int64[Array, " documents"]:
        """The first passage of each document."""
        return np.unique(self.of, return_index=True)[1].astype(np.int64)


@dataclass(frozen=True, eq=False)
class Complaints:
    """What is wrong with a set of labels; said before any number is shown.

    ``unknown_queries`` and ``unknown_items`` name up to three ids that the space does not hold.
    """

    unknown_queries: tuple[str, ...] = ()
    unknown_items: tuple[str, ...] = ()
    dropped: int = 0
    duplicates: int = 0
    queries_without_relevant: int = 0
    gains_all_equal: bool = False


@dataclass(frozen=True, eq=False)
class Judgements:
    """Graded relevance, aligned with the rows of a space.

    Judged and not relevant is a stored zero; not judged is not stored. A query without any
    entry was not judged and is not evaluated.

    Attributes
    ----------
    gains
        ``queries x items`` of the direction (``items x items`` for ``items-items``).
    direction
        Who asks and who is ranked.
    source
        In words: the file, or the construction with its settings.
    complaints
        What was wrong with the labels as they came.
    seen
        What an evaluation leaves out of the ranking beside what the space says, per row
        (for constructed judgements: what was folded in).
    judged_items
        Where it is known for whole items, as from labels: which of them were judged for every
        query. Those that a query does not store are not relevant to it.
    chances
        Where judged pairs were drawn by lot: with which chance each was, the entries of ``gains``
        with values in (0, 1]. Metrics that end in ``(sampled)`` weigh by them.
    judged_at
        When each query of the asking side was first judged, in seconds, where it is known; NaN
        for those that were not. Who judges until decided needs the order.
    parts
        Where documents were judged and the items are passages of them: the documents. The columns
        of ``gains`` are these then, and of each document its best passage counts.
    """

    gains: SparseRows
    direction: Direction = "queries-items"
    source: str = ""
    complaints: Complaints = field(default_factory=Complaints)
    seen: SparseRows | None = None
    judged_items: Bool[Array, " items"] | None = None
    chances: SparseRows | None = None
    judged_at: Float64[Array, " rows"] | None = None
    parts: Parts | None = None

    @property
    def judged_rows(self) -> Int64[Array, " judged"]:
        """The rows of queries that have at least one judgement."""
        return np.flatnonzero(self.gains.counts).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two rows and how alike a person finds them: ``rows_a[i]``, ``rows_b[i]``, ``scores[i]``.

    Rows of the queries on the left, of the items on the right; the same side twice when
    the space is one-sided.
    """

    rows_a: Int64[Array, " pairs"]
    rows_b: Int64[Array, " pairs"]
    scores: Float64[Array, " pairs"]
    source: str = ""
    complaints: Complaints = field(default_factory=Complaints)


@dataclass(frozen=True, eq=False)
class Triplets:
    """For each anchor row, a row that is near and one that is further."""

    anchors: Int64[Array, " triplets"]
    near: Int64[Array, " triplets"]
    far: Int64[Array, " triplets"]
    source: str = ""
    complaints: Complaints = field(default_factory=Complaints)


@dataclass(frozen=True)
class Labels:
    """A class for each item: the same class is relevant."""

    of: Mapping[str, str]
