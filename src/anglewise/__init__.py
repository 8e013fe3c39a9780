"""Tells whether the similarities of embeddings mean anything, and which measure to use.

This is the face: names only, each resolved when it is first used, so that
``import anglewise`` costs nothing and no extra is imported before it is needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anglewise.compare import Comparison, compare
    from anglewise.embeddings import Embeddings, Space
    from anglewise.errors import AnglewiseError
    from anglewise.interop.read import (
        read_interactions,
        read_judgements,
        read_pairs,
        read_space,
        read_triplets,
    )
    from anglewise.interop.space_folder import write_space
    from anglewise.judgements.judgements import Judgements, Pairs, Triplets
    from anglewise.measures.measure import Measure
    from anglewise.measures.spelling import measure
    from anglewise.models.linear import LinearEmbedding
    from anglewise.neighbours import Neighbours
    from anglewise.search.engine import search

__version__ = "0.1.0"

_HOMES = {
    "AnglewiseError": "anglewise.errors",
    "Comparison": "anglewise.compare",
    "Embeddings": "anglewise.embeddings",
    "Judgements": "anglewise.judgements.judgements",
    "LinearEmbedding": "anglewise.models.linear",
    "Measure": "anglewise.measures.measure",
    "Neighbours": "anglewise.neighbours",
    "Pairs": "anglewise.judgements.judgements",
    "Space": "anglewise.embeddings",
    "Triplets": "anglewise.judgements.judgements",
    "compare": "anglewise.compare",
    "measure": "anglewise.measures.spelling",
    "read_interactions": "anglewise.interop.read",
    "read_judgements": "anglewise.interop.read",
    "read_pairs": "anglewise.interop.read",
    "read_space": "anglewise.interop.read",
    "read_triplets": "anglewise.interop.read",
    "search": "anglewise.search.engine",
    "write_space": "anglewise.interop.space_folder",
}

__all__ = [
    "AnglewiseError",
    "Comparison",
    "Embeddings",
    "Judgements",
    "LinearEmbedding",
    "Measure",
    "Neighbours",
    "Pairs",
    "Space",
    "Triplets",
    "__version__",
    "compare",
    "measure",
    "read_interactions",
    "read_judgements",
    "read_pairs",
    "read_space",
    "read_triplets",
    "search",
    "write_space",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'anglewise' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
