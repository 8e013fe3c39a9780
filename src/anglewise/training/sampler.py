"""Which items stand for all the others in one step, and what each of them counts."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Bool, Float32, Float64, Int64


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
