"""New users folded in, and explanations of recommendations.

If the vectors of users are a linear function of what they used, ``P = X A``, many models have
``A = Q M`` with a small square ``M``: the closed form of arXiv 2403.05440 in any gauge (``M`` is
symmetric there), and least squares on all entries (``M = (Q'Q + c I)^-1``). ``M`` is learned from
the space alone, by least squares of ``P`` on ``X Q``. If that reproduces ``P``, the map is the
model's own; else it is the best approximation of this form, with its residual.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.data_types.columns import titles
from anglewise.data_types.embeddings import Space
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.equivalent_factorisations.gauge import bias_columns
from anglewise.errors import ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.similarity_measures.formulas import Cosine, Dot, Measure, Norm

EXACT = 1e-4
"""A relative residual below this is rounding of float32 vectors."""
MOST_USERS = 20_000
"""The most users that the map is learned from, evenly spread."""


@dataclass(frozen=True, eq=False)
class FoldIn:
    """The map ``x -> x A`` from the items that a user used, each counting 1, to their vector.

    Attributes
    ----------
    encoder
        ``A``, items x d; bias columns are 0.
    start
        Added to every vector: 0, and in bias columns the mean of the users.
    residual
        ``|P - X A| / |P|`` over the users that it was learned from, bias columns left out.
    """

    encoder: Float64[Array, "items d"]
    start: Float64[Array, " d"]
    residual: float

    @property
    def exact(self) -> bool:
        """Whether this is the model's own map, up to rounding."""
        return self.residual < EXACT

    def vectors(self, used: SparseRows) -> Float64[Array, "users d"]:
        """The vectors of users from what they used; ``TooFewError`` for a user of no item."""
        if used.shape[1] != len(self.encoder):
            raise ShapeError(
                f"{used.shape[1]} columns came, the space knows {len(self.encoder)} items: one "
                "column an item, in its order, is due"
            )
        if len(used.counts) and used.counts.min() == 0:
            raise TooFewError(
                "a user who used nothing stands nowhere: name an item or two, or show what is "
                "used most"
            )
        return np.asarray(used.ones() @ self.encoder) + self.start

    def vector(self, items: Iterable[int] | Int64[Array, " used"]) -> Float64[Array, " d"]:
        """The vector of one user from rows of items; repeated rows count once."""
        rows = np.unique(np.array(list(items), dtype=np.int64))
        shape = (1, len(self.encoder))
        used = SparseRows.from_pairs(np.zeros(len(rows), dtype=np.int64), rows, shape=shape)
        return self.vectors(used)[0]


def learn_fold_in(space: Space) -> FoldIn:
    """Learn the fold-in map of a two-sided space that holds what its users used.

    For item-item weights without normalisation (``anglewise fit --objective ease``) it is the
    identity: the vector of a user is the row of items used.

    Raises ``ShapeError`` for a one-sided space, ``ValuesError`` where ``space.seen`` is missing or
    empty, ``TooFewError`` for fewer users than dimensions.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> used = SparseRows.from_pairs([0, 0, 1, 2], [0, 1, 1, 2], shape=(3, 3))
    >>> items = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    >>> users = used.ones() @ items / 2
    >>> space = Space(queries=Embeddings(users), items=Embeddings(items), seen=used)
    >>> fold_in = learn_fold_in(space)
    >>> fold_in.exact, fold_in.vector([0, 2]).round(6).tolist()
    (True, [0.5, 1.0])
    """
    if space.one_sided:
        raise ShapeError("this space has no users: users and items are due to fold somebody in")
    if space.seen is None or not len(space.seen.indices):
        raise ValuesError(
            "this space does not say what its users used, so where a new one stands cannot be "
            "learnt: give Space(seen=...), or ask with a vector of the model (search_vectors)"
        )
    if space.about.get("objective") == "ease" and space.about.get("normalise") == "none":
        return FoldIn(np.eye(len(space.items)), np.zeros(len(space.items)), 0.0)
    biases = list(bias_columns(space))
    free = [column for column in range(space.items.dimension) if column not in biases]
    users = _training_users(space.seen)
    if len(users) < len(free):
        raise TooFewError(
            f"{len(users)} users would teach a map of {len(free)} dimensions, which leaves it "
            "open: ask with a vector of the model (search_vectors), or fold in with the model"
        )
    vectors = space.queries.vectors[users].astype(np.float64)
    items = space.items.vectors.astype(np.float64)[:, free]
    sums = np.asarray(space.seen.take(users).ones() @ items)
    inner = np.linalg.lstsq(sums, vectors[:, free], rcond=None)[0]
    size = float(np.linalg.norm(vectors[:, free]))
    error = float(np.linalg.norm(vectors[:, free] - sums @ inner))
    encoder = np.zeros(space.items.vectors.shape)
    encoder[:, free] = items @ inner
    start = np.zeros(space.items.dimension)
    start[biases] = vectors[:, biases].mean(axis=0)
    return FoldIn(encoder, start, error / size if size else 1.0)


def _training_users(seen: SparseRows) -> Int64[Array, " users"]:
    users = np.flatnonzero(seen.counts)
    return users[
        np.unique(np.linspace(0, len(users) - 1, min(MOST_USERS, len(users))).astype(np.int64))
    ]


@dataclass(frozen=True)
class Contribution:
    """The part of a score that comes from one of the user's items; it may be negative.

    >>> Contribution("7", 0.25).value
    0.25
    """

    id: str
    value: float
    title: str | None = None


@dataclass(frozen=True)
class Explanation:
    """A score in parts: ``score = sum of contributions + own + rest``.

    Attributes
    ----------
    item, title, score
        The explained item, and its score under the measure.
    contributions
        One for each item that the user used, the largest first.
    own
        The part of the bias columns, which does not depend on the user's items.
    rest
        The part that the contributions do not explain: rounding where ``exact``, else the error of
        the linear map.
    exact
        Whether users are a linear function of what they used, so that the parts are the model's.
    residual
        ``|P - X A| / |P|``: the error of the linear map; the smaller, the better the parts.
    """

    item: str
    title: str | None
    score: float
    contributions: tuple[Contribution, ...]
    own: float
    rest: float
    exact: bool
    residual: float

    def to_dict(self) -> Mapping[str, Any]:
        """Plain types."""
        return {
            "item": self.item,
            "title": self.title,
            "score": self.score,
            "exact": self.exact,
            "residual": self.residual,
            "own": self.own,
            "rest": self.rest,
            "contributions": [
                {"id": part.id, "title": part.title, "value": part.value}
                for part in self.contributions
            ],
        }


def explain(
    space: Space,
    measure: Measure,
    fold_in: FoldIn,
    *,
    user: Float64[Array, " d"],
    used: Int64[Array, " used"],
    item: int,
) -> Explanation:
    """Split the score of an item for a user (a vector) into the parts of the items used.

    With ``p = sum_j A_j`` over the items used, ``p . q = sum_j A_j . q``; every part is divided by
    the lengths that the measure divides by. Raises ``SpellingError`` for measures that are no such
    product (distances, frames).
    """
    if not isinstance(measure.formula, Dot | Cosine | Norm) or measure.frames:
        raise SpellingError(
            f"{measure} is no plain product of two vectors, so its score is no sum over the "
            "user's items: explain dot, cosine or norm(a,b)"
        )
    target = space.items.vectors[item].astype(np.float64)
    lengths = np.linalg.norm(user), np.linalg.norm(target)

    def scored(products: Array) -> Array:
        ones = np.ones_like(products)
        return np.asarray(measure.formula.score(products, lengths[0] * ones, lengths[1] * ones))

    biases = list(bias_columns(space))
    values = scored(fold_in.encoder[used] @ target)
    score, bias_part = scored(np.array([user @ target, user[biases] @ target[biases]])).tolist()
    item_titles, ids = titles(space.items) or [None] * len(space.items), space.items.ids
    order = np.lexsort((used, -values))
    return Explanation(
        item=str(ids[item]),
        title=item_titles[item],
        score=score,
        contributions=tuple(
            Contribution(
                str(ids[used[position]]), float(values[position]), item_titles[used[position]]
            )
            for position in order
        ),
        own=bias_part,
        rest=score - bias_part - float(values.sum()),
        exact=fold_in.exact,
        residual=fold_in.residual,
    )
