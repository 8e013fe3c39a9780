"""The door: everything that reads a file into a thing."""

from anglewise.interop.interaction_file import read_interactions
from anglewise.interop.judgement_file import judgement_kind, read_judgements
from anglewise.interop.label_file import read_labels
from anglewise.interop.pair_file import read_pairs, read_triplets
from anglewise.interop.space_folder import judgements_of, stored_directions
from anglewise.interop.space_reader import read_space
from anglewise.interop.texts import read_texts

__all__ = [
    "judgement_kind",
    "judgements_of",
    "read_interactions",
    "read_judgements",
    "read_labels",
    "read_pairs",
    "read_space",
    "read_texts",
    "read_triplets",
    "stored_directions",
]
