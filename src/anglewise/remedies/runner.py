"""Build and search candidates, each thing once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from anglewise.comparison.lists import (
    FOLDS,
    EvaluationSettings,
    SearchedSpace,
    candidate_lists,
)
from anglewise.comparison.rankers import BM25, Ranker
from anglewise.comparison.split import QuerySplit
from anglewise.comparison.strata_values import (
    JudgedInStrata,
    StrataValues,
    packed,
    strata_values,
    unpacked,
)
from anglewise.data_types.columns import has_texts
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import SpellingError, TooFewError
from anglewise.io.texts import texts_of
from anglewise.remedies.candidate_list import RemedyCandidate, baselines, size
from anglewise.remedies.fused_candidates import fused_lists, seconds_of_words
from anglewise.remedies.result_cache import ResultCache, digest, key_of
from anglewise.remedies.training_data import Budget, SpaceBuilder, Training, judged_by
from anglewise.similarity_measures.adapter import RIDGES, STEPS, Adapted
from anglewise.similarity_measures.adapter_training import POOL, QUERIES
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import Family, MeasureSpec
from anglewise.similarity_measures.measure import measure as read_measure

SPEED = 2e9
"""Operations a second that are expected of a builder before the first of its kind was timed."""
DENSE = 0.5
"""What an operation takes in products of dense matrices, against others."""
MARGIN = 1.2
"""A guess from a sample is this much too low at times."""


@dataclass(frozen=True, eq=False)
class CandidateLists:
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
    within
        What it reaches within strata of similar use, where it is judged there.
    """

    lists: Neighbours
    settings: tuple[str, ...]
    making: float
    searching: float
    dimension: int
    inner_product: bool
    within: StrataValues | None = None


@dataclass(eq=False)
class CandidateRunner:
    """Everything that candidates are made of and judged by; remembers what things take."""

    space: Space
    judgements: Judgements
    settings: EvaluationSettings
    training: Training | None
    budget: Budget
    cache: ResultCache
    content: str
    uses: Array | None = None
    """How often items were used, where candidates are judged within strata of similar use."""
    made: dict[SpaceBuilder, tuple[Space, float]] = field(
        default_factory=dict[SpaceBuilder, tuple[Space, float]]
    )
    speed: dict[type, float] = field(default_factory=dict[type, float])
    times: dict[tuple[RemedyCandidate, int], float] = field(
        default_factory=dict[tuple[RemedyCandidate, int], float]
    )
    strata: dict[bytes, JudgedInStrata] = field(default_factory=dict[bytes, JudgedInStrata])

    def find(
        self, batch: Sequence[RemedyCandidate], rows: Int64[Array, " some"]
    ) -> dict[RemedyCandidate, CandidateLists]:
        """The lists of candidates that share a space, for some judged rows.

        What the cache holds is taken from there. Raises ``OutOfTimeError`` when the budget ends
        on the way, and what the building or the search raises.
        """
        rows = np.sort(rows)
        cached = {candidate: self.cached(candidate, rows) for candidate in batch}
        missing = [candidate for candidate in batch if cached[candidate] is None]
        if missing:
            cached |= self._searched(missing, rows)
        return {candidate: lists for candidate, lists in cached.items() if lists is not None}

    def cached(
        self, candidate: RemedyCandidate, rows: Int64[Array, " some"]
    ) -> CandidateLists | None:
        """What the cache holds of a candidate; None if nothing."""
        held = self.cache.get(self.key(candidate, rows))
        if held is None:
            return None
        about, arrays = held
        try:
            indices = arrays["indices"].astype(np.int64)
            items = self.judgements.gains.shape[1]
            if len(indices) != len(rows) or arrays["scores"].shape != indices.shape:
                return None
            if indices.min(initial=0) < -1 or indices.max(initial=-1) >= items:
                return None
            lists = Neighbours(str(candidate.measure), indices, arrays["scores"], arrays["tied"])
            about["settings"] = tuple(map(str, about["settings"]))
            own = about.pop("within")
            if (own is None) != (self.uses is None):
                return None
            within = None if own is None else unpacked(own, arrays, self.judged_in(rows))
            result = CandidateLists(lists, **about, within=within)
        except Exception:  # noqa: BLE001 by another program: as if it were not there
            return None
        self.times[candidate, len(rows)] = result.searching
        return result

    def is_cached(self, batch: Sequence[RemedyCandidate], rows: Int64[Array, " some"]) -> bool:
        """Whether the cache holds all of it."""
        return all(self.cached(candidate, np.sort(rows)) is not None for candidate in batch)

    def seconds(self, batch: Sequence[RemedyCandidate], queries: int) -> float:
        """A guess of how long a batch takes, from what it or the baselines took for fewer."""
        each = sum(
            self._searching(candidate, queries) + self._learning(candidate, queries)
            for candidate in batch
        )
        return MARGIN * each + self.building(batch[0].builder)

    def _searching(self, candidate: RemedyCandidate, queries: int) -> float:
        """By its own time, that grows as the baselines' did: part of it is the same for any number.

        One that was not searched yet takes what a baseline takes, for vectors of its length.
        """
        most = max((number for other, number in self.times if other == candidate), default=0)
        if not most:
            length, builder = 1.0, candidate.builder
            if builder is not None and self.training is not None:
                length = builder.columns(self.training) / self.space.items.dimension
            return self._baseline_seconds(queries) * length
        grown = self._baseline_seconds(queries) / (self._baseline_seconds(most) or 1.0)
        return self.times[candidate, most] * min(max(grown, 1.0), max(queries / most, 1.0))

    def _baseline_seconds(self, queries: int) -> float:
        """What a baseline takes, by the nearest number of queries timed, in proportion."""
        raw = baselines()
        timed = {n: seconds for (candidate, n), seconds in self.times.items() if candidate in raw}
        if not timed:
            return 0.0
        nearest = min(timed, key=lambda n: abs(n - queries))
        return timed[nearest] * queries / nearest

    def _learning(self, candidate: RemedyCandidate, queries: int) -> float:
        """A guess of how long a map takes to learn, or BM25 to rank texts."""
        timed = any(other == candidate for other, _ in self.times)
        if not timed and isinstance(candidate.measure, Ranker):
            return seconds_of_words(self.space, self.judgements.direction, queries)
        if timed or not isinstance(candidate.measure, Adapted):
            return 0.0
        product = 6.0 * min(queries, QUERIES) * POOL * self.space.items.dimension
        return DENSE * FOLDS * len(RIDGES) * STEPS * product / SPEED

    def building(self, builder: SpaceBuilder | None) -> float:
        """A guess of how long a space takes to build; nothing if it is there."""
        if builder is None or builder in self.made or self.training is None:
            return 0.0
        return MARGIN * builder.operations(self.training) / self.speed.get(type(builder), SPEED)

    def space_of(self, builder: SpaceBuilder | None) -> tuple[Space, float]:
        """The space of a builder, built once, and the seconds it would take alone."""
        if builder is None:
            return self.space, 0.0
        if builder not in self.made:
            if self.training is None:
                raise TooFewError(f"{builder} learns from interactions, and the space holds none")
            operations, shared = builder.operations(self.training), self.training.shared
            saved, started = shared.saved, self.budget.clock()
            space = builder.make(self.training, self.budget)
            seconds = self.budget.clock() - started
            if seconds > 0 and operations > 0:
                self.speed[type(builder)] = operations / seconds
            self.made[builder] = space, seconds + shared.saved - saved
        return self.made[builder]

    def judged_in(self, rows: Int64[Array, " some"]) -> JudgedInStrata:
        """By what lists within strata are judged for some judged rows."""
        judged = judged_by(self.judgements, rows)
        key = judged.judged_rows.tobytes()
        if key not in self.strata:
            if self.uses is None:
                raise TooFewError("nobody knows how much items were used: there are no strata")
            self.strata = {key: JudgedInStrata.by(judged, self.uses, self.settings.metrics[0])}
        return self.strata[key]

    def split_of(self, rows: Int64[Array, " some"]) -> QuerySplit:
        """Which of some judged rows belong together."""
        return self.settings.split.take(np.searchsorted(self.judgements.judged_rows, rows))

    def forget(self, needed: Sequence[RemedyCandidate]) -> None:
        """Let the spaces go that no candidate needs any more."""
        builders = {candidate.builder for candidate in needed}
        self.made = {builder: held for builder, held in self.made.items() if builder in builders}

    def key(self, candidate: RemedyCandidate, rows: Int64[Array, " some"]) -> str:
        """What the lists of a candidate depend on."""
        components = None if self.training is None else self.training.components
        metrics = [str(metric) for metric in self.settings.metrics]
        seed = self.settings.seed
        content = self.content_for([candidate])
        return key_of(content, str(candidate), rows.tobytes(), metrics, components, seed)

    def content_for(self, candidates: Iterable[RemedyCandidate]) -> str:
        """What the data hold that some candidates look at: texts too where these are fused."""
        if not any(isinstance(candidate.measure, Ranker) for candidate in candidates):
            return self.content
        return key_of(self.content, self._texts)

    @cached_property
    def _texts(self) -> str:
        sides = self.space.sides(self.judgements.direction)
        texts = [text for side in sides if has_texts(side) for text in [*texts_of(side), ""]]
        return digest(text.encode("utf-8", "replace") + b"\0" for text in texts).hex()

    def _searched(
        self, batch: Sequence[RemedyCandidate], rows: Int64[Array, " some"]
    ) -> dict[RemedyCandidate, CandidateLists]:
        self.budget.check()
        space, making = self.space_of(batch[0].builder)
        self.budget.check()
        started = self.budget.clock()
        progress = self.budget.stepping(self.settings.progress)
        judgements = judged_by(self.judgements, rows)
        settings = replace(self.settings, split=self.split_of(rows), progress=progress)
        specs = [candidate.measure for candidate in batch]
        rankers = [spec for spec in specs if isinstance(spec, Ranker)]
        within: dict[str, StrataValues] = {}
        if rankers and self.uses is not None:
            raise SpellingError(
                "lists by words are over all items, and candidates are judged within strata of "
                "similar use here"
            )
        if rankers:
            lists, chosen = fused_lists(space, judgements, settings, rankers)
        else:
            searched = SearchedSpace(space, judgements, judgements.judged_rows)
            measures = [spec for spec in specs if not isinstance(spec, Ranker)]
            lists, chosen = candidate_lists(searched, measures, judgements, settings)
            if self.uses is not None:
                its = strata_values(searched, measures, self.judged_in(rows), settings)
                within = dict(zip(map(str, measures), its.each(), strict=True))
        seconds = (self.budget.clock() - started) / len(batch)
        results: dict[RemedyCandidate, CandidateLists] = {}
        for candidate in batch:
            name = str(candidate.measure)
            setting = _one_setting(candidate.measure)
            dimension, inner = size(space, setting, self.judgements.direction)
            inner = inner and not isinstance(candidate.measure, Ranker)
            self.times[candidate, len(rows)] = seconds
            results[candidate] = CandidateLists(
                lists[name],
                chosen.get(name, ()),
                making,
                seconds,
                dimension,
                inner,
                within.get(name),
            )
            self._keep(candidate, rows, results[candidate])
        return results

    def _keep(
        self, candidate: RemedyCandidate, rows: Int64[Array, " some"], result: CandidateLists
    ) -> None:
        own, arrays = (None, {}) if result.within is None else packed(result.within)
        about = {name: value for name, value in vars(result).items() if name != "lists"}
        self.cache.put(
            self.key(candidate, rows),
            about | {"within": own},
            indices=result.lists.indices.astype(np.int32),
            scores=result.lists.scores,
            tied=result.lists.tied_at_cut,
            **arrays,
        )


def batches(candidates: Sequence[RemedyCandidate]) -> list[list[RemedyCandidate]]:
    """Candidates that share a space and a frame, together, in the order of the first of each."""
    groups: dict[object, list[RemedyCandidate]] = {}
    for candidate in candidates:
        spec = candidate.measure
        kind = RANKERS if isinstance(spec, Ranker) else spec.frames
        groups.setdefault((candidate.builder, kind), []).append(candidate)
    return list(groups.values())


RANKERS = "fusions of lists"


def _one_setting(measure: MeasureSpec | Ranker) -> Measure:
    """One setting for all of what is tuned or learnt: their vectors are of one size."""
    if isinstance(measure, Ranker):
        return next(read_measure(leaf) for leaf in measure.leaves() if leaf != BM25)
    if isinstance(measure, Adapted):
        return Measure(measure.formula, measure.frames)
    return measure.settings()[0] if isinstance(measure, Family) else measure
