"""A row as somebody reads it: its title once, its text whole, and what else is known."""

from dataclasses import dataclass

from anglewise.web_page.metadata import TITLE, Metadata, plain

TEXT = 50_000
"""How many characters of a text that is judged are shown."""

HEADINGS = ("title", "name", "label")
"""Columns that name a row; the others among those that do are texts to be read."""


@dataclass(frozen=True)
class ReadPassage:
    """What somebody reads of a row: a heading or none, a text or none, and the other columns."""

    heading: str
    text: str
    about: list[tuple[str, str]]


def read_passage(metadata: Metadata, row: int) -> ReadPassage:
    """What somebody reads of a row.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> about = {"title": ["Alien"], "text": ["Alien. In space."], "year": [1979]}
    >>> read_passage(Metadata(Embeddings([[1.0]], ["7"], about)), 0)
    ReadPassage(heading='Alien', text='In space.', about=[('year', '1979')])
    """
    columns = metadata.title_columns
    headings = [name for name in columns if name.lower() in HEADINGS]
    texts = [name for name in columns if name not in headings]
    heading_column, heading = _first_filled(metadata, headings, row, TITLE)
    text_column, text = _first_filled(metadata, texts, row, TEXT)
    about = metadata.about(row, without=(heading_column, text_column))
    if not heading and not text:
        heading = plain(metadata.side.ids[row], TITLE)
    others = [pair for pair in about if pair[1] != text]
    return ReadPassage(heading, _without_heading(text.strip(), heading), others)


def _first_filled(metadata: Metadata, names: list[str], row: int, most: int) -> tuple[str, str]:
    """The first of some columns with something in it for a row, and what; empty without."""
    for name in names:
        cell = plain(metadata.cells(name, [row])[0], most)
        if cell.strip():
            return name, cell
    return "", ""


def _without_heading(text: str, heading: str) -> str:
    """A text without the title that it begins with, if more follows."""
    start = heading.rstrip(" .:")
    rest = text[len(start) :]
    if not start or text[: len(start)].casefold() != start.casefold() or rest[:1].isalnum():
        return text
    return rest.lstrip(" .:\n\t-\u2013\u2014") or text
