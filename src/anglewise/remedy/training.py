"""What a model may be trained on again: the interactions that lie in a space."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Int64
from anglewise.io.texts import column, columns_of
from anglewise.remedy.apart import rows_kept

TRAIN = "train"
"""What the users' column ``split`` says of those that a model may learn from."""


@dataclass(eq=False)
class Common:
    """Things made once, and how long each took; ``saved`` counts the seconds of those reused."""

    clock: Callable[[], float] = monotonic
    known: dict[Any, tuple[Any, float]] = field(default_factory=dict[Any, tuple[Any, float]])
    saved: float = 0.0

    def get(self, key: object, make: Callable[[], Any]) -> Any:
        """What was made under a key, by whoever came first.

        >>> common = Common()
        >>> common.get("sum", lambda: 1 + 1), common.get("sum", lambda: 1 / 0)
        (2, 2)
        """
        if key in self.known:
            thing, seconds = self.known[key]
            self.saved += seconds
            return thing
        started = self.clock()
        thing = make()
        self.known[key] = (thing, self.clock() - started)
        return thing


@dataclass(frozen=True, eq=False)
class Training:
    """Who used what, as far as a model may see it.

    Attributes
    ----------
    space
        The space as it came, for its ids and metadata.
    learned
        What the users did that a model learns from; the rows of held-out users are empty.
    visible
        What every user shows: folded in, and left out of what is recommended.
    asking
        The rows of users whose vectors are needed, where vectors are long.
    components
        How many dimensions a model has.
    seed
        For whatever is drawn.
    common
        What several candidates share, such as a decomposition.
    """

    space: Space
    learned: SparseRows
    visible: SparseRows
    asking: Int64[Array, " asking"]
    components: int
    seed: int = 0
    common: Common = field(default_factory=Common)

    @cached_property
    def table(self) -> Any:
        """What is learned from: a scipy array of ones, a row for each user who did something."""
        return self.learned.take(np.flatnonzero(self.learned.counts).astype(np.int64)).ones()

    def space_of(
        self, users: Array, items: Array, *, about: dict[str, Any], trained_for: Any
    ) -> Space:
        """A space of the same users and items with other vectors."""
        given = self.space
        return Space(
            queries=given.queries.with_vectors(users),
            items=given.items.with_vectors(items),
            trained_for=trained_for,
            seen=given.seen,
            about=about,
        )


def training_of(
    space: Space,
    asking: Int64[Array, " asking"] | None = None,
    *,
    seed: int = 0,
    clock: Callable[[], float] = monotonic,
) -> Training | None:
    """The interactions of a space, where it has any; ``asking`` as in :class:`Training`.

    Held-out users are those whose column ``split`` says anything but ``train``: nothing is
    learned from them, and what they show folds them in.

    >>> seen = SparseRows.from_pairs([0, 1], [0, 1], shape=(2, 2))
    >>> users = Embeddings([[1.0], [1.0]], metadata={"split": ["train", "held-out"]})
    >>> training = training_of(Space(queries=users, items=Embeddings([[1.0], [2.0]]), seen=seen))
    >>> training.learned.counts.tolist(), training.visible.counts.tolist()
    ([1, 0], [1, 1])
    """
    seen = space.seen
    if seen is None or space.one_sided or not len(seen.indices):
        return None
    learned = rows_kept(seen, _learned_from(space.queries))
    if not len(learned.indices):
        return None
    rows = np.arange(seen.shape[0], dtype=np.int64) if asking is None else asking
    return Training(space, learned, seen, rows, space.items.dimension, seed, Common(clock))


def _learned_from(users: Embeddings) -> Bool[Array, " users"]:
    if "split" not in columns_of(users):
        return np.ones(len(users), dtype=bool)
    return np.array([cell == TRAIN for cell in column(users, "split")], dtype=bool)
