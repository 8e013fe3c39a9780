"""Where all candidates meet: several spaces searched and judged on the same queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anglewise.comparison.alignment import (
    MISSING,
    IdIndex,
    call,
    check_fit,
    rows_for,
    shared_judgements,
)
from anglewise.comparison.candidates import Source, SpaceCandidate
from anglewise.comparison.inference import Asked, Scores, kinds
from anglewise.comparison.learnt import learnt_lists
from anglewise.comparison.lists import (
    RESAMPLES,
    chosen_lists,
    depth,
    judged_metric,
    judged_space,
    search_judged,
    to_search,
)
from anglewise.comparison.split import QuerySplit, parting
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements, Parts
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Float64, Int64, Progress
from anglewise.engine.search import share_of
from anglewise.errors import SpellingError, TooFewError
from anglewise.io.texts import parts_of
from anglewise.metrics.evaluate import evaluate
from anglewise.metrics.interface import Metric


@dataclass(frozen=True, eq=False)
class SpacesEvaluation:
    """Where all candidates meet: the rolls, what is judged in their order, and what is asked.

    ``parts`` are the documents of the spaces that hold passages of what was judged; ``parting``
    parts the judged queries by what the first space knows about them.
    """

    spaces: Mapping[str, Space]
    asking: IdIndex
    ranked: IdIndex
    judgements: Judgements
    unshared: tuple[str, ...]
    asked: Sequence[Asked]
    metrics: Sequence[Metric]
    seed: int
    threads: int | None
    parts: Mapping[str, Parts]
    parting: QuerySplit

    @classmethod
    def of(
        cls,
        spaces: Mapping[str, Space],
        judged: Mapping[str, Judgements],
        asked: Sequence[Asked],
        metrics: Sequence[Metric],
        *,
        seed: int,
        threads: int | None,
        split: str,
    ) -> "SpacesEvaluation":
        """Line the spaces up.

        Raises ``IdsError`` where they have nothing in common, ``TooFewError`` without judgements.
        """
        direction = next(iter(judged.values())).direction
        parts = _parts(spaces, judged)
        faces = {name: judged_space(one, parts.get(name)) for name, one in spaces.items()}
        asking, ranked = call(faces, direction)
        check_fit(judged, asking, ranked)
        if not any(len(one.judged_rows) for one in judged.values()):
            raise TooFewError("no query is judged: give judgements of ids that the spaces hold")
        known = direction == "queries-items"
        seen = {n: one.seen for n, one in spaces.items() if known and one.seen is not None}
        _nothing_seen(parts, [*seen, *(name for name, one in judged.items() if one.seen)])
        shared = shared_judgements(judged, seen, asking, ranked)
        first = next(iter(spaces))
        judged_rows = asking.rows[first][shared.judgements.judged_rows]
        side = spaces[first].sides(direction)[0]
        return cls(
            spaces,
            asking,
            ranked,
            shared.judgements,
            shared.unshared,
            asked,
            metrics,
            seed,
            threads,
            parts,
            parting(split, side, judged_rows, seed=seed),
        )

    @property
    def names(self) -> Space:
        """A space of ids and titles, for reports."""
        one_sided = self.asking is self.ranked
        return Space(
            items=self.ranked.names,
            queries=None if one_sided else self.asking.names,
            seen=self.judgements.seen if self.judgements.direction == "queries-items" else None,
        )

    def scores(self, models: Sequence[Source], progress: Progress | None) -> Scores:
        """Search every space and evaluate what is found, one model after the other."""
        judged_at = judged_metric(self.metrics)
        judged = self.judgements.judged_rows
        rows = judged[self.parting.reported(len(judged))]
        found: dict[str, Neighbours] = {}
        settings: dict[str, tuple[str, ...]] = {}
        values: dict[str, list[Array]] = {str(one): [] for one in [*self.metrics, judged_at]}
        alike: list[Int64[Array, " m"]] = []
        for place, model in enumerate(models):
            lists, chosen, unit = self._lists(model, share_of(progress, place, len(models)))
            held = [one.indices.tobytes() for one in lists.values()]
            alike.append(kinds(self.asked, held, unit) + place * len(self.asked))
            for name, table in evaluate(
                lists, self.judgements, rows, [*self.metrics, judged_at]
            ).items():
                values[name].append(table)
            found |= {
                f"{model}: {n}": replace(x, measure=f"{model}: {n}") for n, x in lists.items()
            }
            settings |= {f"{model}: {name}": exponents for name, exponents in chosen.items()}
        wanted = {str(one): np.concatenate(values[str(one)]) for one in self.metrics}
        return Scores(
            measures=tuple(SpaceCandidate(model, one) for model in models for one in self.asked),
            values=wanted,
            statistic=self.parting.means(np.concatenate(list(wanted.values()))),
            resamples=RESAMPLES,
            kinds=np.concatenate(alike),
            noun="query",
            rows=rows,
            judged=int(self.judgements.gains.counts[rows].sum()),
            found=found,
            settings=settings,
            unjudged=_unjudged(values[str(judged_at)]),
            parting=self.parting,
        )

    def _lists(
        self, model: Source, progress: Progress | None
    ) -> tuple[dict[str, Neighbours], dict[str, tuple[str, ...]], bool]:
        """What each measure finds in one space, in the order of the rolls."""
        space = model.variant.of(self.spaces[model.space])
        direction, seen = self.judgements.direction, self.judgements.seen
        ranked = space.sides(direction)[1]
        places = self.ranked.places[model.space]
        parts = self.parts.get(model.space)
        deepest = min(depth(self.metrics), len(self.ranked.names))
        rows = self.asking.rows[model.space][self.judgements.judged_rows]
        hidden = None if seen is None else rows_for(seen, model.space, self.asking, self.ranked)
        k = min(deepest, len(places))
        found = search_judged(
            space,
            to_search(self.asked),
            rows,
            direction=direction,
            parts=parts,
            k=k,
            exclude=hidden,
            threads=self.threads,
            progress=progress,
        )
        gains = rows_for(self.judgements.gains, model.space, self.asking, self.ranked)
        own = Judgements(gains, direction, seen=hidden, parts=parts)
        learnt = learnt_lists(
            space,
            self.asked,
            own,
            rows,
            k=k,
            exclude=hidden,
            seed=self.seed,
            threads=self.threads,
            parting=self.parting,
        )
        found |= {name: one.lists for name, one in learnt.items()}
        moved = {name: _moved(one, places, deepest) for name, one in found.items()}
        lists, chosen = chosen_lists(
            self.asked,
            moved,
            self.judgements,
            self.metrics[0],
            seed=self.seed,
            parting=self.parting,
        )
        chosen |= {name: one.settings for name, one in learnt.items()}
        return lists, chosen, ranked.is_unit()


def _parts(spaces: Mapping[str, Space], judged: Mapping[str, Judgements]) -> dict[str, Parts]:
    """Where documents were judged, those of every space whose items are passages of documents."""
    given = {name: one.parts for name, one in judged.items() if one.parts is not None}
    if not given:
        return {}
    found = {name: given.get(name) or parts_of(space.items) for name, space in spaces.items()}
    return {name: parts for name, parts in found.items() if parts is not None}


def _nothing_seen(parts: Mapping[str, Parts], seen: Sequence[str]) -> None:
    if parts and seen:
        raise SpellingError(
            f"{seen[0]} leaves out items that were seen, and documents were judged that items are "
            "passages of: compare such spaces one by one"
        )


def _moved(found: Neighbours, places: Int64[Array, " rows"], k: int) -> Neighbours:
    """Neighbours by their place in the roll, in lists of ``k`` places."""
    wider = ((0, 0), (0, k - found.k))
    indices = np.where(found.indices == MISSING, MISSING, places[found.indices])
    return replace(
        found,
        indices=np.pad(indices, wider, constant_values=MISSING),
        scores=np.pad(found.scores, wider, constant_values=-np.inf),
    )


def _unjudged(judged: Sequence[Float64[Array, "m q"]]) -> Float64[Array, " all"]:
    return 1 - np.concatenate(judged).mean(axis=1)
