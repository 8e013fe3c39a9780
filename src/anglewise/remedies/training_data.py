"""What candidates are built from: interactions, the screening split, the budget."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from anglewise.comparison.split import ALONE, QuerySplit
from anglewise.data_types.columns import trained_rows
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Direction, Int64, Progress

STREAM = 5
"""Other draws of the same seed use other streams."""
PROPORTION = 0.25
MOST = 400
FEWEST = 40
"""With fewer judged queries none is set apart: what is left could decide nothing."""


@dataclass(frozen=True, eq=False)
class ScreeningSplit:
    """Judged rows of those who ask: some screen, in the order drawn; the others decide."""

    screening: Int64[Array, " s"]
    deciding: Int64[Array, " q"]


def set_apart(
    judged: Int64[Array, " judged"], seed: int, split: QuerySplit = ALONE
) -> ScreeningSplit:
    """Draw a quarter of the judged queries, at most 400, for screening.

    Of groups whole ones, as many as that holds, so that none both screens and decides.

    >>> drawn = set_apart(np.arange(100), seed=0)
    >>> len(drawn.screening), len(drawn.deciding), set(drawn.screening) & set(drawn.deciding)
    (25, 75, set())
    """
    if len(judged) < FEWEST:
        return ScreeningSplit(judged[:0], judged)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
    clusters = split.units(len(judged))
    order = rng.permutation(len(clusters))
    most = min(int(PROPORTION * len(judged)), MOST)
    held = order[np.cumsum(clusters.sizes[order]) <= most]
    rank = np.full(len(clusters), len(judged))
    rank[held] = np.arange(len(held))
    by_draw = np.argsort(rank[clusters.of], kind="stable")
    screening = judged[by_draw[: clusters.sizes[held].sum()]]
    return ScreeningSplit(screening, np.setdiff1d(judged, screening))


def judged_by(judgements: Judgements, rows: Int64[Array, " some"]) -> Judgements:
    """The judgements of some queries alone."""
    mask: Bool[Array, " rows"] = np.zeros(judgements.gains.shape[0], dtype=bool)
    mask[rows] = True
    return judgements.where(mask[judgements.graded.rows])


Clock: TypeAlias = Callable[[], float]


class OutOfTimeError(Exception):
    """The budget is spent; caught by whoever conducts, never shown."""


@dataclass(eq=False)
class Budget:
    """Seconds to spend, counted by a clock from the moment this is made.

    ``kept`` seconds are set aside for what comes last.

    >>> now = iter([0.0, 4.0, 11.0])
    >>> budget = Budget(10.0, clock=lambda: next(now))
    >>> budget.left
    6.0
    >>> budget.check()
    Traceback (most recent call last):
    ...
    anglewise.remedies.training_data.OutOfTimeError: the time is spent
    """

    seconds: float
    clock: Clock = monotonic
    kept: float = 0.0
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def spent(self) -> float:
        """Seconds gone so far."""
        return self.clock() - self.started

    @property
    def left(self) -> float:
        """Seconds that may still be worked; below zero when they are gone."""
        return self.seconds - self.kept - self.spent

    def check(self) -> None:
        """Raise ``OutOfTimeError`` when nothing is left."""
        if self.left < 0:
            raise OutOfTimeError("the time is spent")

    def stepping(self, progress: Progress | None = None) -> Progress:
        """Progress that looks at the clock at every step, so that a long one ends in time."""

        def step(done: int, total: int) -> None:
            self.check()
            if progress is not None:
                progress(done, total)

        return step


@dataclass(eq=False)
class SharedParts:
    """Things made once, and how long each took; ``saved`` counts the seconds of those reused."""

    clock: Clock = monotonic
    made: dict[Any, tuple[Any, float]] = field(default_factory=dict[Any, tuple[Any, float]])
    saved: float = 0.0

    def get(self, key: object, make: Callable[[], Any]) -> Any:
        """What was made under a key, by whoever came first.

        >>> shared = SharedParts()
        >>> shared.get("sum", lambda: 1 + 1), shared.get("sum", lambda: 1 / 0)
        (2, 2)
        """
        if key in self.made:
            thing, seconds = self.made[key]
            self.saved += seconds
            return thing
        started = self.clock()
        thing = make()
        self.made[key] = (thing, self.clock() - started)
        return thing


@dataclass(frozen=True, eq=False)
class Training:
    """Who used what, as far as a model may see it.

    Attributes
    ----------
    space
        The space as it came, for its ids and metadata.
    learned
        What the users liked, from which a model learns; the rows of held-out users are empty.
    visible
        What every user shows: folded in, and left out of what is recommended.
    asking
        The rows of users whose vectors are needed, where vectors are long.
    components
        How many dimensions a model has.
    seed
        For whatever is drawn.
    shared
        What several candidates share, such as a decomposition.
    """

    space: Space
    learned: SparseRows
    visible: SparseRows
    asking: Int64[Array, " asking"]
    components: int
    seed: int = 0
    shared: SharedParts = field(default_factory=SharedParts)

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
    clock: Clock = monotonic,
) -> Training | None:
    """The interactions of a space, where it has any; ``asking`` as in :class:`Training`.

    Held-out users are those whose column ``split`` says anything but ``train``: nothing is
    learned from them, and what they show folds them in.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> seen = SparseRows.from_pairs([0, 1], [0, 1], shape=(2, 2))
    >>> users = Embeddings([[1.0], [1.0]], metadata={"split": ["train", "held-out"]})
    >>> training = training_of(Space(queries=users, items=Embeddings([[1.0], [2.0]]), seen=seen))
    >>> training.learned.counts.tolist(), training.visible.counts.tolist()
    ([1, 0], [1, 1])
    """
    seen = space.seen
    if seen is None or space.one_sided or not len(seen.indices):
        return None
    users = space.queries
    trains = trained_rows(users)
    learned = (seen if trains is None else seen.where(trains[seen.rows])).likes()
    if not len(learned.indices):
        return None
    rows = np.arange(seen.shape[0], dtype=np.int64) if asking is None else asking
    return Training(space, learned, seen, rows, space.items.dimension, seed, SharedParts(clock))


Needs: TypeAlias = Literal["nothing", "judgements", "interactions"]


@runtime_checkable
class SpaceBuilder(Protocol):
    """Builds a space again; its spelling names it, so it is frozen and has a ``str``.

    Built in are closed forms; any object of this shape may stand in ``candidates`` too.
    """

    @property
    def place(self) -> int:
        """Sorts what is simpler to make and to keep first."""
        ...

    def operations(self, training: Training) -> float:
        """Roughly how many floating-point operations it takes: what the first guess rests on."""
        ...

    def columns(self, training: Training) -> int:
        """How long its vectors will be."""
        ...

    def make(self, training: Training, budget: Budget) -> Space:
        """The space, with users and items in the order they came.

        What takes long asks the budget between its steps, and gives what it has when time ends.
        """
        ...

    def measures(self, direction: Direction) -> tuple[str, ...]:
        """The measures that are worth a look in a direction, the one it is made for first."""
        ...
