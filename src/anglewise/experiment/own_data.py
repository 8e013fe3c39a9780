"""The study on one's own interactions: one model, its gauges, and what they do to the lists."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import DIRECTIONS, Array, Direction, Float64, Int64, Progress
from anglewise.equivalent_factorisations.gauge import random_pair
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.experiment.claims import Check
from anglewise.experiment.setup import GAUGES, ROWS, in_gauge, overlap
from anglewise.nearest_neighbours.search import search
from anglewise.recommender_models.closed_form import LinearModel

MEASURES = ("dot", "cosine", "euclidean")
K = 10
METRIC = f"nDCG@{K}"
BASE = "balanced"
RANDOM = 30.0
"""Condition number of the random map that gives one more, arbitrary factorisation."""

BLOCK_ENTRIES = 1 << 22
"""Predictions that are compared at once, at most: this bounds the memory."""

MOST_ROWS = 2_000
"""Queries of a direction that nobody judged."""


@dataclass(frozen=True)
class MovedLists:
    """The lists of one measure in one gauge.

    Attributes
    ----------
    direction, gauge, measure
        Which lists.
    queries
        How many lists.
    overlap
        The mean share of a list that the same measure finds in the balanced gauge too.
    score
        The mean nDCG@10 against what was held out; None where nothing was judged.
    """

    direction: Direction
    gauge: str
    measure: str
    queries: int
    overlap: float
    score: float | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        listed = asdict(self)
        return {**listed, f"overlap@{K}": listed.pop("overlap"), METRIC: listed.pop("score")}


@dataclass(frozen=True, eq=False)
class OwnStudy:
    """What the gauges do to one model.

    Attributes
    ----------
    users, items, interactions, dimensions
        The size of the model.
    checks
        That the predictions are the same in every gauge.
    moved
        By direction, gauge and measure.
    """

    users: int
    items: int
    interactions: int
    dimensions: int
    checks: tuple[Check, ...]
    moved: tuple[MovedLists, ...]

    @property
    def held(self) -> bool:
        """Whether the predictions stayed."""
        return all(check.held for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "users": self.users,
            "items": self.items,
            "interactions": self.interactions,
            "dimensions": self.dimensions,
            "held": self.held,
            "acceptance": [check.to_dict() for check in self.checks],
            "lists": [lists.to_dict() for lists in self.moved],
        }


@dataclass(frozen=True, eq=False)
class _GaugedModel:
    """The model in one gauge, in float64, and as a space that can be searched."""

    gauge: str
    users: Float64[Array, "users k"]
    items: Float64[Array, "items k"]
    space: Space


def study_on(
    space: Space,
    model: LinearModel,
    judgements: Mapping[Direction, Judgements],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> OwnStudy:
    """Search one model of objective (1) in every named gauge, and judge what is found.

    Parameters
    ----------
    space, model, judgements
        As ``anglewise.fit.fit`` gives them; ``space.seen`` is what users are folded in from.
    seed
        Draws the random map and, where nobody judged, who asks.
    progress
        Called with how many gauges are done and how many there are.

    Raises
    ------
    SpellingError
        A model of objective (2), which has one gauge, or a space without what users did.
    TooFewError
        A model of one dimension.
    """
    if model.about.get("objective") == "factors" or space.seen is None:
        raise SpellingError(
            "the study moves a model of objective (1) with the interactions of its users: "
            'fit it with objective="product"'
        )
    query_rows: dict[Direction, Array] = {
        direction: _query_rows(direction, space, judgements, seed) for direction in DIRECTIONS
    }
    if len(model.kept) == 1:
        raise TooFewError(
            "the model has one dimension, in which every gauge is a change of unit: there is "
            "nothing to study; take a table in which items are used differently, or a smaller "
            "penalty"
        )
    gauges = [BASE, *(name for name in GAUGES if name != BASE), f"random({RANDOM:g},{seed})"]
    base = _in_gauge(space, space.seen, model, BASE, seed)
    base_lists = {
        direction: _search(base.space, direction, rows) for direction, rows in query_rows.items()
    }
    moved: list[MovedLists] = []
    deviation = 0.0
    for done, gauge in enumerate(gauges, start=1):
        gauged = base if gauge == BASE else _in_gauge(space, space.seen, model, gauge, seed)
        deviation = max(deviation, _predictions_moved(base, gauged))
        for direction, rows in query_rows.items():
            neighbours = (
                base_lists[direction] if gauge == BASE else _search(gauged.space, direction, rows)
            )
            scores = _scores(neighbours, judgements.get(direction), rows)
            for name, ranked in neighbours.items():
                shared = overlap(base_lists[direction][name].indices, ranked.indices)
                moved.append(
                    MovedLists(direction, gauge, name, len(rows), shared, scores.get(name))
                )
        if progress is not None:
            progress(done, len(gauges))
    return OwnStudy(
        users=len(space.queries),
        items=len(space.items),
        interactions=len(space.seen.indices),
        dimensions=len(model.kept),
        checks=(Check(1, "max |change of PQ'|, every gauge", deviation, "<=", 1e-12),),
        moved=tuple(moved),
    )


def _search(
    space: Space, direction: Direction, rows: Int64[Array, " asked"]
) -> dict[str, Neighbours]:
    """One search serves every measure."""
    depth = min(K, len(space.sides(direction)[1]))
    return search(space, MEASURES, k=depth, direction=direction, rows=rows)


def _in_gauge(
    space: Space, train_interactions: SparseRows, model: LinearModel, gauge: str, seed: int
) -> _GaugedModel:
    if gauge in GAUGES:
        factors = in_gauge(model, gauge)
    else:
        pair = random_pair(len(model.kept), RANDOM, np.random.default_rng(seed))
        factors = in_gauge(model, BASE).through(pair)
    users = np.asarray(train_interactions.ones() @ factors.encoder)
    moved = Space(
        queries=space.queries.with_vectors(users),
        items=space.items.with_vectors(factors.items),
        trained_for=space.trained_for,
        seen=train_interactions,
    )
    return _GaugedModel(gauge, users, factors.items, moved)


def _predictions_moved(base: _GaugedModel, gauged: _GaugedModel) -> float:
    """The largest change of any user x item, block by block."""
    largest = 0.0
    length = max(1, min(ROWS, BLOCK_ENTRIES // len(base.items)))
    for start in range(0, len(base.users), length):
        block = slice(start, start + length)
        change = gauged.users[block] @ gauged.items.T
        change -= base.users[block] @ base.items.T
        largest = max(largest, float(np.abs(change).max()))
    return largest


def _query_rows(
    direction: Direction, space: Space, judgements: Mapping[Direction, Judgements], seed: int
) -> Int64[Array, " asked"]:
    if direction in judgements:
        return judgements[direction].judged_rows
    count = len(space.sides(direction)[0])
    rng = np.random.default_rng(seed)
    return np.sort(rng.permutation(count)[:MOST_ROWS]).astype(np.int64)


def _scores(
    neighbours: Mapping[str, Neighbours], judged: Judgements | None, rows: Int64[Array, " asked"]
) -> dict[str, float]:
    if judged is None:
        return {}
    values = evaluate(neighbours, judged, rows, METRIC)[METRIC]
    return dict(zip(neighbours, values.mean(axis=1).tolist(), strict=True))
