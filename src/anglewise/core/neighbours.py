"""What a search returns and what every judge reads."""

from dataclasses import dataclass

from anglewise.core.typing import Array, Float32, Int64


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest items of each query under one measure, nearest first.

    Attributes
    ----------
    measure
        The spelling of the measure, such as ``"cosine@centred"``.
    indices
        Rows of the ranked side, ``queries x k``; ``-1`` where fewer than ``k`` items were allowed.
    scores
        Larger is nearer (a distance is negated), in the measure's own unit, rounded to float32
        before ordering; ``-inf`` where ``indices`` is ``-1``. Equal scores are ordered by id.
    tied_at_cut
        For each query, how many items outside the list score the same as the last one inside.
    """

    measure: str
    indices: Int64[Array, "q k"]
    scores: Float32[Array, "q k"]
    tied_at_cut: Int64[Array, " q"]

    @property
    def k(self) -> int:
        """How many neighbours each list has room for."""
        return self.indices.shape[1]
