"""The door: everything that reads a file into a thing."""

from anglewise.interop.interaction_file import read_interactions
from anglewise.interop.space_folder import judgements_of, stored_directions
from anglewise.interop.space_reader import read_space
from anglewise.interop.texts import read_texts

__all__ = [
    "judgements_of",
    "read_interactions",
    "read_space",
    "read_texts",
    "stored_directions",
]
