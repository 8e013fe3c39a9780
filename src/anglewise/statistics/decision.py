"""The decision rule: what values per query allow to say about several measures at 95%.

Bounds are those of Gaffke (2005): means under random Dirichlet weights over the queries and one
query more, of the worst value there can be. They are for means of values in a known range,
whatever their distribution, and held in simulations; for binary values they are proved, being
exactly those of Clopper and Pearson. No bootstrap can promise this: what a sample does not hold
cannot be resampled from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal, TypeAlias

import numpy as np

from anglewise.data_types.numbers import NOT_NEGATIVE, Bounds, read_number, shown
from anglewise.data_types.typing import Array, Float, Float64, Int64, Map
from anglewise.errors import SpellingError
from anglewise.statistics.resampling import rounding_of

Decision: TypeAlias = Literal["use", "tie", "better", "cannot-tell"]

RULE = 2
"""The rule by which a verdict is made: 1, tests and a tolerance; 2, bounds on what matters."""
LEVEL = 0.05
DRAWS = 10_000
MOST_ROWS = 10_000
"""More queries than this are put together in random blocks."""

_UNIT = 16
_STEPS = 1 << 10
_CELLS = 1 << 18


A_LEAD = Bounds(least=0, most=0.5, example="0.02")


@dataclass(frozen=True)
class Tolerance:
    """Which leads do not matter.

    A lead matters where it is above ``relative`` times the mean of the measure that leads, and
    above ``floor``. Raises ``ValuesError`` for a share above one half, and below 0 for either.
    """

    relative: float = 0.02
    floor: float = 0.005

    def __post_init__(self) -> None:
        A_LEAD.check("the relative tolerance", self.relative)
        NOT_NEGATIVE.check("the least tolerance", self.floor)

    def __str__(self) -> str:
        return f"{100 * self.relative:.10g}%" if self.relative else f"{self.floor:.10g}"

    @classmethod
    def read(cls, given: "str | float | Tolerance") -> "Tolerance":
        """Read ``2%`` of the mean, and at least .005; or a number, which is absolute.

        Raises ``SpellingError`` for other text, ``ValuesError`` for a number below 0.

        >>> Tolerance.read("2%"), Tolerance.read(0.01)
        (Tolerance(relative=0.02, floor=0.005), Tolerance(relative=0.0, floor=0.01))
        """
        if isinstance(given, Tolerance):
            return given
        if not isinstance(given, str):
            return cls(0.0, float(NOT_NEGATIVE.check("tolerance", given)))
        text = given.strip()
        share = text.endswith("%")
        number = read_number(text.removesuffix("%").strip())
        if number is None or number < 0 or (share and not 0 < number <= 50):
            raise SpellingError(
                f"the tolerance {shown(given)!r} is neither a share of the mean, above 0% and at "
                "most 50%, such as 2%, nor a number of at least 0, such as 0.01"
            )
        return cls(float(number) / 100, cls.floor) if share else cls(0.0, float(number))

    def against(self, mean: float) -> float:
        """The least lead that matters, of a measure with this mean over another.

        >>> [round(Tolerance().against(mean), 3) for mean in (0.5, 0.1)]
        [0.01, 0.005]
        """
        return max(self.relative * mean, self.floor)

    def over(self, mean: float) -> float:
        """The least lead that matters, of another measure over one with this mean.

        >>> round(Tolerance(0.5, 0.005).over(0.2), 3)
        0.2
        """
        return max(self.relative / (1 - self.relative) * mean, self.floor)


@dataclass(frozen=True, eq=False)
class RuleOutcome:
    """What was decided, and the bounds behind it.

    Attributes
    ----------
    measure
        The measure that the decision names: to ``use``, ``better``, kept in a ``tie``; of
        ``cannot-tell`` the reference.
    as_good
        Others of which the same is shown: to be better than the reference by as much as matters,
        or of ``better`` to be better at all.
    above
        For each measure, the lower end of its lead over the reference, jointly at 95%.
    matters
        The same for the lead less the least that matters: above 0, it matters.
    at_most
        The upper end, each at 95%, of the lead less the least that matters: below 0, it does not
        matter.
    most
        The upper end of the lead itself, each at 95%: below 0, the reference is better.
    least
        The lower end of each lead at half the error, jointly: with an upper end likewise, the
        interval of a lead that was chosen for being the largest.
    level
        The level of each lower end, at which all hold together.
    """

    decision: Decision
    measure: int
    as_good: tuple[int, ...]
    above: Float64[Array, " m"]
    matters: Float64[Array, " m"]
    at_most: Float64[Array, " m"]
    most: Float64[Array, " m"]
    least: Float64[Array, " m"]
    level: float = LEVEL


@dataclass(frozen=True, eq=False)
class WeightedMeans:
    """Means under random weights over the queries and one query that was not seen.

    ``means`` holds, for each draw, the weighted sum of each measure's values; ``unseen`` the
    weight of the further query: ``unseen`` times the worst value, added, gives a bound.
    """

    means: Float64[Array, "draws m"]
    unseen: Float64[Array, " draws"]

    @classmethod
    def of(
        cls,
        sums: Float64[Array, "m rows"],
        sizes: Int64[Array, " rows"] | Float64[Array, " rows"] | None = None,
        *,
        largest: float | None = None,
        draws: int = DRAWS,
        seed: int = 0,
        map_: Map = map,
    ) -> "WeightedMeans":
        """Draw the weights, the same for every measure; more than 10,000 rows in blocks.

        The same seed gives the same bytes, however ``map_`` spreads the work.

        Parameters
        ----------
        sums
            ``measures x rows``. A row is a query, its values in [0, 1]; or a group of queries,
            the sum of their values; each value times its query's weight, where these weigh.
        sizes
            How many queries each row has, or what they weigh; one each if not given.
        largest
            The size of the row that was not seen; that of the largest one if not given.

        Examples
        --------
        >>> drawn = WeightedMeans.of(np.array([[0.0, 1.0, 1.0]]), draws=1000)
        >>> drawn.means.shape, round(float(drawn.unseen.mean()), 1)
        ((1000, 1), 0.2)
        """
        given = np.ones(sums.shape[1]) if sizes is None else sizes.astype(np.float64)
        unseen_size = float(given.max()) if largest is None else largest
        rows = _blocks(np.vstack([sums, given]), seed)
        whole, unit = _whole(rows, float(rows[-1].max()))
        queries = whole.shape[0]

        def block(units: range) -> tuple[Array, Array]:
            weights = np.empty((_UNIT * len(units), queries + 1))
            each = weights.reshape(len(units), _UNIT, -1)  # so many at once: the last bit stays
            for rows, number in zip(each, units, strict=True):
                rows[...] = _exponentials(seed, number, queries + 1)
            drawn = np.concatenate([rows[:, :-1] @ whole for rows in each]) * unit
            unseen = weights[:, -1] * unseen_size
            total = drawn[:, -1] + unseen
            return drawn[:, :-1] / total[:, None], unseen / total

        parts = list(map_(block, _units(draws, queries)))
        means, unseen = (np.concatenate(part)[:draws] for part in zip(*parts, strict=True))
        return cls(means, unseen)

    def interval(self, measure: int) -> tuple[float, float]:
        """Both ends of the 95% interval of one mean that was named before looking.

        >>> drawn = WeightedMeans.of(np.array([[0.0] * 19 + [1.0]]))
        >>> [round(end, 2) for end in drawn.interval(0)]  # Clopper-Pearson: .001 and .249
        [0.0, 0.26]
        """
        column = self.means[:, measure]
        low = np.quantile(column, LEVEL / 2)
        return float(low), float(np.quantile(column + self.unseen, 1 - LEVEL / 2))

    def winners_interval(self, measure: int, among: Sequence[int]) -> tuple[float, float]:
        """The same for a measure chosen among some for its mean: the lower end is lower."""
        level = joint_level(self.means[:, list(among)], LEVEL / 2)
        return float(np.quantile(self.means[:, measure], level)), self.interval(measure)[1]

    def difference(self, measure: int, other: int) -> tuple[float, float]:
        """Both ends of the 95% interval of a difference of two means."""
        lead = self.means[:, measure] - self.means[:, other]
        low = np.quantile(lead - self.unseen, LEVEL / 2)
        return float(low), float(np.quantile(lead + self.unseen, 1 - LEVEL / 2))


def winners_mean(
    drawn: Float64[Array, "draws m"], means: Float64[Array, " m"], among: Sequence[int]
) -> float:
    """The highest of some means, less what it owes to having been chosen for it.

    That is how far, over draws, the highest stands above its own mean on average (Efron's
    estimate of bias, for the highest of several).

    >>> drawn = np.random.default_rng(0).normal(0.5, 0.1, (1000, 20))
    >>> 0.2 < winners_mean(drawn, np.full(20, 0.5), range(20)) < 0.4
    True
    """
    some, own = drawn[:, list(among)], means[list(among)]
    winners = some.argmax(axis=1)
    too_high = float((some.max(axis=1) - own[winners]).mean())
    return float(own.max()) - max(too_high, 0.0)


def joint_level(drawn: Float64[Array, "draws m"], level: float) -> float:
    """Give the level for each column at which all bounds hold together at ``level``.

    The quantile, over draws, of the least rank among the columns (Westfall and Young 1993): for
    one column the level itself, for columns that rise and fall together nearly so.

    >>> column = np.arange(100.0)
    >>> joint_level(np.stack([column, column], axis=1), 0.05)
    0.05
    """
    least = np.full(len(drawn), len(drawn))
    ranks = np.arange(1, len(drawn) + 1)
    rank = np.empty_like(ranks)
    for column in drawn.T:
        rank[column.argsort(kind="stable")] = ranks
        np.minimum(least, rank, out=least)
    most = max(int(level * len(least)), 1)
    highest = int(np.partition(least, most - 1)[most - 1])
    if np.count_nonzero(least <= highest) > most:  # several draws share this rank
        highest -= 1
    return max(highest, 1) / len(least)


def _joint_ends(drawn: Float64[Array, "draws m"], level: float) -> Float64[Array, " m"]:
    """The draw of that rank in each column: one rank higher is much where the rank is small."""
    return np.quantile(drawn, level, axis=0, method="lower")


def decide(
    drawn: WeightedMeans,
    means: Float64[Array, " m"],
    reference: int,
    tolerance: Tolerance | None = None,
    *,
    largest: float = 1.0,
    level: float = LEVEL,
) -> RuleOutcome:
    """Say which measure to use, at 95%, against a reference that was named before looking.

    ``use``: another is better than the reference by as much as matters. ``tie``: no other is;
    keep the reference. ``better``: another is better, but whether by as much as matters is open.
    ``cannot-tell``: nothing of this is shown.

    Parameters
    ----------
    drawn
        Weighted means of values in [0, 1], one column a measure.
    means
        Their means.
    reference
        The measure in use, or else the simplest one.
    tolerance
        Which leads do not matter; 2% if not given.
    largest
        The largest lead that a query of a kind not seen may have: 1, the range of the values,
        assumes nothing.
    level
        How often all that is said together may be wrong.

    Examples
    --------
    >>> row = np.tile([0.2, 0.4, 0.6], 200)
    >>> for values in ([row, row + 0.1], [row, row + 0.001], [row[:9], row[:9] + 0.1]):
    ...     values = np.stack(values)
    ...     decide(WeightedMeans.of(values), values.mean(axis=1), 0).decision
    'use'
    'tie'
    'cannot-tell'
    """
    others = np.flatnonzero(np.arange(len(means)) != reference)
    own, rivals = drawn.means[:, [reference]], drawn.means[:, others]
    worst = largest * drawn.unseen[:, None]
    tolerance = tolerance or Tolerance()
    factor, floor = 1 - tolerance.relative, tolerance.floor
    lead = rivals - own
    least = np.minimum(factor * rivals - own, lead - floor)  # less the least that matters
    upper = np.minimum(factor * (rivals + worst) - own, lead - floor + worst)
    bounds = np.zeros((5, len(means)))
    joint = level
    if len(others):
        joint = joint_level(lead - worst, level)
        bounds[0, others] = _joint_ends(lead - worst, joint)
        lower = least - worst
        bounds[1, others] = _joint_ends(lower, joint_level(lower, level))
        bounds[2, others] = np.quantile(upper, 1 - level, axis=0)
        bounds[3, others] = np.quantile(lead + worst, 1 - level, axis=0)
        bounds[4, others] = _joint_ends(lead - worst, joint_level(lead - worst, level / 2))
    return _outcome(means, reference, others, bounds, joint)


def decide_by_resamples(
    drawn: Float64[Array, "draws m"],
    means: Float64[Array, " m"],
    reference: int,
    tolerance: Tolerance,
    *,
    level: float = LEVEL,
) -> RuleOutcome:
    """The same for a figure that is no mean of values in a known range, such as a correlation.

    Bounds are the figure, less or plus a critical value times the standard deviation of its
    resamples; that of the lower ends is the 95% point of the largest over all measures. They know
    nothing of kinds of pairs that are not among the resampled ones.

    >>> rng = np.random.default_rng(0)
    >>> drawn = np.array([0.5, 0.7]) + 0.01 * rng.standard_normal((1000, 2))
    >>> decide_by_resamples(drawn, np.array([0.5, 0.7]), 0, Tolerance(0.0, 0.01)).decision
    'use'
    """
    others = np.flatnonzero(np.arange(len(means)) != reference)
    bounds = np.zeros((5, len(means)))
    if len(others):
        low, high = _ends(drawn, means, reference, others, share=1.0, level=level)
        share_low, share_high = _ends(
            drawn, means, reference, others, share=1 - tolerance.relative, level=level
        )
        bounds[0, others], bounds[3, others] = low, high
        bounds[1, others] = np.minimum(share_low, low - tolerance.floor)
        bounds[2, others] = np.minimum(share_high, high - tolerance.floor)
        half, _ = _ends(drawn, means, reference, others, share=1.0, level=level / 2)
        bounds[4, others] = half
    return _outcome(means, reference, others, bounds, level)


def _ends(
    drawn: Float64[Array, "draws m"],
    means: Float64[Array, " m"],
    reference: int,
    others: Int64[Array, " others"],
    *,
    share: float,
    level: float,
) -> tuple[Float64[Array, " others"], Float64[Array, " others"]]:
    """Both ends of ``share`` of each other figure, less the reference's."""
    lead = share * means[others] - means[reference]
    error = share * drawn[:, others] - drawn[:, [reference]] - lead
    spread = error.std(axis=0)
    scaled = np.divide(error, spread, out=np.zeros_like(error), where=spread > 0)
    varies = spread > np.maximum(rounding_of(drawn[:, others]), rounding_of(drawn[:, [reference]]))
    unknown = np.where(varies, 0.0, np.inf)  # what varies by rounding alone says nothing
    reach = np.quantile(scaled.max(axis=1), 1 - level) * spread + unknown
    above = np.quantile(-scaled, 1 - level, axis=0) * spread + unknown
    return lead - reach, lead + above


def _outcome(
    means: Float64[Array, " m"],
    reference: int,
    others: Int64[Array, " others"],
    bounds: Float64[Array, "5 m"],
    level: float,
) -> RuleOutcome:
    above, matters, at_most, most, least = bounds
    best_first = others[np.argsort(-means[others], kind="stable")].tolist()
    useful, better = ([j for j in best_first if end[j] > 0] for end in (matters, above))
    decision: Decision = "cannot-tell"
    if useful:
        decision = "use"
    elif (at_most[others] < 0).all():
        decision = "tie"
    elif better:
        decision = "better"
    shown = useful or (better if decision == "better" else [])
    named = shown or [reference]
    return RuleOutcome(
        decision, named[0], tuple(shown[1:]), above, matters, at_most, most, least, level
    )


def _blocks(sums: Float64[Array, "m q"], seed: int) -> Float64[Array, "m rows"]:
    """At most 10,000 columns: as they are, or sums of blocks of as many random ones each."""
    queries = int(sums.shape[1])
    at_once = ceil(queries / MOST_ROWS)
    if at_once == 1:
        return sums
    order = np.random.default_rng([seed, 2]).permutation(queries)
    return np.add.reduceat(sums[:, order], np.arange(0, queries, at_once), axis=1)


def _whole(
    sums: Float64[Array, "m rows"], largest: float
) -> tuple[Float64[Array, "rows m"], float]:
    """The sums in whole units so small that every weighted sum of them is exact in float64."""
    rows = sums.shape[1]
    heaviest = _STEPS * (rows + 40 * sqrt(rows) + 40) * max(largest, 1.0)
    unit = 2.0 ** (ceil(np.log2(heaviest)) - 52)
    return np.ascontiguousarray(np.rint(sums / unit).T), unit


def _units(draws: int, rows: int) -> Iterator[range]:
    units = -(-draws // _UNIT)
    at_once = max(1, _CELLS // (_UNIT * rows))
    return (range(i, min(i + at_once, units)) for i in range(0, units, at_once))


def _exponentials(seed: int, unit: int, count: int) -> Float[Array, "16 count"]:
    """Exponential weights in whole steps, so that their sums are exact."""
    child = np.random.SeedSequence(seed, spawn_key=(3, unit))
    drawn = np.random.Generator(np.random.SFC64(child)).standard_exponential(
        (_UNIT, count), dtype=np.float32
    )
    drawn *= _STEPS
    return np.rint(drawn, out=drawn)
