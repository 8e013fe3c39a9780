"""The door: everything that reads a file into a thing."""

from anglewise.interop.interaction_file import read_interactions
from anglewise.interop.texts import read_texts

__all__ = ["read_interactions", "read_texts"]
