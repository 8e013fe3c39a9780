"""Who used what, how much and when: what recommenders learn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anglewise.errors import ShapeError, TooFewError
from anglewise.sparse import SparseRows
from anglewise.typing import Array, Float64, Int64, Shaped


@dataclass(frozen=True, eq=False)
class Interactions:
    """Users x items, one entry for each pair that came, with its weight and, if known, its time.

    ``users[e]``, ``items[e]``, ``weights[e]``, ``times[e]`` describe entry ``e``; a pair comes
    once (readers keep the last of repeated ones and say so).
    """

    users: Int64[Array, " entries"]
    items: Int64[Array, " entries"]
    weights: Float64[Array, " entries"]
    user_ids: Shaped[Array, " users"]
    item_ids: Shaped[Array, " items"]
    times: Float64[Array, " entries"] | None = None
    item_metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.users), len(self.items), len(self.weights)}
        if self.times is not None:
            lengths.add(len(self.times))
        if len(lengths) > 1:
            raise ShapeError("users, items, weights and times differ in length")
        if not len(self.users):
            raise TooFewError("no interactions: at least one user who used one item is due")

    @property
    def shape(self) -> tuple[int, int]:
        """Users, items."""
        return len(self.user_ids), len(self.item_ids)

    def rows(self) -> SparseRows:
        """The same as sparse rows, one a user, weights as values."""
        return SparseRows.from_pairs(self.users, self.items, self.weights, shape=self.shape)
