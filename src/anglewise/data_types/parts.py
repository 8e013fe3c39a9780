"""Documents in parts: which document each item of a space is a passage of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from anglewise.data_types.columns import column, titles
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import IdsError, ShapeError


@dataclass(frozen=True, eq=False)
class Parts:
    """The documents of a space, and the one that each item is a passage of.

    Attributes
    ----------
    documents
        The ids of the documents, each once.
    of
        For each item the position of its document in ``documents``.

    Examples
    --------
    >>> parts = Parts.named(["a", "b", "a"])
    >>> parts.documents, parts.of.tolist(), parts.first.tolist()
    (('a', 'b'), [0, 1, 0], [0, 1])
    """

    documents: tuple[str, ...]
    of: Int64[Array, " items"]

    def __post_init__(self) -> None:
        document_rows = np.unique(self.of)
        if not np.array_equal(document_rows, np.arange(len(self.documents))):
            raise ShapeError(
                f"{len(self.documents)} documents, and passages of {len(document_rows)}: every "
                "document has a passage, every passage a document"
            )

    def __len__(self) -> int:
        return len(self.documents)

    @classmethod
    def named(cls, documents: Sequence[str]) -> "Parts":
        """Parts from the document id of each item; documents in the order of first appearance."""
        row_of = {name: i for i, name in enumerate(dict.fromkeys(documents))}
        return cls(tuple(row_of), np.array([row_of[name] for name in documents], dtype=np.int64))

    @cached_property
    def first(self) -> Int64[Array, " documents"]:
        """The first passage of each document."""
        return np.unique(self.of, return_index=True)[1].astype(np.int64)


DOCUMENT = "document"
"""The column of metadata that names the document of a passage, as ``encode`` writes it."""


def parts_of(items: Embeddings) -> Parts | None:
    """The document of each item, if the metadata name one and any document was cut; else None.

    >>> about = {"document": ["a", "a", "b"]}
    >>> parts_of(Embeddings([[1.0], [2.0], [3.0]], ["a#0", "a#1", "b"], about)).documents
    ('a', 'b')
    """
    if DOCUMENT not in items.metadata_columns:
        return None
    cells = column(items, DOCUMENT)
    names = [
        str(name) if cell is None else str(cell)
        for cell, name in zip(cells, items.ids, strict=True)
    ]
    return None if names == items.ids.tolist() else Parts.named(names)


def judged_parts(names: Iterable[str], items: Embeddings, source: str) -> Parts | None:
    """The parts, if judgements name documents; ``None`` if they name the items themselves.

    A document that was not cut shares the id of its only passage, and counts as either.

    Raises ``IdsError`` where some ids belong to passages only and others to documents only.
    """
    parts = parts_of(items)
    if parts is None:
        return None
    judged_names, documents = set(names), set(parts.documents)
    passages = sorted(n for n in judged_names if n in items.row_of and n not in documents)
    whole_documents = sorted(n for n in judged_names if n in documents and n not in items.row_of)
    if passages and whole_documents:
        raise IdsError(
            f"{source} names passages, such as {passages[0]!r}, and documents, such as "
            f"{whole_documents[0]!r}: judge either these or those"
        )
    return None if passages or judged_names.isdisjoint(documents) else parts


def documents_of(items: Embeddings, parts: Parts) -> Embeddings:
    """The documents as embeddings without numbers: zeros stand for their vectors.

    A document takes the title of its first passage.
    """
    item_titles, rows = titles(items), cast("list[int]", parts.first.tolist())
    metadata = None if item_titles is None else {"title": [item_titles[row] for row in rows]}
    return Embeddings(np.zeros((len(parts), 1), np.float32), ids=parts.documents, metadata=metadata)
