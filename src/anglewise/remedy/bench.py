"""Where candidates are made and searched, each thing once, as far as the budget goes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from anglewise.comparison.learnt import FOLDS
from anglewise.comparison.lists import score_lists
from anglewise.comparison.split import ALONE, Parting
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Int64, Progress
from anglewise.errors import TooFewError
from anglewise.measures.adapter import RIDGES, STEPS, Adapted
from anglewise.measures.adapter_training import POOL, QUERIES
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import Family, Open
from anglewise.metrics.evaluate import Metric
from anglewise.remedy.apart import judged_by
from anglewise.remedy.budget import Budget
from anglewise.remedy.cache import Cache, key_of
from anglewise.remedy.contender import Contender
from anglewise.remedy.defaults import baselines
from anglewise.remedy.maker import Maker
from anglewise.remedy.prepared import size
from anglewise.remedy.training import Training

SPEED = 2e9
"""Operations a second that are expected of a maker before the first of its kind was timed."""
DENSE = 0.5
"""What an operation takes in products of dense matrices, against others."""
MARGIN = 1.2
"""A guess from a sample is this much too low at times."""


@dataclass(frozen=True, eq=False)
class Found:
    """What one candidate found for some queries, and what that took.

    Attributes
    ----------
    lists
        The neighbours, one list a query, in the order of their rows.
    settings
        Of a tuned measure, what was chosen for each half.
    making, searching
        Seconds: the space, had it been made alone; the search.
    dimension, inner_product
        Columns of its prepared vectors, and whether their inner product is all there is to it.
    """

    lists: Neighbours
    settings: tuple[str, ...]
    making: float
    searching: float
    dimension: int
    inner_product: bool


@dataclass(eq=False)
class Bench:
    """Everything that candidates are made of and judged by; remembers what things take."""

    space: Space
    judgements: Judgements
    metrics: Sequence[Metric]
    training: Training | None
    budget: Budget
    cache: Cache
    content: str
    seed: int
    threads: int | None
    progress: Progress | None = None
    parting: Parting = ALONE
    made: dict[Maker, tuple[Space, float]] = field(default_factory=dict[Maker, tuple[Space, float]])
    speed: dict[type, float] = field(default_factory=dict[type, float])
    times: dict[tuple[Contender, int], float] = field(
        default_factory=dict[tuple[Contender, int], float]
    )

    def find(
        self, batch: Sequence[Contender], rows: Int64[Array, " some"]
    ) -> dict[Contender, Found]:
        """The lists of candidates that share a space, for some judged rows.

        What the cache holds is taken from there. Raises ``OutOfTimeError`` when the budget ends
        on the way, and what the making or the search raises.
        """
        rows = np.sort(rows)
        found = {one: self.kept(one, rows) for one in batch}
        missing = [one for one in batch if found[one] is None]
        if missing:
            found |= self._searched(missing, rows)
        return {one: it for one, it in found.items() if it is not None}

    def kept(self, one: Contender, rows: Int64[Array, " some"]) -> Found | None:
        """What the cache holds of a candidate; None if nothing."""
        held = self.cache.get(self.key(one, rows))
        if held is None:
            return None
        said, arrays = held
        lists = Neighbours(
            str(one.measure), arrays["indices"].astype(np.int64), arrays["scores"], arrays["tied"]
        )
        self.times[one, len(rows)] = said["searching"]
        return Found(
            lists,
            tuple(said["settings"]),
            said["making"],
            said["searching"],
            said["dimension"],
            said["inner_product"],
        )

    def is_kept(self, batch: Sequence[Contender], rows: Int64[Array, " some"]) -> bool:
        """Whether the cache holds all of it."""
        return all(self.kept(one, np.sort(rows)) is not None for one in batch)

    def seconds(self, batch: Sequence[Contender], queries: int) -> float:
        """A guess of how long a batch takes, from what it or the baselines took for fewer."""
        each = sum(self._searching(one, queries) + self._learning(one, queries) for one in batch)
        return MARGIN * each + self.making(batch[0].maker)

    def _searching(self, one: Contender, queries: int) -> float:
        """By its own time, that grows as the baselines' did: part of it is the same for any number.

        One that was not searched yet takes what a baseline takes, for vectors of its length.
        """
        known = max((asked for other, asked in self.times if other == one), default=0)
        if not known:
            return self._usual(queries) * self._length(one.maker)
        grown = self._usual(queries) / (self._usual(known) or 1.0)
        return self.times[one, known] * min(max(grown, 1.0), max(queries / known, 1.0))

    def _usual(self, queries: int) -> float:
        """What a baseline takes, by the nearest number of queries that was asked, in proportion."""
        asked = {n: took for (one, n), took in self.times.items() if one in baselines()}
        if not asked:
            return 0.0
        nearest = min(asked, key=lambda n: abs(n - queries))
        return asked[nearest] * queries / nearest

    def making(self, maker: Maker | None) -> float:
        """A guess of how long a space takes to make; nothing if it is there."""
        if maker is None or maker in self.made or self.training is None:
            return 0.0
        return MARGIN * maker.operations(self.training) / self.speed.get(type(maker), SPEED)

    def space_of(self, maker: Maker | None) -> tuple[Space, float]:
        """The space that a maker makes, made once, and the seconds it would take alone."""
        if maker is None:
            return self.space, 0.0
        if maker not in self.made:
            if self.training is None:
                raise TooFewError(f"{maker} learns from interactions, and the space holds none")
            operations, common = maker.operations(self.training), self.training.common
            saved, started = common.saved, self.budget.clock()
            space = maker.make(self.training, self.budget)
            took = self.budget.clock() - started
            if took > 0 and operations > 0:
                self.speed[type(maker)] = operations / took
            self.made[maker] = space, took + common.saved - saved
        return self.made[maker]

    def parting_of(self, rows: Int64[Array, " some"]) -> Parting:
        """Which of some judged rows belong together."""
        return self.parting.take(np.searchsorted(self.judgements.judged_rows, rows))

    def forget(self, kept: Sequence[Contender]) -> None:
        """Let the spaces go that no candidate needs any more."""
        needed = {one.maker for one in kept}
        self.made = {maker: it for maker, it in self.made.items() if maker in needed}

    def _learning(self, one: Contender, queries: int) -> float:
        """A guess of how long a map takes to learn, for each part of the queries."""
        if not isinstance(one.measure, Adapted) or any(other == one for other, _ in self.times):
            return 0.0
        product = 6.0 * min(queries, QUERIES) * POOL * self.space.items.dimension
        return DENSE * FOLDS * len(RIDGES) * STEPS * product / SPEED

    def _length(self, maker: Maker | None) -> float:
        """How many times longer vectors are than those that came."""
        if maker is None or self.training is None:
            return 1.0
        return maker.columns(self.training) / self.space.items.dimension

    def key(self, one: Contender, rows: Int64[Array, " some"]) -> str:
        """What the lists of a candidate depend on."""
        components = None if self.training is None else self.training.components
        metrics = [str(metric) for metric in self.metrics]
        return key_of(self.content, str(one), rows.tobytes(), metrics, components, self.seed)

    def _searched(
        self, batch: Sequence[Contender], rows: Int64[Array, " some"]
    ) -> dict[Contender, Found]:
        self.budget.check()
        space, making = self.space_of(batch[0].maker)
        self.budget.check()
        started = self.budget.clock()
        scores = score_lists(
            space,
            judged_by(self.judgements, rows),
            [one.measure for one in batch],
            self.metrics,
            seed=self.seed,
            threads=self.threads,
            progress=self.budget.stepping(self.progress),
            parting=self.parting_of(rows),
        )
        took = (self.budget.clock() - started) / len(batch)
        found: dict[Contender, Found] = {}
        for one in batch:
            self.times[one, len(rows)] = took
            name = str(one.measure)
            dimension, inner = size(space, _standing(one.measure), self.judgements.direction)
            found[one] = Found(
                scores.found[name], scores.settings.get(name, ()), making, took, dimension, inner
            )
            self._keep(one, rows, found[one])
        return found

    def _keep(self, one: Contender, rows: Int64[Array, " some"], found: Found) -> None:
        said = {
            "settings": found.settings,
            "making": found.making,
            "searching": found.searching,
            "dimension": found.dimension,
            "inner_product": found.inner_product,
        }
        lists = found.lists
        self.cache.put(
            self.key(one, rows),
            said,
            indices=lists.indices.astype(np.int32),
            scores=lists.scores,
            tied=lists.tied_at_cut,
        )


def batches(contenders: Sequence[Contender]) -> list[list[Contender]]:
    """Candidates that share a space and a frame, together, in the order of the first of each."""
    groups: dict[object, list[Contender]] = {}
    for one in contenders:
        groups.setdefault((one.maker, one.measure.frames), []).append(one)
    return list(groups.values())


def _standing(measure: Open) -> Measure:
    """One setting for all of what is tuned or learnt: their vectors are of one size."""
    if isinstance(measure, Adapted):
        return Measure(measure.formula, measure.frames)
    return measure.settings()[0] if isinstance(measure, Family) else measure
