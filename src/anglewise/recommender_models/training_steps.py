"""One training step: measure, sampled softmax, negatives, Adam; needs PyTorch.

Measures compute on NumPy arrays and on PyTorch tensors alike.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from anglewise.data_types.embeddings import TrainedFor
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float32, Float64, Int64
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
    """The device of a name; ``auto`` takes a GPU if there is one.

    Raises ``ValuesError`` for a device that this machine, or this build of PyTorch, does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # PyTorch raises both for a missing device
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
        """User vectors from the sums of the vectors of their items and the numbers of these."""

    def scores(self, users: Any, items: Any) -> Any:
        """The score of every user with every item, users x items: ``u . q``, or another."""
        return users @ items.T

    def pairs(self, users: Any, items: Any) -> Any:
        """The score of each row of users with the same row of items."""
        return (users * items).sum(1)


@dataclass(frozen=True)
class DotObjective(Measured):
    """Inner products; a user is the sum of their items' vectors over the root of their number.

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
        """The sum over the root of the number, so that users of more items are longer."""
        return sums / _at_least_one(counts)[:, None] ** 0.5


@dataclass(frozen=True)
class CosineObjective(Measured):
    """Cosines; a user is the direction of the sum of their items' vectors.

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


@dataclass(frozen=True)
class EuclideanObjective(Measured):
    """Minus the squared distance; a user is the mean of their items' vectors.

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
    objective.name: objective
    for objective in (CosineObjective(), DotObjective(), EuclideanObjective())
}


def measured(name: str) -> Measured:
    """Look up a measure by its name.

    >>> measured("cosine")
    CosineObjective()
    """
    if name not in MEASURED:
        names = ", ".join(MEASURED)
        raise SpellingError(f"a loss in the measure {name!r} is not known: take one of {names}")
    return MEASURED[name]


def _at_least_one(counts: Any) -> Any:
    return counts + (counts == 0)


@dataclass(frozen=True, eq=False)
class Sampler:
    """Draws each item independently, with a probability that depends on its popularity.

    With weights ``m_j`` the sum over the drawn items of ``m_j / chance_j * exp(s_j)`` is, on
    average over the draws, exactly the sum over all items of ``m_j exp(s_j)`` (Horvitz and
    Thompson, 1952). Corrected for the draws (logQ), all ``m_j`` are 1; left as they are, ``m_j``
    follows the popularity that drew them.

    Attributes
    ----------
    chance
        The probability of each item to be drawn, above 0 and at most 1.
    log_weight
        ``log(m_j / chance_j)``.
    """

    chance: Float64[Array, " items"]
    log_weight: Float32[Array, " items"]

    @property
    def takes_all(self) -> bool:
        """Whether every item is drawn in every step."""
        return bool((self.chance == 1).all())

    def draw(self, rng: np.random.Generator) -> Int64[Array, " drawn"]:
        """The items of one step, ascending; the likeliest one where none was drawn."""
        if self.takes_all:
            return np.arange(len(self.chance))
        drawn: Bool[Array, " items"] = rng.random(len(self.chance)) < self.chance
        if not drawn.any():
            drawn[np.argmax(self.chance)] = True
        return np.flatnonzero(drawn)


def sampler(
    users_of: Int64[Array, " items"], negatives: int, beta: float, *, log_q: bool
) -> Sampler:
    """A sampler of about ``negatives`` items, in proportion to ``n^beta`` for items of ``n`` users.

    Items that nobody used count as used once, so that they are drawn too. Probabilities that would
    exceed 1 become 1, and the others grow in proportion.

    >>> drawing = sampler(np.array([1, 16, 0]), 1, 0.5, log_q=True)
    >>> drawing.chance.round(3).tolist()
    [0.167, 0.667, 0.167]
    >>> np.exp(drawing.log_weight).round(3).tolist()
    [6.0, 1.5, 6.0]
    """
    weights = np.maximum(users_of, 1).astype(np.float64) ** beta
    chance = _chances(weights, negatives)
    corrections = np.ones(len(weights)) if log_q else weights / weights.mean()
    return Sampler(chance, (np.log(corrections) - np.log(chance)).astype(np.float32))


def _chances(weights: Float64[Array, " items"], negatives: int) -> Float64[Array, " items"]:
    """Probabilities in proportion to the weights, at most 1, that sum to ``negatives``."""
    if negatives >= len(weights):
        return np.ones(len(weights))
    certain = np.zeros(len(weights), dtype=bool)
    while True:
        remaining = negatives - int(certain.sum())
        chance = np.where(certain, 1.0, weights * remaining / weights[~certain].sum())
        above_one = chance > 1
        if not above_one.any():
            return chance
        certain |= above_one


@dataclass(frozen=True, eq=False)
class Step:
    """The data of one step; users are numbered from 0, items are positions in ``items``.

    Attributes
    ----------
    users
        The number of users.
    items
        The rows of the table that this step changes, ascending.
    shown_users, shown_items
        Pairs of a user and an item that the user's vector is made of.
    found_users, found_items
        Pairs of a user and an item that must be found.
    weights
        The weight of each pair to be found, in proportion to its cell of the table; those of one
        user sum to one over the number of users.
    drawn
        Positions of the drawn items, from which the items to be found must stand out.
    log_weights
        The logarithm of the weight of each drawn item; see ``Sampler``.
    own_users, own_drawn
        Pairs of a user and a drawn item (its position in ``drawn``) that the user used, so that it
        is no negative.
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
    """Split the items of some users at random into shown ones and ones to find; draw negatives.

    Every user needs two items: at least one is shown, and at least one must be found.
    """
    is_shown = _is_shown(used, shown, rng)
    drawn = sampler.draw(rng)
    items = drawn if sampler.takes_all else np.union1d(drawn, used.indices)
    item_positions = np.searchsorted(items, used.indices)
    drawn_positions = np.searchsorted(drawn, used.indices)
    is_own = drawn[np.minimum(drawn_positions, len(drawn) - 1)] == used.indices
    found, cells = used.rows[~is_shown], used.values[~is_shown]
    to_find = np.bincount(found, cells, minlength=used.shape[0])
    return Step(
        users=used.shape[0],
        items=items,
        shown_users=used.rows[is_shown],
        shown_items=item_positions[is_shown],
        found_users=used.rows[~is_shown],
        found_items=item_positions[~is_shown],
        weights=(cells / to_find[found] / used.shape[0]).astype(np.float32),
        drawn=np.searchsorted(items, drawn),
        log_weights=sampler.log_weight[drawn],
        own_users=used.rows[is_own],
        own_drawn=drawn_positions[is_own],
    )


def _is_shown(used: SparseRows, shown: float, rng: np.random.Generator) -> Bool[Array, " entries"]:
    """Whether each entry is shown: at random, but at least one of each row is and one is not."""
    draws = rng.random(len(used.indices))
    order = np.lexsort((draws, used.rows))
    is_shown = draws < shown
    is_shown[order[used.indptr[:-1]]] = True
    is_shown[order[used.indptr[1:] - 1]] = False
    return is_shown


NEVER = -1e9
"""The score of a drawn item that is no negative: its exponential and gradient are 0."""


def loss_of(torch: Any, measure: Measured, step: Step, rows: Any, log_scale: Any) -> Any:
    """The mean over users of the mean loss over their items to be found, by weight, in nats.

    For user ``u`` and item ``i``, with scores ``s`` divided by the temperature and the drawn items
    ``j`` that ``u`` did not use, each with the weight ``w_j`` of the ``Sampler``::

        -log( exp(s_ui) / (exp(s_ui) + sum_j w_j exp(s_uj)) )

    Source: sampled softmax (Jean et al., arXiv 1412.2007); the item to be found was not drawn and
    is not corrected (arXiv 2507.09331), and other items of the user are no negatives.

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
    user_rows, positions = on_device(step.shown_users), on_device(step.shown_items)
    sums = torch.zeros((step.users, rows.shape[1]), dtype=rows.dtype, device=rows.device)
    sums = sums.index_add(0, user_rows, items.index_select(0, positions))
    counts = np.bincount(step.shown_users, minlength=step.users)
    users = measure.users(sums, on_device(counts).to(rows.dtype))
    logits = measure.scores(users, items.index_select(0, on_device(step.drawn))) * scale
    logits = logits + on_device(step.log_weights).to(rows.dtype)
    own_pairs = (on_device(step.own_users), on_device(step.own_drawn))
    logits = logits.index_put(
        own_pairs, torch.full((), NEVER, dtype=rows.dtype, device=rows.device)
    )
    log_total = torch.logsumexp(logits, 1)
    user_rows, positions = on_device(step.found_users), on_device(step.found_items)
    positives = (
        measure.pairs(users.index_select(0, user_rows), items.index_select(0, positions)) * scale
    )
    losses = torch.nn.functional.softplus(log_total.index_select(0, user_rows) - positives)
    return (losses * on_device(step.weights).to(rows.dtype)).sum()


FIRST, SECOND, SMALL = 0.9, 0.99, 1e-8


@dataclass(eq=False)
class Adam:
    """A learned tensor with the running means of its gradient and of the squared gradient.

    ``means`` and ``squares`` have the shape of ``values``. A step changes all three only in the
    rows that it touches, so that its cost does not depend on the other rows.
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
        corrected_mean = mean / (1 - FIRST**self.taken)
        spread = (square / (1 - SECOND**self.taken)).sqrt()
        self.values[rows] = self.values[rows] - learning_rate * corrected_mean / (spread + SMALL)
