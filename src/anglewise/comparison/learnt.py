"""Measures learnt from judgements, graded on queries whose judgements they never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.comparison.inference import Asked
from anglewise.comparison.split import ALONE, QuerySplit
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Int64
from anglewise.engine.search import search
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.adapter import Adapted, Adapter, adapter_shape, learn_adapter
from anglewise.measures.adapter_training import TrainingPairs
from anglewise.measures.formulas import Measure
from anglewise.measures.frames import Affine, Maps, View, fit_frames
from anglewise.measures.measure import Family

FOLDS = 5


@dataclass(frozen=True, eq=False)
class LearntLists:
    """What a learnt measure found, fold by fold put together, and what was learnt for each fold."""

    lists: Neighbours
    settings: tuple[str, ...]


def learnt_lists(
    space: Space,
    asked: Sequence[Asked],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    *,
    k: int,
    exclude: SparseRows | None,
    seed: int,
    threads: int | None,
    parting: QuerySplit = ALONE,
) -> dict[str, LearntLists]:
    """Learn what is to be learnt on four fifths of the queries, search for the fifth, five times.

    Groups stand on one side; of a split by time the later queries alone are searched for, once.

    ``rows`` are the judged rows of the asking side. Raises ``TooFewError`` with too few judgements.
    """
    wanted = [one for one in asked if isinstance(one, Adapted)]
    if not wanted:
        return {}
    if judgements.parts is not None:
        raise SpellingError(
            f"{wanted[0]} learns from judgements of the items, and these are of documents that the "
            "items are passages of: judge passages, or encode whole documents"
        )
    if len(rows) < FOLDS:
        raise TooFewError(
            f"{len(rows)} judged queries: what is learnt on some and graded on others needs "
            f"{FOLDS} at least, and 1,000 judgements"
        )
    parts = parting.folds(len(rows), FOLDS, seed)
    out: dict[str, LearntLists] = {}
    for one in wanted:
        known = _known(space, one, judgements)
        shape = adapter_shape(known.ranked.shape[1], one.rank, diagonal=one.diagonal)
        found: list[tuple[Array, Neighbours]] = []
        settings: list[str] = []
        for part in parts:
            learners = np.zeros(len(known.asking), dtype=bool)
            learners[np.delete(rows, part)] = True
            adapter = learn_adapter(known, learners, shape, seed)
            measure = one.learnt(_maps(adapter))
            lists = search(
                space,
                [measure],
                k=k,
                direction=judgements.direction,
                rows=rows[part],
                exclude=exclude,
                threads=threads,
            )
            found.append((part, lists[str(one)]))
            settings.append(_words(adapter))
        out[str(one)] = LearntLists(_joined(str(one), found), tuple(settings))
    return out


def learning_nothing(asked: Sequence[Asked]) -> list[Measure | Family]:
    """The measures as they came; raise where one is to be learnt from pairs or triplets."""
    out: list[Measure | Family] = []
    for one in asked:
        if isinstance(one, Adapted):
            raise SpellingError(
                f"{one} learns from judgements of queries and items: pairs and triplets will not do"
            )
        out.append(one)
    return out


def _known(space: Space, one: Adapted, judgements: Judgements) -> TrainingPairs:
    """What an adapter learns from, in the coordinates of the frames before it."""
    direction = judgements.direction
    asking, ranked = space.sides(direction)
    maps = fit_frames(one.frames, space, direction) or Maps.still(ranked.dimension)
    sides = [
        np.concatenate(list(View(side, through).blocks()))
        for side, through in ((asking, maps.asking), (ranked, maps.ranked))
    ]
    hidden = [judgements.seen, space.seen if direction == "queries-items" else None]
    tables = tuple(table for table in hidden if table is not None)
    return TrainingPairs(sides[0], sides[1], judgements.gains, tables, asking is ranked)


def _maps(adapter: Adapter) -> Maps:
    still = np.zeros(len(adapter.queries))
    return Maps(Affine(still, adapter.queries), Affine(still, adapter.items))


def _words(adapter: Adapter) -> str:
    ridge: Any = adapter.about["ridge"]
    return "nothing that helps" if ridge is None else f"ridge {ridge:g}"


def _joined(name: str, found: Sequence[tuple[Array, Neighbours]]) -> Neighbours:
    order = np.argsort(np.concatenate([part for part, _ in found]))
    return Neighbours(
        name,
        np.concatenate([one.indices for _, one in found])[order],
        np.concatenate([one.scores for _, one in found])[order],
        np.concatenate([one.tied_at_cut for _, one in found])[order],
    )
