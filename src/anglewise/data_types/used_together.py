"""Who used what, behind judgements of items that are used together."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Literal, TypeAlias, cast, get_args

import numpy as np

from anglewise.data_types.numbers import SEED, check_flag, check_kind, check_word, whole
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Direction, Float64
from anglewise.errors import ShapeError

Grade: TypeAlias = Literal["weighted", "jaccard"]
"""How much two items belong together: by users of both, or by the overlap of their sets."""


@dataclass(frozen=True, eq=False)
class UsedTogether:
    """The sets of items that judgements between items were made of.

    Attributes
    ----------
    sets
        ``sets x items``: what each user used, or the items of each label. Entries of 0 or less are
        no likes and left out; how large the others are is not read.
    grade
        How two items are graded: see :func:`anglewise.judgements.co_use.co_use`.
    min_support
        How many sets hold both, at least, of two items that are judged.
    of_users
        Whether sets are users, so that an item's number of sets is how much it was used.
    use
        How often each item was used, where sets are no users: by it strata are parted.
    seed
        Draws the items that ask, where all pairs are too many.
    digest
        Of the gains that were made of it, by which those that were changed since are told.
    """

    sets: SparseRows
    grade: Grade = "weighted"
    min_support: int = 1
    of_users: bool = True
    use: Float64[Array, " items"] | None = None
    seed: int = 0
    digest: str = ""

    def __post_init__(self) -> None:
        check_kind(self.sets, SparseRows, "sets", "SparseRows")
        object.__setattr__(self, "sets", self.sets.likes())
        check_word(self.grade, get_args(Grade), "grade")
        whole(1).check("min_support", self.min_support)
        check_flag(self.of_users, "of_users")
        SEED.check("seed", self.seed)
        if self.use is not None and np.shape(self.use) != (self.sets.shape[1],):
            raise ShapeError(
                f"use is {np.shape(self.use)}, and sets are of {self.sets.shape[1]} items: one "
                "number for each is due"
            )

    @cached_property
    def uses(self) -> Float64[Array, " items"]:
        """In how many sets each item is.

        >>> UsedTogether(SparseRows.from_pairs([0, 1], [2, 2], shape=(2, 3))).uses.tolist()
        [0.0, 0.0, 2.0]
        """
        return np.bincount(self.sets.indices, minlength=self.sets.shape[1]).astype(np.float64)

    def made(self, gains: SparseRows) -> bool:
        """Whether these gains are those that were made of it."""
        return self.digest == digest_of(gains)


def digest_of(gains: SparseRows) -> str:
    """What tells a table of gains from another."""
    parts = (gains.indptr, gains.indices, gains.values)
    hashed = sha256(repr(gains.shape).encode())
    for part in parts:
        hashed.update(np.ascontiguousarray(part).tobytes())
    return hashed.hexdigest()


def check_made_of(made_of: object, shape: tuple[int, int], direction: Direction) -> None:
    """Refuse sets that cannot be behind gains of a shape and a direction."""
    if made_of is None:
        return
    check_kind(made_of, UsedTogether, "made_of", "UsedTogether")
    sets = cast("UsedTogether", made_of).sets
    if sets.shape[1] != shape[1] or direction != "items-items":
        raise ShapeError(
            f"made_of has sets of {sets.shape[1]} items, gains are {shape} in direction "
            f"{direction}: sets of the same items are due, and items-items"
        )
