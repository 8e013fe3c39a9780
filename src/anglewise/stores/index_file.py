"""What stores have in common whose index is one file: it is in memory until it has its place."""

from anglewise.stores.items_beside import ItemsBeside
from anglewise.stores.vector_store import VectorStore


class IndexFile(VectorStore):
    """An index in memory, with the ids of its rows; kept, it is a file with another beside it.

    A part of an interface: who fills it sets ``items`` and ``_in_file``, and writes both in
    ``take_place``.
    """

    items: ItemsBeside
    _in_file: bool

    def finish(self) -> None:
        """Nothing to do: the graph is built while rows are added."""

    def drop(self) -> None:
        """Remove the file and what stands beside it; an index in memory has none."""
        if self._in_file:
            self.items.remove(self.address.folder)

    def scratches(self) -> list[str]:
        """None: tests are made in memory."""
        return []

    def manifest(self) -> str | None:
        """The first line of the file beside the index."""
        return self.items.manifest

    def write_manifest(self, text: str) -> None:
        """Kept, and written with the index."""
        self.items.manifest = text
