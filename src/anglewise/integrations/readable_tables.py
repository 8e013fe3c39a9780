"""Tables of a vector store in the one folder that may be read on behalf of somebody else."""

from dataclasses import replace

from anglewise.data_types.embeddings import Space
from anglewise.data_types.stored_lengths import STORE
from anglewise.data_types.text import Say
from anglewise.errors import SpellingError
from anglewise.integrations.readable_folder import ReadableFolder
from anglewise.stores.address import Address, read_address
from anglewise.stores.space_reader import read_space


def table_in(given: str, folder: ReadableFolder) -> Address:
    """A table of LanceDB in the folder; ``SpellingError`` for every other collection.

    Servers lie outside of it, and to ask one takes a host, and often a key, which is not for an
    agent to name; an index of faiss is a format that a hostile file can break, and Qdrant writes a
    lock where it is opened.

    >>> table_in("qdrant://db/films", ReadableFolder.at("."))
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: qdrant://db/films cannot be asked from here: a table of ...
    """
    read = read_address(given)
    if read.kind != "lancedb":
        raise SpellingError(
            f"{read} cannot be asked from here: a table of LanceDB in the folder is "
            "due, lancedb://FOLDER/TABLE"
        )
    return replace(read, path=str(folder.path(read.path)))


def space_of_table(given: str, queries: str | None, folder: ReadableFolder, say: Say) -> Space:
    """The rows of a table as items, and those who ask from a file, both in the folder.

    In what is told of the space the table is called as it was asked for, not by where the folder
    lies.
    """
    asking = None if queries is None else folder.path(queries)
    space = read_space(table_in(given, folder), queries=asking, say=say)
    known = {**space.about[STORE], "address": given}
    read_from = {**space.about["read_from"], "items": given}
    return replace(space, about={**space.about, STORE: known, "read_from": read_from})
