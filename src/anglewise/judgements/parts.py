"""Which document each item is a passage of, where documents were judged and not passages."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.errors import ShapeError
from anglewise.typing import Array, Int64


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
