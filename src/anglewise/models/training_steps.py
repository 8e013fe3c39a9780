"""One training step: measure, sampled softmax, negatives, Adam; needs PyTorch.

What a measure computes works on NumPy arrays and on PyTorch tensors alike.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from anglewise.core.embeddings import TrainedFor
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float32, Float64, Int64
from anglewise.errors import MissingExtraError, SpellingError, ValuesError


def torch_library() -> Any:
    """Import PyTorch, or say which extra brings it; ``MissingExtraError``."""
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingExtraError(
            f"training for cosine, dot or euclidean needs PyTorch ({error}): "
            "pip install 'anglewise[train]', or take the objective product or factors"
        ) from error


def device_of(torch: Any, name: str) -> Any:
    """The device of a name; ``auto`` is a GPU where there is one.

    Raises ``ValuesError`` for a device that this machine, or this build of PyTorch, does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # PyTorch raises both for what is not there
        why = " ".join(str(error).split())[:200]
        raise ValuesError(
            f"device {name!r} cannot be used ({why}): take cpu, cuda or auto"
        ) from error
    return device


TINY = 1e-12
"""Added to squared lengths, so that a vector without length has a gradient."""


class Measured(ABC):
    """A measure inside the loss. An interface: the classes below are finished."""

    name: ClassVar[TrainedFor]
    temperature: ClassVar[float]

    @abstractmethod
    def items(self, raw: Any) -> Any:
        """Item vectors from the table that is learned."""

    @abstractmethod
    def users(self, sums: Any, counts: Any) -> Any:
        """User vectors from the sum of the vectors of the items used, and how many these are."""

    @abstractmethod
    def scores(self, users: Any, items: Any) -> Any:
        """Every user with every item."""

    @abstractmethod
    def pairs(self, users: Any, items: Any) -> Any:
        """Row with row."""


@dataclass(frozen=True)
class DotObjective(Measured):
    """Inner products; a user is the sum of the items used over the root of their number.

    >>> import numpy as np
    >>> DotObjective().users(np.array([[2.0, 4.0]]), np.array([4.0])).tolist()
    [[1.0, 2.0]]
    """

    name: ClassVar[TrainedFor] = "dot"
    temperature: ClassVar[float] = 1.0

    def items(self, raw: Any) -> Any:
        """As they are."""
        return raw

    def users(self, sums: Any, counts: Any) -> Any:
        """The sum over the root of the number: who used more reaches further."""
        return sums / _at_least_one(counts)[:, None] ** 0.5

    def scores(self, users: Any, items: Any) -> Any:
        """``u . q``."""
        return users @ items.T

    def pairs(self, users: Any, items: Any) -> Any:
        """``u . q``."""
        return (users * items).sum(1)


@dataclass(frozen=True)
class CosineObjective(Measured):
    """Inner products of vectors of length one; a user is the direction of the sum.

    >>> import numpy as np
    >>> CosineObjective().items(np.array([[3.0, 4.0]])).round(3).tolist()
    [[0.6, 0.8]]
    """

    name: ClassVar[TrainedFor] = "cosine"
    temperature: ClassVar[float] = 0.1

    def items(self, raw: Any) -> Any:
        """Brought to length one."""
        return raw / ((raw * raw).sum(1) + TINY)[:, None] ** 0.5

    def users(self, sums: Any, counts: Any) -> Any:
        """Brought to length one; the count does not matter."""
        del counts
        return self.items(sums)

    def scores(self, users: Any, items: Any) -> Any:
        """``u . q``, which is the cosine."""
        return users @ items.T

    def pairs(self, users: Any, items: Any) -> Any:
        """``u . q``."""
        return (users * items).sum(1)


@dataclass(frozen=True)
class EuclideanObjective(Measured):
    """Minus the squared distance; a user is the mean of the items used.

    >>> import numpy as np
    >>> items = np.array([[0.0, 0.0], [1.0, 2.0]])
    >>> EuclideanObjective().scores(np.array([[1.0, 0.0]]), items).tolist()
    [[-1.0, -4.0]]
    """

    name: ClassVar[TrainedFor] = "euclidean"
    temperature: ClassVar[float] = 1.0

    def items(self, raw: Any) -> Any:
        """As they are."""
        return raw

    def users(self, sums: Any, counts: Any) -> Any:
        """The mean."""
        return sums / _at_least_one(counts)[:, None]

    def scores(self, users: Any, items: Any) -> Any:
        """``-|u - q|^2``."""
        lengths = (users * users).sum(1)[:, None] + (items * items).sum(1)[None]
        return 2 * (users @ items.T) - lengths

    def pairs(self, users: Any, items: Any) -> Any:
        """``-|u - q|^2``."""
        return -((users - items) ** 2).sum(1)


MEASURED: dict[str, Measured] = {
    one.name: one for one in (CosineObjective(), DotObjective(), EuclideanObjective())
}


def measured(name: str) -> Measured:
    """Look a measure up.

    >>> measured("cosine")
    CosineObjective()
    """
    if name not in MEASURED:
        known = ", ".join(MEASURED)
        raise SpellingError(f"a loss in the measure {name!r} is not known: take one of {known}")
    return MEASURED[name]


def _at_least_one(counts: Any) -> Any:
    return counts + (counts == 0)


@dataclass(frozen=True, eq=False)
class Sampler:
    """Draws each item by itself, with a chance that its popularity decides.

    With weights ``m_j`` the sum over the drawn items of ``m_j / chance_j * exp(s_j)`` is, on
    average over the draws, exactly the sum over all items of ``m_j exp(s_j)`` (Horvitz and
    Thompson, 1952). Corrected for the draws (logQ), all ``m_j`` are 1; left as they are, ``m_j``
    follows the popularity that drew them.

    Attributes
    ----------
    chance
        Of each item to be drawn, above 0 and at most 1.
    log_weight
        ``log(m_j / chance_j)``.
    """

    chance: Float64[Array, " items"]
    log_weight: Float32[Array, " items"]

    @property
    def whole(self) -> bool:
        """Whether every item is always there."""
        return bool((self.chance == 1).all())

    def draw(self, rng: np.random.Generator) -> Int64[Array, " drawn"]:
        """The items of one step, ascending; the likeliest one where none would come."""
        if self.whole:
            return np.arange(len(self.chance))
        drawn: Bool[Array, " items"] = rng.random(len(self.chance)) < self.chance
        if not drawn.any():
            drawn[np.argmax(self.chance)] = True
        return np.flatnonzero(drawn)


def sampler(
    users_of: Int64[Array, " items"], negatives: int, beta: float, *, log_q: bool
) -> Sampler:
    """Draw about ``negatives`` items, in proportion to ``n^beta`` where ``n`` users used an item.

    What nobody used counts as used once, so that it too is drawn. Chances that would exceed 1 are
    1, and the rest is shared out again.

    >>> drawing = sampler(np.array([1, 16, 0]), 1, 0.5, log_q=True)
    >>> drawing.chance.round(3).tolist()
    [0.167, 0.667, 0.167]
    >>> np.exp(drawing.log_weight).round(3).tolist()
    [6.0, 1.5, 6.0]
    """
    taste = np.maximum(users_of, 1).astype(np.float64) ** beta
    chance = _chances(taste, negatives)
    weight = np.ones(len(taste)) if log_q else taste / taste.mean()
    return Sampler(chance, (np.log(weight) - np.log(chance)).astype(np.float32))


def _chances(taste: Float64[Array, " items"], negatives: int) -> Float64[Array, " items"]:
    """In proportion to taste, at most 1, and ``negatives`` in sum."""
    if negatives >= len(taste):
        return np.ones(len(taste))
    sure = np.zeros(len(taste), dtype=bool)
    while True:
        left = negatives - int(sure.sum())
        chance = np.where(sure, 1.0, taste * left / taste[~sure].sum())
        beyond = chance > 1
        if not beyond.any():
            return chance
        sure |= beyond


@dataclass(frozen=True, eq=False)
class Step:
    """Users as rows 0, 1, ...; items as places in ``items``, the ones that this step touches.

    Attributes
    ----------
    users
        How many there are.
    items
        Rows of the table, ascending.
    shown_users, shown_items
        What speaks for whom.
    found_users, found_items
        What is to be found for whom.
    weights
        Of what is to be found: each user's add up to one over the users.
    drawn
        Places of the items among which it is to be found.
    log_weights
        What each of these counts; see ``Sampler``.
    own_users, own_drawn
        Which of the drawn ones a user used, so that they are no negatives.
    """

    users: int
    items: Int64[Array, " items"]
    shown_users: Int64[Array, " shown"]
    shown_items: Int64[Array, " shown"]
    found_users: Int64[Array, " found"]
    found_items: Int64[Array, " found"]
    weights: Float32[Array, " found"]
    drawn: Int64[Array, " drawn"]
    log_weights: Float32[Array, " drawn"]
    own_users: Int64[Array, " own"]
    own_drawn: Int64[Array, " own"]


def make_step(used: SparseRows, sampler: Sampler, shown: float, rng: np.random.Generator) -> Step:
    """Split what some users used at random, and draw what it is to be told from.

    Every user needs two items: one at least is shown, and one at least is to be found.
    """
    speaks = _speaks(used, shown, rng)
    drawn = sampler.draw(rng)
    items = drawn if sampler.whole else np.union1d(drawn, used.indices)
    place = np.searchsorted(items, used.indices)
    at = np.searchsorted(drawn, used.indices)
    own = drawn[np.minimum(at, len(drawn) - 1)] == used.indices
    to_find = np.bincount(used.rows[~speaks], minlength=used.shape[0])
    return Step(
        users=used.shape[0],
        items=items,
        shown_users=used.rows[speaks],
        shown_items=place[speaks],
        found_users=used.rows[~speaks],
        found_items=place[~speaks],
        weights=(1 / to_find[used.rows[~speaks]] / used.shape[0]).astype(np.float32),
        drawn=np.searchsorted(items, drawn),
        log_weights=sampler.log_weight[drawn],
        own_users=used.rows[own],
        own_drawn=at[own],
    )


def _speaks(used: SparseRows, shown: float, rng: np.random.Generator) -> Bool[Array, " entries"]:
    """Each with a chance, but for the one of the smallest draw (always) and the largest (never)."""
    draws = rng.random(len(used.indices))
    order = np.lexsort((draws, used.rows))
    speaks = draws < shown
    speaks[order[used.indptr[:-1]]] = True
    speaks[order[used.indptr[1:] - 1]] = False
    return speaks


NEVER = -1e9
"""The score of what is no negative: its exponential is 0, and so is its gradient."""


def loss_of(torch: Any, measure: Measured, step: Step, rows: Any, log_scale: Any) -> Any:
    """The mean over users of the mean over what is to be found, in nats.

    For user ``u`` and item ``i``, with scores ``s`` divided by the temperature and the drawn items
    ``j`` that ``u`` did not use, each with the weight ``w_j`` of the ``Sampler``::

        -log( exp(s_ui) / (exp(s_ui) + sum_j w_j exp(s_uj)) )

    Source: sampled softmax (Jean et al., arXiv 1412.2007) with the found item itself, which was
    not drawn, left uncorrected (arXiv 2507.09331); other items that the user used do not count
    against it.

    Parameters
    ----------
    rows
        The rows ``step.items`` of the table, items x d, a tensor.
    log_scale
        The logarithm of one over the temperature, a tensor.
    """

    def on_device(numbers: Any) -> Any:
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(rows.device)

    scale = torch.exp(log_scale)
    items = measure.items(rows)
    who, what = on_device(step.shown_users), on_device(step.shown_items)
    sums = torch.zeros((step.users, rows.shape[1]), dtype=rows.dtype, device=rows.device)
    sums = sums.index_add(0, who, items.index_select(0, what))
    counts = np.bincount(step.shown_users, minlength=step.users)
    users = measure.users(sums, on_device(counts).to(rows.dtype))
    among = measure.scores(users, items.index_select(0, on_device(step.drawn))) * scale
    among = among + on_device(step.log_weights).to(rows.dtype)
    own = (on_device(step.own_users), on_device(step.own_drawn))
    among = among.index_put(own, torch.full((), NEVER, dtype=rows.dtype, device=rows.device))
    against = torch.logsumexp(among, 1)
    who, what = on_device(step.found_users), on_device(step.found_items)
    found = measure.pairs(users.index_select(0, who), items.index_select(0, what)) * scale
    each = torch.nn.functional.softplus(against.index_select(0, who) - found)
    return (each * on_device(step.weights).to(rows.dtype)).sum()


FIRST, SECOND, SMALL = 0.9, 0.99, 1e-8


@dataclass(eq=False)
class Adam:
    """A tensor that is learned, with the running means of its gradient and its square.

    ``means`` and ``squares`` have the shape of ``values``. Rows that a step does not touch keep
    all three as they are, so a step costs what its rows cost, however many others there are.
    """

    values: Any
    means: Any
    squares: Any
    taken: int = 0

    def step(self, gradient: Any, learning_rate: float, rows: Any) -> None:
        """Move some rows down their gradient."""
        self.taken += 1
        mean = self.means[rows] * FIRST + gradient * (1 - FIRST)
        square = self.squares[rows] * SECOND + gradient * gradient * (1 - SECOND)
        self.means[rows], self.squares[rows] = mean, square
        ahead = mean / (1 - FIRST**self.taken)
        spread = (square / (1 - SECOND**self.taken)).sqrt()
        self.values[rows] = self.values[rows] - learning_rate * ahead / (spread + SMALL)
