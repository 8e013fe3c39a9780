"""What random pairs of a space score, so that one score can be said to be high or low in it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Space, as_space
from anglewise.data_types.neighbours import rounded
from anglewise.data_types.numbers import SEED, whole
from anglewise.data_types.representation import Representation
from anglewise.data_types.typing import Array, Direction, Float64
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measures as read_measures

PAIRS = 10_000
"""Pairs that are drawn where nobody says how many."""
MOST = 100_000_000


@dataclass(frozen=True, eq=False)
class RandomPairs:
    """The scores of pairs that were drawn at random, each as likely as any other, or of all.

    Attributes
    ----------
    direction
        Who asks whom; nobody asks itself.
    measures
        The spellings of the measures.
    scores
        ``measures x pairs``, each row ascending; larger is nearer.
    every
        Whether these are all pairs that there are.
    """

    direction: Direction
    measures: tuple[str, ...]
    scores: Float64[Array, "m pairs"]
    every: bool = False

    @property
    def pairs(self) -> int:
        """How many were drawn."""
        return self.scores.shape[1]

    def share_below(self, measure: str, score: float) -> float:
        """The share of the pairs that score less, from 0 to 1; ``SpellingError`` for no such.

        >>> pairs = RandomPairs("items-items", ("dot",), np.array([[0.0, 1.0, 1.0, 4.0]]))
        >>> pairs.share_below("dot", 1.0), pairs.share_below("dot", 9.0)
        (0.25, 1.0)
        """
        if measure not in self._rows:
            raise SpellingError(f"{measure} was not asked: there are {', '.join(self.measures)}")
        row = self.scores[self._rows[measure]]
        return float(np.searchsorted(row, score) / len(row))

    @property
    def named(self) -> str:
        """How many there are, and whether these are all."""
        return f"all {self.pairs:,} pairs" if self.every else f"{self.pairs:,} random pairs"

    def above(self, *shares: float) -> str:
        """What share of the pairs the scores of a list exceed, from the least to the most.

        >>> pairs = RandomPairs("items-items", ("dot",), np.array([[0.0, 1.0, 1.0, 4.0]]), True)
        >>> pairs.above(1.0, 0.25), pairs.above(pairs.share_below("dot", 4.0))
        ('above 25% to all of all 4 pairs', 'above 75% of all 4 pairs')
        """
        least, most = share_of_pairs(min(shares)), share_of_pairs(max(shares))
        words = least if most == least else f"{least} to {most}"
        return f"above {words} of {self.named}"

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.measures)}


def share_of_pairs(share: float) -> str:
    """A share in words, never more than was found.

    >>> share_of_pairs(1.0), share_of_pairs(0.99989), share_of_pairs(0.5)
    ('all', '99.98%', '50%')
    """
    if share == 1:
        return "all"
    hundredths = math.floor(share * 10_000 + 1e-9)
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".") + "%"


def random_pairs(
    space: Space | Vectors,
    measures: Iterable[str | Measure] | str,
    *,
    direction: Direction = "queries-items",
    pairs: int = PAIRS,
    seed: int = 0,
) -> RandomPairs:
    """Score random pairs of those who ask and what is ranked; where no more are there, all of them.

    A score says little by itself: where all vectors lie in a narrow cone, unrelated texts have a
    cosine of 0.8. What share of the random pairs of a corpus scores less is known without any
    judgement. It says that a pair is nearer than pairs by chance, not that it is relevant.

    Raises ``TooFewError`` where there is one row to be paired with itself, ``SpellingError`` for
    lists of token vectors and sparse vectors.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> x = np.random.default_rng(0).normal(size=(500, 16)) + 3  # a narrow cone
    >>> found = random_pairs(Space(items=Embeddings(x)), "cosine", direction="items-items")
    >>> found.share_below("cosine", 0.85), found.share_below("cosine", 0.99) > 0.99
    (0.0..., True)
    """
    space = as_space(space)
    whole(1, MOST).check("pairs", pairs)
    SEED.check("seed", seed)
    read = read_measures(measures)
    asking, ranked = space.sides(direction)
    if isinstance(ranked, Representation):
        raise SpellingError("random pairs are of one dense vector a row, and these rows are not")
    of_itself = asking is ranked
    if of_itself and len(ranked) == 1:
        raise TooFewError("one row cannot be paired with another: at least two are due")
    others = len(ranked) - of_itself
    every = len(asking) * others <= pairs
    rng = np.random.default_rng(seed)
    number = (
        np.arange(len(asking) * others)
        if every
        else rng.integers(len(asking), size=pairs) * others + rng.integers(others, size=pairs)
    )
    rows_a, rows_b = np.divmod(number, others)
    rows_b += of_itself & (rows_b >= rows_a)
    scores = rounded(score_pairs(space, read, rows_a, rows_b, direction))  # as lists are ranked
    return RandomPairs(direction, tuple(map(str, read)), np.sort(scores, axis=1), every)
