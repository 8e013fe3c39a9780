"""Offline replay: train on the interactions before a moment, evaluate by those after it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import SEED, check_kind
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import TooFewError, ValuesError
from anglewise.evaluation_metrics.breadth import coverage
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.judgements.holdout_split import last_uses, moment_of
from anglewise.nearest_neighbours.search import search, search_vectors
from anglewise.recommender_models.closed_form import fit_linear
from anglewise.similarity_measures.formulas import Measure
from anglewise.statistics.decision import WeightedMeans

Train: TypeAlias = Callable[[Interactions], Space]
"""Makes a space of the users and items of some interactions, in their order."""

POPULAR = "most used"
"""The name of the list that is the same for everybody."""


@dataclass(frozen=True, eq=False)
class Replayed:
    """The quality of the recommendations of one measure.

    Attributes
    ----------
    measure
        Its spelling, or ``"most used"``: the items most used before, the same for all users.
    values
        nDCG of each judged user.
    ndcg, low, high
        Their mean with a 95% interval over users.
    coverage
        The share of the items used before that are in any list.
    popularity
        The number of users of an item before the moment, on average over all lists.
    """

    measure: str
    values: Float64[Array, " users"]
    ndcg: float
    low: float
    high: float
    coverage: float
    popularity: float


@dataclass(frozen=True, eq=False)
class Replay:
    """The evaluation of measures by a split in time.

    Attributes
    ----------
    moment
        Training used the interactions before it.
    k
        The length of the lists.
    measures
        One for each measure in the given order, and ``"most used"`` at the end.
    users
        Rows of the judged users: those with an interaction before and a new item after.
    followed
        The number of users before the moment of the new items that judged users took after it, on
        average: a popularity to compare with.
    unreachable
        The share of these items, one for each use, that nobody had used before, so that no model
        could find them.
    used_again
        How many later uses were of items that the same user had used before, which no list holds.
    without_past, uses_without_past
        How many users did something after the moment and nothing before, so that they are not
        judged, and how much they did.
    """

    moment: float
    k: int
    measures: tuple[Replayed, ...]
    users: Int64[Array, " users"]
    followed: float
    unreachable: float
    used_again: int
    without_past: int
    uses_without_past: int

    def to_dict(self) -> Mapping[str, Any]:
        """Plain types."""
        return {
            "moment": self.moment,
            "k": self.k,
            "users": len(self.users),
            "followed": self.followed,
            "unreachable": self.unreachable,
            "used_again": self.used_again,
            "without_past": self.without_past,
            "uses_without_past": self.uses_without_past,
            "measures": [
                {
                    "measure": replayed.measure,
                    f"nDCG@{self.k}": {
                        "mean": replayed.ndcg,
                        "low": replayed.low,
                        "high": replayed.high,
                    },
                    "coverage": replayed.coverage,
                    "popularity": replayed.popularity,
                }
                for replayed in self.measures
            ],
        }


def linear(interactions: Interactions, components: int = 64, penalty: float = 1000.0) -> Space:
    """A space by the closed form (``fit_linear``), each like counting 1."""
    used = interactions.rows()
    model = fit_linear(used.ones(), components, penalty=penalty)
    return model.space(
        model.fold_in(used.ones()),
        user_ids=interactions.user_ids,
        item_ids=interactions.item_ids,
        item_metadata=interactions.item_metadata,
        seen=used,
    )


def replay(
    interactions: Interactions,
    train: Train = linear,
    *,
    at: float | None = None,
    share: float = 0.2,
    measures: Iterable[str | Measure] | str = "dot,cosine",
    k: int = 10,
    seed: int = 0,
) -> Replay:
    """Train on the interactions before a moment, recommend, and evaluate by those after it.

    Users with an interaction before and a new item after are judged; every item used after is
    relevant with gain 1, even if nobody had used it before; what weighs 0 or less is no like, and
    is neither learned from nor relevant. Items that a user had used before are left out of the
    list, and are not asked for where they are used again. Of uses of one pair on one side
    of the moment the last counts; what came after it changes nothing before it.

    Parameters
    ----------
    interactions
        With times.
    train
        Makes a space of these users and items, in their order; by default :func:`linear`.
    at
        The moment, in the unit of the times; by default a ``share`` of the interactions happen at
        it or later.
    measures, k
        The measures that rank, and the length of the lists.
    seed
        Of the weights of the intervals.

    Raises
    ------
    ValuesError
        No times; a share outside (0, 1); a space of other users and items.
    TooFewError
        No interaction before the moment, or no user to judge.

    Examples
    --------
    >>> did = Interactions(
    ...     users=np.array([0, 0, 1, 1, 2, 2, 2]), items=np.array([0, 1, 0, 1, 0, 2, 1]),
    ...     weights=np.ones(7), user_ids=np.arange(3), item_ids=np.arange(3),
    ...     times=np.array([1.0, 2, 1, 2, 1, 2, 9]),
    ... )
    >>> past = replay(did, lambda before: linear(before, 2, penalty=0.1), at=5, measures="dot", k=1)
    >>> [(result.measure, result.ndcg) for result in past.measures], past.users.tolist()
    ([('dot', 1.0), ('most used', 1.0)], [2])
    """
    check_kind(interactions, Interactions, "what is replayed", "Interactions")
    check_kind(train, Callable, "train", "a function from interactions to a space")
    SEED.check("seed", seed)
    uses = interactions.every_use()
    moment = moment_of(uses, at, share)
    early = np.asarray(uses.times) < moment
    before, after = last_uses(uses, early, "before"), last_uses(uses, ~early, "after")
    used = before.rows()
    again = np.isin(_pairs(after), _pairs(before))
    new = ~again & after.liked
    gains = SparseRows.from_pairs(after.users[new], after.items[new], shape=uses.shape)
    has_past = used.likes().counts > 0
    users = np.flatnonzero(has_past & (gains.counts > 0)).astype(np.int64)
    newcomers = np.flatnonzero(~has_past & (gains.counts > 0))
    if not len(users):
        raise TooFewError(
            f"nobody did something before {moment:g} and something new after: choose another moment"
        )
    space = train(before)
    if (len(space.queries), len(space.items)) != interactions.shape:
        raise ValuesError(
            f"train made {len(space.queries)} users and {len(space.items)} items of "
            f"{interactions.shape}: keep all of them, in their order"
        )
    counts = np.bincount(before.items[before.liked], minlength=interactions.shape[1])
    lists = search(space, measures, k=k, rows=users, exclude=used, use_seen=False)
    lists[POPULAR] = _most_used(counts, used.take(users), k)
    values = evaluate(lists, Judgements(gains), users, f"nDCG@{k}")[f"nDCG@{k}"]
    means = values.mean(axis=1)
    drawn = WeightedMeans.of(values, seed=seed)  # which allows for a user unlike these
    ends = [drawn.interval(measure) for measure in range(len(values))]
    followed = gains.take(users).indices
    return Replay(
        moment=moment,
        k=k,
        users=users,
        followed=float(counts[followed].mean()),
        unreachable=float((counts[followed] == 0).mean()),
        used_again=int(again.sum()),
        without_past=len(newcomers),
        uses_without_past=int(gains.counts[newcomers].sum()),
        measures=tuple(
            Replayed(
                name,
                user_values,
                float(mean),
                min(low, float(mean)),
                max(high, float(mean)),
                *_breadth(neighbours, counts),
            )
            for (name, neighbours), user_values, mean, (low, high) in zip(
                lists.items(), values, means, ends, strict=True
            )
        ),
    )


def _pairs(interactions: Interactions) -> Int64[Array, " entries"]:
    """A number for each pair of a user and an item."""
    return interactions.users * len(interactions.item_ids) + interactions.items


def _most_used(counts: Int64[Array, " items"], used: SparseRows, k: int) -> Neighbours:
    items = Space(items=Embeddings(counts[:, None]))
    asking = Embeddings(np.ones((used.shape[0], 1)))
    return search_vectors(items, asking, "dot", k=k, exclude=used)["dot"]


def _breadth(lists: Neighbours, counts: Int64[Array, " items"]) -> tuple[float, float]:
    rows = lists.indices[lists.indices >= 0]
    return coverage(lists.indices, len(counts), counts > 0).share, float(counts[rows].mean())
