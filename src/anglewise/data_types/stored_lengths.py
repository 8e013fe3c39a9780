"""What may be said of the lengths in a collection of a vector store, by what was read of it."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.representation import Representation
from anglewise.data_types.typing import Array, Float64

STORE = "store"
"""Where ``about`` says from which collection a space was read, and by what that ranks."""
LENGTH = "anglewise_length"
"""The column with the lengths that vectors had before they were exported."""


def stored_notes(space: Space) -> Iterator[str]:
    r"""Sentences about a space that was read from a store; nothing of any other.

    >>> known = {"address": "qdrant://h/films", "metric": "Cosine", "ranks_by": "cosine"}
    >>> films = Space(items=[[1.0, 0.0], [0.6, 0.8]], about={"store": known})
    >>> print(*stored_notes(films), sep="\n")
    by its own word (Cosine) qdrant://h/films ranks by cosine
    all lengths in qdrant://h/films are 1, to within 0.001
    """
    about: Any = space.about.get(STORE)
    if not isinstance(about, dict):
        return
    known = cast("dict[str, Any]", about)
    address, word = str(known.get("address")), known.get("metric")
    if word:
        yield f"by its own word ({word}) {address} ranks by {known.get('ranks_by')}"
    else:
        yield f"by what {address} ranks is not known: it names no metric"
    remarks = known.get("remarks")
    if isinstance(remarks, list):
        yield from map(str, cast("list[Any]", remarks))
    items = space.items
    if isinstance(items, Representation) or not items.is_unit():
        return
    said = f"all lengths in {address} are 1, to within 0.001"
    before = lengths_before(items)
    if before is not None:
        said += (
            f"; the vectors that were exported had lengths from {before.min():.3g} to "
            f"{before.max():.3g} (median {np.median(before):.3g}), which are gone from them"
        )
    if space.trained_for != "dot":
        yield said
        return
    gone = "" if before is not None else "if the model gave other lengths, they are gone, and "
    yield (
        f"{said}; the space is declared as trained for dot: {gone}what that costs is not known "
        f"from here: anglewise verify {address} SPACE --measure dot --qrels FILE tells, by the "
        "model's own vectors"
    )


def lengths_before(items: Embeddings) -> Float64[Array, " rows"] | None:
    """The lengths that an export kept beside its vectors; None where it kept none, or all are 1."""
    if LENGTH not in items.metadata_columns:
        return None
    cells = column(items, LENGTH)
    if not all(isinstance(cell, int | float) for cell in cells):
        return None
    lengths = np.array(cells, dtype=np.float64)
    return None if (np.abs(lengths - 1) <= 1e-3).all() else lengths
