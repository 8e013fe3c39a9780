"""The float32 pass over a tile: what the compiled part and NumPy both do, each in its way."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from anglewise.core.typing import Array, Float, Float32, Float64, Int, Int64
from anglewise.search.bound import Reach
from anglewise.search.candidates import Candidates
from anglewise.search.left_out import LeftOut
from anglewise.search.move import Move
from anglewise.search.plan import Pass


@dataclass(frozen=True, eq=False)
class Tile:
    """Some items, ready for a float32 pass; columns beyond the items are padded.

    ``rows`` says which row of the ranked side stands in each column (-1: padding, whose bias is
    minus infinity); ``vectors`` are theirs, laid out as the scanner likes them. For each block of
    neighbouring columns there is its largest bias, and one over its largest and least weight.
    """

    rows: Int[Array, " p"]
    vectors: Float32[Array, "..."]
    weights: Float32[Array, "m p"]
    biases: Float32[Array, "m p"]
    block_bias: Float32[Array, "m blocks"]
    least_step: Float32[Array, "m blocks"]
    most_step: Float32[Array, "m blocks"]
    reach: Reach


class Scanner(ABC):
    """Finds candidates. An interface: whichever finds them, the exact scores decide."""

    kind: str
    block: int
    tile_rows: int
    keeps_sample: bool = True
    """Whether what a sample holds need not be looked at again."""

    @abstractmethod
    def moved(
        self, x: Float32[Array, "n d"], move: Move | None
    ) -> tuple[Float64[Array, "n r"], float]:
        """Rows in a frame, and how far they may lie from the exact ones."""

    @abstractmethod
    def packed(self, x: Float[Array, "n r"], order: Int64[Array, " p"]) -> Float32[Array, "..."]:
        """Items in this order, laid out for the scan."""

    @abstractmethod
    def ranges(
        self, values: Float32[Array, "m p"]
    ) -> tuple[Float32[Array, "m blocks"], Float32[Array, "m blocks"]]:
        """The least and the most of each block."""

    @abstractmethod
    def queries(self, queries: Float32[Array, "q r"]) -> Float32[Array, "..."]:
        """Queries, laid out for the scan."""

    @abstractmethod
    def scan(
        self,
        shared: Pass,
        tile: Tile,
        queries: Float32[Array, "..."],
        left_out: LeftOut,
        found: Candidates,
    ) -> None:
        """Add to the candidates whatever in the tile exceeds their cut."""

    @abstractmethod
    def finish(self, found: Candidates) -> None:
        """Leave no more candidates than are to be kept."""

    def sample(
        self,
        shared: Pass,
        tile: Tile,
        queries: Float32[Array, "..."],
        left_out: LeftOut,
        found: Candidates,
    ) -> None:
        """Find the best of a sample, and let the cut rise to the last of them.

        The first cut is likely to lie below it.
        """
        self.scan(shared, tile, queries, left_out, found)
        self.finish(found)
        found.raise_cut()
