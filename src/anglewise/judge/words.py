"""What the queries and items of a space say, for cards that people and models read."""

from pathlib import Path

from anglewise.core.embeddings import Embeddings
from anglewise.io.files import Say
from anglewise.io.judgement_export import Texts
from anglewise.io.read import read_space
from anglewise.io.space_json import is_space_folder
from anglewise.io.texts import column, columns_of

WORDS = ("title", "name", "question", "text", "body", "content", "sentence")
"""Columns that say what a row is, in the order in which they are shown."""


def texts_of(place: Path, say: Say) -> Texts:
    """The words of a space in a folder; none where the folder holds no space."""
    if not is_space_folder(place):
        return Texts()
    space = read_space(place, say=say)
    return Texts(words_of(space.queries), words_of(space.items))


def words_of(side: Embeddings) -> dict[str, str]:
    """Title and text of each row that has any, by id.

    >>> words_of(Embeddings([[1.0]], ["7"], metadata={"text": ["A ship."], "title": ["Alien"]}))
    {'7': 'Alien. A ship.'}
    """
    known = {name.lower(): name for name in columns_of(side)}
    wanted = [column(side, known[name]) for name in WORDS if name in known]
    found: dict[str, str] = {}
    for name, *cells in zip(side.ids.tolist(), *wanted, strict=True):
        words = dict.fromkeys(str(cell).strip() for cell in cells if cell not in (None, ""))
        if words:
            found[name] = ". ".join(word.rstrip(".") for word in words) + "."
    return found
