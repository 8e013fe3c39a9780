"""Which penalty for item-item weights: asked of users kept aside, all penalties at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, log10
from typing import Any, cast

import numpy as np

from anglewise.core.typing import Array, Bool, Float32, Float64, Int64
from anglewise.errors import ShapeError, TooFewError, ValuesError
from anglewise.models.gram import fill_upper, lower_gram
from anglewise.normalisation.normalisation import Normalisation
from anglewise.normalisation.shifted_table import as_rows, with_values

SHARE, MOST_USERS, FEWEST_USERS = 0.1, 1000, 20
"""A tenth of the users validate, no more than a thousand, no fewer than twenty."""

MOST_ITEMS = 12_000
"""Some three minutes of one core, and 3 GB."""

DEPTH = 10


@dataclass(frozen=True)
class PenaltyPath:
    """Penalties, rising, with the mean nDCG@10 of what validation users hid, and how many users.

    >>> PenaltyPath((1.0, 10.0, 100.0), (0.1, 0.3, 0.2), 50).best
    10.0
    """

    penalties: tuple[float, ...]
    scores: tuple[float, ...]
    users: int

    @property
    def best(self) -> float:
        """The penalty with the highest score; of equal ones the largest."""
        return max(zip(self.scores, self.penalties, strict=True))[1]

    @property
    def at_the_end(self) -> bool:
        """Whether a penalty beyond those that were tried might do better."""
        return self.best in {self.penalties[0], self.penalties[-1]}

    def __str__(self) -> str:
        end = ", the end of the range" if self.at_the_end else ""
        return (
            f"penalty {self.best:g}{end}: the best of {len(self.penalties)} from "
            f"{self.penalties[0]:g} to {self.penalties[-1]:g} by nDCG@{DEPTH} "
            f"{max(self.scores):.3f} of {self.users} training users kept aside for it"
        )


def penalty_path(
    X: Any,
    rule: Normalisation,
    penalties: Iterable[float] | None = None,
    *,
    seed: int = 0,
) -> PenaltyPath:
    """Score penalties of ``fit_ease`` by how well users kept aside get back what they hid.

    A tenth of the users with two items or more are kept out of the Gram matrix ``G`` of the
    others; a random half of what each used is shown, the rest is to be found. With
    ``G = V diag(e) V'`` the inverse is ``V diag(1 / (e + penalty)) V'`` for every penalty, so one
    decomposition serves all of them. By default 1, 2, 5, 10, ... from a tenth of the mean of the
    diagonal of ``G`` to a thousand times it.

    Raises
    ------
    TooFewError
        Fewer than 20 users to keep aside.
    ShapeError
        More than 12,000 items.
    ValuesError
        A penalty that is not positive.

    Examples
    --------
    >>> from anglewise.normalisation.plain import AsIs
    >>> X = (np.random.default_rng(0).random((300, 12)) < 0.4).astype(float)
    >>> penalty_path(X, AsIs(), [1.0, 100.0]).penalties
    (1.0, 100.0)
    """
    table = as_rows(X)
    _check(table.shape[1])
    shown, hidden, others = kept_aside(table, np.random.default_rng(seed))
    learned = rule.learn(table[others])
    gram = fill_upper(lower_gram(learned.apply(table[others])))
    grid = _usual(float(gram.diagonal().mean())) if penalties is None else tuple(penalties)
    if not grid or not all(penalty > 0 for penalty in grid):
        raise ValuesError("penalties are none, zero or negative: positive numbers are due")
    values, vectors = _eigen(gram)
    rows = learned.apply(shown).toarray().astype(np.float32)
    balance = learned.balance
    if balance is not None:
        rows *= balance.astype(np.float32)
    turned, squares = rows @ vectors, vectors**2
    seen, due = shown.toarray() > 0, hidden.toarray() > 0
    scores: list[float] = []
    for penalty in grid:
        shrunk = 1 / (values + np.float32(penalty))
        predicted = rows - (turned * shrunk) @ vectors.T / (squares @ shrunk)
        if balance is not None:
            predicted /= balance.astype(np.float32)
        scores.append(mean_ndcg(np.where(seen, -np.inf, predicted), due))
    return PenaltyPath(grid, tuple(scores), len(due))


def _check(items: int) -> None:
    if items > MOST_ITEMS:
        raise ShapeError(
            f"{items:,} items came, a penalty is chosen for up to {MOST_ITEMS:,}: give a penalty"
        )


def _eigen(gram: Float32[Array, "p p"]) -> tuple[Float32[Array, " p"], Float32[Array, "p p"]]:
    from scipy import linalg

    solve: Any = cast("Any", linalg).eigh
    values, vectors = solve(gram, driver="evd", overwrite_a=True, check_finite=False)
    return np.maximum(values, 0), vectors


def _usual(mean: float) -> tuple[float, ...]:
    """1, 2, 5, 10, ... between a tenth of a number and a thousand times it."""
    first = floor(log10(mean)) - 1 if mean > 0 else -1
    steps = [digit * 10.0 ** (first + decade) for decade in range(6) for digit in (1, 2, 5)]
    return tuple(step for step in steps if mean / 10 <= step <= mean * 1000) or (1.0,)


def kept_aside(table: Any, rng: np.random.Generator) -> tuple[Any, Any, Int64[Array, " others"]]:
    """What validation users show and what they hide, and the rows of the others."""
    counts = np.diff(table.indptr)
    able = np.flatnonzero(counts >= 2)
    number = min(round(SHARE * len(able)), MOST_USERS)
    if number < FEWEST_USERS:
        raise TooFewError(
            f"{len(able)} users used two items or more, and a tenth of them, {number}, are too few "
            f"to choose a penalty by ({FEWEST_USERS} are due): give a penalty"
        )
    chosen = np.sort(rng.choice(able, number, replace=False))
    theirs = table[chosen]
    hide = _half(theirs, rng)
    shown, hidden = (with_values(theirs, np.where(part, theirs.data, 0)) for part in (~hide, hide))
    others = np.delete(np.arange(len(counts)), chosen)
    return shown, hidden, others


def _half(rows: Any, rng: np.random.Generator) -> Bool[Array, " entries"]:
    """A random half of each row, rounded down: at least one entry stays."""
    counts = np.diff(rows.indptr)
    of = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((rng.random(len(of)), of))
    place = np.arange(len(of)) - np.repeat(rows.indptr[:-1], counts)
    hide = np.zeros(len(of), dtype=bool)
    hide[order] = place < np.repeat(counts // 2, counts)
    return hide


def mean_ndcg(scores: Float32[Array, "users items"], due: Bool[Array, "users items"]) -> float:
    """The mean nDCG@10 with gain 1."""
    depth = min(DEPTH, scores.shape[1])
    discounts: Float64[Array, " depth"] = 1 / np.log2(np.arange(depth) + 2)
    top = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    found = np.take_along_axis(scores, top, axis=1)
    order = np.lexsort((top, -found), axis=1)
    hits = np.take_along_axis(due, np.take_along_axis(top, order, axis=1), axis=1)
    ideal = np.cumsum(discounts)[np.minimum(due.sum(axis=1), depth) - 1]
    return float((hits @ discounts / ideal).mean())
