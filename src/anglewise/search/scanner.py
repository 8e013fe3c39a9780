"""The float32 pass over a tile: what the compiled part and NumPy both do, each in its way."""

from abc import ABC, abstractmethod
from typing import Any

from anglewise.embeddings import Embeddings
from anglewise.search.candidates import Candidates
from anglewise.search.left_out import LeftOut
from anglewise.search.plan import Pass
from anglewise.typing import Array, Float32, Int64


class Scanner(ABC):
    """Finds candidates. An interface: whichever finds them, the exact scores decide."""

    kind: str
    tile_bytes: int

    @abstractmethod
    def tile(self, shared: Pass, ranked: Embeddings, rows: Int64[Array, " n"] | slice) -> Any:
        """Items, made ready; it has a ``reach``."""

    @abstractmethod
    def queries(self, queries: Float32[Array, "q r"]) -> Any:
        """Queries, made ready."""

    @abstractmethod
    def scan(
        self, shared: Pass, tile: Any, queries: Any, left_out: LeftOut, found: Candidates
    ) -> None:
        """Add to the candidates whatever in the tile exceeds their cut."""

    @abstractmethod
    def sample(
        self, shared: Pass, tile: Any, queries: Any, left_out: LeftOut, rank: int
    ) -> Float32[Array, "q m"]:
        """About the value of the ``rank``-th item of the tile, for each query and measure."""
