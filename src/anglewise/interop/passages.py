"""Judgements that name documents, where the items of a space are passages of them."""

from collections.abc import Iterable
from typing import cast

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.judgements import Parts
from anglewise.errors import IdsError
from anglewise.interop.texts import column, columns_of, titles

DOCUMENT = "document"
"""The column of metadata that names the document of a passage, as ``encode`` writes it."""


def parts_of(items: Embeddings) -> Parts | None:
    """Which document each item is a passage of, if a column says so and any was cut.

    >>> about = {"document": ["a", "a", "b"]}
    >>> parts_of(Embeddings([[1.0], [2.0], [3.0]], ["a#0", "a#1", "b"], about)).documents
    ('a', 'b')
    """
    if DOCUMENT not in columns_of(items):
        return None
    cells = column(items, DOCUMENT)
    names = [
        str(name) if cell is None else str(cell)
        for cell, name in zip(cells, items.ids, strict=True)
    ]
    return None if names == items.ids.tolist() else Parts.named(names)


def documents_of(items: Embeddings, parts: Parts) -> Embeddings:
    """The documents as embeddings without numbers: zeros stand for their vectors.

    A document is known by what its first passage is known by.
    """
    known, rows = titles(items), cast("list[int]", parts.first.tolist())
    about = None if known is None else {"title": [known[row] for row in rows]}
    return Embeddings(np.zeros((len(parts), 1), np.float32), ids=parts.documents, metadata=about)


def judged_parts(names: Iterable[str], items: Embeddings, source: str) -> Parts | None:
    """The parts, if judgements name documents; ``None`` if they name the items themselves.

    A document that was not cut has the name of its only passage, and may stand among either.

    Raises ``IdsError`` where some names are those of passages alone and some of documents alone.
    """
    parts = parts_of(items)
    if parts is None:
        return None
    named, documents = set(names), set(parts.documents)
    passages = sorted(n for n in named if n in items.row_of and n not in documents)
    whole = sorted(n for n in named if n in documents and n not in items.row_of)
    if passages and whole:
        raise IdsError(
            f"{source} names passages, such as {passages[0]!r}, and documents, such as "
            f"{whole[0]!r}: judge either these or those"
        )
    return None if passages or named.isdisjoint(documents) else parts
