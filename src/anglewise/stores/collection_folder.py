"""What stores have in common whose collections are folders of a folder."""

import shutil
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from anglewise.io.files import file_text, reading
from anglewise.io.outputs import new_file
from anglewise.stores.address import Address
from anglewise.stores.folders import take_folder
from anglewise.stores.vector_store import SCRATCH, VectorStore, saying

MANIFEST = "anglewise.json"
"""The manifest in the folder of a collection, which the engines leave alone."""


class CollectionFolder(VectorStore):
    """A collection that is a folder, opened by an engine in this process.

    A part of an interface: who fills it sets ``folder``, and lets go of it in ``close``.
    """

    engine: ClassVar[str]
    """What it is called in messages."""
    folder: Path

    @abstractmethod
    def collections(self) -> list[str]:
        """The names of all collections in the folder around it."""

    def take_place(self, address: Address) -> None:
        """The folder is exchanged with the one that has the name, at once."""
        self.close()
        with saying(address, self.engine):
            take_folder(self.folder, folder_of(address))
        self.__init__(address.plain())

    def drop(self) -> None:
        """Remove the folder."""
        self.close()
        with saying(self.address, self.engine):
            shutil.rmtree(self.folder)

    def scratches(self) -> list[str]:
        """By the beginning of their names."""
        return [name for name in self.collections() if name.startswith(SCRATCH)]

    def manifest(self) -> str | None:
        """The file in the folder."""
        path = self.folder / MANIFEST
        if not path.is_file():
            return None
        with reading(path, "the manifest of a collection"):
            return file_text(path)

    def write_manifest(self, text: str) -> None:
        """Into a file of the folder."""
        with new_file(self.folder / MANIFEST) as file:
            file.write(text.encode())


def folder_of(address: Address) -> Path:
    """Where the collection of an address lies."""
    return address.folder / address.name
