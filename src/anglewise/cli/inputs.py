"""From options to a space."""

from collections.abc import Callable
from pathlib import Path

from anglewise.cli.options import Vectors
from anglewise.core.embeddings import Space
from anglewise.core.typing import Direction
from anglewise.io.read import read_space


def space_of(path: Path | None, vectors: Vectors, say: Callable[[str], None]) -> Space:
    """Read the space that the options name; titles and ids come along."""
    return read_space(
        path,
        queries=vectors.queries,
        items=vectors.items,
        query_ids=vectors.query_ids,
        item_ids=vectors.item_ids,
        query_texts=vectors.query_texts,
        item_texts=vectors.item_texts,
        trained_for=vectors.trained_for,
        vector_column=vectors.vector_column,
        id_column=vectors.id_column,
        say=say,
    )


def direction_of(given: Direction | None, space: Space) -> Direction:
    """The direction asked for; else items-items where items are all there is."""
    if given is not None:
        return given
    return "items-items" if space.one_sided else "queries-items"
