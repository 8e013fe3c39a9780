"""A small retrieval set of our own: sections of the guides, questions, judgements."""

from dataclasses import replace
from importlib.resources import as_file, files

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.io.read import read_judgements, read_space


def retrieval() -> tuple[Space, Judgements]:
    """Read the bundled questions and guide sections, with graded judgements of their pairs.

    Vectors are the mean over tokens of a small sentence encoder, 384 numbers, not of unit
    length; grades run from 0 (read, does not help) to 3 (answers the question). How both were
    made stands in ``retrieval/README.md`` beside this file.

    >>> space, judgements = retrieval()
    >>> space.queries.dimension, judgements.direction
    (384, 'queries-items')
    >>> space.items.metadata["title"][0]
    'What a comparison needs'
    """
    with as_file(files("anglewise.demo") / "retrieval") as folder:
        space = read_space(folder)
        judgements = read_judgements(folder / "qrels.tsv", space)
    return space, replace(judgements, source="questions about the guides, judged by their author")
